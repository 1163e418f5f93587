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


#ifndef ALERT_ENGINE_H_INCLUDED
#define ALERT_ENGINE_H_INCLUDED

#include "core/sip-codes.h"

/*
 * Spikes of SIP failures: status records in, alerts out.
 *
 * Pure C on GLib, driven by a clock argument.  The engine never reads a clock,
 * starts no thread, takes no lock and calls nobody back: every call appends
 * what happened to an AlertNotices the caller owns.  One engine is used by one
 * thread at a time.
 *
 * Memory is bounded: by max_keys for every key slot, and by a fixed table for
 * the recognition of duplicates.
 */

#define ALERT_MAX_KEY_SLOTS 8
#define ALERT_MAX_KEY_LENGTH 255
#define ALERT_MAX_CALL_ID_LENGTH 127
#define ALERT_TOP_CODES 6
/* of a window, which begins somewhere in the first of them: never shorter than asked for */
#define ALERT_BUCKETS 61
#define ALERT_SECOND G_GINT64_CONSTANT(1000000)

typedef enum
{
  ALERT_METHOD_UNKNOWN,
  ALERT_METHOD_INVITE,
  ALERT_METHOD_REGISTER,
  ALERT_METHOD_OPTIONS,
  ALERT_METHOD_OTHER,
  ALERT_METHOD_MAX
} AlertMethod;

typedef enum
{
  ALERT_DIRECTION_UNKNOWN,
  ALERT_DIRECTION_SENT,
  ALERT_DIRECTION_RECEIVED,
} AlertDirection;

/* what a record without a code can tell; the names are those of `.sip.event' */
typedef enum
{
  ALERT_EVENT_NONE,
  ALERT_EVENT_NO_RESPONSE,
  ALERT_EVENT_REGISTRATION_TIMEOUT,
  ALERT_EVENT_UNREACHABLE,
  ALERT_EVENT_REACHABLE,
  ALERT_EVENT_AUTH_FAILURE,
  ALERT_EVENT_OTHER,
  ALERT_EVENT_MAX
} AlertEvent;

AlertMethod alert_method_by_name(const gchar *name, gsize len);
AlertDirection alert_direction_by_name(const gchar *name, gsize len);
AlertEvent alert_event_by_name(const gchar *name, gsize len);
const gchar *alert_event_name(AlertEvent event);

typedef enum
{
  ALERT_KIND_SPIKE,             /* many of the matching records */
  ALERT_KIND_NO_SUCCESS,        /* only failures where there used to be 2xx */
  ALERT_KIND_SILENCE,           /* nothing at all where there used to be something */
} AlertKind;

#define ALERT_CODE_MIN 100
#define ALERT_CODE_MAX 699
#define ALERT_ALL_METHODS ((1 << ALERT_METHOD_MAX) - 1)

/* One detector.  Copied by alert_engine_new(), except for name, severity: those are copied too. */
typedef struct _AlertDetector
{
  gchar *name;
  gchar *severity;
  AlertKind kind;
  guint key_slot;               /* which of a record's keys */
  gboolean exclusive;           /* of the exclusive detectors of a key only one fires at a time */

  /* which records count: for every code, and for every event, a bit per method */
  guint8 codes[ALERT_CODE_MAX + 1];
  guint8 events[ALERT_EVENT_MAX];

  /* conditions; all of those that are set must hold */
  gint64 window;                /* us */
  guint count;                  /* at least so many matching records in the window */
  guint minimum;                /* at least so many final responses in the window; 0: not asked */
  gdouble share;                /* matching of all final responses but challenges, 0..1; 0: not asked */
  gdouble deviation;            /* so many times the learnt level; 0: not asked */
  gint64 hold;                  /* the conditions must hold for so long, and failures go on meanwhile; us */

  gdouble clear;                /* clearing threshold: so far (0..1) up from the level to the firing threshold */
  gint64 quiet;                 /* below the clearing threshold for so long, us */
  gint64 refresh;               /* interval of refresh notices, us; 0: none */
  gint64 reminder;              /* interval of reminder notices, us; 0: none */
} AlertDetector;

/* Sets the defaults of a preset: fault, no-success, auth, target, silence, 3xx, 4xx, 5xx, 6xx; FALSE if unknown. */
gboolean alert_detector_init_preset(AlertDetector *self, const gchar *preset, const SipCodes *codes);
/* An empty spike detector with the defaults of numbers. */
void alert_detector_init(AlertDetector *self);
void alert_detector_clear(AlertDetector *self);
void alert_detector_copy(AlertDetector *self, const AlertDetector *other);

/*
 * Makes records count, or not.  item is a code (`503'), a range (`500-504'), a class (`5xx'), a group of the code
 * table (`fault', `auth', `target'), or an event (`no-response'), with an optional `/METHOD'.  FALSE with a message
 * if it is none of these.
 */
gboolean alert_detector_match(AlertDetector *self, const SipCodes *codes, const gchar *item, gboolean include,
                              GError **error);

/* Contradictions between the settings: FALSE with a message that names the option. */
gboolean alert_detector_validate(const AlertDetector *self, GError **error);

