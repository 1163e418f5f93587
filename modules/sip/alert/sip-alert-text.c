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


#include "alert/sip-alert-text.h"

gboolean
sip_alert_language_by_name(const gchar *name, SipAlertLanguage *language)
{
  static const gchar *const names[SIP_ALERT_LANGUAGE_MAX] = { "en", "vi" };

  for (gint i = 0; i < SIP_ALERT_LANGUAGE_MAX; i++)
    {
      if (strcmp(names[i], name) == 0)
        {
          *language = (SipAlertLanguage) i;
          return TRUE;
        }
    }
  return FALSE;
}

void
sip_alert_format_codes(GString *text, const AlertNotice *notice)
{
  for (gint i = 0; i < ALERT_TOP_CODES && notice->codes[i].count; i++)
    g_string_append_printf(text, "%s%u=%u", i ? " " : "", notice->codes[i].code, notice->codes[i].count);
}

/* "1 h 5 min", "40 s": the same abbreviations in both languages, but for the hour */
static void
_append_duration(GString *text, gint64 duration, SipAlertLanguage language)
{
  gint64 seconds = duration / ALERT_SECOND;
  const gchar *hour = language == SIP_ALERT_VIETNAMESE ? "giờ" : "h";
  const gchar *minute = language == SIP_ALERT_VIETNAMESE ? "phút" : "min";
  const gchar *second = language == SIP_ALERT_VIETNAMESE ? "giây" : "s";

  if (seconds >= 3600)
    g_string_append_printf(text, "%" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT " %s", seconds / 3600, hour,
                           seconds / 60 % 60, minute);
  else if (seconds >= 120)
    g_string_append_printf(text, "%" G_GINT64_FORMAT " %s", seconds / 60, minute);
  else
    g_string_append_printf(text, "%" G_GINT64_FORMAT " %s", seconds, second);
}

static void
_append_state(GString *text, AlertState state, SipAlertLanguage language)
{
  static const gchar *const states[SIP_ALERT_LANGUAGE_MAX][4] =
  {
    { "SIP alert", "SIP alert goes on", "SIP alert goes on", "SIP alert over" },
    { "Cảnh báo SIP", "Cảnh báo SIP vẫn tiếp diễn", "Cảnh báo SIP vẫn tiếp diễn", "Hết cảnh báo SIP" },
  };

  g_string_append(text, states[language][state]);
}

static void
_append_spike(GString *text, const AlertNotice *notice, const AlertDetector *detector, SipAlertLanguage language)
{
  gboolean vi = language == SIP_ALERT_VIETNAMESE;

  if (notice->state == ALERT_STATE_RESOLVED)
    {
      g_string_append_printf(text, vi ? "%" G_GUINT64_FORMAT " phản hồi lỗi trong " : "%" G_GUINT64_FORMAT
                             " failures in ", notice->count);
      _append_duration(text, notice->duration, language);
      g_string_append_printf(text, vi ? ", cao nhất %" G_GUINT64_FORMAT " trong " : ", at most %" G_GUINT64_FORMAT
                             " in ", notice->peak);
      _append_duration(text, detector->window, language);
      return;
    }
  g_string_append_printf(text, vi ? "%" G_GUINT64_FORMAT " phản hồi lỗi" : "%" G_GUINT64_FORMAT " failures",
                         notice->count);
  if (notice->share >= 0)
    g_string_append_printf(text, vi ? " (%.0f %% của %" G_GUINT64_FORMAT " phản hồi cuối)"
                           : " (%.0f %% of %" G_GUINT64_FORMAT " final responses)", notice->share * 100, notice->total);
  g_string_append(text, vi ? " trong " : " in ");
  _append_duration(text, detector->window, language);
  if (detector->deviation > 0)
    g_string_append_printf(text, vi ? ", bình thường %.1f" : ", normally %.1f", notice->level);
}

static void
_append_streak(GString *text, const AlertNotice *notice, SipAlertLanguage language)
{
  gboolean vi = language == SIP_ALERT_VIETNAMESE;

  if (notice->state == ALERT_STATE_RESOLVED)
    {
      g_string_append_printf(text, vi ? "đã thành công trở lại sau %" G_GUINT64_FORMAT " lần thất bại trong "
                             : "success again after %" G_GUINT64_FORMAT " failures in ", notice->count);
      _append_duration(text, notice->duration, language);
      return;
    }
  g_string_append_printf(text, vi ? "%" G_GUINT64_FORMAT " lần thất bại, không lần nào thành công trong "
                         : "%" G_GUINT64_FORMAT " failures and no success in ", notice->count);
  _append_duration(text, notice->duration, language);
  g_string_append_printf(text, vi ? ", bình thường %.0f %% thành công" : ", normally %.0f %% succeed",
                         notice->level * 100);
}

static void
_append_silence(GString *text, const AlertNotice *notice, SipAlertLanguage language)
{
  gboolean vi = language == SIP_ALERT_VIETNAMESE;

  if (notice->state == ALERT_STATE_RESOLVED)
    g_string_append(text, vi ? "có phản hồi SIP trở lại sau " : "SIP responses again after ");
  else
    g_string_append(text, vi ? "không có phản hồi SIP nào trong " : "no SIP response for ");
  _append_duration(text, notice->duration, language);
  g_string_append_printf(text, vi ? ", bình thường %.1f mỗi phút" : ", normally %.1f a minute", notice->level);
}

void
sip_alert_format_text(GString *text, const AlertNotice *notice, const AlertDetector *detector,
                      SipAlertLanguage language)
{
  gboolean vi = language == SIP_ALERT_VIETNAMESE;

  _append_state(text, notice->state, language);
  g_string_append_printf(text, vi ? ": %s trên %s: " : ": %s on %s: ", detector->name, notice->key);
  switch (detector->kind)
    {
    case ALERT_KIND_SPIKE:
      _append_spike(text, notice, detector, language);
      break;
    case ALERT_KIND_NO_SUCCESS:
      _append_streak(text, notice, language);
      break;
    default:
      _append_silence(text, notice, language);
    }
  if (notice->codes[0].count)
    {
      g_string_append(text, vi ? "; mã " : "; codes ");
      sip_alert_format_codes(text, notice);
    }
}
