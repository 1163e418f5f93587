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

#include "sip-rule-check.h"
#include "sip-rules-private.h"

typedef struct _Check
{
  const SipRules *rules;
  SipScanner *scanner;
  SipRuleFault report;
  gpointer user_data;
  guint faults;
  guint samples;
} Check;

static void G_GNUC_PRINTF(4, 5)
_fault(Check *self, const SipRule *rule, const SipRuleSample *sample, const gchar *format, ...)
{
  va_list args;
  va_start(args, format);
  gchar *what = g_strdup_vprintf(format, args);
  va_end(args);
  gchar *fault = g_strdup_printf("%s:%d:1: rule %s: %s", rule->source, sample->line, rule->name, what);

  self->report(fault, self->user_data);
  self->faults++;
  g_free(fault);
  g_free(what);
}

static SipSpan
_value_of(const SipScanResult *result, SipField field, gchar *code, gsize code_size)
{
  if (field != SIP_FIELD_CODE)
    return result->field[field];
  if (!result->code)
    return SIP_SPAN_NONE;
  g_snprintf(code, code_size, "%d", result->code);
  return sip_span_str(code);
}

static void
_check_match(Check *self, const SipRule *rule, const SipRuleSample *sample, const SipScanResult *result)
{
  gchar code[8];

  for (gint i = 0; i < SIP_FIELD_MAX; i++)
    {
      SipSpan value = _value_of(result, (SipField) i, code, sizeof(code));

      if (!sample->expect[i])
        continue;
      if (sample->expect[i][0] ? !sip_span_eq(value, sample->expect[i]) : value.ptr != NULL)
        _fault(self, rule, sample, "expected %s=%s, found %.*s (by %s)", sip_field_name((SipField) i),
               sample->expect[i][0] ? sample->expect[i] : "nothing", value.ptr ? (gint) value.len : 7,
               value.ptr ? value.ptr : "nothing", result->rule_name ? result->rule_name : "no rule");
    }
}

static void
_check_sample(Check *self, const SipRule *rule, const SipRuleSample *sample)
{
  SipScanResult result;

  self->samples++;
  sip_scan(self->rules, self->scanner, sip_span_str(sample->program), sip_span(sample->text->str, sample->text->len),
           &result);
  if (sample->match)
    _check_match(self, rule, sample, &result);
  else if (result.code)
    _fault(self, rule, sample, "the look-alike gives %d (by %s)", result.code, result.rule_name);
}

guint
sip_rules_check_samples(const SipRules *rules, SipScanner *scanner, const gchar *source, SipRuleFault report,
                        gpointer user_data, guint *samples)
{
  Check self = { .rules = rules, .scanner = scanner, .report = report, .user_data = user_data };

  for (guint i = 0; i < rules->rules->len; i++)
    {
      const SipRule *rule = g_ptr_array_index(rules->rules, i);

      if (source && strcmp(rule->source, source) != 0)
        continue;
      for (guint j = 0; j < rule->samples->len; j++)
        _check_sample(&self, rule, g_ptr_array_index(rule->samples, j));
    }
  if (samples)
    *samples = self.samples;
  return self.faults;
}
