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
#include "sip-equal.h"
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define HALF 4
#define PIECE 8                 /* two halves */
#define MAX_STEP HALF           /* then the pieces of a block lie side by side */
#define MAX_DIGITS 3
#define ANY_DIGIT '\001'
#define MAX_PIECES (G_MAXUINT16 - 1)
#define ANCHOR_BITS 14

/* so many literals with the same piece are looked at to tell them apart */
#define MAX_GROUP 64

/* ASCII upper to lower case by setting a bit; other bytes may fall together, which the comparison sorts out */
#define FOLD 0x20202020u

/* of each byte the half that all digits have in common */
#define UPPER_HALVES 0xf0f0f0f0u

typedef struct _Anchor
{
  guint32 text;                 /* where it begins in `texts'; without the digits */
  guint8 text_len;
  guint8 len;                   /* with the digits */
  guint8 run;                   /* where its pieces begin, one at each of `step' positions */
} Anchor;

/* one piece of one literal; those of the same slot stand side by side */
typedef struct _Piece
{
  guint32 other;                /* four more bytes, those that tell the literal best from others with this piece; comparable */
  guint16 anchor: ANCHOR_BITS;
  guint16 other_digits: 2;      /* how many of the four, at their end, may be any digit */
  gint8 other_offset;           /* from the piece */
  guint8 nth: 2;                /* of the literal's run */
  guint8 last: 1;               /* of its slot */
} Piece;

G_STATIC_ASSERT(sizeof(Anchor) == 8);
G_STATIC_ASSERT(sizeof(Piece) == 8);
G_STATIC_ASSERT(SIP_ANCHOR_MAX_LENGTH <= 128);

/* the pieces of one length, by their hash */
typedef struct _PieceTable
{
  guint filter_bits;
  guint slot_bits;
  guint32 *filter;              /* a bit for each hash: whether some piece has it */
  guint16 *slots;               /* fewer bits of the hash -> 1 + the first piece that has it */
  Piece *pieces;
  guint n_pieces;
} PieceTable;

/* bits of the filter for each piece: a text shows the hash of a piece that is not there once in so many positions */
#define FILTER_SPARSENESS 32
#define FILTER_BITS_MIN 10
#define FILTER_BITS_MAX 18
#define SLOT_BITS_MIN 6
#define SLOT_BITS_MAX 13

struct _SipAnchors
{
  PieceTable whole;             /* of the literals that are long enough */
  PieceTable half;              /* of the others */
  guint step;
  gboolean use_vectors;
  GArray *anchors;
  GString *texts;
  GHashTable *by_text;          /* in lower case -> number; until compiled */
};

static inline guint32
_load(const gchar *p)
{
  guint32 bytes;

  memcpy(&bytes, p, sizeof(bytes));
  return bytes | FOLD;
}

/* Of a byte that stands for any digit the upper half is compared. */
static inline guint32
_comparable(guint32 bytes, guint digits)
{
  static const guint32 masks[MAX_DIGITS + 1] =
  {
    GUINT32_FROM_LE(0xffffffff), GUINT32_FROM_LE(0xf0ffffff), GUINT32_FROM_LE(0xf0f0ffff), GUINT32_FROM_LE(0xf0f0f0ff),
  };

  return bytes & masks[digits];
}

#define HASH_FACTOR 0x9e3779b1u

static inline guint32
_hash_half(guint32 bytes)
{
  return bytes * HASH_FACTOR;
}

static inline guint32
_hash_whole(guint32 bytes, guint32 next)
{
  return (_hash_half(bytes) ^ next) * HASH_FACTOR;
}

/* whether some piece of the table has the hash */
static inline gboolean
_filter(const PieceTable *table, guint32 hash)
{
  return table->filter[hash >> (32 - table->filter_bits + 5)] >> ((hash >> (32 - table->filter_bits)) & 31) & 1;
}

static inline const gchar *
_text(const SipAnchors *self, const Anchor *anchor)
{
  return self->texts->str + anchor->text;
}

