# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The daemon of tests/end_to_end, and a sender and receivers for long runs.

Each scenario runs twice, with the parser and without it (the floor): the module may never lose more or grow more than
the same daemon without it.
"""
import importlib.util
import json
import lzma
import pathlib
import re
import socket
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("end_to_end_daemon", HERE.parent / "end_to_end" / "conftest.py")
daemon = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(daemon)
syslog_ng = daemon.syslog_ng
parse = daemon.parse
wait_for = daemon.wait_for

ALL_FIELDS = ('sip-log(group("${HOST}") fields("+codes" "+rule" "+category" "+cseq" "+user_agent" "+phrase") '
              'rules-file("@DIR@/mine.rules") codes-file("@DIR@/mine.csv"))')
# the alerts that sip-alert() adds are records of its own, which are not counted
PARSER = (f"parser {{ {ALL_FIELDS}; }}; parser {{ sip-alert(); }}; "
          'filter { not match("^SIP alert" value("MESSAGE")); };')
RULES = """[rule mine.gateway]
anchor: gateway said
pattern: gateway said (?<code>\\d{3})
rank: pair
match: gateway said 486
expect: code=486
"""
CODES = "code,meaning_de,severity\n486,Besetzt,warning\n"


def corpus_lines():
    """Single-line UTF-8 records of the recordings, in the order of the files"""
    lines = []
    for path in sorted((HERE.parent / "recordings").glob("*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8", errors="surrogateescape") as file:
            for text in file:
                line = json.loads(text)["line"]
                if line and line.isprintable() and line == line.strip():
                    lines.append(line.encode())
    assert len(lines) > 5000
    return lines


def memory(pid):
    """VmRSS in KiB"""
    return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1))


def own_files(node):
    (node.dir / "mine.rules").write_text(RULES)
    (node.dir / "mine.csv").write_text(CODES)


class Load(threading.Thread):
    """Numbered records over one TCP connection until told to stop; with flow-control the daemon sets the pace."""

    def __init__(self, port, pause=0.0):
        super().__init__(daemon=True)
        self.port, self.pause, self.sent, self.go_on, self.error = port, pause, 0, True, None

    def run(self):
        texts = ["SIP/2.0 486 Busy Here", "nothing to see", "gateway said 503", "SIP/2.0 200 OK CSeq: 1 INVITE"]
        try:
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                while self.go_on:
                    lines = [f"{number:09d} {texts[number % 4]}\n" for number in range(self.sent, self.sent + 50)]
                    connection.sendall("".join(lines).encode())
                    self.sent += 50
                    if self.pause:
                        time.sleep(self.pause)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        except OSError as error:
            self.error = error

    def finish(self):
        self.go_on = False
        self.join(60)
        assert not self.is_alive() and self.error is None, self.error
        return self.sent


class Receiver(threading.Thread):
    """A line-based TCP server that can be closed and opened again on the same port."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.lines, self.connections, self.stopping = [], [], False
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", port))
        self.server.listen()
        self.start()

    def run(self):
        while not self.stopping:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        rest = b""
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            *whole, rest = (rest + data).split(b"\n")
            self.lines.extend(whole)

    def close(self):
        self.stopping = True
        for one in [self.server, *self.connections]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
