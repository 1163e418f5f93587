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

#include "sip-message.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define MAX_LINE_PREFIX 1024
#define MAX_REASON 512
#define MAX_HEADER_LINES SIP_MESSAGE_MAX_HEADER_LINES
#define MAX_DECORATION 32
#define MAX_HEADER_NAME 32
#define MAX_START_LINE 1024

#define VERSION_LENGTH (sizeof(SIP_MESSAGE_VERSION) - 1)

typedef enum
{
  HEADER_CALL_ID,
  HEADER_CSEQ,
  HEADER_FROM,
  HEADER_TO,
  HEADER_USER_AGENT,
  HEADER_REASON,
  HEADER_CONTENT_TYPE,
  HEADER_CONTENT_LENGTH,
  HEADER_OTHER,
} Header;

/*
 * RFC 3261 section 20 and the headers seen in logs; compact forms: RFC 3261 section 7.3.3.
 * In the order of their first letters.
 */
typedef struct _KnownHeader
{
  const gchar *name;
  gsize len;
  Header header;
} KnownHeader;

#define KNOWN(name, header) { name, sizeof(name) - 1, header }

static const KnownHeader known_headers[] =
{
  KNOWN("Accept", HEADER_OTHER),
  KNOWN("Alert-Info", HEADER_OTHER),
  KNOWN("Allow", HEADER_OTHER),
  KNOWN("Allow-Events", HEADER_OTHER),
  KNOWN("Authorization", HEADER_OTHER),
  KNOWN("Call-ID", HEADER_CALL_ID),
  KNOWN("CSeq", HEADER_CSEQ),
  KNOWN("Content-Type", HEADER_CONTENT_TYPE),
  KNOWN("c", HEADER_CONTENT_TYPE),
  KNOWN("Content-Length", HEADER_CONTENT_LENGTH),
  KNOWN("Call-Info", HEADER_OTHER),
  KNOWN("Contact", HEADER_OTHER),
  KNOWN("Content-Disposition", HEADER_OTHER),
  KNOWN("Date", HEADER_OTHER),
  KNOWN("Diversion", HEADER_OTHER),
  KNOWN("Error-Info", HEADER_OTHER),
  KNOWN("Event", HEADER_OTHER),
  KNOWN("Expires", HEADER_OTHER),
  KNOWN("From", HEADER_FROM),
  KNOWN("f", HEADER_FROM),
  KNOWN("History-Info", HEADER_OTHER),
  KNOWN("i", HEADER_CALL_ID),
  KNOWN("k", HEADER_OTHER),
  KNOWN("l", HEADER_CONTENT_LENGTH),
  KNOWN("m", HEADER_OTHER),
  KNOWN("Max-Forwards", HEADER_OTHER),
  KNOWN("Min-Expires", HEADER_OTHER),
  KNOWN("Min-SE", HEADER_OTHER),
  KNOWN("o", HEADER_OTHER),
  KNOWN("Organization", HEADER_OTHER),
  KNOWN("Proxy-Authenticate", HEADER_OTHER),
  KNOWN("Proxy-Authorization", HEADER_OTHER),
  KNOWN("Reason", HEADER_REASON),
  KNOWN("RSeq", HEADER_OTHER),
  KNOWN("Record-Route", HEADER_OTHER),
  KNOWN("Refer-To", HEADER_OTHER),
  KNOWN("r", HEADER_OTHER),
  KNOWN("Remote-Party-ID", HEADER_OTHER),
  KNOWN("Require", HEADER_OTHER),
  KNOWN("Retry-After", HEADER_OTHER),
  KNOWN("Route", HEADER_OTHER),
  KNOWN("Server", HEADER_OTHER),
  KNOWN("Session-Expires", HEADER_OTHER),
  KNOWN("Subject", HEADER_OTHER),
  KNOWN("s", HEADER_OTHER),
  KNOWN("Subscription-State", HEADER_OTHER),
  KNOWN("Supported", HEADER_OTHER),
  KNOWN("To", HEADER_TO),
  KNOWN("t", HEADER_TO),
  KNOWN("User-Agent", HEADER_USER_AGENT),
  KNOWN("u", HEADER_OTHER),
  KNOWN("Unsupported", HEADER_OTHER),
  KNOWN("Via", HEADER_OTHER),
  KNOWN("v", HEADER_OTHER),
  KNOWN("WWW-Authenticate", HEADER_OTHER),
  KNOWN("Warning", HEADER_OTHER),
  KNOWN("x", HEADER_OTHER),
};

