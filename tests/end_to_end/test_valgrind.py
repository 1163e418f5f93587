# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The daemon under valgrind over the recordings: no error, with PCRE2's JIT (suppressed) and without.

VALGRIND_STEP: each how manyth line of the long recordings, 40 if not set; 1 with --full.
"""
import gzip
import json
import lzma
import os
import re
import socket
import subprocess

import pytest

import conftest
from conftest import TOP, free_port, tcp_port_is_open, wait_for

RECORDING = TOP / "tests/recordings/quickstart.log.gz"
CONFIG = """
log { source { stdin(flags(no-parse) multi-line-mode(prefix-garbage) multi-line-prefix("^[A-Z][a-z]{2} ")); };
  parser { syslog-parser(); };
  parser { sip-log(group("${HOST}") fields("+codes" "+rule" "+category" "+cseq" "+user_agent" "+phrase")); };
  destination { file("/dev/stdout" template("${.sip.code}\\n")); }; };
"""




def valgrind(report, jit=True):
    wrapper = ["valgrind", f"--log-file={report}", "--num-callers=40", "--leak-check=full",
               "--show-leak-kinds=definite", "--errors-for-leak-kinds=none", "--keep-debuginfo=yes"]
    return wrapper + [f"--suppressions={TOP}/tests/valgrind.supp"] if jit else wrapper


def check(report):
    text = report.read_text()
    assert re.search(r"ERROR SUMMARY: 0 errors", text), text
    # the daemon has leaks of its own; a leak of ours has a frame in libsip.so
    leaks = [block for block in re.split(r"==\d+== \n", text) if "definitely lost" in block and "libsip" in block]
    assert not leaks, "\n".join(leaks)


@pytest.mark.parametrize("jit", [True, False], ids=["jit", "no jit"])
def test_no_errors(syslog_ng, tmp_path, monkeypatch, jit):
    report = tmp_path / "valgrind"
    if not jit:
        monkeypatch.setenv("SIP_STATUS_NO_JIT", "1")
    daemon = syslog_ng(CONFIG, wrapper=valgrind(report, jit))
    data = gzip.decompress(RECORDING.read_bytes())
    hostile = b"Nov 23 06:41:05 h p: SIP/2.0 486 \x00\xff\r\n" + b"Nov 23 06:41:05 h p: " + b"SIP/2.0 " * 2000 + b"\n"
    out = daemon.run(data + hostile, timeout=300)
    assert out.count(b"486\n") > 0
    check(report)


def recorded():
    """Records of the long recordings, whole, as syslog() takes them: the length in front, an RFC 5424 header."""
    step = int(os.environ.get("VALGRIND_STEP") or (1 if os.environ.get("SIP_FULL") else 40))
    lines = []
    for path in sorted((TOP / "tests/recordings").glob("*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            lines += [json.loads(text) for text in file if text.strip()][::step]
    for line in lines:
        text = line["line"].encode("utf-8", "surrogateescape")
        if line["framing"] != "syslog5424":
            program = line.get("program") or "asterisk"
            text = f"<134>1 2026-11-25T00:00:00Z pbx {program} 1 - - ".encode() + text
        yield b"%d %b" % (len(text), text)


def test_no_errors_over_the_long_recordings(syslog_ng, tmp_path, monkeypatch):
    """In a thread of its own PCRE2's machine code has a stack that valgrind cannot read, to suppress it: without."""
    monkeypatch.setenv("SIP_STATUS_NO_JIT", "1")
    report, port = tmp_path / "valgrind", free_port()
    daemon = syslog_ng(f"""
log {{ source {{ syslog(ip("127.0.0.1") port({port}) transport("tcp") log-msg-size(65536)); }};
  parser {{ sip-log(group("${{PROGRAM}}") fields("+codes" "+rule" "+category" "+cseq" "+user_agent" "+phrase")); }};
  parser {{ sip-alert(); }};
  destination {{ file("@OUT@" template("${{.sip.code}} ${{.sip.alert_state}}\n")); }}; flags(flow-control); }};
""", wrapper=valgrind(report, jit=False))
    monkeypatch.setattr(conftest, "DEADLINE", 600)
    with open(daemon.log, "wb") as log:
        daemon.process = subprocess.Popen(daemon.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(lambda: tcp_port_is_open(port) and daemon.ctl("stats").returncode == 0, "the daemon", 300)
    records = list(recorded())
    assert len(records) > 500
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"".join(records))
    # records of sip-alert() come on top
    wait_for(lambda: len(daemon.lines()) >= len(records), f"{len(records)} records", 3600)
    assert sum(line[:1].isdigit() for line in daemon.lines()) > len(records) // 4
    assert daemon.stop() == 0
    print(f"{len(records)} records")
    check(report)
