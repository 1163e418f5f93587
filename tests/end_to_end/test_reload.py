# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reloads of a running daemon: new options, new rules, broken ones; a parser in two log paths."""
import socket

from conftest import JSON, wait_for

RULES = """[rule mine.gateway]
anchor: gateway said
pattern: gateway said (?<code>\\d{3})
rank: pair
match: gateway said 486
expect: code=486
"""


def config(options):
    return (f'log {{ source {{ unix-dgram("@DIR@/log.sock"); }}; parser {{ sip-status({options}); }}; '
            f"destination {{ file(\"@OUT@\" template({JSON})); }}; }};")


class Sender:
    def __init__(self, daemon):
        self.daemon = daemon
        self.sent = 0

    def __call__(self, text):
        """sends a record and returns it as it comes out"""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(str(self.daemon.dir / "log.sock"))
            s.send(b"<134>Nov 23 06:41:05 x: " + text.encode())
        self.sent += 1
        return self.daemon.wait_for_lines(self.sent)[-1]


def test_reload_takes_new_options(syslog_ng):
    daemon = syslog_ng(config('language("en")')).start()
    send = Sender(daemon)
    assert send("SIP/2.0 486 Busy Here")["sip"]["meaning"].isascii()
    daemon.write_config(config('language("vi")'))
    assert daemon.ctl("reload").returncode == 0
    assert send("SIP/2.0 486 Busy Here")["sip"]["meaning"] == "Đang bận"


def test_reload_reads_rule_files_again(syslog_ng):
    daemon = syslog_ng(config('rules-file("@DIR@/x.rules")'))
    (daemon.dir / "x.rules").write_text(RULES)
    daemon.start()
    send = Sender(daemon)
    assert str(send("gateway said 503")["sip"]["code"]) == "503"
    (daemon.dir / "x.rules").write_text(RULES.replace("gateway said", "gateway answered"))
    assert daemon.ctl("reload").returncode == 0
    assert "sip" not in send("gateway said 503")
    assert str(send("gateway answered 503")["sip"]["code"]) == "503"


def test_a_broken_configuration_keeps_the_old_one(syslog_ng):
    daemon = syslog_ng(config('rules-file("@DIR@/x.rules")'))
    (daemon.dir / "x.rules").write_text(RULES)
    daemon.start()
    send = Sender(daemon)
    assert str(send("gateway said 503")["sip"]["code"]) == "503"

    for broken in (RULES.replace("(?<code>", "(?<kode>"), RULES.replace("\\d{3})", "\\d{3}"), "nonsense\n"):
        (daemon.dir / "x.rules").write_text(broken)
        daemon.ctl("reload")
        assert str(send("gateway said 404")["sip"]["code"]) == "404"
        wait_for(lambda: "x.rules" in daemon.log.read_text(errors="replace"), "the error in the daemon's log")

    (daemon.dir / "x.rules").write_text(RULES)
    assert daemon.ctl("reload").returncode == 0
    assert str(send("gateway said 603")["sip"]["code"]) == "603"


def test_counters_go_on_over_a_reload(syslog_ng):
    daemon = syslog_ng(config("")).start()
    send = Sender(daemon)
    key = "sip_status_lines_total", "code=486,class=4xx,method=unknown,direction=unknown"
    send("SIP/2.0 486 Busy Here")
    assert daemon.ctl("reload").returncode == 0
    assert daemon.counters()[key] == 1
    send("SIP/2.0 486 Busy Here")
    assert daemon.counters()[key] == 2


def test_a_named_parser_in_two_log_paths(syslog_ng):
    daemon = syslog_ng(
        'source s { unix-dgram("@DIR@/log.sock"); }; parser p_sip { sip-status(prefix("x.") rules-file("@DIR@/x.rules")); };\n'
        'log { source(s); parser(p_sip); destination { file("@OUT@" template("$(format-json --key x.*)\\n")); }; };\n'
        'log { source(s); parser(p_sip); destination { file("@DIR@/out2" template("$(format-json --key x.*)\\n")); }; };\n')
    (daemon.dir / "x.rules").write_text(RULES)
    daemon.start()
    send = Sender(daemon)
    for _ in range(2):
        first = send("gateway said 486")
        assert str(first["x"]["code"]) == "486"
        wait_for(lambda: (daemon.dir / "out2").exists()
                 and len((daemon.dir / "out2").read_text().splitlines()) == send.sent, "the second path")
        assert (daemon.dir / "out2").read_text() == daemon.out.read_text()
        assert daemon.ctl("reload").returncode == 0
    assert daemon.stop() == 0


def test_many_reloads_lose_nothing(syslog_ng):
    daemon = syslog_ng(config('language("en" "vi") group("${HOST}")')).start()
    send = Sender(daemon)
    for i in range(20):
        assert str(send(f"SIP/2.0 4{i:02d} Reason {i}")["sip"]["code"]) == f"4{i:02d}"
        assert daemon.ctl("reload").returncode == 0
    assert len(daemon.lines()) == 20


def test_reloads_under_load_lose_and_miscount_nothing(syslog_ng):
    import threading
    from conftest import free_port, tcp_port_is_open
    port, n = free_port(), 30000
    daemon = syslog_ng(
        f'source s {{ network(transport(tcp) ip("127.0.0.1") port({port}) log-iw-size(20000)); }};\n'
        'log { source(s); parser { sip-status(group("${HOST}")); }; '
        'destination { file("@OUT@" template("${.sip.code}\\n")); }; flags(flow-control); };').start()
    wait_for(lambda: tcp_port_is_open(port), "the TCP port")

    def send():
        with socket.create_connection(("127.0.0.1", port)) as s:
            for i in range(n):
                s.sendall(b"<134>Nov 23 06:41:05 pbx x: " + (b"SIP/2.0 486 Busy Here\n" if i % 2 else b"quiet\n"))

    sender = threading.Thread(target=send)
    sender.start()
    reloads = 0
    while sender.is_alive() or reloads < 10:
        assert daemon.ctl("reload").returncode == 0
        reloads += 1
    sender.join()
    wait_for(lambda: len(daemon.lines()) == n, "all records")
    assert daemon.lines().count(b"486\n") == n // 2
    wait_for(lambda: daemon.counters().get(("sip_status_unmatched_total", ""), 0) == n // 2, "the unmatched counter")
    assert daemon.counters()["sip_status_parsed_total", ""] == n // 2
    assert sum(value for (name, labels), value in daemon.counters().items()
               if name == "sip_status_lines_total" and "code=486" in labels) == n // 2
