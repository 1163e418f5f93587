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


/*
 * What sip-alert()'s engine costs a record: 10,000 keys, the default detectors, a Call-ID on every record.
 * CPU time of the thread, the text of keys and Call-IDs made beforehand.
 */

#include "alert/alert-engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define KEYS 10000
#define RECORDS 2000000
#define RATE 20000              /* records a second of the engine's clock */

static gchar keys[KEYS][40];

static gint64
_cpu_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (gint64) t.tv_sec * 1000000000 + t.tv_nsec;
}

static glong
_resident_kib(void)
{
  glong size, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");

  if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
    exit(1);
  fclose(f);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

typedef struct _Load
{
  const gchar *name;
  guint faults_of_1000;
  gboolean random_keys;
} Load;

/* CPU time for all records; without an engine, that of making them */
static gint64
_feed(const Load *load, AlertEngine *engine, AlertNotices *notices, guint64 *alerts)
{
  static const guint16 harmless[] = { 200, 200, 200, 486, 487, 407, 480, 200, 200, 404 };
  guint32 random = 1;
  gint64 begin = _cpu_ns();

  for (gint i = 0; i < RECORDS; i++)
    {
      gchar call_id[48], key[24];
      AlertRecord record = { .now = (gint64) i * ALERT_SECOND / RATE, .method = ALERT_METHOD_INVITE };

      random = random * 1664525u + 1013904223u;
      record.code = (random >> 8) % 1000 < load->faults_of_1000 ? 503 : harmless[(random >> 20) % 10];
      record.call_id = sip_span(call_id, g_snprintf(call_id, sizeof(call_id), "%08x-%d@198.51.100.7", random, i));
      record.key[0] = load->random_keys ? sip_span(key, g_snprintf(key, sizeof(key), "%08x%08x", random, i))
                      : sip_span_str(keys[(random >> 4) % KEYS]);
      if (engine)
        {
          alert_engine_record(engine, &record, notices);
          *alerts += notices->len;
          g_array_set_size(notices, 0);
        }
    }
  return _cpu_ns() - begin;
}

static void
_run(const Load *load, const AlertEngineConfig *config)
{
  AlertNotices *notices = alert_notices_new();
  guint64 alerts = 0;
  gint64 making = _feed(load, NULL, notices, &alerts);
  glong before = _resident_kib();
  AlertEngine *engine = alert_engine_new(config, 0);
  gint64 all = _feed(load, engine, notices, &alerts);
  const AlertStats *stats = alert_engine_stats(engine);

  printf("%-28s %6.0f ns a record, %5.1f MiB, %u keys, %u firing, %" G_GUINT64_FORMAT " notices\n", load->name,
         (all - making) / (gdouble) RECORDS, (_resident_kib() - before) / 1024.0, stats->keys, stats->firing, alerts);
  alert_engine_free(engine);
  alert_notices_free(notices);
}

int
main(void)
{
  static const Load loads[] =
  {
    { "calls, 1 % faults", 10, FALSE },
    { "calls, 20 % faults", 200, FALSE },
    { "faults only", 1000, FALSE },
    { "a flood of random keys", 10, TRUE },
  };
  SipCodes *codes = sip_codes_new();
  AlertDetector detectors[2];
  AlertEngineConfig config =
  {
    .detectors = detectors, .n_detectors = 2, .n_key_slots = 1, .max_keys = KEYS, .dedupe = TRUE,
  };

  alert_detector_init_preset(&detectors[0], "fault", codes);
  alert_detector_init_preset(&detectors[1], "no-success", codes);
  for (gint i = 0; i < KEYS; i++)
    g_snprintf(keys[i], sizeof(keys[i]), "trunk-%d.example.net", i);
  for (gsize i = 0; i < G_N_ELEMENTS(loads); i++)
    _run(&loads[i], &config);
  alert_detector_clear(&detectors[0]);
  alert_detector_clear(&detectors[1]);
  sip_codes_unref(codes);
  return 0;
}
