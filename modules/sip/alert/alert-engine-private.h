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


#ifndef ALERT_ENGINE_PRIVATE_H_INCLUDED
#define ALERT_ENGINE_PRIVATE_H_INCLUDED

#include "alert/alert-engine.h"

#define HOURS_OF_DAY 24
#define HOURS_OF_WEEK 168
#define STREAMS 3

typedef struct _Entry Entry;
typedef struct _Detector Detector;

typedef enum
{
  PHASE_IDLE,
  PHASE_HOLD,                   /* the conditions hold, hold() is not over */
  PHASE_FIRING,
} Phase;

typedef struct _Incident
{
  gint64 since;
  gint64 last_hot;              /* when it was last above the clearing threshold */
  gint64 next_refresh;
  gint64 next_reminder;
  guint64 hits;
  guint64 total;
  guint32 peak;
} Incident;

/* What every detector keeps for a key; first member of the states below. */
typedef struct _DetState
{
  Entry *entry;
  Detector *det;
  GList link;                   /* in the engine's list of states that need ticks */
  Phase phase;
  guint held;                   /* matching records in the later half of PHASE_HOLD */
  gboolean loaded;              /* from a block */
  gboolean suppressed;          /* the conditions hold, but an exclusive sibling fires */
  Incident incident;
  AlertCodeCount codes[2][ALERT_TOP_CODES];     /* this period's and the one before; of the incident in [0] */
  gint64 codes_period;
  gchar call_id[ALERT_MAX_CALL_ID_LENGTH + 1];
} DetState;

/* What is learnt about a key for a spike detector; all per window. */
typedef struct _Level
{
  gint64 window_no;             /* the window in progress */
  guint32 hits, base;           /* of it */
  guint32 pending_hits, pending_base;   /* of the one before, not learnt yet: an incident may have begun in it */
  gboolean pending, tainted;    /* the window in progress saw an incident */
  guint32 n;                    /* windows learnt from */
  gfloat fast;                  /* EWMA of hits, follows the hour */
  gfloat slow;                  /* EWMA of hits over days */
  gfloat usual_base;            /* EWMA of base, follows the hour; not saved */
  gfloat ratio_hits, ratio_base;        /* EWMAs over a day: how many hits come with so much other traffic */
  gfloat dispersion;            /* variance of hits over their mean; chance makes it 1 */
  guint32 busy;                 /* windows it was learnt from; not saved */
  gfloat hour[HOURS_OF_DAY];    /* EWMA of hits by hour of the day, -1: unknown */
} Level;

typedef struct _SpikeState
{
  DetState super;
  Level level;
  gint64 bucket_no;
  guint32 hits[ALERT_BUCKETS];
  guint32 base[ALERT_BUCKETS];  /* other final responses to calls: the traffic that faults grow with */
  guint32 other[ALERT_BUCKETS]; /* other final responses to anything: the rest of a share */
  guint32 sum_hits, sum_base, sum_other;
} SpikeState;

/* The outcomes of one kind of request of a key. */
typedef struct _Stream
{
  guint32 successes;            /* ever */
  guint32 outcomes;             /* learnt from */
  guint32 failures;             /* since the last success, those in quick succession once */
  guint32 all_failures;         /* since the last success */
  gint64 first_failure, last_failure;
  gint64 last_success;
  gint64 rate_window;           /* the learning window in progress */
  guint32 rate_count, rate_n;
  gfloat fast, slow;            /* successes per learning window */
  gfloat dispersion;            /* variance of them over their mean, >= 1 */
  guint32 active_windows;       /* learning windows with any success, ever */
  gfloat active;                /* share of the learning windows with any success */
  gfloat share;                 /* of successes in all outcomes */
  gfloat longest;               /* row of failures that was nothing to speak of */
} Stream;

typedef struct _StreakState
{
  DetState super;
  Stream stream[STREAMS];
  guint fired_stream;
  guint32 successes_after, failures_after;      /* since the incident showed its first success */
  gint64 first_success_after;
  guint8 hour_share[HOURS_OF_WEEK];     /* of stream 0: share of successes, 255: unknown */
  gfloat hour_rate[HOURS_OF_DAY];       /* of stream 0: successes per learning window, -1: unknown */
  guint16 hour_pending[HOURS_OF_DAY];   /* failures since the last success, by hour */
} StreakState;

typedef struct _SilenceState
{
  DetState super;
  gint64 last;
  gint64 window_no;
  guint32 count, n;
  gfloat fast;                  /* records per window */
  gfloat hour[HOURS_OF_DAY];
} SilenceState;

struct _Entry
{
  GList link;                   /* in one of the two lists of the table */
  guint64 hash;
  gchar *key;
  guint16 key_len;
  guint16 firing;
  gboolean established, loaded;
  guint32 records;
  gint64 created;
  gint64 last_seen;
  DetState *exclusive;          /* the exclusive detector that fires */
  gint64 leg_time[2];           /* received responses (0 failures, 1 successes) that may come again on the other leg */
  guint16 legs[2];
  guint8 states[] __attribute__((aligned(8)));
};

/* Keys of one slot.  New ones must prove themselves before they can displace what has been learnt. */
typedef struct _KeyTable
{
  GHashTable *entries;
  GQueue newcomers;             /* least recently seen last */
  GQueue established;
  gsize entry_size;
  guint slot;
  gint64 last_loss;             /* when an established key was last evicted */
} KeyTable;

struct _Detector
{
  AlertDetector super;
  guint index;
  gsize offset;                 /* of its state in an entry */
  guint64 firings;
  guint firing_now;
  gfloat fast_up, fast_down, slow, day, hourly;       /* EWMA weights of one window */
  guint32 windows_a_day;
};

struct _AlertEngine
{
  AlertEngineConfig config;
  Detector *detectors;
  KeyTable *tables;
  GQueue active;                /* states that hold or fire */
  guint32 *seen;                /* duplicates: pairs of fingerprint and second */
  guint64 seed;
  gint64 start;
  gint64 now;
  gint64 last_tick;
  gint64 wall_offset;           /* hours of day and week are told by now + wall_offset */
  gboolean evicted, eviction_told;
  AlertStats stats;
  guint lost;                   /* loaded alerts of detectors there are no more */
};

Entry *alert_engine_entry(AlertEngine *self, KeyTable *table, SipSpan key);
void alert_engine_resume(AlertEngine *self, DetState *state);
DetState *alert_engine_state(Entry *entry, const Detector *det);
guint64 alert_engine_id(const Detector *det, const gchar *key);

#endif
