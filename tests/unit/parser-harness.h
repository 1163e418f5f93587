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


#ifndef PARSER_HARNESS_H_INCLUDED
#define PARSER_HARNESS_H_INCLUDED

/*
 * Runs a parser of this module inside a unit test, configured by the text that
 * a user would write, through syslog-ng's own grammar.  No daemon.
 */

#include "parser/parser-expr.h"

void parser_harness_start(void);
void parser_harness_stop(void);

/*
 * The parser that `text' (`sip-status(prefix(".x."));') describes, not yet
 * initialized; NULL if syslog-ng refuses it.  It belongs to the harness.
 */
LogParser *parser_harness_parse(const gchar *text);
/* the same, initialized: fails the test if that does not work */
LogParser *parser_harness_new(const gchar *text);

/* A message with the values given as name, value, ..., NULL. */
LogMessage *parser_harness_message(const gchar *name, ...) G_GNUC_NULL_TERMINATED;

/* what process() returns; *pmsg may be replaced, as in the daemon */
gboolean parser_harness_process(LogParser *parser, LogMessage **pmsg);

/* The value of a counter as `syslog-ng-ctl stats' names it; labels: `code=486,class=4xx'.  0 if there is none. */
gsize parser_harness_counter(const gchar *name, const gchar *labels);

/* the name-value pair, "" if unset; valid until the message changes */
const gchar *parser_harness_value(LogMessage *msg, const gchar *name);

#endif
