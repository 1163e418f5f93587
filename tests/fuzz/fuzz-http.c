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
 * What goes into HTTP requests, under libFuzzer: every body('...') of the SCL blocks and examples in FUZZ_CONF, as syslog-ng
 * itself writes it, whose modules are in FUZZ_MODULES.  Input: values apart by 0x1e.  If the first byte is odd they are HOST, PROGRAM and a text that
 * sip-status() reads; otherwise raw values for all that sip-status() and sip-alert() ever set, as if nothing had cleaned them.
 * Whatever they are: the body is as many JSON documents as the template has lines, in valid UTF-8, without a raw control
 * character, and every object has names of the template only, each once.
 */
#include "config.h"
#include "status/sip-status-fields.h"
#include "status/sip-status-parser.h"

#include "apphook.h"
#include "cfg.h"
#include "scratch-buffers.h"
#include "template/templates.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEPARATOR 0x1e
#define MAX_BODIES 16
#define MAX_DEPTH 8
#define MAX_NAMES 96

typedef struct _Body
{
  gchar *file;
  LogTemplate *template;
  LogTemplateOptions options;
  GHashTable *names;
  guint documents;
} Body;

/* block arguments without a default, and those that would be empty */
static const gchar *const arguments[][2] =
{
  { "prefix", ".sip." }, { "alertname", "SipAlert" }, { "dataset", "sip.log" }, { "namespace", "default" },
  { "labels", "labels.site=hanoi" }, { "extra", "site=hanoi" }, { "routing-key", "key" },
};

static const gchar *const raw_names[] =
{
  "HOST", "PROGRAM", "MESSAGE", "PID", ".sip.code", ".sip.reason", ".sip.call_id", ".sip.user", ".sip.peer", ".sip.peer_port",
  ".sip.user_agent", ".sip.endpoint", ".sip.event", ".sip.method", ".sip.severity", ".sip.cseq", ".sip.q850", ".sip.codes",
  ".sip.meaning_vi", ".sip.alert_state", ".sip.alert_key", ".sip.alert_severity", ".sip.alert_call_id", ".sip.alert_since",
  ".sip.alert_id", ".sip.alert_count", ".sip.class", ".sipdoc.source", ".sipdoc.source_port", ".sipdoc.ip", ".sipdoc.action",
  ".loki.line",
};

static Body bodies[MAX_BODIES];
static guint n_bodies;
static LogParser *parser;

/* not g_error(): libFuzzer does not catch its signal */
static void
_die(const gchar *file, const gchar *what, const gchar *text)
{
  fprintf(stderr, "%s: %s: %.200s\n", file, what, text);
  abort();
}

/* ---- the bodies -------------------------------------------------------------------------------------------------- */

static gchar *
_fill_in(gchar *text)
{
  GString *result = g_string_new(NULL);
  gchar **parts = g_strsplit(text, "`", -1);

  for (guint i = 0; parts[i]; i++)
    {
      if (i % 2 == 0)
        g_string_append(result, parts[i]);
      else
        for (guint j = 0; j < G_N_ELEMENTS(arguments); j++)
          if (strcmp(parts[i], arguments[j][0]) == 0)
            g_string_append(result, arguments[j][1]);
    }
  g_strfreev(parts);
  g_free(text);
  return g_string_free(result, FALSE);
}

static void
_add_names(GHashTable *names, const gchar *text, const gchar *separators)
{
  gchar **parts = g_strsplit_set(text, separators, -1);

  for (gchar **part = parts; *part; part++)
    if (**part)
      g_hash_table_add(names, g_strdup(*part));
  g_strfreev(parts);
}

/* the names that the template writes: those before `=' and those in quotes before `:', cut at dots; and what --key takes */
static GHashTable *
_names(const gchar *text)
{
  GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  GRegex *regex = g_regex_new("([\\w.@]+)=|\"(\\w+)\":", 0, 0, NULL);
  GMatchInfo *match;

  for (g_regex_match(regex, text, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL))
    for (gint group = 1; group <= 2; group++)
      {
        gchar *name = g_match_info_fetch(match, group);

        _add_names(names, name ? name : "", ".");
        g_free(name);
      }
  g_match_info_free(match);
  g_regex_unref(regex);
  if (strstr(text, "--key"))
    {
      _add_names(names, "sip.id", ".");
      for (guint i = 0; i < G_N_ELEMENTS(raw_names); i++)
        if (g_str_has_prefix(raw_names[i], ".sip."))
          g_hash_table_add(names, g_strdup(raw_names[i] + 5));
      for (gint i = 0; i < SIP_STATUS_FIELD_MAX; i++)
        g_hash_table_add(names, g_strdup(sip_status_field_name(i)));
    }
  return names;
}