/* the first of those that begin with a letter; the last entry is their number */
static const guint8 known_by_letter[27] =
{
  0, 5, 5, 13, 15, 18, 20, 20, 21, 22, 22, 23, 24, 28, 28, 30, 32, 32, 41, 47, 49, 52, 54, 56, 57, 57, 57,
};

#define METHOD(name) { name, sizeof(name) - 1 }

static const struct
{
  gchar name[10];
  gsize len;
} methods[] =
{
  METHOD("INVITE"), METHOD("REGISTER"), METHOD("OPTIONS"), METHOD("BYE"), METHOD("SUBSCRIBE"), METHOD("NOTIFY"),
  METHOD("ACK"), METHOD("CANCEL"), METHOD("PRACK"), METHOD("PUBLISH"), METHOD("INFO"), METHOD("REFER"),
  METHOD("MESSAGE"), METHOD("UPDATE"),
};

const gchar *
sip_method_canonical(SipSpan method)
{
  for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
    {
      if (methods[i].len == method.len && (methods[i].name[0] | 0x20) == (method.ptr[0] | 0x20)
          && (memcmp(methods[i].name, method.ptr, method.len) == 0
              || g_ascii_strncasecmp(methods[i].name, method.ptr, method.len) == 0))
        return methods[i].name;
    }
  return NULL;
}

static inline gboolean
_is_blank(gchar c)
{
  return c == ' ' || c == '\t';
}

static inline gboolean
_is_line_end(gchar c)
{
  return c == '\n' || c == '\r' || c == '\0';
}

/* what may stand between the start of a line and a SIP message without making it something else */
static inline gboolean
_is_decoration(gchar c)
{
  return _is_blank(c) || c == '/' || c == '|' || c == '>' || c == '<' || c == '"' || c == '\'' || c == '#'
         || c == '*' || c == '-' || c == '(' || c == '[' || c == '`';
}

static inline gboolean
_is_token_char(gchar c)
{
  static const guint8 is_token_char[256] =
  {
    ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['-'] = 1, ['_'] = 1,
  };

  return is_token_char[(guchar) c];
}

/* `a' holds token characters only, of which no two but the letters differ in that bit */
static inline gboolean
_names_equal(const gchar *a, const gchar *b, gsize len)
{
  const guint64 fold = G_GUINT64_CONSTANT(0x2020202020202020);

  if (len < sizeof(guint64))
    {
      for (gsize i = 0; i < len; i++)
        {
          if ((a[i] | 0x20) != (b[i] | 0x20))
            return FALSE;
        }
      return TRUE;
    }
  for (gsize i = 0;; i = MIN(i + sizeof(guint64), len - sizeof(guint64)))
    {
      guint64 bytes_a, bytes_b;

      memcpy(&bytes_a, a + i, sizeof(bytes_a));
      memcpy(&bytes_b, b + i, sizeof(bytes_b));
      if ((bytes_a ^ bytes_b) & ~fold)
        return FALSE;
      if (i == len - sizeof(guint64))
        return TRUE;
    }
}

/* the header of that name; -1 if none is known by it */
static inline gint
_header_of_name(const gchar *name, gsize len)
{
  if (!g_ascii_isalpha(name[0]))
    return -1;
  gint letter = g_ascii_tolower(name[0]) - 'a';
  for (guint i = known_by_letter[letter]; i < known_by_letter[letter + 1]; i++)
    {
      if (known_headers[i].len == len && _names_equal(name, known_headers[i].name, len))
        return known_headers[i].header;
    }
  if (len > 2 && name[1] == '-' && (g_ascii_toupper(name[0]) == 'X' || g_ascii_toupper(name[0]) == 'P'))
    return HEADER_OTHER;
  return -1;
}

/* The header that the text at p names before a colon; -1 if none is known by that name. value: behind the colon. */
static gint
_header_at(const gchar *p, const gchar *end, const gchar **value)
{
  const gchar *name = p;

  while (p < end && p - name < MAX_HEADER_NAME && _is_token_char(*p))
    p++;
  gsize len = (gsize) (p - name);
  while (p < end && _is_blank(*p))
    p++;
  if (!len || p >= end || *p != ':')
    return -1;
  if (value)
    *value = p + 1;
  return _header_of_name(name, len);
}

/* memchr() for what is not far away */
static inline const gchar *
_find_byte(const gchar *p, const gchar *end, gchar byte)
{
#ifdef __SSE2__
  for (; end - p >= 16; p += 16)
    {
      __m128i bytes = _mm_loadu_si128((const __m128i *) p);
      gint places = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));

      if (places)
        return p + __builtin_ctz((guint) places);
    }
