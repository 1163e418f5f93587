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

#include "tool.h"
#include "sip-text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static gint color = -1;         /* -1: not decided */

gboolean
tool_set_color(const gchar *when)
{
  if (!when || strcmp(when, "auto") == 0)
    color = -1;
  else if (strcmp(when, "always") == 0)
    color = 1;
  else if (strcmp(when, "never") == 0)
    color = 0;
  else
    return FALSE;
  return TRUE;
}

/* https://no-color.org: any value but the empty one */
static gboolean
_has_color(void)
{
  if (color < 0)
    {
      const gchar *no_color = getenv("NO_COLOR");
      const gchar *term = getenv("TERM");

      color = !(no_color && *no_color) && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    }
  return color > 0;
}

const gchar *
tool_style(ToolStyle style)
{
  static const gchar *const sequences[] =
  {
    [TOOL_PLAIN] = "\033[0m",
    [TOOL_BOLD] = "\033[1m",
    [TOOL_DIM] = "\033[2m",
    [TOOL_RED] = "\033[31m",
    [TOOL_YELLOW] = "\033[33m",
    [TOOL_GREEN] = "\033[32m",
  };

  return _has_color() ? sequences[style] : "";
}

ToolStyle
tool_style_of_code(gint code)
{
  if (code >= 500)
    return TOOL_RED;
  if (code >= 400)
    return TOOL_YELLOW;
  return code >= 200 && code < 300 ? TOOL_GREEN : TOOL_PLAIN;
}

static inline gboolean
_is_plain(gchar c)
{
  return c >= 0x20 && c < 0x7f;
}

void
tool_append_clean(GString *out, SipSpan text)
{
  const gchar *p = text.ptr;
  const gchar *end = text.ptr + text.len;

  while (p < end)
    {
      const gchar *plain = p;

      while (p < end && _is_plain(*p))
        p++;
      g_string_append_len(out, plain, p - plain);
      if (p < end)
        g_string_append_unichar(out, sip_text_next(&p, end));
    }
}

void
tool_append_json(GString *out, SipSpan text)
{
  const gchar *p = text.ptr;
  const gchar *end = text.ptr + text.len;

  g_string_append_c(out, '"');
  while (p < end)
    {
      const gchar *plain = p;

      while (p < end && _is_plain(*p) && *p != '"' && *p != '\\')
        p++;
      g_string_append_len(out, plain, p - plain);
      if (p >= end)
        break;
      if (*p == '"' || *p == '\\')
        {
          g_string_append_c(out, '\\');
          g_string_append_c(out, *p++);
        }
      else
        g_string_append_unichar(out, sip_text_next(&p, end));
    }
  g_string_append_c(out, '"');
}

static guint
_width_of(gunichar c)
{
  if (g_unichar_iszerowidth(c))
    return 0;
  return g_unichar_iswide(c) ? 2 : 1;
}

guint
tool_width(const gchar *text)
{
  guint width = 0;

  for (; *text; text = g_utf8_next_char(text))
    width += _width_of(g_utf8_get_char(text));
  return width;
}

void
tool_append_padded(GString *out, const gchar *text, gint width)
{
  guint wanted = (guint) ABS(width);
  guint has = tool_width(text);

  if (has > wanted && wanted > 1)
    {
      guint used = 0;

      for (; used + _width_of(g_utf8_get_char(text)) < wanted; text = g_utf8_next_char(text))
        {
          used += _width_of(g_utf8_get_char(text));
          g_string_append_unichar(out, g_utf8_get_char(text));
        }
      g_string_append(out, "\xe2\x80\xa6");
      has = used + 1;
      text = "";
    }
  if (width > 0)
    g_string_append(out, text);
  for (; has < wanted; has++)
    g_string_append_c(out, ' ');
  if (width <= 0)
    g_string_append(out, text);
}

void
tool_append_number(GString *out, guint64 number)
{
  gchar digits[24];
  gint n = g_snprintf(digits, sizeof(digits), "%" G_GUINT64_FORMAT, number);

  for (gint i = 0; i < n; i++)
    {
      if (i && (n - i) % 3 == 0)
        g_string_append_c(out, ',');
      g_string_append_c(out, digits[i]);
    }
}

guint
tool_terminal_width(void)
{
  struct winsize size;

  if (!isatty(STDOUT_FILENO))
    return 0;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
    return size.ws_col;
  return 80;
}

void
tool_complain(const gchar *format, ...)
{
  GString *clean = g_string_new("sip-status: ");
  va_list args;

  va_start(args, format);
  gchar *message = g_strdup_vprintf(format, args);
  va_end(args);
  tool_append_clean(clean, sip_span_str(message));
  fflush(stdout);
  fprintf(stderr, "%s\n", clean->str);
  g_string_free(clean, TRUE);
  g_free(message);
}

void
tool_print(const gchar *format, ...)
{
  va_list args;

  va_start(args, format);
  vfprintf(stdout, format, args);
  va_end(args);
}

gboolean
tool_flush(void)
{
  if (fflush(stdout) == 0 && !ferror(stdout))
    return TRUE;
  /* `sip-status ... | head': nobody listens any more */
  if (errno != EPIPE)
    tool_complain("standard output: %s", g_strerror(errno));
  return FALSE;
}
