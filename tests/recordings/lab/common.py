# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every lab needs: answers, recorder, waiting, writing."""
import csv
import json
import lzma
import os
import re
import socket
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CSV = os.path.join(HERE, '..', '..', '..', 'modules', 'sip', 'core', 'sip-status-codes.csv')

# Addresses of the lab: documentation addresses on the loopback interface of a network name space.
EDGE = '192.0.2.10'       # the PBX or proxy
UAS = '192.0.2.20'        # the carrier: sipp answering by the called number
UAC = '192.0.2.30'        # the callers: sipp
PHONE = '192.0.2.40'      # baresip
EDGE6 = '2001:db8::10'
UAS6 = '2001:db8::20'
UAC6 = '2001:db8::30'
ADDRESSES = (EDGE, UAS, UAC, PHONE, '192.0.2.50', '198.51.100.7', '203.0.113.9')
ADDRESSES6 = (EDGE6, UAS6, UAC6)

TEMPTING_CALLERS = ('1001', '404', '503', '486', '1002', '600', '200', '487', '999', '5550100')


def registry():
  """The codes and phrases of the table: {code: phrase}."""
  with open(CSV, encoding='utf-8', newline='') as f:
    return {int(row['code']): row['phrase'] for row in csv.DictReader(f)}


class Answer:
  """What the carrier answers to one called number."""

  def __init__(self, user, code, phrase, headers=(), provisional=(), repeat=1):
    self.user = user
    self.code = code
    self.phrase = phrase
    self.headers = tuple(headers)
    self.provisional = tuple(provisional)
    self.repeat = repeat

  def statuses(self):
    return [*self.provisional, (self.code, self.phrase)]


def answers():
  """Every registered code under its own number, then odd ones under 7xxx."""
  known = registry()
  result = []
  for code, phrase in sorted(known.items()):
    if code == 100:
      continue
    if code < 200:
      final = (200, 'OK') if code != 199 else (480, 'Temporarily Unavailable')
      result.append(Answer(str(code), *final, provisional=[(code, phrase)]))
    elif 300 <= code < 400:
      result.append(Answer(str(code), code, phrase, headers=['Contact: <sip:404@%s:5503>' % UAS]))
    elif code == 503:
      result.append(Answer('503', code, phrase, headers=['Retry-After: 120']))
    else:
      result.append(Answer(str(code), code, phrase, headers=['Server: TestSwitch 4.0.4/503'] if code % 3 == 0 else ()))
  odd = [
    (486, ''),
    (403, 'Bị từ chối'),
    (404, 'User 1001 not found 200'),
    (503, 'Error 404 from upstream 192.0.2.7'),
    (486, 'busy here'),
    (480, 'Máy bận, xin gọi lại sau'),
    (403, 'Forbidden - 5550100 not allowed'),
    (603, 'Network Blocked'),
    (500, 'Internal "quoted" error'),
    (488, 'No codec in common: ' + 'PCMU PCMA G722 opus telephone-event ' * 4 + 'end'),
    (499, 'Client Went Away'),
    (699, 'Vendor Specific'),
    (456, 'Credit Exhausted'),
    (578, 'Sự cố máy chủ'),
    (603, 'Decline'),
    (404, 'Không tìm thấy số 404'),
    (408, 'Request Timeout'),
    (607, 'Spam (score 486)'),
    (503, 'Service Unavailable (1/3 gateways, 200 ms)'),
    (403, 'Acces interdit é'),
  ]
  for number, (code, phrase) in enumerate(odd):
    result.append(Answer(str(7001 + number), code, phrase))
  result.append(Answer('7051', 486, 'Busy Here', headers=[
    'Retry-After: 404', 'Warning: 399 192.0.2.20 "503 Service Unavailable"',
    'Reason: Q.850;cause=17;text="User busy"', 'X-Upstream: SIP/2.0 200 OK', 'X-Seen: 180, 183, 404 Not Found',
    'Server: TestSwitch/4.8.6 (build 503)']))
  result.append(Answer('7052', 480, 'Temporarily Unavailable', provisional=[(180, 'Ringing'), (183, 'Session Progress')],
                       headers=['Reason: SIP;cause=408;text="Request Timeout"']))
  result.append(Answer('7053', 200, 'OK', provisional=[(181, 'Call Is Being Forwarded'), (180, 'Ringing')]))
  result.append(Answer('7055', 486, 'Busy Here', repeat=3))
  result.append(Answer('7054', 200, 'Đồng ý'))
  return {a.user: a for a in result}


