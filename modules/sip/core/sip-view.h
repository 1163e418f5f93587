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

#ifndef SIP_VIEW_H_INCLUDED
#define SIP_VIEW_H_INCLUDED

#include "sip-span.h"

/*
 * The text view: one and the same message arrives with its line ends, quotes
 * and colours escaped in many ways (rsyslog's #012, JSON's \r\n and \", ^M,
 * \015, ANSI colours, once or several times over).  The view undoes them, so
 * that a dialect is written down once.
 */

/* Whether there is anything to undo: a look at the bytes only. */
gboolean sip_view_needed(SipSpan text);

/* Writes the view of text to buffer (its former content is dropped) and returns it as a span. Never longer than text. */
SipSpan sip_view_make(SipSpan text, GString *buffer);

#endif
