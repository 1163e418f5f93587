# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon under valgrind over the recording: no error, with PCRE2's JIT (suppressed) and without."""
import gzip
import re

import pytest

from conftest import TOP

RECORDING = TOP / "tests/recordings/quickstart.log.gz"
CONFIG = """
log { source { stdin(flags(no-parse) multi-line-mode(prefix-garbage) multi-line-prefix("^[A-Z][a-z]{2} ")); };
  parser { syslog-parser(); };
  parser { sip-log(group("${HOST}") fields("+codes" "+rule" "+category" "+cseq" "+user_agent" "+phrase")); };
  destination { file("/dev/stdout" template("${.sip.code}\\n")); }; };
"""


@pytest.mark.parametrize("jit", [True, False], ids=["jit", "no jit"])
def test_no_errors(syslog_ng, tmp_path, monkeypatch, jit):
    report = tmp_path / "valgrind"
    if not jit:
        monkeypatch.setenv("SIP_STATUS_NO_JIT", "1")
    wrapper = ["valgrind", f"--log-file={report}", "--num-callers=40", "--leak-check=full",
               "--show-leak-kinds=definite", "--errors-for-leak-kinds=none", "--keep-debuginfo=yes"]
    if jit:
        wrapper.append(f"--suppressions={TOP}/tests/valgrind.supp")
    daemon = syslog_ng(CONFIG, wrapper=wrapper)
    data = gzip.decompress(RECORDING.read_bytes())
    hostile = b"Nov 23 06:41:05 h p: SIP/2.0 486 \x00\xff\r\n" + b"Nov 23 06:41:05 h p: " + b"SIP/2.0 " * 2000 + b"\n"
    out = daemon.run(data + hostile, timeout=300)
    assert out.count(b"486\n") > 0

    text = report.read_text()
    assert re.search(r"ERROR SUMMARY: 0 errors", text), text
    # the daemon has leaks of its own; a leak of ours has a frame in libsip.so
    leaks = [block for block in re.split(r"==\d+== \n", text) if "definitely lost" in block and "libsip" in block]
    assert not leaks, "\n".join(leaks)
