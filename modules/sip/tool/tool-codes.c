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

/* --- explain --- */

static const gchar *
_column(const SipCodes *codes, gint code, const gchar *column)
{
  const gchar *value = sip_codes_column(codes, code, column);

  return value ? value : "";
}

static void
_append_fact(GString *out, const gchar *name, const gchar *value, const gchar *note)
{
  if (!value[0] && !note[0])
    return;
  g_string_append_printf(out, "  %s", tool_style(TOOL_DIM));
  tool_append_padded(out, name, 14);
  g_string_append_printf(out, "%s %s", tool_style(TOOL_PLAIN), value);
  if (note[0])
    g_string_append_printf(out, "%s%s", value[0] ? ": " : "", note);
  g_string_append_c(out, '\n');
}

static gchar *
_class_words(const gchar *class)
{
  gchar *words = g_strdup(class);

  g_strdelimit(words, "-", ' ');
  return words;
}

/* "41 (RFC 3398), 41 (RFC 4497), 127 (Asterisk)", equal ones together */
static gchar *
_q850(const SipCodes *codes, gint code, const gchar *const (*columns)[2], gsize n)
{
  GString *text = g_string_new(NULL);
  guint32 told = 0;

  for (gsize i = 0; i < n; i++)
    {
      const gchar *value = _column(codes, code, columns[i][0]);

      if (!value[0] || told & (1u << i))
        continue;
      g_string_append_printf(text, "%s%s [%s", text->len ? ", " : "", value, columns[i][1]);
      for (gsize j = i + 1; j < n; j++)
        {
          if (strcmp(value, _column(codes, code, columns[j][0])) == 0)
            {
              g_string_append_printf(text, ", %s", columns[j][1]);
              told |= 1u << j;
            }
        }
      g_string_append_c(text, ']');
    }
  return g_string_free(text, FALSE);
}

static gchar *
_kpi(const SipCodes *codes, gint code)
{
  const gchar *ser = _column(codes, code, "ser");
  const gchar *seer = _column(codes, code, "seer");

  if (!ser[0])
    return g_strdup("");
  return g_strdup_printf("SER %s, SEER %s, ISA %s, counts as a failure: %s", ser, seer, _column(codes, code, "isa"),
                         _column(codes, code, "rfc6076_failure"));
}

static void
_append_languages(const SipCodes *codes, gint code, GString *out)
{
  const gchar *english = sip_codes_meaning(codes, code, SIP_SPAN_NONE, sip_codes_language(codes, "en"));

  _append_fact(out, "meaning en", english, "");
  for (const gchar *const *column = sip_codes_columns(codes); *column; column++)
    {
      gchar *name = NULL;

      if (g_str_has_prefix(*column, "meaning_") && strcmp(*column, "meaning_en") != 0)
        {
          gint language = sip_codes_language(codes, *column + strlen("meaning_"));

          name = g_strdup_printf("meaning %s", *column + strlen("meaning_"));
          if (sip_codes_column(codes, code, *column) && sip_codes_column(codes, code, *column)[0])
            _append_fact(out, name, sip_codes_meaning(codes, code, SIP_SPAN_NONE, language), "");
          g_free(name);
        }
    }

  const gchar *full = _column(codes, code, "vi");
  const gchar *brief = sip_codes_meaning(codes, code, SIP_SPAN_NONE, sip_codes_language(codes, "vi"));
  _append_fact(out, "meaning vi", brief, "");
  if (full[0] && strcmp(full, brief) != 0)
    _append_fact(out, "in full", full, "");
  _append_fact(out, "", "", _column(codes, code, "vi_note"));
}

