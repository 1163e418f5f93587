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
#include "status/sip-status-parser.h"
#include "status/sip-status-counters.h"
#include "status/sip-status-fields.h"
#include "plugin/syslog-ng-compat.h"
#include "core/sip-codes.h"
#include "core/sip-scan.h"
#include "core/sip-text.h"

#include "scratch-buffers.h"

#include <string.h>

#define DEFAULT_PREFIX ".sip."
#define MAX_PREFIX 128
#define MAX_LANGUAGES 16

/* no value taken from a line is longer */
#define MAX_VALUE 256

typedef struct _SipStatusParser
{
  LogParser super;

  /* options, read-only after finish() */
  gchar *prefix;
  GList *languages;             /* as written; NULL: English */
  GList *dialects;              /* names of built-in dialects; NULL with no_dialects unset: all */
  gboolean no_dialects;
  GList *severities;            /* pairs, as written */
  SipStatusFields fields;
  gboolean drop_unmatched;
  LogTemplate *group;
  guint max_groups;

  /* what finish() makes of them, shared by clones */
  SipRules *rules;
  SipCodes *codes;
  NVHandle handles[SIP_STATUS_FIELD_MAX];
  gint n_meanings;
  struct
  {
    NVHandle handle;
    gint language;
  } meanings[MAX_LANGUAGES];
  NVHandle rawmsg_handle;
  guint wanted;                 /* bits of the SipField that the scanner has to look for */

  /* at run time */
  SipStatusCounters *counters;
} SipStatusParser;

G_DEFINE_QUARK(sip-status-error-quark, sip_status_error)

/* what goes on the record as the line has it */
static const struct
{
  SipField from;
  SipStatusField to;
} spans[] =
{
  { SIP_FIELD_METHOD, SIP_STATUS_FIELD_METHOD },
  { SIP_FIELD_CALL_ID, SIP_STATUS_FIELD_CALL_ID },
  { SIP_FIELD_PEER, SIP_STATUS_FIELD_PEER },
  { SIP_FIELD_PEER_PORT, SIP_STATUS_FIELD_PEER_PORT },
  { SIP_FIELD_DIRECTION, SIP_STATUS_FIELD_DIRECTION },
  { SIP_FIELD_USER, SIP_STATUS_FIELD_USER },
  { SIP_FIELD_ENDPOINT, SIP_STATUS_FIELD_ENDPOINT },
  { SIP_FIELD_EVENT, SIP_STATUS_FIELD_EVENT },
  { SIP_FIELD_CSEQ, SIP_STATUS_FIELD_CSEQ },
  { SIP_FIELD_USER_AGENT, SIP_STATUS_FIELD_USER_AGENT },
  { SIP_FIELD_Q850, SIP_STATUS_FIELD_Q850 },
  { SIP_FIELD_REASON_CODE, SIP_STATUS_FIELD_REASON_CODE },
};

/* ---- the scanner of this thread -------------------------------------------- */

static void
_free_scanner(gpointer scanner)
{
  sip_scanner_free(scanner);
}

/*
 * Frees the scanner when the thread ends; the variable beside it is the quick way to it.  One pointer fits into what the C
 * library sets aside for the thread variables of modules, which are otherwise asked for by a call.
 */
static GPrivate scanner_owner = G_PRIVATE_INIT(_free_scanner);
static __thread SipScanner *thread_scanner __attribute__((tls_model("initial-exec")));

static SipScanner *
_get_scanner(void)
{
  if (G_UNLIKELY(!thread_scanner))
    {
      thread_scanner = sip_scanner_new();
      g_private_set(&scanner_owner, thread_scanner);
    }
  return thread_scanner;
}

/* ---- buffers for one record -------------------------------------------------- */

/* few records need one */
typedef struct _Scratch
{
  ScratchBuffersMarker marker;
  gboolean used;
} Scratch;

static GString *
_scratch_alloc(Scratch *self)
{
  if (!self->used)
    scratch_buffers_mark(&self->marker);
  self->used = TRUE;
  return scratch_buffers_alloc();
}

static inline void
_scratch_reclaim(Scratch *self)
{
  if (G_UNLIKELY(self->used))
    scratch_buffers_reclaim_marked(self->marker);
}

/* ---- finding the status ---------------------------------------------------- */

static inline SipSpan
_value(const LogMessage *msg, NVHandle handle)
{
  gssize len;
  const gchar *value = log_msg_get_value(msg, handle, &len);

  return sip_span(value, len);
}

