# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The labelled corpus through the real daemon: no wrong code, none on a negative, every record out as it came in."""
import base64
import json
import socket
import sys

import pytest

from conftest import TOP

sys.path.insert(0, str(TOP / "tests/corpus"))
import corpus  # noqa: E402

FILES = sorted((TOP / "tests/corpus").glob("*.jsonl"))

CONFIG = """
options {{ keep-hostname(yes); }};
source s {{ unix-dgram("@DIR@/log.sock" {flags} log-msg-size(262144)); }};
log {{ source(s); destination {{ file("@DIR@/floor" template("$(base64-encode ${{MESSAGE}})\\n")); }}; }};
log {{ source(s); parser {{ sip-log(); }};
  destination {{ file("@OUT@" template("$(format-json message=$(base64-encode ${{MESSAGE}}) --key .sip.* --rekey .sip.* --shift 1)\\n")); }}; }};
"""


def through_the_daemon(syslog_ng, lines, flags):
    daemon = syslog_ng(CONFIG.format(flags=flags)).start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        s.connect(str(daemon.dir / "log.sock"))
        for line in lines:
            s.send(line)
    records = daemon.wait_for_lines(len(lines))
    assert daemon.stop() == 0
    assert len(daemon.lines()) == len(lines)
    floor = (daemon.dir / "floor").read_text().splitlines()
    assert [record["message"] for record in records] == floor, "MESSAGE as without the parser, in order"
    return records


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_corpus(syslog_ng, path):
    everything = [record for record in corpus.read(path) if not record.get("skip") and record["line"]]
    bad = []
    for with_header in (False, True):
        chosen = [r for r in everything if str(r.get("framing")).startswith("syslog3164") == with_header]
        if not chosen:
            continue
        lines = [record["line"].encode("utf-8", "surrogateescape") for record in chosen]
        out = through_the_daemon(syslog_ng, lines, "" if with_header else "flags(no-parse)")
        for record, line, found in zip(chosen, lines, out):
            sip = found.get("sip", {})
            result = {**sip, "code": int(sip.get("code", 0))}
            verdict, _ = corpus.judge(record, result)
            if verdict in ("wrong", "false") or (verdict == "missed" and record.get("origin") != "recalled"):
                bad.append((verdict, record["id"], result["code"]))
            if not with_header:
                # the daemon itself takes line ends and NULs off the end of a datagram
                assert line.rstrip(b"\r\n\0").startswith(base64.b64decode(found["message"]).rstrip(b"\r\n\0"))
    assert not bad
