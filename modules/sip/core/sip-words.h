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

#ifndef SIP_WORDS_H_INCLUDED
#define SIP_WORDS_H_INCLUDED

#include "sip-span.h"

/*
 * Which of many words stand in a text: all of them in one pass, for the
 * `require' and `veto' of rules.
 */

#define SIP_WORDS_MAX 1024
#define SIP_WORD_MIN_LENGTH 2

typedef struct _SipWord
{
  gchar *text;                  /* lower case unless exact */
  gsize len;
  gboolean exact;               /* the case of letters counts */
  gboolean open_start;          /* may follow a letter or digit */
  gboolean open_end;            /* a letter or digit may follow */
} SipWord;

/* a set of words as one bit each */
typedef struct _SipWordSet
{
  guint64 bits[SIP_WORDS_MAX / 64];
} SipWordSet;

typedef struct _SipWords SipWords;

SipWords *sip_words_new(void);
void sip_words_free(SipWords *self);
/* The number of the word, the same one if it was added before; -1 if there are SIP_WORDS_MAX already. Copies. */
gint sip_words_add(SipWords *self, const SipWord *word);
void sip_words_compile(SipWords *self);

/* Adds to `found' the words that stand in the text. */
void sip_words_search(const SipWords *self, SipSpan text, SipWordSet *found);
/* So that a test sees what processors without AVX2 do. */
void sip_words_use_no_vectors(SipWords *self);
gsize sip_words_memory(const SipWords *self);

static inline gboolean
sip_word_set_has(const SipWordSet *self, guint word)
{
  return (self->bits[word / 64] >> (word % 64)) & 1;
}

static inline void
sip_word_set_add(SipWordSet *self, guint word)
{
  self->bits[word / 64] |= G_GUINT64_CONSTANT(1) << (word % 64);
}

#endif
