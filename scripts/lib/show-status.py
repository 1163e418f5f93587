# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reads the daemon's JSON lines from standard input (`{}' for a record without a
status), copies those with a status to file descriptor 3 if it is open, prints
them as a table, and a summary by code at the end.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import unicodedata
from collections import Counter

TEXTS = {
    "en": {"time": "TIME", "host": "HOST", "code": "CODE", "meaning": "MEANING", "severity": "SEVERITY",
           "who": "USER / PEER", "more": "... and so on; --all prints every row", "count": "COUNT", "phrase": "PHRASE",
           "total": "{records} records read, {found} show a SIP status or event", "none": "no SIP status found"},
    "vi": {"time": "GIỜ", "host": "MÁY", "code": "MÃ", "meaning": "Ý NGHĨA", "severity": "MỨC ĐỘ",
           "who": "MÁY LẺ / ĐỐI TÁC", "more": "... và còn nữa; --all in mọi dòng", "count": "SỐ LẦN", "phrase": "CỤM TỪ GỐC",
           "total": "đã đọc {records} bản ghi, {found} bản ghi có trạng thái hoặc sự kiện SIP", "none": "không thấy trạng thái SIP nào"},
}
COLOURS = {"1xx": "36", "2xx": "32", "3xx": "34", "4xx": "33", "5xx": "31", "6xx": "35"}


def printable(text):
    """A terminal gets no control character from a log."""
    return "".join(" " if unicodedata.category(c)[0] == "C" else c for c in str(text))


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text, columns):
    text = printable(text)
    if width(text) > columns:
        while text and width(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width(text))


class Table:
    def __init__(self, texts, colour):
        self.texts = texts
        self.colour = colour
        total = max(shutil.get_terminal_size((150, 40)).columns, 80)
        self.columns = [("time", 19), ("host", 14), ("code", 4), ("meaning", 0), ("severity", 8), ("who", 26)]
        rest = total - sum(w for _, w in self.columns) - 2 * (len(self.columns) - 1)
        self.columns[3] = ("meaning", max(rest, 16))
        self.header_printed = False

    def row(self, values, class_=None):
        line = "  ".join(fit(value, columns) for value, (_, columns) in zip(values, self.columns)).rstrip()
        if self.colour and class_ in COLOURS:
            line = f"\033[{COLOURS[class_]}m{line}\033[0m"
        print(line, flush=True)

    def record(self, record):
        if not self.header_printed:
            self.row([self.texts[name] for name, _ in self.columns])
            self.header_printed = True
        sip = record["sip"]
        peer = sip.get("peer", "")
        if peer and "peer_port" in sip:
            peer = f"[{peer}]:{sip['peer_port']}" if ":" in peer else f"{peer}:{sip['peer_port']}"
        who = " / ".join(x for x in (sip.get("user") or sip.get("endpoint", ""), peer) if x)
        self.row([record.get("ISODATE", "")[:19].replace("T", " "), record.get("HOST", ""), sip.get("code", "-"),
                  sip.get("meaning") or sip.get("event", ""), sip.get("severity", ""), who], sip.get("class"))


def summary(texts, counts, facts, records, found, colour):
    print()
    if not found:
        print(texts["none"])
    elif counts:
        print(f"{texts['count']:>7}  {texts['code']:<22}  {fit(texts['phrase'], 32)}  {texts['meaning']}")
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            class_, phrase, meaning = facts[code]
            line = f"{count:>7}  {code:<22}  {fit(phrase, 32)}  {printable(meaning)}"
            print(f"\033[{COLOURS[class_]}m{line}\033[0m" if colour and class_ in COLOURS else line)
    print(texts["total"].format(records=records, found=found))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--language", choices=sorted(TEXTS), default="en")
    parser.add_argument("--rows", type=int, default=0, help="print at most so many rows")
    options = parser.parse_args()
    texts = TEXTS[options.language]
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    table = Table(texts, colour)
    counts, facts = Counter(), {}
    records = found = 0
    try:
        copy = os.fdopen(3, "wb")
    except OSError:
        copy = open(os.devnull, "wb")

    # Ctrl-C ends the daemon, and by that our input; the summary is still wanted
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        records += 1
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "sip" not in record:
            continue
        copy.write(line)
        copy.flush()
        found += 1
        sip = record["sip"]
        key = str(sip.get("code") or sip["event"])
        counts[key] += 1
        facts.setdefault(key, (sip.get("class"), sip.get("reason", ""), sip.get("meaning", "")))
        if not options.rows or found <= options.rows:
            table.record(record)
        elif found == options.rows + 1:
            print(texts["more"])
    copy.close()
    summary(texts, counts, facts, records, found, colour)


main()
