# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/quickstart as a user runs it.  Below scripts/check it finds its build done."""
import gzip
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from conftest import TOP, tcp_port_is_open, wait_for

LINE = "Nov 23 06:41:05 pbx asterisk[1]: SIP/2.0 486 Busy Here\n"


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    if "SIP_WORK_DIR" in os.environ:
        top, work = Path(os.environ["SIP_TOP"]), Path(os.environ["SIP_WORK_DIR"])
    else:
        top, work = TOP, tmp_path_factory.mktemp("work")

    class Quickstart:
        json = work / "status.json"

        @staticmethod
        def start(*args):
            return subprocess.Popen([top / "scripts/quickstart", "--yes", *map(str, args)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                                    env={**os.environ, "SIP_WORK": str(work), "TERM": "xterm"})

        @classmethod
        def run(cls, *args, data=""):
            process = cls.start(*args)
            out, err = process.communicate(data, timeout=300)
            return process.returncode, out, err

        @classmethod
        def records(cls):
            return [json.loads(line) for line in cls.json.read_text().splitlines()]

    return Quickstart


def test_the_recording(quickstart):
    status, out, err = quickstart.run()
    assert status == 0, err
    records = quickstart.records()
    assert len(records) > 100
    assert f" {len(records)} show a SIP status or event" in out
    assert "\x1b" not in out, "no colours where there is no terminal"
    assert out.splitlines()[0].split()[:3] == ["TIME", "HOST", "CODE"]
    # the summary has the counts of the JSON lines
    busy = sum(1 for record in records if record["sip"].get("code") == 486)
    assert any(line.split()[:2] == [str(busy), "486"] for line in out.splitlines())


def test_again_with_an_own_file_in_vietnamese(quickstart, tmp_path):
    log = tmp_path / "messages.gz"
    log.write_bytes(gzip.compress((LINE * 3).encode()))
    status, out, err = quickstart.run("--language", "vi", log)
    assert status == 0, err
    assert out.count("Đang bận") == 4, "three rows and the summary"
    assert [record["sip"]["meaning"] for record in quickstart.records()] == ["Đang bận"] * 3


def test_an_asterisk_file_with_a_dump_of_many_lines(quickstart, tmp_path):
    log = tmp_path / "full"
    log.write_text("[2026-11-23 06:41:05] VERBOSE[1] res_pjsip_logger.c: <--- Received SIP response (365 bytes) from "
                   "UDP:192.0.2.7:5074 --->\nSIP/2.0 486 Busy Here\r\nCall-ID: abc\r\nCSeq: 1 INVITE\r\n\r\n\n"
                   "[2026-11-23 06:41:06] NOTICE[1] x.c: quiet\n")
    status, out, err = quickstart.run(log)
    assert status == 0, err
    record, = quickstart.records()
    assert record["sip"]["call_id"] == "abc"
    assert record["ISODATE"].startswith("2026-11-23T06:41:05")
    assert "2 records read, 1 show" in out


def test_standard_input_without_any_status(quickstart):
    status, out, err = quickstart.run("-", data="nothing\nat all\n")
    assert status == 0, err
    assert "no SIP status found" in out
    assert "2 records read, 0 show" in out


def test_what_a_log_says_never_reaches_the_terminal_as_a_command(quickstart):
    status, out, _ = quickstart.run("-", data="Nov 23 06:41:05 p\x1b[31mbx x: SIP/2.0 486 B\x1b]0;t\x07usy\n")
    assert status == 0
    assert "\x1b" not in out and "\x07" not in out


def test_listen(quickstart):
    port = next(port for port in range(15000, 16000) if not tcp_port_is_open(port))
    process = quickstart.start("--listen", port)
    try:
        wait_for(lambda: tcp_port_is_open(port), "the port", 300)
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(b"<134>" + LINE.encode())
        wait_for(lambda: len(quickstart.records()) == 1, "the TCP record")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"<134>" + LINE.encode(), ("127.0.0.1", port))
        wait_for(lambda: len(quickstart.records()) == 2, "the UDP record")
    finally:
        os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "2 records read, 2 show" in out


@pytest.mark.parametrize("args, text", [
    (["--language", "fr"], "--language fr: known are en and vi"),
    (["/nonexistent"], "/nonexistent: no such file"),
    (["/"], "/: is a folder"),
    (["--listen", "99999"], "not a port number"),
    (["--listen", "514", "/etc/hostname"], "do not go together"),
    (["--colour"], "no such option: --colour"),
])
def test_wrong_arguments(quickstart, args, text):
    status, out, err = quickstart.run(*args)
    assert status == 1
    assert text in err
