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
#include <criterion/redirect.h>

#include "cfg.h"
#include "persist-state.h"
#include "scratch-buffers.h"

#include <glib/gstdio.h>
#include <iv.h>
#include <unistd.h>

#define ANY_TIME 30

typedef struct _Capture
{
  LogPipe super;
  GPtrArray *messages;
} Capture;

static Capture *capture;
static gchar *persist_file;

static void
_queue(LogPipe *s, LogMessage *msg, const LogPathOptions *path_options)
{
  Capture *self = (Capture *) s;
  gssize len;

  cr_assert_not(path_options->ack_needed, "nobody waits for the alert");
  if (strcmp(log_msg_get_value(msg, LM_V_PROGRAM, &len), "sip-alert") == 0)
    g_ptr_array_add(self->messages, log_msg_ref(msg));
  log_pipe_forward_msg(s, msg, path_options);
}

static void
_capture_behind(LogParser *parser)
{
  capture = g_new0(Capture, 1);
  log_pipe_init_instance(&capture->super, configuration);
  capture->super.queue = _queue;
  capture->messages = g_ptr_array_new_with_free_func((GDestroyNotify) log_msg_unref);
  cr_assert(log_pipe_init(&capture->super));
  log_pipe_append(&parser->super, &capture->super);
}

static void
_use_state_file(void)
{
  configuration->state = persist_state_new(persist_file);
  cr_assert(persist_state_start(configuration->state));
}

static void
_close_state_file(void)
{
  cr_assert(persist_state_commit(configuration->state));
  persist_state_free(configuration->state);
  configuration->state = NULL;
}

static void
setup(void)
{
  parser_harness_start();
  persist_file = g_strdup_printf("/tmp/test-sip-alert-%d.persist", getpid());
}

static void
teardown(void)
{
  g_unlink(persist_file);
  g_free(persist_file);
  parser_harness_stop();
}

TestSuite(sip_alert, .init = setup, .fini = teardown, .timeout = 60);

/* count() alone: fires at once */
#define PLAIN "detector(\"plain\" class(\"5xx\") count(5) window(60))"

static LogParser *
_parser(const gchar *options)
{
  gchar *text = g_strdup_printf("sip-alert(%s);", options);
  LogParser *parser = parser_harness_new(text);

  g_free(text);
  _capture_behind(parser);
  return parser;
}

static LogMessage *
_failure(const gchar *host, const gchar *code)
{
  LogMessage *msg = parser_harness_message(".sip.code", code, ".sip.method", "INVITE", NULL);

  log_msg_set_value(msg, LM_V_HOST, host, -1);
  return msg;
}

static gboolean
_process(LogParser *parser, LogMessage *msg)
{
  gboolean passed = parser_harness_process(parser, &msg);

  log_msg_unref(msg);
  return passed;
}

static void
_fail(LogParser *parser, const gchar *host, gint n)
{
  for (gint i = 0; i < n; i++)
    _process(parser, _failure(host, "503"));
}

static const gchar *
_of(guint i, const gchar *name)
{
  cr_assert_lt(i, capture->messages->len, "there are %u alerts only", capture->messages->len);
  return parser_harness_value(g_ptr_array_index(capture->messages, i), name);
}

static void
_quit(void *cookie)
{
  iv_quit();
}

static void
_run_main_loop(gint seconds)
{
  struct iv_timer deadline;

  IV_TIMER_INIT(&deadline);
  iv_validate_now();
  deadline.expires = iv_now;
  deadline.expires.tv_sec += seconds;
  deadline.handler = _quit;
  iv_timer_register(&deadline);
  iv_main();
}

static void
_drop(LogParser *parser)
{
  log_pipe_deinit(&parser->super);
  log_pipe_deinit(&capture->super);
  g_ptr_array_free(capture->messages, TRUE);
  log_pipe_unref(&capture->super);
}

/* ---- what comes out ---------------------------------------------------------- */

