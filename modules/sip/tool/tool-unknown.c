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
#define _GNU_SOURCE             /* memrchr() */
#endif

#include "tool.h"
#include "sip-message.h"
#include "sip-rules-private.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_TOP 20
#define MAX_SHAPES 50000
#define MAX_SHAPE 240

/*
 * Which records speak SIP: those on which a word begins with sip (sip:, SIP/2.0, chan_sip, SipResponse; not sipping), or on
 * which one of these words stands, no letter on either side, methods in capitals.
 */
static const struct
{
  const gchar *word;
  gboolean exact;
} sip_words[] =
{
  { "pjsip", FALSE }, { "sofia", FALSE }, { "call-id", FALSE }, { "callid", FALSE },
  { "call_id", FALSE }, { "cseq", FALSE }, { "INVITE", TRUE }, { "REGISTER", TRUE }, { "SUBSCRIBE", TRUE },
  { "PUBLISH", TRUE }, { "PRACK", TRUE }, { "CANCEL", TRUE },
};

typedef enum
{
  KIND_STATUS,
  KIND_EVENT,
  KIND_REQUEST,                 /* the start line of a request stands on it */
  KIND_PART,                    /* the banner, a header or the body of a traced message, alone on its line */
  KIND_UNKNOWN,
  KIND_MAX
} Kind;

typedef struct _Shape
{
  guint64 count;
  gboolean number;              /* some record of it has a number that could be a status */
  const gchar *file;
  guint64 line;
  gchar *example;
} Shape;

typedef struct _Unknown
{
  ToolSetup setup;
  SipRules *banners;            /* context rules, as rules that find something */
  SipAnchors *words;
  gboolean no_mask;
  gint top;
  gint fail_under;
  guint64 kinds[KIND_MAX];
  guint64 silent;               /* records that do not speak SIP */
  GHashTable *shapes;           /* text -> Shape * */
  GHashTable *files;            /* names, kept */
  guint64 left_out;
  GString *shape;
} Unknown;

/* --- does it speak SIP? --- */

static gboolean
_stands_alone(SipSpan text, gsize where, gsize len)
{
  if (where > 0 && g_ascii_isalpha(text.ptr[where - 1]))
    return FALSE;
  return where + len >= text.len || !g_ascii_isalpha(text.ptr[where + len]);
}

typedef struct _WordSearch
{
  SipSpan text;
  gboolean found;
} WordSearch;

static gboolean
_word_found(guint anchor, gsize where, gpointer user_data)
{
  WordSearch *self = user_data;
  const gchar *word = sip_words[anchor].word;
  gsize len = strlen(word);

  if (sip_words[anchor].exact && memcmp(self->text.ptr + where, word, len) != 0)
    return TRUE;
  self->found = _stands_alone(self->text, where, len);
  return !self->found;
}

/* what English has of such words */
static gboolean
_is_drink(SipSpan word)
{
  static const gchar *const words[] = { "sipping", "sipped", "sipper", "siphon" };

  for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
    {
      if (word.len >= strlen(words[i]) && g_ascii_strncasecmp(word.ptr, words[i], strlen(words[i])) == 0)
        return TRUE;
    }
  return FALSE;
}

/* a word that begins with `sip', too short for the search of literals */
static gboolean
_says_sip(SipSpan text)
{
  for (gsize i = 0; i + 3 <= text.len; i++)
    {
      if ((text.ptr[i + 1] | 0x20) == 'i' && (text.ptr[i] | 0x20) == 's' && (text.ptr[i + 2] | 0x20) == 'p'
          && (i == 0 || !g_ascii_isalpha(text.ptr[i - 1])) && !_is_drink(sip_span(text.ptr + i, text.len - i)))
        return TRUE;
    }
  return FALSE;
}

static gboolean
_speaks_sip(const Unknown *self, SipSpan text)
{
  WordSearch search = { .text = text };

  if (_says_sip(text))
    return TRUE;
  sip_anchors_search(self->words, text.ptr, text.len, _word_found, &search);
  return search.found;
}

/* --- is it known to be no status? --- */

