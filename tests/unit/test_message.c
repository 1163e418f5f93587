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

#include "guard-page.h"
#include "sip-message.h"

#include <criterion/criterion.h>
#include <time.h>

/* as sip-scan.c feeds it: the places where the version stands, letters in either case; of too many the first and the last */
static void
_find(SipStartLines *lines, SipSpan text)
{
  const gsize len = strlen(SIP_MESSAGE_VERSION);
  gsize versions[SIP_MESSAGE_MAX_START_LINES];
  guint n = 0;

  lines->n = 0;
  for (gsize i = 0; i + len <= text.len; i++)
    {
      if ((text.ptr[i] | 0x20) != 's' || g_ascii_strncasecmp(text.ptr + i, SIP_MESSAGE_VERSION, len) != 0
          || !sip_message_may_start(text, i))
        continue;
      if (n < SIP_MESSAGE_MAX_START_LINES)
        n++;
      versions[n - 1] = i;
    }
  for (guint i = 0; i < n; i++)
    sip_message_add_version(lines, text, versions[i]);
}

static const SipStartLine *
_choose(SipStartLines *lines, SipSpan text, gboolean *sipfrag)
{
  _find(lines, text);
  return sip_message_choose(lines, text, sipfrag);
}

/* --- start lines --- */

#define STATUS SIP_START_STATUS_LINE
#define INLINE SIP_START_INLINE_STATUS
#define REQUEST SIP_START_REQUEST_LINE
#define NOTHING -1

typedef struct _StartCase
{
  const gchar *text;
  gint kind;
  gint code;
  const gchar *reason;          /* NULL: none */
} StartCase;

