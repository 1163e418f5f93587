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

#include "sip-scan.h"
#include "sip-address.h"
#include "sip-message.h"
#include "sip-rules-private.h"
#include "sip-view.h"

/* anchors kept of one record; more than a record with a thousand headers has */
#define MAX_HITS 256

/*
 * What one record may cost: a pattern that starts at its anchor counts 1, one
 * that is searched for counts 4.  A line full of anchors stays within some
 * ten microseconds beyond the search for anchors.
 */
#define MAX_EFFORT 96
#define EFFORT_ANCHORED 1
#define EFFORT_SEARCHED 4
#define EFFORT_GIVEN_UP 32

/* far more than any built-in pattern needs on its window */
#define MATCH_LIMIT 20000
#define JIT_STACK_START (32 * 1024)
#define JIT_STACK_MAX (512 * 1024)

/* `require' and `veto' look at the whole record up to this length, of a longer one at so much around the match */
#define WORD_REACH 8192
#define EFFORT_WORDS 8

typedef struct _Hit
{
  guint anchor;
  gsize where;
} Hit;

typedef struct _Candidate
{
  const SipRule *rule;
  gsize where;
  gint code;
  SipSpan field[SIP_FIELD_MAX];
} Candidate;

/* sixteen bytes that are stored at once */
typedef guint64 TwoWords __attribute__((vector_size(16), may_alias, aligned(8)));

/* On each record, and compilers make a slow loop of a memset() of this size. */
static inline void
_reset_fields(SipSpan field[SIP_FIELD_MAX])
{
#ifdef __LP64__
  G_STATIC_ASSERT(sizeof(field[0]) == sizeof(TwoWords));
#pragma GCC unroll 16
  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    *(TwoWords *) &field[i] = (TwoWords) { 0, 0 };
#else
  memset(field, 0, SIP_FIELD_MAX * sizeof(field[0]));
#endif
}

struct _SipScanner
{
  GString *view;
  pcre2_match_data *match_data;
  const PCRE2_SIZE *vector;     /* of match_data */
  pcre2_match_context *match_context;
  gboolean offset_limited;      /* match_context has an offset limit */
  pcre2_jit_stack *jit_stack;
  SipScanStats stats;

  /* the record being scanned */
  const SipRules *rules;
  guint wanted;                 /* bits of the fields that are asked for */
  SipSpan program;
  SipSpan text;
  gint effort;
  gsize searched_from;          /* where the part of the text begins that is searched for anchors */
  gsize resume_at;              /* where the search goes on behind the headers of a message; 0: it has not come upon any */
  guint ranks;                  /* bits of the ranks that the hits' rules have */
  guint n_hits;
  Hit hits[MAX_HITS];
  Candidate candidates[2];      /* the best so far and the one that is tried */
  guint n_versions;
  gsize versions[SIP_MESSAGE_MAX_START_LINES];  /* where SIP/2.0 may belong to a start line */
  SipStartLines start_lines;
  SipHeaderLines header_lines;  /* of the last of them */
  gboolean words_known;
  gsize words_from;             /* the part of the text that `words' is about */
  SipWordSet words;
};

SipScanner *
sip_scanner_new(void)
{
  SipScanner *self = g_new0(SipScanner, 1);

  self->view = g_string_sized_new(2048);
  self->match_data = pcre2_match_data_create(SIP_RULE_MAX_CAPTURES, NULL);
  self->vector = pcre2_get_ovector_pointer(self->match_data);
  self->match_context = pcre2_match_context_create(NULL);
  pcre2_set_match_limit(self->match_context, MATCH_LIMIT);
  self->jit_stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
  pcre2_jit_stack_assign(self->match_context, NULL, self->jit_stack);
  return self;
}

void
sip_scanner_free(SipScanner *self)
{
  if (!self)
    return;

  pcre2_jit_stack_free(self->jit_stack);
  pcre2_match_context_free(self->match_context);
  pcre2_match_data_free(self->match_data);
  g_string_free(self->view, TRUE);
  g_free(self);
}

const SipScanStats *
sip_scanner_stats(const SipScanner *self)
{
  return &self->stats;
}

static void
_add_hit(SipScanner *self, guint anchor, gsize where)
{
  if (self->n_hits < MAX_HITS)
    self->hits[self->n_hits++] = (Hit) { anchor, where };
}

