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

#ifndef SIP_MESSAGE_H_INCLUDED
#define SIP_MESSAGE_H_INCLUDED

#include "sip-span.h"

/*
 * The raw SIP message within a log record: RFC 3261 section 7, as products
 * print it.  Works on the text view (sip-view.h): line ends are LF, CR LF or
 * CR; a relay may have turned them into blanks.
 */

#define SIP_MESSAGE_VERSION "SIP/2.0"
#define SIP_MESSAGE_MAX_START_LINES 64

typedef enum
{
  SIP_START_STATUS_LINE,        /* SIP/2.0 486 Busy Here at the start of the record or of a line */
  SIP_START_INLINE_STATUS,      /* the same behind other words of a line */
  SIP_START_REQUEST_LINE,       /* INVITE sip:... SIP/2.0 */
} SipStartKind;

typedef struct _SipStartLine
{
  SipStartKind kind;
  gsize line;                   /* where its line begins */
  gsize version;                /* where SIP/2.0 begins */
  gint code;
  SipSpan code_text;
  SipSpan reason;               /* .ptr NULL if there is no phrase */
  gsize end;                    /* behind the start line, before its line end */
} SipStartLine;

/* The start lines of a record, in order; when there are too many, the last ones replace each other. */
typedef struct _SipStartLines
{
  SipStartLine line[SIP_MESSAGE_MAX_START_LINES];
  guint n;
} SipStartLines;

/* Whether an occurrence of SIP/2.0 is worth a closer look: in a Via it is not. */
gboolean sip_message_may_start(SipSpan text, gsize where);

/* Looks at an occurrence of SIP/2.0; adds a start line if it is one, which it mostly is not (Via). */
void sip_message_add_version(SipStartLines *self, SipSpan text, gsize where);

/*
 * The start line whose status is the record's: the last final one, else the last provisional one.
 * Bodies do not count, except for message/sipfrag (*sipfrag is set then) when there is nothing else.
 * NULL if there is none.
 */
const SipStartLine *sip_message_choose(const SipStartLines *self, SipSpan text, gboolean *sipfrag);

typedef struct _SipHeaders
{
  SipSpan call_id;
  SipSpan cseq;                 /* the number */
  SipSpan method;               /* of the CSeq header */
  SipSpan from;
  SipSpan to;
  SipSpan user_agent;
  SipSpan q850;                 /* Reason: Q.850;cause=N (RFC 3326) */
  SipSpan reason_code;          /* Reason: SIP;cause=N */
  gboolean sipfrag;             /* Content-Type: message/sipfrag (RFC 3420) */
  gboolean text_body;           /* Content-Type: text/, message/ or multipart/ */
  gboolean has_content_length;
  guint content_length;
  gsize body;                   /* behind the empty line; 0 if there is none */
} SipHeaders;

#define SIP_MESSAGE_MAX_HEADER_LINES 96

/* where the header lines stand that follow a start line */
typedef struct _SipHeaderLines
{
  gsize version;                /* where the SIP/2.0 of the start line is */
  gsize end;                    /* the empty line, or whatever is no header */
  guint n;
  struct
  {
    gsize start;
    gsize colon;
  } line[SIP_MESSAGE_MAX_HEADER_LINES];
} SipHeaderLines;

/*
 * The headers that follow a start line. limit: where to stop at the latest. lines: what sip_message_headers_end() found in
 * this text, which saves looking again if it was behind this start line; may be NULL.
 */
void sip_message_headers(SipSpan text, const SipStartLine *start, const SipHeaderLines *lines, gsize limit, SipHeaders *headers);

/*
 * Where the header lines end that follow the start line with SIP/2.0 at `where': the empty line or whatever is no header.
 * `where' itself if none follow.  Nothing in them is a status.
 */
gsize sip_message_headers_end(SipSpan text, gsize where, SipHeaderLines *lines);

/*
 * Where the session description (RFC 8866) ends that follows the empty line at `where'; `where' itself if none does.  Nothing
 * in it is a status.
 */
gsize sip_message_session_end(SipSpan text, gsize where);

/* The canonical spelling of a registered method, whatever its case; NULL if it is none. */
const gchar *sip_method_canonical(SipSpan method);

#endif
