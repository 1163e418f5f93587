# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""baresip with one account for each scripted answer, calling each number: syslog and console with its SIP trace.

The truth of a line is the answer scripted for the user or number on it; a line that differs from it is an error, not a label.
"""
import glob
import json
import os
import re
import socket
import subprocess
import common
import sipp
from common import PHONE, UAS, row

PORT = 5070
CONFIG = '''poll_method epoll
sip_listen %(phone)s:5060
sip_trans_def udp
call_local_timeout 30
call_max_calls 400
audio_player aubridge,a
audio_source aubridge,a
audio_alert aubridge,b
ring_aufile none
module_path %(modules)s
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
%(syslog)s
ctrl_tcp_listen 127.0.0.1:4444
'''


def run(work, recorder, answers, syslog, trace, dial):
  """One run; returns the console output. What goes to syslog is in the recorder."""
  home = work + '/baresip'
  os.makedirs(home + '/.baresip', exist_ok=True)
  with open(home + '/.baresip/config', 'w', encoding='utf-8') as f:
    modules = (glob.glob('/usr/lib/baresip/modules') + glob.glob('/usr/lib/*/baresip/modules'))[0]
    f.write(CONFIG % {'phone': PHONE, 'modules': modules, 'syslog': 'module syslog.so' if syslog else ''})
  with open(home + '/.baresip/accounts', 'w', encoding='utf-8') as f:
    for user in answers:
      f.write('<sip:%s@%s:%d;transport=udp>;auth_pass=x;regint=60\n' % (user, UAS, PORT))
    f.write('<sip:486@%s:5099;transport=udp>;auth_pass=x;regint=60\n' % UAS)
    f.write('<sip:503@%s:5098;transport=tcp>;auth_pass=x;regint=60\n' % UAS)
  with open(home + '/.baresip/contacts', 'w', encoding='utf-8') as f:
    f.write('"Desk 404" <sip:404@%s>\n' % UAS)
  sipp.carrier(work + '/carrier.xml', answers)
  carrier = common.start(['sipp', '-sf', work + '/carrier.xml', '-i', UAS, '-p', str(PORT), '-nostdin', '-trace_msg'],
                         work + '/carrier-baresip.out', cwd=work)
  common.wait_for(lambda: subprocess.run(['ss', '-Hlun', 'src', '%s:%d' % (UAS, PORT)], capture_output=True, check=False)
                  .stdout, 'the registrar to listen')
  out = home + '/console'
  open(out, 'w').close()
  # standard input must not be /dev/null or a closed pipe with stdio.so; that module is not loaded here
  phone = common.start(['baresip', '-f', home + '/.baresip', *(['-s'] if trace else [])], out,
                       env={**os.environ, 'HOME': home, 'TERM': 'xterm'})

  def seen():
    with open(out, 'rb') as f:
      console = f.read()
    return console + b''.join(d for _, d in recorder.records)

  common.wait_for(lambda: b'baresip is ready' in seen(), 'baresip')
  wanted = sum(1 for a in answers.values() if a.phrase and a.code != 200 and a.code >= 300 and a.code not in (401, 407))
  common.wait_for(lambda: len(set(re.findall(rb'reg: sip:(\d+)@[\d.]+:5070', seen()))) >= wanted - 4, 'registrations', 40)
  control = socket.create_connection(('127.0.0.1', 4444))
  for user in dial:
    before = seen().count(b'session closed') + seen().count(b'Call established')
    send(control, 'dial', 'sip:%s@%s:%d' % (user, UAS, PORT))
    try:
      common.wait_for(lambda: seen().count(b'session closed') + seen().count(b'Call established') > before, 'the call', 4)
    except RuntimeError:
      send(control, 'hangup')
    if answers[user].code < 300 if user in answers else False:
      send(control, 'hangup')
  control.close()
  common.stop(phone)
  common.stop(carrier)
  with open(out, 'rb') as f:
    return f.read()


def send(control, command, parameters=''):
  body = json.dumps({'command': command, 'params': parameters, 'token': 'lab'}).encode()
  control.sendall(b'%d:%s,' % (len(body), body))


REG = re.compile(r'reg: sip:(?P<user>\w+)@(?P<peer>[\d.]+:\d+)(?:;[^ ]*)?(?: \(prio \d+\))?: (?P<code>\d{3}) (?P<reason>.*) \((?P<server>.*)\)$')
REG_OK = re.compile(r'(?P<user>\w+)@(?P<peer>[\d.]+): (?:\(prio \d+\) )?\{\d+/\w+/v\d\} (?P<code>\d{3}) (?P<reason>.*) \((?P<server>.*)\) \[\d+ bindings?\]$')
CLOSED = re.compile(r'sip:(?P<user>\w+)@(?P<peer>[\d.]+:\d+)(?:;[^ ]*)?: session closed: (?P<code>\d{3})(?: (?P<reason>.*))?$')
PROGRESS = re.compile(r'(?:call: )?SIP Progress: (?P<code>\d{3}) (?P<reason>.*) \((?P<type>.*)\)$')
ANSI = re.compile(r'\x1b\[[\d;]*m')
TRACE = re.compile(r'^(?:\x1b\[[\d;]*m)?#?\r?\n?(?P<proto>UDP|TCP) (?P<from>\S+) -> (?P<to>\S+)\r?\n(?P<message>.*)$', re.S)


class Labeller:
  def __init__(self, answers, pbx):
    self.answers = answers
    self.pbx = pbx
    self.rows = []

  def add(self, line, framing, via):
    text = re.sub(r'^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+\[\d+\]: ', '', line)
    text = ANSI.sub('', text).strip('\r\n')
    trace = TRACE.match(line)
    if trace:
      self.trace(trace, line, framing, via)
      return
    for name, pattern, method in (('registration failed', REG, 'REGISTER'), ('registered', REG_OK, 'REGISTER'),
                                  ('session closed', CLOSED, None), ('progress', PROGRESS, 'INVITE')):
      match = pattern.match(text)
      if not match:
        continue
      code, reason = int(match['code']), match['reason'] or ''
      if 'user' in match.groupdict():
        answer = self.answers[match['user']]
        if answer.phrase and reason.startswith(answer.phrase + ' ('):
          reason = answer.phrase     # a Server header with brackets of its own
        if (code, reason.strip()) not in [(c, p.strip()) for c, p in answer.statuses()]:
          raise RuntimeError('not as scripted: %r' % line)
      expect = {'code': code}
      if reason.strip():
        expect['reason'] = reason.strip()
      if method:
        expect.update(method=method, method_implied=True)
      if name in ('registration failed', 'session closed'):
        expect['peer'] = match['peer']
      self.rows.append(row(self.pbx, name, framing, line, expect, via=via))
      return
    if re.match(r'call: connecting to |ua: using best effort|aubridge|stream|audio: |sip:\S+: session closed: [A-Z]'
                r'|reg: sip:\S+: [A-Z][a-z]|\S+: Call established|call: |ua: |account|Populated|baresip|Local network'
                r'|aucodec|ausrc|auplay|terminated|menu|ctrl_tcp|reg: sip:\S+ \(prio \d+\): [A-Z]|\S+: Call with \S+ terminated'
                r'|\S+: selected for request|\S+: Call answered|\S+: Call in-progress|All \d+ useragents registered|Call terminated|mnat|medianc', text) or common.silent(text):
      self.rows.append(row(self.pbx, 'other', framing, line, None, via=via))
    else:
      self.rows.append(row(self.pbx, 'other', framing, line, None, via=via, skip=True))

  def trace(self, trace, line, framing, via):
    message = ANSI.sub('', trace['message'])
    status = re.match(r'SIP/2\.0 (\d{3}) ?(.*?)\r?\n', message)
    if not status:
      self.rows.append(row(self.pbx, 'trace, request', framing, line, None, via=via))
      return
    expect = {'code': int(status.group(1))}
    if status.group(2):
      expect['reason'] = status.group(2)
    cseq = re.search(r'^CSeq: *\d+ (\w+)', message, re.M)
    cid = re.search(r'^Call-ID: *(\S+)', message, re.M)
    if cseq:
      expect['method'] = cseq.group(1)
    if cid:
      expect['call_id'] = cid.group(1)
    expect['peer'] = trace['from']
    self.rows.append(row(self.pbx, 'trace, response', framing, line, expect, via=via))


def console_records(console):
  """The console as records: a traced message is one, every other line is one."""
  text = console.decode('utf-8', 'replace')
  for part in re.split(r'(\x1b\[36;1m#\n.*?\x1b\[;m)', text, flags=re.S):
    if part.startswith('\x1b[36;1m#\n'):
      yield part
    else:
      for line in part.split('\n'):
        if line.strip('\r \x1b[;m'):
          yield line


def recordings(work, recorder, answers):
  version = re.search(r'v([\d.]+)', subprocess.run(['baresip', '-h'], capture_output=True, text=True, check=False).stderr
                      + subprocess.run(['baresip', '-h'], capture_output=True, text=True, check=False).stdout).group(1)
  labeller = Labeller(answers, 'baresip ' + version)
  dial = [u for u in answers if answers[u].phrase]
  recorder.take()
  run(work, recorder, answers, syslog=True, trace=False, dial=dial)
  for _, data in recorder.take():
    labeller.add(common.text(data), 'syslog3164', 'direct')
  console = run(work, recorder, answers, syslog=False, trace=True, dial=dial[::6])
  recorder.take()
  for record in console_records(console):
    labeller.add(record, 'bare', 'console')
  return labeller.rows