static gboolean
_keep_version(SipScanner *self, gsize where)
{
  if (!sip_message_may_start(self->text, where))
    return TRUE;
  if (self->n_versions < SIP_MESSAGE_MAX_START_LINES)
    self->n_versions++;
  self->versions[self->n_versions - 1] = where;

  gsize headers_end = sip_message_headers_end(self->text, where, &self->header_lines);
  if (headers_end == where)
    return TRUE;
  self->resume_at = sip_message_session_end(self->text, headers_end);
  return FALSE;
}

static gboolean
_keep_hit(guint anchor, gsize where, gpointer user_data)
{
  SipScanner *self = user_data;
  const SipRuleIndex *index = &self->rules->status;

  where += self->searched_from;
  /* the version may be no rule's anchor */
  if (index->anchor_ranks[anchor])
    {
      self->ranks |= index->anchor_ranks[anchor];
      _add_hit(self, anchor, where);
    }
  return anchor != self->rules->version_anchor || _keep_version(self, where);
}

static void
_find_anchors(SipScanner *self, SipSpan text)
{
  self->text = text;
  self->n_hits = 0;
  self->ranks = 0;
  self->n_versions = 0;
  self->header_lines.n = 0;
  self->resume_at = 0;
  do
    {
      self->searched_from = self->resume_at;
      self->resume_at = 0;
      sip_anchors_search(self->rules->status.anchors, text.ptr + self->searched_from, text.len - self->searched_from,
                         _keep_hit, self);
    }
  while (self->resume_at);
}

static gboolean
_keep_context_hit(guint anchor, gsize where, gpointer user_data)
{
  _add_hit(user_data, anchor, where);
  return TRUE;
}

/* The anchors of context rules within the first len bytes, instead of those found before. */
static void
_find_context_anchors(SipScanner *self, gsize len)
{
  self->n_hits = 0;
  sip_anchors_search(self->rules->context.anchors, self->text.ptr, len, _keep_context_hit, self);
}

/* Finds the words around a match, once for all rules that match there. */
static void
_find_words(SipScanner *self, gsize where)
{
  gsize from = 0;
  gsize len = self->text.len;

  if (len > WORD_REACH)
    {
      from = where > WORD_REACH / 2 ? (where - WORD_REACH / 2) & ~(gsize) (WORD_REACH / 4 - 1) : 0;
      len = MIN(WORD_REACH, self->text.len - from);
    }
  if (self->words_known && self->words_from == from)
    return;

  if (self->words_known)
    self->effort -= EFFORT_WORDS;
  self->words_known = TRUE;
  self->words_from = from;
  memset(&self->words, 0, sizeof(self->words));
  sip_words_search(self->rules->words, sip_span(self->text.ptr + from, len), &self->words);
  sip_words_search(self->rules->words, self->program, &self->words);
}

static gboolean
_any_word(const SipScanner *self, const GArray *numbers)
{
  for (guint i = 0; i < numbers->len; i++)
    {
      if (sip_word_set_has(&self->words, g_array_index(numbers, guint16, i)))
        return TRUE;
    }
  return FALSE;
}

static gboolean
_words_agree(SipScanner *self, const SipRule *rule, gsize where)
{
  if (!rule->veto_numbers->len && !rule->require_numbers->len)
    return TRUE;

  _find_words(self, where);
  if (_any_word(self, rule->veto_numbers))
    return FALSE;
  for (guint i = 0; i < rule->require_numbers->len; i++)
    {
      if (!_any_word(self, g_ptr_array_index(rule->require_numbers, i)))
        return FALSE;
    }
  return TRUE;
}

static gint
_run_pattern(SipScanner *self, const SipRulePattern *pattern, gsize from, gsize end)
{
  PCRE2_SPTR subject = (PCRE2_SPTR) self->text.ptr;
  int rc;

  if (pattern->jit)
    rc = pcre2_jit_match(pattern->code, subject, end, from, 0, self->match_data, self->match_context);
  else
    rc = pcre2_match(pattern->code, subject, end, from, PCRE2_NO_JIT, self->match_data, self->match_context);
  if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
    return rc;
  self->stats.pcre_errors++;
  /* a line that makes a pattern give up is made for that: not many more attempts */
  self->effort -= EFFORT_GIVEN_UP;
  /* without JIT there is no stack that could be too small; a limit is the same */
  if (!pattern->jit || rc == PCRE2_ERROR_MATCHLIMIT)
    return rc;
  return pcre2_match(pattern->code, subject, end, from, PCRE2_NO_JIT, self->match_data, self->match_context);
}

