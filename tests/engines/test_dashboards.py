# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""The dashboards against a real engine: each panel's numbers are the true ones, and each can be drawn."""

import collections
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import pytest

import daemon
import engines
import panels
import traffic

GENERATE = engines.TOP / "conf" / "dashboards" / "generate"
SETUP = engines.TOP / "conf" / "elasticsearch" / "sip-search-setup"
HOUR = 3600000


@pytest.fixture(scope="module")
def objects():
    return panels.load()


@pytest.fixture(scope="module")
def drawn(loaded_engine, objects, end_of_traffic, tmp_path_factory):
    """All Vega-Lite panels of the last 24 hours."""
    folder = pathlib.Path(os.environ.get("SIP_PANELS") or tmp_path_factory.mktemp("panels"))
    folder.mkdir(exist_ok=True)
    end = int(end_of_traffic * 1000)
    one_call = {"sip-call-ladder": [{"term": {"sip.call_id": a_call(loaded_engine.records, end)}}]}
    result = panels.draw(loaded_engine.engine, objects, folder, end - 24 * HOUR, end, one_call)
    return folder, result


def a_call(records, end):
    """The newest call that was answered: 100, ringing, 200, BYE's 200."""
    calls = collections.defaultdict(list)
    for record in records:
        if record.method in ("INVITE", "BYE") and record.time * 1000 > end - 20 * HOUR:
            calls[record.call_id].append(record)
    return max((call for call in calls if len(calls[call]) == 4), key=lambda call: calls[call][0].time)


@pytest.fixture(scope="module")
def day(loaded_engine, end_of_traffic):
    """The records of the last 24 hours."""
    return [record for record in loaded_engine.records
            if end_of_traffic - 86400 <= record.time <= end_of_traffic]


def code_label(code):
    return "%s %s" % (code, traffic.CODES[int(code)]["phrase"] if int(code) in traffic.CODES else "(not registered)")


# what a line without a code tells: sip-status() reads the words of the line, json-parser() what it is given
EVENT, EVENT_LABEL, EVENT_MEANING = ("no-response", "no answer", "Không có trả lời") if daemon.SIP_MODULE_DIR else \
    ("registration-timeout", "registration timed out", "Đăng ký hết giờ")


def step(record, interval=30 * 60000):
    return int(record.time * 1000) // interval * interval


def counted(rows, *names, value="n"):
    """{(row[name]...): row[value]} without zeroes."""
    found = collections.Counter()
    for row in rows:
        if row.get(value):
            found[tuple(row[name] for name in names)] = row[value]
    return found


def rows_of(drawn, name, mark=None):
    return [row for row in drawn[1][name]["rows"] if mark is None or row["mark type"] == mark]


def in_order(rows):
    """What the rows say, without the places that only the newer compiler notes down."""
    return sorted(json.dumps({name: value for name, value in row.items() if not name.endswith(("_start", "_end"))},
                             sort_keys=True) for row in rows)


def is_registration(record):
    return record.method == "REGISTER" or record.event == "registration-timeout"


def is_refused(record):
    return record.direction != "received" and record.code in (403, 404, 484, 485, 604, 607)


def test_the_file_is_what_its_sources_say():
    engines.run([sys.executable, GENERATE, "--check"])


def test_objects_are_of_kinds_and_versions_that_both_families_take(objects):
    newest = {"index-pattern": "7.6.0", "visualization": "7.10.0", "dashboard": "7.9.3", "search": "7.9.3"}
    for item in objects.values():
        assert item["migrationVersion"] == {item["type"]: newest[item["type"]]}
        assert set(item) == {"id", "type", "attributes", "references", "migrationVersion"}
        for reference in item["references"]:
            assert objects[reference["id"]]["type"] == reference["type"]
        if item["type"] == "visualization":
            assert panels.state(item)["type"] in ("vega", "table", "markdown")
        if item["type"] == "dashboard":
            names = {reference["name"] for reference in item["references"]}
            panel_list = json.loads(item["attributes"]["panelsJSON"])
            assert {panel["panelRefName"] for panel in panel_list} == names
            assert all("embeddableConfig" in panel and "type" not in panel for panel in panel_list)
    kinds = collections.Counter(item["type"] for item in objects.values())
    assert kinds["dashboard"] == 4