/* METHOD uri SIP/2.0 */
static gboolean
_is_request(SipSpan text)
{
  for (gsize i = 0; i + 7 <= text.len; i++)
    {
      SipStartLines lines = { .n = 0 };

      if (text.ptr[i] != 'S' || memcmp(text.ptr + i, "SIP/2.0", 7) != 0)
        continue;
      sip_message_add_version(&lines, text, i);
      if (lines.n && lines.line[0].kind == SIP_START_REQUEST_LINE)
        return TRUE;
    }
  return FALSE;
}

/* a header of RFC 3261, alone on its line */
static gboolean
_is_header(SipSpan text)
{
  static const gchar *const names[] =
  {
    "Via", "Record-Route", "Route", "From", "To", "Contact", "Call-ID", "CSeq", "Content-Type", "Authorization",
    "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "P-Asserted-Identity", "Remote-Party-ID",
    "Refer-To", "Referred-By", "Diversion", "Reason", "Allow", "Supported", "Event",
  };

  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    {
      gsize len = strlen(names[i]);

      if (text.len > len && text.ptr[len] == ':' && g_ascii_strncasecmp(text.ptr, names[i], len) == 0)
        return TRUE;
    }
  return FALSE;
}

static Kind
_kind_of(Unknown *self, const ToolRecord *record)
{
  SipScanResult result;

  if (tool_scan_record(&self->setup, record, &result))
    return result.code ? KIND_STATUS : KIND_EVENT;
  if (_is_request(record->text))
    return KIND_REQUEST;
  if (_is_header(record->text)
      || sip_scan(self->banners, self->setup.scanner, record->program, record->text, &result))
    return KIND_PART;
  return KIND_UNKNOWN;
}

/* The rules of rank `context' find no status; here, what they match is known all the same. */
static SipRules *
_load_banners(const ToolSetup *setup)
{
  SipRules *rules = sip_rules_new();

  /* they were read without a fault before */
  tool_setup_add_dialects(setup, rules, NULL);
  for (gint i = 0; setup->rules_files && setup->rules_files[i]; i++)
    sip_rules_add_file(rules, setup->rules_files[i], NULL);
  for (guint i = rules->rules->len; i > 0; i--)
    {
      SipRule *rule = g_ptr_array_index(rules->rules, i - 1);

      if (rule->rank != SIP_RANK_CONTEXT)
        {
          g_ptr_array_remove_index(rules->rules, i - 1);
          continue;
        }
      rule->rank = SIP_RANK_EVENT;
      g_free(rule->fixed[SIP_FIELD_EVENT]);
      rule->fixed[SIP_FIELD_EVENT] = g_strdup("banner");
    }
  sip_rules_compile(rules, !setup->no_jit, NULL);
  return rules;
}

/* --- shapes --- */

static inline gboolean
_is_word_char(gchar c)
{
  return g_ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || (guchar) c >= 0x80;
}

static gboolean
_is_one_of(SipSpan word, const gchar *const *words)
{
  for (; *words; words++)
    {
      if (strlen(*words) == word.len && g_ascii_strncasecmp(word.ptr, *words, word.len) == 0)
        return TRUE;
    }
  return FALSE;
}

/* what is followed by a name of somebody or something */
static const gchar *const naming[] =
{
  "user", "username", "peer", "endpoint", "account", "aor", "extension", "exten", "caller", "callee", "callerid",
  "authname", "login", "contact", "gateway", "trunk", "registrar", "realm", "domain", "host", "hostname", "server",
  "from", "to", "by", "for", "subscriber", "identity", "agent", "queue", "mailbox", "channel", "name", NULL
};

/* and is no name */
static const gchar *const plain_words[] =
{
  "is", "was", "has", "had", "not", "no", "in", "on", "at", "to", "from", "for", "with", "without", "of", "and", "or",
  "the", "a", "an", "this", "that", "now", "does", "did", "failed", "failure", "agent", "name", "id", "address", "port",
  "we", "our", "it", "by", "could", "cannot", "rejected", "lost", "down", "up", "registered", "unregistered",
  "unreachable", "reachable", "registration", "call", "request", "response", "message", "user", "peer", "endpoint",
  "invalid", "unknown", "timeout", "timed", "expired", "server", "host", "SIP", "INVITE", "REGISTER", "OPTIONS", "BYE",
  "CANCEL", "ACK", "SUBSCRIBE", "NOTIFY", "REFER", "PUBLISH", "MESSAGE", "INFO", "UPDATE", "PRACK",
  "handle", "create", "send", "find", "connect", "register", "get", "set", "be", "parse", "open", "read", "write", "use",
  "bridge", "transfer", "dial", "resolve", "authenticate", "reach", "match", "start", "stop", "route", "add", "remove",
  "channel", "dialog", "transaction", "new", "incoming", "outgoing", "missing", "bad", "wrong", "all", "any", "each", NULL
};

