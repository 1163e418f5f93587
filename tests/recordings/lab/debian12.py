# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian 12 lab. Runs inside its own name spaces: see record-debian12."""
import os
import shutil
import sys
import tempfile
import baresip
import common
import kamailio
import quickstart
import relays
import sipplog


def main():
  out = sys.argv[1]
  parts = sys.argv[2].split(',') if len(sys.argv) > 2 else ['kamailio', 'more', 'baresip', 'sipp', 'relays', 'quickstart']
  work = tempfile.mkdtemp(prefix='sip-lab-')
  os.chmod(work, 0o777)
  recorder = common.Recorder()
  recorder.unix('/dev/log', 'syslog')
  try:
    if 'kamailio' in parts:
      rows = kamailio.recordings(work, recorder)
      common.write(out + '/kamailio-debian12.jsonl.xz', rows, 'kam5')
    if 'more' in parts:
      common.write(out + '/kamailio-more.jsonl.xz', kamailio.more_recordings(work, recorder), 'kamb')
    if 'baresip' in parts:
      common.write(out + '/baresip-debian12.jsonl.xz', baresip.recordings(work, recorder, common.answers()), 'bs1')
    if 'sipp' in parts:
      common.write(out + '/sipp-debian12.jsonl.xz', sipplog.recordings(work), 'sipp36')
    if 'relays' in parts:
      rows = relays.sample(common.read(out + '/kamailio-debian12.jsonl.xz'), 6)
      rows += relays.sample(common.read(out + '/baresip-debian12.jsonl.xz'), 20)
      if os.path.exists(out + '/asterisk22.jsonl.xz'):
        rows += relays.sample(common.read(out + '/asterisk22.jsonl.xz'), 12)
      common.write(out + '/relays-debian12.jsonl.xz', relays.recordings(work, rows), 'relay12')
    if 'quickstart' in parts:
      quickstart.write(out)
  finally:
    if 'keep' not in parts:
      shutil.rmtree(work)


main()
