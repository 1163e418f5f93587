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
#include "alert/sip-alert-parser.h"
#include "alert/alert-clock.h"
#include "alert/alert-engine.h"
#include "alert/sip-alert-text.h"
#include "plugin/syslog-ng-compat.h"

#include "messages.h"
#include "persist-state.h"
#include "scratch-buffers.h"
#include "template/templates.h"
#include "timeutils/misc.h"

#include <iv.h>
#include <math.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#define DEFAULT_PREFIX ".sip."
#define DEFAULT_KEY "${HOST}"
#define DEFAULT_MAX_KEYS 10000
#define LEAST_MAX_KEYS 10
#define MOST_MAX_KEYS 1000000
#define MAX_DETECTORS 32
#define STATS_LEVEL 0

/* State over restarts: so many keys fit about into a block, and no more blocks than these are used. */
#define KEYS_A_BLOCK 14
#define MOST_BLOCKS 128
#define SAVE_INTERVAL (300 * ALERT_SECOND)

/* With time(stamp), the clock goes on by itself when no record has come for so long. */
#define IDLE_TIME (2 * ALERT_SECOND)

typedef enum
{
  INJECT_PASS_THROUGH,
  INJECT_INTERNAL,
  INJECT_AGGREGATE_ONLY,
} InjectMode;

typedef enum
{
  IN_CODE, IN_EVENT, IN_METHOD, IN_DIRECTION, IN_CALL_ID, IN_MAX
} Input;

typedef enum
{
  OUT_STATE, OUT_ID, OUT_DETECTOR, OUT_KEY, OUT_COUNT, OUT_TOTAL, OUT_SHARE, OUT_LEVEL, OUT_PEAK, OUT_SINCE, OUT_ENDS,
  OUT_DURATION, OUT_WINDOW, OUT_CODES, OUT_CALL_ID, OUT_SEVERITY, OUT_MAX
} Output;

static const gchar *const input_names[IN_MAX] = { "code", "event", "method", "direction", "call_id" };
static const gchar *const output_names[OUT_MAX] =
{
  "state", "id", "detector", "key", "count", "total", "share", "level", "peak", "since", "ends", "duration", "window",
  "codes", "call_id", "severity"
};

/* What goes from one configuration to the next. */
typedef struct _LiveState
{
  AlertEngine *engine;
  AlertClock clock;
  gchar *fingerprint;
} LiveState;

typedef struct _SipAlertParser
{
  LogParser super;

  /* options, read-only after finish() */
  gchar *prefix;
  gchar *key;
  InjectMode inject_mode;
  gboolean by_stamp;
  SipAlertLanguage language;
  guint max_keys;
  gboolean dedupe;
  AlertDetector detectors[MAX_DETECTORS];
  gchar *detector_keys[MAX_DETECTORS];  /* as written, NULL: that of the parser, or of the preset */
  guint n_detectors;
  gboolean matching_replaced;           /* in the detector being read */
  SipCodes *codes;

  /* what finish() makes of them */
  LogTemplate *keys[ALERT_MAX_KEY_SLOTS];
  guint n_keys;
  NVHandle in[IN_MAX];
  NVHandle out[OUT_MAX];
  gchar *fingerprint;
  gint clone_id, n_clones;

  /* at run time, under lock */
  GMutex lock;
  AlertEngine *engine;
  AlertClock clock;
  gint64 last_record;                   /* monotonic, with time(stamp) */
  AlertNotices *notices;
  struct
  {
    StatsCounterItem *state, *firings;
    guint64 said_state, said_firings;
  } counters[MAX_DETECTORS];
  struct
  {
    StatsCounterItem *counter;
    guint64 said;
  } suppressed, evictions, duplicates, keys_now;
  gint64 next_save, next_zone;
  guint saved_firing;
  guint64 saved_firings;

  struct iv_timer tick;
  PersistEntryHandle *blocks;
  guint n_blocks;
  guint n_saved;                /* of them hold something */
} SipAlertParser;

G_DEFINE_QUARK(sip-alert-error-quark, sip_alert_error)

static SipAlertParser *_new(GlobalConfig *cfg);

/* ---- time -------------------------------------------------------------------- */

/* Where the clock of the people that call stands, from the clock of the engine. */
static gint64
_zone_offset(void)
{
  time_t now = time(NULL);
  struct tm tm;

  localtime_r(&now, &tm);
  return (gint64) tm.tm_gmtoff * ALERT_SECOND;
}

/* what to add to a time of the engine to get one of the wall clock */
static gint64
_to_wall(const SipAlertParser *self)
{
  return self->by_stamp ? 0 : g_get_real_time() - g_get_monotonic_time();
}

static gint64
_stamp(const LogMessage *msg)
{
  const UnixTime *stamp = &msg->timestamps[LM_TS_STAMP];

  return (gint64) stamp->ut_sec * ALERT_SECOND + stamp->ut_usec;
}

/* ---- alert messages ------------------------------------------------------------ */

