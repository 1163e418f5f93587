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

#include "guard-page.h"
#include "sip-address.h"

#include <criterion/criterion.h>

typedef struct _Case
{
  const gchar *text;
  const gchar *host;            /* NULL: no host can be made out */
  const gchar *port;
  const gchar *user;
} Case;

static const Case cases[] =
{
  { "192.0.2.1", "192.0.2.1", NULL, NULL },
  { "192.0.2.1:5060", "192.0.2.1", "5060", NULL },
  { "192.0.2.1:0", "192.0.2.1", NULL, NULL },
  { "192.0.2.1:65535", "192.0.2.1", "65535", NULL },
  { "192.0.2.1:65536", "192.0.2.1", NULL, NULL },
  { "192.0.2.1:", "192.0.2.1", NULL, NULL },
  { "192.0.2.1.5060", "192.0.2.1", "5060", NULL },
  { "192.0.2.1/5060", "192.0.2.1", "5060", NULL },
  { "[2001:db8::1]", "2001:db8::1", NULL, NULL },
  { "[2001:db8::1]:5061", "2001:db8::1", "5061", NULL },
  { "2001:db8::1", "2001:db8::1", NULL, NULL },
  { "[fe80::1%eth0]:5060", "fe80::1%eth0", "5060", NULL },
  { "udp/[192.0.2.1]:5060", "192.0.2.1", "5060", NULL },
  { "UDP:192.0.2.1:5060", "192.0.2.1", "5060", NULL },
  { "192.0.2.1:05060", "192.0.2.1", "5060", NULL },
  { "192.0.2.1:00000", "192.0.2.1", NULL, NULL },
  { "192.0.2.1:065536", "192.0.2.1", NULL, NULL },
  { "TLS://pbx.example.com:5061", "pbx.example.com", "5061", NULL },
  { "IPV4/UDP/192.0.2.1/5060", "192.0.2.1", "5060", NULL },
  { "sip:1001@192.0.2.1", "192.0.2.1", NULL, "1001" },
  { "<sip:1001@192.0.2.1:5062;transport=tcp>", "192.0.2.1", "5062", "1001" },
  { "sips:+4930@[2001:db8::1]:5061;x=y", "2001:db8::1", "5061", "+4930" },
  { "SIP:pbx.example.com", "pbx.example.com", NULL, NULL },
  { "\"Bob\" <sip:bob@example.com>", "example.com", NULL, "bob" },
  { "Bob <tel:1> <sip:example.com:5061>", "example.com", "5061", NULL },
  { "<udp:192.0.2.1:5060", "192.0.2.1", "5060", NULL },
  { "'192.0.2.1:5060'", "192.0.2.1", "5060", NULL },
  { " 192.0.2.1 ", "192.0.2.1", NULL, NULL },
  { "192.0.2.1:[5060]", "192.0.2.1", NULL, NULL },
  { "[192.0.2.1]:[5060]", "192.0.2.1", "5060", NULL },
  { "trunk_a.example.com:5060", "trunk_a.example.com", "5060", NULL },
  { "192.0.2.1:5060.", "192.0.2.1", "5060", NULL },
  { "", NULL, NULL, NULL },
  { " ", NULL, NULL, NULL },
  { "<>", NULL, NULL, NULL },
  { "[", NULL, NULL, NULL },
  { "[]", NULL, NULL, NULL },
  { "sip:", NULL, NULL, NULL },
  { "@", NULL, NULL, NULL },
  { "user@", NULL, NULL, NULL },
  { ":::", NULL, NULL, NULL },
  { "udp:", NULL, NULL, NULL },
  { "(null)", NULL, NULL, NULL },
  { "a b c", "a", NULL, NULL },
};

static void
_assert_part(const gchar *text, const gchar *part, SipSpan got, const gchar *expected)
{
  if (expected)
    cr_expect(sip_span_eq(got, expected), "%s of `%s': expected %s, got %.*s", part, text, expected, (gint) got.len,
              got.ptr ? got.ptr : "");
  else
    cr_expect(got.ptr == NULL, "%s of `%s': expected none, got %.*s", part, text, (gint) got.len, got.ptr ? got.ptr : "");
}

Test(address, parts)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      const Case *c = &cases[i];
      SipAddress address;
      gboolean found = sip_address_parse(guard_page_at_end(c->text, strlen(c->text)), &address);

      cr_expect(found == (c->host != NULL), "`%s'", c->text);
      _assert_part(c->text, "host", address.host, c->host);
      _assert_part(c->text, "port", address.port, c->port);
      _assert_part(c->text, "user", address.user, c->user);
    }
}

Test(address, none)
{
  SipAddress address = { .host = { "x", 1 } };

  cr_assert_not(sip_address_parse(SIP_SPAN_NONE, &address));
  cr_assert_null(address.host.ptr);
}

static gboolean
_is_inside(SipSpan part, SipSpan text)
{
  return !part.ptr || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len);
}

/* what is given is a part of the text, and nothing else is read: every piece of every case, between guard pages */
Test(address, every_piece_of_every_case)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      gsize len = strlen(cases[i].text);

      for (gsize from = 0; from <= len; from++)
        {
          for (gsize to = from; to <= len; to++)
            {
              SipAddress address;
              SipSpan text = guard_page_at_end(cases[i].text + from, to - from);

              sip_address_parse(text, &address);
              cr_assert(_is_inside(address.host, text) && _is_inside(address.port, text)
                        && _is_inside(address.user, text));
              text = guard_page_at_start(cases[i].text + from, to - from);
              sip_address_parse(text, &address);
              cr_assert(_is_inside(address.host, text) && _is_inside(address.port, text)
                        && _is_inside(address.user, text));
            }
        }
    }
}
