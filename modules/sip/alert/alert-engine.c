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


#include "alert/alert-engine-private.h"

#include <math.h>

#define SECONDS(us) ((us) / (gdouble) ALERT_SECOND)
#define MINUTE (60 * ALERT_SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Duplicates: RFC 3261's timers G and H stop after 64 * T1 = 32 s. */
#define SEEN_PERIOD 32
#define SEEN_WAYS 4
#define SEEN_SETS_BITS 17
#define SEEN_SETS (1 << SEEN_SETS_BITS)

#define LEG_PERIOD (5 * ALERT_SECOND)

/* A key is established after so many records over so long a time. */
#define ESTABLISHED_RECORDS 20
#define ESTABLISHED_AGE MINUTE
/* Newcomers have at least this part of the table. */
#define NEWCOMERS_PART 8

/* Learning.  The level follows a rising tide within the hour and a falling one faster. */
#define FAST_UP (45 * MINUTE)
#define FAST_DOWN (20 * MINUTE)
#define SLOW (3 * DAY)
#define MIN_LEVEL_TIME (10 * ALERT_SECOND)

/* The firing threshold: what chance does once in some five million looks, and deviation times the level. */
#define THRESHOLD_OFFSET 5.0
#define THRESHOLD_SIGMAS 5.3
/* Failures that come in clusters, as retransmissions without a Call-ID do: variance over mean, from and up to. */
#define CLUSTERED 1.3
#define MOST_CLUSTERED 1.9
/* Of a window, in variances: an incident below the threshold makes no clusters. */
#define MOST_SURPRISE 20
/* For a key with bursty failures the first is more, but at most this. */
#define THRESHOLD_MOST(deviation, expected) (1.7 * (deviation) * (expected) + 12)
/* How far the level may follow beyond what days have shown. */
#define FAST_OVER_SLOW 2.5
/* Other traffic per window from which on the level is told by it. */
#define TRUSTED_BASE 4.0
/* Of keys with less, the answers of a day tell what failures come with many more of them, and so many imagined ones. */
#define IMAGINED_HITS 5
#define IMAGINED_BASE 100
/* So much is believed to be known of a key that has never been seen: it had no failures, for so many windows. */
#define NEWCOMER_WINDOWS 6
/* So long a newcomer must show at least as many failures as anything else. */
#define NEWCOMER_AGE HOUR
/* An incident that goes on for so long is the new normal: learning starts again. */
#define THAW DAY

#define RATE_WINDOW (5 * MINUTE)
#define MIN_SUCCESSES 20
#define MIN_ACTIVE_WINDOWS 6
#define MAX_PACE (10 * MINUTE)
#define BURSTY 4.0f
/* Who fails more often than not, by keepalives or scanners, shows a row of failures whenever there are few calls. */
#define MOSTLY_FAILS 0.4f
/* Successes per learning window that tell something about the hour of the day: fourteen a day. */
#define RARE 0.05f
/* So many do not make five that are missing while a flood of failures lasts twenty minutes. */
#define MODEST 0.9f

GArray *
alert_notices_new(void)
{
  return g_array_new(FALSE, FALSE, sizeof(AlertNotice));
}

void
alert_notices_free(AlertNotices *self)
{
  g_array_free(self, TRUE);
}

const gchar *
alert_state_name(AlertState state)
{
  static const gchar *const names[] = { "firing", "refresh", "reminder", "resolved" };
  return names[state];
}

/* ------------------------------------------------------------------ hashes */

static inline guint64
_mix(guint64 h)
{
  h ^= h >> 33;
  h *= G_GUINT64_CONSTANT(0xff51afd7ed558ccd);
  h ^= h >> 33;
  h *= G_GUINT64_CONSTANT(0xc4ceb9fe1a85ec53);
  return h ^ (h >> 33);
}

static guint64
_hash(guint64 seed, const gchar *text, gsize len)
{
  guint64 h = _mix(seed ^ len);
  guint64 word;

  for (; len >= 8; text += 8, len -= 8)
    {
      memcpy(&word, text, 8);
      h = _mix(h ^ word);
    }
  word = 0;
  memcpy(&word, text, len);
  return _mix(h ^ word);
}

/* FNV-1a: the same on every machine, for ever */
guint64
alert_engine_id(const Detector *det, const gchar *key)
{
  guint64 h = G_GUINT64_CONSTANT(0xcbf29ce484222325);

  for (const gchar *p = det->super.name; *p; p++)
    h = (h ^ (guint8) *p) * G_GUINT64_CONSTANT(0x100000001b3);
  h = h * G_GUINT64_CONSTANT(0x100000001b3);
  for (const gchar *p = key; *p; p++)
    h = (h ^ (guint8) *p) * G_GUINT64_CONSTANT(0x100000001b3);
  return _mix(h);
}

static guint
_entry_hash(gconstpointer p)
{
  return (guint) ((const Entry *) p)->hash;
}