NO_ANSWER_USER = '7999'    # the carrier stays silent


def wait_for(condition, what, timeout=30.0):
  end = time.monotonic() + timeout
  while not condition():
    if time.monotonic() > end:
      raise RuntimeError('timeout waiting for ' + what)
    time.sleep(0.02)


class Recorder:
  """Keeps every datagram that arrives at a unix socket or a UDP port, and every byte at a TCP port, in order."""

  def __init__(self):
    self.records = []
    self.socks = []
    self.threads = []
    self.last = time.monotonic()

  def unix(self, path, label):
    try:
      os.unlink(path)
    except FileNotFoundError:
      pass
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    self._start(sock, label)

  def udp(self, address, port, label):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    sock.bind((address, port))
    self._start(sock, label)

  def _start(self, sock, label):
    sock.settimeout(0.2)
    self.socks.append(sock)
    thread = threading.Thread(target=self._run, args=(sock, label), daemon=True)
    self.threads.append(thread)
    thread.start()

  def _run(self, sock, label):
    while True:
      try:
        data = sock.recv(65536)
      except socket.timeout:
        continue
      except OSError:
        return
      self.records.append((label, data))
      self.last = time.monotonic()

  def take(self, quiet=0.6, timeout=60.0):
    """All records so far, once nothing has come for a while."""
    wait_for(lambda: time.monotonic() - self.last > quiet, 'silence', timeout)
    records, self.records = self.records, []
    return records

  def close(self):
    for sock in self.socks:
      sock.close()


def text(data):
  return data.decode('utf-8', 'replace')


def run(argv, **kwargs):
  return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False, **kwargs)


def start(argv, log, **kwargs):
  """Starts a program with its output in a file."""
  out = open(log, 'ab')
  return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **kwargs)


def stop(process, timeout=10):
  if process.poll() is None:
    process.terminate()
    try:
      process.wait(timeout)
    except subprocess.TimeoutExpired:
      process.kill()
      process.wait()


FOLDER = re.compile(r'/tmp/sip-lab-\w+')    # the lab's own working folder
NUMBER = re.compile(r'(?<!\d)[1-6]\d\d(?!\d)')


def silent(line):
  """True if no number of a status's form stands on the line at all: then nothing can be read from it."""
  return NUMBER.search(line) is None


def write(path, rows, prefix):
  """Writes rows as JSON lines, compressed, with ids."""
  for item in rows:
    item['line'] = FOLDER.sub('/var/lib/pbx', item['line'])
  with lzma.open(path, 'wt', encoding='utf-8', preset=9) as f:
    for number, row in enumerate(rows, 1):
      f.write(json.dumps({'id': '%s-%05d' % (prefix, number), **row}, ensure_ascii=False) + '\n')
  count = {'lines': len(rows), 'status': 0, 'none': 0, 'skip': 0}
  for row in rows:
    count['skip' if row.get('skip') else 'status' if row['expect'] else 'none'] += 1
  print('%-34s %6d lines: %5d with a status, %5d without, %4d not judged; %6d bytes'
        % (os.path.basename(path), count['lines'], count['status'], count['none'], count['skip'], os.path.getsize(path)))


def read(path):
  with lzma.open(path, 'rt', encoding='utf-8') as f:
    return [json.loads(line) for line in f]


def row(pbx, dialect, framing, line, expect, **more):
  return {'pbx': pbx, 'dialect': dialect, 'framing': framing, 'line': line, 'expect': expect, **more}
