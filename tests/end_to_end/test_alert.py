# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""sip-alert() in the real daemon, and its alerts on their way to a real Alertmanager and other receivers."""
import http.server
import json
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from conftest import DEADLINE, MODULE_PATH, SCL, TOP, free_port, tcp_port_is_open, wait_for

# a fault detector for people in a hurry
QUICK = 'detector("fault" window(10) count(10) quiet(3) refresh(1) reminder(0))'
ALERT_JSON = '"$(format-json --key PROGRAM --key HOST --key MESSAGE --key .sip.alert_* --rekey .sip.* --shift 5)\\n"'


class Receiver:
    """Takes POSTs; answers with the statuses in `answers', then with 200."""

    def __init__(self, port=None):
        receiver = self
        self.read = json.loads
        self.paths = []
        self.bodies = []
        self.answers = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.paths.append(self.path)
                receiver.bodies.append((status, receiver.read(body)))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.port = port or free_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def taken(self):
        return [body for status, body in self.bodies if status == 200]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Alertmanager:
    def __init__(self, webhook):
        self.dir = Path(tempfile.mkdtemp(prefix="am-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = (TOP / "conf/alertmanager/alertmanager.yml").read_text()
        for production, test in (("http://127.0.0.1:9099/", webhook), ("group_wait: 10s", "group_wait: 0s"),
                                 ("group_interval: 1m", "group_interval: 1s")):
            assert production in config
            config = config.replace(production, test)
        (self.dir / "alertmanager.yml").write_text(config)
        self.process = None
        self.start()

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={self.dir}/alertmanager.yml",
                 f"--storage.path={self.dir}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                 "--cluster.listen-address="], stdout=log, stderr=log)
        wait_for(self._is_ready, "Alertmanager")

    def _is_ready(self):
        assert self.process.poll() is None, (self.dir / "log").read_text()
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=1).status == 200
        except OSError:
            return False

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(DEADLINE)

    def active(self):
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?active=true", timeout=5) as answer:
            return json.load(answer)

    def metric(self, name):
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            return sum(float(line.split()[-1]) for line in answer.read().decode().splitlines()
                       if line.startswith((name + " ", name + "{")))

    def wait_for_flush(self):
        """A group is looked at again when what was told about it has been written down."""
        looked = self.metric("alertmanager_nflog_queries_total")
        wait_for(lambda: self.metric("alertmanager_nflog_queries_total") > looked + 1, "Alertmanager's next look")

    def close(self):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def alertmanager(receiver):
    assert shutil.which("prometheus-alertmanager"), "Debian: apt install prometheus-alertmanager"
    manager = Alertmanager(receiver.url)
    yield manager
    manager.close()


class Pbx:
    """Lines of a PBX over TCP."""

    def __init__(self, port):
        self.port = port
        self.serial = 0

    def send(self, code, n, host="pbx1"):
        lines = []
        for _ in range(n):
            self.serial += 1
            lines.append(f"<134>Nov 25 03:00:00 {host} kamailio[1]: SIP/2.0 {code} Whatever\\r\\n"
                         f"Call-ID: {host}-{self.serial}@test\\r\\nCSeq: 1 INVITE\\r\\n\n")
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as s:
            s.sendall("".join(lines).encode())


def start_daemon(syslog_ng, parser, destination='file("@OUT@" template(' + ALERT_JSON + "))", filter_="sip-alert-records()",
                 scl=False):
    port = free_port()
    daemon = syslog_ng(f"""
@include "{SCL}/sip-alert.conf"
@include "{SCL}/sip-alertmanager.conf"
options {{ keep-hostname(yes); stats-level(1); }};
log {{
  source {{ network(ip("127.0.0.1") port({port})); }};
  parser {{ sip-log(); {parser} }};
  filter {{ {filter_} }};
  destination {{ {destination}; }};
}};
""", scl=scl)
    daemon.start()
    wait_for(lambda: tcp_port_is_open(port), "the source")
    return daemon, Pbx(port)


def alerts(daemon):
    return [json.loads(line)["sip"] if "sip" in json.loads(line) else json.loads(line) for line in daemon.lines()
            if line.endswith(b"\n")]


def states(daemon, key=None):
    return [alert["alert_state"] for alert in alerts(daemon) if key in (None, alert["alert_key"])]


def wait_for_state(daemon, state, n=1, key=None):
    wait_for(lambda: states(daemon, key).count(state) >= n, f"{n} {state}; there are {states(daemon, key)}")


def keep_failing(pbx, until, what):
    """An incident goes on until something has been seen."""
    def step():
        pbx.send(503, 2)
        return until()
    wait_for(step, what)


# ---------------------------------------------------------------------------------------------- sip-alert() alone


def test_no_option_is_useful(syslog_ng):
    daemon, pbx = start_daemon(syslog_ng, "sip-alert();")
    pbx.send(200, 30)
    pbx.send(503, 60)
    wait_for_state(daemon, "firing")
    alert = alerts(daemon)[0]
    assert alert["alert_detector"] in ("fault", "no-success")
    assert alert["alert_key"] == "pbx1"
    assert "503=" in alert["alert_codes"]
    assert alert["alert_call_id"].endswith("@test")
    assert daemon.counters()["sip_alert_state", f"detector={alert['alert_detector']}"] == 1
    assert states(daemon) == ["firing"]


def test_challenges_and_busy_lines_are_silent(syslog_ng):
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert({QUICK} detectors(no-success));")
    for code in (200, 401, 407, 486, 487, 480, 200):
        pbx.send(code, 200)
    pbx.send(503, 10, host="end-of-test")
    wait_for_state(daemon, "firing", key="end-of-test")
    assert not states(daemon, "pbx1")


def test_reload_and_restart_in_mid_incident(syslog_ng):
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert({QUICK});")
    pbx.send(200, 5)
    keep_failing(pbx, lambda: "firing" in states(daemon), "the alert")
    before = alerts(daemon)[0]

    assert daemon.ctl("reload").returncode == 0
    refreshes = states(daemon).count("refresh")
    keep_failing(pbx, lambda: states(daemon).count("refresh") >= refreshes + 2, "refreshes after the reload")
    assert states(daemon).count("firing") == 1

    assert daemon.stop() == 0
    refreshes = states(daemon).count("refresh")
    daemon.start()
    wait_for(lambda: tcp_port_is_open(pbx.port), "the source")
    keep_failing(pbx, lambda: states(daemon).count("refresh") >= refreshes + 2, "refreshes after the restart")
    assert states(daemon).count("firing") == 1

    # no further line comes
    wait_for_state(daemon, "resolved")
    resolved = alerts(daemon)[-1]
    assert states(daemon).count("firing") == 1
    assert states(daemon).count("resolved") == 1
    assert resolved["alert_id"] == before["alert_id"]
    assert int(resolved["alert_duration"]) >= 1
    assert resolved["alert_since"][:16] == before["alert_since"][:16]


def test_killed_in_mid_incident(syslog_ng):
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert({QUICK});")
    pbx.send(200, 5)
    keep_failing(pbx, lambda: states(daemon).count("refresh") >= 2, "refreshes")
    daemon.process.kill()
    daemon.process.wait()
    (daemon.dir / "ctl").unlink()
    daemon.start()
    wait_for(lambda: tcp_port_is_open(pbx.port), "the source")
    wait_for_state(daemon, "resolved")
    assert states(daemon).count("firing") == 1


def test_old_logs_by_their_stamps(syslog_ng):
    """A day of old log in a second: alerts carry its times."""
    daemon = syslog_ng(f"""
@include "{SCL}/sip-alert.conf"
log {{
  source {{ stdin(); }};
  parser {{ sip-log(); sip-alert(time(stamp)); }};
  filter {{ sip-alert-records(); }};
  destination {{ file("/dev/stdout" template({ALERT_JSON})); }};
}};
""")
    lines = []
    for second in range(0, 6 * 3600, 10):
        incident = 4 * 3600 <= second < 4 * 3600 + 900
        code = "503 Service Unavailable" if incident else "200 OK"
        lines.append("<134>1 2026-03-01T%02d:%02d:%02dZ pbx1 kamailio - - - SIP/2.0 %s\\r\\nCSeq: 1 INVITE\\r\\n\n"
                     % (second // 3600, second // 60 % 60, second % 60, code))
    daemon.write_config(daemon.conf.read_text().split("\n", 3)[3].replace("stdin()", "stdin(flags(syslog-protocol))"))
    out = [json.loads(line) for line in daemon.run("".join(lines).encode()).splitlines()]
    out = [o.get("sip", o) for o in out]
    assert [o["alert_state"] for o in out if o["alert_state"] != "refresh"] == ["firing", "resolved"]
    assert out[0]["alert_since"].startswith("2026-03-01T04:0")
    assert 800 <= int(out[-1]["alert_duration"]) <= 1300


# -------------------------------------------------------------------------------------------------- Alertmanager


def webhook_states(receiver):
    return [alert["status"] for body in receiver.taken() for alert in body["alerts"]]


def test_alertmanager_fires_and_resolves(syslog_ng, alertmanager, receiver):
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert({QUICK});", f'sip-alertmanager(url("{alertmanager.url}"))')
    pbx.send(200, 5)
    keep_failing(pbx, lambda: "firing" in webhook_states(receiver), "the webhook")
    active = alertmanager.active()
    assert [a["labels"] for a in active] == [
        {"alertname": "SipAlert", "detector": "fault", "key": "pbx1", "severity": "crit"}]
    assert "503=" in active[0]["annotations"]["codes"]
    assert active[0]["annotations"]["summary"].startswith("SIP alert")
    wait_for(lambda: "resolved" in webhook_states(receiver), "the recovery")
    assert not alertmanager.active()
    assert webhook_states(receiver) == ["firing", "resolved"]
    assert daemon.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_alertmanager_away_for_a_while(syslog_ng, alertmanager, receiver, how):
    """It goes while one key fails and comes back when that is over and another fails."""
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert({QUICK});",
                               f'sip-alertmanager(url("{alertmanager.url}") time-reopen(1))')
    pbx.send(200, 5)
    keep_failing(pbx, lambda: "firing" in webhook_states(receiver), "the webhook")
    alertmanager.wait_for_flush()
    alertmanager.end(how)
    if how == signal.SIGKILL:
        # it has lost its memory: only what still fires can be told again
        alertmanager.start()
        keep_failing(pbx, lambda: alertmanager.active(), "the alert again")
    else:
        wait_for(lambda: daemon.counters()["sip_alert_state", "detector=fault"] == 0, "the end of the incident")
        pbx.send(503, 30, host="pbx2")
        wait_for(lambda: daemon.counters()["sip_alert_state", "detector=fault"] == 1, "the other alert")
        alertmanager.start()
        wait_for(lambda: any(a["labels"]["key"] == "pbx2" and a["status"] == "firing"
                             for body in receiver.taken() for a in body["alerts"]), "the other alert")
    wait_for(lambda: any(a["labels"]["key"] == "pbx1" and a["status"] == "resolved"
                         for body in receiver.taken() for a in body["alerts"]), "the recovery")


# ------------------------------------------------------------------------------------------------ other receivers


def test_a_rejected_alert_blocks_nothing(syslog_ng, receiver):
    receiver.answers = [400, 503]
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert({QUICK});", f'sip-webhook(url("{receiver.url}") time-reopen(1))',
                               "sip-alert-news()")
    pbx.send(503, 30, host="refused")
    wait_for(lambda: receiver.bodies, "the first")
    assert receiver.bodies[0][0] == 400
    pbx.send(503, 30, host="taken")
    wait_for(lambda: any(body["key"] == "taken" for body in receiver.taken()), "the next")
    assert [body["key"] for body in receiver.taken() if body["state"] == "firing"] == ["taken"]
    assert receiver.bodies[1][0] == 503, "a busy receiver gets it again"
    assert daemon.stop() == 0


def test_webhook_and_pagerduty_get_the_news_only(syslog_ng, receiver):
    daemon, pbx = start_daemon(
        syslog_ng, f"sip-alert(language(vi) {QUICK});",
        f'sip-webhook(url("{receiver.url}")); sip-pagerduty(routing-key("R") url("{receiver.url}/pd"))',
        "sip-alert-news()")
    pbx.send(200, 5)
    pbx.send(503, 30)
    wait_for(lambda: len(receiver.taken()) >= 4, "four requests")
    hooks = [body for body in receiver.taken() if "state" in body]
    duty = [body for body in receiver.taken() if "event_action" in body]
    assert [body["state"] for body in hooks] == ["firing", "resolved"]
    assert [body["event_action"] for body in duty] == ["trigger", "resolve"]
    assert duty[0]["dedup_key"] == duty[1]["dedup_key"] == hooks[0]["id"]
    assert duty[0]["payload"]["severity"] == "critical"
    assert duty[0]["payload"]["summary"] == hooks[0]["text"]
    assert hooks[0]["text"].startswith("Cảnh báo SIP: fault trên pbx1")
    assert daemon.stop() == 0


TEXTS = [("en", "SIP alert: fault on pbx1", "SIP alert over: fault on pbx1"),
         ("vi", "Cảnh báo SIP: fault trên pbx1", "Hết cảnh báo SIP: fault trên pbx1")]


def one_incident(syslog_ng, language, destination):
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert(language({language}) {QUICK});", destination, "sip-alert-news()",
                               scl=True)
    pbx.send(200, 5)
    pbx.send(503, 30)
    return daemon


