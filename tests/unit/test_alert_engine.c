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


#include "alert/alert-clock.h"
#include "alert/alert-engine.h"
#include "alert/sip-alert-text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#define S ALERT_SECOND
#define START (1000000 * S)
#define MAX_DETECTORS 8

static SipCodes *codes;
static AlertDetector detectors[MAX_DETECTORS];
static guint n_detectors;
static AlertEngine *engine;
static AlertNotices *notices;
static gint64 now;
static guint serial;
static GRand *chance;

static AlertDetector *
_add(const gchar *preset)
{
  AlertDetector *det = &detectors[n_detectors++];

  cr_assert(alert_detector_init_preset(det, preset, codes), "no preset %s", preset);
  return det;
}

/* count() alone: the plainest of detectors */
static AlertDetector *
_add_plain(const gchar *item, guint count, gint64 window)
{
  AlertDetector *det = &detectors[n_detectors++];

  alert_detector_init(det);
  det->name = g_strdup("plain");
  det->severity = g_strdup("warning");
  det->count = count;
  det->window = window;
  cr_assert(alert_detector_match(det, codes, item, TRUE, NULL));
  return det;
}

static void
_start_with(guint max_keys)
{
  AlertEngineConfig config =
  {
    .detectors = detectors, .n_detectors = n_detectors, .n_key_slots = 1, .max_keys = max_keys, .dedupe = TRUE,
  };

  now = START;
  engine = alert_engine_new(&config, now);
}

static void
_start(void)
{
  _start_with(1000);
}

static void
_start_with_defaults(void)
{
  _add("fault");
  _add("no-success");
  _start();
}

static void
setup(void)
{
  codes = sip_codes_new();
  notices = alert_notices_new();
}

static void
teardown(void)
{
  alert_engine_free(engine);
  alert_notices_free(notices);
  for (guint i = 0; i < n_detectors; i++)
    alert_detector_clear(&detectors[i]);
  sip_codes_unref(codes);
  g_clear_pointer(&chance, g_rand_free);
}

TestSuite(alert_engine, .init = setup, .fini = teardown);

static AlertRecord
_record(const gchar *key, gint code)
{
  AlertRecord record = { .now = now, .code = code, .method = ALERT_METHOD_INVITE };

  record.key[0] = sip_span_str(key);
  return record;
}

static void
_feed(const gchar *key, gint code)
{
  AlertRecord record = _record(key, code);

  alert_engine_record(engine, &record, notices);
}

static void
_feed_call(const gchar *key, gint code, const gchar *call_id)
{
  AlertRecord record = _record(key, code);

  record.call_id = sip_span_str(call_id);
  alert_engine_record(engine, &record, notices);
}

static void
_feed_many(const gchar *key, gint code, guint n, gint64 apart)
{
  for (guint i = 0; i < n; i++)
    {
      now += apart;
      _feed(key, code);
    }
}

static void
_wait(gint64 time)
{
  for (gint64 end = now + time; now < end;)
    {
      now += S;
      alert_engine_tick(engine, now, notices);
    }
}

static guint
_count(AlertState state)
{
  guint n = 0;

  for (guint i = 0; i < notices->len; i++)
    n += alert_notices_index(notices, i)->state == state;
  return n;
}

static const AlertNotice *
_find(AlertState state)
{
  for (guint i = 0; i < notices->len; i++)
    {
      if (alert_notices_index(notices, i)->state == state)
        return alert_notices_index(notices, i);
    }
  cr_assert(FALSE, "no %s notice", alert_state_name(state));
  return NULL;
}

/* an hour of healthy traffic: of twenty calls twelve answered, the rest busy, cancelled, not found, or not answered */
static void
_healthy_hour(const gchar *key, gint64 apart)
{
  static const guint16 mix[20] =
  {
    200, 200, 486, 200, 487, 200, 200, 480, 200, 200, 487, 200, 404, 200, 486, 200, 200, 603, 200, 487
  };

  for (gint64 end = now + 3600 * S; now < end;)
    {
      now += apart;
      _feed(key, 407);
      _feed(key, mix[serial++ % 20]);
    }
}

/* ------------------------------------------------------------- what counts */

Test(alert_engine, group_fault_counts_what_the_table_says_and_403_to_invite)
{
  AlertDetector *det = _add("fault");

  cr_assert(det->codes[503] && det->codes[408] && det->codes[500] && det->codes[488]);
  cr_assert_eq(det->codes[401] | det->codes[407] | det->codes[486] | det->codes[487] | det->codes[480], 0);
  cr_assert_eq(det->codes[404], 0);
  cr_assert_eq(det->codes[403], 1 << ALERT_METHOD_INVITE);
  cr_assert(det->codes[599], "a code without a row counts as its class does");
  cr_assert(det->events[ALERT_EVENT_NO_RESPONSE]);
}

Test(alert_engine, items_are_codes_ranges_classes_groups_events_with_methods)
{
  AlertDetector *det = _add_plain("503", 1, S);

  cr_assert(alert_detector_match(det, codes, "484-485", TRUE, NULL));
  cr_assert(alert_detector_match(det, codes, "6xx", TRUE, NULL));
  cr_assert(alert_detector_match(det, codes, "403/REGISTER", TRUE, NULL));
  cr_assert(alert_detector_match(det, codes, "unreachable", TRUE, NULL));
  cr_assert(alert_detector_match(det, codes, "603", FALSE, NULL));
  cr_assert(det->codes[484] && det->codes[485] && det->codes[600] && det->codes[699] && !det->codes[603]);
  cr_assert_eq(det->codes[403], 1 << ALERT_METHOD_REGISTER);
  cr_assert(det->events[ALERT_EVENT_UNREACHABLE]);
  for (const gchar *const *bad = (const gchar *const[]) { "", "99", "7xx", "500-400", "503/BYE-", "700", "foo", NULL };
       *bad; bad++)
    {
      GError *error = NULL;

      cr_assert_not(alert_detector_match(det, codes, *bad, TRUE, &error), "%s", *bad);
      cr_assert(strstr(error->message, *bad), "%s", error->message);
      g_clear_error(&error);
    }
}

