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
 * alert-threads THREADS RECORDS: one sip-alert(), fed by several threads at once.  Every key fires exactly once, and no
 * record is lost.  Built with ThreadSanitizer by tests/hardening/check-alert, which does not know GLib's own mutex:
 * that of the parser is replaced by pthread's.
 */
#include "config.h"
#include "parser-harness.h"

#include "apphook.h"
#include "cfg.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 20

typedef struct _Sink
{
  LogPipe super;
  gint alerts;
  gint records;
} Sink;

static LogParser *parser;
static gint n_records;

static void
_queue(LogPipe *s, LogMessage *msg, const LogPathOptions *path_options)
{
  Sink *self = (Sink *) s;
  gssize len;
  gboolean alert = strcmp(log_msg_get_value(msg, LM_V_PROGRAM, &len), "sip-alert") == 0;

  g_atomic_int_inc(alert ? &self->alerts : &self->records);
  log_msg_drop(msg, path_options, AT_PROCESSED);
}

static gpointer
_feed(gpointer data)
{
  gint serial = GPOINTER_TO_INT(data);

  app_thread_start();
  for (gint i = 0; i < n_records; i++)
    {
      LogPathOptions path_options = LOG_PATH_OPTIONS_INIT;
      gchar *call_id = g_strdup_printf("%d-%d", serial, i);
      gchar *host = g_strdup_printf("pbx%d", i % KEYS);
      LogMessage *msg = parser_harness_message(".sip.code", "503", ".sip.method", "INVITE", ".sip.call_id", call_id, NULL);

      log_msg_set_value(msg, LM_V_HOST, host, -1);
      log_pipe_queue(&parser->super, msg, &path_options);
      g_free(call_id);
      g_free(host);
    }
  app_thread_stop();
  return NULL;
}

int
main(int argc, char **argv)
{
  gint n_threads = argc == 3 ? atoi(argv[1]) : 0;
  GThread *threads[64];
  Sink sink = { 0 };

  if (n_threads < 1 || n_threads > 64)
    return 2;
  n_records = atoi(argv[2]);
  parser_harness_start();
  parser = parser_harness_parse("sip-alert(detector(\"plain\" class(\"5xx\") count(5) window(60)) max-keys(100));");
  if (!parser || !log_pipe_init(&parser->super))
    return 1;
  log_pipe_init_instance(&sink.super, configuration);
  sink.super.queue = _queue;
  log_pipe_init(&sink.super);
  log_pipe_append(&parser->super, &sink.super);

  /* what GLib makes once; ThreadSanitizer does not see how it is handed to other threads */
  g_get_host_name();
  for (gint i = 0; i < n_threads; i++)
    threads[i] = g_thread_new("feed", _feed, GINT_TO_POINTER(i));
  for (gint i = 0; i < n_threads; i++)
    g_thread_join(threads[i]);
  printf("%d records, %d alerts\n", sink.records, sink.alerts);
  log_pipe_deinit(&parser->super);
  return sink.records == n_threads * n_records && sink.alerts == KEYS ? 0 : 1;
}