Test(sip_alert, an_alert_has_all_its_fields)
{
  LogParser *parser = _parser(PLAIN);

  for (gint i = 0; i < 7; i++)
    {
      LogMessage *msg = _failure("pbx1", i < 4 ? "503" : "500");
      gchar *call_id = g_strdup_printf("call-%d", i);

      log_msg_set_value_by_name(msg, ".sip.call_id", call_id, -1);
      g_free(call_id);
      cr_assert(_process(parser, msg));
    }
  cr_assert_eq(capture->messages->len, 1);
  cr_assert_str_eq(_of(0, "PROGRAM"), "sip-alert");
  cr_assert_str_eq(_of(0, ".sip.alert_state"), "firing");
  cr_assert_str_eq(_of(0, ".sip.alert_detector"), "plain");
  cr_assert_str_eq(_of(0, ".sip.alert_key"), "pbx1");
  cr_assert_str_eq(_of(0, ".sip.alert_count"), "5");
  cr_assert_str_eq(_of(0, ".sip.alert_total"), "5");
  cr_assert_str_eq(_of(0, ".sip.alert_share"), "", "only failures were seen");
  cr_assert_str_eq(_of(0, ".sip.alert_level"), "0.0");
  cr_assert_str_eq(_of(0, ".sip.alert_peak"), "5");
  cr_assert_str_eq(_of(0, ".sip.alert_duration"), "0");
  cr_assert_str_eq(_of(0, ".sip.alert_window"), "60");
  cr_assert_str_eq(_of(0, ".sip.alert_codes"), "503=4 500=1");
  cr_assert_str_eq(_of(0, ".sip.alert_call_id"), "call-4");
  cr_assert_str_eq(_of(0, ".sip.alert_severity"), "warning");
  cr_assert_eq(strlen(_of(0, ".sip.alert_id")), 16);
  cr_assert(g_str_has_suffix(_of(0, ".sip.alert_since"), "Z"));
  cr_assert(strcmp(_of(0, ".sip.alert_since"), _of(0, ".sip.alert_ends")) < 0);
  cr_assert(strstr(_of(0, "MESSAGE"), "plain on pbx1: 5 failures"), "%s", _of(0, "MESSAGE"));
  cr_assert_str_eq(_of(0, "LEVEL"), "warning");
  cr_assert(_of(0, "HOST")[0]);
  cr_assert_str_eq(_of(0, ".sip.code"), "", "an alert is no status record");
  _drop(parser);
}

Test(sip_alert, speaks_vietnamese)
{
  LogParser *parser = _parser("language(vi) " PLAIN);

  _fail(parser, "pbx1", 5);
  cr_assert(g_str_has_prefix(_of(0, "MESSAGE"), "Cảnh báo SIP: plain trên pbx1"), "%s", _of(0, "MESSAGE"));
  _drop(parser);
}

Test(sip_alert, records_without_code_and_event_pass_untouched)
{
  LogParser *parser = _parser(PLAIN);

  for (gint i = 0; i < 20; i++)
    {
      LogMessage *msg = parser_harness_message("MESSAGE", "no SIP here", NULL);
      LogMessage *before = msg;

      cr_assert(parser_harness_process(parser, &msg));
      cr_assert_eq(msg, before);
      log_msg_unref(msg);
      cr_assert(_process(parser, parser_harness_message(".sip.code", "5xx", NULL)));
      cr_assert(_process(parser, parser_harness_message(".sip.code", "503x", NULL)));
      cr_assert(_process(parser, parser_harness_message(".sip.code", "701", NULL)));
    }
  cr_assert_eq(capture->messages->len, 0);
  cr_assert_eq(parser_harness_counter("sip_alert_keys", ""), 0);
  _drop(parser);
}

Test(sip_alert, keys_come_from_templates)
{
  LogParser *parser = _parser("key(\"${HOST}/${.sip.endpoint}\") " PLAIN
                              " detector(\"by-peer\" codes(503) count(3) key(\"${.sip.peer}\"))");

  for (gint i = 0; i < 6; i++)
    {
      LogMessage *msg = _failure("pbx1", "503");

      log_msg_set_value_by_name(msg, ".sip.endpoint", "trunk", -1);
      log_msg_set_value_by_name(msg, ".sip.peer", "192.0.2.1", -1);
      _process(parser, msg);
    }
  cr_assert_eq(capture->messages->len, 2);
  cr_assert_str_eq(_of(0, ".sip.alert_key"), "192.0.2.1");
  cr_assert_str_eq(_of(1, ".sip.alert_key"), "pbx1/trunk");
  _drop(parser);
}