static const StartCase start_cases[] =
{
  /* RFC 3261 section 7.2 */
  { "SIP/2.0 486 Busy Here\r\n", STATUS, 486, "Busy Here" },
  { "SIP/2.0 200 OK", STATUS, 200, "OK" },
  { "sip/2.0 404 not found", STATUS, 404, "not found" },
  { "SIP/2.0 503", STATUS, 503, NULL },
  { "SIP/2.0 503 ", STATUS, 503, NULL },
  { "SIP/2.0 503 \r\n", STATUS, 503, NULL },
  { "SIP/2.0  486\tBusy", STATUS, 486, "Busy" },
  { "SIP/2.0 100 Trying\nVia: x", STATUS, 100, "Trying" },
  { "SIP/2.0 699 Vendor", STATUS, 699, "Vendor" },
  { "SIP/2.0 403 Kh\xc3\xb4ng \xc4\x91\xc6\xb0\xe1\xbb\xa3" "c ph\xc3\xa9p\r\n", STATUS, 403, "Kh\xc3\xb4ng \xc4\x91\xc6\xb0\xe1\xbb\xa3" "c ph\xc3\xa9p" },
  { "SIP/2.0 486 486", STATUS, 486, "486" },
  { "SIP/2.0 200 OK\033[0m", STATUS, 200, "OK" },
  { "SIP/2.0 404 Not Found.", STATUS, 404, "Not Found." },
  /* decoration before it */
  { "  SIP/2.0 486 Busy Here", STATUS, 486, "Busy Here" },
  { "//SIP/2.0 200 OK\n//Via: x", STATUS, 200, "OK" },
  { "| SIP/2.0 200 OK", STATUS, 200, "OK" },
  { "x\n\n  > SIP/2.0 180 Ringing", STATUS, 180, "Ringing" },
  /* quotes and brackets end the phrase */
  { "\"SIP/2.0 486 Busy Here\" x", STATUS, 486, "Busy Here" },
  { "> **SIP/2.0 486 Busy Here**\n> **Via: SIP/2.0/UDP x**", STATUS, 486, "Busy Here" },
  { "`SIP/2.0 486 Busy Here` x", STATUS, 486, "Busy Here" },
  { "level=error error=\"call failed: SIP/2.0 486 Busy Here\" id=7", INLINE, 486, "Busy Here" },
  { "user=\"a\" answer: SIP/2.0 486 Busy \"now\"", INLINE, 486, "Busy \"now\"" },
  { "got (SIP/2.0 486 Busy Here) x", INLINE, 486, "Busy Here" },
  { "got <SIP/2.0 486 Busy> x", INLINE, 486, "Busy" },
  { "got [SIP/2.0 486 Busy] x", INLINE, 486, "Busy" },
  { "got 'SIP/2.0 486 Busy' x", INLINE, 486, "Busy" },
  { "received SIP/2.0 404 Not Found", INLINE, 404, "Not Found" },
  /* line ends that became blanks or dots */
  { "SIP/2.0 486 Busy Here Via: SIP/2.0/UDP x", STATUS, 486, "Busy Here" },
  { "SIP/2.0 486 Busy Here   v: SIP/2.0/UDP x", STATUS, 486, "Busy Here" },
  { "SIP/2.0 486 Busy Here..Via: SIP/2.0/UDP x", STATUS, 486, "Busy Here" },
  { "10:00:00 s=SIP/2.0 200 OK", NOTHING, 0, NULL },
  { "10:00:00 status=SIP/2.0 200 OK", INLINE, 200, "OK" },
  { "10:00:00 r=SIP/2.0 200 OK", INLINE, 200, "OK" },
  { "SIP/2.0 486 Busy Here|Via: SIP/2.0/UDP x", STATUS, 486, "Busy Here" },
  { "SIP/2.0 486 Busy Here | Via: SIP/2.0/UDP x", STATUS, 486, "Busy Here" },
  { "SIP/2.0 486 Busy, Here; Via: SIP/2.0/UDP x", STATUS, 486, "Busy, Here" },
  { "SIP/2.0 486 Busy Here [CSeq: 102 INVITE]", STATUS, 486, "Busy Here" },
  { "SIP/2.0 486 Busy Here (Call-ID: a@b)", STATUS, 486, "Busy Here" },
  { "SIP/2.0 486 Busy (here) [now]", STATUS, 486, "Busy (here) [now]" },
  { "SIP/2.0 486 Busy Here\t102 bytes", STATUS, 486, "Busy Here" },
  { "SIP OK - SIP/2.0 404 Not Found, 0.018 seconds response time|time=0.018s", INLINE, 404, "Not Found" },
  { "SIP/2.0 486 Busy; s|o, x", STATUS, 486, "Busy; s|o, x" },
  { "SIP/2.0 486 Busy v: x", STATUS, 486, "Busy v: x" },
  { "SIP/2.0 200 OK.\nVia: SIP/2.0/UDP x.\n", STATUS, 200, "OK" },
  /* request lines, section 7.1 */
  { "INVITE sip:486@192.0.2.1 SIP/2.0\r\n", REQUEST, 0, NULL },
  { "<--- INVITE sips:a@b SIP/2.0", REQUEST, 0, NULL },
  { "OPTIONS tel:+491 SIP/2.0", REQUEST, 0, NULL },
  { "REGISTER xxxx SIP/2.0", REQUEST, 0, NULL },
  { "gw1 sip: SIP/2.0 486 Busy Here", INLINE, 486, "Busy Here" },
  { "INVITE sip:a@b SIP/2.0 486 Busy", REQUEST, 0, NULL },
  /* nothing */
  { "SIP/2.0", NOTHING, 0, NULL },
  { "SIP/2.0 ", NOTHING, 0, NULL },
  { "SIP/2.0 4", NOTHING, 0, NULL },
  { "SIP/2.0 48", NOTHING, 0, NULL },
  { "SIP/2.0486 Busy", NOTHING, 0, NULL },
  { "SIP/2.0 4860 Busy", NOTHING, 0, NULL },
  { "SIP/2.0 486.5 Busy", NOTHING, 0, NULL },
  { "SIP/2.0 486,5 Busy", NOTHING, 0, NULL },
  { "SIP/2.0 486x Busy", NOTHING, 0, NULL },
  { "SIP/2.0 700 Busy", NOTHING, 0, NULL },
  { "SIP/2.0 099 Busy", NOTHING, 0, NULL },
  { "SIP/2.0 486 bytes sent", NOTHING, 0, NULL },
  { "Via: SIP/2.0/UDP 192.0.2.1", NOTHING, 0, NULL },
  { "x-SIP/2.0 486 Busy", NOTHING, 0, NULL },
  { "x_SIP/2.0 486 Busy", NOTHING, 0, NULL },
  { "HTTP/1.1 486 Busy", NOTHING, 0, NULL },
  /* never inside a header's value or SDP */
  { "Subject: SIP/2.0 486 Busy Here", NOTHING, 0, NULL },
  { "Reason: see SIP/2.0 486 Busy Here", NOTHING, 0, NULL },
  { "s=SIP/2.0 486 Busy Here", NOTHING, 0, NULL },
  { "10:00:00 I/phone: Server: SIP/2.0 486 Busy Here", NOTHING, 0, NULL },
  { "answer of SIP server: SIP/2.0 486 Busy Here", INLINE, 486, "Busy Here" },
  { "Set(\"PJSIP/a-1\", \"PJSIP_HEADER(add,X-Reason)=SIP/2.0 486\")", NOTHING, 0, NULL },
  { "tcp-check (expect string 'SIP/2.0 200 OK')", NOTHING, 0, NULL },
  { "did not match content 'SIP/2.0 200' at step 4", NOTHING, 0, NULL },
  { "expected \"SIP/2.0 200\" but got \"SIP/2.0 503 Busy\"", INLINE, 503, "Busy" },
  { "X-Last-Answer: SIP/2.0 486 Busy Here", NOTHING, 0, NULL },
};

