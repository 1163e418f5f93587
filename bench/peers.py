# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is compared: the ways in which one gets a SIP status out of a record and facts about the code onto it.

Every peer reads the same records from TCP (framed by length) and writes the same file: code, reason, class, severity and
meaning, then the record.  The floor writes the same with empty values.  Each peer knows all wordings of the generator.
"""
import json
import re

import workload

END = "\x1e\n"          # of a record of the output: records have line ends of their own
FIELDS = ("code", "reason", "class", "severity", "meaning")

# (Python's and PCRE's form, what db-parser() can say, what liblognorm can say)
PATTERNS = (
    (r'Got SIP response (?<code>\d{3}) "(?<reason>[^"]*)" back from',
     'Got SIP response @NUMBER:.sip.code@ @QSTRING:.sip.reason:"@ back from',
     'Got SIP response |%code:number% "%reason:char-to:"%" back%-:rest%'),
    (r"'(?<code>\d{3})' fatal response received from",
     "'@NUMBER:.sip.code@' fatal response received from",
     "handle_registration_response: |'%code:number%' fatal response%-:rest%"),
    (r'ACC: .{1,400}?;code=(?<code>\d{3});reason=(?<reason>[^;]*)',
     '@ESTRING::;code=@@NUMBER:.sip.code@;reason=@ANYSTRING:.sip.reason@',
     ';code=|%code:number%;reason=%reason:rest%'),
    (r'Responding to \w+ with (?<code>\d{3}) (?<reason>.*)',
     'Responding to SUBSCRIBE with @NUMBER:.sip.code@ @ANYSTRING:.sip.reason@',
     'Responding to |%-:word% with %code:number% %reason:rest%'),
    (r'Failed Registration with status (?<reason>.*) \[(?<code>\d{3})\]',
     'Failed Registration with status @ESTRING:.sip.reason: [@@NUMBER:.sip.code@]',
     'Failed Registration with status |%reason:char-to:[%[%code:number%]%-:rest%'),
    (r': session closed: (?<code>\d{3}) (?<reason>.*)',
     'session closed: @NUMBER:.sip.code@ @ANYSTRING:.sip.reason@',
     'session closed: |%code:number% %reason:rest%'),
    (r'Received reply: (?<code>\d{3}) (?<reason>.*)',
     'Received reply: @NUMBER:.sip.code@ @ANYSTRING:.sip.reason@',
     'Received reply: |%code:number% %reason:rest%'),
    (r'T_code=\d+, new_code=(?<code>\d{3})',
     'new_code=@NUMBER:.sip.code@',
     'new_code=|%code:number%'),
    (r'SIP registration failed, status=(?<code>\d{3}) \((?<reason>[^)]*)\)',
     'SIP registration failed, status=@NUMBER:.sip.code@ (@ESTRING:.sip.reason:)@',
     'registration failed, status=|%code:number% (%reason:char-to:)%)%-:rest%'),
    (r'SIP/2\.0 (?<code>\d{3}) (?<reason>[^\r\n]*)',
     'SIP/2.0 @NUMBER:.sip.code@ @ANYSTRING:.sip.reason@',
     'SIP/2.0 |%code:number% %reason:rest%'),
    # the eleventh and following: a fifth of the records
    (r', Response is (?<code>\d{3}) (?<reason>.*)',
     'Response is @NUMBER:.sip.code@ @ANYSTRING:.sip.reason@',
     ', Response is |%code:number% %reason:rest%'),
    (r'logon failure (?<code>\d{3}): (?<reason>.*)',
     'logon failure @NUMBER:.sip.code@: @ANYSTRING:.sip.reason@',
     'logon failure |%code:number%: %reason:rest%'),
    (r'got sip response (?<code>\d{3}) while registering',
     'got sip response @NUMBER:.sip.code@ while registering',
     'got sip response |%code:number% while%-:rest%'),
    (r'entering state \[\w+\]\[(?<code>\d{3})\]',
     'entering state [@ESTRING::][@@NUMBER:.sip.code@]',
     'entering state [|%-:char-to:]%][%code:number%]'),
    (r'Register refresher \[(?<code>\d{3})\] reason \[(?<reason>[^\]]*)\]',
     'Register refresher [@NUMBER:.sip.code@] reason [@ESTRING:.sip.reason:]@',
     'Register refresher [|%code:number%] reason [%reason:char-to:]%]%-:rest%'),
    (r'"sip_code":(?<code>\d{3}),"sip_reason":"(?<reason>[^"]*)"',
     '"sip_code":@NUMBER:.sip.code@,"sip_reason":@QSTRING:.sip.reason:"@',
     '"sip_code":|%code:number%,"sip_reason":"%reason:char-to:"%"%-:rest%'),
    (r'nta: received (?<code>\d{3}) (?<reason>.*) for ',
     'nta: received @NUMBER:.sip.code@ @ESTRING:.sip.reason: for @',
     'nta: received |%code:number% %reason:string-to: for% for %-:rest%'),
)

SYSLOG_NG = """@version: {version}
@define stats-level 0
options {{ stats-freq(0); {threaded} }};
source s_in {{ {sources} }};
{blocks}
destination d_out {{ file("{dir}/out" template("{template}")); }};
log {{ source(s_in); {parser} destination(d_out); flags(flow-control); }};
"""

TEMPLATE = "".join("${.sip.%s}|" % field for field in FIELDS) + "$ISODATE $HOST $PROGRAM[$PID]: $MSG" + END


def _facts(row):
    return {"class": "%dxx" % (int(row["code"]) // 100), "severity": row["severity"], "meaning": row["meaning_en"]}


def _write_facts(folder):
    """selector,name,value as add-contextual-data() reads them"""
    with open(folder / "codes.csv", "w", encoding="utf-8") as out:
        for code, row in workload.code_table().items():
            for name, value in _facts(row).items():
                out.write('%d,.sip.%s,"%s"\n' % (code, name, value.replace('"', '""')))


def _contextual_data(folder):
    _write_facts(folder)
    return 'add-contextual-data(selector("${.sip.code}") database("%s/codes.csv"));' % folder


def _only_if(parser, more):
    # these parsers drop what they do not match
    return "if { parser { %s }; parser { %s }; } else { };" % (parser, more)


def _regexp(count):
    def build(folder):
        patterns = ", ".join("'%s'" % pattern.replace("'", "\\x27") for pattern, _, _ in PATTERNS[:count])
        return _only_if("regexp-parser(patterns(%s) prefix('.sip.'));" % patterns, _contextual_data(folder)), ""
    return build


# db-parser() matches from the start of the message; ESTRING skips to the text that follows it
def _db_parser(folder):
    def escape(text):
        return text.replace("&", "&amp;").replace("<", "&lt;")

    rules = ""
    for number, (_, pattern, _) in enumerate(PATTERNS):
        start = pattern.split("@")[0]
        skip = "" if not start else "@ESTRING::%s@" % start.replace(":", "::") if ":" not in start else None
        if skip is None:
            # a colon ends ESTRING's parameter: skip to what stands behind it
            head, start = start.rsplit(":", 1)
            skip = "@ESTRING::%s@" % start
        rules += ("<rule provider='bench' id='%d' class='sip'><patterns><pattern>%s</pattern></patterns></rule>\n"
                  % (number, escape(skip + pattern[len(pattern.split("@")[0]):])))
    (folder / "sip.pdb").write_text(
        "<patterndb version='5' pub_date='2026-01-01'><ruleset name='sip' id='sip'><rules>%s</rules></ruleset></patterndb>" % rules)
    return _only_if("db-parser(file('%s/sip.pdb') drop-unmatched(yes));" % folder, _contextual_data(folder)), ""


PYTHON = '''
import re
PATTERNS = [re.compile(pattern) for pattern in %r]
FACTS = %r


class Sip(object):
    def init(self, options):
        return True

    def parse(self, msg):
        text = msg["MESSAGE"]
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        for pattern in PATTERNS:
            match = pattern.search(text)
            if match:
                groups = match.groupdict()
                msg[".sip.code"] = groups["code"]
                msg[".sip.reason"] = groups.get("reason") or ""
                for name, value in FACTS.get(groups["code"], ()):
                    msg[name] = value
                break
        return True
'''


def _python(folder):
    patterns = [re.sub(r"\(\?<(\w)", r"(?P<\1", pattern) for pattern, _, _ in PATTERNS]
    facts = {str(code): [(".sip." + name, value) for name, value in _facts(row).items()]
             for code, row in workload.code_table().items()}
    return 'parser { python(class("Sip")); };', "python {" + PYTHON % (patterns, facts) + "};"


def _sip_status(options):
    return lambda folder: ("parser { sip-status(%s); };" % options, "")


RSYSLOG = """global(workDirectory="{dir}" maxMessageSize="64k")
main_queue(queue.type="linkedList")
module(load="{modules}/imtcp")
module(load="{modules}/mmnormalize")
lookup_table(name="class" file="{dir}/class.json")
lookup_table(name="severity" file="{dir}/severity.json")
lookup_table(name="meaning" file="{dir}/meaning.json")
template(name="out" type="string"
  string="%$!code%|%$!reason%|%$.class%|%$.severity%|%$.meaning%|%timegenerated:::date-rfc3339% %hostname% %syslogtag% %msg%{end}")
