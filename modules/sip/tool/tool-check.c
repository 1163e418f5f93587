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

#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* memmem() */
#endif

#include "tool.h"
#include "sip-rule-check.h"
#include "sip-rules-private.h"
#include "sip-view.h"

#include <stdio.h>
#include <stdlib.h>

/* faults of one file's form that are shown */
#define MAX_FAULTS 20

/* as the scanner's: what a pattern may cost at one place */
#define MATCH_LIMIT 20000
/* what a well-built one stays under */
#define MATCH_SLOW 2000

/* the length under which anchors make the search for all literals step more often */
#define SHORT_ANCHOR 6
#define HOSTILE_LINE (64 * 1024)

typedef enum
{
  LEVEL_ERROR,
  LEVEL_WARNING,
  LEVEL_NOTE,                   /* told with --verbose only */
  LEVEL_HINT,                   /* to what was told before */
} Level;

typedef struct _Check
{
  ToolSetup setup;
  gchar **files;
  gboolean strict;
  gboolean quiet;               /* no notes */
  guint errors;
  guint warnings;
  SipRules *before;             /* without the files that are checked */
  GHashTable *faulty;           /* lines of the file's samples that do not hold */
} Check;

/* --- what is found --- */

static void G_GNUC_PRINTF(3, 4)
_tell(Check *self, Level level, const gchar *format, ...)
{
  static const gchar *const names[] = { "error", "warning", "note", "hint" };
  static const ToolStyle styles[] = { TOOL_RED, TOOL_YELLOW, TOOL_DIM, TOOL_DIM };
  GString *out = g_string_new(NULL);
  const gchar *what;
  va_list args;

  va_start(args, format);
  gchar *message = g_strdup_vprintf(format, args);
  va_end(args);

  self->errors += level == LEVEL_ERROR;
  self->warnings += level == LEVEL_WARNING;
  if (level == LEVEL_NOTE && self->quiet)
    {
      g_string_free(out, TRUE);
      g_free(message);
      return;
    }

  /* file:line:column: WHAT -> file:line:column: error: WHAT */
  what = strstr(message, ": ");
  if (what)
    {
      tool_append_clean(out, sip_span(message, (gsize) (what - message) + 2));
      what += 2;
    }
  else
    what = message;
  g_string_append_printf(out, "%s%s:%s ", tool_style(styles[level]), names[level], tool_style(TOOL_PLAIN));
  tool_append_clean(out, sip_span_str(what));
  g_string_append_c(out, '\n');
  fwrite(out->str, 1, out->len, stdout);
  g_string_free(out, TRUE);
  g_free(message);
}

static gboolean
_is_checked(const Check *self, const SipRule *rule)
{
  for (gint i = 0; self->files[i]; i++)
    {
      if (strcmp(self->files[i], rule->source) == 0)
        return TRUE;
    }
  return FALSE;
}

/* --- the form --- */

/* the line number in "file:LINE:column: ..." */
static gint
_line_of_fault(const gchar *message, const gchar *filename)
{
  gsize len = strlen(filename);

  return strncmp(message, filename, len) == 0 && message[len] == ':' ? atoi(message + len + 1) : 0;
}

/*
 * The loader stops at the first fault.  To see the others, too, the rule that has it is blanked and the text read again; lines
 * keep their numbers.  FALSE if there is no rule to blank.
 */
static gboolean
_blank_rule(gchar *text, gsize len, gint line)
{
  gsize start = 0, end = 0, where = 0;
  gboolean found = FALSE;

  for (gint n = 1; where < len; n++)
    {
      gchar *newline = memchr(text + where, '\n', len - where);
      gsize next = newline ? (gsize) (newline + 1 - text) : len;
      gsize first = where;

      while (first < next && (text[first] == ' ' || text[first] == '\t'))
        first++;
      /* a line of settings has no bracket at its start; one that stands there for a fault ends the rule as well */
      if (first < next && text[first] == '[')
        {
          if (n > line)
            break;
          start = where;
        }
      end = next;
      found = found || n == line;
      where = next;
    }
  if (!found)
    return FALSE;
  for (gsize i = start; i < end; i++)
    {
      if (text[i] != '\n')
        text[i] = ' ';
    }
  return TRUE;
}

