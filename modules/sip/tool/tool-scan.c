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

#include "tool.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_TOP 10
/* different peers, users and hours that a summary tells apart; the rest is one row */
#define MAX_KEYS 100000
#define OTHER_KEY "(others)"

typedef enum
{
  BY_CODE,
  BY_CLASS,
  BY_EVENT,
  BY_PEER,
  BY_USER,
  BY_HOUR,
  BY_MAX
} By;

static const gchar *const by_names[BY_MAX] =
{
  [BY_CODE] = "code",
  [BY_CLASS] = "class",
  [BY_EVENT] = "event",
  [BY_PEER] = "peer",
  [BY_USER] = "user",
  [BY_HOUR] = "hour",
};

typedef struct _Scan
{
  ToolSetup setup;
  gint language;
  gboolean several_files;
  gboolean json;
  gboolean summary;
  gint top;
  guint width;                  /* of the terminal, 0: none */
  const gint *widths;           /* of the cells before the meaning */
  guint used;                   /* by them */
  GString *out;
  GString *cell;

  guint64 with_status;
  guint64 with_event;           /* and no status */
  GHashTable *by[BY_MAX];       /* text -> guint64 * */
} Scan;

/* --- a record as a row --- */

#define N_CELLS 6

static const gint wide[N_CELLS] = { 19, 4, 22, 9, 21, 14 };
static const gint narrow[N_CELLS] = { 15, 4, 15, 8, 15, 8 };
static const gchar *const heads[] = { "TIME", "CODE", "REASON", "METHOD", "PEER", "USER" };

static const gchar *
_clean(Scan *self, SipSpan text)
{
  g_string_truncate(self->cell, 0);
  if (text.ptr)
    tool_append_clean(self->cell, text);
  return self->cell->str;
}

static void
_append_cell(Scan *self, SipSpan text, gint width)
{
  tool_append_padded(self->out, _clean(self, text), width);
  g_string_append_c(self->out, ' ');
}

static void
_choose_widths(Scan *self)
{
  gboolean has_room = !self->width || self->width >= 132;

  self->widths = has_room ? wide : narrow;
  self->used = 9;
  for (gsize i = 0; i < N_CELLS; i++)
    self->used += (guint) self->widths[i] + 1;
}

static void
_print_head(Scan *self)
{
  g_string_truncate(self->out, 0);
  g_string_append(self->out, tool_style(TOOL_BOLD));
  tool_append_padded(self->out, "LINE", -8);
  g_string_append_c(self->out, ' ');
  for (gsize i = 0; i < N_CELLS; i++)
    {
      tool_append_padded(self->out, heads[i], self->widths[i]);
      g_string_append_c(self->out, ' ');
    }
  g_string_append_printf(self->out, "MEANING%s\n", tool_style(TOOL_PLAIN));
  fwrite(self->out->str, 1, self->out->len, stdout);
}

/* that of a code that is not in the table is its class' (RFC 3261 section 8.1.3.2), which must be said */
static const gchar *
_meaning(const Scan *self, gint code, SipSpan reason)
{
  if (!sip_codes_lookup(self->setup.codes, code, reason)->registered)
    return code < 200 ? "(not in the table, counts as 183)" : "(not in the table, counts as x00)";
  return sip_codes_meaning(self->setup.codes, code, reason, self->language);
}

/* the reason on the line or the registered one */
static SipSpan
_reason(const Scan *self, const SipScanResult *result)
{
  if (result->field[SIP_FIELD_REASON].len)
    return result->field[SIP_FIELD_REASON];
  return sip_span_str(sip_codes_lookup(self->setup.codes, result->code, SIP_SPAN_NONE)->phrase);
}

/* host:port, [host]:port */
static SipSpan
_peer(const SipScanResult *result, gchar *buffer, gsize size)
{
  SipSpan host = result->field[SIP_FIELD_PEER];
  SipSpan port = result->field[SIP_FIELD_PEER_PORT];
  gboolean brackets = host.ptr && memchr(host.ptr, ':', host.len);

  if (!host.ptr || !port.ptr || host.len + port.len + 4 > size)
    return host;
  g_snprintf(buffer, size, brackets ? "[%.*s]:%.*s" : "%.*s:%.*s", (gint) host.len, host.ptr, (gint) port.len, port.ptr);
  return sip_span_str(buffer);
}