static gboolean
_entry_equal(gconstpointer p, gconstpointer q)
{
  const Entry *a = p, *b = q;
  return a->hash == b->hash && a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/*
 * The set of what was seen within the last 32 s: four places for every hash, the oldest gives way.  Times are seconds
 * plus one, so that 0 is free.
 */
static gboolean
_seen_before(AlertEngine *self, const AlertRecord *record)
{
  guint64 h = _hash(self->seed + record->code * 8 + record->method, record->call_id.ptr, record->call_id.len);
  SipSpan key = record->key[0];
  guint32 second = (guint32) ((self->now - self->start) / ALERT_SECOND) + 1;
  guint32 fingerprint, *set, *victim;

  if (key.ptr)
    h = _hash(h, key.ptr, key.len);
  fingerprint = (guint32) (h >> 32);
  set = victim = self->seen + (h & (SEEN_SETS - 1)) * SEEN_WAYS * 2;
  for (guint32 *way = set; way < set + SEEN_WAYS * 2; way += 2)
    {
      if (way[0] == fingerprint && way[1] && second - way[1] < SEEN_PERIOD)
        return TRUE;
      if (way[1] < victim[1])
        victim = way;
    }
  victim[0] = fingerprint;
  victim[1] = second;
  return FALSE;
}

/* -------------------------------------------------------------------- keys */

DetState *
alert_engine_state(Entry *entry, const Detector *det)
{
  return (DetState *) (entry->states + det->offset);
}

static gsize
_state_size(AlertKind kind)
{
  switch (kind)
    {
    case ALERT_KIND_NO_SUCCESS:
      return sizeof(StreakState);
    case ALERT_KIND_SILENCE:
      return sizeof(SilenceState);
    default:
      return sizeof(SpikeState);
    }
}

static void
_entry_free(gpointer p)
{
  Entry *self = p;

  g_free(self->key);
  g_free(self);
}

static gint64
_window_no(const AlertEngine *self, gint64 window)
{
  return (self->now - self->start) / window;
}

static void
_state_init(AlertEngine *self, KeyTable *table, Entry *entry, Detector *det)
{
  DetState *state = alert_engine_state(entry, det);
  gint64 known_since = MAX(self->start, table->last_loss);
  /* it would have been noticed before, had it been there: so many windows of silence are known */
  guint32 n = (guint32) MIN((self->now - known_since) / det->super.window, G_MAXUINT16);

  state->entry = entry;
  state->det = det;
  state->link.data = state;
  if (det->super.kind == ALERT_KIND_SPIKE)
    {
      SpikeState *spike = (SpikeState *) state;

      spike->level.window_no = _window_no(self, det->super.window);
      spike->level.n = MIN(n, NEWCOMER_WINDOWS);
      spike->level.dispersion = 1;
      for (gint i = 0; i < HOURS_OF_DAY; i++)
        spike->level.hour[i] = -1;
    }
  else if (det->super.kind == ALERT_KIND_NO_SUCCESS)
    {
      StreakState *streak = (StreakState *) state;

      for (gint i = 0; i < HOURS_OF_DAY; i++)
        streak->hour_rate[i] = -1;
      for (gint i = 0; i < STREAMS; i++)
        {
          streak->stream[i].dispersion = 1;
          streak->stream[i].rate_n = (guint32) MIN((self->now - known_since) / RATE_WINDOW, G_MAXUINT16);
          streak->stream[i].rate_window = _window_no(self, RATE_WINDOW);
          streak->stream[i].last_success = self->now;
          streak->stream[i].share = 0.5f;
        }
      memset(streak->hour_share, 255, sizeof(streak->hour_share));
    }
  else
    {
      SilenceState *silence = (SilenceState *) state;

      silence->window_no = _window_no(self, det->super.window);
      silence->last = self->now;
      for (gint i = 0; i < HOURS_OF_DAY; i++)
        silence->hour[i] = -1;
    }
}

static GList *
_last_idle(GQueue *queue)
{
  GList *link = queue->tail;

  while (link && ((Entry *) link->data)->firing)
    link = link->prev;
  return link;
}

static gboolean
_is_held(const AlertEngine *self, const Entry *entry, guint slot)
{
  for (guint i = 0; i < self->config.n_detectors; i++)
    {
      Detector *det = &self->detectors[i];

      if (det->super.key_slot == slot && alert_engine_state((Entry *) entry, det)->phase != PHASE_IDLE)
        return TRUE;
    }
  return FALSE;
}

static void
_leave_active(AlertEngine *self, DetState *state)
{
  g_queue_unlink(&self->active, &state->link);
  state->link.prev = state->link.next = NULL;
}

static gboolean
_evict_one(AlertEngine *self, KeyTable *table)
{
  guint newcomers_due = self->config.max_keys / NEWCOMERS_PART;
  gboolean spare = table->newcomers.length > newcomers_due || table->established.length == 0;
  GList *link = _last_idle(spare || table->newcomers.length ? &table->newcomers : &table->established);

  if (!link)
    link = _last_idle(&table->established);
  if (!link)
    return FALSE;

  Entry *entry = link->data;
  if (_is_held(self, entry, table->slot))
    {
      for (guint i = 0; i < self->config.n_detectors; i++)
        {
          Detector *det = &self->detectors[i];

          if (det->super.key_slot == table->slot && alert_engine_state(entry, det)->phase == PHASE_HOLD)
            _leave_active(self, alert_engine_state(entry, det));
        }
    }
  if (entry->established)
    table->last_loss = self->now;
  g_queue_unlink(entry->established ? &table->established : &table->newcomers, link);
  g_hash_table_remove(table->entries, entry);
  self->stats.evictions++;
  self->stats.keys--;
  self->evicted = TRUE;
  return TRUE;
}

static Entry *
_new_entry(AlertEngine *self, KeyTable *table, const Entry *like)
{
  if (g_hash_table_size(table->entries) >= self->config.max_keys && !_evict_one(self, table))
    {
      self->stats.overflow++;
      return NULL;
    }

  Entry *entry = g_malloc0(table->entry_size);

  entry->hash = like->hash;
  /* not as a string: persisted state may hold any bytes, and the copy must equal what it is looked up by */
  entry->key = g_malloc0(like->key_len + 1);
  memcpy(entry->key, like->key, like->key_len);
  entry->key_len = like->key_len;
  entry->created = entry->last_seen = self->now;
  entry->link.data = entry;
  for (guint i = 0; i < self->config.n_detectors; i++)
    {
      if (self->detectors[i].super.key_slot == table->slot)
        _state_init(self, table, entry, &self->detectors[i]);
    }
  g_queue_push_head_link(&table->newcomers, &entry->link);
  g_hash_table_add(table->entries, entry);
  self->stats.keys++;
  return entry;
}

/* Finds or makes the entry of a key; NULL if there is no place. */
Entry *
alert_engine_entry(AlertEngine *self, KeyTable *table, SipSpan key)
{
  Entry like = { .key = (gchar *) key.ptr, .key_len = MIN(key.len, ALERT_MAX_KEY_LENGTH) };

  like.hash = _hash(self->seed, like.key, like.key_len);
  Entry *entry = g_hash_table_lookup(table->entries, &like);
  return entry ? entry : _new_entry(self, table, &like);
}

static void
_touch(AlertEngine *self, KeyTable *table, Entry *entry)
{
  GQueue *from = entry->established ? &table->established : &table->newcomers;

  entry->last_seen = self->now;
  entry->records++;
  if (!entry->established && entry->records >= ESTABLISHED_RECORDS && self->now - entry->created >= ESTABLISHED_AGE)
    entry->established = TRUE;

  GQueue *to = entry->established ? &table->established : &table->newcomers;
  if (from == to && to->head == &entry->link)
    return;
  g_queue_unlink(from, &entry->link);
  g_queue_push_head_link(to, &entry->link);

  if (table->established.length > self->config.max_keys - self->config.max_keys / NEWCOMERS_PART)
    {
      GList *last = g_queue_pop_tail_link(&table->established);

      ((Entry *) last->data)->established = FALSE;
      g_queue_push_head_link(&table->newcomers, last);
    }
}

/* ----------------------------------------------------------------- notices */

static void
_count_code(AlertCodeCount *codes, guint16 code)
{
  AlertCodeCount *least = codes;

  for (gint i = 0; i < ALERT_TOP_CODES; i++)
    {
      if (codes[i].count && codes[i].code == code)
        {
          codes[i].count++;
          return;
        }
      if (codes[i].count < least->count)
        least = &codes[i];
    }
  least->code = code;
  least->count++;
}

static void
_note_hit(AlertEngine *self, DetState *state, const AlertRecord *record)
{
  if (state->phase != PHASE_FIRING)
    {
      gint64 period = _window_no(self, state->det->super.window);

      if (period != state->codes_period)
        {
          if (period == state->codes_period + 1)
            memcpy(state->codes[1], state->codes[0], sizeof(state->codes[0]));
          else
            memset(state->codes[1], 0, sizeof(state->codes[1]));
          memset(state->codes[0], 0, sizeof(state->codes[0]));
          state->codes_period = period;
        }
    }
  if (self->now - state->incident.since >= state->det->super.hold / 2)
    state->held++;
  _count_code(state->codes[0], record->code);
  if (record->call_id.len)
    {
      gsize len = MIN(record->call_id.len, ALERT_MAX_CALL_ID_LENGTH);

      memcpy(state->call_id, record->call_id.ptr, len);
      state->call_id[len] = 0;
    }
}

static gint
_by_count(gconstpointer p, gconstpointer q)
{
  const AlertCodeCount *a = p, *b = q;
  return a->count == b->count ? (gint) a->code - b->code : a->count < b->count ? 1 : -1;
}

static void
_merge_codes(DetState *state)
{
  for (gint i = 0; i < ALERT_TOP_CODES; i++)
    {
      AlertCodeCount *old = &state->codes[1][i];
      gint j = 0;

      while (old->count && j < ALERT_TOP_CODES && state->codes[0][j].code != old->code && state->codes[0][j].count)
        j++;
      if (old->count && j < ALERT_TOP_CODES)
        {
          state->codes[0][j].code = old->code;
          state->codes[0][j].count += old->count;
        }
      old->count = 0;
    }
}

static AlertNotice *
_add_notice(AlertEngine *self, DetState *state, AlertState what, AlertNotices *notices)
{
  g_array_set_size(notices, notices->len + 1);
  AlertNotice *notice = alert_notices_index(notices, notices->len - 1);

  memset(notice, 0, sizeof(*notice));
  notice->state = what;
  notice->detector = state->det->index;
  g_snprintf(notice->id, sizeof(notice->id), "%016" G_GINT64_MODIFIER "x",
             alert_engine_id(state->det, state->entry->key));
  g_strlcpy(notice->key, state->entry->key, sizeof(notice->key));
  memcpy(notice->call_id, state->call_id, sizeof(notice->call_id));
  memcpy(notice->codes, state->codes[0], sizeof(notice->codes));
  qsort(notice->codes, ALERT_TOP_CODES, sizeof(notice->codes[0]), _by_count);
  notice->peak = state->incident.peak;
  notice->since = state->incident.since;
  notice->duration = MAX(0, (what == ALERT_STATE_RESOLVED ? state->incident.last_hot : self->now)
                         - state->incident.since);
  return notice;
}

/* ------------------------------------------------------------------ spikes */

static gint
_hour_of_day(const AlertEngine *self, gint64 at)
{
  gint64 hour = ((at + self->wall_offset) / HOUR) % HOURS_OF_DAY;
  return (gint) (hour < 0 ? hour + HOURS_OF_DAY : hour);
}

static gint
_hour_of_week(const AlertEngine *self, gint64 at)
{
  gint64 hour = ((at + self->wall_offset) / HOUR) % HOURS_OF_WEEK;
  return (gint) (hour < 0 ? hour + HOURS_OF_WEEK : hour);
}

static inline void
_ewma(gfloat *mean, gfloat x, gfloat weight, guint32 n)
{
  gfloat first = 1.0f / (n + 1);
  *mean += MAX(weight, first) * (x - *mean);
}

static void
_learn_hour(gfloat *hour, gfloat x, gfloat weight)
{
  if (*hour < 0)
    *hour = x;
  else
    *hour += weight * (x - *hour);
}

static gfloat
_expected_fast(const Detector *det, const Level *level)
{
  if (level->n < det->windows_a_day)
    return level->fast;
  return MIN(level->fast, FAST_OVER_SLOW * level->slow);
}

/* Hits of a window by the hour of the day, between the middles of two hours; -1: unknown. */
static gdouble
_hour_level(const AlertEngine *self, const Level *level, gint64 at)
{
  gint64 before = at - HOUR / 2, after = at + HOUR / 2;
  gfloat a = level->hour[_hour_of_day(self, before)], b = level->hour[_hour_of_day(self, after)];
  gdouble way = ((before + self->wall_offset) % HOUR) / (gdouble) HOUR;

  return a >= 0 && b >= 0 ? a + way * (b - a) : -1;
}

/* What comes at any hour of the day. */
static gdouble
_least_hour(const Level *level)
{
  gfloat least = level->hour[0];

  for (gint i = 1; i < HOURS_OF_DAY; i++)
    least = MIN(least, level->hour[i]);
  return least;
}

static gboolean
_follows_traffic(const Level *level)
{
  return level->ratio_base >= TRUSTED_BASE;
}

/* What is to be expected, all for a whole window. */
typedef struct _Expectation
{
  gdouble rate;                 /* whatever else goes on */
  gdouble usual;                /* as always at this hour, or of late; -1: unknown */
  gdouble usual_base;           /* other traffic of late */
  gdouble per_base;             /* with each other answer */
} Expectation;

static Expectation
_expectation(const AlertEngine *self, const Detector *det, const Level *level, gint64 at)
{
  Expectation result = { .rate = _expected_fast(det, level), .usual_base = level->usual_base };
  gdouble hour = _hour_level(self, level, at);

  result.rate = MAX(result.rate, _follows_traffic(level) ? _least_hour(level) : hour);
  result.usual = hour < 0 ? -1 : MAX(level->fast, hour);
  if (_follows_traffic(level))
    result.per_base = level->ratio_hits / level->ratio_base;
  else
    {
      guint32 n = MIN(level->n, det->windows_a_day);

      result.per_base = MIN((level->ratio_hits * n + IMAGINED_HITS) / (level->ratio_base * n + IMAGINED_BASE), 1);
    }
  return result;
}

/*
 * In a part of a window with so much other traffic.  Failures may follow the traffic, or come whatever it does, as those
 * of keepalives; to tell which, nobody need know more than that what is usual comes with the usual traffic.
 */
static gdouble
_expected(const Expectation *self, gdouble part, gdouble base)
{
  gdouble rate = self->rate * part;
  gdouble follows = self->per_base * base;

  if (self->usual >= 0)
    follows = MIN(follows, self->usual * part + self->per_base * MAX(base - self->usual_base * part, 0));
  return MAX(rate, follows);
}

/* Variance over mean of the hits of a window; what any of the expectations explains is no surprise. */
static void
_learn_dispersion(AlertEngine *self, const Detector *det, Level *level, guint32 hits, guint32 base, gint64 at)
{
  Expectation expectation = _expectation(self, det, level, at);
  gdouble most = _expected(&expectation, 1, base);
  gdouble least = MIN(most, level->fast);
  gdouble hour = _hour_level(self, level, at);

  if (!_follows_traffic(level) && hour >= 0)
    least = MIN(least, hour);

  gdouble expected = CLAMP(hits, least, most);
  if (level->n >= 6 && expected >= 1)
    {
      gdouble surprise = MIN((hits - expected) * (hits - expected) / expected, MOST_SURPRISE);

      level->dispersion += MAX(2 * det->day, 1.0f / (level->busy + 10)) * (surprise - level->dispersion);
      level->busy++;
    }
}

static void
_learn_window(AlertEngine *self, const Detector *det, Level *level, guint32 hits, guint32 base, gint64 at)
{
  _learn_dispersion(self, det, level, hits, base, at);
  _ewma(&level->fast, hits, hits > level->fast ? det->fast_up : det->fast_down, level->n);
  _ewma(&level->usual_base, base, base > level->usual_base ? det->fast_up : det->fast_down, level->n);
  _ewma(&level->slow, hits, det->slow, level->n);
  _ewma(&level->ratio_hits, hits, det->day, level->n);
  _ewma(&level->ratio_base, base, det->day, level->n);
  _learn_hour(&level->hour[_hour_of_day(self, at)], hits, det->hourly);
  level->n++;
}

static void
_learn_nothing(AlertEngine *self, const Detector *det, Level *level, gint64 windows, gint64 at)
{
  gint64 told = MIN(windows, det->windows_a_day);

  for (gint64 i = 0; i < told; i++)
    _learn_window(self, det, level, 0, 0, at - (windows - i) * det->super.window);

  gint64 rest = windows - told;
  if (rest > 0)
    {
      level->slow *= powf(1 - det->slow, rest);
      level->ratio_hits *= powf(1 - det->day, rest);
      level->ratio_base *= powf(1 - det->day, rest);
      level->n = (guint32) MIN(level->n + rest, G_MAXUINT16);
    }
}

static gboolean
_is_frozen(const AlertEngine *self, const DetState *state)
{
  const DetState *firing = state->phase == PHASE_FIRING ? state : state->entry->exclusive;

  if (firing && !state->det->super.exclusive && firing != state)
    firing = NULL;
  return firing && self->now - firing->incident.since < THAW;
}

/*
 * Brings what is learnt up to now.  A window is learnt only when the one after it is over: an incident that is found
 * late must not have raised the level it is measured by.
 */
static void
_learn(AlertEngine *self, SpikeState *spike)
{
  const Detector *det = spike->super.det;
  Level *level = &spike->level;
  gint64 window_no = _window_no(self, det->super.window);
  gint64 passed = window_no - level->window_no;

  if (_is_frozen(self, &spike->super))
    level->tainted = TRUE;
  if (passed <= 0)
    return;

  gint64 at = self->start + level->window_no * det->super.window;
  gboolean frozen = level->tainted;

  if (level->pending && !frozen)
    _learn_window(self, det, level, level->pending_hits, level->pending_base, at - det->super.window);
  level->pending = FALSE;
  if (!frozen)
    {
      level->pending = TRUE;
      level->pending_hits = level->hits;
      level->pending_base = level->base;
    }
  if (passed > 1 && !_is_frozen(self, &spike->super))
    {
      if (level->pending)
        _learn_window(self, det, level, level->pending_hits, level->pending_base, at);
      _learn_nothing(self, det, level, passed - 2, at + (passed - 1) * det->super.window);
      level->pending = TRUE;
      level->pending_hits = level->pending_base = 0;
    }
  level->hits = level->base = 0;
  level->tainted = _is_frozen(self, &spike->super);
  level->window_no = window_no;
  level->n = MIN(level->n, G_MAXUINT16);
}

static gint64
_width(const Detector *det)
{
  return det->super.window / (ALERT_BUCKETS - 1);
}

static void
_roll(AlertEngine *self, SpikeState *spike)
{
  gint64 width = _width(spike->super.det);
  gint64 bucket_no = (self->now - self->start) / width;
  gint64 passed = bucket_no - spike->bucket_no;

  if (passed <= 0)
    return;
  if (passed >= ALERT_BUCKETS)
    {
      memset(spike->hits, 0, sizeof(spike->hits));
      memset(spike->base, 0, sizeof(spike->base));
      memset(spike->other, 0, sizeof(spike->other));
      spike->sum_hits = spike->sum_base = spike->sum_other = 0;
    }
  else
    {
      for (gint64 i = spike->bucket_no + 1; i <= bucket_no; i++)
        {
          guint bucket = i % ALERT_BUCKETS;

          spike->sum_hits -= spike->hits[bucket];
          spike->sum_base -= spike->base[bucket];
          spike->sum_other -= spike->other[bucket];
          spike->hits[bucket] = spike->base[bucket] = spike->other[bucket] = 0;
        }
    }
  spike->bucket_no = bucket_no;
}

/*
 * Other traffic as far as it is more than chance.  The level is told by it where it grows, and a few answers more than
 * usual in a short stretch of time are no growth.
 */
static gdouble
_sure_base(guint32 base)
{
  return base - sqrt(base);
}

static Expectation
_expectation_now(const AlertEngine *self, const SpikeState *spike)
{
  Expectation result = _expectation(self, spike->super.det, &spike->level, self->now);
  gdouble prior = 1.0 / MIN(spike->level.n, 12);

  result.rate += prior;
  result.usual += result.usual >= 0 ? prior : 0;
  return result;
}

static gdouble
_threshold(const Detector *det, gdouble expected, gdouble dispersion)
{
  gdouble deviation = det->super.deviation;
  gdouble offset = MIN(THRESHOLD_OFFSET, det->super.count / 4.0);
  gdouble clusters = 4 * offset * (CLAMP(dispersion, CLUSTERED, MOST_CLUSTERED) - CLUSTERED);
  gdouble chance = expected + THRESHOLD_SIGMAS * sqrt(MAX(dispersion, 1) * expected) + offset;

  chance = MIN(chance, THRESHOLD_MOST(deviation, expected)) + clusters;
  return MAX(MAX(chance, deviation * expected + offset), det->super.count);
}

static gboolean
_is_warming_up(const SpikeState *spike)
{
  return spike->level.n == 0;
}

/* The level of a key nothing has been learnt about yet: what came before the part of the window looked at. */
static gboolean
_early_level(const AlertEngine *self, const SpikeState *spike, gdouble buckets, guint32 hits, gdouble *expected)
{
  gint64 width = _width(spike->super.det);
  gdouble before = (self->now - self->start) / (gdouble) width - buckets;
  guint32 all_hits = spike->level.hits + spike->level.pending_hits;

  if (before * width < MIN_LEVEL_TIME)
    return FALSE;
  *expected = (all_hits - MIN(hits, all_hits) + 2) / before * buckets;
  return TRUE;
}

/*
 * Is there a stretch of time, from some bucket up to now, with more hits than the level explains?  Short stretches
 * find steep incidents at once, long ones find slow incidents.
 */
static gboolean
_exceeds_level(const AlertEngine *self, const SpikeState *spike)
{
  const Detector *det = spike->super.det;
  const Level *level = &spike->level;
  gint64 width = _width(det);
  gdouble partial = ((self->now - self->start) % width) / (gdouble) width;
  gboolean warming_up = _is_warming_up(spike);
  Expectation expectation = { 0 };
  guint32 hits = 0, base = 0;

  if (!warming_up)
    expectation = _expectation_now(self, spike);

  for (gint i = 0; i < ALERT_BUCKETS; i++)
    {
      guint bucket = (spike->bucket_no - i + ALERT_BUCKETS) % ALERT_BUCKETS;
      gdouble expected;

      hits += spike->hits[bucket];
      base += spike->base[bucket];
      if (hits < det->super.count || spike->hits[bucket] == 0)
        continue;
      if (warming_up)
        {
          if (!_early_level(self, spike, i + partial, hits, &expected))
            return FALSE;
        }
      else
        expected = _expected(&expectation, (i + partial) / (ALERT_BUCKETS - 1), _sure_base(base));
      if (hits >= _threshold(det, expected, level->dispersion))
        return TRUE;
    }
  return FALSE;
}

/*
 * In the very first minute there is nothing to compare with, but more failures than anything else are enough.  A key
 * that shows failures only must be quick about it: it may be its way.
 */
static gboolean
_fails_early(const AlertEngine *self, const SpikeState *spike)
{
  return _is_warming_up(spike) && spike->sum_hits >= spike->sum_other
         && self->now - self->start < (spike->sum_other ? MINUTE : MIN_LEVEL_TIME);
}

/* Traffic that has just come here brings its usual faults along. */
static gboolean
_is_a_doubtful_newcomer(const AlertEngine *self, const SpikeState *spike)
{
  const Entry *entry = spike->super.entry;

  return !entry->loaded && entry->created - self->start > spike->super.det->super.window
         && self->now - entry->created < NEWCOMER_AGE && spike->sum_hits < spike->sum_other;
}

static gdouble
_share(const SpikeState *spike)
{
  guint32 total = spike->sum_hits + spike->sum_other;
  gboolean judged = spike->sum_other || spike->level.ratio_base > 0;

  return judged && total ? spike->sum_hits / (gdouble) total : -1;
}

static gboolean
_spike_condition(const AlertEngine *self, const SpikeState *spike)
{
  const AlertDetector *det = &spike->super.det->super;

  if (spike->sum_hits < det->count || spike->sum_hits + spike->sum_other < det->minimum)
    return FALSE;
  if (det->share > 0)
    {
      gdouble share = _share(spike);

      if (share >= 0 && share < det->share)
        return FALSE;
    }
  return det->deviation == 0 || _fails_early(self, spike)
         || (!_is_a_doubtful_newcomer(self, spike) && _exceeds_level(self, spike));
}

static gdouble
_window_level(const AlertEngine *self, const SpikeState *spike)
{
  if (_is_warming_up(spike))
    return 0;

  Expectation expectation = _expectation_now(self, spike);
  return _expected(&expectation, 1, spike->sum_base);
}

static guint32
_hits_of_half_a_window(const SpikeState *spike)
{
  guint32 hits = 0;

  for (gint i = 0; i < ALERT_BUCKETS / 2; i++)
    hits += spike->hits[(spike->bucket_no - i + ALERT_BUCKETS) % ALERT_BUCKETS];
  return hits;
}

/* Still above the clearing threshold? */
static gboolean
_spike_is_hot(AlertEngine *self, SpikeState *spike)
{
  const Detector *det = spike->super.det;
  gdouble level = 0, threshold = det->super.count;

  _roll(self, spike);
  if (det->super.deviation > 0)
    {
      level = _window_level(self, spike);
      threshold = _threshold(det, level, spike->level.dispersion);
    }
  gdouble clear = level + det->super.clear * MAX(threshold - level, 0);
  return _hits_of_half_a_window(spike) * 2 >= MAX(clear, 1);
}

static void
_spike_fill(AlertEngine *self, const SpikeState *spike, AlertNotice *notice)
{
  if (notice->state == ALERT_STATE_RESOLVED)
    {
      notice->count = spike->super.incident.hits;
      notice->total = spike->super.incident.total;
      notice->share = notice->total ? notice->count / (gdouble) notice->total : -1;
      if (_share(spike) < 0)
        notice->share = -1;
    }
  else
    {
      notice->count = spike->sum_hits;
      notice->total = spike->sum_hits + spike->sum_other;
      notice->share = _share(spike);
    }
  notice->level = _window_level(self, spike);
}

/* -------------------------------------------------------------- no success */

static guint
_stream_of(AlertMethod method)
{
  switch (method)
    {
    case ALERT_METHOD_UNKNOWN:
    case ALERT_METHOD_INVITE:
      return 0;
    case ALERT_METHOD_REGISTER:
      return 1;
    default:
      return 2;
    }
}

static void
_learn_hour_share(guint8 *share, gboolean success)
{
  if (*share == 255)
    *share = success ? 200 : 60;
  else
    *share = (guint8) (*share + ((success ? 254 : 0) - *share) / 10);
}

/* Successes per second to expect in the hour of `at', as they came up to the last one. */
static gdouble
_success_rate(const AlertEngine *self, const StreakState *streak, const Stream *stream, gint64 at)
{
  if (stream->rate_n >= 3)
    {
      gdouble rate = stream->slow;

      gfloat hour = stream == &streak->stream[0] ? streak->hour_rate[_hour_of_day(self, at)] : -1;

      /* with one in a while, only the long run says something */
      if (stream->slow >= 1)
        rate = MIN(stream->fast, hour >= 0 ? hour : rate);
      else if (stream->slow >= RARE && hour >= 0)
        rate = MIN(MAX(rate, MIN(3 * rate, MODEST)), hour);
      return rate / SECONDS(RATE_WINDOW);
    }

  return stream->successes / (SECONDS(self->now - MAX(self->start, streak->super.entry->created)) + 1);
}

/* Successes due since then, hour by hour. */
static gdouble
_due_since(const AlertEngine *self, const StreakState *streak, const Stream *stream, gint64 from)
{
  gdouble due = 0;

  for (from = MAX(from, self->now - 7 * DAY); from < self->now;)
    {
      gint64 hour_end = from + HOUR - (((from + self->wall_offset) % HOUR) + HOUR) % HOUR;
      gint64 to = MIN(hour_end, self->now);

      due += _success_rate(self, streak, stream, from) * SECONDS(to - from);
      from = to;
    }
  return due;
}

static gdouble
_missing_successes(const AlertEngine *self, const StreakState *streak, const Stream *stream)
{
  gdouble missing = _due_since(self, streak, stream, stream->last_success);

  missing /= stream->dispersion;
  if (stream->dispersion <= BURSTY)
    return missing;

  /* successes that come in bursts, as registrations do after a restart: bursts are overdue, not single ones */
  gdouble bursts = -log(1 - MIN(stream->active, 0.999f)) / SECONDS(RATE_WINDOW);
  return MIN(missing, bursts * SECONDS(self->now - stream->last_success));
}

/* So many failures would have come in their place, with some room. */
static gfloat
_usual_failures(const AlertEngine *self, const StreakState *streak, const Stream *stream)
{
  return 1.7f * _missing_successes(self, streak, stream) / MAX(stream->share, 0.001f) + 1;
}

static void
_learn_outcome(Stream *stream, gfloat success)
{
  /* two imagined outcomes, one of each kind, come first */
  _ewma(&stream->share, success, 1.0f / 200, stream->outcomes + 2);
  if (stream->outcomes < G_MAXUINT16)
    stream->outcomes++;
}

/* A row of failures has ended with a success: it belonged to the normal course of things. */
static void
_commit_failures(AlertEngine *self, StreakState *streak, Stream *stream)
{
  if (stream == &streak->stream[0])
    {
      for (gint i = 0; i < HOURS_OF_DAY; i++)
        {
          gint64 at = self->now - i * HOUR;
          guint16 *pending = &streak->hour_pending[_hour_of_day(self, at)];

          for (guint j = 0; j < MIN(*pending, 40); j++)
            _learn_hour_share(&streak->hour_share[_hour_of_week(self, at)], FALSE);
          *pending = 0;
        }
    }
  for (guint32 i = 0; i < MIN(stream->failures, 400); i++)
    _learn_outcome(stream, 0);
  stream->longest = MAX(stream->longest * 0.99f, MIN(stream->failures, _usual_failures(self, streak, stream)));
  stream->failures = stream->all_failures = 0;
}

static void
_learn_rate_window(AlertEngine *self, StreakState *streak, Stream *stream, gfloat count, gint64 window_no)
{
  gboolean calls = stream == &streak->stream[0];
  gint64 at = self->start + window_no * RATE_WINDOW;
  gfloat expected = stream->fast;
  gboolean known = TRUE;

  if (calls)
    {
      gfloat before = streak->hour_rate[_hour_of_day(self, at - HOUR / 4)];
      gfloat after = streak->hour_rate[_hour_of_day(self, at + HOUR / 4)];

      /* opens and closes about when it always does */
      known = before >= 0 && after >= 0;
      expected = CLAMP(count, MIN(expected, MIN(before, after)), MAX(expected, MAX(before, after)));
    }
  if (stream->rate_n >= 3 && known)
    {
      gfloat surprise = (count - expected) * (count - expected) / MAX(expected, 1.0f);

      stream->dispersion = MAX(1.0f, stream->dispersion + 0.0035f * (surprise - stream->dispersion));
    }
  _ewma(&stream->fast, count, 0.08f, stream->rate_n);
  _ewma(&stream->slow, count, 0.0035f, stream->rate_n);
  _ewma(&stream->active, count > 0, 0.0035f, stream->rate_n);
  if (count > 0 && stream->active_windows < G_MAXUINT16)
    stream->active_windows++;
  if (calls)
    _learn_hour(&streak->hour_rate[_hour_of_day(self, at)], count,
                stream->slow >= 1 ? 0.06f : MAX(0.02f, 1.0f / (stream->rate_n / HOURS_OF_DAY + 1)));
  stream->rate_n = MIN(stream->rate_n + 1, G_MAXUINT16);
}

static void
_learn_rate(AlertEngine *self, StreakState *streak, Stream *stream, gboolean skip_gap)
{
  gint64 window_no = _window_no(self, RATE_WINDOW);
  gint64 passed = window_no - stream->rate_window;

  if (passed <= 0)
    return;
  _learn_rate_window(self, streak, stream, stream->rate_count, stream->rate_window);
  for (gint64 i = MAX(1, passed - 600); i < passed && !skip_gap; i++)
    _learn_rate_window(self, streak, stream, 0, stream->rate_window + i);
  stream->rate_count = 0;
  stream->rate_window = window_no;
}

/* Has it had success time and again?  Who started within the hour must believe what it has seen. */
static gboolean
_used_to_succeed(const AlertEngine *self, const Stream *stream)
{
  return stream->successes >= MIN_SUCCESSES
         && (self->now - self->start < HOUR || stream->active_windows >= MIN_ACTIVE_WINDOWS);
}

/*
 * Are the failures since the last success more than chance, and are successes overdue?  A flood of failures beside the
 * usual traffic is another matter: they must come in about the numbers the missing successes would have come in.
 */
static gboolean
_only_fails(const AlertEngine *self, const StreakState *streak, const Stream *stream)
{
  if (stream->failures < streak->super.det->super.count || !_used_to_succeed(self, stream))
    return FALSE;

  gdouble share = MIN(stream->share, 0.98f);
  gdouble least = streak->super.det->super.count;
  gboolean known_hour = stream != &streak->stream[0];
  if (!known_hour)
    {
      guint8 hour = streak->hour_share[_hour_of_week(self, self->now)];

      known_hour = hour != 255;
      if (known_hour)
        share = MIN(share, hour / 254.0);
      else
        least *= 1.5;
    }
  share = MAX(share, 0.001);

  /* a row this long comes by chance once in ten thousand weeks */
  gdouble rate = _success_rate(self, streak, stream, self->now);
  gdouble a_week = MAX(rate / share * SECONDS(7 * DAY), 1000);
  gdouble needed = log(1e-4 / a_week) / log(1 - share);
  if (stream->failures < MAX(least, needed) || stream->failures < 1.5 * stream->longest + 5)
    return FALSE;

  gdouble missing = _missing_successes(self, streak, stream);
  gdouble doubt = stream->share < MOSTLY_FAILS ? 5 : stream->dispersion > BURSTY ? 4 : known_hour ? 1 : 2.5;
  gdouble usual = 1.7 * missing / share;
  return missing >= 12 * doubt
         || (missing >= 5 * doubt && stream->failures <= usual && stream->all_failures <= 3 * usual);
}

static void
_streak_fill(const StreakState *streak, AlertNotice *notice)
{
  const Incident *incident = &streak->super.incident;

  notice->count = incident->hits;
  notice->total = incident->total;
  notice->share = incident->total ? incident->hits / (gdouble) incident->total : 1;
  notice->level = streak->stream[streak->fired_stream].share;
}

/* ----------------------------------------------------------------- silence */

static gdouble
_silence_rate(const AlertEngine *self, const SilenceState *silence)
{
  gfloat now = silence->hour[_hour_of_day(self, self->now)];
  gfloat rate = silence->fast;

  if (now >= 0)
    rate = MIN(rate, now);
  return rate / SECONDS(silence->super.det->super.window);
}

static void
_silence_learn(AlertEngine *self, SilenceState *silence)
{
  const Detector *det = silence->super.det;
  gint64 window_no = _window_no(self, det->super.window);
  gint64 passed = window_no - silence->window_no;

  for (gint64 i = 0; i < MIN(passed, 2 * det->windows_a_day); i++)
    {
      gfloat x = i == 0 ? silence->count : 0;

      _ewma(&silence->fast, x, det->fast_up, silence->n);
      _learn_hour(&silence->hour[_hour_of_day(self, self->start + (silence->window_no + i) * det->super.window)],
                  x, det->hourly);
      silence->n = MIN(silence->n + 1, G_MAXUINT16);
    }
  if (passed > 0)
    {
      silence->count = 0;
      silence->window_no = window_no;
    }
}

static gboolean
_is_silent(const AlertEngine *self, const SilenceState *silence)
{
  gint64 elapsed = self->now - silence->last;

  return elapsed >= silence->super.det->super.window && silence->n >= 4
         && _silence_rate(self, silence) * SECONDS(elapsed) >= silence->super.det->super.count;
}

static void
_silence_fill(const SilenceState *silence, AlertNotice *notice)
{
  notice->share = -1;
  notice->level = silence->fast / SECONDS(silence->super.det->super.window) * 60;
}

/* -------------------------------------------------------- firing, resolving */

static void
_notify(AlertEngine *self, DetState *state, AlertState what, AlertNotices *notices)
{
  AlertNotice *notice = _add_notice(self, state, what, notices);

  switch (state->det->super.kind)
    {
    case ALERT_KIND_SPIKE:
      _spike_fill(self, (SpikeState *) state, notice);
      break;
    case ALERT_KIND_NO_SUCCESS:
      _streak_fill((StreakState *) state, notice);
      break;
    default:
      _silence_fill((SilenceState *) state, notice);
    }
}

static void
_activate(AlertEngine *self, DetState *state)
{
  if (state->phase == PHASE_IDLE)
    g_queue_push_tail_link(&self->active, &state->link);
}

/* Makes a state fire, without saying so. */
void
alert_engine_resume(AlertEngine *self, DetState *state)
{
  _activate(self, state);
  state->phase = PHASE_FIRING;
  state->entry->firing++;
  state->det->firing_now++;
  self->stats.firing++;
  if (state->det->super.exclusive)
    state->entry->exclusive = state;
}

static void
_suppress(AlertEngine *self, DetState *state)
{
  if (!state->suppressed)
    self->stats.suppressed++;
  state->suppressed = TRUE;
  state->incident.last_hot = self->now;
}

static void
_fire(AlertEngine *self, DetState *state, gint64 since, AlertNotices *notices)
{
  const AlertDetector *det = &state->det->super;

  if (det->exclusive && state->entry->exclusive)
    {
      _suppress(self, state);
      return;
    }
  alert_engine_resume(self, state);
  state->det->firings++;
  state->incident.since = since;
  state->incident.last_hot = self->now;
  state->incident.next_refresh = det->refresh ? self->now + det->refresh : G_MAXINT64;
  state->incident.next_reminder = det->reminder ? self->now + det->reminder : G_MAXINT64;
  if (det->kind != ALERT_KIND_SILENCE)
    _merge_codes(state);
  _notify(self, state, ALERT_STATE_FIRING, notices);
}

static void
_forget_codes(DetState *state)
{
  memset(state->codes, 0, sizeof(state->codes));
  state->call_id[0] = 0;
}

static void
_forget_streaks(StreakState *streak)
{
  for (gint i = 0; i < STREAMS; i++)
    streak->stream[i].failures = streak->stream[i].all_failures = 0;
  memset(streak->hour_pending, 0, sizeof(streak->hour_pending));
  streak->successes_after = streak->failures_after = 0;
  streak->super.suppressed = FALSE;
}

static void
_release_siblings(AlertEngine *self, Entry *entry)
{
  for (guint i = 0; i < self->config.n_detectors; i++)
    {
      Detector *det = &self->detectors[i];
      DetState *state;

      if (!det->super.exclusive || det->super.key_slot != entry->exclusive->det->super.key_slot)
        continue;
      state = alert_engine_state(entry, det);
      state->suppressed = FALSE;
      if (det->super.kind == ALERT_KIND_NO_SUCCESS)
        _forget_streaks((StreakState *) state);
    }
  entry->exclusive = NULL;
}

static void
_resolve(AlertEngine *self, DetState *state, AlertNotices *notices)
{
  _notify(self, state, ALERT_STATE_RESOLVED, notices);
  if (state->entry->exclusive == state)
    _release_siblings(self, state->entry);
  _leave_active(self, state);
  state->phase = PHASE_IDLE;
  state->entry->firing--;
  state->det->firing_now--;
  self->stats.firing--;
  memset(&state->incident, 0, sizeof(state->incident));
  _forget_codes(state);
}

static void
_drops(AlertEngine *self, DetState *state)
{
  _leave_active(self, state);
  state->phase = PHASE_IDLE;
}

/* A burst stays in the window when it is over: late in hold(), failures must still come at half the rate. */
static gboolean
_has_gone_on(const DetState *state)
{
  const AlertDetector *det = &state->det->super;

  return state->held >= 0.5 * det->count * (0.5 * (gdouble) det->hold) / det->window;
}

/* The conditions hold now. */
static void
_holds(AlertEngine *self, DetState *state, gint64 since, AlertNotices *notices)
{
  if (state->phase == PHASE_FIRING)
    return;
  if (state->det->super.hold == 0)
    {
      _fire(self, state, since, notices);
      return;
    }
  if (state->phase == PHASE_IDLE)
    {
      _activate(self, state);
      state->phase = PHASE_HOLD;
      state->incident.since = self->now;
      state->held = 0;
    }
  else if (self->now - state->incident.since >= state->det->super.hold)
    {
      /* it leaves the list here and enters it again as firing, or stays out */
      gint64 held_since = state->incident.since;

      _drops(self, state);
      if (_has_gone_on(state))
        _fire(self, state, held_since, notices);
    }
}

/* ----------------------------------------------------- records per detector */

static gboolean
_is_challenge(gint code)
{
  return code == 401 || code == 407 || code == 491;
}

static gboolean
_is_hit(const AlertDetector *det, const AlertRecord *record)
{
  guint8 methods = record->code ? det->codes[record->code] : det->events[record->event];
  return (methods >> record->method) & 1;
}

/* About when the spike in the window began. */
static gint64
_spike_onset(const AlertEngine *self, const SpikeState *spike)
{
  gint64 width = _width(spike->super.det);
  guint32 hits = 0;

  for (gint i = 0; i < ALERT_BUCKETS; i++)
    {
      hits += spike->hits[(spike->bucket_no - i + ALERT_BUCKETS) % ALERT_BUCKETS];
      if (hits >= spike->super.det->super.count && hits >= spike->sum_hits * 0.8)
        return MIN(self->now, MAX(self->start, self->start + (spike->bucket_no - i) * width));
    }
  return self->now;
}

/* An answer that calls get; what scanners get tells nothing about the traffic. */
static gboolean
_tells_traffic(const AlertRecord *record)
{
  return _stream_of(record->method) == 0 && record->code != 404 && record->code != 484;
}

static void
_spike_record(AlertEngine *self, SpikeState *spike, const AlertRecord *record, AlertNotices *notices)
{
  DetState *state = &spike->super;
  gboolean hit = _is_hit(&state->det->super, record);
  gboolean other = !hit && record->code >= 200 && !_is_challenge(record->code);
  guint bucket;

  if (!hit && !other)
    return;
  _learn(self, spike);
  _roll(self, spike);
  bucket = spike->bucket_no % ALERT_BUCKETS;
  if (hit)
    {
      spike->hits[bucket]++;
      spike->sum_hits++;
      spike->level.hits++;
      _note_hit(self, state, record);
    }
  else
    {
      spike->other[bucket]++;
      spike->sum_other++;
      if (_tells_traffic(record))
        {
          spike->base[bucket]++;
          spike->sum_base++;
          spike->level.base++;
        }
    }
  if (state->phase == PHASE_FIRING)
    {
      state->incident.hits += hit;
      state->incident.total++;
      state->incident.peak = MAX(state->incident.peak, spike->sum_hits);
      return;
    }
  if (hit && _spike_condition(self, spike))
    {
      if (state->phase == PHASE_IDLE || state->incident.hits == 0)
        {
          state->incident.hits = spike->sum_hits;
          state->incident.total = spike->sum_hits + spike->sum_other;
          state->incident.peak = spike->sum_hits;
        }
      _holds(self, state, _spike_onset(self, spike), notices);
    }
}

static void
_success(AlertEngine *self, StreakState *streak, Stream *stream)
{
  gboolean firing = streak->super.phase == PHASE_FIRING && stream == &streak->stream[streak->fired_stream];

  if (streak->super.entry->exclusive && !firing)
    stream->failures = stream->all_failures = 0;
  if (stream->failures && !firing)
    _commit_failures(self, streak, stream);
  _learn_rate(self, streak, stream, firing || streak->super.entry->exclusive);
  stream->rate_count++;
  stream->last_success = self->now;
  if (firing)
    {
      streak->super.incident.total++;
      if (streak->successes_after++ == 0)
        {
          streak->first_success_after = self->now;
          streak->failures_after = 0;
        }
      stream->failures = stream->all_failures = 0;
      return;
    }
  _learn_outcome(stream, 1);
  if (stream == &streak->stream[0])
    _learn_hour_share(&streak->hour_share[_hour_of_week(self, self->now)], TRUE);
  stream->successes++;
}

/*
 * How far apart failures must be to count one by one.  The legs of one call to a ring group fail together, and a
 * redialling phone or a flood of failures says nothing about the calls that usually succeed.
 */
static gint64
_pace(const AlertEngine *self, const StreakState *streak, const Stream *stream)
{
  gdouble attempts = _success_rate(self, streak, stream, self->now) / MAX(stream->share, 0.01f);

  if (attempts <= 0)
    return MAX_PACE;
  return CLAMP((gint64) (ALERT_SECOND / (4 * attempts)), ALERT_SECOND, MAX_PACE);
}

static void
_streak_record(AlertEngine *self, StreakState *streak, const AlertRecord *record, AlertNotices *notices)
{
  DetState *state = &streak->super;
  guint n = _stream_of(record->method);
  Stream *stream = &streak->stream[n];

  if (record->code >= 200 && record->code < 300)
    {
      _success(self, streak, stream);
      return;
    }
  if (!_is_hit(&state->det->super, record))
    return;

  if (stream->all_failures++ == 0)
    {
      stream->first_failure = self->now;
      if (state->phase != PHASE_FIRING)
        _forget_codes(state);
    }
  _note_hit(self, state, record);
  if (stream->failures == 0 || self->now - stream->last_failure >= _pace(self, streak, stream))
    {
      stream->failures++;
      stream->last_failure = self->now;
      if (n == 0 && streak->hour_pending[_hour_of_day(self, self->now)] < G_MAXUINT16)
        streak->hour_pending[_hour_of_day(self, self->now)]++;
    }
  if (state->phase == PHASE_FIRING)
    {
      if (n == streak->fired_stream)
        {
          state->incident.hits++;
          state->incident.total++;
          state->incident.peak = MAX(state->incident.peak, stream->all_failures);
          streak->failures_after++;
        }
      return;
    }
  if (_only_fails(self, streak, stream))
    {
      streak->fired_stream = n;
      streak->successes_after = streak->failures_after = 0;
      state->incident.hits = state->incident.total = state->incident.peak = stream->all_failures;
      _holds(self, state, stream->first_failure, notices);
    }
}

static void
_silence_record(AlertEngine *self, SilenceState *silence, AlertNotices *notices)
{
  DetState *state = &silence->super;

  if (state->phase == PHASE_FIRING)
    {
      state->incident.last_hot = self->now;
      _resolve(self, state, notices);
      /* the gap is not learnt */
      silence->window_no = _window_no(self, state->det->super.window);
    }
  _silence_learn(self, silence);
  silence->count++;
  silence->last = self->now;
}

/*
 * A failing call through a back-to-back agent is logged twice: the response received from the far side and the one
 * sent on, with another Call-ID and often another code.  The second is not counted.
 */
static gboolean
_is_second_leg(AlertEngine *self, Entry *entry, const AlertRecord *record)
{
  gint success = record->code < 300;

  if (record->direction == ALERT_DIRECTION_UNKNOWN || record->code < 200 || _is_challenge(record->code)
      || record->method != ALERT_METHOD_INVITE)
    return FALSE;

  if (self->now - entry->leg_time[success] > LEG_PERIOD)
    entry->legs[success] = 0;
  if (record->direction == ALERT_DIRECTION_RECEIVED)
    {
      entry->leg_time[success] = self->now;
      if (entry->legs[success] < G_MAXUINT16)
        entry->legs[success]++;
      return FALSE;
    }
  if (entry->legs[success] == 0)
    return FALSE;
  entry->legs[success]--;
  return TRUE;
}

static void
_record_for_key(AlertEngine *self, KeyTable *table, Entry *entry, const AlertRecord *record, AlertNotices *notices)
{
  gboolean second_leg = _is_second_leg(self, entry, record);

  if (second_leg && table->slot == 0)
    self->stats.paired++;
  for (guint i = 0; i < self->config.n_detectors; i++)
    {
      Detector *det = &self->detectors[i];

      if (det->super.key_slot != table->slot)
        continue;

      DetState *state = alert_engine_state(entry, det);
      if (det->super.kind == ALERT_KIND_SILENCE)
        _silence_record(self, (SilenceState *) state, notices);
      else if (second_leg)
        continue;
      else if (det->super.kind == ALERT_KIND_SPIKE)
        _spike_record(self, (SpikeState *) state, record, notices);
      else
        _streak_record(self, (StreakState *) state, record, notices);
    }
}

/* ------------------------------------------------------------------- ticks */

static gboolean
_sibling_is_hot(AlertEngine *self, const DetState *state)
{
  for (guint i = 0; i < self->config.n_detectors; i++)
    {
      Detector *det = &self->detectors[i];
      DetState *sibling;

      if (det == state->det || !det->super.exclusive || det->super.key_slot != state->det->super.key_slot)
        continue;
      sibling = alert_engine_state(state->entry, det);
      if (!sibling->suppressed)
        continue;
      if (det->super.kind == ALERT_KIND_SPIKE && _spike_is_hot(self, (SpikeState *) sibling))
        sibling->incident.last_hot = self->now;
      if (self->now - sibling->incident.last_hot < det->super.quiet)
        return TRUE;
    }
  return FALSE;
}

static gboolean
_spike_is_over(AlertEngine *self, SpikeState *spike)
{
  Incident *incident = &spike->super.incident;

  if (_spike_is_hot(self, spike))
    incident->last_hot = self->now;
  return self->now - incident->last_hot >= spike->super.det->super.quiet;
}

static gboolean
_streak_is_over(AlertEngine *self, StreakState *streak)
{
  const AlertDetector *det = &streak->super.det->super;
  const Stream *stream = &streak->stream[streak->fired_stream];
  Incident *incident = &streak->super.incident;

  if (streak->successes_after == 0)
    {
      /* without any traffic, nobody knows: it ends when more failures have been missed than a lull explains */
      gint64 idle = self->now - stream->last_failure;

      incident->last_hot = stream->last_failure;
      return idle >= DAY
             || (idle >= HOUR / 2 && _due_since(self, streak, stream, stream->last_failure) >= 10 * stream->share);
    }
  if (self->now - streak->first_success_after < det->quiet || streak->successes_after < 2)
    return FALSE;
  if (streak->successes_after >= 0.25 * stream->share * (streak->successes_after + streak->failures_after))
    {
      incident->last_hot = streak->first_success_after;
      return TRUE;
    }
  streak->successes_after = streak->failures_after = 0;
  return FALSE;
}

static gboolean
_is_over(AlertEngine *self, DetState *state)
{
  switch (state->det->super.kind)
    {
    case ALERT_KIND_SPIKE:
      return _spike_is_over(self, (SpikeState *) state);
    case ALERT_KIND_NO_SUCCESS:
      return _streak_is_over(self, (StreakState *) state);
    default:
      state->incident.last_hot = self->now;
      return FALSE;
    }
}

static void
_tick_firing(AlertEngine *self, DetState *state, AlertNotices *notices)
{
  Incident *incident = &state->incident;
  const AlertDetector *det = &state->det->super;

  if (_is_over(self, state) && (!det->exclusive || !_sibling_is_hot(self, state)))
    {
      _resolve(self, state, notices);
      return;
    }
  if (self->now >= incident->next_reminder)
    {
      incident->next_reminder = self->now + det->reminder;
      incident->next_refresh = det->refresh ? self->now + det->refresh : G_MAXINT64;
      _notify(self, state, ALERT_STATE_REMINDER, notices);
    }
  else if (self->now >= incident->next_refresh)
    {
      incident->next_refresh = self->now + det->refresh;
      _notify(self, state, ALERT_STATE_REFRESH, notices);
    }
}

static void
_tick_hold(AlertEngine *self, DetState *state, AlertNotices *notices)
{
  gboolean holds = FALSE;

  if (state->det->super.kind == ALERT_KIND_SPIKE)
    {
      _roll(self, (SpikeState *) state);
      holds = _spike_condition(self, (SpikeState *) state);
    }
  else if (state->det->super.kind == ALERT_KIND_NO_SUCCESS)
    {
      StreakState *streak = (StreakState *) state;

      holds = _only_fails(self, streak, &streak->stream[streak->fired_stream]);
    }
  if (holds)
    _holds(self, state, state->incident.since, notices);
  else
    _drops(self, state);
}

static void
_tick_silence_in(AlertEngine *self, Detector *det, GQueue *queue, AlertNotices *notices)
{
  for (GList *link = queue->tail; link; link = link->prev)
    {
      Entry *entry = link->data;
      SilenceState *silence = (SilenceState *) alert_engine_state(entry, det);

      if (self->now - entry->last_seen < det->super.window)
        break;
      if (silence->super.phase == PHASE_IDLE && _is_silent(self, silence))
        _fire(self, &silence->super, silence->last, notices);
    }
}

static void
_tick(AlertEngine *self, AlertNotices *notices)
{
  GList *next;

  self->last_tick = self->now;
  for (GList *link = self->active.head; link; link = next)
    {
      DetState *state = link->data;

      next = link->next;
      if (state->phase == PHASE_FIRING)
        _tick_firing(self, state, notices);
      else
        _tick_hold(self, state, notices);
    }
  for (guint i = 0; i < self->config.n_detectors; i++)
    {
      Detector *det = &self->detectors[i];

      if (det->super.kind == ALERT_KIND_SILENCE)
        {
          _tick_silence_in(self, det, &self->tables[det->super.key_slot].established, notices);
          _tick_silence_in(self, det, &self->tables[det->super.key_slot].newcomers, notices);
        }
    }
}

/* Goes through a stretch of time in steps small enough for nothing to be missed, or at once if nothing can happen. */
static void
_advance(AlertEngine *self, gint64 now, AlertNotices *notices)
{
  while (self->active.length && now - self->last_tick > 10 * ALERT_SECOND)
    {
      self->now = self->last_tick + 10 * ALERT_SECOND;
      _tick(self, notices);
    }
  self->now = MAX(self->now, now);
  if (self->now - self->last_tick >= ALERT_SECOND)
    _tick(self, notices);
}

/* ------------------------------------------------------------------- calls */

void
alert_engine_tick(AlertEngine *self, gint64 now, AlertNotices *notices)
{
  _advance(self, now, notices);
}

void
alert_engine_record(AlertEngine *self, const AlertRecord *record, AlertNotices *notices)
{
  gboolean has_code = record->code >= ALERT_CODE_MIN && record->code <= ALERT_CODE_MAX;

  _advance(self, record->now, notices);
  if (!has_code && (record->code != 0 || record->event == ALERT_EVENT_NONE))
    return;
  self->stats.records++;
  if (self->config.dedupe && record->code >= 200 && record->call_id.len && _seen_before(self, record))
    {
      self->stats.duplicates++;
      return;
    }
  for (guint slot = 0; slot < self->config.n_key_slots; slot++)
    {
      KeyTable *table = &self->tables[slot];
      Entry *entry;

      if (record->key[slot].len == 0 || !record->key[slot].ptr)
        continue;
      entry = alert_engine_entry(self, table, record->key[slot]);
      if (!entry)
        continue;
      _touch(self, table, entry);
      _record_for_key(self, table, entry, record, notices);
    }
}

const AlertStats *
alert_engine_stats(const AlertEngine *self)
{
  return &self->stats;
}

guint64
alert_engine_firings(const AlertEngine *self, guint detector)
{
  return self->detectors[detector].firings;
}

guint
alert_engine_firing_now(const AlertEngine *self, guint detector)
{
  return self->detectors[detector].firing_now;
}

gint64
alert_engine_now(const AlertEngine *self)
{
  return self->now;
}

gboolean
alert_engine_take_eviction_warning(AlertEngine *self)
{
  gboolean tell = self->evicted && !self->eviction_told;

  self->eviction_told |= tell;
  return tell;
}

/* ------------------------------------------------------------ life and death */

static gfloat
_weight(gint64 window, gint64 period)
{
  return (gfloat) (1 - exp(-(gdouble) window / period));
}

static void
_init_detector(AlertEngine *self, guint index)
{
  Detector *det = &self->detectors[index];
  KeyTable *table;

  alert_detector_copy(&det->super, &self->config.detectors[index]);
  g_assert(det->super.key_slot < self->config.n_key_slots);
  det->index = index;
  det->fast_up = _weight(det->super.window, FAST_UP);
  det->fast_down = _weight(det->super.window, FAST_DOWN);
  det->slow = _weight(det->super.window, SLOW);
  det->day = _weight(det->super.window, DAY);
  det->hourly = MIN(0.5f, 0.06f * det->super.window / (5 * MINUTE));
  det->windows_a_day = DAY / det->super.window;

  table = &self->tables[det->super.key_slot];
  det->offset = table->entry_size - sizeof(Entry);
  table->entry_size += (_state_size(det->super.kind) + 7) & ~(gsize) 7;
}

AlertEngine *
alert_engine_new(const AlertEngineConfig *config, gint64 now)
{
  AlertEngine *self = g_new0(AlertEngine, 1);

  g_assert(config->n_key_slots <= ALERT_MAX_KEY_SLOTS && config->max_keys > 0);
  self->config = *config;
  self->start = self->now = self->last_tick = now;
  self->seed = ((guint64) g_random_int() << 32) | g_random_int();
  g_queue_init(&self->active);
  if (config->dedupe)
    self->seen = g_new0(guint32, SEEN_SETS * SEEN_WAYS * 2);

  self->tables = g_new0(KeyTable, config->n_key_slots);
  for (guint slot = 0; slot < config->n_key_slots; slot++)
    {
      KeyTable *table = &self->tables[slot];

      table->entries = g_hash_table_new_full(_entry_hash, _entry_equal, NULL, _entry_free);
      table->entry_size = sizeof(Entry);
      table->slot = slot;
      g_queue_init(&table->newcomers);
      g_queue_init(&table->established);
    }
  self->detectors = g_new0(Detector, config->n_detectors);
  for (guint i = 0; i < config->n_detectors; i++)
    _init_detector(self, i);
  self->config.detectors = NULL;
  return self;
}

void
alert_engine_set_wall_offset(AlertEngine *self, gint64 offset)
{
  self->wall_offset = offset;
}

void
alert_engine_free(AlertEngine *self)
{
  if (!self)
    return;
  for (guint slot = 0; slot < self->config.n_key_slots; slot++)
    g_hash_table_destroy(self->tables[slot].entries);
  g_free(self->tables);
  for (guint i = 0; i < self->config.n_detectors; i++)
    alert_detector_clear(&self->detectors[i].super);
  g_free(self->detectors);
  g_free(self->seen);
  g_free(self);
}
