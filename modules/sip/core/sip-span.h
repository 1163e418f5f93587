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

#ifndef SIP_SPAN_H_INCLUDED
#define SIP_SPAN_H_INCLUDED

#include <glib.h>
#include <string.h>

/*
 * A piece of somebody else's text: not terminated, not owned, possibly holding
 * NUL bytes.  ptr is NULL when there is no such piece, which is not the same
 * as an empty one.
 */
typedef struct _SipSpan
{
  const gchar *ptr;
  gsize len;
} SipSpan;

#define SIP_SPAN_NONE ((SipSpan) { NULL, 0 })

static inline SipSpan
sip_span(const gchar *ptr, gsize len)
{
  return (SipSpan)
  {
    ptr, len
  };
}

static inline SipSpan
sip_span_str(const gchar *str)
{
  return sip_span(str, str ? strlen(str) : 0);
}

static inline gboolean
sip_span_eq(SipSpan span, const gchar *str)
{
  return span.ptr && strlen(str) == span.len && memcmp(span.ptr, str, span.len) == 0;
}

#endif
