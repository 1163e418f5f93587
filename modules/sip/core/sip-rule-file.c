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

#include "sip-rule-file.h"
#include "sip-anchors.h"
#include "sip-message.h"

#include <stdlib.h>

#define MAX_PATTERN 4096
#define MAX_WINDOW 4096
#define MIN_WINDOW 64
#define DEFAULT_WINDOW 512
#define MAX_BEFORE 256
#define MAX_BEFORE_WORDS 16

static const gchar *const field_names[SIP_FIELD_MAX] =
{
  [SIP_FIELD_CODE] = "code",
  [SIP_FIELD_REASON] = "reason",
  [SIP_FIELD_METHOD] = "method",
  [SIP_FIELD_CALL_ID] = "call_id",
  [SIP_FIELD_PEER] = "peer",
  [SIP_FIELD_PEER_PORT] = "peer_port",
  [SIP_FIELD_USER] = "user",
  [SIP_FIELD_ENDPOINT] = "endpoint",
  [SIP_FIELD_CSEQ] = "cseq",
  [SIP_FIELD_USER_AGENT] = "user_agent",
  [SIP_FIELD_Q850] = "q850",
  [SIP_FIELD_REASON_CODE] = "reason_code",
  [SIP_FIELD_DIRECTION] = "direction",
  [SIP_FIELD_EVENT] = "event",
};

static const gchar *const rank_names[] =
{
  [SIP_RANK_CONTEXT] = "context",
  [SIP_RANK_EVENT] = "event",
  [SIP_RANK_PHRASE] = "phrase",
  [SIP_RANK_SENTENCE] = "sentence",
  [SIP_RANK_PAIR] = "pair",
  [SIP_RANK_STATUS_LINE] = "status-line",
  [SIP_RANK_ACCOUNTING] = "accounting",
};

static const gchar *const event_names[] =
{
  "no-response", "registration-timeout", "registration-failed", "registered", "unregistered", "unreachable",
  "reachable", "auth-failure", "auth-success", "auth-challenge", "acl-denied", "overload", "call-failed",
  "gateway-down", "gateway-up", "transport-error",
};

static const struct
{
  const gchar *name;
  const gchar *text;
} abbreviations[] =
{
  { "%{code}", "(?<code>[1-6][0-9]{2})(?![0-9])(?![.,][0-9])" },
  {
    "%{method}", "(?<method>INVITE|ACK|BYE|CANCEL|REGISTER|OPTIONS|PRACK|SUBSCRIBE|NOTIFY|PUBLISH|INFO|REFER|MESSAGE"
    "|UPDATE)(?![A-Za-z])"
  },
  /* what looks like an address; sip_address_parse() decides, a smaller pattern is a faster one */
  { "%{addr}", "(?<peer>[0-9A-Za-z\\[][0-9A-Za-z.:/_%\\[\\]-]{0,140})" },
  { "%{uri}", "(?<peer><?sips?:[^\\s<>\"',]{1,255}>?)" },
  { "%{callid}", "(?<call_id>[^\\s\"'<>;,)\\]}]{1,255})" },
  { "%{phrase}", "(?<reason>[^\\r\\n\\x1b]{1,128})" },
};

typedef struct _Reader
{
  const gchar *source;
  gboolean user;
  GPtrArray *rules;
  SipRule *rule;                /* the one being read */
  SipRuleSample *sample;        /* the match: that waits for its expect: */
  gint line;
  gsize key_column;             /* where the key or section of this line begins */
  guint seen;                   /* bits of the settings below that the rule has */
  GError **error;
} Reader;

enum
{
  SEEN_BEFORE = 1,
  SEEN_WINDOW = 2,
  SEEN_RANK = 4,
  SEEN_UNBOUNDED = 8,
  SEEN_CONTEXT = 16,
};

GQuark
sip_rules_error_quark(void)
{
  return g_quark_from_static_string("sip-rules-error");
}

const gchar *
sip_field_name(SipField field)
{
  return field_names[field];
}

gint
sip_field_by_name(const gchar *name, gsize len)
{
  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    {
      if (strlen(field_names[i]) == len && memcmp(field_names[i], name, len) == 0)
        return i;
    }
  return -1;
}

