# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Asterisk 22 lab. Runs inside its own name spaces and a chroot: see record-asterisk22."""
import os
import shutil
import sys
import tempfile
import asterisk
import baresip
import common
import kamailio
import relays
import sipplog


def asterisk_runs(work, recorder):
  answers = common.answers()
  lab = asterisk.Lab(work, recorder, answers)
  labeller = asterisk.Labeller(lab, 'Asterisk ' + lab.version)
  users = [u for u in answers]
  plain = lab.work + '/log/full'

  def take(via='direct'):
    for _, data in recorder.take(1.5, 90):
      labeller.add_syslog(common.text(data), via)

  # 1: no PJSIP logger: calls, registrations, refused requests
  lab.start()
  manager = asterisk.Manager()
  lab.call('a', users + [common.NO_ANSWER_USER, '8001', '8017', '8021', '8034', '8038', '8127', '8028', '8102'], rate=8)
  lab.register('good', ['1001', '1002', '404', '486', '503'], 'secret%s')
  lab.register('wrong', ['1001', '404', '503'], 'wrong%s', port=5087)
  lab.register('unknown', ['999', '487', '600'], 'x%s', port=5088, local=asterisk.HOSTILE)
  lab.register('full', ['1001', '486'], 'secret%s', port=5503)
  lab.register('acl', ['blocked', 'noaor'], 'secret1001%.0s', port=5486)
  lab.call('unknown', ['404', '486', '503'], local=asterisk.HOSTILE, port=5404)
  lab.call('alpha', ['nobody', 'desk404'], port=5082)
  take()
  events = manager.events()
  lab.stop()
  take('direct, at its end')
  labeller.add_file(plain)
  os.unlink(plain)
  for event in events:
    labeller.add_event(event)
  # 2: PJSIP logger on
  lab.start(logger=True)
  lab.call('b', users[::2] + ['8017', '8001', '8034'], rate=8)
  lab.register('good2', ['1001', '404'], 'secret%s')
  lab.register('wrong2', ['1002', '503'], 'wrong%s', port=5087)
  lab.register('unknown2', ['600'], 'x%s', port=5088, local=asterisk.HOSTILE)
  take('direct, PJSIP logger')
  lab.stop()
  take('direct, at its end')
  labeller.add_file(plain)
  os.unlink(plain)
  # 3: debug
  lab.start(debug=5)
  lab.call('c', ['486', '404', '7004', '200', '183', '503'], rate=2)
  take('direct, debug 5')
  lab.stop()
  take('direct, at its end')
  return labeller.thinned()


def asterisk_more(work, recorder):
  """Other dialplan wordings, qualified contacts, other methods."""
  answers = common.answers()
  lab = asterisk.Lab(work, recorder, answers)
  labeller = asterisk.Labeller(lab, 'Asterisk ' + lab.version)
  lab.start(logger=True, qualify=True)
  manager = asterisk.Manager()
  lab.call('more', list(answers), rate=8, local='198.51.100.7', port=5486, cid='SIP-486-%u-%p@%s')
  lab.call('message', ['404', '1001', '503'], method='MESSAGE', port=5404)
  lab.call('subscribe', ['404', '1001', '503', 'nobody'], method='SUBSCRIBE', port=5405)
  lab.call('options', ['404', '486', 'nobody'], method='OPTIONS', port=5406)
  events = manager.events()
  lab.stop()      # before the records are taken: qualifying never falls silent
  for _, data in recorder.take():
    labeller.add_syslog(common.text(data), 'direct, PJSIP logger')
  labeller.add_file(lab.work + '/log/full')
  for event in events:
    labeller.add_event(event)
  return labeller.thinned()


def main():
  out = sys.argv[1]
  parts = sys.argv[2].split(',') if len(sys.argv) > 2 else ['asterisk', 'more', 'others', 'relays']
  work = tempfile.mkdtemp(prefix='sip-lab-')
  os.chmod(work, 0o777)
  recorder = common.Recorder()
  recorder.unix('/dev/log', 'syslog')
  try:
    if 'asterisk' in parts:
      common.write(out + '/asterisk22.jsonl.xz', asterisk_runs(work, recorder), 'ast22')
    if 'more' in parts:
      common.write(out + '/asterisk22-more.jsonl.xz', asterisk_more(work, recorder), 'ast22b')
    if 'others' in parts:
      rows = kamailio.recordings(work, recorder)
      common.write(out + '/kamailio-forky.jsonl.xz', rows[::2], 'kam6')
      rows = baresip.recordings(work, recorder, common.answers())
      common.write(out + '/baresip-forky.jsonl.xz', rows[::2], 'bs11')
      common.write(out + '/sipp-forky.jsonl.xz', sipplog.recordings(work), 'sipp38')
    if 'relays' in parts:
      rows = relays.sample(common.read(out + '/asterisk22.jsonl.xz'), 12)
      rows += relays.sample(common.read(out + '/kamailio-forky.jsonl.xz'), 2)
      common.write(out + '/relays-forky.jsonl.xz', relays.rsyslog_only(work, rows), 'relayf')
  finally:
    if 'keep' not in parts:
      shutil.rmtree(work)


main()
