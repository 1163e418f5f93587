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

#ifndef SIP_CODES_H_INCLUDED
#define SIP_CODES_H_INCLUDED

#include "sip-span.h"

/*
 * The registry of SIP status codes as data: number -> facts.  Knows neither
 * log lines nor syslog-ng.  Built in from sip-status-codes.csv; a file in the
 * same form may override or add rows and columns (sip_codes_load_file()).
 */

#define SIP_CODE_MIN 100
#define SIP_CODE_MAX 699

/* what sip-alert() counts the code as by default, see sip-alert's detectors */
typedef enum
{
  SIP_ALERT_GROUP_NONE,
  SIP_ALERT_GROUP_FAULT,
  SIP_ALERT_GROUP_AUTH,
  SIP_ALERT_GROUP_TARGET,
} SipAlertGroup;

/* One row.  All strings live as long as the SipCodes they came from; none is NULL. */
typedef struct _SipCode
{
  guint16 code;
  gboolean registered;          /* FALSE for the fallback of a class (RFC 3261 8.1.3.2) */
  const gchar *phrase;          /* "Busy Here"; "" for a fallback */
  const gchar *category;        /* "callee-busy"; "unknown-4xx" for a fallback */
  const gchar *severity;        /* a syslog severity name: "info" */
  gint severity_num;            /* 0 emerg .. 7 debug */
  const gchar *retry;           /* "no", "modified", "after-delay", "elsewhere", "n/a" */
  const gchar *rfc;
  SipAlertGroup alert_group;
} SipCode;

typedef struct _SipCodes SipCodes;

SipCodes *sip_codes_new(void);
SipCodes *sip_codes_ref(SipCodes *self);
void sip_codes_unref(SipCodes *self);

/*
 * Reads a CSV file (RFC 4180, UTF-8, header line, column `code' mandatory, any
 * other columns of the built-in table or meaning_<language>) over the rows that
 * are there.  Only before the table is shared.
 *
 * Returns FALSE with a message in `error' that names file, line and column;
 * the table is then unchanged.
 */
gboolean sip_codes_load_file(SipCodes *self, const gchar *filename, GError **error);

/* The same from a text in memory; name stands in messages. */
gboolean sip_codes_load_text(SipCodes *self, const gchar *name, const gchar *text, gsize len, GError **error);

/* severity("486", "notice"), severity("5xx", "crit"): FALSE with error if either is unknown.  Copies. */
gboolean sip_codes_set_severity(SipCodes *self, const gchar *code_or_class, const gchar *severity, GError **error);

/*
 * Facts about a code.  Never NULL for 100..699: a code without a row gets the
 * facts of x00 of its class and category `unknown-Nxx'.  NULL outside of that.
 * A few facts depend on the phrase (603 "Network Blocked"): give it if there is one.
 */
const SipCode *sip_codes_lookup(const SipCodes *self, gint code, SipSpan reason);

/* "4xx"; NULL outside of 100..699 */
const gchar *sip_code_class(gint code);

/* Index of a language ("en", "vi", or a meaning_<language> column of a file), -1 if unknown. */
gint sip_codes_language(const SipCodes *self, const gchar *language);
/* The short meaning; a code without one gets English, a code without a row what its class means (RFC 3261 section 7.2).
 * Never NULL. */
const gchar *sip_codes_meaning(const SipCodes *self, gint code, SipSpan reason, gint language);

/*
 * Any column of the table by its name ("vi_seed", "q850_rfc3398", ...) for a code that has a row of its own;
 * NULL if it has none or there is no such column.
 */
const gchar *sip_codes_column(const SipCodes *self, gint code, const gchar *column);
/* The names of all columns, those of files included; NULL-terminated, valid until the next load. */
const gchar *const *sip_codes_columns(const SipCodes *self);

#define SIP_CODES_ERROR (sip_codes_error_quark())
GQuark sip_codes_error_quark(void);

#endif
