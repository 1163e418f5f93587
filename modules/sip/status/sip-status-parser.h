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


#ifndef SIP_STATUS_PARSER_H_INCLUDED
#define SIP_STATUS_PARSER_H_INCLUDED

#include "parser/parser-expr.h"

#define SIP_STATUS_ERROR (sip_status_error_quark())
GQuark sip_status_error_quark(void);

/*
 * sip-status(): finds the SIP status in a record and puts what it says and
 * means on the record as name-value pairs.
 *
 * The setters are for the grammar: they check at once, read files at once, and
 * return FALSE with a message that names option and value.  After the last one
 * call finish_language(), then finish(); from then on the options are
 * read-only.
 */
LogParser *sip_status_parser_new(GlobalConfig *cfg);

gboolean sip_status_parser_set_prefix(LogParser *s, const gchar *prefix, GError **error);
gboolean sip_status_parser_set_languages(LogParser *s, const GList *languages, GError **error);
gboolean sip_status_parser_set_dialects(LogParser *s, const GList *dialects, GError **error);
gboolean sip_status_parser_add_rules_files(LogParser *s, const GList *filenames, GError **error);
gboolean sip_status_parser_add_codes_files(LogParser *s, const GList *filenames, GError **error);
gboolean sip_status_parser_set_fields(LogParser *s, const GList *names, GError **error);
/* pairs: code or class, severity */
gboolean sip_status_parser_add_severities(LogParser *s, const GList *pairs, GError **error);
void sip_status_parser_set_drop_unmatched(LogParser *s, gboolean drop_unmatched);
/* takes the template */
void sip_status_parser_set_group(LogParser *s, LogTemplate *group);
gboolean sip_status_parser_set_max_groups(LogParser *s, gint64 max_groups, GError **error);

gboolean sip_status_parser_finish_language(LogParser *s, GError **error);
gboolean sip_status_parser_finish(LogParser *s, GError **error);

#endif
