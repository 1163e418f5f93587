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


#include "config.h"
#include "parser-harness.h"
#include "plugin/syslog-ng-compat.h"

#include <criterion/criterion.h>

#include "apphook.h"

#define BUSY "[Nov 23 06:41:05] VERBOSE[1]: res_pjsip_logger.c: <--- Received SIP response (365 bytes) from UDP:192.0.2.7:5074 --->\n" \
  "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nCall-ID: abc@192.0.2.1\r\nCSeq: 14520 INVITE\r\n\r\n"

TestSuite(sip_status, .init = parser_harness_start, .fini = parser_harness_stop);

/* the message after the parser has seen it; *passed is what process() returned */
static LogMessage *
_process(LogParser *parser, LogMessage *msg, gboolean *passed)
{
  gboolean result = parser_harness_process(parser, &msg);

  if (passed)
    *passed = result;
  return msg;
}

static LogMessage *
_parse_line(LogParser *parser, const gchar *line)
{
  return _process(parser, parser_harness_message("PROGRAM", "asterisk", "MESSAGE", line, NULL), NULL);
}

static void
_assert_value(LogMessage *msg, const gchar *name, const gchar *expected)
{
  cr_expect_str_eq(parser_harness_value(msg, name), expected, "%s is `%s', expected `%s'", name,
                   parser_harness_value(msg, name), expected);
}

static gboolean
_is_set(LogMessage *msg, const gchar *name)
{
  return log_msg_get_value_if_set(msg, log_msg_get_value_handle(name), NULL) != NULL;
}

static void
_release(LogParser *parser)
{
  log_pipe_deinit(&parser->super);
}

Test(sip_status, test_a_status_line_gives_the_default_fields)
{
  LogParser *parser = parser_harness_new("sip-status();");
  LogMessage *msg = _parse_line(parser, BUSY);

  _assert_value(msg, ".sip.code", "486");
  _assert_value(msg, ".sip.reason", "Busy Here");
  _assert_value(msg, ".sip.class", "4xx");
  _assert_value(msg, ".sip.severity", "info");
  _assert_value(msg, ".sip.method", "INVITE");
  _assert_value(msg, ".sip.call_id", "abc@192.0.2.1");
  cr_expect(_is_set(msg, ".sip.meaning"));
  cr_expect_not(_is_set(msg, ".sip.meaning_vi"));
  cr_expect_not(_is_set(msg, ".sip.cseq"), "not a default field");
  cr_expect_not(_is_set(msg, ".sip.rule"), "not a default field");
  _assert_value(msg, "MESSAGE", BUSY);

  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_the_code_is_an_integer)
{
  LogParser *parser = parser_harness_new("sip-status();");
  LogMessage *msg = _parse_line(parser, BUSY);
  LogMessageValueType type = LM_VT_NONE;

  log_msg_get_value_with_type(msg, log_msg_get_value_handle(".sip.code"), NULL, &type);
  cr_expect_eq(type, LM_VT_INTEGER);

  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_a_record_without_a_status_is_not_touched)
{
  LogParser *parser = parser_harness_new("sip-status();");
  LogMessage *msg = parser_harness_message("MESSAGE", "pbx up, 486 calls so far", NULL);
  LogPathOptions path_options = LOG_PATH_OPTIONS_INIT;
  LogMessage *same = log_msg_ref(msg);

  /* a write would abort, a copy would be another message */
  log_msg_write_protect(msg);
  cr_expect(log_parser_process_message(parser, &msg, &path_options), "an unmatched record passes");
  cr_expect_eq(msg, same);
  cr_expect_not(_is_set(msg, ".sip.code"));

  log_msg_unref(same);
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_a_protected_message_is_copied_not_changed)
{
  LogParser *parser = parser_harness_new("sip-status();");
  LogMessage *original = parser_harness_message("MESSAGE", BUSY, NULL);
  LogMessage *msg = log_msg_ref(original);
  LogPathOptions path_options = LOG_PATH_OPTIONS_INIT;

  log_msg_write_protect(original);
  cr_expect(log_parser_process_message(parser, &msg, &path_options));
  cr_expect_neq(msg, original);
  _assert_value(msg, ".sip.code", "486");
  cr_expect_not(_is_set(original, ".sip.code"));

  log_msg_unref(msg);
  log_msg_unref(original);
  _release(parser);
}

