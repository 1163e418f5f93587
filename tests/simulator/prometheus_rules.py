#!/usr/bin/env python3
# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores the shipped Prometheus rules on a scenario, with a real Prometheus.

The counters a sip-status() would have had are written into a Prometheus data folder, one sample a scrape; the recording
rules of sip-alerts.rules.yml are backfilled by promtool; the expression of SipFaultSpike is asked for at every
evaluation.  What sip-alert() says about the same traffic stands beside it.

    prometheus_rules.py --driver PATH [--seed N] [SCENARIO.toml]
"""

import argparse
import collections
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scoreboard  # noqa: E402
import traffic  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(HERE, "../../conf/prometheus/sip-alerts.rules.yml")
STEP = 15
EPOCH = 1767571200    # a Monday


def write_metrics(world, path):
    """Every series at every scrape, as OpenMetrics."""
    counts = {}
    born = {}
    samples = collections.defaultdict(list)
    events = world.events()
    event = next(events, None)
    for scrape in range(STEP, int(world.days * traffic.DAY) + 3600, STEP):
        while event and event[0] < scrape:
            _, key, code, method, direction, _, _ = event
            labels = (key, str(code), "%dxx" % (code // 100), method if method != "-" else "unknown",
                      direction if direction != "-" else "unknown")
            counts[labels] = counts.get(labels, 0) + 1
            born.setdefault(labels, scrape)
            event = next(events, None)
        for key in world.keys:
            counts.setdefault((key.name, "none", "5xx", "unknown", "unknown"), 0)
        for labels, value in counts.items():
            samples[labels].append((EPOCH + scrape, value))
    with open(path, "w") as f:
        f.write("# TYPE syslogng_sip_status_lines counter\n")
        for labels, values in samples.items():
            text = 'group="%s",code="%s",class="%s",method="%s",direction="%s"' % labels
            for t, value in values:
                f.write("syslogng_sip_status_lines_total{%s} %d %d\n" % (text, value, t))
        f.write("# EOF\n")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    def __init__(self, data):
        self.port = free_port()
        config = os.path.join(data, "prometheus.yml")
        with open(config, "w") as f:
            f.write("global: {}\n")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + data, "--storage.tsdb.retention.time=100y",
             "--query.max-samples=200000000", "--web.listen-address=127.0.0.1:%d" % self.port],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url("/-/ready"), timeout=1)
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise SystemExit("Prometheus does not start")
                time.sleep(0.1)

    def url(self, path, **args):
        return "http://127.0.0.1:%d%s?%s" % (self.port, path, urllib.parse.urlencode(args))

    def range(self, query, start, end):
        """{group: [times at which the query has a value]}"""
        result = collections.defaultdict(list)
        while start <= end:
            stop = min(end, start + 10000 * STEP)
            with urllib.request.urlopen(self.url("/api/v1/query_range", query=query, start=start, end=stop, step=STEP),
                                        timeout=600) as answer:
                for series in json.load(answer)["data"]["result"]:
                    result[series["metric"]["group"]] += [float(t) for t, _ in series["values"]]
            start = stop + STEP
        return result

    def close(self):
        self.process.kill()
        self.process.wait()


def expressions():
    """{name: expr} of the rules file, whose form is ours."""
    found, name = {}, None
    lines = open(RULES).read().split("\n")
    for i, line in enumerate(lines):
        match = re.match(r"\s+- (?:record|alert): (\S+)", line)
        if match:
            name = match[1]
        match = re.match(r"(\s+)expr: (.*)", line)
        if match:
            text = [] if match[2].startswith(">") else [match[2]]
            for more in lines[i + 1:]:
                if match[2].startswith(">") and more.startswith(match[1] + "  "):
                    text.append(more.strip())
                else:
                    break
            found[name] = " ".join(text)
    return found


def notices_of(times_by_group, keep=300):
    notices = []
    for group, times in times_by_group.items():
        last = None
        for t in times:
            if last is None or t - last > keep:
                if last is not None:
                    notices.append((last + keep - EPOCH, "resolved", group, "prometheus %s" % group))
                notices.append((t - EPOCH, "firing", group, "prometheus firing %s at %.0f" % (group, t - EPOCH)))
            last = t
        if last is not None:
            notices.append((last + keep - EPOCH, "resolved", group, "prometheus %s" % group))
    return sorted(notices)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a rule is better than the defaults")
    parser.add_argument("scenario", nargs="?", default=os.path.join(HERE, "scenarios", "short.toml"))
    args = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="sip-prometheus-")
    try:
        world = traffic.World(traffic.load(args.scenario), args.seed)
        write_metrics(world, folder + "/metrics")
        data = folder + "/data"
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", folder + "/metrics", data], check=True,
                       stdout=subprocess.DEVNULL)
        os.unlink(folder + "/metrics")
        end = EPOCH + int(world.days * traffic.DAY) + 1800
        expr = expressions()
        for _ in range(2):  # one rule reads what another records
            prometheus = Prometheus(data)
            subprocess.run(["promtool", "tsdb", "create-blocks-from", "rules", "--url=" + prometheus.url("/").split("/?")[0],
                            "--start=%d" % EPOCH, "--end=%d" % end, "--eval-interval=%ds" % STEP,
                            "--output-dir=" + folder + "/rules", RULES], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            prometheus.close()
            for block in os.listdir(folder + "/rules"):
                shutil.move(folder + "/rules/" + block, data)
        prometheus = Prometheus(data)
        alerts = notices_of(prometheus.range(expr["SipFaultSpike"], EPOCH + 3600, end))
        prometheus.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    scores = {}
    for name, notices in (("sip-alert() defaults", None), ("Prometheus SipFaultSpike", alerts)):
        world = traffic.World(traffic.load(args.scenario), args.seed)
        if notices is None:
            notices = scoreboard.run(args.driver, world)["default"]
        else:
            for _ in world.events():
                pass
        world.incidents.sort(key=lambda i: i.start)
        score = scores[name] = scoreboard.Score()
        scoreboard.score(world, notices, score)
        score.by_start = {(key, start): delay for (_, start, key), delay in score.per_incident.items()}
        print("%-26s found %d/%d, %d of %d in 30 s, %d false in %.1f key-weeks, median delay %.0f s" % (
            name, sum(d is not None for d in score.by_start.values()), len(score.by_start), score.in_time, score.bar,
            score.false, score.key_weeks, scoreboard.median(score.delays)))
    ours, theirs = (s.by_start for s in scores.values())
    faster = [i for i in ours if theirs[i] is not None and (ours[i] is None or theirs[i] < ours[i] - STEP)]
    print("faster in Prometheus by more than one evaluation: %d" % len(faster))
    if args.check and faster and scores["Prometheus SipFaultSpike"].per_100() <= scores["sip-alert() defaults"].per_100():
        sys.exit(1)


if __name__ == "__main__":
    main()
