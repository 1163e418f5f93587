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

#include "sip-codes-private.h"

#include <stdlib.h>
#include <sys/stat.h>

#define N_CODES (SIP_CODE_MAX - SIP_CODE_MIN + 1)
#define N_CLASSES 6
#define MAX_FILE (1024 * 1024)
#define MAX_COLUMNS 64

typedef struct _Row
{
  SipCode facts;
  gchar **values;               /* by column, NULL where the row has none; owned */
} Row;

struct _SipCodes
{
  gint ref_count;
  GPtrArray *columns;           /* names, NULL-terminated */
  GPtrArray *languages;         /* names */
  GArray *language_columns;     /* guint: column of a language */
  Row *rows[N_CODES];
  SipCode fallback[N_CLASSES];  /* facts of x00 for codes without a row */
  SipCode network_blocked;      /* 603 that a network sent, not a person: see sip_codes_lookup() */
  GStringChunk *strings;
};

static const gchar *const severities[] =
{
  "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
};

static const gchar *const alert_groups[] =
{
  [SIP_ALERT_GROUP_NONE] = "no",
  [SIP_ALERT_GROUP_FAULT] = "fault",
  [SIP_ALERT_GROUP_AUTH] = "auth",
  [SIP_ALERT_GROUP_TARGET] = "target",
};

static const gchar *const retries[] = { "no", "modified", "after-delay", "elsewhere", "n/a" };