static gint
_priority(const gchar *severity)
{
  static const gchar *const names[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

  for (gint i = 0; i < (gint) G_N_ELEMENTS(names); i++)
    {
      if (strcmp(names[i], severity) == 0)
        return i;
    }
  return -1;
}

/* text of a log line as it may go into an alert: valid UTF-8 without controls */
static void
_sanitize(gchar *text)
{
  const gchar *end;

  while (!g_utf8_validate(text, -1, &end))
    text[end - text] = '?';
  for (gchar *p = text; *p; p++)
    {
      if ((guchar) *p < 0x20 || *p == 0x7f)
        *p = ' ';
      else if ((guchar) p[0] == 0xc2 && (guchar) p[1] >= 0x80 && (guchar) p[1] < 0xa0)
        p[0] = p[1] = ' ';
    }
}

static void
_set(const SipAlertParser *self, LogMessage *msg, Output out, const gchar *value)
{
  if (value[0])
    log_msg_set_value(msg, self->out[out], value, -1);
}

static void
_set_integer(const SipAlertParser *self, LogMessage *msg, Output out, guint64 value)
{
  gchar buf[32];
  gint len = g_snprintf(buf, sizeof(buf), "%" G_GUINT64_FORMAT, value);

  log_msg_set_value_with_type(msg, self->out[out], buf, len, LM_VT_INTEGER);
}

static void
_set_decimal(const SipAlertParser *self, LogMessage *msg, Output out, gdouble value)
{
  gchar buf[G_ASCII_DTOSTR_BUF_SIZE];

  /* with a point in every locale */
  g_ascii_formatd(buf, sizeof(buf), "%.1f", value);
  log_msg_set_value_with_type(msg, self->out[out], buf, -1, LM_VT_DOUBLE);
}

static void
_set_time(const SipAlertParser *self, LogMessage *msg, Output out, gint64 wall)
{
  time_t seconds = (time_t) (wall / ALERT_SECOND);
  struct tm tm;
  gchar buf[64];

  gmtime_r(&seconds, &tm);
  gsize len = strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &tm);
  g_snprintf(buf + len, sizeof(buf) - len, ".%03dZ", (gint) (wall % ALERT_SECOND / 1000));
  _set(self, msg, out, buf);
}

static LogMessage *
_make_message(const SipAlertParser *self, AlertNotice *notice, gint64 now, gint64 to_wall)
{
  const AlertDetector *det = &self->detectors[notice->detector];
  LogMessage *msg = log_msg_new_local();
  GString *text = scratch_buffers_alloc();
  gint64 ends = now;

  _sanitize(notice->key);
  _sanitize(notice->call_id);
  msg->pri = LOG_DAEMON | (notice->state == ALERT_STATE_RESOLVED ? LOG_NOTICE : _priority(det->severity));
  log_msg_set_value(msg, LM_V_HOST, g_get_host_name(), -1);
  log_msg_set_value(msg, LM_V_PROGRAM, "sip-alert", -1);
  sip_alert_format_text(text, notice, det, self->language);
  log_msg_set_value(msg, LM_V_MESSAGE, text->str, text->len);

  _set(self, msg, OUT_STATE, alert_state_name(notice->state));
  _set(self, msg, OUT_ID, notice->id);
  _set(self, msg, OUT_DETECTOR, det->name);
  _set(self, msg, OUT_KEY, notice->key);
  _set(self, msg, OUT_SEVERITY, det->severity);
  _set_integer(self, msg, OUT_COUNT, notice->count);
  _set_integer(self, msg, OUT_TOTAL, notice->total);
  _set_integer(self, msg, OUT_PEAK, notice->peak);
  if (notice->share >= 0)
    _set_decimal(self, msg, OUT_SHARE, notice->share * 100);
  _set_decimal(self, msg, OUT_LEVEL, det->kind == ALERT_KIND_NO_SUCCESS ? notice->level * 100 : notice->level);
  _set_integer(self, msg, OUT_DURATION, notice->duration / ALERT_SECOND);
  _set_integer(self, msg, OUT_WINDOW, det->window / ALERT_SECOND);
  _set_time(self, msg, OUT_SINCE, notice->since + to_wall);
  /* a receiver that hears no more from us may let the alert end then */
  if (notice->state != ALERT_STATE_RESOLVED)
    ends += MAX(3 * det->refresh, 180 * ALERT_SECOND);
  _set_time(self, msg, OUT_ENDS, ends + to_wall);

  g_string_truncate(text, 0);
  sip_alert_format_codes(text, notice);
  _set(self, msg, OUT_CODES, text->str);
  _set(self, msg, OUT_CALL_ID, notice->call_id);
  return msg;
}

static void
_emit(SipAlertParser *self, LogMessage *msg)
{
  if (self->inject_mode == INJECT_INTERNAL)
    {
      msg_post_message(msg);
      return;
    }

  LogPathOptions path_options = LOG_PATH_OPTIONS_INIT;

  path_options.ack_needed = FALSE;
  log_pipe_forward_msg(&self->super.super, msg, &path_options);
}

/* Without the lock: the path may lead back to this parser.  Takes the notices. */
static void
_emit_all(SipAlertParser *self, AlertNotices *notices, gint64 now, gint64 to_wall)
{
  ScratchBuffersMarker marker;

  if (!notices)
    return;
  scratch_buffers_mark(&marker);
  for (guint i = 0; i < notices->len; i++)
    _emit(self, _make_message(self, alert_notices_index(notices, i), now, to_wall));
  scratch_buffers_reclaim_marked(marker);
  alert_notices_free(notices);
}

/* ---- counters -------------------------------------------------------------------- */

static void
_say(StatsCounterItem *counter, guint64 *said, guint64 value)
{
  /* several parsers may share a counter, so each adds what is its own */
  if (value > *said)
    stats_counter_add(counter, (gssize) (value - *said));
  else if (value < *said)
    stats_counter_sub(counter, (gssize) (*said - value));
  *said = value;
}

static void
_update_counters(SipAlertParser *self)
{
  const AlertStats *stats = alert_engine_stats(self->engine);

  for (guint i = 0; i < self->n_detectors; i++)
    {
      _say(self->counters[i].state, &self->counters[i].said_state, alert_engine_firing_now(self->engine, i));
      _say(self->counters[i].firings, &self->counters[i].said_firings, alert_engine_firings(self->engine, i));
    }
  _say(self->suppressed.counter, &self->suppressed.said, stats->suppressed);
  _say(self->evictions.counter, &self->evictions.said, stats->evictions);
  _say(self->duplicates.counter, &self->duplicates.said, stats->duplicates);
  _say(self->keys_now.counter, &self->keys_now.said, stats->keys);
}