Test(sip_alert, another_prefix)
{
  LogParser *parser = _parser("prefix(\"sip.\") detectors(auth)");

  for (gint i = 0; i < 30; i++)
    _process(parser, parser_harness_message("sip.code", "401", "sip.method", "REGISTER", "sip.peer", "192.0.2.9", NULL));
  cr_assert_eq(capture->messages->len, 1);
  cr_assert_str_eq(_of(0, "sip.alert_key"), "192.0.2.9");
  _drop(parser);
}

Test(sip_alert, hostile_bytes_do_not_reach_the_alert)
{
  LogParser *parser = _parser(PLAIN);
  gssize len;

  for (gint i = 0; i < 5; i++)
    {
      LogMessage *msg = _failure("pbx\x1b[31m\xff\n", "503");

      gchar *call_id = g_strdup_printf("a\r\nb%d\xc3", i);

      log_msg_set_value_by_name(msg, ".sip.call_id", call_id, -1);
      g_free(call_id);
      _process(parser, msg);
    }
  const gchar *key = _of(0, ".sip.alert_key");
  cr_assert_str_eq(key, "pbx [31m? ");
  cr_assert_str_eq(_of(0, ".sip.alert_call_id"), "a  b4?");
  cr_assert(g_utf8_validate(log_msg_get_value(g_ptr_array_index(capture->messages, 0), LM_V_MESSAGE, &len), -1, NULL));
  _drop(parser);
}

Test(sip_alert, aggregate_only_keeps_the_records)
{
  LogParser *parser = _parser("inject-mode(aggregate-only) " PLAIN);

  for (gint i = 0; i < 5; i++)
    cr_assert_not(_process(parser, _failure("pbx1", "503")));
  cr_assert_not(_process(parser, parser_harness_message("MESSAGE", "anything", NULL)));
  cr_assert_eq(capture->messages->len, 1);
  _drop(parser);
}

Test(sip_alert, internal_goes_to_the_internal_source)
{
  LogParser *parser = _parser("inject-mode(internal) " PLAIN);

  _fail(parser, "pbx1", 5);
  cr_assert_eq(capture->messages->len, 0);
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 1);
  _drop(parser);
}

Test(sip_alert, resolves_though_no_further_line_comes)
{
  LogParser *parser = _parser("detector(\"plain\" class(5xx) count(5) window(2) quiet(1) refresh(1))");

  _fail(parser, "pbx1", 5);
  for (gint i = 0; i < ANY_TIME && (capture->messages->len == 0
       || strcmp(_of(capture->messages->len - 1, ".sip.alert_state"), "resolved") != 0); i++)
    _run_main_loop(1);

  guint last = capture->messages->len - 1;
  cr_assert_geq(last, 1);
  cr_assert_str_eq(_of(last, ".sip.alert_state"), "resolved");
  cr_assert_str_eq(_of(last, ".sip.alert_id"), _of(0, ".sip.alert_id"));
  cr_assert_str_eq(_of(last, "LEVEL"), "notice");
  _drop(parser);
}

Test(sip_alert, by_stamp_time_is_that_of_the_records)
{
  LogParser *parser = _parser("time(stamp) " PLAIN);

  for (gint i = 0; i < 30; i++)
    {
      LogMessage *msg = _failure("pbx1", "503");

      msg->timestamps[LM_TS_STAMP].ut_sec = 1700000000 + (i < 20 ? i * 20 : 400 + i);
      msg->timestamps[LM_TS_STAMP].ut_usec = 0;
      _process(parser, msg);
      if (i == 19)
        cr_assert_eq(capture->messages->len, 0, "three a minute");
    }
  cr_assert_eq(capture->messages->len, 1);
  cr_assert(g_str_has_prefix(_of(0, ".sip.alert_since"), "2023-11-14T22:"), "%s", _of(0, ".sip.alert_since"));
  _drop(parser);
}

/* ---- counters ------------------------------------------------------------------ */