static inline gboolean
_starts_with(SipSpan text, const gchar *prefix, gsize prefix_len)
{
  return text.len >= prefix_len && memcmp(text.ptr, prefix, prefix_len) == 0;
}

#define STARTS_WITH(text, literal) _starts_with(text, literal, sizeof(literal) - 1)

/*
 * What syslog-ng makes of a record whose header it cannot parse:
 * `Error processing log message: <13>1>@< SIP/2.0 486 Busy Here', with a mark
 * where it gave up.  Returns the record as it was.
 */
#define PARSE_ERROR_PREFIX "Error processing log message: "
#define PARSE_ERROR_MARK ">@<"

static SipSpan
_undo_parse_error(Scratch *scratch, SipSpan text)
{
  const gsize prefix_len = sizeof(PARSE_ERROR_PREFIX) - 1;
  const gsize mark_len = sizeof(PARSE_ERROR_MARK) - 1;
  SipSpan rest = sip_span(text.ptr + prefix_len, text.len - prefix_len);
  const gchar *mark = memmem(rest.ptr, rest.len, PARSE_ERROR_MARK, mark_len);

  if (!mark)
    return rest;

  GString *joined = _scratch_alloc(scratch);
  g_string_append_len(joined, rest.ptr, mark - rest.ptr);
  g_string_append_len(joined, mark + mark_len, rest.ptr + rest.len - (mark + mark_len));
  return sip_span(joined->str, joined->len);
}

/* codes whose registered phrase HTTP has, too */
static gboolean
_phrase_is_http(gint code)
{
  static const guint16 shared[] =
  {
    100, 200, 202, 204, 300, 301, 302, 305, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 412, 413, 414, 415, 416,
    428, 429, 500, 501, 502, 503, 504, 505,
  };

  for (gsize i = 0; i < G_N_ELEMENTS(shared); i++)
    {
      if (shared[i] == code)
        return TRUE;
    }
  return FALSE;
}

static gboolean
_begins_with_phrase_of(const SipCodes *codes, SipSpan text, gint code)
{
  const SipCode *row = sip_codes_lookup(codes, code, SIP_SPAN_NONE);
  gsize phrase_len;

  if (!row || !row->registered || _phrase_is_http(code))
    return FALSE;
  phrase_len = strlen(row->phrase);
  return phrase_len > 0 && text.len >= phrase_len && g_ascii_strncasecmp(text.ptr, row->phrase, phrase_len) == 0;
}

static gboolean
_is_code(SipSpan text)
{
  return text.len == 3 && text.ptr[0] >= '1' && text.ptr[0] <= '6'
         && g_ascii_isdigit(text.ptr[1]) && g_ascii_isdigit(text.ptr[2]);
}

static gboolean
_rawmsg_has_status_line(SipStatusParser *self, const LogMessage *msg, SipSpan code)
{
  SipSpan rawmsg = _value(msg, self->rawmsg_handle);
  gchar status_line[] = "SIP/2.0 000";

  memcpy(status_line + sizeof("SIP/2.0 ") - 1, code.ptr, code.len);
  return memmem(rawmsg.ptr, rawmsg.len, status_line, sizeof(status_line) - 1) != NULL;
}

/*
 * A device that sends a bare status line makes syslog-ng take its pieces for
 * header fields:
 *
 *   SIP/2.0 486 Busy Here                        PROGRAM=SIP/2.0, MESSAGE=486 Busy Here
 *   <134>Jan  1 00:00:00 SIP/2.0 486 Busy Here   HOST=SIP/2.0 (if kept), PROGRAM=486, MESSAGE=Busy Here
 *
 * Puts them together again, if that is what they were.  A program named 486
 * alone proves nothing.
 */
static gboolean
_scan_header_remains(SipStatusParser *self, Scratch *scratch, LogMessage *msg, SipSpan program, SipSpan text,
                     SipScanResult *result)
{
  GString *line;

  if (sip_span_eq(program, "SIP/2.0"))
    {
      line = _scratch_alloc(scratch);
      g_string_assign(line, "SIP/2.0 ");
    }
  else if (_is_code(program))
    {
      gint code = (program.ptr[0] - '0') * 100 + (program.ptr[1] - '0') * 10 + (program.ptr[2] - '0');

      if (!sip_span_eq(_value(msg, LM_V_HOST), "SIP/2.0")
          && !_rawmsg_has_status_line(self, msg, program)
          && !_begins_with_phrase_of(self->codes, text, code))
        return FALSE;
      line = _scratch_alloc(scratch);
      g_string_assign(line, "SIP/2.0 ");
      g_string_append_len(line, program.ptr, program.len);
      g_string_append_c(line, ' ');
    }
  else
    return FALSE;

  g_string_append_len(line, text.ptr, text.len);
  return sip_scan_for(self->rules, _get_scanner(), SIP_SPAN_NONE, sip_span(line->str, line->len), self->wanted, result);
}

