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

#ifndef SIP_RULE_FILE_H_INCLUDED
#define SIP_RULE_FILE_H_INCLUDED

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "sip-rules.h"
#include "sip-words.h"

/*
 * A rule file as read: text -> rules with their samples.  The form is written
 * down in docs/rule-files.md; this file and sip-rules.c are its only readers.
 */

typedef enum
{
  SIP_RANK_CONTEXT,
  SIP_RANK_EVENT,
  SIP_RANK_PHRASE,
  SIP_RANK_SENTENCE,
  SIP_RANK_PAIR,
  SIP_RANK_STATUS_LINE,
  SIP_RANK_ACCOUNTING,
} SipRank;

#define SIP_RULE_FILE_MAX (1024 * 1024)
#define SIP_RULE_MAX_GROUPS 24          /* with names */
#define SIP_RULE_MAX_CAPTURES 48        /* the whole match and all groups up to the last one with a name */

typedef struct _SipRulePattern
{
  gchar *text;                  /* abbreviations replaced */
  gchar *written;               /* before that */
  gint line;
  gint column;
  pcre2_code *code;
  gboolean jit;                 /* there is machine code for it */
  guint8 n_groups;
  struct
  {
    guint8 group;
    guint8 field;               /* SipField */
  } groups[SIP_RULE_MAX_GROUPS];
  guint64 sent_groups;          /* bits of groups */
  guint64 received_groups;
} SipRulePattern;

typedef struct _SipRuleSample
{
  gboolean match;               /* FALSE: a look-alike */
  gchar *program;               /* may be NULL */
  GString *text;                /* unescaped */
  gchar *expect[SIP_FIELD_MAX]; /* NULL: not named, "": must not be there */
  gboolean has_expect;
  gint line;
} SipRuleSample;

typedef struct _SipRuleAnchor
{
  gchar *text;
  guint digits;                 /* of a status code that follow */
} SipRuleAnchor;

struct _SipRule
{
  gchar *name;
  gchar *product;
  gchar *source;                /* file or dialect it came from */
  gint line;
  gboolean user;
  SipRank rank;
  guint before;                 /* bytes before the anchor where a match may begin */
  guint before_words;           /* so many words at most, 0 if that does not matter */
  guint window;
  gboolean unbounded;
  gboolean context;             /* whether rules of rank `context' add to what it found */
  GArray *anchors;              /* SipRuleAnchor */
  guint anchor_length;          /* of the shortest */
  GPtrArray *patterns;          /* SipRulePattern * */
  GPtrArray *require;           /* GArray of SipWord: one of each must be there */
  GArray *veto;                 /* SipWord */
  GPtrArray *require_numbers;   /* the same as numbers of the set's words: GArray of guint16 */
  GArray *veto_numbers;
  gchar *fixed[SIP_FIELD_MAX];
  guint fixed_fields;           /* bits of those, but for the code */
  gint fixed_code;
  guint fields;                 /* bits of the fields it can set */
  GPtrArray *samples;           /* SipRuleSample * */
};

void sip_rule_free(SipRule *self);

static inline gboolean
sip_rule_is_between_words(gchar c)
{
  return (guchar) c <= ' ' || c == '"';
}

/* Where a match may begin at the earliest whose anchor stands at `where'. */
static inline gsize
sip_rule_earliest_start(const SipRule *self, SipSpan text, gsize where)
{
  gsize lowest = where > self->before ? where - self->before : 0;
  gsize start = where;

  if (!self->before_words)
    return lowest;
  for (guint words = 0; words < self->before_words && start > lowest; words++)
    {
      while (start > lowest && sip_rule_is_between_words(text.ptr[start - 1]))
        start--;
      while (start > lowest && !sip_rule_is_between_words(text.ptr[start - 1]))
        start--;
    }
  return start;
}

/*
 * Appends the rules of a text to `rules'. user: an administrator's file, which may use `unbounded:'.
 * FALSE with `source:line:column: what is wrong' in error; rules may then hold some of the file's rules.
 */
gboolean sip_rule_file_parse(const gchar *source, const gchar *text, gsize len, gboolean user, GPtrArray *rules,
                             GError **error);

gboolean sip_event_is_known(const gchar *name, gsize len);

#endif