static gint
_parse_code(SipSpan text)
{
  if (text.len != 3)
    return 0;
  for (gint i = 0; i < 3; i++)
    {
      if (!g_ascii_isdigit(text.ptr[i]))
        return 0;
    }
  gint code = (text.ptr[0] - '0') * 100 + (text.ptr[1] - '0') * 10 + (text.ptr[2] - '0');
  return code >= 100 && code <= 699 ? code : 0;
}

static SipSpan
_trim(SipSpan text)
{
  while (text.len && (guchar) text.ptr[0] <= ' ')
    text = sip_span(text.ptr + 1, text.len - 1);
  while (text.len && (guchar) text.ptr[text.len - 1] <= ' ')
    text.len--;
  return text.len ? text : SIP_SPAN_NONE;
}

/* whether one of the groups, given as bits, takes part in the match */
static gboolean
_takes_part(const PCRE2_SIZE *vector, guint64 groups)
{
  for (; groups; groups &= groups - 1)
    {
      if (vector[2 * __builtin_ctzll(groups)] != PCRE2_UNSET)
        return TRUE;
    }
  return FALSE;
}

static void
_take_captures(SipScanner *self, const SipRule *rule, const SipRulePattern *pattern, Candidate *candidate)
{
  const PCRE2_SIZE *vector = self->vector;

  for (guint i = 0; i < pattern->n_groups; i++)
    {
      PCRE2_SIZE start = vector[2 * pattern->groups[i].group];
      PCRE2_SIZE end = vector[2 * pattern->groups[i].group + 1];
      SipSpan *field = &candidate->field[pattern->groups[i].field];

      if (start != PCRE2_UNSET && end > start && !field->ptr)
        *field = _trim(sip_span(self->text.ptr + start, end - start));
    }

  candidate->code = _parse_code(candidate->field[SIP_FIELD_CODE]);
  if (!candidate->code)
    candidate->field[SIP_FIELD_CODE] = SIP_SPAN_NONE;
  for (guint fields = rule->fixed_fields; fields; fields &= fields - 1)
    {
      guint i = (guint) __builtin_ctz(fields);

      if (!candidate->field[i].ptr)
        candidate->field[i] = sip_span_str(rule->fixed[i]);
    }
  if (_takes_part(vector, pattern->sent_groups))
    candidate->field[SIP_FIELD_DIRECTION] = sip_span_str("sent");
  else if (_takes_part(vector, pattern->received_groups))
    candidate->field[SIP_FIELD_DIRECTION] = sip_span_str("received");
}

static gboolean
_try_rule(SipScanner *self, const SipRule *rule, const Hit *hit, Candidate *candidate)
{
  gsize from = rule->before ? sip_rule_earliest_start(rule, self->text, hit->where) : hit->where;
  gsize end = MIN(self->text.len, hit->where + rule->window);

  if (self->words_known && !_words_agree(self, rule, hit->where))
    return FALSE;
  for (guint i = 0; i < rule->patterns->len; i++)
    {
      const SipRulePattern *pattern = g_ptr_array_index(rule->patterns, i);
      const PCRE2_SIZE *vector = self->vector;

      if (self->effort <= 0)
        return FALSE;
      self->effort -= rule->before ? EFFORT_SEARCHED : EFFORT_ANCHORED;
      if (rule->before || self->offset_limited)
        {
          pcre2_set_offset_limit(self->match_context, rule->before ? hit->where : PCRE2_UNSET);
          self->offset_limited = rule->before != 0;
        }
      if (_run_pattern(self, pattern, from, end) < 0)
        continue;
      /* the match must cover the anchor; \K may have moved its start */
      if (vector[1] <= hit->where || vector[0] > vector[1])
        continue;

      candidate->rule = rule;
      candidate->where = hit->where;
      _reset_fields(candidate->field);
      _take_captures(self, rule, pattern, candidate);
      if (rule->fixed_code && !candidate->code)
        candidate->code = rule->fixed_code;
      if (!candidate->code && rule->rank > SIP_RANK_EVENT)
        continue;
      return _words_agree(self, rule, hit->where);
    }
  return FALSE;
}

/* Whether the record's status is rather `a' than `b', both of which were found and are of the same precedence. */
static gboolean
_is_better(const Candidate *a, const Candidate *b)
{
  if ((a->code >= 200) != (b->code >= 200))
    return a->code >= 200;
  return a->where >= b->where;
}

static void
_add_code(SipScanResult *result, gint code)
{
  if (code && result->n_codes < SIP_SCAN_MAX_CODES)
    result->codes[result->n_codes++] = (guint16) code;
}

