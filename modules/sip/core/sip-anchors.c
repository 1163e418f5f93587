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

#include "sip-anchors.h"
#include <string.h>

#define PIECE 4
#define MAX_STEP 8
#define FILTER_BITS 16

/* ASCII upper to lower case by setting a bit; other bytes may fall together, which the comparison sorts out */
#define FOLD 0x20202020u

typedef struct _Anchor
{
  gchar *text;                  /* lower case */
  guint16 len;
} Anchor;

/* one piece of one literal; entries of the same bucket stand side by side */
typedef struct _Piece
{
  guint32 bytes;                /* folded */
  guint16 anchor;
  guint16 offset;               /* of the piece within the literal */
} Piece;

struct _SipAnchors
{
  guint8 filter[(1 << FILTER_BITS) / 8];
  guint step;
  guint32 *buckets;             /* bucket -> index of its first piece; one more than there are buckets */
  guint bucket_bits;
  Piece *pieces;
  guint n_pieces;
  GArray *anchors;
  GHashTable *by_text;
};

static inline guint32
_load(const gchar *p)
{
  guint32 bytes;

  memcpy(&bytes, p, sizeof(bytes));
  return bytes | FOLD;
}

static inline guint32
_hash(guint32 bytes)
{
  return bytes * 0x9e3779b1u;
}

static inline gchar
_lower(gchar c)
{
  return (c >= 'A' && c <= 'Z') ? c + ('a' - 'A') : c;
}

SipAnchors *
sip_anchors_new(void)
{
  SipAnchors *self = g_new0(SipAnchors, 1);

  self->anchors = g_array_new(FALSE, FALSE, sizeof(Anchor));
  self->by_text = g_hash_table_new(g_str_hash, g_str_equal);
  return self;
}

void
sip_anchors_free(SipAnchors *self)
{
  if (!self)
    return;

  g_hash_table_unref(self->by_text);
  for (guint i = 0; i < self->anchors->len; i++)
    g_free(g_array_index(self->anchors, Anchor, i).text);
  g_array_unref(self->anchors);
  g_free(self->buckets);
  g_free(self->pieces);
  g_free(self);
}

guint
sip_anchors_add(SipAnchors *self, const gchar *literal, gsize len)
{
  Anchor anchor = { .text = g_strndup(literal, len), .len = (guint16) len };
  gpointer number;

  g_assert(len >= SIP_ANCHOR_MIN_LENGTH && len <= SIP_ANCHOR_MAX_LENGTH);
  for (gsize i = 0; i < len; i++)
    anchor.text[i] = _lower(anchor.text[i]);

  if (g_hash_table_lookup_extended(self->by_text, anchor.text, NULL, &number))
    {
      g_free(anchor.text);
      return GPOINTER_TO_UINT(number);
    }
  g_array_append_val(self->anchors, anchor);
  g_hash_table_insert(self->by_text, anchor.text, GUINT_TO_POINTER(self->anchors->len - 1));
  return self->anchors->len - 1;
}

/* How often a byte stands in log text, roughly: the pieces are taken where the literal is rarest. */
static guint
_commonness(gchar c)
{
  static const gchar *const by_rank[] = { " ", "e", "aionrst", "cdlmpu0123", "fghbvyw456789.:-/=\"'[]()_,;", NULL };

  c = _lower(c);
  for (guint i = 0; by_rank[i]; i++)
    {
      if (c && strchr(by_rank[i], c))
        return 12 - 2 * i;
    }
  return 1;
}

static guint
_rarest_run(const Anchor *anchor, guint step)
{
  guint best = 0;
  guint best_score = G_MAXUINT;

  for (guint start = 0; start + step + PIECE - 1 <= anchor->len; start++)
    {
      guint score = 0;

      for (guint i = start; i < start + step + PIECE - 1; i++)
        score += _commonness(anchor->text[i]);
      if (score < best_score)
        {
          best_score = score;
          best = start;
        }
    }
  return best;
}

static guint
_bucket(const SipAnchors *self, guint32 hash)
{
  return hash >> (32 - self->bucket_bits);
}