static const gchar *const file_ends[] = { "c", "h", "cpp", "cc", "lua", "py", "js", "xml", "conf", "cfg", NULL };

/* chan_sip.c, but not a host name or an address */
static gboolean
_is_source_file(SipSpan word)
{
  const gchar *dot = memrchr(word.ptr, '.', word.len);

  return dot && _is_one_of(sip_span(dot + 1, (gsize) (word.ptr + word.len - dot - 1)), file_ends);
}

static gboolean
_has_digit(SipSpan word)
{
  for (gsize i = 0; i < word.len; i++)
    {
      if (g_ascii_isdigit(word.ptr[i]))
        return TRUE;
    }
  return FALSE;
}

static gboolean
_is_number(SipSpan word)
{
  for (gsize i = 0; i < word.len; i++)
    {
      if (!g_ascii_isdigit(word.ptr[i]))
        return FALSE;
    }
  return word.len > 0;
}

/* a.b.c: an address, a host name, or with digits only a decimal number */
static const gchar *
_dotted(SipSpan word)
{
  guint dots = 0;
  gboolean digits = TRUE;

  for (gsize i = 0; i < word.len; i++)
    {
      dots += word.ptr[i] == '.';
      digits = digits && (g_ascii_isdigit(word.ptr[i]) || word.ptr[i] == '.');
    }
  if (!dots)
    return NULL;
  return digits ? (dots == 3 ? "ADDR" : "N") : "HOST";
}

/* a number from 100 to 699 that stands as one: what a status would look like */
static gboolean
_could_be_code(SipSpan text, SipSpan word)
{
  static const gchar *const units[] = { " bytes", " byte ", " ms", " sec", " hosts", " ports" };
  gsize end = (gsize) (word.ptr + word.len - text.ptr);

  if (word.len != 3 || word.ptr[0] < '1' || word.ptr[0] > '6' || !_is_number(word))
    return FALSE;
  /* chan_sip.c:486, 192.0.2.1:486, but not "code":486 */
  if (word.ptr > text.ptr && word.ptr[-1] == '@')
    return FALSE;
  if (word.ptr > text.ptr + 2 && word.ptr[-1] == ':'
      && (g_ascii_isdigit(word.ptr[-2]) || word.ptr[-2] == ']' || word.ptr[-3] == '.'))
    return FALSE;
  /* VERBOSE[486], tid[404] */
  if (word.ptr > text.ptr + 1 && word.ptr[-1] == '[' && g_ascii_isalpha(word.ptr[-2]))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
    {
      if (text.len - end > strlen(units[i]) && g_ascii_strncasecmp(text.ptr + end, units[i], strlen(units[i])) == 0)
        return FALSE;
    }
  return end >= text.len || text.ptr[end] != ':' || end + 1 >= text.len || !g_ascii_isdigit(text.ptr[end + 1]);
}

static const gchar *
_mask_of(SipSpan text, SipSpan word, SipSpan before, gboolean *number)
{
  const gchar *dotted;

  /* versions that are no secret */
  if (sip_span_eq(word, "2.0") || sip_span_eq(word, "Q.850"))
    return NULL;
  if (_is_source_file(word))
    return NULL;
  if (_could_be_code(text, word))
    {
      *number = TRUE;
      return "NNN";
    }
  dotted = _dotted(word);
  if (dotted)
    return dotted;
  if (_is_number(word))
    return "N";
  if (_has_digit(word))
    return "X";
  if (before.ptr && _is_one_of(before, naming) && !_is_one_of(word, plain_words))
    return "NAME";
  return NULL;
}

/* whether what ends at p is sip: or sips:, so that a URI follows */
static gboolean
_after_scheme(SipSpan text, gsize p)
{
  return (p >= 4 && g_ascii_strncasecmp(text.ptr + p - 4, "sip:", 4) == 0)
         || (p >= 5 && g_ascii_strncasecmp(text.ptr + p - 5, "sips:", 5) == 0);
}

