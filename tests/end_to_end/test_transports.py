# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Records over unix-dgram, UDP, TCP and TLS into a running daemon, and its counters."""
import shutil
import socket
import ssl
import subprocess

import pytest

from conftest import JSON, VERSION, free_port, tcp_port_is_open, udp_port_is_open, wait_for

MESSAGE = (b"<135>Nov 23 06:41:05 pbx asterisk[28845]: VERBOSE[28885]: res_pjsip_logger.c:354 in logging_on_rx_msg: "
           b"<--- Received SIP response (365 bytes) from UDP:192.0.2.7:5074 --->\n"
           b"SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport\r\nCall-ID: abc@192.0.2.1\r\n"
           b"CSeq: 14520 INVITE\r\nContent-Length:  0\r\n\r\n\n")


def log_path(source):
    return (f"log {{ source {{ {source} }}; parser {{ sip-log(); }}; "
            f"destination {{ file(\"@OUT@\" template({JSON})); }}; }};")


def assert_busy(record):
    sip = record["sip"]
    assert (str(sip["code"]), sip["method"], sip["call_id"]) == ("486", "INVITE", "abc@192.0.2.1")


def test_unix_dgram(syslog_ng):
    daemon = syslog_ng(log_path('unix-dgram("@DIR@/log.sock" log-msg-size(65536));')).start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(str(daemon.dir / "log.sock"))
        s.send(MESSAGE)
    assert_busy(daemon.wait_for_lines(1)[0])


def test_udp(syslog_ng):
    port = free_port(socket.SOCK_DGRAM)
    daemon = syslog_ng(log_path(f'network(transport(udp) ip("127.0.0.1") port({port}) log-msg-size(65536));')).start()
    wait_for(lambda: udp_port_is_open(port), "the UDP port")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(MESSAGE, ("127.0.0.1", port))
    record, = daemon.wait_for_lines(1)
    assert_busy(record)
    assert record["PROGRAM"] == "asterisk"


def test_tcp_one_record_a_line(syslog_ng):
    port = free_port()
    daemon = syslog_ng(log_path(f'network(transport(tcp) ip("127.0.0.1") port({port}));')).start()
    wait_for(lambda: tcp_port_is_open(port), "the TCP port")
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"<134>Nov 23 06:41:05 pbx x: SIP/2.0 503 Service Unavailable\n<134>Nov 23 06:41:05 pbx x: quiet\n")
    records = daemon.wait_for_lines(2)
    assert str(records[0]["sip"]["code"]) == "503"
    assert "sip" not in records[1]


def test_tcp_octet_counted(syslog_ng):
    port = free_port()
    daemon = syslog_ng(log_path(f'syslog(transport(tcp) ip("127.0.0.1") port({port}) log-msg-size(65536));')).start()
    wait_for(lambda: tcp_port_is_open(port), "the TCP port")
    text = b"<135>1 2026-11-23T06:41:05Z pbx asterisk 28845 - - " + MESSAGE.split(b"28845]: ", 1)[1]
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"%d %s" % (len(text), text))
    assert_busy(daemon.wait_for_lines(1)[0])


