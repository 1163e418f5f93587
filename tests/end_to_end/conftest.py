# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Drives the real syslog-ng with the module from the build tree.

Environment:
  SIP_BUILD     the build folder                     (default: build, below the source tree)
  SIP_MODULES   the folder of libsip.so              (default: $SIP_BUILD/modules/sip/.libs)
  SYSLOG_NG     the daemon                           (default: syslog-ng from PATH or /usr/sbin)

Nothing here sleeps for luck: every wait is for a condition, with a deadline.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SIP_BUILD", TOP / "build"))
MODULES = Path(os.environ.get("SIP_MODULES", BUILD / "modules/sip/.libs"))
SYSLOG_NG = os.environ.get("SYSLOG_NG") or shutil.which("syslog-ng") or "/usr/sbin/syslog-ng"
SYSLOG_NG_CTL = shutil.which("syslog-ng-ctl", path=f"{Path(SYSLOG_NG).parent}:/usr/sbin:/usr/bin") or "syslog-ng-ctl"
DEADLINE = 30


def _module_path():
    output = subprocess.run([SYSLOG_NG, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"^Module-Path: (.*)$", output, re.M).group(1)


def _version():
    output = subprocess.run([SYSLOG_NG, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"^syslog-ng \d+ \((\d+\.\d+)|^syslog-ng (\d+)", output).group(1)


VERSION = _version()
MODULE_PATH = f"{_module_path()}:{MODULES}"
SCL = TOP / "conf/scl/sip"

# what nearly every test wants out: one JSON object for each record
JSON = '"$(format-json --key PROGRAM --key HOST --key MESSAGE --key .sip.* --rekey .sip.* --shift 1)\\n"'


def wait_for(condition, what, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"timeout waiting for {what}")
        time.sleep(0.02)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def udp_port_is_open(port):
    return any(f":{port:04X} " in line for line in Path("/proc/net/udp").read_text().splitlines())


def tcp_port_is_open(port):
    """By the kernel's list: a connection attempt to a free port of the ephemeral range can reach itself."""
    return any(re.search(rf":{port:04X} \S+ 0A ", line) for line in Path("/proc/net/tcp").read_text().splitlines())


class SyslogNg:
    """One daemon with its own configuration, state and control socket in a temporary folder."""

    def __init__(self, folder, wrapper=()):
        self.dir = Path(folder)
        self.conf = self.dir / "syslog-ng.conf"
        self.out = self.dir / "out"
        self.log = self.dir / "log"
        self.wrapper = list(wrapper)
        self.process = None

    def write_config(self, text, version=None, scl=False):
        lines = [f"@version: {version or VERSION}"]
        if scl:
            lines.append('@include "scl.conf"')
        lines.append(f'@include "{SCL}/sip-log.conf"')
        lines.append(f'@include "{SCL}/sip-sources.conf"')
        self.conf.write_text("\n".join(lines) + "\n" + text.replace("@OUT@", str(self.out)).replace("@DIR@", str(self.dir)))

    def command(self, *args):
        return self.wrapper + [
            SYSLOG_NG, "-F", "--no-caps", "--stderr", "-f", str(self.conf), "-R", str(self.dir / "persist"),
            "-p", str(self.dir / "pid"), "-c", str(self.dir / "ctl"), f"--module-path={MODULE_PATH}", *args]

    def check(self):
        """-s: exit status and what it says"""
        result = subprocess.run(self.command("-s"), capture_output=True, text=True, timeout=DEADLINE)
        return result.returncode, result.stderr

    def run(self, data, timeout=120):
        """Feeds data to stdin() until end of file; what goes to /dev/stdout comes back as bytes."""
        result = subprocess.run(self.command(), input=data, capture_output=True, timeout=timeout)
        self.log.write_bytes(result.stderr)
        assert result.returncode == 0, result.stderr.decode(errors="replace")
        return result.stdout

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._is_up, f"the daemon: {self.log.read_text(errors='replace')}")
        return self

    def _is_up(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return "syslog-ng starting up" in self.log.read_text(errors="replace") and self.ctl("stats").returncode == 0

    def ctl(self, *args):
        return subprocess.run([SYSLOG_NG_CTL, *args, "-c", str(self.dir / "ctl")], capture_output=True, text=True,
                              timeout=DEADLINE)

    def counters(self):
        """The CSV of `syslog-ng-ctl stats' as {(name, labels): value} for this module's counters."""
        result = {}
        for line in self.ctl("stats").stdout.splitlines():
            fields = line.split(";")
            if len(fields) == 6 and fields[0] == "parser" and fields[1].startswith("sip_"):
                result[fields[1], fields[2]] = int(fields[5])
        return result

    def lines(self):
        return self.out.read_bytes().splitlines(keepends=True) if self.out.exists() else []

    def wait_for_lines(self, n):
        """The first n records of the file destination @OUT@, parsed."""
        wait_for(lambda: len(self.lines()) >= n and self.lines()[n - 1].endswith(b"\n"),
                 f"{n} records, there are {len(self.lines())}")
        return [json.loads(line) for line in self.lines()]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.ctl("stop")
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode if self.process else None


@pytest.fixture
def syslog_ng():
    """Makes daemons; stops them and removes their folders at the end.  Folder names are short: a socket path is 107 bytes."""
    made = []

    def make(config, wrapper=(), **kwargs):
        daemon = SyslogNg(tempfile.mkdtemp(prefix="sip-"), wrapper)
        daemon.write_config(config, **kwargs)
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        daemon.stop()
        shutil.rmtree(daemon.dir, ignore_errors=True)


@pytest.fixture
def parse(syslog_ng):
    """parse(lines, "sip-status(...)"): the records after the parser, as JSON objects"""

    def run(lines, parser="sip-status();", source="stdin(flags(no-parse));", version=None, template=JSON):
        daemon = syslog_ng(
            f'log {{ source {{ {source} }}; parser {{ {parser} }};'
            f" destination {{ file(\"/dev/stdout\" template({template})); }}; }};", version=version)
        data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
        return [json.loads(line) for line in daemon.run(data).splitlines()]

    return run
