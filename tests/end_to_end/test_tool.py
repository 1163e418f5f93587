# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command-line tool sip-status as its users run it.

Environment:
  SIP_STATUS    the program     (default: $SIP_BUILD/modules/sip/tool/sip-status)
"""
import csv
import fcntl
import gzip
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from conftest import BUILD, TOP

TOOL = os.environ.get("SIP_STATUS", str(BUILD / "modules/sip/tool/sip-status"))
CSV = TOP / "modules/sip/core/sip-status-codes.csv"
BUSY = '-- Got SIP response 486 "Busy Here" back from 192.0.2.7:5060'


def run(*arguments, stdin=b"", status=0, env=None):
    """(stdout, stderr) of the tool, which must end with the given exit status."""
    process = subprocess.run([TOOL, *map(str, arguments)], input=stdin, capture_output=True, timeout=120,
                             env=dict(os.environ, **(env or {})))
    assert process.returncode == status, (process.returncode, process.stdout, process.stderr)
    return process.stdout.decode(), process.stderr.decode()


def scan(tmp_path, text, *arguments, name="log", status=0):
    """The JSON lines of a scan of a text."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [json.loads(line) for line in run("scan", "--format=json", *arguments, path, status=status)[0].splitlines()]


# ---- usage -------------------------------------------------------------------------------------------------------------


COMMANDS = ("scan", "unknown", "check", "explain", "codes")


def test_help_and_version():
    text = run("--help")[0]
    for command in COMMANDS:
        assert re.search(r"^  %s " % command, text, re.M)
        assert "Exit status:" in run(command, "--help")[0]
        assert run("help", command)[0] == run(command, "--help")[0]
    assert re.fullmatch(r"sip-status \(syslog-ng-sip\) \d+\.\d+\.\d+\S*\n", run("--version")[0])


@pytest.mark.parametrize("arguments", [
    [], ["nosuch"], ["scan", "--nosuch"], ["scan", "--format=xml"], ["scan", "--language=xx"], ["scan", "/nonexistent"],
    ["scan", "/"], ["scan", "--rules-file=/nonexistent"], ["scan", "--codes-file=/nonexistent"], ["scan", "--dialects=nosuch"],
    ["scan", "--color=maybe"], ["unknown", "/nonexistent"], ["check"], ["check", "/nonexistent"], ["check", "/"],
    ["explain"], ["explain", "99"], ["explain", "700"], ["explain", "busy"], ["explain", "7xx"], ["codes", "--format=xml"],
    ["codes", "486"], ["codes", "--language=xx"],
])
def test_wrong_usage_is_status_2(arguments):
    out, err = run(*arguments, status=2)
    assert err.startswith("sip-status: ") and "\033" not in err


def test_the_manual_knows_every_option_and_command():
    manual = (TOP / "docs/sip-status.1").read_text().replace("\\-", "-")
    for command in COMMANDS:
        assert re.search(r"^\.SS sip-status %s" % command, manual, re.M), command
        for option in re.findall(r"--[a-z-]+", run(command, "--help")[0]):
            assert option in manual or option in ("--help-all",), (command, option)


# ---- explain, codes ----------------------------------------------------------------------------------------------------


