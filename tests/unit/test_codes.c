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

#include "sip-codes.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* --- the CSV, read by a reader of its own --- */

static GPtrArray *              /* of rows: GPtrArray of gchar * */
_read_csv(void)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify) g_ptr_array_unref);
  gchar *text;
  gsize len;

  cr_assert(g_file_get_contents(TOP_SRCDIR "/modules/sip/core/sip-status-codes.csv", &text, &len, NULL));
  const gchar *p = text;
  while (p < text + len)
    {
      GPtrArray *row = g_ptr_array_new_with_free_func(g_free);
      gboolean more = TRUE;

      while (more)
        {
          GString *value = g_string_new(NULL);
          gboolean quoted = *p == '"';

          p += quoted;
          for (; p < text + len; p++)
            {
              if (quoted && *p == '"' && p[1] == '"')
                p++;
              else if (quoted && *p == '"')
                quoted = FALSE, p++;
              if (!quoted && (*p == ',' || *p == '\r'))
                break;
              g_string_append_c(value, *p);
            }
          g_ptr_array_add(row, g_string_free(value, FALSE));
          more = *p++ == ',';
        }
      cr_assert_eq(*p, '\n', "rows end in CR LF");
      p++;
      g_ptr_array_add(rows, row);
    }
  g_free(text);
  return rows;
}

static const gchar *
_cell(const GPtrArray *rows, guint row, guint column)
{
  return g_ptr_array_index((GPtrArray *) g_ptr_array_index(rows, row), column);
}

static guint
_column(const GPtrArray *rows, const gchar *name)
{
  for (guint i = 0; i < ((GPtrArray *) g_ptr_array_index(rows, 0))->len; i++)
    {
      if (strcmp(_cell(rows, 0, i), name) == 0)
        return i;
    }
  cr_assert_fail("no column %s", name);
  return 0;
}

Test(codes, every_value_of_the_csv_byte_for_byte)
{
  GPtrArray *rows = _read_csv();
  SipCodes *codes = sip_codes_new();
  guint n_columns = ((GPtrArray *) g_ptr_array_index(rows, 0))->len;

  cr_assert_eq(rows->len - 1, 83);
  cr_assert_eq(n_columns, 28);
  for (guint i = 0; i < n_columns; i++)
    cr_assert_str_eq(sip_codes_columns(codes)[i], _cell(rows, 0, i));
  cr_assert_null(sip_codes_columns(codes)[n_columns]);
  for (guint row = 1; row < rows->len; row++)
    {
      gint code = atoi(_cell(rows, row, 0));

      for (guint i = 0; i < n_columns; i++)
        cr_assert_str_eq(sip_codes_column(codes, code, _cell(rows, 0, i)), _cell(rows, row, i), "%d, %s", code,
                         _cell(rows, 0, i));
    }
  g_ptr_array_unref(rows);
  sip_codes_unref(codes);
}

Test(codes, facts_are_those_of_the_csv)
{
  static const gchar *const groups[] = { "no", "fault", "auth", "target" };
  GPtrArray *rows = _read_csv();
  SipCodes *codes = sip_codes_new();
  guint registered = 0;

  for (guint row = 1; row < rows->len; row++)
    {
      gint code = atoi(_cell(rows, row, 0));
      const SipCode *facts = sip_codes_lookup(codes, code, SIP_SPAN_NONE);

      cr_assert_eq(facts->code, code);
      cr_assert(facts->registered);
      cr_assert_str_eq(facts->phrase, _cell(rows, row, _column(rows, "phrase")));
      cr_assert_str_eq(facts->category, _cell(rows, row, _column(rows, "category")));
      cr_assert_str_eq(facts->severity, _cell(rows, row, _column(rows, "severity")));
      cr_assert_eq(facts->severity_num, atoi(_cell(rows, row, _column(rows, "severity_num"))), "%d", code);
      cr_assert_str_eq(facts->retry, _cell(rows, row, _column(rows, "retry")));
      cr_assert_str_eq(facts->rfc, _cell(rows, row, _column(rows, "rfc")));
      cr_assert_str_eq(groups[facts->alert_group], _cell(rows, row, _column(rows, "alert_default")));
      cr_assert_str_eq(sip_codes_meaning(codes, code, SIP_SPAN_NONE, sip_codes_language(codes, "en")),
                       _cell(rows, row, _column(rows, "meaning_en")));
      cr_assert_str_eq(sip_codes_meaning(codes, code, SIP_SPAN_NONE, sip_codes_language(codes, "vi")),
                       _cell(rows, row, _column(rows, "vi_short")));
      registered += g_str_has_prefix(_cell(rows, row, _column(rows, "registry")), "iana");
    }
  cr_assert_eq(registered, 75);
  g_ptr_array_unref(rows);
  sip_codes_unref(codes);
}