/* TRUE if the record shows a status or an event.  The spans of the result live as long as msg and scratch buffers do. */
static gboolean
_find_status(SipStatusParser *self, Scratch *scratch, LogMessage *msg, SipSpan text, SipScanResult *result)
{
  gboolean is_message = !compat_log_parser_template(&self->super);
  SipSpan program = _value(msg, LM_V_PROGRAM);

  if (G_UNLIKELY(is_message && STARTS_WITH(text, PARSE_ERROR_PREFIX) && sip_span_eq(program, "syslog-ng")))
    {
      text = _undo_parse_error(scratch, text);
      program = SIP_SPAN_NONE;
    }
  else if (G_UNLIKELY(msg->flags & LF_INTERNAL))
    {
      /* syslog-ng's own records: they can carry the HTTP status of a destination */
      return FALSE;
    }
  else if (G_UNLIKELY(sip_span_eq(program, "sip-alert")))
    {
      return FALSE;
    }

  if (sip_scan_for(self->rules, _get_scanner(), program, text, self->wanted, result))
    return TRUE;

  return is_message && _scan_header_remains(self, scratch, msg, program, text, result);
}

/* ---- putting it on the record ---------------------------------------------- */

/* a bit in each byte that is not from 0x20 to 0x7e */
static inline guint64
_not_printable(guint64 bytes)
{
  const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);

  return ((bytes - 0x20 * ones) | (bytes + ones) | bytes) & (0x80 * ones);
}

static gboolean
_is_printable_ascii(SipSpan text)
{
  gsize i = 0;

  for (; i + 8 <= text.len; i += 8)
    {
      guint64 bytes;

      memcpy(&bytes, text.ptr + i, sizeof(bytes));
      /* a borrow or carry can only mark a byte too many: then each is looked at */
      if (_not_printable(bytes))
        break;
    }
  for (; i < text.len; i++)
    {
      guchar c = text.ptr[i];

      if (c < 0x20 || c > 0x7e)
        return FALSE;
    }
  return TRUE;
}

/* Text from a line as valid UTF-8 of at most MAX_VALUE bytes: controls become blanks, bad bytes U+FFFD. */
static gsize
_sanitize(gchar *buf, SipSpan text)
{
  const gchar *p = text.ptr;
  const gchar *end = text.ptr + text.len;
  gsize len = 0;

  while (p < end)
    {
      gchar encoded[6];
      gint encoded_len = g_unichar_to_utf8(sip_text_next(&p, end), encoded);

      if (len + encoded_len > MAX_VALUE)
        break;
      memcpy(buf + len, encoded, encoded_len);
      len += encoded_len;
    }
  return len;
}

static void
_set_text(LogMessage *msg, NVHandle handle, SipSpan text)
{
  if (text.len == 0)
    return;

  if (G_LIKELY(text.len <= MAX_VALUE && _is_printable_ascii(text)))
    {
      log_msg_set_value(msg, handle, text.ptr, text.len);
      return;
    }

  gchar buf[MAX_VALUE];
  log_msg_set_value(msg, handle, buf, _sanitize(buf, text));
}

/* a string of the code table */
static inline void
_set_fact(SipStatusParser *self, LogMessage *msg, SipStatusField field, const gchar *fact)
{
  if (sip_status_fields_have(self->fields, field) && fact[0])
    log_msg_set_value(msg, self->handles[field], fact, -1);
}

static void
_format_code(gchar buf[3], gint code)
{
  buf[0] = '0' + code / 100;
  buf[1] = '0' + code / 10 % 10;
  buf[2] = '0' + code % 10;
}