Test(sip_status, test_drop_unmatched_drops_only_the_unmatched)
{
  LogParser *parser = parser_harness_new("sip-status(drop-unmatched(yes));");
  gboolean passed;

  log_msg_unref(_process(parser, parser_harness_message("MESSAGE", "nothing", NULL), &passed));
  cr_expect_not(passed);
  log_msg_unref(_process(parser, parser_harness_message("MESSAGE", BUSY, NULL), &passed));
  cr_expect(passed);
  _release(parser);
}

Test(sip_status, test_prefix_names_the_pairs)
{
  LogParser *parser = parser_harness_new("sip-status(prefix(\"sip_\") language(\"en\" \"vi\"));");
  LogMessage *msg = _parse_line(parser, BUSY);

  _assert_value(msg, "sip_code", "486");
  _assert_value(msg, "sip_meaning_vi", "Đang bận");
  cr_expect_not(_is_set(msg, ".sip.code"));
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_the_first_language_is_meaning)
{
  LogParser *parser = parser_harness_new("sip-status(language(vi));");
  LogMessage *msg = _parse_line(parser, BUSY);

  _assert_value(msg, ".sip.meaning", "Đang bận");
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_fields_as_a_list_are_the_set)
{
  LogParser *parser = parser_harness_new("sip-status(fields(\"code\" \"rule\" \"codes\" \"cseq\" \"phrase\"));");
  LogMessage *msg = _parse_line(parser, BUSY);

  _assert_value(msg, ".sip.code", "486");
  _assert_value(msg, ".sip.codes", "486");
  _assert_value(msg, ".sip.phrase", "Busy Here");
  cr_expect(_is_set(msg, ".sip.rule"));
  cr_expect_not(_is_set(msg, ".sip.reason"));
  cr_expect_not(_is_set(msg, ".sip.meaning"));
  cr_expect_not(_is_set(msg, ".sip.method"));
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_fields_with_signs_change_the_default)
{
  LogParser *parser = parser_harness_new("sip-status(fields(\"+category\" \"-meaning\" \"+retry\"));");
  LogMessage *msg = _parse_line(parser, BUSY);

  _assert_value(msg, ".sip.code", "486");
  cr_expect(_is_set(msg, ".sip.category"));
  cr_expect(_is_set(msg, ".sip.retry"));
  cr_expect_not(_is_set(msg, ".sip.meaning"));
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_a_code_beats_its_class_in_severity_whatever_the_order)
{
  LogParser *parser = parser_harness_new("sip-status(severity(\"486\" \"notice\") severity(\"4xx\" \"crit\"));");
  LogMessage *msg = _parse_line(parser, BUSY);

  _assert_value(msg, ".sip.severity", "notice");
  log_msg_unref(msg);

  msg = _parse_line(parser, "SIP/2.0 404 Not Found\r\n");
  _assert_value(msg, ".sip.severity", "crit");
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_template_is_read_instead_of_message)
{
  LogParser *parser = parser_harness_new("sip-status(template(\"$RAW\"));");
  LogMessage *msg = _process(parser, parser_harness_message("MESSAGE", "SIP/2.0 404 Not Found\r\n",
                                                            "RAW", "SIP/2.0 603 Decline\r\n", NULL), NULL);

  _assert_value(msg, ".sip.code", "603");
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_values_from_the_line_are_clean_and_bounded)
{
  LogParser *parser = parser_harness_new("sip-status();");
  LogMessage *msg = _parse_line(parser, "SIP/2.0 486 B\x01\xff\xc3(\xe2\x80\xae\xc2\x9b" "usy\r\n");

  _assert_value(msg, ".sip.reason", "B \xef\xbf\xbd\xef\xbf\xbd(  usy");
  cr_expect(g_utf8_validate(parser_harness_value(msg, ".sip.reason"), -1, NULL));
  log_msg_unref(msg);

  GString *line = g_string_new("SIP/2.0 486 ");
  for (gint i = 0; i < 300; i++)
    g_string_append(line, "\xe1\xba\xad");
  g_string_append(line, "\r\n");
  msg = _parse_line(parser, line->str);
  const gchar *reason = parser_harness_value(msg, ".sip.reason");
  cr_expect_leq(strlen(reason), 256);
  cr_expect_geq(strlen(reason), 200);
  cr_expect(g_utf8_validate(reason, -1, NULL), "cut between two characters");
  g_string_free(line, TRUE);
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_an_empty_reason_is_the_registered_phrase)
{
  LogParser *parser = parser_harness_new("sip-status();");
  LogMessage *msg = _parse_line(parser, "SIP/2.0 486 \r\nCSeq: 1 INVITE\r\n\r\n");

  _assert_value(msg, ".sip.reason", "Busy Here");
  log_msg_unref(msg);

  msg = _parse_line(parser, "SIP/2.0 587 \r\nCSeq: 1 INVITE\r\n\r\n");
  _assert_value(msg, ".sip.code", "587");
  _assert_value(msg, ".sip.class", "5xx");
  cr_expect_not(_is_set(msg, ".sip.reason"), "no empty values");
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_syslog_ngs_own_records_are_skipped)
{
  LogParser *parser = parser_harness_new("sip-status(drop-unmatched(yes));");
  LogMessage *msg = parser_harness_message("PROGRAM", "syslog-ng", "MESSAGE", BUSY, NULL);
  gboolean passed;

  msg->flags |= LF_INTERNAL;
  msg = _process(parser, msg, &passed);
  cr_expect_not(passed);
  cr_expect_not(_is_set(msg, ".sip.code"));
  log_msg_unref(msg);

  msg = _process(parser, parser_harness_message("PROGRAM", "sip-alert", "MESSAGE", BUSY, NULL), NULL);
  cr_expect_not(_is_set(msg, ".sip.code"));
  log_msg_unref(msg);
  _release(parser);
}

