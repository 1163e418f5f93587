# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""quickstart.log.gz: a readable mix of recorded lines of several hosts, in the order of one morning.

The lines are recorded ones; the script sets the header's host name and time so that the products interleave.
"""
import gzip
import os
import re
import common

HEADER = re.compile(r'^<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d (?:/usr/sbin/)?(.*)$', re.S)
HOSTS = {'kamailio': ('proxy1', 'proxy2'), 'baresip': ('phone12', 'phone17', 'phone31'), 'asterisk': ('pbx1', 'pbx2', 'pbx3')}
SHARES = {'kamailio': 260, 'baresip': 160, 'asterisk': 420}
DULL = re.compile(r'DEBUG: |db_text|DEBUG\[|aubridge: created|ua: using best|INFO: (?:<core>|rr|auth|tm|usrloc|dispatcher)|audio: |stream: '
                  r'|Thank you for flying|sig_usr|call: connecting|log_write_cdr|ip_addr2sbuf|"TRUTH|pbx_app|loader|module|netsock2|acl\.c|manager\.c|config\.c|config_options|sorcery|Registered')


def pick(rows, product, share):
  """Lines with and without a status in turn, every dialect in turn."""
  groups = {True: {}, False: {}}
  for item in rows:
    line = item['line'].rstrip('\n\0')
    match = HEADER.match(line)
    if (item['framing'] != 'syslog3164' or not re.match(r'direct[^\[]*$', item.get('via', '')) or item.get('skip') or not match
        or '\n' in line or '\r' in line or len(line) > 320 or DULL.search(line) or item.get('optional') or '{' in line):
      continue
    groups[item['expect'] is not None].setdefault(item['dialect'], []).append(match)
  result = []
  for status in (True, False):
    wanted = share // 2
    queues = [q[::max(1, len(q) // 90)] for q in groups[status].values()]
    chosen = []
    while queues and len(chosen) < wanted:
      for queue in queues:
        chosen.append(queue.pop(0))
      queues = [q for q in queues if q]
    result.append(chosen[:wanted])
  mixed = []
  for number in range(max(map(len, result))):
    mixed += [part[number] for part in result if number < len(part)]
  return [(product, match) for match in mixed]


def write(folder):
  sources = {'kamailio': 'kamailio-debian12', 'baresip': 'baresip-debian12', 'asterisk': 'asterisk22'}
  streams = []
  for product, name in sources.items():
    path = '%s/%s.jsonl.xz' % (folder, name)
    if os.path.exists(path):
      streams.append(pick(common.read(path), product, SHARES[product]))
  path = folder + '/relays-debian12.jsonl.xz'
  if os.path.exists(path):
    # whole SIP messages, as rsyslog forwards them
    relayed = [HEADER.match(item['line'].replace(' sip1 ', ' ', 1)) for item in common.read(path)
               if item['dialect'].startswith('logger') and item['via'].endswith('omfwd udp') and item['line'].startswith('<135>')]
    streams.append([('asterisk', match) for match in relayed if match][:40])
  total = sum(map(len, streams))
  position = [0] * len(streams)
  lines = []
  for number in range(total):
    # the stream that is furthest behind its share goes next
    best = min((s for s in range(len(streams)) if position[s] < len(streams[s])),
               key=lambda s: (position[s] + 0.5) / len(streams[s]))
    product, match = streams[best][position[best]]
    position[best] += 1
    second = 8 * 3600 + number * 3600 // total
    host = HOSTS[product][position[best] % len(HOSTS[product])]
    lines.append('<%s>Nov 25 %02d:%02d:%02d %s %s\n' % (
      match.group(1), second // 3600, second // 60 % 60, second % 60, host, match.group(2)))
  with gzip.GzipFile(folder + '/quickstart.log.gz', 'wb', 9, mtime=0) as f:
    f.write(''.join(lines).encode())
  print('quickstart.log.gz                  %6d lines; %6d bytes' % (len(lines), os.path.getsize(folder + '/quickstart.log.gz')))