static gboolean
_check_form(Check *self, const gchar *filename)
{
  GError *error = NULL;
  gchar *text;
  gsize len;
  gboolean clean = TRUE;

  if (!g_file_get_contents(filename, &text, &len, &error))
    {
      tool_complain("%s", error->message);
      g_error_free(error);
      return FALSE;
    }
  for (gint i = 0; i < MAX_FAULTS; i++)
    {
      SipRules *rules = sip_rules_new();
      gboolean ok = sip_rules_add_text(rules, filename, text, len, TRUE, &error);

      if (ok && i == 0 && !sip_rules_count(rules))
        _tell(self, LEVEL_WARNING, "%s:1:1: there is no rule in the file", filename);
      sip_rules_unref(rules);
      if (ok)
        break;
      clean = FALSE;
      _tell(self, LEVEL_ERROR, "%s", error->message);
      gint line = _line_of_fault(error->message, filename);
      g_clear_error(&error);
      if (!line || !_blank_rule(text, len, line))
        break;
    }
  g_free(text);
  return clean;
}

/* --- samples --- */

typedef struct _SampleFaults
{
  Check *check;
  const gchar *filename;
} SampleFaults;

static void
_sample_fault(const gchar *fault, gpointer user_data)
{
  SampleFaults *self = user_data;

  g_hash_table_add(self->check->faulty, GINT_TO_POINTER(_line_of_fault(fault, self->filename)));
  _tell(self->check, LEVEL_ERROR, "%s", fault);
}

static gboolean
_is_faulty(const Check *self, gint line)
{
  return g_hash_table_contains(self->faulty, GINT_TO_POINTER(line));
}

/* The first bytes of a pattern, with the brackets closed that are open there; NULL if they are no pattern. */
static pcre2_code *
_compile_piece(const SipRule *rule, const gchar *pattern, gsize len)
{
  GString *text = g_string_new_len(pattern, (gssize) len);
  pcre2_code *code = NULL;

  for (gint open = 0; open <= 3 && !code; open++)
    {
      int fault;
      PCRE2_SIZE offset;

      code = pcre2_compile((PCRE2_SPTR) text->str, text->len, PCRE2_DUPNAMES | (rule->before ? 0 : PCRE2_ANCHORED), &fault,
                           &offset, NULL);
      g_string_append_c(text, ')');
    }
  g_string_free(text, TRUE);
  return code;
}

/* How much of the text behind an anchor the longest piece of the pattern, from its start on, matches. */
static gsize
_fits_up_to(const SipRule *rule, const SipRulePattern *pattern, SipSpan text, gsize anchor)
{
  gsize from = sip_rule_earliest_start(rule, text, anchor);
  gsize end = MIN(text.len, anchor + rule->window);
  gsize furthest = 0;

  for (gsize len = strlen(pattern->text); len > 0 && !furthest; len--)
    {
      pcre2_code *piece = _compile_piece(rule, pattern->text, len);

      if (!piece)
        continue;
      pcre2_match_data *data = pcre2_match_data_create_from_pattern(piece, NULL);
      if (pcre2_match(piece, (PCRE2_SPTR) text.ptr, end, from, 0, data, NULL) >= 0)
        furthest = pcre2_get_ovector_pointer(data)[1];
      pcre2_match_data_free(data);
      pcre2_code_free(piece);
    }
  return furthest;
}

static const SipRuleAnchor *_anchor(const SipRule *rule, guint i);

/* Where a rule's anchor stands, -1 if it does not; letters in either case. */
static gssize
_anchor_in(const SipRule *rule, SipSpan text)
{
  gchar *lower = g_ascii_strdown(text.ptr, (gssize) text.len);
  gssize where = -1;

  for (guint i = 0; i < rule->anchors->len && where < 0; i++)
    {
      gchar *anchor = g_ascii_strdown(_anchor(rule, i)->text, -1);
      const gchar *found = memmem(lower, text.len, anchor, strlen(anchor));

      if (found)
        where = found - lower;
      g_free(anchor);
    }
  g_free(lower);
  return where;
}

