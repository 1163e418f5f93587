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


#include "config.h"
#include "status/sip-status-fields.h"
#include "status/sip-status-parser.h"

#include <string.h>

static const gchar *const field_names[SIP_STATUS_FIELD_MAX] =
{
  [SIP_STATUS_FIELD_CODE] = "code",
  [SIP_STATUS_FIELD_REASON] = "reason",
  [SIP_STATUS_FIELD_CLASS] = "class",
  [SIP_STATUS_FIELD_MEANING] = "meaning",
  [SIP_STATUS_FIELD_SEVERITY] = "severity",
  [SIP_STATUS_FIELD_METHOD] = "method",
  [SIP_STATUS_FIELD_CALL_ID] = "call_id",
  [SIP_STATUS_FIELD_PEER] = "peer",
  [SIP_STATUS_FIELD_PEER_PORT] = "peer_port",
  [SIP_STATUS_FIELD_DIRECTION] = "direction",
  [SIP_STATUS_FIELD_USER] = "user",
  [SIP_STATUS_FIELD_ENDPOINT] = "endpoint",
  [SIP_STATUS_FIELD_EVENT] = "event",
  [SIP_STATUS_FIELD_CSEQ] = "cseq",
  [SIP_STATUS_FIELD_CATEGORY] = "category",
  [SIP_STATUS_FIELD_RETRY] = "retry",
  [SIP_STATUS_FIELD_RULE] = "rule",
  [SIP_STATUS_FIELD_IMPLIED] = "implied",
  [SIP_STATUS_FIELD_USER_AGENT] = "user_agent",
  [SIP_STATUS_FIELD_Q850] = "q850",
  [SIP_STATUS_FIELD_REASON_CODE] = "reason_code",
  [SIP_STATUS_FIELD_CODES] = "codes",
  [SIP_STATUS_FIELD_PHRASE] = "phrase",
};

const gchar *
sip_status_field_name(SipStatusField field)
{
  return field_names[field];
}

static gint
_field_by_name(const gchar *name)
{
  for (gint i = 0; i < SIP_STATUS_FIELD_MAX; i++)
    {
      if (strcmp(field_names[i], name) == 0)
        return i;
    }
  return -1;
}

static gboolean
_unknown_field(const gchar *name, GError **error)
{
  GString *known = g_string_new(NULL);

  for (gint i = 0; i < SIP_STATUS_FIELD_MAX; i++)
    g_string_append_printf(known, "%s%s", i ? ", " : "", field_names[i]);
  g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): fields(\"%s\"): no such field; known: %s", name, known->str);
  g_string_free(known, TRUE);
  return FALSE;
}

gboolean
sip_status_fields_parse(const GList *names, SipStatusFields *fields, GError **error)
{
  SipStatusFields result = 0;
  gboolean changes_default = FALSE;

  if (!names)
    {
      g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): fields() is empty");
      return FALSE;
    }

  for (const GList *l = names; l; l = l->next)
    {
      const gchar *name = l->data;
      gboolean is_change = name[0] == '+' || name[0] == '-';

      if (l == names)
        {
          changes_default = is_change;
          result = is_change ? SIP_STATUS_FIELDS_DEFAULT : 0;
        }
      else if (is_change != changes_default)
        {
          g_set_error(error, SIP_STATUS_ERROR, 0,
                      "sip-status(): fields(\"%s\"): names with and without `+' or `-' do not mix", name);
          return FALSE;
        }

      gint field = _field_by_name(is_change ? name + 1 : name);
      if (field < 0)
        return _unknown_field(name, error);

      if (name[0] == '-')
        result &= ~(1u << field);
      else
        result |= 1u << field;
    }

  *fields = result;
  return TRUE;
}
