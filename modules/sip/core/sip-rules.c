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

#include "sip-rules-private.h"
#include "sip-message.h"

#include <sys/stat.h>

SipRules *
sip_rules_new(void)
{
  SipRules *self = g_new0(SipRules, 1);

  g_atomic_int_set(&self->ref_count, 1);
  self->rules = g_ptr_array_new_with_free_func((GDestroyNotify) sip_rule_free);
  return self;
}

SipRules *
sip_rules_ref(SipRules *self)
{
  g_atomic_int_inc(&self->ref_count);
  return self;
}

static void
_index_clear(SipRuleIndex *self)
{
  sip_anchors_free(self->anchors);
  g_free(self->by_anchor);
  g_free(self->anchor_rules);
  g_free(self->orders);
  g_free(self->anchor_ranks);
}

void
sip_rules_unref(SipRules *self)
{
  if (!self || !g_atomic_int_dec_and_test(&self->ref_count))
    return;

  _index_clear(&self->status);
  _index_clear(&self->context);
  sip_words_free(self->words);
  g_ptr_array_unref(self->rules);
  g_free(self);
}

const gchar *
sip_rule_name(const SipRule *rule)
{
  return rule->name;
}

const gchar *
sip_rule_product(const SipRule *rule)
{
  return rule->product;
}

const gchar *const *
sip_rules_builtin_dialects(void)
{
  return sip_builtin_dialects;
}

gboolean
sip_rules_add_text(SipRules *self, const gchar *source_name, const gchar *text, gsize len, gboolean user,
                   GError **error)
{
  return sip_rule_file_parse(source_name, text, len, user, self->rules, error);
}

gboolean
sip_rules_add_builtin(SipRules *self, const gchar *dialect, GError **error)
{
  for (gint i = 0; sip_builtin_dialects[i]; i++)
    {
      if (strcmp(sip_builtin_dialects[i], dialect) == 0)
        return sip_rules_add_text(self, dialect, sip_builtin_texts[i], strlen(sip_builtin_texts[i]), FALSE, error);
    }
  g_set_error(error, SIP_RULES_ERROR, 0, "unknown dialect `%s'", dialect);
  return FALSE;
}

gboolean
sip_rules_add_file(SipRules *self, const gchar *filename, GError **error)
{
  struct stat st = { 0 };
  gchar *text;
  gsize len;
  gboolean ok;

  /* a FIFO or a device would hold up or fill the daemon while it reads its configuration */
  if (stat(filename, &st) == 0 && !S_ISREG(st.st_mode))
    {
      g_set_error(error, SIP_RULES_ERROR, 0, "%s: not a regular file", filename);
      return FALSE;
    }
  if (st.st_size > SIP_RULE_FILE_MAX)
    {
      g_set_error(error, SIP_RULES_ERROR, 0, "%s: larger than %d bytes", filename, SIP_RULE_FILE_MAX);
      return FALSE;
    }
  if (!g_file_get_contents(filename, &text, &len, error))
    return FALSE;
  ok = sip_rules_add_text(self, filename, text, len, TRUE, error);
  g_free(text);
  return ok;
}

static gboolean
_names_are_unique(SipRules *self, GError **error)
{
  GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
  gboolean unique = TRUE;

  for (guint i = 0; i < self->rules->len && unique; i++)
    {
      const SipRule *rule = g_ptr_array_index(self->rules, i);
      const SipRule *other = g_hash_table_lookup(names, rule->name);

      if (other)
        {
          g_set_error(error, SIP_RULES_ERROR, 0, "%s:%d:1: there is a rule %s already, at %s:%d", rule->source,
                      rule->line, rule->name, other->source, other->line);
          unique = FALSE;
        }
      g_hash_table_insert(names, rule->name, (gpointer) rule);
    }
  g_hash_table_unref(names);
  return unique;
}

static void
_add_anchor(SipRuleIndex *self, const gchar *text, guint digits, guint rule, GArray *pairs)
{
  guint32 pair[2] = { sip_anchors_add(self->anchors, text, strlen(text), digits), rule };

  self->n_anchors = MAX(self->n_anchors, pair[0] + 1);
  g_array_append_val(pairs, pair);
}

