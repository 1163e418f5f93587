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
 * Runs sip-alert()'s engine on a stream of records: the line protocol of docs/alerting.md on standard input, one line
 * for every notice on standard output.
 *
 *   TIME KEY CODE METHOD DIRECTION CALL_ID [EVENT]      `-' for what is not known; TIME in seconds, with a fraction
 *   TIME                                                time passes
 */

#include "alert/alert-engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static AlertDetector detectors[64];
static guint n_detectors;
static SipCodes *codes;

static AlertDetector *
_detector(const gchar *name)
{
  for (guint i = 0; i < n_detectors; i++)
    {
      if (strcmp(detectors[i].name, name) == 0)
        return &detectors[i];
    }
  return NULL;
}

static void
_die(const gchar *what, const gchar *about)
{
  fprintf(stderr, "alert-driver: %s: %s\n", what, about);
  exit(2);
}

static void
_add_preset(const gchar *name)
{
  if (n_detectors == G_N_ELEMENTS(detectors) || !alert_detector_init_preset(&detectors[n_detectors], name, codes))
    _die("no such preset", name);
  n_detectors++;
}

/* WHAT:COUNT/SECONDS[/SHARE]: a plain threshold over a group, class or list of codes */
static void
_add_plain(const gchar *spec)
{
  AlertDetector *det = &detectors[n_detectors++];
  gchar **parts = g_strsplit_set(spec, ":/", 4);
  gchar **items;

  if (g_strv_length(parts) < 3)
    _die("not WHAT:COUNT/SECONDS[/SHARE]", spec);
  alert_detector_init(det);
  det->name = g_strdup_printf("plain-%s", spec);
  det->severity = g_strdup("warning");
  det->count = (guint) atoi(parts[1]);
  det->window = (gint64) (atof(parts[2]) * ALERT_SECOND);
  det->share = parts[3] ? atof(parts[3]) : 0;
  items = g_strsplit(parts[0], "+", 0);
  for (gint i = 0; items[i]; i++)
    {
      if (!alert_detector_match(det, codes, items[i], TRUE, NULL))
        _die("no such codes", items[i]);
    }
  g_strfreev(items);
  g_strfreev(parts);
}

/* DETECTOR.OPTION=NUMBER, times in seconds */
static void
_set(const gchar *spec)
{
  gchar **parts = g_strsplit_set(spec, ".=", 3);
  AlertDetector *det = g_strv_length(parts) == 3 ? _detector(parts[0]) : NULL;
  gdouble value = det ? atof(parts[2]) : 0;

  if (!det)
    _die("not DETECTOR.OPTION=NUMBER", spec);
  if (strcmp(parts[1], "count") == 0)
    det->count = (guint) value;
  else if (strcmp(parts[1], "window") == 0)
    det->window = (gint64) (value * ALERT_SECOND);
  else if (strcmp(parts[1], "deviation") == 0)
    det->deviation = value;
  else if (strcmp(parts[1], "share") == 0)
    det->share = value;
  else if (strcmp(parts[1], "hold") == 0)
    det->hold = (gint64) (value * ALERT_SECOND);
  else if (strcmp(parts[1], "quiet") == 0)
    det->quiet = (gint64) (value * ALERT_SECOND);
  else if (strcmp(parts[1], "refresh") == 0)
    det->refresh = (gint64) (value * ALERT_SECOND);
  else
    _die("no such option", spec);
  g_strfreev(parts);
}

static SipSpan
_field(gchar **p)
{
  gchar *begin = *p;
  SipSpan span;

  while (*begin == ' ')
    begin++;
  gchar *end = begin;
  while (*end && *end != ' ' && *end != '\n')
    end++;
  span = sip_span(begin, end - begin);
  *p = end;
  return span.len == 0 || sip_span_eq(span, "-") ? SIP_SPAN_NONE : span;
}

static void
_print(const AlertNotices *notices, gint64 now)
{
  for (guint i = 0; i < notices->len; i++)
    {
      const AlertNotice *n = alert_notices_index(notices, i);
      const gchar *comma = "";

      printf("%.3f %s %s %s count=%" G_GUINT64_FORMAT " total=%" G_GUINT64_FORMAT " peak=%" G_GUINT64_FORMAT
             " share=%.3f level=%.2f since=%.3f duration=%.3f id=%s call_id=%s codes=",
             now / 1e6, alert_state_name(n->state), detectors[n->detector].name, n->key, n->count, n->total,
             n->peak, n->share, n->level, n->since / 1e6, n->duration / 1e6, n->id, n->call_id[0] ? n->call_id : "-");
      for (gint j = 0; j < ALERT_TOP_CODES && n->codes[j].count; j++, comma = ",")
        printf("%s%d:%u", comma, n->codes[j].code, n->codes[j].count);
      putchar('\n');
    }
}

int
main(int argc, char **argv)
{
  AlertEngineConfig config = { .n_key_slots = 1, .max_keys = 10000, .dedupe = TRUE };
  AlertNotices *notices = alert_notices_new();
  AlertEngine *engine = NULL;
  gboolean quiet = FALSE, stats = FALSE;
  static gchar line[65536];
  struct timespec begin, end;
  gint64 lines = 0;

  codes = sip_codes_new();
  for (gint i = 1; i < argc; i++)
    {
      if (strcmp(argv[i], "--firing-only") == 0)
        quiet = TRUE;
      else if (strcmp(argv[i], "--stats") == 0)
        stats = TRUE;
      else if (i + 1 == argc)
        _die("unknown or without its argument", argv[i]);
      else if (strcmp(argv[i], "--preset") == 0)
        _add_preset(argv[++i]);
      else if (strcmp(argv[i], "--plain") == 0)
        _add_plain(argv[++i]);
      else if (strcmp(argv[i], "--set") == 0)
        _set(argv[++i]);
      else if (strcmp(argv[i], "--max-keys") == 0)
        config.max_keys = (guint) atoi(argv[++i]);
      else
        _die("unknown option", argv[i]);
    }
  if (n_detectors == 0)
    {
      _add_preset("fault");
      _add_preset("no-success");
    }
  config.detectors = detectors;
  config.n_detectors = n_detectors;

  clock_gettime(CLOCK_MONOTONIC, &begin);
  while (fgets(line, sizeof(line), stdin))
    {
      gchar *p = line;
      AlertRecord record = { 0 };
      SipSpan field;

      if (line[0] == '#' || line[0] == '\n')
        continue;
      record.now = (gint64) (strtod(p, &p) * ALERT_SECOND + 0.5);
      record.key[0] = _field(&p);
      record.code = (field = _field(&p)).len ? atoi(field.ptr) : 0;
      record.method = (field = _field(&p)).len ? alert_method_by_name(field.ptr, field.len) : ALERT_METHOD_UNKNOWN;
      record.direction = (field = _field(&p)).len ? alert_direction_by_name(field.ptr, field.len) : 0;
      record.call_id = _field(&p);
      record.event = (field = _field(&p)).len ? alert_event_by_name(field.ptr, field.len) : ALERT_EVENT_NONE;
      if (!engine)
        engine = alert_engine_new(&config, record.now);
      alert_engine_record(engine, &record, notices);
      lines++;
      if (notices->len)
        {
          if (quiet)
            {
              for (guint i = notices->len; i > 0; i--)
                {
                  AlertState state = alert_notices_index(notices, i - 1)->state;

                  if (state == ALERT_STATE_REFRESH || state == ALERT_STATE_REMINDER)
                    g_array_remove_index(notices, i - 1);
                }
            }
          _print(notices, alert_engine_now(engine));
          g_array_set_size(notices, 0);
        }
    }
  clock_gettime(CLOCK_MONOTONIC, &end);
  if (stats && engine)
    {
      const AlertStats *s = alert_engine_stats(engine);

      fprintf(stderr, "lines=%" G_GINT64_FORMAT " seconds=%.3f records=%" G_GUINT64_FORMAT " duplicates=%"
              G_GUINT64_FORMAT " paired=%" G_GUINT64_FORMAT " evictions=%" G_GUINT64_FORMAT " suppressed=%"
              G_GUINT64_FORMAT " keys=%u firing=%u\n", lines, end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec)
              / 1e9, s->records, s->duplicates, s->paired, s->evictions, s->suppressed, s->keys, s->firing);
    }
  alert_engine_free(engine);
  alert_notices_free(notices);
  for (guint i = 0; i < n_detectors; i++)
    alert_detector_clear(&detectors[i]);
  sip_codes_unref(codes);
  return 0;
}
