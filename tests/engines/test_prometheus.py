# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""The counters on their way to Prometheus, the recording rules, and every expression of the Grafana dashboard."""

import collections
import json
import re
import subprocess

import pytest

import daemon
import engines
import traffic

CONF = engines.TOP / "conf"
RULES = CONF / "prometheus" / "sip-recording.rules.yml"
TEXTFILE = CONF / "prometheus" / "sip-metrics-textfile"
LINES = "syslogng_sip_status_lines_total"


def test_rules_are_valid():
    engines.need("promtool")
    engines.run(["promtool", "check", "rules", RULES])


def test_rules_give_the_true_ratios():
    engines.need("promtool")
    assert "SUCCESS" in engines.run(["promtool", "test", "rules", "sip-recording.test.yml"], cwd=RULES.parent)


@pytest.fixture
def counting(start_daemon):
    """A daemon whose sip-status() has counted: (daemon, records)."""
    daemon.needs_sip()
    records = [record for record in traffic.make(3000, 1795576800, seed=7) if record.code]
    syslog_ng = start_daemon('log { source(s_in); parser { sip-log(group("${HOST}")); }; };')
    daemon.feed(syslog_ng, [daemon.frame(record, record.as_asterisk_dump()) for record in records]
                + [daemon.frame(traffic.Record(1795576800, "pbx-hanoi", "asterisk"), "no status here")])
    engines.wait_for(lambda: syslog_ng.stats().get(("parser", "sip_status_unmatched_total", "", "value")), "the last", 20)
    return syslog_ng, records


def write_textfile(syslog_ng, path):
    engines.run([TEXTFILE, path, syslog_ng.control],
                env=dict(engines.os.environ, SYSLOG_NG_CTL=" ".join(daemon.SYSLOG_NG_CTL)))


def method_of(record):
    return record.method if record.method in ("INVITE", "REGISTER", "OPTIONS") else "other"


def parse(text):
    series = {}
    for line in text.splitlines():
        found = re.match(r'(\w+)(?:\{(.*)\})? (\S+)$', line)
        if found and not line.startswith("#"):
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            series[found[1], tuple(sorted(labels.items()))] = float(found[3])
    return series


def test_textfile_has_the_names_and_numbers(counting, tmp_path):
    syslog_ng, records = counting
    path = tmp_path / "sip.prom"
    write_textfile(syslog_ng, path)
    text = path.read_text()
    if engines.shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        assert "error" not in done.stdout.lower()
    series = parse(text)
    counted = collections.Counter()
    for (name, labels), number in series.items():
        labels = dict(labels)
        if name == LINES and labels["code"] != "none":
            counted[labels["code"], labels["class"], labels["method"], labels["group"]] += number
    assert counted == collections.Counter((str(record.code), record.status_class, method_of(record), record.host)
                                          for record in records)
    assert series["syslogng_sip_status_parsed_total", ()] == len(records)
    assert series["syslogng_sip_status_unmatched_total", ()] == 1
    # zeroes from the start, for each class
    assert {dict(labels)["class"] for (name, labels), number in series.items()
            if name == LINES and dict(labels)["code"] == "none" and number == 0} == {"%dxx" % n for n in range(1, 7)}
    if daemon.version() >= (4, 1):
        own = parse(syslog_ng.ctl("stats", "prometheus"))
        assert {key: number for key, number in own.items() if key[0].startswith("syslogng_sip_")} == series


