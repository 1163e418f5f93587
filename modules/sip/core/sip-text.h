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

#ifndef SIP_TEXT_H_INCLUDED
#define SIP_TEXT_H_INCLUDED

#include <glib.h>

/*
 * The character at *p, which moves on to the next one, for texts that somebody else has written and that are shown or passed
 * on: what a terminal, a browser or a log reader could take for an instruction (C0 and C1 controls, line separators, marks
 * that turn the direction of text or have no width) is given as a blank, bytes that are no UTF-8 as U+FFFD.  *p < end.
 */
gunichar sip_text_next(const gchar **p, const gchar *end);

#endif
