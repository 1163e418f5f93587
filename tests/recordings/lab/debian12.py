# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian 12 lab. Runs inside its own name spaces: see record-debian12."""
import json
import os
import re
import shutil
import sys
import tempfile
import baresip
import common
import kamailio
import quickstart
import relays
import sipplog


def kamailio_runs(work, recorder, program='/usr/sbin/kamailio', pbx='Kamailio'):
  """Several configurations of Kamailio; returns the rows and the lab (for its Call-IDs)."""
  answers = common.answers()
  lab = kamailio.Lab(work, recorder, answers, program)
  labeller = kamailio.Labeller(lab, '%s %s' % (pbx, lab.version))
  users = list(answers)
  special = ['8477', '8478', '8503', '8486', '8603', '8420', '8404', common.NO_ANSWER_USER]

  def take(framing='syslog3164', text=None, via='direct'):
    for _, data in recorder.take():
      line = common.text(data)
      labeller.add(line, framing, text(line) if text else None, via=via)

  # 1: defaults; calls, other methods, registrations, IPv6
  lab.start(lab.configure(2))
  lab.call('a', users + special, rate=25)
  lab.call('b', users[::3], method='MESSAGE', port=5404)
  lab.call('c', users[1::4] + special, method='SUBSCRIBE', port=5486, cid='486-%u-%p@%s')
  lab.call('d', ['200', '404', '503', '486', '8404', '8603'], method='OPTIONS', port=5503)
  lab.call('e', users[2::5], ipv6=True, cid='SIP-404-%u-%p@%s')
  lab.register('f', ['1001', '404', '486', '403', '7403', '503'], 'secret404')
  lab.register('g', ['1001', '1002', '603', '500'], 'wrong')
  lab.register('h', ['1001', '404'], 'secret404', port=5087)
  common.wait_for(lambda: sum(b'while registering' in d for _, d in recorder.records) > 25, 'registrations', 60)
  take()
  lab.stop()
  take(via='direct, at its end')
  # 2: a log prefix with the call in it
  lab.start(lab.configure(1, extra='log_prefix_mode=1\nlog_prefix="[$ci][M=$rm-$cs] "'))
  lab.call('p', users[::4], cid='%u-%p-503@%s', rate=25)
  take()
  lab.stop()
  take(via='direct, at its end')
  # 3: JSON
  for engine, users_part in (('json:cM', users[1::4]), ('json:U', users[2::9])):
    lab.start(lab.configure(1), ['--log-engine=' + engine])
    lab.call('j' + engine[-1], users_part, rate=25)
    take('syslog3164', lambda line: json_message(line), 'direct, --log-engine=' + engine)
    lab.stop()
    take('syslog3164', lambda line: json_message(line), 'direct, at its end')
  # 4: debug
  lab.start(lab.configure(1, debug=3))
  lab.call('z', ['486', '404', '7004', '8503'], rate=2)
  take(via='direct, debug=3')
  lab.stop()
  take(via='direct, at its end')
  return labeller.thinned(), lab


def json_message(line):
  """The text in Kamailio's JSON log object."""
  start = line.find('{')
  if start < 0:
    return line
  try:
    fields = json.loads(line[start:].strip('\n\0'))
    return fields.get('message') or fields['msg']
  except (ValueError, KeyError):
    return line


def main():
  out = sys.argv[1]
  parts = sys.argv[2].split(',') if len(sys.argv) > 2 else ['kamailio', 'baresip', 'sipp', 'relays', 'quickstart']
  work = tempfile.mkdtemp(prefix='sip-lab-')
  os.chmod(work, 0o777)
  recorder = common.Recorder()
  recorder.unix('/dev/log', 'syslog')
  try:
    if 'kamailio' in parts:
      rows, _ = kamailio_runs(work, recorder)
      common.write(out + '/kamailio-debian12.jsonl.xz', rows, 'kam5')
    if 'baresip' in parts:
      common.write(out + '/baresip-debian12.jsonl.xz', baresip.recordings(work, recorder, common.answers()), 'bs1')
    if 'sipp' in parts:
      common.write(out + '/sipp-debian12.jsonl.xz', sipplog.recordings(work), 'sipp36')
    if 'relays' in parts:
      rows = relays.sample(common.read(out + '/kamailio-debian12.jsonl.xz'), 6)
      rows += relays.sample(common.read(out + '/baresip-debian12.jsonl.xz'), 20)
      common.write(out + '/relays-debian12.jsonl.xz', relays.recordings(work, rows), 'relay12')
    if 'quickstart' in parts:
      quickstart.write(out)
  finally:
    if 'keep' not in parts:
      shutil.rmtree(work)


main()
