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
 * Rule files under libFuzzer: any bytes are a file that loads or a fault with its place; what loads compiles and
 * scans lines without harm.
 */
#include "sip-rules-private.h"
#include "sip-rule-check.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
_ignore(const gchar *fault, gpointer user_data)
{
  (void) fault;
  (void) user_data;
}

static void
_check_fault(const GError *error)
{
  gint line, column;

  g_assert(error && error->message[0]);
  /* file:line:column: what; a set that is too large has no place */
  if (g_str_has_prefix(error->message, "fuzz:"))
    g_assert(sscanf(error->message, "fuzz:%d:%d: ", &line, &column) == 2 && line > 0 && column > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const gchar line[] = "Nov 23 06:41:05 pbx asterisk[28845]: Got SIP response 486 \"Busy Here\" back from 192.0.2.7:5060";
  SipRules *rules = sip_rules_new();
  SipScanner *scanner = sip_scanner_new();
  SipScanResult result;
  GError *error = NULL;

  if (sip_rules_add_text(rules, "fuzz", (const gchar *) data, size, TRUE, &error)
      && sip_rules_compile(rules, FALSE, &error))
    {
      g_assert(!error);
      sip_rules_check_samples(rules, scanner, NULL, _ignore, NULL, NULL);
      sip_scan(rules, scanner, SIP_SPAN_NONE, sip_span(line, sizeof(line) - 1), &result);
      g_assert(result.code == 0 || (result.code >= 100 && result.code <= 699));
    }
  else
    _check_fault(error);
  g_clear_error(&error);
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
  return 0;
}