Test(sip_status, test_a_record_that_syslog_ng_could_not_parse_is_read)
{
  LogParser *parser = parser_harness_new("sip-status();");
  LogMessage *msg = parser_harness_message("PROGRAM", "syslog-ng", "MESSAGE",
                                           "Error processing log message: SIP/2.0 486 Bu>@<sy Here\r\n", NULL);

  msg = _process(parser, msg, NULL);
  _assert_value(msg, ".sip.code", "486");
  _assert_value(msg, ".sip.reason", "Busy Here");
  log_msg_unref(msg);
  _release(parser);
}

typedef struct _Remains
{
  const gchar *what;
  const gchar *host;
  const gchar *program;
  const gchar *message;
  const gchar *rawmsg;
  const gchar *code;            /* "": no status */
} Remains;

Test(sip_status, test_header_remains)
{
  static const Remains remains[] =
  {
    { "program is the version", "pbx", "SIP/2.0", "403 Forbidden", "", "403" },
    { "host is the version", "SIP/2.0", "403", "Forbidden", "", "403" },
    { "raw record shows the status line", "pbx", "404", "Not Found", "<134>Jan  1 00:00:00 SIP/2.0 404 Not Found", "404" },
    { "raw record shows another one", "pbx", "404", "Not Found", "<134>Jan  1 00:00:00 SIP/2.0 405 Not Found", "" },
    { "phrase that only SIP has", "pbx", "486", "Busy Here", "", "486" },
    { "phrase that HTTP has, too", "pbx", "404", "Not Found", "", "" },
    { "another phrase", "pbx", "486", "processes", "", "" },
    { "no code", "SIP/2.0", "999", "Forbidden", "", "" },
  };
  LogParser *parser = parser_harness_new("sip-status();");

  for (gsize i = 0; i < G_N_ELEMENTS(remains); i++)
    {
      LogMessage *msg = parser_harness_message("HOST", remains[i].host, "PROGRAM", remains[i].program,
                                               "MESSAGE", remains[i].message, NULL);

      if (remains[i].rawmsg[0])
        log_msg_set_value_by_name(msg, "RAWMSG", remains[i].rawmsg, -1);
      msg = _process(parser, msg, NULL);
      cr_expect_str_eq(parser_harness_value(msg, ".sip.code"), remains[i].code, "%s: code is `%s'", remains[i].what,
                       parser_harness_value(msg, ".sip.code"));
      log_msg_unref(msg);
    }
  _release(parser);
}

