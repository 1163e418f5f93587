# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""The other programs: a search engine, a Kafka broker, Prometheus, on loopback addresses."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("SIP_ENGINES_CACHE")
                     or pathlib.Path.home() / ".cache" / "syslog-ng-sip-engines")


# the folder with the engine's jars and its main(): opensearch or elasticsearch
SEARCH_ENGINE = os.environ.get("SIP_SEARCH_ENGINE", "opensearch")
REQUIRED = os.environ.get("SIP_ENGINES") == "required"


class Missing(Exception if REQUIRED else pytest.skip.Exception):
    """A program that a test needs is not on this machine: skipped, unless SIP_ENGINES=required."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds=60, pause=0.05):
    """The condition's first true value; fails when it does not come in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "waited %d s in vain for %s" % (seconds, what)
        time.sleep(pause)


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Missing("%s is not installed" % program)


def run(command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **options)
    assert done.returncode == 0, "%s: exit status %d\n%s" % (command, done.returncode, done.stdout[-4000:])
    return done.stdout


class Process:
    """A program in the background, ended with the test."""

    def __init__(self, name, command, log, env=None):
        self.name = name
        self.log = pathlib.Path(log)
        with self.log.open("ab") as output:
            self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, env=env, start_new_session=True)

    def running(self):
        return self.child.poll() is None

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def check(self):
        assert self.running(), "%s ended with %s:\n%s" % (self.name, self.child.returncode, self.tail())

    def end(self, number=signal.SIGTERM, seconds=30):
        if self.running():
            os.killpg(self.child.pid, number)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait(seconds)


def java():
    home = os.environ.get("JAVA_HOME")
    return str(pathlib.Path(home) / "bin" / "java") if home else "java"


def class_path(folder):
    """The jars that FOLDER/pom.xml names, fetched once by Maven."""
    need(java(), "mvn")
    pom = HERE / folder / "pom.xml"
    work = CACHE / (folder + "-" + hashlib.sha256(pom.read_bytes()).hexdigest()[:12])
    listing = work / "class-path.txt"
    if not listing.exists() or not all(os.path.exists(jar) for jar in listing.read_text().split(":")):
        work.mkdir(parents=True, exist_ok=True)
        shutil.copy(pom, work / "pom.xml")
        try:
            # nothing is left in the user's own repository
            run(["mvn", "-B", "-q", "-Dmaven.repo.local=%s" % (CACHE / "maven"), "dependency:build-classpath",
                 "-Dmdep.outputFile=" + str(listing)], cwd=work, timeout=900)
        except AssertionError as error:
            raise Missing("Maven cannot fetch %s: %s" % (folder, error)) from None
    return listing.read_text().strip()


def compiled(folder, source, classes):
    """The folder with SOURCE's classes."""
    text = (HERE / folder / source).read_bytes()
    work = CACHE / ("%s-classes-%s" % (folder, hashlib.sha256(text + classes.encode()).hexdigest()[:12]))
    if not work.exists():
        staging = pathlib.Path(str(work) + ".%d" % os.getpid())
        staging.mkdir(parents=True)
        need("javac")
        javac = java()[:-len("java")] + "javac"
        run([javac, "-nowarn", "-d", staging, "-cp", classes, HERE / folder / source], timeout=300)
        staging.rename(work)
    return str(work)


def npm_modules(name, package):
    """npm's folder with what PACKAGE (a package.json) names, fetched once."""
    need("node", "npm")
    work = CACHE / name
    work.mkdir(parents=True, exist_ok=True)
    fetched = work / "fetched.json"
    wanted = package.read_text(encoding="utf-8")
    if not fetched.exists() or fetched.read_text(encoding="utf-8") != wanted:
        (work / "package.json").write_text(wanted, encoding="utf-8")
        try:
            run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--omit=optional",
                 "--cache", CACHE / "npm"], cwd=work, timeout=600)
        except AssertionError as error:
            raise Missing("npm cannot fetch %s: %s" % (name, error)) from None
        fetched.write_text(wanted, encoding="utf-8")
    return work / "node_modules"