/* the name of a member of a JSON object: "event": */
static gboolean
_is_key(SipSpan text, gsize from, const gchar *close)
{
  if (text.ptr[from - 1] != '"' || close + 1 >= text.ptr + text.len || close[1] != ':' || close == text.ptr + from)
    return FALSE;
  for (const gchar *p = text.ptr + from; p < close; p++)
    {
      if (!g_ascii_isalpha(*p) && *p != '_')
        return FALSE;
    }
  return TRUE;
}

/*
 * The record with everything masked that differs from call to call and might name somebody: numbers, addresses, hosts,
 * URIs, quoted text, identifiers with digits, names behind words such as `user'.  Only the first line of a dump.
 */
static void
_make_shape(SipSpan text, GString *shape, gboolean *number)
{
  SipSpan before = SIP_SPAN_NONE;
  gsize i = 0;

  g_string_truncate(shape, 0);
  while (i < text.len && shape->len < MAX_SHAPE && text.ptr[i] != '\n')
    {
      gchar c = text.ptr[i];

      if (c == '"' || (c == '\'' && (i == 0 || !g_ascii_isalnum(text.ptr[i - 1]))))
        {
          const gchar *close = memchr(text.ptr + i + 1, c, MIN(text.len - i - 1, 256));

          if (close && _is_key(text, i + 1, close))
            {
              tool_append_clean(shape, sip_span(text.ptr + i, (gsize) (close + 1 - text.ptr) - i));
              i = (gsize) (close + 1 - text.ptr);
              before = SIP_SPAN_NONE;
              continue;
            }
          if (close)
            {
              g_string_append_printf(shape, "%c%s%c", c, close > text.ptr + i + 1 ? "..." : "", c);
              i = (gsize) (close + 1 - text.ptr);
              before = SIP_SPAN_NONE;
              continue;
            }
        }
      if (_after_scheme(text, i) && c > ' ' && c != '/')
        {
          g_string_append(shape, "URI");
          while (i < text.len && (guchar) text.ptr[i] > ' ' && !strchr("<>\"',;)", text.ptr[i]))
            i++;
          continue;
        }
      if (!_is_word_char(c))
        {
          /* blanks in a row count as one */
          if (c != ' ' || !shape->len || shape->str[shape->len - 1] != ' ')
            tool_append_clean(shape, sip_span(&c, 1));
          if (c != ' ' && c != ':' && c != '=' && c != '<' && c != '[' && c != '(' && c != '/')
            before = SIP_SPAN_NONE;
          i++;
          continue;
        }

      SipSpan word = sip_span(text.ptr + i, 0);
      while (i + word.len < text.len && _is_word_char(text.ptr[i + word.len]))
        word.len++;
      gsize len = word.len;
      /* a full stop is no part of it */
      while (word.len > 1 && (word.ptr[word.len - 1] == '.' || word.ptr[word.len - 1] == '-'))
        word.len--;

      gboolean user_of = i + len < text.len && text.ptr[i + len] == '@';
      gboolean at = i > 0 && text.ptr[i - 1] == '@';
      const gchar *mask = user_of ? "USER" : at && !_is_number(word) ? "HOST" : _mask_of(text, word, before, number);

      if (mask)
        g_string_append(shape, mask);
      else
        tool_append_clean(shape, word);
      g_string_append_len(shape, word.ptr + word.len, (gssize) (len - word.len));
      before = word;
      i += len;
    }
}

static const gchar *
_keep_name(Unknown *self, const gchar *filename)
{
  const gchar *kept = g_hash_table_lookup(self->files, filename);

  if (!kept)
    {
      gchar *copy = g_strdup(filename);

      g_hash_table_insert(self->files, copy, copy);
      kept = copy;
    }
  return kept;
}

