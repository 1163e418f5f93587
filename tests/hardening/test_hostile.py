# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Text of strangers in reasons and headers: no name-value pair, JSON key, metric label, alert or terminal sequence comes of it.
"""
import os
import re
import subprocess
import unicodedata

import pytest
from conftest import daemon as end_to_end

PAYLOADS = {
    "json": ',"sip":{"code":200},"x":"',
    "json end": '"}\\n{"sip":{"code":"200"}}',
    "key value": "code=200 .sip.code=200 sip.code=200",
    "quotes": "'\"`\\\"\\'",
    "title": "\x1b]0;owned\x07",
    "colour": "\x1b[31;1mred\x1b[0m\x1b[2J",
    "c1 csi": "\x9b31m",
    "bidi": "\u202egnp.exe\u2066\u2069\u200f",
    "separators": "a\u2028SIP/2.0 200 OK\u2029b\u0085c",
    "backspace": "Busy\b\b\b\b    \rSIP/2.0 200 OK",
    "del": "\x7f\x7f\x00nul",
    "macro": "${.sip.code} $(echo 1) @include \"x\" `id` $MESSAGE",
    "label": 'a",code="200"} 1\nsyslogng_sip_status_lines_total{code="200',
    "csv": "parser;sip_status_lines_total;code=200;a;processed;99",
    "alert": "SIP alert FIRING burst-5xx ${.sip.alert.state}=firing .sip.alert.rule=burst",
    "surrogates": "\udcff\udcfe\udcc0\udc80\udced\udca0\udc80",
    "long": "A" * 5000,
}
PLACES = {
    "reason": "SIP/2.0 486 {}\r\nCSeq: 7 INVITE\r\nCall-ID: c-1\r\n\r\n",
    "from": "SIP/2.0 486 Busy Here\r\nFrom: \"{}\" <sip:{}@192.0.2.1>;tag=1\r\nCSeq: 7 INVITE\r\nCall-ID: c-1\r\n\r\n",
    "call-id": "SIP/2.0 486 Busy Here\r\nCall-ID: {}\r\nCSeq: 7 INVITE\r\n\r\n",
    "user-agent": "SIP/2.0 486 Busy Here\r\nUser-Agent: {}\r\nCSeq: 7 INVITE\r\nCall-ID: c-1\r\n\r\n",
    "asterisk": "[Nov 23 06:41:05] WARNING[1]: chan_sip.c:1 in h: Got SIP response 486 \"{}\" back from 192.0.2.7:5060",
    "kamailio": "ACC: transaction answered: timestamp=1;method=INVITE;from_tag=1;to_tag=2;call_id={};code=486;reason={}",
}
# Where the status itself may be the stranger's, as SECURITY.md says: a product that writes his text unmarked into a line
# of its own, and a bare carriage return, which ends a line of a SIP message
QUOTED = {"asterisk", "kamailio"}
NAMES = {"code", "reason", "class", "meaning", "meaning_vi", "severity", "method", "call_id", "peer", "peer_port", "user",
         "endpoint", "direction", "event", "q850", "reason_code", "codes", "rule", "category", "cseq", "user_agent", "phrase",
         "implied", "reason_cause", "meaning_code"}
FIELDS = 'fields("+codes" "+rule" "+category" "+cseq" "+user_agent" "+phrase")'


def encoded(text):
    return text.encode("utf-8", "surrogateescape")


def record(place, payload):
    return encoded(PLACES[place].replace("{}", payload)).replace(b"\x00", b"\x01")


def unclean(text):
    """characters that move a cursor, end a line, or turn or hide text"""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")]


@pytest.fixture(scope="module")
def results():
    """(place, payload name) -> the JSON object that the daemon writes of it; one datagram each"""
    import shutil
    import socket
    import tempfile
    node = end_to_end.SyslogNg(tempfile.mkdtemp(prefix="sip-"))
    try:
        node.write_config(
            f'log {{ source {{ unix-dgram("@DIR@/in" flags(no-parse)); }}; parser {{ sip-log({FIELDS} group("${{HOST}}")); }}; '
            f'parser {{ sip-alert(); }}; destination {{ file("@OUT@" template({end_to_end.JSON})); }}; flags(flow-control); }};')
        node.start()
        cases = [(place, name) for place in PLACES for name in PAYLOADS]
        found = {}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(node.dir / "in"))
            for number, (place, name) in enumerate(cases):
                sender.send(record(place, PAYLOADS[name]))
                found[place, name] = node.wait_for_lines(number + 1)[number]
        assert len(node.lines()) == len(cases), "a record was added or split"
        found["stats"] = node.ctl("stats").stdout
        yield found
    finally:
        node.stop()
        shutil.rmtree(node.dir, ignore_errors=True)


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("place", PLACES)
def test_no_name_and_no_value_is_forged(results, place, name):
    found = results[place, name]
    assert set(found) <= {"PROGRAM", "HOST", "MESSAGE", "sip"}
    assert set(found["sip"]) <= NAMES, set(found["sip"]) - NAMES
    codes = ["486", "200"] if place in QUOTED or name == "backspace" else ["486"]
    assert str(found["sip"]["code"]) in codes
    assert found["sip"]["class"] == ("4xx" if str(found["sip"]["code"]) == "486" else "2xx")
    for key, value in found["sip"].items():
        assert not unclean(str(value)), (key, value)
        assert len(str(value).encode()) <= 256 or key.startswith("meaning"), (key, len(value))


def test_labels_come_from_closed_sets(results):
    series = 0
    for line in results["stats"].splitlines():
        if ";sip_status_" not in line and ";sip_alert" not in line:
            continue
        fields = line.split(";")
        assert len(fields) == 6, line
        series += 1
        assert not unclean(line)
        if fields[1] != "sip_status_lines_total":
            continue
        labels = dict(part.split("=", 1) for part in fields[2].split(","))
        assert labels["code"] in ("486", "200", "none"), line
        assert labels["class"] in ("1xx", "2xx", "3xx", "4xx", "5xx", "6xx"), line
        assert labels["method"] in ("INVITE", "REGISTER", "OPTIONS", "other", "unknown"), line
        assert labels["direction"] in ("sent", "received", "unknown"), line
        assert set(labels) <= {"code", "class", "method", "direction", "group"}, line
    assert series > 6


def test_the_tool_prints_no_terminal_sequence(tmp_path):
    tool = os.environ.get("SIP_STATUS") or str(end_to_end.BUILD / "modules/sip/tool/sip-status")
    if not os.path.exists(tool):
        tool = str(end_to_end.BUILD / "sip-status")
    log = tmp_path / "log"
    # as a log file has them: the line ends of a message folded into blanks
    lines = [re.sub(rb"[\r\n]+", b"  ", record(place, PAYLOADS[name])) for place in ("reason", "asterisk", "kamailio")
             for name in PAYLOADS]
    log.write_bytes(b"\n".join(lines) + b"\n")
    for command in (["scan"], ["unknown"], ["scan", "--summary"]):
        result = subprocess.run([tool, *command, str(log)], capture_output=True, timeout=60)
        if result.returncode == 2 and b"--summary" in result.stderr:
            continue
        assert result.returncode == 0, result.stderr
        text = (result.stdout + result.stderr).decode("utf-8")
        assert text
        assert not [c for c in unclean(text) if c not in "\n\t"], (command, unclean(text))


def test_bad_lines_are_not_reported(syslog_ng):
    """What is not understood is no event of the daemon's own log: as many lines there as without the parser."""
    data = b"".join(b"SIP/2.0 4%c6 \xff\x1b[31m code='9%d' ACC: code=\n" % (number % 26 + 65, number) for number in range(1000))
    said = []
    for parser in ("", f"parser {{ sip-log({FIELDS}); }};"):
        node = syslog_ng(f'log {{ source {{ stdin(flags(no-parse)); }}; {parser} '
                         'destination { file("/dev/stdout" template("$MESSAGE\\n")); }; };')
        assert node.run(data).count(b"\n") == 1000
        said.append(len(node.log.read_text(errors="replace").splitlines()))
    assert said[0] == said[1] > 0