def rows():
    with open(CSV, encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def test_codes_as_csv_is_the_table_byte_for_byte():
    process = subprocess.run([TOOL, "codes", "--format=csv"], capture_output=True, check=True)
    assert process.stdout == CSV.read_bytes()


def test_codes_in_every_format():
    table = rows()
    assert [json.loads(line)["code"] for line in run("codes", "--format=json")[0].splitlines()] == [
        int(row["code"]) for row in table]
    markdown = run("codes", "--format=markdown", "--language=vi")[0].splitlines()
    assert len(markdown) == len(table) + 2 and all(line.count(" |") == 7 for line in markdown[2:])
    text = run("codes")[0].splitlines()
    assert len(text) == len(table) + 1 and text[1].startswith("100  Trying ")


def test_explain_tells_all_facts_of_every_code():
    table = rows()
    text = run("explain", *(row["code"] for row in table))[0]
    parts = re.split(r"\n(?=\d{3} )", text)
    assert len(parts) == len(table)
    for row, part in zip(table, parts):
        assert part.startswith("%s %s" % (row["code"], row["phrase"]))
        for column in ("meaning_en", "vi_short", "rfc", "category", "severity_reason", "retry", "retry_note", "alert_reason",
                       "vi_note", "q850_rfc3398", "q850_asterisk"):
            assert row[column] in part, (row["code"], column)


def test_explain_a_class_and_a_code_without_a_row():
    assert len(re.findall(r"^6\d\d ", run("explain", "6xx")[0], re.M)) == sum(row["code"][0] == "6" for row in rows())
    text = run("explain", "499")[0]
    assert text.startswith("499 (not in the table)") and "8.1.3.2" in text and "unknown-4xx" in text
    assert json.loads(run("explain", "--format=json", "499")[0]) == {
        "code": 499, "class_name": "4xx", "registered": False, "category": "unknown-4xx", "severity": "warning",
        "retry": "modified", "meaning_en": "The request cannot be fulfilled at this server."}


def test_a_codes_file_is_seen_everywhere(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("code,phrase,severity,meaning_de\n486,Besetzt,crit,Der Anschluss ist besetzt\n677,Eigener,err,Eigen\n")
    text = run("explain", "-c", path, "486", "677")[0]
    assert "486 Besetzt" in text and "crit (2)" in text and "Der Anschluss ist besetzt" in text and "677 Eigener" in text
    assert scan(tmp_path, BUSY, "-c", path, "-l", "de")[0]["meaning"] == "Der Anschluss ist besetzt"
    path.write_text("code,colour\n")
    assert "own.csv:1:6: unknown column `colour'" in run("codes", "-c", path, status=2)[1]


# ---- scan: headers, records, files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("line, time, host, program", [
    ("<134>Nov 23 10:00:00 pbx asterisk[77]: ", "Nov 23 10:00:00", "pbx", "asterisk"),
    ("Nov  3 10:00:00 pbx asterisk[77]: ", "Nov  3 10:00:00", "pbx", "asterisk"),
    ("Nov 3 10:00:00 pbx kamailio: ", "Nov 3 10:00:00", "pbx", "kamailio"),
    ("<134>Nov 23 10:00:00 asterisk[77]: ", "Nov 23 10:00:00", None, "asterisk"),
    ("2026-11-23T10:00:00.123456+07:00 pbx asterisk[77]: ", "2026-11-23T10:00:00.123456+07:00", "pbx", "asterisk"),
    ("2026-11-23T10:00:00Z pbx asterisk: ", "2026-11-23T10:00:00Z", "pbx", "asterisk"),
    ("<134>1 2026-11-23T10:00:00.1Z pbx asterisk 77 - - ", "2026-11-23T10:00:00.1Z", "pbx", "asterisk"),
    ('<134>1 2026-11-23T10:00:00Z pbx asterisk 77 ID [a@1 b="]\\""][c] ', "2026-11-23T10:00:00Z", "pbx", "asterisk"),
    ("<134>1 - - - - - - ", None, None, None),
    ("[2026-11-23 10:00:00] VERBOSE[77][C-00000001] chan_sip.c: ", "2026-11-23 10:00:00", None, None),
    ("[Nov 23 10:00:00] VERBOSE[77] chan_sip.c: ", "Nov 23 10:00:00", None, None),
    ("2026-11-23 10:00:00.123456 [DEBUG] ", "2026-11-23 10:00:00.123456", None, None),
    ("3558828a-6ac6-11e7-a446-0177bd11a386 2026-11-23 10:00:00.1 [DEBUG] ", "2026-11-23 10:00:00.1", None, None),
    ("*Nov 23 10:00:00.531: ", "Nov 23 10:00:00", None, None),
    ("", None, None, None),
])
def test_headers(tmp_path, line, time, host, program):
    record, = scan(tmp_path, line + BUSY + "\n")
    assert record["code"] == 486 and record["peer"] == "192.0.2.7" and record["line"] == 1
    assert (record.get("time"), record.get("host"), record.get("program")) == (time, host, program)


def test_header_remains(tmp_path):
    for line in ("SIP/2.0 486 Busy Here", "<134>Jan  1 00:00:00 SIP/2.0 486 Busy Here", "Jan  1 00:00:00 gw SIP/2.0 486 Busy Here",
                 "Nov 23 10:00:00 relay syslog-ng[1]: Error processing log message: <134>1>@< SIP/2.0 486 Busy Here"):
        assert [record["code"] for record in scan(tmp_path, line)] == [486], line