gboolean
sip_event_is_known(const gchar *name, gsize len)
{
  for (gsize i = 0; i < G_N_ELEMENTS(event_names); i++)
    {
      if (strlen(event_names[i]) == len && memcmp(event_names[i], name, len) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
_pattern_free(gpointer s)
{
  SipRulePattern *self = s;

  pcre2_code_free(self->code);
  g_free(self->written);
  g_free(self->text);
  g_free(self);
}

static void
_sample_free(gpointer s)
{
  SipRuleSample *self = s;

  g_free(self->program);
  g_string_free(self->text, TRUE);
  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    g_free(self->expect[i]);
  g_free(self);
}

static void
_anchor_clear(gpointer s)
{
  g_free(((SipRuleAnchor *) s)->text);
}

static void
_word_clear(gpointer s)
{
  g_free(((SipWord *) s)->text);
}

static GArray *
_words_new(void)
{
  GArray *words = g_array_new(FALSE, FALSE, sizeof(SipWord));

  g_array_set_clear_func(words, _word_clear);
  return words;
}

static SipRule *
_rule_new(const gchar *name, gsize len, const Reader *reader)
{
  SipRule *self = g_new0(SipRule, 1);

  self->name = g_strndup(name, len);
  self->source = g_strdup(reader->source);
  self->line = reader->line;
  self->user = reader->user;
  self->rank = SIP_RANK_SENTENCE;
  self->window = DEFAULT_WINDOW;
  self->context = TRUE;
  self->anchors = g_array_new(FALSE, FALSE, sizeof(SipRuleAnchor));
  g_array_set_clear_func(self->anchors, _anchor_clear);
  self->patterns = g_ptr_array_new_with_free_func(_pattern_free);
  self->require = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
  self->veto = _words_new();
  self->require_numbers = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
  self->veto_numbers = g_array_new(FALSE, FALSE, sizeof(guint16));
  self->samples = g_ptr_array_new_with_free_func(_sample_free);
  return self;
}

void
sip_rule_free(SipRule *self)
{
  g_free(self->name);
  g_free(self->product);
  g_free(self->source);
  g_array_unref(self->anchors);
  g_ptr_array_unref(self->patterns);
  g_ptr_array_unref(self->require);
  g_array_unref(self->veto);
  g_ptr_array_unref(self->require_numbers);
  g_array_unref(self->veto_numbers);
  g_ptr_array_unref(self->samples);
  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    g_free(self->fixed[i]);
  g_free(self);
}

static gboolean G_GNUC_PRINTF(3, 4)
_fail(const Reader *self, gsize column, const gchar *format, ...)
{
  va_list args;
  va_start(args, format);
  gchar *what = g_strdup_vprintf(format, args);
  va_end(args);

  g_set_error(self->error, SIP_RULES_ERROR, 0, "%s:%d:%d: %s", self->source, self->line, (gint) column + 1, what);
  g_free(what);
  return FALSE;
}

static gboolean
_fail_rule(const Reader *self, const gchar *what)
{
  g_set_error(self->error, SIP_RULES_ERROR, 0, "%s:%d:1: rule %s %s", self->source, self->rule->line,
              self->rule->name, what);
  return FALSE;
}

/* {n} {n,m} {n,} {,m}: what follows the repeat at p, NULL if that is none; blanks are allowed from PCRE2 10.43 on */
static const gchar *
_after_braces(const gchar *p, gboolean *unbounded)
{
  gboolean digits = FALSE;
  gboolean comma = FALSE;

  for (p++; *p && *p != '}'; p++)
    {
      if (g_ascii_isdigit(*p))
        digits = TRUE;
      else if (*p == ',' && !comma)
        {
          comma = TRUE;
          *unbounded = digits;
          digits = FALSE;
        }
      else if (*p != ' ' && *p != '\t')
        return NULL;
    }
  if (*p != '}' || !(digits || *unbounded))
    return NULL;
  *unbounded = comma && !digits;
  return p + 1;
}

/* (?R) (?1) (?+1) (?-1) (?&name) (?P>name): patterns that call themselves repeat without a bound as well */
static gboolean
_is_recursion(const gchar *p)
{
  if (p[0] != '(' || p[1] != '?')
    return FALSE;
  if (p[2] == 'R' || p[2] == '&' || g_ascii_isdigit(p[2]) || (p[2] == 'P' && p[3] == '>'))
    return TRUE;
  return (p[2] == '+' || p[2] == '-') && g_ascii_isdigit(p[3]);
}

static const gchar *
_after_class(const gchar *p)
{
  p++;
  if (*p == '^')
    p++;
  if (*p == ']')
    p++;
  for (; *p && *p != ']'; p++)
    {
      if (*p == '\\' && p[1])
        p++;
      else if (p[0] == '[' && p[1] == ':')
        {
          const gchar *end = strstr(p, ":]");

          if (end)
            p = end + 1;
        }
    }
  return *p ? p + 1 : p;
}

static const gchar *
_after(const gchar *p, const gchar *end)
{
  const gchar *found = strstr(p, end);

  return found ? found + strlen(end) : p + strlen(p);
}

/* where the first repeat without an upper bound stands, -1 if there is none */
static gint
_unbounded_repeat(const gchar *pattern)
{
  const gchar *p = pattern;
  gboolean repeated = FALSE;    /* what stands before p is a repeat, whose kind a + or ? sets */

  while (*p)
    {
      gboolean was_repeated = repeated;
      gboolean unbounded = FALSE;
      const gchar *next;

      repeated = FALSE;
      if (p[0] == '\\' && p[1] == 'Q')
        p = _after(p, "\\E");
      else if (p[0] == '\\' && p[1] == 'g' && (p[2] == '<' || p[2] == '\''))
        return (gint) (p - pattern);
      else if (p[0] == '\\' && p[1])
        p = p[2] == '{' && strchr("xpPogkN", p[1]) ? _after(p, "}") : p + 2;
      else if (p[0] == '[')
        p = _after_class(p);
      else if (g_str_has_prefix(p, "(?#"))
        p = _after(p, ")");
      else if (p[0] == '(' && p[1] == '*')
        {
          /* a verb such as (*COMMIT), or an assertion such as (*pla:...), which holds a pattern */
          gboolean assertion = g_ascii_islower(p[2]);

          for (p += 2; g_ascii_isalpha(*p) || *p == '_'; p++)
            ;
          if (!assertion || *p != ':')
            p = _after(p, ")");
        }
      else if (_is_recursion(p))
        return (gint) (p - pattern);
      else if (p[0] == '(' && p[1] == '?')
        p += 2;
      else if (p[0] == '{' && (next = _after_braces(p, &unbounded)))
        {
          if (unbounded)
            return (gint) (p - pattern);
          repeated = TRUE;
          p = next;
        }
      else if (p[0] == '?')
        {
          repeated = !was_repeated;
          p++;
        }
      else if (p[0] == '*' || (p[0] == '+' && !was_repeated))
        return (gint) (p - pattern);
      else
        p++;
    }
  return -1;
}

static gssize
_abbreviation_at(const gchar *text)
{
  for (gsize i = 0; i < G_N_ELEMENTS(abbreviations); i++)
    {
      if (g_str_has_prefix(text, abbreviations[i].name))
        return (gssize) i;
    }
  return -1;
}

static gchar *
_expand_abbreviations(const gchar *value)
{
  GString *result = g_string_new(NULL);

  while (*value)
    {
      gssize i = _abbreviation_at(value);

      if (i >= 0)
        {
          g_string_append(result, abbreviations[i].text);
          value += strlen(abbreviations[i].name);
        }
      else
        g_string_append_c(result, *value++);
    }
  return g_string_free(result, FALSE);
}

/* the place in the pattern as it is written that an offset in the expanded one comes from */
static gsize
_written_place(const gchar *written, gsize offset)
{
  const gchar *p = written;

  while (*p)
    {
      gssize i = _abbreviation_at(p);
      gsize expanded = i >= 0 ? strlen(abbreviations[i].text) : 1;

      if (offset < expanded)
        break;
      offset -= expanded;
      p += i >= 0 ? strlen(abbreviations[i].name) : 1;
    }
  return (gsize) (p - written);
}

static gboolean
_map_groups(const Reader *reader, SipRulePattern *self, gsize column)
{
  guint32 count = 0;
  guint32 entry_size = 0;
  PCRE2_SPTR table = NULL;

  pcre2_pattern_info(self->code, PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(self->code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
  pcre2_pattern_info(self->code, PCRE2_INFO_NAMETABLE, &table);

  for (guint32 i = 0; i < count; i++)
    {
      guint group = (guint) table[i * entry_size] << 8 | table[i * entry_size + 1];
      const gchar *name = (const gchar *) table + i * entry_size + 2;
      gint field = sip_field_by_name(name, strlen(name));

      if (group >= SIP_RULE_MAX_CAPTURES)
        return _fail(reader, column, "more than %d groups before `%s' in the pattern: write (?:...) for those without a "
                     "name", SIP_RULE_MAX_CAPTURES - 1, name);
      if (strcmp(name, "sent") == 0)
        self->sent_groups |= (guint64) 1 << group;
      else if (strcmp(name, "received") == 0)
        self->received_groups |= (guint64) 1 << group;
      else if (field < 0 || field == SIP_FIELD_DIRECTION || field == SIP_FIELD_EVENT)
        return _fail(reader, column, "unknown group `%s' in the pattern", name);
      else if (self->n_groups == SIP_RULE_MAX_GROUPS)
        return _fail(reader, column, "more than %d named groups in the pattern", SIP_RULE_MAX_GROUPS);
      else
        {
          self->groups[self->n_groups].group = (guint8) group;
          self->groups[self->n_groups++].field = (guint8) field;
        }
    }
  return TRUE;
}

static gboolean
_read_pattern(Reader *self, const gchar *value, gsize column)
{
  SipRulePattern *pattern = g_new0(SipRulePattern, 1);

  for (const gchar *p = strstr(value, "%{"); p; p = strstr(p + 2, "%{"))
    {
      if (g_ascii_isalpha(p[2]) && _abbreviation_at(p) < 0)
        {
          g_free(pattern);
          return _fail(self, column + (gsize) (p - value), "unknown abbreviation `%.16s'; known are %%{code} %%{method} "
                       "%%{addr} %%{uri} %%{callid} %%{phrase}", p);
        }
    }
  pattern->text = _expand_abbreviations(value);
  pattern->written = g_strdup(value);
  pattern->line = self->line;
  pattern->column = (gint) column;
  g_ptr_array_add(self->rule->patterns, pattern);
  return strlen(pattern->text) <= MAX_PATTERN
         || _fail(self, column, "the pattern is longer than %d bytes", MAX_PATTERN);
}

/* only when the whole rule is known: a pattern that starts at the anchor is compiled as such */
static gboolean
_compile_pattern(Reader *self, SipRulePattern *pattern)
{
  uint32_t options = PCRE2_DUPNAMES | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | (self->rule->before ? PCRE2_USE_OFFSET_LIMIT : PCRE2_ANCHORED);
  int error_code;
  PCRE2_SIZE offset;

  self->line = pattern->line;
  if (!self->rule->unbounded)
    {
      gint place = _unbounded_repeat(pattern->text);

      if (place >= 0)
        return _fail(self, (gsize) pattern->column + _written_place(pattern->written, (gsize) place),
                     "unbounded repeat in the pattern: write {0,64} or so");
    }

  pattern->code = pcre2_compile((PCRE2_SPTR) pattern->text, PCRE2_ZERO_TERMINATED, options, &error_code, &offset, NULL);
  if (!pattern->code)
    {
      PCRE2_UCHAR message[128];

      pcre2_get_error_message(error_code, message, sizeof(message));
      return _fail(self, (gsize) pattern->column + _written_place(pattern->written, offset),
                   "the pattern does not compile: %s", (gchar *) message);
    }
  return _map_groups(self, pattern, (gsize) pattern->column);
}

/* "code=[1-6][0-9]": takes the digit classes off the end, which stand for the digits of a status code */
static guint
_strip_digits(GString *text)
{
  static const gchar *const forms[] = { "[1-6][0-9][0-9]", "[1-6][0-9]", "[1-6]" };

  for (guint i = 0; i < G_N_ELEMENTS(forms); i++)
    {
      if (g_str_has_suffix(text->str, forms[i]))
        {
          g_string_truncate(text, text->len - strlen(forms[i]));
          return (guint) G_N_ELEMENTS(forms) - i;
        }
    }
  return 0;
}

/* `[4-6]' anywhere, `[45]' at the end; what a product may have printed (`[404]', `[4-6x]') is none */
static gboolean
_is_digit_class(const gchar *p)
{
  gboolean range = FALSE;
  gboolean ascends = TRUE;
  const gchar *first = p + 1 + (p[1] == '^');

  for (p = first; g_ascii_isdigit(*p) || (*p == '-' && p > first && g_ascii_isdigit(p[1])); p++)
    {
      range |= *p == '-';
      ascends &= p == first || *p > p[-1];
    }
  return *p == ']' && (range || (p > first + 1 && ascends && !p[1]));
}

/* Digits written in another way than those above would be looked for as they are written. -1 if there are none. */
static gint
_other_digits(const gchar *text)
{
  for (const gchar *p = text; *p; p++)
    {
      if ((*p == '[' && _is_digit_class(p)) || strcmp(p, "[[:digit:]]") == 0
          || (p[0] == '\\' && p[1] == 'd' && (!p[2] || p[2] == '{' || p[2] == '\\')))
        return (gint) (p - text);
    }
  return -1;
}

static gboolean
_read_anchor(Reader *self, const gchar *value, gsize column)
{
  gsize len = strlen(value);
  GString *text = g_string_new(NULL);
  SipRuleAnchor anchor;

  if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
    g_string_append_len(text, value + 1, (gssize) len - 2);
  else
    g_string_append(text, value);

  anchor.digits = _strip_digits(text);
  len = text->len;
  gint other = _other_digits(text->str);
  anchor.text = g_string_free(text, FALSE);
  g_array_append_val(self->rule->anchors, anchor);
  if (len < 2 || len + anchor.digits < SIP_ANCHOR_MIN_LENGTH || len + anchor.digits > SIP_ANCHOR_MAX_LENGTH)
    return _fail(self, column, "an anchor has %d to %d bytes, this one has %d", SIP_ANCHOR_MIN_LENGTH,
                 SIP_ANCHOR_MAX_LENGTH, (gint) (len + anchor.digits));
  if (other >= 0)
    return _fail(self, column + (gsize) other + (value[0] == '"' && value[strlen(value) - 1] == '"'),
                 "an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end");
  return TRUE;
}

static gboolean
_read_words(Reader *self, const gchar *value, GArray *words, gsize column)
{
  gchar **parts = g_strsplit(value, " | ", -1);
  gboolean ok = TRUE;

  for (gchar **part = parts; *part && ok; part++)
    {
      gchar *text = g_strstrip(*part);
      SipWord word = { 0 };
      word.exact = text[0] == '=' && text[1];
      if (word.exact)
        text++;
      gsize len = strlen(text);

      word.open_start = len > 1 && text[0] == '*';
      word.open_end = len > 1 && text[len - 1] == '*';
      if (word.open_start)
        {
          text++;
          len--;
        }
      if (word.open_end)
        len--;
      if (len < SIP_WORD_MIN_LENGTH)
        ok = _fail(self, column, "a word has at least %d bytes, `%s' has %d", SIP_WORD_MIN_LENGTH, text, (gint) len);
      else
        {
          word.text = word.exact ? g_strndup(text, len) : g_ascii_strdown(text, (gssize) len);
          word.len = len;
          g_array_append_val(words, word);
        }
    }
  g_strfreev(parts);
  return ok;
}

static gboolean
_read_number(Reader *self, const gchar *value, guint lowest, guint highest, guint *number, gsize column)
{
  gchar *end;
  gulong n = strtoul(value, &end, 10);

  if (!g_ascii_isdigit(value[0]) || *end || n < lowest || n > highest)
    return _fail(self, column, "`%s' is not a number from %u to %u", value, lowest, highest);
  *number = (guint) n;
  return TRUE;
}

/* bytes, or `4 words' */
static gboolean
_read_before(Reader *self, const gchar *value, gsize column)
{
  const gchar *blank = strchr(value, ' ');

  if (!blank || (strcmp(blank, " words") != 0 && strcmp(blank, " word") != 0))
    return _read_number(self, value, 0, MAX_BEFORE, &self->rule->before, column);

  gchar *number = g_strndup(value, (gsize) (blank - value));
  gboolean ok = _read_number(self, number, 1, MAX_BEFORE_WORDS, &self->rule->before_words, column);
  g_free(number);
  self->rule->before = MAX_BEFORE;
  return ok;
}

static gboolean
_read_yes_or_no(Reader *self, const gchar *key, const gchar *value, gboolean *is_yes, gsize column)
{
  *is_yes = strcmp(value, "yes") == 0;
  return *is_yes || strcmp(value, "no") == 0 || _fail(self, column, "`%s' is `yes' or `no'", key);
}

static gboolean
_read_rank(Reader *self, const gchar *value, gsize column)
{
  for (gsize i = 0; i < G_N_ELEMENTS(rank_names); i++)
    {
      if (strcmp(rank_names[i], value) == 0)
        {
          self->rule->rank = (SipRank) i;
          return TRUE;
        }
    }
  return _fail(self, column, "unknown rank `%s'", value);
}

static gboolean
_read_fixed(Reader *self, SipField field, const gchar *value, gsize column)
{
  guint code = 0;

  switch (field)
    {
    case SIP_FIELD_CODE:
      if (!_read_number(self, value, 100, 699, &code, column))
        return FALSE;
      self->rule->fixed_code = (gint) code;
      break;
    case SIP_FIELD_METHOD:
      if (!sip_method_canonical(sip_span_str(value)))
        return _fail(self, column, "`%s' is not a SIP method", value);
      break;
    case SIP_FIELD_DIRECTION:
      if (strcmp(value, "sent") != 0 && strcmp(value, "received") != 0)
        return _fail(self, column, "direction is `sent' or `received', not `%s'", value);
      break;
    case SIP_FIELD_EVENT:
      if (!sip_event_is_known(value, strlen(value)))
        return _fail(self, column, "unknown event `%s'", value);
      break;
    default:
      break;
    }
  self->rule->fixed[field] = g_strdup(value);
  return TRUE;
}

static gboolean
_unescape(Reader *self, const gchar *value, GString *text, gsize column)
{
  for (const gchar *p = value; *p; p++)
    {
      if (*p != '\\')
        {
          g_string_append_c(text, *p);
          continue;
        }
      p++;
      switch (*p)
        {
        case 'n':
          g_string_append_c(text, '\n');
          break;
        case 'r':
          g_string_append_c(text, '\r');
          break;
        case 't':
          g_string_append_c(text, '\t');
          break;
        case 'e':
          g_string_append_c(text, '\033');
          break;
        case '\\':
          g_string_append_c(text, '\\');
          break;
        case 'x':
          if (g_ascii_isxdigit(p[1]) && g_ascii_isxdigit(p[2]))
            {
              g_string_append_c(text, (gchar) (g_ascii_xdigit_value(p[1]) * 16 + g_ascii_xdigit_value(p[2])));
              p += 2;
              break;
            }
        /* fall through */
        default:
          return _fail(self, column + (gsize) (p - value), "unknown escape; known are \\n \\r \\t \\e \\\\ \\xHH");
        }
    }
  return TRUE;
}

static gboolean
_read_sample(Reader *self, gboolean match, const gchar *program, const gchar *value, gsize column)
{
  SipRuleSample *sample = g_new0(SipRuleSample, 1);

  sample->match = match;
  sample->program = g_strdup(program);
  sample->text = g_string_new(NULL);
  sample->line = self->line;
  g_ptr_array_add(self->rule->samples, sample);
  self->sample = match ? sample : NULL;
  return _unescape(self, value, sample->text, column);
}

static gboolean
_read_expect(Reader *self, const gchar *value, gsize column)
{
  const gchar *p = value;

  if (!self->sample)
    return _fail(self, self->key_column, "`expect' without a `match' before it");
  self->sample->has_expect = TRUE;

  while (*p)
    {
      const gchar *name = p;
      gint field;
      GString *text;

      while (*p && *p != '=' && *p != ' ')
        p++;
      field = sip_field_by_name(name, (gsize) (p - name));
      if (*p != '=' || field < 0)
        return _fail(self, column + (gsize) (name - value), "expected a known name and `='; a value with blanks stands in "
                     "double quotes");
      p++;
      text = g_string_new(NULL);
      if (*p == '"')
        {
          for (p++; *p && *p != '"'; p++)
            {
              if (*p == '\\' && p[1])
                p++;
              g_string_append_c(text, *p);
            }
          if (*p != '"')
            {
              g_string_free(text, TRUE);
              return _fail(self, column + (gsize) (name - value), "no closing quote");
            }
          p++;
        }
      else
        {
          for (; *p && *p != ' '; p++)
            g_string_append_c(text, *p);
        }
      g_free(self->sample->expect[field]);
      self->sample->expect[field] = g_string_free(text, FALSE);
      while (*p == ' ')
        p++;
    }
  self->sample = NULL;
  return TRUE;
}

static gboolean
_read_once(Reader *self, const gchar *key, gboolean was_there)
{
  return !was_there || _fail(self, self->key_column, "`%s' may stand only once in a rule", key);
}

static gboolean
_read_seen(Reader *self, const gchar *key, guint bit)
{
  gboolean was_there = (self->seen & bit) != 0;

  self->seen |= bit;
  return _read_once(self, key, was_there);
}

static gboolean
_read_setting(Reader *self, const gchar *key, const gchar *argument, const gchar *value, gsize column)
{
  SipRule *rule = self->rule;
  gint field;

  if (argument && strcmp(key, "match") != 0 && strcmp(key, "nomatch") != 0)
    return _fail(self, self->key_column, "`%s' takes no program in brackets", key);
  if (self->sample && strcmp(key, "expect") != 0)
    return _fail(self, self->key_column, "`match' must be followed by `expect'");

  if (strcmp(key, "match") == 0)
    return _read_sample(self, TRUE, argument, value, column);
  if (strcmp(key, "nomatch") == 0)
    return _read_sample(self, FALSE, argument, value, column);
  if (strcmp(key, "expect") == 0)
    return _read_expect(self, value, column);
  if (!value[0])
    return _fail(self, column, "`%s' without a value", key);

  if (strcmp(key, "anchor") == 0)
    return _read_anchor(self, value, column);
  if (strcmp(key, "pattern") == 0)
    return _read_pattern(self, value, column);
  if (strcmp(key, "before") == 0)
    return _read_seen(self, key, SEEN_BEFORE) && _read_before(self, value, column);
  if (strcmp(key, "window") == 0)
    return _read_seen(self, key, SEEN_WINDOW)
           && _read_number(self, value, MIN_WINDOW, MAX_WINDOW, &rule->window, column);
  if (strcmp(key, "require") == 0)
    {
      GArray *words = _words_new();

      g_ptr_array_add(rule->require, words);
      return _read_words(self, value, words, column);
    }
  if (strcmp(key, "veto") == 0)
    return _read_words(self, value, rule->veto, column);
  if (strcmp(key, "rank") == 0)
    return _read_seen(self, key, SEEN_RANK) && _read_rank(self, value, column);
  if (strcmp(key, "product") == 0)
    {
      if (!_read_once(self, key, rule->product != NULL))
        return FALSE;
      rule->product = g_strdup(value);
      return TRUE;
    }
  if (strcmp(key, "context") == 0)
    return _read_seen(self, key, SEEN_CONTEXT) && _read_yes_or_no(self, key, value, &rule->context, column);
  if (strcmp(key, "unbounded") == 0)
    {
      if (!self->user)
        return _fail(self, self->key_column, "`unbounded' is for user files");
      return _read_seen(self, key, SEEN_UNBOUNDED) && _read_yes_or_no(self, key, value, &rule->unbounded, column);
    }

  field = sip_field_by_name(key, strlen(key));
  if (field == SIP_FIELD_CODE || field == SIP_FIELD_REASON || field == SIP_FIELD_METHOD
      || field == SIP_FIELD_DIRECTION || field == SIP_FIELD_EVENT)
    return _read_once(self, key, rule->fixed[field] != NULL) && _read_fixed(self, (SipField) field, value, column);
  return _fail(self, self->key_column, "unknown key `%s'", key);
}

static gboolean
_has_group(const SipRule *rule, SipField field)
{
  for (guint i = 0; i < rule->patterns->len; i++)
    {
      const SipRulePattern *pattern = g_ptr_array_index(rule->patterns, i);

      for (guint j = 0; j < pattern->n_groups; j++)
        {
          if (pattern->groups[j].field == field)
            return TRUE;
        }
    }
  return FALSE;
}

static gboolean
_check_samples(const Reader *self)
{
  gboolean any = FALSE;

  for (guint i = 0; i < self->rule->samples->len; i++)
    {
      const SipRuleSample *sample = g_ptr_array_index(self->rule->samples, i);

      if (!sample->match)
        continue;
      any = TRUE;
      if (!sample->has_expect || (self->rule->rank != SIP_RANK_CONTEXT && !sample->expect[SIP_FIELD_CODE]
                                  && !sample->expect[SIP_FIELD_EVENT]))
        {
          g_set_error(self->error, SIP_RULES_ERROR, 0, "%s:%d:1: `expect' must name code or event", self->source,
                      sample->line);
          return FALSE;
        }
    }
  /* the built-in rules are embedded without their samples */
  return any || !self->user || _fail_rule(self, "has no `match' sample");
}

static gboolean
_finish_rule(Reader *self)
{
  SipRule *rule = self->rule;
  gint line = self->line;

  if (!rule)
    return TRUE;
  if (self->sample)
    return _fail_rule(self, "ends with a `match' without `expect'");
  if (!rule->anchors->len)
    return _fail_rule(self, "has no `anchor'");
  if (!rule->patterns->len)
    return _fail_rule(self, "has no `pattern'");
  for (guint i = 0; i < rule->patterns->len; i++)
    {
      if (!_compile_pattern(self, g_ptr_array_index(rule->patterns, i)))
        return FALSE;
    }
  if (rule->rank == SIP_RANK_EVENT)
    {
      if (!rule->fixed[SIP_FIELD_EVENT])
        return _fail_rule(self, "has rank `event' but no `event'");
      if (rule->fixed_code || _has_group(rule, SIP_FIELD_CODE))
        return _fail_rule(self, "has rank `event' and a code");
    }
  else if (rule->rank != SIP_RANK_CONTEXT && !rule->fixed_code && !_has_group(rule, SIP_FIELD_CODE))
    return _fail_rule(self, "names no status: the pattern has no group `code' and there is no `code' setting");
  if (!_check_samples(self))
    return FALSE;

  for (guint i = 0; i < SIP_FIELD_MAX; i++)
    {
      if (rule->fixed[i] || _has_group(rule, (SipField) i))
        rule->fields |= 1u << i;
      if (rule->fixed[i] && i != SIP_FIELD_CODE)
        rule->fixed_fields |= 1u << i;
    }
  for (guint i = 0; i < rule->patterns->len; i++)
    {
      const SipRulePattern *pattern = g_ptr_array_index(rule->patterns, i);

      if (pattern->sent_groups || pattern->received_groups)
        rule->fields |= 1u << SIP_FIELD_DIRECTION;
    }
  rule->anchor_length = SIP_ANCHOR_MAX_LENGTH;
  for (guint i = 0; i < rule->anchors->len; i++)
    {
      const SipRuleAnchor *anchor = &g_array_index(rule->anchors, SipRuleAnchor, i);

      rule->anchor_length = MIN(rule->anchor_length, (guint) strlen(anchor->text) + anchor->digits);
    }
  self->rule = NULL;
  self->line = line;
  return TRUE;
}

static gboolean
_read_section(Reader *self, const gchar *line)
{
  static const gchar prefix[] = "[rule ";
  gsize len = strlen(line);
  const gchar *name = line + strlen(prefix);
  gsize name_len;

  if (!g_str_has_prefix(line, prefix) || line[len - 1] != ']')
    return _fail(self, self->key_column, "expected `[rule NAME]'");
  name_len = len - strlen(prefix) - 1;
  if (!name_len || name_len > 128)
    return _fail(self, self->key_column + strlen(prefix), "the name of a rule has 1 to 128 bytes");
  for (gsize i = 0; i < name_len; i++)
    {
      if (!g_ascii_islower(name[i]) && !g_ascii_isdigit(name[i]) && name[i] != '.' && name[i] != '-')
        return _fail(self, self->key_column + strlen(prefix) + i, "a rule's name has lower-case letters, digits, `.' and `-'");
    }
  if (!_finish_rule(self))
    return FALSE;
  self->rule = _rule_new(name, name_len, self);
  self->seen = 0;
  g_ptr_array_add(self->rules, self->rule);
  return TRUE;
}

static gboolean
_read_line(Reader *self, gchar *line)
{
  gchar *start = line;
  gchar *colon;
  gchar *argument = NULL;

  g_strchomp(line);
  while (*start == ' ' || *start == '\t')
    start++;
  self->key_column = (gsize) (start - line);
  if (!*start || *start == '#')
    return TRUE;
  if (*start == '[')
    return _read_section(self, start);
  if (!self->rule)
    return _fail(self, self->key_column, "a setting before the first `[rule NAME]'");

  gchar *key_end = start;
  while (g_ascii_islower(*key_end) || *key_end == '_')
    key_end++;
  colon = key_end;
  if (*key_end == '(')
    {
      argument = key_end + 1;
      colon = strchr(argument, ')');
      if (!colon)
        return _fail(self, (gsize) (key_end - line), "no closing bracket");
      *colon++ = '\0';
    }
  if (*colon != ':' || key_end == start)
    return _fail(self, self->key_column, "expected `key: value'");
  *key_end = '\0';

  gchar *value = colon + 1;
  while (*value == ' ' || *value == '\t')
    value++;
  return _read_setting(self, start, argument, value, (gsize) (value - line));
}

gboolean
sip_rule_file_parse(const gchar *source, const gchar *text, gsize len, gboolean user, GPtrArray *rules, GError **error)
{
  Reader self = { .source = source, .user = user, .rules = rules, .error = error };
  const gchar *end = text + len;

  if (len > SIP_RULE_FILE_MAX)
    {
      self.line = 1;
      return _fail(&self, 0, "the file is larger than %d bytes", SIP_RULE_FILE_MAX);
    }
  /* editors of another system begin UTF-8 with a mark */
  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
    text += 3;
  while (text < end)
    {
      const gchar *newline = memchr(text, '\n', (gsize) (end - text));
      gsize line_len = (gsize) ((newline ? newline : end) - text);
      const gchar *nul = memchr(text, '\0', line_len);
      const gchar *valid;
      gboolean ok;

      self.line++;
      if (nul)
        return _fail(&self, (gsize) (nul - text), "NUL byte");
      if (!g_utf8_validate(text, (gssize) line_len, &valid))
        return _fail(&self, (gsize) (valid - text), "not valid UTF-8 (\\xHH writes any byte)");
      gchar *line = g_strndup(text, line_len);
      ok = _read_line(&self, line);
      g_free(line);
      if (!ok)
        return FALSE;
      text += line_len + 1;
    }
  return _finish_rule(&self);
}