input(type="imtcp" address="127.0.0.1" port="{port}" supportOctetCountedFraming="on")
{parse}
action(type="omfile" file="{dir}/out" template="out" asyncWriting="off" flushOnTXEnd="on")
"""

RSYSLOG_PARSE = """action(type="mmnormalize" ruleBase="{dir}/sip.rulebase" useRawMsg="off")
if $!code != "" then {{
  set $.class = lookup("class", $!code);
  set $.severity = lookup("severity", $!code);
  set $.meaning = lookup("meaning", $!code);
}}
"""


def rsyslog_files(folder, port, modules, parse):
    rules = "version=2\n"
    for _, _, pattern in PATTERNS:
        start, rest = pattern.split("|", 1)
        # a % in a literal would be doubled; there is none
        rules += "rule=:%%-:string-to:%s%%%s%s\n" % (start, start, rest)
    (folder / "sip.rulebase").write_text(rules)
    for name in FIELDS[2:]:
        table = [{"index": str(code), "value": _facts(row)[name]} for code, row in workload.code_table().items()]
        (folder / (name + ".json")).write_text(json.dumps({"version": 1, "nomatch": "", "type": "string", "table": table}))
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(
        dir=folder, port=port, modules=modules, end="\x1e\\n", parse=RSYSLOG_PARSE.format(dir=folder) if parse else ""))


# name -> (what the table calls it, kind, how to build its configuration)
PEERS = {
    "floor": ("no parser (the floor)", "syslog-ng", lambda folder: ("", "")),
    "sip-status": ("`sip-status()`", "syslog-ng", _sip_status("")),
    "sip-status-5": ("`sip-status()`, `fields()` cut to five", "syslog-ng", _sip_status("fields(%s)" % ", ".join('"%s"' % field for field in FIELDS))),
    "sip-alert": ("`sip-status()` and `sip-alert()`", "syslog-ng",
                  lambda folder: ('parser { sip-status(); sip-alert(inject-mode("internal")); };', "")),
    "regexp10": ("`regexp-parser()`, 10 patterns, `add-contextual-data()`", "syslog-ng", _regexp(10)),
    "regexp17": ("`regexp-parser()`, 17 patterns, `add-contextual-data()`", "syslog-ng", _regexp(17)),
    "db-parser": ("`db-parser()`, 17 patterns, `add-contextual-data()`", "syslog-ng", _db_parser),
    "python": ("`python()`, 17 patterns and a dict", "syslog-ng", _python),
    "rsyslog": ("rsyslog, no parser", "rsyslog", False),
    "rsyslog-mm": ("rsyslog, `mmnormalize` with 17 rules, lookup tables", "rsyslog", True),
}
