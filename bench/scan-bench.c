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
 * scan-bench [--no-jit] ROUNDS FILE: scans each line of FILE (as a record, `\n' in it standing for a line end) ROUNDS times with all
 * built-in rules and prints the records that gave a status, and nanoseconds a record and a byte.  Under valgrind --tool=callgrind with
 * two values of ROUNDS, the slope is instructions a record.
 */
#include "sip-scan.h"
#include "sip-rules-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void
_unescape(GString *line)
{
  gchar *to = line->str;

  for (const gchar *p = line->str; p < line->str + line->len; p++)
    {
      if (p[0] == '\\' && p[1] == 'n')
        {
          *to++ = '\n';
          p++;
        }
      else
        *to++ = *p;
    }
  g_string_truncate(line, (gsize) (to - line->str));
}

int
main(int argc, char **argv)
{
  gboolean jit = argc < 4 || strcmp(argv[1], "--no-jit") != 0;
  SipRules *rules = sip_rules_new();
  SipScanner *scanner = sip_scanner_new();
  GPtrArray *records = g_ptr_array_new();
  SipScanResult result;
  gchar *text;
  gulong found = 0;
  gulong bytes = 0;
  struct timespec start, end;

  if (argc < 3)
    return 2;
  glong rounds = atol(argv[argc - 2]);
  if (!g_file_get_contents(argv[argc - 1], &text, NULL, NULL))
    return 2;
  for (gint i = 0; sip_rules_builtin_dialects()[i]; i++)
    sip_rules_add_builtin(rules, sip_rules_builtin_dialects()[i], NULL);
  sip_rules_compile(rules, jit, NULL);

  gchar **lines = g_strsplit(text, "\n", -1);
  for (gchar **line = lines; *line; line++)
    {
      GString *record = g_string_new(*line);

      _unescape(record);
      if (record->len)
        g_ptr_array_add(records, record);
      bytes += record->len;
    }

  clock_gettime(CLOCK_MONOTONIC, &start);
  for (glong round = 0; round < rounds; round++)
    {
      for (guint i = 0; i < records->len; i++)
        {
          const GString *record = g_ptr_array_index(records, i);

          found += sip_scan(rules, scanner, SIP_SPAN_NONE, sip_span(record->str, record->len), &result);
        }
    }
  clock_gettime(CLOCK_MONOTONIC, &end);

  gdouble ns = (gdouble) (end.tv_sec - start.tv_sec) * 1e9 + (gdouble) (end.tv_nsec - start.tv_nsec);
  printf("%u records of %.0f bytes, %.1f %% with a result: %.0f ns a record, %.2f ns a byte; %" G_GUINT64_FORMAT
         " records at the bound\n", records->len, (gdouble) bytes / records->len,
         100.0 * found / (rounds ? rounds : 1) / records->len, ns / rounds / records->len, ns / rounds / bytes,
         sip_scanner_stats(scanner)->attempts_exhausted);
  return 0;
}