def test_records_of_others_are_skipped(tmp_path):
    for line in ("Nov 23 10:00:00 relay syslog-ng[1]: " + BUSY, "Nov 23 10:00:00 relay sip-alert: " + BUSY):
        assert scan(tmp_path, line) == []


DUMP = """[2026-11-23 10:00:00] VERBOSE[77] res_pjsip_logger.c: <--- Received SIP response (300 bytes) from UDP:192.0.2.7:5060 --->
SIP/2.0 503 Service Unavailable
Via: SIP/2.0/UDP 192.0.2.1
Call-ID: c1@192.0.2.1
CSeq: 102 INVITE
Content-Type: text/plain
Content-Length: 60

SIP/2.0 486 Busy Here..
Got SIP response 480 "x" back from 192.0.2.7:5060
[2026-11-23 10:00:01] VERBOSE[77] chan_sip.c:     %s
<--- SIP read from UDP:192.0.2.9:5060 --->
SIP/2.0 180 Ringing
CSeq: 7 INVITE
l: 0

<------------->
recv 345 bytes from udp/[192.0.2.8]:5060 at 10:00:02.1:
   ------------------------------------------------------------------------
   SIP/2.0 404 Not Found
   CSeq: 3 REGISTER
   Call-ID: c3

   ------------------------------------------------------------------------
a line of its own
""" % BUSY


def test_dumps_are_joined(tmp_path):
    records = scan(tmp_path, DUMP)
    assert [(record["line"], record["code"], record.get("method"), record.get("call_id"), record.get("peer"))
            for record in records] == [
        (1, 503, "INVITE", "c1@192.0.2.1", "192.0.2.7"), (11, 486, "INVITE", None, "192.0.2.7"),
        (12, 180, "INVITE", None, "192.0.2.9"), (18, 404, "REGISTER", "c3", "192.0.2.8")]
    # with CR LF as well
    assert [(record["line"], record["code"]) for record in scan(tmp_path, DUMP.replace("\n", "\r\n"))] == [
        (1, 503), (11, 486), (12, 180), (18, 404)]
    # one record a line: the body's line is a status then
    assert [record["line"] for record in scan(tmp_path, DUMP, "--no-join")] == [2, 9, 10, 11, 13, 20]


def test_packed_files_and_standard_input(tmp_path):
    text = "".join("Nov 23 10:00:00 pbx asterisk[77]: %s %d\n" % (BUSY, i) for i in range(30000)).encode()
    plain = scan(tmp_path, text)
    assert len(plain) == 30000
    for name, packed in (("one.gz", gzip.compress(text)), ("two.gz", gzip.compress(text[:100000]) + gzip.compress(text[100000:])),
                         ("padded.gz", gzip.compress(text) + b"\0" * 100)):
        records = scan(tmp_path, packed, name=name)
        assert [dict(record, file="") for record in records] == [dict(record, file="") for record in plain], name
    for arguments in ([], ["-"]):
        out = run("scan", "-f", "json", *arguments, stdin=gzip.compress(text))[0]
        assert len(out.splitlines()) == 30000


def test_damaged_packed_files(tmp_path):
    packed = gzip.compress(os.urandom(50000) + BUSY.encode())
    for damaged, said in ((packed[:-2000], "end too soon"), (packed[:5000] + b"\xff" * 100 + packed[5100:], "damaged"),
                          (packed[:5], "end too soon")):
        path = tmp_path / "damaged.gz"
        path.write_bytes(damaged)
        assert said in run("scan", path, status=2)[1]


def test_one_file_that_fails_does_not_stop_the_others(tmp_path):
    path = tmp_path / "log"
    path.write_text(BUSY)
    out, err = run("scan", "-f", "json", "/nonexistent", path, status=2)
    assert json.loads(out)["code"] == 486 and "/nonexistent" in err


def test_long_and_strange_lines(tmp_path):
    text = (b"x" * 3_000_000 + b" " + BUSY.encode() + b"\n" + BUSY.encode() + b"\n\n\r\n\0\n" + b"\xff\xfe" + BUSY.encode())
    records = scan(tmp_path, text)
    # the end of a line of 3 MB is not read; the daemon would not, either
    assert [(record["line"], record["code"]) for record in records] == [(2, 486), (6, 486)]
    assert scan(tmp_path, b"") == [] and scan(tmp_path, b"\n") == []