# what Kibana 8.9 to 9 knows of these kinds; what it does not know it refuses
ATTRIBUTES = {
    "index-pattern": {"title": str, "timeFieldName": str},
    "visualization": {"title": str, "description": str, "version": int, "visState": str, "uiStateJSON": str,
                      "kibanaSavedObjectMeta": dict},
    "search": {"title": str, "description": str, "version": int, "hits": int, "columns": list, "sort": list,
               "kibanaSavedObjectMeta": dict},
    "dashboard": {"title": str, "description": str, "version": int, "hits": int, "panelsJSON": str, "optionsJSON": str,
                  "timeRestore": bool, "timeFrom": str, "timeTo": str, "refreshInterval": dict,
                  "kibanaSavedObjectMeta": dict},
}


def test_attributes_are_those_that_the_strictest_host_takes(objects):
    for item in objects.values():
        found = {name: type(value) for name, value in item["attributes"].items()}
        assert found == ATTRIBUTES[item["type"]], item["id"]
        if item["type"] == "index-pattern":
            continue
        assert set(item["attributes"]["kibanaSavedObjectMeta"]) == {"searchSourceJSON"}
        source = json.loads(item["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        assert ("indexRefName" in source) == any(
            reference["name"] == source.get("indexRefName") for reference in item["references"])
        if item["type"] == "dashboard":
            assert set(item["attributes"]["refreshInterval"]) == {"pause", "value"}
            taken = set()
            for panel in json.loads(item["attributes"]["panelsJSON"]):
                assert set(panel) == {"version", "panelIndex", "panelRefName", "gridData", "embeddableConfig"}
                place = panel["gridData"]
                assert place["i"] == panel["panelIndex"] and place["x"] + place["w"] <= 48
                cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
                assert not cells & taken, panel
                taken |= cells


def test_vega_panels_use_version_4_and_no_warning(objects, drawn):
    for name, result in drawn[1].items():
        spec = json.loads(panels.state(objects[name])["params"]["spec"])
        assert spec["$schema"] == "https://vega.github.io/schema/vega-lite/v4.json"
        assert result["warnings"] == [], (name, result["warnings"])
        assert result["rows"], name
        # Kibana 7.17's own compiler draws the same
        assert result["warnings4"] == [], (name, result["warnings4"])
        assert in_order(result["rows4"]) == in_order(result["rows"]), name


def test_numbers(drawn, day):
    def judged(chosen):
        failed = sum(record.outcome == "failure" for record in day if chosen(record))
        good = sum(record.outcome == "success" for record in day if chosen(record))
        return format(good, ","), "%.1f%%" % (100 * failed / (failed + good))

    shown = {row["name"]: row["value"] for row in rows_of(drawn, "sip-overview-numbers")}
    calls, calls_failed = judged(lambda record: record.method == "INVITE")
    registrations, registrations_failed = judged(is_registration)
    assert shown == {"SIP answers": format(sum(record.code > 0 for record in day), ","),
                     "calls answered": calls, "calls failed (busy too)": calls_failed,
                     "registrations": registrations, "registrations failed": registrations_failed}


def test_classes_over_time(drawn, day):
    truth = collections.Counter((step(record), record.status_class) for record in day if record.code)
    assert counted(rows_of(drawn, "sip-classes-over-time"), "time", "class") == truth


def test_failure_share_over_time(drawn, day):
    kinds = {"calls": lambda record: record.method == "INVITE", "registrations": is_registration}
    truth = {}
    for what, chosen in kinds.items():
        failed = collections.Counter(step(record) for record in day if chosen(record) and record.outcome == "failure")
        judged = collections.Counter(step(record) for record in day if chosen(record) and record.outcome != "unknown")
        truth.update({(time_, what): failed[time_] / judged[time_] for time_ in judged})
    shown = {(row["time"], row["what"]): row["share"] for row in rows_of(drawn, "sip-failure-share-over-time")}
    assert shown == truth


def top(counter, size):
    """Checks are made on what is surely among the first SIZE, ties left out."""
    ranked = counter.most_common()
    limit = ranked[size][1] if len(ranked) > size else 0
    return {key: number for key, number in ranked if number > limit}


@pytest.mark.parametrize("panel, size, chosen", [
    ("sip-codes", 10, lambda record: record.outcome == "failure"),
    ("sip-reg-codes", 8, lambda record: record.outcome == "failure" and is_registration(record)),
])
def test_codes_with_their_meaning(drawn, day, panel, size, chosen):
    truth = top(collections.Counter(str(record.code or EVENT) for record in day if chosen(record)), size)
    assert truth and (EVENT in truth or panel == "sip-codes")
    shown = {row["code"]: row for row in rows_of(drawn, panel, "rect")}
    for code, number in truth.items():
        assert shown[code]["n"] == number
        assert shown[code]["label"] == (EVENT_LABEL if code == EVENT else code_label(code))
        assert (EVENT_MEANING if code == EVENT else traffic.CODES[int(code)]["vi_short"]) in shown[code]["meaning"]


def test_codes_over_time(drawn, day):
    best = top(collections.Counter(record.code for record in day if record.outcome == "failure" and record.code), 8)
    truth = collections.Counter((step(record), code_label(record.code)) for record in day
                                if record.outcome == "failure" and record.code in best)
    shown = counted(rows_of(drawn, "sip-codes-over-time"), "time", "label")
    assert {key: shown[key] for key in truth} == truth


@pytest.mark.parametrize("panel, size, field, chosen", [
    ("sip-top-peers", 10, "peer", lambda record: record.outcome == "failure"),
    ("sip-top-users", 10, "user", lambda record: record.outcome == "failure"),
    ("sip-reg-peers", 10, "peer", lambda record: record.outcome == "failure" and is_registration(record)),
    ("sip-sec-users", 12, "user", is_refused),
])
def test_who_fails_most(drawn, day, panel, size, field, chosen):
    best = top(collections.Counter(getattr(record, field) for record in day
                                   if chosen(record) and getattr(record, field)), size)
    assert best
    per_code = collections.defaultdict(collections.Counter)
    for record in day:
        if chosen(record) and getattr(record, field) in best:
            per_code[getattr(record, field)][record.code] += 1
    shown = counted(rows_of(drawn, panel), "who", "label")
    for who, codes in per_code.items():
        for code, number in top(codes, 6).items():
            assert shown[who, code_label(code) if code else EVENT_LABEL] == number, who


def test_hosts(drawn, day):
    truth = collections.Counter((record.host, {"failure": "failed", "success": "succeeded"}[record.outcome])
                                for record in day if record.outcome != "unknown")
    assert counted(rows_of(drawn, "sip-hosts", "rect"), "key", "outcome") == truth
    for row in rows_of(drawn, "sip-hosts", "text"):
        assert row["share"] == "%.1f%% failed" % (100 * truth[row["key"], "failed"]
                                                  / (truth[row["key"], "failed"] + truth[row["key"], "succeeded"]))


def test_this_week_against_last(drawn, loaded_engine):
    # the engine's clock says what this week is: it may have gone on by an hour since the panel was drawn
    rows = rows_of(drawn, "sip-week-against-last")
    ends = {(time.time() // 3600 - back) * 3600 for back in (0, 1)}
    truths = []
    for end in ends:
        truth = collections.Counter()
        for record in loaded_engine.records:
            age = end - record.time
            if record.outcome == "failure" and 0 < age <= 14 * 86400:
                week = "this week" if age <= 7 * 86400 else "last week"
                at = step(record, 3 * HOUR) + (7 * 86400000 if week == "last week" else 0)
                truth[at, week] += 1
        truths.append(truth)
    assert counted(rows, "time", "week") in truths


def test_registrations_over_time(drawn, day):
    names = {200: "registered", 401: "asked for the password (normal)"}
    truth = collections.Counter((step(record), names.get(record.code, "failed")) for record in day
                                if is_registration(record)
                                and (record.code in names or record.outcome == "failure"))
    assert counted(rows_of(drawn, "sip-reg-outcomes-over-time"), "time", "outcome") == truth


def test_phones_whose_last_attempt_failed(drawn, day):
    good, bad, failures = {}, {}, collections.Counter()
    for record in day:
        if is_registration(record) and record.user:
            if record.outcome == "failure":
                failures[record.user] += 1
                bad[record.user] = max(record.time, bad.get(record.user, 0))
            elif record.outcome == "success":
                good[record.user] = max(record.time, good.get(record.user, 0))
    failing = {user: failures[user] for user in bad if bad[user] > good.get(user, 0) and failures[user] >= 3}
    shown = {row["key"]: row["failures"] for row in rows_of(drawn, "sip-reg-phones-failing", "rect")}
    for user in (traffic.WRONG_PASSWORD, traffic.NO_ACCOUNT, traffic.NO_ANSWER):
        assert shown[user] == failing[user]
    assert top(collections.Counter(failing), 12).items() <= shown.items() <= failing.items()


def test_refused_sources_over_time(drawn, day):
    truth = collections.Counter((step(record), record.peer) for record in day if is_refused(record))
    shown = counted(rows_of(drawn, "sip-sec-sources-over-time"), "time", "key")
    for source in (traffic.SCANNER, traffic.SLOW_SCANNER):
        assert {key: number for key, number in shown.items() if key[1] == source} \
            == {key: number for key, number in truth.items() if key[1] == source}


def test_a_guessed_password_stands_out(drawn, day):
    rows = {row["key"]: row["story"] for row in rows_of(drawn, "sip-sec-logins-after-refusals")}
    refused = [record for record in day if is_refused(record) and record.peer == traffic.SCANNER]
    assert re.match(r"refused %d times, %d users tried; 1 success as %s, last "
                    % (len(refused), len({record.user for record in refused}), traffic.GUESSED), rows[traffic.SCANNER])
    assert traffic.SLOW_SCANNER not in rows


def test_the_answers_of_one_call(drawn, loaded_engine, end_of_traffic):
    call = a_call(loaded_engine.records, end_of_traffic * 1000)
    truth = sorted((record.time, "%d %s" % (record.code, record.reason)) for record in loaded_engine.records
                   if record.call_id == call)
    shown = sorted((row["n"], row["what"]) for row in rows_of(drawn, "sip-call-ladder", "symbol"))
    assert [what for _, what in shown] == [what for _, what in truth]


def keep_table(path, item, rows):
    """A table for compose.py, its times as a person reads them."""
    aggs = panels.state(item)["aggs"]
    heads = [agg["params"]["customLabel"] for kind in ("bucket", "metric") for agg in aggs if agg["schema"] == kind]
    times = [head in ("last seen", "first seen", "when") for head in heads]
    path.write_text(json.dumps({"heads": heads, "rows": [
        [time.strftime("%d %b %H:%M", time.gmtime(cell / 1000)) if is_time else cell
         for cell, is_time in zip(row, times)] for row in rows]}, ensure_ascii=False), encoding="utf-8")


def in_day(item, end_of_traffic):
    """The query of a table or a saved search over the last 24 hours: the hosts' language, said in Lucene's."""
    query = json.loads(item["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
    query = query.replace("and not ", "AND NOT ").replace(" and ", " AND ").replace(" or ", " OR ")
    query = re.sub(r"^not ", "*:* AND NOT ", query).replace(": *", ":*").replace(": ", ":")
    return {"bool": {"filter": [{"range": {"@timestamp": {
        "gte": int((end_of_traffic - 86400) * 1000), "lte": int(end_of_traffic * 1000), "format": "epoch_millis"}}},
        {"query_string": {"query": query}}]}}


def test_tables(loaded_engine, objects, day, end_of_traffic):
    """The aggregation tables: the filters are simple enough to be said twice."""
    tables = {name: item for name, item in objects.items()
              if item["type"] == "visualization" and panels.state(item)["type"] == "table"}
    assert set(tables) == {"sip-reg-why", "sip-sec-sources", "sip-sec-agents", "sip-call-pick"}
    shown = {}
    for name, item in tables.items():
        answer = loaded_engine.engine.search({"size": 0, "query": in_day(item, end_of_traffic),
                                              "aggs": panels.table_query(item)})
        shown[name] = panels.table_rows(item, answer)
        if os.environ.get("SIP_PANELS"):
            keep_table(pathlib.Path(os.environ["SIP_PANELS"]) / (name + ".table.json"), item, shown[name])

    why = {row[:3]: row for row in shown["sip-reg-why"]}
    for user, code in ((traffic.WRONG_PASSWORD, 403), (traffic.NO_ACCOUNT, 404), (traffic.NO_ANSWER, 0)):
        failures = [record for record in day if record.user == user and is_registration(record)
                    and record.code == code and record.outcome == "failure" and record.peer == traffic.PHONES[user]]
        row = why[user, traffic.PHONES[user], str(code) if code else "-"]
        assert row[6] == len(failures) and abs(row[7] / 1000 - max(record.time for record in failures)) < 0.002
        if code:
            assert row[4:6] == (traffic.CODES[code]["meaning_en"], traffic.CODES[code]["vi_short"])
    sources = {row[0]: row for row in shown["sip-sec-sources"]}
    refused = [record for record in day if is_refused(record) and record.peer == traffic.SCANNER]
    assert sources[traffic.SCANNER][1:3] == (len(refused), len({record.user for record in refused}))
    agents = {row[0]: row for row in shown["sip-sec-agents"]}
    assert agents["friendly-scanner"][2] == 2
    failed_calls = {record.call_id for record in day if record.outcome == "failure" and record.method == "INVITE"}
    assert {row[0] for row in shown["sip-call-pick"]} <= failed_calls and len(shown["sip-call-pick"]) >= 50


def test_lists_of_log_lines(loaded_engine, objects, day, end_of_traffic):
    """The saved searches: as many lines as there are, and every column is there on some line."""
    truth = {
        "sip-recent-failures": sum(record.outcome == "failure" for record in day),
        "sip-sec-records": sum(is_refused(record) for record in day),
        "sip-call-records": sum(bool(record.call_id) for record in day),
    }
    searches = {name: item for name, item in objects.items() if item["type"] == "search"}
    assert set(searches) == set(truth)
    for name, item in searches.items():
        (field, order), = item["attributes"]["sort"]
        answer = loaded_engine.engine.search({
            "size": 500, "track_total_hits": True, "sort": [{field: order}], "query": in_day(item, end_of_traffic)})
        assert answer["hits"]["total"]["value"] == truth[name], name
        rows = rows_from(answer, item)
        empty = [column for number, column in enumerate(item["attributes"]["columns"], 1)
                 if not any(row[number] for row in rows)]
        # made-up traffic has neither of these events; a refused attempt tells its code
        assert empty == (["sip.event"] if name == "sip-sec-records" else []), (name, empty)
        if os.environ.get("SIP_PANELS"):
            if name == "sip-call-records":      # the picture is of one call
                call = a_call(loaded_engine.records, end_of_traffic * 1000)
                rows = rows_from(loaded_engine.engine.search({
                    "size": 30, "sort": [{field: order}], "query": {"term": {"sip.call_id": call}}}), item)
            (pathlib.Path(os.environ["SIP_PANELS"]) / (name + ".table.json")).write_text(json.dumps({
                "heads": ["time", *item["attributes"]["columns"]],
                "rows": [[re.sub(r"\s+", " ", str(cell)) for cell in row] for row in rows[:30]]}), encoding="utf-8")


def rows_from(answer, item):
    return [[field_of(hit["_source"], "@timestamp")[5:23].replace("T", " ")]
            + [field_of(hit["_source"], column) for column in item["attributes"]["columns"]]
            for hit in answer["hits"]["hits"]]


def field_of(document, path):
    for name in path.split("."):
        document = document.get(name, "") if isinstance(document, dict) else ""
    return document


def test_pictures_are_made(drawn, tmp_path):
    for name in drawn[1]:
        for theme in ("light", "dark"):
            png = tmp_path / ("%s.%s.png" % (name, theme))
            panels.picture(drawn[0] / ("%s.%s.svg" % (name, theme)), png)
            assert png.stat().st_size > 1500, name


def test_import_request(objects):
    """The installer's request as a host would read it, and its answer to a refusal."""
    received = []

    class Host(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            boundary = re.match("multipart/form-data; boundary=(.*)", self.headers["Content-Type"])[1].encode()
            part = body.split(b"--" + boundary)[1]
            head, content = part.split(b"\r\n\r\n", 1)
            lines = content.rstrip(b"\r\n").split(b"\n")
            received.append((self.path, {name.lower(): value for name, value in self.headers.items()}, head.decode(), [json.loads(line) for line in lines]))
            good = len(received) == 1
            answer = json.dumps({"success": good, "successCount": len(lines) if good else 0,
                                 "errors": [{"id": "x"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = http.server.HTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [sys.executable, SETUP, "--only-dashboards", "--dashboards", "http://127.0.0.1:%d" % server.server_port]
    try:
        out = engines.run(command)
        assert "%d objects imported" % len(objects) in out and "/app/dashboards#/view/sip-overview" in out
        refused = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert refused.returncode == 1
    finally:
        server.shutdown()
    path, headers, head, lines = received[0]
    assert path == "/api/saved_objects/_import?overwrite=true"
    assert headers["kbn-xsrf"] and headers["osd-xsrf"]
    assert 'name="file"; filename="sip.ndjson"' in head
    assert {item["id"]: item for item in lines} == objects