static void
_print_row(Scan *self, const gchar *filename, const ToolRecord *record, const SipScanResult *result)
{
  static const gchar *last_file;
  gchar number[32];
  gchar buffer[320];
  SipSpan user = result->field[result->field[SIP_FIELD_USER].ptr ? SIP_FIELD_USER : SIP_FIELD_ENDPOINT];
  SipSpan meaning = result->code
                    ? sip_span_str(_meaning(self, result->code, result->field[SIP_FIELD_REASON]))
                    : result->field[SIP_FIELD_EVENT];

  if (self->several_files && last_file != filename)
    {
      last_file = filename;
      g_string_truncate(self->out, 0);
      g_string_append_printf(self->out, "%s==> %s <==%s\n", tool_style(TOOL_DIM), _clean(self, sip_span_str(filename)),
                             tool_style(TOOL_PLAIN));
      fwrite(self->out->str, 1, self->out->len, stdout);
    }

  g_string_truncate(self->out, 0);
  g_snprintf(number, sizeof(number), "%" G_GUINT64_FORMAT, record->line);
  tool_append_padded(self->out, number, -8);
  g_string_append_c(self->out, ' ');
  _append_cell(self, record->time, self->widths[0]);
  g_string_append(self->out, tool_style(result->code ? tool_style_of_code(result->code) : TOOL_DIM));
  if (result->code)
    g_snprintf(number, sizeof(number), "%d%s", result->code, result->implied ? "*" : "");
  else
    g_strlcpy(number, "-", sizeof(number));
  _append_cell(self, sip_span_str(number), self->widths[1]);
  g_string_append(self->out, tool_style(TOOL_PLAIN));
  _append_cell(self, result->code ? _reason(self, result) : SIP_SPAN_NONE, self->widths[2]);
  _append_cell(self, result->field[SIP_FIELD_METHOD], self->widths[3]);
  _append_cell(self, _peer(result, buffer, sizeof(buffer)), self->widths[4]);
  _append_cell(self, user, self->widths[5]);

  _clean(self, meaning);
  if (!self->width || self->used + tool_width(self->cell->str) <= self->width)
    g_string_append_len(self->out, self->cell->str, (gssize) self->cell->len);
  else if (self->used + 8 <= self->width)
    tool_append_padded(self->out, self->cell->str, (gint) (self->width - self->used));
  while (self->out->len && self->out->str[self->out->len - 1] == ' ')
    g_string_truncate(self->out, self->out->len - 1);
  g_string_append_c(self->out, '\n');
  fwrite(self->out->str, 1, self->out->len, stdout);
}

/* --- a record as JSON --- */

static void
_append_member(GString *out, const gchar *name, SipSpan value)
{
  if (!value.len)
    return;
  g_string_append_printf(out, ",\"%s\":", name);
  tool_append_json(out, value);
}

static void
_print_json(Scan *self, const gchar *filename, const ToolRecord *record, const SipScanResult *result)
{
  GString *out = self->out;

  g_string_truncate(out, 0);
  g_string_append(out, "{\"file\":");
  tool_append_json(out, sip_span_str(filename));
  g_string_append_printf(out, ",\"line\":%" G_GUINT64_FORMAT, record->line);
  _append_member(out, "time", record->time);
  _append_member(out, "host", record->host);
  _append_member(out, "program", record->program);
  if (result->code)
    {
      const SipCode *facts = sip_codes_lookup(self->setup.codes, result->code, result->field[SIP_FIELD_REASON]);

      g_string_append_printf(out, ",\"code\":%d", result->code);
      _append_member(out, "reason", _reason(self, result));
      _append_member(out, "class", sip_span_str(sip_code_class(result->code)));
      _append_member(out, "meaning", sip_span_str(sip_codes_meaning(self->setup.codes, result->code,
                                                  result->field[SIP_FIELD_REASON], self->language)));
      _append_member(out, "severity", sip_span_str(facts->severity));
      _append_member(out, "category", sip_span_str(facts->category));
      _append_member(out, "retry", sip_span_str(facts->retry));
      if (result->implied)
        g_string_append(out, ",\"implied\":true");
      if (result->n_codes > 1)
        {
          g_string_append(out, ",\"codes\":[");
          for (guint i = 0; i < result->n_codes; i++)
            g_string_append_printf(out, "%s%u", i ? "," : "", result->codes[i]);
          g_string_append_c(out, ']');
        }
    }
  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    {
      if (i != SIP_FIELD_CODE && i != SIP_FIELD_REASON)
        _append_member(out, sip_field_name((SipField) i), result->field[i]);
    }
  _append_member(out, "rule", sip_span_str(result->rule_name));
  g_string_append(out, "}\n");
  fwrite(out->str, 1, out->len, stdout);
}