def test_textfile_is_left_alone_when_the_daemon_is_gone(tmp_path):
    path = tmp_path / "sip.prom"
    path.write_text("old\n")
    done = subprocess.run([str(TEXTFILE), str(path), str(tmp_path / "nothing.ctl")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode != 0 and path.read_text() == "old\n" and len(list(tmp_path.iterdir())) == 1


def grafana_expressions():
    dashboard = json.loads((CONF / "grafana" / "sip-dashboard.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_grafana_dashboard_is_in_order():
    dashboard = json.loads((CONF / "grafana" / "sip-dashboard.json").read_text(encoding="utf-8"))
    assert dashboard["schemaVersion"] == 36 and dashboard["uid"] == "syslog-ng-sip"
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        assert panel["description"] and panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_prometheus_scrapes_and_every_panel_has_an_answer(counting, start_daemon, tmp_path):
    """syslog-ng to Prometheus for real; each Grafana expression gives a result."""
    engines.need("prometheus", "prometheus-node-exporter")
    syslog_ng, records = counting
    exporter, target = start_exporter(tmp_path)
    # shorter steps than in production, so that a rate is there within seconds
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES.read_text().replace("interval: 30s", "interval: 1s").replace("offset 7d", "offset 2s"))
    write_textfile(syslog_ng, tmp_path / "textfile" / "sip.prom")
    prometheus = engines.Prometheus(tmp_path, {"node": [target]}, [rules])
    try:
        engines.wait_for(lambda: sum(prometheus.query(LINES).values()) == len(records), "a scrape", 30, 0.5)
        # the same again: a rate, and what a rate needs, a second sample
        daemon.feed(syslog_ng, [daemon.frame(record, record.as_asterisk_dump()) for record in records])
        engines.wait_for(lambda: syslog_ng.stats()["parser", "sip_status_parsed_total", "", "value"] == 2 * len(records),
                         "the second half", 20)
        write_textfile(syslog_ng, tmp_path / "textfile" / "sip.prom")
        engines.wait_for(lambda: sum(prometheus.query(LINES).values()) == 2 * len(records), "a second scrape", 30, 0.5)
        engines.wait_for(lambda: prometheus.query("group:sip_isa:ratio_rate1h"), "the rules", 30, 0.5)
        answered_share = {dict(labels)["group"]: share
                          for labels, share in prometheus.query("group:sip_ser:ratio_rate1h").items()}
        for host in traffic.HOSTS:
            calls = [record.code for record in records if record.method == "INVITE" and record.host == host
                     and record.code >= 200 and record.status_class != "3xx" and record.code not in (401, 407)]
            # all INVITEs of the made-up traffic have one direction, so one ratio for each PBX
            assert abs(answered_share[host] - calls.count(200) / len(calls)) < 0.001

        def answered():
            missing = []
            for title, expression in grafana_expressions():
                expression = expression.replace("$__rate_interval", "1m").replace("$__range", "1h") \
                    .replace("$group", ".*").replace("offset 7d", "offset 2s")
                if not prometheus.query(expression):
                    missing.append((title, expression))
            answered.missing = missing
            return not missing

        try:
            engines.wait_for(answered, "every panel", 30, 1)
        except AssertionError:
            raise AssertionError("no answer: %s" % answered.missing) from None
    finally:
        prometheus.stop()
        exporter.end()


def start_exporter(folder):
    """node_exporter with nothing but its textfile collector, on FOLDER/textfile."""
    (folder / "textfile").mkdir()
    port = engines.free_port()
    exporter = engines.Process("node_exporter", [
        "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
        "--collector.textfile.directory=%s" % (folder / "textfile"), "--web.listen-address=127.0.0.1:%d" % port],
        folder / "exporter.log")
    return exporter, "127.0.0.1:%d" % port


if daemon.version() >= (4, 9):
    def test_stats_exporter_gives_the_same(start_daemon, tmp_path):
        """syslog-ng 4.9 and later answers scrapes itself."""
        daemon.needs_sip()
        port = engines.free_port()
        text = (CONF / "examples" / "prometheus-stats-exporter.conf").read_text().replace("port(9577)", "port(%d)" % port)
        syslog_ng = start_daemon(text + 'log { source(s_in); parser { sip-log(group("${HOST}")); }; };', stock=True)
        prometheus = engines.Prometheus(tmp_path, {"syslog-ng": ["127.0.0.1:%d" % port]})
        try:
            # a series for each class, at 0
            engines.wait_for(lambda: len(prometheus.query(LINES)) == 6, "a scrape", 30, 0.5)
            records = [record for record in traffic.make(1500, 1795576800, seed=10) if record.code]
            daemon.feed(syslog_ng, [daemon.frame(record, record.as_asterisk_dump()) for record in records])
            engines.wait_for(lambda: sum(prometheus.query(LINES).values()) == len(records), "all of them", 60, 0.5)
            counted = {(labels["code"], labels["method"], labels["group"]): int(number) for labels, number in (
                (dict(pairs), number) for pairs, number in
                prometheus.query('sum by (code, method, group) (%s) > 0' % LINES).items())}
            assert counted == collections.Counter((str(record.code), method_of(record), record.host) for record in records)
            assert prometheus.query("up") and set(prometheus.query("up").values()) == {1}
        finally:
            prometheus.stop()
