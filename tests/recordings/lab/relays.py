# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same datagrams through rsyslog and syslog-ng, as a central server gets them.

Each datagram goes into the relay's unix socket; each output arrives at a recorder. Inputs and outputs are paired by order
(checked by count and by the first word of the text); the expectation is that of the datagram. Where a record is split into lines,
a line has a status only if it is the line that had it, and then only the fields that stand on that line.
"""
import os
import re
import socket
import subprocess
import threading
import time
import common
from common import row

RSYSLOG = '''
global(workDirectory="%(work)s"%(extra)s)
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%(work)s/in" CreatePath="off" RateLimit.Interval="0")
template(name="file" type="list") { property(name="rawmsg") constant(value="\\n") }
action(type="omfwd" target="127.0.0.1" port="5141" protocol="udp" queue.type="Direct")
action(type="omfwd" target="127.0.0.1" port="5142" protocol="udp" template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" target="127.0.0.1" port="5143" protocol="tcp" TCP_Framing="traditional")
action(type="omfile" file="%(work)s/rsyslog-file" template="RSYSLOG_TraditionalFileFormat")
action(type="omfile" file="%(work)s/rsyslog-isofile" template="RSYSLOG_FileFormat")
'''

SYSLOG_NG = '''@version: 3.38
options { keep-hostname(no); chain-hostnames(no); use-dns(no); stats-freq(0); log-msg-size(65536); time-reopen(1); };
source s { unix-dgram("%(work)s/in" flags(%(flags)s) so-rcvbuf(33554432)); };
destination udp3164 { network("127.0.0.1" transport("udp") port(5151)); };
destination udp5424 { syslog("127.0.0.1" transport("udp") port(5152)); };
destination tcp3164 { network("127.0.0.1" transport("tcp") port(5153)); };
destination tcp5424 { syslog("127.0.0.1" transport("tcp") port(5154)); };
destination json { file("%(work)s/json" template("$(format-json --scope rfc5424)\\n")); };
destination plain { file("%(work)s/plain"); };
destination count { file("%(work)s/count" template("$RCPTID\\n")); };
log { source(s); destination(udp3164); destination(udp5424); destination(tcp3164); destination(tcp5424);
      destination(json); destination(plain); destination(count); };
'''


class Tcp(threading.Thread):
  """Everything that arrives on a TCP port."""

  def __init__(self, port):
    super().__init__(daemon=True)
    self.listener = socket.create_server(('127.0.0.1', port))
    self.data = b''
    self.start()

  def run(self):
    connection, _ = self.listener.accept()
    while True:
      part = connection.recv(65536)
      if not part:
        return
      self.data += part


def feed(path, rows):
  sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
  for number, item in enumerate(rows):
    sock.sendto(item['line'].encode('utf-8', 'surrogateescape'), path)
    if number % 20 == 19:
      time.sleep(0.01)       # a pace: UDP on loopback drops what its buffer cannot hold


HEADER = re.compile(r'^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d ')


def first_word(line):
  return re.sub(r'[^A-Za-z]', '', HEADER.sub('', line))[:24]


def split_expect(item, parts):
  """Expectations of the lines of a record that arrives line by line; None in the list: that line is not judged."""
  expect = item['expect']
  result = []
  found = False
  for part in parts:
    start = re.search(r'(?:^|[ >:<])SIP/2\.0 (\d{3})(?!\d)(.*)', part)
    if len(parts) == 1:
      result.append((expect, {}))
    elif expect and start and int(start.group(1)) == expect['code'] and not found and not re.match(r'[\w-]+: ', part):
      found = True
      own = {'code': expect['code']}
      if expect.get('reason'):
        own['reason'] = expect['reason']
      for key in ('call_id', 'peer'):
        if key in expect and expect[key] in part:
          own[key] = expect[key]
      result.append((own, {}))
    elif expect and re.search(r'\b%d\b' % expect['code'], part) and not re.match(r'[\w-]+: |[a-z]=|.*<--- ', part):
      result.append((None, {'skip': True}))
    else:
      result.append((None, {}))
  return result


def emit(result, item, line, framing, via, expect, more=None):
  keep = {k: v for k, v in item.items() if k in ('optional', 'why', 'skip', 'accept_codes', 'alt_reason')}
  if expect is None and item['expect'] is not None:
    keep.pop('optional', None)
  result.append(row(item['pbx'], item['dialect'], framing, line, expect, via=via, **{**keep, **(more or {})}))


def pair(result, rows, lines, framing, via):
  if len(lines) != len(rows):
    raise RuntimeError('%s: %d records in, %d out: %r' % (via, len(rows), len(lines), lines[:3]))
  for item, line in zip(rows, lines):
    if first_word(item['line'])[-8:] not in re.sub(r'[^A-Za-z]', '', line):
      raise RuntimeError('%s: not the same record: %r %r' % (via, item['line'], line))
    emit(result, item, line, framing, via, item['expect'])


def pair_split(result, rows, lines, framing, via):
  """Line-split outputs: each record became as many lines as it has line feeds."""
  position = 0
  for item in rows:
    body = item['line'].rstrip('\n\0')
    count = body.count('\n') + 1
    parts = lines[position:position + count]
    position += count
    for part, (expect, more) in zip(parts, split_expect(item, parts)):
      if part.strip('\r '):
        emit(result, item, part, framing if part is parts[0] else 'bare', via, expect, more)
  if position != len(lines):
    raise RuntimeError('%s: %d lines expected, %d seen' % (via, position, len(lines)))


def rsyslog_run(work, rows, udp, extra=''):
  """Feeds the rows through rsyslog: (name with version, records at the UDP ports, bytes at the TCP port)."""
  root = os.environ.get('RSYSLOG_ROOT', '')
  for name in ('in', 'rsyslog-file', 'rsyslog-isofile'):
    if os.path.exists(work + '/' + name):
      os.unlink(work + '/' + name)
  with open(work + '/rsyslog.conf', 'w', encoding='utf-8') as f:
    f.write(RSYSLOG % {'work': work, 'extra': extra})
  library = root + '/usr/lib/x86_64-linux-gnu/rsyslog'
  if not os.path.isdir(library):
    library = [d for d, _, names in os.walk(root + '/usr/lib') if 'imuxsock.so' in names][0]
  tcp = Tcp(5143)
  relay = common.start([root + '/usr/sbin/rsyslogd', '-n', '-f', work + '/rsyslog.conf', '-i', work + '/rsyslog.pid',
                        '-M', library], work + '/rsyslog.out')
  common.wait_for(lambda: os.path.exists(work + '/in'), 'rsyslog')
  feed(work + '/in', rows)
  common.wait_for(lambda: len([1 for label, _ in udp.records if label == 'r5424']) >= len(rows), 'rsyslog output')
  records = udp.take()
  common.stop(relay)
  tcp.listener.close()
  version = subprocess.run([root + '/usr/sbin/rsyslogd', '-v'], capture_output=True, text=True, check=False).stdout.split()[1]
  return 'rsyslog ' + version, records, tcp.data


OWN = re.compile(r'\[origin software="rsyslogd"|rsyslogd(?:\[\d+\])?: | rsyslogd ')


def picked(records, label):
  return [common.text(d) for l, d in records if l == label and not OWN.search(common.text(d))]


def rsyslog(work, rows, result, udp):
  name, records, stream = rsyslog_run(work, rows, udp)
  pair(result, rows, picked(records, 'r3164'), 'syslog3164', name + ' omfwd udp')
  pair(result, rows, picked(records, 'r5424'), 'syslog5424', name + ' omfwd udp, RFC 5424')
  lines = [l for l in common.text(stream).split('\n')[:-1] if not OWN.search(l)]
  pair(result, rows[::2], lines[::2], 'syslog3164', name + ' omfwd tcp')
  for file, what in (('rsyslog-file', 'traditional file'), ('rsyslog-isofile', 'file, ISO date')):
    lines = [l for l in open(work + '/' + file, encoding='utf-8', errors='replace', newline='').read().split('\n')[:-1]
             if not OWN.search(l)]
    pair(result, rows[1::2], lines[1::2], 'syslog3164', name + ' ' + what)


def cut(item, line):
  """The expectation of a record that was cut short: what still stands on it in full."""
  expect = item['expect']
  if not expect or expect.get('implied') or not item['dialect'].startswith(('logger', 'xlog whole', 'trace', 'parser dump')):
    return expect
  status = re.search(r'SIP/2\.0 (\d{3})(?!\d)(.*?)#015#012', line)
  if not status:
    return False
  left = {'code': expect['code'], **({'reason': expect['reason']} if 'reason' in expect else {})}
  for key, mark in (('call_id', r'#012Call-ID: *%s#015'), ('method', r'#012CSeq: *\d+ %s#015')):
    if key in expect and re.search(mark % re.escape(expect[key]), line):
      left[key] = expect[key]
  if 'peer' in expect and expect['peer'] in line.split('SIP/2.0')[0]:
    left['peer'] = expect['peer']
  return left


def rsyslog_cut(work, rows, result, udp):
  """A relay that takes 384 bytes at most: longer messages are cut."""
  name, records, _ = rsyslog_run(work, rows, udp, ' maxMessageSize="384" oversizemsg.input.mode="truncate"')
  lines = picked(records, 'r3164')
  if len(lines) != len(rows):
    raise RuntimeError('cut: %d records in, %d out' % (len(rows), len(lines)))
  for item, line in zip(rows, lines):
    expect = cut(item, line)
    emit(result, item, line, 'syslog3164', name + ' omfwd udp, 384 bytes', None if expect is False else expect,
         {'skip': True} if expect is False else None)


def syslog_ng(work, rows, result, udp, flags='dont-store-legacy-msghdr', multi=True):
  for name in ('json', 'plain', 'count', 'in'):
    if os.path.exists(work + '/' + name):
      os.unlink(work + '/' + name)
  with open(work + '/syslog-ng.conf', 'w', encoding='utf-8') as f:
    f.write(SYSLOG_NG % {'work': work, 'flags': flags})
  tcp3, tcp5 = Tcp(5153), Tcp(5154)
  relay = common.start(['syslog-ng', '-F', '-f', work + '/syslog-ng.conf', '--persist-file', work + '/persist', '--pidfile',
                        work + '/ng.pid', '--control', work + '/ng.ctl', '--no-caps'], work + '/syslog-ng.out')
  common.wait_for(lambda: os.path.exists(work + '/in'), 'syslog-ng')
  feed(work + '/in', rows)

  def counted():
    try:
      with open(work + '/count', encoding='utf-8') as f:
        return len(f.readlines())
    except FileNotFoundError:
      return 0

  common.wait_for(lambda: counted() >= len(rows), 'syslog-ng output')
  records = udp.take()
  common.stop(relay)
  tcp3.listener.close()
  tcp5.listener.close()
  version = subprocess.run(['syslog-ng', '-V'], capture_output=True, text=True, check=False).stdout.split('(')[1].split(')')[0]
  name = 'syslog-ng ' + version + ('' if multi else ', no-multi-line')
  pick = lambda label: [common.text(d) for l, d in records if l == label]
  pair(result, rows, pick('n3164'), 'syslog3164', name + ' network udp')
  pair(result, rows, pick('n5424'), 'syslog5424', name + ' syslog udp')
  # octet-counted TCP: unframed here, as a receiver does
  data, frames = tcp5.data, []
  while data:
    size, data = data.split(b' ', 1)
    frames.append(common.text(data[:int(size)]))
    data = data[int(size):]
  pair(result, rows[::3], frames[::3], 'syslog5424', name + ' syslog tcp')
  read = lambda path: open(path, encoding='utf-8', errors='replace', newline='').read().split('\n')[:-1]
  pair(result, rows[1::3], read(work + '/json')[1::3], 'bare', name + ' file, format-json')
  lines = common.text(tcp3.data).split('\n')[:-1]
  if multi:
    pair_split(result, rows, lines, 'syslog3164', name + ' network tcp, split at line feeds')
    pair_split(result, rows, read(work + '/plain'), 'syslog3164', name + ' file, split at line feeds')
  else:
    pair(result, rows, lines, 'syslog3164', name + ' network tcp')


def recordings(work, rows):
  """All routes over the given rows (direct datagrams)."""
  udp = common.Recorder()
  for port, label in ((5141, 'r3164'), (5142, 'r5424'), (5151, 'n3164'), (5152, 'n5424')):
    udp.udp('127.0.0.1', port, label)
  result = []
  folder = work + '/relay'
  os.makedirs(folder, exist_ok=True)
  rsyslog(folder, rows, result, udp)
  syslog_ng(folder, rows, result, udp)
  several = [item for item in rows if '\r\n' in item['line']]
  rsyslog_cut(folder, several, result, udp)
  syslog_ng(folder, several, result, udp, 'no-multi-line', multi=False)
  udp.close()
  return result


def rsyslog_only(work, rows):
  udp = common.Recorder()
  for port, label in ((5141, 'r3164'), (5142, 'r5424')):
    udp.udp('127.0.0.1', port, label)
  result = []
  folder = work + '/relay'
  os.makedirs(folder, exist_ok=True)
  rsyslog(folder, rows, result, udp)
  udp.close()
  return result


def sample(rows, per_dialect):
  """Some direct datagrams of each dialect: with and without status, those with line feeds first."""
  groups = {}
  for item in rows:
    if item['framing'] == 'syslog3164' and item.get('via', '').startswith('direct') and not item.get('skip'):
      groups.setdefault((item['dialect'], item['expect'] is None), []).append(item)
  result = []
  for group in groups.values():
    step = max(1, len(group) // per_dialect)
    result += group[::step][:per_dialect]
  return result
