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

#ifndef SIP_TOOL_H_INCLUDED
#define SIP_TOOL_H_INCLUDED

#include "sip-codes.h"
#include "sip-scan.h"

/*
 * sip-status, the command-line tool: the scanner without the daemon.
 *
 *   tool-text     what reaches the terminal: cleaned, aligned, coloured
 *   tool-input    files, gzip, syslog headers, dumps of several lines
 *   tool-setup    options that all commands share: rule files, code files
 *   tool-scan     scan          tool-unknown  unknown
 *   tool-check    check         tool-codes    explain, codes
 */

/* exit statuses */
#define TOOL_OK 0
#define TOOL_FAULTS 1           /* check: a rule file has faults; unknown: less understood than --fail-under */
#define TOOL_TROUBLE 2          /* usage, a file that cannot be read */

/* --- commands: argv[0] is the name of the command; the result is the exit status --- */

gint tool_check(gint argc, gchar **argv);
gint tool_unknown(gint argc, gchar **argv);
gint tool_scan(gint argc, gchar **argv);
gint tool_explain(gint argc, gchar **argv);
gint tool_codes(gint argc, gchar **argv);

/* --- tool-text --- */

typedef enum
{
  TOOL_PLAIN,
  TOOL_BOLD,
  TOOL_DIM,
  TOOL_RED,
  TOOL_YELLOW,
  TOOL_GREEN,
} ToolStyle;

/* auto, always, never; FALSE if it is none of them */
gboolean tool_set_color(const gchar *when);
/* The sequence that begins, or for TOOL_PLAIN ends, a style on standard output; "" when there are no colours. */
const gchar *tool_style(ToolStyle style);
/* The style of a class of codes: 5xx and 6xx stand out. */
ToolStyle tool_style_of_code(gint code);

/*
 * Appends text as valid UTF-8 that no terminal takes for an instruction: control characters of every kind become blanks,
 * bytes that are no UTF-8 U+FFFD.
 */
void tool_append_clean(GString *out, SipSpan text);
/* The same as a JSON string, in quotes. */
void tool_append_json(GString *out, SipSpan text);
/* How many columns of a terminal a clean text takes. */
guint tool_width(const gchar *text);
/* Appends a clean text, cut with an ellipsis or filled with blanks to a width; negative: filled on the left. */
void tool_append_padded(GString *out, const gchar *text, gint width);
/* 1234567 -> "1,234,567" */
void tool_append_number(GString *out, guint64 number);
/* Columns of the terminal on standard output, 0 if it is none. */
guint tool_terminal_width(void);

/* To standard error, cleaned, with the program's name before it. */
void tool_complain(const gchar *format, ...) G_GNUC_PRINTF(1, 2);
void tool_print(const gchar *format, ...) G_GNUC_PRINTF(1, 2);
/* FALSE, with a message, if something could not be written to standard output. */
gboolean tool_flush(void);

/* --- tool-input --- */

/* One record of a log file. Spans are valid until the next record is read. */
typedef struct _ToolRecord
{
  guint64 line;                 /* number of its first line */
  guint n_lines;
  SipSpan whole;
  SipSpan time;                 /* as written, .ptr NULL if there is none */
  SipSpan hour;                 /* the part of it that ends with the hour */
  SipSpan host;
  SipSpan program;
  SipSpan text;                 /* what is left behind the syslog header */
} ToolRecord;

typedef struct _ToolReader ToolReader;

/* filename: - is standard input. Files that begin as gzip files do are unpacked. */
ToolReader *tool_reader_open(const gchar *filename, gboolean join, GError **error);
/* FALSE at the end, or with error set. */
gboolean tool_reader_next(ToolReader *self, ToolRecord *record, GError **error);
void tool_reader_close(ToolReader *self);
/* Lines read so far, bytes read of the file and its size, 0 if it is not known. */
guint64 tool_reader_lines(const ToolReader *self);
guint64 tool_reader_position(const ToolReader *self);

/* Takes the syslog header off record->whole; sets all of its spans. */
void tool_record_split(ToolRecord *record);

/* Runs over the records of files, with a progress bar where one is wanted. */
typedef struct _ToolFiles
{
  gchar **names;                /* NULL: standard input */
  gboolean join;
  gboolean quiet;               /* no progress bar */
  guint64 lines;
  guint64 records;
} ToolFiles;

typedef void (*ToolEachRecord)(const gchar *filename, const ToolRecord *record, gpointer user_data);

/* FALSE, with a message, if one could not be read to its end; the others are. */
gboolean tool_files_run(ToolFiles *self, ToolEachRecord each, gpointer user_data);

/* --- tool-setup --- */

typedef struct _ToolSetup
{
  gchar **rules_files;
  gchar **codes_files;
  gchar *dialects;
  gboolean no_jit;
  gchar *color;
  SipRules *rules;
  SipCodes *codes;
  SipScanner *scanner;
} ToolSetup;

/*
 * Parses a command's options: its own, and those of the setup if there is one.  FALSE with a message if that
 * fails; --help does not return.  What is left of the arguments is in argv[1..].
 */
gboolean tool_parse_options(gint *argc, gchar ***argv, const gchar *summary, const gchar *description,
                            const GOptionEntry *entries, ToolSetup *setup);
/* FALSE with a message */
gboolean tool_setup_load_codes(ToolSetup *self);
gboolean tool_setup_load_rules(ToolSetup *self);
/* Adds the built-in dialects that --dialects names to a set. */
gboolean tool_setup_add_dialects(const ToolSetup *self, SipRules *rules, GError **error);
void tool_setup_clear(ToolSetup *self);
/* The index of --language, of `en' if it is NULL; -1 with a message. */
gint tool_setup_language(const ToolSetup *self, const gchar *language);

/* What the parser does besides sip_scan(): records of syslog-ng and sip-alert are no SIP. */
gboolean tool_scan_record(const ToolSetup *self, const ToolRecord *record, SipScanResult *result);

/* --- generated from the built-in rule files: their samples --- */

typedef struct _ToolSample
{
  const gchar *rule;
  const gchar *place;           /* file:line */
  const gchar *program;         /* NULL if none */
  const gchar *text;
  gsize len;
  gboolean match;
} ToolSample;

extern const ToolSample tool_builtin_samples[];
extern const gsize tool_n_builtin_samples;

#endif