static void
_piece_table_clear(PieceTable *self)
{
  g_free(self->filter);
  g_free(self->slots);
  g_free(self->pieces);
}

static gsize
_piece_table_memory(const PieceTable *self)
{
  return (sizeof(guint32) << (self->filter_bits - 5)) + (sizeof(guint16) << self->slot_bits)
         + self->n_pieces * sizeof(Piece);
}

SipAnchors *
sip_anchors_new(void)
{
  SipAnchors *self = g_new0(SipAnchors, 1);

  self->anchors = g_array_new(FALSE, FALSE, sizeof(Anchor));
  self->texts = g_string_new(NULL);
  self->by_text = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
sip_anchors_free(SipAnchors *self)
{
  if (!self)
    return;

  if (self->by_text)
    g_hash_table_unref(self->by_text);
  _piece_table_clear(&self->whole);
  _piece_table_clear(&self->half);
  g_array_unref(self->anchors);
  g_string_free(self->texts, TRUE);
  g_free(self);
}

guint
sip_anchors_add(SipAnchors *self, const gchar *literal, gsize len, guint digits)
{
  Anchor anchor = { .text = (guint32) self->texts->len, .text_len = (guint8) len, .len = (guint8) (len + digits) };
  gpointer number;

  g_assert(digits <= MAX_DIGITS && len >= 2 && len + digits >= SIP_ANCHOR_MIN_LENGTH
           && len + digits <= SIP_ANCHOR_MAX_LENGTH);
  /* a placeholder for each digit keeps a literal with digits apart from one without */
  g_string_append_len(self->texts, literal, (gssize) len);
  for (guint i = 0; i < digits; i++)
    g_string_append_c(self->texts, ANY_DIGIT);

  gchar *key = g_ascii_strdown(self->texts->str + anchor.text, anchor.len);
  if (g_hash_table_lookup_extended(self->by_text, key, NULL, &number))
    {
      g_string_truncate(self->texts, anchor.text);
      g_free(key);
      return GPOINTER_TO_UINT(number);
    }
  g_array_append_val(self->anchors, anchor);
  g_hash_table_insert(self->by_text, key, GUINT_TO_POINTER(self->anchors->len - 1));
  return self->anchors->len - 1;
}

/*
 * The pieces that lines of PBX logs have most, from the most frequent down: counted on the labelled corpus
 * of tests/corpus.  Which ones stand here costs or saves time, it changes no result.
 */
static const gchar common_pieces[] =
  "----192.     sip.0.22.0.92.00.2.0000sip:5060sip/ip/2p/2./2.0:506fromcall<sip res"
  "tag=tionregiegisgist 192.2.1mple: si@192sip  <siexamxampamplple.respesposponster"
  "ponsonse;taging >;ta frorom ion le.c2.16e.co.com to .168168. regcseq: <s92.1sip."
  "2.0  notid: atioportinvinvitvitefail.0.1isteeq: all-ll-i-05- 09:chan2.0/l-idseq:"
  "user.c: ip:1a: sudp -id:14 0via:ia: branrancanch=z9hz9hg9hg409:19:12:12:p:10hg4b"
  "g4bk05-14 09/udp;branch=ch=zh=z9 06:nse receeceiceiv12:3 cha20242:33eivep 19ived"
  ".exa23 03 06codepjsijsip5-14.1001001 fai0/udcontstatp re-14 sion68.1ip r024-24-0"
  ".0/udp 1leng0.0.debuebug4-05ratibyteytesistr060;engtngth bytiled.0.0060 authaile"
  "rom:om: th: :100ontesip_han_ invgth: sta[202ip.cp.c:1:50 forstrato: 2026:33]33] "
  "notiessi--- ntententent-an_sn_si_sip: ressio.0 4time 486.2.3 una recsessound ---"
  "nt-lt-le-len-000trat<------>8.1.6-11not trano: <;rporporableved warnrequ7.0.026-"
  "tatuatussofiofiaserv in ningrans127.27.0errorror udp486 1.10arnirnin0;br#012-11-"
  " 23 0.1:equequesuestest led ort=busynov 555055015010for  cal@exa60;b26-12.36teri"
  " 200@127res_.1:11:15:15011-21-23 404060:q: 1messessassag000 198.98.58.51.51.51.1"
  "100.001@0100com>.1:5udp:p:19sage:00:1506 sof====] chevenvent6:50ip.ep.exotictice"
  "causting:192] re_pjs60: 06:3ov 2v 23asteerisrisk200 ausem: <reaseasoason pro.1.1"
  "ed: .2.2 ver tra_reg accnterh: 0 reaes_ps_pjhereverberborbosbose1@192.1: witwith"
  "60 --23 0.11 req404 1000infoose[ 503503 loca1>;tom>;m>;t0 40dp:1ip:u war] no on "
  "all  foufouninte err0 --rt=5: 10 401ent:00:0: 40repltes usy  her.36:vice.c:22163"
  "2.1>.1>;ith  ses2.10401 uthont: tes)06:4avaivailailailablabl36:5d re01@1ice[on f"
  "om um udthorhorietho] so[c-0c-000:50[216163]ag=aip:5:555dialenti: not fo=192 bus"
  "oriz mester meththodsip-test3% [_tag][c-ervirvic3.0. hanhandted ed fmail con deb"
  "t=5001 u1 ununaunautizedes) : 48 timagensy hbackice  198203.03.0.113113. ast0002"
  "andl1]: ocalte: 100@ptiose (er: ate ot fng s=506proxroxy0:00eplygent: seode=00 9";

static GHashTable *
_count_common_pieces(void)
{
  GHashTable *ranks = g_hash_table_new(g_direct_hash, g_direct_equal);

  for (guint i = 0; i + HALF < sizeof(common_pieces); i += HALF)
    g_hash_table_insert(ranks, GUINT_TO_POINTER(_load(common_pieces + i)), GUINT_TO_POINTER(i / HALF + 1));
  return ranks;
}

/* How often four bytes stand in log text, roughly. */
static guint
_commonness(GHashTable *common, const gchar *half)
{
  guint rank = GPOINTER_TO_UINT(g_hash_table_lookup(common, GUINT_TO_POINTER(_load(half))));
  guint score = 1;

  for (guint i = 0; i < HALF; i++)
    {
      if (half[i] == ' ' || g_ascii_isdigit(half[i]))
        score++;
      else if (half[i] == ANY_DIGIT)
        score += 24;
    }
  return score + (!rank ? 0 : rank <= 100 ? 32 : rank <= 250 ? 16 : 8);
}

/* where the pieces of an anchor end: more than one digit that may be any would make whole pieces too many */
static inline guint
_end_of_pieces(const Anchor *anchor, gboolean whole)
{
  return whole ? MIN(anchor->text_len + 1u, anchor->len) : anchor->len;
}

/* long literals are known by whole pieces */
static inline gboolean
_is_long(const SipAnchors *self, const Anchor *anchor)
{
  return _end_of_pieces(anchor, TRUE) >= PIECE + self->step - 1;
}

static inline guint32
_hash_at(const gchar *p, gboolean whole)
{
  return whole ? _hash_whole(_load(p), _load(p + HALF)) : _hash_half(_load(p));
}

/*
 * Where the run of `step' pieces begins that log text has least and that fewest other literals have, too:
 * each literal that shares a piece has to be compared when it shows.
 */
static guint
_rarest_run(const SipAnchors *self, const Anchor *anchor, GHashTable *common, GHashTable *uses)
{
  const gchar *text = _text(self, anchor);
  const gboolean whole = _is_long(self, anchor);
  const guint length = whole ? PIECE : HALF;
  guint best = 0;
  guint best_score = G_MAXUINT;

  for (guint start = 0; start + self->step + length - 1 <= _end_of_pieces(anchor, whole); start++)
    {
      guint score = 0;

      for (guint i = start; i < start + self->step; i++)
        {
          score += _commonness(common, text + i);
          if (whole)
            score += _commonness(common, text + i + HALF);
          /* a literal more at a piece costs only where the piece shows */
          score += (1 + GPOINTER_TO_UINT(g_hash_table_lookup(uses, GUINT_TO_POINTER(_hash_at(text + i, whole))))) / 2;
        }
      /* of equal runs the last: literals more often begin alike than end alike */
      if (score <= best_score)
        {
          best_score = score;
          best = start;
        }
    }
  return best;
}

typedef struct _NewPiece
{
  guint32 hash;
  Piece piece;
} NewPiece;

/* where a piece stands in its literal */
static inline guint
_piece_offset(const SipAnchors *self, const Piece *piece)
{
  return g_array_index(self->anchors, Anchor, piece->anchor).run + piece->nth;
}

/* bytes: those of the nth piece of the run, digits filled in */
static void
_add_piece(const SipAnchors *self, GArray *pieces, const gchar *bytes, guint number, guint nth)
{
  NewPiece new = { .hash = _hash_at(bytes, _is_long(self, &g_array_index(self->anchors, Anchor, number))) };

  new.piece.anchor = number & ((1u << ANCHOR_BITS) - 1);
  new.piece.nth = nth & (MAX_STEP - 1);
  g_array_append_val(pieces, new);
}

/* The nth piece of a literal's run; one that reaches into the digits once for each number that may stand there. */
static void
_add_pieces(const SipAnchors *self, GArray *pieces, guint number, guint nth)
{
  const Anchor *anchor = &g_array_index(self->anchors, Anchor, number);
  const guint offset = anchor->run + nth;
  const guint length = _is_long(self, anchor) ? PIECE : HALF;
  guint first_digit = anchor->text_len > offset ? anchor->text_len - offset : 0;
  gchar bytes[PIECE] = { 0 };

  memcpy(bytes, _text(self, anchor) + offset, length);
  if (first_digit >= length)
    {
      _add_piece(self, pieces, bytes, number, nth);
      return;
    }

  guint digits = length - first_digit;
  guint low = digits == 1 ? 1 : digits == 2 ? 10 : 100;
  for (guint value = low; value < 7 * low; value++)
    {
      guint rest = value;

      for (guint i = digits; i > 0; i--, rest /= 10)
        bytes[first_digit + i - 1] = (gchar) ('0' + rest % 10);
      _add_piece(self, pieces, bytes, number, nth);
    }
}

/* The pieces of the long or of the short literals. */
static GArray *
_choose_pieces(SipAnchors *self, gboolean whole, GHashTable *common)
{
  GArray *pieces = g_array_new(FALSE, FALSE, sizeof(NewPiece));
  GHashTable *uses = g_hash_table_new(g_direct_hash, g_direct_equal);

  for (guint i = 0; i < self->anchors->len; i++)
    {
      Anchor *anchor = &g_array_index(self->anchors, Anchor, i);

      if (_is_long(self, anchor) != whole)
        continue;
      anchor->run = (guint8) _rarest_run(self, anchor, common, uses);
      for (guint j = anchor->run; j < anchor->run + self->step; j++)
        {
          gpointer piece = GUINT_TO_POINTER(_hash_at(_text(self, anchor) + j, whole));

          g_hash_table_insert(uses, piece, GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(uses, piece)) + 1));
          _add_pieces(self, pieces, i, j - anchor->run);
        }
    }
  g_hash_table_unref(uses);
  return pieces;
}