/*
 * The best match of the first rules that have one, of an order from that of the rank `lowest' to below `order'; NULL if none has.
 * Most often the first that is tried has one: finding the next is cheaper than sorting them all.
 */
static const Candidate *
_try_rules(SipScanner *self, guint order, SipRank lowest, SipScanResult *result)
{
  const SipRuleIndex *index = &self->rules->status;
  const guint lowest_order = sip_rule_order(lowest, 0);
  Candidate *best = NULL;
  Candidate *next = &self->candidates[0];

  if (self->ranks < 1u << lowest)
    return NULL;
  while (order && !best && self->effort > 0)
    {
      guint next_order = 0;

      for (guint i = 0; i < self->n_hits; i++)
        {
          const Hit *hit = &self->hits[i];

          for (guint32 j = index->by_anchor[hit->anchor]; j < index->by_anchor[hit->anchor + 1]; j++)
            {
              const guint order_j = index->orders[j];

              if (order_j < order && order_j >= lowest_order)
                next_order = MAX(next_order, order_j);
              if (order_j != order
                  || !_try_rule(self, g_ptr_array_index(self->rules->rules, index->anchor_rules[j]), hit, next))
                continue;
              _add_code(result, next->code);
              if (best && !_is_better(next, best))
                continue;
              best = next;
              next = &self->candidates[best == &self->candidates[0]];
            }
        }
      order = next_order;
    }
  return best;
}

/* The bit of the port if the peer has it behind a colon, as _normalize() will find. */
static guint
_port_within_peer(const SipScanResult *result)
{
  SipSpan peer = result->field[SIP_FIELD_PEER];
  gsize digits = 0;

  while (digits < peer.len && digits < 6 && g_ascii_isdigit(peer.ptr[peer.len - 1 - digits]))
    digits++;
  /* of a bare IPv6 address the last colon is no port's */
  if (!digits || digits == peer.len || peer.ptr[peer.len - 1 - digits] != ':')
    return 0;
  return memchr(peer.ptr, '.', peer.len) || memchr(peer.ptr, ']', peer.len) ? 1u << SIP_FIELD_PEER_PORT : 0;
}

static void
_fill_from_context(SipScanner *self, const Hit *hit, guint *filled, SipScanResult *result)
{
  const SipRuleIndex *index = &self->rules->context;
  Candidate candidate;

  for (guint32 j = index->by_anchor[hit->anchor]; j < index->by_anchor[hit->anchor + 1]; j++)
    {
      const SipRule *rule = g_ptr_array_index(self->rules->rules, index->anchor_rules[j]);

      if (!(rule->fields & ~*filled) || !_try_rule(self, rule, hit, &candidate))
        continue;
      for (gint i = 0; i < SIP_FIELD_MAX; i++)
        {
          if (!(*filled & (1u << i)) && candidate.field[i].ptr)
            {
              result->field[i] = candidate.field[i];
              *filled |= 1u << i;
            }
        }
      *filled |= _port_within_peer(result);
    }
}

/* from near to far */
static void
_fill_from_hits_before(SipScanner *self, gsize from, gsize where, guint *filled, SipScanResult *result)
{
  for (guint i = self->n_hits; i > 0; i--)
    {
      if (self->hits[i - 1].where >= from && self->hits[i - 1].where < where)
        _fill_from_context(self, &self->hits[i - 1], filled, result);
    }
}

/* Behind the last start line before the one at `where'; what is said from there on is said about the one at `where'. */
static gsize
_start_of_message(const SipScanner *self, gsize where)
{
  gsize start = 0;

  for (guint i = 0; i < self->start_lines.n && self->start_lines.line[i].version < where; i++)
    start = self->start_lines.line[i].end;
  return MIN(start, where);
}

static void
_add_context(SipScanner *self, gsize where, SipScanResult *result)
{
  guint filled = ~self->wanted | 1u << SIP_FIELD_CODE;

  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    {
      if (result->field[i].ptr)
        filled |= 1u << i;
    }
  /* a fragment's status does not belong to the message around it */
  if (result->sipfrag)
    filled |= 1u << SIP_FIELD_METHOD | 1u << SIP_FIELD_CALL_ID;
  if (!(self->rules->context_fields & ~filled))
    return;

  /* what follows the start line of a message is the message */
  _find_context_anchors(self, result->rule ? self->text.len : MIN(where + SIP_ANCHOR_MAX_LENGTH, self->text.len));
  _fill_from_hits_before(self, _start_of_message(self, where), where, &filled, result);
  for (guint i = 0; i < self->n_hits; i++)
    {
      if (self->hits[i].where == where)
        _fill_from_context(self, &self->hits[i], &filled, result);
    }
  _fill_from_hits_before(self, 0, _start_of_message(self, where), &filled, result);
  if (!result->rule)
    return;
  for (guint i = 0; i < self->n_hits; i++)
    {
      if (self->hits[i].where > where)
        _fill_from_context(self, &self->hits[i], &filled, result);
    }
}

