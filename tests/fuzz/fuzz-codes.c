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
 * Code files under libFuzzer: any bytes are a file that loads or a fault with its place, which then changes nothing;
 * whatever was loaded, every code has its facts.
 */
#include "sip-codes.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
_check_facts(const SipCodes *codes)
{
  for (gint code = SIP_CODE_MIN; code <= SIP_CODE_MAX; code++)
    {
      const SipCode *facts = sip_codes_lookup(codes, code, SIP_SPAN_NONE);

      g_assert(facts && facts->phrase && facts->category[0] && facts->severity[0] && facts->retry && facts->rfc);
      g_assert(facts->severity_num >= 0 && facts->severity_num <= 7);
      g_assert(g_utf8_validate(facts->phrase, -1, NULL));
      g_assert(g_utf8_validate(sip_codes_meaning(codes, code, SIP_SPAN_NONE, 0), -1, NULL));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  SipCodes *codes = sip_codes_new();
  GError *error = NULL;
  gint line, column;

  if (!sip_codes_load_text(codes, "fuzz", (const gchar *) data, size, &error))
    {
      g_assert(error && sscanf(error->message, "fuzz:%d:%d: ", &line, &column) == 2 && line > 0 && column > 0);
      g_assert_cmpstr(sip_codes_lookup(codes, 486, SIP_SPAN_NONE)->phrase, ==, "Busy Here");
    }
  _check_facts(codes);
  g_clear_error(&error);
  sip_codes_unref(codes);
  return 0;
}
