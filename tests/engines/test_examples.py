# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""The example configurations: accepted by this syslog-ng, and what they send is what the other side reads."""

import datetime
import http.server
import json
import re
import sqlite3
import subprocess
import threading

import pytest

import daemon
import engines
import traffic

EXAMPLES = engines.TOP / "conf" / "examples"
READ = 'parser { json-parser(prefix(".sip.")); };'

RECORDS = [
    traffic.Record(1795576901.5, "pbx", "asterisk", 486, "Busy Here", "INVITE", "a@b", "192.0.2.1", 5060, "received", "1001"),
    traffic.Record(1795576902.25, "pbx", "asterisk", 503, 'say "no" \\ × Đang', "INVITE", "c@d", "192.0.2.2", 5060, "sent"),
    traffic.Record(1795576903.125, "pbx2", "asterisk", event="registration-timeout", user="1002"),
]


def example(name, **changes):
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def needs_module(name):
    listed = re.search(r"^Available-Modules: (.*)$", engines.run(daemon.SYSLOG_NG + ["--version"]), re.M)[1]
    if name not in listed.split(","):
        raise engines.Missing("this syslog-ng has no module " + name)


MODULES = {"kafka.conf": "kafka", "sqlite.conf": "afsql", "redis.conf": "redis"}


# stats-exporter() came with syslog-ng 4.9
CHECKED = ["elasticsearch.conf", "kafka.conf", "sqlite.conf", "redis.conf", "graylog.conf", "loki.conf", "splunk.conf"] \
    + (["prometheus-stats-exporter.conf"] if daemon.version() >= (4, 9) else [])


@pytest.mark.parametrize("name", CHECKED)
def test_syntax(name, tmp_path):
    text = example(name)
    if name in MODULES:
        needs_module(MODULES[name])
    path = tmp_path / name
    used = re.findall(r"^(?:destination|rewrite) (\w+)", text, re.M) if "log {" not in text else []
    kinds = dict((item, kind) for kind, item in re.findall(r"^(destination|rewrite) (\w+)", text, re.M))
    path.write_text(daemon.preamble(stock=True) + text + (
        "\nsource s_t { internal(); };\nlog { source(s_t); %s };\n"
        % " ".join("%s(%s);" % (kinds[item], item) for item in used) if used else ""))
    status, out = daemon.check_syntax(path)
    assert status == 0, out
    assert "WARNING" not in out or "compatibility" in out, out


class Capture:
    """An HTTP server that keeps what it is sent."""

    def __init__(self):
        self.bodies = []
        self.requests = []
        capture = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                capture.requests.append((self.path, dict(self.headers)))
                capture.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def capture():
    server = Capture()
    yield server
    server.server.shutdown()


def send(start_daemon, text, path, records=RECORDS):
    syslog_ng = start_daemon(text + "\nlog { source(s_in); %s %s };" % (READ, path), stock=True)
    daemon.feed(syslog_ng, [daemon.frame(record, record.as_pairs()) for record in records])
    return syslog_ng


def test_graylog(start_daemon, capture):
    send(start_daemon, example("graylog.conf", **{"127.0.0.1:12201": "127.0.0.1:%d" % capture.port}),
         "destination(d_sip_graylog);")
    engines.wait_for(lambda: len(capture.bodies) == 3, "three messages", 15)
    found = {body["timestamp"]: body for body in map(json.loads, capture.bodies)}
    assert set(found) == {1795576901.5, 1795576902.25, 1795576903.125}
    first = found[1795576901.5]
    assert first["_sip_code"] == 486 and first["level"] == 6 and first["host"] == "pbx" and first["version"] == "1.1"
    assert found[1795576902.25]["_sip_reason"] == RECORDS[1].reason
    assert "_sip_code" not in found[1795576903.125] and found[1795576903.125]["_sip_event"] == "registration-timeout"
    assert all(not isinstance(value, (dict, list)) for body in found.values() for value in body.values())


def test_loki(start_daemon, capture):
    send(start_daemon, example("loki.conf", **{"127.0.0.1:3100": "127.0.0.1:%d" % capture.port}),
         "rewrite(r_sip_loki); destination(d_sip_loki);")
    engines.wait_for(lambda: sum(len(json.loads(body)["streams"]) for body in capture.bodies) == 3, "three lines", 15)
    streams = [stream for body in capture.bodies for stream in json.loads(body)["streams"]]
    found = {stream["values"][0][0]: stream for stream in streams}
    assert set(found) == {"1795576901500000000", "1795576902250000000", "1795576903125000000"}
    assert found["1795576901500000000"]["stream"] == {"job": "sip", "host": "pbx", "class": "4xx", "level": "info"}
    assert 'code=486' in found["1795576901500000000"]["values"][0][1]
    assert 'reason="Busy Here"' in found["1795576901500000000"]["values"][0][1]


def test_splunk(start_daemon, capture):
    text = example("splunk.conf", **{"https://127.0.0.1:8088": "http://127.0.0.1:%d" % capture.port})
    send(start_daemon, text, "destination(d_sip_splunk);")
    engines.wait_for(lambda: sum(body.count('"sourcetype"') for body in capture.bodies) == 3, "three events", 15)
    decoder = json.JSONDecoder()
    events = []
    for body in capture.bodies:
        while body.strip():
            event, end = decoder.raw_decode(body)
            events.append(event)
            body = body[end:].lstrip()
    found = {event["time"]: event for event in events}
    assert found[1795576901.5]["event"]["sip"]["code"] in ("486", 486)
    assert found[1795576902.25]["event"]["sip"]["reason"] == RECORDS[1].reason
    assert found[1795576903.125]["host"] == "pbx2"
    assert capture.requests[0][1]["Authorization"].startswith("Splunk ")


def test_sqlite(start_daemon, tmp_path):
    needs_module("afsql")
    database = tmp_path / "sip.db"
    syslog_ng = send(start_daemon, example("sqlite.conf", **{"/var/lib/syslog-ng/sip.db": str(database)}),
                     "destination(d_sip_sqlite);")
    engines.wait_for(lambda: syslog_ng.total("dst.sql", "written") == 3, "three rows", 20)
    syslog_ng.stop()
    with sqlite3.connect(database) as connection:
        # 4.12 doubles a backslash
        rows = connection.execute("SELECT code, replace(reason, '\\\\', '\\'), call_id, user, event FROM sip "
                                  "ORDER BY time").fetchall()
    assert rows == [(486, "Busy Here", "a@b", "1001", None), (503, RECORDS[1].reason, "c@d", None, None),
                      (None, None, None, "1002", "registration-timeout")]


def test_redis(start_daemon, tmp_path):
    needs_module("redis")
    engines.need("redis-server", "redis-cli")
    port = engines.free_port()
    server = engines.Process("Redis", ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path],
                             tmp_path / "redis.log")

    def ask(*words):
        return subprocess.run(["redis-cli", "-p", str(port), *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=False).stdout.split()

    try:
        engines.wait_for(lambda: ask("PING") == ["PONG"], "Redis", 15)
        syslog_ng = send(start_daemon, example("redis.conf", **{"port(6379)": "port(%d)" % port}), "destination(d_sip_redis);",
                         RECORDS + RECORDS[:1])
        engines.wait_for(lambda: syslog_ng.total("dst.redis", "written") == 4, "four commands", 15)
        day = datetime.date.fromtimestamp(RECORDS[0].time).isoformat()
        words = ask("HGETALL", "sip:codes:" + day)
        assert dict(zip(words[::2], words[1::2])) == {"486": "2", "503": "1", "registration-timeout": "1"}
    finally:
        server.end()
