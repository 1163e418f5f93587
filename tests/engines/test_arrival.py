# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""The whole traffic through syslog-ng into a real engine: complete, and of the types that the template says."""

from stored import assert_all_there_once, assert_types_of_the_template


def test_all_records_arrive_once(loaded_engine):
    assert_all_there_once(loaded_engine.engine, loaded_engine.records)


def test_types_are_those_of_the_template(loaded_engine):
    assert_types_of_the_template(loaded_engine.engine)


def test_numbers_are_numbers(loaded_engine):
    server_errors = sum(500 <= record.code < 600 for record in loaded_engine.records)
    assert server_errors > 50
    assert loaded_engine.engine.count({"range": {"sip.status_code": {"gte": 500, "lt": 600}}}) == server_errors
    document = loaded_engine.engine.search({"query": {"term": {"sip.code": "486"}}, "size": 1})["hits"]["hits"][0]["_source"]
    assert document["sip"]["status_code"] == 486 and document["sip"]["code"] == "486"
    assert document["log"]["syslog"]["priority"] == 134
    assert document["source"]["port"] == 5060