/* Why a rule does not find its own sample. */
static void
_hint(Check *self, const SipRule *rule, const SipRuleSample *sample, GString *view)
{
  SipSpan text = sip_view_make(sip_span(sample->text->str, sample->text->len), view);
  gssize anchor = _anchor_in(rule, text);
  gsize furthest = 0;

  if (anchor < 0)
    {
      _tell(self, LEVEL_HINT, "%s:%d:1: none of the rule's anchors is on the line", rule->source, sample->line);
      return;
    }
  for (guint i = 0; i < rule->patterns->len; i++)
    furthest = MAX(furthest, _fits_up_to(rule, g_ptr_array_index(rule->patterns, i), text, (gsize) anchor));
  if (furthest > (gsize) anchor)
    {
      gsize from = MAX((gsize) anchor, furthest - MIN(furthest, 40));

      _tell(self, LEVEL_HINT, "%s:%d:1: the pattern fits as far as `%.*s'; what follows is `%.*s'", rule->source, sample->line,
            (gint) (furthest - from), text.ptr + from, (gint) MIN(text.len - furthest, 40), text.ptr + furthest);
    }
  else
    _tell(self, LEVEL_HINT, "%s:%d:1: the anchor is on the line, but the pattern does not begin with it (a blank at its start is "
          "written \\x20)", rule->source, sample->line);
}

/* a rule none of whose samples it answers itself is in the shadow of others */
static void
_check_shadow(Check *self, const SipRule *rule)
{
  const gchar *winner = NULL;
  gboolean wins = FALSE;
  gboolean any_faulty = FALSE;
  guint matches = 0;

  if (rule->rank == SIP_RANK_CONTEXT)
    return;
  GString *view = g_string_new(NULL);
  for (guint i = 0; i < rule->samples->len; i++)
    {
      const SipRuleSample *sample = g_ptr_array_index(rule->samples, i);
      SipScanResult result;

      if (!sample->match)
        continue;
      matches++;
      gboolean faulty = _is_faulty(self, sample->line);
      any_faulty = any_faulty || faulty;
      sip_scan(self->setup.rules, self->setup.scanner, sip_span_str(sample->program),
               sip_span(sample->text->str, sample->text->len), &result);
      if (result.rule == rule)
        wins = TRUE;
      else if (faulty)
        _hint(self, rule, sample, view);
      winner = result.rule_name;
    }
  g_string_free(view, TRUE);
  if (matches && winner && !wins && !any_faulty)
    _tell(self, LEVEL_WARNING, "%s:%d:1: rule %s: all its samples are answered by another rule (%s): it is not needed, or "
          "a higher rank or a longer anchor would put it first", rule->source, rule->line, rule->name, winner);
}

static void
_check_rule_samples(Check *self, const SipRule *rule)
{
  for (guint i = 0; i < rule->samples->len; i++)
    {
      const SipRuleSample *sample = g_ptr_array_index(rule->samples, i);

      if (!sample->match)
        return;
    }
  _tell(self, LEVEL_NOTE, "%s:%d:1: rule %s: has no `nomatch' sample; write down a line that looks like it and is no status",
        rule->source, rule->line, rule->name);
}

/* --- the built-in rules' lines --- */

static void
_check_builtin_samples(Check *self)
{
  for (gsize i = 0; i < tool_n_builtin_samples; i++)
    {
      const ToolSample *sample = &tool_builtin_samples[i];
      SipSpan program = sip_span_str(sample->program);
      SipSpan text = sip_span(sample->text, sample->len);
      SipScanResult was, is;

      sip_scan(self->setup.rules, self->setup.scanner, program, text, &is);
      if (!is.rule || !_is_checked(self, is.rule))
        continue;
      sip_scan(self->before, self->setup.scanner, program, text, &was);
      if (is.code == was.code && is.code)
        continue;
      if (is.code && !sample->match)
        _tell(self, LEVEL_ERROR, "%s:%d:1: rule %s: gives %d on a line that is no status (look-alike of %s, %s): %.160s",
              is.rule->source, is.rule->line, is.rule->name, is.code, sample->rule, sample->place, sample->text);
      else if (is.code && was.code)
        _tell(self, LEVEL_WARNING, "%s:%d:1: rule %s: gives %d on a line where %s gives %d (%s): %.160s",
              is.rule->source, is.rule->line, is.rule->name, is.code, was.rule_name, was.code, sample->place,
              sample->text);
      else if (is.code && was.field[SIP_FIELD_EVENT].ptr)
        _tell(self, LEVEL_WARNING, "%s:%d:1: rule %s: gives %d on a line where %s gives the event %.*s (%s): %.160s",
              is.rule->source, is.rule->line, is.rule->name, is.code, was.rule_name,
              (gint) was.field[SIP_FIELD_EVENT].len, was.field[SIP_FIELD_EVENT].ptr, sample->place, sample->text);
      else if (!is.code && was.rule && was.field[SIP_FIELD_EVENT].ptr
               && !sip_span_eq(was.field[SIP_FIELD_EVENT], is.rule->fixed[SIP_FIELD_EVENT]))
        _tell(self, LEVEL_WARNING, "%s:%d:1: rule %s: gives the event %s on a line where %s gives %.*s (%s): %.160s",
              is.rule->source, is.rule->line, is.rule->name, is.rule->fixed[SIP_FIELD_EVENT], was.rule_name,
              (gint) was.field[SIP_FIELD_EVENT].len, was.field[SIP_FIELD_EVENT].ptr, sample->place, sample->text);
    }
}

