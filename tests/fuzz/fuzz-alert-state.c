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
 * The persisted state of sip-alert() under libFuzzer.  Input: what follows a block's header, or, if the first byte is odd,
 * changes to a block that an engine saved: offset and value, three bytes each.  The header is made to fit, so that damage
 * gets past the checksum.  Whatever was loaded, the engine goes on: records, time, and a save that loads again.
 */
#include "alert/alert-engine.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER 12
#define SECOND G_GINT64_CONSTANT(1000000)

static SipCodes *codes;
static AlertDetector detectors[4];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
  static const gchar *const presets[] = { "fault", "no-success", "silence", "4xx" };

  (void) argc;
  (void) argv;
  codes = sip_codes_new();
  for (gsize i = 0; i < G_N_ELEMENTS(presets); i++)
    g_assert(alert_detector_init_preset(&detectors[i], presets[i], codes));
  return 0;
}

static guint32
_crc32(const guint8 *data, gsize size)
{
  guint32 crc = ~0u;

  for (gsize i = 0; i < size; i++)
    {
      crc ^= data[i];
      for (gint bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
  return ~crc;
}

static void
_check_notices(AlertNotices *notices)
{
  for (guint i = 0; i < notices->len; i++)
    {
      const AlertNotice *notice = alert_notices_index(notices, i);

      g_assert(notice->detector < G_N_ELEMENTS(detectors));
      g_assert(strlen(notice->id) == 16);
      g_assert(memchr(notice->key, '\0', sizeof(notice->key)));
      g_assert(memchr(notice->call_id, '\0', sizeof(notice->call_id)));
    }
  g_array_set_size(notices, 0);
}

static void
_go_on(AlertEngine *engine)
{
  AlertNotices *notices = alert_notices_new();
  gint64 now = 1000 * SECOND;

  for (gint i = 0; i < 40; i++, now += 10 * SECOND)
    {
      AlertRecord record = { .now = now, .code = i % 2 ? 503 : 200 };

      for (gint slot = 0; slot < ALERT_MAX_KEY_SLOTS; slot++)
        record.key[slot] = sip_span_str("pbx1");
      alert_engine_record(engine, &record, notices);
      alert_engine_tick(engine, now, notices);
      _check_notices(notices);
    }
  alert_notices_free(notices);
}

static AlertEngine *
_new_engine(gint64 now)
{
  AlertEngineConfig config =
  {
    .detectors = detectors, .n_detectors = G_N_ELEMENTS(detectors), .n_key_slots = 1, .max_keys = 16, .dedupe = TRUE,
  };

  return alert_engine_new(&config, now);
}

/* the content of a block that an engine saves which has seen something */
static gsize
_genuine_content(guint8 *content)
{
  static guint8 block[ALERT_BLOCK_SIZE];
  static gsize used;

  if (!used)
    {
      AlertEngine *engine = _new_engine(900 * SECOND);

      _go_on(engine);
      g_assert(alert_engine_save(engine, 1700000000 * SECOND, block, 1) == 1);
      alert_engine_free(engine);
      used = block[6] | (gsize) block[7] << 8;
    }
  memcpy(content, block + HEADER, used);
  return used;
}

static gsize
_content(const uint8_t *data, size_t size, guint8 *content)
{
  gsize used;

  if (!size || !(data[0] & 1))
    {
      used = MIN(size ? size - 1 : 0, ALERT_BLOCK_SIZE - HEADER);
      memcpy(content, data + 1, used);
      return used;
    }
  used = _genuine_content(content);
  for (gsize i = 1; i + 3 <= size; i += 3)
    content[(data[i] | (gsize) data[i + 1] << 8) % used] = data[i + 2];
  return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static guint8 content[ALERT_BLOCK_SIZE];
  gsize used = _content(data, size, content);
  guint8 *block = g_malloc0(HEADER + used);
  guint32 crc = _crc32(content, used);
  guint8 header[HEADER] =
  {
    'S', 'I', 'P', 'A', 1, 0, used & 0xff, (used >> 8) & 0xff, crc & 0xff, (crc >> 8) & 0xff, (crc >> 16) & 0xff,
    (crc >> 24) & 0xff,
  };
  static guint8 saved[2 * ALERT_BLOCK_SIZE];

  memcpy(block, header, HEADER);
  memcpy(block + HEADER, content, used);

  AlertEngine *engine = _new_engine(900 * SECOND);
  alert_engine_load(engine, 1700000000 * SECOND, block, HEADER + used);
  alert_engine_load_end(engine);
  _go_on(engine);
  memset(saved, 0, sizeof(saved));
  guint blocks = alert_engine_save(engine, 1700000400 * SECOND, saved, 2);
  g_assert(blocks <= 2);
  alert_engine_free(engine);

  engine = _new_engine(1300 * SECOND);
  for (guint i = 0; i < blocks; i++)
    g_assert(alert_engine_load(engine, 1700000500 * SECOND, saved + i * ALERT_BLOCK_SIZE, ALERT_BLOCK_SIZE));
  alert_engine_load_end(engine);
  alert_engine_free(engine);
  g_free(block);
  return 0;
}