@pytest.mark.parametrize("threads", [4])
def test_many_connections_lose_nothing_and_count_everything(syslog_ng, threads):
    import threading
    port = free_port()
    lines = 5000
    daemon = syslog_ng("options { stats-level(1); };\n" +
                       f'source s {{ network(transport(tcp) ip("127.0.0.1") port({port}) max-connections(20) '
                       f'log-iw-size(20000)); }};\n'
                       f"log {{ source(s); parser {{ sip-status(group(\"${{PROGRAM}}\")); }}; destination {{ file(\"@OUT@\" "
                       'template("$(format-json n=$PID code=${.sip.code})\\n")); }; flags(flow-control); };')
    if VERSION.startswith("4."):
        daemon.conf.write_text(daemon.conf.read_text().replace("stats-level(1)", "stats(level(1))"))
    daemon.start()
    wait_for(lambda: tcp_port_is_open(port), "the TCP port")

    def send(thread):
        with socket.create_connection(("127.0.0.1", port)) as s:
            for i in range(lines):
                text = b"SIP/2.0 486 Busy Here" if i % 2 else b"quiet"
                s.sendall(b"<134>Nov 23 06:41:05 pbx p%d[%d]: %s\n" % (thread, i, text))

    senders = [threading.Thread(target=send, args=(i,)) for i in range(threads)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    records = daemon.wait_for_lines(threads * lines)
    assert len(records) == threads * lines
    assert sum(1 for r in records if r["code"]) == threads * lines // 2

    # passed on at the end of a batch, so at the latest when the connections are closed
    wait_for(lambda: daemon.counters().get(("sip_status_unmatched_total", ""), 0) == threads * lines // 2,
             "the unmatched counter")
    counters = daemon.counters()
    assert counters["sip_status_parsed_total", ""] == threads * lines // 2
    for i in range(threads):
        assert counters["sip_status_lines_total",
                        f"code=486,class=4xx,method=unknown,direction=unknown,group=p{i}"] == lines // 2
    assert counters["sip_status_lines_total", "code=none,class=5xx,method=unknown,direction=unknown,group=p0"] == 0


def test_prometheus_names(syslog_ng):
    if VERSION.startswith("3."):
        pytest.skip("syslog-ng 3.x has no `stats prometheus'")
    daemon = syslog_ng(log_path('unix-dgram("@DIR@/log.sock");')).start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(str(daemon.dir / "log.sock"))
        s.send(MESSAGE)
    daemon.wait_for_lines(1)
    text = daemon.ctl("stats", "prometheus").stdout
    line, = [x for x in text.splitlines() if x.startswith("syslogng_sip_status_lines_total{") and 'code="486"' in x]
    assert 'class="4xx"' in line and 'method="INVITE"' in line and line.endswith("} 1")
    assert 'syslogng_sip_status_lines_total{code="none",class="6xx",method="unknown",direction="unknown"} 0' in text


@pytest.fixture
def certificate(tmp_path):
    key, cert = tmp_path / "server.key", tmp_path / "server.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
    return key, cert


def test_the_central_server_example(syslog_ng, certificate, tmp_path):
    """conf/examples/central-server.conf as it is, but for ports, addresses and folders."""
    from conftest import SCL
    assert shutil.which("openssl")
    udp, tcp, tls, phones = free_port(socket.SOCK_DGRAM), free_port(), free_port(), free_port(socket.SOCK_DGRAM)
    text = (SCL.parents[1] / "examples/central-server.conf").read_text()
    text = text.replace("0.0.0.0", "127.0.0.1").replace("/var/log/sip", str(tmp_path / "log"))
    text = text.replace("/etc/syslog-ng/tls/server.key", str(certificate[0]))
    text = text.replace("/etc/syslog-ng/tls/server.crt", str(certificate[1]))
    text = text.replace("transport(udp) ip(\"127.0.0.1\") port(514)", f"transport(udp) ip(\"127.0.0.1\") port({udp})")
    text = text.replace("port(514)", f"port({tcp})").replace("port(6514)", f"port({tls})")
    text = text.replace("port(5140)", f"port({phones})")
    daemon = syslog_ng(text).start()
    out = tmp_path / "log/status.json"
    wait_for(lambda: udp_port_is_open(udp) and udp_port_is_open(phones), "the UDP ports")

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(MESSAGE, ("127.0.0.1", udp))
        s.sendto(b"<134>Jan  1 00:00:00 SIP/2.0 403 Forbidden", ("127.0.0.1", phones))
    with socket.create_connection(("127.0.0.1", tcp)) as s:
        s.sendall(b"<134>Nov 23 06:41:05 pbx x: SIP/2.0 503 Service Unavailable\n")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    body = b"<135>1 2026-11-23T06:41:05Z pbx asterisk 1 - - SIP/2.0 404 Not Found\r\nCSeq: 1 INVITE\r\n\r\n"
    with context.wrap_socket(socket.create_connection(("127.0.0.1", tls))) as s:
        s.sendall(b"%d %s" % (len(body), body))

    daemon.out = out
    records = daemon.wait_for_lines(4)
    assert sorted(str(r["sip"]["code"]) for r in records) == ["403", "404", "486", "503"]
    assert {r["sip"]["meaning_vi"] for r in records if str(r["sip"]["code"]) == "486"} == {"Đang bận"}
    assert all("ISODATE" in r and "HOST" in r for r in records)
