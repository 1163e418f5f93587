# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recordings against the scanner, and once more through the real daemon.

SCAN_RECORDS names the program built from tests/corpus/scan-records.c; the daemon is found as in tests/end_to_end.
"""
import collections
import importlib.util
import os
import pathlib
import re
import shutil
import socket
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "corpus"))
import corpus  # noqa: E402

_spec = importlib.util.spec_from_file_location("end_to_end_daemon", HERE.parent / "end_to_end" / "conftest.py")
daemon = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(daemon)

FILES = sorted(HERE.glob("*.jsonl.xz"))
RIGHT = 0.98           # of the lines of a file
FALSE = 0.001          # wrong and false together, of the lines of a file
FIELDS_RIGHT = 0.97    # of the lines that say the field
# wordings made for the test bed, not a product's own and not in view when the rules were written
COMPOSED = ("kamailio-more", "asterisk22-more")
RIGHT_COMPOSED = 0.90


def judged(path):
    return [record for record in corpus.read(path) if not record.get("skip")]


def assert_bars(path, verdicts, said, right, samples):
    total = sum(verdicts.values())
    assert total > 100
    composed = path.name.split(".")[0] in COMPOSED
    share = RIGHT_COMPOSED if composed else RIGHT
    assert verdicts["right"] + verdicts["optional"] >= share * total, (path.name, dict(verdicts), samples[:5])
    assert verdicts["wrong"] + verdicts["false"] <= FALSE * total, (path.name, dict(verdicts), samples[:5])
    for field in () if composed else corpus.FIELDS:
        assert right[field] >= FIELDS_RIGHT * said[field], (path.name, field, right[field], said[field])


class Tally:
    def __init__(self):
        self.verdicts, self.said, self.right = collections.Counter(), collections.Counter(), collections.Counter()
        self.samples = []

    def add(self, record, result):
        verdict, wrong = corpus.judge(record, result)
        self.verdicts[verdict] += 1
        if verdict in ("wrong", "false", "missed"):
            self.samples.append((verdict, record["id"], result["code"]))
        if verdict == "right" and record.get("expect"):
            for field in corpus.FIELDS:
                if field in record["expect"]:
                    self.said[field] += 1
                    self.right[field] += field not in wrong

    def check(self, path):
        self.samples.sort(key=lambda sample: ("wrong", "false", "missed").index(sample[0]))
        assert_bars(path, self.verdicts, self.said, self.right, self.samples)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split(".")[0])
def test_scanner(path):
    scanner = corpus.Scanner(os.environ.get("SCAN_RECORDS", "scan-records"))
    tally = Tally()
    for record in judged(path):
        program, text = b"", record["line"].encode("utf-8", "surrogateescape")
        if record["framing"] == "syslog3164":
            program, text = corpus.split_header(text)
        tally.add(record, scanner.scan(text, program))
    scanner.close()
    tally.check(path)


def flags(record):
    """How a source has to read the record."""
    if record["framing"] == "bare":
        return "no-parse"
    if record["framing"] == "syslog5424":
        return "syslog-protocol"
    return "validate-utf8" if record["via"].startswith("direct") else "expect-hostname"


CONFIG = """
log {{ source {{ unix-dgram("@DIR@/in" flags({flags}) log-msg-size(65536)); }};
  parser {{ sip-status(); }};
  destination {{ file("@OUT@" template({template})); }}; }};
"""


def result_of(value):
    sip = value.get("sip") or value.get("_sip") or {}
    return {"code": int(sip.get("code") or 0), **{name: str(sip[name]) for name in ("reason", "method", "call_id", "peer", "peer_port")
                                                   if name in sip}}


def replay(records, how):
    """The records, one datagram each, through a daemon: one result for each, in order."""
    node = daemon.SyslogNg(tempfile.mkdtemp(prefix="sip-"))
    try:
        node.write_config(CONFIG.format(flags=how, template=daemon.JSON))
        node.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            daemon.wait_for((node.dir / "in").exists, "the socket")
            for record in records:
                sender.sendto(record["line"].encode("utf-8", "surrogateescape"), str(node.dir / "in"))
        return [result_of(value) for value in node.wait_for_lines(len(records))]
    finally:
        node.stop()
        shutil.rmtree(node.dir, ignore_errors=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split(".")[0])
def test_daemon(path):
    tally = Tally()
    groups = collections.defaultdict(list)
    for record in judged(path):
        groups[flags(record)].append(record)
    for how, records in groups.items():
        results = replay(records, how)
        assert len(results) == len(records)
        for record, result in zip(records, results):
            tally.add(record, result)
    tally.check(path)


def test_every_registered_code_is_there():
    """A recording that lost a code would not be noticed otherwise."""
    with open(HERE.parents[1] / "modules" / "sip" / "core" / "sip-status-codes.csv", encoding="utf-8") as table:
        known = {int(line.split(",")[0]) for line in table if re.match(r"\d{3},", line)}
    for name in ("asterisk22", "kamailio-debian12", "kamailio-forky", "baresip-debian12", "sipp-debian12"):
        codes = {record["expect"]["code"] for record in judged(HERE / (name + ".jsonl.xz")) if record["expect"]}
        missing = known - codes
        if not name.startswith("kamailio"):
            missing -= {100}      # the trunk sends none
        if name.startswith("baresip"):
            missing -= {401, 407}     # answered without a challenge
        assert not missing, (name, missing)
