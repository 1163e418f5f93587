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

#include "sip-view.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define ESC '\033'

#ifdef __x86_64__

#define BLOCK 32

/* the bytes at p that may begin an escape */
__attribute__((target("avx2"))) static inline __m256i
_escapes_at(const gchar *p)
{
  __m256i bytes = _mm256_loadu_si256((const __m256i *) p);
  __m256i numbers = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('#'));
  __m256i controls = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(ESC));
  /* `\\' and `^' differ in one bit */
  __m256i others = _mm256_cmpeq_epi8(_mm256_or_si256(bytes, _mm256_set1_epi8('\\' ^ '^')), _mm256_set1_epi8('^'));

  return _mm256_or_si256(_mm256_or_si256(numbers, controls), others);
}

/* Up to where there is none, two blocks at a time. */
__attribute__((target("avx2"))) static const gchar *
_skip_plain_blocks(const gchar *p, const gchar *end)
{
  for (; end - p >= 2 * BLOCK; p += 2 * BLOCK)
    {
      if (_mm256_movemask_epi8(_mm256_or_si256(_escapes_at(p), _escapes_at(p + BLOCK))))
        return p;
    }
  /* the last block may overlap the one before */
  if (end - p >= BLOCK && _mm256_movemask_epi8(_escapes_at(p)))
    return p;
  return _mm256_movemask_epi8(_escapes_at(end - BLOCK)) ? p : end;
}

#endif

gboolean
sip_view_needed(SipSpan text)
{
  const gchar *p = text.ptr;
  const gchar *end = text.ptr + text.len;

#ifdef __x86_64__
  if (text.len >= BLOCK && __builtin_cpu_supports("avx2"))
    p = _skip_plain_blocks(p, end);
#endif
  if (p == end)
    return FALSE;
  gsize len = (gsize) (end - p);
  if (memchr(p, '\\', len) || memchr(p, ESC, len) || memchr(p, '^', len))
    return TRUE;
  while ((p = memchr(p, '#', (gsize) (end - p))))
    {
      if (++p < end && *p == '0')
        return TRUE;
      if (p >= end)
        break;
    }
  return FALSE;
}

static gboolean
_is_octal(gchar c)
{
  return c >= '0' && c <= '7';
}

/* the control character that 0[0-3][0-7] names, -1 if these are not such digits */
static gint
_octal_control(const gchar *p, const gchar *end)
{
  if (end - p < 3 || p[0] != '0' || p[1] < '0' || p[1] > '3' || !_is_octal(p[2]))
    return -1;
  return (p[1] - '0') * 8 + (p[2] - '0');
}

static gint
_hex(const gchar *p, const gchar *end, gint digits)
{
  gint value = 0;

  if (end - p < digits)
    return -1;
  for (gint i = 0; i < digits; i++)
    {
      gint digit = g_ascii_xdigit_value(p[i]);

      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
  return value;
}

/*
 * CSI sequence (ECMA-48 section 5.4): ESC [ parameters final. Returns what follows, or p if there is none (a lone ESC
 * stays, and so does one whose sequence was cut: it must not take the next line with it).
 */
static const gchar *
_after_ansi(const gchar *p, const gchar *end)
{
  const gchar *q = p + 1;

  if (q >= end || *q != '[')
    return p;
  for (q++; q < end && q - p < 32; q++)
    {
      if (*q >= 0x40 && *q <= 0x7e)
        return q + 1;
      if (*q < 0x20 || *q > 0x3f)
        return p;
    }
  return p;
}

/*
 * p stands behind `\\u'. JSON writes what is above U+FFFF as two surrogates (RFC 8259 section 7); one alone stays as it is,
 * for it is no character. Returns what follows, p if there is no character.
 */
static const gchar *
_after_unicode(const gchar *p, const gchar *end, gint *c)
{
  gint value = _hex(p, end, 4);
  gint low;

  if (value < 0 || (value >= 0xdc00 && value <= 0xdfff))
    return p;
  if (value < 0xd800 || value > 0xdbff)
    {
      *c = value;
      return p + 4;
    }
  const gchar *second = p + 4;
  while (second < end && *second == '\\')
    second++;
  if (second == p + 4 || second >= end || *second != 'u')
    return p;
  low = _hex(second + 1, end, 4);
  if (low < 0xdc00 || low > 0xdfff)
    return p;
  *c = 0x10000 + (value - 0xd800) * 0x400 + (low - 0xdc00);
  return second + 5;
}

/* p stands behind a run of backslashes. Returns what follows the escape, with its character in c; p if there is none. */
static const gchar *
_after_backslashes(const gchar *p, const gchar *end, gint *c)
{
  const gchar *after;
  gint value;

  if (p >= end)
    return p;
  switch (*p)
    {
    case 'n':
      *c = '\n';
      return p + 1;
    case 'r':
      *c = '\r';
      return p + 1;
    case 't':
      *c = '\t';
      return p + 1;
    case '"':
    case '/':
      *c = (guchar) *p;
      return p + 1;
    case 'u':
      after = _after_unicode(p + 1, end, c);
      return after > p + 1 ? after : p;
    case 'x':
      value = _hex(p + 1, end, 2);
      if (value < 0 || value > 0x1f)
        return p;
      *c = value;
      return p + 3;
    case 'e':
      if (p + 1 < end && p[1] == '[')
        {
          *c = ESC;
          return p + 1;
        }
      return p;
    default:
      value = _octal_control(p, end);
      if (value < 0)
        return p;
      *c = value;
      return p + 3;
    }
}

/* A colour code may only show once its ESC has been unescaped. */
static void
_drop_ansi(GString *buffer)
{
  const gchar *p = memchr(buffer->str, ESC, buffer->len);
  const gchar *end = buffer->str + buffer->len;
  gchar *to = (gchar *) p;

  if (!p)
    return;
  while (p < end)
    {
      if (*p == ESC)
        {
          const gchar *after = _after_ansi(p, end);

          if (after != p)
            {
              p = after;
              continue;
            }
        }
      *to++ = *p++;
    }
  g_string_truncate(buffer, (gsize) (to - buffer->str));
}

SipSpan
sip_view_make(SipSpan text, GString *buffer)
{
  const gchar *p = text.ptr;
  const gchar *end = text.ptr + text.len;

  g_string_set_size(buffer, text.len);
  gchar *to = buffer->str;

  while (p < end)
    {
      if (*p == '\\')
        {
          const gchar *run = p;
          const gchar *after;
          gint c = 0;

          while (p < end && *p == '\\')
            p++;
          after = _after_backslashes(p, end, &c);
          if (after != p)
            {
              /* never longer than what stood there */
              if (c < 0x80)
                *to++ = (gchar) c;
              else
                to += g_unichar_to_utf8((gunichar) c, to);
              p = after;
            }
          else
            {
              memmove(to, run, (gsize) (p - run));
              to += p - run;
            }
          continue;
        }
      if (*p == '#')
        {
          gint control = _octal_control(p + 1, end);

          if (control >= 0)
            {
              *to++ = (gchar) control;
              p += 4;
              continue;
            }
        }
      else if (*p == '^' && end - p >= 2 && p[1] == 'M')
        {
          *to++ = '\r';
          p += 2;
          continue;
        }
      *to++ = *p++;
    }
  g_string_truncate(buffer, (gsize) (to - buffer->str));
  _drop_ansi(buffer);
  return sip_span(buffer->str, buffer->len);
}
