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
#include "status/sip-status-counters.h"
#include "plugin/syslog-ng-compat.h"
#include "core/sip-codes.h"

#define STATS_LEVEL 0

#define N_CODES (SIP_CODE_MAX - SIP_CODE_MIN + 1)
#define N_CLASSES 6
#define MAX_GROUP_NAME 64
#define OVERFLOW_GROUP "_other"

typedef enum
{
  METHOD_INVITE,
  METHOD_REGISTER,
  METHOD_OPTIONS,
  METHOD_OTHER,
  METHOD_UNKNOWN,
  METHOD_MAX
} Method;

typedef enum
{
  DIRECTION_SENT,
  DIRECTION_RECEIVED,
  DIRECTION_UNKNOWN,
  DIRECTION_MAX
} Direction;

static const gchar *const method_names[METHOD_MAX] = { "INVITE", "REGISTER", "OPTIONS", "other", "unknown" };
static const gchar *const direction_names[DIRECTION_MAX] = { "sent", "received", "unknown" };
static const gchar *const class_names[N_CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx", "6xx" };

/* the series of one code in one group */
typedef struct _CodeSeries
{
  gboolean is_other;            /* shared by the codes of a class that have no series of their own */
  gchar label[8];
  StatsCounterItem *counters[METHOD_MAX][DIRECTION_MAX];        /* atomic; NULL: not registered yet */
} CodeSeries;

/*
 * All series of one group.  Readers take no lock: pointers go from NULL to
 * their final value once, under series_lock, and nothing is ever freed.
 */
typedef struct _GroupSeries
{
  gchar *name;                  /* NULL: no group() */
  CodeSeries *codes[N_CODES];   /* atomic */
  CodeSeries *others[N_CLASSES];
  guint n_foreign_codes;
} GroupSeries;

static GMutex series_lock;
static GHashTable *series_by_group;     /* name -> GroupSeries; a group() cannot yield the key of the NULL name */
static guint n_named_groups;            /* those that are not OVERFLOW_GROUP */
static StatsCounterItem *parsed_counter;
static StatsCounterItem *unmatched_counter;
static StatsCounterItem *labels_dropped_counter;

/* stands for a counter that stats-level() does not want, so that it is not asked for again */
static StatsCounterItem unwanted_counter;

static StatsCounterItem *
_register(const gchar *name, const CompatStatsLabel *labels, gsize n_labels)
{
  StatsCounterItem *counter = compat_stats_register_single(STATS_LEVEL, name, labels, n_labels);

  return counter ? counter : &unwanted_counter;
}

static StatsCounterItem *
_register_line_series(const GroupSeries *group, const gchar *code, const gchar *class_, const gchar *method,
                      const gchar *direction)
{
  const CompatStatsLabel labels[] =
  {
    { "code", code },
    { "class", class_ },
    { "method", method },
    { "direction", direction },
    { "group", group->name },
  };

  return _register("sip_status_lines_total", labels, G_N_ELEMENTS(labels) - (group->name ? 0 : 1));
}

/*
 * So that a sum by class is 0, and not absent, before the first line of that
 * class: a series of each class that is never counted up.
 */
static void
_register_zeroes(const GroupSeries *group)
{
  for (gint i = 0; i < N_CLASSES; i++)
    _register_line_series(group, "none", class_names[i], method_names[METHOD_UNKNOWN],
                          direction_names[DIRECTION_UNKNOWN]);
}

/* The group, made if need be.  NULL: there are MAX_GROUPS with a name already. */
static GroupSeries *
_group_series_get(const gchar *name, guint max_groups)
{
  static const gchar *const ungrouped_key = "";

  g_mutex_lock(&series_lock);
  if (!series_by_group)
    {
      series_by_group = g_hash_table_new(g_str_hash, g_str_equal);
      parsed_counter = _register("sip_status_parsed_total", NULL, 0);
      unmatched_counter = _register("sip_status_unmatched_total", NULL, 0);
      labels_dropped_counter = _register("sip_status_labels_dropped_total", NULL, 0);
    }
  GroupSeries *group = g_hash_table_lookup(series_by_group, name ? name : ungrouped_key);
  gboolean named = name && strcmp(name, OVERFLOW_GROUP) != 0;
  if (!group && (!named || n_named_groups < max_groups))
    {
      if (named)
        n_named_groups++;
      group = g_new0(GroupSeries, 1);
      group->name = g_strdup(name);
      g_hash_table_insert(series_by_group, name ? group->name : (gchar *) ungrouped_key, group);
      _register_zeroes(group);
    }
  g_mutex_unlock(&series_lock);
  return group;
}

static CodeSeries *
_code_series_new(gboolean is_other, const gchar *label)
{
  CodeSeries *series = g_new0(CodeSeries, 1);

  series->is_other = is_other;
  g_strlcpy(series->label, label, sizeof(series->label));
  return series;
}

/* with series_lock held */
static CodeSeries *
_group_series_add_code(GroupSeries *group, gint code, gboolean registered)
{
  gchar label[8];
  gint class_index = code / 100 - 1;

  if (registered || group->n_foreign_codes < SIP_STATUS_MAX_FOREIGN_CODES)
    {
      if (!registered)
        group->n_foreign_codes++;
      g_snprintf(label, sizeof(label), "%d", code);
      return _code_series_new(FALSE, label);
    }

  if (!group->others[class_index])
    group->others[class_index] = _code_series_new(TRUE, "_other");
  return group->others[class_index];
}

static CodeSeries *
_group_series_get_code(GroupSeries *group, gint code, gboolean registered)
{
  CodeSeries **slot = &group->codes[code - SIP_CODE_MIN];
  CodeSeries *series = g_atomic_pointer_get(slot);

  if (G_LIKELY(series))
    return series;

  g_mutex_lock(&series_lock);
  series = *slot;
  if (!series)
    {
      series = _group_series_add_code(group, code, registered);
      g_atomic_pointer_set(slot, series);
    }
  g_mutex_unlock(&series_lock);
  return series;
}

static StatsCounterItem *
_code_series_get_counter(CodeSeries *self, const GroupSeries *group, gint code, Method method, Direction direction)
{
  StatsCounterItem **slot = &self->counters[method][direction];
  StatsCounterItem *counter = g_atomic_pointer_get(slot);

  if (G_LIKELY(counter))
    return counter;

  g_mutex_lock(&series_lock);
  counter = *slot;
  if (!counter)
    {
      counter = _register_line_series(group, self->label, class_names[code / 100 - 1], method_names[method],
                                      direction_names[direction]);
      g_atomic_pointer_set(slot, counter);
    }
  g_mutex_unlock(&series_lock);
  return counter;
}

static Method
_method(SipSpan method)
{
  if (!method.ptr)
    return METHOD_UNKNOWN;
  switch (method.len)
    {
    case 6:
      return memcmp(method.ptr, "INVITE", 6) == 0 ? METHOD_INVITE : METHOD_OTHER;
    case 7:
      return memcmp(method.ptr, "OPTIONS", 7) == 0 ? METHOD_OPTIONS : METHOD_OTHER;
    case 8:
      return memcmp(method.ptr, "REGISTER", 8) == 0 ? METHOD_REGISTER : METHOD_OTHER;
    default:
      return METHOD_OTHER;
    }
}

static Direction
_direction(SipSpan direction)
{
  if (sip_span_eq(direction, "sent"))
    return DIRECTION_SENT;
  if (sip_span_eq(direction, "received"))
    return DIRECTION_RECEIVED;
  return DIRECTION_UNKNOWN;
}

/* ---- one parser's view ----------------------------------------------------- */

/*
 * What one worker thread has counted since its batch began.  Passed on at the
 * end of the batch, so that no two threads share a cache line for each record.
 */
typedef struct _WorkerCounts
{
  WorkerBatchCallback callback;
  gsize parsed;
  gsize unmatched;
  gboolean pending;
  gchar padding[128 - sizeof(WorkerBatchCallback) - 3 * sizeof(gsize)];
} WorkerCounts;

#define MAX_WORKERS 64

struct _SipStatusCounters
{
  WorkerCounts workers[MAX_WORKERS];

  GroupSeries *ungrouped;       /* without group() */

  /* With group(): an open hash of the groups this parser has seen.  Atomic pointers, only ever added to. */
  GroupSeries **groups;
  guint32 groups_mask;
  guint n_groups;
  guint max_groups;
  GroupSeries *overflow;        /* once set, no group is added */
  GMutex groups_lock;
};

static gpointer
_pass_on(gpointer user_data)
{
  WorkerCounts *counts = user_data;

  stats_counter_add(parsed_counter, counts->parsed);
  stats_counter_add(unmatched_counter, counts->unmatched);
  counts->parsed = counts->unmatched = 0;
  counts->pending = FALSE;
  return NULL;
}

void
sip_status_counters_record(SipStatusCounters *self, gboolean matched)
{
  gint worker = compat_worker_index();

  if (G_UNLIKELY(worker < 0 || worker >= MAX_WORKERS))
    {
      stats_counter_inc(matched ? parsed_counter : unmatched_counter);
      return;
    }

  WorkerCounts *counts = &self->workers[worker];
  if (matched)
    counts->parsed++;
  else
    counts->unmatched++;
  if (!counts->pending)
    {
      counts->pending = TRUE;
      main_loop_worker_register_batch_callback(&counts->callback);
    }
}

/* A host name or the like as a label: what could disturb the CSV or a query becomes `_'. */
static guint32
_format_group_name(gchar *buf, SipSpan value)
{
  guint32 hash = 2166136261u;
  gsize len = MIN(value.len, MAX_GROUP_NAME);

  if (len == 0)
    return _format_group_name(buf, sip_span_str("_none"));

  for (gsize i = 0; i < len; i++)
    {
      gchar c = value.ptr[i];

      if (!g_ascii_isalnum(c) && !strchr(".:@+-/[]", c))
        c = '_';
      buf[i] = c;
      hash = (hash ^ (guchar) c) * 16777619u;
    }
  buf[len] = '\0';
  return hash;
}

/* the slot of the name: holding its group, or empty */
static GroupSeries **
_find_slot(SipStatusCounters *self, const gchar *name, guint32 hash)
{
  for (guint32 i = hash & self->groups_mask;; i = (i + 1) & self->groups_mask)
    {
      GroupSeries *group = g_atomic_pointer_get(&self->groups[i]);

      if (!group || strcmp(group->name, name) == 0)
        return &self->groups[i];
    }
}

static GroupSeries *
_add_group(SipStatusCounters *self, const gchar *name, guint32 hash)
{
  GroupSeries *group;

  g_mutex_lock(&self->groups_lock);
  GroupSeries **slot = _find_slot(self, name, hash);
  group = *slot;
  if (!group)
    {
      group = self->n_groups < self->max_groups ? _group_series_get(name, self->max_groups) : NULL;
      if (group)
        {
          self->n_groups++;
          g_atomic_pointer_set(slot, group);
        }
      else
        {
          if (!self->overflow)
            g_atomic_pointer_set(&self->overflow, _group_series_get(OVERFLOW_GROUP, 0));
          group = self->overflow;
        }
    }
  g_mutex_unlock(&self->groups_lock);
  return group;
}

static GroupSeries *
_get_group(SipStatusCounters *self, SipSpan value)
{
  gchar name[MAX_GROUP_NAME + 1];

  if (self->ungrouped)
    return self->ungrouped;

  guint32 hash = _format_group_name(name, value);
  GroupSeries *group = g_atomic_pointer_get(_find_slot(self, name, hash));
  if (G_LIKELY(group))
    return group;

  /* once full, it stays full: no lock for each line of a flood of new groups */
  group = g_atomic_pointer_get(&self->overflow);
  if (group)
    return group;
  return _add_group(self, name, hash);
}

void
sip_status_counters_line(SipStatusCounters *self, gint code, gboolean registered,
                         SipSpan method, SipSpan direction, SipSpan group_value)
{
  GroupSeries *group = _get_group(self, group_value);
  CodeSeries *series = _group_series_get_code(group, code, registered);

  stats_counter_inc(_code_series_get_counter(series, group, code, _method(method), _direction(direction)));
  if (G_UNLIKELY(series->is_other || group == self->overflow))
    stats_counter_inc(labels_dropped_counter);
}

/* What was there before a reload stays, and is within the bound: a group of then is a group of now. */
static void
_take_over_groups(SipStatusCounters *self)
{
  GHashTableIter iter;
  gpointer group;

  g_mutex_lock(&series_lock);
  g_hash_table_iter_init(&iter, series_by_group);
  while (self->n_groups < self->max_groups && g_hash_table_iter_next(&iter, NULL, &group))
    {
      gchar name[MAX_GROUP_NAME + 1];

      if (!((GroupSeries *) group)->name || strcmp(((GroupSeries *) group)->name, OVERFLOW_GROUP) == 0)
        continue;
      guint32 hash = _format_group_name(name, sip_span_str(((GroupSeries *) group)->name));
      *_find_slot(self, name, hash) = group;
      self->n_groups++;
    }
  g_mutex_unlock(&series_lock);
}

SipStatusCounters *
sip_status_counters_new(gboolean grouped, guint max_groups)
{
  SipStatusCounters *self = g_new0(SipStatusCounters, 1);

  for (gint i = 0; i < MAX_WORKERS; i++)
    {
      worker_batch_callback_init(&self->workers[i].callback);
      self->workers[i].callback.func = _pass_on;
      self->workers[i].callback.user_data = &self->workers[i];
    }
  g_mutex_init(&self->groups_lock);

  /* registers the counters of all records, too */
  GroupSeries *ungrouped = _group_series_get(NULL, 0);
  if (grouped)
    {
      guint32 size = 16;

      while (size < 2 * (max_groups + 1))
        size *= 2;
      self->groups = g_new0(GroupSeries *, size);
      self->groups_mask = size - 1;
      self->max_groups = max_groups;
      _take_over_groups(self);
    }
  else
    self->ungrouped = ungrouped;
  return self;
}

void
sip_status_counters_free(SipStatusCounters *self)
{
  for (gint i = 0; i < MAX_WORKERS; i++)
    {
      if (self->workers[i].pending)
        {
          iv_list_del_init(&self->workers[i].callback.list);
          _pass_on(&self->workers[i]);
        }
    }
  g_mutex_clear(&self->groups_lock);
  g_free(self->groups);
  g_free(self);
}
