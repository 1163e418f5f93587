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

#include "sip-text.h"

static gboolean
_is_control(gunichar c)
{
  switch (g_unichar_type(c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
      return TRUE;
    default:
      return FALSE;
    }
}

gunichar
sip_text_next(const gchar **p, const gchar *end)
{
  /* g_utf8_get_char_validated() stops at a NUL byte only if it is the first */
  gunichar c = **p ? g_utf8_get_char_validated(*p, end - *p) : 0;

  if (c == (gunichar) -1 || c == (gunichar) -2)
    {
      (*p)++;
      return 0xfffd;
    }
  *p = c ? g_utf8_next_char(*p) : *p + 1;
  return _is_control(c) ? ' ' : c;
}