/* --- anchors --- */

static const SipRuleAnchor *
_anchor(const SipRule *rule, guint i)
{
  return &g_array_index(rule->anchors, SipRuleAnchor, i);
}

static gboolean
_same_anchor(const SipRuleAnchor *a, const SipRuleAnchor *b)
{
  return a->digits == b->digits && g_ascii_strcasecmp(a->text, b->text) == 0;
}

static void
_check_anchors(Check *self, const SipRule *rule)
{
  for (guint i = 0; i < rule->anchors->len; i++)
    {
      const SipRuleAnchor *anchor = _anchor(rule, i);
      gboolean told = FALSE;

      if (strlen(anchor->text) + anchor->digits < SHORT_ANCHOR)
        _tell(self, LEVEL_WARNING, "%s:%d:1: rule %s: anchor `%s' has less than %d bytes, every line of the log costs more; "
              "take in more of the words around it", rule->source, rule->line, rule->name, anchor->text, SHORT_ANCHOR);
      for (guint j = 0; j < self->setup.rules->rules->len && !told; j++)
        {
          const SipRule *other = g_ptr_array_index(self->setup.rules->rules, j);

          if (other == rule)
            continue;
          for (guint k = 0; k < other->anchors->len && !told; k++)
            {
              if (!_same_anchor(anchor, _anchor(other, k)))
                continue;
              told = TRUE;
              /* within a file that is the way to write variants */
              if (strcmp(other->source, rule->source) != 0)
                _tell(self, LEVEL_NOTE, "%s:%d:1: rule %s: rule %s has the anchor `%s', too", rule->source, rule->line,
                      rule->name, other->name, anchor->text);
            }
        }
    }
}

/* --- cost --- */

/* What matching costs at one place, in PCRE2's own measure; MATCH_LIMIT + 1 if that is reached. */
static guint
_effort(const SipRulePattern *pattern, SipSpan text, gsize from, gsize anchor, pcre2_match_data *data, guint at_least)
{
  pcre2_match_context *context = pcre2_match_context_create(NULL);
  uint32_t options = 0;
  guint low = at_least, high = MATCH_LIMIT;
  guint limit = at_least ? at_least : 64;
  guint result = 0;

  pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &options);
  if (options & PCRE2_USE_OFFSET_LIMIT)
    pcre2_set_offset_limit(context, anchor);
  /* mostly it is not more than was seen before: one match says so */
  while (TRUE)
    {
      pcre2_set_match_limit(context, limit);
      int rc = pcre2_match(pattern->code, (PCRE2_SPTR) text.ptr, text.len, from, PCRE2_NO_JIT, data, context);

      if (rc == PCRE2_ERROR_MATCHLIMIT)
        {
          if (limit >= MATCH_LIMIT)
            {
              result = MATCH_LIMIT + 1;
              break;
            }
          low = limit;
          limit = MIN(limit * 4, MATCH_LIMIT);
          continue;
        }
      high = limit;
      break;
    }
  if (!result && high > at_least)
    {
      while (high - low > MAX(low / 16, 1))
        {
          guint middle = low + (high - low) / 2;

          pcre2_set_match_limit(context, middle);
          if (pcre2_match(pattern->code, (PCRE2_SPTR) text.ptr, text.len, from, PCRE2_NO_JIT, data, context)
              == PCRE2_ERROR_MATCHLIMIT)
            low = middle;
          else
            high = middle;
        }
    }
  pcre2_match_context_free(context);
  return result ? result : high;
}