static void
_add_body(const gchar *file, gchar *text, gboolean fall_back)
{
  Body *body = &bodies[n_bodies++];
  GError *error = NULL;

  g_assert(n_bodies <= MAX_BODIES);
  body->file = g_strdup(file);
  body->names = _names(text);
  body->template = log_template_new(configuration, NULL);
  if (!log_template_compile(body->template, text, &error))
    _die(file, error->message, text);
  log_template_options_defaults(&body->options);
  log_template_options_init(&body->options, configuration);
  if (fall_back)
    log_template_options_set_on_error(&body->options, ON_ERROR_FALLBACK_TO_STRING);
  body->documents = strstr(text, "}\n{") ? 2 : 1;
  g_free(text);
}

static void
_add_bodies_of(const gchar *file)
{
  gchar *text = NULL;
  static const gchar start[] = "body('";

  if (!g_file_get_contents(file, &text, NULL, NULL))
    _die(file, "cannot be read", "");
  gboolean fall_back = strstr(text, "on-error(\"fallback-to-string\")") != NULL;
  for (gchar *p = strstr(text, start); p; p = strstr(p, start))
    {
      gchar *end;

      p += sizeof(start) - 1;
      end = strchr(p, '\'');
      g_assert(end);
      _add_body(file, _fill_in(g_strndup(p, (gsize) (end - p))), fall_back);
      p = end;
    }
  g_free(text);
}

static LogParser *
_new_parser(void)
{
  LogParser *self = sip_status_parser_new(configuration);
  GList *languages = g_list_append(g_list_append(NULL, g_strdup("en")), g_strdup("vi"));
  GList *fields = NULL;

  for (gint i = 0; i < SIP_STATUS_FIELD_MAX; i++)
    fields = g_list_append(fields, g_strdup(sip_status_field_name(i)));
  g_assert(sip_status_parser_set_fields(self, fields, NULL));
  g_assert(sip_status_parser_set_languages(self, languages, NULL));
  g_assert(sip_status_parser_finish_language(self, NULL));
  g_assert(sip_status_parser_finish(self, NULL));
  g_assert(log_pipe_init(&self->super));
  g_list_free_full(fields, g_free);
  g_list_free_full(languages, g_free);
  return self;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
  gchar **files = g_strsplit(g_getenv("FUZZ_CONF") ? g_getenv("FUZZ_CONF") : "", " ", -1);

  (void) argc;
  (void) argv;
  /* machine code of patterns hides accesses from the sanitizers */
  g_setenv("SIP_STATUS_NO_JIT", "1", TRUE);
  app_startup();
  configuration = cfg_new_snippet();
  plugin_context_set_module_path(&configuration->plugin_context, g_getenv("FUZZ_MODULES"));
  g_assert(cfg_load_module(configuration, "json-plugin") && cfg_load_module(configuration, "basicfuncs"));
  for (gchar **file = files; *file; file++)
    if (**file)
      _add_bodies_of(*file);
  g_strfreev(files);
  if (!n_bodies)
    _die("FUZZ_CONF", "no file with a body", "");
  parser = _new_parser();
  return 0;
}

/* ---- strict JSON --------------------------------------------------------------------------------------------------- */

typedef struct _Json
{
  const gchar *p;
  const Body *body;
} Json;

static void
_fail(const Json *self, const gchar *what)
{
  _die(self->body->file, what, self->p);
}

static void
_expect(Json *self, gchar c)
{
  if (*self->p != c)
    _fail(self, "not JSON");
  self->p++;
}

static GString *
_string(Json *self)
{
  GString *text = g_string_new(NULL);

  _expect(self, '"');
  for (; *self->p != '"'; self->p++)
    {
      if ((guchar) *self->p < 0x20)
        _fail(self, "a control character");
      if (*self->p == '\\')
        {
          self->p++;
          if (!*self->p || !strchr("\"\\/bfnrtu", *self->p))
            _fail(self, "an escape that JSON does not have");
          if (*self->p == 'u')
            for (gint i = 0; i < 4; i++)
              if (!g_ascii_isxdigit(*++self->p))
                _fail(self, "not four digits");
        }
      g_string_append_c(text, *self->p);
    }
  self->p++;
  return text;
}

static void _value(Json *self, gint depth);