static gint
_by_hash(gconstpointer a, gconstpointer b)
{
  guint32 hash_a = ((const NewPiece *) a)->hash;
  guint32 hash_b = ((const NewPiece *) b)->hash;

  return hash_a < hash_b ? -1 : hash_a > hash_b;
}

static inline gchar
_with_any_digit(gchar c)
{
  return c == ANY_DIGIT ? '0' : c | (gchar) FOLD;
}

/* Whether a text that shows the literal `b' may have at `where' in it the four bytes of `a' that begin at `other'. */
static gboolean
_may_show(const SipAnchors *self, const Anchor *a, guint other, const Anchor *b, gint where)
{
  for (gint i = 0; i < HALF; i++)
    {
      if (where + i < 0 || where + i >= b->len)
        continue;

      gchar byte_a = _text(self, a)[other + (guint) i];
      gchar byte_b = _text(self, b)[where + i];
      if (byte_a == ANY_DIGIT || byte_b == ANY_DIGIT)
        {
          if ((_with_any_digit(byte_a) ^ _with_any_digit(byte_b)) & 0xf0)
            return FALSE;
        }
      else if (_with_any_digit(byte_a) != _with_any_digit(byte_b))
        return FALSE;
    }
  return TRUE;
}

/*
 * Which four bytes are compared before the whole literal is: those that fewest of the literals with the same piece show at that
 * place, rather with a digit than without, as words go on in many ways, and then those that are furthest from the piece.
 */
