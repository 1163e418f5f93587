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

/*
 * Layout of a block, all numbers little-endian:
 *
 *   header    "SIPA", u16 layout version, u16 bytes used after the header, u32 CRC-32 of them
 *   s64       wall clock of the save, us
 *   record    u16 length of what follows; u32 hash of the detector's name and kind; u8 key length, key; s64 last seen
 *             (wall); u8 firing; then the incident if firing; then what the detector's kind has learnt
 *
 * Records never cross blocks.  A record is one detector's state of one key.
 */

#define MAGIC "SIPA"
#define LAYOUT 1
#define HEADER 12
#define MAX_RECORD 1024

typedef struct _Writer
{
  guint8 *at, *end;
} Writer;

typedef struct _Reader
{
  const guint8 *at, *end;
  gboolean failed;
} Reader;

static guint32
_crc32(const guint8 *data, gsize size)
{
  guint32 crc = ~0u;

  for (gsize i = 0; i < size; i++)
    {
      crc ^= data[i];
      for (gint bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
  return ~crc;
}

static void
_put(Writer *self, guint64 value, guint bytes)
{
  for (guint i = 0; i < bytes && self->at < self->end; i++)
    *self->at++ = (guint8) (value >> (8 * i));
}

static void
_put_bytes(Writer *self, const void *bytes, gsize n)
{
  n = MIN(n, (gsize) (self->end - self->at));
  memcpy(self->at, bytes, n);
  self->at += n;
}

static void
_put_float(Writer *self, gfloat value)
{
  guint32 bits;

  memcpy(&bits, &value, sizeof(bits));
  _put(self, bits, 4);
}

static guint64
_get(Reader *self, guint bytes)
{
  guint64 value = 0;

  if (self->end - self->at < (gssize) bytes)
    {
      self->failed = TRUE;
      return 0;
    }
  for (guint i = 0; i < bytes; i++)
    value |= (guint64) *self->at++ << (8 * i);
  return value;
}

static void
_get_bytes(Reader *self, void *bytes, gsize n)
{
  if ((gsize) (self->end - self->at) < n)
    {
      self->failed = TRUE;
      return;
    }
  memcpy(bytes, self->at, n);
  self->at += n;
}

static gsize
_get_length(Reader *self, gsize most)
{
  gsize length = _get(self, 1);

  if (length > most)
    self->failed = TRUE;
  return MIN(length, most);
}

/* A number that makes sense as a level; anything else would poison what is learnt. */
static gfloat
_get_float(Reader *self)
{
  guint32 bits = (guint32) _get(self, 4);
  gfloat value;

  memcpy(&value, &bits, sizeof(value));
  if (!(value >= -1 && value < 1e9f))
    {
      self->failed = TRUE;
      return 0;
    }
  return value;
}

static guint32
_detector_hash(const Detector *det)
{
  guint32 h = 2166136261u;

  for (const gchar *p = det->super.name; *p; p++)
    h = (h ^ (guint8) *p) * 16777619u;
  h = (h ^ (guint8) det->super.kind) * 16777619u;
  return (h ^ (guint32) (det->super.window / ALERT_SECOND)) * 16777619u;
}

/* ------------------------------------------------------------------ saving */

static void
_put_hours(Writer *w, const gfloat *hours)
{
  for (gint i = 0; i < HOURS_OF_DAY; i++)
    _put_float(w, hours[i]);
}

static void
_put_spike(Writer *w, const SpikeState *spike)
{
  const Level *level = &spike->level;

  _put(w, level->n, 4);
  _put_float(w, level->fast);
  _put_float(w, level->slow);
  _put_float(w, level->ratio_hits);
  _put_float(w, level->ratio_base);
  _put_float(w, level->dispersion);
  _put_hours(w, level->hour);
}

static void
_put_streak(Writer *w, const StreakState *streak)
{
  _put(w, streak->fired_stream, 1);
  for (gint i = 0; i < STREAMS; i++)
    {
      const Stream *stream = &streak->stream[i];

      _put(w, stream->successes, 4);
      _put(w, stream->outcomes, 4);
      _put(w, stream->rate_n, 4);
      _put_float(w, stream->fast);
      _put_float(w, stream->slow);
      _put_float(w, stream->dispersion);
      _put(w, stream->active_windows, 4);
      _put_float(w, stream->active);
      _put_float(w, stream->share);
      _put_float(w, stream->longest);
    }
  _put_hours(w, streak->hour_rate);
  _put_bytes(w, streak->hour_share, sizeof(streak->hour_share));
}

static void
_put_silence(Writer *w, const SilenceState *silence)
{
  _put(w, silence->n, 4);
  _put_float(w, silence->fast);
  _put_hours(w, silence->hour);
}

static void
_put_incident(Writer *w, const DetState *state, gint64 to_wall)
{
  const Incident *incident = &state->incident;
  gsize call_id_len = strlen(state->call_id);

  _put(w, incident->since + to_wall, 8);
  _put(w, incident->last_hot + to_wall, 8);
  _put(w, incident->next_reminder == G_MAXINT64 ? 0 : incident->next_reminder + to_wall, 8);
  _put(w, incident->hits, 8);
  _put(w, incident->total, 8);
  _put(w, incident->peak, 4);
  for (gint i = 0; i < ALERT_TOP_CODES; i++)
    {
      _put(w, state->codes[0][i].code, 2);
      _put(w, state->codes[0][i].count, 4);
    }
  _put(w, call_id_len, 1);
  _put_bytes(w, state->call_id, call_id_len);
}

static gsize
_put_record(guint8 *buffer, const Entry *entry, const DetState *state, gint64 to_wall)
{
  Writer w = { buffer, buffer + MAX_RECORD };

  _put(&w, 0, 2);
  _put(&w, _detector_hash(state->det), 4);
  _put(&w, entry->key_len, 1);
  _put_bytes(&w, entry->key, entry->key_len);
  _put(&w, entry->last_seen + to_wall, 8);
  _put(&w, state->phase == PHASE_FIRING, 1);
  if (state->phase == PHASE_FIRING)
    _put_incident(&w, state, to_wall);
  if (state->det->super.kind == ALERT_KIND_SPIKE)
    _put_spike(&w, (const SpikeState *) state);
  else if (state->det->super.kind == ALERT_KIND_NO_SUCCESS)
    _put_streak(&w, (const StreakState *) state);
  else
    _put_silence(&w, (const SilenceState *) state);

  gsize size = w.at - buffer;
  buffer[0] = (guint8) (size - 2);
  buffer[1] = (guint8) ((size - 2) >> 8);
  return size;
}

typedef struct _Saver
{
  guint8 *blocks;
  guint n_blocks, block;
  gsize used;
  gint64 wall, to_wall;
} Saver;

static void
_begin_block(Saver *self)
{
  guint8 *block = self->blocks + (gsize) self->block * ALERT_BLOCK_SIZE;
  Writer w = { block + HEADER, block + ALERT_BLOCK_SIZE };

  memset(block, 0, ALERT_BLOCK_SIZE);
  _put(&w, self->wall, 8);
  self->used = HEADER + 8;
}

static void
_end_block(Saver *self)
{
  guint8 *block = self->blocks + (gsize) self->block * ALERT_BLOCK_SIZE;
  Writer w = { block, block + HEADER };

  _put_bytes(&w, MAGIC, 4);
  _put(&w, LAYOUT, 2);
  _put(&w, self->used - HEADER, 2);
  _put(&w, _crc32(block + HEADER, self->used - HEADER), 4);
}

static gboolean
_save_record(Saver *self, const Entry *entry, const DetState *state)
{
  guint8 record[MAX_RECORD];
  gsize size = _put_record(record, entry, state, self->to_wall);

  if (self->used + size > ALERT_BLOCK_SIZE)
    {
      _end_block(self);
      if (++self->block == self->n_blocks)
        return FALSE;
      _begin_block(self);
    }
  memcpy(self->blocks + (gsize) self->block * ALERT_BLOCK_SIZE + self->used, record, size);
  self->used += size;
  return TRUE;
}

static gboolean
_save_queue(AlertEngine *self, Saver *saver, const KeyTable *table, const GQueue *queue)
{
  for (const GList *link = queue->head; link; link = link->next)
    {
      Entry *entry = link->data;

      for (guint i = 0; i < self->config.n_detectors; i++)
        {
          const Detector *det = &self->detectors[i];

          if (det->super.key_slot != table->slot || alert_engine_state(entry, det)->phase == PHASE_FIRING)
            continue;
          if (!_save_record(saver, entry, alert_engine_state(entry, det)))
            return FALSE;
        }
    }
  return TRUE;
}

guint
alert_engine_save(AlertEngine *self, gint64 wall, guint8 *blocks, guint n_blocks)
{
  Saver saver = { .blocks = blocks, .n_blocks = n_blocks, .wall = wall, .to_wall = wall - self->now };
  gboolean room = TRUE;

  if (n_blocks == 0)
    return 0;
  _begin_block(&saver);
  for (GList *link = self->active.head; link && room; link = link->next)
    {
      DetState *state = link->data;

      if (state->phase == PHASE_FIRING)
        room = _save_record(&saver, state->entry, state);
    }
  for (guint slot = 0; slot < self->config.n_key_slots && room; slot++)
    {
      const KeyTable *table = &self->tables[slot];

      room = _save_queue(self, &saver, table, &table->established) && _save_queue(self, &saver, table, &table->newcomers);
    }
  if (room)
    _end_block(&saver);
  return room ? saver.block + 1 : n_blocks;
}

/* ----------------------------------------------------------------- loading */

/* far beyond any clock, and so that sums with one do not overflow */
#define MAX_TIME (G_GINT64_CONSTANT(1) << 60)

static gint64
_get_time(Reader *r)
{
  gint64 time = (gint64) _get(r, 8);

  return CLAMP(time, -MAX_TIME, MAX_TIME);
}

static gfloat
_at_least_one(gfloat value)
{
  return MAX(value, 1.0f);
}

static void
_get_hours(Reader *r, gfloat *hours)
{
  for (gint i = 0; i < HOURS_OF_DAY; i++)
    hours[i] = _get_float(r);
}

static void
_get_spike(Reader *r, SpikeState *spike)
{
  Level *level = &spike->level;

  level->n = (guint32) _get(r, 4);
  level->fast = _get_float(r);
  level->slow = _get_float(r);
  level->ratio_hits = _get_float(r);
  level->ratio_base = _get_float(r);
  level->dispersion = _at_least_one(_get_float(r));
  level->busy = level->n;
  _get_hours(r, level->hour);
}

static void
_get_streak(Reader *r, StreakState *streak, gint64 now)
{
  streak->fired_stream = (guint) _get(r, 1);
  if (streak->fired_stream >= STREAMS)
    {
      streak->fired_stream = 0;
      r->failed = TRUE;
    }
  for (gint i = 0; i < STREAMS; i++)
    {
      Stream *stream = &streak->stream[i];

      stream->successes = (guint32) _get(r, 4);
      stream->outcomes = (guint32) _get(r, 4);
      stream->rate_n = (guint32) _get(r, 4);
      stream->fast = _get_float(r);
      stream->slow = _get_float(r);
      stream->dispersion = _at_least_one(_get_float(r));
      stream->active_windows = (guint32) _get(r, 4);
      stream->active = _get_float(r);
      stream->active = CLAMP(stream->active, 0, 1);
      stream->share = _get_float(r);
      stream->share = CLAMP(stream->share, 0, 1);
      stream->longest = _get_float(r);
      stream->last_success = stream->last_failure = now;
    }
  _get_hours(r, streak->hour_rate);
  _get_bytes(r, streak->hour_share, sizeof(streak->hour_share));
}

static void
_get_silence(Reader *r, SilenceState *silence, gint64 now)
{
  silence->n = (guint32) _get(r, 4);
  silence->fast = _get_float(r);
  _get_hours(r, silence->hour);
  silence->last = now;
}

static void
_get_incident(Reader *r, DetState *state, gint64 to_engine, gint64 now)
{
  Incident *incident = &state->incident;
  const AlertDetector *det = &state->det->super;
  gint64 reminder;

  incident->since = _get_time(r) + to_engine;
  incident->last_hot = _get_time(r) + to_engine;
  reminder = _get_time(r);
  incident->hits = _get(r, 8);
  incident->total = _get(r, 8);
  incident->peak = (guint32) _get(r, 4);
  for (gint i = 0; i < ALERT_TOP_CODES; i++)
    {
      state->codes[0][i].code = (guint16) _get(r, 2);
      state->codes[0][i].count = (guint32) _get(r, 4);
    }

  gsize call_id_len = _get_length(r, ALERT_MAX_CALL_ID_LENGTH);
  _get_bytes(r, state->call_id, call_id_len);
  state->call_id[call_id_len] = 0;

  /* a clock that was set while we were away must not make an incident begin or end in the future */
  incident->since = MIN(incident->since, now);
  incident->last_hot = MIN(incident->last_hot, now);
  incident->next_refresh = det->refresh ? now : G_MAXINT64;
  incident->next_reminder = !det->reminder ? G_MAXINT64 : CLAMP(reminder + to_engine, now, now + det->reminder);
}

static gsize
_incident_size(const Reader *r)
{
  gsize fixed = 8 * 5 + 4 + ALERT_TOP_CODES * 6;

  if ((gsize) (r->end - r->at) <= fixed)
    return r->end - r->at;
  return fixed + 1 + r->at[fixed];
}

static Detector *
_find_detector(AlertEngine *self, guint32 hash)
{
  for (guint i = 0; i < self->config.n_detectors; i++)
    {
      if (_detector_hash(&self->detectors[i]) == hash)
        return &self->detectors[i];
    }
  return NULL;
}

static gboolean
_load_state(Reader *r, DetState *state, gint64 now)
{
  switch (state->det->super.kind)
    {
    case ALERT_KIND_SPIKE:
      _get_spike(r, (SpikeState *) state);
      break;
    case ALERT_KIND_NO_SUCCESS:
      _get_streak(r, (StreakState *) state, now);
      break;
    default:
      _get_silence(r, (SilenceState *) state, now);
    }
  return !r->failed;
}

static gboolean
_load_record(AlertEngine *self, Reader *r, gint64 to_engine)
{
  Detector *det = _find_detector(self, (guint32) _get(r, 4));
  gchar key[ALERT_MAX_KEY_LENGTH + 1];
  gsize key_len = _get(r, 1);
  gboolean firing;
  Entry *entry;
  DetState *state;

  _get_bytes(r, key, key_len);
  gint64 last_seen = _get_time(r) + to_engine;
  firing = _get(r, 1) == 1;
  if (r->failed)
    return FALSE;
  if (!det)
    {
      self->lost += firing;
      return TRUE;
    }
  entry = key_len ? alert_engine_entry(self, &self->tables[det->super.key_slot], sip_span(key, key_len)) : NULL;
  if (!entry)
    return TRUE;
  state = alert_engine_state(entry, det);
  if (state->loaded)
    return TRUE;

  Reader incident = *r;
  if (firing)
    r->at += MIN(_incident_size(r), (gsize) (r->end - r->at));
  if (!_load_state(r, state, self->now))
    return FALSE;
  state->loaded = TRUE;
  entry->last_seen = MIN(last_seen, self->now);
  entry->loaded = TRUE;
  if (firing && !(det->super.exclusive && entry->exclusive))
    {
      _get_incident(&incident, state, to_engine, self->now);
      alert_engine_resume(self, state);
    }
  return TRUE;
}

gboolean
alert_engine_block_is_empty(const guint8 *block)
{
  /* where the magic would stand */
  return memcmp(block, "\0\0\0\0", 4) == 0;
}

gboolean
alert_engine_load(AlertEngine *self, gint64 wall, const guint8 *block, gsize size)
{
  Reader header = { block, block + MIN(size, HEADER), FALSE };
  gchar magic[4];

  if (size == 0 || (size >= 4 && alert_engine_block_is_empty(block)))
    return TRUE;
  _get_bytes(&header, magic, 4);
  if (header.failed || memcmp(magic, MAGIC, 4) != 0 || _get(&header, 2) != LAYOUT)
    return FALSE;

  gsize used = _get(&header, 2);
  guint32 crc = (guint32) _get(&header, 4);
  if (header.failed || used < 8 || used > size - HEADER || _crc32(block + HEADER, used) != crc)
    return FALSE;

  Reader r = { block + HEADER, block + HEADER + used, FALSE };
  /* the engine's clock at a wall clock time of the past */
  gint64 to_engine = self->now - wall;
  gint64 saved = _get_time(&r);
  if (saved > wall)
    to_engine = self->now - saved;
  while (r.at < r.end)
    {
      gsize length = _get(&r, 2);

      if (r.failed || (gsize) (r.end - r.at) < length)
        return FALSE;
      Reader record = { r.at, r.at + length, FALSE };
      if (!_load_record(self, &record, to_engine))
        return FALSE;
      r.at += length;
    }
  return TRUE;
}

guint
alert_engine_load_end(AlertEngine *self)
{
  guint lost = self->lost;

  for (guint slot = 0; slot < self->config.n_key_slots; slot++)
    {
      KeyTable *table = &self->tables[slot];
      GList *next;

      /* what has been learnt is worth keeping */
      for (GList *link = table->newcomers.head; link; link = next)
        {
          Entry *entry = link->data;

          next = link->next;
          if (!entry->loaded || table->established.length + table->established.length / 8 >= self->config.max_keys)
            continue;
          entry->loaded = FALSE;
          entry->established = TRUE;
          g_queue_unlink(&table->newcomers, link);
          g_queue_push_head_link(&table->established, link);
        }
    }
  self->lost = 0;
  return lost;
}