static void
_set_codes(SipStatusParser *self, LogMessage *msg, const SipScanResult *result)
{
  gchar buf[SIP_SCAN_MAX_CODES * 4];
  gsize len = 0;

  for (guint i = 0; i < result->n_codes && i < SIP_SCAN_MAX_CODES; i++)
    {
      if (i)
        buf[len++] = ',';
      _format_code(buf + len, result->codes[i]);
      len += 3;
    }
  if (len)
    log_msg_set_value(msg, self->handles[SIP_STATUS_FIELD_CODES], buf, len);
}

static void
_set_code(SipStatusParser *self, LogMessage *msg, const SipScanResult *result, const SipCode *code)
{
  SipSpan reason = result->field[SIP_FIELD_REASON];

  if (sip_status_fields_have(self->fields, SIP_STATUS_FIELD_CODE))
    {
      gchar buf[3];

      _format_code(buf, result->code);
      log_msg_set_value_with_type(msg, self->handles[SIP_STATUS_FIELD_CODE], buf, sizeof(buf), LM_VT_INTEGER);
    }
  if (sip_status_fields_have(self->fields, SIP_STATUS_FIELD_REASON))
    _set_text(msg, self->handles[SIP_STATUS_FIELD_REASON], reason.len ? reason : sip_span_str(code->phrase));
  for (gint i = 0; i < self->n_meanings; i++)
    {
      const gchar *meaning = sip_codes_meaning(self->codes, result->code, reason, self->meanings[i].language);

      if (meaning[0])
        log_msg_set_value(msg, self->meanings[i].handle, meaning, -1);
    }
  _set_fact(self, msg, SIP_STATUS_FIELD_CLASS, sip_code_class(result->code));
  _set_fact(self, msg, SIP_STATUS_FIELD_SEVERITY, code->severity);
  _set_fact(self, msg, SIP_STATUS_FIELD_CATEGORY, code->category);
  _set_fact(self, msg, SIP_STATUS_FIELD_RETRY, code->retry);
  _set_fact(self, msg, SIP_STATUS_FIELD_PHRASE, code->phrase);
  if (result->implied && sip_status_fields_have(self->fields, SIP_STATUS_FIELD_IMPLIED))
    log_msg_set_value_with_type(msg, self->handles[SIP_STATUS_FIELD_IMPLIED], "true", 4, LM_VT_BOOLEAN);
  if (sip_status_fields_have(self->fields, SIP_STATUS_FIELD_CODES))
    _set_codes(self, msg, result);
}

static void
_set_values(SipStatusParser *self, LogMessage *msg, const SipScanResult *result, const SipCode *code)
{
  if (code)
    _set_code(self, msg, result, code);
  for (gsize i = 0; i < G_N_ELEMENTS(spans); i++)
    {
      if (result->field[spans[i].from].len && sip_status_fields_have(self->fields, spans[i].to))
        _set_text(msg, self->handles[spans[i].to], result->field[spans[i].from]);
    }
  if (sip_status_fields_have(self->fields, SIP_STATUS_FIELD_RULE) && result->rule_name)
    log_msg_set_value(msg, self->handles[SIP_STATUS_FIELD_RULE], result->rule_name, -1);
}

static SipSpan
_group_value(SipStatusParser *self, Scratch *scratch, LogMessage *msg)
{
  if (!self->group)
    return SIP_SPAN_NONE;

  if (log_template_is_trivial(self->group))
    {
      gssize len;
      const gchar *value = log_template_get_trivial_value(self->group, msg, &len);

      return sip_span(value, len);
    }

  GString *value = _scratch_alloc(scratch);
  log_template_format(self->group, msg, &DEFAULT_TEMPLATE_EVAL_OPTIONS, value);
  return sip_span(value->str, value->len);
}

static gboolean
_process(LogParser *s, LogMessage **pmsg, const LogPathOptions *path_options, const gchar *input, gsize input_len)
{
  SipStatusParser *self = (SipStatusParser *) s;
  Scratch scratch = { 0 };
  SipScanResult result;
  gboolean found;

  found = _find_status(self, &scratch, *pmsg, sip_span(input, input_len), &result);
  sip_status_counters_record(self->counters, found);
  if (found)
    {
      const SipCode *code = sip_codes_lookup(self->codes, result.code, result.field[SIP_FIELD_REASON]);
      LogMessage *msg = log_msg_make_writable(pmsg, path_options);

      _set_values(self, msg, &result, code);
      if (code)
        sip_status_counters_line(self->counters, result.code, code->registered, result.field[SIP_FIELD_METHOD],
                                 result.field[SIP_FIELD_DIRECTION], _group_value(self, &scratch, msg));
      msg_trace("sip-status(): status found",
                evt_tag_int("code", result.code),
                evt_tag_str("rule", result.rule_name ? result.rule_name : ""),
                evt_tag_msg_reference(msg));
    }
  _scratch_reclaim(&scratch);

  return found || !self->drop_unmatched;
}