#endif
  return memchr(p, byte, (gsize) (end - p));
}

static gsize
_line_start(SipSpan text, gsize where)
{
  gsize lowest = where > MAX_LINE_PREFIX ? where - MAX_LINE_PREFIX : 0;

  while (where > lowest && !_is_line_end(text.ptr[where - 1]))
    where--;
  return where;
}

static gsize
_line_end(SipSpan text, gsize where)
{
#ifdef __SSE2__
  for (; where + 16 <= text.len; where += 16)
    {
      __m128i bytes = _mm_loadu_si128((const __m128i *) (text.ptr + where));
      __m128i line_ends = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')),
                                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'))),
                                       _mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
      gint places = _mm_movemask_epi8(line_ends);

      if (places)
        return where + (guint) __builtin_ctz((guint) places);
    }
#endif
  while (where < text.len && !_is_line_end(text.ptr[where]))
    where++;
  return where;
}

/* the start of the line behind the line end at `where'; empty lines are lines of their own */
static gsize
_next_line(SipSpan text, gsize where)
{
  if (where < text.len && text.ptr[where] == '\r' && where + 1 < text.len && text.ptr[where + 1] == '\n')
    return where + 2;
  return where < text.len ? where + 1 : where;
}

static gboolean
_is_only_decoration(SipSpan text, gsize from, gsize to)
{
  if (to - from > MAX_DECORATION)
    return FALSE;
  for (gsize i = from; i < to; i++)
    {
      if (!_is_decoration(text.ptr[i]))
        return FALSE;
    }
  return TRUE;
}

/* whether the last word before `where' is a URI, so that SIP/2.0 ends a request line (RFC 3261 section 7.1) */
static gboolean
_follows_uri(SipSpan text, gsize line, gsize where)
{
  static const gchar *const schemes[] = { "sip:", "sips:", "tel:", "urn:", "im:", "pres:", "mailto:", NULL };
  gsize word_end = where;

  while (word_end > line && _is_blank(text.ptr[word_end - 1]))
    word_end--;
  if (word_end == where)
    return FALSE;

  gsize word = word_end;
  while (word > line && !_is_blank(text.ptr[word - 1]))
    word--;
  for (gsize i = word; i < word_end; i++)
    {
      for (gint j = 0; schemes[j]; j++)
        {
          gsize len = strlen(schemes[j]);

          /* a scheme with nothing behind it is a program's name before a message */
          if (text.ptr[i] == schemes[j][0] && word_end - i > len && memcmp(text.ptr + i, schemes[j], len) == 0)
            return TRUE;
        }
    }

  /* a method right before the word does as well: the URI may be masked or of another scheme */
  gsize method_end = word;
  while (method_end > line && _is_blank(text.ptr[method_end - 1]))
    method_end--;
  gsize method = method_end;
  while (method > line && g_ascii_isupper(text.ptr[method - 1]))
    method--;
  return method_end > method && sip_method_canonical(sip_span(text.ptr + method, method_end - method)) != NULL;
}

/*
 * "never inside a header's value": on lines that are a SIP header or an SDP line, and right behind a header's
 * name that a log prefix was put before
 */
static gboolean
_is_within_header(SipSpan text, gsize line, gsize where)
{
  const gchar *start = text.ptr + line;
  const gchar *here = text.ptr + where;

  while (start < here && _is_decoration(*start))
    start++;
  if (here - start >= 2 && g_ascii_islower(start[0]) && start[1] == '=')
    return TRUE;
  if (_header_at(start, here, NULL) >= 0)
    return TRUE;

  /* a line of a session description behind a log's prefix; RFC 8866's lines that hold any text */
  if (here - start >= 3 && here[-1] == '=' && strchr("siau", here[-2]) && !_is_token_char(here[-3]))
    return TRUE;

  /* Asterisk's dialplan sets one: PJSIP_HEADER(add,X-Reason)=SIP/2.0 486 */
  if (here - start >= 2 && here[-1] == '=' && here[-2] == ')' && g_strstr_len(start, here - start, "HEADER("))
    return TRUE;

  const gchar *word = here;
  while (word > start && _is_blank(word[-1]))
    word--;
  if (word > start && word[-1] == ':')
    {
      const gchar *name = word - 1;

      while (name > start && _is_token_char(name[-1]))
        name--;
      const gchar *before = name;

      while (before > start && _is_blank(before[-1]))
        before--;
      /* compact names are too short to be told from other words; `from SIP Server:', behind a word, is no header's name */
      if (word - 1 - name > 1 && !(before > start && g_ascii_isalpha(before[-1])) && _header_at(name, word, NULL) >= 0)
        return TRUE;
    }
  return FALSE;
}

