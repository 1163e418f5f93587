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

#include "config.h"
#include "plugin/sip-parser.h"
#include "plugin/sip-grammar.h"

extern int sip_debug;

int sip_parse(CfgLexer *lexer, LogParser **instance, gpointer arg);

/* A keyword is written with `_' here; users may write `-' or `_'. */
static CfgLexerKeyword sip_keywords[] =
{
  /* plugins */
  { "sip_alert", KW_SIP_ALERT },
  { "sip_status", KW_SIP_STATUS },

  /* sip-alert() */
  { "class", KW_SIP_CLASS },
  { "clear", KW_SIP_CLEAR },
  { "codes", KW_SIP_CODES },
  { "count", KW_SIP_COUNT },
  { "dedupe", KW_SIP_DEDUPE },
  { "detector", KW_SIP_DETECTOR },
  { "detectors", KW_SIP_DETECTORS },
  { "deviation", KW_SIP_DEVIATION },
  { "exclude", KW_SIP_EXCLUDE },
  { "hold", KW_SIP_HOLD },
  { "include", KW_SIP_INCLUDE },
  { "inject_mode", KW_SIP_INJECT_MODE },
  { "key", KW_SIP_KEY },
  { "max_keys", KW_SIP_MAX_KEYS },
  { "minimum", KW_SIP_MINIMUM },
  { "preset", KW_SIP_PRESET },
  { "quiet", KW_SIP_QUIET },
  { "refresh", KW_SIP_REFRESH },
  { "reminder", KW_SIP_REMINDER },
  { "share", KW_SIP_SHARE },
  { "time", KW_SIP_TIME },
  { "window", KW_SIP_WINDOW },

  /* sip-status() */
  { "codes_file", KW_SIP_CODES_FILE },
  { "dialects", KW_SIP_DIALECTS },
  { "drop_unmatched", KW_SIP_DROP_UNMATCHED },
  { "fields", KW_SIP_FIELDS },
  { "group", KW_SIP_GROUP },
  { "language", KW_SIP_LANGUAGE },
  { "max_groups", KW_SIP_MAX_GROUPS },
  { "prefix", KW_SIP_PREFIX },
  { "rules_file", KW_SIP_RULES_FILE },
  { "severity", KW_SIP_SEVERITY },

  { NULL }
};

static void
_free_instance(gpointer instance)
{
  log_pipe_unref(instance);
}

CfgParser sip_parser =
{
  .debug_flag = &sip_debug,
  .name = "sip",
  .keywords = sip_keywords,
  .parse = (gint (*)(CfgLexer *, gpointer *, gpointer)) sip_parse,
  .cleanup = _free_instance,
};

CFG_PARSER_IMPLEMENT_LEXER_BINDING(sip_, SIP_, LogParser **)
