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

#ifndef SIP_SCAN_H_INCLUDED
#define SIP_SCAN_H_INCLUDED

#include "sip-rules.h"

/*
 * Finds the SIP status in a log record: pointer and length in, spans out.
 * Knows neither syslog-ng nor the code table.
 */

/* How many statuses of one record are kept for `codes'. */
#define SIP_SCAN_MAX_CODES 16

typedef struct _SipScanResult
{
  gint code;                    /* 100..699, or 0: no status on the record */
  gboolean implied;             /* the number is not on the line, it follows from the product's source */
  gboolean sipfrag;             /* the status is that of a message/sipfrag body */
  const SipRule *rule;          /* NULL for a raw SIP message */
  const gchar *rule_name;       /* never NULL when code or event is set */
  SipSpan field[SIP_FIELD_MAX]; /* .ptr NULL where the line does not say; CODE is the three digits where they stand */
  guint16 codes[SIP_SCAN_MAX_CODES];    /* all statuses met, in order of the record */
  guint n_codes;
} SipScanResult;

typedef struct _SipScanStats
{
  guint64 pcre_errors;          /* matches given up: limits reached, broken UTF, no JIT stack */
  guint64 attempts_exhausted;   /* records on which the bound on pattern attempts was reached */
} SipScanStats;

/* Everything one thread needs to scan: buffers, match data, JIT stack.  One per thread, never shared. */
typedef struct _SipScanner SipScanner;

SipScanner *sip_scanner_new(void);
void sip_scanner_free(SipScanner *self);
const SipScanStats *sip_scanner_stats(const SipScanner *self);

/*
 * program may be SIP_SPAN_NONE.  text is any bytes at all.
 *
 * Returns TRUE if result->code or result->field[SIP_FIELD_EVENT] is set.
 * result is reset in any case.  Its spans point into text, into the rules or into the scanner's
 * buffer: valid while text and rules live and until the next sip_scan() with this scanner.
 */
gboolean sip_scan(const SipRules *rules, SipScanner *scanner, SipSpan program, SipSpan text, SipScanResult *result);

/*
 * The same for a caller that only needs some fields: wanted has a bit for each SipField.  The status is the same, and so are
 * these fields; others may be missing.
 */
gboolean sip_scan_for(const SipRules *rules, SipScanner *scanner, SipSpan program, SipSpan text, guint wanted,
                      SipScanResult *result);

#endif