@pytest.mark.parametrize("language,firing,resolved", TEXTS)
def test_slack(syslog_ng, receiver, language, firing, resolved):
    daemon = one_incident(syslog_ng, language, f'slack(hook-url("{receiver.url}/services/X") template("$MESSAGE"))')
    wait_for(lambda: len(receiver.taken()) >= 2, "two messages")
    told = [body["attachments"] for body in receiver.taken()]
    assert [len(attachments) for attachments in told] == [1, 1]
    assert told[0][0]["text"].startswith(firing)
    assert told[1][0]["text"].startswith(resolved)
    assert set(receiver.paths) == {"/services/X"}
    assert daemon.stop() == 0


@pytest.mark.parametrize("language,firing,resolved", TEXTS)
def test_telegram(syslog_ng, receiver, language, firing, resolved):
    receiver.read = lambda body: urllib.parse.parse_qs(body.decode(), strict_parsing=True, keep_blank_values=True)
    daemon = one_incident(syslog_ng, language, 'telegram(bot-id("1:T") chat-id("-42") template("$MESSAGE")'
                          f' extra-parameters("protect_content=true") url("{receiver.url}/bot1:T/sendMessage"))')
    wait_for(lambda: len(receiver.taken()) >= 2, "two messages")
    told = receiver.taken()
    assert [body["chat_id"] for body in told] == [["-42"], ["-42"]]
    assert told[0]["text"][0].startswith(firing)
    assert told[1]["text"][0].startswith(resolved)
    assert daemon.stop() == 0


