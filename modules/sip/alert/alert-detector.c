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


#include "alert/alert-engine.h"

#include <stdlib.h>

#define MINUTES(n) ((n) * 60 * ALERT_SECOND)

static const gchar *const _method_names[ALERT_METHOD_MAX] =
{
  [ALERT_METHOD_UNKNOWN] = "",
  [ALERT_METHOD_INVITE] = "INVITE",
  [ALERT_METHOD_REGISTER] = "REGISTER",
  [ALERT_METHOD_OPTIONS] = "OPTIONS",
};

static const gchar *const _event_names[ALERT_EVENT_MAX] =
{
  [ALERT_EVENT_NONE] = "",
  [ALERT_EVENT_NO_RESPONSE] = "no-response",
  [ALERT_EVENT_REGISTRATION_TIMEOUT] = "registration-timeout",
  [ALERT_EVENT_UNREACHABLE] = "unreachable",
  [ALERT_EVENT_REACHABLE] = "reachable",
  [ALERT_EVENT_AUTH_FAILURE] = "auth-failure",
};

GQuark
alert_engine_error_quark(void)
{
  return g_quark_from_static_string("sip-alert-engine-error");
}

static gint
_index_of(const gchar *const *names, gint n, const gchar *name, gsize len)
{
  for (gint i = 1; i < n; i++)
    {
      if (names[i] && strlen(names[i]) == len && g_ascii_strncasecmp(names[i], name, len) == 0)
        return i;
    }
  return -1;
}

AlertMethod
alert_method_by_name(const gchar *name, gsize len)
{
  if (len == 0)
    return ALERT_METHOD_UNKNOWN;

  gint method = _index_of(_method_names, ALERT_METHOD_MAX, name, len);
  return method < 0 ? ALERT_METHOD_OTHER : (AlertMethod) method;
}

AlertDirection
alert_direction_by_name(const gchar *name, gsize len)
{
  if (len == 4 && memcmp(name, "sent", 4) == 0)
    return ALERT_DIRECTION_SENT;
  if (len == 8 && memcmp(name, "received", 8) == 0)
    return ALERT_DIRECTION_RECEIVED;
  return ALERT_DIRECTION_UNKNOWN;
}

AlertEvent
alert_event_by_name(const gchar *name, gsize len)
{
  if (len == 0)
    return ALERT_EVENT_NONE;

  gint event = _index_of(_event_names, ALERT_EVENT_MAX, name, len);
  return event < 0 ? ALERT_EVENT_OTHER : (AlertEvent) event;
}

const gchar *
alert_event_name(AlertEvent event)
{
  return _event_names[event] ? _event_names[event] : "other";
}

/* ---------------------------------------------------------------- matching */

static void
_set(guint8 *where, guint8 methods, gboolean include)
{
  if (include)
    *where |= methods;
  else
    *where &= ~methods;
}

/* A 403 to an INVITE is a carrier's refusal, to a REGISTER a wrong password: the code table has room for one of them. */
static guint8
_methods_in_group(const SipCodes *codes, gint code, SipAlertGroup group)
{
  const SipCode *facts = sip_codes_lookup(codes, code, SIP_SPAN_NONE);
  guint8 invite = 1 << ALERT_METHOD_INVITE;

  if (!facts)
    return 0;
  if (code == 403 && facts->alert_group == SIP_ALERT_GROUP_AUTH)
    {
      if (group == SIP_ALERT_GROUP_FAULT)
        return invite;
      if (group == SIP_ALERT_GROUP_AUTH)
        return ALERT_ALL_METHODS & ~invite;
    }
  return facts->alert_group == group ? ALERT_ALL_METHODS : 0;
}

static void
_match_group(AlertDetector *self, const SipCodes *codes, SipAlertGroup group, guint8 methods, gboolean include)
{
  for (gint code = 300; code <= ALERT_CODE_MAX; code++)
    _set(&self->codes[code], methods & _methods_in_group(codes, code, group), include);

  if (group == SIP_ALERT_GROUP_FAULT)
    {
      _set(&self->events[ALERT_EVENT_NO_RESPONSE], methods, include);
      _set(&self->events[ALERT_EVENT_REGISTRATION_TIMEOUT], methods, include);
    }
  if (group == SIP_ALERT_GROUP_AUTH)
    _set(&self->events[ALERT_EVENT_AUTH_FAILURE], methods, include);
}

