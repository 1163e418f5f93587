# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the second labs share: SIP messages inside a record, lines that have no number of a status's form, thinning.

The truth of a record: a SIP message by its own start line; a line of the product by the form that the product's source or the lab's own
format gives it (lists of patterns, each read beside what went over the wire); no status where no number from 100 to 699 is left after
times, addresses, identifiers and source lines, or where no word of a reply is on the line. Implied statuses were seen on the wire.
"""
import collections
import concurrent.futures
import re

CLEAN = re.compile(
  r'r4-[0-9a-f]+@[\d.]+|\b[0-9a-f]{8,}(?:-[0-9a-f]+)*(?:@[\w.-]+)?|0x[0-9a-f]+|\b\d+\.\d+\.\d+\.\d+(?::\d+)?\b|\[C-[0-9a-f]+\]|(?:PJSIP|Local)/[\w.-]+-[0-9a-f]{8}(?:;\d)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|\b\d\d:\d\d:\d\d(?:\.\d+)?\b|\b\d{10}\.\d+\b|z9hG4bK\w+|sips?:[^\s\'">,;]+|\w+\.c:\d+|\w+\.cc?:\d+|<\d+>|\w+\[\d+\]|\d+-\d+-\d+ [\d:.]+'
)
NUM = re.compile(r'(?<!\d)[1-6]\d\d(?!\d)')


def silent(t):
  return NUM.search(CLEAN.sub('', t)) is None


def mask(t):
  return re.sub(r'\d+', '0', CLEAN.sub('H', t))


STATUS = re.compile(r'(?m)(?:^|(?<=\n))SIP/2\.0 ([1-6]\d\d)(?: ([^\r\n]*?))?[ ]*\r?$')


def message(text):
  """A record whose text is (or holds) whole SIP messages: expectation by the last final status line at a line's start."""
  ms = list(STATUS.finditer(text))
  if not ms: return None
  fin = [m for m in ms if int(m[1]) >= 200]
  m = (fin or ms)[-1]
  e = {'code': int(m[1])}
  if m[2] and m[2].strip(): e['reason'] = m[2].strip()
  rest = text[m.end():]
  nxt = STATUS.search(rest)
  rest = rest[:nxt.start()] if nxt else rest
  c = re.search(r'(?mi)^(?:call-id|i) *: *(\S+)', rest)
  q = re.search(r'(?mi)^cseq *: *\d+ +(\w+)', rest)
  if c: e['call_id'] = c[1]
  if q: e['method'] = q[1]
  return e


def thinned(rows):
  """A program repeats itself: one line of each shape, for statuses one of each code and way; two lines without for each with a status."""
  seen = set()
  result, quiet = [], []
  for item in rows:
    text = item['line']
    if item.get('skip') or len(text) > 6000 or not text.strip():
      continue
    if item['expect']:
      key = (re.sub(r'\d', '', item['via']), item['dialect'], item['expect']['code'])
    elif silent(text):
      key = mask(text)[-60:][:14]
    else:
      key = mask(text)[-160:][:44]
    if key not in seen:
      seen.add(key)
      (result if item['expect'] else quiet).append(item)
  return result + quiet[:2 * len(result)]


def labelled(patterns, text):
  """(dialect, expectation, more) by the first of (pattern, optional, method) that is found."""
  for pattern, optional, method in patterns:
    match = pattern.search(text)
    if match:
      expect = {
        name: value.strip()
        for name, value in match.groupdict().items() if value and value.strip() and value != '<null>'
      }
      expect['code'] = int(expect['code'])
      if method:
        expect['method'] = method.strip('!')
        if method.endswith('!'):
          expect['method_implied'] = True
      return pattern.pattern[:40], expect, {'optional': True} if optional else {}
  return None


LONG = re.compile(r'0x[0-9a-f]+|[0-9a-f]{8,}|z9hG4bK\w+|\d{4,}|\d+[.:]\d+|(?<!\d)\d{1,2}(?!\d)')


def fresh(rows):
  """Rows whose like has not come three times already: a cheap sieve before the patterns."""
  count = collections.Counter()
  for via, text in rows:
    key = (via, LONG.sub('', text[:400]))
    count[key] += 1
    if count[key] <= 3:
      yield via, text


def par(jobs, n=6):
  """Runs calls, n at a time; one that fails is told and hinders no other."""

  def run(job):
    try:
      job()
    except Exception as e:
      print('job', e)

  with concurrent.futures.ThreadPoolExecutor(n) as pool:
    list(pool.map(run, jobs))