class MailServer:
    """As much of SMTP as it takes to get a mail."""

    def __init__(self):
        mails = self.mails = []

        class Handler(socketserver.StreamRequestHandler):
            def answer(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                self.answer("220 localhost")
                for line in self.rfile:
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"DATA":
                        self.answer("354 go on")
                        body = b"".join(iter(self.rfile.readline, b".\r\n"))
                        mails.append(message_from_bytes(body, policy=policy.default))
                    self.answer("221 bye" if verb == b"QUIT" else "250 localhost" if verb == b"EHLO" else "250 ok")
                    if verb == b"QUIT":
                        return

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def text_of(mail):
    return mail.get_payload(decode=True).decode()


@pytest.mark.skipif(not any((Path(folder) / "libafsmtp.so").exists() for folder in MODULE_PATH.split(":")),
                    reason="this syslog-ng has no smtp(): package syslog-ng-mod-smtp, Debian 12 only")
@pytest.mark.parametrize("language,firing,resolved", TEXTS)
def test_mail(syslog_ng, language, firing, resolved):
    server = MailServer()
    try:
        daemon = one_incident(
            syslog_ng, language, f'smtp(host("127.0.0.1") port({server.port}) from("sip@example.com") to("noc@example.com")'
            ' subject("$MESSAGE") body("$MESSAGE\\n${.sip.alert_codes}\\n"))')
        wait_for(lambda: len(server.mails) >= 2, "two mails")
        assert "noc@example.com" in server.mails[0]["To"]
        assert str(server.mails[0]["Subject"]).startswith(firing)
        assert text_of(server.mails[0]).startswith(firing)
        assert "503=" in text_of(server.mails[0])
        assert text_of(server.mails[1]).startswith(resolved)
        assert daemon.stop() == 0
    finally:
        server.close()


def test_muted_keys(syslog_ng, receiver):
    muted = Path(tempfile.mkdtemp(prefix="sip-")) / "muted"
    muted.write_text("pbx1\n")
    daemon, pbx = start_daemon(syslog_ng, f"sip-alert({QUICK});", f'sip-webhook(url("{receiver.url}"))',
                               f'sip-alert-news() and not sip-alert-muted(file("{muted}"))')
    pbx.send(503, 30)
    pbx.send(503, 30, host="pbx2")
    wait_for(lambda: len(receiver.taken()) >= 2, "two notices of the other key")
    assert {body["key"] for body in receiver.taken()} == {"pbx2"}
    muted.write_text("nothing\n")
    assert daemon.ctl("reload").returncode == 0
    wait_for(lambda: tcp_port_is_open(pbx.port), "the source")
    pbx.send(503, 60)
    wait_for(lambda: any(body["key"] == "pbx1" for body in receiver.taken()), "the key that is muted no more")
    shutil.rmtree(muted.parent)


# ------------------------------------------------------------------------------------------------------- the fleet


class Exporter:
    """What a scrape of a daemon gives: its own counters, through the script for node_exporter."""

    def __init__(self, daemon):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                out = daemon.dir / "metrics.prom"
                subprocess.run([TOP / "conf/prometheus/sip-metrics-textfile", out, daemon.dir / "ctl"], check=True)
                body = out.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.port = free_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def _start_prometheus(folder, targets, alertmanager):
    rules = (TOP / "conf/prometheus/sip-alerts.rules.yml").read_text()
    # the same rules in a quarter of a minute
    for production, test in (("interval: 15s", "interval: 1s"), ("offset 5m", "offset 8s"), ("[1h]", "[20s]"),
                             ("keep_firing_for: 5m", "keep_firing_for: 2s"), ("keep_firing_for: 10m", "keep_firing_for: 2s")):
        assert production in rules
        rules = rules.replace(production, test)
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yml]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager.port}']}}]}}]
scrape_configs:
  - job_name: syslog-ng
    static_configs: [{{targets: {json.dumps([f'127.0.0.1:{port}' for port in targets])}}}]