static gboolean
_match_group_by_name(AlertDetector *self, const SipCodes *codes, const gchar *name, guint8 methods, gboolean include)
{
  SipAlertGroup group;

  if (strcmp(name, "fault") == 0)
    group = SIP_ALERT_GROUP_FAULT;
  else if (strcmp(name, "auth") == 0)
    group = SIP_ALERT_GROUP_AUTH;
  else if (strcmp(name, "target") == 0)
    group = SIP_ALERT_GROUP_TARGET;
  else
    return FALSE;

  _match_group(self, codes, group, methods, include);
  return TRUE;
}

static gboolean
_is_code(const gchar *text)
{
  return g_ascii_isdigit(text[0]) && g_ascii_isdigit(text[1]) && g_ascii_isdigit(text[2]);
}

static gboolean
_parse_codes(const gchar *name, gint *from, gint *to)
{
  gsize len = strlen(name);

  if (len == 3 && g_ascii_isdigit(name[0]) && g_ascii_strcasecmp(name + 1, "xx") == 0)
    {
      *from = 100 * (name[0] - '0');
      *to = *from + 99;
    }
  else if (len == 3 && _is_code(name))
    *from = *to = atoi(name);
  else if (len == 7 && _is_code(name) && name[3] == '-' && _is_code(name + 4))
    {
      *from = atoi(name);
      *to = atoi(name + 4);
    }
  else
    return FALSE;

  return *from >= ALERT_CODE_MIN && *to <= ALERT_CODE_MAX && *from <= *to;
}

static gboolean
_match_name(AlertDetector *self, const SipCodes *codes, const gchar *name, guint8 methods, gboolean include)
{
  gint from, to, event;

  if (_match_group_by_name(self, codes, name, methods, include))
    return TRUE;

  if (_parse_codes(name, &from, &to))
    {
      for (gint code = from; code <= to; code++)
        _set(&self->codes[code], methods, include);
      return TRUE;
    }

  event = _index_of(_event_names, ALERT_EVENT_MAX, name, strlen(name));
  if (event > 0)
    {
      _set(&self->events[event], methods, include);
      return TRUE;
    }
  return FALSE;
}

gboolean
alert_detector_match(AlertDetector *self, const SipCodes *codes, const gchar *item, gboolean include, GError **error)
{
  gchar **parts = g_strsplit(item, "/", 2);
  guint8 methods = ALERT_ALL_METHODS;
  gboolean known = parts[0] != NULL;

  if (known && parts[1])
    {
      gint method = _index_of(_method_names, ALERT_METHOD_MAX, parts[1], strlen(parts[1]));

      if (method > 0)
        methods = 1 << method;
      else if (g_ascii_strcasecmp(parts[1], "other") == 0)
        methods = 1 << ALERT_METHOD_OTHER;
      else if (g_ascii_strcasecmp(parts[1], "unknown") == 0)
        methods = 1 << ALERT_METHOD_UNKNOWN;
      else
        known = FALSE;
    }
  known = known && _match_name(self, codes, parts[0], methods, include);
  g_strfreev(parts);

  if (!known)
    g_set_error(error, ALERT_ENGINE_ERROR, 0, "`%s' is no code (503), range (500-504), class (5xx), group (fault, auth, "
                "target) or event (no-response), with or without /INVITE, /REGISTER, /OPTIONS, /other, /unknown", item);
  return known;
}

/* ----------------------------------------------------------------- presets */

void
alert_detector_init(AlertDetector *self)
{
  memset(self, 0, sizeof(*self));
  self->kind = ALERT_KIND_SPIKE;
  self->window = MINUTES(5);
  self->count = 20;
  self->clear = 0.4;
  self->quiet = MINUTES(5);
  self->refresh = MINUTES(1);
  self->reminder = MINUTES(60);
}

static void
_init_no_success(AlertDetector *self)
{
  self->kind = ALERT_KIND_NO_SUCCESS;
  self->exclusive = TRUE;
  self->count = 10;
  self->quiet = MINUTES(2);
  for (gint code = 400; code <= ALERT_CODE_MAX; code++)
    self->codes[code] = ALERT_ALL_METHODS;
  /* challenges, cancelled calls, glare, and a busy callee say nothing about the key */
  self->codes[401] = self->codes[407] = self->codes[487] = self->codes[491] = 0;
  self->codes[486] = self->codes[600] = 0;
  self->events[ALERT_EVENT_NO_RESPONSE] = ALERT_ALL_METHODS;
  self->events[ALERT_EVENT_REGISTRATION_TIMEOUT] = ALERT_ALL_METHODS;
}