static gchar
_closing(gchar opening)
{
  switch (opening)
    {
    case '"':
    case '\'':
    case '`':
    case '*':
      return opening;
    case '<':
      return '>';
    case '(':
      return ')';
    case '[':
      return ']';
    default:
      return '\0';
    }
}

/* A health check's words before a quoted answer: the one that it waited for, not one that came. */
static gboolean
_is_expected(SipSpan text, gsize line, gsize where)
{
  static const gchar *const words[] = { "expected ", "expecting ", "expect string ", "match content ", NULL };

  if (where - line < 2 || (text.ptr[where - 1] != '\'' && text.ptr[where - 1] != '"'))
    return FALSE;
  for (gint i = 0; words[i]; i++)
    {
      gsize len = strlen(words[i]);

      if (where - line > len && g_ascii_strncasecmp(text.ptr + where - 1 - len, words[i], len) == 0)
        return TRUE;
    }
  return FALSE;
}

/* what opens before the status and closes behind its phrase, if anything: right before it, or the last quote on its line */
static gchar
_opening(SipSpan text, gsize line, gsize where)
{
  if (where > 0 && _closing(text.ptr[where - 1]))
    return text.ptr[where - 1];
  for (gsize i = where; i > line; i--)
    {
      if (text.ptr[i - 1] != '"')
        continue;
      /* one that opens stands at the start or behind what no value ends with */
      return i - 1 == line || strchr(" \t=:([{,", text.ptr[i - 2]) ? '"' : '\0';
    }
  return '\0';
}

/* what a script puts between the lines of a message that it writes on one line */
static inline gboolean
_is_separator(gchar c)
{
  return c == '|' || c == ';' || c == ',';
}

static inline gboolean
_is_gap(gchar c)
{
  return _is_blank(c) || c == '.' || c == '(' || c == '[' || _is_separator(c);
}

/*
 * Line ends may have become blanks (flags(no-multi-line)) or dots, or headers may be named in brackets: then the phrase
 * ends where a header begins.
 * p: the first byte of such a gap, name: what follows it.
 */
static gboolean
_header_follows(const gchar *p, const gchar *name, const gchar *end)
{
  if (end - name >= 2 && name[1] == ':' && name - p < 2)
    return FALSE;
  return _header_at(name, end, NULL) >= 0;
}

static SipSpan
_phrase(SipSpan text, gsize from, gchar opening)
{
  const gchar *start = text.ptr + from;
  const gchar *end = text.ptr + MIN(text.len, from + MAX_REASON);
  gchar closing = _closing(opening);

  while (start < end && _is_blank(*start))
    start++;

  const gchar *p = start;
  /* a tab stands between columns, whatever the grammar allows */
  while (p < end && !_is_line_end(*p) && *p != '\033' && *p != '\t' && !(closing && *p == closing))
    {
      const gchar *gap = p;

      while (p < end && _is_gap(*p))
        p++;
      /* a monitor's `, 0.018 seconds response time' is no part of it either */
      if (p > gap && (_header_follows(gap, p, end) || (*gap == ',' && p < end && g_ascii_isdigit(*p))))
        {
          p = gap;
          break;
        }
      if (p == gap)
        p++;
    }
  while (p > start && _is_blank(p[-1]))
    p--;
  return p > start ? sip_span(start, (gsize) (p - start)) : SIP_SPAN_NONE;
}

/* ngrep ends each line with a dot: true if the next line is a header with such an end, too */
static gboolean
_lines_end_in_dots(SipSpan text, gsize line_end)
{
  gsize next = _next_line(text, line_end);
  gsize next_end = _line_end(text, next);

  return next_end > next && text.ptr[next_end - 1] == '.'
         && _header_at(text.ptr + next, text.ptr + next_end, NULL) >= 0;
}

gboolean
sip_message_may_start(SipSpan text, gsize where)
{
  gsize next = where + VERSION_LENGTH;

  return next >= text.len || !(text.ptr[next] == '/' || _is_token_char(text.ptr[next]));
}

