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

/*
 * Scans records for the corpus tests: reads "<length of PROGRAM> <length of text>\n" and the bytes of both, any
 * number of times, from standard input; writes a line a record: code, implied, sipfrag, rule and the
 * fields as name=hexadecimal, separated by tabs.
 *
 *   scan-records [--no-jit] [RULEFILE...]
 */
#include "sip-scan.h"
#include "sip-rules-private.h"

#include <stdio.h>
#include <stdlib.h>

static void
_print_result(const SipScanResult *result)
{
  printf("%d\t%d\t%d\t%s", result->code, result->implied, result->sipfrag,
         result->rule_name ? result->rule_name : "-");
  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    {
      if (!result->field[i].ptr)
        continue;
      printf("\t%s=", sip_field_name((SipField) i));
      for (gsize j = 0; j < result->field[i].len; j++)
        printf("%02x", (guchar) result->field[i].ptr[j]);
    }
  printf("\tcodes=");
  for (guint i = 0; i < result->n_codes; i++)
    printf("%s%u", i ? "," : "", result->codes[i]);
  putchar('\n');
}

static SipRules *
_load(int argc, char **argv)
{
  SipRules *rules = sip_rules_new();
  GError *error = NULL;
  gboolean jit = TRUE;

  for (gint i = 0; sip_rules_builtin_dialects()[i]; i++)
    {
      if (!sip_rules_add_builtin(rules, sip_rules_builtin_dialects()[i], &error))
        g_error("%s", error->message);
    }
  for (gint i = 1; i < argc; i++)
    {
      if (strcmp(argv[i], "--no-jit") == 0)
        jit = FALSE;
      else if (!sip_rules_add_file(rules, argv[i], &error))
        g_error("%s", error->message);
    }
  if (!sip_rules_compile(rules, jit, &error))
    g_error("%s", error->message);
  return rules;
}

int
main(int argc, char **argv)
{
  SipRules *rules = _load(argc, argv);
  SipScanner *scanner = sip_scanner_new();
  SipScanResult result;
  gulong program_len, text_len;

  while (scanf("%lu %lu", &program_len, &text_len) == 2 && getchar() == '\n')
    {
      /* of exactly their size, so that reading past the end shows under the address sanitizer */
      gchar *program = g_malloc(program_len + 1);
      gchar *text = malloc(text_len ? text_len : 1);

      if (fread(program, 1, program_len, stdin) != program_len || fread(text, 1, text_len, stdin) != text_len)
        return 1;
      sip_scan(rules, scanner, sip_span(program, program_len), sip_span(text, text_len), &result);
      _print_result(&result);
      fflush(stdout);
      free(text);
      g_free(program);
    }
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
  return 0;
}
