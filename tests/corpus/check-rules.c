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
 * check-rules FILE.rules...: the samples of all rules of all files together hold.  Prints each fault; exit status 1 if
 * there is any, if a file does not load, or if a rule has no sample.
 */
#include "sip-rule-check.h"
#include "sip-rules-private.h"

#include <stdio.h>

#define BUILTIN_ANCHOR_LENGTH 7

static void
_print(const gchar *fault, gpointer user_data)
{
  (void) user_data;
  printf("%s\n", fault);
}

int
main(int argc, char **argv)
{
  SipRules *rules = sip_rules_new();
  SipScanner *scanner = sip_scanner_new();
  GError *error = NULL;
  guint faults = 0;
  guint samples = 0;
  SipRulesMemory memory;

  for (gint i = 1; i < argc; i++)
    {
      gchar *text;
      gsize len;

      if (!g_file_get_contents(argv[i], &text, &len, &error)
          || !sip_rules_add_text(rules, argv[i], text, len, FALSE, &error))
        {
          printf("%s\n", error->message);
          return 1;
        }
      g_free(text);
    }
  if (!sip_rules_compile(rules, !g_getenv("CHECK_RULES_NO_JIT"), &error))
    {
      printf("%s\n", error->message);
      return 1;
    }
  for (guint i = 0; i < rules->rules->len; i++)
    {
      const SipRule *rule = g_ptr_array_index(rules->rules, i);

      /* a shorter one makes the search look at more places of every line */
      if (rule->anchor_length < BUILTIN_ANCHOR_LENGTH)
        {
          printf("%s:%d:1: rule %s has an anchor of %u bytes, built-in rules have %d at least\n", rule->source, rule->line,
                 rule->name, rule->anchor_length, BUILTIN_ANCHOR_LENGTH);
          faults++;
        }
      if (!rule->samples->len)
        {
          printf("%s:%d:1: rule %s has no sample\n", rule->source, rule->line, rule->name);
          faults++;
        }
    }
  faults += sip_rules_check_samples(rules, scanner, NULL, _print, NULL, &samples);
  sip_rules_memory(rules, &memory);
  printf("%u rules, %u samples, %u faults; literal search: step %u, %zu bytes; patterns: %zu bytes, %zu of machine code\n",
         sip_rules_count(rules), samples, faults, memory.step, memory.anchors, memory.patterns, memory.jit);
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
  return faults != 0;
}
