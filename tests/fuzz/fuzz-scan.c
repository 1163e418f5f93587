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
 * The scanner under libFuzzer.  Input: any bytes; up to the first 0xff they are PROGRAM, the rest is the text.
 * Beyond "no crash": a status is 100..699 and stands where the result says; every span lies within the text, the
 * scanner's buffer or the rules; and the same text gives the same status in another framing.
 */
#include "sip-scan.h"
#include "sip-rules-private.h"
#include "sip-view.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static SipRules *rules;
static SipScanner *scanner;
static SipScanner *framed_scanner;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
  (void) argc;
  (void) argv;
  rules = sip_rules_new();
  for (gint i = 0; sip_rules_builtin_dialects()[i]; i++)
    sip_rules_add_builtin(rules, sip_rules_builtin_dialects()[i], NULL);
  /* machine code of patterns hides accesses from the sanitizers */
  sip_rules_compile(rules, g_getenv("FUZZ_JIT") != NULL, NULL);
  scanner = sip_scanner_new();
  framed_scanner = sip_scanner_new();
  return 0;
}

static void
_check_result(const SipScanResult *result)
{
  volatile gchar sink = 0;

  g_assert(result->code == 0 || (result->code >= 100 && result->code <= 699));
  g_assert(!(result->code || result->field[SIP_FIELD_EVENT].ptr) || result->rule_name);
  if (result->code && !result->implied)
    {
      const SipSpan *code = &result->field[SIP_FIELD_CODE];

      g_assert(code->len == 3);
      g_assert((code->ptr[0] - '0') * 100 + (code->ptr[1] - '0') * 10 + code->ptr[2] - '0' == result->code);
    }
  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    {
      g_assert(!result->field[i].ptr || result->field[i].len > 0);
      /* the address sanitizer tells whether a span lies in memory that is ours */
      for (gsize j = 0; j < result->field[i].len; j++)
        sink ^= result->field[i].ptr[j];
    }
  g_assert(result->n_codes <= SIP_SCAN_MAX_CODES);
}

/* as rsyslog writes control characters, or as a JSON string */
static GString *
_frame(SipSpan text, gboolean json)
{
  GString *framed = g_string_sized_new(text.len * 2);

  for (gsize i = 0; i < text.len; i++)
    {
      gchar c = text.ptr[i];

      if (c == '\n')
        g_string_append(framed, json ? "\\n" : "#012");
      else if (c == '\r')
        g_string_append(framed, json ? "\\r" : "#015");
      else if (c == '\t')
        g_string_append(framed, json ? "\\t" : "#011");
      else if (c == '"' && json)
        g_string_append(framed, "\\\"");
      else
        g_string_append_c(framed, c);
    }
  return framed;
}

static void
_check_framing(SipSpan program, SipSpan text, const SipScanResult *plain)
{
  /* a text that has escapes already would mean something else when escaped once more; a record of many anchors is cut short */
  if (sip_view_needed(text) || text.len > 1024)
    return;
  for (gint json = 0; json < 2; json++)
    {
      GString *framed = _frame(text, json);
      SipScanResult result;

      sip_scan(rules, framed_scanner, program, sip_span(framed->str, framed->len), &result);
      g_assert(result.code == plain->code);
      g_string_free(framed, TRUE);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const uint8_t *separator = size ? memchr(data, 0xff, size) : NULL;
  gsize program_len = separator ? (gsize) (separator - data) : 0;
  gsize skip = separator ? program_len + 1 : 0;
  /* exact size, so that one byte too far is found */
  gchar *copy = malloc(size - skip + 1);
  SipSpan program = sip_span((const gchar *) data, program_len);
  SipScanResult result;

  memcpy(copy, data + skip, size - skip);
  copy = realloc(copy, MAX(size - skip, 1));
  SipSpan text = sip_span(copy, size - skip);

  sip_scan(rules, scanner, program, text, &result);
  _check_result(&result);
  _check_framing(program, text, &result);
  free(copy);
  return 0;
}