static void
_register_counters(SipAlertParser *self)
{
  for (guint i = 0; i < self->n_detectors; i++)
    {
      const CompatStatsLabel label = { "detector", self->detectors[i].name };

      self->counters[i].state = compat_stats_register_single(STATS_LEVEL, "sip_alert_state", &label, 1);
      self->counters[i].firings = compat_stats_register_single(STATS_LEVEL, "sip_alert_firings_total", &label, 1);
      self->counters[i].said_firings = self->engine ? alert_engine_firings(self->engine, i) : 0;
    }
  self->suppressed.counter = compat_stats_register_single(STATS_LEVEL, "sip_alert_suppressed_total", NULL, 0);
  self->evictions.counter = compat_stats_register_single(STATS_LEVEL, "sip_alert_evictions_total", NULL, 0);
  self->duplicates.counter = compat_stats_register_single(STATS_LEVEL, "sip_alert_duplicates_total", NULL, 0);
  self->keys_now.counter = compat_stats_register_single(STATS_LEVEL, "sip_alert_keys", NULL, 0);
  if (self->engine)
    {
      const AlertStats *stats = alert_engine_stats(self->engine);

      self->suppressed.said = stats->suppressed;
      self->evictions.said = stats->evictions;
      self->duplicates.said = stats->duplicates;
    }
}

/* the gauges: what they show is no more */
static void
_withdraw_gauges(SipAlertParser *self)
{
  for (guint i = 0; i < self->n_detectors; i++)
    _say(self->counters[i].state, &self->counters[i].said_state, 0);
  _say(self->keys_now.counter, &self->keys_now.said, 0);
}

/* ---- state over restarts ----------------------------------------------------------- */

/*
 * Whoever changes or adds a detector does not want to lose what has been learnt, so they are no part of the name.
 * Parsers whose names clash do not start: persist-name() tells them apart.
 */
static gchar *
_name(const SipAlertParser *self)
{
  const LogPipe *s = &self->super.super;

  return g_strdup_printf("sip-alert(%s)%d", s->persist_name ? s->persist_name : self->key, self->clone_id);
}

static const gchar *
_persist_name(const LogPipe *s)
{
  static gchar buf[512];
  gchar *name = _name((const SipAlertParser *) s);

  g_strlcpy(buf, name, sizeof(buf));
  g_free(name);
  return buf;
}

static gchar *
_state_name(const SipAlertParser *self, const gchar *suffix)
{
  gchar *name = _name(self);
  gchar *result = g_strconcat(name, ".", suffix, NULL);

  g_free(name);
  return result;
}

static void
_allocate_blocks(SipAlertParser *self)
{
  PersistState *state = log_pipe_get_config(&self->super.super)->state;

  g_clear_pointer(&self->blocks, g_free);
  self->n_blocks = self->n_saved = 0;
  if (!state)
    return;

  guint n = MIN(self->max_keys / KEYS_A_BLOCK + 1, MOST_BLOCKS);
  self->blocks = g_new0(PersistEntryHandle, n);
  for (guint i = 0; i < n; i++)
    {
      gchar suffix[16];
      gsize size = 0;
      guint8 version;

      g_snprintf(suffix, sizeof(suffix), "%u", i);
      gchar *name = _state_name(self, suffix);
      PersistEntryHandle handle = persist_state_lookup_entry(state, name, &size, &version);

      gboolean is_new = !handle || size < ALERT_BLOCK_SIZE;
      if (is_new)
        handle = persist_state_alloc_entry(state, name, ALERT_BLOCK_SIZE);
      g_free(name);
      if (!handle)
        break;
      self->blocks[self->n_blocks++] = handle;

      guint8 *block = persist_state_map_entry(state, handle);
      if (is_new)
        memset(block, 0, ALERT_BLOCK_SIZE);
      else if (!alert_engine_block_is_empty(block))
        self->n_saved = self->n_blocks;
      persist_state_unmap_entry(state, handle);
    }
}

/* with the lock held, or before there are threads */
static void
_save(SipAlertParser *self)
{
  PersistState *state = log_pipe_get_config(&self->super.super)->state;

  if (!state || self->n_blocks == 0 || !self->engine)
    return;

  /* room for all, of which the system gives what is written to */
  guint8 *blocks = g_malloc((gsize) self->n_blocks * ALERT_BLOCK_SIZE);
  guint n_used = alert_engine_save(self->engine, g_get_real_time(), blocks, self->n_blocks);
  for (guint i = 0; i < MAX(n_used, self->n_saved); i++)
    {
      gpointer entry = persist_state_map_entry(state, self->blocks[i]);

      if (i < n_used)
        memcpy(entry, blocks + (gsize) i * ALERT_BLOCK_SIZE, ALERT_BLOCK_SIZE);
      else
        memset(entry, 0, ALERT_BLOCK_SIZE);
      persist_state_unmap_entry(state, self->blocks[i]);
    }
  self->n_saved = n_used;
  g_free(blocks);
}

static void
_load(SipAlertParser *self)
{
  PersistState *state = log_pipe_get_config(&self->super.super)->state;
  guint damaged = 0;
  guint8 *block = g_malloc(ALERT_BLOCK_SIZE);

  for (guint i = 0; i < self->n_blocks; i++)
    {
      gpointer entry = persist_state_map_entry(state, self->blocks[i]);

      memcpy(block, entry, ALERT_BLOCK_SIZE);
      persist_state_unmap_entry(state, self->blocks[i]);
      if (!alert_engine_load(self->engine, g_get_real_time(), block, ALERT_BLOCK_SIZE))
        damaged++;
    }
  g_free(block);
  if (damaged)
    msg_warning("sip-alert(): part of the saved state is damaged or of another version; it is not used",
                evt_tag_int("blocks", damaged),
                log_pipe_location_tag(&self->super.super));
}

static void
_load_end(SipAlertParser *self)
{
  guint lost = alert_engine_load_end(self->engine);

  if (lost)
    msg_notice("sip-alert(): alerts were firing for detectors that are no more; nothing will say that they end",
               evt_tag_int("alerts", lost),
               log_pipe_location_tag(&self->super.super));
}

static void
_live_state_free(gpointer p)
{
  LiveState *live = p;

  alert_engine_free(live->engine);
  g_free(live->fingerprint);
  g_free(live);
}