/*
 * Anchors are looked for before escapes are undone: within a JSON string a quote has a backslash before it,
 * and some writers (Docker's among them) escape <, > and & as well.
 */
static void
_add_escaped_anchor(SipRuleIndex *self, const SipRuleAnchor *anchor, gboolean html, guint rule, GArray *pairs)
{
  GString *escaped = g_string_new(NULL);

  for (const gchar *p = anchor->text; *p; p++)
    {
      if (*p == '"')
        g_string_append(escaped, "\\\"");
      else if (html && (*p == '<' || *p == '>' || *p == '&'))
        g_string_append_printf(escaped, "\\u%04x", *p);
      else
        g_string_append_c(escaped, *p);
    }
  if (strcmp(escaped->str, anchor->text) != 0 && escaped->len + anchor->digits <= SIP_ANCHOR_MAX_LENGTH)
    _add_anchor(self, escaped->str, anchor->digits, rule, pairs);
  g_string_free(escaped, TRUE);
}

G_STATIC_ASSERT(SIP_ANCHOR_MAX_LENGTH < 1 << (SIP_RULE_PRECEDENCE_BITS - 1));

static void
_map_anchors_to_rules(SipRuleIndex *self, const GPtrArray *rules, const GArray *pairs)
{
  self->by_anchor = g_new0(guint32, self->n_anchors + 1);
  self->anchor_rules = g_new0(guint16, MAX(pairs->len, 1));
  self->orders = g_new0(guint16, MAX(pairs->len, 1));
  self->anchor_ranks = g_new0(guint8, MAX(self->n_anchors, 1));
  guint32 *fill = g_new0(guint32, MAX(self->n_anchors, 1));

  for (guint i = 0; i < pairs->len; i++)
    self->by_anchor[((guint32 (*)[2]) pairs->data)[i][0] + 1]++;
  for (guint i = 0; i < self->n_anchors; i++)
    self->by_anchor[i + 1] += self->by_anchor[i];
  for (guint i = 0; i < pairs->len; i++)
    {
      const guint32 *pair = (const guint32 *) (gconstpointer) pairs->data + 2 * i;
      const SipRule *rule = g_ptr_array_index(rules, pair[1]);
      guint32 place = self->by_anchor[pair[0]] + fill[pair[0]]++;

      self->anchor_rules[place] = (guint16) pair[1];
      self->orders[place] = (guint16) sip_rule_order(rule->rank, (rule->user ? 1u << (SIP_RULE_PRECEDENCE_BITS - 1) : 0u)
                                                                 + rule->anchor_length);
      self->anchor_ranks[pair[0]] |= (guint8) (1u << rule->rank);
    }
  g_free(fill);
}

/* the rules of rank `context', or all others */
static gboolean
_index_rules(SipRuleIndex *self, const GPtrArray *rules, gboolean context, GError **error)
{
  GArray *pairs = g_array_new(FALSE, FALSE, sizeof(guint32[2]));

  for (guint i = 0; i < rules->len; i++)
    {
      const SipRule *rule = g_ptr_array_index(rules, i);

      if ((rule->rank == SIP_RANK_CONTEXT) != context)
        continue;
      for (guint j = 0; j < rule->anchors->len; j++)
        {
          const SipRuleAnchor *anchor = &g_array_index(rule->anchors, SipRuleAnchor, j);

          _add_anchor(self, anchor->text, anchor->digits, i, pairs);
          /* context is looked for when escapes have been undone */
          if (context)
            continue;
          _add_escaped_anchor(self, anchor, FALSE, i, pairs);
          if (strpbrk(anchor->text, "<>&"))
            _add_escaped_anchor(self, anchor, TRUE, i, pairs);
        }
    }
  gboolean ok = sip_anchors_compile(self->anchors);
  if (ok)
    _map_anchors_to_rules(self, rules, pairs);
  else
    g_set_error(error, SIP_RULES_ERROR, 0, "too many anchors");
  g_array_unref(pairs);
  return ok;
}