static void
_choose_other(const SipAnchors *self, NewPiece *chosen, const NewPiece *group, guint n_group)
{
  Piece *piece = &chosen->piece;
  const Anchor *anchor = &g_array_index(self->anchors, Anchor, piece->anchor);
  const gint last = anchor->len - HALF;
  const gint offset = (gint) _piece_offset(self, piece);
  gint best = 0;
  guint best_score = G_MAXUINT;

  for (gint other = 0; other <= last; other++)
    {
      guint score = other + HALF > anchor->text_len ? 0 : 1;

      for (guint i = 0; i < n_group; i++)
        {
          const Piece *second = &group[i].piece;
          const Anchor *second_anchor = &g_array_index(self->anchors, Anchor, second->anchor);

          score += 2 * _may_show(self, anchor, (guint) other, second_anchor, other - offset + (gint) _piece_offset(self, second));
        }
      if (score < best_score || (score == best_score && ABS(other - offset) >= ABS(best - offset)))
        {
          best_score = score;
          best = other;
        }
    }
  piece->other_digits = (guint16) MAX(best + HALF - anchor->text_len, 0) & 3;
  piece->other = _comparable(_load(_text(self, anchor) + best), piece->other_digits);
  for (gint i = 0; i < piece->other_digits; i++)
    ((gchar *) &piece->other)[HALF - 1 - i] = '0';
  piece->other_offset = (gint8) (best - offset);
}

