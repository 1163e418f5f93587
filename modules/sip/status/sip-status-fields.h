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


#ifndef SIP_STATUS_FIELDS_H_INCLUDED
#define SIP_STATUS_FIELDS_H_INCLUDED

#include <glib.h>

/* what sip-status() can put on a record; the names are those of fields() and, after prefix(), of the pairs */
typedef enum
{
  SIP_STATUS_FIELD_CODE,
  SIP_STATUS_FIELD_REASON,
  SIP_STATUS_FIELD_CLASS,
  SIP_STATUS_FIELD_MEANING,
  SIP_STATUS_FIELD_SEVERITY,
  SIP_STATUS_FIELD_METHOD,
  SIP_STATUS_FIELD_CALL_ID,
  SIP_STATUS_FIELD_PEER,
  SIP_STATUS_FIELD_PEER_PORT,
  SIP_STATUS_FIELD_DIRECTION,
  SIP_STATUS_FIELD_USER,
  SIP_STATUS_FIELD_ENDPOINT,
  SIP_STATUS_FIELD_EVENT,
  SIP_STATUS_FIELD_LAST_DEFAULT = SIP_STATUS_FIELD_EVENT,

  SIP_STATUS_FIELD_CSEQ,
  SIP_STATUS_FIELD_CATEGORY,
  SIP_STATUS_FIELD_RETRY,
  SIP_STATUS_FIELD_RULE,
  SIP_STATUS_FIELD_IMPLIED,
  SIP_STATUS_FIELD_USER_AGENT,
  SIP_STATUS_FIELD_Q850,
  SIP_STATUS_FIELD_REASON_CODE,
  SIP_STATUS_FIELD_CODES,
  SIP_STATUS_FIELD_PHRASE,
  SIP_STATUS_FIELD_MAX
} SipStatusField;

typedef guint32 SipStatusFields;        /* a set, one bit each */

#define SIP_STATUS_FIELDS_DEFAULT ((SipStatusFields) ((1u << (SIP_STATUS_FIELD_LAST_DEFAULT + 1)) - 1))

static inline gboolean
sip_status_fields_have(SipStatusFields fields, SipStatusField field)
{
  return (fields & (1u << field)) != 0;
}

const gchar *sip_status_field_name(SipStatusField field);

/*
 * fields(): a list of names is the set; names with `+' or `-' before them
 * change the default set.  The two forms do not mix.
 */
gboolean sip_status_fields_parse(const GList *names, SipStatusFields *fields, GError **error);

#endif