# ---- scan: output ------------------------------------------------------------------------------------------------------


def test_table(tmp_path):
    path = tmp_path / "log"
    path.write_text("Nov 23 10:00:00 pbx asterisk[77]: %s\nx\n" % BUSY)
    head, row = run("scan", "--language=vi", path)[0].splitlines()
    assert head.split() == ["LINE", "TIME", "CODE", "REASON", "METHOD", "PEER", "USER", "MEANING"]
    assert re.fullmatch(r" +1 Nov 23 10:00:00     486  Busy Here +INVITE +192.0.2.7:5060 +Đang bận", row), row
    other = tmp_path / "other"
    other.write_text(BUSY)
    assert re.findall(r"==> (\S+) <==", run("scan", path, other)[0]) == [str(path), str(other)]


def test_summary(tmp_path):
    lines = ["Nov 23 %02d:00:00 pbx asterisk[7]: -- Got SIP response %d \"x\" back from 192.0.2.%d:5060" % (hour, code, peer)
             for hour, code, peer in ((9, 486, 1), (9, 486, 1), (10, 503, 2), (11, 699, 3))]
    path = tmp_path / "log"
    path.write_text("\n".join(lines + ["nothing"]))
    counts = json.loads(run("scan", "-s", "-f", "json", path)[0])
    assert counts == {
        "lines": 5, "records": 5, "statuses": 4, "events": 0, "by_code": {"486": 2, "503": 1, "699": 1},
        "by_class": {"4xx": 2, "5xx": 1, "6xx": 1}, "by_event": {}, "by_peer": {"192.0.2.1": 2, "192.0.2.2": 1, "192.0.2.3": 1},
        "by_user": {}, "by_hour": {"Nov 23 09:00": 2, "Nov 23 10:00": 1, "Nov 23 11:00": 1}}
    text = run("scan", "--summary", "--top=1", path)[0]
    assert text.startswith("5 lines, 5 records: 4 with a status, 0 with an event only\n")
    assert re.search(r"^ +2  50.0 %  486  Busy Here: ", text, re.M) and "and 2 more" in text
    assert re.search(r"699  \(not in the table", text)
    # in the order of time, whatever the letters of the months
    path.write_text("".join("%s pbx asterisk[7]: %s\n" % (time, BUSY) for time in (
        "Feb  1 00:10:00", "Jan 31 23:10:00", "Jan 31 23:20:00", "2026-02-01T09:00:00Z", "2026-02-01T10:00:00+07:00")))
    assert list(json.loads(run("scan", "-s", "-f", "json", path)[0])["by_hour"].items()) == [
        ("2026-02-01 09:00", 1), ("2026-02-01 10:00", 1), ("Jan 31 23:00", 2), ("Feb  1 00:00", 1)]


HOSTILE = (b"Nov 23 10:00:00 pbx asterisk[77]: -- Got SIP response 486 \"Busy \x1b[31m\x1b]0;title\x07\xc2\x9b31m\xe2\x80\xae\xff\x08\x7f"
           b"\" back from 192.0.2.7:5060\n"
           b"INVITE from sip:\x1b[2J1001@192.0.2.1 \x1b]52;c;aGk=\x07 user=\"\x9b\x1b\x90\" something unknown \xe2\x80\xa8 404\n")


@pytest.mark.parametrize("arguments", [
    ["scan"], ["scan", "--format=json"], ["scan", "--summary"], ["unknown"], ["unknown", "--no-mask"]])
def test_no_log_reaches_the_terminal_as_an_instruction(tmp_path, arguments):
    path = tmp_path / "log\x1b[31m"
    path.write_bytes(HOSTILE)
    for flags in (["--color=never"], ["--color=always"]):
        out = subprocess.run([TOOL, *arguments, *flags, path], capture_output=True, check=True).stdout
        text = re.sub(r"\033\[[0-9]m|\033\[3[1-3]m", "", out.decode("utf-8"))
        if flags == ["--color=never"]:
            assert b"\033" not in out
        bad = [c for c in text if c != "\n" and (ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 or c in "\u202e\u2028\u2029")]
        assert not bad, (arguments, bad, text)


