# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The bars of sip-alert()'s defaults, on a week that is quick to make."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("SIP_BUILD", HERE.parents[1] / "build"))
DRIVER = BUILD / "tests/simulator/alert-driver"


@pytest.fixture(scope="session", autouse=True)
def driver():
    subprocess.run(["make", "-s", "tests/simulator/alert-driver", "tests/simulator/alert-bench"], cwd=BUILD, check=True,
                   stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("scenario", ["turned", "pbx-office", "short"])
def test_the_defaults_meet_the_bars(scenario):
    done = subprocess.run([sys.executable, HERE / "scoreboard.py", "--driver", DRIVER, "--seeds", "4", "--verbose", "--check",
                           HERE / "scenarios" / f"{scenario}.toml"], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_record_costs_little():
    """20,000 records a second on one core are 50 us each; allow a tenth of that, on a busy machine."""
    out = subprocess.run([BUILD / "tests/simulator/alert-bench"], text=True, capture_output=True, check=True).stdout
    for line in out.splitlines():
        assert float(line.split(" ns a record")[0].split()[-1]) < 5000, out
        assert float(line.split(" MiB")[0].split()[-1]) < 64, out
