# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""What we hand to Elasticsearch, OpenSearch and Grafana against the types of their own npm packages: no word that they do not know.

This stands in for what cannot be started here: lifecycle policies, Elasticsearch 9, Grafana.
"""

import json
import subprocess

import pytest

import engines
from stored import leaves

SEARCH = engines.TOP / "conf" / "elasticsearch"
GRAFANA = engines.TOP / "conf" / "grafana" / "sip-dashboard.json"

# Json<T>: what T looks like in a file, where an enumeration's member is its text
HEAD = """\
import type { estypes as Elastic } from "@elastic/elasticsearch";
import type * as Ism from "%(opensearch)s/_types/ism._common.d.ts";
import type * as Component from "%(opensearch)s/cluster/putComponentTemplate.d.ts";
import type * as Index from "%(opensearch)s/indices/putIndexTemplate.d.ts";
import type { Dashboard } from "@grafana/schema";
import type * as Timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type * as Stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
type Json<T> = unknown extends T ? T : T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
"""


def load(name):
    return json.loads((SEARCH / name).read_text(encoding="utf-8"))


def objects():
    """[(type, object)]"""
    yield 'Elastic.IlmPutLifecycleRequest["policy"]', load("ilm-policy.json")["policy"]
    yield "Ism.PutPolicyRequest", load("ism-policy.json")
    for name in ("mappings.json", "settings.json"):
        yield 'Omit<Elastic.ClusterPutComponentTemplateRequest, "name">', load(name)
        yield 'Component.Cluster_PutComponentTemplate_Request["body"]', load(name)
    yield 'Omit<Elastic.IndicesPutIndexTemplateRequest, "name">', load("index-template.json")
    yield 'Index.Indices_PutIndexTemplate_Request["body"]', load("index-template.json")

    dashboard = json.loads(GRAFANA.read_text(encoding="utf-8"))
    for variable in dashboard["templating"]["list"]:
        variable.pop("definition", None)        # known to query variables, which the package has no type for
        if not variable.get("current"):
            variable.pop("current", None)
    yield "Json<Dashboard>", dashboard
    # a missing option of a stat panel is a default
    kinds = {"timeseries": "Timeseries.Options", "stat": "Partial<Stat.Options>"}
    for panel in dashboard["panels"]:
        if panel["type"] in kinds:
            yield "Json<%s>" % kinds[panel["type"]], panel["options"]
        if panel["type"] == "timeseries":
            yield "Json<Timeseries.FieldConfig>", panel["fieldConfig"]["defaults"]["custom"]


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    """compile(TEXT): the errors that TypeScript finds in it."""
    modules = engines.npm_modules("types", engines.HERE / "types.json")
    folder = tmp_path_factory.mktemp("types")
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    head = HEAD % {"opensearch": "./node_modules/@opensearch-project/opensearch/api"}

    def run(text):
        (folder / "objects.ts").write_text(head + text, encoding="utf-8")
        done = subprocess.run(["node", modules / "typescript" / "lib" / "tsc.js", "--noEmit", "--strict", "--skipLibCheck",
                               "--module", "nodenext", "--target", "es2022", "objects.ts"],
                              cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert (done.returncode == 0) == (done.stdout.strip() == ""), done.stdout
        return done.stdout.splitlines()

    return run


def declarations():
    return "".join("export const o%d: %s = %s;\n" % (number, kind, json.dumps(item, ensure_ascii=False, indent=1))
                   for number, (kind, item) in enumerate(objects()))


def test_every_word_is_known(compiler):
    assert compiler(declarations()) == []


def test_a_wrong_word_is_found(compiler):
    text = declarations()
    # one in each kind of object: the compiler names the first one only
    words = ("max_primary_shard_size", "min_primary_shard_size", "ignore_malformed", "composed_of", "colorMode",
             "lineInterpolation", "placement", "gridPos")
    for word in words:
        assert '"%s"' % word in text, word
        text = text.replace('"%s"' % word, '"wrong_%s"' % word)
    errors = "\n".join(compiler(text))
    for word in words:
        assert "wrong_" + word in errors, (word, errors)


def test_fields_are_those_of_ecs():
    """Names and types, but for the types that OpenSearch has only had for a short time; sip.* is Packetbeat's, labels.* the user's."""
    modules = engines.npm_modules("types", engines.HERE / "types.json")
    script = """const { EcsFlat } = require("%s");
        console.log(JSON.stringify(Object.fromEntries(Object.entries(EcsFlat).map(([name, field]) => [name, field.type]))))"""
    ecs = json.loads(engines.run(["node", "-e", script % (modules / "@elastic" / "ecs")]))
    alike = {"constant_keyword": "keyword", "match_only_text": "text"}
    ours = {name: kind for name, kind in leaves(load("mappings.json")["template"]["mappings"]["properties"])
            if not name.startswith("sip.")}
    assert len(ours) > 30
    assert ours == {name: alike.get(ecs.get(name), ecs.get(name)) for name in ours}
