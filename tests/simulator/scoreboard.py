#!/usr/bin/env python3
"""Runs scenarios through sip-alert()'s engine and scores the defaults against plain thresholds.

    scoreboard.py --driver PATH [--seeds 1,2] [SCENARIO.toml ...]
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import traffic  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
WINDOW = 300.0        # of the defaults
GRACE = 30.0          # a firing so long after the 20th fault is in time
AFTERMATH = 120.0     # a firing so long after the end still belongs to the incident

PLAIN = ["fault:%d/%d" % (n, w) for w in (60, 300) for n in (5, 10, 15, 20, 30, 50, 100, 200, 500)]
PLAIN += ["4xx+5xx+6xx:%d/60" % n for n in (20, 100, 500)]
PLAIN += ["fault:%d/%d/%s" % (n, w, s) for w in (60, 300) for n in (5, 10, 20) for s in ("0.1", "0.3", "0.5")]


def twentieth(times):
    """When the window of the defaults first held 20 of them."""
    times = sorted(times)
    for i in range(19, len(times)):
        if times[i] - times[i - 19] <= WINDOW:
            return times[i]
    return None


class Score:
    def __init__(self):
        self.bar = self.found = self.in_time = 0
        self.only = self.only_found = 0
        self.other = self.other_found = 0
        self.false = self.double = self.unresolved = 0
        self.key_weeks = 0.0
        self.delays = []      # from the start of the incident
        self.per_incident = {}
        self.notes = []

    def per_100(self):
        return 100.0 * self.false / self.key_weeks if self.key_weeks else 0.0


def run(driver, world, extra=()):
    """The notices, by detector; `default' is fault and no-success together."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([driver, "--firing-only"] + list(extra), stdin=subprocess.PIPE, stdout=out, text=True)
        write = process.stdin.write
        chunk = []
        for t, key, code, method, direction, call_id, event in world.events():
            chunk.append("%.3f %s %d %s %s %s %s\n" % (t, key, code, method, direction, call_id, event))
            if len(chunk) >= 10000:
                write("".join(chunk))
                chunk = []
        # three more hours without a word: everything must resolve
        chunk.append("%.3f\n" % (world.days * traffic.DAY + 30 * traffic.HOUR))
        write("".join(chunk))
        process.stdin.close()
        if process.wait() != 0:
            raise SystemExit("the driver failed")
        out.seek(0)
        notices = collections.defaultdict(list)
        for line in out:
            parts = line.split()
            detector = "default" if parts[2] in ("fault", "no-success") else parts[2]
            notices[detector].append((float(parts[0]), parts[1], parts[3], line.strip()))
    return notices


def score(world, notices, into, verbose=False):
    into.key_weeks += len(world.keys) * world.days / 7.0
    firings = collections.defaultdict(list)
    open_ones = {}
    for t, state, key, line in notices:
        if state == "firing":
            firings[key].append((t, line))
            open_ones[key] = line
        elif state == "resolved":
            open_ones.pop(key, None)
    into.unresolved += len(open_ones)
    used = set()
    for incident in world.incidents:
        key = incident.key
        mine = [t for t, _ in firings[key.name] if incident.start <= t <= incident.end + AFTERMATH]
        used.update((key.name, t) for t in mine)
        used.update((key.name, t) for t, _ in firings[key.name] if incident.start <= t <= incident.end + 600)
        level = key.level(incident.start)
        duration = incident.end - incident.start
        ratio = (len(incident.faults) / duration) / level if level else float("inf")
        due = twentieth(incident.faults) if incident.is_fault_incident else None
        first = min(mine) if mine else None
        name = "%s %s %s at %.0f" % (key.name, incident.kind, incident.codes, incident.start)
        if first is not None:
            into.delays.append(first - incident.start)
        into.per_incident[(id(world), incident.start, key.name)] = None if first is None else first - incident.start
        into.double += max(0, len(mine) - 1)
        if len(mine) > 1 and verbose:
            into.notes.append("DOUBLE %s: %s" % (name, mine))
        # at least five times the level, its normal faults included
        if due is not None and incident.kind in ("surge", "replace", "outage", "only") \
                and (ratio + (1 if incident.kind == "surge" else 0)) >= 5:
            into.bar += 1
            into.found += first is not None
            in_time = first is not None and first <= due + GRACE
            into.in_time += in_time
            if not in_time and verbose:
                into.notes.append("LATE %s: level %.4f/s ratio %.1f due %.0f first %s, %d faults" % (
                    name, level, ratio, due, first, len(incident.faults)))
        elif incident.kind == "only" and not incident.is_fault_incident:
            into.only += 1
            into.only_found += first is not None
            if first is None and verbose:
                into.notes.append("MISSED %s: %d failures" % (name, len(incident.faults)))
        else:
            into.other += 1
            into.other_found += first is not None
            if first is None and verbose:
                into.notes.append("NOT FOUND (no bar) %s: level %.4f/s ratio %.1f, %d faults, due %s" % (
                    name, level, ratio, len(incident.faults), due))
    for key, times in firings.items():
        for t, line in times:
            if (key, t) not in used:
                into.false += 1
                if verbose:
                    into.notes.append("FALSE " + line)


def median(values):
    values = sorted(values)
    return values[len(values) // 2] if values else float("nan")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--plain", action="store_true", help="the sweep of plain thresholds too")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a bar is not met")
    parser.add_argument("scenarios", nargs="*")
    args = parser.parse_args()
    paths = args.scenarios or sorted(os.path.join(HERE, "scenarios", f) for f in os.listdir(HERE + "/scenarios"))

    extra = ["--preset", "fault", "--preset", "no-success"]
    for value in args.set:
        extra += ["--set", value]
    if args.plain:
        for spec in PLAIN:
            extra += ["--plain", spec]
    scores = collections.defaultdict(Score)
    worlds = []
    print("%-24s %9s %9s %12s %10s %10s %7s %9s %9s" % ("scenario", "key-weeks", "incidents", "found/in 30s", "only-found",
                                                   "other", "false", "per 100", "double"))
    for path in paths:
        one = Score()
        for seed in args.seeds.split(","):
            world = traffic.World(traffic.load(path), seed)
            worlds.append(world)
            notices = run(args.driver, world, extra)
            for name in {"default", *("plain-" + p for p in (PLAIN if args.plain else []))}:
                score(world, notices[name], scores[name], args.verbose)
            score(world, notices["default"], one, args.verbose)
        print("%-24s %9.1f %9d %6d/%-6d %5d/%-5d %4d/%-4d %7d %9.2f %9d" % (
            os.path.basename(path)[:-5], one.key_weeks, one.bar, one.found, one.in_time, one.only_found, one.only,
            one.other_found, one.other, one.false, one.per_100(), one.double), flush=True)
        for note in one.notes:
            print("    " + note)
    total = scores["default"]
    print("\n%-28s %8s %9s %9s %9s %12s" % ("detector", "found", "in 30 s", "false", "per 100", "median delay"))
    base = total.per_incident
    for name in sorted(scores, key=lambda n: (n != "default", n)):
        s = scores[name]
        both = [s.per_incident[i] - base[i] for i in base if s.per_incident.get(i) is not None and base[i] is not None]
        print("%-28s %4d/%-4d %8d %9d %9.2f %10.1f s   against defaults: %+.1f s median, %d better by > 15 s" % (
            name, sum(v is not None for v in s.per_incident.values()), len(s.per_incident), s.in_time, s.false,
            s.per_100(), median(s.delays), median(both), sum(d < -15 for d in both)))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({name: {"incidents": len(s.per_incident), "found": len(s.delays), "bar": s.bar,
                              "in_time": s.in_time, "false": s.false, "key_weeks": s.key_weeks,
                              "per_100": s.per_100(), "median_delay": median(s.delays), "double": s.double}
                       for name, s in scores.items()}, f, indent=1, sort_keys=True)
    if args.check:
        ok = total.found == total.in_time == total.bar and total.only_found == total.only and total.double == 0 \
            and total.per_100() <= 1 and total.unresolved == 0
        print("bars " + ("met" if ok else "NOT met"))
        sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
