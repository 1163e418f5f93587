# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""The Kafka example into a real broker."""

import collections
import json
import signal

import daemon
import engines
import traffic
from test_examples import READ, example, needs_module


def config(kafka, topic):
    needs_module("kafka")
    return example("kafka.conf", **{"127.0.0.1:9092": kafka.address, '"sip-status"': '"%s"' % topic}) + """
log { source(s_in); %s rewrite(r_sip_kafka); destination(d_sip_kafka); flags(flow-control); };
""" % READ


def values(kafka, topic):
    return [(partition, offset, key, json.loads(value)["sip"]) for partition, offset, key, value in kafka.read(topic)]


def test_each_call_in_one_partition_and_in_order(kafka, start_daemon, end_of_traffic):
    records = traffic.make(5000, end_of_traffic, seed=5)
    syslog_ng = start_daemon(config(kafka, "sip-order"))
    daemon.feed(syslog_ng, [daemon.frame(record, record.as_pairs()) for record in records])
    engines.wait_for(lambda: syslog_ng.total("dst.kafka", "written") == len(records), "all written", 60)
    engines.wait_for(lambda: len(kafka.read("sip-order")) >= len(records), "all in the topic", 60, 1)
    found = values(kafka, "sip-order")
    assert len(found) == len(records)
    assert len({partition for partition, *_ in found}) == 4

    places = collections.defaultdict(set)
    sequence = collections.defaultdict(list)
    for partition, _, key, sip in found:
        if "call_id" in sip:
            assert key == sip["call_id"]
            places[key].add(partition)
            sequence[key].append(str(sip["code"]))
        else:
            assert key == sip["user"]
    assert all(len(partitions) == 1 for partitions in places.values())
    truth = collections.defaultdict(list)
    for record in records:
        if record.call_id:
            truth[record.call_id].append(str(record.code))
    assert sequence == truth


def test_broker_killed_in_between(kafka, start_daemon, end_of_traffic):
    records = traffic.make(12000, end_of_traffic, seed=6)
    frames = [daemon.frame(record, record.as_pairs()) for record in records]
    syslog_ng = start_daemon(config(kafka, "sip-killed"))
    daemon.feed(syslog_ng, frames[:5000])
    engines.wait_for(lambda: len(kafka.read("sip-killed")) > 1000, "a part", 60, 0.5)
    kafka.process.end(signal.SIGKILL)
    daemon.feed(syslog_ng, frames[5000:])
    kafka.start()
    engines.wait_for(lambda: len(kafka.read("sip-killed")) >= len(records), "all in the topic", 120, 1)
    found = values(kafka, "sip-killed")
    assert len(found) == len(records) == len({sip["id"] for *_, sip in found})
    assert collections.Counter((sip.get("call_id", ""), str(sip.get("code", 0))) for *_, sip in found) \
        == collections.Counter((record.call_id, str(record.code)) for record in records)
