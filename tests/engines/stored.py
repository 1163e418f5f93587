# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""Whether what is stored is what was sent."""

import collections
import json
import time

import engines

MAPPINGS = engines.TOP / "conf" / "elasticsearch" / "mappings.json"


def codes_in(engine):
    answer = engine.search({"size": 0, "track_total_hits": True,
                            "aggs": {"code": {"terms": {"field": "sip.code", "size": 1000}}}})
    return collections.Counter({bucket["key"]: bucket["doc_count"]
                                for bucket in answer["aggregations"]["code"]["buckets"]})


def codes_of(records):
    return collections.Counter(str(record.code) for record in records if record.code)


def leaves(properties, path=""):
    for name, field in properties.items():
        if "properties" in field:
            yield from leaves(field["properties"], path + name + ".")
        elif "type" in field and field["type"] != "object":
            yield path + name, field["type"]


def assert_types_of_the_template(engine):
    """Nothing guessed by the engine, nothing ignored."""
    template = json.loads(MAPPINGS.read_text(encoding="utf-8"))["template"]["mappings"]["properties"]
    wanted = dict(leaves(template), **{"sip.meaning_vi": "keyword"})
    for index in engine.json("GET", "/logs-sip.log-default/_mapping").values():
        assert dict(leaves(index["mappings"]["properties"])) == wanted
    assert engine.count({"exists": {"field": "_ignored"}}) == 0


def assert_all_there_once(engine, records):
    """The stored records are the sent ones: each with its time, Call-ID and code, none missing, none twice, and with
    the types of the template."""
    assert engine.count() == len(records)
    assert codes_in(engine) == codes_of(records)
    stored = collections.Counter()
    for hit in engine.all_hits(source=["sip.call_id", "sip.code", "@timestamp"]):
        sip = hit["_source"].get("sip", {})
        stored[hit["_source"]["@timestamp"][:23], sip.get("call_id", ""), sip.get("code", "0")] += 1
    assert stored == collections.Counter((stamp(record.time), record.call_id, str(record.code)) for record in records)
    assert_types_of_the_template(engine)


def stamp(seconds):
    """A time as $ISODATE has it."""
    milliseconds = round(seconds * 1000)
    return "%s.%03d" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)), milliseconds % 1000)