static void
_explain_text(const SipCodes *codes, gint code, GString *out)
{
  static const gchar *const to_isdn[][2] =
  {
    { "q850_rfc3398", "RFC 3398" }, { "q850_rfc4497", "RFC 4497" }, { "q850_asterisk", "Asterisk" },
  };
  static const gchar *const from_isdn[][2] =
  {
    { "q850_to_sip_rfc3398", "RFC 3398" }, { "q850_to_sip_rfc4497", "RFC 4497" },
  };
  const SipCode *facts = sip_codes_lookup(codes, code, SIP_SPAN_NONE);
  gchar *class = _class_words(_column(codes, code, "class"));
  gchar *aliases = g_strdup(_column(codes, code, "phrase_aliases"));
  gchar **alias = g_strsplit(aliases, "|", -1);
  gchar *also = g_strjoinv(", ", alias);
  gchar *q850_to = _q850(codes, code, to_isdn, G_N_ELEMENTS(to_isdn));
  gchar *q850_from = _q850(codes, code, from_isdn, G_N_ELEMENTS(from_isdn));
  gchar *kpi = _kpi(codes, code);
  gchar *level = g_strdup_printf("%s (%d)", facts->severity, facts->severity_num);

  g_string_append_printf(out, "%s%s%d %s%s", tool_style(TOOL_BOLD), tool_style(tool_style_of_code(code)), code,
                         facts->registered ? facts->phrase : "(not in the table)", tool_style(TOOL_PLAIN));
  g_string_append_printf(out, "  %s%s%s\n", sip_code_class(code), class[0] ? ", " : "", class);
  if (!facts->registered)
    g_string_append_printf(out, "  RFC 3261 section 8.1.3.2: treated as %s of its class: severity, retry and alert are that one's.\n",
                           code < 200 ? "183" : "x00");
  _append_languages(codes, code, out);
  _append_fact(out, "RFC", facts->rfc, "");
  _append_fact(out, "registry", _column(codes, code, "registry"), "");
  _append_fact(out, "also written", also, "");
  _append_fact(out, "category", facts->category, "");
  _append_fact(out, "severity", level, _column(codes, code, "severity_reason"));
  _append_fact(out, "retry", facts->retry, _column(codes, code, "retry_note"));
  _append_fact(out, "to Q.850", q850_to, "");
  _append_fact(out, "from Q.850", q850_from, "");
  _append_fact(out, "RFC 6076", kpi, "");
  _append_fact(out, "alert default", facts->alert_group == SIP_ALERT_GROUP_FAULT ? "fault"
               : facts->alert_group == SIP_ALERT_GROUP_AUTH ? "auth"
               : facts->alert_group == SIP_ALERT_GROUP_TARGET ? "target" : "no",
               _column(codes, code, "alert_reason"));

  g_free(level);
  g_free(kpi);
  g_free(q850_to);
  g_free(q850_from);
  g_free(also);
  g_strfreev(alias);
  g_free(aliases);
  g_free(class);
}

/* The columns of the table as they are; a code without a row has those that its class gives it. */
static void
_append_json_row(const SipCodes *codes, gint code, GString *out)
{
  const SipCode *facts = sip_codes_lookup(codes, code, SIP_SPAN_NONE);

  g_string_append_printf(out, "{\"code\":%d,\"class_name\":\"%s\",\"registered\":%s", code, sip_code_class(code),
                         facts->registered ? "true" : "false");
  if (!facts->registered)
    {
      const gchar *const pairs[][2] =
      {
        { "category", facts->category }, { "severity", facts->severity }, { "retry", facts->retry },
        { "meaning_en", sip_codes_meaning(codes, code, SIP_SPAN_NONE, sip_codes_language(codes, "en")) },
      };

      for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        {
          g_string_append_printf(out, ",\"%s\":", pairs[i][0]);
          tool_append_json(out, sip_span_str(pairs[i][1]));
        }
    }
  else
    {
      for (const gchar *const *column = sip_codes_columns(codes); *column; column++)
        {
          const gchar *value = _column(codes, code, *column);

          if (!value[0] || strcmp(*column, "code") == 0)
            continue;
          g_string_append_c(out, ',');
          tool_append_json(out, sip_span_str(*column));
          g_string_append_c(out, ':');
          tool_append_json(out, sip_span_str(value));
        }
    }
  g_string_append(out, "}\n");
}

static gboolean
_has_row(const SipCodes *codes, gint code)
{
  return sip_codes_column(codes, code, "code") != NULL;
}

typedef void (*Explain)(const SipCodes *codes, gint code, GString *out);

/* "486", or "4xx" for all that have a row */
static gboolean
_explain_argument(const SipCodes *codes, const gchar *argument, Explain explain, const gchar *separator, GString *out)
{
  if (strlen(argument) == 3 && argument[0] >= '1' && argument[0] <= '6')
    {
      gint hundred = (argument[0] - '0') * 100;

      if (g_ascii_isdigit(argument[1]) && g_ascii_isdigit(argument[2]))
        {
          if (out->len)
            g_string_append(out, separator);
          explain(codes, atoi(argument), out);
          return TRUE;
        }
      if (g_ascii_strcasecmp(argument + 1, "xx") == 0)
        {
          for (gint code = hundred; code < hundred + 100; code++)
            {
              if (!_has_row(codes, code))
                continue;
              if (out->len)
                g_string_append(out, separator);
              explain(codes, code, out);
            }
          return TRUE;
        }
    }
  tool_complain("`%s' is neither a code (100 to 699) nor a class (1xx to 6xx)", argument);
  return FALSE;
}

