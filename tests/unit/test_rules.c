/*
 * Copyright (c) 2026 The syslog-ng-sip authors
 *
 * This program is free software; you can redistribute it and/or modify it
 * under the terms of the GNU General Public License as published by the
 * Free Software Foundation; either version 2 of the License, or (at your
 * option) any later version.
 *
 * This program is distributed in the hope that it will be useful,
 * but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
 * GNU General Public License for more details.
 *
 * You should have received a copy of the GNU General Public License along
 * with this program; if not, see <https://www.gnu.org/licenses/>.
 */

#include "guard-page.h"
#include "sip-rule-check.h"
#include "sip-rules-private.h"
#include "sip-scan.h"
#include "sip-view.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* --- faults: a text, and what is said of it, with line and column --- */

#define RULE "[rule a.b]\nanchor: ACME call\n"
#define SAMPLE "match: ACME call 486\nexpect: code=486\n"
#define PATTERN "pattern: ACME call %{code}\n"
#define GOOD RULE PATTERN SAMPLE

typedef struct _Fault
{
  const gchar *text;
  const gchar *message;
} Fault;

static const Fault faults[] =
{
  /* sections */
  { "anchor: ACME call\n", "f:1:1: a setting before the first `[rule NAME]'" },
  { "# x\n\n  anchor: ACME call\n", "f:3:3: a setting before the first `[rule NAME]'" },
  { "[rule]\n", "f:1:1: expected `[rule NAME]'" },
  { "[Rule a]\n", "f:1:1: expected `[rule NAME]'" },
  { "  [rules a]\n", "f:1:3: expected `[rule NAME]'" },
  { "[rule a.b\n", "f:1:1: expected `[rule NAME]'" },
  { "[rule a.b] x\n", "f:1:1: expected `[rule NAME]'" },
  { "[rule ]\n", "f:1:7: the name of a rule has 1 to 128 bytes" },
  { "[rule Acme.x]\n", "f:1:7: a rule's name has lower-case letters, digits, `.' and `-'" },
  { " [rule acme x]\n", "f:1:12: a rule's name has lower-case letters, digits, `.' and `-'" },
  { "[rule acme.\xc3\xa9]\n", "f:1:12: a rule's name has lower-case letters, digits, `.' and `-'" },
  /* what must be there */
  { "[rule a.b]\n", "f:1:1: rule a.b has no `anchor'" },
  { "\n[rule a.b]\nanchor: ACME call\n", "f:2:1: rule a.b has no `pattern'" },
  { RULE PATTERN, "f:1:1: rule a.b has no `match' sample" },
  { RULE PATTERN "nomatch: x\n", "f:1:1: rule a.b has no `match' sample" },
  { RULE "pattern: ACME call\n" SAMPLE, "f:1:1: rule a.b names no status: the pattern has no group `code' and there is no `code' setting" },
  { RULE "pattern: ACME call\nrank: event\nmatch: ACME call\nexpect: event=call-failed\n", "f:1:1: rule a.b has rank `event' but no `event'" },
  { RULE PATTERN "rank: event\nevent: call-failed\n" SAMPLE, "f:1:1: rule a.b has rank `event' and a code" },
  { RULE "pattern: ACME call\nrank: event\nevent: call-failed\ncode: 486\n" SAMPLE, "f:1:1: rule a.b has rank `event' and a code" },
  /* the form of settings */
  { GOOD "anchor\n", "f:6:1: expected `key: value'" },
  { GOOD "  anchor = x\n", "f:6:3: expected `key: value'" },
  { GOOD ": x\n", "f:6:1: expected `key: value'" },
  { GOOD "Anchor: x\n", "f:6:1: expected `key: value'" },
  { GOOD "colour: blue\n", "f:6:1: unknown key `colour'" },
  { GOOD "\t\tcolour: blue\n", "f:6:3: unknown key `colour'" },
  { GOOD "peer: 192.0.2.1\n", "f:6:1: unknown key `peer'" },
  { GOOD "product:\n", "f:6:9: `product' without a value" },
  { GOOD "anchor(x): ACME\n", "f:6:1: `anchor' takes no program in brackets" },
  { GOOD "match(x: ACME\n", "f:6:6: no closing bracket" },
  /* keys that stand once */
  { GOOD "product: a\nproduct: b\n", "f:7:1: `product' may stand only once in a rule" },
  { GOOD "before: 0\nbefore: 0\n", "f:7:1: `before' may stand only once in a rule" },
  { GOOD "window: 512\n  window: 512\n", "f:7:3: `window' may stand only once in a rule" },
  { GOOD "rank: sentence\nrank: sentence\n", "f:7:1: `rank' may stand only once in a rule" },
  { GOOD "unbounded: no\nunbounded: yes\n", "f:7:1: `unbounded' may stand only once in a rule" },
  { GOOD "context: no\ncontext: no\n", "f:7:1: `context' may stand only once in a rule" },
  { GOOD "code: 486\ncode: 486\n", "f:7:1: `code' may stand only once in a rule" },
  { GOOD "method: BYE\nmethod: BYE\n", "f:7:1: `method' may stand only once in a rule" },
  { GOOD "direction: sent\ndirection: sent\n", "f:7:1: `direction' may stand only once in a rule" },
  { GOOD "event: call-failed\nevent: call-failed\n", "f:7:1: `event' may stand only once in a rule" },
  { GOOD "reason: a\nreason: a\n", "f:7:1: `reason' may stand only once in a rule" },
  /* values */
  { GOOD "anchor: abc\n", "f:6:9: an anchor has 4 to 128 bytes, this one has 3" },
  { GOOD "anchor: \"a\"\n", "f:6:9: an anchor has 4 to 128 bytes, this one has 1" },
  { GOOD "anchor: ACME [4-6]\n", "f:6:14: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor:   \" ACME [4-6][0-9]\"\n",
    "f:6:18: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor: ACME [1-6][0-9][0-9] x\n",
    "f:6:14: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor: ACME [45][0-9][0-9]\n", "f:6:18: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor: ACME [45]\n", "f:6:14: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor: ACME [^1-6]\n", "f:6:14: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor: ACME [0-9]{3}\n", "f:6:14: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor: ACME [[:digit:]]\n", "f:6:14: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "anchor: ACME \\d\\d\\d\n", "f:6:14: an anchor is literal but for [1-6], [1-6][0-9] or [1-6][0-9][0-9] at its end" },
  { GOOD "before: 257\n", "f:6:9: `257' is not a number from 0 to 256" },
  { GOOD "before: -1\n", "f:6:9: `-1' is not a number from 0 to 256" },
  { GOOD "before: 1x\n", "f:6:9: `1x' is not a number from 0 to 256" },
  { GOOD "before: 3 letters\n", "f:6:9: `3 letters' is not a number from 0 to 256" },
  { GOOD "before: 0 words\n", "f:6:9: `0' is not a number from 1 to 16" },
  { GOOD "before: 17 words\n", "f:6:9: `17' is not a number from 1 to 16" },
  { GOOD "window: 63\n", "f:6:9: `63' is not a number from 64 to 4096" },
  { GOOD "window:   99999999999999999999\n", "f:6:11: `99999999999999999999' is not a number from 64 to 4096" },
  { GOOD "rank: best\n", "f:6:7: unknown rank `best'" },
  { GOOD "code: 700\n", "f:6:7: `700' is not a number from 100 to 699" },
  { GOOD "code: 99\n", "f:6:7: `99' is not a number from 100 to 699" },
  { GOOD "method: GET\n", "f:6:9: `GET' is not a SIP method" },
  { GOOD "direction: out\n", "f:6:12: direction is `sent' or `received', not `out'" },
  { GOOD "event: boom\n", "f:6:8: unknown event `boom'" },
  { GOOD "unbounded: maybe\n", "f:6:12: `unbounded' is `yes' or `no'" },
  { GOOD "context: none\n", "f:6:10: `context' is `yes' or `no'" },
  { GOOD "veto: http | x | ftp\n", "f:6:7: a word has at least 2 bytes, `x' has 1" },
  { GOOD "require: =\n", "f:6:10: a word has at least 2 bytes, `=' has 1" },
  /* samples */
  { RULE PATTERN "match: ACME call 486\n", "f:1:1: rule a.b ends with a `match' without `expect'" },
  { RULE PATTERN "match: x\n[rule b.c]\n", "f:1:1: rule a.b ends with a `match' without `expect'" },
  { RULE PATTERN "match: x\nmatch: y\n", "f:5:1: `match' must be followed by `expect'" },
  { RULE PATTERN "match: x\n  nomatch: y\n", "f:5:3: `match' must be followed by `expect'" },
  { RULE PATTERN "expect: code=486\n", "f:4:1: `expect' without a `match' before it" },
  { GOOD "expect: code=486\n", "f:6:1: `expect' without a `match' before it" },
  { RULE PATTERN "match: x\nexpect: code\n", "f:5:9: expected a known name and `='; a value with blanks stands in double quotes" },
  { RULE PATTERN "match: x\nexpect: code=486 colour=blue\n", "f:5:18: expected a known name and `='; a value with blanks stands in double quotes" },
  { RULE PATTERN "match: x\nexpect: code=486 reason=\"Busy\n", "f:5:18: no closing quote" },
  { RULE PATTERN "match: x\nexpect: reason=Busy\n", "f:4:1: `expect' must name code or event" },
  { RULE PATTERN "match: x\nexpect:\n", "f:4:1: `expect' must name code or event" },
  { GOOD "nomatch: a\\q\n", "f:6:12: unknown escape; known are \\n \\r \\t \\e \\\\ \\xHH" },
  { GOOD "nomatch: \\x4\n", "f:6:11: unknown escape; known are \\n \\r \\t \\e \\\\ \\xHH" },
  { GOOD "nomatch: a\\\n", "f:6:12: unknown escape; known are \\n \\r \\t \\e \\\\ \\xHH" },
  /* patterns: the place is that of the pattern as it is written, whatever the abbreviations before it stand for */
  { RULE "pattern: ACME call %{code} (x\n" SAMPLE, "f:3:30: the pattern does not compile: missing closing parenthesis" },
  { RULE "pattern: ACME %{addr} %{code} [x\n" SAMPLE, "f:3:33: the pattern does not compile: missing terminating ] for character class" },
  { RULE "pattern: ACME call %{code}\npattern:  x(\n" SAMPLE, "f:4:13: the pattern does not compile: missing closing parenthesis" },
  { RULE "pattern: ACME call %{cod}\n" SAMPLE, "f:3:20: unknown abbreviation `%{cod}'; known are %{code} %{method} %{addr} %{uri} %{callid} %{phrase}" },
  { RULE "pattern: ACME call %{code\n" SAMPLE, "f:3:20: unknown abbreviation `%{code'; known are %{code} %{method} %{addr} %{uri} %{callid} %{phrase}" },
  { RULE "pattern: ACME call %{code}(?<colour>x)\n" SAMPLE, "f:3:10: unknown group `colour' in the pattern" },
  { RULE "pattern: ACME call %{code}(?<event>x)\n" SAMPLE, "f:3:10: unknown group `event' in the pattern" },
  { RULE "pattern: ACME call %{code}(?<direction>x)\n" SAMPLE, "f:3:10: unknown group `direction' in the pattern" },
  { RULE "pattern: ACME .* %{code}\n" SAMPLE, "f:3:16: unbounded repeat in the pattern: write {0,64} or so" },
  { RULE "pattern: ACME %{addr} %{code} x+\n" SAMPLE, "f:3:32: unbounded repeat in the pattern: write {0,64} or so" },
  /* bytes */
  { GOOD "# caf\xe9\n", "f:6:6: not valid UTF-8 (\\xHH writes any byte)" },
  { GOOD "nomatch: \xc3\n", "f:6:10: not valid UTF-8 (\\xHH writes any byte)" },
};

static gboolean
_parse(const gchar *text, gsize len, gboolean user, GPtrArray *rules, GError **error)
{
  SipSpan guarded = guard_page_at_end(text, len);

  return sip_rule_file_parse("f", guarded.ptr, guarded.len, user, rules, error);
}

static GPtrArray *
_rules_new(void)
{
  return g_ptr_array_new_with_free_func((GDestroyNotify) sip_rule_free);
}

static void
_expect_fault(const gchar *text, gsize len, gboolean user, const gchar *message)
{
  GPtrArray *rules = _rules_new();
  GError *error = NULL;

  cr_expect_not(_parse(text, len, user, rules, &error), "`%s' loads", text);
  if (error)
    {
      cr_expect_str_eq(error->message, message, "`%s':\n%s\ninstead of\n%s", text, error->message, message);
      cr_expect(g_error_matches(error, SIP_RULES_ERROR, 0));
    }
  g_clear_error(&error);
  g_ptr_array_unref(rules);
}

Test(rules, faults_have_line_and_column)
{
  for (gsize i = 0; i < G_N_ELEMENTS(faults); i++)
    {
      gchar **lines = g_strsplit(faults[i].text, "\n", -1);
      gchar *crlf = g_strjoinv("\r\n", lines);

      _expect_fault(faults[i].text, strlen(faults[i].text), TRUE, faults[i].message);
      /* the same with the line ends of another system */
      _expect_fault(crlf, strlen(crlf), TRUE, faults[i].message);
      g_free(crlf);
      g_strfreev(lines);
    }
}

Test(rules, nul_bytes_and_size)
{
  static const gchar nul[] = GOOD "# a\0b\n";
  GString *big = g_string_new(GOOD);

  _expect_fault(nul, sizeof(nul) - 1, TRUE, "f:6:4: NUL byte");
  while (big->len <= SIP_RULE_FILE_MAX)
    g_string_append(big, "# a long comment that says nothing at all, over and over\n");

  GPtrArray *rules = _rules_new();
  GError *error = NULL;
  cr_assert_not(sip_rule_file_parse("f", big->str, big->len, TRUE, rules, &error));
  cr_assert_str_eq(error->message, "f:1:1: the file is larger than 1048576 bytes");
  g_clear_error(&error);
  g_ptr_array_unref(rules);
  g_string_free(big, TRUE);
}

Test(rules, unbounded_is_for_users)
{
  _expect_fault(GOOD "unbounded: yes\n", strlen(GOOD "unbounded: yes\n"), FALSE, "f:6:1: `unbounded' is for user files");
}

/* --- repeats without a bound --- */

static const gchar *const unbounded[] =
{
  "a*", "a+", "a{2,}", "(ab)*", "[ab]+", "a+?", "a*+", "\\d+", "\\?+", "\\(*", "\\}+", "b}+", "{a}+", "\\]+", "[]]+", "[^]]*",
  "[[:digit:]]+", "[\\]]+", "\\Qa\\E+", "\\Q[\\E a*", "\\Q\\\\E*", "(?#[)a*", "(?#*)a+", "(*COMMIT)a*", "(*pla:a*)",
  "a{1,3}b+", "a??+", "a?++", "\\x{41}+", "\\p{L}+", "(a(?R)?)", "(a(?1)?)", "(?:x(?-1))(y)", "(?<reason>a(?&reason)?)",
  "(?P>reason)(?<reason>x)", "(a\\g<1>?)", "(?i:a+)", "(?=a*)", "a{0,5}{1,}", "a{ 1, }",
};

static const gchar *const bounded[] =
{
  "a?", "a??", "a?+", "a{0,64}", "a{3}", "a{0,64}?", "a{0,64}+", "(?:ab){1,3}", "[*+]", "[]*+]", "[^]*+]", "\\*\\+", "\\Q*+\\E",
  "(?#*+)a", "(?#a{1,})b", "[{1,}]", "\\{1,}", "(?i)a", "(?<!a)b", "(?<![a*])b", "(?>a)", "(*COMMIT)a", "{", "a{", "a{1", "a{x,}",
  "a{,}", "[[:alpha:]*]{0,3}", "[[:digit:]+]", "\\x{41}{2}", "\\p{L}{1,3}+", "(?-i)a", "(?^)a", "\\\\{3}",
};

Test(rules, repeats_need_a_bound)
{
  for (gsize i = 0; i < G_N_ELEMENTS(unbounded); i++)
    {
      gchar *text = g_strdup_printf(RULE "pattern: ACME %s %%{code}\n" SAMPLE, unbounded[i]);
      GPtrArray *rules = _rules_new();
      GError *error = NULL;

      cr_expect_not(_parse(text, strlen(text), TRUE, rules, &error), "`%s' passes", unbounded[i]);
      cr_expect(error && strstr(error->message, "unbounded repeat"), "`%s': %s", unbounded[i],
                error ? error->message : "no fault");
      g_clear_error(&error);
      g_ptr_array_unref(rules);
      g_free(text);

      /* in a user's file it may be said */
      text = g_strdup_printf(RULE "pattern: ACME (?:%s|) %%{code}\nunbounded: yes\n" SAMPLE, unbounded[i]);
      rules = _rules_new();
      _parse(text, strlen(text), TRUE, rules, &error);
      cr_expect(!error || !strstr(error->message, "unbounded repeat"), "`%s': %s", unbounded[i],
                error ? error->message : "");
      g_clear_error(&error);
      g_ptr_array_unref(rules);
      g_free(text);
    }
  for (gsize i = 0; i < G_N_ELEMENTS(bounded); i++)
    {
      gchar *text = g_strdup_printf(RULE "pattern: ACME %s %%{code}\n" SAMPLE, bounded[i]);
      GPtrArray *rules = _rules_new();
      GError *error = NULL;

      cr_expect(_parse(text, strlen(text), TRUE, rules, &error), "`%s': %s", bounded[i], error ? error->message : "");
      g_clear_error(&error);
      g_ptr_array_unref(rules);
      g_free(text);
    }
}

/* --- what a good file says --- */

Test(rules, a_good_file)
{
  static const gchar text[] =
    "\xef\xbb\xbf# Acme\n"
    "\n"
    "  [rule acme.gateway.x-1]  \n"
    "\tproduct:   Acme gateways  \n"
    "  # within\n"
    "anchor: \" ACME \"\n"
    "anchor: Code=[1-6][0-9]\n"
    "anchor: C:\\data [404] [4-6x] [] [-] [A-Z] [45] x\n"
    "pattern: (?:a|b) %{code}\n"
    "pattern: %{code} (?<sent>x)(?<reason>y)\n"
    "before: 16\n"
    "window: 128\n"
    "require: SIP | =INVITE\n"
    "require: *sofia*\n"
    "veto: http*\n"
    "rank: pair\n"
    "method: BYE\n"
    "match(kamailio): a\\t\\n\\x41\\\\\n"
    "expect: code=486 reason=\"Busy \\\"Here\\\"\" peer= user=1001\n"
    "nomatch:\n"
    "[rule acme.two]\n"
    "anchor: ACME two\n"
    "pattern: ACME two\n"
    "code: 503\n"
    "event: gateway-down\n"
    "match: ACME two\n"
    "expect: event=gateway-down";
  GPtrArray *rules = _rules_new();
  GError *error = NULL;

  cr_assert(_parse(text, sizeof(text) - 1, TRUE, rules, &error), "%s", error ? error->message : "");
  cr_assert_eq(rules->len, 2);

  const SipRule *rule = g_ptr_array_index(rules, 0);
  const SipRuleSample *sample = g_ptr_array_index(rule->samples, 0);
  cr_assert_str_eq(rule->name, "acme.gateway.x-1");
  cr_assert_str_eq(rule->product, "Acme gateways");
  cr_assert_str_eq(rule->source, "f");
  cr_assert_eq(rule->line, 3);
  cr_assert(rule->user);
  cr_assert_eq(rule->rank, SIP_RANK_PAIR);
  cr_assert_eq(rule->before, 16);
  cr_assert_eq(rule->window, 128);
  cr_assert_eq(rule->anchors->len, 3);
  cr_assert_str_eq(g_array_index(rule->anchors, SipRuleAnchor, 2).text, "C:\\data [404] [4-6x] [] [-] [A-Z] [45] x");
  cr_assert_str_eq(g_array_index(rule->anchors, SipRuleAnchor, 0).text, " ACME ");
  cr_assert_eq(g_array_index(rule->anchors, SipRuleAnchor, 1).digits, 2);
  cr_assert_eq(rule->patterns->len, 2);
  cr_assert_eq(rule->require->len, 2);
  cr_assert_eq(rule->samples->len, 2);
  cr_assert(sample->match);
  cr_assert_str_eq(sample->program, "kamailio");
  cr_assert_eq(sample->text->len, 5);
  cr_assert_str_eq(sample->text->str, "a\t\nA\\");
  cr_assert_str_eq(sample->expect[SIP_FIELD_CODE], "486");
  cr_assert_str_eq(sample->expect[SIP_FIELD_REASON], "Busy \"Here\"");
  cr_assert_str_eq(sample->expect[SIP_FIELD_PEER], "");
  cr_assert_null(sample->expect[SIP_FIELD_METHOD]);

  rule = g_ptr_array_index(rules, 1);
  cr_assert_eq(rule->line, 21);
  cr_assert_eq(rule->fixed_code, 503);
  cr_assert_str_eq(rule->fixed[SIP_FIELD_EVENT], "gateway-down");
  g_ptr_array_unref(rules);
}

/* every byte of a good file turned into another one: rules or a message with a place, never a crash */
Test(rules, damaged_files)
{
  static const gchar text[] =
    "[rule a.b]\nanchor: \"ACME\"\npattern: ACME(?: %{code}|x)(?<reason>[a-z]{0,9})\nveto: http | *x\nbefore: 9\nmatch(p): A\\n\n"
    "expect: code=486 reason=\"a\"\n";
  static const gchar bytes[] = { '\0', '"', '(', ')', '[', ']', '{', '}', '\\', '\n', '\r', ':', '=', '%', '|', '?', '*', '9', ' ', '\xff' };
  gchar damaged[sizeof(text)];

  for (gsize i = 0; i + 1 < sizeof(text); i++)
    {
      for (gsize j = 0; j <= sizeof(bytes); j++)
        {
          GPtrArray *rules = _rules_new();
          GError *error = NULL;
          gsize len = j == sizeof(bytes) ? i : sizeof(text) - 1;

          memcpy(damaged, text, sizeof(text));
          if (j < sizeof(bytes))
            damaged[i] = bytes[j];
          gboolean ok = _parse(damaged, len, TRUE, rules, &error);
          cr_assert(ok == (error == NULL));
          cr_assert(ok || g_str_has_prefix(error->message, "f:"), "%s", ok ? "" : error->message);
          g_clear_error(&error);
          g_ptr_array_unref(rules);
        }
    }
}

/* --- sets --- */

static SipRules *
_set(const gchar *text, gboolean user)
{
  SipRules *rules = sip_rules_new();
  GError *error = NULL;

  cr_assert(sip_rules_add_text(rules, "f", text, strlen(text), user, &error), "%s", error ? error->message : "");
  cr_assert(sip_rules_compile(rules, TRUE, &error), "%s", error ? error->message : "");
  return rules;
}

static SipScanResult
_scan(const SipRules *rules, SipScanner *scanner, const gchar *program, const gchar *text)
{
  SipScanResult result;

  sip_scan(rules, scanner, sip_span_str(program), guard_page_at_end(text, strlen(text)), &result);
  return result;
}

Test(rules, names_are_unique_over_files)
{
  SipRules *rules = sip_rules_new();
  GError *error = NULL;

  cr_assert(sip_rules_add_text(rules, "f", GOOD, strlen(GOOD), TRUE, NULL));
  cr_assert(sip_rules_add_text(rules, "g", "\n" GOOD, strlen("\n" GOOD), TRUE, NULL));
  cr_assert_not(sip_rules_compile(rules, TRUE, &error));
  cr_assert_str_eq(error->message, "g:2:1: there is a rule a.b already, at f:1");
  g_clear_error(&error);
  sip_rules_unref(rules);
}

Test(rules, built_in_dialects_load_and_compile)
{
  SipRules *rules = sip_rules_new();
  GError *error = NULL;

  for (const gchar *const *dialect = sip_rules_builtin_dialects(); *dialect; dialect++)
    cr_assert(sip_rules_add_builtin(rules, *dialect, &error), "%s", error ? error->message : "");
  cr_assert_gt(sip_rules_count(rules), 100);
  cr_assert(sip_rules_compile(rules, FALSE, &error), "%s", error ? error->message : "");
  cr_assert_not(sip_rules_add_builtin(rules, "nosuch", &error));
  cr_assert_str_eq(error->message, "unknown dialect `nosuch'");
  g_clear_error(&error);
  sip_rules_unref(rules);
}

Test(rules, files_that_are_none)
{
  SipRules *rules = sip_rules_new();
  GError *error = NULL;
  gchar *folder = g_dir_make_tmp("rules-XXXXXX", NULL);
  gchar *huge = g_build_filename(folder, "huge.rules", NULL);

  cr_assert_not(sip_rules_add_file(rules, "/nonexistent.rules", &error));
  cr_assert_not_null(strstr(error->message, "/nonexistent.rules"));
  g_clear_error(&error);
  cr_assert_not(sip_rules_add_file(rules, "/dev/zero", &error));
  cr_assert_str_eq(error->message, "/dev/zero: not a regular file");
  g_clear_error(&error);

  /* not read at all */
  cr_assert(g_file_set_contents(huge, "", 0, NULL));
  cr_assert_eq(truncate(huge, (off_t) 1 << 40), 0);
  cr_assert_not(sip_rules_add_file(rules, huge, &error));
  cr_assert_not_null(strstr(error->message, "larger than 1048576 bytes"));
  g_clear_error(&error);
  g_unlink(huge);
  g_rmdir(folder);
  g_free(huge);
  g_free(folder);
  sip_rules_unref(rules);
}

static void
_collect(const gchar *fault, gpointer user_data)
{
  g_string_append_printf(user_data, "%s\n", fault);
}

Test(rules, samples_that_do_not_hold)
{
  static const gchar text[] =
    RULE "pattern: ACME call (?:from %{addr} )?%{code}(?: (?<reason>[A-Za-z ]{1,30}))?\n"
    "match: ACME call 486\nexpect: code=486 reason=\n"
    "match: ACME call from 192.0.2.1:5060 503 Broken\nexpect: code=503 reason=Broken peer=192.0.2.1 peer_port=5060\n"
    "match: ACME call 486 Busy\nexpect: code=487\n"
    "match: ACME call 486 Busy\nexpect: code=486 reason=\n"
    "match: ACME call 486\nexpect: code=486 reason=Busy\n"
    "match: nothing\nexpect: code=486\n"
    "nomatch: ACME call 404\n"
    "nomatch: ACME call\n";
  SipRules *rules = _set(text, TRUE);
  SipScanner *scanner = sip_scanner_new();
  GString *told = g_string_new(NULL);
  guint samples = 0;

  cr_assert_eq(sip_rules_check_samples(rules, scanner, "f", _collect, told, &samples), 5);
  cr_assert_eq(samples, 8);
  cr_assert_str_eq(told->str,
                   "f:8:1: rule a.b: expected code=487, found 486 (by a.b)\n"
                   "f:10:1: rule a.b: expected reason=nothing, found Busy (by a.b)\n"
                   "f:12:1: rule a.b: expected reason=Busy, found nothing (by a.b)\n"
                   "f:14:1: rule a.b: expected code=486, found nothing (by no rule)\n"
                   "f:16:1: rule a.b: the look-alike gives 404 (by a.b)\n");
  cr_assert_eq(sip_rules_check_samples(rules, scanner, "g", _collect, told, &samples), 0);
  cr_assert_eq(samples, 0);
  g_string_free(told, TRUE);
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
}

/* --- matching: what rules do to a record --- */

/* more groups than the vector of a match holds: those with a name must be within it */
Test(rules, many_groups)
{
  GString *text = g_string_new(RULE "pattern: ACME call ");

  for (gint i = 0; i < 60; i++)
    g_string_append(text, "()");
  g_string_append(text, "%{code}\n" SAMPLE);
  _expect_fault(text->str, text->len, TRUE, "f:3:10: more than 47 groups before `code' in the pattern: write (?:...) for those "
                "without a name");

  g_string_assign(text, RULE "pattern: ACME call %{code}");
  for (gint i = 0; i < 200; i++)
    g_string_append(text, "()");
  g_string_append(text, "\n" SAMPLE);
  SipRules *rules = _set(text->str, TRUE);
  SipScanner *scanner = sip_scanner_new();
  cr_assert_eq(_scan(rules, scanner, NULL, "ACME call 486").code, 486);
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
  g_string_free(text, TRUE);
}

Test(rules, direction_by_any_of_several_groups)
{
  SipRules *rules = _set(RULE "pattern: ACME call (?:(?<sent>to)|(?<received>from)|(?<sent>out)|(?<received>in)) %{code}\n" SAMPLE, TRUE);
  SipScanner *scanner = sip_scanner_new();
  static const gchar *const cases[][2] =
  {
    { "ACME call to 486", "sent" }, { "ACME call out 486", "sent" }, { "ACME call from 486", "received" },
    { "ACME call in 486", "received" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      SipScanResult result = _scan(rules, scanner, NULL, cases[i][0]);

      cr_expect_eq(result.code, 486);
      cr_expect(sip_span_eq(result.field[SIP_FIELD_DIRECTION], cases[i][1]), "%s", cases[i][0]);
    }
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
}

typedef struct _WordCase
{
  const gchar *program;
  const gchar *text;
  gint code;
} WordCase;

Test(rules, require_and_veto)
{
  SipRules *rules = _set(RULE PATTERN "require: SIP | =INVITE | tel*\nrequire: trunk\nveto: http | *web* | sip-alert\n" SAMPLE, TRUE);
  SipScanner *scanner = sip_scanner_new();
  static const WordCase cases[] =
  {
    { NULL, "SIP trunk ACME call 486", 486 },
    { NULL, "sip: trunk ACME call 486", 486 },
    { NULL, "ACME call 486 chan_sip.c trunk", 486 },
    { NULL, "ACME call 486 gossip trunk", 0 },
    { NULL, "ACME call 486 sipping trunk", 0 },
    { NULL, "ACME call 486 INVITE trunk", 486 },
    { NULL, "ACME call 486 invite trunk", 0 },
    { NULL, "ACME call 486 telephone trunk", 486 },
    { NULL, "ACME call 486 hotel trunk", 0 },
    { NULL, "ACME call 486 SIP", 0 },
    { NULL, "ACME call 486 SIP trunks", 0 },
    { "sip", "trunk ACME call 486", 486 },
    { "trunk", "sip ACME call 486", 486 },
    { NULL, "SIP trunk ACME call 486 http", 0 },
    { NULL, "SIP trunk ACME call 486 https", 486 },
    { NULL, "SIP trunk ACME call 486 HTTP/1.1", 0 },
    { NULL, "SIP trunk ACME call 486 cobwebs", 0 },
    { "webd", "SIP trunk ACME call 486", 0 },
    { "sip-alert", "SIP trunk ACME call 486", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      gint code = _scan(rules, scanner, cases[i].program, cases[i].text).code;

      cr_expect_eq(code, cases[i].code, "`%s' (%s): %d", cases[i].text, cases[i].program ? cases[i].program : "", code);
    }
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
}

/* docs/rule-files.md, "Which rule wins" */
Test(rules, which_rule_wins)
{
  static const gchar built_in[] =
    "[rule b.sentence]\nanchor: said\npattern: said %{code}\n"
    "[rule b.longer]\nanchor: it said\npattern: it said %{code}\n"
    "[rule b.pair]\nanchor: code=\npattern: code=%{code}\nrank: pair\n"
    "[rule b.acc]\nanchor: ACC: \npattern: ACC: %{code}\nrank: accounting\n"
    "[rule b.event]\nanchor: is down\npattern: is down\nrank: event\nevent: gateway-down\n"
    "[rule b.whole]\nanchor: answered\npattern: answered %{code}\ncontext: no\n"
    "[rule b.phrase]\nanchor: told us\npattern: told us %{code} %{phrase}\n"
    "[rule b.context]\nanchor: from host\npattern: from host %{addr}\nrank: context\n";
  static const gchar user[] =
    "[rule u.sentence]\nanchor: spoke\npattern: spoke %{code}\nmatch: spoke 486\nexpect: code=486\n";
  static const struct
  {
    const gchar *text;
    gint code;
    const gchar *rule;
  } cases[] =
  {
    { "said 486 code=503", 503, "b.pair" },
    { "code=503 said 486", 503, "b.pair" },
    { "code=503 ACC: 404", 404, "b.acc" },
    { "code=503\nSIP/2.0 486 Busy Here\r\n", 486, "sip.status-line" },
    { "ACC: 404\nSIP/2.0 486 Busy Here\r\n", 404, "b.acc" },
    { "said 486, it said 503", 503, "b.longer" },
    { "it said 503, said 486", 503, "b.longer" },
    { "it said 503, spoke 404", 404, "u.sentence" },
    { "spoke 404 code=486", 486, "b.pair" },
    { "said 486 said 503", 503, "b.sentence" },
    { "said 486 said 180", 486, "b.sentence" },
    { "said 180 said 183", 183, "b.sentence" },
    { "gw1 is down", 0, "b.event" },
    { "gw1 is down, said 503", 503, "b.sentence" },
    { "said 503, gw1 is down", 503, "b.sentence" },
  };
  SipRules *rules = sip_rules_new();
  SipScanner *scanner = sip_scanner_new();

  cr_assert(sip_rules_add_text(rules, "b", built_in, sizeof(built_in) - 1, FALSE, NULL));
  cr_assert(sip_rules_add_text(rules, "u", user, sizeof(user) - 1, TRUE, NULL));
  cr_assert(sip_rules_compile(rules, TRUE, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      SipScanResult result = _scan(rules, scanner, NULL, cases[i].text);

      cr_expect_eq(result.code, cases[i].code, "`%s': %d", cases[i].text, result.code);
      cr_expect_str_eq(result.rule_name ? result.rule_name : "", cases[i].rule, "`%s'", cases[i].text);
    }

  /* what stands beside it: the nearest before, else the first behind */
  SipScanResult result = _scan(rules, scanner, NULL, "from host 192.0.2.1 x from host 192.0.2.2 said 486 from host 192.0.2.3");
  cr_assert(sip_span_eq(result.field[SIP_FIELD_PEER], "192.0.2.2"));
  result = _scan(rules, scanner, NULL, "said 486 from host 192.0.2.3 from host 192.0.2.4");
  cr_assert(sip_span_eq(result.field[SIP_FIELD_PEER], "192.0.2.3"));
  result = _scan(rules, scanner, NULL, "from host 192.0.2.1");
  cr_assert_eq(result.code, 0);
  result = _scan(rules, scanner, NULL, "answered 486 from host 192.0.2.3");
  cr_assert_eq(result.code, 486);
  cr_assert_null(result.field[SIP_FIELD_PEER].ptr);
  result = _scan(rules, scanner, NULL, "{\"MESSAGE\":\"told us 486 Busy Here \",\"HOST\":\"a\"}");
  cr_assert(sip_span_eq(result.field[SIP_FIELD_REASON], "Busy Here"));
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
}

/* a window ends the match, before: begins it, the match must cover the anchor */
Test(rules, before_and_window)
{
  SipRules *rules = _set("[rule a.b]\nanchor: answered\nbefore: 20\nwindow: 64\npattern: %{code} answered(?:[^x]{0,80}(?<reason>end))?\n"
                         "match: 486 answered\nexpect: code=486\n", TRUE);
  SipScanner *scanner = sip_scanner_new();

  cr_assert_eq(_scan(rules, scanner, NULL, "486 answered").code, 486);
  cr_assert_eq(_scan(rules, scanner, NULL, "it was 486 answered").code, 486);
  cr_assert_eq(_scan(rules, scanner, NULL, "486 was answered").code, 0);
  cr_assert(sip_span_eq(_scan(rules, scanner, NULL, "486 answered 9 end").field[SIP_FIELD_REASON], "end"));
  /* behind the window */
  SipScanResult result = _scan(rules, scanner, NULL, "486 answered 1234567890123456789012345678901234567890123456789012345 end");
  cr_assert_eq(result.code, 486);
  cr_assert_null(result.field[SIP_FIELD_REASON].ptr);
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
}

/* words before the anchor, whatever blanks stand between them */
Test(rules, before_words)
{
  SipRules *rules = _set("[rule a.b]\nanchor: answered\nbefore: 2 words\npattern: (?<reason>[a-z]{1,9}) {1,256}%{code}\\s{1,9}answered\n"
                         "match: busy 486 answered\nexpect: code=486 reason=busy\n", TRUE);
  SipScanner *scanner = sip_scanner_new();
  GString *text = g_string_new("busy    486 \t\n  answered");

  cr_assert_eq(_scan(rules, scanner, NULL, text->str).code, 486);
  cr_assert_eq(_scan(rules, scanner, NULL, "{\"a\":\"busy 486 answered\"}").code, 486);
  cr_assert_eq(_scan(rules, scanner, NULL, "busy 486 was answered").code, 0);
  cr_assert_eq(_scan(rules, scanner, NULL, "486 answered").code, 0);
  cr_assert_eq(_scan(rules, scanner, NULL, "answered").code, 0);
  cr_assert(sip_span_eq(_scan(rules, scanner, NULL, "busy here 486 answered").field[SIP_FIELD_REASON], "here"));
  /* 256 bytes and no more */
  g_string_assign(text, "busy ");
  g_string_append_printf(text, "%*s answered", 251, "486");
  cr_assert_eq(_scan(rules, scanner, NULL, text->str).code, 486);
  g_string_insert(text, 5, "       ");
  cr_assert_eq(_scan(rules, scanner, NULL, text->str).code, 0);
  g_string_free(text, TRUE);
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
}

/* --- a user's pattern that never ends on a line made for it: given up, and not tried at every anchor --- */

Test(rules, a_pattern_without_an_end)
{
  static const gchar slow[] =
    "[rule a.slow]\nanchor: ACME-SLOW\nunbounded: yes\nwindow: 4096\npattern: ACME-SLOW (?:(?:[a-z0-9]+ ?)+)+: %{code}\n"
    "match: ACME-SLOW abc: 486\nexpect: code=486\n";
  static const gchar quick[] =
    "[rule a.quick]\nanchor: ACME-SLOW\npattern: ACME-SLOW [a-z0-9 ]{1,200}: %{code}\nmatch: ACME-SLOW abc: 486\nexpect: code=486\n";
  GString *text = g_string_new(NULL);
  SipScanResult result;

  while (text->len < 60000)
    g_string_append(text, "ACME-SLOW aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
  for (gint jit = 0; jit < 2; jit++)
    {
      SipScanner *scanner = sip_scanner_new();
      SipRules *sets[2] = { sip_rules_new(), sip_rules_new() };

      cr_assert(sip_rules_add_text(sets[0], "f", quick, sizeof(quick) - 1, TRUE, NULL));
      cr_assert(sip_rules_add_text(sets[1], "f", slow, sizeof(slow) - 1, TRUE, NULL));
      cr_assert(sip_rules_compile(sets[0], jit, NULL) && sip_rules_compile(sets[1], jit, NULL));
      sip_scan(sets[0], scanner, SIP_SPAN_NONE, sip_span(text->str, text->len), &result);
      cr_expect_eq(sip_scanner_stats(scanner)->pcre_errors, 0);
      /* each match that is given up has cost the match limit: a handful for the line, not one for each of its 600 anchors */
      sip_scan(sets[1], scanner, SIP_SPAN_NONE, sip_span(text->str, text->len), &result);
      cr_expect_geq(sip_scanner_stats(scanner)->pcre_errors, 1);
      cr_expect_leq(sip_scanner_stats(scanner)->pcre_errors, 4, "%s: %" G_GUINT64_FORMAT " matches given up",
                    jit ? "with JIT" : "without JIT", sip_scanner_stats(scanner)->pcre_errors);
      cr_expect_geq(sip_scanner_stats(scanner)->attempts_exhausted, 1);
      sip_rules_unref(sets[0]);
      sip_rules_unref(sets[1]);
      sip_scanner_free(scanner);
    }
  g_string_free(text, TRUE);
}

/* --- every piece of every built-in line, between guard pages --- */

static gboolean
_is_inside(SipSpan part, SipSpan text)
{
  return part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len;
}

Test(rules, cut_samples)
{
  SipRules *rules = sip_rules_new();
  SipScanner *scanner = sip_scanner_new();
  GDir *folder = g_dir_open(TOP_SRCDIR "/modules/sip/rules", 0, NULL);
  const gchar *name;
  SipScanResult result;

  cr_assert_not_null(folder);
  while ((name = g_dir_read_name(folder)))
    {
      gchar *path = g_build_filename(TOP_SRCDIR "/modules/sip/rules", name, NULL);
      gchar *text;
      gsize len;

      if (g_str_has_suffix(name, ".rules") && g_file_get_contents(path, &text, &len, NULL))
        {
          GError *error = NULL;

          cr_assert(sip_rules_add_text(rules, name, text, len, FALSE, &error), "%s", error ? error->message : "");
          g_free(text);
        }
      g_free(path);
    }
  g_dir_close(folder);
  cr_assert(sip_rules_compile(rules, TRUE, NULL));

  for (guint i = 0; i < rules->rules->len; i++)
    {
      const SipRule *rule = g_ptr_array_index(rules->rules, i);

      for (guint j = 0; j < rule->samples->len; j++)
        {
          const SipRuleSample *sample = g_ptr_array_index(rule->samples, j);
          SipSpan program = sip_span_str(sample->program);

          for (gsize k = 0; k <= sample->text->len; k++)
            {
              SipSpan text = guard_page_at_end(sample->text->str, k);

              if (sip_scan(rules, scanner, program, text, &result) && !sip_view_needed(text)
                  && result.field[SIP_FIELD_CODE].ptr)
                cr_assert(_is_inside(result.field[SIP_FIELD_CODE], text));
              sip_scan(rules, scanner, program, guard_page_at_end(sample->text->str + k, sample->text->len - k), &result);
              sip_scan(rules, scanner, program, guard_page_at_start(sample->text->str + k, sample->text->len - k), &result);
            }
        }
    }
  sip_scanner_free(scanner);
  sip_rules_unref(rules);
}
