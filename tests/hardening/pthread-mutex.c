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

/*
 * GLib's mutexes and conditions by pthread's, to be preloaded: GLib makes its own of futexes, which helgrind cannot see.
 */
#include <glib.h>
#include <pthread.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

/* a mutex or condition need not be initialized: zeroes will do */
static pthread_mutex_t *
pthread_of_mutex(GMutex *mutex)
{
  pthread_mutex_t *real = __atomic_load_n((pthread_mutex_t **) &mutex->p, __ATOMIC_ACQUIRE);

  if (real)
    return real;
  pthread_mutex_lock(&making);
  real = mutex->p;
  if (!real)
    {
      real = g_malloc(sizeof(pthread_mutex_t));
      pthread_mutex_init(real, NULL);
      __atomic_store_n((pthread_mutex_t **) &mutex->p, real, __ATOMIC_RELEASE);
    }
  pthread_mutex_unlock(&making);
  return real;
}

static pthread_cond_t *
pthread_of_cond(GCond *cond)
{
  pthread_cond_t *real;

  pthread_mutex_lock(&making);
  real = cond->p;
  if (!real)
    {
      pthread_condattr_t attributes;

      real = g_malloc(sizeof(pthread_cond_t));
      pthread_condattr_init(&attributes);
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
      pthread_cond_init(real, &attributes);
      pthread_condattr_destroy(&attributes);
      cond->p = real;
    }
  pthread_mutex_unlock(&making);
  return real;
}

EXPORT void
g_mutex_init(GMutex *mutex)
{
  mutex->p = NULL;
}

EXPORT void
g_mutex_clear(GMutex *mutex)
{
  if (mutex->p)
    pthread_mutex_destroy(mutex->p);
  g_free(mutex->p);
  mutex->p = NULL;
}

EXPORT void
g_mutex_lock(GMutex *mutex)
{
  pthread_mutex_lock(pthread_of_mutex(mutex));
}

EXPORT gboolean
g_mutex_trylock(GMutex *mutex)
{
  return pthread_mutex_trylock(pthread_of_mutex(mutex)) == 0;
}

EXPORT void
g_mutex_unlock(GMutex *mutex)
{
  pthread_mutex_unlock(pthread_of_mutex(mutex));
}

EXPORT void
g_cond_init(GCond *cond)
{
  cond->p = NULL;
}

EXPORT void
g_cond_clear(GCond *cond)
{
  if (cond->p)
    pthread_cond_destroy(cond->p);
  g_free(cond->p);
  cond->p = NULL;
}

EXPORT void
g_cond_signal(GCond *cond)
{
  pthread_cond_signal(pthread_of_cond(cond));
}

EXPORT void
g_cond_broadcast(GCond *cond)
{
  pthread_cond_broadcast(pthread_of_cond(cond));
}

EXPORT void
g_cond_wait(GCond *cond, GMutex *mutex)
{
  pthread_cond_wait(pthread_of_cond(cond), pthread_of_mutex(mutex));
}

EXPORT gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
  struct timespec end = { end_time / G_USEC_PER_SEC, end_time % G_USEC_PER_SEC * 1000 };

  return pthread_cond_timedwait(pthread_of_cond(cond), pthread_of_mutex(mutex), &end) == 0;
}