static const gchar *const kinds[] = { "nothing", "a status line", "an inline status", "a request line" };

Test(message, start_lines)
{
  for (gsize i = 0; i < G_N_ELEMENTS(start_cases); i++)
    {
      const StartCase *c = &start_cases[i];
      SipSpan text = guard_page_at_end(c->text, strlen(c->text));
      SipStartLines lines;
      const SipStartLine *line = &lines.line[0];

      _find(&lines, text);
      gint kind = lines.n ? (gint) line->kind : NOTHING;
      cr_expect_eq(kind, c->kind, "`%s' is %s, not %s", c->text, kinds[kind + 1], kinds[c->kind + 1]);
      if (kind == NOTHING || kind != c->kind)
        continue;
      cr_expect_eq(line->code, c->code, "`%s': %d", c->text, line->code);
      if (c->reason)
        cr_expect(sip_span_eq(line->reason, c->reason), "`%s': reason `%.*s', not `%s'", c->text,
                  (gint) line->reason.len, line->reason.ptr ? line->reason.ptr : "", c->reason);
      else
        cr_expect_null(line->reason.ptr, "`%s': reason `%.*s'", c->text, (gint) line->reason.len, line->reason.ptr);
      if (c->code)
        cr_expect(line->code_text.len == 3 && line->code_text.ptr[0] == '0' + c->code / 100);
      cr_expect(line->end <= text.len && line->version < text.len && line->line <= line->version);
    }
}

/* the version on the first, the last and every place of a page */
Test(message, too_many_start_lines)
{
  GString *text = g_string_new(NULL);
  SipStartLines lines;
  gboolean sipfrag;

  for (gint i = 0; i < 3 * SIP_MESSAGE_MAX_START_LINES; i++)
    g_string_append_printf(text, "SIP/2.0 %d x\r\n", 100 + i);
  const SipStartLine *best = _choose(&lines, guard_page_at_end(text->str, text->len), &sipfrag);
  cr_assert_eq(lines.n, SIP_MESSAGE_MAX_START_LINES);
  /* the last one takes the last place */
  cr_assert_eq(best->code, 100 + 3 * SIP_MESSAGE_MAX_START_LINES - 1);
  g_string_free(text, TRUE);
}

/* --- which one is the record's --- */

typedef struct _ChooseCase
{
  const gchar *text;
  gint code;                    /* 0: none */
  gboolean sipfrag;
} ChooseCase;

