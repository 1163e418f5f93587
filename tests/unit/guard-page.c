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

#include "guard-page.h"

#include <sys/mman.h>
#include <unistd.h>

#define MAX_TEXT (256 * 1024)

/* mapped once a process: pages that can be used between pages that cannot */
static gchar *
_arena(void)
{
  static gchar *arena;
  gsize page = (gsize) sysconf(_SC_PAGESIZE);

  if (!arena)
    {
      gchar *all = mmap(NULL, MAX_TEXT + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

      g_assert(all != MAP_FAILED);
      arena = all + page;
      g_assert(mprotect(arena, MAX_TEXT, PROT_READ | PROT_WRITE) == 0);
    }
  return arena;
}

SipSpan
guard_page_at_end(const gchar *text, gsize len)
{
  g_assert(len <= MAX_TEXT);
  return sip_span(memmove(_arena() + MAX_TEXT - len, text, len), len);
}

SipSpan
guard_page_at_start(const gchar *text, gsize len)
{
  g_assert(len <= MAX_TEXT);
  return sip_span(memmove(_arena(), text, len), len);
}
