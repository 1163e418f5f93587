/*
 * Copyright (c) 2026 The syslog-ng-sip authors
 *
 * This program is free software; you can redistribute it and/or modify it
 * under the terms of the GNU General Public License as published by the
 * Free Software Foundation; either version 2 of the License, or (at your
 * option) any later version.
 *
 * This program is distributed in the hope that it will be useful,
 * but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
 * GNU General Public License for more details.
 *
 * You should have received a copy of the GNU General Public License along
 * with this program; if not, see <https://www.gnu.org/licenses/>.
 */


#ifndef SIP_ALERT_TEXT_H_INCLUDED
#define SIP_ALERT_TEXT_H_INCLUDED

#include "alert/alert-engine.h"

/* What an alert says to people. */
typedef enum
{
  SIP_ALERT_ENGLISH,
  SIP_ALERT_VIETNAMESE,
  SIP_ALERT_LANGUAGE_MAX
} SipAlertLanguage;

/* FALSE if there is none of that name ("en", "vi") */
gboolean sip_alert_language_by_name(const gchar *name, SipAlertLanguage *language);
void sip_alert_format_text(GString *text, const AlertNotice *notice, const AlertDetector *detector,
                           SipAlertLanguage language);
/* "503=31 408=4", most frequent first; records without a code count as 0 */
void sip_alert_format_codes(GString *text, const AlertNotice *notice);

#endif