static const ChooseCase choose_cases[] =
{
  { "SIP/2.0 180 Ringing\r\nl: 0\r\n\r\nSIP/2.0 486 Busy\r\n", 486, FALSE },
  { "SIP/2.0 486 Busy\r\nl: 0\r\n\r\nSIP/2.0 180 Ringing\r\n", 486, FALSE },
  { "SIP/2.0 486 Busy\r\nl: 0\r\n\r\nSIP/2.0 503 x\r\n", 503, FALSE },
  { "SIP/2.0 100 Trying\r\nSIP/2.0 180 Ringing\r\n", 180, FALSE },
  { "INVITE sip:a@b SIP/2.0\r\nVia: x\r\n", 0, FALSE },
  { "INVITE sip:a@b SIP/2.0\r\nVia: x\r\nl: 0\r\n\r\nSIP/2.0 486 Busy\r\n", 486, FALSE },
  /* a body is text */
  { "MESSAGE sip:a@b SIP/2.0\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\nSIP/2.0 486 Busy\r\n", 0, FALSE },
  { "MESSAGE sip:a@b SIP/2.0\r\nVia: x\r\n\r\nSIP/2.0 486 Busy\r\n", 0, FALSE },
  { "SIP/2.0 200 OK\r\nContent-Length: 20\r\n\r\nSIP/2.0 486 Busy\r\n", 200, FALSE },
  /* all of it, as far as Content-Length says and the record goes; each line end is CR LF on the wire */
  { "MESSAGE sip:a@b SIP/2.0\r\nc: text/plain\r\nl: 27\r\n\r\nDear A,\r\nSIP/2.0 486 Busy\r\n", 0, FALSE },
  { "MESSAGE sip:a@b SIP/2.0\nc: text/plain\nl: 27\n\nDear A,\nSIP/2.0 486 Busy\n", 0, FALSE },
  { "MESSAGE sip:a@b SIP/2.0\r\nc: text/plain\r\nl: 28\r\n\r\nDear A,\r\n\nSIP/2.0 486 Busy\r\n", 0, FALSE },
  { "MESSAGE sip:a@b SIP/2.0\r\nc: text/plain\r\nl: 9\r\n\r\nDear A,\r\n<--- x --->\nSIP/2.0 486 Busy\r\n", 486, FALSE },
  { "MESSAGE sip:a@b SIP/2.0\nc: text/plain\nl: 9\n\nDear A,\n<--- x --->\nSIP/2.0 486 Busy\n", 486, FALSE },
  { "MESSAGE sip:a@b SIP/2.0\r\nc: text/plain\r\nl: 27\r\n\r\nDear A,\r\nSIP/2.0 486 Busy\r\nx\r\nSIP/2.0 503 x\r\n", 503, FALSE },
  { "SIP/2.0 200 OK\r\nc: multipart/mixed\r\nl: 59\r\n\r\n--x\r\n\r\nSIP/2.0 486 Busy\r\n--x--\r\nSIP/2.0 503 x\r\n1234567890\r\n", 200,
    FALSE },
  { "NOTIFY sip:a@b SIP/2.0\r\nc: message/sipfrag\r\nl: 39\r\n\r\nwhat\r\nremark\r\nSIP/2.0 503 x\r\nTo: a\r\nx\r\n", 503, TRUE },
  { "   SIP/2.0 200 OK\n   c: text/plain\n   l: 27\n   \n   Dear A,\n   SIP/2.0 486 Busy\n", 200, FALSE },
  /* not where the body was left out or cut, or is none that is text */
  { "MESSAGE sip:a@b SIP/2.0\r\nc: text/plain\r\nl: 270\r\n\r\n<--- x --->\r\nSIP/2.0 486 Busy\r\n", 486, FALSE },
  { "INVITE sip:a@b SIP/2.0\r\nc: application/sdp\r\nl: 27\r\n\r\n<--- x --->\r\nSIP/2.0 486 Busy\r\n", 486, FALSE },
  { "SIP/2.0 200 OK\r\nl: 27\r\n\r\n<--- x --->\r\nSIP/2.0 486 Busy\r\n", 486, FALSE },
  /* unless it is a message/sipfrag (RFC 3420, RFC 3515) and there is nothing else */
  { "NOTIFY sip:a@b SIP/2.0\r\nContent-Type: message/sipfrag;version=2.0\r\n\r\nSIP/2.0 503 x\r\n", 503, TRUE },
  { "NOTIFY sip:a@b SIP/2.0\r\nc: message/sipfrag\r\nl: 20\r\n\r\nSIP/2.0 100 Trying\r\n", 100, TRUE },
  { "SIP/2.0 200 OK\r\nc: message/sipfrag\r\n\r\nSIP/2.0 503 x\r\n", 200, FALSE },
  /* an inline one, where there is no message */
  { "expecting SIP/2.0 200 OK, received SIP/2.0 404 Not Found", 404, FALSE },
  { "x received SIP/2.0 404 Not Found\r\nSIP/2.0 200 OK\r\n", 200, FALSE },
  { "SIP/2.0 200 OK\r\nVia: x\r\nremark SIP/2.0 404 Not Found\r\n", 200, FALSE },
  { "", 0, FALSE },
};