/* by runs of the same hash */
static void
_choose_others(const SipAnchors *self, GArray *pieces)
{
  NewPiece *all = (NewPiece *) (gpointer) pieces->data;
  guint end;

  for (guint start = 0; start < pieces->len; start = end)
    {
      for (end = start + 1; end < pieces->len && all[end].hash == all[start].hash; end++)
        ;
      for (guint i = start; i < end; i++)
        _choose_other(self, &all[i], &all[start], MIN(end - start, MAX_GROUP));
    }
}

/* The slots are filled one after the other. */
static void
_add_to_slot(PieceTable *self, guint16 *slot, const Piece *piece)
{
  if (!*slot)
    *slot = (guint16) (self->n_pieces + 1);
  for (guint i = *slot - 1u; i < self->n_pieces; i++)
    {
      /* with other digits in it: found by either */
      if (self->pieces[i].anchor == piece->anchor && self->pieces[i].nth == piece->nth)
        return;
    }
  if (*slot <= self->n_pieces)
    self->pieces[self->n_pieces - 1].last = FALSE;
  self->pieces[self->n_pieces] = *piece;
  self->pieces[self->n_pieces++].last = TRUE;
}

/* Takes the pieces; FALSE if there are too many. */
static gboolean
_piece_table_fill(PieceTable *self, const SipAnchors *anchors, GArray *pieces)
{
  if (pieces->len > MAX_PIECES || anchors->anchors->len >= 1u << ANCHOR_BITS)
    {
      g_array_unref(pieces);
      return FALSE;
    }
  self->n_pieces = pieces->len;
  self->filter_bits = CLAMP(g_bit_storage(self->n_pieces * FILTER_SPARSENESS), FILTER_BITS_MIN, FILTER_BITS_MAX);
  self->slot_bits = CLAMP(g_bit_storage(self->n_pieces), SLOT_BITS_MIN, SLOT_BITS_MAX);
  self->filter = g_new0(guint32, 1 << (self->filter_bits - 5));
  self->slots = g_new0(guint16, 1 << self->slot_bits);

  self->pieces = g_new(Piece, self->n_pieces);
  g_array_sort(pieces, _by_hash);
  _choose_others(anchors, pieces);
  self->n_pieces = 0;
  for (guint i = 0; i < pieces->len; i++)
    {
      const NewPiece *new = &g_array_index(pieces, NewPiece, i);

      self->filter[new->hash >> (32 - self->filter_bits + 5)] |= 1u << ((new->hash >> (32 - self->filter_bits)) & 31);
      _add_to_slot(self, &self->slots[new->hash >> (32 - self->slot_bits)], &new->piece);
    }
  g_array_unref(pieces);
  return TRUE;
}

static gint
_by_length(gconstpointer a, gconstpointer b)
{
  const Anchor *anchor_a = *(const Anchor *const *) a;
  const Anchor *anchor_b = *(const Anchor *const *) b;

  return (gint) anchor_b->len - (gint) anchor_a->len;
}

/* A text that stands within a longer one takes no room of its own. */
static void
_share_texts(SipAnchors *self)
{
  GString *shared = g_string_sized_new(self->texts->len);
  GPtrArray *longest_first = g_ptr_array_new();

  for (guint i = 0; i < self->anchors->len; i++)
    g_ptr_array_add(longest_first, &g_array_index(self->anchors, Anchor, i));
  g_ptr_array_sort(longest_first, _by_length);
  for (guint i = 0; i < longest_first->len; i++)
    {
      Anchor *anchor = g_ptr_array_index(longest_first, i);
      gchar *text = g_ascii_strdown(_text(self, anchor), anchor->len);
      const gchar *found = strstr(shared->str, text);

      anchor->text = (guint32) (found ? (gsize) (found - shared->str) : shared->len);
      if (!found)
        g_string_append_len(shared, text, anchor->len);
      g_free(text);
    }
  g_ptr_array_unref(longest_first);
  g_string_free(self->texts, TRUE);
  self->texts = shared;
}

gboolean
sip_anchors_compile(SipAnchors *self)
{
  GHashTable *common = _count_common_pieces();
  guint shortest = SIP_ANCHOR_MAX_LENGTH;

  g_clear_pointer(&self->by_text, g_hash_table_unref);
  _share_texts(self);
  for (guint i = 0; i < self->anchors->len; i++)
    shortest = MIN(shortest, g_array_index(self->anchors, Anchor, i).len);
  self->step = MIN(shortest - HALF + 1, MAX_STEP);
#ifdef __x86_64__
  self->use_vectors = self->step == MAX_STEP && __builtin_cpu_supports("avx2");
#endif

  gboolean ok = _piece_table_fill(&self->half, self, _choose_pieces(self, FALSE, common))
                && _piece_table_fill(&self->whole, self, _choose_pieces(self, TRUE, common));
  g_hash_table_unref(common);
  return ok;
}

static inline gboolean
_stands_at(const SipAnchors *self, const Anchor *anchor, const gchar *text, gsize len, gsize where)
{
  const gchar *p = text + where;

  if (where + anchor->len > len || !sip_equal_nocase(p, _text(self, anchor), anchor->text_len))
    return FALSE;

  const gchar *digit = p + anchor->text_len;
  const gchar *end = p + anchor->len;
  if (digit == end)
    return TRUE;
  if (*digit < '1' || *digit > '6')
    return FALSE;
  while (++digit < end)
    {
      if (*digit < '0' || *digit > '9')
        return FALSE;
    }
  return TRUE;
}

typedef struct _Search
{
  const SipAnchors *anchors;
  const gchar *text;
  gsize len;
  gsize looked_at;              /* literals with a piece at a multiple of the step below this are reported already */
  SipAnchorFound found;
  gpointer user_data;
} Search;

