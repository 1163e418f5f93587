# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""sip-elasticsearch() into a real engine: everything arrives, once, with its types, whatever the engine does."""

import json
import os
import random
import shlex
import subprocess
import sys
import threading
import time

import pytest

import daemon
import engines
import faults
import traffic
from stored import assert_all_there_once

SETUP = engines.TOP / "conf" / "elasticsearch" / "sip-search-setup"
VERIFY = engines.TOP / "conf" / "elasticsearch" / "sip-search-verify"
# each fault meets this many records
FAULT_RECORDS = int(os.environ.get("SIP_ENGINES_FAULT_RECORDS") or (100000 if os.environ.get("SIP_FULL") else 10000))


def config(url, parser=daemon.PARSER, **options):
    settings = dict({"batch_timeout": "200", "time_reopen": "1"}, **options)
    return """
destination d_search { sip-elasticsearch(url("%s") %s); };
log { source(s_in); parser { %s }; destination(d_search); flags(flow-control); };
""" % (url, " ".join("%s(%s)" % item for item in settings.items()), parser)


def wait_until_written(syslog_ng, engine, count, seconds):
    """All records stored, and syslog-ng knows it."""
    try:
        engines.wait_for(lambda: syslog_ng.http("written") >= count, "%d records written" % count, seconds, 0.2)
    except AssertionError as error:
        raise AssertionError("%s: written=%d dropped=%d queued=%d stored=%d\n%s" % (
            error, syslog_ng.http("written"), syslog_ng.http("dropped"), syslog_ng.http("queued"),
            engine.count(), syslog_ng.process.tail())) from None
    assert syslog_ng.http("written") == count
    assert syslog_ng.http("dropped") == 0


def seconds_for(count):
    """What a busy machine needs for COUNT records, beside the time that the faults take."""
    return 60 + count // 500


def small_traffic(end, count=FAULT_RECORDS):
    return traffic.make(count, end, seed=2)


def test_installing_twice_changes_nothing(search_engine):
    before = search_engine.json("GET", "/_component_template/sip-*")
    out = engines.run([sys.executable, SETUP, "--url", search_engine.url])
    assert out.count("unchanged") == 3 and "created" not in out and "updated" not in out
    assert search_engine.json("GET", "/_component_template/sip-*") == before


def test_installing_an_update_rolls_over(empty_engine):
    empty_engine.json("POST", "/logs-sip.log-default/_doc", {"@timestamp": "2026-01-01T00:00:00Z"})
    try:
        out = engines.run([sys.executable, SETUP, "--url", empty_engine.url, "--shards", "2"])
        assert "rolled over" in out
        streams = empty_engine.json("GET", "/_data_stream/logs-sip.log-default")["data_streams"]
        assert len(streams[0]["indices"]) == 2
    finally:
        engines.run([sys.executable, SETUP, "--url", empty_engine.url])


