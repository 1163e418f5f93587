"""Labelled log lines against the scanner: one reader of the corpus' form, one judge, for every test that has labelled lines."""

import gzip
import json
import lzma
import re
import subprocess

FIELDS = ("reason", "method", "call_id", "peer")


def read(path):
    opener = {"xz": lzma.open, "gz": gzip.open}.get(str(path).rsplit(".", 1)[-1], open)
    with opener(path, "rt", encoding="utf-8") as source:
        return [json.loads(line) for line in source if line.strip()]


HEADER_3164 = re.compile(
    rb"(?:<\d{1,3}>)?\s?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|[A-Z][a-z]{2} \d \d\d:\d\d:\d\d"
    rb"|\d{4}-\d\d-\d\dT\S+) (?:([^\s\[\]]+(?<!:)) )?([^\s\[:]+)(?:\[\d*\])?:? ?", re.S)


def split_header(line):
    """PROGRAM and MESSAGE of a record with an RFC 3164 header, near enough for tests without the daemon."""
    match = HEADER_3164.match(line)
    if match:
        return match.group(2), line[match.end():]
    return b"", line


class Scanner:
    """The scanner behind tests/corpus/scan-records."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def scan(self, text, program=b""):
        self.process.stdin.write(b"%d %d\n%b%b" % (len(program), len(text), program, text))
        self.process.stdin.flush()
        columns = self.process.stdout.readline().decode().rstrip("\n").split("\t")
        result = {"code": int(columns[0]), "implied": columns[1] == "1", "sipfrag": columns[2] == "1", "rule": columns[3]}
        for column in columns[4:]:
            name, value = column.split("=", 1)
            if name == "code":
                continue
            result[name] = value if name == "codes" else bytes.fromhex(value).decode("utf-8", "replace")
        return result

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def joined_peer(result):
    peer, port = result.get("peer"), result.get("peer_port")
    if peer and port:
        return "[%s]:%s" % (peer, port) if ":" in peer else "%s:%s" % (peer, port)
    return peer


def judge(record, result):
    """(verdict, [fields that are wrong]); verdict: right, optional, missed, wrong or false."""
    expect = record.get("expect")
    code = result["code"]
    if not expect:
        return ("right" if not code else "false"), []
    accepted = {expect["code"], *record.get("accept_codes", [])}
    if not code:
        return ("optional" if record.get("optional") else "missed"), []
    if code not in accepted:
        return "wrong", []
    wrong = []
    for field in FIELDS:
        if field not in expect:
            continue
        got = joined_peer(result) if field == "peer" else result.get(field)
        good = {expect[field]}
        if field == "reason" and record.get("alt_reason"):
            alternatives = record["alt_reason"]
            good |= {alternatives} if isinstance(alternatives, str) else set(alternatives)
        if field == "peer" and got:
            # a port that the label leaves out may be given
            good |= {got} if result.get("peer") == expect[field] else set()
        if field == "method" and expect.get("method_implied") and got is None:
            continue
        if got not in good:
            wrong.append(field)
    return "right", wrong