/* Reports the literal with this piece at `where' if it stands there; FALSE if the caller has had enough. */
static gboolean
_report(const Search *self, const Piece *piece, gsize where)
{
  const guint number = piece->anchor;
  const Anchor *anchor = &g_array_index(self->anchors->anchors, Anchor, number);
  const gsize offset = anchor->run + piece->nth;

  if (offset > where)
    return TRUE;
  where -= offset;
  return (G_UNLIKELY(self->looked_at) && (where + anchor->run + MAX_STEP - 1) / MAX_STEP * MAX_STEP < self->looked_at)
         || !_stands_at(self->anchors, anchor, self->text, self->len, where)
         || self->found(number, where, self->user_data);
}

static inline gboolean
_may_be_other(guint32 bytes, const Piece *piece)
{
  const guint32 difference = bytes ^ piece->other;

  /* nearly always so */
  if (G_LIKELY(difference & UPPER_HALVES))
    return FALSE;
  return !_comparable(difference, piece->other_digits);
}

/* Reports the literals that show the piece with this hash at p; FALSE if the caller has had enough. */
static inline gboolean
_look_closer(const Search *self, const PieceTable *table, guint32 hash, const gchar *p)
{
  const guint slot = table->slots[hash >> (32 - table->slot_bits)];

  if (!slot)
    return TRUE;

  const gchar *text = self->text;
  const gsize last = self->len - HALF;
  const gsize before = (gsize) (p - text);
  for (const Piece *piece = &table->pieces[slot - 1];; piece++)
    {
      /* huge if it would begin before the text */
      const gsize other = before + (gsize) (gssize) piece->other_offset;

      if (other <= last && _may_be_other(_load(text + other), piece) && !_report(self, piece, before))
        return FALSE;
      if (piece->last)
        return TRUE;
    }
}

static inline gboolean
_look_for_half(const Search *self, const gchar *p)
{
  const PieceTable *table = &self->anchors->half;
  guint32 hash = _hash_half(_load(p));

  return !_filter(table, hash) || _look_closer(self, table, hash, p);
}

static inline gboolean
_look_for_whole(const Search *self, const gchar *p)
{
  const PieceTable *table = &self->anchors->whole;
  guint32 hash = _hash_whole(_load(p), _load(p + HALF));

  return !_filter(table, hash) || _look_closer(self, table, hash, p);
}

static void
_search_by_position(const Search *self)
{
  const gsize step = self->anchors->step;
  const gchar *last = self->text + self->len - HALF;

  for (const gchar *p = self->text; p <= last; p += step)
    {
      if (!_look_for_half(self, p) || (last - p >= HALF && !_look_for_whole(self, p)))
        return;
    }
}

#ifdef __x86_64__

#define BLOCK 32                /* bytes of a vector */
#define BLOCK_READS (BLOCK + HALF)

/* a table's filter as the vectors use it */
typedef struct _Filter
{
  const gint *words;
  __m128i word_shift;           /* from a hash to the word with its bit */
  __m128i bit_shift;            /* from a hash to the bit, in the lowest five */
} Filter;

__attribute__((target("avx2"))) static inline Filter
_filter_of(const PieceTable *table)
{
  return (Filter)
  {
    .words = (const gint *) table->filter,
    .word_shift = _mm_cvtsi32_si128((gint) (32 - table->filter_bits + 5)),
    .bit_shift = _mm_cvtsi32_si128((gint) (32 - table->filter_bits)),
  };
}

/* the sign of each element: whether some piece of the table has its hash */
__attribute__((target("avx2"))) static inline __m256i
_filter_vector(const Filter *filter, __m256i hash)
{
  __m256i words = _mm256_i32gather_epi32(filter->words, _mm256_srl_epi32(hash, filter->word_shift), 4);
  __m256i bits = _mm256_srl_epi32(hash, filter->bit_shift);

  /* counted from the top */
  return _mm256_sllv_epi32(words, _mm256_andnot_si256(bits, _mm256_set1_epi32(31)));
}

/* eight positions at some of which a literal may show itself */
typedef struct _Block
{
  guint half_places;            /* bits of those where a half piece may stand */
  guint whole_places;
  guint32 half[BLOCK / HALF];   /* the hashes */
  guint32 whole[BLOCK / HALF];
} Block;

