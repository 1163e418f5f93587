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

#ifndef SIP_RULES_PRIVATE_H_INCLUDED
#define SIP_RULES_PRIVATE_H_INCLUDED

#include "sip-anchors.h"
#include "sip-rule-file.h"

#define SIP_RULES_MAX 10000u

/* the anchors of some rules, and whose they are */
typedef struct _SipRuleIndex
{
  SipAnchors *anchors;
  guint n_anchors;
  guint32 *by_anchor;           /* anchor -> first of its rules in anchor_rules; one more than there are anchors */
  guint16 *anchor_rules;        /* index of a rule */
  guint16 *orders;              /* of that rule */
  guint8 *anchor_ranks;         /* anchor -> bits of the ranks of its rules */
} SipRuleIndex;

/*
 * The rules that a record calls for are tried from the highest order down, and the first order that has a match wins: by
 * rank, a user's file before built-in ones, then by the length of the anchor.
 */
#define SIP_RULE_PRECEDENCE_BITS 9

static inline guint
sip_rule_order(SipRank rank, guint precedence)
{
  return (guint) rank << SIP_RULE_PRECEDENCE_BITS | precedence;
}

struct _SipRules
{
  gint ref_count;
  gboolean compiled;
  GPtrArray *rules;             /* SipRule * */
  SipRuleIndex status;          /* of the rules that find a status or an event: searched for on every record */
  SipRuleIndex context;         /* of rank `context': searched for where a status was found */
  guint context_fields;         /* bits of the fields that these can set */
  guint version_anchor;         /* of the raw SIP message, in `status' */
  SipWords *words;              /* of all rules' require and veto */
};

typedef struct _SipRulesMemory
{
  gsize anchors;                /* tables of the literal search */
  gsize words;                  /* tables of the words of require and veto */
  gsize patterns;               /* compiled patterns */
  gsize jit;                    /* machine code of the patterns */
  guint step;
} SipRulesMemory;

guint sip_rules_count(const SipRules *self);
void sip_rules_memory(const SipRules *self, SipRulesMemory *memory);

/* generated from modules/sip/rules: names, NULL-terminated, and texts without samples */
extern const gchar *const sip_builtin_dialects[];
extern const gchar *const sip_builtin_texts[];

#endif
