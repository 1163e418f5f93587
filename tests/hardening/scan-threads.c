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
 * scan-threads FILE THREADS ROUNDS: one compiled rule set, read by several threads at once, each with a scanner of its
 * own, over the lines of FILE.  All find the same.  Built with ThreadSanitizer by tests/hardening/check.
 */
#include "sip-codes.h"
#include "sip-scan.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct _Work
{
  SipRules *rules;
  gchar **lines;
  guint rounds;
  guint64 sum;
} Work;

static gpointer
_scan(gpointer data)
{
  Work *self = data;
  SipRules *rules = sip_rules_ref(self->rules);
  SipScanner *scanner = sip_scanner_new();
  SipScanResult result;

  for (guint round = 0; round < self->rounds; round++)
    for (gchar **line = self->lines; *line; line++)
      if (sip_scan(rules, scanner, SIP_SPAN_NONE, sip_span_str(*line), &result))
        self->sum = self->sum * 31 + (guint64) result.code;
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
  return NULL;
}

int
main(int argc, char **argv)
{
  GError *error = NULL;
  gchar *text;

  if (argc != 4 || !g_file_get_contents(argv[1], &text, NULL, &error))
    return 2;
  guint threads = (guint) atoi(argv[2]);
  Work *work = g_new0(Work, threads);
  GThread **thread = g_new0(GThread *, threads);
  SipRules *rules = sip_rules_new();
  int status = 0;

  for (const gchar *const *dialect = sip_rules_builtin_dialects(); *dialect; dialect++)
    if (!sip_rules_add_builtin(rules, *dialect, &error))
      return 2;
  /* machine code is not instrumented, but what it is given and what it leaves is */
  if (!sip_rules_compile(rules, TRUE, &error))
    return 2;
  for (guint i = 0; i < threads; i++)
    {
      work[i] = (Work) { .rules = rules, .lines = g_strsplit(text, "\n", -1), .rounds = (guint) atoi(argv[3]) };
      thread[i] = g_thread_new("scan", _scan, &work[i]);
    }
  /* the last reference goes in a thread */
  sip_rules_unref(rules);
  for (guint i = 0; i < threads; i++)
    g_thread_join(thread[i]);
  for (guint i = 1; i < threads; i++)
    status |= work[i].sum != work[0].sum;
  printf("%u threads, %u lines each, sum %" G_GUINT64_FORMAT ", %s\n", threads,
         g_strv_length(work[0].lines) * work[0].rounds, work[0].sum, status ? "DIFFERENT" : "equal");
  for (guint i = 0; i < threads; i++)
    g_strfreev(work[i].lines);
  g_free(work);
  g_free(thread);
  g_free(text);
  return status;
}
