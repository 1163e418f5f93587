# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""A small SIP peer over UDP and TCP: a callee whose called number says what it answers, and a caller.

User parts of the callee: NNN (answers NNN), slowNNN (183, 180, then NNN), ring (180 until CANCEL), silent, auth... (challenges), authbad
(challenges, then 403), ans... (answers; bye, hold, upd, info, referNUMBER in the name: then sends that inside the dialogue), rei...NNN
(answers a re-INVITE with NNN).
"""
import hashlib
import queue
import random
import re
import socket
import threading
import time
import traceback
import common

PH = common.registry()


def hdr(msg, name, every=False):
  short = {'via': 'v', 'from': 'f', 'to': 't', 'call-id': 'i', 'contact': 'm'}
  n = name.lower()
  out = []
  for line in msg.split('\r\n\r\n', 1)[0].split('\r\n')[1:]:
    k, _, v = line.partition(':')
    if k.strip().lower() in (n, short.get(n)):
      out.append(v.strip())
  return out if every else (out[0] if out else '')


def sdp(ip, port=40404, mode='sendrecv'):
  return 'v=0\r\no=- 486 503 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=%s\r\n' % (
    ip, ip, port, mode)


class Peer:

  def __init__(self, ip, port, ua='LabPhone 2.0', handler=None, realm='lab'):
    self.ip, self.port, self.ua, self.realm = ip, port, ua, realm
    self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    self.sock.bind((ip, port))
    self.waiting = {}  # call-id -> queue of (msg, addr)
    self.invites = {}  # call-id -> (request, addr, tag)
    self.wire = []  # (dir, status, method, callid, reason)
    self.seen = set()
    self.handler = handler or self.answer
    self.cseq = {}
    threading.Thread(target=self.loop, daemon=True).start()
    self.tcp = None

  def listen_tcp(self):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((self.ip, self.port))
    s.listen(20)

    def acc():
      while True:
        c, a = s.accept()
        threading.Thread(target=self.tcploop, args=(c, a), daemon=True).start()

    threading.Thread(target=acc, daemon=True).start()

  def tcploop(self, c, a):
    buf = b''
    while True:
      try:
        d = c.recv(65536)
      except OSError:
        return
      if not d: return
      buf += d
      while True:
        buf = buf.lstrip(b'\r\n') if buf[:1] in b'\r\n' else buf
        i = buf.find(b'\r\n\r\n')
        if i < 0: break
        m = re.search(rb'(?im)^(?:content-length|l) *: *(\d+)', buf[:i + 2])
        n = i + 4 + (int(m.group(1)) if m else 0)
        if len(buf) < n: break
        msg = buf[:n].decode('utf-8', 'replace')
        buf = buf[n:]
        threading.Thread(target=self.dispatch, args=(msg, c), daemon=True).start()

  def loop(self):
    while True:
      try:
        d, a = self.sock.recvfrom(65536)
      except OSError:
        return
      msg = d.decode('utf-8', 'replace')
      if len(msg) < 20: continue
      threading.Thread(target=self.dispatch, args=(msg, a), daemon=True).start()

  def out(self, msg, addr):
    m = re.match(r'SIP/2\.0 (\d{3}) ?(.*?)\r\n', msg)
    if m: self.wire.append(('sent', int(m[1]), (hdr(msg, 'cseq').split() or ['?'])[-1], hdr(msg, 'call-id'), m[2]))
    data = msg.encode('utf-8', 'surrogateescape')
    if isinstance(addr, socket.socket): addr.sendall(data)
    else: self.sock.sendto(data, addr)

  def dispatch(self, msg, addr):
    try:
      cid = hdr(msg, 'call-id')
      m = re.match(r'SIP/2\.0 (\d{3}) ?(.*?)\r\n', msg)
      if m:
        self.wire.append(('received', int(m[1]), hdr(msg, 'cseq').split()[-1], cid, m[2]))
        q = self.waiting.get(cid)
        if q: q.put((msg, addr))
        return
      self.handler(msg, addr)
    except Exception:
      traceback.print_exc()

  def reply(self, req, addr, code, phrase=None, tag=None, extra=(), body='', ctype='application/sdp'):
    phrase = PH.get(code, '') if phrase is None else phrase
    to = hdr(req, 'to')
    if ';tag=' not in to and code != 100: to += ';tag=' + (tag or 'u%x' % (hash(hdr(req, 'call-id')) & 0xffffff))
    lines = ['SIP/2.0 %d %s' % (code, phrase)] + ['Via: ' + v for v in hdr(req, 'via', True)]
    lines += ['Record-Route: ' + v for v in hdr(req, 'record-route', True)]
    lines += ['From: ' + hdr(req, 'from'), 'To: ' + to, 'Call-ID: ' + hdr(req, 'call-id'), 'CSeq: ' + hdr(req, 'cseq')]
    if 100 < code < 300 or 300 <= code < 400:
      if not any(e.lower().startswith('contact') for e in extra):
        lines.append('Contact: <sip:%s@%s:%d>' % ('uas', self.ip, self.port))
    lines += list(extra) + ['Server: ' + self.ua]
    if body: lines.append('Content-Type: ' + ctype)
    lines.append('Content-Length: %d' % len(body.encode()))
    self.out('\r\n'.join(lines) + '\r\n\r\n' + body, addr)

  def user(self, req):
    m = re.match(r'[A-Z]+ sips?:([^@;>]*)@', req)
    return m[1] if m else ''

  def answer(self, req, addr):
    """The scripted callee: the user part says what comes."""
    method = req.split(' ', 1)[0]
    cid = hdr(req, 'call-id')
    key = (cid, hdr(req, 'cseq'), hdr(req, 'via'))
    user = self.user(req)
    if method == 'ACK': return
    if key in self.seen:  # a retransmission: again only the last answer
      return
    self.seen.add(key)
    if method == 'CANCEL':
      self.reply(req, addr, 200)
      inv = self.invites.get(cid)
      if inv:
        self.reply(inv[0], inv[1], 487)
        self.invites.pop(cid, None)
      return
    if method in ('BYE', 'PRACK', 'UPDATE', 'INFO') or (method == 'NOTIFY' and ';tag=' in hdr(req, 'to')):
      mm = re.search(r'bad(\d{3})', user + hdr(req, 'to'))
      self.reply(req, addr, int(mm[1]) if mm else 200, body=sdp(self.ip) if method == 'UPDATE' and not mm else '')
      return
    if method == 'INVITE' and ';tag=' in hdr(req, 'to'):
      mm = re.search(r'rei(\d{3})', self.userof.get(cid, '') if hasattr(self, 'userof') else '')
      if mm: self.reply(req, addr, int(mm[1]))
      else: self.reply(req, addr, 200, body=sdp(self.ip))
      return
    if not user and method == 'REGISTER':
      m = re.search(r'sips?:([^@;>]*)@', hdr(req, 'to'))
      user = m[1] if m else ''
    self.userof = getattr(self, 'userof', {})
    self.userof[cid] = user
    code = re.match(r'(?:[a-z]+|9)?([1-7]\d\d)(?:$|[a-z])', user)
    if user.startswith('silent'): return
    if user.startswith('auth'):
      if not hdr(req, 'authorization') and not hdr(req, 'proxy-authorization'):
        c = 401 if method == 'REGISTER' else 407
        self.reply(req,
                   addr,
                   c,
                   extra=[
                     '%s: Digest realm="lab", nonce="abc486", algorithm=MD5' %
                     ('WWW-Authenticate' if c == 401 else 'Proxy-Authenticate')
                   ])
        return
      if user.startswith('authbad'):
        self.reply(req, addr, 403, 'Forbidden (bad credentials)')
        return
    if method == 'INVITE':
      self.invites[cid] = (req, addr)
      if user.startswith('ring'):
        self.reply(req, addr, 100)
        self.reply(req, addr, 180)
        return
      if user.startswith('slow'):
        self.reply(req, addr, 100)
        self.reply(req, addr, 183, body=sdp(self.ip))
        time.sleep(0.4)
        self.reply(req, addr, 180)
        time.sleep(0.4)
      if code and int(code[1]) >= 300:
        extra = []
        c = int(code[1])
        if c < 400: extra = ['Contact: <sip:ans@%s:%d>;q=0.5' % (self.ip, self.port)]
        if c in (503, 480, 486): extra = ['Retry-After: 404', 'Reason: Q.850;cause=17;text="User busy"']
        if c == 420: extra = ['Unsupported: 100rel']
        if c == 422: extra = ['Min-SE: 500']
        if c == 488: extra = ['Warning: 304 lab "Media type 488 not available"']
        if c == 401 or c == 407:
          extra = [
            '%s: Digest realm="lab", nonce="n404", algorithm=MD5' %
            ('WWW-Authenticate' if c == 401 else 'Proxy-Authenticate')
          ]
        self.reply(req, addr, c, extra=extra)
        return
      if code and int(code[1]) < 200:
        self.reply(req, addr, int(code[1]))
        time.sleep(0.2)
      self.reply(req, addr, 200, body=sdp(self.ip))
      if 'bye' in user:
        time.sleep(0.5)
        self.in_dialog(req, addr, 'BYE', ['Reason: SIP;cause=486;text="Busy Here"'])
      if 'refer' in user:
        time.sleep(0.4)
        self.in_dialog(req, addr, 'REFER',
                       ['Refer-To: <sip:%s@pbx.example>' % user.split('refer')[1], 'Referred-By: <sip:uas@lab>'])
      if 'hold' in user:
        time.sleep(0.3)
        self.in_dialog(req, addr, 'INVITE', ['Contact: <sip:uas@%s:%d>' % (self.ip, self.port)],
                       sdp(self.ip, mode='sendonly'))
      if 'upd' in user:
        time.sleep(0.3)
        self.in_dialog(req, addr, 'UPDATE', ['Contact: <sip:uas@%s:%d>' % (self.ip, self.port)])
      if 'info' in user:
        time.sleep(0.3)
        self.in_dialog(req, addr, 'INFO', [], 'Signal=5\r\nDuration=160\r\n', 'application/dtmf-relay')
      return
    if code and int(code[1]) >= 200:
      c = int(code[1])
      extra = []
      if method == 'REGISTER' and c == 200:
        extra = ['Contact: %s;expires=60' % hdr(req, 'contact').split(';expires')[0]]
      if c == 423: extra = ['Min-Expires: 1800']
      if c == 503: extra = ['Retry-After: 486']
      if c in (401, 407):
        extra = [
          '%s: Digest realm="lab", nonce="n404", algorithm=MD5' %
          ('WWW-Authenticate' if c == 401 else 'Proxy-Authenticate')
        ]
      if c < 400 and c >= 300: extra = ['Contact: <sip:ans@%s:%d>' % (self.ip, self.port)]
      self.reply(req, addr, c, extra=extra)
      return
    extra = []
    if method == 'REGISTER': extra = ['Contact: %s;expires=60' % hdr(req, 'contact').split(';expires')[0]]
    if method == 'SUBSCRIBE': extra = ['Expires: 404']
    if method == 'PUBLISH': extra = ['SIP-ETag: e486', 'Expires: 300']
    self.reply(req, addr, 200, extra=extra)
    if method == 'SUBSCRIBE':
      time.sleep(0.2)
      self.in_dialog(req, addr, 'NOTIFY', ['Event: %s' % hdr(req, 'event'), 'Subscription-State: active;expires=404'])

  def in_dialog(self, req, addr, method, extra=(), body='', ctype='application/sdp'):
    """A request from the callee inside the dialog of a request it got."""
    cid = hdr(req, 'call-id')
    self.cseq[cid] = self.cseq.get(cid, 403) + 1
    tag = 'u%x' % (hash(cid) & 0xffffff)
    to = hdr(req, 'to')
    m = re.search(r'<([^>]*)>', hdr(req, 'contact')) or re.search(r'()', '')
    target = m[1] or 'sip:x@%s' % self.ip
    lines = [
      '%s %s SIP/2.0' % (method, target),
      'Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK%x' % (self.ip, self.port, random.getrandbits(40))
    ]
    lines += ['Route: ' + v for v in hdr(req, 'record-route', True)]
    lines += [
      'From: %s;tag=%s' % (to, tag) if ';tag' not in to else 'From: ' + to, 'To: ' + hdr(req, 'from'),
      'Call-ID: ' + cid,
      'CSeq: %d %s' % (self.cseq[cid], method), 'Max-Forwards: 70', 'User-Agent: ' + self.ua
    ]
    lines += list(extra)
    if body: lines.append('Content-Type: ' + ctype)
    lines.append('Content-Length: %d' % len(body))
    q = self.waiting.setdefault(cid, queue.Queue())
    self.out('\r\n'.join(lines) + '\r\n\r\n' + body, addr)
    end = time.time() + 2
    while time.time() < end:
      try:
        msg, a = q.get(timeout=0.5)
      except queue.Empty:
        continue
      if not msg.startswith('SIP/2.0 1') and hdr(msg, 'cseq').endswith(method):
        if method == 'INVITE':
          self.out(
            '\r\n'.join([
              'ACK ' + '\r\n'.join(lines)[len('INVITE '):].split('\r\n')[0],
              'Via: SIP/2.0/UDP %s:%d;branch=z9hG4bKa%x' %
              (self.ip, self.port, random.getrandbits(40)), *['Route: ' + v for v in hdr(req, 'record-route', True)],
              [l for l in lines if l.startswith('From')][0], 'To: ' + hdr(req, 'from'), 'Call-ID: ' + cid,
              'CSeq: %d ACK' % self.cseq[cid], 'Content-Length: 0'
            ]) + '\r\n\r\n', addr)
        return msg

  # caller
  def request(self,
              method,
              uri,
              to,
              frm='1001',
              dst=None,
              extra=(),
              body=None,
              cid=None,
              cseq=None,
              auth=None,
              totag='',
              fromtag=None,
              wait=5.0,
              after=None,
              ctype='application/sdp',
              route=()):
    """Sends a request, returns the list of the answers; INVITE: final >=300 is acknowledged; 2xx: ACK, after(), BYE."""
    cid = cid or 'r4-%x@%s' % (random.getrandbits(48), self.ip)
    fromtag = fromtag or 't%x' % random.getrandbits(24)
    cseq = cseq or random.choice((1, 102, 404, 486, 7001))
    branch = 'z9hG4bK%x' % random.getrandbits(40)
    body = sdp(self.ip) if body is None and method == 'INVITE' else (body or '')
    base = lambda m, b, n, tot, ex, bd: '\r\n'.join([
      '%s %s SIP/2.0' % (m, uri),
      'Via: SIP/2.0/UDP %s:%d;branch=%s;rport' %
      (self.ip, self.port, b), 'Max-Forwards: 70', *['Route: ' + r for r in route],
      'From: "Desk 404" <sip:%s@%s>;tag=%s' % (frm, self.ip, fromtag),
      'To: <%s>%s' % (to, tot), 'Call-ID: ' + cid,
      'CSeq: %d %s' % (n, m),
      'Contact: <sip:%s@%s:%d>' %
      (frm, self.ip, self.port), 'User-Agent: ' + self.ua, *ex, *(['Content-Type: ' + ctype] if bd else []),
      'Content-Length: %d' % len(bd)
    ]) + '\r\n\r\n' + bd
    q = self.waiting[cid] = queue.Queue()
    got = []
    self.out(base(method, branch, cseq, totag, extra, body), dst)
    end = time.time() + wait
    while time.time() < end:
      try:
        msg, a = q.get(timeout=max(0.05, end - time.time()))
      except queue.Empty:
        break
      code = int(msg[8:11])
      if hdr(msg, 'cseq').split()[-1] != method:
        got.append(msg)
        continue
      got.append(msg)
      if code < 200:
        if after and code in (180, 183) and after[0] == 'cancel':
          time.sleep(0.2)
          self.out(
            base('CANCEL', branch, cseq, '',
                 ['Reason: SIP;cause=200;text="Call completed elsewhere"'] if 'else' in after else [], ''), dst)
          after = None
        continue
      tot = ';tag=' + hdr(msg, 'to').split(';tag=')[1] if ';tag=' in hdr(msg, 'to') else ''
      if method == 'INVITE':
        self.out(base('ACK', branch if code >= 300 else 'z9hG4bKk%x' % random.getrandbits(40), cseq, tot, (), ''), dst)
      if code in (401, 407) and auth:
        ch = hdr(msg, 'www-authenticate') or hdr(msg, 'proxy-authenticate')
        p = dict(re.findall(r'(\w+)="?([^",]*)"?', ch))
        h = lambda s: hashlib.md5(s.encode()).hexdigest()
        ha1 = h('%s:%s:%s' % (auth[0], p['realm'], auth[1]))
        ha2 = h('%s:%s' % (method, uri))
        if 'qop' in p:
          r = h(':'.join((ha1, p['nonce'], '00000001', 'c486', 'auth', ha2)))
          more = ', qop=auth, nc=00000001, cnonce="c486"'
        else:
          r = h(':'.join((ha1, p['nonce'], ha2)))
          more = ''
        if 'opaque' in p: more += ', opaque="%s"' % p['opaque']
        line = '%s: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5%s' % (
          'Authorization' if code == 401 else 'Proxy-Authorization', auth[0], p['realm'], p['nonce'], uri, r, more)
        return got + self.request(method, uri, to, frm, dst, [*extra, line], body, cid, cseq + 1, None, totag, fromtag,
                                  wait, after, ctype)
      if method == 'INVITE' and 200 <= code < 300:
        time.sleep(0.3)
        self.dialog = dict(uri=uri, to=to, frm=frm, dst=dst, cid=cid, totag=tot, fromtag=fromtag)
        n = cseq + 1
        for act in (after or []):
          if act == 'reinvite':
            self._raw(base('INVITE', 'z9hG4bKr%x' % random.getrandbits(40), n, tot, (), sdp(self.ip, mode='sendonly')),
                      dst)
            got += self._wait(q, 'INVITE', base, n, tot, dst)
            n += 1
          elif isinstance(act, tuple):
            m, ex, bd, ct = act
            text = base(m, 'z9hG4bKx%x' % random.getrandbits(40), n, tot, ex, '')
            if bd:
              text = text.replace('Content-Length: 0\r\n\r\n',
                                  'Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s' % (ct, len(bd), bd))
            self._raw(text, dst)
            got += self._wait(q, m, base, n, tot, dst)
            n += 1
          elif isinstance(act, (int, float)):
            time.sleep(act)
        if not (after and 'nobye' in after):
          self._raw(base('BYE', 'z9hG4bKb%x' % random.getrandbits(40), n, tot, (), ''), dst)
          got += self._wait(q, 'BYE', base, n, tot, dst)
      return got
    return got

  def _raw(self, msg, dst):
    self.out(msg, dst)

  def _wait(self, q, method, base, n, tot, dst, wait=2.0):
    got = []
    end = time.time() + wait
    while time.time() < end:
      try:
        msg, a = q.get(timeout=max(0.05, end - time.time()))
      except queue.Empty:
        break
      got.append(msg)
      if hdr(msg, 'cseq').split()[-1] == method and not msg.startswith('SIP/2.0 1'):
        if method == 'INVITE': self.out(base('ACK', 'z9hG4bKk%x' % random.getrandbits(40), n, tot, (), ''), dst)
        break
    return got
