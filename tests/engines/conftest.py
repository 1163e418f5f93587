# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

import dataclasses
import os
import sys
import time

import pytest

import daemon
import engines
import traffic

RECORDS = int(os.environ.get("SIP_ENGINES_RECORDS", "100000"))


@pytest.fixture(scope="session")
def search_engine(tmp_path_factory):
    """OpenSearch, prepared by our own installer."""
    engine = engines.SearchEngine(tmp_path_factory.mktemp("search"))
    engine.start()
    engines.run([sys.executable, engines.TOP / "conf" / "elasticsearch" / "sip-search-setup", "--url", engine.url])
    yield engine
    engine.stop()


@pytest.fixture
def empty_engine(search_engine):
    search_engine.clear()
    return search_engine


@dataclasses.dataclass
class Loaded:
    engine: engines.SearchEngine
    records: list


@pytest.fixture(scope="module")
def loaded_engine(search_engine, many_records, tmp_path_factory):
    """The engine with the whole made-up traffic, sent through syslog-ng once for all modules that only read it."""
    if search_engine.count() != len(many_records):
        search_engine.clear()
        syslog_ng = daemon.SyslogNG(tmp_path_factory.mktemp("load"), """
log {
  source(s_in);
  parser { %s };
  destination { sip-elasticsearch(url("%s")); };
  flags(flow-control);
};""" % (daemon.PARSER, search_engine.url)).start()
        daemon.feed(syslog_ng, daemon.frames(many_records))
        engines.wait_for(lambda: syslog_ng.http("written") == len(many_records), "all records", 500, 0.5)
        assert syslog_ng.http("dropped") == 0
        syslog_ng.stop()
    assert search_engine.count() == len(many_records)       # and all can be found
    return Loaded(search_engine, many_records)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    engines.need("kcat")
    broker = engines.Kafka(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def start_daemon(tmp_path):
    """start_daemon(BODY): a syslog-ng with the source s_in, stopped with the test."""
    started = []

    def start(body, **options):
        instance = daemon.SyslogNG(tmp_path, body, **options)
        started.append(instance)
        return instance.start()

    yield start
    for instance in started:
        instance.stop()


@pytest.fixture(scope="session")
def end_of_traffic():
    """The last moment of the made-up traffic: the last full hour."""
    return time.time() // 3600 * 3600


@pytest.fixture(scope="session")
def many_records(end_of_traffic):
    return traffic.make(RECORDS, end_of_traffic)


def pytest_report_header():
    return "syslog-ng %s; records read by %s" % (
        daemon.config_version(), "sip-status() of " + daemon.SIP_MODULE_DIR if daemon.SIP_MODULE_DIR
        else "json-parser(): SIP_MODULE_DIR is not set")