void
sip_anchors_compile(SipAnchors *self)
{
  guint shortest = SIP_ANCHOR_MAX_LENGTH;

  for (guint i = 0; i < self->anchors->len; i++)
    shortest = MIN(shortest, g_array_index(self->anchors, Anchor, i).len);
  self->step = MIN(shortest - PIECE + 1, MAX_STEP);

  self->n_pieces = self->anchors->len * self->step;
  self->bucket_bits = 4;
  while ((1u << self->bucket_bits) < self->n_pieces && self->bucket_bits < 15)
    self->bucket_bits++;

  Piece *unsorted = g_new0(Piece, MAX(self->n_pieces, 1));
  guint32 *fill = g_new0(guint32, (1u << self->bucket_bits) + 1);
  guint n = 0;

  self->buckets = g_new0(guint32, (1u << self->bucket_bits) + 1);
  self->pieces = g_new0(Piece, MAX(self->n_pieces, 1));
  for (guint i = 0; i < self->anchors->len; i++)
    {
      const Anchor *anchor = &g_array_index(self->anchors, Anchor, i);
      guint start = _rarest_run(anchor, self->step);

      for (guint j = 0; j < self->step; j++)
        {
          Piece *piece = &unsorted[n++];
          guint32 hash;

          piece->bytes = _load(anchor->text + start + j);
          piece->anchor = (guint16) i;
          piece->offset = (guint16) (start + j);
          hash = _hash(piece->bytes);
          self->filter[hash >> (32 - FILTER_BITS + 3)] |= 1u << ((hash >> (32 - FILTER_BITS)) & 7);
          self->buckets[_bucket(self, hash) + 1]++;
        }
    }
  for (guint i = 0; i < 1u << self->bucket_bits; i++)
    self->buckets[i + 1] += self->buckets[i];
  for (guint i = 0; i < n; i++)
    {
      guint bucket = _bucket(self, _hash(unsorted[i].bytes));

      self->pieces[self->buckets[bucket] + fill[bucket]++] = unsorted[i];
    }
  g_free(fill);
  g_free(unsorted);
}

static gboolean
_stands_at(const Anchor *anchor, const gchar *text, gsize len, gsize where)
{
  if (where + anchor->len > len)
    return FALSE;
  for (guint i = 0; i < anchor->len; i++)
    {
      if (_lower(text[where + i]) != anchor->text[i])
        return FALSE;
    }
  return TRUE;
}

static gboolean
_look_closer(const SipAnchors *self, const gchar *text, gsize len, gsize pos, guint32 bytes, SipAnchorFound found,
             gpointer user_data)
{
  guint bucket = _bucket(self, _hash(bytes));

  for (guint32 i = self->buckets[bucket]; i < self->buckets[bucket + 1]; i++)
    {
      const Piece *piece = &self->pieces[i];

      if (piece->bytes != bytes || piece->offset > pos)
        continue;
      if (!_stands_at(&g_array_index(self->anchors, Anchor, piece->anchor), text, len, pos - piece->offset))
        continue;
      if (!found(piece->anchor, pos - piece->offset, user_data))
        return FALSE;
    }
  return TRUE;
}

void
sip_anchors_search(const SipAnchors *self, const gchar *text, gsize len, SipAnchorFound found, gpointer user_data)
{
  const gsize step = self->step;

  if (len < PIECE || !self->n_pieces)
    return;

  for (gsize pos = 0; pos <= len - PIECE; pos += step)
    {
      guint32 bytes = _load(text + pos);
      guint32 hash = _hash(bytes);

      if (G_LIKELY(!(self->filter[hash >> (32 - FILTER_BITS + 3)] & (1u << ((hash >> (32 - FILTER_BITS)) & 7)))))
        continue;
      if (!_look_closer(self, text, len, pos, bytes, found, user_data))
        return;
    }
}

guint
sip_anchors_step(const SipAnchors *self)
{
  return self->step;
}

guint
sip_anchors_length(const SipAnchors *self, guint anchor)
{
  return g_array_index(self->anchors, Anchor, anchor).len;
}

gsize
sip_anchors_memory(const SipAnchors *self)
{
  gsize bytes = sizeof(*self) + self->n_pieces * sizeof(Piece);

  bytes += ((1u << self->bucket_bits) + 1) * sizeof(guint32);
  for (guint i = 0; i < self->anchors->len; i++)
    bytes += sizeof(Anchor) + g_array_index(self->anchors, Anchor, i).len + 1;
  return bytes;
}
