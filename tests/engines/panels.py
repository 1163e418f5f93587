# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""What Kibana and OpenSearch Dashboards do with our saved objects: fill in a panel's query, ask, draw."""

import copy
import json
import os
import pathlib

from engines import HERE, TOP, need, npm_modules, run

NDJSON = TOP / "conf" / "dashboards" / "sip-dashboards.ndjson"


def load():
    """The objects by id."""
    objects = [json.loads(line) for line in NDJSON.read_text(encoding="utf-8").splitlines()]
    return {item["id"]: item for item in objects}


def state(item):
    return json.loads(item["attributes"]["visState"])


def auto_interval(milliseconds):
    """The hosts' choice for {"%autointerval%": true}: about fifty steps."""
    step = milliseconds / 50
    for limit, name in ((500, "100ms"), (5000, "1s"), (7500, "5s"), (15000, "10s"), (45000, "30s"), (180000, "1m"),
                        (450000, "5m"), (1200000, "10m"), (2700000, "30m"), (7200000, "1h"), (21600000, "3h"),
                        (86400000, "12h"), (604800000, "24h"), (1814400000, "1w"), (3628800000, "30d")):
        if step <= limit:
            return name
    return "1y"


def fill_in(value, start, end):
    """The placeholders of a query, START and END in milliseconds."""
    if isinstance(value, dict):
        if "%timefilter%" in value:
            which = value["%timefilter%"]
            return {"gte": start, "lte": end, "format": "epoch_millis"} if which is True else \
                start if which == "min" else end
        if "%autointerval%" in value:
            return auto_interval(end - start)
        return {name: fill_in(item, start, end) for name, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, start, end) for item in value
                if not (isinstance(item, str) and item.startswith("%dashboard_context-"))]
    return value


def ask(engine, url, start, end, clauses=()):
    """The answer to a panel's data.url."""
    body = fill_in(url["body"], start, end)
    if url.get("%context%"):
        assert "query" not in body
        body["query"] = {"bool": {"filter": [{"range": {url["%timefield%"]: {
            "gte": start, "lte": end, "format": "epoch_millis"}}}, *clauses]}}
    return engine.json("POST", "/%s/_search" % url["index"], body)


def draw(engine, objects, folder, start, end, clauses=None, only=None):
    """Renders the panels of OBJECTS from the engine's answers; {id: {"rows", "warnings", "rows4", "warnings4"}}."""
    folder = pathlib.Path(folder)
    sizes = {}
    for item in objects.values():
        if item["type"] == "dashboard":
            for panel in json.loads(item["attributes"]["panelsJSON"]):
                name = next(reference["id"] for reference in item["references"]
                            if reference["name"] == panel["panelRefName"])
                sizes[name] = panel["gridData"]["w"] * 27 - 18, panel["gridData"]["h"] * 19 - 30
    names = []
    for name, item in objects.items():
        if item["type"] != "visualization" or state(item)["type"] != "vega" or (only and name not in only):
            continue
        spec = json.loads(state(item)["params"]["spec"])
        data = spec["data"]
        values = ask(engine, data["url"], start, end, (clauses or {}).get(name, ()))
        spec = copy.deepcopy(spec)
        spec["data"] = {"values": values, "format": data["format"]}
        width, height = sizes[name]
        (folder / (name + ".job.json")).write_text(json.dumps({"spec": spec, "width": width, "height": height}))
        names.append(name)
    run(["node", HERE / "render.js", folder], env=dict(os.environ, NODE_PATH=str(npm_modules("panels", HERE / "package.json"))), timeout=300)
    return {name: json.loads((folder / (name + ".rows.json")).read_text()) for name in names}


def picture(svg, png, zoom=1.0):
    need("rsvg-convert")
    run(["rsvg-convert", "--zoom", zoom, "-o", png, svg])


def table_query(item):
    """The search that the hosts make of an aggregation table: {"rows": [...], "body": ...}."""
    aggs = state(item)["aggs"]
    metrics = {agg["id"]: {agg["type"]: {"field": agg["params"]["field"]}} for agg in aggs
               if agg["schema"] == "metric" and agg["type"] != "count"}
    body = dict(metrics)
    for agg in reversed([agg for agg in aggs if agg["schema"] == "bucket"]):
        first = aggs[0]
        order = "_count" if first["type"] == "count" else first["id"]
        terms = {"field": agg["params"]["field"], "size": agg["params"]["size"], "order": {order: agg["params"]["order"]}}
        if agg["params"]["missingBucket"]:
            terms["missing"] = agg["params"]["missingBucketLabel"]
        body = {agg["id"]: {"terms": terms, "aggs": dict(body, **(metrics if order != "_count" else {}))}}
    return body


def table_rows(item, answer):
    """[(row values..., metric values...)] as the table shows them."""
    aggs = state(item)["aggs"]
    buckets = [agg["id"] for agg in aggs if agg["schema"] == "bucket"]
    metrics = [agg for agg in aggs if agg["schema"] == "metric"]

    def walk(place, level, keys):
        if level == len(buckets):
            yield (*keys, *(place["doc_count"] if metric["type"] == "count" else place[metric["id"]]["value"]
                            for metric in metrics))
            return
        for bucket in place[buckets[level]]["buckets"]:
            yield from walk(bucket, level + 1, (*keys, bucket["key"]))

    return list(walk(answer["aggregations"], 0, ()))
