# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""Whether what is stored is what was sent."""

import collections
import time


def codes_in(engine):
    answer = engine.search({"size": 0, "track_total_hits": True,
                            "aggs": {"code": {"terms": {"field": "sip.code", "size": 1000}}}})
    return collections.Counter({bucket["key"]: bucket["doc_count"]
                                for bucket in answer["aggregations"]["code"]["buckets"]})


def codes_of(records):
    return collections.Counter(str(record.code) for record in records if record.code)


def assert_all_there_once(engine, records):
    """The stored records are the sent ones: each with its time, Call-ID and code, none missing, none twice."""
    assert engine.count() == len(records)
    assert codes_in(engine) == codes_of(records)
    stored = collections.Counter()
    for hit in engine.all_hits(source=["sip.call_id", "sip.code", "@timestamp"]):
        sip = hit["_source"].get("sip", {})
        stored[hit["_source"]["@timestamp"][:23], sip.get("call_id", ""), sip.get("code", "0")] += 1
    assert stored == collections.Counter((stamp(record.time), record.call_id, str(record.code)) for record in records)


def stamp(seconds):
    """A time as $ISODATE has it."""
    milliseconds = round(seconds * 1000)
    return "%s.%03d" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)), milliseconds % 1000)