Test(message, choose)
{
  for (gsize i = 0; i < G_N_ELEMENTS(choose_cases); i++)
    {
      const ChooseCase *c = &choose_cases[i];
      SipStartLines lines;
      gboolean sipfrag = TRUE;
      const SipStartLine *best = _choose(&lines, guard_page_at_end(c->text, strlen(c->text)), &sipfrag);

      cr_expect_eq(best ? best->code : 0, c->code, "`%s': %d", c->text, best ? best->code : 0);
      cr_expect_eq(sipfrag, c->sipfrag, "`%s'", c->text);
    }
}

/* --- headers --- */

typedef struct _HeaderCase
{
  const gchar *text;
  const gchar *call_id, *cseq, *method, *from, *to, *user_agent, *q850, *reason_code;
} HeaderCase;

static const HeaderCase header_cases[] =
{
  {
    "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:1@a>;tag=1\r\nTo: <sip:2@b>\r\nCall-ID: c1@a\r\nCSeq: 102 INVITE\r\n"
    "User-Agent: Acme 1.0\r\nReason: Q.850;cause=17;text=\"User busy\"\r\nContent-Length: 0\r\n\r\nbody: x\r\nCall-ID: no\r\n",
    "c1@a", "102", "INVITE", "<sip:1@a>;tag=1", "<sip:2@b>", "Acme 1.0", "17", NULL
  },
  /* compact forms, section 7.3.3; letters in either case; blanks around the colon */
  {
    "SIP/2.0 486 x\nf: <sip:1@a>\nT:<sip:2@b>\nI : c2\ncseq:\t7\tbye\nREASON: SIP;cause=200\n", "c2", "7", "bye", "<sip:1@a>",
    "<sip:2@b>", NULL, NULL, "200"
  },
  /* the first one counts */
  { "SIP/2.0 486 x\nCall-ID: a\nCall-ID: b\nCSeq: 1 INVITE\nCSeq: 2 BYE\n", "a", "1", "INVITE", NULL, NULL, NULL, NULL, NULL },
  /* both kinds of Reason (RFC 3326) */
  {
    "BYE sip:a@b SIP/2.0\nReason: SIP;cause=503;text=\"x\"\nReason: Q.850 ;cause=41\n", NULL, NULL, NULL, NULL, NULL, NULL, "41",
    "503"
  },
  /* every line doubled */
  { "SIP/2.0 486 x\r\n\r\nCall-ID: a\r\n\r\nCSeq: 1 INVITE\r\n", "a", "1", "INVITE", NULL, NULL, NULL, NULL, NULL },
  /* decorated lines */
  { "9:41 (404): SIP/2.0 486 x\n10:02 (7): Call-ID: a\n10:02 (7): CSeq: 1 BYE\n10:02 [7]: From: b\n", "a", "1", "BYE", NULL, NULL, NULL,
    NULL, NULL },
  { "//SIP/2.0 486 x\n//Call-ID: a\n//CSeq: 1 INVITE\n", "a", "1", "INVITE", NULL, NULL, NULL, NULL, NULL },
  /* all on one line */
  {
    "SIP/2.0 486 Busy Here Via: SIP/2.0/UDP x From: <sip:1@a> Call-ID: a CSeq: 1 INVITE Content-Length: 0", "a", "1", "INVITE",
    "<sip:1@a>", NULL, NULL, NULL, NULL
  },
  { "SIP/2.0 486 Busy Here..Call-ID: a..CSeq: 1 INVITE", "a", "1", "INVITE", NULL, NULL, NULL, NULL, NULL },
  { "SIP/2.0 486 Busy Here|Call-ID: a|CSeq: 1 INVITE|From: <sip:1@a>;tag=1|", "a", "1", "INVITE", "<sip:1@a>;tag=1", NULL, NULL, NULL,
    NULL },
  { "SIP/2.0 486 Busy Here; Call-ID: a; From: <sip:1@a>;tag=1; CSeq: 1 INVITE;", "a", "1", "INVITE", "<sip:1@a>;tag=1", NULL, NULL,
    NULL, NULL },
  /* cut, empty, broken */
  { "SIP/2.0 486 x\r\nCall-ID", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
  { "SIP/2.0 486 x\r\nCall-ID:", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
  { "SIP/2.0 486 x\r\nCSeq: INVITE\r\nCall-ID: \r\n", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
  { "SIP/2.0 486 x\r\nCSeq: 12", NULL, "12", NULL, NULL, NULL, NULL, NULL, NULL },
  { "SIP/2.0 486 x\r\nReason: Q.850;text=x\r\n", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
  /* a monitor that indents all lines */
  { "                    SIP/2.0 486 x\n                    Call-ID: abc\n                    CSeq: 3 INVITE\n", "abc", "3", "INVITE", NULL, NULL, NULL, NULL, NULL },
  { "SIP/2.0 486", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
};

static void
_expect_header(const gchar *text, const gchar *name, SipSpan got, const gchar *expected)
{
  if (expected)
    cr_expect(sip_span_eq(got, expected), "%s of `%s': `%.*s', not `%s'", name, text, (gint) got.len,
              got.ptr ? got.ptr : "", expected);
  else
    cr_expect_eq(got.len, 0, "%s of `%s': `%.*s'", name, text, (gint) got.len, got.ptr);
}

Test(message, headers)
{
  for (gsize i = 0; i < G_N_ELEMENTS(header_cases); i++)
    {
      const HeaderCase *c = &header_cases[i];
      SipSpan text = guard_page_at_end(c->text, strlen(c->text));
      SipStartLines lines;
      SipHeaders headers;

      _find(&lines, text);
      cr_assert_geq(lines.n, 1);
      SipHeaderLines header_lines;
      sip_message_headers_end(text, lines.line[0].version, &header_lines);
      /* what is known of the lines changes nothing but the time it takes */
      for (gint known = 0; known <= 1; known++)
        {
          sip_message_headers(text, &lines.line[0], known ? &header_lines : NULL, text.len, &headers);
          _expect_header(c->text, "Call-ID", headers.call_id, c->call_id);
          _expect_header(c->text, "CSeq", headers.cseq, c->cseq);
          _expect_header(c->text, "method", headers.method, c->method);
          _expect_header(c->text, "From", headers.from, c->from);
          _expect_header(c->text, "To", headers.to, c->to);
          _expect_header(c->text, "User-Agent", headers.user_agent, c->user_agent);
          _expect_header(c->text, "Q.850", headers.q850, c->q850);
          _expect_header(c->text, "Reason", headers.reason_code, c->reason_code);
        }
    }
}

Test(message, headers_of_known_lines)
{
  /* NUL and CR end a value as well; the body is found behind the lines */
  static const gchar bytes[] = "SIP/2.0 486 x\r\nVia: a\r\nCall-ID : abc\0def\nCSeq:1 BYE\rTo: z\nContent-Length:   4\n\nbody";
  SipSpan text = guard_page_at_end(bytes, sizeof(bytes) - 1);
  SipStartLines lines;
  SipHeaderLines header_lines;
  SipHeaders headers;

  _find(&lines, text);
  sip_message_headers_end(text, 0, &header_lines);
  cr_assert_eq(header_lines.n, 4);
  sip_message_headers(text, &lines.line[0], &header_lines, text.len, &headers);
  cr_expect(sip_span_eq(headers.call_id, "abc"));
  cr_expect(sip_span_eq(headers.method, "BYE"));
  cr_expect_eq(headers.content_length, 4);
  cr_expect_eq(headers.body, text.len - 4);

  /* those of another start line are not taken */
  header_lines.version = 1;
  header_lines.n = 1;
  sip_message_headers(text, &lines.line[0], &header_lines, text.len, &headers);
  cr_expect(sip_span_eq(headers.call_id, "abc"));
}

Test(message, the_limit_holds)
{
  static const gchar bytes[] = "SIP/2.0 486 x\r\nCSeq: 1 INVITE\r\nCall-ID: abcdef\r\n";
  SipSpan text = guard_page_at_end(bytes, sizeof(bytes) - 1);
  SipStartLines lines;
  SipHeaders headers;

  _find(&lines, text);
  for (gsize limit = lines.line[0].end; limit <= text.len; limit++)
    {
      SipHeaderLines header_lines;
      sip_message_headers_end(text, lines.line[0].version, &header_lines);
      sip_message_headers(text, &lines.line[0], &header_lines, limit, &headers);
      cr_assert(!headers.call_id.ptr || headers.call_id.ptr + headers.call_id.len <= text.ptr + limit);
      sip_message_headers(text, &lines.line[0], NULL, limit, &headers);
      cr_assert(!headers.call_id.ptr || headers.call_id.ptr + headers.call_id.len <= text.ptr + limit);
      cr_assert(!headers.method.ptr || headers.method.ptr + headers.method.len <= text.ptr + limit);
    }
}

Test(message, methods)
{
  static const gchar *const known[] =
  {
    "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO", "REFER",
    "MESSAGE", "UPDATE",
  };
  static const gchar *const unknown[] = { "", "I", "INVIT", "INVITEX", "GET", "PRACKS", "B YE" };

  for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
    {
      gchar *lower = g_ascii_strdown(known[i], -1);

      cr_expect_str_eq(sip_method_canonical(guard_page_at_end(lower, strlen(lower))), known[i]);
      g_free(lower);
    }
  for (gsize i = 0; i < G_N_ELEMENTS(unknown); i++)
    cr_expect_null(sip_method_canonical(guard_page_at_end(unknown[i], strlen(unknown[i]))), "`%s'", unknown[i]);
}

/* --- every piece of every text, flush with a page that must not be touched, on either side --- */

static gboolean
_is_inside(SipSpan part, SipSpan text)
{
  return !part.ptr || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len);
}

static void
_run_all(SipSpan text)
{
  SipStartLines lines;
  SipHeaders headers;
  gboolean sipfrag;

  _choose(&lines, text, &sipfrag);
  for (guint i = 0; i < lines.n; i++)
    {
      sip_message_headers(text, &lines.line[i], NULL, text.len, &headers);
      cr_assert(_is_inside(lines.line[i].reason, text) && _is_inside(lines.line[i].code_text, text));
      cr_assert(_is_inside(headers.call_id, text) && _is_inside(headers.cseq, text) && _is_inside(headers.method, text)
                && _is_inside(headers.from, text) && _is_inside(headers.to, text)
                && _is_inside(headers.user_agent, text) && _is_inside(headers.q850, text)
                && _is_inside(headers.reason_code, text));
    }
}

static void
_run_pieces(const gchar *text)
{
  gsize len = strlen(text);

  for (gsize cut = 0; cut <= len; cut++)
    {
      _run_all(guard_page_at_end(text, cut));
      _run_all(guard_page_at_end(text + cut, len - cut));
      _run_all(guard_page_at_start(text, cut));
      _run_all(guard_page_at_start(text + cut, len - cut));
    }
}

Test(message, every_cut_of_every_text)
{
  for (gsize i = 0; i < G_N_ELEMENTS(start_cases); i++)
    _run_pieces(start_cases[i].text);
  for (gsize i = 0; i < G_N_ELEMENTS(choose_cases); i++)
    _run_pieces(choose_cases[i].text);
  for (gsize i = 0; i < G_N_ELEMENTS(header_cases); i++)
    _run_pieces(header_cases[i].text);
}

/* --- hostile records: the work grows with their length, not with its square --- */

/* in microseconds, of this thread: other work on the machine does not count */
static gint64
_cpu_time(void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gint64
_time_of(const GString *text)
{
  gint64 best = G_MAXINT64;
  SipStartLines lines;
  gboolean sipfrag;

  for (gint i = 0; i < 5; i++)
    {
      gint64 started = _cpu_time();
      gint64 took;

      for (gint j = 0; j < 4; j++)
        _choose(&lines, sip_span(text->str, text->len), &sipfrag);
      took = _cpu_time() - started;
      best = MIN(best, took);
    }
  return MAX(best, 1);
}

/* --- where the headers end --- */

Test(message, headers_end)
{
  /* `@' marks the place; none: no headers follow */
  static const gchar *const cases[] =
  {
    "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP a\r\nX-Own: 503\r\n@\r\nv=0\r\n",
    "SIP/2.0 486 Busy Here\nVia: SIP/2.0/UDP a\n@",
    "SIP/2.0 486 Busy Here\nVia: SIP/2.0/UDP a;rec@",
    "SIP/2.0 486 Busy Here\nSubject: one\n  two\nTo: b\n@\n",
    "SIP/2.0 486 Busy Here\nVia: a\n@SIP/2.0 200 OK\nTo: b\n",
    "SIP/2.0 486 Busy Here\nVia: a\n@--- end of message 503 ---\n",
    "SIP/2.0 486 Busy Here",
    "SIP/2.0 486 Busy Here\r\n\r\nVia: a\r\n",
    "SIP/2.0 486 Busy Here\nthe next record says: 503\n",
    "SIP/2.0 486 Busy Here\rVia: a\r",
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      gchar **parts = g_strsplit(cases[i], "@", 2);
      gchar *text = g_strconcat(parts[0], parts[1], NULL);
      gsize expected = parts[1] ? strlen(parts[0]) : 0;
      SipHeaderLines lines;
      gsize end = sip_message_headers_end(guard_page_at_end(text, strlen(text)), 0, &lines);

      cr_expect_eq(end, expected, "%zu, not %zu in `%s'", end, expected, text);
      g_free(text);
      g_strfreev(parts);
    }
}

Test(message, session_end)
{
  /* `@' marks the place; none: no session description follows */
  static const gchar *const cases[] =
  {
    "\r\nv=0\r\no=- 486 486 IN IP4 a\r\ns=SIP/2.0 404\r\n@",
    "\nv=0\ns=-\n@--- end of message: 486 ---\n",
    "\nv=0\ns=-\na=cut of@",
    "\nv=0\ns=-\n@\nSIP/2.0 486 Busy Here\n",
    "\nv=0\n@S=x\n",
    "\nv=0\n@a:b\n",
    "\nw=0\ns=-\n",
    "\n\nv=0\n",
    "v=0\n",
    "\nv=",
    "\r\n",
    "",
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    {
      gchar **parts = g_strsplit(cases[i], "@", 2);
      gchar *text = g_strjoinv("", parts);
      gsize expected = parts[0] && parts[1] ? strlen(parts[0]) : 0;
      gsize end = sip_message_session_end(guard_page_at_end(text, strlen(text)), 0);

      cr_expect_eq(end, expected, "%zu, not %zu in `%s'", end, expected, text);
      g_free(text);
      g_strfreev(parts);
    }
}

static void
_fill(GString *text, gsize size, const gchar *with)
{
  while (text->len < size)
    g_string_append(text, with);
}

/* ratio: how much a record may cost that a harmless one of the same length costs */
static void
_expect_cheap(const gchar *what, const GString *text, gint64 ratio)
{
  GString *plain = g_string_new("SIP/2.0 200 OK\r\n");

  _fill(plain, text->len, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\r\n");
  gint64 took = _time_of(text), base = _time_of(plain);
  cr_expect_leq(took, base * ratio, "%s: %" G_GINT64_FORMAT " us, a plain record %" G_GINT64_FORMAT " us", what, took, base);
  g_string_free(plain, TRUE);
}

Test(message, hostile_records)
{
  static const gchar *const gaps[] = { ".", " ", " .", ". " };
  GString *text = g_string_new(NULL);

  /* phrases that are nothing but what a header may follow */
  for (gsize i = 0; i < G_N_ELEMENTS(gaps); i++)
    {
      g_string_truncate(text, 0);
      while (text->len < 64000)
        {
          g_string_append(text, "SIP/2.0 200 x");
          _fill(text, text->len + 490, gaps[i]);
          g_string_append(text, "y\n");
        }
      _expect_cheap(gaps[i], text, 20);
    }

  /* a long head, and in its body many status lines that each ask for it */
  g_string_assign(text, "INVITE sip:a@b SIP/2.0\n");
  for (gint i = 0; i < 94; i++)
    {
      g_string_append_printf(text, "X-H%d: ", i);
      _fill(text, (gsize) (i + 1) * 600, "a");
      g_string_append_c(text, '\n');
    }
  g_string_append(text, "l: 9000\n\n");
  _fill(text, 64000, "SIP/2.0 200 OK\nVia: x\n\n");
  _expect_cheap("a long head", text, 20);

  /* a long text as its body */
  g_string_assign(text, "MESSAGE sip:a@b SIP/2.0\nc: text/plain\nl: 99999\n\n");
  _fill(text, 64000, "x\nSIP/2.0 200 OK\nVia: x\n\n");
  _expect_cheap("a long text", text, 20);
  _fill(text, 64000, "MESSAGE sip:a@b SIP/2.0\nc: text/plain\nl: 99999\n\nx\nSIP/2.0 200 OK\n");
  _expect_cheap("long texts", text, 20);

  g_string_assign(text, "");
  _fill(text, 64000, "SIP/2.0 200 ");
  _expect_cheap("SIP/2.0 200", text, 20);
  g_string_assign(text, "");
  _fill(text, 64000, "INVITE sip:a@b SIP/2.0 ");
  _expect_cheap("request lines", text, 20);
  g_string_free(text, TRUE);
}
