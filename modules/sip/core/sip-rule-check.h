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

#ifndef SIP_RULE_CHECK_H_INCLUDED
#define SIP_RULE_CHECK_H_INCLUDED

#include "sip-scan.h"

/* fault: one line that names source, line, rule and what did not hold */
typedef void (*SipRuleFault)(const gchar *fault, gpointer user_data);

/*
 * Runs the samples of every rule of a compiled set against the whole set: a
 * match must give what its expect names, by this rule or with the same
 * values by another one, a nomatch must give no status.  Returns the number of faults; samples, if not NULL,
 * the number of samples.  Only rules whose source is `source', all if NULL.
 */
guint sip_rules_check_samples(const SipRules *rules, SipScanner *scanner, const gchar *source, SipRuleFault report,
                              gpointer user_data, guint *samples);

#endif