Test(sip_status, test_any_bytes_pass)
{
  LogParser *parser = parser_harness_new("sip-status();");
  gchar *bytes = g_malloc(65536);
  gboolean passed;

  for (gint round = 0; round < 4; round++)
    {
      for (gint i = 0; i < 65536; i++)
        bytes[i] = round == 0 ? '4' : round == 1 ? (gchar) (i * 7) : round == 2 ? "SIP/2.0 "[i % 8] : '\0';

      LogMessage *msg = log_msg_new_empty();
      log_msg_set_value(msg, LM_V_MESSAGE, bytes, 65536);
      msg = _process(parser, msg, &passed);

      gssize len;
      const gchar *after = log_msg_get_value(msg, LM_V_MESSAGE, &len);
      cr_expect(passed);
      cr_expect_eq(len, 65536);
      cr_expect_eq(memcmp(after, bytes, 65536), 0);
      log_msg_unref(msg);
    }
  g_free(bytes);
  _release(parser);
}

Test(sip_status, test_a_clone_does_the_same_without_compiling_again)
{
  LogParser *parser = parser_harness_parse("sip-status(prefix(\"x.\") language(\"vi\" \"en\") fields(\"+rule\" \"-class\") "
                                           "drop-unmatched(yes) severity(\"486\" \"crit\") template(\"$RAW\") group(\"$HOST\"));");
  cr_assert(parser);
  LogPipe *clone = log_pipe_clone(&parser->super);
  gboolean passed;

  cr_assert(log_pipe_init(clone));
  LogMessage *msg = _process((LogParser *) clone, parser_harness_message("MESSAGE", "x", "RAW", BUSY, NULL), &passed);
  _assert_value(msg, "x.code", "486");
  _assert_value(msg, "x.severity", "crit");
  _assert_value(msg, "x.meaning", "Đang bận");
  cr_expect(_is_set(msg, "x.meaning_en"));
  cr_expect(_is_set(msg, "x.rule"));
  cr_expect_not(_is_set(msg, "x.class"));
  log_msg_unref(msg);
  log_msg_unref(_process((LogParser *) clone, parser_harness_message("RAW", "x", NULL), &passed));
  cr_expect_not(passed);

  log_pipe_deinit(clone);
  log_pipe_unref(clone);
}

Test(sip_status, test_init_can_be_repeated)
{
  LogParser *parser = parser_harness_new("sip-status();");

  _release(parser);
  cr_assert(log_pipe_init(&parser->super));
  LogMessage *msg = _parse_line(parser, BUSY);
  _assert_value(msg, ".sip.code", "486");
  log_msg_unref(msg);
  _release(parser);
}

