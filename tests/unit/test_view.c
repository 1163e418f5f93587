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

#include "guard-page.h"
#include "sip-view.h"

#include <criterion/criterion.h>

typedef struct _Case
{
  const gchar *text;
  const gchar *view;
} Case;

static const Case cases[] =
{
  /* nothing to undo */
  { "SIP/2.0 486 Busy Here\r\nVia: x\r\n", "SIP/2.0 486 Busy Here\r\nVia: x\r\n" },
  { "", "" },
  /* rsyslog's octal, three digits that name a control character */
  { "a#015#012b", "a\r\nb" },
  { "a#011b", "a\tb" },
  { "a#0", "a#0" },
  { "a#01", "a#01" },
  { "a#", "a#" },
  { "# 012", "# 012" },
  { "#040", "#040" },
  { "#099", "#099" },
  { "call #100", "call #100" },
  /* backslash */
  { "a\\r\\nb", "a\r\nb" },
  { "a\\tb", "a\tb" },
  { "a\\\\r\\\\nb", "a\r\nb" },
  { "a\\\\\\\\nb", "a\nb" },
  { "say \\\"Busy Here\\\"", "say \"Busy Here\"" },
  { "http:\\/\\/x", "http://x" },
  { "a\\015\\012b", "a\r\nb" },
  { "a\\x0d\\x0Ab", "a\r\nb" },
  { "a\\u000d\\u000ab", "a\r\nb" },
  { "a\\u0041b", "aAb" },
  { "a\\u00e9b", "a\xc3\xa9" "b" },
  { "M\\u00E1y b\\\\u1eadn", "M\xc3\xa1y b\xe1\xba\xadn" },
  { "\\uD83D\\uDE00", "\xf0\x9f\x98\x80" },
  { "\\\\ud83d\\\\ude00", "\xf0\x9f\x98\x80" },
  /* half a pair is no character */
  { "\\ud83d", "\\ud83d" },
  { "\\ud83d\\", "\\ud83d\\" },
  { "\\ud83d\\u00", "\\ud83d\\u00" },
  { "\\ud83dx", "\\ud83dx" },
  { "\\ud83d\\n", "\\ud83d\n" },
  { "\\ud83d\\u0041", "\\ud83dA" },
  { "\\ude00\\ud83d", "\\ude00\\ud83d" },
  { "a\\u00", "a\\u00" },
  { "a\\x", "a\\x" },
  { "a\\x4", "a\\x4" },
  { "a\\x41", "a\\x41" },
  { "a\\q", "a\\q" },
  { "a\\\\q", "a\\\\q" },
  { "a\\", "a\\" },
  { "a\\\\\\", "a\\\\\\" },
  { "\\040", "\\040" },
  /* cat -v */
  { "a^Mb", "a\rb" },
  { "a^M", "a\r" },
  { "a^", "a^" },
  { "a^Nb", "a^Nb" },
  /* colours */
  { "\033[1;33mBusy\033[0m", "Busy" },
  { "\\e[31mBusy\\e[0m", "Busy" },
  { "\\033[31mBusy", "Busy" },
  { "\\u001b[31mBusy", "Busy" },
  { "#033[31mBusy", "Busy" },
  { "a\033b", "a\033b" },
  { "a\033", "a\033" },
  { "a\033[", "a\033[" },
  { "a\033[1;3", "a\033[1;3" },
  /* all at once: journald's JSON of a coloured line that rsyslog relayed */
  { "\\u001b[1m<--- x --->\\u001b[0m#015#012SIP/2.0 486 \\\"Busy\\\"^M", "<--- x --->\r\nSIP/2.0 486 \"Busy\"\r" },
};