Test(sip_alert, counts_what_it_does)
{
  LogParser *parser = _parser(PLAIN);

  _fail(parser, "pbx1", 5);
  _fail(parser, "pbx2", 5);
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 2);
  cr_assert_eq(parser_harness_counter("sip_alert_firings_total", "detector=plain"), 2);
  cr_assert_eq(parser_harness_counter("sip_alert_keys", ""), 2);
  cr_assert_eq(parser_harness_counter("sip_alert_evictions_total", ""), 0);
  _drop(parser);
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 0, "it watches no more");
  cr_assert_eq(parser_harness_counter("sip_alert_firings_total", "detector=plain"), 2);
}

/* ---- reload, restart, clones ------------------------------------------------------ */

Test(sip_alert, a_reload_takes_the_live_table_along)
{
  configuration->persist = persist_config_new();
  LogParser *before = _parser(PLAIN);

  _fail(before, "pbx1", 5);
  _fail(before, "pbx2", 4);
  gchar *id = g_strdup(_of(0, ".sip.alert_id"));
  _drop(before);

  LogParser *after = _parser(PLAIN);
  _fail(after, "pbx1", 5);
  cr_assert_eq(capture->messages->len, 0, "no second firing");
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 1);
  _fail(after, "pbx2", 1);
  cr_assert_eq(capture->messages->len, 1, "the window went along");
  cr_assert_str_neq(_of(0, ".sip.alert_id"), id);
  cr_assert_eq(parser_harness_counter("sip_alert_firings_total", "detector=plain"), 2);
  _drop(after);
  persist_config_free(configuration->persist);
  configuration->persist = NULL;
  g_free(id);
}

Test(sip_alert, a_reload_with_other_options_keeps_firing_alerts)
{
  configuration->persist = persist_config_new();
  LogParser *before = _parser(PLAIN);

  _fail(before, "pbx1", 5);
  _drop(before);

  LogParser *after = _parser("detector(\"plain\" class(5xx 4xx) count(4) window(60)) detectors(auth)");
  _fail(after, "pbx1", 20);
  cr_assert_eq(capture->messages->len, 0, "no second firing");
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 1);
  _drop(after);
  persist_config_free(configuration->persist);
  configuration->persist = NULL;
}

Test(sip_alert, a_restart_keeps_firing_alerts)
{
  _use_state_file();
  LogParser *before = _parser("persist-name(\"alerts\") " PLAIN);
  _fail(before, "pbx1", 5);
  gchar *id = g_strdup(_of(0, ".sip.alert_id"));
  _drop(before);
  _close_state_file();

  _use_state_file();
  LogParser *after = _parser("persist-name(\"alerts\") " PLAIN);
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 1);
  _fail(after, "pbx1", 20);
  for (gint i = 0; i < ANY_TIME && capture->messages->len == 0; i++)
    _run_main_loop(1);
  cr_assert_str_eq(_of(0, ".sip.alert_state"), "refresh", "no second firing");
  cr_assert_str_eq(_of(0, ".sip.alert_id"), id);
  _drop(after);
  _close_state_file();
  g_free(id);
}

/* what a larger state has left behind is not read as part of a smaller one */
Test(sip_alert, a_restart_finds_what_the_one_before_has_saved_and_no_more)
{
  static const gchar many[] = "persist-name(\"alerts\") " PLAIN;
  gchar host[8];

  _use_state_file();
  LogParser *parser = _parser(many);
  for (gint i = 0; i < 400; i++)
    {
      g_snprintf(host, sizeof(host), "pbx%d", i);
      _fail(parser, host, 5);
    }
  _drop(parser);
  _close_state_file();

  _use_state_file();
  parser = _parser(many);
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 400);
  _drop(parser);
  parser = _parser("persist-name(\"alerts\") detector(\"other\" class(\"6xx\") count(5) window(60))");
  _drop(parser);
  _close_state_file();

  _use_state_file();
  parser = _parser(many);
  cr_assert_eq(parser_harness_counter("sip_alert_state", "detector=plain"), 0);
  _drop(parser);
  _close_state_file();
}