""")
    port = free_port()
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    return process, port


def _query(port, expression):
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return {r["metric"].get("group"): float(r["value"][1]) for r in json.load(answer)["data"]["result"]}
    except OSError:
        return {}


def test_a_spike_no_node_sees_alone_fires_once(syslog_ng, alertmanager, receiver, tmp_path):
    assert shutil.which("prometheus"), "Debian: apt install prometheus"
    nodes = []
    for _ in range(2):
        port = free_port()
        daemon = syslog_ng(f"""
@include "{SCL}/sip-alert.conf"
@include "{SCL}/sip-alertmanager.conf"
options {{ keep-hostname(yes); stats-level(1); }};
log {{
  source {{ network(ip("127.0.0.1") port({port})); }};
  parser {{ sip-log(group("trunk-a")); sip-alert(); }};
  filter {{ sip-alert-records(); }};
  destination {{ sip-alertmanager(url("{alertmanager.url}")); }};
}};
""")
        daemon.start()
        wait_for(lambda: tcp_port_is_open(port), "the source")
        nodes.append((daemon, Pbx(port)))
    exporters = [Exporter(daemon) for daemon, _ in nodes]
    process, port = _start_prometheus(tmp_path, [e.port for e in exporters], alertmanager)
    try:
        for _, pbx in nodes:
            pbx.send(200, 20)
        # the rules need a past to compare with
        wait_for(lambda: "trunk-a" in _query(port, "avg_over_time(group:sip_faults:last5m[20s] offset 8s)"), "a past", 60)
        for _, pbx in nodes:
            pbx.send(503, 15)
        wait_for(lambda: webhook_states(receiver).count("firing") == 1, "the alert")
        wait_for(lambda: "resolved" in webhook_states(receiver), "the recovery", 60)
        labels = [a["labels"] for body in receiver.taken() for a in body["alerts"]]
        assert {(l["alertname"], l["group"]) for l in labels} == {("SipFaultSpike", "trunk-a")}
        assert webhook_states(receiver) == ["firing", "resolved"]
        for daemon, _ in nodes:
            assert daemon.counters()["sip_alert_firings_total", "detector=fault"] == 0
            assert daemon.counters()["sip_alert_firings_total", "detector=no-success"] == 0
    finally:
        process.kill()
        process.wait()
        for exporter in exporters:
            exporter.close()


def test_the_rules_hold_what_their_tests_say():
    assert shutil.which("promtool"), "Debian: apt install prometheus"
    folder = TOP / "conf/prometheus"
    subprocess.run(["promtool", "check", "rules", "sip-alerts.rules.yml"], cwd=folder, check=True)
    subprocess.run(["promtool", "test", "rules", "sip-alerts.test.yml"], cwd=folder, check=True)
    subprocess.run(["amtool", "check-config", TOP / "conf/alertmanager/alertmanager.yml"], check=True)
