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

/* --- options --- */

/* what GOption's own text lacks: where the options of all commands stand, the exit statuses, what was meant by FILE */
gboolean
tool_parse_options(gint *argc, gchar ***argv, const gchar *summary, const gchar *description,
                   const GOptionEntry *entries, ToolSetup *setup)
{
  GOptionContext *context = g_option_context_new(summary);
  GError *error = NULL;
  gchar *color = NULL;
  gboolean ok;

  const GOptionEntry common[] =
  {
    { "rules-file", 'r', 0, G_OPTION_ARG_FILENAME_ARRAY, &setup->rules_files, "Add a rule file; may be repeated", "FILE" },
    { "codes-file", 'c', 0, G_OPTION_ARG_FILENAME_ARRAY, &setup->codes_files, "Add a CSV file of codes; may be repeated", "FILE" },
    { "dialects", 'd', 0, G_OPTION_ARG_STRING, &setup->dialects, "Built-in dialects, separated by commas; all (default), none", "LIST" },
    { "no-jit", 0, 0, G_OPTION_ARG_NONE, &setup->no_jit, "Match without PCRE2's just-in-time compiler", NULL },
    { NULL },
  };
  const GOptionEntry everywhere[] =
  {
    { "color", 0, 0, G_OPTION_ARG_STRING, &color, "auto (default; NO_COLOR is honoured), always, never", "WHEN" },
    { NULL },
  };

  g_option_context_set_description(context, description);
  if (entries)
    g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_main_entries(context, common, NULL);
  g_option_context_add_main_entries(context, everywhere, NULL);

  gchar *name = g_strdup_printf("sip-status %s", (*argv)[0]);
  g_set_prgname(name);
  ok = g_option_context_parse(context, argc, argv, &error);
  if (ok && !tool_set_color(color))
    {
      g_set_error(&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--color is auto, always or never, not %s", color);
      ok = FALSE;
    }
  if (!ok)
    {
      tool_complain("%s", error->message);
      tool_complain("try `%s --help'", name);
      g_error_free(error);
    }
  g_free(name);
  g_free(color);
  g_option_context_free(context);
  return ok;
}

/* --- rules and codes --- */

static gboolean
_complain(GError *error)
{
  tool_complain("%s", error->message);
  g_error_free(error);
  return FALSE;
}

gboolean
tool_setup_load_codes(ToolSetup *self)
{
  GError *error = NULL;

  self->codes = sip_codes_new();
  for (gint i = 0; self->codes_files && self->codes_files[i]; i++)
    {
      if (!sip_codes_load_file(self->codes, self->codes_files[i], &error))
        return _complain(error);
    }
  return TRUE;
}

gboolean
tool_setup_add_dialects(const ToolSetup *self, SipRules *rules, GError **error)
{
  gboolean ok = TRUE;

  if (self->dialects && strcmp(self->dialects, "none") == 0)
    return TRUE;
  if (!self->dialects || strcmp(self->dialects, "all") == 0)
    {
      for (const gchar *const *dialect = sip_rules_builtin_dialects(); *dialect && ok; dialect++)
        ok = sip_rules_add_builtin(rules, *dialect, error);
      return ok;
    }

  gchar **names = g_strsplit(self->dialects, ",", -1);
  for (gint i = 0; names[i] && ok; i++)
    ok = sip_rules_add_builtin(rules, g_strstrip(names[i]), error);
  g_strfreev(names);
  if (!ok)
    {
      gchar *known = g_strjoinv(", ", (gchar **) sip_rules_builtin_dialects());

      g_prefix_error(error, "--dialects: ");
      gchar *message = g_strdup_printf("; known are %s, all and none", known);
      gchar *whole = g_strconcat((*error)->message, message, NULL);
      g_free((*error)->message);
      (*error)->message = whole;
      g_free(message);
      g_free(known);
    }
  return ok;
}

gboolean
tool_setup_load_rules(ToolSetup *self)
{
  GError *error = NULL;

  self->rules = sip_rules_new();
  if (!tool_setup_add_dialects(self, self->rules, &error))
    return _complain(error);
  for (gint i = 0; self->rules_files && self->rules_files[i]; i++)
    {
      if (!sip_rules_add_file(self->rules, self->rules_files[i], &error))
        return _complain(error);
    }
  if (!sip_rules_compile(self->rules, !self->no_jit, &error))
    return _complain(error);
  self->scanner = sip_scanner_new();
  return TRUE;
}

void
tool_setup_clear(ToolSetup *self)
{
  g_strfreev(self->rules_files);
  g_strfreev(self->codes_files);
  g_free(self->dialects);
  sip_scanner_free(self->scanner);
  sip_rules_unref(self->rules);
  sip_codes_unref(self->codes);
}

gint
tool_setup_language(const ToolSetup *self, const gchar *language)
{
  gint index = sip_codes_language(self->codes, language ? language : "en");

  if (index < 0)
    tool_complain("--language: no such language `%s'; known are en, vi and the meaning_<language> columns of "
                  "--codes-file", language);
  return index;
}

/* --- records --- */

/* what syslog-ng writes before a record whose header it could not read, and the mark where it gave up */
#define PARSE_ERROR_PREFIX "Error processing log message: "
#define PARSE_ERROR_MARK ">@<"

static SipSpan
_undo_parse_error(SipSpan text, GString *buffer)
{
  gchar *mark;

  g_string_truncate(buffer, 0);
  g_string_append_len(buffer, text.ptr + strlen(PARSE_ERROR_PREFIX),
                      (gssize) (text.len - strlen(PARSE_ERROR_PREFIX)));
  mark = g_strstr_len(buffer->str, (gssize) buffer->len, PARSE_ERROR_MARK);
  if (mark)
    g_string_erase(buffer, mark - buffer->str, strlen(PARSE_ERROR_MARK));
  return sip_span(buffer->str, buffer->len);
}

gboolean
tool_scan_record(const ToolSetup *self, const ToolRecord *record, SipScanResult *result)
{
  static GString *buffer;
  SipSpan text = record->text;

  if (G_UNLIKELY(record->program.len == 9 && sip_span_eq(record->program, "syslog-ng")))
    {
      if (text.len < strlen(PARSE_ERROR_PREFIX)
          || memcmp(text.ptr, PARSE_ERROR_PREFIX, strlen(PARSE_ERROR_PREFIX)) != 0)
        {
          *result = (SipScanResult) { 0 };
          return FALSE;
        }
      if (!buffer)
        buffer = g_string_new(NULL);
      return sip_scan(self->rules, self->scanner, SIP_SPAN_NONE, _undo_parse_error(text, buffer), result);
    }
  if (G_UNLIKELY(record->program.len == 9 && sip_span_eq(record->program, "sip-alert")))
    {
      *result = (SipScanResult) { 0 };
      return FALSE;
    }
  return sip_scan(self->rules, self->scanner, record->program, text, result);
}