typedef struct _Worst
{
  guint effort;
  GString *text;
} Worst;

static void
_try_text(Worst *worst, const SipRule *rule, const SipRulePattern *pattern, const GString *text, gsize anchor,
          pcre2_match_data *data)
{
  gsize from = sip_rule_earliest_start(rule, sip_span(text->str, text->len), anchor);
  gsize end = MIN(text->len, anchor + rule->window);
  guint effort;

  if (worst->effort > MATCH_LIMIT)
    return;
  effort = _effort(pattern, sip_span(text->str, end), from, anchor, data, worst->effort);
  if (effort > worst->effort)
    {
      worst->effort = effort;
      g_string_truncate(worst->text, 0);
      g_string_append_len(worst->text, text->str + from, (gssize) (end - from));
    }
}

/* an anchor as it stands on a line, with digits */
static void
_append_anchor(GString *text, const SipRuleAnchor *anchor)
{
  g_string_append(text, anchor->text);
  g_string_append_len(text, "486", (gssize) anchor->digits);
}

static void
_fill(GString *text, gsize size, const gchar *with)
{
  while (text->len < size)
    g_string_append(text, with);
}

/* Lines made to cost: anchors in a row, and samples that go wrong at every place, in several ways. */
static void
_measure_pattern(Worst *worst, const SipRule *rule, const SipRulePattern *pattern, pcre2_match_data *data)
{
  static const gchar *const fillers[] = { "a", "1", " ", ".", "1.", "a ", "\"", "(", "a=", "1:", "SIP/2.0 ", "sip:a@" };
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < rule->anchors->len; i++)
    {
      const SipRuleAnchor *anchor = _anchor(rule, i);

      for (gsize j = 0; j < G_N_ELEMENTS(fillers); j++)
        {
          g_string_truncate(text, 0);
          _fill(text, rule->before, fillers[j]);
          gsize where = text->len;
          _append_anchor(text, anchor);
          _fill(text, where + rule->window + 64, fillers[j]);
          _try_text(worst, rule, pattern, text, where, data);

          g_string_truncate(text, 0);
          while (text->len < (gsize) rule->before + rule->window + 64)
            {
              _append_anchor(text, anchor);
              g_string_append(text, fillers[j]);
            }
          _try_text(worst, rule, pattern, text, rule->before ? strlen(anchor->text) + anchor->digits + strlen(fillers[j]) : 0,
                    data);
        }
      /* anchors of one rule are much alike: a few stand for all */
      if (i == 7)
        break;
    }

  for (guint i = 0; i < rule->samples->len; i++)
    {
      const SipRuleSample *sample = g_ptr_array_index(rule->samples, i);
      gssize where = sample->match ? _anchor_in(rule, sip_span(sample->text->str, sample->text->len)) : -1;

      if (where < 0)
        continue;
      for (gsize cut = (gsize) where + SIP_ANCHOR_MIN_LENGTH; cut <= MIN(sample->text->len, (gsize) where + rule->window);
           cut++)
        {
          for (gsize j = 0; j < G_N_ELEMENTS(fillers); j++)
            {
              g_string_truncate(text, 0);
              g_string_append_len(text, sample->text->str, (gssize) cut);
              _fill(text, (gsize) where + rule->window + 64, fillers[j]);
              _try_text(worst, rule, pattern, text, (gsize) where, data);
            }
        }
    }
  g_string_free(text, TRUE);
}

/* nanoseconds a byte of scanning a text, the best of some runs */
static gdouble
_cost(const SipRules *rules, SipScanner *scanner, SipSpan text)
{
  gint64 best = G_MAXINT64;
  SipScanResult result;

  for (gint i = 0; i < 5; i++)
    {
      gint64 started = g_get_monotonic_time();
      gint64 took;

      sip_scan(rules, scanner, SIP_SPAN_NONE, text, &result);
      took = g_get_monotonic_time() - started;
      best = MIN(best, took);
    }
  return (gdouble) best * 1000.0 / (gdouble) text.len;
}

/* what scanning a long line costs that has a text over and over again */
static gdouble
_cost_of_repeated(const Check *self, SipSpan text)
{
  GString *line = g_string_new(NULL);

  while (line->len < HOSTILE_LINE)
    g_string_append_len(line, text.ptr, (gssize) text.len);
  gdouble cost = _cost(self->setup.rules, self->setup.scanner, sip_span(line->str, line->len));
  g_string_free(line, TRUE);
  return cost;
}