def test_faults_are_no_instructions_either(tmp_path):
    path = tmp_path / "x\x1b[31m.rules"
    path.write_bytes(b"[rule a.b]\ncolour\x1b[2J: x\n\x1b[31m: y\n")
    for arguments, status in ((["check", path], 1), (["scan", "-r", path], 2), (["explain", "\x1b[2J"], 2), (["scan", "\x1b]0;x\x07"], 2)):
        out, err = run(*arguments, status=status)
        assert "\033" not in out and "\033" not in err and "\x07" not in err


def test_colours_on_a_terminal_only(tmp_path):
    path = tmp_path / "log"
    path.write_text(BUSY)

    def on_terminal(arguments, **env):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        process = subprocess.Popen([TOOL, *map(str, arguments)], stdout=slave, stderr=slave, env=dict(environment, **env))
        os.close(slave)
        output = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            output += piece
        os.close(master)
        assert process.wait() == 0
        return output.decode()

    coloured = on_terminal(["scan", path], TERM="xterm")
    assert "\033[33m486" in coloured
    plain = re.sub(r"\033\[\d+m", "", coloured)
    assert all(len(line) <= 100 for line in plain.splitlines())
    assert "\033" not in on_terminal(["scan", path], TERM="xterm", NO_COLOR="1")
    assert "\033" not in on_terminal(["scan", path], TERM="dumb")
    assert "\033" not in on_terminal(["scan", "--color=never", path], TERM="xterm")
    assert "\033[33m" in run("scan", "--color=always", path)[0]
    # a progress bar, and nothing of it left
    big = tmp_path / "big"
    big.write_bytes((BUSY + "\n").encode() * 300000)
    bar = on_terminal(["scan", "--summary", big], TERM="xterm", NO_COLOR="1")
    assert re.search(r"\r\[#* *\] +\d+ %  [\d,]+ records, [\d,]+ a second", bar)
    assert "records, " not in bar[bar.rindex("\r\033[K"):].split("\n")[0].replace("300,000 records: ", "")
    assert "\r" not in on_terminal(["scan", "--summary", "--no-progress", big], TERM="xterm").replace("\r\n", "\n")


def test_it_is_fast(tmp_path):
    """Hundreds of thousands of lines a second; a fifth of that is asked for, for busy machines."""
    path = tmp_path / "big"
    line = "[2026-11-23 10:00:00] VERBOSE[77][C-%08x] pbx.c: Executing [5550100@from-internal:3] Set(\"SIP/1001-00000003\") in new stack\n"
    with open(path, "w", encoding="ascii") as out:
        for i in range(50000):
            out.write(line % i * 3)
            out.write("[2026-11-23 10:00:00] VERBOSE[77][C-%08x] chan_sip.c:     %s\n" % (i, BUSY))
    best = min(_time_of(["scan", "--summary", path]) for _ in range(3))
    print("%.0f lines a second" % (200000 / best))
    assert 200000 / best > 100000


def _time_of(arguments):
    started = time.monotonic()
    run(*arguments)
    return time.monotonic() - started


# ---- unknown -----------------------------------------------------------------------------------------------------------

STRANGE = ["Nov 23 10:00:00 pbx acme[7]: SIP call %d of user alice to bob@example.com via 192.0.2.%d \"Alice Smith\" ended badly: %d"
           % (i, i, 400 + i) for i in range(4)]


def test_unknown(tmp_path):
    path = tmp_path / "log"
    path.write_text("\n".join([
        *STRANGE, BUSY, "INVITE sip:1001@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1", "sip: something else", "nothing of that kind",
        "Nov 23 10:00:00 pbx x: <--- Received SIP response (300 bytes) from UDP:192.0.2.7:5060 --->"]))
    out = run("unknown", "--no-join", path)[0]
    assert out.startswith("10 records, 9 speak SIP; 44.4 % of these are understood\n")
    counts = {what: int(count) for count, what in re.findall(r"^ +(\d+) +[\d.]+ %  (\S+ \S+)", out, re.M)}
    assert counts == {"a status": 1, "an event": 0, "a request": 1, "a part": 2, "not understood": 5}
    # most interesting first, with the place of the first one; nothing that names anybody
    assert re.search(r"with a number that could be a status.*\n +4  \S+/log:1\n +SIP call N of user NAME to USER@HOST via ADDR "
                     r"\"\.\.\.\" ended badly: NNN\n", out)
    for secret in ("alice", "bob", "example", "192.0.2", "Smith", "1001"):
        assert secret not in out
    path.write_text('{"event":"sip-end","user":"alice","1001":"x","cause":404}')
    assert '{"event":"...","user":"...","...":"...","cause":NNN}' in run("unknown", path)[0]
    path.write_text("\n".join(STRANGE))
    assert "alice to bob@example.com via 192.0.2.0 \"Alice Smith\"" in run("unknown", "--no-mask", path)[0]


