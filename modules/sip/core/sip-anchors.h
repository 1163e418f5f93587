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

#ifndef SIP_ANCHORS_H_INCLUDED
#define SIP_ANCHORS_H_INCLUDED

#include <glib.h>

/*
 * Finds every occurrence of many literals in one pass over the text, ASCII
 * letters in either case.  A literal may end in one to three digits of which the first
 * is 1 to 6: those of a status code.
 *
 * Every literal is known by some pieces of itself: of eight bytes where it is long enough for that, else of four.
 * The pass looks at every step-th position of the text only: the step, at most four, is chosen so that each literal is
 * sure to show one of its pieces there.  Two looks into tables of a few KiB answer for nearly all positions
 * that no literal has such a piece, for eight positions at once where the processor can (AVX2).
 */

#define SIP_ANCHOR_MIN_LENGTH 4
#define SIP_ANCHOR_MAX_LENGTH 128

typedef struct _SipAnchors SipAnchors;

/* where: offset of the occurrence in the text; return FALSE to end the search */
typedef gboolean (*SipAnchorFound)(guint anchor, gsize where, gpointer user_data);

SipAnchors *sip_anchors_new(void);
void sip_anchors_free(SipAnchors *self);

/*
 * digits: how many digits follow the literal, 0 to 3.  Length with the digits within the limits above.
 * Returns the number of the literal, the same one if it was added before.
 */
guint sip_anchors_add(SipAnchors *self, const gchar *literal, gsize len, guint digits);
/* After the last add, before the first search. FALSE if there are too many of them (some ten thousand). */
gboolean sip_anchors_compile(SipAnchors *self);

/* Positions are reported nearly in order: two within 64 bytes may come the wrong way round. */
void sip_anchors_search(const SipAnchors *self, const gchar *text, gsize len, SipAnchorFound found, gpointer user_data);

/* So that a test sees what other processors do. */
void sip_anchors_use_no_vectors(SipAnchors *self);

guint sip_anchors_step(const SipAnchors *self);
gsize sip_anchors_memory(const SipAnchors *self);
guint sip_anchors_length(const SipAnchors *self, guint anchor);

#endif