static void
_init_by_source(AlertDetector *self)
{
  self->window = MINUTES(1);
  self->share = 0.8;
}

gboolean
alert_detector_init_preset(AlertDetector *self, const gchar *preset, const SipCodes *codes)
{
  const gchar *severity = "crit";

  alert_detector_init(self);
  if (strcmp(preset, "fault") == 0)
    {
      self->exclusive = TRUE;
      self->deviation = 2;
      _match_group(self, codes, SIP_ALERT_GROUP_FAULT, ALERT_ALL_METHODS, TRUE);
    }
  else if (strcmp(preset, "no-success") == 0)
    _init_no_success(self);
  else if (strcmp(preset, "auth") == 0)
    {
      severity = "warning";
      _init_by_source(self);
      _match_group(self, codes, SIP_ALERT_GROUP_AUTH, ALERT_ALL_METHODS, TRUE);
    }
  else if (strcmp(preset, "target") == 0)
    {
      severity = "notice";
      _init_by_source(self);
      _match_group(self, codes, SIP_ALERT_GROUP_TARGET, ALERT_ALL_METHODS, TRUE);
    }
  else if (strcmp(preset, "silence") == 0)
    {
      self->kind = ALERT_KIND_SILENCE;
      self->window = MINUTES(15);
      self->quiet = 0;
    }
  else if (strlen(preset) == 3 && preset[0] >= '3' && preset[0] <= '6' && strcmp(preset + 1, "xx") == 0)
    {
      severity = "warning";
      self->deviation = 2;
      alert_detector_match(self, codes, preset, TRUE, NULL);
    }
  else
    return FALSE;

  self->name = g_strdup(preset);
  self->severity = g_strdup(severity);
  return TRUE;
}

void
alert_detector_clear(AlertDetector *self)
{
  g_free(self->name);
  g_free(self->severity);
  memset(self, 0, sizeof(*self));
}

void
alert_detector_copy(AlertDetector *self, const AlertDetector *other)
{
  *self = *other;
  self->name = g_strdup(other->name);
  self->severity = g_strdup(other->severity);
}

/* -------------------------------------------------------------- validation */

static gboolean
_matches_nothing(const AlertDetector *self)
{
  for (gint code = ALERT_CODE_MIN; code <= ALERT_CODE_MAX; code++)
    {
      if (self->codes[code])
        return FALSE;
    }
  for (gint event = 0; event < ALERT_EVENT_MAX; event++)
    {
      if (self->events[event])
        return FALSE;
    }
  return TRUE;
}

static gboolean
_fail(GError **error, const gchar *message)
{
  g_set_error_literal(error, ALERT_ENGINE_ERROR, 0, message);
  return FALSE;
}

gboolean
alert_detector_validate(const AlertDetector *self, GError **error)
{
  if (!self->name || !self->name[0])
    return _fail(error, "a detector needs a name");
  if (self->window < ALERT_SECOND || self->window > MINUTES(24 * 60))
    return _fail(error, "window() must be from 1 second to 1 day (86400)");
  if (self->kind != ALERT_KIND_SILENCE && _matches_nothing(self))
    return _fail(error, "no code is left for it to count: give class(), codes(), group() or include()");
  if (self->count == 0)
    return _fail(error, "count() must be at least 1");
  if (self->share < 0 || self->share > 1)
    return _fail(error, "share() must be from 0 to 100 (per cent)");
  if (self->deviation != 0 && self->deviation < 1.1)
    {
      g_set_error(error, ALERT_ENGINE_ERROR, 0, "deviation(%.12g): must be at least 1.1 (times the learnt level), or 0 to "
                  "switch it off", self->deviation);
      return FALSE;
    }
  if (self->deviation > 1000)
    return _fail(error, "deviation() must be at most 1000 (times the learnt level)");
  if (self->clear < 0 || self->clear >= 1)
    return _fail(error, "clear() must be from 0 to 99 (per cent of the firing threshold): "
                 "an alert that clears above the threshold it fires at never ends");
  return TRUE;
}
