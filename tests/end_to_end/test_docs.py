# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documents show holds: configurations parse, log lines are found, links lead somewhere."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import BUILD, SCL, TOP

DOCUMENTS = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("docs/vi/*.md"), *TOP.glob("conf/**/*.md"),
                    *TOP.glob("tests/**/README.md")])
STATEMENT = re.compile(r"^(@|source|parser|destination|log|rewrite|filter|options|template|block|application)\b[^;=]*\{", re.M)
OPTION = re.compile(r"^(prefix|language|dialects|rules-file|codes-file|fields|severity|group|max-groups|template)\(")
# a path that only makes sense on the reader's machine -> what stands there in this test
RULES = """[rule mine]
anchor: MY-CALL failed
pattern: MY-CALL failed %{code}
match: MY-CALL failed 486
expect: code=486
"""
FILES = {
    "/etc/syslog-ng/sip/mine.rules": RULES,
    "/etc/syslog-ng/sip/nimbus.rules": RULES,
    "/etc/syslog-ng/sip/codes.csv": "code,meaning_de,severity\n486,Besetzt,debug\n",
}


def blocks(path):
    """(line, language, text) of each fenced block"""
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"^([ ]*)```(\w*)\n(.*?)^\1```", text, re.S | re.M):
        body = re.sub(rf"^{match.group(1)}", "", match.group(3), flags=re.M)
        yield text.count("\n", 0, match.start()) + 1, match.group(2), body


def configurations():
    for path in DOCUMENTS:
        for line, language, text in blocks(path):
            first = text.lstrip().splitlines()[0] if text.strip() else ""
            where = f"{path.relative_to(TOP)}:{line}"
            if language in ("log", "json", "sh") or first.startswith("$") or "syntax error" in text or "Error " in text:
                continue
            if OPTION.match(first):
                options = "\n".join(option for option in text.splitlines())
                yield pytest.param(f"parser p {{ sip-status(\n{options}\n); }};", id=where)
            elif re.match(r"(source|parser|destination|rewrite|filter)\s*\{", first):
                yield pytest.param(f"log {{\n{text}\n}};", id=where)
            elif STATEMENT.search(text) and ("sip" in text or "s_local" in text):
                yield pytest.param(text, id=where)


@pytest.mark.parametrize("text", configurations())
def test_configuration_parses(syslog_ng, text):
    daemon = syslog_ng("")
    for path, content in FILES.items():
        file = daemon.dir / Path(path).name
        file.write_text(content)
        text = text.replace(path, str(file))
    includes = "".join(f'@include "{conf}"\n' for conf in sorted(SCL.glob("*.conf")))
    version = daemon.conf.read_text().splitlines()[0]
    if not text.lstrip().startswith("@version"):
        text = f"{version}\n{text}"
    first, rest = text.lstrip().split("\n", 1)
    # names that a snippet uses and another part of the page defines
    for kind in ("source", "parser", "destination", "rewrite", "filter"):
        for name in set(re.findall(rf"\b{kind}\((\w+)\)", rest)) - set(re.findall(rf"\b{kind}\s+(\w+)\s*\{{", rest)):
            body = {"source": "internal();", "destination": 'file("/dev/null");', "parser": "sip-status();",
                    "rewrite": 'set("x" value("x"));', "filter": "level(info);"}[kind]
            rest = f"{kind} {name} {{ {body} }};\n{rest}"
    scl = "" if '@include "scl.conf"' in rest else '@include "scl.conf"\n'
    daemon.conf.write_text(f"{first}\n{scl}{includes}{rest}\n")
    code, errors = daemon.check()
    assert code == 0, errors


def test_there_are_configurations():
    assert len(list(configurations())) >= 10


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        if not (path.parent / target.split("#")[0]).exists():
            missing.append(target)
    assert not missing


def test_log_lines_are_found():
    documents = [str(path) for path in DOCUMENTS if any(language == "log" for _, language, _ in blocks(path))]
    scan_records = os.environ.get("SCAN_RECORDS", str(BUILD / "tests/corpus/scan-records"))
    result = subprocess.run([sys.executable, str(TOP / "tests/corpus/check-docs"), scan_records, *documents],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout
