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
#include "guard-page.h"
#include "sip-words.h"

#include <criterion/criterion.h>

/* the plain way: what the header promises of one word */
static gboolean
_stands_in(const SipWord *word, const gchar *text, gsize len)
{
  for (gsize i = 0; i + word->len <= len; i++)
    {
      const gchar *p = text + i;

      if (word->exact ? memcmp(p, word->text, word->len) != 0 : g_ascii_strncasecmp(p, word->text, word->len) != 0)
        continue;
      if (!word->open_start && i > 0 && g_ascii_isalnum(p[-1]) && g_ascii_isalnum(p[0]))
        continue;
      if (!word->open_end && i + word->len < len && g_ascii_isalnum(p[word->len - 1]) && g_ascii_isalnum(p[word->len]))
        continue;
      return TRUE;
    }
  return FALSE;
}

static void
_assert_finds_all(const SipWords *words, const SipWord *list, guint n, const gchar *bytes, gsize len)
{
  SipSpan text = guard_page_at_end(bytes, len);
  SipWordSet found = { { 0 } };

  sip_words_search(words, text, &found);
  for (guint i = 0; i < n; i++)
    cr_assert_eq(sip_word_set_has(&found, i), _stands_in(&list[i], bytes, len), "`%s' in `%.*s'", list[i].text,
                 (gint) len, bytes);
}

/* texts of few different letters, so that much nearly fits; the same numbers each time */
Test(words, agree_with_the_plain_search)
{
  GRand *random = g_rand_new_with_seed(3261);
  gchar text[80];

  for (gint round = 0; round < 200; round++)
    {
      SipWords *words = sip_words_new();
      SipWord list[16];

      for (guint i = 0; i < G_N_ELEMENTS(list); i++)
        {
          gsize len = (gsize) g_rand_int_range(random, SIP_WORD_MIN_LENGTH, 8);
          gchar *word = g_malloc0(len + 1);

          list[i] = (SipWord) { word, len, g_rand_boolean(random), g_rand_boolean(random), g_rand_boolean(random) };
          for (gsize j = 0; j < len; j++)
            word[j] = (list[i].exact ? "abA= " : "abc= ")[g_rand_int_range(random, 0, 5)];
          if (sip_words_add(words, &list[i]) != (gint) i)
            {
              /* there already: its number is taken */
              g_free(word);
              i--;
            }
        }
      sip_words_compile(words);
      for (gint i = 0; i < 40; i++)
        {
          gsize len = (gsize) g_rand_int_range(random, 0, sizeof(text));

          if (i == 20)
            sip_words_use_no_vectors(words);
          for (gsize j = 0; j < len; j++)
            text[j] = "abcABC= "[g_rand_int_range(random, 0, 8)];
          _assert_finds_all(words, list, G_N_ELEMENTS(list), text, len);
        }
      sip_words_free(words);
      for (guint i = 0; i < G_N_ELEMENTS(list); i++)
        g_free(list[i].text);
    }
  g_rand_free(random);
}