/* The engine of the configuration before, as it is if nothing has changed, else what can be carried over. */
static gboolean
_take_over(SipAlertParser *self, LiveState *live, gint64 now)
{
  self->clock = live->clock;
  if (strcmp(live->fingerprint, self->fingerprint) == 0)
    {
      self->engine = live->engine;
      live->engine = NULL;
      return TRUE;
    }

  guint n_blocks = alert_engine_stats(live->engine)->keys / 4 + 2;
  guint8 *blocks = g_malloc((gsize) n_blocks * ALERT_BLOCK_SIZE);
  gint64 wall = g_get_real_time();

  alert_engine_tick(live->engine, now, self->notices);
  g_array_set_size(self->notices, 0);
  n_blocks = alert_engine_save(live->engine, wall, blocks, n_blocks);
  for (guint i = 0; i < n_blocks; i++)
    alert_engine_load(self->engine, wall, blocks + (gsize) i * ALERT_BLOCK_SIZE, ALERT_BLOCK_SIZE);
  g_free(blocks);
  return TRUE;
}

static AlertEngine *
_make_engine(const SipAlertParser *self, gint64 now)
{
  AlertEngineConfig config =
  {
    .detectors = self->detectors,
    .n_detectors = self->n_detectors,
    .n_key_slots = self->n_keys,
    .max_keys = self->max_keys,
    .dedupe = self->dedupe,
  };

  return alert_engine_new(&config, now);
}

/* ---- records ------------------------------------------------------------------------ */

static inline SipSpan
_value(const SipAlertParser *self, const LogMessage *msg, Input in)
{
  gssize len;
  const gchar *value = log_msg_get_value(msg, self->in[in], &len);

  return sip_span(value, len);
}

static gint
_parse_code(SipSpan text)
{
  if (text.len != 3 || text.ptr[0] < '1' || text.ptr[0] > '6'
      || !g_ascii_isdigit(text.ptr[1]) || !g_ascii_isdigit(text.ptr[2]))
    return 0;
  return (text.ptr[0] - '0') * 100 + (text.ptr[1] - '0') * 10 + (text.ptr[2] - '0');
}

static gboolean
_read_record(const SipAlertParser *self, const LogMessage *msg, AlertRecord *record)
{
  SipSpan event, method, direction;

  record->code = _parse_code(_value(self, msg, IN_CODE));
  event = _value(self, msg, IN_EVENT);
  if (record->code == 0 && event.len == 0)
    return FALSE;

  method = _value(self, msg, IN_METHOD);
  direction = _value(self, msg, IN_DIRECTION);
  record->event = alert_event_by_name(event.ptr, event.len);
  record->method = alert_method_by_name(method.ptr, method.len);
  record->direction = alert_direction_by_name(direction.ptr, direction.len);
  record->call_id = _value(self, msg, IN_CALL_ID);
  return TRUE;
}

static SipSpan
_format_key(LogTemplate *template, LogMessage *msg)
{
  gssize len;

  if (log_template_is_trivial(template))
    {
      const gchar *value = log_template_get_trivial_value(template, msg, &len);

      return sip_span(value, len);
    }

  GString *value = scratch_buffers_alloc();
  log_template_format(template, msg, &DEFAULT_TEMPLATE_EVAL_OPTIONS, value);
  return sip_span(value->str, value->len);
}

/* With the lock held: what there is to say, NULL if nothing. */
static AlertNotices *
_take_notices(SipAlertParser *self)
{
  AlertNotices *notices = self->notices;

  if (notices->len == 0)
    return NULL;
  self->notices = alert_notices_new();
  _update_counters(self);
  return notices;
}

/* With time(stamp) there is no time before the first record. */
static void
_start_by_stamp(SipAlertParser *self, gint64 now)
{
  self->engine = _make_engine(self, now);
  alert_engine_set_wall_offset(self->engine, _zone_offset());
  _load(self);
  _load_end(self);
}

static void
_record(SipAlertParser *self, LogMessage *msg, AlertRecord *record)
{
  AlertNotices *notices;
  gint64 now, to_wall = _to_wall(self);
  gboolean warn;

  g_mutex_lock(&self->lock);
  if (self->by_stamp)
    {
      record->now = alert_clock_observe(&self->clock, _stamp(msg));
      self->last_record = g_get_monotonic_time();
      if (!self->engine)
        _start_by_stamp(self, record->now);
    }
  else
    record->now = g_get_monotonic_time();
  alert_engine_record(self->engine, record, self->notices);
  now = alert_engine_now(self->engine);
  warn = alert_engine_take_eviction_warning(self->engine);
  notices = _take_notices(self);
  g_mutex_unlock(&self->lock);

  if (G_UNLIKELY(warn))
    msg_warning("sip-alert(): the table of keys is full; the least recently seen keys that do not fire are forgotten, "
                "see max-keys()",
                evt_tag_int("max_keys", self->max_keys),
                log_pipe_location_tag(&self->super.super));
  _emit_all(self, notices, now, to_wall);
}

static gboolean
_process(LogParser *s, LogMessage **pmsg, const LogPathOptions *path_options, const gchar *input, gsize input_len)
{
  SipAlertParser *self = (SipAlertParser *) s;
  LogMessage *msg = *pmsg;
  AlertRecord record = { 0 };

  if (_read_record(self, msg, &record))
    {
      ScratchBuffersMarker marker;

      scratch_buffers_mark(&marker);
      for (guint i = 0; i < self->n_keys; i++)
        record.key[i] = _format_key(self->keys[i], msg);
      _record(self, msg, &record);
      scratch_buffers_reclaim_marked(marker);
    }
  return self->inject_mode != INJECT_AGGREGATE_ONLY;
}