void
sip_message_add_version(SipStartLines *self, SipSpan text, gsize where)
{
  gsize p = where + VERSION_LENGTH;
  gboolean blank = FALSE;
  SipStartLine found = { .version = where };

  while (p < text.len && _is_blank(text.ptr[p]) && p < where + VERSION_LENGTH + 8)
    {
      blank = TRUE;
      p++;
    }

  gboolean three_digits = blank && text.len - p >= 3 && text.ptr[p] >= '1' && text.ptr[p] <= '6'
                          && g_ascii_isdigit(text.ptr[p + 1]) && g_ascii_isdigit(text.ptr[p + 2]);
  gchar next = three_digits && p + 3 < text.len ? text.ptr[p + 3] : ' ';

  if (!sip_message_may_start(text, where))
    return;
  if (where > 0 && (text.ptr[where - 1] == '-' || text.ptr[where - 1] == '_'))
    return;

  found.line = _line_start(text, where);
  if (_follows_uri(text, found.line, where))
    {
      found.kind = SIP_START_REQUEST_LINE;
      found.end = where + VERSION_LENGTH;
    }
  else
    {
      /* 100..699 and nothing that makes another number or word of it */
      if (!three_digits || _is_token_char(next) || ((next == '.' || next == ',') && p + 4 < text.len
                                                    && g_ascii_isdigit(text.ptr[p + 4])))
        return;

      if (_is_only_decoration(text, found.line, where))
        found.kind = SIP_START_STATUS_LINE;
      else if (_is_within_header(text, found.line, where) || _is_expected(text, found.line, where))
        return;
      else
        found.kind = SIP_START_INLINE_STATUS;

      found.code_text = sip_span(text.ptr + p, 3);
      found.code = (text.ptr[p] - '0') * 100 + (text.ptr[p + 1] - '0') * 10 + (text.ptr[p + 2] - '0');
      found.reason = _phrase(text, p + 3, _opening(text, found.line, where));
      if (found.reason.len >= 5 && g_ascii_strncasecmp(found.reason.ptr, "bytes", 5) == 0)
        return;
      found.end = found.reason.ptr ? (gsize) (found.reason.ptr - text.ptr) + found.reason.len : p + 3;
      if (found.reason.len && found.reason.ptr[found.reason.len - 1] == '.' && _lines_end_in_dots(text, found.end))
        found.reason = found.reason.len > 1 ? sip_span(found.reason.ptr, found.reason.len - 1) : SIP_SPAN_NONE;
    }

  if (self->n < SIP_MESSAGE_MAX_START_LINES)
    self->n++;
  self->line[self->n - 1] = found;
}

static SipSpan
_trim(SipSpan value)
{
  while (value.len && _is_blank(value.ptr[0]))
    value = sip_span(value.ptr + 1, value.len - 1);
  while (value.len && _is_blank(value.ptr[value.len - 1]))
    value.len--;
  return value;
}

static SipSpan
_first_word(SipSpan value)
{
  gsize len = 0;

  value = _trim(value);
  while (len < value.len && !_is_blank(value.ptr[len]) && value.ptr[len] != '"')
    len++;
  return len ? sip_span(value.ptr, len) : SIP_SPAN_NONE;
}

static SipSpan
_digits_after(SipSpan value, const gchar *key)
{
  const gchar *found = g_strstr_len(value.ptr, (gssize) value.len, key);
  gsize len = 0;

  if (!found)
    return SIP_SPAN_NONE;
  found += strlen(key);
  gsize rest = value.len - (gsize) (found - value.ptr);
  while (len < rest && len < 4 && g_ascii_isdigit(found[len]))
    len++;
  return len ? sip_span(found, len) : SIP_SPAN_NONE;
}

static gboolean
_begins_with(SipSpan value, const gchar *what)
{
  gsize len = strlen(what);

  return value.len >= len && g_ascii_strncasecmp(value.ptr, what, len) == 0;
}