static void
_check_cost(Check *self, const SipRule *rule)
{
  pcre2_match_data *data = pcre2_match_data_create(SIP_RULE_MAX_CAPTURES, NULL);
  GString *anchor = g_string_new(NULL);
  Worst worst = { .text = g_string_new(NULL) };

  _append_anchor(anchor, _anchor(rule, 0));
  for (guint i = 0; i < rule->patterns->len; i++)
    {
      const SipRulePattern *pattern = g_ptr_array_index(rule->patterns, i);

      worst.effort = 0;
      _measure_pattern(&worst, rule, pattern, data);
      gdouble cost = _cost_of_repeated(self, sip_span(worst.text->str, worst.text->len));

      if (worst.effort > MATCH_LIMIT)
        _tell(self, LEVEL_ERROR, "%s:%d:%d: rule %s: the pattern is given up as too slow (%d steps) on a line that begins `%.80s'; "
              "bound its repeats, and let no two that follow one another match the same bytes (64 KiB of that: %.0f ns a byte)",
              rule->source, pattern->line, pattern->column + 1, rule->name, MATCH_LIMIT, worst.text->str, cost);
      else if (worst.effort > MATCH_SLOW)
        _tell(self, LEVEL_WARNING, "%s:%d:%d: rule %s: the pattern takes %u steps (%d are the limit) on a line that begins `%.80s' "
              "(64 KiB of that: %.0f ns a byte)", rule->source, pattern->line, pattern->column + 1, rule->name, worst.effort,
              MATCH_LIMIT, worst.text->str, cost);
      else
        _tell(self, LEVEL_NOTE, "%s:%d:%d: rule %s: at most %u steps of %d at one place (64 KiB of that: %.0f ns a byte)",
              rule->source, pattern->line, pattern->column + 1, rule->name, worst.effort, MATCH_LIMIT, cost);
    }
  _tell(self, LEVEL_NOTE, "%s:%d:1: rule %s: 64 KiB of its anchor cost %.0f ns a byte", rule->source, rule->line, rule->name,
        _cost_of_repeated(self, sip_span(anchor->str, anchor->len)));
  g_string_free(worst.text, TRUE);
  g_string_free(anchor, TRUE);
  pcre2_match_data_free(data);
}

/* The shortest anchor of all decides how many places of every line are looked at. */
static void
_check_stride(Check *self)
{
  static const gchar *const in_words[] =
  {
    "every byte", "every second byte", "every third byte", "every fourth byte", "every fifth byte", "every sixth byte",
    "every seventh byte", "every eighth byte",
  };
  SipRulesMemory before, after;
  GString *plain = g_string_new(NULL);

  sip_rules_memory(self->before, &before);
  sip_rules_memory(self->setup.rules, &after);
  if (after.step < before.step)
    {
      _fill(plain, HOSTILE_LINE, "the quick brown fox jumps over the lazy dog while nobody calls ");
      _tell(self, LEVEL_WARNING, "%s: its shortest anchor makes the search look at %s of each line, not "
            "at one byte in %u: %.2f ns a byte instead of %.2f", self->files[0], in_words[MIN(after.step, 8) - 1], before.step,
            _cost(self->setup.rules, self->setup.scanner, sip_span(plain->str, plain->len)),
            _cost(self->before, self->setup.scanner, sip_span(plain->str, plain->len)));
    }
  g_string_free(plain, TRUE);
}

/* --- the command --- */

/* Everything but the files that are checked. */
static gboolean
_load_before(Check *self)
{
  GError *error = NULL;

  self->before = sip_rules_new();
  if (!tool_setup_add_dialects(&self->setup, self->before, &error)
      || !sip_rules_compile(self->before, !self->setup.no_jit, &error))
    {
      tool_complain("%s", error->message);
      g_error_free(error);
      return FALSE;
    }
  return TRUE;
}