def test_unknown_fail_under(tmp_path):
    path = tmp_path / "log"
    path.write_text("\n".join([BUSY, "sip: something else"]))
    run("unknown", "--fail-under=50", path)
    run("unknown", "--fail-under=51", path, status=1)
    run("unknown", "--fail-under=100", os.devnull)


# ---- check -------------------------------------------------------------------------------------------------------------

GOOD = """[rule acme.call-failed]
product: Acme gateways
anchor: ACME-CALL failed
pattern: ACME-CALL failed, peer %{addr}, answer %{code} \\((?<reason>[^)]{0,80})\\)
match: ACME-CALL failed, peer 192.0.2.7:5060, answer 486 (Busy Here)
expect: code=486 reason="Busy Here" peer=192.0.2.7 peer_port=5060
nomatch: ACME-CALL failed, peer 192.0.2.7:5060, no answer after 486 ms
"""


def check(tmp_path, text, *arguments, status=1):
    path = tmp_path / "own.rules"
    path.write_text(text)
    return run("check", *arguments, path, status=status)[0].replace(str(path), "F")


def test_check_a_good_file(tmp_path):
    assert check(tmp_path, GOOD, status=0) == "F: 1 rule, 2 samples, 0 errors, 0 warnings\n"
    assert "steps of 20000" in check(tmp_path, GOOD, "--verbose", status=0)


def test_check_names_every_fault_of_the_form(tmp_path):
    out = check(tmp_path, "[rule Acme.x]\nanchor: ACME\n[rule acme.b]\nanchor: ACME two\npattern: ACME two .* %{code}\n"
                          "match: x\nexpect: code=486\n  [rule acme.c]\n  colour: blue\n[rule acme.d]\nanchor: abc\n" + GOOD)
    assert out.splitlines() == [
        "F:1:7: error: a rule's name has lower-case letters, digits, `.' and `-'",
        "F:5:20: error: unbounded repeat in the pattern: write {0,64} or so",
        "F:9:3: error: unknown key `colour'",
        "F:11:9: error: an anchor has 4 to 128 bytes, this one has 3"]


def test_check_samples(tmp_path):
    out = check(tmp_path, GOOD.replace("code=486", "code=487").replace("no answer after 486 ms", "answer 404 (x)"))
    assert "F:5:1: error: rule acme.call-failed: expected code=487, found 486 (by acme.call-failed)\n" in out
    assert "F:7:1: error: rule acme.call-failed: the look-alike gives 404 (by acme.call-failed)\n" in out


@pytest.mark.parametrize("old, new, hint", [
    ("anchor: ACME-CALL", "anchor: ACME--CALL", "none of the rule's anchors is on the line"),
    ("anchor: ACME-CALL", "anchor: CME-CALL",
     "the anchor is on the line, but the pattern does not begin with it (a blank at its start is written \\x20)"),
    ("answer %", "reply %", "the pattern fits as far as `ACME-CALL failed, peer 192.0.2.7:5060, '; what follows is `answer 486 (Busy Here)'"),
    ("{0,80}", "{0,3}", "the pattern fits as far as `all failed, peer 192.0.2.7:5060, answer 486 (Bus'; what follows is `y Here)'"),
])
def test_check_says_how_far_a_pattern_fits(tmp_path, old, new, hint):
    head, sep, samples = GOOD.partition("match:")
    lines = check(tmp_path, head.replace(old, new) + sep + samples).splitlines()
    said = [line.partition(" hint: ")[2] for line in lines if line.startswith("F:5:1: hint: ")]
    assert len(said) == 1, lines
    if "as far as" in hint:
        # the piece before it is cut to 40 bytes
        assert said[0].split("what follows")[1] == hint.split("what follows")[1], said
    else:
        assert said[0] == hint


