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

#ifndef SIP_SYSLOG_NG_COMPAT_H_INCLUDED
#define SIP_SYSLOG_NG_COMPAT_H_INCLUDED

/*
 * The differences between the syslog-ng versions this module is built for
 * (3.38, 4.8, 4.12), by configure's feature tests.  Nothing else in the tree
 * asks for a version.
 */

#include "config.h"
#include "cfg.h"
#include "mainloop-worker.h"
#include "logmsg/logmsg.h"
#include "parser/parser-expr.h"
#include "stats/stats-registry.h"
#include "stats/stats-cluster-single.h"

/* integer-typed name-value pairs: 3.x calls the same number INT64 */
#if !HAVE_DECL_LM_VT_INTEGER
#define LM_VT_INTEGER LM_VT_INT64
#endif

/* what template() was set to, or NULL */
static inline LogTemplate *
compat_log_parser_template(LogParser *self)
{
#ifdef HAVE_LOGPARSER_TEMPLATE_OBJ
  return self->template_obj;
#else
  return self->template;
#endif
}

/* a template as the user wrote it */
static inline const gchar *
compat_log_template_text(const LogTemplate *self)
{
#ifdef HAVE_LOGTEMPLATE_TEMPLATE_STR
  return self->template_str;
#else
  return self->template;
#endif
}

/* copies the options of the base class to a clone */
static inline void
compat_log_parser_clone_settings(LogParser *self, LogParser *cloned)
{
#if HAVE_DECL_LOG_PARSER_CLONE_SETTINGS
  log_parser_clone_settings(self, cloned);
#else
  log_parser_set_template(cloned, log_template_ref(compat_log_parser_template(self)));
#endif
}

/* hands a value over to the next configuration, see cfg_persist_config_fetch() */
static inline void
compat_cfg_persist_config_add(GlobalConfig *cfg, const gchar *name, gpointer value, GDestroyNotify destroy)
{
#ifdef HAVE_CFG_PERSIST_CONFIG_ADD_FORCE
  cfg_persist_config_add(cfg, name, value, destroy, FALSE);
#else
  cfg_persist_config_add(cfg, name, value, destroy);
#endif
}

/* which worker thread this is: 0..n, negative in threads that are no worker */
static inline gint
compat_worker_index(void)
{
#if HAVE_DECL_MAIN_LOOP_WORKER_GET_THREAD_INDEX
  return main_loop_worker_get_thread_index();
#else
  return main_loop_worker_get_thread_id();
#endif
}

/*
 * Counters have a name and labels in 4.x; 3.x knows a component, an id and an
 * instance.  The same facts are given in both ways, so that the CSV of
 * `syslog-ng-ctl stats' is the same everywhere.
 */
typedef struct _CompatStatsLabel
{
  const gchar *name;
  const gchar *value;
} CompatStatsLabel;

#define COMPAT_STATS_MAX_LABELS 8

/*
 * Registers `syslogng_NAME{labels}' and, in the CSV, `parser;NAME;name=value,...;a;value;N'.
 * Returns what must be incremented: NULL if stats-level() does not want it.
 */
static inline StatsCounterItem *
compat_stats_register_single(gint level, const gchar *name, const CompatStatsLabel *labels, gsize n_labels)
{
  StatsCounterItem *counter = NULL;
  StatsClusterKey key;
  GString *instance = g_string_new(NULL);

  g_assert(n_labels <= COMPAT_STATS_MAX_LABELS);
  for (gsize i = 0; i < n_labels; i++)
    g_string_append_printf(instance, "%s%s=%s", i ? "," : "", labels[i].name, labels[i].value);

#if HAVE_DECL_STATS_CLUSTER_SINGLE_KEY_LEGACY_SET
  StatsClusterLabel cluster_labels[COMPAT_STATS_MAX_LABELS];
  for (gsize i = 0; i < n_labels; i++)
    cluster_labels[i] = stats_cluster_label(labels[i].name, labels[i].value);
  stats_cluster_single_key_set(&key, name, cluster_labels, n_labels);
  stats_cluster_single_key_add_legacy_alias(&key, SCS_PARSER, name, instance->str);
#else
  stats_cluster_single_key_set(&key, SCS_PARSER, name, instance->str);
#endif

  stats_lock();
  stats_register_counter(level, &key, SC_TYPE_SINGLE_VALUE, &counter);
  stats_unlock();

  g_string_free(instance, TRUE);
  return counter;
}

#endif
