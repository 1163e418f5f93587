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
#define ANY_DIGIT '\001'
#define FILTER_BITS 18
#define SLOT_BITS 13
#define MAX_PIECES (G_MAXUINT16 - 1)

/* ASCII upper to lower case by setting a bit; other bytes may fall together, which the comparison sorts out */
#define FOLD 0x20202020u

typedef struct _Anchor
{
  gchar *text;                  /* without the digits */
  guint16 text_len;
  guint16 len;                  /* with the digits */
} Anchor;

/* one piece of one literal; those of the same slot stand side by side */
typedef struct _Piece
{
  guint32 bytes;                /* folded */
  guint32 other;                /* so are four more bytes of the literal, at its start or end: they tell most literals */
  guint16 anchor;
  gint8 other_offset;           /* from the piece */
  guint8 offset: 7;             /* of the piece within the literal */
  guint8 last: 1;               /* of its slot */
} Piece;

G_STATIC_ASSERT(sizeof(Piece) == 12);
G_STATIC_ASSERT(SIP_ANCHOR_MAX_LENGTH <= 128);

struct _SipAnchors
{
  guint64 filter[1 << (FILTER_BITS - 6)];       /* a bit for each hash: whether some piece has it */
  guint16 slots[1 << SLOT_BITS];        /* fewer bits of the hash -> 1 + the first piece that has it */
  guint step;
  Piece *pieces;
  guint n_pieces;
  GArray *anchors;
  GHashTable *by_text;          /* in lower case -> number; until compiled */
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

static inline guint32
_slot(guint32 hash)
{
  return hash >> (32 - SLOT_BITS);
}

/* In the lowest bit: whether some piece may stand at p. */
static inline guint64
_filter(const SipAnchors *self, const gchar *p)
{
  guint32 hash = _hash(_load(p));

  return self->filter[hash >> (32 - FILTER_BITS + 6)] >> ((hash >> (32 - FILTER_BITS)) & 63);
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
  anchor.text = g_new0(gchar, len + digits + 1);
  memcpy(anchor.text, literal, len);
  memset(anchor.text + len, ANY_DIGIT, digits);

  gchar *key = g_ascii_strdown(anchor.text, -1);
  if (g_hash_table_lookup_extended(self->by_text, key, NULL, &number))
    {
      g_free(anchor.text);
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

  for (guint i = 0; i + PIECE < sizeof(common_pieces); i += PIECE)
    g_hash_table_insert(ranks, GUINT_TO_POINTER(_load(common_pieces + i)), GUINT_TO_POINTER(i / PIECE + 1));
  return ranks;
}

/* How often a piece stands in log text, roughly. */
static guint
_commonness(GHashTable *common, const gchar *piece)
{
  guint rank = GPOINTER_TO_UINT(g_hash_table_lookup(common, GUINT_TO_POINTER(_load(piece))));
  guint score = 1;

  for (guint i = 0; i < PIECE; i++)
    {
      if (piece[i] == ' ' || g_ascii_isdigit(piece[i]))
        score++;
      else if (piece[i] == ANY_DIGIT)
        score += 24;
    }
  return score + (!rank ? 0 : rank <= 100 ? 32 : rank <= 250 ? 16 : 8);
}

/*
 * Where the run of `step' pieces begins that log text has least and that fewest other literals have, too:
 * each literal that shares a piece has to be compared when it shows.
 */
static guint
_rarest_run(const Anchor *anchor, guint step, GHashTable *common, GHashTable *uses)
{
  guint best = 0;
  guint best_score = G_MAXUINT;

  for (guint start = 0; start + step + PIECE - 1 <= anchor->len; start++)
    {
      guint score = 0;

      for (guint i = start; i < start + step; i++)
        {
          score += _commonness(common, anchor->text + i);
          score += GPOINTER_TO_UINT(g_hash_table_lookup(uses, GUINT_TO_POINTER(_load(anchor->text + i))));
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

static void
_add_piece(GArray *pieces, const gchar *bytes, const Anchor *anchor, guint number, guint offset)
{
  Piece piece =
  {
    .bytes = _load(bytes),
    .anchor = (guint16) number,
    .offset = offset & 0x7f,
  };
  /* whichever end of the text is further away; a text too short for that is told by its piece */
  guint other = offset > anchor->text_len / 2u ? 0 : (guint) anchor->text_len - PIECE;

  piece.other = anchor->text_len < PIECE ? piece.bytes : _load(anchor->text + other);
  piece.other_offset = anchor->text_len < PIECE ? 0 : (gint16) ((gint) other - (gint) offset);
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
      _add_piece(pieces, bytes, anchor, number, offset);
      return;
    }

  guint digits = PIECE - first_digit;
  guint low = digits == 1 ? 1 : digits == 2 ? 10 : 100;
  for (guint value = low; value < 7 * low; value++)
    {
      guint rest = value;

      for (guint i = digits; i > 0; i--, rest /= 10)
        bytes[first_digit + i - 1] = (gchar) ('0' + rest % 10);
      _add_piece(pieces, bytes, anchor, number, offset);
    }
}

static GArray *
_choose_pieces(SipAnchors *self)
{
  GArray *pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
  GHashTable *common = _count_common_pieces();
  GHashTable *uses = g_hash_table_new(g_direct_hash, g_direct_equal);

  for (guint i = 0; i < self->anchors->len; i++)
    {
      const Anchor *anchor = &g_array_index(self->anchors, Anchor, i);
      guint start = _rarest_run(anchor, self->step, common, uses);

      for (guint j = start; j < start + self->step; j++)
        {
          gpointer piece = GUINT_TO_POINTER(_load(anchor->text + j));

          g_hash_table_insert(uses, piece, GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(uses, piece)) + 1));
          _add_pieces(pieces, anchor, i, j);
        }
    }
  g_hash_table_unref(uses);
  g_hash_table_unref(common);
  return pieces;
}

static gint
_by_slot(gconstpointer a, gconstpointer b)
{
  guint32 slot_a = _slot(_hash(((const Piece *) a)->bytes));
  guint32 slot_b = _slot(_hash(((const Piece *) b)->bytes));

  return slot_a < slot_b ? -1 : slot_a > slot_b;
}

gboolean
sip_anchors_compile(SipAnchors *self)
{
  guint shortest = SIP_ANCHOR_MAX_LENGTH;

  g_clear_pointer(&self->by_text, g_hash_table_unref);
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
      guint32 hash = _hash(piece->bytes);
      guint32 slot = _slot(hash);

      self->filter[hash >> (32 - FILTER_BITS + 6)] |= G_GUINT64_CONSTANT(1) << ((hash >> (32 - FILTER_BITS)) & 63);
      piece->last = !self->slots[slot];
      self->slots[slot] = (guint16) i;
    }
  return TRUE;
}

static inline gboolean
_eight_equal(const gchar *a, const gchar *b)
{
  guint64 bytes_a, bytes_b;

  memcpy(&bytes_a, a, sizeof(bytes_a));
  memcpy(&bytes_b, b, sizeof(bytes_b));
  return bytes_a == bytes_b;
}

static gboolean
_equal_but_for_case(const gchar *a, const gchar *b, gsize len)
{
  for (gsize i = 0; i < len; i++)
    {
      if (_lower(a[i]) != _lower(b[i]))
        return FALSE;
    }
  return TRUE;
}

/* mostly both are written alike */
static inline gboolean
_text_equal(const gchar *a, const gchar *b, gsize len)
{
  if (len < 8)
    return _equal_but_for_case(a, b, len);
  for (gsize i = 0; i + 8 < len; i += 8)
    {
      if (!_eight_equal(a + i, b + i))
        return _equal_but_for_case(a + i, b + i, len - i);
    }
  return _eight_equal(a + len - 8, b + len - 8) || _equal_but_for_case(a + len - 8, b + len - 8, 8);
}

static gboolean
_stands_at(const Anchor *anchor, const gchar *text, gsize len, gsize where)
{
  if (where + anchor->len > len || !_text_equal(text + where, anchor->text, anchor->text_len))
    return FALSE;
  for (guint i = anchor->text_len; i < anchor->len; i++)
    {
      gchar c = text[where + i];

      if (i == anchor->text_len ? c < '1' || c > '6' : c < '0' || c > '9')
        return FALSE;
    }
  return TRUE;
}

/* Reports the literals that show themselves at p; FALSE if the caller has had enough. */
static gboolean
_look_closer(const SipAnchors *self, const gchar *text, gsize len, const gchar *p, SipAnchorFound found,
             gpointer user_data)
{
  guint32 bytes = _load(p);
  guint16 slot = self->slots[_slot(_hash(bytes))];

  if (!slot)
    return TRUE;

  const gsize before = (gsize) (p - text);
  for (const Piece *piece = &self->pieces[slot - 1];; piece++)
    {
      if (piece->bytes == bytes)
        {
          /* huge if it would begin before the text */
          const gsize other = before + (gsize) (gssize) piece->other_offset;

          if (other <= len - PIECE && _load(text + other) == piece->other && piece->offset <= before)
            {
              const gsize where = before - piece->offset;

              if (_stands_at(&g_array_index(self->anchors, Anchor, piece->anchor), text, len, where)
                  && !found(piece->anchor, where, user_data))
                return FALSE;
            }
        }
      if (piece->last)
        return TRUE;
    }
}

void
sip_anchors_search(const SipAnchors *self, const gchar *text, gsize len, SipAnchorFound found, gpointer user_data)
{
  const gsize step = self->step;

  if (len < PIECE || !self->n_pieces)
    return;

  const gchar *p = text;
  const gchar *last = text + len - PIECE;

  /* four at a time: mostly none of them passes */
  for (; last - p >= (gssize) (3 * step); p += 4 * step)
    {
      guint64 a = _filter(self, p);
      guint64 b = _filter(self, p + step);
      guint64 c = _filter(self, p + 2 * step);
      guint64 d = _filter(self, p + 3 * step);

      if (G_LIKELY(!((a | b | c | d) & 1)))
        continue;
      if (((a & 1) && !_look_closer(self, text, len, p, found, user_data))
          || ((b & 1) && !_look_closer(self, text, len, p + step, found, user_data))
          || ((c & 1) && !_look_closer(self, text, len, p + 2 * step, found, user_data))
          || ((d & 1) && !_look_closer(self, text, len, p + 3 * step, found, user_data)))
        return;
    }
  for (; p <= last; p += step)
    {
      if ((_filter(self, p) & 1) && !_look_closer(self, text, len, p, found, user_data))
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

  for (guint i = 0; i < self->anchors->len; i++)
    bytes += sizeof(Anchor) + g_array_index(self->anchors, Anchor, i).len + 1;
  return bytes;
}