static gint
_explain(ToolSetup *setup, gchar **arguments, const gchar *format)
{
  Explain explain = _explain_text;
  GString *out;
  gint status = TOOL_OK;

  if (format && strcmp(format, "json") == 0)
    explain = _append_json_row;
  else if (format && strcmp(format, "text") != 0)
    {
      tool_complain("--format is text or json, not `%s'", format);
      return TOOL_TROUBLE;
    }
  if (!arguments || !arguments[0])
    {
      tool_complain("which code? try `sip-status explain 486'");
      return TOOL_TROUBLE;
    }
  if (!tool_setup_load_codes(setup))
    return TOOL_TROUBLE;

  out = g_string_new(NULL);
  for (gint i = 0; arguments[i]; i++)
    {
      if (!_explain_argument(setup->codes, arguments[i], explain, explain == _explain_text ? "\n" : "", out))
        status = TOOL_TROUBLE;
    }
  fwrite(out->str, 1, out->len, stdout);
  g_string_free(out, TRUE);
  return status;
}

gint
tool_explain(gint argc, gchar **argv)
{
  ToolSetup setup = { 0 };
  gchar **arguments = NULL;
  gchar *format = NULL;
  const GOptionEntry entries[] =
  {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "text (default) or json", "FORMAT" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &arguments, NULL, "CODE|CLASS..." },
    { NULL },
  };
  gint status = TOOL_TROUBLE;

  if (tool_parse_options(&argc, &argv, "- all that is known about a status code",
                         "Example: sip-status explain 486 5xx\n\n"
                         "Exit status: 0 done, 2 wrong usage or a file that cannot be read.",
                         entries, &setup))
    status = _explain(&setup, arguments, format);
  g_strfreev(arguments);
  g_free(format);
  tool_setup_clear(&setup);
  return status;
}

/* --- codes --- */

/* RFC 4180, in quotes only where there must be; the built-in table comes out as it went in */
static void
_append_csv_value(GString *out, const gchar *value)
{
  if (!strpbrk(value, ",\"\r\n"))
    {
      g_string_append(out, value);
      return;
    }
  g_string_append_c(out, '"');
  for (; *value; value++)
    {
      if (*value == '"')
        g_string_append_c(out, '"');
      g_string_append_c(out, *value);
    }
  g_string_append_c(out, '"');
}

static void
_codes_csv(const SipCodes *codes, gint language, GString *out)
{
  (void) language;
  for (const gchar *const *column = sip_codes_columns(codes); *column; column++)
    {
      if (out->len)
        g_string_append_c(out, ',');
      _append_csv_value(out, *column);
    }
  g_string_append(out, "\r\n");
  for (gint code = SIP_CODE_MIN; code <= SIP_CODE_MAX; code++)
    {
      gboolean first = TRUE;

      if (!_has_row(codes, code))
        continue;
      for (const gchar *const *column = sip_codes_columns(codes); *column; column++)
        {
          if (!first)
            g_string_append_c(out, ',');
          first = FALSE;
          _append_csv_value(out, _column(codes, code, *column));
        }
      g_string_append(out, "\r\n");
    }
}

static void
_codes_json(const SipCodes *codes, gint language, GString *out)
{
  (void) language;
  for (gint code = SIP_CODE_MIN; code <= SIP_CODE_MAX; code++)
    {
      if (_has_row(codes, code))
        _append_json_row(codes, code, out);
    }
}

/* the columns of a listing, of which the last one is the widest */
static void
_listing(const SipCodes *codes, gint code, gint language, const gchar *values[6])
{
  const SipCode *facts = sip_codes_lookup(codes, code, SIP_SPAN_NONE);

  values[0] = facts->phrase;
  values[1] = facts->severity;
  values[2] = facts->category;
  values[3] = facts->retry;
  values[4] = _column(codes, code, "alert_default");
  values[5] = sip_codes_meaning(codes, code, SIP_SPAN_NONE, language);
}

