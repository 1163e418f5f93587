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
#include "sip-equal.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define SLOT_BITS 9
#define FILTER_BITS 14
#define KEY 4

/* ASCII upper to lower case by setting a bit; other bytes may fall together, which the comparison sorts out */
#define FOLD 0x20202020u

/* Words are found by their first four bytes, those that are shorter by their first two. */
typedef struct _WordTable
{
  guint32 filter[1 << (FILTER_BITS - 5)];       /* a bit for each hash: whether some word has it */
  guint16 slots[1 << SLOT_BITS];        /* fewer bits of the hash -> 1 + the first word that has it, 0 if none */
} WordTable;

struct _SipWords
{
  WordTable words_by_four;
  WordTable words_by_two;
  guint16 next[SIP_WORDS_MAX];          /* 1 + the next word of the same slot */
  guint32 keys[SIP_WORDS_MAX];          /* the first bytes of each word, as they are hashed */
  guint n;
  gboolean use_vectors;
  GArray *words;                /* SipWord */
};

static inline guint32
_load(const gchar *p)
{
  guint32 bytes;

  memcpy(&bytes, p, sizeof(bytes));
  return bytes | FOLD;
}

/* the other two cleared */
#define FIRST_TWO (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0x0000ffffu : 0xffff0000u)

#define HASH_FACTOR 0x9e3779b1u

static inline guint32
_hash(guint32 bytes)
{
  return bytes * HASH_FACTOR;
}

static inline guint32
_filter(const WordTable *self, guint32 hash)
{
  return self->filter[hash >> (32 - FILTER_BITS + 5)] >> ((hash >> (32 - FILTER_BITS)) & 31);
}

static inline guint
_slot(guint32 hash)
{
  return hash >> (32 - SLOT_BITS);
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
  /* cppcheck-suppress memleak */
  return (gint) self->words->len - 1;
}

void
sip_words_compile(SipWords *self)
{
  self->n = self->words->len;
#ifdef __x86_64__
  self->use_vectors = __builtin_cpu_supports("avx2") != 0;
#endif
  for (guint i = self->n; i > 0; i--)
    {
      const SipWord *word = &g_array_index(self->words, SipWord, i - 1);
      gboolean is_short = word->len < KEY;
      WordTable *table = is_short ? &self->words_by_two : &self->words_by_four;
      gchar key[KEY] = { 0 };

      memcpy(key, word->text, MIN(word->len, KEY));
      self->keys[i - 1] = is_short ? _load(key) & FIRST_TWO : _load(key);
      guint32 hash = _hash(self->keys[i - 1]);
      table->filter[hash >> (32 - FILTER_BITS + 5)] |= 1u << ((hash >> (32 - FILTER_BITS)) & 31);
      self->next[i - 1] = table->slots[_slot(hash)];
      table->slots[_slot(hash)] = (guint16) i;
    }
}

static gboolean
_stands_at(const SipWord *word, const gchar *start, const gchar *p, const gchar *end)
{
  if ((gsize) (end - p) < word->len)
    return FALSE;
  if (!word->open_start && p > start && g_ascii_isalnum(*p) && g_ascii_isalnum(p[-1]))
    return FALSE;
  if (word->exact ? memcmp(p, word->text, word->len) != 0 : !sip_equal_nocase(p, word->text, word->len))
    return FALSE;
  p += word->len;
  return word->open_end || p == end || !g_ascii_isalnum(p[-1]) || !g_ascii_isalnum(*p);
}

static void
_look_closer(const SipWords *self, const WordTable *table, guint32 key, SipSpan text, const gchar *p, SipWordSet *found)
{
  const gchar *end = text.ptr + text.len;

  for (guint16 word = table->slots[_slot(_hash(key))]; word; word = self->next[word - 1])
    {
      if (self->keys[word - 1] == key
          && _stands_at(&g_array_index(self->words, SipWord, word - 1), text.ptr, p, end))
        sip_word_set_add(found, word - 1u);
    }
}

static inline void
_search_at(const SipWords *self, guint32 bytes, SipSpan text, const gchar *p, SipWordSet *found)
{
  if (G_UNLIKELY(_filter(&self->words_by_four, _hash(bytes)) & 1))
    _look_closer(self, &self->words_by_four, bytes, text, p, found);
  if (G_UNLIKELY(_filter(&self->words_by_two, _hash(bytes & FIRST_TWO)) & 1))
    _look_closer(self, &self->words_by_two, bytes & FIRST_TWO, text, p, found);
}

#ifdef __x86_64__

#define BLOCK 8
#define BLOCK_READS 16

/* the sign of each element: whether some word of the table has its hash */
__attribute__((target("avx2"))) static inline __m256i
_filter_vector(const WordTable *table, __m256i hash)
{
  __m256i words = _mm256_i32gather_epi32((const int *) table->filter, _mm256_srli_epi32(hash, 32 - FILTER_BITS + 5), 4);
  __m256i bits = _mm256_srli_epi32(hash, 32 - FILTER_BITS);

  /* counted from the top */
  return _mm256_sllv_epi32(words, _mm256_andnot_si256(bits, _mm256_set1_epi32(31)));
}

/* Searches the text eight positions at a time as far as that goes; returns where the rest begins. */
__attribute__((target("avx2"))) static const gchar *
_search_by_block(const SipWords *self, SipSpan text, SipWordSet *found)
{
  const __m256i overlapping = _mm256_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6,
                                               4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10);
  const __m256i factor = _mm256_set1_epi32((gint) HASH_FACTOR);
  const gchar *end = text.ptr + text.len;
  const gchar *p = text.ptr;

  for (; end - p >= BLOCK_READS; p += BLOCK)
    {
      __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) p));

      bytes = _mm256_or_si256(_mm256_shuffle_epi8(bytes, overlapping), _mm256_set1_epi32(FOLD));
      __m256i by_four = _filter_vector(&self->words_by_four, _mm256_mullo_epi32(bytes, factor));
      __m256i first_two = _mm256_and_si256(bytes, _mm256_set1_epi32(FIRST_TWO));
      __m256i by_two = _filter_vector(&self->words_by_two, _mm256_mullo_epi32(first_two, factor));
      guint places = (guint) _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(by_four, by_two)));

      for (; G_UNLIKELY(places); places &= places - 1)
        {
          const gchar *place = p + __builtin_ctz(places);

          _search_at(self, _load(place), text, place, found);
        }
    }
  return p;
}

#endif

void
sip_words_use_no_vectors(SipWords *self)
{
  self->use_vectors = FALSE;
}

void
sip_words_search(const SipWords *self, SipSpan text, SipWordSet *found)
{
  if (!self->n || text.len < SIP_WORD_MIN_LENGTH)
    return;

  const gchar *p = text.ptr;
  const gchar *end = text.ptr + text.len;
#ifdef __x86_64__
  if (self->use_vectors)
    p = _search_by_block(self, text, found);
#endif
  for (; end - p >= KEY; p++)
    _search_at(self, _load(p), text, p, found);
  for (; end - p >= SIP_WORD_MIN_LENGTH; p++)
    {
      gchar key[KEY] = { 0 };

      memcpy(key, p, (gsize) (end - p));
      _search_at(self, _load(key), text, p, found);
    }
}

gsize
sip_words_memory(const SipWords *self)
{
  return sizeof(*self) + self->words->len * sizeof(SipWord);
}