def test_installing_beside_a_plain_index_is_refused(empty_engine):
    empty_engine.json("DELETE", "/_index_template/logs-sip")
    try:
        empty_engine.json("POST", "/logs-sip.log-default/_doc", {"early": True})
        done = subprocess.run([sys.executable, SETUP, "--url", empty_engine.url], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 1 and "plain index" in done.stdout
    finally:
        empty_engine.clear()
        engines.run([sys.executable, SETUP, "--url", empty_engine.url])


@pytest.mark.parametrize("words, said", [
    (["--url", "http://127.0.0.1:1"], "cannot reach http://127.0.0.1:1"),
    (["--only-dashboards", "--dashboards", "http://127.0.0.1:1"], "cannot reach http://127.0.0.1:1"),
    (["--url", "127.0.0.1:9200"], "has to begin with http"),
    (["--url", "https://127.0.0.1:1", "--ca", "/no/such/file"], "/no/such/file"),
])
def test_installer_says_whom_it_cannot_reach(words, said):
    done = subprocess.run([sys.executable, SETUP, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr


def test_outcomes_and_ends_of_a_record(empty_engine, start_daemon):
    """event.outcome, source and destination, event.action: what the rewrite rules of the block decide."""
    cases = [
        ({"code": "200", "class": "2xx", "method": "INVITE", "peer": "192.0.2.1", "direction": "received"},
         {"event.outcome": "success", "source.ip": "192.0.2.1", "destination.ip": None, "event.action": "sip-invite"}),
        ({"code": "401", "class": "4xx", "method": "REGISTER", "peer": "2001:db8::1", "peer_port": "5060",
          "direction": "sent"},
         {"event.outcome": "unknown", "source.ip": None, "destination.ip": "2001:db8::1", "destination.port": 5060,
          "event.action": "sip-register"}),
        ({"code": "487", "class": "4xx"}, {"event.outcome": "unknown", "event.action": None}),
        ({"code": "302", "class": "3xx"}, {"event.outcome": "unknown"}),
        ({"code": "180", "class": "1xx"}, {"event.outcome": "unknown"}),
        ({"code": "486", "class": "4xx", "peer": "trunk.example.com"},
         {"event.outcome": "failure", "source.address": "trunk.example.com", "source.ip": None, "related.ip": None}),
        ({"code": "699", "class": "6xx"}, {"event.outcome": "failure"}),
        ({"event": "registration-timeout", "user": "1001"},
         {"event.outcome": "failure", "event.action": "registration-timeout", "user.name": "1001", "sip.code": None,
          "sip.status_code": None}),
        ({"event": "reachable"}, {"event.outcome": "success"}),
        ({"event": "unregistered"}, {"event.outcome": "unknown"}),
        ({"code": "403", "class": "4xx", "event": "acl-denied"}, {"event.outcome": "failure"}),
        ({"code": "200", "class": "2xx", "event": "registered", "cseq": "102"},
         {"event.outcome": "success", "sip.cseq.code": "102", "event.kind": "event"}),
        # an alert of sip-alert()
        ({"alert_state": "firing", "alert_key": "192.0.2.1", "alert_count": "20", "alert_share": "12.5",
          "alert_since": "2026-11-25T04:00:00+00:00"},
         {"event.kind": "alert", "event.action": "sip-alert-firing", "event.outcome": None,
          "sip.alert_state": "firing", "sip.alert_key": "192.0.2.1"}),
    ]
    syslog_ng = start_daemon(config(empty_engine.url, 'json-parser(prefix(".sip."));', extra='"site=north floor=3"'))
    now = time.time()
    daemon.feed(syslog_ng, [
        daemon.frame(traffic.Record(now, "pbx", "asterisk"), json.dumps(dict(pairs, call_id="case-%d" % number)))
        for number, (pairs, _) in enumerate(cases)])
    daemon.feed(syslog_ng, [daemon.frame(traffic.Record(now, "pbx", "asterisk"), '{"call_id": "no status"}')])
    wait_until_written(syslog_ng, empty_engine, len(cases), 30)
    documents = {hit["_source"]["sip"]["call_id"]: hit["_source"] for hit in empty_engine.all_hits()}
    assert set(documents) == {"case-%d" % number for number in range(len(cases))}   # a record without a status stays out
    for number, (pairs, wanted) in enumerate(cases):
        for path, value in wanted.items():
            found = documents["case-%d" % number]
            for name in path.split("."):
                found = found.get(name) if isinstance(found, dict) else None
            assert found == value, (pairs, path)
    assert documents["case-0"]["labels"] == {"site": "north", "floor": "3"}
    assert documents["case-0"]["host"]["name"] == "pbx"
    assert empty_engine.count({"range": {"sip.alert_share": {"gt": 12.4, "lt": 12.6}}}) == 1
    assert empty_engine.count({"exists": {"field": "_ignored"}}) == 0


def test_no_content_can_be_refused(empty_engine, start_daemon):
    """Values no engine expects, in every field: each record is stored all the same."""
    source = random.Random(3)
    names = ["code", "reason", "class", "meaning", "meaning_vi", "severity", "method", "call_id", "peer", "peer_port",
             "direction", "user", "endpoint", "event", "cseq", "category", "retry", "rule", "implied", "user_agent",
             "q850", "reason_code", "codes", "phrase"]
    nasty = ["\"", "\\", "\x01\x1f\x7f", "\udc80\udcff", "null", "true", "-1", "99999999999999999999", "1e999",
             "0x10", "{}", "[]", "{\"a\":1}", "a.b..c.", "x" * 40000, "\u2028\ufffe", "Đang bận " * 5000, "$(echo)", "${HOST}",
             "'", "\n{\"create\":{}}\n", " ", "NaN", "999.999.999.999", "::ffff:1.2.3.4%eth0", "1970-01-01", "\r\n"]
    sent = []
    for number in range(1500):
        pairs = {name: source.choice(nasty) if source.random() < 0.5
                 else "".join(chr(source.randrange(1, 0xd7ff)) for _ in range(source.randrange(1, 12)))
                 for name in source.sample(names, 8)}
        pairs["call_id"] = "n%d" % number
        pairs.setdefault("code", source.choice(nasty))
        message = "\x1e".join(pairs.get(name, "").replace("\x1e", "") for name in names)
        sent.append(daemon.frame(traffic.Record(time.time(), source.choice(["pbx", "-", "x" * 255]), "asterisk"), message))
    parser = "csv-parser(columns(%s) delimiters(chars('\x1e')) quote-pairs('') flags(greedy));" \
        % " ".join('".sip.%s"' % name for name in names)
    body = config(empty_engine.url, parser)
    syslog_ng = start_daemon(body, options="log-msg-size(262144);")
    daemon.feed(syslog_ng, sent)
    wait_until_written(syslog_ng, empty_engine, len(sent), 60)
    found = {hit["_source"]["sip"]["call_id"] for hit in empty_engine.all_hits(source=["sip.call_id"], size=200)}
    assert len(found) == len(sent) and empty_engine.count() == len(sent)


@pytest.mark.parametrize("kind", ["refuses", "answers", "closes"])
def test_faults_lose_nothing_and_store_nothing_twice(empty_engine, start_daemon, end_of_traffic, kind):
    plans = {
        "refuses": ["429", "503", "500", "504", "502", "508", "404", "401"],
        "answers": ["store-503", "store-hang", "store-close"],
        "closes": ["close", "half-close", "store-close"],
    }
    plan = plans[kind]
    records = small_traffic(end_of_traffic)
    # every other request, over most of the run: a batch has at most 500 records
    last = max(60, len(records) // 500)
    proxy = faults.FaultProxy(empty_engine.port, lambda n: plan[n // 2 % len(plan)] if n % 2 and n < last else "pass")
    try:
        syslog_ng = start_daemon(config(proxy.url, timeout="4"))
        daemon.feed(syslog_ng, daemon.frames(records))
        wait_until_written(syslog_ng, empty_engine, len(records), 150 + 3 * last + seconds_for(len(records)))
    finally:
        proxy.stop()
    assert all(proxy.seen[fault] for fault in plan), proxy.seen
    assert_all_there_once(empty_engine, records)


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_batch_is_dropped_and_counted(empty_engine, start_daemon, end_of_traffic, status):
    proxy = faults.FaultProxy(empty_engine.port, lambda n: str(status) if n == 1 else "pass")
    records = small_traffic(end_of_traffic, 5000)
    try:
        syslog_ng = start_daemon(config(proxy.url, workers="1"))
        daemon.feed(syslog_ng, daemon.frames(records))
        engines.wait_for(lambda: syslog_ng.http("written") + syslog_ng.http("dropped") == len(records),
                         "the end of the queue", 60)
        dropped = syslog_ng.http("dropped")
        assert 0 < dropped <= 500
        assert empty_engine.count() == len(records) - dropped
    finally:
        proxy.stop()


def test_killed_and_restarted_in_between(empty_engine, start_daemon, end_of_traffic):
    many_records = small_traffic(end_of_traffic, max(FAULT_RECORDS, 20000))
    syslog_ng = start_daemon(config(empty_engine.url))
    sender = threading.Thread(target=daemon.feed, args=(syslog_ng, daemon.frames(many_records)))
    sender.start()
    for share in (0.3, 0.6):
        engines.wait_for(lambda part=share: syslog_ng.http("written") > part * len(many_records), "a part",
                         200 + seconds_for(len(many_records)))
        empty_engine.kill()
        empty_engine.start()
    sender.join()
    wait_until_written(syslog_ng, empty_engine, len(many_records), 240 + seconds_for(len(many_records)))
    assert_all_there_once(empty_engine, many_records)


def test_down_for_a_minute(empty_engine, start_daemon, end_of_traffic):
    records = small_traffic(end_of_traffic)
    syslog_ng = start_daemon(config(empty_engine.url))
    half = len(records) // 2
    daemon.feed(syslog_ng, daemon.frames(records[:half]))
    wait_until_written(syslog_ng, empty_engine, half, seconds_for(half))
    empty_engine.stop()
    down = time.monotonic()
    sender = threading.Thread(target=daemon.feed, args=(syslog_ng, daemon.frames(records[half:])))
    sender.start()              # held back by the flow control
    engines.wait_for(lambda: time.monotonic() > down + 60, "a minute", 70, 1)
    assert syslog_ng.http("written") == half and syslog_ng.http("dropped") == 0
    empty_engine.start()
    sender.join()
    wait_until_written(syslog_ng, empty_engine, len(records), 60 + seconds_for(half))
    assert_all_there_once(empty_engine, records)


def test_shard_not_available_is_no_loss(empty_engine, start_daemon, end_of_traffic):
    """An engine that cannot store yet would answer 200 with each item failed: syslog-ng must not wait that long."""
    records = small_traffic(end_of_traffic, 2000)
    syslog_ng = start_daemon(config(empty_engine.url, timeout="3"))
    daemon.feed(syslog_ng, daemon.frames(records[:1000]))
    wait_until_written(syslog_ng, empty_engine, 1000, 60)
    empty_engine.json("PUT", "/logs-sip.log-default/_settings", {
        "index.auto_expand_replicas": "false", "index.number_of_replicas": 1})
    empty_engine.json("PUT", "/logs-sip.log-default/_settings", {"index.write.wait_for_active_shards": "2"})
    status, text = empty_engine.send("POST", "/logs-sip.log-default/_bulk?timeout=1s",
                                     '{"create":{}}\n{"@timestamp":"2026-01-01T00:00:00Z"}\n')
    assert status == 200 and json.loads(text)["items"][0]["create"]["status"] == 503    # why the URL says timeout=10m
    daemon.feed(syslog_ng, daemon.frames(records[1000:]))
    time.sleep(8)               # two time-outs
    assert syslog_ng.http("written") == 1000 and syslog_ng.http("dropped") == 0
    empty_engine.json("PUT", "/logs-sip.log-default/_settings", {"index.write.wait_for_active_shards": None})
    wait_until_written(syslog_ng, empty_engine, len(records), 120)
    assert_all_there_once(empty_engine, records)


def test_several_engines_in_one_url(empty_engine, start_daemon, end_of_traffic):
    """The first does not answer."""
    records = small_traffic(end_of_traffic, 1000)
    url = "http://127.0.0.1:%d/_bulk %s" % (engines.free_port(), empty_engine.url)
    syslog_ng = start_daemon(config(url))
    daemon.feed(syslog_ng, daemon.frames(records))
    wait_until_written(syslog_ng, empty_engine, len(records), 60)
    assert_all_there_once(empty_engine, records)


def test_disk_buffer_outlives_the_daemon(empty_engine, start_daemon, tmp_path, end_of_traffic):
    """The engine is down, syslog-ng restarts: the records and their ids are on the disk."""
    records = small_traffic(end_of_traffic, max(5000, FAULT_RECORDS // 2))
    (tmp_path / "buffer").mkdir()
    proxy = faults.FaultProxy(empty_engine.port, lambda n: "store-503" if n == 0 else "503")
    syslog_ng = start_daemon(config(proxy.url, **{"disk-buffer": 'reliable(yes) disk-buf-size(1073741824) '
                                                                 'mem-buf-size(8388608) dir("%s")' % (tmp_path / "buffer")}))
    daemon.feed(syslog_ng, daemon.frames(records))
    engines.wait_for(lambda: syslog_ng.http("queued") == len(records), "all in the queue", seconds_for(len(records)))
    engines.wait_for(lambda: proxy.seen["503"] >= 2, "an answer of 503", 30)
    assert empty_engine.count() > 0         # a batch is stored, and syslog-ng does not know
    syslog_ng.kill()
    proxy.plan = lambda n: "pass"
    syslog_ng.start()
    wait_until_written(syslog_ng, empty_engine, len(records), seconds_for(len(records)))
    proxy.stop()
    assert_all_there_once(empty_engine, records)


def test_verify_script_finds_what_the_engine_refused(empty_engine, start_daemon, end_of_traffic, tmp_path):
    records = small_traffic(end_of_traffic, 2000)
    syslog_ng = start_daemon(config(empty_engine.url))

    def verify(wait):
        done = subprocess.run([sys.executable, VERIFY, "--url", empty_engine.url, "--control", syslog_ng.control,
                               "--ctl", shlex.join(daemon.SYSLOG_NG_CTL), "--wait", str(wait), "--textfile", tmp_path / "sip.prom"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout

    daemon.feed(syslog_ng, daemon.frames(records[:1000]))
    wait_until_written(syslog_ng, empty_engine, 1000, 60)
    status, out = verify(30)
    assert status == 0 and "delivered 1000, stored 1000" in out and "equal" in out

    # what an engine does on a full disk: "200 OK", and each record refused
    empty_engine.json("PUT", "/logs-sip.log-default/_settings", {"index.blocks.read_only_allow_delete": True})
    daemon.feed(syslog_ng, daemon.frames(records[1000:]))
    engines.wait_for(lambda: syslog_ng.http("written") + syslog_ng.http("dropped") == 2000, "the end of the queue", 60)
    status, out = verify(1)
    assert status == 1 and "1000 MISSING" in out
    assert "syslogng_sip_search_missing 1000\n" in (tmp_path / "sip.prom").read_text()