#if HAVE_DECL_LOG_PARSER_QUEUE_METHOD
/* The records stop here on purpose: not for a fallback path to take them. */
static void
_queue(LogPipe *s, LogMessage *msg, const LogPathOptions *path_options)
{
  SipAlertParser *self = (SipAlertParser *) s;
  LogPathOptions own = *path_options;
  gboolean matched = TRUE;

  if (self->inject_mode == INJECT_AGGREGATE_ONLY)
    own.matched = &matched;
  log_parser_queue_method(s, msg, &own);
}
#endif

/* ---- ticks --------------------------------------------------------------------------- */

static void
_start_timer(SipAlertParser *self)
{
  iv_validate_now();
  self->tick.expires = iv_now;
  self->tick.expires.tv_sec++;
  iv_timer_register(&self->tick);
}

static gint64
_tick_time(const SipAlertParser *self)
{
  gint64 monotonic = g_get_monotonic_time();
  gint64 idle;

  if (!self->by_stamp)
    return monotonic;
  idle = monotonic - self->last_record;
  return self->clock.now + (idle > IDLE_TIME ? idle : 0);
}

static gboolean
_must_save(SipAlertParser *self)
{
  gint64 monotonic = g_get_monotonic_time();
  guint64 firings = 0;
  guint firing = alert_engine_stats(self->engine)->firing;

  for (guint i = 0; i < self->n_detectors; i++)
    firings += alert_engine_firings(self->engine, i);
  if (firings == self->saved_firings && firing == self->saved_firing && monotonic < self->next_save)
    return FALSE;
  self->saved_firings = firings;
  self->saved_firing = firing;
  self->next_save = monotonic + SAVE_INTERVAL;
  return TRUE;
}

static void
_tick(gpointer s)
{
  SipAlertParser *self = (SipAlertParser *) s;
  AlertNotices *notices = NULL;
  gint64 now = 0, to_wall = _to_wall(self);

  g_mutex_lock(&self->lock);
  if (self->engine)
    {
      if (g_get_monotonic_time() >= self->next_zone)
        {
          /* daylight saving comes and goes */
          self->next_zone = g_get_monotonic_time() + 600 * ALERT_SECOND;
          alert_engine_set_wall_offset(self->engine, to_wall + _zone_offset());
        }
      alert_engine_tick(self->engine, _tick_time(self), self->notices);
      now = alert_engine_now(self->engine);
      notices = _take_notices(self);
      _update_counters(self);
      if (_must_save(self))
        _save(self);
    }
  g_mutex_unlock(&self->lock);

  _emit_all(self, notices, now, to_wall);
  _start_timer(self);
}

/* ---- options ------------------------------------------------------------------------- */

static gboolean
_refuse(GError **error, const gchar *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
_refuse(GError **error, const gchar *format, ...)
{
  va_list args;
  gchar *message;

  va_start(args, format);
  message = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, SIP_ALERT_ERROR, 0, "sip-alert(): %s", message);
  g_free(message);
  return FALSE;
}

static gboolean
_check_template(LogParser *s, const gchar *option, const gchar *text, GError **error)
{
  LogTemplate *template;
  GError *reason = NULL;
  gboolean success;

  if (!text[0])
    return _refuse(error, "%s(\"\"): the template is empty, so there would be no key", option);
  template = log_template_new(log_pipe_get_config(&s->super), NULL);
  success = log_template_compile(template, text, &reason);
  if (!success)
    {
      _refuse(error, "%s(\"%s\"): the template does not compile: %s", option, text,
              reason ? reason->message : "unknown error");
      g_clear_error(&reason);
    }
  log_template_unref(template);
  return success;
}

gboolean
sip_alert_parser_set_prefix(LogParser *s, const gchar *prefix, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (!prefix[0])
    return _refuse(error, "prefix(\"\"): the prefix is empty; sip-status() does not write there either");
  g_free(self->prefix);
  self->prefix = g_strdup(prefix);
  return TRUE;
}

gboolean
sip_alert_parser_set_key(LogParser *s, const gchar *key, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (!_check_template(s, "key", key, error))
    return FALSE;
  g_free(self->key);
  self->key = g_strdup(key);
  return TRUE;
}

gboolean
sip_alert_parser_set_inject_mode(LogParser *s, const gchar *mode, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (g_ascii_strcasecmp(mode, "pass-through") == 0 || g_ascii_strcasecmp(mode, "pass_through") == 0)
    self->inject_mode = INJECT_PASS_THROUGH;
  else if (g_ascii_strcasecmp(mode, "internal") == 0)
    self->inject_mode = INJECT_INTERNAL;
  else if (g_ascii_strcasecmp(mode, "aggregate-only") == 0 || g_ascii_strcasecmp(mode, "aggregate_only") == 0)
    self->inject_mode = INJECT_AGGREGATE_ONLY;
  else
    return _refuse(error, "inject-mode(\"%s\"): must be pass-through, internal or aggregate-only", mode);
  return TRUE;
}

gboolean
sip_alert_parser_set_time(LogParser *s, const gchar *time_source, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (strcmp(time_source, "receipt") == 0)
    self->by_stamp = FALSE;
  else if (strcmp(time_source, "stamp") == 0)
    self->by_stamp = TRUE;
  else
    return _refuse(error, "time(\"%s\"): must be receipt or stamp", time_source);
  return TRUE;
}

gboolean
sip_alert_parser_set_language(LogParser *s, const gchar *language, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (!sip_alert_language_by_name(language, &self->language))
    return _refuse(error, "language(\"%s\"): must be en or vi", language);
  return TRUE;
}

gboolean
sip_alert_parser_set_max_keys(LogParser *s, gint64 max_keys, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (max_keys < LEAST_MAX_KEYS || max_keys > MOST_MAX_KEYS)
    return _refuse(error, "max-keys(%" G_GINT64_FORMAT "): must be from %d to %d", max_keys, LEAST_MAX_KEYS,
                   MOST_MAX_KEYS);
  self->max_keys = (guint) max_keys;
  return TRUE;
}

void
sip_alert_parser_set_dedupe(LogParser *s, gboolean dedupe)
{
  ((SipAlertParser *) s)->dedupe = dedupe;
}