static gboolean
_load_all(Check *self)
{
  GError *error = NULL;
  SipRules *rules = sip_rules_new();
  gboolean ok = tool_setup_add_dialects(&self->setup, rules, &error);

  for (gint i = 0; ok && self->setup.rules_files && self->setup.rules_files[i]; i++)
    ok = sip_rules_add_file(rules, self->setup.rules_files[i], &error);
  for (gint i = 0; ok && self->files[i]; i++)
    ok = sip_rules_add_file(rules, self->files[i], &error);
  if (ok)
    ok = sip_rules_compile(rules, !self->setup.no_jit, &error);
  self->setup.rules = rules;
  self->setup.scanner = sip_scanner_new();
  if (!ok)
    {
      _tell(self, LEVEL_ERROR, "%s", error->message);
      g_error_free(error);
    }
  return ok;
}

static void
_check_file(Check *self, const gchar *filename)
{
  guint samples = 0;
  guint rules = 0;
  guint errors = self->errors;
  guint warnings = self->warnings;

  SampleFaults faults = { self, filename };

  g_hash_table_remove_all(self->faulty);
  sip_rules_check_samples(self->setup.rules, self->setup.scanner, filename, _sample_fault, &faults, &samples);
  for (guint i = 0; i < self->setup.rules->rules->len; i++)
    {
      const SipRule *rule = g_ptr_array_index(self->setup.rules->rules, i);

      if (strcmp(rule->source, filename) != 0)
        continue;
      rules++;
      _check_rule_samples(self, rule);
      _check_shadow(self, rule);
      _check_anchors(self, rule);
      _check_cost(self, rule);
    }

  GString *out = g_string_new(NULL);
  tool_append_clean(out, sip_span_str(filename));
  g_string_append_printf(out, ": %u rule%s, %u sample%s, %u error%s, %u warning%s\n", rules, rules == 1 ? "" : "s",
                         samples, samples == 1 ? "" : "s", self->errors - errors, self->errors - errors == 1 ? "" : "s",
                         self->warnings - warnings, self->warnings - warnings == 1 ? "" : "s");
  fwrite(out->str, 1, out->len, stdout);
  g_string_free(out, TRUE);
}

static gint
_check(Check *self)
{
  gboolean clean = TRUE;

  for (gint i = 0; self->files[i]; i++)
    {
      if (!g_file_test(self->files[i], G_FILE_TEST_EXISTS))
        {
          tool_complain("%s: no such file", self->files[i]);
          return TOOL_TROUBLE;
        }
      if (!g_file_test(self->files[i], G_FILE_TEST_IS_REGULAR))
        {
          tool_complain("%s: not a regular file", self->files[i]);
          return TOOL_TROUBLE;
        }
      guint errors = self->errors;
      clean = _check_form(self, self->files[i]) && clean;
      if (!clean && self->errors == errors)
        return TOOL_TROUBLE;
    }
  if (!clean)
    return TOOL_FAULTS;
  self->faulty = g_hash_table_new(g_direct_hash, g_direct_equal);
  if (!_load_before(self))
    return TOOL_TROUBLE;
  if (!_load_all(self))
    return TOOL_FAULTS;

  for (gint i = 0; self->files[i]; i++)
    _check_file(self, self->files[i]);
  _check_builtin_samples(self);
  _check_stride(self);
  return self->errors || (self->strict && self->warnings) ? TOOL_FAULTS : TOOL_OK;
}

gint
tool_check(gint argc, gchar **argv)
{
  Check self = { 0 };
  gboolean verbose = FALSE;
  const GOptionEntry entries[] =
  {
    { "strict", 's', 0, G_OPTION_ARG_NONE, &self.strict, "Warnings are faults, too", NULL },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Notes as well: what each rule costs, anchors that others have, too", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.files, NULL, "RULEFILE..." },
    { NULL },
  };
  gint status = TOOL_TROUBLE;

  if (tool_parse_options(&argc, &argv, "- try rule files: samples, collisions, cost",
                         "The files are loaded over the built-in dialects (--dialects) and those of --rules-file. Their\n"
                         "samples must hold, the samples of the built-in dialects must give what they gave, and no\n"
                         "pattern may become slow on lines made for that.\n\n"
                         "Exit status: 0 no faults, 1 faults, 2 wrong usage or a file that cannot be read.",
                         entries, &self.setup))
    {
      self.quiet = !verbose;
      if (self.files && self.files[0])
        status = _check(&self);
      else
        tool_complain("which rule file? try `sip-status check --help'");
    }
  g_strfreev(self.files);
  if (self.faulty)
    g_hash_table_unref(self.faulty);
  sip_rules_unref(self.before);
  tool_setup_clear(&self.setup);
  return status;
}
