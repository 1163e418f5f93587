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

#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* memmem() */
#endif

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE (512 * 1024)

/* as much of a record as the daemon reads by default (log-msg-size) */
#define MAX_RECORD (64 * 1024)
#define MAX_RECORD_LINES 300

struct _ToolReader
{
  gint fd;
  gboolean at_end;
  GError *error;                /* why it ended; told when the records before are given out */
  gboolean join;
  guint64 position;
  guint64 n_lines;

  /* text not yet given out */
  gchar *buffer;
  gsize start;
  gsize end;
  gboolean discard;             /* the rest of the line just given out */

  /* NULL unless the file is packed */
  GZlibDecompressor *unpacker;
  gchar *packed;
  gsize packed_start;
  gsize packed_end;
  gboolean member_ended;
};

/* --- bytes --- */

/* 0 at the end, -1 with self->error set */
static gssize
_read(ToolReader *self, gchar *to, gsize size)
{
  gssize n;

  do
    n = read(self->fd, to, size);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    g_set_error(&self->error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s", g_strerror(errno));
  else
    self->position += (guint64) n;
  return n;
}

static gssize
_unpack_fail(ToolReader *self, const gchar *what)
{
  g_set_error(&self->error, G_FILE_ERROR, G_FILE_ERROR_IO, "the gzip data %s", what);
  return -1;
}

/* More packed bytes behind those that are there. */
static gssize
_fill_packed(ToolReader *self)
{
  gsize left = self->packed_end - self->packed_start;
  gssize n;

  memmove(self->packed, self->packed + self->packed_start, left);
  self->packed_start = 0;
  self->packed_end = left;
  n = _read(self, self->packed + left, BUFFER_SIZE - left);
  if (n > 0)
    self->packed_end += (gsize) n;
  return n;
}

/* Unpacks some bytes; several members may follow one another (RFC 1952 section 2.2). Like _read(). */
static gssize
_unpack(ToolReader *self, gchar *to, gsize size)
{
  while (TRUE)
    {
      gsize n_read = 0, n_written = 0;
      GError *fault = NULL;
      GConverterResult result;
      gboolean more = TRUE;

      if (self->packed_end - self->packed_start < 2)
        {
          gssize n = _fill_packed(self);

          if (n < 0)
            return -1;
          more = n > 0;
        }
      if (self->member_ended)
        {
          /* as gzip does: what follows and is no member is padding */
          if (self->packed_end - self->packed_start < 2
              || memcmp(self->packed + self->packed_start, "\x1f\x8b", 2) != 0)
            return 0;
          g_converter_reset(G_CONVERTER(self->unpacker));
          self->member_ended = FALSE;
        }

      result = g_converter_convert(G_CONVERTER(self->unpacker), self->packed + self->packed_start,
                                   self->packed_end - self->packed_start, to, size,
                                   more ? G_CONVERTER_NO_FLAGS : G_CONVERTER_INPUT_AT_END, &n_read, &n_written,
                                   &fault);
      if (result == G_CONVERTER_ERROR)
        {
          gboolean partial = g_error_matches(fault, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);

          g_clear_error(&fault);
          if (!partial)
            return _unpack_fail(self, "are damaged");

          gssize n = more ? _fill_packed(self) : 0;
          if (n < 0)
            return -1;
          if (n == 0)
            return _unpack_fail(self, "end too soon");
          continue;
        }
      self->packed_start += n_read;
      self->member_ended = result == G_CONVERTER_FINISHED;
      if (n_written)
        return (gssize) n_written;
    }
}

/* Moves what is there to the front and reads behind it. FALSE at the end. */
static gboolean
_fill(ToolReader *self)
{
  gssize n;

  if (self->at_end)
    return FALSE;
  memmove(self->buffer, self->buffer + self->start, self->end - self->start);
  self->end -= self->start;
  self->start = 0;

  if (self->unpacker)
    n = _unpack(self, self->buffer + self->end, BUFFER_SIZE - self->end);
  else
    n = _read(self, self->buffer + self->end, BUFFER_SIZE - self->end);
  if (n <= 0)
    {
      self->at_end = TRUE;
      return FALSE;
    }
  self->end += (gsize) n;
  return TRUE;
}

ToolReader *
tool_reader_open(const gchar *filename, gboolean join, GError **error)
{
  gint fd = strcmp(filename, "-") == 0 ? STDIN_FILENO : open(filename, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  struct stat st;

  if (fd < 0)
    {
      g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s", g_strerror(errno));
      return NULL;
    }
  if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
    {
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ISDIR, "%s", g_strerror(EISDIR));
      close(fd);
      return NULL;
    }

  ToolReader *self = g_new0(ToolReader, 1);
  self->fd = fd;
  self->join = join;
  self->buffer = g_malloc(BUFFER_SIZE);
  while (self->end < 2 && _fill(self))
    ;
  if (self->error)
    {
      g_propagate_error(error, self->error);
      self->error = NULL;
      tool_reader_close(self);
      return NULL;
    }
  if (self->end >= 2 && memcmp(self->buffer, "\x1f\x8b", 2) == 0)
    {
      self->packed = g_malloc(BUFFER_SIZE);
      memcpy(self->packed, self->buffer, self->end);
      self->packed_end = self->end;
      self->end = 0;
      self->at_end = FALSE;
      self->unpacker = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
    }
  return self;
}

void
tool_reader_close(ToolReader *self)
{
  if (self->fd != STDIN_FILENO)
    close(self->fd);
  g_clear_object(&self->unpacker);
  g_clear_error(&self->error);
  g_free(self->packed);
  g_free(self->buffer);
  g_free(self);
}

guint64
tool_reader_lines(const ToolReader *self)
{
  return self->n_lines;
}

guint64
tool_reader_position(const ToolReader *self)
{
  return self->position;
}

/* --- lines --- */

/*
 * The line that begins `offset' bytes behind the start of the buffer; next: the offset of the one after it.  The buffer
 * may move when more is read: offsets hold, pointers do not.
 */
static gboolean
_line_at(ToolReader *self, gsize offset, SipSpan *line, gsize *next)
{
  gsize seen = 0;

  while (TRUE)
    {
      const gchar *from = self->buffer + self->start + offset;
      gsize there = self->end - self->start - offset;
      const gchar *newline = there > seen ? memchr(from + seen, '\n', there - seen) : NULL;

      if (newline)
        {
          *line = sip_span(from, (gsize) (newline - from));
          *next = offset + line->len + 1;
          return TRUE;
        }
      seen = there;
      if (offset + there >= BUFFER_SIZE || !_fill(self))
        {
          *line = sip_span(self->buffer + self->start + offset, there);
          *next = offset + there;
          return there > 0;
        }
    }
}

/* a line longer than the buffer: the rest of it */
static void
_discard_line(ToolReader *self)
{
  while (TRUE)
    {
      const gchar *newline = memchr(self->buffer + self->start, '\n', self->end - self->start);

      if (newline)
        {
          self->start = (gsize) (newline + 1 - self->buffer);
          return;
        }
      self->start = self->end;
      if (!_fill(self))
        return;
    }
}

static inline gboolean
_is_blank(gchar c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

static SipSpan
_skip(SipSpan text, gsize n)
{
  return sip_span(text.ptr + n, text.len - n);
}

static SipSpan
_trimmed(SipSpan text)
{
  while (text.len && _is_blank(text.ptr[text.len - 1]))
    text.len--;
  while (text.len && _is_blank(text.ptr[0]))
    text = _skip(text, 1);
  return text;
}

static gboolean
_begins_with(SipSpan text, const gchar *word)
{
  gsize len = strlen(word);

  return text.len >= len && memcmp(text.ptr, word, len) == 0;
}

static gboolean
_ends_with(SipSpan text, const gchar *word)
{
  gsize len = strlen(word);

  return text.len >= len && memcmp(text.ptr + text.len - len, word, len) == 0;
}

/* --- headers of log lines --- */

/* 0 stands for a digit, other characters for themselves; a blank for one or a digit's place filled with a blank */
static gboolean
_has_form(SipSpan text, const gchar *form)
{
  gsize len = strlen(form);

  if (text.len < len)
    return FALSE;
  for (gsize i = 0; i < len; i++)
    {
      if (form[i] == '0' ? !g_ascii_isdigit(text.ptr[i]) : text.ptr[i] != form[i])
        return FALSE;
    }
  return TRUE;
}

/* "Nov 23 10:00:00", "Nov  3 10:00:00", "Nov 23 2026 10:00:00" */
static gsize
_bsd_time(SipSpan text, gsize *hour_end)
{
  static const gchar months[] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
  gsize day;

  if (text.len < 15 || text.ptr[3] != ' ' || !g_strstr_len(months, sizeof(months) - 1, (gchar[]) { text.ptr[0],
                                                           text.ptr[1], text.ptr[2], ' ', '\0' }))
    return 0;
  day = text.ptr[4] == ' ' ? 5 : 4;
  while (day < 7 && g_ascii_isdigit(text.ptr[day]))
    day++;
  if (day < 6 && !(day == 5 && text.ptr[4] != ' '))
    return 0;
  if (_has_form(_skip(text, day), " 0000 00:00:00"))
    day += 5;
  if (!_has_form(_skip(text, day), " 00:00:00"))
    return 0;
  *hour_end = day + 3;
  return day + 9;
}

/* "2026-11-23T10:00:00.123+07:00", "2026-11-23 10:00:00.123", with / for - as well */
static gsize
_iso_time(SipSpan text, gsize *hour_end)
{
  gsize n;

  if (!_has_form(text, "0000-00-00") && !_has_form(text, "0000/00/00"))
    return 0;
  if (text.len < 19 || (text.ptr[10] != 'T' && text.ptr[10] != ' ' && text.ptr[10] != '_')
      || !_has_form(_skip(text, 11), "00:00:00"))
    return 0;
  *hour_end = 13;
  n = 19;
  if (n + 1 < text.len && (text.ptr[n] == '.' || text.ptr[n] == ',') && g_ascii_isdigit(text.ptr[n + 1]))
    {
      for (n++; n < text.len && g_ascii_isdigit(text.ptr[n]); n++)
        ;
    }
  if (n < text.len && text.ptr[n] == 'Z')
    n++;
  else if (_has_form(_skip(text, n), "+00:00") || _has_form(_skip(text, n), "-00:00"))
    n += 6;
  else if (_has_form(_skip(text, n), "+0000") || _has_form(_skip(text, n), "-0000"))
    n += 5;
  return n;
}

/* Length of the time at the start of the text, 0 if there is none; hour: the part up to the hour. */
static gsize
_time_at(SipSpan text, SipSpan *time, SipSpan *hour)
{
  gsize hour_end = 0;
  gsize len;

  if (text.len < 15)
    return 0;
  if (g_ascii_isdigit(text.ptr[0]))
    len = _iso_time(text, &hour_end);
  else
    len = _bsd_time(text, &hour_end);
  if (!len)
    return 0;
  *time = sip_span(text.ptr, len);
  *hour = sip_span(text.ptr, hour_end);
  return len;
}

/* the next word of a header, which moves on behind the one blank after it */
static SipSpan
_take_word(SipSpan *text)
{
  SipSpan word = sip_span(text->ptr, 0);

  while (word.len < text->len && text->ptr[word.len] != ' ')
    word.len++;
  *text = _skip(*text, MIN(word.len + 1, text->len));
  return word;
}

/* "asterisk[123]:", "kamailio:", "/usr/sbin/kamailio[1]:": the program of it, empty if it is no tag */
static SipSpan
_tag_name(SipSpan word)
{
  gsize len = 0;

  if (word.len < 2 || word.ptr[word.len - 1] != ':')
    return SIP_SPAN_NONE;
  while (len < word.len - 1 && word.ptr[len] != '[' && word.ptr[len] != ':')
    len++;
  if (!len || (word.ptr[len] == '[' && word.ptr[word.len - 2] != ']') || (word.ptr[len] == ':' && len != word.len - 1))
    return SIP_SPAN_NONE;
  return sip_span(word.ptr, len);
}

static gboolean
_is_host_name(SipSpan word)
{
  if (!word.len || word.len > 255)
    return FALSE;
  for (gsize i = 0; i < word.len; i++)
    {
      gchar c = word.ptr[i];

      if (!g_ascii_isalnum(c) && c != '.' && c != '-' && c != '_' && c != ':' && !(c == '[' || c == ']'))
        return FALSE;
    }
  return TRUE;
}

/* RFC 3164, as relays and rsyslog's file format write it; many devices leave out host, tag or both */
static void
_split_bsd(ToolRecord *record, SipSpan rest)
{
  SipSpan after_host = rest;
  SipSpan first, tag;

  first = _take_word(&after_host);
  tag = _tag_name(first);
  if (tag.ptr)
    {
      record->program = tag;
      record->text = after_host;
      return;
    }
  /* SIP/2.0 is none, either: a device that sends a bare status line */
  if (!_is_host_name(first))
    {
      record->text = rest;
      return;
    }

  SipSpan after_tag = after_host;
  tag = _tag_name(_take_word(&after_tag));
  record->host = first;
  record->text = after_host;
  if (tag.ptr)
    {
      record->program = tag;
      record->text = after_tag;
    }
}

static gboolean
_is_nil(SipSpan word)
{
  return word.len == 1 && word.ptr[0] == '-';
}

/* RFC 5424 section 6: VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG; rest begins with the time */
static gboolean
_split_5424(ToolRecord *record, SipSpan rest)
{
  SipSpan time = _take_word(&rest);
  SipSpan host = _take_word(&rest);
  SipSpan program = _take_word(&rest);
  gsize hour_end;

  if (!_is_nil(time) && _iso_time(time, &hour_end) != time.len)
    return FALSE;
  _take_word(&rest);
  _take_word(&rest);
  if (!rest.len)
    return FALSE;
  if (rest.ptr[0] == '-')
    rest = _skip(rest, 1);
  else
    {
      gboolean quoted = FALSE;

      if (rest.ptr[0] != '[')
        return FALSE;
      /* ] ends an element unless it stands in quotes; elements follow one another without a blank */
      while (rest.len && rest.ptr[0] == '[')
        {
          gsize i = 1;

          for (; i < rest.len && (quoted || rest.ptr[i] != ']'); i++)
            {
              if (rest.ptr[i] == '\\' && quoted)
                i++;
              else if (rest.ptr[i] == '"')
                quoted = !quoted;
            }
          rest = _skip(rest, MIN(i + 1, rest.len));
        }
    }
  if (rest.len && rest.ptr[0] == ' ')
    rest = _skip(rest, 1);
  if (_begins_with(rest, "\xef\xbb\xbf"))
    rest = _skip(rest, 3);

  if (!_is_nil(time))
    _time_at(time, &record->time, &record->hour);
  if (!_is_nil(host))
    record->host = host;
  if (!_is_nil(program))
    record->program = program;
  record->text = rest;
  return TRUE;
}

static gsize
_priority(SipSpan text)
{
  gsize len = 1;

  if (text.len < 3 || text.ptr[0] != '<')
    return 0;
  while (len < text.len && len < 4 && g_ascii_isdigit(text.ptr[len]))
    len++;
  return len > 1 && len < text.len && text.ptr[len] == '>' ? len + 1 : 0;
}

/* the time of a PBX's own file, whose header stays part of the text: "[Nov 23 10:00:00] ", "2f3c... 2026-...", "*Jan 18 ..." */
static gboolean
_own_time(SipSpan text, ToolRecord *record)
{
  if (text.len && (text.ptr[0] == '[' || text.ptr[0] == '*' || text.ptr[0] == '.' || text.ptr[0] == '@'))
    return _time_at(_skip(text, 1), &record->time, &record->hour) != 0;
  /* FreeSWITCH puts the call's UUID first */
  if (text.len > 37 && text.ptr[36] == ' ' && text.ptr[8] == '-' && text.ptr[13] == '-' && text.ptr[18] == '-'
      && text.ptr[23] == '-')
    return _time_at(_skip(text, 37), &record->time, &record->hour) != 0;
  return FALSE;
}

void
tool_record_split(ToolRecord *record)
{
  SipSpan rest = record->whole;
  gsize n;

  record->time = record->hour = record->host = record->program = SIP_SPAN_NONE;
  record->text = rest;

  n = _priority(rest);
  if (n)
    {
      rest = _skip(rest, n);
      record->text = rest;
      if (_begins_with(rest, "1 ") && _split_5424(record, _skip(rest, 2)))
        return;
      if (rest.len && rest.ptr[0] == ' ')
        rest = _skip(rest, 1);
    }

  gboolean bsd = rest.len && g_ascii_isupper(rest.ptr[0]);
  n = _time_at(rest, &record->time, &record->hour);
  if (!n)
    {
      _own_time(rest, record);
      return;
    }
  /* 2026-11-23 10:00:00 with a blank is a program's own; with T it is that of a syslog file */
  if (n >= rest.len || rest.ptr[n] != ' ' || (!bsd && rest.ptr[10] != 'T'))
    return;
  _split_bsd(record, _skip(rest, n + 1));
}

/* Whether a line begins a record of its own, because it has the header of one. */
static gboolean
_has_header(SipSpan line)
{
  ToolRecord probe;
  SipSpan time, hour;

  if (!line.len)
    return FALSE;
  if (_priority(line))
    return TRUE;
  if (_time_at(line, &time, &hour))
    return TRUE;
  return _own_time(line, &probe);
}

/* --- dumps: a SIP message that a product writes over several lines --- */

typedef enum
{
  NO_DUMP,
  BANNER,                       /* announced, the start line is still to come */
  HEADERS,
  BODY,
  CLOSED,                       /* no more lines belong to it */
} DumpStage;

typedef struct _Dump
{
  DumpStage stage;
  guint blank_lines;            /* before the start line */
  gsize body;                   /* bytes that Content-Length announces */
} Dump;

static gboolean
_is_dashes(SipSpan line)
{
  for (gsize i = 0; i < line.len; i++)
    {
      if (line.ptr[i] != '-' && line.ptr[i] != '=')
        return FALSE;
    }
  return line.len >= 5;
}

static gboolean
_is_status_line(SipSpan line)
{
  while (line.len && line.ptr[0] == '/')
    line = _skip(line, 1);
  return line.len >= 11 && g_ascii_strncasecmp(line.ptr, "SIP/2.0 ", 8) == 0 && g_ascii_isdigit(line.ptr[8]);
}

static gboolean
_is_request_line(SipSpan line)
{
  gsize method = 0;

  while (line.len && line.ptr[0] == '/')
    line = _skip(line, 1);
  while (method < line.len && g_ascii_isupper(line.ptr[method]))
    method++;
  return method >= 3 && method <= 10 && method < line.len && line.ptr[method] == ' ' && _ends_with(line, " SIP/2.0");
}

static gboolean
_is_header_line(SipSpan line)
{
  gsize n = 0;

  while (line.len && line.ptr[0] == '/')
    line = _skip(line, 1);
  while (n < line.len && n < 32 && (g_ascii_isalnum(line.ptr[n]) || line.ptr[n] == '-' || line.ptr[n] == '_'))
    n++;
  if (!n)
    return FALSE;
  while (n < line.len && line.ptr[n] == ' ')
    n++;
  return n < line.len && line.ptr[n] == ':';
}

static void
_note_content_length(Dump *dump, SipSpan line)
{
  gsize n;

  if (line.len > 15 && g_ascii_strncasecmp(line.ptr, "Content-Length", 14) == 0)
    n = 14;
  else if (line.len > 2 && (line.ptr[0] == 'l' || line.ptr[0] == 'L') && line.ptr[1] == ':')
    n = 1;
  else
    return;
  while (n < line.len && (line.ptr[n] == ' ' || line.ptr[n] == ':'))
    n++;
  for (gsize digits = 0; n < line.len && digits < 5 && g_ascii_isdigit(line.ptr[n]); digits++, n++)
    dump->body = dump->body * 10 + (gsize) (line.ptr[n] - '0');
}

/* Whether the first line of a record leads to a dump. */
static DumpStage
_stage_of_first(SipSpan line)
{
  SipSpan trimmed = _trimmed(line);

  if (_is_status_line(trimmed) || _is_request_line(trimmed))
    return HEADERS;
  /* "<--- Received SIP response ... --->", "recv 345 bytes from udp/[192.0.2.1]:5060 at 10:00:00.1:", "Sent:" */
  if (_ends_with(trimmed, "--->") || _ends_with(trimmed, ":") || _ends_with(trimmed, "<---"))
    return BANNER;
  if (memmem(line.ptr, line.len, "SIP/2.0 ", 8))
    return HEADERS;
  /* the header of a traced message may end in a request line */
  return _ends_with(trimmed, " SIP/2.0") ? HEADERS : NO_DUMP;
}

/* Whether the line goes on with the dump; updates its stage. */
static gboolean
_goes_on(Dump *dump, SipSpan line)
{
  SipSpan trimmed = _trimmed(line);
  gboolean starts = _is_status_line(trimmed) || _is_request_line(trimmed);

  switch (dump->stage)
    {
    case BANNER:
      if (starts)
        {
          dump->stage = HEADERS;
          return TRUE;
        }
      if (!trimmed.len)
        return ++dump->blank_lines <= 2;
      return _is_dashes(trimmed) || _begins_with(trimmed, "<---") || sip_span_eq(trimmed, "Sent:")
             || sip_span_eq(trimmed, "Received:");
    case HEADERS:
      if (!trimmed.len)
        {
          dump->stage = BODY;
          return TRUE;
        }
      if (starts)
        return FALSE;
      if (_begins_with(trimmed, "<---") || _is_dashes(trimmed))
        {
          dump->stage = CLOSED;
          return TRUE;
        }
      _note_content_length(dump, trimmed);
      /* RFC 3261 section 7.3.1: a line that begins with a blank goes on with the header before it */
      return _is_header_line(trimmed) || line.ptr[0] == ' ' || line.ptr[0] == '\t';
    case BODY:
      if (_begins_with(trimmed, "<-----") || _is_dashes(trimmed))
        {
          dump->stage = CLOSED;
          return TRUE;
        }
      if (_begins_with(trimmed, "<---"))
        return FALSE;
      if (dump->body)
        {
          dump->body -= MIN(dump->body, line.len + 1);
          return TRUE;
        }
      return !trimmed.len || (trimmed.len > 2 && g_ascii_islower(trimmed.ptr[0]) && trimmed.ptr[1] == '=');
    default:
      return FALSE;
    }
}

gboolean
tool_reader_next(ToolReader *self, ToolRecord *record, GError **error)
{
  Dump dump = { 0 };
  SipSpan line;
  gsize next, end;

  if (self->discard)
    _discard_line(self);
  self->discard = FALSE;
  if (!_line_at(self, 0, &line, &next))
    {
      if (self->error)
        g_propagate_error(error, self->error);
      self->error = NULL;
      return FALSE;
    }
  gboolean too_long = next == line.len && !self->at_end;
  record->line = ++self->n_lines;
  record->n_lines = 1;
  end = line.len;

  if (self->join)
    {
      dump.stage = _stage_of_first(line);
      while (dump.stage != NO_DUMP && dump.stage != CLOSED && record->n_lines < MAX_RECORD_LINES)
        {
          gsize after;

          if (next + MAX_RECORD >= BUFFER_SIZE || !_line_at(self, next, &line, &after)
              || end + line.len > MAX_RECORD || _has_header(line) || !_goes_on(&dump, line))
            break;
          end = next + line.len;
          next = after;
          record->n_lines++;
          self->n_lines++;
        }
    }

  if (end && self->buffer[self->start + end - 1] == '\r')
    end--;
  record->whole = sip_span(self->buffer + self->start, MIN(end, MAX_RECORD));
  self->start += next;
  if (too_long)
    self->discard = TRUE;
  return TRUE;
}

/* --- files --- */

typedef struct _Progress
{
  gboolean shown;
  guint64 total;
  guint64 done;                 /* in the files before */
  guint64 records;
  gint64 started;
  gint64 last;
} Progress;

#define PROGRESS_INTERVAL (G_USEC_PER_SEC / 10)
#define PROGRESS_BAR 30

static void
_progress_draw(Progress *self, guint64 position)
{
  guint64 done = self->done + position;
  gdouble seconds = (gdouble) (g_get_monotonic_time() - self->started) / G_USEC_PER_SEC;
  GString *line = g_string_new("\r");

  if (self->total)
    {
      guint percent = (guint) MIN(100, done * 100 / self->total);

      g_string_append_c(line, '[');
      for (guint i = 0; i < PROGRESS_BAR; i++)
        g_string_append_c(line, i < percent * PROGRESS_BAR / 100 ? '#' : ' ');
      g_string_append_printf(line, "] %3u %%  ", percent);
    }
  tool_append_number(line, self->records);
  g_string_append(line, " records, ");
  tool_append_number(line, (guint64) ((gdouble) self->records / MAX(seconds, 0.001)));
  g_string_append(line, " a second\033[K");
  fputs(line->str, stderr);
  fflush(stderr);
  g_string_free(line, TRUE);
}

static void
_progress_step(Progress *self, const ToolReader *reader)
{
  self->records++;
  if (!self->shown || self->records % 1024)
    return;

  gint64 now = g_get_monotonic_time();
  if (now - self->last < PROGRESS_INTERVAL)
    return;
  self->last = now;
  _progress_draw(self, tool_reader_position(reader));
}

static void
_progress_begin(Progress *self, const ToolFiles *files)
{
  const gchar *term = getenv("TERM");
  struct stat st;

  self->started = self->last = g_get_monotonic_time();
  self->shown = !files->quiet && isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
  for (gint i = 0; files->names && files->names[i]; i++)
    {
      if (stat(files->names[i], &st) == 0 && S_ISREG(st.st_mode))
        self->total += (guint64) st.st_size;
    }
}

static gboolean
_run_file(ToolFiles *self, const gchar *name, Progress *progress, ToolEachRecord each, gpointer user_data)
{
  GError *error = NULL;
  ToolReader *reader = tool_reader_open(name, self->join, &error);
  ToolRecord record;

  if (reader)
    {
      while (tool_reader_next(reader, &record, &error))
        {
          tool_record_split(&record);
          each(name, &record, user_data);
          self->records++;
          _progress_step(progress, reader);
        }
      self->lines += tool_reader_lines(reader);
      progress->done += tool_reader_position(reader);
      tool_reader_close(reader);
    }
  if (!error)
    return TRUE;

  if (progress->shown)
    fputs("\r\033[K", stderr);
  tool_complain("%s: %s", name, error->message);
  g_error_free(error);
  return FALSE;
}

gboolean
tool_files_run(ToolFiles *self, ToolEachRecord each, gpointer user_data)
{
  static gchar *standard_input[] = { (gchar *) "-", NULL };
  gchar **names = self->names && self->names[0] ? self->names : standard_input;
  Progress progress = { 0 };
  gboolean ok = TRUE;

  _progress_begin(&progress, self);
  for (gint i = 0; names[i]; i++)
    {
      if (!_run_file(self, names[i], &progress, each, user_data))
        ok = FALSE;
    }
  if (progress.shown)
    fputs("\r\033[K", stderr);
  return ok;
}
