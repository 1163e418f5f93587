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


#ifndef SIP_ALERT_PARSER_H_INCLUDED
#define SIP_ALERT_PARSER_H_INCLUDED

#include "parser/parser-expr.h"

/*
 * sip-alert(): watches the records sip-status() has enriched and says when failures spike.  A thin layer over
 * alert-engine.h: keys, clocks, messages, state.
 *
 * The setters are for the grammar: they return FALSE with a message that names option and value.  Those of a detector
 * act on the one begun last.  After the last one call finish(); from then on the options are read-only.
 */
LogParser *sip_alert_parser_new(GlobalConfig *cfg);

gboolean sip_alert_parser_set_prefix(LogParser *s, const gchar *prefix, GError **error);
gboolean sip_alert_parser_set_key(LogParser *s, const gchar *key, GError **error);
gboolean sip_alert_parser_set_inject_mode(LogParser *s, const gchar *mode, GError **error);
gboolean sip_alert_parser_set_time(LogParser *s, const gchar *time, GError **error);
gboolean sip_alert_parser_set_language(LogParser *s, const gchar *language, GError **error);
gboolean sip_alert_parser_set_max_keys(LogParser *s, gint64 max_keys, GError **error);
void sip_alert_parser_set_dedupe(LogParser *s, gboolean dedupe);
/* presets by name */
gboolean sip_alert_parser_add_detectors(LogParser *s, const GList *names, GError **error);

/* a preset if there is one of that name, else an empty one */
gboolean sip_alert_parser_begin_detector(LogParser *s, const gchar *name, GError **error);
gboolean sip_alert_parser_detector_preset(LogParser *s, const gchar *preset, GError **error);
gboolean sip_alert_parser_detector_key(LogParser *s, const gchar *key, GError **error);
gboolean sip_alert_parser_detector_class(LogParser *s, const GList *items, GError **error);
gboolean sip_alert_parser_detector_codes(LogParser *s, const GList *items, GError **error);
gboolean sip_alert_parser_detector_group(LogParser *s, const GList *items, GError **error);
gboolean sip_alert_parser_detector_include(LogParser *s, const GList *items, GError **error);
gboolean sip_alert_parser_detector_exclude(LogParser *s, const GList *items, GError **error);
gboolean sip_alert_parser_detector_severity(LogParser *s, const gchar *severity, GError **error);
/* option: window, count, minimum, share, deviation, hold, clear, quiet, refresh, reminder */
gboolean sip_alert_parser_detector_number(LogParser *s, const gchar *option, gdouble value, GError **error);
gboolean sip_alert_parser_end_detector(LogParser *s, GError **error);

gboolean sip_alert_parser_finish(LogParser *s, GError **error);

#define SIP_ALERT_ERROR (sip_alert_error_quark())
GQuark sip_alert_error_quark(void);

#endif