Test(view, undoes)
{
  GString *buffer = g_string_new("rest of the one before");

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      SipSpan text = guard_page_at_end(cases[i].text, strlen(cases[i].text));
      SipSpan view = sip_view_make(text, buffer);

      cr_expect(sip_span_eq(view, cases[i].view), "`%s' gives `%.*s', not `%s'", cases[i].text, (gint) view.len, view.ptr,
                cases[i].view);
    }
  g_string_free(buffer, TRUE);
}

/* needed() may say yes for nothing, never no for something */
Test(view, needed)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      SipSpan text = guard_page_at_end(cases[i].text, strlen(cases[i].text));

      if (strcmp(cases[i].text, cases[i].view) != 0)
        cr_expect(sip_view_needed(text), "`%s'", cases[i].text);
    }
  cr_expect_not(sip_view_needed(sip_span_str("SIP/2.0 486 Busy Here\r\nVia: x\r\n")));
  cr_expect_not(sip_view_needed(sip_span_str("call #100")));
  cr_expect_not(sip_view_needed(sip_span_str("")));
}

/* `len' bytes of filler, an escape at each place of them in turn */
static void
_expect_needed_at_every_place(const gchar *filler, gsize len)
{
  static const gchar *const escapes[] = { "\\n", "\033", "^M", "#012" };
  gchar *text = g_malloc(len);

  for (gsize i = 0; i < len; i++)
    text[i] = filler[i % strlen(filler)];
  cr_assert_not(sip_view_needed(guard_page_at_end(text, len)), "%zu bytes of `%s'", len, filler);
  for (gsize i = 0; i < G_N_ELEMENTS(escapes); i++)
    {
      gsize escape_len = strlen(escapes[i]);

      for (gsize where = 0; where + escape_len <= len; where++)
        {
          gchar *with = g_memdup2(text, len);

          memcpy(with + where, escapes[i], escape_len);
          cr_assert(sip_view_needed(guard_page_at_end(with, len)), "`%s' at %zu of %zu", escapes[i], where, len);
          g_free(with);
        }
    }
  g_free(text);
}

/* blocks of bytes are looked at at once */
Test(view, needed_at_every_place)
{
  for (gsize len = 4; len < 150; len++)
    {
      /* bytes next to those that matter in one bit or another; `#' alone does not matter */
      _expect_needed_at_every_place("]_}~|;3Cn \013[\177", len);
      _expect_needed_at_every_place("a#b", len);
    }
}

/* a NUL byte is a byte like others */
Test(view, nul_bytes)
{
  GString *buffer = g_string_new(NULL);
  SipSpan view = sip_view_make(sip_span("a\0\\n#012\0", 9), buffer);

  cr_assert_eq(view.len, 5);
  cr_assert_arr_eq(view.ptr, "a\0\n\n\0", 5);
  g_string_free(buffer, TRUE);
}

Test(view, every_piece_of_every_case)
{
  GString *buffer = g_string_new(NULL);

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      gsize len = strlen(cases[i].text);

      for (gsize from = 0; from <= len; from++)
        {
          for (gsize to = from; to <= len; to++)
            {
              SipSpan text = guard_page_at_end(cases[i].text + from, to - from);

              sip_view_needed(text);
              cr_assert_leq(sip_view_make(text, buffer).len, text.len);
              text = guard_page_at_start(cases[i].text + from, to - from);
              sip_view_needed(text);
              cr_assert_leq(sip_view_make(text, buffer).len, text.len);
            }
        }
    }
  g_string_free(buffer, TRUE);
}

/* an escape sequence ends where a byte stands that cannot be in one (ECMA-48 section 5.4) */
Test(view, a_colour_does_not_swallow_the_next_line)
{
  GString *buffer = g_string_new(NULL);
  SipSpan view = sip_view_make(sip_span_str("\033[\nSIP/2.0 486 Busy Here"), buffer);

  cr_assert(g_strstr_len(view.ptr, (gssize) view.len, "SIP/2.0 486") != NULL, "`%.*s'", (gint) view.len, view.ptr);
  g_string_free(buffer, TRUE);
}