static void
_note_shape(Unknown *self, const gchar *filename, const ToolRecord *record)
{
  gboolean number = FALSE;
  Shape *shape;

  _make_shape(record->text, self->shape, &number);
  shape = g_hash_table_lookup(self->shapes, self->shape->str);
  if (!shape)
    {
      if (g_hash_table_size(self->shapes) >= MAX_SHAPES)
        {
          self->left_out++;
          return;
        }
      shape = g_new0(Shape, 1);
      shape->file = _keep_name(self, filename);
      shape->line = record->line;
      if (self->no_mask)
        shape->example = g_strndup(record->text.ptr, MIN(record->text.len, 1024));
      g_hash_table_insert(self->shapes, g_strdup(self->shape->str), shape);
    }
  shape->count++;
  shape->number |= number;
}

static void
_shape_free(gpointer s)
{
  g_free(((Shape *) s)->example);
  g_free(s);
}

/* --- the command --- */

static void
_record(const gchar *filename, const ToolRecord *record, gpointer user_data)
{
  Unknown *self = user_data;
  Kind kind;

  if (!_speaks_sip(self, record->whole))
    {
      self->silent++;
      return;
    }
  kind = _kind_of(self, record);
  self->kinds[kind]++;
  if (kind == KIND_UNKNOWN)
    _note_shape(self, filename, record);
}

typedef struct _Row
{
  const gchar *text;
  const Shape *shape;
} Row;

/* those that might hold a status first */
static gint
_by_interest(gconstpointer a, gconstpointer b)
{
  const Row *x = a;
  const Row *y = b;

  if (x->shape->number != y->shape->number)
    return x->shape->number ? -1 : 1;
  if (x->shape->count != y->shape->count)
    return x->shape->count < y->shape->count ? 1 : -1;
  return strcmp(x->text, y->text);
}

static void
_print_count(GString *out, const gchar *what, guint64 count, guint64 total)
{
  GString *number = g_string_new(NULL);

  tool_append_number(number, count);
  tool_append_padded(out, number->str, -12);
  g_string_append_printf(out, " %5.1f %%  %s\n", total ? 100.0 * (gdouble) count / (gdouble) total : 0.0, what);
  g_string_free(number, TRUE);
}

static void
_print_shapes(const Unknown *self, GString *out)
{
  GArray *rows = g_array_new(FALSE, FALSE, sizeof(Row));
  GHashTableIter iter;
  gpointer text, shape;

  g_hash_table_iter_init(&iter, self->shapes);
  while (g_hash_table_iter_next(&iter, &text, &shape))
    {
      Row row = { text, shape };

      g_array_append_val(rows, row);
    }
  g_array_sort(rows, _by_interest);

  guint shown = self->top > 0 ? MIN(rows->len, (guint) self->top) : rows->len;
  gboolean had_number = FALSE;
  for (guint i = 0; i < shown; i++)
    {
      const Row *row = &g_array_index(rows, Row, i);

      if (i == 0 || had_number != row->shape->number)
        g_string_append_printf(out, "\n%s%s%s\n", tool_style(TOOL_BOLD), row->shape->number
                               ? "not understood, with a number that could be a status (NNN)" : "not understood, other",
                               tool_style(TOOL_PLAIN));
      had_number = row->shape->number;
      GString *count = g_string_new(NULL);
      tool_append_number(count, row->shape->count);
      tool_append_padded(out, count->str, -12);
      g_string_append_printf(out, "  %s%s", tool_style(TOOL_DIM), "");
      tool_append_clean(out, sip_span_str(row->shape->file));
      g_string_append_printf(out, ":%" G_GUINT64_FORMAT "%s\n%14s", row->shape->line, tool_style(TOOL_PLAIN), "");
      if (row->shape->example)
        tool_append_clean(out, sip_span_str(row->shape->example));
      else
        g_string_append(out, row->text);
      g_string_append_c(out, '\n');
      g_string_free(count, TRUE);
    }
  if (shown < rows->len)
    g_string_append_printf(out, "\n%u more shapes (--top=0 shows all)\n", rows->len - shown);
  if (self->left_out)
    g_string_append_printf(out, "\n%" G_GUINT64_FORMAT " records of still more shapes are counted, but not shown\n",
                           self->left_out);
  g_array_unref(rows);
}

