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
#include "sip-anchors.h"

#include <criterion/criterion.h>

#define MAX_FOUND 4096

typedef struct _Found
{
  guint n;
  guint anchor[MAX_FOUND];
  gsize where[MAX_FOUND];
  guint stop_after;             /* 0: never */
} Found;

static gboolean
_note(guint anchor, gsize where, gpointer user_data)
{
  Found *self = user_data;

  cr_assert_lt(self->n, MAX_FOUND);
  self->anchor[self->n] = anchor;
  self->where[self->n++] = where;
  return self->n != self->stop_after;
}

typedef struct _Literal
{
  const gchar *text;
  guint digits;
} Literal;

static SipAnchors *
_compiled(const Literal *literals, gsize n)
{
  SipAnchors *anchors = sip_anchors_new();

  for (gsize i = 0; i < n; i++)
    cr_assert_eq(sip_anchors_add(anchors, literals[i].text, strlen(literals[i].text), literals[i].digits), i);
  cr_assert(sip_anchors_compile(anchors));
  return anchors;
}

/* the plain way to say what the search is to find */
static gboolean
_stands_at(const Literal *literal, const gchar *text, gsize len, gsize where)
{
  gsize literal_len = strlen(literal->text);

  if (where + literal_len + literal->digits > len || g_ascii_strncasecmp(text + where, literal->text, literal_len) != 0)
    return FALSE;
  for (guint i = 0; i < literal->digits; i++)
    {
      gchar c = text[where + literal_len + i];

      if (c < (i ? '0' : '1') || c > (i ? '9' : '6'))
        return FALSE;
    }
  return TRUE;
}

static gboolean
_was_found(const Found *found, guint anchor, gsize where)
{
  guint times = 0;

  for (guint i = 0; i < found->n; i++)
    times += found->anchor[i] == anchor && found->where[i] == where;
  cr_assert_leq(times, 1, "anchor %u at %zu is reported %u times", anchor, where, times);
  return times == 1;
}

static void
_assert_finds_all(SipAnchors *anchors, const Literal *literals, gsize n, const gchar *bytes, gsize len)
{
  SipSpan text = guard_page_at_end(bytes, len);
  Found found = { 0 };
  guint expected = 0;

  sip_anchors_search(anchors, text.ptr, text.len, _note, &found);
  for (gsize i = 0; i < n; i++)
    {
      for (gsize where = 0; where < len; where++)
        {
          gboolean stands = _stands_at(&literals[i], bytes, len, where);

          expected += stands;
          cr_assert_eq(stands, _was_found(&found, (guint) i, where), "`%s' at %zu of `%.*s'", literals[i].text, where,
                       (gint) len, bytes);
        }
    }
  cr_assert_eq(found.n, expected);
}

static const Literal words[] =
{
  { "SIP/2.0", 0 }, { "Got SIP response", 0 }, { "code=", 2 }, { "status ", 3 }, { "code=\"", 1 }, { "aaaa", 0 },
  { "aaaaaaaa", 0 }, { "abababab", 0 }, { "response", 0 }, { "#$%&", 0 }, { "nse: ", 3 }, { "xy", 2 },
};

Test(anchors, finds_what_stands_there)
{
  static const gchar *const texts[] =
  {
    "", "a", "aaa", "aaaa", "aaaaa", "aaaaaaaaaaaaaaaaaa", "SIP/2.0", "sip/2.0", "SiP/2.0 486", "xSIP/2.0", "SIP/2.",
    "-- Got SIP response 486 \"Busy Here\" back from 192.0.2.1", "GOT SIP RESPONSE", "code=48", "code=4", "code=78", "code=4x",
    "code=", "CODE=486 code=\"503 code=\"703", "status 486", "status 48", "status 786", "abababababababab", "response: 486",
    "#$%&#$%&", "xy48", "xy4", "responseresponseresponse: 404",
  };
  SipAnchors *anchors = _compiled(words, G_N_ELEMENTS(words));

  for (gint vectors = 1; vectors >= 0; vectors--)
    {
      for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        _assert_finds_all(anchors, words, G_N_ELEMENTS(words), texts[i], strlen(texts[i]));
      sip_anchors_use_no_vectors(anchors);
    }
  sip_anchors_free(anchors);
}

/* texts of few different letters, so that much nearly fits; the same numbers each time */
Test(anchors, agrees_with_the_plain_search)
{
  GRand *random = g_rand_new_with_seed(3261);
  gchar text[160];

  for (gint round = 0; round < 200; round++)
    {
      Literal literals[24];
      gchar *letters[24];
      gsize n = 0;
      gsize shortest = (gsize) g_rand_int_range(random, 4, 14);

      while (n < G_N_ELEMENTS(literals))
        {
          gsize len = (gsize) g_rand_int_range(random, (gint32) shortest, 20);
          guint digits = (guint) g_rand_int_range(random, 0, 4);
          gchar *literal = g_malloc0(len + 1);
          gboolean is_new = TRUE;

          digits = len < 5 ? 0 : digits;
          for (gsize i = 0; i < len - digits; i++)
            literal[i] = "abAB4="[g_rand_int_range(random, 0, 6)];
          for (gsize i = 0; i < n; i++)
            is_new = is_new && !(literals[i].digits == digits && g_ascii_strcasecmp(literals[i].text, literal) == 0);
          if (!is_new)
            {
              g_free(literal);
              continue;
            }
          letters[n] = literal;
          literals[n++] = (Literal) { literal, digits };
        }
      SipAnchors *anchors = _compiled(literals, n);
      for (gint i = 0; i < 20; i++)
        {
          if (i == 10)
            sip_anchors_use_no_vectors(anchors);

          gsize len = (gsize) g_rand_int_range(random, 0, sizeof(text));

          for (gsize j = 0; j < len; j++)
            text[j] = "abAB468="[g_rand_int_range(random, 0, 8)];
          /* and a literal in it for certain */
          const Literal *sure = &literals[g_rand_int_range(random, 0, (gint32) n)];
          if (strlen(sure->text) + 3 < len)
            memcpy(text + g_rand_int_range(random, 0, (gint32) (len - strlen(sure->text) - 2)), sure->text,
                   strlen(sure->text));
          _assert_finds_all(anchors, literals, n, text, len);
        }
      sip_anchors_free(anchors);
      for (gsize i = 0; i < n; i++)
        g_free(letters[i]);
    }
  g_rand_free(random);
}