typedef struct _AlertEngineConfig
{
  const AlertDetector *detectors;
  guint n_detectors;
  guint n_key_slots;
  guint max_keys;               /* for every key slot */
  gboolean dedupe;              /* records of one Call-ID, method and code within 32 s count once */
} AlertEngineConfig;

typedef struct _AlertRecord
{
  gint64 now;                   /* us, any origin; an earlier one than before counts as the one before */
  gint code;                    /* 100..699, or 0 */
  AlertMethod method;
  AlertDirection direction;
  AlertEvent event;
  SipSpan call_id;
  SipSpan key[ALERT_MAX_KEY_SLOTS];     /* a key that is empty or has no ptr: not for the detectors of the slot */
} AlertRecord;

typedef enum
{
  ALERT_STATE_FIRING,
  ALERT_STATE_REFRESH,
  ALERT_STATE_REMINDER,
  ALERT_STATE_RESOLVED,
} AlertState;

const gchar *alert_state_name(AlertState state);

typedef struct _AlertCodeCount
{
  guint16 code;                 /* 0: records without a code */
  guint32 count;
} AlertCodeCount;

typedef struct _AlertNotice
{
  AlertState state;
  guint detector;               /* index into the configuration */
  gchar id[17];                 /* 16 hexadecimal digits, a function of detector name and key alone */
  gchar key[ALERT_MAX_KEY_LENGTH + 1];
  gchar call_id[ALERT_MAX_CALL_ID_LENGTH + 1];
  AlertCodeCount codes[ALERT_TOP_CODES];        /* most frequent first, ends at count 0 */
  guint64 count;                /* matching records in the window; in a resolved notice: of the whole incident */
  guint64 total;                /* final responses, challenges apart, in the same time */
  guint64 peak;                 /* the most that stood in a window */
  gdouble share;                /* count of total, 0..1; -1 where the log shows failures only */
  gdouble level;                /* spike: learnt level per window; no-success: learnt share of 2xx; silence: per minute */
  gint64 since;                 /* us, in the engine's clock */
  gint64 duration;              /* us */
} AlertNotice;

/* an array of AlertNotice; the caller empties it */
typedef GArray AlertNotices;
AlertNotices *alert_notices_new(void);
void alert_notices_free(AlertNotices *self);
#define alert_notices_index(self, i) (&g_array_index(self, AlertNotice, i))

typedef struct _AlertStats
{
  guint64 records;              /* records that carried a code or an event */
  guint64 duplicates;
  guint64 paired;               /* sent responses that repeat a received one on the other leg */
  guint64 evictions;
  guint64 overflow;             /* keys that found no place because every other one is firing */
  guint64 suppressed;           /* conditions met while another exclusive detector fired for the key */
  guint keys;                   /* now, all slots */
  guint firing;                 /* now, all detectors */
} AlertStats;

typedef struct _AlertEngine AlertEngine;

/* now: the engine counts as started then; what comes before it knows a level is in docs/alerting.md. */
AlertEngine *alert_engine_new(const AlertEngineConfig *config, gint64 now);
/* now + offset is a wall clock: local time, if the hours of the day are to be those of the people that call */
void alert_engine_set_wall_offset(AlertEngine *self, gint64 offset);
void alert_engine_free(AlertEngine *self);

void alert_engine_record(AlertEngine *self, const AlertRecord *record, AlertNotices *notices);
/* Time passes without a record; call it about every second. */
void alert_engine_tick(AlertEngine *self, gint64 now, AlertNotices *notices);

const AlertStats *alert_engine_stats(const AlertEngine *self);
guint64 alert_engine_firings(const AlertEngine *self, guint detector);        /* so far */
guint alert_engine_firing_now(const AlertEngine *self, guint detector);
gint64 alert_engine_now(const AlertEngine *self);
/* TRUE once for every run: the table was full and a key had to go */
gboolean alert_engine_take_eviction_warning(AlertEngine *self);

/*
 * What outlives the engine: firing alerts and learnt levels, in blocks of at most ALERT_BLOCK_SIZE bytes that can be
 * read independently of each other.  Times are stored relative to `wall', any clock that goes on while the engine is
 * away.  Firing alerts come first, then the busiest keys; what does not fit into the blocks is left out.
 * Returns how many blocks are used, the others are left as they are.
 */
#define ALERT_BLOCK_SIZE 8192
guint alert_engine_save(AlertEngine *self, gint64 wall, guint8 *blocks, guint n_blocks);
/* whether a block has nothing to load: all of its bytes are 0 */
gboolean alert_engine_block_is_empty(const guint8 *block);
/* FALSE if the block is none of ours, of another layout, or damaged: nothing of it is taken. An empty block is TRUE. */
gboolean alert_engine_load(AlertEngine *self, gint64 wall, const guint8 *block, gsize size);
/* After the last block.  Returns the number of alerts that fired for detectors this configuration has no more. */
guint alert_engine_load_end(AlertEngine *self);

#define ALERT_ENGINE_ERROR (alert_engine_error_quark())
GQuark alert_engine_error_quark(void);

#endif
