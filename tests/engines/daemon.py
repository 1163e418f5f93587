# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""syslog-ng itself, and a feeder that speaks syslog over TCP to it."""

import datetime
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess

from engines import TOP, Missing, Process, free_port, run, wait_for

SYSLOG_NG = shlex.split(os.environ.get("SYSLOG_NG", "syslog-ng"))
SYSLOG_NG_CTL = shlex.split(os.environ.get("SYSLOG_NG_CTL", "syslog-ng-ctl"))
SIP_MODULE_DIR = os.environ.get("SIP_MODULE_DIR") \
    or (os.environ["SIP_BUILD"] + "/modules/sip/.libs" if os.environ.get("SIP_BUILD") else "")
# what reads a record: the plugin on text as Asterisk writes it, or, without the plugin, JSON of the same facts
PARSER = 'sip-log(fields("+user_agent"));' if SIP_MODULE_DIR else 'json-parser(prefix(".sip."));'
SCL = TOP / "conf" / "scl" / "sip"


def needs_sip():
    if not SIP_MODULE_DIR:
        raise Missing("neither SIP_MODULE_DIR nor SIP_BUILD is set")


def version():
    """Such as (3, 38)."""
    text = run(SYSLOG_NG + ["--version"])
    found = re.search(r"\((\d+)\.(\d+)", text) or re.search(r"Installer-Version: (\d+)\.(\d+)", text)
    return int(found[1]), int(found[2])


def module_path():
    text = run(SYSLOG_NG + ["--version"])
    stock = re.search(r"^Module-Path: (.*)$", text, re.M)[1]
    return ":".join(part for part in (SIP_MODULE_DIR, stock) if part)


def config_version():
    return "%d.%d" % version()


def preamble(stock=False):
    return "\n".join(["@version: " + config_version()]
                     + (['@include "scl.conf"'] if stock else [])
                     + ['@include "%s"' % (SCL / name) for name in ("sip-log.conf", "sip-elasticsearch.conf")]) + "\n"


def check_syntax(config_file):
    """Exit status and messages of syslog-ng -s."""
    done = subprocess.run(SYSLOG_NG + ["--no-caps", "-s", "-f", str(config_file), "--module-path=" + module_path()],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


class SyslogNG:
    """A daemon with one syslog() source s_in; BODY is the rest of its configuration."""

    def __init__(self, folder, body, name="syslog-ng", stock=False, options=""):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.port = free_port()
        self.control = self.folder / "ctl"
        self.config = self.folder / "syslog-ng.conf"
        self.config.write_text(preamble(stock) + """
options { keep-hostname(yes); use-dns(no); stats-level(1); log-fifo-size(300000); %s };
source s_in { syslog(ip("127.0.0.1") port(%d) transport("tcp") max-connections(20) log-iw-size(20000)); };
%s
""" % (options, self.port, body))
        self.process = None

    def start(self):
        self.process = Process(self.name, SYSLOG_NG + [
            "-F", "--stderr", "--no-caps", "-f", self.config, "-R", self.folder / "persist", "-p", self.folder / "pid",
            "-c", self.control, "--module-path=" + module_path()], self.folder / "log")
        wait_for(self.listens, "syslog-ng", 30)
        return self

    def listens(self):
        """Source and control socket both take a connection. The socket's file says nothing: a killed daemon leaves it."""
        self.process.check()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(1)
                control.connect(str(self.control))
            return True
        except OSError:
            return False

    def ctl(self, *words):
        return run(SYSLOG_NG_CTL + list(words) + ["-c", str(self.control)])

    def stats(self):
        """{(component, id, instance, type): number}"""
        rows = {}
        for line in self.ctl("stats").splitlines()[1:]:
            fields = line.split(";")
            if len(fields) >= 6:
                rows[fields[0], fields[1], ";".join(fields[2:-3]), fields[-2]] = int(fields[-1])
        return rows

    def total(self, component, kind, instance=""):
        return sum(number for (c, _, i, k), number in self.stats().items()
                   if c == component and k == kind and instance in i)

    def http(self, kind):
        return self.total("dst.http", kind)

    def reload(self):
        self.ctl("reload")

    def stop(self):
        self.process.end(signal.SIGTERM)

    def kill(self):
        self.process.end(signal.SIGKILL)


def frame(record, text):
    """A record as RFC 5424 with its length in front (RFC 6587)."""
    stamp = datetime.datetime.fromtimestamp(record.time, datetime.timezone.utc).isoformat(timespec="milliseconds")
    line = "<134>1 %s %s %s 1 - - %s" % (stamp, record.host, record.program, text)
    data = line.encode("utf-8", "surrogateescape")
    return b"%d %s" % (len(data), data)


def frames(records):
    """The records as PARSER reads them."""
    return [frame(record, record.as_asterisk_dump() if SIP_MODULE_DIR else record.as_pairs()) for record in records]


def feed(daemon, data_frames):
    """Hands the frames over; returns when the kernel has taken all of them."""
    with socket.create_connection(("127.0.0.1", daemon.port), 30) as connection:
        connection.settimeout(300)
        chunk = []
        size = 0
        for data in data_frames:
            chunk.append(data)
            size += len(data)
            if size > 65536:
                connection.sendall(b"".join(chunk))
                chunk, size = [], 0
        connection.sendall(b"".join(chunk))