/* --- the summary --- */

static void
_count(Scan *self, By by, const gchar *key)
{
  guint64 *count = g_hash_table_lookup(self->by[by], key);

  if (!count)
    {
      if (g_hash_table_size(self->by[by]) >= MAX_KEYS && strcmp(key, OTHER_KEY) != 0)
        {
          _count(self, by, OTHER_KEY);
          return;
        }
      count = g_new0(guint64, 1);
      g_hash_table_insert(self->by[by], g_strdup(key), count);
    }
  (*count)++;
}

static void
_count_text(Scan *self, By by, SipSpan text)
{
  if (text.len)
    _count(self, by, _clean(self, sip_span(text.ptr, MIN(text.len, 256))));
}

/* "2026-11-23 10:00", "Nov 23 10:00" */
static void
_count_hour(Scan *self, SipSpan hour)
{
  gchar text[40];
  gsize len = MIN(hour.len, sizeof(text) - 8);

  if (!hour.len)
    return;
  memcpy(text, hour.ptr, len);
  for (gsize i = 0; i < len; i++)
    {
      if (text[i] == 'T' && i && g_ascii_isdigit(text[i - 1]))
        text[i] = ' ';
    }
  memcpy(text + len, ":00", 4);
  _count_text(self, BY_HOUR, sip_span_str(text));
}

static void
_sum_up(Scan *self, const ToolRecord *record, const SipScanResult *result)
{
  if (result->code)
    {
      gchar code[8];

      g_snprintf(code, sizeof(code), "%d", result->code);
      _count(self, BY_CODE, code);
      _count(self, BY_CLASS, sip_code_class(result->code));
    }
  _count_text(self, BY_EVENT, result->field[SIP_FIELD_EVENT]);
  _count_text(self, BY_PEER, result->field[SIP_FIELD_PEER]);
  _count_text(self, BY_USER, result->field[result->field[SIP_FIELD_USER].ptr ? SIP_FIELD_USER : SIP_FIELD_ENDPOINT]);
  _count_hour(self, record->hour);
}

typedef struct _Row
{
  const gchar *key;
  guint64 count;
} Row;

static gint
_by_count(gconstpointer a, gconstpointer b)
{
  const Row *x = a;
  const Row *y = b;

  if (x->count != y->count)
    return x->count < y->count ? 1 : -1;
  return strcmp(x->key, y->key);
}

/* months are not in the order of their letters; ISO dates are */
static gint
_hour_rank(const gchar *hour)
{
  static const gchar months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  gchar month[4] = { hour[0], hour[1], hour[2], '\0' };
  const gchar *found = g_ascii_isalpha(hour[0]) ? strstr(months, month) : NULL;
  gint day = found ? atoi(hour + 4) : 0;

  return found ? (gint) (found - months) / 3 * 31 + day : -1;
}

static gint
_by_hour(gconstpointer a, gconstpointer b)
{
  const Row *x = a;
  const Row *y = b;
  gint rank_x = _hour_rank(x->key);
  gint rank_y = _hour_rank(y->key);

  if (rank_x != rank_y)
    return rank_x < rank_y ? -1 : 1;
  return strcmp(x->key, y->key);
}

