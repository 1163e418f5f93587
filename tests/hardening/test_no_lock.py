# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A record without a status takes no lock: callgrind counts how often the module runs an instruction with a lock prefix and
how often it asks for a mutex, in the thread of a connection.
"""
import platform
import re
import socket
import subprocess

import pytest

from conftest import own_files, wait_for
from conftest import daemon as end_to_end

# other processors have other instructions
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="knows x86-64 only")

RECORDS = 2000
MISS = b"Nov 25 10:00:00 pbx asterisk[486]: VERBOSE[486] pbx.c: Executing [404@from-internal:3] NoOp(\"PJSIP/503-00000486\")\n"
HIT = b"Nov 25 10:00:00 pbx asterisk[486]: NOTICE[486] chan_sip.c: Got SIP response 486 \"Busy Here\" back from 192.0.2.7:5060\n"
CONFIG = """
options {{ stats-level(2); }};
log {{ source {{ network(ip("127.0.0.1") port({port}) log-fetch-limit(100) log-iw-size(10000)); }};
  parser {{ sip-status(group("${{HOST}}")); }};
  destination {{ file("@OUT@" template("${{.sip.code}}\\n")); }}; flags(flow-control); }};
"""
LOCK = re.compile(r"^ +([0-9a-f]+):\t(?:lock |xchg +%?\w+,.*\(|xchg .*\(.*\),)", re.M)


def locking_instructions():
    """where they stand in libsip.so"""
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", end_to_end.MODULES / "libsip.so"], check=True,
                          capture_output=True, text=True).stdout
    return {int(address, 16) for address in LOCK.findall(code)}


def executed(profile):
    """{address: how often} of the module's instructions, and how often it calls what takes a mutex"""
    counts, mutexes = {}, 0
    ours = called = False
    for line in profile.read_text(errors="replace").splitlines():
        if line.startswith("ob="):
            ours = line.endswith("/libsip.so")
        elif line.startswith("cfn="):
            name = line[4:]
        elif line.startswith("calls="):
            called = True
            if ours and re.match(r"g_(rec_|static_)?mutex_lock|pthread_mutex_lock|g_rw_lock", name):
                mutexes += int(line[6:].split()[0])
        elif ours and line.startswith("0x"):
            address, _, count = line.split()
            # the line behind calls= has what the callee took
            if not called:
                counts[int(address, 16)] = counts.get(int(address, 16), 0) + int(count)
            called = False
        elif line.startswith("0x"):
            called = False
    return counts, mutexes


def locks(syslog_ng, tmp_path, record):
    """how often a lock was taken on so many records"""
    port = end_to_end.free_port()
    node = syslog_ng(CONFIG.format(port=port), wrapper=[
        "valgrind", "--tool=callgrind", "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no",
        f"--callgrind-out-file={tmp_path}/profile", f"--log-file={tmp_path}/valgrind"])
    own_files(node)
    with open(node.log, "wb") as log:
        node.process = subprocess.Popen(node.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(node._is_up, "the daemon", 300)
    wait_for(lambda: end_to_end.tcp_port_is_open(port), "the port", 300)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(record * RECORDS)
        connection.shutdown(socket.SHUT_WR)
        wait_for(lambda: len(node.lines()) == RECORDS, "all records", 300)
    assert node.stop() == 0
    counts, mutexes = executed(tmp_path / "profile")
    assert sum(counts.values()) > RECORDS * 100, "the module's instructions were not seen"
    return sum(counts.get(address, 0) for address in locking_instructions()) + mutexes


def test_a_miss_takes_no_lock(syslog_ng, tmp_path):
    # counts are passed on once for each batch that the source fetches
    assert locks(syslog_ng, tmp_path, MISS) < RECORDS / 4


def test_a_hit_counts_at_once(syslog_ng, tmp_path):
    """what the test above would see if there were one for each record"""
    assert locks(syslog_ng, tmp_path, HIT) >= RECORDS
