# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The daemon under helgrind: four connections in threads of their own share one sip-status() and one sip-alert(), with
counters read and a reload in between.  No race with a frame of the module's.

HELGRIND_LINES (300) for each connection; as many as the recordings have with --full.
"""
import os
import re
import socket
import subprocess
import threading

import pytest

from conftest import PARSER, corpus_lines, own_files, wait_for
from conftest import daemon as end_to_end

CONNECTIONS = 4
# nearly each record a group of its own, so that the threads meet in making them
GROUPS = PARSER.replace('group("${HOST}")', 'group("${MESSAGE}") max-groups(200)')
CONFIG = """
options {{ stats-level(2); }};
log {{ source {{ network(ip("127.0.0.1") port({port}) flags(no-parse) log-iw-size(10000)); }}; {parser}
  destination {{ file("@OUT@" template("${{.sip.code}}\\n")); }}; flags(flow-control); }};
"""


@pytest.fixture(scope="module")
def mutexes(tmp_path_factory):
    """GLib's mutexes made of pthread's, which helgrind knows"""
    library = tmp_path_factory.mktemp("helgrind") / "pthread-mutex.so"
    flags = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["gcc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread",
                    "-o", library, end_to_end.TOP / "tests/hardening/pthread-mutex.c", *flags], check=True)
    return library


def feed(port, lines):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"\n".join(lines) + b"\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def test_no_race(syslog_ng, tmp_path, mutexes, monkeypatch):
    lines = corpus_lines()
    count = int(os.environ.get("HELGRIND_LINES") or (len(lines) if os.environ.get("SIP_FULL") else 300))
    lines = lines[::max(1, len(lines) // count)][:count]
    report = tmp_path / "helgrind"
    port = end_to_end.free_port()
    node = syslog_ng(CONFIG.format(port=port, parser=GROUPS), wrapper=[
        "env", f"LD_PRELOAD={mutexes}", "G_SLICE=always-malloc", "valgrind", "--tool=helgrind", "--num-callers=40",
        f"--log-file={report}", f"--suppressions={end_to_end.TOP}/tests/valgrind.supp"])
    own_files(node)
    monkeypatch.setattr(end_to_end, "DEADLINE", 600)
    with open(node.log, "wb") as log:
        node.process = subprocess.Popen(node.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(node._is_up, "the daemon", 600)
    wait_for(lambda: end_to_end.tcp_port_is_open(port), "the port", 600)

    # each connection with the lines from another place on, so that the threads meet in all rules
    starts = [n * len(lines) // CONNECTIONS for n in range(CONNECTIONS)]
    senders = [threading.Thread(target=feed, args=(port, lines[start:] + lines[:start])) for start in starts]
    for sender in senders:
        sender.start()
    wait_for(lambda: len(node.lines()) > len(lines), "a fourth of the lines", 3600)
    assert node.counters()
    assert node.ctl("reload").returncode == 0
    wait_for(lambda: len(node.lines()) == CONNECTIONS * len(lines), "all lines", 3600)
    for sender in senders:
        sender.join()
    assert node.stop() == 0

    text = re.sub(r"^==\d+== ?", "", report.read_text(), flags=re.M)
    assert "ERROR SUMMARY" in text
    ours = [block for block in re.split(r"^-{20,}$", text, flags=re.M) if re.search(r"\((sip|alert)-[a-z-]+\.[ch]:|libsip\.so", block)]
    assert not ours, "\n".join(ours)
