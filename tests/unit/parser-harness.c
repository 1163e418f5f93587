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
#include "parser-harness.h"
#include "plugin/sip-plugin.h"
#include "plugin/syslog-ng-compat.h"

#include <criterion/criterion.h>

#include "apphook.h"
#include "cfg.h"
#include "cfg-parser.h"
#include "cfg-tree.h"
#include "scratch-buffers.h"

void
parser_harness_start(void)
{
  app_startup();
  configuration = cfg_new_snippet();
  sip_module_init(&configuration->plugin_context, NULL);
}

void
parser_harness_stop(void)
{
  scratch_buffers_explicit_gc();
  cfg_free(configuration);
  configuration = NULL;
  app_shutdown();
}

static LogParser *
_first_parser(LogExprNode *node)
{
  for (; node; node = node->next)
    {
      if (node->object)
        return node->object;

      LogParser *parser = _first_parser(node->children);
      if (parser)
        return parser;
    }
  return NULL;
}

LogParser *
parser_harness_parse(const gchar *text)
{
  static gint counter;
  gpointer unused = NULL;
  gchar *name = g_strdup_printf("p_test%d", ++counter);
  gchar *config = g_strdup_printf("parser %s { %s };\n", name, text);
  CfgLexer *lexer = cfg_lexer_new_buffer(configuration, config, strlen(config));
  gboolean success = cfg_run_parser(configuration, lexer, &main_parser, &unused, NULL);
  LogParser *parser = NULL;

  if (success)
    {
      LogExprNode *rule = cfg_tree_get_object(&configuration->tree, ENC_PARSER, name);

      parser = rule ? _first_parser(rule->children) : NULL;
    }
  g_free(config);
  g_free(name);
  return parser;
}

LogParser *
parser_harness_new(const gchar *text)
{
  LogParser *parser = parser_harness_parse(text);

  cr_assert(parser, "refused: %s", text);
  cr_assert(log_pipe_init(&parser->super), "cannot be initialized: %s", text);
  return parser;
}

LogMessage *
parser_harness_message(const gchar *name, ...)
{
  LogMessage *msg = log_msg_new_empty();
  va_list args;

  va_start(args, name);
  while (name)
    {
      log_msg_set_value_by_name(msg, name, va_arg(args, const gchar *), -1);
      name = va_arg(args, const gchar *);
    }
  va_end(args);
  return msg;
}

gboolean
parser_harness_process(LogParser *parser, LogMessage **pmsg)
{
  LogPathOptions path_options = LOG_PATH_OPTIONS_INIT;

  return log_parser_process_message(parser, pmsg, &path_options);
}

const gchar *
parser_harness_value(LogMessage *msg, const gchar *name)
{
  gssize len;
  const gchar *value = log_msg_get_value_by_name(msg, name, &len);
  GString *copy = scratch_buffers_alloc();

  g_string_append_len(copy, value, len);
  return copy->str;
}

gsize
parser_harness_counter(const gchar *name, const gchar *labels)
{
  StatsClusterKey key;
  StatsCounterItem *counter;
  gsize value;

#if HAVE_DECL_STATS_CLUSTER_SINGLE_KEY_LEGACY_SET
  gchar **pairs = g_strsplit(labels, ",", -1);
  guint n = 0;
  StatsClusterLabel cluster_labels[COMPAT_STATS_MAX_LABELS];

  for (; pairs[n]; n++)
    {
      gchar *equals = strchr(pairs[n], '=');

      *equals = '\0';
      cluster_labels[n] = stats_cluster_label(pairs[n], equals + 1);
    }
  stats_cluster_single_key_set(&key, name, cluster_labels, n);
  stats_cluster_single_key_add_legacy_alias(&key, SCS_PARSER, name, labels);
#else
  stats_cluster_single_key_set(&key, SCS_PARSER, name, labels);
#endif

  stats_lock();
  counter = stats_get_counter(&key, SC_TYPE_SINGLE_VALUE);
  value = counter ? stats_counter_get(counter) : 0;
  stats_unlock();

#if HAVE_DECL_STATS_CLUSTER_SINGLE_KEY_LEGACY_SET
  g_strfreev(pairs);
#endif
  return value;
}
