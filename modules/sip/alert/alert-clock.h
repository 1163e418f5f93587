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


#ifndef ALERT_CLOCK_H_INCLUDED
#define ALERT_CLOCK_H_INCLUDED

#include <glib.h>

/*
 * A clock driven by the time stamps of records, for replaying old logs.  Never goes back.  A stamp far ahead of the
 * others moves it only when the next records confirm it: one device with a wrong clock does not carry all others
 * into the future.  All times are microseconds.
 */
typedef struct _AlertClock
{
  gint64 now;                   /* 0: no stamp yet */
  gint64 candidate;
  guint confirmed;
} AlertClock;

/* how far a stamp may be ahead of the clock without being confirmed */
#define ALERT_CLOCK_MAX_STEP (G_GINT64_CONSTANT(300) * 1000000)
/* records in a row that must confirm a greater step */
#define ALERT_CLOCK_CONFIRMATIONS 3

/* Takes the stamp of a record; returns the time the record counts for. */
static inline gint64
alert_clock_observe(AlertClock *self, gint64 stamp)
{
  if (self->now == 0 || (stamp >= self->now && stamp - self->now <= ALERT_CLOCK_MAX_STEP))
    {
      self->now = stamp;
      self->confirmed = 0;
    }
  else if (stamp > self->now)
    {
      if (self->confirmed == 0 || stamp < self->candidate - ALERT_CLOCK_MAX_STEP)
        {
          self->candidate = stamp;
          self->confirmed = 0;
        }
      self->candidate = MIN(self->candidate, stamp);
      if (++self->confirmed >= ALERT_CLOCK_CONFIRMATIONS)
        {
          self->now = stamp;
          self->confirmed = 0;
        }
    }
  else
    self->confirmed = 0;
  return self->now;
}

#endif