/*
 * The Vietnamese phrases of the list that this project grew from are not ours to change: 51 codes, and the sum of
 * "code<TAB>phrase<LF>" of all.
 */
Test(codes, seed_phrases)
{
  SipCodes *codes = sip_codes_new();
  GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
  guint n = 0;

  for (gint code = SIP_CODE_MIN; code <= SIP_CODE_MAX; code++)
    {
      const gchar *seed = sip_codes_column(codes, code, "vi_seed");

      if (!seed || !seed[0])
        continue;
      gchar *line = g_strdup_printf("%d\t%s\n", code, seed);
      g_checksum_update(sum, (const guchar *) line, (gssize) strlen(line));
      g_free(line);
      n++;
      cr_assert(g_utf8_validate(seed, -1, NULL));
      cr_assert_str_eq(seed, sip_codes_column(codes, code, "vi"), "%d", code);
      /* the short form is the head of the phrase */
      cr_assert(g_str_has_prefix(seed, sip_codes_column(codes, code, "vi_short")), "%d", code);
    }
  cr_assert_eq(n, 51);
  cr_assert_str_eq(g_checksum_get_string(sum), "0863d6239a86be278bd1e406cb77b53e246c921d8d6ffad65ca1002496a238e5");
  cr_assert_str_eq(sip_codes_column(codes, 486, "vi_seed"), "\xc4\x90" "ang b\xe1\xba\xadn");
  g_checksum_free(sum);
  sip_codes_unref(codes);
}

Test(codes, classes)
{
  static const gchar *const classes[] = { "1xx", "2xx", "3xx", "4xx", "5xx", "6xx" };

  for (gint code = -1; code <= 1000; code++)
    {
      if (code < 100 || code > 699)
        cr_assert_null(sip_code_class(code));
      else
        cr_assert_str_eq(sip_code_class(code), classes[code / 100 - 1]);
    }
  cr_assert_null(sip_code_class(G_MAXINT));
  cr_assert_null(sip_code_class(G_MININT));
}

/* RFC 3261 section 8.1.3.2: as x00 of its class, a provisional one as 183 */
Test(codes, codes_without_a_row)
{
  SipCodes *codes = sip_codes_new();
  guint n = 0;

  for (gint code = SIP_CODE_MIN; code <= SIP_CODE_MAX; code++)
    {
      if (sip_codes_column(codes, code, "code"))
        continue;
      const SipCode *facts = sip_codes_lookup(codes, code, SIP_SPAN_NONE);
      const SipCode *likeness = sip_codes_lookup(codes, code < 200 ? 183 : code / 100 * 100, SIP_SPAN_NONE);
      gchar *category = g_strdup_printf("unknown-%dxx", code / 100);

      n++;
      cr_assert_not(facts->registered, "%d", code);
      cr_assert_str_eq(facts->category, category, "%d", code);
      cr_assert_str_eq(facts->phrase, "", "%d", code);
      cr_assert_str_eq(facts->rfc, "", "%d", code);
      cr_assert_str_eq(facts->severity, likeness->severity, "%d", code);
      cr_assert_eq(facts->severity_num, likeness->severity_num, "%d", code);
      cr_assert_str_eq(facts->retry, likeness->retry, "%d", code);
      cr_assert_eq(facts->alert_group, likeness->alert_group, "%d", code);
      cr_assert_neq(sip_codes_meaning(codes, code, SIP_SPAN_NONE, 0)[0], '\0');
      g_free(category);
    }
  cr_assert_eq(n, 600 - 83);
  cr_assert_null(sip_codes_lookup(codes, 99, SIP_SPAN_NONE));
  cr_assert_null(sip_codes_lookup(codes, 700, SIP_SPAN_NONE));
  cr_assert_null(sip_codes_lookup(codes, -486, SIP_SPAN_NONE));
  cr_assert_str_eq(sip_codes_meaning(codes, 700, SIP_SPAN_NONE, 0), "");
  sip_codes_unref(codes);
}

