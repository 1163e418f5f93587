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

#ifndef SIP_ADDRESS_H_INCLUDED
#define SIP_ADDRESS_H_INCLUDED

#include "sip-span.h"

typedef struct _SipAddress
{
  SipSpan user;                 /* before the @ of a URI */
  SipSpan host;                 /* name or address, IPv6 without brackets */
  SipSpan port;
} SipAddress;

/*
 * Takes apart what products print as a peer: 192.0.2.1:5060, [2001:db8::1]:5060,
 * udp/[192.0.2.1]:5060, TLS:192.0.2.1:5061, UDP://host:5060, IPV4/UDP/192.0.2.1/5060,
 * <sip:user@host:port;transport=tcp>, and tcpdump's 192.0.2.1.5060.
 *
 * Returns FALSE, with all parts NONE, if no host can be made out.
 */
gboolean sip_address_parse(SipSpan text, SipAddress *address);

/* the port that the text begins with, without leading zeros, which a number in JSON must not have; NONE if it is not 1..65535 */
SipSpan sip_address_port(SipSpan text);

#endif