static void
_object(Json *self, gint depth)
{
  GString *names[MAX_NAMES];
  guint n = 0;

  _expect(self, '{');
  while (*self->p != '}')
    {
      if (n)
        _expect(self, ',');
      if (n == MAX_NAMES)
        _fail(self, "too many names");
      names[n] = _string(self);
      if (!g_hash_table_contains(self->body->names, names[n]->str))
        _fail(self, names[n]->str);
      for (guint i = 0; i < n; i++)
        if (g_string_equal(names[i], names[n]))
          _fail(self, "a name twice");
      n++;
      _expect(self, ':');
      _value(self, depth);
    }
  self->p++;
  while (n)
    g_string_free(names[--n], TRUE);
}

static void
_array(Json *self, gint depth)
{
  _expect(self, '[');
  if (*self->p != ']')
    for (_value(self, depth); *self->p == ','; _value(self, depth))
      self->p++;
  _expect(self, ']');
}

static void
_number(Json *self)
{
  const gchar *start = self->p;

  if (*self->p == '-')
    self->p++;
  if (self->p[0] == '0' && g_ascii_isdigit(self->p[1]))
    _fail(self, "a number that begins with 0");
  while (*self->p && strchr("0123456789.eE+-", *self->p))
    self->p++;
  if (self->p == start || !g_ascii_isdigit(self->p[-1]))
    _fail(self, "not a number");
}

static void
_value(Json *self, gint depth)
{
  if (depth == MAX_DEPTH)
    _fail(self, "too deep");
  if (*self->p == '{')
    _object(self, depth + 1);
  else if (*self->p == '[')
    _array(self, depth + 1);
  else if (*self->p == '"')
    g_string_free(_string(self), TRUE);
  /* null: 4.x, for what has no value */
  else if (g_str_has_prefix(self->p, "true") || g_str_has_prefix(self->p, "null"))
    self->p += 4;
  else if (g_str_has_prefix(self->p, "false"))
    self->p += 5;
  else
    _number(self);
}

static void
_check_body(const Body *body, const GString *text)
{
  Json json = { .p = text->str, .body = body };

  g_assert(strlen(text->str) == text->len);
  g_assert(g_utf8_validate(text->str, (gssize) text->len, NULL));
  for (guint i = 0; i < body->documents; i++)
    {
      if (i)
        _expect(&json, '\n');
      if (*json.p != '{')
        _fail(&json, "not an object");
      _value(&json, 0);
    }
  if (*json.p)
    _fail(&json, "something behind it");
}

/* ---- a record ------------------------------------------------------------------------------------------------------ */

static gboolean
_is_number(const gchar *p, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isdigit(p[i]))
      return FALSE;
  return len > 0 && len <= 5 && p[0] != '0';
}

static LogMessage *
_record(const uint8_t *data, size_t size)
{
  LogMessage *msg = log_msg_new_empty();
  gboolean read = size && data[0] & 1;
  const gchar *p = (const gchar *) data + 1;
  const gchar *end = (const gchar *) data + size;
  LogPathOptions path_options = LOG_PATH_OPTIONS_INIT;

  log_msg_set_value_by_name(msg, ".sip.id", "1-2", -1);
  for (guint i = 0; size && p <= end && i < (read ? 3 : G_N_ELEMENTS(raw_names)); i++)
    {
      const gchar *next = p < end ? memchr(p, SEPARATOR, (gsize) (end - p)) : NULL;

      /* the last of the three is all the rest */
      if (!next || (read && i == 2))
        next = end;
      gsize len = (gsize) (next - p);
      /* syslog-ng writes "+1", "01" and what stands behind a NUL as a number: here only what sip-status() can set */
      if (!read && (g_str_has_suffix(raw_names[i], "code") || g_str_has_suffix(raw_names[i], "port")))
        len = _is_number(p, len) ? len : 0;
      log_msg_set_value_by_name(msg, raw_names[i], p, (gssize) len);
      p = next + 1;
    }
  if (read)
    {
      log_parser_process_message(parser, &msg, &path_options);
      /* as sip-elasticsearch() sets it */
      gchar *port = g_strdup(log_msg_get_value_by_name(msg, ".sip.peer_port", NULL));

      log_msg_set_value_by_name(msg, ".sipdoc.source_port", port, -1);
      g_free(port);
    }
  return msg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  LogMessage *msg = _record(data, size);
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < n_bodies; i++)
    {
      LogTemplateEvalOptions options = { .opts = &bodies[i].options, .tz = LTZ_SEND, .context_id_type = LM_VT_STRING };

      log_template_format(bodies[i].template, msg, &options, text);
      _check_body(&bodies[i], text);
    }
  g_string_free(text, TRUE);
  log_msg_unref(msg);
  scratch_buffers_explicit_gc();
  return 0;
}
