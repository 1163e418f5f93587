# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The SCL blocks: files of Asterisk and FreeSWITCH, the application, the shipped examples."""
import socket
import subprocess

import pytest

from conftest import JSON, SCL, free_port, tcp_port_is_open, wait_for

ASTERISK = """\
[2026-11-23 06:41:05] VERBOSE[28845][C-0000001a] res_pjsip_logger.c: <--- Received SIP response (365 bytes) from UDP:192.0.2.7:5074 --->
SIP/2.0 486 Busy Here
Via: SIP/2.0/UDP 192.0.2.1:5060;rport
Call-ID: abc@192.0.2.1
CSeq: 14520 INVITE
Content-Length:  0


[Nov 23 06:41:06] NOTICE[123]: chan_sip.c:123 something [12:00:00]
[2026-11-23 06:41:07.250] WARNING[123]: third
[2026-11-23T06:41:08.250+0000] NOTICE[1]: fourth
"""

FREESWITCH = """\
2026-11-23 06:41:05.123456 [NOTICE] sofia.c:1065 first
recv 365 bytes from udp/[192.0.2.1]:5060 at 06:41:05.123456:
------------------------------------------------------------------------
SIP/2.0 486 Busy Here
Via: SIP/2.0/UDP 192.0.2.1:5060;rport
Call-ID: abc@192.0.2.1
CSeq: 14520 INVITE
------------------------------------------------------------------------
b3c5f7a0-1111-2222-3333-444455556666 2026-11-23 06:41:06.223456 97.43% [DEBUG] sofia.c:7328 third
"""


def file_config(block, options=""):
    template = JSON.replace("--key HOST", "--key ISODATE")
    return ("options { frac-digits(3); };\n"
            f'log {{ source {{ {block}(filename("@DIR@/in") time-zone("Asia/Ho_Chi_Minh") follow-freq(0.2) multi-line-timeout(1) {options}); }}; '
            f"parser {{ sip-log(); }}; destination {{ file(\"@OUT@\" template({template})); }}; }};")


def test_asterisk_file(syslog_ng):
    daemon = syslog_ng(file_config("sip-asterisk-file"))
    (daemon.dir / "in").write_text(ASTERISK)
    daemon.start()
    records = daemon.wait_for_lines(4)
    assert len(records) == 4
    assert [r["PROGRAM"] for r in records] == ["asterisk"] * 4
    assert records[0]["sip"]["call_id"] == "abc@192.0.2.1"
    assert str(records[0]["sip"]["code"]) == "486"
    assert records[0]["MESSAGE"].startswith("[2026-11-23 06:41:05] VERBOSE")
    assert "CSeq: 14520 INVITE" in records[0]["MESSAGE"]
    assert [r["ISODATE"][-18:] for r in records] == [
        "06:41:05.000+07:00", "06:41:06.000+07:00", "06:41:07.250+07:00", "06:41:08.250+00:00"]
    assert records[0]["ISODATE"].startswith("2026-11-23T")


def test_asterisk_file_follows_what_is_appended(syslog_ng):
    daemon = syslog_ng(file_config("sip-asterisk-file", 'program("pbx1")'))
    (daemon.dir / "in").write_text(ASTERISK)
    daemon.start()
    assert daemon.wait_for_lines(4)[0]["PROGRAM"] == "pbx1"
    with open(daemon.dir / "in", "a") as f:
        f.write("[2026-11-23 06:42:00] VERBOSE[1]: SIP response 503 \"Service Unavailable\" received from 192.0.2.7\n")
    assert daemon.wait_for_lines(5)[4]["MESSAGE"].startswith("[2026-11-23 06:42:00]")


def test_freeswitch_file(syslog_ng):
    daemon = syslog_ng(file_config("sip-freeswitch-file"))
    (daemon.dir / "in").write_text(FREESWITCH)
    daemon.start()
    records = daemon.wait_for_lines(3)
    assert len(records) == 3
    assert records[0]["ISODATE"] == "2026-11-23T06:41:05.123+07:00"
    assert str(records[1]["sip"]["code"]) == "486"
    assert records[2]["ISODATE"] == "2026-11-23T06:41:06.223+07:00"


def test_application(syslog_ng):
    port = free_port()
    daemon = syslog_ng(
        f'log {{ source {{ network(transport(tcp) ip("127.0.0.1") port({port})); }}; '
        "if { parser { app-parser(topic(syslog)); }; rewrite { set(\"yes\" value(\"CLAIMED\")); }; }; "
        "destination { file(\"@OUT@\" template(\"$(format-json --key CLAIMED --key MESSAGE --key .sip.code --rekey .sip.* --shift 1)\\n\")); }; };",
        scl=True).start()
    wait_for(lambda: tcp_port_is_open(port), "the TCP port")
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"<134>Nov 23 06:41:05 pbx asterisk[1]: SIP/2.0 486 Busy Here\n"
                  b"<134>Nov 23 06:41:05 pbx asterisk[1]: nothing of note\n"
                  b"<134>Nov 23 06:41:05 pbx app: SIP/2.0 503 Service Unavailable\n"
                  b"<134>Nov 23 06:41:05 pbx app: done\n")
    records = daemon.wait_for_lines(4)
    assert [r.get("CLAIMED") for r in records] == ["yes", None, "yes", None]
    assert str(records[0]["sip"]["code"]) == "486"


@pytest.mark.parametrize("block", sorted(SCL.glob("*.conf")), ids=lambda p: p.name)
def test_scl_files_are_found_by_scl_conf(syslog_ng, block):
    """A file of conf/scl/sip may hold no backtick that is not an argument, not even in a comment."""
    daemon = syslog_ng(f'@include "{block}"\nlog {{ source {{ internal(); }}; }};\n', scl=True)
    if block.name in ("sip-log.conf", "sip-sources.conf"):
        daemon.conf.write_text(daemon.conf.read_text().replace(f'@include "{block}"\n', "", 1))
    status, stderr = daemon.check()
    assert status == 0, stderr


def test_without_the_module(syslog_ng):
    """What is left of an installation whose module is gone does not keep a daemon from starting that does not use it."""
    daemon = syslog_ng("log { source { default-network-drivers(); }; destination { file(\"/dev/null\"); }; };", scl=True)
    command = [word for word in daemon.command("-s") if not word.startswith("--module-path=")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    daemon = syslog_ng("log { source { internal(); }; parser { sip-log(); }; };", scl=True)
    command = [word for word in daemon.command("-s") if not word.startswith("--module-path=")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "Error parsing" in result.stderr