static const gchar *const refused[] =
{
  "sip-status(prefix(\"\"));",
  "sip-status(language());",
  "sip-status(language(\"xx\"));",
  "sip-status(dialects());",
  "sip-status(dialects(\"nortel\"));",
  "sip-status(dialects(\"all\" \"asterisk\"));",
  "sip-status(fields());",
  "sip-status(fields(\"colour\"));",
  "sip-status(fields(\"+code\" \"reason\"));",
  "sip-status(severity(\"486\"));",
  "sip-status(severity(\"486\" \"loud\"));",
  "sip-status(severity(\"799\" \"info\"));",
  "sip-status(rules-file(\"/nonexistent/x.rules\"));",
  "sip-status(codes-file(\"/nonexistent/x.csv\"));",
  "sip-status(max-groups(0));",
  "sip-status(max-groups(10001));",
  "sip-status(group(\"$(nosuchfunction)\"));",
  "sip-status(colour(\"red\"));",
};

Test(sip_status, test_wrong_options_are_refused)
{
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
    cr_expect_null(parser_harness_parse(refused[i]), "accepted: %s", refused[i]);
}

/* ---- counters ---------------------------------------------------------------- */

#define LINES "sip_status_lines_total"

Test(sip_status, test_lines_are_counted_by_code_class_method_and_direction)
{
  LogParser *parser = parser_harness_new("sip-status();");

  cr_expect_eq(parser_harness_counter(LINES, "code=none,class=4xx,method=unknown,direction=unknown"), 0);
  for (gint i = 0; i < 3; i++)
    log_msg_unref(_parse_line(parser, "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n"));
  log_msg_unref(_parse_line(parser, "SIP/2.0 486 Busy Here\r\nCSeq: 1 SUBSCRIBE\r\n\r\n"));
  log_msg_unref(_parse_line(parser, "SIP/2.0 200 OK\r\n"));
  log_msg_unref(_parse_line(parser, "nothing"));

  cr_expect_eq(parser_harness_counter(LINES, "code=486,class=4xx,method=INVITE,direction=unknown"), 3);
  cr_expect_eq(parser_harness_counter(LINES, "code=486,class=4xx,method=other,direction=unknown"), 1);
  cr_expect_eq(parser_harness_counter(LINES, "code=200,class=2xx,method=unknown,direction=unknown"), 1);
  cr_expect_eq(parser_harness_counter("sip_status_parsed_total", ""), 5);
  cr_expect_eq(parser_harness_counter("sip_status_unmatched_total", ""), 1);
  cr_expect_eq(parser_harness_counter("sip_status_labels_dropped_total", ""), 0);
  _release(parser);
}

Test(sip_status, test_groups_are_bounded)
{
  LogParser *parser = parser_harness_new("sip-status(group(\"${HOST}\") max-groups(2));");

  for (gint i = 0; i < 5; i++)
    {
      gchar host[16];

      g_snprintf(host, sizeof(host), "pbx%d", i);
      log_msg_unref(_process(parser, parser_harness_message("HOST", host, "MESSAGE", BUSY, NULL), NULL));
    }
  log_msg_unref(_process(parser, parser_harness_message("HOST", "pbx1", "MESSAGE", BUSY, NULL), NULL));

  const gchar *format = "code=486,class=4xx,method=INVITE,direction=%s,group=%s";
  static const struct
  {
    const gchar *group;
    gsize count;
  } expected[] = { { "pbx0", 1 }, { "pbx1", 2 }, { "pbx2", 0 }, { "_other", 3 } };

  for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
    {
      gsize count = 0;

      for (gint direction = 0; direction < 2; direction++)
        {
          gchar *labels = g_strdup_printf(format, direction ? "received" : "unknown", expected[i].group);

          count += parser_harness_counter(LINES, labels);
          g_free(labels);
        }
      cr_expect_eq(count, expected[i].count, "%s: %" G_GSIZE_FORMAT, expected[i].group, count);
    }
  cr_expect_eq(parser_harness_counter("sip_status_labels_dropped_total", ""), 3);
  _release(parser);
}

static gsize
_count_group(const gchar *group)
{
  gchar *labels = g_strdup_printf("code=200,class=2xx,method=unknown,direction=unknown,group=%s", group);
  gsize count = parser_harness_counter(LINES, labels);

  g_free(labels);
  return count;
}