/* ---- options --------------------------------------------------------------- */

static GList *
_copy_list(const GList *list)
{
  return g_list_copy_deep((GList *) list, (GCopyFunc) (gpointer) g_strdup, NULL);
}

static void
_free_list(GList *list)
{
  g_list_free_full(list, g_free);
}

static gboolean
_refuse_empty(const GList *list, const gchar *option, GError **error)
{
  if (list)
    return TRUE;
  g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): %s() is empty", option);
  return FALSE;
}

gboolean
sip_status_parser_set_prefix(LogParser *s, const gchar *prefix, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!prefix[0])
    {
      g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): prefix() is empty");
      return FALSE;
    }
  if (strlen(prefix) > MAX_PREFIX)
    {
      g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): prefix(\"%.32s...\"): longer than %d bytes", prefix,
                  MAX_PREFIX);
      return FALSE;
    }
  g_free(self->prefix);
  self->prefix = g_strdup(prefix);
  return TRUE;
}

gboolean
sip_status_parser_set_languages(LogParser *s, const GList *languages, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!_refuse_empty(languages, "language", error))
    return FALSE;
  if (g_list_length((GList *) languages) > MAX_LANGUAGES)
    {
      g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): language(): more than %d languages", MAX_LANGUAGES);
      return FALSE;
    }
  _free_list(self->languages);
  self->languages = _copy_list(languages);
  return TRUE;
}

static gboolean
_is_builtin_dialect(const gchar *name)
{
  for (const gchar *const *dialect = sip_rules_builtin_dialects(); *dialect; dialect++)
    {
      if (strcmp(*dialect, name) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
sip_status_parser_set_dialects(LogParser *s, const GList *dialects, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;
  GList *names = NULL;
  gboolean none = FALSE;
  gboolean all = FALSE;

  if (!_refuse_empty(dialects, "dialects", error))
    return FALSE;

  for (const GList *l = dialects; l; l = l->next)
    {
      const gchar *name = l->data;

      if (strcmp(name, "all") == 0)
        all = TRUE;
      else if (strcmp(name, "none") == 0)
        none = TRUE;
      else if (_is_builtin_dialect(name))
        names = g_list_append(names, g_strdup(name));
      else
        {
          gchar *known = g_strjoinv(", ", (gchar **) sip_rules_builtin_dialects());

          g_set_error(error, SIP_STATUS_ERROR, 0,
                      "sip-status(): dialects(\"%s\"): no such dialect; known: %s, all, none", name, known);
          g_free(known);
          _free_list(names);
          return FALSE;
        }
    }
  if ((all || none) && dialects->next)
    {
      g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): dialects(): \"%s\" stands alone", all ? "all" : "none");
      _free_list(names);
      return FALSE;
    }

  _free_list(self->dialects);
  self->dialects = names;
  self->no_dialects = none;
  return TRUE;
}

/* "sip-status(): rules-file("x"): " before the core's message, which names line and column */
static gboolean
_prefix_file_error(const gchar *option, const gchar *filename, GError **error)
{
  g_prefix_error(error, "sip-status(): %s(\"%s\"): ", option, filename);
  return FALSE;
}

gboolean
sip_status_parser_add_rules_files(LogParser *s, const GList *filenames, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!_refuse_empty(filenames, "rules-file", error))
    return FALSE;
  for (const GList *l = filenames; l; l = l->next)
    {
      if (!sip_rules_add_file(self->rules, l->data, error))
        return _prefix_file_error("rules-file", l->data, error);
    }
  return TRUE;
}

gboolean
sip_status_parser_add_codes_files(LogParser *s, const GList *filenames, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!_refuse_empty(filenames, "codes-file", error))
    return FALSE;
  for (const GList *l = filenames; l; l = l->next)
    {
      if (!sip_codes_load_file(self->codes, l->data, error))
        return _prefix_file_error("codes-file", l->data, error);
    }
  return TRUE;
}

gboolean
sip_status_parser_set_fields(LogParser *s, const GList *names, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  return sip_status_fields_parse(names, &self->fields, error);
}

