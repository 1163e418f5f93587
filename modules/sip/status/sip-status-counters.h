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


#ifndef SIP_STATUS_COUNTERS_H_INCLUDED
#define SIP_STATUS_COUNTERS_H_INCLUDED

#include "core/sip-span.h"

/*
 * What sip-status() counts, see docs/metrics.md for the names:
 *
 *   sip_status_lines_total{code,class,method,direction[,group]}   lines that show a status
 *   sip_status_parsed_total, sip_status_unmatched_total           all records
 *   sip_status_labels_dropped_total                               lines counted under `_other'
 *
 * Every label comes from a closed set, or from a set with a bound: log text
 * cannot make series without end.
 *
 * The series belong to the process, not to a parser: they outlive a reload,
 * and all sip-status() of a configuration count into the same ones.
 */

#define SIP_STATUS_MAX_GROUPS_DEFAULT 100
#define SIP_STATUS_MAX_GROUPS_LIMIT 10000

/* Codes outside of the code table that get a series of their own in each group; further ones are `_other'. */
#define SIP_STATUS_MAX_FOREIGN_CODES 32

/* The counters as one parser sees them: its groups, and its counts that are not yet passed on. */
typedef struct _SipStatusCounters SipStatusCounters;

/*
 * grouped: lines come with the value of group(); at most max_groups of them are told apart, those of parsers that were
 * before a reload included
 */
SipStatusCounters *sip_status_counters_new(gboolean grouped, guint max_groups);
/* no worker may be counting */
void sip_status_counters_free(SipStatusCounters *self);

/* Called for every record: a thread writes to nothing that another thread writes to. */
void sip_status_counters_record(SipStatusCounters *self, gboolean matched);

/*
 * Called for every line with a status: no lock, and one atomic addition, once
 * the series exists.  code is 100..699, method and direction may be
 * SIP_SPAN_NONE, group is used in the grouped form only.
 */
void sip_status_counters_line(SipStatusCounters *self, gint code, gboolean registered,
                              SipSpan method, SipSpan direction, SipSpan group);

#endif