static gint
_report(const Unknown *self)
{
  GString *out = g_string_new(NULL);
  guint64 understood = 0;
  guint64 speaking = 0;

  for (gint kind = 0; kind < KIND_MAX; kind++)
    {
      speaking += self->kinds[kind];
      if (kind != KIND_UNKNOWN)
        understood += self->kinds[kind];
    }
  gdouble share = speaking ? 100.0 * (gdouble) understood / (gdouble) speaking : 100.0;

  tool_append_number(out, speaking + self->silent);
  g_string_append(out, " records, ");
  tool_append_number(out, speaking);
  g_string_append(out, " speak SIP");
  if (speaking)
    g_string_append_printf(out, "; %s%.1f %% of these are understood%s", tool_style(TOOL_BOLD), share,
                           tool_style(TOOL_PLAIN));
  g_string_append(out, "\n\n");
  _print_count(out, "a status", self->kinds[KIND_STATUS], speaking);
  _print_count(out, "an event", self->kinds[KIND_EVENT], speaking);
  _print_count(out, "a request", self->kinds[KIND_REQUEST], speaking);
  _print_count(out, "a part of a traced message (banner, header)", self->kinds[KIND_PART], speaking);
  _print_count(out, "not understood", self->kinds[KIND_UNKNOWN], speaking);
  _print_shapes(self, out);
  fwrite(out->str, 1, out->len, stdout);
  g_string_free(out, TRUE);
  return self->fail_under >= 0 && share < self->fail_under ? TOOL_FAULTS : TOOL_OK;
}

static gint
_unknown(Unknown *self, ToolFiles *files)
{
  gint status;

  if (!tool_setup_load_rules(&self->setup))
    return TOOL_TROUBLE;
  self->banners = _load_banners(&self->setup);
  self->words = sip_anchors_new();
  for (gsize i = 0; i < G_N_ELEMENTS(sip_words); i++)
    sip_anchors_add(self->words, sip_words[i].word, strlen(sip_words[i].word), 0);
  sip_anchors_compile(self->words);
  self->shapes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, _shape_free);
  self->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  self->shape = g_string_new(NULL);

  status = tool_files_run(files, _record, self) ? TOOL_OK : TOOL_TROUBLE;
  gint result = _report(self);

  g_string_free(self->shape, TRUE);
  g_hash_table_unref(self->files);
  g_hash_table_unref(self->shapes);
  sip_anchors_free(self->words);
  sip_rules_unref(self->banners);
  return status != TOOL_OK ? status : result;
}

gint
tool_unknown(gint argc, gchar **argv)
{
  Unknown self = { .top = DEFAULT_TOP, .fail_under = -1 };
  ToolFiles files = { 0 };
  gboolean no_join = FALSE;
  const GOptionEntry entries[] =
  {
    { "top", 't', 0, G_OPTION_ARG_INT, &self.top, "Shapes shown (default 20; 0: all)", "N" },
    { "no-mask", 0, 0, G_OPTION_ARG_NONE, &self.no_mask, "Show a record of each shape as it is, with users, numbers and addresses", NULL },
    { "fail-under", 0, 0, G_OPTION_ARG_INT, &self.fail_under, "Exit status 1 if less than PERCENT is understood", "PERCENT" },
    { "no-join", 0, 0, G_OPTION_ARG_NONE, &no_join, "Take every line for a record of its own", NULL },
    { "no-progress", 0, 0, G_OPTION_ARG_NONE, &files.quiet, "No progress bar", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files.names, NULL, "[FILE...]" },
    { NULL },
  };
  gint status = TOOL_TROUBLE;

  if (tool_parse_options(&argc, &argv, "- how much of what speaks SIP is understood, and what is not",
                         "A record speaks SIP if a word on it begins with sip (sip:, SIP/2.0, chan_sip), or if one of these\n"
                         "words stands on it: pjsip, sofia, Call-ID, CSeq, in capitals INVITE, REGISTER, SUBSCRIBE,\n"
                         "PUBLISH, PRACK, CANCEL. It is understood if it has a status or an event, or is a request or\n"
                         "a part of a traced message. Shapes are records with users, numbers, addresses and quoted\n"
                         "text masked.\n\n"
                         "Exit status: 0 done, 1 less than --fail-under, 2 wrong usage or a file that cannot be read.",
                         entries, &self.setup))
    {
      files.join = !no_join;
      status = _unknown(&self, &files);
    }
  g_strfreev(files.names);
  tool_setup_clear(&self.setup);
  return status;
}