static void
_take_header(SipHeaders *self, Header header, SipSpan value)
{
  gsize digits = 0;

  value = _trim(value);
  switch (header)
    {
    case HEADER_CALL_ID:
      if (!self->call_id.ptr)
        self->call_id = _first_word(value);
      break;
    case HEADER_CSEQ:
      while (digits < value.len && digits < 10 && g_ascii_isdigit(value.ptr[digits]))
        digits++;
      if (digits && !self->method.ptr)
        {
          SipSpan word = _first_word(sip_span(value.ptr + digits, value.len - digits));
          gsize len = 0;

          self->cseq = sip_span(value.ptr, digits);
          while (len < word.len && g_ascii_isalpha(word.ptr[len]))
            len++;
          if (len)
            self->method = sip_span(word.ptr, len);
        }
      break;
    case HEADER_FROM:
      if (!self->from.ptr)
        self->from = value;
      break;
    case HEADER_TO:
      if (!self->to.ptr)
        self->to = value;
      break;
    case HEADER_USER_AGENT:
      if (!self->user_agent.ptr && value.len)
        self->user_agent = value;
      break;
    case HEADER_REASON:
      if (value.len >= 5 && g_ascii_strncasecmp(value.ptr, "Q.850", 5) == 0)
        self->q850 = _digits_after(value, "cause=");
      else if (value.len >= 3 && g_ascii_strncasecmp(value.ptr, "SIP", 3) == 0)
        self->reason_code = _digits_after(value, "cause=");
      break;
    case HEADER_CONTENT_TYPE:
      self->sipfrag = g_strstr_len(value.ptr, (gssize) value.len, "sipfrag") != NULL;
      self->text_body = _begins_with(value, "text/") || _begins_with(value, "message/") || _begins_with(value, "multipart/");
      break;
    case HEADER_CONTENT_LENGTH:
      self->has_content_length = TRUE;
      while (digits < value.len && digits < 6 && g_ascii_isdigit(value.ptr[digits]))
        self->content_length = self->content_length * 10 + (guint) (value.ptr[digits++] - '0');
      break;
    default:
      break;
    }
}

/* whether a header of this name may be one that _take_header() wants, by the first letter of its name or compact form */
static inline gboolean
_may_be_wanted(gchar first)
{
  switch (first | 0x20)
    {
    case 'c':
    case 'f':
    case 'i':
    case 'l':
    case 'r':
    case 't':
    case 'u':
      return TRUE;
    default:
      return FALSE;
    }
}

/* whether there is a header in the lines that follow: some products double every line end */
static gboolean
_headers_go_on(SipSpan text, gsize where, gsize limit)
{
  for (gint i = 0; i < 3 && where < limit; i++)
    {
      gsize end = _line_end(text, where);

      if (end > where)
        return _header_at(text.ptr + where, text.ptr + end, NULL) >= 0;
      where = _next_line(text, end);
    }
  return FALSE;
}

/* Takes the headers of lines that are known; returns where those end. */
static gsize
_headers_of_lines(SipHeaders *self, SipSpan text, const SipHeaderLines *lines, gsize limit)
{
  for (guint i = 0; i < lines->n && lines->line[i].start < limit; i++)
    {
      const gchar *name = text.ptr + lines->line[i].start;
      gsize colon = lines->line[i].colon;
      gsize name_end = colon;

      if (!_may_be_wanted(name[0]))
        continue;
      while (_is_blank(text.ptr[name_end - 1]))
        name_end--;
      gint header = _header_of_name(name, name_end - lines->line[i].start);
      if (header >= 0 && header != HEADER_OTHER)
        _take_header(self, (Header) header, sip_span(text.ptr + colon + 1, MIN(_line_end(text, colon + 1), limit) - colon - 1));
    }
  return lines->end;
}

/* Some loggers write the same before each line of a message, but for numbers: its length on this line, 0 if it is not there. */
static gsize
_length_of_prefix(SipSpan line, SipSpan prefix)
{
  gsize i = 0;

  for (gsize j = 0; j < prefix.len; j++)
    {
      if (i >= line.len)
        return 0;
      if (!g_ascii_isdigit(prefix.ptr[j]))
        {
          if (line.ptr[i++] != prefix.ptr[j])
            return 0;
          continue;
        }
      if (!g_ascii_isdigit(line.ptr[i]))
        return 0;
      while (i < line.len && g_ascii_isdigit(line.ptr[i]))
        i++;
      while (j + 1 < prefix.len && g_ascii_isdigit(prefix.ptr[j + 1]))
        j++;
    }
  return i;
}

static void
_headers_by_line(SipHeaders *self, SipSpan text, const SipStartLine *start, const SipHeaderLines *lines, gsize first_line,
                 gsize limit)
{
  gsize where = first_line;
  const SipSpan prefix = sip_span(text.ptr + start->line, start->version - start->line);
  gboolean dots = _lines_end_in_dots(text, _line_end(text, start->end));

  if (lines && lines->n && lines->version == start->version && !dots && lines->end <= limit
      && (!prefix.len || start->kind == SIP_START_INLINE_STATUS))
    where = _headers_of_lines(self, text, lines, limit);
  for (gint i = 0; i < MAX_HEADER_LINES && where < limit; i++)
    {
      gsize end = MIN(_line_end(text, where), limit);
      const gchar *value;
      gint header;

      where += _length_of_prefix(sip_span(text.ptr + where, end - where), prefix);
      if (end == where)
        {
          if (!_headers_go_on(text, where, limit))
            {
              self->body = _next_line(text, end);
              return;
            }
          where = _next_line(text, end);
          continue;
        }

      gsize content_end = dots && text.ptr[end - 1] == '.' ? end - 1 : end;
      header = _may_be_wanted(text.ptr[where]) ? _header_at(text.ptr + where, text.ptr + content_end, &value) : -1;
      if (header >= 0)
        _take_header(self, header, sip_span(value, (gsize) (text.ptr + content_end - value)));
      where = _next_line(text, end);
    }
}