static gboolean
_check_new_detector(const SipAlertParser *self, const gchar *name, GError **error)
{
  if (self->n_detectors == MAX_DETECTORS)
    return _refuse(error, "detector(\"%s\"): at most %d detectors", name, MAX_DETECTORS);
  if (!name[0])
    return _refuse(error, "detector(\"\"): the name is empty");
  for (const gchar *p = name; *p; p++)
    {
      if (!g_ascii_isalnum(*p) && !strchr("-_.", *p))
        return _refuse(error, "detector(\"%s\"): a name has letters, digits, `-', `_' and `.' only: it becomes a label",
                       name);
    }
  for (guint i = 0; i < self->n_detectors; i++)
    {
      if (strcmp(self->detectors[i].name, name) == 0)
        return _refuse(error, "detector(\"%s\"): there is one of that name already", name);
    }
  return TRUE;
}

static AlertDetector *
_current(SipAlertParser *self)
{
  return &self->detectors[self->n_detectors - 1];
}

gboolean
sip_alert_parser_begin_detector(LogParser *s, const gchar *name, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;
  AlertDetector *det = &self->detectors[self->n_detectors];

  if (!_check_new_detector(self, name, error))
    return FALSE;
  self->matching_replaced = FALSE;
  if (!alert_detector_init_preset(det, name, self->codes))
    {
      alert_detector_init(det);
      det->name = g_strdup(name);
      det->severity = g_strdup("warning");
      self->matching_replaced = TRUE;
    }
  self->n_detectors++;
  return TRUE;
}

