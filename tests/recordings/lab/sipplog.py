# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""sipp's own logs: short message trace, message trace and error log of callers that did or did not expect an answer.

sipp writes files, not syslog. The start line of each message is the last column (short trace) or the first line (message
trace) by sipp's own format; in the error log the received message follows the word received and one apostrophe.
"""
import glob
import os
import re
import common
import sipp
from common import UAC, UAS, row

BAR = '-----------------------------------------------'


def status_of(message):
  match = re.match(r'SIP/2\.0 (\d{3})(?: (.*?))?\r?(?:\n|$)', message)
  if not match:
    return None
  expect = {'code': int(match.group(1))}
  if match.group(2) and match.group(2).strip():
    expect['reason'] = match.group(2).strip()
  cid = re.search(r'^Call-ID: *(\S+)', message, re.M)
  cseq = re.search(r'^CSeq: *\d+ (\w+)', message, re.M)
  if cseq:
    expect['method'] = cseq.group(1)
  if cid:
    expect['call_id'] = cid.group(1)
  return expect


def run(work, answers):
  """Calls that expect any answer, and calls by sipp's built-in scenario, which expects 200 alone."""
  sipp.carrier(work + '/carrier.xml', answers)
  codes = sorted({c for a in answers.values() for c, _ in a.statuses()})
  sipp.caller(work + '/sl-any.xml', codes)
  sipp.calls_file(work + '/sl-calls.csv', list(answers))
  carrier = common.start(['sipp', '-sf', work + '/carrier.xml', '-i', UAS, '-p', '5070', '-nostdin'],
                         work + '/carrier-sipp.out', cwd=work)
  common.wait_for(lambda: common.run(['ss', '-Hlun', 'src', UAS + ':5070'], capture_output=True).stdout, 'the carrier')
  traces = ('-trace_msg', '-trace_shortmsg', '-trace_err')
  sipp.call(work, 'sl-any', work + '/sl-any.xml', work + '/sl-calls.csv', len(answers), UAC, UAS + ':5070', port=5486,
            more=traces)
  for user in [u for u in answers if answers[u].code >= 300][::2]:
    sipp.call(work, 'sl-' + user, 'uac', None, 1, UAC, UAS + ':5070', port=5503, cid='486-%u-%p@%s',
              more=('-s', user, '-trace_err'))
  common.stop(carrier)


def rows(work, pbx):
  result = []
  for path in sorted(glob.glob(work + '/sl-any_*_shortmessages.log')):
    for line in open(path, encoding='utf-8', errors='replace').read().splitlines():
      fields = line.split('\t')
      expect = status_of(fields[-1])
      if expect:
        expect['call_id'] = fields[4]
        expect['method'] = fields[5].split()[-1]
      result.append(row(pbx, 'short message trace', 'bare', line, expect, via='file'))
  for path in sorted(glob.glob(work + '/sl-any_*_messages.log')):
    text = open(path, encoding='utf-8', errors='replace', newline='').read()
    for block in text.split(BAR)[1:][::3]:
      record = BAR + block.rstrip('\n')
      message = block.split('\n\n', 1)[-1]
      result.append(row(pbx, 'message trace', 'bare', record, status_of(message), via='file'))
  for path in sorted(glob.glob(work + '/uac_*_errors.log')):
    text = open(path, encoding='utf-8', errors='replace', newline='').read()
    for record in re.split(r"(?=\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d\.\d+\t)", text):
      if not record.strip():
        continue
      message = re.search(r"received '(SIP/2\.0 \d{3}.*)", record, re.S)
      if message:
        expect = status_of(message.group(1))
      elif re.search(r"received '[A-Z]+ sip:", record) or common.silent(re.sub(r'^\S+\t\S+\t[\d.]+', '', record)):
        expect = None
      elif record.startswith('The following events'):
        expect = None
      else:
        result.append(row(pbx, 'error log', 'bare', record.rstrip('\n'), None, via='file', skip=True))
        continue
      result.append(row(pbx, 'error log', 'bare', record.rstrip('\n'), expect, via='file'))
  return result


def recordings(work):
  version = re.search(r'v(3[\w.]+)', common.run(['sipp', '-v'], capture_output=True, text=True).stdout).group(1)
  run(work, common.answers())
  return rows(work, 'sipp ' + version)