static void
_append_markdown_cell(GString *out, const gchar *text)
{
  for (; *text; text++)
    {
      if (*text == '|' || *text == '<' || *text == '*' || *text == '_' || *text == '`')
        g_string_append_c(out, '\\');
      g_string_append_c(out, *text);
    }
}

static void
_codes_markdown(const SipCodes *codes, gint language, GString *out)
{
  const gchar *values[6];

  g_string_append(out, "| code | phrase | severity | category | retry | alert | meaning |\n"
                  "|---|---|---|---|---|---|---|\n");
  for (gint code = SIP_CODE_MIN; code <= SIP_CODE_MAX; code++)
    {
      if (!_has_row(codes, code))
        continue;
      _listing(codes, code, language, values);
      g_string_append_printf(out, "| %d |", code);
      for (gint i = 0; i < 6; i++)
        {
          g_string_append_c(out, ' ');
          _append_markdown_cell(out, values[i]);
          g_string_append(out, " |");
        }
      g_string_append_c(out, '\n');
    }
}

static void
_codes_table(const SipCodes *codes, gint language, GString *out)
{
  static const gint widths[] = { 36, 8, 19, 11, 6 };
  static const gchar *const heads[] = { "PHRASE", "SEVERITY", "CATEGORY", "RETRY", "ALERT" };
  const gchar *values[6];

  g_string_append_printf(out, "%sCODE ", tool_style(TOOL_BOLD));
  for (gsize i = 0; i < G_N_ELEMENTS(widths); i++)
    {
      tool_append_padded(out, heads[i], widths[i]);
      g_string_append_c(out, ' ');
    }
  g_string_append_printf(out, "MEANING%s\n", tool_style(TOOL_PLAIN));
  for (gint code = SIP_CODE_MIN; code <= SIP_CODE_MAX; code++)
    {
      if (!_has_row(codes, code))
        continue;
      _listing(codes, code, language, values);
      g_string_append_printf(out, "%s%d%s  ", tool_style(tool_style_of_code(code)), code, tool_style(TOOL_PLAIN));
      for (gsize i = 0; i < G_N_ELEMENTS(widths); i++)
        {
          tool_append_padded(out, values[i], widths[i]);
          g_string_append_c(out, ' ');
        }
      g_string_append(out, values[5]);
      g_string_append_c(out, '\n');
    }
}

static gint
_codes(ToolSetup *setup, const gchar *format, const gchar *language_name)
{
  static const struct
  {
    const gchar *name;
    void (*append)(const SipCodes *codes, gint language, GString *out);
  } formats[] =
  {
    { "table", _codes_table }, { "csv", _codes_csv }, { "markdown", _codes_markdown }, { "json", _codes_json },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
    {
      if (strcmp(format ? format : "table", formats[i].name) != 0)
        continue;
      if (!tool_setup_load_codes(setup))
        return TOOL_TROUBLE;
      gint language = tool_setup_language(setup, language_name);
      if (language < 0)
        return TOOL_TROUBLE;

      GString *out = g_string_new(NULL);
      formats[i].append(setup->codes, language, out);
      fwrite(out->str, 1, out->len, stdout);
      g_string_free(out, TRUE);
      return TOOL_OK;
    }
  tool_complain("--format is table, csv, markdown or json, not `%s'", format);
  return TOOL_TROUBLE;
}

gint
tool_codes(gint argc, gchar **argv)
{
  ToolSetup setup = { 0 };
  gchar *format = NULL;
  gchar *language = NULL;
  const GOptionEntry entries[] =
  {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "table (default), csv, markdown, json", "FORMAT" },
    { "language", 'l', 0, G_OPTION_ARG_STRING, &language, "Language of the meaning: en (default), vi", "LANGUAGE" },
    { NULL },
  };
  gint status = TOOL_TROUBLE;

  if (tool_parse_options(&argc, &argv, "- the table of status codes",
                         "csv has all columns, in the form that --codes-file reads.\n\n"
                         "Exit status: 0 done, 2 wrong usage or a file that cannot be read.",
                         entries, &setup))
    {
      if (argc > 1)
        tool_complain("`%s'? codes takes no arguments; try `sip-status explain %s'", argv[1], argv[1]);
      else
        status = _codes(&setup, format, language);
    }
  g_free(format);
  g_free(language);
  tool_setup_clear(&setup);
  return status;
}
