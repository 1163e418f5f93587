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
#define MAX_DIGITS 3
#define SLOT_BITS 14
#define MAX_PIECES (G_MAXUINT16 - 1)

/* ASCII upper to lower case by setting a bit; other bytes may fall together, which the comparison sorts out */
#define FOLD 0x20202020u

typedef struct _Anchor
{
  gchar *text;                  /* lower case, without the digits */
  guint32 tail;                 /* the last bytes of the text, folded: they differ where pieces are shared */
  guint16 text_len;
  guint16 len;                  /* with the digits */
} Anchor;

/* one piece of one literal; those of the same slot stand side by side */
typedef struct _Piece
{
  guint32 bytes;                /* folded */
  guint16 anchor;
  guint8 offset;                /* of the piece within the literal */
  guint8 last;                  /* of its slot */
} Piece;

struct _SipAnchors
{
  guint16 slots[1 << SLOT_BITS];        /* hash -> 1 + the first piece that has it, 0 if none */
  guint step;
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
_slot(guint32 bytes)
{
  return (bytes * 0x9e3779b1u) >> (32 - SLOT_BITS);
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
  g_free(self->pieces);
  g_free(self);
}

guint
sip_anchors_add(SipAnchors *self, const gchar *literal, gsize len, guint digits)
{
  Anchor anchor = { .text_len = (guint16) len, .len = (guint16) (len + digits) };
  gpointer number;

  g_assert(digits <= MAX_DIGITS && len >= 2 && anchor.len >= SIP_ANCHOR_MIN_LENGTH
           && anchor.len <= SIP_ANCHOR_MAX_LENGTH);
  /* a placeholder for each digit keeps a literal with digits apart from one without */
  anchor.text = g_strdup_printf("%.*s%.*s", (gint) len, literal, (gint) digits, "\001\001\001");
  for (gsize i = 0; i < len; i++)
    anchor.text[i] = _lower(anchor.text[i]);
  if (len >= PIECE)
    anchor.tail = _load(anchor.text + len - PIECE);

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

/*
 * Where the run of `step' pieces begins that log text has least and that fewest other literals have, too:
 * each literal that shares a piece has to be compared when it shows.
 */
static guint
_rarest_run(const Anchor *anchor, guint step, GHashTable *uses)
{
  guint best = 0;
  guint best_score = G_MAXUINT;

  for (guint start = 0; start + step + PIECE - 1 <= anchor->len; start++)
    {
      guint score = 0;

      for (guint i = start; i < start + step + PIECE - 1; i++)
        score += _commonness(anchor->text[i]);
      for (guint i = start; i < start + step; i++)
        score += 4 * GPOINTER_TO_UINT(g_hash_table_lookup(uses, GUINT_TO_POINTER(_load(anchor->text + i))));
      /* of equal runs the last: literals more often begin alike than end alike */
      if (score <= best_score)
        {
          best_score = score;
          best = start;
        }
    }
  return best;
}

static void
_add_piece(GArray *pieces, const gchar *bytes, guint anchor, guint offset)
{
  Piece piece = { .bytes = _load(bytes), .anchor = (guint16) anchor, .offset = (guint8) offset };

  g_array_append_val(pieces, piece);
}

/* A piece of a literal; one that reaches into the digits once for each number that may stand there. */
static void
_add_pieces(GArray *pieces, const Anchor *anchor, guint number, guint offset)
{
  guint first_digit = anchor->text_len > offset ? anchor->text_len - offset : 0;
  gchar bytes[PIECE];

  memcpy(bytes, anchor->text + offset, PIECE);
  if (first_digit >= PIECE)
    {
      _add_piece(pieces, bytes, number, offset);
      return;
    }

  guint digits = PIECE - first_digit;
  guint low = digits == 1 ? 1 : digits == 2 ? 10 : 100;
  for (guint value = low; value < 7 * low; value++)
    {
      guint rest = value;

      for (guint i = digits; i > 0; i--, rest /= 10)
        bytes[first_digit + i - 1] = (gchar) ('0' + rest % 10);
      _add_piece(pieces, bytes, number, offset);
    }
}

static GArray *
_choose_pieces(SipAnchors *self)
{
  GArray *pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
  GHashTable *uses = g_hash_table_new(g_direct_hash, g_direct_equal);

  for (guint i = 0; i < self->anchors->len; i++)
    {
      const Anchor *anchor = &g_array_index(self->anchors, Anchor, i);
      guint start = _rarest_run(anchor, self->step, uses);

      for (guint j = start; j < start + self->step; j++)
        {
          gpointer piece = GUINT_TO_POINTER(_load(anchor->text + j));

          g_hash_table_insert(uses, piece, GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(uses, piece)) + 1));
          _add_pieces(pieces, anchor, i, j);
        }
    }
  g_hash_table_unref(uses);
  return pieces;
}

static gint
_by_slot(gconstpointer a, gconstpointer b)
{
  guint32 slot_a = _slot(((const Piece *) a)->bytes);
  guint32 slot_b = _slot(((const Piece *) b)->bytes);

  return slot_a < slot_b ? -1 : slot_a > slot_b;
}

gboolean
sip_anchors_compile(SipAnchors *self)
{
  guint shortest = SIP_ANCHOR_MAX_LENGTH;

  for (guint i = 0; i < self->anchors->len; i++)
    shortest = MIN(shortest, g_array_index(self->anchors, Anchor, i).len);
  self->step = MIN(shortest - PIECE + 1, MAX_STEP);

  GArray *pieces = _choose_pieces(self);
  if (pieces->len > MAX_PIECES)
    {
      g_array_unref(pieces);
      return FALSE;
    }
  g_array_sort(pieces, _by_slot);
  self->n_pieces = pieces->len;
  self->pieces = (Piece *) g_array_free(pieces, FALSE);
  for (guint i = self->n_pieces; i > 0; i--)
    {
      Piece *piece = &self->pieces[i - 1];
      guint32 slot = _slot(piece->bytes);

      piece->last = !self->slots[slot];
      self->slots[slot] = (guint16) i;
    }
  return TRUE;
}

static gboolean
_stands_at(const Anchor *anchor, const gchar *text, gsize len, gsize where)
{
  if (where + anchor->len > len)
    return FALSE;
  if (anchor->tail && _load(text + where + anchor->text_len - PIECE) != anchor->tail)
    return FALSE;
  for (guint i = 0; i < anchor->text_len; i++)
    {
      if (_lower(text[where + i]) != anchor->text[i])
        return FALSE;
    }
  for (guint i = anchor->text_len; i < anchor->len; i++)
    {
      gchar c = text[where + i];

      if (i == anchor->text_len ? c < '1' || c > '6' : c < '0' || c > '9')
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

  const gchar *last = text + len - PIECE;
  for (const gchar *p = text; p <= last; p += step)
    {
      guint32 bytes = _load(p);
      guint16 slot = self->slots[_slot(bytes)];

      if (G_LIKELY(!slot))
        continue;
      for (const Piece *piece = &self->pieces[slot - 1];; piece++)
        {
          if (piece->bytes == bytes && piece->offset <= p - text)
            {
              gsize where = (gsize) (p - text) - piece->offset;

              if (_stands_at(&g_array_index(self->anchors, Anchor, piece->anchor), text, len, where)
                  && !found(piece->anchor, where, user_data))
                return;
            }
          if (piece->last)
            break;
        }
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

  for (guint i = 0; i < self->anchors->len; i++)
    bytes += sizeof(Anchor) + g_array_index(self->anchors, Anchor, i).len + 1;
  return bytes;
}