/* the user part of what a line gives as a user: <sip:1001@host>, "Name" <sip:...>, 1001@host, 1001 */
static SipSpan
_user_of(SipSpan text)
{
  const gchar *uri = g_strstr_len(text.ptr, (gssize) text.len, "sip:");
  gsize skip = 4;

  if (!uri)
    {
      uri = g_strstr_len(text.ptr, (gssize) text.len, "sips:");
      skip = 5;
    }
  if (uri)
    {
      text = sip_span(uri + skip, text.len - (gsize) (uri + skip - text.ptr));
      const gchar *at = memchr(text.ptr, '@', text.len);

      if (!at)
        return SIP_SPAN_NONE;
      text.len = (gsize) (at - text.ptr);
    }
  else
    {
      while (text.len && (text.ptr[0] == '"' || text.ptr[0] == '\'' || text.ptr[0] == '<'))
        text = sip_span(text.ptr + 1, text.len - 1);
      while (text.len && (text.ptr[text.len - 1] == '"' || text.ptr[text.len - 1] == '\''
                          || text.ptr[text.len - 1] == '>'))
        text.len--;
      const gchar *at = text.len ? memchr(text.ptr, '@', text.len) : NULL;

      if (at)
        text.len = (gsize) (at - text.ptr);
    }
  for (gsize i = 0; i < text.len; i++)
    {
      if ((guchar) text.ptr[i] <= ' ' || text.ptr[i] == '<' || text.ptr[i] == '>')
        return SIP_SPAN_NONE;
    }
  return _trim(text);
}

/* The record may be a JSON object that has the line as one value: what goes to the end of the line ends with that value. */
static SipSpan
_within_json_value(SipSpan reason)
{
  const gchar *end = reason.ptr + reason.len;
  const gchar *quote = memchr(reason.ptr, '"', reason.len);

  for (; quote; quote = memchr(quote + 1, '"', (gsize) (end - quote - 1)))
    {
      const gchar *p = quote + 1;

      if (p < end && *p == ',')
        {
          p += 1 + (end - p > 1 && p[1] == ' ');
          if (p < end && *p == '"')
            p++;
          else
            continue;
          const gchar *name = p;
          while (p < end && (g_ascii_isalnum(*p) || *p == '_' || *p == '.' || *p == '@' || *p == '-'))
            p++;
          if (p == name || end - p < 2 || p[0] != '"' || p[1] != ':')
            continue;
        }
      else
        {
          while (p < end && *p == '}')
            p++;
          if (p == quote + 1 || p < end)
            continue;
        }
      return _trim(sip_span(reason.ptr, (gsize) (quote - reason.ptr)));
    }
  return reason;
}

/* products print addresses, users and methods in many ways, records carry them in one */
static void
_normalize(SipScanResult *result)
{
  SipSpan *field = result->field;
  SipAddress address;

  if (field[SIP_FIELD_REASON].ptr)
    field[SIP_FIELD_REASON] = _within_json_value(field[SIP_FIELD_REASON]);
  if (field[SIP_FIELD_PEER_PORT].ptr)
    field[SIP_FIELD_PEER_PORT] = sip_address_port(field[SIP_FIELD_PEER_PORT]);
  if (field[SIP_FIELD_PEER].ptr)
    {
      sip_address_parse(field[SIP_FIELD_PEER], &address);
      field[SIP_FIELD_PEER] = address.host;
      if (address.port.ptr || !address.host.ptr)
        field[SIP_FIELD_PEER_PORT] = address.port;
    }
  if (field[SIP_FIELD_USER].ptr)
    field[SIP_FIELD_USER] = _user_of(field[SIP_FIELD_USER]);
  if (field[SIP_FIELD_METHOD].ptr)
    {
      const gchar *method = sip_method_canonical(field[SIP_FIELD_METHOD]);

      if (method)
        field[SIP_FIELD_METHOD] = sip_span_str(method);
    }
}

