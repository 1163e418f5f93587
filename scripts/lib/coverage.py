# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sums up gcov over core and alert engine: coverage.py BUILD TOP LINES BRANCHES"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

build, _top, want_lines, want_branches = sys.argv[1:]
lines, branches = collections.defaultdict(dict), collections.defaultdict(dict)
# the parser of the plugin is syslog-ng's part, not the engine
PARTS = ("modules/sip/core/", "modules/sip/alert/alert-", "modules/sip/alert/sip-alert-text")
with tempfile.TemporaryDirectory() as folder:
    for data in pathlib.Path(build).resolve().glob("modules/sip/**/*.gcda"):
        subprocess.run(["gcov", "--json-format", "--branch-probabilities", str(data)], cwd=folder, capture_output=True,
                       check=True)
        for report in pathlib.Path(folder).glob("*.gcov.json.gz"):
            for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                at = next((file["file"].find(part) for part in PARTS if part in file["file"]), -1)
                name = file["file"][at:]
                if at < 0 or name.endswith(("-table.c", "-builtin-rules.c")):
                    continue
                for line in file["lines"]:
                    number = line["line_number"]
                    lines[name][number] = max(lines[name].get(number, 0), line["count"])
                    for index, branch in enumerate(line["branches"]):
                        key = number, index
                        branches[name][key] = max(branches[name].get(key, 0), branch["count"])
            report.unlink()


def share(found):
    return 100 * sum(1 for count in found.values() if count) / max(len(found), 1)


for name in sorted(lines):
    print(f"{name:48} lines {share(lines[name]):5.1f} % of {len(lines[name]):4}   "
          f"branches {share(branches[name]):5.1f} % of {len(branches[name]):4}")
all_lines = {(name, key): count for name, found in lines.items() for key, count in found.items()}
all_branches = {(name, key): count for name, found in branches.items() for key, count in found.items()}
print(f"{'all':48} lines {share(all_lines):5.1f} % of {len(all_lines):4}   "
      f"branches {share(all_branches):5.1f} % of {len(all_branches):4}")
sys.exit(share(all_lines) < float(want_lines) or share(all_branches) < float(want_branches))