class SearchEngine:
    """OpenSearch, or Elasticsearch, in one process: can be killed and started again on its data."""

    def __init__(self, folder, kind=SEARCH_ENGINE):
        self.folder = pathlib.Path(folder)
        (self.folder / "home" / "config").mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        classes = class_path(kind)
        self.command = [java(), "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dlog4j2.disable.jmx=true",
                        "-cp", compiled(kind, "Engine.java", classes) + ":" + classes,
                        "Engine", self.folder / "home", self.port]
        self.process = None

    def start(self, wait=True):
        self.process = Process("the search engine", self.command, self.folder / "engine.log")
        if wait:
            wait_for(self.answers, "the search engine", 300)     # it reads its translog again first

    def answers(self):
        self.process.check()
        try:
            self.json("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
            return True
        except (OSError, AssertionError):
            return False

    def kill(self):
        self.process.end(signal.SIGKILL)

    def stop(self):
        self.process.end(signal.SIGTERM)

    def send(self, method, path, document=None, content_type="application/json"):
        data = document.encode() if isinstance(document, str) else \
            None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers={"Content-Type": content_type} if data else {})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def json(self, method, path, document=None):
        status, text = self.send(method, path, document)
        assert 200 <= status < 300, "%s %s: %d %s" % (method, path, status, text)
        return json.loads(text)

    def search(self, body, index="logs-sip.*", **options):
        self.json("POST", "/%s/_refresh" % index)
        query = "&".join("%s=%s" % item for item in options.items())
        return self.json("POST", "/%s/_search?%s" % (index, query), body)

    def count(self, query=None, index="logs-sip.*"):
        self.json("POST", "/%s/_refresh" % index)
        return self.json("POST", "/%s/_count" % index, {"query": query or {"match_all": {}}})["count"]

    def all_hits(self, index="logs-sip.*", source=True, size=5000):
        """Every stored document, by scroll."""
        page = self.search({"size": size, "sort": ["_doc"], "_source": source}, index, scroll="2m")
        while page["hits"]["hits"]:
            yield from page["hits"]["hits"]
            page = self.json("POST", "/_search/scroll", {"scroll": "2m", "scroll_id": page["_scroll_id"]})

    def clear(self):
        """No records, the templates stay."""
        self.send("DELETE", "/_data_stream/logs-sip.*")
        self.send("DELETE", "/logs-sip.*")


class Kafka:
    """A Kafka broker that is its own controller (KRaft)."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        controller = free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.classes = class_path("kafka")
        properties = self.folder / "server.properties"
        properties.write_text("\n".join([
            "process.roles=broker,controller",
            "node.id=1",
            "controller.quorum.voters=1@127.0.0.1:%d" % controller,
            "listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d" % (self.port, controller),
            "advertised.listeners=PLAINTEXT://" + self.address,
            "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs=" + str(self.folder / "data"),
            "num.partitions=4",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "group.initial.rebalance.delay.ms=0",
        ]) + "\n")
        self.properties = properties
        self.process = None
        run(self.tool("kafka.tools.StorageTool", "format", "-t", "c2lwLXRlc3QtY2x1c3Rlcg", "-c", properties), timeout=120)

    def tool(self, name, *arguments):
        return [java(), "-Xmx256m", "-XX:+UseSerialGC", "-cp", self.classes, name, *arguments]

    def start(self):
        self.process = Process("Kafka", self.tool("kafka.Kafka", self.properties), self.folder / "kafka.log")
        wait_for(self.answers, "the Kafka broker", 120, 0.3)

    def answers(self):
        self.process.check()
        done = subprocess.run(["kcat", "-b", self.address, "-L", "-m", "2"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0

    def read(self, topic):
        """Every record of the topic: (partition, offset, key, value), in the order of each partition."""
        done = subprocess.run(["kcat", "-b", self.address, "-C", "-t", topic, "-o", "beginning", "-e", "-q",
                               "-f", "%p\\t%o\\t%k\\t%s\\n"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=120, check=False)
        if "Unknown topic or partition" in done.stderr:
            return []           # the first record makes it
        assert done.returncode == 0, done.stderr
        out = done.stdout
        records = []
        for line in out.splitlines():
            partition, offset, key, value = line.split("\t", 3)
            records.append((int(partition), int(offset), key, value))
        return records

    def stop(self):
        self.process.end(signal.SIGTERM)


class Prometheus:
    def __init__(self, folder, targets, rules=(), interval="1s"):
        need("prometheus", "promtool")
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        config = self.folder / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": [str(rule) for rule in rules],
            "scrape_configs": [{"job_name": name, "static_configs": [{"targets": hosts}]}
                               for name, hosts in targets.items()],
        }))
        run(["promtool", "check", "config", config])
        self.process = Process("Prometheus", [
            "prometheus", "--config.file=%s" % config, "--storage.tsdb.path=%s" % (self.folder / "data"),
            "--web.listen-address=127.0.0.1:%d" % self.port], self.folder / "prometheus.log")
        wait_for(self.ready, "Prometheus", 60)

    def ready(self):
        self.process.check()
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def get(self, path, **parameters):
        with urllib.request.urlopen(self.url + path + "?" + urllib.parse.urlencode(parameters), timeout=30) as answer:
            return json.loads(answer.read())["data"]

    def query(self, expression):
        """The value of each series, by its labels."""
        result = self.get("/api/v1/query", query=expression)["result"]
        return {tuple(sorted(item["metric"].items())): float(item["value"][1]) for item in result}

    def stop(self):
        self.process.end(signal.SIGTERM)
