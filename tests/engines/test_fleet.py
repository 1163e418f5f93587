# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""Two daemons feed one Kafka topic, one index and one Prometheus: the totals add up."""

import collections
import json

import daemon
import engines
import traffic
from test_examples import example, needs_module
from test_prometheus import LINES, start_exporter, write_textfile


def test_totals_add_up(empty_engine, kafka, start_daemon, end_of_traffic, tmp_path):
    daemon.needs_sip()
    needs_module("kafka")
    engines.need("prometheus", "prometheus-node-exporter")

    body = example("kafka.conf", **{"127.0.0.1:9092": kafka.address, '"sip-status"': '"sip-fleet"'}) + """
log {
  source(s_in);
  parser { sip-log(group("${HOST}")); };
  rewrite(r_sip_kafka);
  destination(d_sip_kafka);
  destination { sip-elasticsearch(url("%s") batch_timeout(200)); };
  flags(flow-control);
};""" % empty_engine.url

    fleet = []
    for name, seed in (("north", 8), ("south", 9)):
        records = [record for record in traffic.make(6000, end_of_traffic, seed=seed) if record.code]
        folder = tmp_path / name
        folder.mkdir()
        exporter, target = start_exporter(folder)
        fleet.append((start_daemon(body, name="syslog-ng-" + name), records, folder, exporter, target))
    total = sum(len(records) for _, records, *_ in fleet)
    prometheus = None
    try:
        for syslog_ng, records, *_ in fleet:
            daemon.feed(syslog_ng, [daemon.frame(record, record.as_asterisk_dump()) for record in records])
        engines.wait_for(lambda: sum(syslog_ng.http("written") for syslog_ng, *_ in fleet) == total, "the index", 120, 0.3)
        engines.wait_for(lambda: len(kafka.read("sip-fleet")) >= total, "the topic", 60, 1)
        for syslog_ng, _, folder, *_ in fleet:
            write_textfile(syslog_ng, folder / "textfile" / "sip.prom")
        prometheus = engines.Prometheus(tmp_path, {"node": [target for *_, target in fleet]})
        engines.wait_for(lambda: len(prometheus.query("up == 1")) == 2
                         and sum(prometheus.query(LINES).values()) == total, "the scrapes", 30, 0.5)

        truth = collections.Counter(str(record.code) for _, records, *_ in fleet for record in records)
        topic = [json.loads(value)["sip"] for *_, value in kafka.read("sip-fleet")]
        stored = list(empty_engine.all_hits(source=["sip.code"]))
        counted = {dict(labels)["code"]: int(number) for labels, number
                   in prometheus.query("sum by (code) (%s) > 0" % LINES).items()}
        assert collections.Counter(str(sip["code"]) for sip in topic) == truth
        assert collections.Counter(hit["_source"]["sip"]["code"] for hit in stored) == truth
        assert counted == truth
        # one identity for a record, wherever it went
        assert {sip["id"] for sip in topic} == {hit["_id"] for hit in stored} and len(stored) == total
    finally:
        if prometheus:
            prometheus.stop()
        for *_, exporter, _ in fleet:
            exporter.end()
