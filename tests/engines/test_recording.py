# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""What real SIP software logged, through syslog-ng into a real engine: each code as often as the recordings say."""

import collections
import itertools
import os
import sys
import time

import daemon
import engines
import traffic
from stored import codes_in

sys.path.insert(0, str(engines.TOP / "tests" / "corpus"))
import corpus  # noqa: E402

RECORDINGS = sorted((engines.TOP / "tests" / "recordings").glob("*.jsonl.xz"))


def lines():
    """The lines whose truth is known."""
    return [record for path in RECORDINGS for record in corpus.read(path)
            if not any(record.get(name) for name in ("skip", "optional", "accept_codes"))]


def frame(record):
    """The line with its length in front."""
    data = record["line"].encode("utf-8", "surrogateescape")
    if record["framing"] == "syslog5424":
        return b"%d %s" % (len(data), data)
    program = b""
    if record["framing"] == "syslog3164":
        program, data = corpus.split_header(data)
    return daemon.frame(traffic.Record(time.time(), "pbx", program.decode() or "-"), data.decode("utf-8", "surrogateescape"))


def test_a_recording_arrives_with_its_codes(empty_engine, start_daemon):
    daemon.needs_sip()
    known = lines()
    assert len(known) > 30000
    sent = list(itertools.islice(itertools.cycle(known), 100000)) if os.environ.get("SIP_FULL") else known
    syslog_ng = start_daemon("""
log { source(s_in); parser { sip-log(); }; destination { sip-elasticsearch(url("%s")); }; flags(flow-control); };
""" % empty_engine.url, options="log-msg-size(65536);")
    daemon.feed(syslog_ng, [frame(record) for record in sent])

    def counter(name):
        return syslog_ng.stats().get(("parser", name, "", "value"), 0)

    engines.wait_for(lambda: counter("sip_status_parsed_total") + counter("sip_status_unmatched_total") == len(sent),
                     "all lines read", 300, 0.5)
    engines.wait_for(lambda: syslog_ng.http("written") == counter("sip_status_parsed_total"), "all records written", 300, 0.5)
    assert syslog_ng.http("dropped") == 0
    assert empty_engine.count() == syslog_ng.http("written")
    truth = collections.Counter(str(record["expect"]["code"]) for record in sent if record.get("expect"))
    assert len(truth) > 75 and codes_in(empty_engine) == truth
