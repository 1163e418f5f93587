# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Wrong options are refused when the configuration is parsed: option, value, file, line, column, exit status 1."""
import pytest

BROKEN_RULES = "[rule x.y]\nanchor: gateway said\npattern: gateway said (?<code>\\d{3}\n"
NO_CODE_RULES = "[rule x.y]\nanchor: gateway said\npattern: gateway said (\\d{3})\n"
BROKEN_CODES = "code,colour\n486,red\n"

CASES = [
    ('prefix("")', "prefix() is empty"),
    ('language("xx")', 'language("xx"): no such language'),
    ('dialects("nortel")', 'dialects("nortel"): no such dialect'),
    ('fields("colour")', 'fields("colour"): no such field'),
    ('fields("+code" "reason")', "do not mix"),
    ('severity("486")', 'severity("486"): needs pairs'),
    ('severity("486" "loud")', 'severity("486" "loud"): unknown severity'),
    ('severity("4x" "info")', "neither a code"),
    ("max-groups(0)", "max-groups(0): must be 1 to 10000"),
    ('rules-file("/nonexistent.rules")', 'rules-file("/nonexistent.rules")'),
    ('codes-file("/nonexistent.csv")', 'codes-file("/nonexistent.csv")'),
    ('colour("red")', "no such option: colour()"),
    ("window(60)", "no such option: window()"),
    ("max-keys(60)", "no such option: max-keys()"),
    ('group("$(nosuch)")', "nosuch"),
]


def config(option):
    return f"parser p_sip {{\n  sip-status(\n    {option}\n  );\n}};\n"


@pytest.mark.parametrize("option, text", CASES, ids=[case[0] for case in CASES])
def test_option(syslog_ng, option, text):
    daemon = syslog_ng(config(option))
    status, stderr = daemon.check()
    assert status == 1
    assert text in stderr
    assert "sip-status()" in stderr or "template" in stderr
    # @version and two @include lines come before: the option is on line 6, and its column is told
    assert f"{daemon.conf}:6:" in stderr, stderr


@pytest.mark.parametrize("content, line", [(BROKEN_RULES, 3), (NO_CODE_RULES, None), ("nonsense\n", 1)],
                         ids=["pattern does not compile", "pattern without code", "no rule"])
def test_rules_file(syslog_ng, content, line):
    daemon = syslog_ng(config('rules-file("@DIR@/x.rules")'))
    (daemon.dir / "x.rules").write_text(content)
    status, stderr = daemon.check()
    assert status == 1
    assert f'rules-file("{daemon.dir}/x.rules")' in stderr
    assert f"{daemon.dir}/x.rules:{line or ''}" in stderr, stderr
    assert f"{daemon.conf}:6:" in stderr


def test_codes_file(syslog_ng):
    daemon = syslog_ng(config('codes-file("@DIR@/x.csv")'))
    (daemon.dir / "x.csv").write_text(BROKEN_CODES)
    status, stderr = daemon.check()
    assert status == 1
    assert "colour" in stderr
    assert f"{daemon.dir}/x.csv:1:" in stderr, stderr
    assert f"{daemon.conf}:6:" in stderr


def test_long_messages_are_not_cut(syslog_ng):
    name = "/nonexistent/" + "x" * 300 + ".rules"
    daemon = syslog_ng(config(f'rules-file("{name}")'))
    status, stderr = daemon.check()
    assert status == 1
    assert f'rules-file("{name}"): ' in stderr


def test_the_daemon_does_not_start(syslog_ng):
    import subprocess
    daemon = syslog_ng(config('language("xx")') + "log { source { stdin(); }; parser(p_sip); };\n")
    assert subprocess.run(daemon.command(), input=b"", capture_output=True, timeout=30).returncode == 1


def test_a_good_configuration_passes_the_check(syslog_ng):
    daemon = syslog_ng(config('prefix("x.") language("vi" "en") dialects("asterisk") fields("-meaning") '
                              'severity("4xx" "info" "486" "debug") group("${HOST}") max-groups(10) '
                              'drop-unmatched(no) template("${MESSAGE}")'))
    assert daemon.check() == (0, "") or daemon.check()[0] == 0