/* CR and LF may have become a dot each, as ngrep shows them */
static SipSpan
_without_gap(SipSpan value, gboolean dots)
{
  while (value.len && (_is_blank(value.ptr[value.len - 1]) || _is_separator(value.ptr[value.len - 1])
                       || (dots && value.ptr[value.len - 1] == '.')))
    value.len--;
  return value;
}

/* the message stands on one line: headers begin at a blank (or at the dots that SEMS writes for line ends) */
static void
_headers_by_blank(SipHeaders *self, SipSpan text, gsize where, gsize limit)
{
  gsize value_start = 0;
  gint open = -1;
  gboolean dots = FALSE;

  for (gint n = 0; where < limit && n < MAX_HEADER_LINES; where++)
    {
      const gchar *value;
      gint header;

      if (!(_is_blank(text.ptr[where]) || text.ptr[where] == '.' || text.ptr[where] == '|') || where + 1 >= limit)
        continue;
      header = _header_at(text.ptr + where + 1, text.ptr + limit, &value);
      if (header < 0 || value - (text.ptr + where + 1) < 4)
        continue;
      dots = text.ptr[where] == '.';
      if (open >= 0)
        _take_header(self, (Header) open, _without_gap(sip_span(text.ptr + value_start, where - value_start), dots));
      open = header;
      value_start = (gsize) (value - text.ptr);
      where = value_start - 1;
      n++;
    }
  if (open >= 0)
    _take_header(self, (Header) open, _without_gap(sip_span(text.ptr + value_start, limit - value_start), dots));
}

void
sip_message_headers(SipSpan text, const SipStartLine *start, const SipHeaderLines *lines, gsize limit, SipHeaders *headers)
{
  *headers = (SipHeaders) { 0 };

  gsize line_end = _line_end(text, start->end);
  if (line_end < limit)
    _headers_by_line(headers, text, start, lines, _next_line(text, line_end), limit);
  /* a line end may only be what follows a message on one line */
  if (!headers->method.ptr && !headers->call_id.ptr && !headers->from.ptr && !headers->has_content_length)
    _headers_by_blank(headers, text, start->end, MIN(line_end, limit));
}

gsize
sip_message_headers_end(SipSpan text, gsize where, SipHeaderLines *lines)
{
  const gchar *end = text.ptr + text.len;
  const gchar *line = memchr(text.ptr + where, '\n', MIN(text.len - where, MAX_START_LINE));
  gsize behind = where;

  lines->n = 0;
  lines->version = where;
  if (!line || _header_at(line + 1, end, NULL) < 0)
    return where;
  for (const gchar *p = line + 1; p < end; behind = (gsize) (p - text.ptr))
    {
      const gchar *colon;

      /* any name: products have headers of their own; a folded line (RFC 3261 section 7.3.1) begins with a blank */
      if (!g_ascii_isalpha(*p) && !_is_blank(*p))
        break;
      line = _find_byte(p, end, '\n');
      if (!line)
        line = end - 1;
      if (!_is_blank(*p))
        {
          colon = _find_byte(p, MIN(line + 1, p + MAX_HEADER_NAME), ':');
          if (!colon || lines->n == SIP_MESSAGE_MAX_HEADER_LINES)
            break;
          lines->line[lines->n].start = (gsize) (p - text.ptr);
          lines->line[lines->n++].colon = (gsize) (colon - text.ptr);
        }
      p = line + 1;
    }
  lines->end = behind;
  return behind;
}

gsize
sip_message_session_end(SipSpan text, gsize where)
{
  static const gchar version[] = "v=0";
  const gchar *end = text.ptr + text.len;
  const gchar *p = text.ptr + _next_line(text, where);

  if (where >= text.len || !_is_line_end(text.ptr[where]) || (gsize) (end - p) < strlen(version)
      || memcmp(p, version, strlen(version)) != 0)
    return where;
  while (end - p >= 2 && g_ascii_islower(p[0]) && p[1] == '=')
    {
      const gchar *line = _find_byte(p, end, '\n');

      if (!line)
        return text.len;
      p = line + 1;
    }
  return (gsize) (p - text.ptr);
}