static GArray *
_rows(const Scan *self, By by)
{
  GArray *rows = g_array_new(FALSE, FALSE, sizeof(Row));
  GHashTableIter iter;
  gpointer key, count;

  g_hash_table_iter_init(&iter, self->by[by]);
  while (g_hash_table_iter_next(&iter, &key, &count))
    {
      Row row = { key, *(guint64 *) count };

      g_array_append_val(rows, row);
    }
  g_array_sort(rows, _by_count);
  /* the busiest hours, in the order of time */
  if (by == BY_HOUR)
    {
      if (self->top > 0 && rows->len > MAX((guint) self->top, 24))
        g_array_set_size(rows, MAX((guint) self->top, 24));
      g_array_sort(rows, _by_hour);
    }
  return rows;
}

static void
_print_group(Scan *self, By by)
{
  GArray *rows = _rows(self, by);
  guint shown = self->top > 0 && (by == BY_PEER || by == BY_USER) ? MIN(rows->len, (guint) self->top) : rows->len;
  guint64 total = 0;

  for (guint i = 0; i < rows->len; i++)
    total += g_array_index(rows, Row, i).count;
  if (!rows->len)
    {
      g_array_unref(rows);
      return;
    }

  g_string_append_printf(self->out, "\n%sby %s%s\n", tool_style(TOOL_BOLD), by_names[by], tool_style(TOOL_PLAIN));
  for (guint i = 0; i < shown; i++)
    {
      const Row *row = &g_array_index(rows, Row, i);
      gint code = by == BY_CODE ? atoi(row->key) : by == BY_CLASS ? (row->key[0] - '0') * 100 : 0;

      g_string_truncate(self->cell, 0);
      tool_append_number(self->cell, row->count);
      tool_append_padded(self->out, self->cell->str, -12);
      g_string_append_printf(self->out, " %5.1f %%  %s%s", 100.0 * (gdouble) row->count / (gdouble) total,
                             code ? tool_style(tool_style_of_code(code)) : "", row->key);
      g_string_append(self->out, code ? tool_style(TOOL_PLAIN) : "");
      if (by == BY_CODE)
        {
          const gchar *phrase = sip_codes_lookup(self->setup.codes, code, SIP_SPAN_NONE)->phrase;

          g_string_append_printf(self->out, "  %s%s%s", phrase, phrase[0] ? ": " : "",
                                 _meaning(self, code, SIP_SPAN_NONE));
        }
      g_string_append_c(self->out, '\n');
    }
  if (shown < rows->len)
    g_string_append_printf(self->out, "%21s  and %u more (--top=0 shows all)\n", "", rows->len - shown);
  g_array_unref(rows);
}

static void
_append_json_group(Scan *self, By by)
{
  GArray *rows = _rows(self, by);

  g_string_append_printf(self->out, ",\"by_%s\":{", by_names[by]);
  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = &g_array_index(rows, Row, i);

      if (self->top > 0 && (by == BY_PEER || by == BY_USER) && i >= (guint) self->top)
        break;
      if (i)
        g_string_append_c(self->out, ',');
      tool_append_json(self->out, sip_span_str(row->key));
      g_string_append_printf(self->out, ":%" G_GUINT64_FORMAT, row->count);
    }
  g_string_append_c(self->out, '}');
  g_array_unref(rows);
}

static void
_print_summary(Scan *self, const ToolFiles *files)
{
  g_string_truncate(self->out, 0);
  if (self->json)
    {
      g_string_append_printf(self->out, "{\"lines\":%" G_GUINT64_FORMAT ",\"records\":%" G_GUINT64_FORMAT
                             ",\"statuses\":%" G_GUINT64_FORMAT ",\"events\":%" G_GUINT64_FORMAT,
                             files->lines, files->records, self->with_status, self->with_event);
      for (gint by = 0; by < BY_MAX; by++)
        _append_json_group(self, (By) by);
      g_string_append(self->out, "}\n");
    }
  else
    {
      tool_append_number(self->out, files->lines);
      g_string_append(self->out, " lines, ");
      tool_append_number(self->out, files->records);
      g_string_append(self->out, " records: ");
      tool_append_number(self->out, self->with_status);
      g_string_append(self->out, " with a status, ");
      tool_append_number(self->out, self->with_event);
      g_string_append(self->out, " with an event only\n");
      for (gint by = 0; by < BY_MAX; by++)
        _print_group(self, (By) by);
    }
  fwrite(self->out->str, 1, self->out->len, stdout);
}

