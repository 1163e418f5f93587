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

#include "sip-words.h"

#define SLOT_BITS 12

/* ASCII upper to lower case by setting a bit; other bytes may fall together, which the comparison sorts out */
#define FOLD 0x2020u

struct _SipWords
{
  guint16 slots[1 << SLOT_BITS];        /* hash of the first two bytes -> 1 + the first word, 0 if none */
  guint16 next[SIP_WORDS_MAX];          /* 1 + the next word of the same slot */
  guint n;
  GArray *words;                /* SipWord */
};

static inline guint16
_load(const gchar *p)
{
  guint16 bytes;

  memcpy(&bytes, p, sizeof(bytes));
  return bytes | FOLD;
}

static inline guint
_slot(guint16 bytes)
{
  return (bytes * 0x9e3779b1u) >> (32 - SLOT_BITS);
}

SipWords *
sip_words_new(void)
{
  SipWords *self = g_new0(SipWords, 1);

  self->words = g_array_new(FALSE, FALSE, sizeof(SipWord));
  return self;
}

void
sip_words_free(SipWords *self)
{
  if (!self)
    return;

  for (guint i = 0; i < self->words->len; i++)
    g_free(g_array_index(self->words, SipWord, i).text);
  g_array_unref(self->words);
  g_free(self);
}

gint
sip_words_add(SipWords *self, const SipWord *word)
{
  for (guint i = 0; i < self->words->len; i++)
    {
      const SipWord *other = &g_array_index(self->words, SipWord, i);

      if (other->exact == word->exact && other->open_start == word->open_start && other->open_end == word->open_end
          && strcmp(other->text, word->text) == 0)
        return (gint) i;
    }
  if (self->words->len == SIP_WORDS_MAX)
    return -1;

  SipWord copy = *word;
  copy.text = g_strdup(word->text);
  g_array_append_val(self->words, copy);
  return (gint) self->words->len - 1;
}

void
sip_words_compile(SipWords *self)
{
  self->n = self->words->len;
  for (guint i = self->n; i > 0; i--)
    {
      guint slot = _slot(_load(g_array_index(self->words, SipWord, i - 1).text));

      self->next[i - 1] = self->slots[slot];
      self->slots[slot] = (guint16) i;
    }
}

static inline gchar
_lower(gchar c)
{
  return (c >= 'A' && c <= 'Z') ? c + ('a' - 'A') : c;
}

static gboolean
_stands_at(const SipWord *word, const gchar *start, const gchar *p, const gchar *end)
{
  if ((gsize) (end - p) < word->len)
    return FALSE;
  if (!word->open_start && p > start && g_ascii_isalnum(*p) && g_ascii_isalnum(p[-1]))
    return FALSE;
  if (word->exact)
    {
      if (memcmp(p, word->text, word->len) != 0)
        return FALSE;
    }
  else
    {
      for (gsize i = 0; i < word->len; i++)
        {
          if (_lower(p[i]) != word->text[i])
            return FALSE;
        }
    }
  p += word->len;
  return word->open_end || p == end || !g_ascii_isalnum(p[-1]) || !g_ascii_isalnum(*p);
}

void
sip_words_search(const SipWords *self, SipSpan text, SipWordSet *found)
{
  if (!self->n || text.len < SIP_WORD_MIN_LENGTH)
    return;

  const gchar *end = text.ptr + text.len;
  for (const gchar *p = text.ptr; p <= end - SIP_WORD_MIN_LENGTH; p++)
    {
      guint16 word = self->slots[_slot(_load(p))];

      for (; G_UNLIKELY(word); word = self->next[word - 1])
        {
          if (_stands_at(&g_array_index(self->words, SipWord, word - 1), text.ptr, p, end))
            sip_word_set_add(found, word - 1u);
        }
    }
}

gsize
sip_words_memory(const SipWords *self)
{
  return sizeof(*self) + self->words->len * sizeof(SipWord);
}