Test(sip_status, test_groups_are_bounded_over_reloads)
{
  static const gchar *const hosts[][3] = { { "a", NULL }, { "c", "b", "d" }, { "e", "a", "b" } };

  /* a log path that is reloaded: the parser goes, one of the same configuration comes */
  for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
    {
      LogParser *parser = parser_harness_new("sip-status(group(\"${HOST}\") max-groups(2));");

      for (gsize j = 0; j < G_N_ELEMENTS(hosts[i]) && hosts[i][j]; j++)
        log_msg_unref(_process(parser, parser_harness_message("HOST", hosts[i][j], "MESSAGE", "SIP/2.0 200 OK\r\n", NULL),
                               NULL));
      _release(parser);
    }
  cr_expect_eq(_count_group("a"), 2);
  cr_expect_eq(_count_group("c"), 1);
  cr_expect_eq(_count_group("b") + _count_group("d") + _count_group("e"), 0);
  cr_expect_eq(_count_group("_other"), 4);
  cr_expect_eq(parser_harness_counter("sip_status_labels_dropped_total", ""), 4);
}

Test(sip_status, test_codes_outside_of_the_table_are_bounded)
{
  LogParser *parser = parser_harness_new("sip-status();");
  gsize named = 0;

  for (gint code = 520; code < 570; code++)
    {
      gchar *line = g_strdup_printf("SIP/2.0 %d Strange\r\n", code);

      log_msg_unref(_parse_line(parser, line));
      g_free(line);
    }
  for (gint code = 520; code < 570; code++)
    {
      gchar *labels = g_strdup_printf("code=%d,class=5xx,method=unknown,direction=unknown", code);

      named += parser_harness_counter(LINES, labels);
      g_free(labels);
    }
  gsize other = parser_harness_counter(LINES, "code=_other,class=5xx,method=unknown,direction=unknown");
  cr_expect_eq(named + other, 50);
  cr_expect_geq(other, 10);
  cr_expect_eq(parser_harness_counter("sip_status_labels_dropped_total", ""), other);
  _release(parser);
}

Test(sip_status, test_a_group_cannot_forge_a_label)
{
  LogParser *parser = parser_harness_new("sip-status(group(\"${HOST}\"));");

  log_msg_unref(_process(parser, parser_harness_message("HOST", "a;b\"},c=\xff\n", "MESSAGE",
                                                        "SIP/2.0 200 OK\r\n", NULL), NULL));
  cr_expect_eq(parser_harness_counter(LINES, "code=200,class=2xx,method=unknown,direction=unknown,group=a_b___c___"), 1);
  _release(parser);
}

static gpointer
_count_thread(gpointer user_data)
{
  LogParser *parser = user_data;

  app_thread_start();
  for (gint i = 0; i < 1000; i++)
    {
      gchar host[16];

      g_snprintf(host, sizeof(host), "h%d", i % 20);
      log_msg_unref(_process(parser, parser_harness_message("HOST", host, "MESSAGE", "SIP/2.0 503 Down\r\n", NULL), NULL));
    }
  app_thread_stop();
  return NULL;
}

Test(sip_status, test_threads_count_every_line)
{
  LogParser *parser = parser_harness_new("sip-status(group(\"${HOST}\"));");
  GThread *threads[4];
  gsize total = 0;

  for (gint i = 0; i < 4; i++)
    threads[i] = g_thread_new("count", _count_thread, parser);
  for (gint i = 0; i < 4; i++)
    g_thread_join(threads[i]);

  for (gint i = 0; i < 20; i++)
    {
      gchar *labels = g_strdup_printf("code=503,class=5xx,method=unknown,direction=unknown,group=h%d", i);

      total += parser_harness_counter(LINES, labels);
      g_free(labels);
    }
  cr_expect_eq(total, 4000);
  _release(parser);
}