/* --- the command --- */

static void
_record(const gchar *filename, const ToolRecord *record, gpointer user_data)
{
  Scan *self = user_data;
  SipScanResult result;

  if (!tool_scan_record(&self->setup, record, &result))
    return;
  if (result.code)
    self->with_status++;
  else
    self->with_event++;
  if (self->summary)
    _sum_up(self, record, &result);
  else if (self->json)
    _print_json(self, filename, record, &result);
  else
    _print_row(self, filename, record, &result);
}

static gint
_scan(Scan *self, ToolFiles *files, const gchar *format, const gchar *language)
{
  gboolean ok;

  if (format && strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
    {
      tool_complain("--format is table or json, not `%s'", format);
      return TOOL_TROUBLE;
    }
  if (!tool_setup_load_codes(&self->setup) || !tool_setup_load_rules(&self->setup))
    return TOOL_TROUBLE;
  self->language = tool_setup_language(&self->setup, language);
  if (self->language < 0)
    return TOOL_TROUBLE;

  self->json = format && strcmp(format, "json") == 0;
  self->width = tool_terminal_width();
  self->several_files = files->names && files->names[0] && files->names[1];
  self->out = g_string_new(NULL);
  self->cell = g_string_new(NULL);
  for (gint by = 0; by < BY_MAX; by++)
    self->by[by] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  /* rows on the terminal show how far it is */
  files->quiet = files->quiet || (!self->summary && self->width);

  _choose_widths(self);
  if (!self->json && !self->summary)
    _print_head(self);
  ok = tool_files_run(files, _record, self);
  if (self->summary)
    _print_summary(self, files);

  for (gint by = 0; by < BY_MAX; by++)
    g_hash_table_unref(self->by[by]);
  g_string_free(self->out, TRUE);
  g_string_free(self->cell, TRUE);
  return ok ? TOOL_OK : TOOL_TROUBLE;
}

gint
tool_scan(gint argc, gchar **argv)
{
  Scan self = { .top = DEFAULT_TOP };
  ToolFiles files = { 0 };
  gchar *format = NULL;
  gchar *language = NULL;
  gboolean no_join = FALSE;
  const GOptionEntry entries[] =
  {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "table (default) or json: one object a line", "FORMAT" },
    { "summary", 's', 0, G_OPTION_ARG_NONE, &self.summary, "Counts by code, class, event, peer, user and hour", NULL },
    { "top", 't', 0, G_OPTION_ARG_INT, &self.top, "Peers and users of the summary (default 10; 0: all)", "N" },
    { "language", 'l', 0, G_OPTION_ARG_STRING, &language, "Language of the meaning: en (default), vi", "LANGUAGE" },
    { "no-join", 0, 0, G_OPTION_ARG_NONE, &no_join, "Take every line for a record of its own", NULL },
    { "no-progress", 0, 0, G_OPTION_ARG_NONE, &files.quiet, "No progress bar", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files.names, NULL, "[FILE...]" },
    { NULL },
  };
  gint status = TOOL_TROUBLE;

  if (tool_parse_options(&argc, &argv, "- find the SIP statuses in log files",
                         "Files may be packed with gzip; - or none is standard input. A * behind a code says that\n"
                         "the number is not on the line but follows from the product's source.\n\n"
                         "Exit status: 0 done, 2 wrong usage or a file that cannot be read to its end.",
                         entries, &self.setup))
    {
      files.join = !no_join;
      status = _scan(&self, &files, format, language);
    }
  g_free(format);
  g_free(language);
  g_strfreev(files.names);
  tool_setup_clear(&self.setup);
  return status;
}