def test_check_collisions(tmp_path):
    # a sample that a built-in rule answers with another code
    out = check(tmp_path, "[rule acme.x]\nanchor: ACME says\nrank: phrase\ncode: 503\npattern: ACME says\n"
                          "match: ACME says -- Got SIP response 486 \"Busy\" back from 192.0.2.1:5060\nexpect: code=503\n")
    assert re.search(r"F:6:1: error: rule acme\.x: expected code=503, found 486 \(by asterisk\.", out)
    # a rule that another one always beats
    assert "all its samples are answered by another rule (acme.call-failed)" in check(
        tmp_path, GOOD + GOOD.replace("acme.call-failed", "acme.second").replace("anchor: ACME-CALL failed", "anchor: ACME-CALL"),
        status=0)
    # a rule that takes over built-in lines
    steal = ("[rule acme.steal]\nanchor: Got SIP response\npattern: Got SIP response [1-6][0-9]{2}(?: \"[^\"]{0,80}\")?\ncode: 503\n"
             "match: Got SIP response 486 \"x\"\nexpect: code=503\n")
    out = check(tmp_path, steal, status=0)
    assert re.search(r"F:1:1: warning: rule acme.steal: gives 503 on a line where asterisk\.\S+ gives 486", out)
    check(tmp_path, steal, "--strict")
    # a rule that finds a status on a built-in look-alike
    look_alike = next(line for line in (TOP / "modules/sip/rules/phrases.rules").read_text().splitlines()
                      if re.match(r"nomatch: \w", line)).split(": ", 1)[1]
    out = check(tmp_path, "[rule acme.bad]\nanchor: %s\ncode: 486\npattern: %s\nmatch: %s\nexpect: code=486\n" % (
        look_alike[:100], re.escape(look_alike[:100]), look_alike))
    assert re.search(r"F:1:1: error: rule acme\.bad: gives 486 on a line that is no status \(look-alike of phrases\.", out)
    # the same name as a built-in rule
    out = check(tmp_path, GOOD.replace("acme.call-failed", "asterisk.chan-sip.got-response"))
    assert "error: there is a rule asterisk.chan-sip.got-response already" in out


def test_check_cost(tmp_path):
    out = check(tmp_path, "[rule acme.slow]\nanchor: ACME-SLOW\nunbounded: yes\npattern: ACME-SLOW (?:(?:[a-z0-9]+ ?)+)+: %{code}\n"
                          "match: ACME-SLOW abc def: 486\nexpect: code=486\n")
    assert "F:4:10: error: rule acme.slow: the pattern is given up as too slow" in out
    out = check(tmp_path, "[rule acme.short]\nanchor: code\npattern: codeX%{code}\nmatch: codeX404 foo\nexpect: code=404\n", status=0)
    assert "F:1:1: warning: rule acme.short: anchor `code' has less than 6 bytes" in out
    assert "F: warning: its shortest anchor makes the search look at every byte of each line" in out


def test_rules_file_is_used_by_scan(tmp_path):
    path = tmp_path / "own.rules"
    path.write_text(GOOD)
    line = "ACME-CALL failed, peer 192.0.2.7:5060, answer 499 (No)"
    assert scan(tmp_path, line) == []
    record, = scan(tmp_path, line, "-r", path)
    assert (record["code"], record["rule"], record["peer_port"]) == (499, "acme.call-failed", "5060")
    assert scan(tmp_path, BUSY, "--dialects=none", "--rules-file", path) == []
    assert len(scan(tmp_path, BUSY, "--dialects=asterisk", "--no-jit")) == 1


def test_the_documented_example(tmp_path):
    """docs/teach-your-pbx.md: its rule file is docs/examples/nimbus.rules, and each of its commands says what it shows."""
    folder = TOP / "docs/examples"
    out = run("check", folder / "nimbus.rules")[0]
    assert out.endswith(", 0 errors, 0 warnings\n")
    page = (TOP / "docs/teach-your-pbx.md").read_text()
    blocks = re.findall(r"```\n\$ (sip-status [^\n]*)\n(.*?)```", page, re.S)
    assert len(blocks) >= 5
    for name in re.findall(r"^```ini\n(.*?)```", page, re.S | re.M):
        assert name in (folder / "nimbus.rules").read_text()
    for command, shown in blocks:
        process = subprocess.run([TOOL, *command.split()[1:]], capture_output=True, cwd=folder, timeout=60)
        got = process.stdout.decode() + process.stderr.decode()
        for line in shown.strip("\n").split("\n"):
            if line.strip() not in ("...", ""):
                assert re.sub(r"\s+", " ", line.strip()) in re.sub(r"\s+", " ", got), (command, line, got)