typedef enum
{
  IN_MESSAGE_HEAD,              /* starts a message */
  IN_BODY,                      /* is text in the body of the message before */
  IN_SIPFRAG,                   /* is the message/sipfrag body of the message before */
} Place;

/* the message that a status line may be in */
typedef struct _Head
{
  const SipStartLine *start;
  gboolean read;                /* the rest, when first asked for */
  SipHeaders headers;
  gsize body_end;
} Head;

/*
 * Where the body ends by Content-Length, each line end counted as the CR LF that it was; 0 if the record does not hold that
 * much of it. Texts only: loggers that leave bodies out do so with session descriptions.
 */
static gsize
_body_end(SipSpan text, const SipStartLine *start, const SipHeaders *headers)
{
  gsize decoration = start->kind == SIP_START_STATUS_LINE ? start->version - start->line : 0;
  guint left = headers->text_body ? headers->content_length : 0;
  gsize where = headers->body;

  while (where && left && where < text.len)
    {
      gsize end = _line_end(text, where);
      gsize len = end - where;

      if (decoration && len >= decoration && memcmp(text.ptr + where, text.ptr + start->line, decoration) == 0)
        len -= decoration;
      if (len + 2 >= left)
        return end;
      left -= (guint) len + 2;
      where = _next_line(text, end);
    }
  return 0;
}

static void
_read_head(Head *self, SipSpan text, gsize limit)
{
  if (self->read)
    return;
  self->read = TRUE;
  sip_message_headers(text, self->start, NULL, limit, &self->headers);
  self->body_end = _body_end(text, self->start, &self->headers);
}

/* Where the status line `next' stands in relation to the message before it. */
static Place
_place(SipSpan text, Head *head, const SipStartLine *next)
{
  const SipStartLine *before = head->start;
  const SipHeaders *headers = &head->headers;
  gsize where = next->line;
  gboolean after_empty_line = FALSE;

  /* the line before, not counting empty ones */
  while (where > before->end)
    {
      gsize end = where - 1;

      if (end > before->end && text.ptr[end] == '\n' && text.ptr[end - 1] == '\r')
        end--;
      gsize start = _line_start(text, end);
      if (start < end)
        {
          const gchar *p = text.ptr + MAX(start, before->line);

          if (start > before->line && _header_at(p, text.ptr + end, NULL) < 0)
            {
              _read_head(head, text, next->line);
              if (next->line >= head->body_end)
                return IN_MESSAGE_HEAD;
              return headers->sipfrag ? IN_SIPFRAG : IN_BODY;
            }
          break;
        }
      after_empty_line = TRUE;
      where = start;
    }
  if (!after_empty_line)
    return IN_MESSAGE_HEAD;

  _read_head(head, text, next->line);
  if (headers->sipfrag)
    return IN_SIPFRAG;
  if (headers->has_content_length)
    return headers->content_length ? IN_BODY : IN_MESSAGE_HEAD;
  return before->kind == SIP_START_REQUEST_LINE ? IN_BODY : IN_MESSAGE_HEAD;
}

static gboolean
_is_final(const SipStartLine *line)
{
  return line->code >= 200;
}

static void
_prefer(const SipStartLine **best, const SipStartLine *line)
{
  if (!*best || _is_final(line) || !_is_final(*best))
    *best = line;
}

const SipStartLine *
sip_message_choose(const SipStartLines *self, SipSpan text, gboolean *sipfrag)
{
  const SipStartLine *best = NULL;
  const SipStartLine *fragment = NULL;
  const SipStartLine *in_line = NULL;
  Head head = { 0 };

  *sipfrag = FALSE;
  for (guint i = 0; i < self->n; i++)
    {
      const SipStartLine *line = &self->line[i];
      Place place;

      if (line->kind == SIP_START_INLINE_STATUS)
        {
          /* behind the start of a message it is quoted by a header or a body */
          if (!head.start)
            _prefer(&in_line, line);
          continue;
        }
      place = head.start && line->kind == SIP_START_STATUS_LINE ? _place(text, &head, line) : IN_MESSAGE_HEAD;
      if (place == IN_SIPFRAG)
        _prefer(&fragment, line);
      if (place != IN_MESSAGE_HEAD)
        continue;
      if (line->kind == SIP_START_STATUS_LINE)
        _prefer(&best, line);
      head.start = line;
      head.read = FALSE;
    }

  if (best)
    return best;
  if (in_line)
    return in_line;
  *sipfrag = fragment != NULL;
  return fragment;
}
