# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Many lines, many reloads: as many lines out as in, the same bytes, and no more memory than the daemon without the parser.

SOAK_LINES (200,000) and SOAK_RELOADS (50) make it longer; scripts/check --full takes 2,000,000 and 300.
"""
import hashlib
import os
import subprocess
import threading

from conftest import PARSER, Load, corpus_lines, memory, own_files, wait_for
from conftest import daemon as end_to_end

FULL = bool(os.environ.get("SIP_FULL"))
LINES = int(os.environ.get("SOAK_LINES", 2_000_000 if FULL else 200_000))
RELOADS = int(os.environ.get("SOAK_RELOADS", 300 if FULL else 50))
GROWTH = 1024      # KiB beyond the floor's

PIPE = """
log {{ source {{ stdin(flags(no-parse)); }}; {parser}
  destination {{ file("/dev/stdout" template("$MESSAGE\\n")); }}; flags(flow-control); }};
"""
TCP = """
options {{ stats-freq(0); }};
log {{ source {{ network(ip("127.0.0.1") port({port}) flags(no-parse) keep-alive(yes)); }}; {parser}
  destination {{ file("@OUT@" template("$MESSAGE\\n")); }}; flags(flow-control); }};
"""


class Pipe:
    """A daemon between two pipes: what goes in is counted and hashed, and what comes out."""

    def __init__(self, node):
        self.process = subprocess.Popen(node.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.lines_in = self.lines_out = 0
        self.hash_in, self.hash_out = hashlib.blake2b(), hashlib.blake2b()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while data := self.process.stdout.read1(1 << 20):
            self.lines_out += data.count(b"\n")
            self.hash_out.update(data)

    def feed(self, blob, lines):
        self.process.stdin.write(blob)
        self.process.stdin.flush()
        self.hash_in.update(blob)
        self.lines_in += lines

    def drained(self):
        wait_for(lambda: self.lines_out >= self.lines_in or self.process.poll() is not None, "the last line", 120)
        return memory(self.process.pid)

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(60)
        self.reader.join(60)
        return code


def soak(node, lines, total):
    """grown KiB and the hash; the first tenth is the warm-up"""
    blob = b"\n".join(lines) + b"\n"
    pipe = Pipe(node)
    try:
        warm = None
        while pipe.lines_in < total:
            pipe.feed(blob, len(lines))
            if warm is None and pipe.lines_in >= total // 10:
                warm = pipe.drained()
        grown = pipe.drained() - warm
        assert pipe.close() == 0
    finally:
        pipe.process.kill()
        pipe.process.wait()
    assert pipe.lines_out == pipe.lines_in
    assert pipe.hash_out.digest() == pipe.hash_in.digest()
    print(f"{pipe.lines_in} lines in and out, hash equal, VmRSS {warm} KiB, grown by {grown} KiB")
    return grown


def test_lines(syslog_ng):
    lines = corpus_lines()
    grown = {}
    for name, parser in (("floor", ""), ("sip", PARSER)):
        node = syslog_ng(PIPE.format(parser=parser))
        own_files(node)
        grown[name] = soak(node, lines, LINES)
    assert grown["sip"] <= max(grown["floor"], 0) + GROWTH, grown


def reloads(syslog_ng, parser):
    """Reloads while records stream in over one connection: lost, grown KiB."""
    port = end_to_end.free_port()
    node = syslog_ng(TCP.format(port=port, parser=parser))
    own_files(node)
    node.start()
    wait_for(lambda: end_to_end.tcp_port_is_open(port), "the port")
    load = Load(port, pause=0.005)
    load.start()
    warm = None
    for number in range(RELOADS):
        before = load.sent
        wait_for(lambda: load.sent > before or load.error, "the sender")
        assert node.ctl("reload").returncode == 0
        if number == RELOADS // 5:
            warm = memory(node.process.pid)
    grown = memory(node.process.pid) - warm
    sent = load.finish()
    numbers = wait_for(lambda: (lines := node.lines()) and len(lines) >= sent and lines, f"{sent} lines")
    assert [int(line[:9]) for line in numbers] == list(range(sent))
    assert node.stop() == 0
    print(f"{RELOADS} reloads, {sent} lines in and out, VmRSS {warm} KiB, grown by {grown} KiB")
    return grown


def test_reloads_under_load(syslog_ng):
    floor = reloads(syslog_ng, "")
    ours = reloads(syslog_ng, PARSER)
    # the C library's heap moves by some hundred KiB; a rule set that stays behind is far larger
    assert ours <= max(floor, 0) + 2 * GROWTH, (floor, ours)
