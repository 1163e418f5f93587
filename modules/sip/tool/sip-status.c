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

#include "tool.h"

#include <stdio.h>

#ifndef SIP_TOOL_VERSION
#define SIP_TOOL_VERSION "unknown"
#endif

static const struct
{
  const gchar *name;
  gint (*run)(gint argc, gchar **argv);
  const gchar *summary;
} commands[] =
{
  { "scan", tool_scan, "find the SIP statuses in log files" },
  { "unknown", tool_unknown, "how much of what speaks SIP is understood, and what is not" },
  { "check", tool_check, "try rule files: samples, collisions, cost" },
  { "explain", tool_explain, "all that is known about a status code" },
  { "codes", tool_codes, "the table of status codes" },
};

static void
_print_help(void)
{
  printf("Usage:\n  sip-status COMMAND [OPTION...] [FILE...]\n\nCommands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
    printf("  %-10s %s\n", commands[i].name, commands[i].summary);
  printf("\nOptions:\n"
         "  -h, --help     show this help; `sip-status COMMAND --help' for that of a command\n"
         "  -V, --version  show the version\n"
         "\n"
         "Exit status: 0 done, 1 check found faults or unknown stayed under --fail-under, 2 wrong usage or a file\n"
         "that cannot be read.\n");
}

int
main(int argc, char **argv)
{
  setvbuf(stdout, NULL, _IOFBF, 64 * 1024);

  if (argc < 2)
    {
      tool_complain("no command given; try `sip-status --help'");
      return TOOL_TROUBLE;
    }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (strcmp(argv[1], "help") == 0 && argc == 2))
    {
      _print_help();
      return tool_flush() ? TOOL_OK : TOOL_TROUBLE;
    }
  if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
    {
      printf("sip-status (syslog-ng-sip) %s\n", SIP_TOOL_VERSION);
      return tool_flush() ? TOOL_OK : TOOL_TROUBLE;
    }

  for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
    {
      if (strcmp(commands[i].name, argv[1]) == 0)
        {
          gint status = commands[i].run(argc - 1, argv + 1);

          return tool_flush() ? status : TOOL_TROUBLE;
        }
      /* `sip-status help scan' is `sip-status scan --help' */
      if (argc == 3 && strcmp(argv[1], "help") == 0 && strcmp(commands[i].name, argv[2]) == 0)
        {
          gchar *help[] = { argv[2], (gchar *) "--help", NULL };

          return commands[i].run(2, help);
        }
    }
  tool_complain("no such command `%s'; try `sip-status --help'", argv[1]);
  return TOOL_TROUBLE;
}