gboolean
sip_status_parser_add_severities(LogParser *s, const GList *pairs, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!_refuse_empty(pairs, "severity", error))
    return FALSE;
  for (const GList *l = pairs; l; l = l->next->next)
    {
      if (!l->next)
        {
          g_set_error(error, SIP_STATUS_ERROR, 0,
                      "sip-status(): severity(\"%s\"): needs pairs of a code or class and a severity",
                      (const gchar *) l->data);
          return FALSE;
        }
      if (!sip_codes_set_severity(self->codes, l->data, l->next->data, error))
        {
          g_prefix_error(error, "sip-status(): severity(\"%s\" \"%s\"): ", (const gchar *) l->data,
                         (const gchar *) l->next->data);
          return FALSE;
        }
    }
  self->severities = g_list_concat(self->severities, _copy_list(pairs));
  return TRUE;
}

void
sip_status_parser_set_drop_unmatched(LogParser *s, gboolean drop_unmatched)
{
  SipStatusParser *self = (SipStatusParser *) s;

  self->drop_unmatched = drop_unmatched;
}

void
sip_status_parser_set_group(LogParser *s, LogTemplate *group)
{
  SipStatusParser *self = (SipStatusParser *) s;

  log_template_unref(self->group);
  self->group = group;
}

gboolean
sip_status_parser_set_max_groups(LogParser *s, gint64 max_groups, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (max_groups < 1 || max_groups > SIP_STATUS_MAX_GROUPS_LIMIT)
    {
      g_set_error(error, SIP_STATUS_ERROR, 0, "sip-status(): max-groups(%" G_GINT64_FORMAT "): must be 1 to %d",
                  max_groups, SIP_STATUS_MAX_GROUPS_LIMIT);
      return FALSE;
    }
  self->max_groups = max_groups;
  return TRUE;
}

/* ---- from options to what process() uses ------------------------------------ */

static gboolean
_is_class(const gchar *code_or_class)
{
  return strlen(code_or_class) == 3 && g_ascii_strcasecmp(code_or_class + 1, "xx") == 0;
}

/* once more, now that every codes-file() is read: classes first, so that the order of the options does not matter */
static gboolean
_apply_severities(SipStatusParser *self, GError **error)
{
  for (gint classes = 1; classes >= 0; classes--)
    {
      for (GList *l = self->severities; l; l = l->next->next)
        {
          if (_is_class(l->data) == classes
              && !sip_codes_set_severity(self->codes, l->data, l->next->data, error))
            return FALSE;
        }
    }
  return TRUE;
}

static NVHandle
_get_handle(SipStatusParser *self, const gchar *name)
{
  gchar *full_name = g_strconcat(self->prefix, name, NULL);
  NVHandle handle = log_msg_get_value_handle(full_name);

  g_free(full_name);
  return handle;
}

static void
_take_handles(SipStatusParser *self)
{
  for (gint i = 0; i < SIP_STATUS_FIELD_MAX; i++)
    {
      if (sip_status_fields_have(self->fields, i))
        self->handles[i] = _get_handle(self, sip_status_field_name(i));
    }
  self->rawmsg_handle = log_msg_get_value_handle("RAWMSG");
}

static void
_find_wanted(SipStatusParser *self)
{
  /* what decides on the code's row, and the labels of the counters */
  self->wanted = 1u << SIP_FIELD_CODE | 1u << SIP_FIELD_REASON | 1u << SIP_FIELD_METHOD | 1u << SIP_FIELD_DIRECTION;
  for (gsize i = 0; i < G_N_ELEMENTS(spans); i++)
    {
      if (sip_status_fields_have(self->fields, spans[i].to))
        self->wanted |= 1u << spans[i].from;
    }
}

/* the first language is `meaning', the others are `meaning_<language>' */
gboolean
sip_status_parser_finish_language(LogParser *s, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!self->languages)
    self->languages = g_list_prepend(NULL, g_strdup("en"));

  self->n_meanings = 0;
  for (GList *l = self->languages; l; l = l->next)
    {
      gint language = sip_codes_language(self->codes, l->data);

      if (language < 0)
        {
          g_set_error(error, SIP_STATUS_ERROR, 0,
                      "sip-status(): language(\"%s\"): no such language; known: en, vi, and the meaning_<language> "
                      "columns of codes-file()", (const gchar *) l->data);
          return FALSE;
        }
      if (!sip_status_fields_have(self->fields, SIP_STATUS_FIELD_MEANING))
        continue;

      gchar *name = self->n_meanings == 0 ? g_strdup("meaning") : g_strconcat("meaning_", l->data, NULL);
      self->meanings[self->n_meanings].handle = _get_handle(self, name);
      self->meanings[self->n_meanings].language = language;
      self->n_meanings++;
      g_free(name);
    }
  return TRUE;
}

