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

#ifndef SIP_EQUAL_H_INCLUDED
#define SIP_EQUAL_H_INCLUDED

#include <glib.h>
#include <string.h>

static inline gchar
sip_lower(gchar c)
{
  return (c >= 'A' && c <= 'Z') ? c + ('a' - 'A') : c;
}

/* whether eight bytes are equal but for the case of ASCII letters, given the first and in which bits they differ */
static inline gboolean
sip_differ_in_case(guint64 bytes, guint64 difference)
{
  const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);

  if (difference & ~(0x20 * ones))
    return FALSE;

  /* the high bit of each byte that is a letter: no sum carries into the next byte */
  guint64 lower = (bytes | 0x20 * ones) & 0x7f * ones;
  guint64 letters = (lower + (0x80 - 'a') * ones) & ~(lower + (0x80 - 'z' - 1) * ones) & ~bytes & 0x80 * ones;
  return !((difference << 2) & ~letters);
}

static inline gboolean
sip_eight_equal(const gchar *a, const gchar *b)
{
  guint64 bytes, other;

  memcpy(&bytes, a, sizeof(bytes));
  memcpy(&other, b, sizeof(other));
  return G_LIKELY(bytes == other) || sip_differ_in_case(bytes, bytes ^ other);
}

static inline gboolean
sip_four_equal(const gchar *a, const gchar *b)
{
  guint32 bytes, other;

  memcpy(&bytes, a, sizeof(bytes));
  memcpy(&other, b, sizeof(other));
  return G_LIKELY(bytes == other) || sip_differ_in_case(bytes, bytes ^ other);
}

/* Whether two texts of the same length are equal but for the case of ASCII letters. */
static inline gboolean
sip_equal_nocase(const gchar *a, const gchar *b, gsize len)
{
  if (len < 4)
    {
      for (gsize i = 0; i < len; i++)
        {
          if (sip_lower(a[i]) != sip_lower(b[i]))
            return FALSE;
        }
      return TRUE;
    }
  if (len < 8)
    return sip_four_equal(a + len - 4, b + len - 4) && sip_four_equal(a, b);

  /* the end tells literals that begin alike */
  if (!sip_eight_equal(a + len - 8, b + len - 8))
    return FALSE;
  for (gsize i = 0; i + 8 < len; i += 8)
    {
      if (!sip_eight_equal(a + i, b + i))
        return FALSE;
    }
  return TRUE;
}

#endif
