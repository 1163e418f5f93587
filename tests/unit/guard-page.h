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

#ifndef GUARD_PAGE_H_INCLUDED
#define GUARD_PAGE_H_INCLUDED

#include "sip-span.h"

/*
 * A copy of a text between two pages that must not be touched: reading one byte before or
 * behind it faults at once, with or without a sanitizer.  Each call overwrites what the one before gave.
 */
SipSpan guard_page_at_end(const gchar *text, gsize len);
SipSpan guard_page_at_start(const gchar *text, gsize len);

#endif