static gboolean
_index_all(SipRules *self, GError **error)
{
  for (guint i = 0; i < self->rules->len; i++)
    {
      const SipRule *rule = g_ptr_array_index(self->rules, i);

      if (rule->rank == SIP_RANK_CONTEXT)
        self->context_fields |= rule->fields;
    }
  self->context.anchors = sip_anchors_new();
  self->status.anchors = sip_anchors_new();
  self->version_anchor = sip_anchors_add(self->status.anchors, SIP_MESSAGE_VERSION, strlen(SIP_MESSAGE_VERSION), 0);
  self->status.n_anchors = self->version_anchor + 1;
  return _index_rules(&self->status, self->rules, FALSE, error) && _index_rules(&self->context, self->rules, TRUE, error);
}

static gboolean
_number_word_list(SipRules *self, const GArray *words, GArray *numbers)
{
  for (guint i = 0; i < words->len; i++)
    {
      gint number = sip_words_add(self->words, &g_array_index(words, SipWord, i));
      guint16 value = (guint16) number;

      if (number < 0)
        return FALSE;
      g_array_append_val(numbers, value);
    }
  return TRUE;
}

static gboolean
_number_words(SipRules *self, GError **error)
{
  gboolean ok = TRUE;

  self->words = sip_words_new();
  for (guint i = 0; i < self->rules->len && ok; i++)
    {
      SipRule *rule = g_ptr_array_index(self->rules, i);

      ok = _number_word_list(self, rule->veto, rule->veto_numbers);
      for (guint j = 0; j < rule->require->len && ok; j++)
        {
          GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint16));

          g_ptr_array_add(rule->require_numbers, numbers);
          ok = _number_word_list(self, g_ptr_array_index(rule->require, j), numbers);
        }
    }
  sip_words_compile(self->words);
  if (!ok)
    g_set_error(error, SIP_RULES_ERROR, 0, "more than %d different words in require and veto", SIP_WORDS_MAX);
  return ok;
}

static void
_compile_to_machine_code(SipRule *rule)
{
  for (guint i = 0; i < rule->patterns->len; i++)
    {
      SipRulePattern *pattern = g_ptr_array_index(rule->patterns, i);

      /* without it (an architecture that lacks it, a kernel that forbids it) matching is slower, not wrong */
      pattern->jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
    }
}

gboolean
sip_rules_compile(SipRules *self, gboolean use_jit, GError **error)
{
  g_assert(!self->compiled);
  self->compiled = TRUE;
  if (self->rules->len > SIP_RULES_MAX)
    {
      g_set_error(error, SIP_RULES_ERROR, 0, "%u rules, at most %u are possible", self->rules->len, SIP_RULES_MAX);
      return FALSE;
    }
  if (!_names_are_unique(self, error))
    return FALSE;

  if (!_index_all(self, error) || !_number_words(self, error))
    return FALSE;
  for (guint i = 0; i < self->rules->len && use_jit; i++)
    _compile_to_machine_code(g_ptr_array_index(self->rules, i));
  return TRUE;
}

guint
sip_rules_count(const SipRules *self)
{
  return self->rules->len;
}

void
sip_rules_memory(const SipRules *self, SipRulesMemory *memory)
{
  *memory = (SipRulesMemory) 
  {
    .anchors = sip_anchors_memory(self->status.anchors) + sip_anchors_memory(self->context.anchors),
    .words = sip_words_memory(self->words),
    .step = MIN(sip_anchors_step(self->status.anchors), sip_anchors_step(self->context.anchors)),
  };

  for (guint i = 0; i < self->rules->len; i++)
    {
      const SipRule *rule = g_ptr_array_index(self->rules, i);

      for (guint j = 0; j < rule->patterns->len; j++)
        {
          const SipRulePattern *pattern = g_ptr_array_index(rule->patterns, j);
          gsize size = 0;

          pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &size);
          memory->patterns += size;
          pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &size);
          memory->jit += size;
        }
    }
}