static const gchar *const class_names[N_CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx", "6xx" };

static const gchar *const unknown_categories[N_CLASSES] =
{
  "unknown-1xx", "unknown-2xx", "unknown-3xx", "unknown-4xx", "unknown-5xx", "unknown-6xx",
};

/* RFC 3261 8.1.3.2: an unknown final response counts as x00 of its class, an unknown provisional one as 183 */
static const gint class_codes[N_CLASSES] = { 183, 200, 300, 400, 500, 600 };

/*
 * What is known of a code without a row is its class: how to treat it is x00's, but 600's "busy everywhere" is not what a
 * 699 means. RFC 3261 section 7.2, by column.
 */
static const gchar *const class_meanings[][1 + N_CLASSES] =
{
  {
    "meaning_en", "Provisional: the request was received and is being processed.", "The request was accepted.",
    "Further action is needed to complete the request.", "The request cannot be fulfilled at this server.",
    "The server failed to fulfil an apparently valid request.", "The request cannot be fulfilled at any server.",
  },
  {
    "vi_short", "Tạm thời: yêu cầu đang được xử lý", "Thành công", "Cần thêm bước chuyển hướng",
    "Yêu cầu không được máy chủ này đáp ứng", "Máy chủ không xử lý được yêu cầu", "Không máy chủ nào đáp ứng được yêu cầu",
  },
};

GQuark
sip_codes_error_quark(void)
{
  return g_quark_from_static_string("sip-codes-error");
}

static gint
_index_of(const gchar *const *names, gsize n, const gchar *name)
{
  for (gsize i = 0; i < n; i++)
    {
      if (strcmp(names[i], name) == 0)
        return (gint) i;
    }
  return -1;
}

static gint
_find_column(const SipCodes *self, const gchar *name)
{
  for (guint i = 0; i + 1 < self->columns->len; i++)
    {
      if (strcmp(g_ptr_array_index(self->columns, i), name) == 0)
        return (gint) i;
    }
  return -1;
}

static void
_add_language(SipCodes *self, const gchar *language, guint column)
{
  g_ptr_array_add(self->languages, g_string_chunk_insert(self->strings, language));
  g_array_append_val(self->language_columns, column);
}

static guint
_add_column(SipCodes *self, const gchar *name)
{
  guint column = self->columns->len - 1;

  g_ptr_array_index(self->columns, column) = g_string_chunk_insert(self->strings, name);
  g_ptr_array_add(self->columns, NULL);
  /* the seed's Vietnamese phrases with their explanations are long: records carry the short form */
  if (strcmp(name, "vi_short") == 0)
    _add_language(self, "vi", column);
  else if (g_str_has_prefix(name, "meaning_"))
    _add_language(self, name + strlen("meaning_"), column);
  return column;
}

static const gchar *
_value(const SipCodes *self, const Row *row, const gchar *column, const gchar *otherwise)
{
  gint i = _find_column(self, column);

  return i >= 0 && row->values[i] ? row->values[i] : otherwise;
}

static void
_set_facts(const SipCodes *self, Row *row)
{
  SipCode *facts = &row->facts;

  facts->registered = TRUE;
  facts->phrase = _value(self, row, "phrase", "");
  facts->category = _value(self, row, "category", unknown_categories[facts->code / 100 - 1]);
  facts->severity = _value(self, row, "severity", "notice");
  facts->severity_num = _index_of(severities, G_N_ELEMENTS(severities), facts->severity);
  facts->retry = _value(self, row, "retry", "n/a");
  facts->rfc = _value(self, row, "rfc", "");
  facts->alert_group = (SipAlertGroup) _index_of(alert_groups, G_N_ELEMENTS(alert_groups),
                                                 _value(self, row, "alert_default", "no"));
}

static void
_set_fallbacks(SipCodes *self)
{
  for (gint i = 0; i < N_CLASSES; i++)
    {
      self->fallback[i] = self->rows[class_codes[i] - SIP_CODE_MIN]->facts;
      self->fallback[i].registered = FALSE;
      self->fallback[i].phrase = "";
      self->fallback[i].rfc = "";
      self->fallback[i].category = unknown_categories[i];
    }
  self->network_blocked = self->rows[603 - SIP_CODE_MIN]->facts;
  self->network_blocked.category = "policy-reject";
  self->network_blocked.severity = "notice";
  self->network_blocked.severity_num = 5;
}

static Row *
_row(SipCodes *self, gint code)
{
  Row **row = &self->rows[code - SIP_CODE_MIN];

  if (!*row)
    {
      *row = g_new0(Row, 1);
      (*row)->facts.code = (guint16) code;
      (*row)->values = g_new0(gchar *, MAX_COLUMNS);
    }
  return *row;
}

SipCodes *
sip_codes_new(void)
{
  SipCodes *self = g_new0(SipCodes, 1);

  g_atomic_int_set(&self->ref_count, 1);
  self->strings = g_string_chunk_new(32 * 1024);
  self->columns = g_ptr_array_new();
  self->languages = g_ptr_array_new();
  self->language_columns = g_array_new(FALSE, FALSE, sizeof(guint));
  g_ptr_array_add(self->columns, NULL);

  for (guint i = 0; i < sip_codes_table_n_columns; i++)
    _add_column(self, sip_codes_table_columns[i]);
  for (guint i = 0; i < sip_codes_table_n_rows; i++)
    {
      const gchar *const *values = &sip_codes_table[i * sip_codes_table_n_columns];
      Row *row = _row(self, atoi(values[0]));

      for (guint j = 0; j < sip_codes_table_n_columns; j++)
        row->values[j] = values[j][0] ? g_string_chunk_insert_const(self->strings, values[j]) : NULL;
      _set_facts(self, row);
    }
  _set_fallbacks(self);
  return self;
}

SipCodes *
sip_codes_ref(SipCodes *self)
{
  g_atomic_int_inc(&self->ref_count);
  return self;
}

void
sip_codes_unref(SipCodes *self)
{
  if (!self || !g_atomic_int_dec_and_test(&self->ref_count))
    return;

  for (gint i = 0; i < N_CODES; i++)
    {
      if (self->rows[i])
        g_free(self->rows[i]->values);
      g_free(self->rows[i]);
    }
  g_ptr_array_unref(self->columns);
  g_ptr_array_unref(self->languages);
  g_array_unref(self->language_columns);
  g_string_chunk_free(self->strings);
  g_free(self);
}

/* --- reading a file --- */

typedef struct _Csv
{
  const gchar *filename;
  const gchar *p;
  const gchar *end;
  gint line;
  const gchar *line_start;
  GPtrArray *values;            /* of the current row: GString * */
  GArray *places;               /* gint column of each value */
  GError **error;
} Csv;

static gboolean G_GNUC_PRINTF(3, 4)
_csv_fail(const Csv *self, gint column, const gchar *format, ...)
{
  va_list args;
  va_start(args, format);
  gchar *what = g_strdup_vprintf(format, args);
  va_end(args);

  g_set_error(self->error, SIP_CODES_ERROR, 0, "%s:%d:%d: %s", self->filename, self->line, column + 1, what);
  g_free(what);
  return FALSE;
}

static void
_string_free(gpointer s)
{
  g_string_free(s, TRUE);
}

static gboolean
_csv_quoted(Csv *self, GString *value)
{
  gint place = (gint) (self->p - self->line_start);

  for (self->p++; self->p < self->end; self->p++)
    {
      if (*self->p == '"')
        {
          self->p++;
          if (self->p >= self->end || *self->p != '"')
            return TRUE;
        }
      else if (*self->p == '\n')
        return _csv_fail(self, place, "a value must not hold a line end");
      g_string_append_c(value, *self->p);
    }
  return _csv_fail(self, place, "no closing quote");
}

/* One row, RFC 4180 without line ends in values. FALSE at the end of the text or with error set. */
static gboolean
_csv_row(Csv *self)
{
  g_ptr_array_set_size(self->values, 0);
  g_array_set_size(self->places, 0);
  if (self->p >= self->end)
    return FALSE;

  self->line++;
  self->line_start = self->p;
  while (TRUE)
    {
      GString *value = g_string_new(NULL);
      gint place = (gint) (self->p - self->line_start);

      g_ptr_array_add(self->values, value);
      g_array_append_val(self->places, place);
      if (self->p < self->end && *self->p == '"')
        {
          if (!_csv_quoted(self, value))
            return FALSE;
        }
      else
        {
          while (self->p < self->end && *self->p != ',' && *self->p != '\n' && *self->p != '\r')
            g_string_append_c(value, *self->p++);
        }
      if (self->p < self->end && *self->p == '\r')
        self->p++;
      if (self->p >= self->end)
        return TRUE;
      if (*self->p == '\n')
        {
          self->p++;
          return TRUE;
        }
      if (*self->p != ',')
        return _csv_fail(self, (gint) (self->p - self->line_start), "expected a comma or the end of the line");
      self->p++;
    }
}

static const gchar *
_csv_value(const Csv *self, guint i)
{
  return ((GString *) g_ptr_array_index(self->values, i))->str;
}

static gint
_csv_place(const Csv *self, guint i)
{
  return g_array_index(self->places, gint, i);
}

static gboolean
_is_language_column(const gchar *name)
{
  const gchar *language = name + strlen("meaning_");

  if (!g_str_has_prefix(name, "meaning_") || !*language || strlen(language) > 16)
    return FALSE;
  for (; *language; language++)
    {
      if (!g_ascii_islower(*language) && !g_ascii_isdigit(*language) && *language != '_')
        return FALSE;
    }
  return TRUE;
}

static gboolean
_read_header(const SipCodes *self, const Csv *csv, GPtrArray *columns, guint *code_column)
{
  gboolean has_code = FALSE;

  for (guint i = 0; i < csv->values->len; i++)
    {
      const gchar *name = _csv_value(csv, i);

      if (strlen(name) != ((GString *) g_ptr_array_index(csv->values, i))->len
          || (_find_column(self, name) < 0 && !_is_language_column(name)))
        return _csv_fail(csv, _csv_place(csv, i), "unknown column `%s'", name);
      for (guint j = 0; j < columns->len; j++)
        {
          if (strcmp(g_ptr_array_index(columns, j), name) == 0)
            return _csv_fail(csv, _csv_place(csv, i), "column `%s' stands twice", name);
        }
      g_ptr_array_add(columns, g_strdup(name));
      if (strcmp(name, "code") == 0)
        {
          has_code = TRUE;
          *code_column = i;
        }
    }
  return has_code || _csv_fail(csv, 0, "there is no column `code'");
}

static gboolean
_check_vocabulary(const Csv *csv, guint i, const gchar *column, const gchar *what, const gchar *const *known, gsize n)
{
  const gchar *value = _csv_value(csv, i);

  if (strcmp(column, what) != 0 || !*value || _index_of(known, n, value) >= 0)
    return TRUE;
  return _csv_fail(csv, _csv_place(csv, i), "unknown %s `%s'", what, value);
}

static gboolean
_check_row(const Csv *csv, const GPtrArray *columns, guint code_column)
{
  const gchar *code = _csv_value(csv, MIN(code_column, csv->values->len - 1));

  if (csv->values->len != columns->len)
    return _csv_fail(csv, 0, "the row has %u values, the header %u", csv->values->len, columns->len);
  if (strlen(code) != 3 || code[0] < '1' || code[0] > '6' || !g_ascii_isdigit(code[1]) || !g_ascii_isdigit(code[2]))
    return _csv_fail(csv, _csv_place(csv, code_column), "`%s' is not a code from %d to %d", code, SIP_CODE_MIN,
                     SIP_CODE_MAX);

  for (guint i = 0; i < columns->len; i++)
    {
      const gchar *column = g_ptr_array_index(columns, i);
      const GString *value = g_ptr_array_index(csv->values, i);

      if (!g_utf8_validate(value->str, (gssize) value->len, NULL))
        return _csv_fail(csv, _csv_place(csv, i), "not valid UTF-8");
      for (gsize j = 0; j < value->len; j++)
        {
          if ((guchar) value->str[j] < ' ' || value->str[j] == 127)
            return _csv_fail(csv, _csv_place(csv, i), "control byte in a value");
        }
      if (!_check_vocabulary(csv, i, column, "severity", severities, G_N_ELEMENTS(severities))
          || !_check_vocabulary(csv, i, column, "retry", retries, G_N_ELEMENTS(retries))
          || !_check_vocabulary(csv, i, column, "alert_default", alert_groups, G_N_ELEMENTS(alert_groups)))
        return FALSE;
    }
  return TRUE;
}

static void
_take_row(SipCodes *self, const Csv *csv, const GPtrArray *columns, guint code_column)
{
  Row *row = _row(self, atoi(_csv_value(csv, code_column)));

  for (guint i = 0; i < columns->len; i++)
    {
      const gchar *value = _csv_value(csv, i);

      /* an empty value leaves what was there */
      if (*value)
        row->values[_find_column(self, g_ptr_array_index(columns, i))] = g_string_chunk_insert(self->strings, value);
    }
  _set_facts(self, row);
}

/* Twice over the text: first to find every fault, then to take the rows, so that a bad file changes nothing. */
static gboolean
_read_rows(SipCodes *self, Csv *csv, gboolean take)
{
  GPtrArray *columns = g_ptr_array_new_with_free_func(g_free);
  guint code_column = 0;
  gboolean ok = _csv_row(csv) && _read_header(self, csv, columns, &code_column);

  if (!ok && csv->p >= csv->end && csv->line == 0)
    {
      csv->line = 1;
      _csv_fail(csv, 0, "the file is empty");
    }
  if (ok && take)
    {
      for (guint i = 0; i < columns->len; i++)
        {
          if (_find_column(self, g_ptr_array_index(columns, i)) < 0)
            _add_column(self, g_ptr_array_index(columns, i));
        }
    }
  else if (ok && self->columns->len + columns->len > MAX_COLUMNS)
    ok = _csv_fail(csv, 0, "too many columns");

  while (ok && _csv_row(csv))
    {
      if (csv->values->len == 1 && !_csv_value(csv, 0)[0])
        continue;
      ok = _check_row(csv, columns, code_column);
      if (ok && take)
        _take_row(self, csv, columns, code_column);
    }
  g_ptr_array_unref(columns);
  return ok && !*csv->error;
}

static gboolean
_read_text(SipCodes *self, const gchar *filename, const gchar *text, gsize len, GError **error)
{
  GError *fault = NULL;
  gboolean ok = TRUE;

  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
    {
      text += 3;
      len -= 3;
    }
  for (gint take = 0; take < 2 && ok; take++)
    {
      Csv csv = { .filename = filename, .p = text, .end = text + len, .error = &fault };

      csv.values = g_ptr_array_new_with_free_func(_string_free);
      csv.places = g_array_new(FALSE, FALSE, sizeof(gint));
      ok = _read_rows(self, &csv, take);
      g_ptr_array_unref(csv.values);
      g_array_unref(csv.places);
    }
  if (ok)
    _set_fallbacks(self);
  else
    /* cppcheck-suppress nullPointer */
    g_propagate_error(error, fault);
  return ok;
}

gboolean
sip_codes_load_text(SipCodes *self, const gchar *name, const gchar *text, gsize len, GError **error)
{
  return _read_text(self, name, text, len, error);
}

gboolean
sip_codes_load_file(SipCodes *self, const gchar *filename, GError **error)
{
  struct stat st;
  gchar *text;
  gsize len;
  gboolean ok;

  if (stat(filename, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE))
    {
      g_set_error(error, SIP_CODES_ERROR, 0, "%s: not a regular file of at most %d bytes", filename, MAX_FILE);
      return FALSE;
    }
  if (!g_file_get_contents(filename, &text, &len, error))
    return FALSE;
  ok = _read_text(self, filename, text, len, error);
  g_free(text);
  return ok;
}

/* --- look-ups --- */

const gchar *
sip_code_class(gint code)
{
  return code >= SIP_CODE_MIN && code <= SIP_CODE_MAX ? class_names[code / 100 - 1] : NULL;
}

/* NULL for a code without a row, whatever severity it was given */
static const Row *
_registered_row(const SipCodes *self, gint code)
{
  const Row *row = code >= SIP_CODE_MIN && code <= SIP_CODE_MAX ? self->rows[code - SIP_CODE_MIN] : NULL;

  return row && row->facts.registered ? row : NULL;
}

const SipCode *
sip_codes_lookup(const SipCodes *self, gint code, SipSpan reason)
{
  if (code < SIP_CODE_MIN || code > SIP_CODE_MAX)
    return NULL;
  /* "603+", North American call blocking: a network's policy, not a person declining */
  if (code == 603 && reason.len == 15 && g_ascii_strncasecmp(reason.ptr, "Network Blocked", 15) == 0)
    return &self->network_blocked;

  const Row *row = self->rows[code - SIP_CODE_MIN];
  return row ? &row->facts : &self->fallback[code / 100 - 1];
}

gint
sip_codes_language(const SipCodes *self, const gchar *language)
{
  for (guint i = 0; i < self->languages->len; i++)
    {
      if (strcmp(g_ptr_array_index(self->languages, i), language) == 0)
        return (gint) i;
    }
  return -1;
}

static const gchar *
_class_meaning(gint code, const gchar *column)
{
  for (gsize i = 1; i < G_N_ELEMENTS(class_meanings); i++)
    {
      if (strcmp(class_meanings[i][0], column) == 0)
        return class_meanings[i][code / 100];
    }
  return class_meanings[0][code / 100];
}

const gchar *
sip_codes_meaning(const SipCodes *self, gint code, SipSpan reason, gint language)
{
  (void) reason;
  if (code < SIP_CODE_MIN || code > SIP_CODE_MAX || language < 0 || (guint) language >= self->languages->len)
    return "";

  const Row *row = _registered_row(self, code);
  guint column = g_array_index(self->language_columns, guint, language);
  const gchar *meaning = row && row->values[column] ? row->values[column] : row ? _value(self, row, "meaning_en", "") : "";

  return meaning[0] ? meaning : _class_meaning(code, g_ptr_array_index(self->columns, column));
}

const gchar *
sip_codes_column(const SipCodes *self, gint code, const gchar *column)
{
  gint i = _find_column(self, column);
  const Row *row = _registered_row(self, code);

  if (i < 0 || !row)
    return NULL;
  return row->values[i] ? row->values[i] : "";
}

const gchar *const *
sip_codes_columns(const SipCodes *self)
{
  return (const gchar *const *) self->columns->pdata;
}

gboolean
sip_codes_set_severity(SipCodes *self, const gchar *code_or_class, const gchar *severity, GError **error)
{
  gint class = _index_of(class_names, G_N_ELEMENTS(class_names), code_or_class);
  gint level = _index_of(severities, G_N_ELEMENTS(severities), severity);
  gchar *end;
  glong code = strtol(code_or_class, &end, 10);
  gint severity_column = _find_column(self, "severity");

  if (level < 0)
    {
      g_set_error(error, SIP_CODES_ERROR, 0, "unknown severity `%s'", severity);
      return FALSE;
    }
  if (class < 0 && (*end || strlen(code_or_class) != 3 || code < SIP_CODE_MIN || code > SIP_CODE_MAX))
    {
      g_set_error(error, SIP_CODES_ERROR, 0, "`%s' is neither a code (100 to 699) nor a class (1xx to 6xx)",
                  code_or_class);
      return FALSE;
    }

  if (class < 0)
    {
      Row *row = self->rows[code - SIP_CODE_MIN];

      if (!row)
        {
          /* the severity is set, everything else stays that of an unknown code */
          row = _row(self, (gint) code);
          row->facts = self->fallback[code / 100 - 1];
          row->facts.code = (guint16) code;
        }
      row->values[severity_column] = (gchar *) severities[level];
      row->facts.severity = severities[level];
      row->facts.severity_num = level;
    }
  else
    {
      for (gint i = class * 100; i < class * 100 + 100; i++)
        {
          if (!self->rows[i])
            continue;
          self->rows[i]->values[severity_column] = (gchar *) severities[level];
          self->rows[i]->facts.severity = severities[level];
          self->rows[i]->facts.severity_num = level;
        }
    }

  SipCode blocked = self->network_blocked;
  _set_fallbacks(self);
  /* said of 603 or 6xx, it holds for its special case as well; else that keeps its own */
  if (code != 603 && class != 5)
    self->network_blocked = blocked;
  else
    {
      self->network_blocked.severity = severities[level];
      self->network_blocked.severity_num = level;
    }
  return TRUE;
}
