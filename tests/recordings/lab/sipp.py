# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios for sipp: a carrier that answers by the called number, callers that accept any answer."""
import os
import subprocess
import common

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="%s">\n'

SDP = '''v=0
o=user1 486 503 IN IP[local_ip_type] [local_ip]
s=SIP/2.0 200
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio 5486 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=ptime:20
'''


def response(code, phrase, headers=(), body=False, tag='[call_number]'):
  text = 'SIP/2.0 %d %s\n[last_Via:]\n[last_From:]\n[last_To:];tag=%s\n[last_Call-ID:]\n[last_CSeq:]\n' % (code, phrase, tag)
  has_contact = any(h.lower().startswith('contact') for h in headers)
  if code < 300 and not has_contact:
    text += 'Contact: <sip:carrier@[local_ip]:[local_port];transport=[transport]>\n'
  for header in headers:
    text += header + '\n'
  if body:
    text += 'Content-Type: application/sdp\nContent-Length: [len]\n\n' + SDP
  else:
    text += 'Content-Length: 0\n\n'
  return '<![CDATA[\n\n' + text + '\n]]>'


RETRANSMITTED = ('486', '503', '7051')


def carrier(path, answers):
  """A UAS for INVITE, MESSAGE, OPTIONS, SUBSCRIBE and REGISTER; the answer follows the user part of To."""
  # sipp reads at most 64 KiB of a scenario: hence one recv for all methods and one send for each number.
  out = HEAD % 'carrier'
  out += '<recv request="INVITE|MESSAGE|OPTIONS|SUBSCRIBE|REGISTER" regexp_match="true"><action>\n'
  for user in [*answers, common.NO_ANSWER_USER]:
    out += '<ereg regexp="sip:%s@" search_in="hdr" header="To:" assign_to="u%s"/>\n' % (user, user)
  out += '<ereg regexp="^INVITE" search_in="msg" assign_to="inv"/>\n</action></recv>\n'
  out += '<nop next="silence" test="u%s"/>\n' % common.NO_ANSWER_USER
  for user in answers:
    out += '<nop next="a%s" test="u%s"/>\n' % (user, user)
  out += '<send next="end">%s</send>\n' % response(404, 'Not Found')
  for user, answer in answers.items():
    out += '<label id="a%s"/>\n' % user
    if answer.provisional:
      out += '<nop next="p%s" test="inv"/>\n<nop next="f%s"/>\n<label id="p%s"/>\n' % (user, user, user)
      for code, phrase in answer.provisional:
        out += '<send>%s</send>\n' % response(code, phrase, body=code == 183)
      out += '<label id="f%s"/>\n' % user
    for _ in range(answer.repeat - 1):
      out += '<send>%s</send>\n' % response(answer.code, answer.phrase, answer.headers)
    retrans = ' retrans="500"' if user in RETRANSMITTED else ''
    out += '<send%s next="%s" test="inv">%s</send>\n<nop next="end"/>\n' % (
      retrans, 'accepted' if answer.code < 300 else 'refused',
      response(answer.code, answer.phrase, answer.headers, body=answer.code == 200))
  out += '<label id="refused"/>\n<recv request="ACK" next="end"/>\n'
  out += '<label id="accepted"/>\n<recv request="ACK" next="talk"/>\n'
  out += '<label id="talk"/>\n<recv request="BYE"/>\n<send next="end">%s</send>\n' % response(200, 'OK').replace(
    '[last_To:];tag=[call_number]', '[last_To:]')
  out += '<label id="silence"/>\n<pause milliseconds="8000" next="end"/>\n'
  out += '<label id="end"/>\n<nop/>\n'
  out += '</scenario>\n'
  with open(path, 'w', encoding='utf-8') as f:
    f.write(out)


REQUEST = '''%(method)s sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: "[field2]" <sip:[field1]@[local_ip]:[local_port]>;tag=[pid]t[call_number]
To: <sip:[field0]@[remote_ip]:[remote_port]>%(to_tag)s
Call-ID: [call_id]
CSeq: %(cseq)s %(cseq_method)s
Contact: <sip:[field1]@[local_ip]:[local_port];transport=[transport]>
User-Agent: TestPhone/4.0.4 (503)
%(more)s'''