/* FALSE if none of the positions in the block at p may show a literal */
__attribute__((target("avx2"))) static inline gboolean
_filter_block(const Filter *half_filter, const Filter *whole_filter, const gchar *p, Block *block)
{
  const __m256i fold = _mm256_set1_epi32(FOLD);
  const __m256i factor = _mm256_set1_epi32((gint) HASH_FACTOR);
  __m256i bytes = _mm256_or_si256(_mm256_loadu_si256((const __m256i *) p), fold);
  __m256i next = _mm256_or_si256(_mm256_loadu_si256((const __m256i *) (p + HALF)), fold);
  __m256i half_hash = _mm256_mullo_epi32(bytes, factor);
  __m256i whole_hash = _mm256_mullo_epi32(_mm256_xor_si256(half_hash, next), factor);
  __m256i half = _filter_vector(half_filter, half_hash);
  __m256i whole = _filter_vector(whole_filter, whole_hash);

  if (G_LIKELY(!_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(half, whole)))))
    return FALSE;
  block->half_places = (guint) _mm256_movemask_ps(_mm256_castsi256_ps(half));
  block->whole_places = (guint) _mm256_movemask_ps(_mm256_castsi256_ps(whole));
  _mm256_storeu_si256((__m256i *) block->half, half_hash);
  _mm256_storeu_si256((__m256i *) block->whole, whole_hash);
  return TRUE;
}

/* Leaves out the first n places. */
static inline void
_skip_places(Block *block, guint n)
{
  block->half_places &= ~0u << n;
  block->whole_places &= ~0u << n;
}

static gboolean
_look_closer_at_block(const Search *self, const gchar *p, const Block *block)
{
  for (guint places = block->half_places; places; places &= places - 1)
    {
      guint i = (guint) __builtin_ctz(places);

      if (!_look_closer(self, &self->anchors->half, block->half[i], p + HALF * i))
        return FALSE;
    }
  for (guint places = block->whole_places; places; places &= places - 1)
    {
      guint i = (guint) __builtin_ctz(places);

      if (!_look_closer(self, &self->anchors->whole, block->whole[i], p + HALF * i))
        return FALSE;
    }
  return TRUE;
}

__attribute__((target("avx2"))) static void
_search_by_block(Search *self)
{
  const Filter half = _filter_of(&self->anchors->half);
  const Filter whole = _filter_of(&self->anchors->whole);
  const gchar *end = self->text + self->len;
  const gchar *p = self->text;
  Block block;

  for (; end - p >= BLOCK_READS; p += BLOCK)
    {
      if (_filter_block(&half, &whole, p, &block) && !_look_closer_at_block(self, p, &block))
        return;
    }
  /* the last block overlaps the one before */
  const gchar *looked_at = p;
  self->looked_at = (gsize) (p - self->text);
  p = end - BLOCK_READS;
  if (_filter_block(&half, &whole, p, &block))
    {
      /* where all pieces of a literal's run were within reach */
      _skip_places(&block, (guint) (looked_at - p) / HALF);
      if (!_look_closer_at_block(self, p, &block))
        return;
    }
  _look_for_half(self, end - HALF);
}

#endif

void
sip_anchors_search(const SipAnchors *self, const gchar *text, gsize len, SipAnchorFound found, gpointer user_data)
{
  Search search = { .anchors = self, .text = text, .len = len, .found = found, .user_data = user_data };

  if (len < HALF || !self->anchors->len)
    return;
#ifdef __x86_64__
  if (self->use_vectors && len >= BLOCK_READS)
    {
      _search_by_block(&search);
      return;
    }
#endif
  _search_by_position(&search);
}

void
sip_anchors_use_no_vectors(SipAnchors *self)
{
  self->use_vectors = FALSE;
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
  return sizeof(*self) + _piece_table_memory(&self->whole) + _piece_table_memory(&self->half)
         + self->anchors->len * sizeof(Anchor) + self->texts->len;
}
