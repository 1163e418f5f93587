# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever comes in goes out: every record, in order, MESSAGE byte for byte the same."""
import random
import time

import pytest

CONFIG = """
log {{ source {{ stdin(flags(no-parse) log-msg-size(70000)); }};
  {parser}
  destination {{ file("/dev/stdout" template("$MESSAGE\\n")); }}; }};
"""


def out(syslog_ng, data, parser="parser { sip-log(fields(\"+codes\" \"+cseq\" \"+user_agent\")); };"):
    return syslog_ng(CONFIG.format(parser=parser)).run(data)


def test_random_bytes(syslog_ng):
    rng = random.Random(1)
    pieces = [b"SIP/2.0 ", b"486", b" Busy Here", b"\r\nCSeq: 1 INVITE", b"#015#012", b"\\r\\n", b"\xff\xfe", b"\x1b[31m",
              b"code=", b"\xe1\xba\xad", b"Call-ID: ", b"\x00", b"'503'", b" ", b"ACC: call missed: "]
    records = []
    for _ in range(3000):
        records.append(b"".join(rng.choice(pieces) for _ in range(rng.randrange(1, 30))).rstrip() or b"x")
    data = b"\n".join(records) + b"\n"
    # what the floor (the same daemon without the parser) makes of it is what is expected
    assert out(syslog_ng, data) == out(syslog_ng, data, parser="")


@pytest.mark.parametrize("record", [
    b"4" * 65536, b"SIP/2.0 " * 8192, b"SIP/2.0 48", b"SIP/2.0 486", b"SIP/2.0 999 x", b"\xff" * 1000,
    b"[1] code=" * 7000, b"'486' " * 10000, b"Call-ID: " * 7000, b"SIP/2.0 486 " + b"\xe1" * 60000,
], ids=lambda r: f"{r[:12]!r}x{len(r)}")
def test_hostile_record(syslog_ng, record):
    assert out(syslog_ng, record + b"\nnext\n") == out(syslog_ng, record + b"\nnext\n", parser="")


def test_nul_bytes_in_a_datagram(syslog_ng):
    import socket
    from conftest import free_port, udp_port_is_open, wait_for
    port = free_port(socket.SOCK_DGRAM)
    daemon = syslog_ng(f'log {{ source {{ network(transport(udp) ip("127.0.0.1") port({port}) flags(no-parse)); }}; '
                       'parser { sip-log(); }; '
                       'destination { file("@OUT@" template("${.sip.code}|$MESSAGE\\n")); }; };').start()
    wait_for(lambda: udp_port_is_open(port), "the UDP port")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"a\x00b SIP/2.0\x00486", ("127.0.0.1", port))
        s.sendto(b"SIP/2.0 486 Busy\x00 Here\r\nCSeq: 1 INVITE\r\n\r\n", ("127.0.0.1", port))
        s.sendto(b"last", ("127.0.0.1", port))
    wait_for(lambda: daemon.out.exists() and b"last\n" in daemon.out.read_bytes(), "the last datagram")
    content = daemon.out.read_bytes()
    assert content.startswith(b"|a\x00b SIP/2.0\x00486\n")
    assert b"486|SIP/2.0 486 Busy\x00 Here\r\nCSeq: 1 INVITE" in content


def test_time_is_linear_in_the_length(syslog_ng):
    """Twice as much of the same hostile text takes about twice as long, not four times."""

    def seconds(n):
        data = (b"SIP/2.0 486 " * (n // 12) + b"\n") * 60
        start = time.monotonic()
        out(syslog_ng, data)
        return time.monotonic() - start

    seconds(1000)
    short, long_ = min(seconds(16000) for _ in range(3)), min(seconds(64000) for _ in range(3))
    assert long_ < 10 * short + 1