static gboolean
_compile_rules(SipStatusParser *self, GError **error)
{
  if (self->dialects)
    {
      for (GList *l = self->dialects; l; l = l->next)
        {
          if (!sip_rules_add_builtin(self->rules, l->data, error))
            return FALSE;
        }
    }
  else if (!self->no_dialects)
    {
      for (const gchar *const *dialect = sip_rules_builtin_dialects(); *dialect; dialect++)
        {
          if (!sip_rules_add_builtin(self->rules, *dialect, error))
            return FALSE;
        }
    }
  /* for valgrind, which cannot follow JIT code, and for a system that forbids it */
  return sip_rules_compile(self->rules, g_getenv("SIP_STATUS_NO_JIT") == NULL, error);
}

gboolean
sip_status_parser_finish(LogParser *s, GError **error)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!_apply_severities(self, error) || !_compile_rules(self, error))
    {
      g_prefix_error(error, "sip-status(): ");
      return FALSE;
    }
  _take_handles(self);
  _find_wanted(self);
  return TRUE;
}

/* ---- life ------------------------------------------------------------------ */

static gboolean
_init(LogPipe *s)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (!self->counters)
    self->counters = sip_status_counters_new(self->group != NULL, self->max_groups);
  return log_parser_init_method(s);
}

static gboolean
_deinit(LogPipe *s)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (self->counters)
    sip_status_counters_free(self->counters);
  self->counters = NULL;
  return log_parser_deinit_method(s);
}

static SipStatusParser *_new(GlobalConfig *cfg);

static LogPipe *
_clone(LogPipe *s)
{
  SipStatusParser *self = (SipStatusParser *) s;
  SipStatusParser *cloned = _new(s->cfg);

  compat_log_parser_clone_settings(&self->super, &cloned->super);
  cloned->prefix = g_strdup(self->prefix);
  cloned->languages = _copy_list(self->languages);
  cloned->dialects = _copy_list(self->dialects);
  cloned->no_dialects = self->no_dialects;
  cloned->severities = _copy_list(self->severities);
  cloned->fields = self->fields;
  cloned->drop_unmatched = self->drop_unmatched;
  cloned->group = log_template_ref(self->group);
  cloned->max_groups = self->max_groups;
  cloned->rules = sip_rules_ref(self->rules);
  cloned->codes = sip_codes_ref(self->codes);
  memcpy(cloned->handles, self->handles, sizeof(self->handles));
  cloned->n_meanings = self->n_meanings;
  memcpy(cloned->meanings, self->meanings, sizeof(self->meanings));
  cloned->rawmsg_handle = self->rawmsg_handle;
  cloned->wanted = self->wanted;
  return &cloned->super.super;
}

static void
_free(LogPipe *s)
{
  SipStatusParser *self = (SipStatusParser *) s;

  if (self->counters)
    sip_status_counters_free(self->counters);
  sip_rules_unref(self->rules);
  sip_codes_unref(self->codes);
  log_template_unref(self->group);
  _free_list(self->severities);
  _free_list(self->dialects);
  _free_list(self->languages);
  g_free(self->prefix);
  log_parser_free_method(s);
}

/* without what a clone shares */
static SipStatusParser *
_new(GlobalConfig *cfg)
{
  SipStatusParser *self = g_new0(SipStatusParser, 1);

  log_parser_init_instance(&self->super, cfg);
  self->super.super.init = _init;
  self->super.super.deinit = _deinit;
  self->super.super.clone = _clone;
  self->super.super.free_fn = _free;
  self->super.process = _process;
  return self;
}

LogParser *
sip_status_parser_new(GlobalConfig *cfg)
{
  SipStatusParser *self = _new(cfg);

  self->prefix = g_strdup(DEFAULT_PREFIX);
  self->fields = SIP_STATUS_FIELDS_DEFAULT;
  self->max_groups = SIP_STATUS_MAX_GROUPS_DEFAULT;
  self->rules = sip_rules_new();
  self->codes = sip_codes_new();
  return &self->super;
}