Test(sip_alert, clones_are_parsers_of_their_own_with_the_same_ids)
{
  LogParser *parser = _parser(PLAIN);
  LogParser *cloned = (LogParser *) log_pipe_clone(&parser->super);

  cr_assert(log_pipe_init(&cloned->super));
  gchar *name = g_strdup(log_pipe_get_persist_name(&parser->super));
  cr_assert_str_neq(name, log_pipe_get_persist_name(&cloned->super));
  g_free(name);
  _fail(parser, "pbx1", 5);
  gchar *id = g_strdup(_of(0, ".sip.alert_id"));
  _drop(parser);

  _capture_behind(cloned);
  _fail(cloned, "pbx1", 4);
  cr_assert_eq(capture->messages->len, 0);
  _fail(cloned, "pbx1", 1);
  cr_assert_str_eq(_of(0, ".sip.alert_id"), id);
  _drop(cloned);
  log_pipe_unref(&cloned->super);
  g_free(id);
}

/* ---- wrong options --------------------------------------------------------------- */

static const struct
{
  const gchar *options;
  const gchar *says;
} refused[] =
{
  { "detectors(fault nonsense)", "detectors(\"nonsense\"): unknown" },
  { "detectors()", "detectors() is empty" },
  { "detectors(fault) detector(fault)", "detector(\"fault\"): there is one of that name already" },
  { "detector(\"a b\" class(5xx))", "detector(\"a b\"): a name has letters" },
  { "detector(x)", "detector(\"x\"): no code is left" },
  { "detector(x class(7xx))", "detector(\"x\"): class(\"7xx\")" },
  { "detector(x class(\"503\"))", "detector(\"x\"): class(\"503\")" },
  { "detector(x codes(99))", "detector(\"x\"): codes(\"99\")" },
  { "detector(x codes(503) exclude(503))", "detector(\"x\"): no code is left" },
  { "detector(x group(faults))", "detector(\"x\"): group(\"faults\")" },
  { "detector(fault window(0))", "detector(\"fault\"): window(0): must be from 1 to 86400 seconds" },
  { "detector(fault count(0))", "count(0)" },
  { "detector(fault share(101))", "share(101)" },
  { "detector(fault deviation(0.5))", "deviation(0.5): must be at least 1.1" },
  { "detector(fault hold(99999999))", "hold(99999999): must be from 0 to 86400 seconds" },
  { "detector(fault clear(100))", "clear(100)" },
  { "detector(fault hold(-1))", "hold(-1)" },
  { "detector(fault severity(bad))", "severity(\"bad\")" },
  { "detector(x preset(nope))", "preset(\"nope\")" },
  { "key(\"${HOST\")", "key(\"${HOST\"): the template does not compile" },
  { "key(\"$(nope)\")", "key(\"$(nope)\"): the template does not compile" },
  { "key(\"\")", "key(\"\")" },
  { "inject-mode(sideways)", "inject-mode(\"sideways\")" },
  { "time(later)", "time(\"later\")" },
  { "language(tlh)", "language(\"tlh\")" },
  { "max-keys(0)", "max-keys(0): must be from 10 to 1000000" },
  { "prefix(\"\")", "prefix(\"\")" },
  { "nonsense(1)", "sip-alert(): no such option: nonsense()" },
  { "fields(code)", "sip-alert(): no such option: fields()" },
  { "window(60)", "sip-alert(): no such option: window(), it belongs into detector(NAME ...)" },
  { "detector(fault fields(code))", "detector(): no such option: fields()" },
  { "detector(fault nonsense(1))", "no such option: nonsense()" },
};

Test(sip_alert, wrong_options_are_refused_with_option_value_and_place)
{
  cr_redirect_stderr();
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
    {
      gchar *text = g_strdup_printf("sip-alert(%s);", refused[i].options);

      cr_assert_null(parser_harness_parse(text), "accepted: %s", text);
      g_free(text);
    }

  gchar said[65536];
  fflush(stderr);
  FILE *f = cr_get_redirected_stderr();
  gsize len = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
    {
      while (len < sizeof(said) - 1)
        {
          said[len] = 0;
          if (strstr(said, refused[i].says))
            break;
          gint c = fgetc(f);
          cr_assert_neq(c, EOF, "not said for %s: %s", refused[i].options, refused[i].says);
          said[len++] = (gchar) c;
        }
    }
}
