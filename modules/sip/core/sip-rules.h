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

#ifndef SIP_RULES_H_INCLUDED
#define SIP_RULES_H_INCLUDED

#include "sip-span.h"

/*
 * The dialects as data: reading rule files and compiling them into a rule set
 * that sip_scan() runs.  The form of the files is written down in
 * docs/rule-files.md.
 */

/* what a pattern can capture, a rule can fix, and a record can carry */
typedef enum
{
  SIP_FIELD_CODE,
  SIP_FIELD_REASON,
  SIP_FIELD_METHOD,
  SIP_FIELD_CALL_ID,
  SIP_FIELD_PEER,
  SIP_FIELD_PEER_PORT,
  SIP_FIELD_USER,
  SIP_FIELD_ENDPOINT,
  SIP_FIELD_CSEQ,
  SIP_FIELD_USER_AGENT,
  SIP_FIELD_Q850,
  SIP_FIELD_REASON_CODE,
  SIP_FIELD_DIRECTION,
  SIP_FIELD_EVENT,
  SIP_FIELD_MAX
} SipField;

const gchar *sip_field_name(SipField field);
gint sip_field_by_name(const gchar *name, gsize len);       /* -1 if unknown */

typedef struct _SipRules SipRules;
typedef struct _SipRule SipRule;

const gchar *sip_rule_name(const SipRule *rule);
const gchar *sip_rule_product(const SipRule *rule);

/* An empty set; add files, then compile, then share.  Reference counted, immutable once compiled. */
SipRules *sip_rules_new(void);
SipRules *sip_rules_ref(SipRules *self);
void sip_rules_unref(SipRules *self);

/* The names of the built-in dialects (the files in modules/sip/rules), NULL-terminated, static. */
const gchar *const *sip_rules_builtin_dialects(void);
/* FALSE if there is no built-in dialect of that name */
gboolean sip_rules_add_builtin(SipRules *self, const gchar *dialect, GError **error);
gboolean sip_rules_add_file(SipRules *self, const gchar *filename, GError **error);
gboolean sip_rules_add_text(SipRules *self, const gchar *source_name, const gchar *text, gsize len, gboolean user,
                            GError **error);
gboolean sip_rules_compile(SipRules *self, gboolean use_jit, GError **error);

#define SIP_RULES_ERROR (sip_rules_error_quark())
GQuark sip_rules_error_quark(void);

#endif
