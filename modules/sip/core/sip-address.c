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

#include "sip-address.h"

static SipSpan
_without_first(SipSpan text, gsize n)
{
  return sip_span(text.ptr + n, text.len - n);
}

static gboolean
_is_wrapper(gchar c)
{
  return c == ' ' || c == '\t' || c == '<' || c == '>' || c == '"' || c == '\'' || c == ',';
}

static SipSpan
_trim(SipSpan text)
{
  while (text.len && _is_wrapper(text.ptr[0]))
    text = _without_first(text, 1);
  while (text.len && _is_wrapper(text.ptr[text.len - 1]))
    text.len--;
  return text;
}

static gboolean
_skip_prefix(SipSpan *text, const gchar *prefix)
{
  gsize len = 0;

  /* the prefixes are lower-case letters and colons */
  for (; prefix[len]; len++)
    {
      if (len == text->len || (text->ptr[len] != prefix[len]
                               && (!g_ascii_isupper(text->ptr[len]) || (text->ptr[len] | 0x20) != prefix[len])))
        return FALSE;
    }
  *text = _without_first(*text, len);
  return TRUE;
}

/* "Bob" <sip:bob@example.com>: what stands in the angle brackets */
static SipSpan
_without_display_name(SipSpan text)
{
  for (gsize i = text.len; i > 0; i--)
    {
      if (text.ptr[i - 1] == '<')
        return _without_first(text, i);
    }
  return text;
}

/* "udp:", "TLS://", "tcp/", "IPV4/UDP/": at most three of them in a row */
static SipSpan
_without_transport(SipSpan text)
{
  static const gchar *const words[] = { "ipv4", "ipv6", "udp", "tcp", "tls", "wss", "ws", "sctp", NULL };

  for (gint rounds = 0; rounds < 3; rounds++)
    {
      /* mostly an address: digits, or a bracket */
      if (!text.len || !strchr("iutwsIUTWS", text.ptr[0]))
        return text;
      for (gint i = 0; words[i]; i++)
        {
          SipSpan rest = text;

          if (_skip_prefix(&rest, words[i]) && rest.len && (rest.ptr[0] == ':' || rest.ptr[0] == '/'))
            {
              while (rest.len && (rest.ptr[0] == ':' || rest.ptr[0] == '/'))
                rest = _without_first(rest, 1);
              text = rest;
              break;
            }
        }
    }
  return text;
}

static gboolean
_skip_scheme(SipSpan *text)
{
  return _skip_prefix(text, "sip:") || _skip_prefix(text, "sips:");
}

static gboolean
_is_host(SipSpan text)
{
  if (!text.len || text.len > 255)
    return FALSE;
  for (gsize i = 0; i < text.len; i++)
    {
      gchar c = text.ptr[i];

      if (!g_ascii_isalnum(c) && c != '.' && c != '-' && c != '_' && c != ':' && c != '%')
        return FALSE;
    }
  return g_ascii_isalnum(text.ptr[0]) || text.ptr[0] == ':' || text.ptr[0] == '_';
}

SipSpan
sip_address_port(SipSpan text)
{
  gsize digits = 0;
  guint value = 0;

  while (text.len && text.ptr[0] == '0')
    text = _without_first(text, 1);
  while (digits < text.len && digits < 6 && g_ascii_isdigit(text.ptr[digits]))
    value = value * 10 + (guint) (text.ptr[digits++] - '0');
  if (!digits || value == 0 || value > 65535)
    return SIP_SPAN_NONE;
  return sip_span(text.ptr, digits);
}

/* where the last of a dotted quintet of numbers begins, as tcpdump writes address and port; 0 if it is none */
static gsize
_fifth_number(SipSpan text)
{
  gint dots = 0;
  gsize last_dot = 0;

  for (gsize i = 0; i < text.len; i++)
    {
      if (text.ptr[i] == '.')
        {
          dots++;
          last_dot = i;
        }
      else if (!g_ascii_isdigit(text.ptr[i]))
        return 0;
    }
  return dots == 4 ? last_dot + 1 : 0;
}

static void
_split_host_port(SipSpan text, SipAddress *address)
{
  const gchar *colon = memchr(text.ptr, ':', text.len);
  const gchar *slash = memchr(text.ptr, '/', text.len);

  if (slash)
    {
      gsize host_len = (gsize) (slash - text.ptr);

      address->host = sip_span(text.ptr, host_len);
      address->port = sip_address_port(_without_first(text, host_len + 1));
      return;
    }
  if (colon && !memchr(colon + 1, ':', text.len - (gsize) (colon + 1 - text.ptr)))
    {
      gsize host_len = (gsize) (colon - text.ptr);

      address->host = sip_span(text.ptr, host_len);
      address->port = sip_address_port(_without_first(text, host_len + 1));
      return;
    }

  gsize fifth = colon ? 0 : _fifth_number(text);
  if (fifth)
    {
      address->host = sip_span(text.ptr, fifth - 1);
      address->port = sip_address_port(_without_first(text, fifth));
      return;
    }
  address->host = text;
}

gboolean
sip_address_parse(SipSpan text, SipAddress *address)
{
  address->user = address->host = address->port = SIP_SPAN_NONE;
  if (!text.ptr)
    return FALSE;

  text = _trim(_without_display_name(text));
  gboolean uri = _skip_scheme(&text);

  if (!uri)
    {
      text = _without_transport(text);
      uri = _skip_scheme(&text);
    }

  while (text.len && strchr(".:/-", text.ptr[text.len - 1]))
    text.len--;
  if (uri)
    {
      for (gsize i = 0; i < text.len; i++)
        {
          if (text.ptr[i] == ';' || text.ptr[i] == '?' || text.ptr[i] == '>')
            text.len = i;
        }
    }

  for (gsize i = text.len; i > 0; i--)
    {
      if (text.ptr[i - 1] == '@')
        {
          address->user = sip_span(text.ptr, i - 1);
          text = _without_first(text, i);
          break;
        }
    }

  if (text.len && text.ptr[0] == '[')
    {
      const gchar *close = memchr(text.ptr, ']', text.len);

      if (close)
        {
          gsize inside = (gsize) (close - text.ptr) - 1;
          SipSpan rest = _without_first(text, inside + 2);

          address->host = sip_span(text.ptr + 1, inside);
          if (rest.len && rest.ptr[0] == ':')
            {
              rest = _without_first(rest, 1);
              /* CUCM: 192.0.2.1:[5060] */
              if (rest.len && rest.ptr[0] == '[')
                rest = _without_first(rest, 1);
              address->port = sip_address_port(rest);
            }
        }
    }
  else
    {
      for (gsize i = 0; i < text.len; i++)
        {
          if (text.ptr[i] == ';' || text.ptr[i] == '>' || text.ptr[i] == ' ')
            text.len = i;
        }
      _split_host_port(text, address);
    }

  if (!_is_host(address->host))
    {
      address->user = address->host = address->port = SIP_SPAN_NONE;
      return FALSE;
    }
  return TRUE;
}