gboolean
sip_alert_parser_add_detectors(LogParser *s, const GList *names, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (!names)
    return _refuse(error, "detectors() is empty");
  for (const GList *item = names; item; item = item->next)
    {
      AlertDetector known;

      if (!alert_detector_init_preset(&known, item->data, self->codes))
        return _refuse(error, "detectors(\"%s\"): unknown; there are fault, no-success, auth, target, silence, 3xx, 4xx, "
                       "5xx, 6xx, and detector() for your own", (const gchar *) item->data);
      alert_detector_clear(&known);
      if (!sip_alert_parser_begin_detector(s, item->data, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
sip_alert_parser_detector_preset(LogParser *s, const gchar *preset, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;
  AlertDetector *det = _current(self);
  AlertDetector like;

  if (!alert_detector_init_preset(&like, preset, self->codes))
    return _refuse(error, "detector(\"%s\"): preset(\"%s\"): unknown; there are fault, no-success, auth, target, silence, "
                   "3xx, 4xx, 5xx, 6xx", det->name, preset);
  g_free(like.name);
  like.name = g_strdup(det->name);
  alert_detector_clear(det);
  *det = like;
  self->matching_replaced = FALSE;
  if (!self->detector_keys[self->n_detectors - 1] && (strcmp(preset, "auth") == 0 || strcmp(preset, "target") == 0))
    self->detector_keys[self->n_detectors - 1] = g_strdup_printf("${%speer}", self->prefix);
  return TRUE;
}

gboolean
sip_alert_parser_detector_key(LogParser *s, const gchar *key, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (!_check_template(s, "key", key, error))
    return FALSE;
  g_free(self->detector_keys[self->n_detectors - 1]);
  self->detector_keys[self->n_detectors - 1] = g_strdup(key);
  return TRUE;
}

static gboolean
_match(SipAlertParser *self, const gchar *option, const gchar *item, gboolean include, GError **error)
{
  GError *reason = NULL;

  if (alert_detector_match(_current(self), self->codes, item, include, &reason))
    return TRUE;
  _refuse(error, "detector(\"%s\"): %s(\"%s\"): %s", _current(self)->name, option, item, reason->message);
  g_clear_error(&reason);
  return FALSE;
}

static gboolean
_match_all(LogParser *s, const gchar *option, const GList *items, gboolean replace, gboolean include, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (!items)
    return _refuse(error, "detector(\"%s\"): %s() is empty", _current(self)->name, option);
  if (replace && !self->matching_replaced)
    {
      memset(_current(self)->codes, 0, sizeof(_current(self)->codes));
      memset(_current(self)->events, 0, sizeof(_current(self)->events));
      self->matching_replaced = TRUE;
    }
  for (const GList *item = items; item; item = item->next)
    {
      if (!_match(self, option, item->data, include, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
sip_alert_parser_detector_class(LogParser *s, const GList *items, GError **error)
{
  for (const GList *item = items; item; item = item->next)
    {
      const gchar *name = item->data;

      if (strlen(name) != 3 || name[0] < '1' || name[0] > '6' || strcmp(name + 1, "xx") != 0)
        return _refuse(error, "detector(\"%s\"): class(\"%s\"): must be one of 1xx 2xx 3xx 4xx 5xx 6xx",
                       _current((SipAlertParser *) s)->name, name);
    }
  return _match_all(s, "class", items, TRUE, TRUE, error);
}

gboolean
sip_alert_parser_detector_codes(LogParser *s, const GList *items, GError **error)
{
  return _match_all(s, "codes", items, TRUE, TRUE, error);
}

gboolean
sip_alert_parser_detector_group(LogParser *s, const GList *items, GError **error)
{
  for (const GList *item = items; item; item = item->next)
    {
      const gchar *name = item->data;

      if (strcmp(name, "fault") != 0 && strcmp(name, "auth") != 0 && strcmp(name, "target") != 0)
        return _refuse(error, "detector(\"%s\"): group(\"%s\"): must be fault, auth or target",
                       _current((SipAlertParser *) s)->name, name);
    }
  return _match_all(s, "group", items, TRUE, TRUE, error);
}

gboolean
sip_alert_parser_detector_include(LogParser *s, const GList *items, GError **error)
{
  return _match_all(s, "include", items, FALSE, TRUE, error);
}

gboolean
sip_alert_parser_detector_exclude(LogParser *s, const GList *items, GError **error)
{
  return _match_all(s, "exclude", items, FALSE, FALSE, error);
}

gboolean
sip_alert_parser_detector_severity(LogParser *s, const gchar *severity, GError **error)
{
  AlertDetector *det = _current((SipAlertParser *) s);

  if (_priority(severity) < 0)
    return _refuse(error, "detector(\"%s\"): severity(\"%s\"): must be one of emerg alert crit err warning notice info "
                   "debug", det->name, severity);
  g_free(det->severity);
  det->severity = g_strdup(severity);
  return TRUE;
}

typedef struct _NumberOption
{
  const gchar *name;
  gdouble least, most;
  const gchar *unit;
} NumberOption;

gboolean
sip_alert_parser_detector_number(LogParser *s, const gchar *option, gdouble value, GError **error)
{
  static const NumberOption options[] =
  {
    { "window", 1, 86400, "seconds" },
    { "count", 1, 1000000, "records" },
    { "minimum", 0, 1000000, "final responses" },
    { "share", 0, 100, "per cent" },
    { "deviation", 0, 1000, "times the learnt level" },
    { "hold", 0, 86400, "seconds" },
    { "clear", 0, 99, "per cent of the way from the level to the firing threshold" },
    { "quiet", 0, 86400, "seconds" },
    { "refresh", 0, 86400, "seconds" },
    { "reminder", 0, 604800, "seconds" },
  };
  AlertDetector *det = _current((SipAlertParser *) s);
  const NumberOption *known = options;

  while (strcmp(known->name, option) != 0)
    known++;
  if (value < known->least || value > known->most)
    return _refuse(error, "detector(\"%s\"): %s(%.12g): must be from %.12g to %.12g %s", det->name, option, value, known->least,
                   known->most, known->unit);
  switch (known - options)
    {
    case 0:
      det->window = (gint64) (value * ALERT_SECOND);
      break;
    case 1:
      det->count = (guint) value;
      break;
    case 2:
      det->minimum = (guint) value;
      break;
    case 3:
      det->share = value / 100;
      break;
    case 4:
      det->deviation = value;
      break;
    case 5:
      det->hold = (gint64) (value * ALERT_SECOND);
      break;
    case 6:
      det->clear = value / 100;
      break;
    case 7:
      det->quiet = (gint64) (value * ALERT_SECOND);
      break;
    case 8:
      det->refresh = (gint64) (value * ALERT_SECOND);
      break;
    default:
      det->reminder = (gint64) (value * ALERT_SECOND);
    }
  return TRUE;
}

gboolean
sip_alert_parser_end_detector(LogParser *s, GError **error)
{
  AlertDetector *det = _current((SipAlertParser *) s);
  GError *reason = NULL;

  if (alert_detector_validate(det, &reason))
    return TRUE;
  _refuse(error, "detector(\"%s\"): %s", det->name, reason->message);
  g_clear_error(&reason);
  return FALSE;
}

/* the slot of a key template; -1 if there is no more room */
static gint
_key_slot(SipAlertParser *self, const gchar *key)
{
  for (guint i = 0; i < self->n_keys; i++)
    {
      if (strcmp(compat_log_template_text(self->keys[i]), key) == 0)
        return (gint) i;
    }
  if (self->n_keys == ALERT_MAX_KEY_SLOTS)
    return -1;

  LogTemplate *template = log_template_new(log_pipe_get_config(&self->super.super), NULL);
  log_template_compile(template, key, NULL);
  self->keys[self->n_keys] = template;
  return (gint) self->n_keys++;
}

static const gchar *
_detector_key(SipAlertParser *self, guint i)
{
  const gchar *name = self->detectors[i].name;

  if (!self->detector_keys[i] && (strcmp(name, "auth") == 0 || strcmp(name, "target") == 0))
    self->detector_keys[i] = g_strdup_printf("${%speer}", self->prefix);
  return self->detector_keys[i] ? self->detector_keys[i] : self->key;
}

/* everything an engine's behaviour depends on */
static gchar *
_make_fingerprint(const SipAlertParser *self)
{
  GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA1);
  GString *text = g_string_new(NULL);

  g_string_append_printf(text, "%u %d %d\n", self->max_keys, self->dedupe, self->by_stamp);
  for (guint i = 0; i < self->n_detectors; i++)
    {
      const AlertDetector *d = &self->detectors[i];

      g_string_append_printf(text, "%s %s %d %s %d %" G_GINT64_FORMAT " %u %u %g %g %" G_GINT64_FORMAT " %g %"
                             G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", d->name, d->severity,
                             d->kind, compat_log_template_text(self->keys[d->key_slot]), d->exclusive, d->window, d->count, d->minimum,
                             d->share, d->deviation, d->hold, d->clear, d->quiet, d->refresh, d->reminder);
      g_checksum_update(checksum, d->codes, sizeof(d->codes));
      g_checksum_update(checksum, d->events, sizeof(d->events));
    }
  g_checksum_update(checksum, (const guchar *) text->str, text->len);

  gchar *result = g_strdup(g_checksum_get_string(checksum));
  g_checksum_free(checksum);
  g_string_free(text, TRUE);
  return result;
}

static void
_take_handles(SipAlertParser *self)
{
  for (gint i = 0; i < IN_MAX; i++)
    {
      gchar *name = g_strconcat(self->prefix, input_names[i], NULL);

      self->in[i] = log_msg_get_value_handle(name);
      g_free(name);
    }
  for (gint i = 0; i < OUT_MAX; i++)
    {
      gchar *name = g_strconcat(self->prefix, "alert_", output_names[i], NULL);

      self->out[i] = log_msg_get_value_handle(name);
      g_free(name);
    }
}

gboolean
sip_alert_parser_finish(LogParser *s, GError **error)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (self->n_detectors == 0)
    {
      sip_alert_parser_begin_detector(s, "fault", NULL);
      sip_alert_parser_begin_detector(s, "no-success", NULL);
    }
  for (guint i = 0; i < self->n_detectors; i++)
    {
      gint slot = _key_slot(self, _detector_key(self, i));

      if (slot < 0)
        return _refuse(error, "detector(\"%s\"): key(\"%s\"): at most %d different keys in one parser",
                       self->detectors[i].name, _detector_key(self, i), ALERT_MAX_KEY_SLOTS);
      self->detectors[i].key_slot = (guint) slot;
    }
  _take_handles(self);
  self->fingerprint = _make_fingerprint(self);
  return TRUE;
}

/* ---- life and death ------------------------------------------------------------------ */

static gboolean
_init(LogPipe *s)
{
  SipAlertParser *self = (SipAlertParser *) s;
  GlobalConfig *cfg = log_pipe_get_config(s);
  gint64 now = g_get_monotonic_time();

  if (!log_parser_init_method(s))
    return FALSE;

  _allocate_blocks(self);
  gchar *name = _state_name(self, "live");
  LiveState *live = cfg_persist_config_fetch(cfg, name);
  g_free(name);

  if (!self->engine)
    {
      gboolean same = live && strcmp(live->fingerprint, self->fingerprint) == 0;

      if (self->by_stamp && live)
        now = live->clock.now;
      if (!same && (!self->by_stamp || (live && now)))
        {
          self->engine = _make_engine(self, now);
          alert_engine_set_wall_offset(self->engine, _to_wall(self) + _zone_offset());
        }
      if (live && live->engine)
        _take_over(self, live, now);
      else if (self->engine)
        _load(self);
      if (self->engine)
        _load_end(self);
    }
  if (live)
    _live_state_free(live);

  self->last_record = g_get_monotonic_time();
  self->next_save = self->last_record + SAVE_INTERVAL;
  self->next_zone = 0;
  _register_counters(self);
  if (self->engine)
    _update_counters(self);
  _start_timer(self);
  return TRUE;
}

static gboolean
_deinit(LogPipe *s)
{
  SipAlertParser *self = (SipAlertParser *) s;

  if (iv_timer_registered(&self->tick))
    iv_timer_unregister(&self->tick);
  if (self->engine)
    {
      LiveState *live = g_new0(LiveState, 1);
      gchar *name = _state_name(self, "live");

      _update_counters(self);
      _save(self);
      live->engine = self->engine;
      live->clock = self->clock;
      live->fingerprint = g_strdup(self->fingerprint);
      self->engine = NULL;
      compat_cfg_persist_config_add(log_pipe_get_config(s), name, live, _live_state_free);
      g_free(name);
    }
  _withdraw_gauges(self);
  return log_parser_deinit_method(s);
}

static LogPipe *
_clone(LogPipe *s)
{
  SipAlertParser *self = (SipAlertParser *) s;
  SipAlertParser *cloned = _new(s->cfg);

  compat_log_parser_clone_settings(&self->super, &cloned->super);
  if (s->persist_name && !cloned->super.super.persist_name)
    log_pipe_set_persist_name(&cloned->super.super, s->persist_name);
  g_free(cloned->prefix);
  g_free(cloned->key);
  cloned->prefix = g_strdup(self->prefix);
  cloned->key = g_strdup(self->key);
  cloned->inject_mode = self->inject_mode;
  cloned->by_stamp = self->by_stamp;
  cloned->language = self->language;
  cloned->max_keys = self->max_keys;
  cloned->dedupe = self->dedupe;
  cloned->n_detectors = self->n_detectors;
  for (guint i = 0; i < self->n_detectors; i++)
    {
      alert_detector_copy(&cloned->detectors[i], &self->detectors[i]);
      cloned->detector_keys[i] = g_strdup(self->detector_keys[i]);
    }
  sip_codes_unref(cloned->codes);
  cloned->codes = sip_codes_ref(self->codes);
  cloned->n_keys = self->n_keys;
  for (guint i = 0; i < self->n_keys; i++)
    cloned->keys[i] = log_template_ref(self->keys[i]);
  memcpy(cloned->in, self->in, sizeof(self->in));
  memcpy(cloned->out, self->out, sizeof(self->out));
  cloned->fingerprint = g_strdup(self->fingerprint);
  cloned->clone_id = self->clone_id * 100 + ++self->n_clones;
  return &cloned->super.super;
}

static void
_free(LogPipe *s)
{
  SipAlertParser *self = (SipAlertParser *) s;

  g_free(self->prefix);
  g_free(self->key);
  for (guint i = 0; i < self->n_detectors; i++)
    {
      alert_detector_clear(&self->detectors[i]);
      g_free(self->detector_keys[i]);
    }
  for (guint i = 0; i < self->n_keys; i++)
    log_template_unref(self->keys[i]);
  sip_codes_unref(self->codes);
  g_free(self->fingerprint);
  alert_engine_free(self->engine);
  alert_notices_free(self->notices);
  g_free(self->blocks);
  g_mutex_clear(&self->lock);
  log_parser_free_method(s);
}

static SipAlertParser *
_new(GlobalConfig *cfg)
{
  SipAlertParser *self = g_new0(SipAlertParser, 1);

  log_parser_init_instance(&self->super, cfg);
  self->super.super.init = _init;
  self->super.super.deinit = _deinit;
  self->super.super.clone = _clone;
  self->super.super.free_fn = _free;
  self->super.super.generate_persist_name = _persist_name;
#if HAVE_DECL_LOG_PARSER_QUEUE_METHOD
  self->super.super.queue = _queue;
#endif
  self->super.process = _process;

  self->prefix = g_strdup(DEFAULT_PREFIX);
  self->key = g_strdup(DEFAULT_KEY);
  self->max_keys = DEFAULT_MAX_KEYS;
  self->dedupe = TRUE;
  self->notices = alert_notices_new();
  g_mutex_init(&self->lock);
  IV_TIMER_INIT(&self->tick);
  self->tick.cookie = self;
  self->tick.handler = _tick;
  return self;
}

LogParser *
sip_alert_parser_new(GlobalConfig *cfg)
{
  SipAlertParser *self = _new(cfg);

  self->codes = sip_codes_new();
  return &self->super;
}
