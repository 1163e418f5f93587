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
#include "plugin/sip-plugin.h"
#include "plugin/sip-parser.h"

#include "plugin-types.h"

extern const ModuleInfo module_info;

static Plugin sip_plugins[] =
{
  {
    .type = LL_CONTEXT_PARSER,
    .name = "sip-status",
    .parser = &sip_parser,
  },
  {
    .type = LL_CONTEXT_PARSER,
    .name = "sip-alert",
    .parser = &sip_parser,
  },
};

gboolean
sip_module_init(PluginContext *context, CfgArgs *args)
{
  plugin_register(context, sip_plugins, G_N_ELEMENTS(sip_plugins));
  return TRUE;
}

const ModuleInfo module_info =
{
  .canonical_name = "sip",
  .version = PACKAGE_VERSION,
  .description = "Finds the SIP status in the log lines of PBXs, proxies and phones and enriches the record with it.",
  .core_revision = SYSLOG_NG_SOURCE_REVISION,
  .plugins = sip_plugins,
  .plugins_len = G_N_ELEMENTS(sip_plugins),
};