/* a 699 is not "busy everywhere": what is known is the class, in every language */
Test(codes, meaning_without_a_row)
{
  SipCodes *codes = sip_codes_new();

  static const gchar file[] = "code,meaning_de,phrase\n600,Besetzt,\n698,,Own\n";

  cr_assert(sip_codes_load_text(codes, "f", file, strlen(file), NULL));
  gint english = sip_codes_language(codes, "en");
  gint vietnamese = sip_codes_language(codes, "vi");
  gint german = sip_codes_language(codes, "de");

  for (gint class = 1; class <= 6; class++)
    {
      gint unknown = class * 100 + 98 - (class == 6);
      const gchar *meaning = sip_codes_meaning(codes, unknown, SIP_SPAN_NONE, english);

      for (gint code = class * 100; code < class * 100 + 100; code++)
        {
          for (gint language = 0; sip_codes_column(codes, code, "code") && language <= german; language++)
            cr_expect(code == 698 || strcmp(sip_codes_meaning(codes, code, SIP_SPAN_NONE, language), meaning) != 0, "%d", code);
        }
      cr_expect_str_eq(sip_codes_meaning(codes, unknown, SIP_SPAN_NONE, german), meaning);
      cr_expect_str_neq(sip_codes_meaning(codes, unknown, SIP_SPAN_NONE, vietnamese), meaning);
      cr_expect_str_neq(sip_codes_meaning(codes, unknown, SIP_SPAN_NONE, vietnamese), "");
    }
  cr_expect_str_eq(sip_codes_meaning(codes, 699, SIP_SPAN_NONE, english), "The request cannot be fulfilled at any server.");
  /* a row that says no meaning has that of its class, too */
  cr_expect_str_eq(sip_codes_meaning(codes, 698, SIP_SPAN_NONE, german),
                   sip_codes_meaning(codes, 699, SIP_SPAN_NONE, german));
  sip_codes_unref(codes);
}

/* 603 with another phrase is a network's policy (North American call blocking), not a person declining */
Test(codes, a_code_that_depends_on_its_phrase)
{
  SipCodes *codes = sip_codes_new();
  const SipCode *plain = sip_codes_lookup(codes, 603, sip_span_str("Decline"));
  const SipCode *blocked = sip_codes_lookup(codes, 603, sip_span_str("network blocked"));

  cr_assert_str_eq(plain->category, "callee-decline");
  cr_assert_str_eq(blocked->category, "policy-reject");
  cr_assert_str_eq(blocked->severity, "notice");
  cr_assert_eq(blocked->severity_num, 5);
  cr_assert_eq(blocked->code, 603);
  cr_assert_eq(sip_codes_lookup(codes, 603, sip_span_str("Network Blocked!")), plain);
  cr_assert_eq(sip_codes_lookup(codes, 603, SIP_SPAN_NONE), plain);
  cr_assert_str_eq(sip_codes_lookup(codes, 403, sip_span_str("Network Blocked"))->category, "policy-reject");

  cr_assert(sip_codes_set_severity(codes, "486", "crit", NULL));
  cr_assert_str_eq(sip_codes_lookup(codes, 603, sip_span_str("Network Blocked"))->severity, "notice");
  cr_assert(sip_codes_set_severity(codes, "603", "alert", NULL));
  cr_assert_str_eq(sip_codes_lookup(codes, 603, sip_span_str("Network Blocked"))->severity, "alert");
  cr_assert(sip_codes_set_severity(codes, "6xx", "err", NULL));
  cr_assert_str_eq(sip_codes_lookup(codes, 603, sip_span_str("Network Blocked"))->severity, "err");
  sip_codes_unref(codes);
}

/* --- severities --- */

