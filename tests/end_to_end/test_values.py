# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""What sip-status() puts on a record, seen in the JSON that a destination writes."""
from conftest import VERSION

BUSY = "SIP/2.0 486 Busy Here"


def test_default_values(parse):
    record, = parse([BUSY])
    sip = record["sip"]
    assert (str(sip["code"]), sip["reason"], sip["class"], sip["severity"]) == ("486", "Busy Here", "4xx", "info")
    assert sip["meaning"]
    assert record["MESSAGE"] == BUSY


def test_no_status_no_values(parse):
    record, = parse(["chan_sip.c:486 in handle: 404 calls, port 603"])
    assert "sip" not in record


def test_both_languages(parse):
    record, = parse([BUSY], 'sip-status(language("en" "vi"));')
    assert record["sip"]["meaning_vi"] == "Đang bận"
    assert record["sip"]["meaning"].isascii()


def test_sip_log_block_has_both_languages_and_passes_options_on(parse):
    record, = parse([BUSY], 'sip-log(fields("+category" "-class"));')
    assert record["sip"]["meaning_vi"] == "Đang bận"
    assert record["sip"]["category"]
    assert "class" not in record["sip"]


def test_code_is_a_number_in_json_from_config_version_4(parse):
    version = "4.0" if VERSION.startswith("3.") else VERSION
    record, = parse([BUSY], version=version)
    assert record["sip"]["code"] == 486


def test_prefix(parse):
    template = r'"$(format-json --key sip_*)\n"'
    record, = parse([BUSY], 'sip-status(prefix("sip_"));', template=template)
    assert record["sip_reason"] == "Busy Here"


def test_drop_unmatched(parse):
    records = parse(["nothing", BUSY, "nothing"], "sip-status(drop-unmatched(yes));")
    assert [r["MESSAGE"] for r in records] == [BUSY]


def test_dialects_none_leaves_raw_messages_and_own_rules(parse, tmp_path):
    rules = tmp_path / "mine.rules"
    rules.write_text("[rule mine.busy]\nanchor: gateway said\npattern: gateway said (?<code>\\d{3})\n"
                     "rank: pair\nmatch: gateway said 486\nexpect: code=486\n")
    records = parse(["gateway said 486"], f'sip-status(dialects("none") rules-file("{rules}") fields("+rule"));')
    assert str(records[0]["sip"]["code"]) == "486"
    assert records[0]["sip"]["rule"] == "mine.busy"
    assert "sip" not in parse(["gateway said 486"])[0]


def test_codes_file_adds_a_language_and_a_severity(parse, tmp_path):
    codes = tmp_path / "codes.csv"
    codes.write_text("code,meaning_de,severity\n486,Besetzt,warning\n")
    record, = parse([BUSY], f'sip-status(codes-file("{codes}") language("de" "en"));')
    assert record["sip"]["meaning"] == "Besetzt"
    assert record["sip"]["severity"] == "warning"


def test_header_remains(parse):
    records = parse(["SIP/2.0 486 Busy Here",
                     "<134>Jan  1 00:00:00 SIP/2.0 403 Forbidden",
                     "<134>Jan  1 00:00:00 pbx 404 Not Found",
                     "<134>Jan  1 00:00:00 pbx asterisk[1]: ok"], source="stdin(flags(store-raw-message));")
    assert [str(r.get("sip", {}).get("code", "")) for r in records] == ["486", "403", "", ""]


def test_hostless_device_with_no_hostname_flag(parse):
    record, = parse(["<134>Jan  1 00:00:00 SIP/2.0 403 Forbidden"], source="stdin(flags(no-hostname));")
    assert str(record["sip"]["code"]) == "403"


def test_record_that_syslog_ng_cannot_parse(parse):
    record, = parse(["<13>1 garbage SIP/2.0 486 Busy Here"], source="stdin(flags(syslog-protocol));")
    assert record["MESSAGE"].startswith("Error processing log message")