/* where blocks of positions end, overlap and leave a rest: each literal once, wherever it stands */
Test(anchors, at_every_place)
{
  static const Literal literals[] = { { "ab=cd:e", 0 }, { "code=", 2 }, { "answer =", 1 }, { "Got SIP response", 0 } };
  static const gchar *const written[] = { "ab=cd:e", "code=48", "answer =4", "gOT sip RESPONSE" };
  SipAnchors *anchors = _compiled(literals, G_N_ELEMENTS(literals));
  gchar text[110];

  for (gsize i = 0; i < G_N_ELEMENTS(written); i++)
    {
      for (gsize len = strlen(written[i]); len <= sizeof(text); len++)
        {
          for (gsize where = 0; where + strlen(written[i]) <= len; where++)
            {
              memset(text, '.', len);
              memcpy(text + where, written[i], strlen(written[i]));
              _assert_finds_all(anchors, literals, G_N_ELEMENTS(literals), text, len);
            }
        }
    }
  /* a case that is none: `@' and ``' differ in that bit only, and so do `=' and a control character */
  _assert_finds_all(anchors, literals, G_N_ELEMENTS(literals), "....AB\035CD:E....code\03548.......................................", 60);
  sip_anchors_free(anchors);
}

Test(anchors, the_same_literal_has_one_number)
{
  SipAnchors *anchors = sip_anchors_new();

  cr_assert_eq(sip_anchors_add(anchors, "Busy Here", 9, 0), 0);
  cr_assert_eq(sip_anchors_add(anchors, "BUSY HERE", 9, 0), 0);
  cr_assert_eq(sip_anchors_add(anchors, "Busy Here", 9, 1), 1);
  cr_assert_eq(sip_anchors_add(anchors, "Busy There", 10, 0), 2);
  cr_assert(sip_anchors_compile(anchors));
  cr_assert_eq(sip_anchors_length(anchors, 0), 9);
  cr_assert_eq(sip_anchors_length(anchors, 1), 10);
  sip_anchors_free(anchors);
}

Test(anchors, the_search_ends_when_told_to)
{
  static const Literal literals[] = { { "aaaa", 0 } };
  SipAnchors *anchors = _compiled(literals, 1);
  Found found = { .stop_after = 2 };

  sip_anchors_search(anchors, "aaaaaaaaaaaa", 12, _note, &found);
  cr_assert_eq(found.n, 2);
  sip_anchors_free(anchors);
}

/* the shortest literal sets how many places are looked at */
Test(anchors, step)
{
  static const struct
  {
    Literal literals[2];
    guint step;
  } cases[] =
  {
    { { { "abcd", 0 }, { "abcdefghijkl", 0 } }, 1 },
    { { { "abcdefg", 0 }, { "abcdefghijkl", 0 } }, 4 },
    { { { "abcd", 3 }, { "abcdefghijkl", 0 } }, 4 },
    { { { "abcdefghijkl", 0 }, { "bcdefghijklmnopqrst", 0 } }, 4 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      SipAnchors *anchors = _compiled(cases[i].literals, 2);

      cr_expect_eq(sip_anchors_step(anchors), cases[i].step, "`%s' gives %u", cases[i].literals[0].text,
                   sip_anchors_step(anchors));
      sip_anchors_free(anchors);
    }
}

Test(anchors, without_any)
{
  SipAnchors *anchors = sip_anchors_new();
  Found found = { 0 };

  cr_assert(sip_anchors_compile(anchors));
  sip_anchors_search(anchors, "aaaaaaaa", 8, _note, &found);
  cr_assert_eq(found.n, 0);
  sip_anchors_free(anchors);
}

/* thousands of literals that begin alike: found, each once, or refused, never mixed up */
Test(anchors, many)
{
  SipAnchors *anchors = sip_anchors_new();
  gchar literal[32];
  gboolean ok;

  for (gint i = 0; i < 5000; i++)
    {
      g_snprintf(literal, sizeof(literal), "answer of %c%04d:", 'a' + i % 26, i);
      cr_assert_eq(sip_anchors_add(anchors, literal, strlen(literal), 0), i);
    }
  ok = sip_anchors_compile(anchors);
  for (gint i = 0; ok && i < 5000; i++)
    {
      Found found = { 0 };

      g_snprintf(literal, sizeof(literal), "answer of %c%04d:", 'a' + i % 26, i);
      sip_anchors_search(anchors, literal, strlen(literal), _note, &found);
      cr_assert_eq(found.n, 1, "%s is found %u times", literal, found.n);
      cr_assert_eq(found.anchor[0], i);
    }
  sip_anchors_free(anchors);

  anchors = sip_anchors_new();
  for (gint i = 0; i < 100000; i++)
    {
      g_snprintf(literal, sizeof(literal), "answer of %06d:", i);
      sip_anchors_add(anchors, literal, strlen(literal), 0);
    }
  cr_assert_not(sip_anchors_compile(anchors), "100,000 literals fit");
  sip_anchors_free(anchors);
}