Test(codes, set_severity)
{
  SipCodes *codes = sip_codes_new();
  GError *error = NULL;

  cr_assert(sip_codes_set_severity(codes, "5xx", "crit", NULL));
  cr_assert_str_eq(sip_codes_lookup(codes, 503, SIP_SPAN_NONE)->severity, "crit");
  cr_assert_eq(sip_codes_lookup(codes, 503, SIP_SPAN_NONE)->severity_num, 2);
  cr_assert_str_eq(sip_codes_lookup(codes, 599, SIP_SPAN_NONE)->severity, "crit");
  cr_assert_str_eq(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->severity, "info");
  cr_assert_str_eq(sip_codes_column(codes, 503, "severity"), "crit");

  /* a code without a row stays one */
  cr_assert(sip_codes_set_severity(codes, "499", "emerg", NULL));
  cr_assert_str_eq(sip_codes_lookup(codes, 499, SIP_SPAN_NONE)->severity, "emerg");
  cr_assert_str_eq(sip_codes_lookup(codes, 499, SIP_SPAN_NONE)->category, "unknown-4xx");
  cr_assert_str_eq(sip_codes_lookup(codes, 499, SIP_SPAN_NONE)->phrase, "");
  cr_assert_not(sip_codes_lookup(codes, 499, SIP_SPAN_NONE)->registered);
  cr_assert_null(sip_codes_column(codes, 499, "phrase"));
  cr_assert_null(sip_codes_column(codes, 499, "severity"));
  cr_assert_str_eq(sip_codes_meaning(codes, 499, SIP_SPAN_NONE, 0), sip_codes_meaning(codes, 498, SIP_SPAN_NONE, 0));
  /* until a file gives it one */
  cr_assert(sip_codes_load_text(codes, "f", "code,phrase\n499,Own\n", 20, NULL));
  cr_assert(sip_codes_lookup(codes, 499, SIP_SPAN_NONE)->registered);
  cr_assert_str_eq(sip_codes_lookup(codes, 499, SIP_SPAN_NONE)->severity, "emerg");
  cr_assert_str_eq(sip_codes_column(codes, 499, "phrase"), "Own");

  static const gchar *const refused[][2] =
  {
    { "486", "loud" }, { "486", "" }, { "486", "INFO" }, { "7xx", "info" }, { "700", "info" }, { "099", "info" },
    { "", "info" }, { "48", "info" }, { "4866", "info" }, { "486 ", "info" }, { "4xX", "info" }, { "+48", "info" },
    { " 48", "info" }, { "0x1", "info" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
    {
      cr_expect_not(sip_codes_set_severity(codes, refused[i][0], refused[i][1], &error), "`%s' `%s'", refused[i][0],
                    refused[i][1]);
      cr_expect_not_null(error);
      g_clear_error(&error);
    }
  sip_codes_unref(codes);
}

/* --- files --- */

static gboolean
_load(SipCodes *codes, const gchar *text, GError **error)
{
  return sip_codes_load_text(codes, "f", text, strlen(text), error);
}

Test(codes, a_file_overrides_and_adds)
{
  SipCodes *codes = sip_codes_new();

  /* RFC 4180: CR LF or LF, quotes, doubled quotes, commas in quotes; a BOM; a last line without an end; empty lines */
  cr_assert(_load(codes, "\xef\xbb\xbf" "phrase,code,\"severity\",meaning_de\r\n"
                  "\"Besetzt, \"\"leider\"\"\",486,notice,Besetzt\r\n"
                  "\r\n"
                  ",404,,\n"
                  "Eigener Code,677,crit,Eigen", NULL));
  cr_assert_str_eq(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->phrase, "Besetzt, \"leider\"");
  cr_assert_str_eq(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->severity, "notice");
  cr_assert_str_eq(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->category, "callee-busy");
  cr_assert_str_eq(sip_codes_column(codes, 486, "vi_seed"), "\xc4\x90" "ang b\xe1\xba\xadn");
  /* an empty value leaves what was there */
  cr_assert_str_eq(sip_codes_lookup(codes, 404, SIP_SPAN_NONE)->phrase, "Not Found");
  cr_assert_str_eq(sip_codes_lookup(codes, 404, SIP_SPAN_NONE)->severity, "notice");
  /* a row of its own */
  cr_assert(sip_codes_lookup(codes, 677, SIP_SPAN_NONE)->registered);
  cr_assert_str_eq(sip_codes_lookup(codes, 677, SIP_SPAN_NONE)->phrase, "Eigener Code");
  cr_assert_eq(sip_codes_lookup(codes, 677, SIP_SPAN_NONE)->severity_num, 2);
  cr_assert_str_eq(sip_codes_lookup(codes, 677, SIP_SPAN_NONE)->category, "unknown-6xx");
  cr_assert_str_eq(sip_codes_lookup(codes, 678, SIP_SPAN_NONE)->phrase, "");
  /* a language */
  gint german = sip_codes_language(codes, "de");
  cr_assert_geq(german, 0);
  cr_assert_str_eq(sip_codes_meaning(codes, 486, SIP_SPAN_NONE, german), "Besetzt");
  cr_assert_str_eq(sip_codes_meaning(codes, 487, SIP_SPAN_NONE, german),
                   sip_codes_meaning(codes, 487, SIP_SPAN_NONE, sip_codes_language(codes, "en")));
  cr_assert_eq(sip_codes_language(codes, "fr"), -1);
  cr_assert_str_eq(sip_codes_meaning(codes, 486, SIP_SPAN_NONE, -1), "");
  cr_assert_str_eq(sip_codes_meaning(codes, 486, SIP_SPAN_NONE, 99), "");
  sip_codes_unref(codes);
}

Test(codes, the_built_in_table_is_a_code_file)
{
  SipCodes *codes = sip_codes_new();
  GError *error = NULL;

  for (gint i = 0; i < 3; i++)
    cr_assert(sip_codes_load_file(codes, TOP_SRCDIR "/modules/sip/core/sip-status-codes.csv", &error), "%s",
              error ? error->message : "");
  cr_assert_str_eq(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->phrase, "Busy Here");
  sip_codes_unref(codes);
}

/* what x00 says, its whole class says */
Test(codes, a_file_moves_the_fallback)
{
  SipCodes *codes = sip_codes_new();

  cr_assert(_load(codes, "code,severity\n500,alert\n183,notice\n", NULL));
  cr_assert_str_eq(sip_codes_lookup(codes, 599, SIP_SPAN_NONE)->severity, "alert");
  cr_assert_str_eq(sip_codes_lookup(codes, 150, SIP_SPAN_NONE)->severity, "notice");
  cr_assert_str_eq(sip_codes_lookup(codes, 599, SIP_SPAN_NONE)->category, "unknown-5xx");
  sip_codes_unref(codes);
}

typedef struct _Fault
{
  const gchar *text;
  const gchar *message;
} Fault;

static const Fault faults[] =
{
  { "", "f:1:1: the file is empty" },
  { "\n", "f:1:1: unknown column `'" },
  { "phrase\nx\n", "f:1:1: there is no column `code'" },
  { "code,colour\n", "f:1:6: unknown column `colour'" },
  { "code,meaning_\n", "f:1:6: unknown column `meaning_'" },
  { "code,meaning_DE\n", "f:1:6: unknown column `meaning_DE'" },
  { "code,meaning_a23456789b1234567\n", "f:1:6: unknown column `meaning_a23456789b1234567'" },
  { "code,phrase,code\n", "f:1:13: column `code' stands twice" },
  { "code,phrase\n486,x\n99,x\n", "f:3:1: `99' is not a code from 100 to 699" },
  { "code,phrase\n700,x\n", "f:2:1: `700' is not a code from 100 to 699" },
  { "phrase,code\nBusy,4860\n", "f:2:6: `4860' is not a code from 100 to 699" },
  { "phrase,code\n\"a, b\", 486\n", "f:2:8: ` 486' is not a code from 100 to 699" },
  { "code,phrase\n486\n", "f:2:1: the row has 1 values, the header 2" },
  { "code,phrase\n486,a,b\n", "f:2:1: the row has 3 values, the header 2" },
  { "phrase,code\n\n486\n", "f:3:1: the row has 1 values, the header 2" },
  { "code,severity\n486,loud\n", "f:2:5: unknown severity `loud'" },
  { "code,retry\n486,maybe\n", "f:2:5: unknown retry `maybe'" },
  { "code,phrase,alert_default\n486,\"x,\"\"\",yes\n", "f:2:12: unknown alert_default `yes'" },
  { "code,phrase\n486,\"x\n", "f:2:5: a value must not hold a line end" },
  { "code,phrase\n486,\"x", "f:2:5: no closing quote" },
  { "code,phrase\n486,\"x\"y\n", "f:2:8: expected a comma or the end of the line" },
  { "code,phrase\n486,a\tb\n", "f:2:5: control byte in a value" },
  { "code,phrase\n486,a\x7f\n", "f:2:5: control byte in a value" },
  { "code,phrase\n486,a\xff\n", "f:2:5: not valid UTF-8" },
  { "code,phrase\n486,\xc3\n", "f:2:5: not valid UTF-8" },
  { "code,phrase\r\n486,x\r\n487,\xc3\r\n", "f:3:5: not valid UTF-8" },
};

Test(codes, faults_name_line_and_column_and_change_nothing)
{
  SipCodes *codes = sip_codes_new();

  for (gsize i = 0; i < G_N_ELEMENTS(faults); i++)
    {
      GError *error = NULL;

      cr_expect_not(_load(codes, faults[i].text, &error), "`%s' loads", faults[i].text);
      if (!error)
        continue;
      cr_expect_str_eq(error->message, faults[i].message, "`%s': %s", faults[i].text, error->message);
      cr_expect(g_error_matches(error, SIP_CODES_ERROR, 0));
      g_clear_error(&error);
    }
  cr_assert_str_eq(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->phrase, "Busy Here");
  cr_assert_eq(sip_codes_language(codes, "DE"), -1);
  sip_codes_unref(codes);
}

/* the rows before the fault are not taken either, nor is a new language */
Test(codes, a_fault_at_the_end_changes_nothing)
{
  SipCodes *codes = sip_codes_new();

  GError *error = NULL;

  cr_assert_not(_load(codes, "code,phrase,meaning_de\n486,Besetzt,Besetzt\n48,x,y\n", &error));
  g_clear_error(&error);
  cr_assert_str_eq(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->phrase, "Busy Here");
  cr_assert_eq(sip_codes_language(codes, "de"), -1);
  sip_codes_unref(codes);
}

Test(codes, nul_bytes_are_refused)
{
  static const gchar in_value[] = "code,phrase\n486,a\0b\n";
  static const gchar in_name[] = "code\0,phrase\n486,ab\n";
  SipCodes *codes = sip_codes_new();
  GError *error = NULL;

  cr_assert_not(sip_codes_load_text(codes, "f", in_value, sizeof(in_value) - 1, &error));
  cr_assert_str_eq(error->message, "f:2:5: not valid UTF-8");
  g_clear_error(&error);
  cr_assert_not(sip_codes_load_text(codes, "f", in_name, sizeof(in_name) - 1, &error), "a column name with a NUL byte");
  cr_assert_str_eq(error->message, "f:1:1: unknown column `code'");
  g_clear_error(&error);
  sip_codes_unref(codes);
}

Test(codes, files_that_are_none)
{
  SipCodes *codes = sip_codes_new();
  GError *error = NULL;

  cr_assert_not(sip_codes_load_file(codes, "/nonexistent/codes.csv", &error));
  cr_assert_not_null(strstr(error->message, "/nonexistent/codes.csv"));
  g_clear_error(&error);
  cr_assert_not(sip_codes_load_file(codes, "/dev/zero", &error));
  g_clear_error(&error);
  cr_assert_not(sip_codes_load_file(codes, "/", &error));
  g_clear_error(&error);
  sip_codes_unref(codes);
}

/* every byte of a good file turned into another one: no crash, a message or a table, the same twice */
Test(codes, damaged_files)
{
  static const gchar text[] = "code,phrase,severity,meaning_xx\r\n486,\"Busy, \"\"Here\"\"\",info,x\r\n404,Nope,err,y\r\n";
  static const gchar bytes[] = { '\0', '"', ',', '\n', '\r', 'x', '9', '\xff', '\x80', '\t' };
  gchar damaged[sizeof(text)];

  for (gsize i = 0; i + 1 < sizeof(text); i++)
    {
      for (gsize j = 0; j < sizeof(bytes); j++)
        {
          SipCodes *codes = sip_codes_new();
          GError *error = NULL;

          memcpy(damaged, text, sizeof(text));
          damaged[i] = bytes[j];
          gboolean ok = sip_codes_load_text(codes, "f", damaged, sizeof(text) - 1, &error);
          cr_assert(ok == (error == NULL));
          cr_assert(ok || g_str_has_prefix(error->message, "f:"), "%s", ok ? "" : error->message);
          g_clear_error(&error);
          sip_codes_unref(codes);
        }
      /* and cut there */
      SipCodes *codes = sip_codes_new();
      sip_codes_load_text(codes, "f", text, i, NULL);
      sip_codes_unref(codes);
    }
}
