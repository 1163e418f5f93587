# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
check-skips.py MAY-SKIP REPORT.xml...: exit status 1 if a test was skipped that
the list does not name.  A line of the list: test name, blank, reason.
"""
import os
import sys
import xml.etree.ElementTree as ElementTree


def main():
    allowed = {line.split()[0] for line in open(sys.argv[1], encoding="utf-8") if line.strip() and line[0] != "#"}
    bad = 0
    for report in sys.argv[2:]:
        if not os.path.exists(report):
            continue
        for case in ElementTree.parse(report).iter("testcase"):
            skipped = case.find("skipped")
            name = case.get("name")
            if skipped is not None and name not in allowed and name.split("[")[0] not in allowed:
                print(f"skipped, but not in tests/may-skip: {name}: {skipped.get('message')}", file=sys.stderr)
                bad += 1
    sys.exit(1 if bad else 0)


main()