def request(method, cseq='486', cseq_method=None, to_tag='', more='', body=True):
  text = REQUEST % {'method': method, 'cseq': cseq, 'cseq_method': cseq_method or method, 'to_tag': to_tag, 'more': more}
  if body:
    text += 'Content-Type: application/sdp\nContent-Length: [len]\n\n' + SDP
  else:
    text += 'Content-Length: 0\n\n'
  return '<![CDATA[\n\n' + text + '\n]]>'


def caller(path, codes, method='INVITE', auth=None):
  """A UAC that takes any of the codes; for 2xx to INVITE it hangs up."""
  invite = method == 'INVITE'
  finals = sorted(c for c in codes if c >= 200)
  more = '' if method != 'REGISTER' else 'Expires: 600\n'
  if method == 'SUBSCRIBE':
    more = 'Event: presence\nExpires: 503\n'
  out = HEAD % ('caller ' + method)
  out += '<send retrans="500">%s</send>\n' % request(method, more=more, body=invite)
  if auth:
    out += '<recv response="100" optional="true"/>\n'
    out += '<recv response="401" auth="true" optional="true" next="again"/>\n'
    for code in finals:
      if code not in (401, 200):
        out += '<recv response="%d" optional="true" next="end"/>\n' % code
    out += '<recv response="200" next="end"/>\n<label id="again"/>\n'
    out += '<send retrans="500">%s</send>\n' % request(method, cseq='487', more=more + '[field3]\n', body=invite)
  for code in sorted(c for c in {100, *codes} if c < 200):
    out += '<recv response="%d" optional="true"/>\n' % code
  last = finals[-1]
  for code in finals:
    optional = ' optional="true"' if code != last else ''
    out += '<recv response="%d"%s next="%s"/>\n' % (
      code, optional, 'end' if not invite else 'accepted' if code < 300 else 'refused')
  if invite:
    out += '<label id="refused"/>\n<send next="end">%s</send>\n' % request(
      'ACK', cseq='486', to_tag='[peer_tag_param]', body=False).replace('branch=[branch]', 'branch=[branch-%d]' % (
        1 + len({100, *codes})))
    out += '<label id="accepted"/>\n<send>%s</send>\n' % request('ACK', cseq='486', to_tag='[peer_tag_param]', body=False)
    out += '<pause milliseconds="20"/>\n<send retrans="500">%s</send>\n' % request(
      'BYE', cseq='487', to_tag='[peer_tag_param]', body=False)
    for code in (100, 404, 408, 477, 481, 500, 503):
      out += '<recv response="%d" optional="true"%s/>\n' % (code, '' if code == 100 else ' next="end"')
    out += '<recv response="200"/>\n'
  out += '<label id="end"/>\n<nop/>\n</scenario>\n'
  with open(path, 'w', encoding='utf-8') as f:
    f.write(out)


def calls_file(path, users, auth=None):
  """One call a line: called; caller; display name; [authentication]."""
  callers = common.TEMPTING_CALLERS
  with open(path, 'w', encoding='utf-8') as f:
    f.write('SEQUENTIAL\n')
    for number, user in enumerate(users):
      caller_user = callers[number % len(callers)]
      fields = [user, caller_user, '503 Desk %s' % caller_user]
      if auth:
        fields += [auth(number)]
      f.write(';'.join(fields) + '\n')


def call(work, name, scenario, calls, count, local, remote, port=5080, rate=40, limit=None, more=(), cid='%u-%p@%s'):
  """Runs a UAC to its end; its traces stay in the working folder."""
  argv = ['sipp', '-sf', scenario] if scenario.endswith('.xml') else ['sipp', '-sn', scenario]
  argv += ['-inf', calls] if calls else []
  argv += ['-m', str(count), '-i', local, '-p', str(port), '-r', str(rate), '-l', str(limit or 40), '-nostdin',
           '-cid_str', cid, '-timeout', '180', '-timeout_error', '-recv_timeout', '12000', *more, remote]
  with open(os.path.join(work, name + '.out'), 'wb') as out:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=work, check=False,
                          env={**os.environ, 'TERM': 'dumb'})
  return done.returncode