Test(alert_engine, contradictions_are_refused)
{
  AlertDetector *det = _add("fault");
  const struct
  {
    gint64 window, hold;
    guint count;
    gdouble share, deviation, clear;
    const gchar *says;
  } cases[] =
  {
    { 0, 0, 20, 0, 2, 0.5, "window()" },
    { 60 * S, 0, 0, 0, 2, 0.5, "count()" },
    { 60 * S, 0, 20, 1.5, 2, 0.5, "share()" },
    { 60 * S, 0, 20, 0, 1, 0.5, "deviation(1)" },
    { 60 * S, 0, 20, 0, 2, 1, "clear()" },
  };

  cr_assert(alert_detector_validate(det, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      GError *error = NULL;

      det->window = cases[i].window;
      det->hold = cases[i].hold;
      det->count = cases[i].count;
      det->share = cases[i].share;
      det->deviation = cases[i].deviation;
      det->clear = cases[i].clear;
      cr_assert_not(alert_detector_validate(det, &error), "%s", cases[i].says);
      cr_assert(strstr(error->message, cases[i].says), "%s", error->message);
      g_clear_error(&error);
    }
}

/* -------------------------------------------------------------- conditions */

Test(alert_engine, count_fires_at_the_count_inside_the_window_once)
{
  _add_plain("5xx", 5, 60 * S);
  _start();
  _feed_many("trunk", 503, 4, 10 * S);
  cr_assert_eq(notices->len, 0);
  _wait(60 * S);
  _feed_many("trunk", 503, 4, 10 * S);
  cr_assert_eq(notices->len, 0, "the first four have left the window");
  _feed_many("trunk", 500, 10, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);

  const AlertNotice *firing = _find(ALERT_STATE_FIRING);
  cr_assert_str_eq(firing->key, "trunk");
  cr_assert_eq(firing->count, 5);
  cr_assert_eq(firing->codes[0].code, 503);
  cr_assert_eq(firing->codes[0].count, 4);
  cr_assert_eq(strlen(firing->id), 16);
}

Test(alert_engine, share_is_judged_where_successes_show)
{
  AlertDetector *det = _add_plain("5xx", 10, 60 * S);

  det->share = 0.5;
  _start();
  for (gint i = 0; i < 15; i++)
    {
      _feed_many("mixed", 503, 1, S / 2);
      _feed_many("mixed", 200, 2, S / 2);
    }
  cr_assert_eq(notices->len, 0);
  _feed_many("failures", 503, 10, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1, "a log that shows failures only has no share");
  cr_assert_lt(_find(ALERT_STATE_FIRING)->share, 0);
}

Test(alert_engine, minimum_waits_for_enough_responses)
{
  AlertDetector *det = _add_plain("5xx", 5, 60 * S);

  det->minimum = 20;
  _start();
  _feed_many("trunk", 503, 10, S);
  cr_assert_eq(notices->len, 0);
  _feed_many("trunk", 200, 10, S);
  _feed_many("trunk", 503, 1, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
}

Test(alert_engine, hold_keeps_short_bursts_out)
{
  AlertDetector *det = _add_plain("5xx", 5, 60 * S);

  det->hold = 30 * S;
  _start();
  _feed_many("burst", 503, 8, S);
  _wait(120 * S);
  cr_assert_eq(notices->len, 0);
  _feed_many("lasting", 503, 60, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
}

Test(alert_engine, deviation_lets_a_key_live_with_its_faults)
{
  _add("fault");
  _start();
  for (gint hour = 0; hour < 6; hour++)
    for (gint i = 0; i < 360; i++)
      {
        _feed_many("busy-trunk", 200, 9, S);
        _feed_many("busy-trunk", 503, 1, S);
      }
  cr_assert_eq(notices->len, 0, "30 in a window are normal here");
  _feed_many("busy-trunk", 503, 150, 2 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_float_eq(_find(ALERT_STATE_FIRING)->level, 30, 5);
}

Test(alert_engine, a_small_count_is_kept_where_nothing_is_normal)
{
  AlertDetector *det = _add("fault");

  det->count = 5;
  det->window = 3600 * S;
  _start();
  for (gint i = 0; i < 4; i++)
    _healthy_hour("rare", 300 * S);
  _feed_many("rare", 503, 5, 300 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(_find(ALERT_STATE_FIRING)->count, 5);
}

Test(alert_engine, traffic_may_grow_without_an_alert)
{
  _add("fault");
  _start();
  for (gint i = 0; i < 6 * 360; i++)
    {
      _feed_many("trunk", 200, 9, S);
      _feed_many("trunk", 503, 1, S);
    }
  for (gint i = 0; i < 3000; i++)
    {
      _feed_many("trunk", 200, 9, S / 10);
      _feed_many("trunk", 503, 1, S / 10);
    }
  cr_assert_eq(notices->len, 0, "ten times the traffic, ten times the faults");
}

/* ------------------------------------------------------ states of an incident */

Test(alert_engine, an_incident_is_told_refreshed_reminded_and_resolved)
{
  AlertDetector *det = _add_plain("5xx", 5, 60 * S);

  det->quiet = 60 * S;
  det->refresh = 60 * S;
  det->reminder = 600 * S;
  _start();
  _feed_many("trunk", 503, 1200, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(_count(ALERT_STATE_REMINDER), 1);
  cr_assert_geq(_count(ALERT_STATE_REFRESH), 17);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 0);

  _wait(300 * S);       /* nothing more comes */
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);

  const AlertNotice *resolved = _find(ALERT_STATE_RESOLVED);
  cr_assert_str_eq(resolved->id, _find(ALERT_STATE_FIRING)->id);
  cr_assert_geq(resolved->peak, 60);
  cr_assert_leq(resolved->peak, 61);
  cr_assert_eq(resolved->count, 1200);
  cr_assert_float_eq(resolved->duration / 1e6, 1200, 60);
  cr_assert_eq(alert_engine_stats(engine)->firing, 0);
}

Test(alert_engine, an_incident_on_and_off_is_one)
{
  AlertDetector *det = _add_plain("5xx", 10, 60 * S);

  det->quiet = 300 * S;
  _start();
  for (gint i = 0; i < 10; i++)
    {
      _feed_many("flapping", 503, 30, S);
      _wait(120 * S);
    }
  _wait(600 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

Test(alert_engine, the_level_is_frozen_while_firing)
{
  _add("fault");
  _start();
  _healthy_hour("trunk", 10 * S);
  _feed_many("trunk", 503, 4 * 3600, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 0, "four hours of failures are not normal");
  cr_assert_lt(alert_notices_index(notices, notices->len - 1)->level, 1);
}

/* -------------------------------------------------------------- no success */

static void
_turns_to(gint code, AlertMethod method)
{
  _start_with_defaults();
  for (gint i = 0; i < 4; i++)
    _healthy_hour("carrier", 10 * S);
  cr_assert_eq(notices->len, 0);
  for (gint i = 0; i < 60; i++)
    {
      now += 10 * S;
      AlertRecord record = _record("carrier", code);
      record.method = method;
      alert_engine_record(engine, &record, notices);
    }
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1, "%d", code);
  _healthy_hour("carrier", 10 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

Test(alert_engine, only_403)
{
  _turns_to(403, ALERT_METHOD_INVITE);
}

Test(alert_engine, only_403_without_a_method)
{
  _turns_to(403, ALERT_METHOD_UNKNOWN);
  cr_assert_eq(detectors[_find(ALERT_STATE_FIRING)->detector].kind, ALERT_KIND_NO_SUCCESS);
}

Test(alert_engine, only_404)
{
  _turns_to(404, ALERT_METHOD_INVITE);
}

Test(alert_engine, only_480)
{
  _turns_to(480, ALERT_METHOD_INVITE);
}

Test(alert_engine, only_603)
{
  _turns_to(603, ALERT_METHOD_INVITE);
}

Test(alert_engine, challenges_busy_cancel_and_no_answer_never_fire_however_many)
{
  static const guint16 harmless[] = { 401, 407, 486, 487, 600, 480, 491 };

  _start_with_defaults();
  for (gint i = 0; i < 4; i++)
    _healthy_hour("pbx", 10 * S);
  for (gint i = 0; i < 100000; i++)
    {
      now += S / 20;
      _feed("pbx", harmless[i % G_N_ELEMENTS(harmless)]);
      if (i % 200 == 0)
        _feed("pbx", 200);
    }
  cr_assert_eq(notices->len, 0);
}

Test(alert_engine, fault_and_no_success_are_one_incident)
{
  _start_with_defaults();
  for (gint i = 0; i < 4; i++)
    _healthy_hour("trunk", 5 * S);
  _feed_many("trunk", 503, 300, 2 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_geq(alert_engine_stats(engine)->suppressed, 1);
  for (gint i = 0; i < 2; i++)
    _healthy_hour("trunk", 5 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

/* ------------------------------------------------------- silence, auth, target */

Test(alert_engine, silence_of_a_key_that_speaks)
{
  _add("silence");
  _start();
  for (gint i = 0; i < 4; i++)
    _healthy_hour("pbx", 5 * S);
  _feed("hardly-ever", 200);
  _wait(890 * S);
  cr_assert_eq(notices->len, 0);
  _wait(30 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_str_eq(_find(ALERT_STATE_FIRING)->key, "pbx");
  _feed("pbx", 200);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

Test(alert_engine, auth_tells_a_guesser_from_phones_that_register)
{
  _add("auth");
  _start();
  for (gint i = 0; i < 200; i++)
    {
      AlertRecord record = _record("office", i % 2 ? 200 : 401);
      record.method = ALERT_METHOD_REGISTER;
      now += S / 10;
      record.now = now;
      alert_engine_record(engine, &record, notices);
    }
  cr_assert_eq(notices->len, 0, "every phone gets 401, then 200");
  for (gint i = 0; i < 30; i++)
    {
      AlertRecord record = _record("guesser", i % 3 ? 401 : 403);
      record.method = ALERT_METHOD_REGISTER;
      alert_engine_record(engine, &record, notices);
    }
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_str_eq(_find(ALERT_STATE_FIRING)->key, "guesser");
}

/* ------------------------------------------------------------- duplicates */

Test(alert_engine, retransmissions_count_once_within_32_seconds)
{
  _add_plain("5xx", 5, 300 * S);
  _start();
  for (gint i = 0; i < 20; i++)
    {
      now += S;
      _feed_call("trunk", 503, "one@call");
    }
  cr_assert_eq(notices->len, 0);
  cr_assert_eq(alert_engine_stats(engine)->duplicates, 19);
  for (gint i = 0; i < 4; i++)
    {
      now += 40 * S;
      _feed_call("trunk", 503, "one@call");
    }
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1, "after 32 s it is another one");
  cr_assert_str_eq(_find(ALERT_STATE_FIRING)->call_id, "one@call");
}

Test(alert_engine, another_code_method_or_key_is_no_duplicate)
{
  _add_plain("5xx", 100, 300 * S);
  _start();
  _feed_call("a", 503, "c");
  _feed_call("a", 500, "c");
  _feed_call("b", 503, "c");
  AlertRecord record = _record("a", 503);
  record.call_id = sip_span_str("c");
  record.method = ALERT_METHOD_REGISTER;
  alert_engine_record(engine, &record, notices);
  cr_assert_eq(alert_engine_stats(engine)->duplicates, 0);
}

Test(alert_engine, without_a_call_id_every_line_counts)
{
  _add_plain("5xx", 5, 300 * S);
  _start();
  _feed_many("trunk", 503, 5, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
}

Test(alert_engine, two_legs_of_a_call_are_one_failure)
{
  _add_plain("5xx", 20, 300 * S);
  _start();
  for (gint i = 0; i < 19; i++)
    {
      AlertRecord received = _record("pbx", 503), sent = _record("pbx", 500);

      now += S;
      received.direction = ALERT_DIRECTION_RECEIVED;
      sent.direction = ALERT_DIRECTION_SENT;
      received.now = sent.now = now;
      alert_engine_record(engine, &received, notices);
      alert_engine_record(engine, &sent, notices);
    }
  cr_assert_eq(notices->len, 0);
  cr_assert_eq(alert_engine_stats(engine)->paired, 19);

  AlertRecord own = _record("pbx", 503);
  own.direction = ALERT_DIRECTION_SENT;
  alert_engine_record(engine, &own, notices);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1, "what the PBX refuses by itself counts");
}

/* ----------------------------------------------------------------- bounds */

Test(alert_engine, a_flood_of_keys_stays_bounded_and_silences_no_firing_key)
{
  gchar key[64];

  _add_plain("5xx", 5, 60 * S);
  _start_with(1000);
  _feed_many("firing", 503, 10, S);
  _feed_many("learnt", 200, 100, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  for (guint i = 0; i < 1000000; i++)
    {
      now += 10;
      g_snprintf(key, sizeof(key), "random-%u", i * 2654435761u);
      _feed(key, 503);
    }
  const AlertStats *stats = alert_engine_stats(engine);
  cr_assert_leq(stats->keys, 1000);
  cr_assert_geq(stats->evictions, 999000);
  cr_assert_eq(stats->firing, 1);
  cr_assert(alert_engine_take_eviction_warning(engine));
  cr_assert_not(alert_engine_take_eviction_warning(engine));
  _feed_many("firing", 503, 10, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  _wait(900 * S);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

Test(alert_engine, a_table_full_of_firing_keys_takes_no_more)
{
  gchar key[64];

  _add_plain("5xx", 2, 60 * S);
  _start_with(10);
  for (gint i = 0; i < 10; i++)
    {
      g_snprintf(key, sizeof(key), "k%d", i);
      _feed_many(key, 503, 2, S / 10);
    }
  cr_assert_eq(_count(ALERT_STATE_FIRING), 10);
  _feed_many("one-more", 503, 5, S / 10);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 10);
  cr_assert_eq(alert_engine_stats(engine)->overflow, 5);
}

static glong
_resident(void)
{
  glong size, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");

  cr_assert(f && fscanf(f, "%ld %ld", &size, &resident) == 2);
  fclose(f);
  return resident * sysconf(_SC_PAGESIZE);
}

Test(alert_engine, ten_thousand_keys_take_less_than_64_mib)
{
  gchar key[64];
  glong before = _resident();

  _add("fault");
  _add("no-success");
  _start_with(10000);
  for (gint round = 0; round < 30; round++)
    for (gint i = 0; i < 10000; i++)
      {
        now += 100;
        g_snprintf(key, sizeof(key), "trunk-%d.example.net", i);
        _feed(key, round % 3 ? 200 : 503);
      }
  cr_assert_eq(alert_engine_stats(engine)->keys, 10000);
  cr_assert_lt(_resident() - before, 64 << 20);
}

Test(alert_engine, long_empty_and_binary_keys)
{
  gchar longer[2000];

  memset(longer, 'x', sizeof(longer));
  _add_plain("5xx", 2, 60 * S);
  _start();
  AlertRecord record = _record("", 503);
  record.key[0] = sip_span(longer, sizeof(longer));
  record.call_id = sip_span(longer, sizeof(longer));
  alert_engine_record(engine, &record, notices);
  record.call_id = sip_span(longer, 1500);
  alert_engine_record(engine, &record, notices);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(strlen(_find(ALERT_STATE_FIRING)->key), ALERT_MAX_KEY_LENGTH);
  cr_assert_eq(strlen(_find(ALERT_STATE_FIRING)->call_id), ALERT_MAX_CALL_ID_LENGTH);
  record.key[0] = sip_span("", 0);
  alert_engine_record(engine, &record, notices);
  record.key[0] = SIP_SPAN_NONE;
  alert_engine_record(engine, &record, notices);
  cr_assert_eq(alert_engine_stats(engine)->keys, 1);
  record.code = 999;
  alert_engine_record(engine, &record, notices);
  record.code = -1;
  alert_engine_record(engine, &record, notices);
  cr_assert_eq(alert_engine_stats(engine)->keys, 1);
}

/* ------------------------------------------------------------------- time */

Test(alert_engine, time_does_not_go_back)
{
  _add_plain("5xx", 5, 60 * S);
  _start();
  _feed_many("trunk", 503, 3, S);
  now -= 3600 * S;
  _feed_many("trunk", 503, 2, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_geq(alert_engine_now(engine), START + 3 * S);
}

Test(alert_engine, a_leap_of_a_year_ends_incidents)
{
  AlertDetector *det = _add("fault");

  det->reminder = 0;
  det->refresh = 0;
  _start();
  _healthy_hour("trunk", 10 * S);
  _feed_many("trunk", 503, 60, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  now += (gint64) 365 * 86400 * S;
  _feed("trunk", 200);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

Test(alert_clock, one_device_ahead_does_not_move_the_clock)
{
  AlertClock clock = { 0 };

  cr_assert_eq(alert_clock_observe(&clock, 1000 * S), 1000 * S);
  for (gint i = 1; i < 100; i++)
    {
      cr_assert_eq(alert_clock_observe(&clock, (1000 + i) * S), (1000 + i) * S);
      cr_assert_eq(alert_clock_observe(&clock, (90000 + i) * S), (1000 + i) * S, "a day ahead");
      cr_assert_eq(alert_clock_observe(&clock, (10 + i) * S), (1000 + i) * S, "behind");
    }
}

Test(alert_clock, a_gap_in_the_log_is_crossed)
{
  AlertClock clock = { 0 };

  alert_clock_observe(&clock, 1000 * S);
  alert_clock_observe(&clock, 20000 * S);
  alert_clock_observe(&clock, 20001 * S);
  cr_assert_eq(alert_clock_observe(&clock, 20002 * S), 20002 * S);
}

/* ------------------------------------------------------------------ state */

static guint8 blocks[64 * ALERT_BLOCK_SIZE];

static guint
_restart(gint64 away)
{
  guint used = alert_engine_save(engine, now + 5000 * S, blocks, 64);
  gint64 wall = now + 5000 * S + away;

  alert_engine_free(engine);
  now = 77 * S;         /* another origin of the clock */

  AlertEngineConfig config =
  {
    .detectors = detectors, .n_detectors = n_detectors, .n_key_slots = 1, .max_keys = 1000, .dedupe = TRUE,
  };
  engine = alert_engine_new(&config, now);
  for (guint i = 0; i < 64; i++)
    cr_assert(alert_engine_load(engine, wall, blocks + (gsize) i * ALERT_BLOCK_SIZE, ALERT_BLOCK_SIZE));
  cr_assert_eq(alert_engine_load_end(engine), 0);
  return used;
}

Test(alert_engine, a_firing_alert_outlives_a_restart)
{
  _start_with_defaults();
  _healthy_hour("trunk", 10 * S);
  _feed_many("trunk", 503, 60, S);
  AlertNotice before = *_find(ALERT_STATE_FIRING);
  gint64 since_ago = now - before.since;
  g_array_set_size(notices, 0);

  _restart(30 * S);
  cr_assert_eq(alert_engine_stats(engine)->firing, 1);
  _feed_many("trunk", 503, 60, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 0, "no second firing");
  cr_assert_geq(_count(ALERT_STATE_REFRESH), 1);
  cr_assert_str_eq(_find(ALERT_STATE_REFRESH)->id, before.id);
  cr_assert_float_eq((now - _find(ALERT_STATE_REFRESH)->since) / 1e6, (since_ago + 90 * S) / 1e6, 2);
  _healthy_hour("trunk", 10 * S);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

Test(alert_engine, learnt_levels_outlive_a_restart)
{
  _add("fault");
  _start();
  for (gint i = 0; i < 6 * 360; i++)
    {
      _feed_many("noisy", 200, 9, S);
      _feed_many("noisy", 503, 1, S);
    }
  cr_assert_eq(notices->len, 0);
  _restart(60 * S);
  for (gint i = 0; i < 360; i++)
    {
      _feed_many("noisy", 200, 9, S);
      _feed_many("noisy", 503, 1, S);
    }
  cr_assert_eq(notices->len, 0);
  _feed_many("quiet", 503, 25, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
}

Test(alert_engine, damaged_blocks_are_refused_whole)
{
  _add("fault");
  _start();
  _healthy_hour("trunk", 10 * S);
  _feed_many("trunk", 503, 60, S);
  alert_engine_save(engine, now, blocks, 1);

  guint8 block[ALERT_BLOCK_SIZE];
  guint used = 12 + (blocks[6] | blocks[7] << 8);
  for (guint i = 0; i < used; i++)
    {
      memcpy(block, blocks, sizeof(block));
      block[i] ^= 1 << (i % 8);
      cr_assert_not(alert_engine_load(engine, now, block, sizeof(block)), "byte %u", i);
    }
  for (gsize size = 1; size < used; size += 7)
    cr_assert_not(alert_engine_load(engine, now, blocks, size), "size %zu", size);
  cr_assert(alert_engine_load(engine, now, blocks, sizeof(block)));
  memset(block, 0, sizeof(block));
  cr_assert(alert_engine_load(engine, now, block, sizeof(block)), "an unused block");
}

Test(alert_engine, alerts_of_detectors_that_are_gone_are_counted)
{
  _add_plain("5xx", 5, 60 * S);
  _start();
  _feed_many("trunk", 503, 10, S);
  alert_engine_save(engine, now, blocks, 1);
  alert_engine_free(engine);
  alert_detector_clear(&detectors[0]);
  n_detectors = 0;
  _add("fault");
  _start();
  cr_assert(alert_engine_load(engine, now, blocks, ALERT_BLOCK_SIZE));
  cr_assert_eq(alert_engine_load_end(engine), 1);
  cr_assert_eq(alert_engine_stats(engine)->firing, 0);
}

Test(alert_engine, more_keys_than_the_blocks_hold)
{
  gchar key[64];

  _start_with_defaults();
  for (gint round = 0; round < 25; round++)
    for (gint i = 0; i < 900; i++)
      {
        now += S / 100;
        g_snprintf(key, sizeof(key), "key-%d", i);
        _feed(key, 200);
      }
  _feed_many("firing", 503, 60, S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(alert_engine_save(engine, now, blocks, 4), 4);
  alert_engine_free(engine);
  _start();
  for (gint i = 0; i < 4; i++)
    cr_assert(alert_engine_load(engine, now, blocks + i * ALERT_BLOCK_SIZE, ALERT_BLOCK_SIZE));
  alert_engine_load_end(engine);
  cr_assert_eq(alert_engine_stats(engine)->firing, 1, "firing alerts come first");
  cr_assert_geq(alert_engine_stats(engine)->keys, 20);
}

/* ------------------------------------------------------------------- text */

Test(alert_text, says_what_happened_in_both_languages)
{
  AlertDetector det;
  AlertNotice notice = { .state = ALERT_STATE_FIRING, .key = "trunk-a", .count = 23, .total = 60, .share = 0.3833,
                         .level = 1.24, .codes = { { 503, 20 }, { 408, 3 } }
                       };
  GString *text = g_string_new(NULL);
  SipAlertLanguage language;

  codes = sip_codes_new();
  alert_detector_init_preset(&det, "fault", codes);
  sip_alert_format_text(text, &notice, &det, SIP_ALERT_ENGLISH);
  cr_assert_str_eq(text->str, "SIP alert: fault on trunk-a: 23 failures (38 % of 60 final responses) in 5 min, "
                   "normally 1.2; codes 503=20 408=3");
  g_string_truncate(text, 0);
  sip_alert_format_text(text, &notice, &det, SIP_ALERT_VIETNAMESE);
  cr_assert_str_eq(text->str, "Cảnh báo SIP: fault trên trunk-a: 23 phản hồi lỗi (38 % của 60 phản hồi cuối) trong "
                   "5 phút, bình thường 1.2; mã 503=20 408=3");
  cr_assert(sip_alert_language_by_name("vi", &language));
  cr_assert_not(sip_alert_language_by_name("de", &language));
  alert_detector_clear(&det);
  g_string_free(text, TRUE);
  sip_codes_unref(codes);
}

typedef struct _Sentence
{
  const gchar *preset;
  AlertState state;
  guint64 count, total, peak;
  gdouble share, level;
  gint64 duration;
  AlertCodeCount codes[2];
  const gchar *english, *vietnamese;
} Sentence;

static const Sentence sentences[] =
{
  {
    "fault", ALERT_STATE_REFRESH, 23, 23, 23, -1, 1.24, 90 * S, { { 503, 23 } },
    "SIP alert goes on: fault on trunk-a: 23 failures in 5 min, normally 1.2; codes 503=23",
    "Cảnh báo SIP vẫn tiếp diễn: fault trên trunk-a: 23 phản hồi lỗi trong 5 phút, bình thường 1.2; mã 503=23"
  },
  {
    "fault", ALERT_STATE_RESOLVED, 120, 300, 40, 0.4, 1.24, 3900 * S, { { 503, 100 }, { 0, 20 } },
    "SIP alert over: fault on trunk-a: 120 failures in 1 h 5 min, at most 40 in 5 min; codes 503=100 0=20",
    "Hết cảnh báo SIP: fault trên trunk-a: 120 phản hồi lỗi trong 1 giờ 5 phút, cao nhất 40 trong 5 phút; mã 503=100 0=20"
  },
  {
    "auth", ALERT_STATE_FIRING, 30, 31, 30, 0.968, 0, 0, { { 403, 30 } },
    "SIP alert: auth on trunk-a: 30 failures (97 % of 31 final responses) in 60 s; codes 403=30",
    "Cảnh báo SIP: auth trên trunk-a: 30 phản hồi lỗi (97 % của 31 phản hồi cuối) trong 60 giây; mã 403=30"
  },
  {
    "no-success", ALERT_STATE_FIRING, 14, 14, 14, 1, 0.824, 119 * S, { { 404, 14 } },
    "SIP alert: no-success on trunk-a: 14 failures and no success in 119 s, normally 82 % succeed; codes 404=14",
    "Cảnh báo SIP: no-success trên trunk-a: 14 lần thất bại, không lần nào thành công trong 119 giây, "
    "bình thường 82 % thành công; mã 404=14"
  },
  {
    "no-success", ALERT_STATE_RESOLVED, 140, 141, 140, 0.99, 0.824, 120 * S, { { 404, 140 } },
    "SIP alert over: no-success on trunk-a: success again after 140 failures in 2 min; codes 404=140",
    "Hết cảnh báo SIP: no-success trên trunk-a: đã thành công trở lại sau 140 lần thất bại trong 2 phút; mã 404=140"
  },
  {
    "silence", ALERT_STATE_REMINDER, 0, 0, 0, -1, 4.55, 7200 * S, { { 0, 0 } },
    "SIP alert goes on: silence on trunk-a: no SIP response for 2 h 0 min, normally 4.5 a minute",
    "Cảnh báo SIP vẫn tiếp diễn: silence trên trunk-a: không có phản hồi SIP nào trong 2 giờ 0 phút, bình thường 4.5 mỗi phút"
  },
  {
    "silence", ALERT_STATE_RESOLVED, 0, 0, 0, -1, 4.55, 1000 * S, { { 0, 0 } },
    "SIP alert over: silence on trunk-a: SIP responses again after 16 min, normally 4.5 a minute",
    "Hết cảnh báo SIP: silence trên trunk-a: có phản hồi SIP trở lại sau 16 phút, bình thường 4.5 mỗi phút"
  },
};

Test(alert_text, every_sentence_in_both_languages)
{
  GString *text = g_string_new(NULL);

  codes = sip_codes_new();
  for (gsize i = 0; i < G_N_ELEMENTS(sentences); i++)
    {
      const Sentence *sentence = &sentences[i];
      AlertNotice notice =
      {
        .state = sentence->state, .key = "trunk-a", .count = sentence->count, .total = sentence->total,
        .peak = sentence->peak, .share = sentence->share, .level = sentence->level, .duration = sentence->duration,
      };
      AlertDetector det;

      memcpy(notice.codes, sentence->codes, sizeof(sentence->codes));
      alert_detector_init_preset(&det, sentence->preset, codes);
      g_string_truncate(text, 0);
      sip_alert_format_text(text, &notice, &det, SIP_ALERT_ENGLISH);
      cr_expect_str_eq(text->str, sentence->english);
      g_string_truncate(text, 0);
      sip_alert_format_text(text, &notice, &det, SIP_ALERT_VIETNAMESE);
      cr_expect_str_eq(text->str, sentence->vietnamese);
      alert_detector_clear(&det);
    }
  g_string_free(text, TRUE);
  sip_codes_unref(codes);
}

/* ---- names and refusals */

Test(alert_engine, names_of_methods_directions_events)
{
  static const struct
  {
    const gchar *name;
    AlertMethod method;
    AlertDirection direction;
    AlertEvent event;
  } cases[] =
  {
    { "", ALERT_METHOD_UNKNOWN, ALERT_DIRECTION_UNKNOWN, ALERT_EVENT_NONE },
    { "invite", ALERT_METHOD_INVITE, ALERT_DIRECTION_UNKNOWN, ALERT_EVENT_OTHER },
    { "SUBSCRIBE", ALERT_METHOD_OTHER, ALERT_DIRECTION_UNKNOWN, ALERT_EVENT_OTHER },
    { "sent", ALERT_METHOD_OTHER, ALERT_DIRECTION_SENT, ALERT_EVENT_OTHER },
    { "received", ALERT_METHOD_OTHER, ALERT_DIRECTION_RECEIVED, ALERT_EVENT_OTHER },
    { "auth-failure", ALERT_METHOD_OTHER, ALERT_DIRECTION_UNKNOWN, ALERT_EVENT_AUTH_FAILURE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      gsize len = strlen(cases[i].name);

      cr_expect_eq(alert_method_by_name(cases[i].name, len), cases[i].method, "%s", cases[i].name);
      cr_expect_eq(alert_direction_by_name(cases[i].name, len), cases[i].direction, "%s", cases[i].name);
      cr_expect_eq(alert_event_by_name(cases[i].name, len), cases[i].event, "%s", cases[i].name);
    }
  cr_assert_str_eq(alert_event_name(ALERT_EVENT_NO_RESPONSE), "no-response");
  cr_assert_str_eq(alert_event_name(ALERT_EVENT_OTHER), "other");
}

Test(alert_engine, items_with_groups_and_the_rarer_methods)
{
  AlertDetector *det = _add_plain("fault", 1, S);

  cr_assert(alert_detector_match(det, codes, "auth/REGISTER", TRUE, NULL));
  cr_assert(alert_detector_match(det, codes, "target/other", TRUE, NULL));
  cr_assert(alert_detector_match(det, codes, "486/unknown", TRUE, NULL));
  cr_assert(det->codes[503]);
  cr_assert_eq(det->codes[401], 1 << ALERT_METHOD_REGISTER);
  cr_assert_eq(det->events[ALERT_EVENT_AUTH_FAILURE], 1 << ALERT_METHOD_REGISTER);
  cr_assert_eq(det->codes[404], 1 << ALERT_METHOD_OTHER);
  cr_assert_eq(det->codes[486], 1 << ALERT_METHOD_UNKNOWN);
}

Test(alert_engine, refusals_name_the_option)
{
  static const struct
  {
    const gchar *name;
    gint64 window;
    gdouble share, deviation, clear;
    gboolean counts_nothing;
    const gchar *says;
  } cases[] =
  {
    { "", 300 * S, 0, 2, 0.4, FALSE, "needs a name" },
    { "x", 86401 * S, 0, 2, 0.4, FALSE, "window()" },
    { "x", 300 * S, -0.1, 2, 0.4, FALSE, "share()" },
    { "x", 300 * S, 0, 1001, 0.4, FALSE, "deviation()" },
    { "x", 300 * S, 0, 0.5, 0.4, FALSE, "deviation(0.5): must be at least 1.1" },
    { "x", 300 * S, 0, 2, -0.1, FALSE, "clear()" },
    { "x", 300 * S, 0, 2, 0.4, TRUE, "include()" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      AlertDetector det;
      GError *error = NULL;

      alert_detector_init_preset(&det, "5xx", codes);
      g_free(det.name);
      det.name = g_strdup(cases[i].name);
      det.window = cases[i].window;
      det.share = cases[i].share;
      det.deviation = cases[i].deviation;
      det.clear = cases[i].clear;
      if (cases[i].counts_nothing)
        alert_detector_match(&det, codes, "5xx", FALSE, NULL);
      cr_assert_not(alert_detector_validate(&det, &error), "%s", cases[i].says);
      cr_expect(strstr(error->message, cases[i].says), "%s", error->message);
      g_clear_error(&error);
      alert_detector_clear(&det);
    }
  cr_assert_not(alert_detector_init_preset(&detectors[0], "7xx", codes));
  cr_assert_not(alert_detector_init_preset(&detectors[0], "sip", codes));
}

/* ---- state of other kinds, and state that lies */

Test(alert_engine, silence_and_no_success_outlive_a_restart)
{
  _add("no-success");
  _add("silence");
  _start();
  for (gint i = 0; i < 4; i++)
    _healthy_hour("pbx", 5 * S);
  _wait(1000 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  for (gint i = 0; i < 3; i++)
    _healthy_hour("carrier", 5 * S);
  _feed_many("carrier", 404, 60, 10 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 2);
  g_array_set_size(notices, 0);
  _restart(30 * S);
  cr_assert_eq(alert_engine_stats(engine)->firing, 2);
  _feed("pbx", 200);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
  _healthy_hour("carrier", 5 * S);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 2);
  cr_assert_eq(alert_engine_firings(engine, 0), 0, "no second one");
}

/* the checksum of the block, as alert-engine-state.c makes it */
static void
_seal(guint8 *block)
{
  guint used = block[6] | block[7] << 8;
  guint32 crc = ~0u;

  for (guint i = 0; i < used; i++)
    {
      crc ^= block[12 + i];
      for (gint bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
  crc = ~crc;
  for (gint i = 0; i < 4; i++)
    block[8 + i] = (guint8) (crc >> (8 * i));
}

Test(alert_engine, state_with_a_right_checksum_and_wrong_contents)
{
  guint8 block[ALERT_BLOCK_SIZE];
  guint used;
  guint refused = 0;

  _start_with_defaults();
  for (gint i = 0; i < 3; i++)
    _healthy_hour("trunk", 10 * S);
  _feed_many("trunk", 503, 60, S);
  alert_engine_save(engine, now, blocks, 1);
  used = blocks[6] | blocks[7] << 8;

  /* an older layout */
  memcpy(block, blocks, sizeof(block));
  block[4]++;
  cr_assert_not(alert_engine_load(engine, now, block, sizeof(block)));
  /* no record at all, and less than a time stamp */
  memcpy(block, blocks, sizeof(block));
  block[6] = 8;
  block[7] = 0;
  _seal(block);
  cr_assert(alert_engine_load(engine, now, block, sizeof(block)));
  block[6] = 4;
  _seal(block);
  cr_assert_not(alert_engine_load(engine, now, block, sizeof(block)));
  /* cut anywhere, and any byte set to its most */
  for (guint i = 9; i < used; i++)
    {
      memcpy(block, blocks, sizeof(block));
      block[6] = (guint8) i;
      block[7] = (guint8) (i >> 8);
      _seal(block);
      alert_engine_free(engine);
      _start();
      refused += !alert_engine_load(engine, now, block, sizeof(block));
      memcpy(block, blocks, sizeof(block));
      block[12 + i] = 255;
      _seal(block);
      alert_engine_free(engine);
      _start();
      alert_engine_load(engine, now, block, sizeof(block));
      alert_engine_load_end(engine);
      _feed_many("trunk", 503, 5, S);
    }
  cr_assert_geq(refused, used - 20, "but for cuts between two records");
}

Test(alert_engine, state_of_the_future)
{
  _add("fault");
  _start();
  _healthy_hour("trunk", 10 * S);
  _feed_many("trunk", 503, 60, S);
  alert_engine_save(engine, now + 90000 * S, blocks, 1);
  alert_engine_free(engine);
  _start();
  cr_assert(alert_engine_load(engine, now, blocks, ALERT_BLOCK_SIZE), "the clock was set back while we were away");
  alert_engine_load_end(engine);
  g_array_set_size(notices, 0);
  _wait(900 * S);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
  cr_assert_leq(_find(ALERT_STATE_RESOLVED)->since, now);
  cr_assert_geq(_find(ALERT_STATE_RESOLVED)->duration, 0);
}

/* ---- traffic that moves here */

Test(alert_engine, a_key_that_appears_later_brings_its_usual_faults_along)
{
  _add("fault");
  _start();
  now += 26 * G_GINT64_CONSTANT(3600) * ALERT_SECOND;
  for (gint i = 0; i < 4 * 3600; i++)
    {
      now += ALERT_SECOND;
      _feed("moved", i % 10 == 0 ? 503 : 200);
    }
  cr_assert_eq(alert_engine_firings(engine, 0), 0, "30 of 300 are its level");
  for (gint i = 0; i < 120; i++)
    {
      now += ALERT_SECOND;
      _feed("moved", 503);
    }
  cr_assert_eq(alert_engine_firings(engine, 0), 1);

  for (gint i = 0; i < 20; i++)
    {
      now += ALERT_SECOND;
      _feed("new and broken", 503);
    }
  cr_assert_eq(alert_engine_firing_now(engine, 0), 2, "more failures than anything else");
}

/* ---- days of traffic, by chance: calls and keepalives a second */

typedef struct _Life
{
  const gchar *key;
  gdouble day, night;           /* calls a second, from 8 to 18 and else */
  gdouble faults, declined;     /* parts of them */
  gdouble keepalives;           /* that time out, a second */
  guint retransmitted;          /* one of so many faults is logged seven times */
  gdouble rush;                 /* calls a second for twenty minutes from 10 and from 15 on */
} Life;

static gint
_hour(void)
{
  return (gint) (now / S / 3600 % 24);
}

static gboolean
_happens(gdouble part)
{
  return g_rand_double(chance) < part;
}

static void
_call(const Life *life)
{
  if (!_happens(life->faults))
    _feed(life->key, _happens(life->declined) ? 603 : 200);
  else
    {
      guint times = life->retransmitted && g_rand_int_range(chance, 0, life->retransmitted) == 0 ? 7 : 1;

      while (times--)
        _feed(life->key, 503);
    }
}

static void
_live(const Life *life, gint64 time)
{
  if (!chance)
    chance = g_rand_new_with_seed(7);
  for (gint64 end = now + time; now < end;)
    {
      gdouble calls = _hour() >= 8 && _hour() < 18 ? life->day : life->night;

      now += S;
      if ((_hour() == 10 || _hour() == 15) && now / S % 3600 < 1200)
        calls += life->rush;
      for (; calls > 0; calls--)
        {
          if (_happens(MIN(calls, 1)))
            _call(life);
        }
      if (_happens(life->keepalives))
        {
          AlertRecord record = _record(life->key, 408);

          record.method = ALERT_METHOD_OPTIONS;
          alert_engine_record(engine, &record, notices);
        }
    }
}

static void
_live_until(const Life *life, gint hour)
{
  while (_hour() == hour)
    _live(life, 60 * S);
  while (_hour() != hour)
    _live(life, 60 * S);
}

static void
_live_days(const Life *life, gint days)
{
  for (gint i = 0; i < days; i++)
    _live_until(life, 0);
}

/* Seconds until it fires with such faults on top, apart as given; all of the time if it does not. */
static gint64
_seconds_to_fire(const Life *life, gint code, gint64 apart, gint64 most)
{
  gint64 begin = now, next = now;
  guint64 before = alert_engine_firings(engine, 0) + (n_detectors > 1 ? alert_engine_firings(engine, 1) : 0);

  while (now - begin < most)
    {
      _live(life, S);
      if (apart && now >= next)
        {
          next += apart;
          _feed(life->key, code);
        }
      if (alert_engine_firings(engine, 0) + (n_detectors > 1 ? alert_engine_firings(engine, 1) : 0) > before)
        break;
    }
  return (now - begin) / S;
}

Test(alert_engine, faults_that_do_not_follow_the_traffic_are_no_more_at_the_busy_hour)
{
  Life life = { .key = "nat", .day = 0.3, .night = 0.005, .keepalives = 0.02 };

  _add("fault");
  _start();
  _live_days(&life, 3);
  _live_until(&life, 10);
  cr_assert_eq(notices->len, 0);
  cr_assert_leq(_seconds_to_fire(&life, 503, 12500 * S / 1000, 900 * S), 250 + 30, "the 20th comes after 250 s");
  cr_assert_float_eq(_find(ALERT_STATE_FIRING)->level, 6, 2);
}

Test(alert_engine, a_rush_of_calls_brings_its_usual_faults_along)
{
  Life life = { .key = "dialler", .day = 0.005, .night = 0.001, .faults = 0.05, .rush = 2 };

  _add("fault");
  _start();
  _live_days(&life, 3);
  guint64 learning = alert_engine_firings(engine, 0);
  _live_days(&life, 8);
  cr_assert_eq(alert_engine_firings(engine, 0), learning, "30 in a window, of 600");
  life.faults = 0.4;
  _live_days(&life, 1);
  cr_assert_gt(alert_engine_firings(engine, 0), learning);
}

Test(alert_engine, a_scanner_does_not_raise_the_level)
{
  Life life = { .key = "trunk", .day = 0.3, .night = 0.1, .faults = 0.03 };
  gint64 begin;

  _add("fault");
  _start();
  _live_days(&life, 2);
  _live_until(&life, 10);
  cr_assert_eq(notices->len, 0);
  for (begin = now; notices->len == 0 && now - begin < 600 * S;)
    {
      for (gint i = 0; i < 40; i++)
        _feed("trunk", i % 2 ? 404 : 484);
      _seconds_to_fire(&life, 503, 10 * S, 2 * S);
      now += 3 * S;
    }
  cr_assert_leq((now - begin) / S, 150);
}

Test(alert_engine, failures_in_clusters_are_its_way)
{
  Life life = { .key = "nocallid", .day = 0.3, .night = 0.1, .faults = 0.04, .retransmitted = 12 };

  _add("fault");
  _start();
  _live_days(&life, 3);
  guint64 learning = alert_engine_firings(engine, 0);
  cr_assert_eq(learning, 0);
  _live_days(&life, 14);
  cr_assert_eq(alert_engine_firings(engine, 0), learning);
  _live_until(&life, 10);
  life.faults = 0.4;
  cr_assert_leq(_seconds_to_fire(&life, 503, 0, 900 * S), 300);
}

Test(alert_engine, a_level_as_regular_as_a_clock_is_allowed_some_chance)
{
  _add("fault");
  _start();
  for (gint i = 0; i < 2 * 24 * 100; i++)
    {
      _feed_many("timer", 408, 1, 12 * S);
      _feed_many("timer", 200, 1, 24 * S);
    }
  _feed_many("timer", 408, 22, 12 * S);
  cr_assert_eq(notices->len, 0);
  _feed_many("timer", 408, 60, 6 * S);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
}

Test(alert_engine, traffic_that_has_come_to_stay)
{
  Life life = { .key = "migrated", .day = 0.3, .night = 0.3, .faults = 0.05 };

  _add("fault");
  _start();
  _live_days(&life, 4);
  cr_assert_eq(notices->len, 0);
  life.day = life.night = 2;
  _live(&life, 12 * 3600 * S);
  cr_assert_eq(notices->len, 0);
}

Test(alert_engine, who_closes_at_night_is_missed_in_the_morning)
{
  Life life = { .key = "branch", .day = 0.5, .night = 0.005, .declined = 0.3 };

  _start_with_defaults();
  _live_days(&life, 3);
  _live_until(&life, 9);
  cr_assert_eq(notices->len, 0);
  life.declined = 1;
  cr_assert_leq(_seconds_to_fire(&life, 0, 0, 7200 * S), 60);
}

Test(alert_engine, who_has_few_calls_has_them_in_the_day)
{
  Life life = { .key = "small", .day = 0.0015, .night = 0.00005, .declined = 0.2 };

  _start_with_defaults();
  _live_days(&life, 8);
  _live_until(&life, 8);
  cr_assert_eq(notices->len, 0);
  life.declined = 1;
  cr_assert_leq(_seconds_to_fire(&life, 0, 0, 10 * 3600 * S), 4 * 3600);
}

Test(alert_engine, a_flood_of_failures_beside_few_calls)
{
  Life life = { .key = "few", .day = 0.004, .night = 0.0005, .declined = 0.2 };

  _start_with_defaults();
  _live_days(&life, 5);
  _live_until(&life, 11);
  life.day = life.night = 0;

  gint64 seconds = _seconds_to_fire(&life, 480, S / 3, 5 * 3600 * S);
  cr_assert_geq(seconds, 1200);
  cr_assert_leq(seconds, 3 * 3600);
}

Test(alert_engine, a_flood_of_failures_beside_a_call_in_four_minutes)
{
  Life life = { .key = "few", .day = 0.0065, .night = 0.0005, .declined = 0.2 };

  _start_with_defaults();
  _live_days(&life, 5);
  _live_until(&life, 11);
  life.day = life.night = 0;
  cr_assert_geq(_seconds_to_fire(&life, 480, 40 * S, 5 * 3600 * S), 2 * 3600);
}

Test(alert_engine, a_scanner_while_the_calls_get_few)
{
  Life life = { .key = "trunk", .day = 0.03, .night = 0.03, .declined = 0.2 };

  _start_with_defaults();
  _live_days(&life, 2);
  _live_until(&life, 11);
  life.day = life.night = 0;
  _live(&life, 250 * S);

  gint64 seconds = _seconds_to_fire(&life, 404, S / 5, 900 * S);
  cr_assert_geq(seconds, 200);
  cr_assert_leq(seconds, 400);
}

Test(alert_engine, a_rush_of_calls_on_the_first_day)
{
  Life life = { .key = "dialler", .day = 0.005, .night = 0.005, .faults = 0.05, .rush = 1.5 };

  _add("fault");
  _start();
  _live_until(&life, 16);
  cr_assert_eq(notices->len, 0, "22 in a window, of 450");
}

Test(alert_engine, what_comes_at_any_hour_is_the_least_to_expect)
{
  Life life = { .key = "nat", .day = 0.3, .night = 0.005, .keepalives = 0.03 };

  _add("fault");
  _start();
  _live_days(&life, 4);
  _live_until(&life, 3);
  life.keepalives = 0;
  _live(&life, 1800 * S);
  cr_assert_eq(_seconds_to_fire(&life, 408, 14 * S, 300 * S), 300);
  cr_assert_lt(_seconds_to_fire(&life, 408, 5 * S, 300 * S), 200);
}

Test(alert_engine, a_lull_by_chance_does_not_end_it)
{
  Life life = { .key = "small", .day = 0.003, .night = 0, .declined = 0.2 };

  _start_with_defaults();
  _live_days(&life, 8);
  _live_until(&life, 8);
  life.declined = 1;
  _live_until(&life, 12);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  /* seven calls are missed, then they go on */
  _wait(40 * 60 * S);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 0);
  _live_until(&life, 16);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  _wait(80 * 60 * S);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1);
}

Test(alert_engine, a_night_without_calls_does_not_end_it)
{
  Life life = { .key = "small", .day = 0.003, .night = 0, .declined = 0.2 };

  _start_with_defaults();
  _live_days(&life, 8);
  life.declined = 1;
  _live_days(&life, 2);
  cr_assert_eq(_count(ALERT_STATE_FIRING), 1);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 0);
  _wait(25 * G_GINT64_CONSTANT(3600) * S);
  cr_assert_eq(_count(ALERT_STATE_RESOLVED), 1, "a day without a call does");
}