static void
_take_message(SipScanner *self, const SipStartLine *line, gboolean sipfrag, SipScanResult *result)
{
  SipHeaders headers;
  gsize limit = self->text.len;

  result->code = line->code;
  result->rule_name = sipfrag ? "sip.sipfrag" : "sip.status-line";
  result->sipfrag = sipfrag;
  result->field[SIP_FIELD_CODE] = line->code_text;
  result->field[SIP_FIELD_REASON] = line->reason;
  if (sipfrag)
    return;

  for (guint i = 0; i < self->start_lines.n; i++)
    {
      if (self->start_lines.line[i].line > line->version)
        {
          limit = self->start_lines.line[i].line;
          break;
        }
    }
  sip_message_headers(self->text, line, &self->header_lines, limit, &headers);
  result->field[SIP_FIELD_METHOD] = headers.method;
  result->field[SIP_FIELD_CSEQ] = headers.cseq;
  result->field[SIP_FIELD_CALL_ID] = headers.call_id;
  result->field[SIP_FIELD_USER_AGENT] = headers.user_agent;
  result->field[SIP_FIELD_Q850] = headers.q850;
  result->field[SIP_FIELD_REASON_CODE] = headers.reason_code;
  /* who registers stands in To, who calls in From */
  result->field[SIP_FIELD_USER] = headers.method.len == 8
                                  && g_ascii_strncasecmp(headers.method.ptr, "REGISTER", 8) == 0
                                  ? headers.to : headers.from;
}

static void
_take_candidate(const Candidate *best, SipScanResult *result)
{
  result->code = best->code;
  result->implied = best->code && !best->field[SIP_FIELD_CODE].ptr;
  result->rule = best->rule;
  result->rule_name = best->rule->name;
  memcpy(result->field, best->field, sizeof(result->field));
}

static void
_note_codes(const SipScanner *self, SipScanResult *result)
{
  for (guint i = 0; i < self->start_lines.n; i++)
    _add_code(result, self->start_lines.line[i].code);
}

static gboolean
_evaluate(SipScanner *self, SipScanResult *result)
{
  const Candidate *best;
  gboolean sipfrag = FALSE;
  const SipStartLine *line;
  gsize where;

  self->start_lines.n = 0;
  for (guint i = 0; i < self->n_versions; i++)
    sip_message_add_version(&self->start_lines, self->text, self->versions[i]);
  line = sip_message_choose(&self->start_lines, self->text, &sipfrag);

  _note_codes(self, result);
  best = _try_rules(self, G_MAXUINT, line ? SIP_RANK_STATUS_LINE : SIP_RANK_PHRASE, result);
  if (!best && !line)
    best = _try_rules(self, sip_rule_order(SIP_RANK_PHRASE, 0), SIP_RANK_EVENT, result);
  if (!best && !line)
    return FALSE;
  if (best)
    {
      _take_candidate(best, result);
      where = best->where;
    }
  else
    {
      _take_message(self, line, sipfrag, result);
      where = line->version;
    }
  if (!best || best->rule->context)
    _add_context(self, where, result);
  _normalize(result);
  return TRUE;
}

/* codes[] counts by n_codes. */
static inline void
_reset(SipScanResult *self)
{
  self->code = 0;
  self->implied = self->sipfrag = FALSE;
  self->rule = NULL;
  self->rule_name = NULL;
  _reset_fields(self->field);
  self->n_codes = 0;
}

gboolean
sip_scan(const SipRules *rules, SipScanner *scanner, SipSpan program, SipSpan text, SipScanResult *result)
{
  return sip_scan_for(rules, scanner, program, text, G_MAXUINT, result);
}

gboolean
sip_scan_for(const SipRules *rules, SipScanner *scanner, SipSpan program, SipSpan text, guint wanted,
             SipScanResult *result)
{
  _reset(result);
  if (!text.len)
    return FALSE;

  scanner->rules = rules;
  scanner->wanted = wanted;
  scanner->program = program;
  scanner->effort = MAX_EFFORT;
  scanner->words_known = FALSE;
  _find_anchors(scanner, text);
  if (!scanner->n_hits && !scanner->n_versions)
    return FALSE;
  if (sip_view_needed(text))
    _find_anchors(scanner, sip_view_make(text, scanner->view));

  gboolean found = _evaluate(scanner, result);
  if (scanner->effort <= 0 || scanner->n_hits == MAX_HITS)
    scanner->stats.attempts_exhausted++;
  return found;
}
