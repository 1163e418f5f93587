# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asterisk 22, second lab: most modules, queues, voice mail, forking, transfers, session timers, presence, MWI, PUBLISH, MESSAGE, ARI,
every manager event, CEL and CDR; verbose 10, debug 3 and 5, log files in three forms, a colour console, the history of PJSIP.
"""
import base64
import glob
import json
import os
import pty
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import common
import peer as mini
import second
from second import message, par, silent

EDGE, UAS, UAC = common.EDGE, common.UAS, common.UAC
OUT = sys.argv[1]
W = tempfile.mkdtemp(prefix='sip-lab-')
os.chmod(W, 0o777)
MOD = glob.glob('/usr/lib/*/asterisk/modules')[0]
for d in ('etc', 'var', 'spool', 'run', 'log', 'log/cdr-csv', 'log/cdr-custom', 'log/cel-custom', 'spool/voicemail',
          'spool/outgoing'):
  os.makedirs(W + '/' + d)


def conf(name, text):
  open(W + '/etc/' + name, 'w').write(text.replace('@W@', W).replace('@MOD@', MOD))


conf(
  'asterisk.conf', '''[directories]
astetcdir => @W@/etc
astmoddir => @MOD@
astvarlibdir => @W@/var
astdbdir => @W@/var
astkeydir => @W@/var
astdatadir => /usr/share/asterisk
astagidir => @W@/var
astspooldir => @W@/spool
astrundir => @W@/run
astlogdir => @W@/log
[options]
timestamp = yes
systemname = branch-office-2
defaultlanguage = en
''')
conf(
  'modules.conf', '''[modules]
autoload = yes
noload = chan_console.so
noload = chan_alsa.so
noload = chan_oss.so
noload = chan_dahdi.so
noload = chan_unistim.so
noload = chan_skinny.so
noload = chan_mgcp.so
noload = chan_mobile.so
noload = cdr_pgsql.so
noload = res_snmp.so
noload = cdr_radius.so
noload = cel_radius.so
noload = res_config_ldap.so
noload = res_phoneprov.so
noload = res_hep.so
''')
LOGGER = {
  'a':
  '''[general]
dateformat = %F %T
use_callids = yes
logger_queue_limit = 200000
appendhostname = no
queue_log = yes
[logfiles]
messages.log => notice,warning,error
full.log => [default]notice,warning,error,verbose,dtmf,fax,security
full.json => [json]notice,warning,error,verbose,dtmf,security
security.log => security
syslog.local0 => notice,warning,error,verbose,dtmf,security
''',
  'b':
  '''[general]
dateformat = %b %e %H:%M:%S.%6q
use_callids = no
logger_queue_limit = 400000
[logfiles]
plain.log => [plain]notice,warning,error,verbose(3),debug(3)
all.json => [json]*
everything.log => *
syslog.local5 => [default]*
''',
  'c':
  '''[general]
use_callids = yes
logger_queue_limit = 200000
[logfiles]
console => notice,warning,error,verbose,debug,dtmf,security
full.log => notice,warning,error,verbose,debug
syslog.daemon => [plain]notice,warning,error,verbose,debug
'''
}
conf(
  'pjproject.conf', '''[startup]
log_level = 6
[log_mappings]
type = log_mappings
asterisk_error = 0-1
asterisk_warning = 2
asterisk_notice =
asterisk_verbose = 3
asterisk_debug = 4-6
asterisk_trace =
''')
conf(
  'manager.conf', '''[general]
enabled = yes
bindaddr = 127.0.0.1
port = 5038
timestampevents = yes
[watch]
secret = w
read = all
write = all
''')
conf('http.conf', '[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport=8088\n')
conf('ari.conf', '[general]\nenabled = yes\n[lab]\ntype = user\nread_only = no\npassword = lab\n')
conf('cel.conf', '[general]\nenable=yes\napps=dial,queue,park\nevents=ALL\n[manager]\nenabled=yes\n')
conf(
  'cel_custom.conf',
  '[mappings]\nMaster.csv => ${CSV_QUOTE(${eventtype})},${CSV_QUOTE(${eventtime})},${CSV_QUOTE(${CALLERID(num)})},${CSV_QUOTE(${CHANNEL(exten)})},${CSV_QUOTE(${CHANNEL(channame)})},${CSV_QUOTE(${CHANNEL(appname)})},${CSV_QUOTE(${eventextra})}\n'
)
conf('cdr.conf',
     '[general]\nenable=yes\nunanswered=yes\ncongestion=yes\n[csv]\nusegmtime=no\nloguniqueid=yes\nloguserfield=yes\n')
conf(
  'cdr_custom.conf',
  '[mappings]\nMaster.csv => ${CSV_QUOTE(${CDR(clid)})},${CSV_QUOTE(${CDR(src)})},${CSV_QUOTE(${CDR(dst)})},${CSV_QUOTE(${CDR(channel)})},${CSV_QUOTE(${CDR(disposition)})},${CSV_QUOTE(${CDR(duration)})},${CSV_QUOTE(${CDR(hangupcause)})},${CSV_QUOTE(${CDR(userfield)})}\n'
)
conf('cdr_manager.conf', '[general]\nenabled = yes\n[mappings]\nhangupcause => HangupCause\n')
conf(
  'cdr_syslog.conf',
  '[general]\nfacility=local4\npriority=info\n[cdr]\ntemplate = "cdr ${CDR(src)} -> ${CDR(dst)} ${CDR(disposition)} ${CDR(billsec)}s cause=${CDR(hangupcause)} uid=${CDR(uniqueid)}"\n'
)
conf(
  'queues.conf',
  '[general]\nlog_membername_as_agent=yes\n[support]\nstrategy=ringall\ntimeout=3\nretry=1\nmember => PJSIP/486@trunk,0,Agent 486\nmember => PJSIP/503@trunk,0,Agent 503\n[sales]\nstrategy=rrmemory\ntimeout=2\nretry=1\nmember => PJSIP/ans@trunk,0,Ann\n'
)
conf('voicemail.conf',
     '[general]\nformat=wav\n[default]\n2001 => 1234,Desk Two,two@example.org\n2486 => 1234,Desk 486\n')
conf('features.conf', '[featuremap]\nblindxfer => #1\natxfer => *2\n')
conf('res_parking.conf',
     '[general]\n[default]\nparkext => 700\nparkpos => 701-720\ncontext => parkedcalls\nparkingtime => 4\n')
conf('confbridge.conf', '[general]\n[default_user]\ntype=user\n[default_bridge]\ntype=bridge\n')
conf('musiconhold.conf', '[default]\nmode=files\ndirectory=@W@/var\n')
EXT = ['2001', '2002', '486', '503', '404', 'desk.two', '2486', '2603']
PJ = '''[global]
type = global
user_agent = Branch PBX
debug = no
default_outbound_endpoint = trunk
default_from_user = pbx
unidentified_request_count = 2
unidentified_request_period = 4
keep_alive_interval = 90
[udp]
type = transport
protocol = udp
bind = %(e)s:5060
[tcp]
type = transport
protocol = tcp
bind = %(e)s:5060
[trunk]
type = aor
contact = sip:%(u)s:5060
[trunk]
type = endpoint
context = in
transport = udp
allow = !all,ulaw,alaw
aors = trunk
from_user = branch
allow_transfer = yes
allow_overlap = yes
timers = yes
timers_sess_expires = 90
100rel = yes
[trunk]
type = identify
endpoint = trunk
match = %(u)s
[trunktcp]
type = aor
contact = sip:%(u)s:5060\\;transport=tcp
[trunktcp]
type = endpoint
context = in
transport = tcp
allow = !all,alaw
aors = trunktcp
rtp_symmetric = yes
[trunkauth]
type = aor
contact = sip:%(u)s:5060
[trunkauth]
type = auth
auth_type = userpass
username = branch
password = x
[trunkauth]
type = endpoint
context = in
allow = !all,ulaw
aors = trunkauth
outbound_auth = trunkauth
[dead]
type = aor
contact = sip:dead@%(u)s:5999
qualify_frequency = 4
qualify_timeout = 1
[deadtcp]
type = aor
contact = sip:dead@%(u)s:5998\\;transport=tcp
[deadtcp]
type = endpoint
transport = tcp
context = in
allow = !all,ulaw
aors = deadtcp
[dead]
type = endpoint
context = in
allow = !all,ulaw
aors = dead
[nodns]
type = aor
contact = sip:x@nowhere.invalid
[nodns]
type = endpoint
context = in
allow = !all,ulaw
aors = nodns
[g729]
type = endpoint
context = local
allow = !all,g729
[g729]
type = identify
endpoint = g729
match = 198.51.100.7
[norx]
type = endpoint
context = local
allow = !all,ulaw
aors = norx
identify_by = auth_username,username
auth = norx
[norx]
type = auth
auth_type = userpass
username = norx
password = right
[norx]
type = aor
max_contacts = 0
[acldeny]
type = acl
deny = 198.51.100.0/24
''' % {
  'e': EDGE,
  'u': UAS
}
for e in EXT:
  PJ += '''[%(x)s]
type = auth
auth_type = userpass
username = %(x)s
password = pw%(x)s
[%(x)s]
type = aor
max_contacts = 2
remove_existing = %(rm)s
minimum_expiration = 30
maximum_expiration = 90
qualify_frequency = 5
mailboxes = %(x)s@default
[%(x)s]
type = endpoint
context = local
subscribe_context = hints
message_context = messages
allow = !all,ulaw,alaw
auth = %(x)s
aors = %(x)s
callerid = "Ext %(x)s" <%(x)s>
mailboxes = %(x)s@default
device_state_busy_at = 1
allow_subscribe = %(sub)s
send_pai = yes
max_audio_streams = 1
direct_media = no
refer_blind_progress = %(rm)s
inband_progress = yes
''' % {
    'x': e,
    'rm': 'yes' if e in ('2001', '486') else 'no',
    'sub': 'no' if e == '503' else 'yes'
  }
REGS = ['200', '403', '404', '408', '423', '480', '500', '503', '603', '410', '302', 'silent', 'auth1', 'authbad']
for n, e in enumerate(REGS):
  PJ += '''[r-%(x)s]
type = registration
server_uri = sip:%(u)s:5060
client_uri = sip:%(x)s@%(u)s:5060
outbound_auth = trunkauth
contact_user = c%(x)s
retry_interval = 3
forbidden_retry_interval = %(f)s
fatal_retry_interval = %(g)s
max_retries = 2
expiration = 60
line = %(l)s
%(ep)s
support_outbound = %(l)s
''' % {
    'x': e,
    'u': UAS,
    'f': (0, 3)[n % 2],
    'g': (3, 0)[n % 2],
    'l': ('no', 'yes')[n % 2],
    'ep': 'endpoint = trunk' if n % 2 else ''
  }
PJ += '[r-dead]\ntype = registration\nserver_uri = sip:%s:5999\nclient_uri = sip:dead@%s:5999\nretry_interval = 3\nmax_retries=2\n' % (
  UAS, UAS)
PJ += '[r-nodns]\ntype = registration\nserver_uri = sip:nowhere.invalid\nclient_uri = sip:x@nowhere.invalid\nretry_interval = 5\nmax_retries=2\n'
for u in ('200', '404', '503', 'silent', '401'):
  PJ += '[q-%(x)s]\ntype = aor\ncontact = sip:%(x)s@%(u)s:5060\nqualify_frequency = 6\nqualify_timeout = 1.5\n%(more)s[q-%(x)s]\ntype = endpoint\ncontext = in\nallow = !all,ulaw\naors = q-%(x)s\n' % {
    'x': u,
    'u': UAS,
    'more': 'authenticate_qualify = yes\n' if u == '401' else ''
  }
conf('pjsip.conf', PJ)
conf('pjsip_notify.conf', '[check-sync]\nEvent=>check-sync\nContent-type=>text/plain\n')
conf(
  'extensions.conf', '''[general]
static=yes
writeprotect=no
[globals]
TRUNK=PJSIP/trunk
[in]
exten => _X!,1,Answer()
same => n,Wait(0.2)
same => n,Hangup()
exten => h,1,NoOp(in done)
[messages]
exten => _.,1,NoOp(message from ${MESSAGE(from)} to ${MESSAGE(to)})
same => n,MessageSend(pjsip:sip:${EXTEN}@%(u)s:5060,${MESSAGE(from)})
same => n,NoOp(send status is ${MESSAGE_SEND_STATUS})
same => n,Hangup()
[hints]
exten => 2001,hint,PJSIP/2001
exten => 2002,hint,PJSIP/2002
exten => 486,hint,PJSIP/486
[macro]
exten => s,1,Return()
[sub-dialout]
exten => s,1,NoOp(Dialing ${ARG1} through ${TRUNK})
same => n,Set(GROUP()=OUT_1)
same => n,Dial(${ARG2},${ARG3},${ARG4})
same => n,NoOp(Dial failed for some reason with DIALSTATUS = ${DIALSTATUS} and HANGUPCAUSE = ${HANGUPCAUSE})
same => n,Return()
[sub-hangup]
exten => s,1,Set(KEYS=${HANGUPCAUSE_KEYS()})
same => n,ExecIf($["${KEYS}" != ""]?Set(TECH=${HANGUPCAUSE(${CUT(KEYS,\\,,1)},tech)}):Set(TECH=))
same => n,ExecIf($["${TECH}" != ""]?NoOp(Channel cause: ${TECH}))
same => n,ExecIf($["${TECH}" != ""]?Verbose(1,Trunk said "${TECH}" for ${ARG1}))
same => n,ExecIf($["${TECH}" != ""]?Log(WARNING,Outbound to ${ARG1}: ${TECH} (Q.850 ${HANGUPCAUSE})))
same => n,Set(CDR(userfield)=${TECH})
same => n,CELGenUserEvent(sipresult,${TECH})
same => n,Return()
[local]
include => parkedcalls
exten => _[2-7]XX,1,Gosub(sub-dialout,s,1(${EXTEN},PJSIP/${EXTEN}@trunk,4,))
same => n,Gosub(sub-hangup,s,1(${EXTEN}))
same => n,GotoIf($["${DIALSTATUS}"="BUSY"]?busy)
same => n,GotoIf($["${DIALSTATUS}"="CONGESTION"]?cong)
same => n,Hangup()
same => n(busy),Busy(1)
same => n(cong),Congestion(1)
exten => _1[0-9][0-9],1,Dial(PJSIP/${EXTEN}@trunk,4)
same => n,Hangup()
exten => _x[2-7]XX,1,Dial(PJSIP/${EXTEN:1}@trunktcp,4)
same => n,Hangup(${HANGUPCAUSE})
exten => fork,1,Dial(PJSIP/486@trunk&PJSIP/404@trunk&PJSIP/slow503@trunk&PJSIP/ans@trunk,6,tTm)
same => n,Hangup()
exten => forkfail,1,Dial(PJSIP/486@trunk&PJSIP/slow603@trunk&PJSIP/503@trunktcp,6)
same => n,Gosub(sub-hangup,s,1(fork))
same => n,Hangup()
exten => ring,1,Dial(PJSIP/ring@trunk,3,r)
same => n,NoOp(status ${DIALSTATUS} after ${DIALEDTIME})
same => n,Voicemail(2486@default,u)
same => n,Hangup(19)
exten => _ans.,1,Dial(PJSIP/${EXTEN}@trunk,5,gtTwWkKxX)
same => n,NoOp(after ${EXTEN}: ${DIALSTATUS})
same => n,Hangup()
exten => _auth.,1,Dial(PJSIP/${EXTEN}@trunkauth,5)
same => n,Hangup()
exten => _rei.,1,Dial(PJSIP/${EXTEN}@trunk,5)
same => n,Hangup()
exten => _slow.,1,Dial(PJSIP/${EXTEN}@trunk,9)
same => n,Hangup()
exten => dead,1,Dial(PJSIP/dead,3)
same => n,Dial(PJSIP/dead@deadtcp,3)
same => n,Dial(PJSIP/x@nodns,3)
same => n,Dial(PJSIP/nosuch,3)
same => n,Dial(PJSIP/2603,3)
same => n,Dial(SIP/old,3)
same => n,Dial(IAX2/nobody@192.0.2.40/486,2)
same => n,Hangup(34)
exten => _qu.,1,Answer()
same => n,Queue(${EXTEN:2},tT,,,5)
same => n,NoOp(queue ${QUEUESTATUS})
same => n,Hangup()
exten => vm,1,Answer()
same => n,VoiceMailMain(2001@default,s)
same => n,Hangup()
exten => vmleave,1,Voicemail(2001@default,u)
same => n,Hangup()
exten => vmbad,1,Voicemail(7777@default,u)
same => n,Hangup()
exten => conf,1,Answer()
same => n,ConfBridge(404)
same => n,Hangup()
exten => park,1,Answer()
same => n,Park()
exten => echo,1,Answer()
same => n,Playback(demo-thanks)
same => n,Echo()
exten => early,1,Progress()
same => n,Playback(demo-thanks,noanswer)
same => n,Hangup(21)
exten => _hc.,1,Hangup(${EXTEN:2})
exten => ari,1,Stasis(lab,486)
same => n,Hangup()
exten => _arid.,1,Stasis(lab,dial,${EXTEN:4})
same => n,Hangup()
exten => agi,1,AGI(agi://127.0.0.1:4573/x)
same => n,Hangup()
exten => xfer,1,Answer()
same => n,Transfer(PJSIP/sip:2002@example.org)
same => n,NoOp(transfer ${TRANSFERSTATUS} ${TRANSFERSTATUSPROTOCOL})
same => n,Hangup()
exten => xferr,1,Transfer(sip:2002@example.org)
same => n,Hangup()
exten => hdr,1,Set(PJSIP_HEADER(add,X-Reason)=SIP/2.0 503)
same => n,NoOp(${PJSIP_RESPONSE_HEADER(read,Server)})
same => n,Dial(PJSIP/488@trunk,3,b(hd^s^1))
same => n,NoOp(${PJSIP_RESPONSE_HEADER(read,Reason)} ${CHANNEL(pjsip,call-id)})
same => n,Hangup()
exten => curl,1,Set(X=${CURL(http://127.0.0.1:8088/none)})
same => n,Hangup()
exten => loop,1,Dial(Local/486@local,4)
same => n,Hangup()
exten => orig,1,Originate(PJSIP/404@trunk,app,Playback,demo-thanks)
same => n,NoOp(originate ${ORIGINATE_STATUS})
same => n,Originate(PJSIP/ans@trunk,app,Playback,demo-thanks)
same => n,Hangup()
[hd]
exten => s,1,Set(PJSIP_HEADER(add,X-Trunk)=404)
same => n,Return()
''' % {'u': UAS})
os.system('mkdir -p /dev/pts; mount -t devpts devpts /dev/pts -o newinstance,ptmxmode=0666; ln -sf pts/ptmx /dev/ptmx')
rec = common.Recorder()
rec.unix('/dev/log', 'syslog')
rows = []


def cli(c, n=None):
  out = subprocess.run(['asterisk', '-C', W + '/etc/asterisk.conf', '-rx', c],
                       capture_output=True,
                       text=True,
                       errors='replace',
                       stdin=subprocess.DEVNULL).stdout
  if n:
    for l in out.split('\n'):
      if l.strip(): rows.append((n, l))
  return out


uas = mini.Peer(UAS, 5060, 'Carrier SBC 7.4.0')
uas.listen_tcp()


class Ami:

  def __init__(s):
    s.s = socket.create_connection(('127.0.0.1', 5038))
    s.d = b''
    s.s.sendall(b'Action: Login\r\nUsername: watch\r\nSecret: w\r\n\r\n')
    threading.Thread(target=s.run, daemon=True).start()

  def run(s):
    while True:
      try:
        p = s.s.recv(65536)
      except OSError:
        return
      if not p: return
      s.d += p

  def send(s, **k):
    s.s.sendall(''.join('%s: %s\r\n' % i for i in k.items()).encode() + b'\r\n')

  def events(s):
    return [e for e in s.d.decode('utf-8', 'replace').split('\r\n\r\n') if e.strip()]


class Ari:

  def __init__(s):
    s.s = socket.create_connection(('127.0.0.1', 8088))
    s.msgs = []
    s.s.sendall(
      b'GET /ari/events?app=lab&api_key=lab:lab&subscribeAll=true HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ari\r\n\r\n'
    )
    s.f = s.s.makefile('rb')
    while s.f.readline().strip():
      pass
    threading.Thread(target=s.run, daemon=True).start()

  def run(s):
    part = b''
    while True:
      h = s.f.read(2)
      if len(h) < 2: return
      n = h[1] & 127
      if n == 126: n = int.from_bytes(s.f.read(2), 'big')
      elif n == 127: n = int.from_bytes(s.f.read(8), 'big')
      part += s.f.read(n)
      if h[0] & 128:
        if h[0] & 15 == 1 or h[0] & 15 == 0:
          m = part.decode('utf-8', 'replace')
          s.msgs.append(m)
          try:
            s.on(json.loads(m))
          except Exception:
            pass
        part = b''

  def http(s, method, path):
    c = socket.create_connection(('127.0.0.1', 8088))
    c.sendall(('%s /ari%s HTTP/1.0\r\nAuthorization: Basic %s\r\nContent-Length: 0\r\n\r\n' %
               (method, path, base64.b64encode(b'lab:lab').decode())).encode())
    d = b''
    c.settimeout(3)
    try:
      while True:
        p = c.recv(65536)
        if not p: break
        d += p
    except OSError:
      pass
    return d.decode('utf-8', 'replace')

  def on(s, m):
    if m['type'] == 'StasisStart' and m['args'][:1] == ['dial']:
      s.http('POST', '/channels?endpoint=PJSIP/%s@trunk&app=lab&appArgs=dialed&timeout=4' % m['args'][1])
      time.sleep(0.3)
    if m['type'] == 'StasisStart' and m['args'][:1] == ['486']:
      s.http('POST', '/channels/%s/answer' % m['channel']['id'])
      time.sleep(.2)
      s.http('DELETE', '/channels/%s?reason_code=21' % m['channel']['id'])


def start(kind, verbose, debug, console=False):
  conf('logger.conf', LOGGER[kind])
  global P
  args = ['asterisk', '-C', W + '/etc/asterisk.conf', '-f'] + (['-c'] if console else ['-n'])
  args += ['-' + 'v' * verbose] if verbose else []
  args += ['-' + 'd' * debug] if debug else []
  if console:
    m, s = pty.openpty()
    global console_data
    console_data = b''
    P = subprocess.Popen(args,
                         stdin=s,
                         stdout=s,
                         stderr=s,
                         env={
                           **os.environ, 'TERM': 'xterm-256color'
                         },
                         start_new_session=True)
    os.close(s)

    def rd():
      global console_data
      while True:
        try:
          d = os.read(m, 65536)
        except OSError:
          return
        if not d: return
        console_data += d

    threading.Thread(target=rd, daemon=True).start()
  else:
    P = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=open(W + '/out', 'ab'), stderr=subprocess.STDOUT)
  common.wait_for(lambda: 'Asterisk ' in cli('core show version'), 'asterisk', 90)
  cli('core waitfullybooted')


def stop(name):
  cli('core stop now')
  try:
    P.wait(10)
  except subprocess.TimeoutExpired:
    common.stop(P)
  time.sleep(.8)
  rs, rec.records = rec.records, []
  for _, d in rs:
    rows.append(('syslog ' + name, common.text(d)))
  for p in sorted(glob.glob(W + '/log/*')):
    if os.path.isdir(p):
      for q in sorted(glob.glob(p + '/*')):
        for l in open(q, errors='replace').read().split('\n'):
          if l.strip(): rows.append(('file %s %s' % (name, os.path.basename(p)), l))
        os.unlink(q)
      continue
    for l in open(p, errors='replace', newline='').read().split('\n'):
      if l.strip(): rows.append(('file %s %s' % (name, os.path.basename(p)), l))
    os.unlink(p)


D = (EDGE, 5060)
U = lambda x: 'sip:%s@%s' % (x, EDGE)
phone = mini.Peer(UAC, 5062, 'DeskPhone T46 66.84.0.15')


def call(x, frm='2001', after=None, p=None, wait=8.0, extra=(), body=None):
  return (p or phone).request('INVITE', U(x), U(x), frm, D, extra, body, auth=(frm, 'pw' + frm), after=after, wait=wait)


def reg(u, pw=None, expires=60, contact=None, p=None, extra=()):
  return (p or phone).request('REGISTER',
                              'sip:' + EDGE,
                              U(u),
                              u,
                              D, ['Expires: %d' % expires, *extra],
                              '',
                              auth=(u, pw or 'pw' + u))


def scenario(codes, big=True):
  for u in ('2001', '2002', '486', 'desk.two', '2486'):
    reg(u)
  reg('2002', 'wrong')
  reg('404', 'bad')
  reg('nobody', 'x')
  reg('norx', 'right')
  reg('2001', expires=5)
  reg('2001', expires=0)
  reg('2486')
  reg('2486', contact=1)
  reg('2001')
  par([lambda c=c: call(c, frm=random.choice(['2001', '2002', '486', '2486'])) for c in codes])
  jobs = [
    lambda: call('fork'), lambda: call('forkfail', '486'), lambda: call('ring', '2002', wait=5),
    lambda: call('ring', '2002', after=['cancel']), lambda: call('slow486', after=['cancel', 'else']),
    lambda: call('ansbye', '2486', after=[1.0, 'nobye']), lambda: call('anshold'), lambda: call('ansupd'),
    lambda: call('ansinfo'), lambda: call('ansrefer486', after=[1.5]), lambda: call('ansrefernone', after=[1.0]),
    lambda: call('rei488', after=['reinvite']), lambda: call('rei491', '2002', after=['reinvite']),
    lambda: call('auth1'), lambda: call('authbad'), lambda: call('slow603', '486'), lambda: call('dead', wait=12),
    lambda: call('qusupport', wait=9, after=[6]), lambda: call('qusales', after=[2]), lambda: call('qunone'),
    lambda: call('vm', after=[1]), lambda: call('vmleave', after=[1]), lambda: call('vmbad'),
    lambda: call('conf', after=[1]), lambda: call('park', after=[5]),
    lambda: call('echo',
                 after=[
                   'reinvite', ('INFO', [], 'Signal=5\r\nDuration=160\r\n', 'application/dtmf-relay'),
                   ('INFO', [], 'x', 'text/none'), ('UPDATE', [], mini.sdp(UAC), 'application/sdp'),
                   ('OPTIONS', [], '', ''), ('MESSAGE', [], 'hi', 'text/plain'),
                   ('PRACK', ['RAck: 1 486 INVITE'], '', ''), ('FOO', [], '', ''), 0.5
                 ]), lambda: call('early'), lambda: call('hc17'), lambda: call('hc38', '2002'), lambda: call('hc1'),
    lambda: call('hc27'), lambda: call('ari'), lambda: call('arid486', after=[1]), lambda: call('arid404', after=[1]),
    lambda: call('aridans', after=[1]), lambda: call('agi'), lambda: call('xfer', after=[1]), lambda: call('xferr'),
    lambda: call('hdr'), lambda: call('loop'), lambda: call('orig', wait=9), lambda: call('nosuchexten'),
    lambda: call('curl'), lambda: call('echo', after=[('REFER', ['Refer-To: <sip:486@%s>' % EDGE], '', ''), 2]),
    lambda: call('echo', after=[('REFER', ['Refer-To: <sip:nosuch@%s>' % EDGE], '', ''), 1]),
    lambda: call('echo',
                 after=[('REFER', ['Refer-To: <sip:404@%s?Replaces=aaa%%40b%%3Bto-tag%%3Dx%%3Bfrom-tag%%3Dy>' % EDGE],
                         '', ''), 1]), lambda: call('echo', after=[('REFER', [], '', ''), .3]),
    lambda: call('ans', extra=['Session-Expires: 30;refresher=uac', 'Min-SE: 30', 'Supported: timer']),
    lambda: call('ans', extra=['Session-Expires: 1800', 'Supported: timer,100rel', 'Require: 100rel']),
    lambda: call('ans', extra=['Require: foo']),
    lambda: call('ans', extra=['Replaces: nope@x;to-tag=1;from-tag=2', 'Require: replaces']),
    lambda: call('ans', body='v=0\r\nnonsense\r\n'), lambda: call('ans', frm='486', body=''), lambda: call(
      'ans',
      body=mini.sdp(UAC).replace('0 8 101', '18').replace('a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n', '')),
    lambda: call('echo', frm='999'), lambda: call('echo', p=g7, frm='404')
  ]
  par(jobs, 5)
  for m, u, ex, b, ct in (('SUBSCRIBE', '2001', ['Event: presence', 'Expires: 60',
                                                 'Accept: application/pidf+xml'], '', ''),
                          ('SUBSCRIBE', '486', ['Event: dialog', 'Expires: 60', 'Accept: application/dialog-info+xml'],
                           '', ''), ('SUBSCRIBE', 'nohint', ['Event: presence', 'Expires: 60'], '', ''),
                          ('SUBSCRIBE', '2001',
                           ['Event: message-summary', 'Expires: 60', 'Accept: application/simple-message-summary'
                            ], '', ''), ('SUBSCRIBE', '2001', ['Event: unknown-thing', 'Expires: 60'], '', ''),
                          ('SUBSCRIBE', '2001', ['Event: presence',
                                                 'Expires: 1'], '', ''), ('SUBSCRIBE', '2001', ['Expires: 60'], '', ''),
                          ('SUBSCRIBE', '2001', ['Event: presence', 'Expires: 60', 'Accept: application/x-none'], '',
                           ''), ('PUBLISH', '2001', ['Event: presence', 'Expires: 60'], '<presence/>',
                                 'application/pidf+xml'), ('PUBLISH', '2001', ['Event: dialog', 'SIP-If-Match: none'],
                                                           '', ''), ('MESSAGE', '404', [], 'hello 486', 'text/plain'),
                          ('MESSAGE', 'ans', [], 'hi', 'text/plain'), ('MESSAGE', '503', [], 'hi', 'text/html'),
                          ('OPTIONS', 'ans', [], '', ''), ('OPTIONS', 'nosuch', [], '', ''), ('NOTIFY', '2001', [
                            'Event: message-summary', 'Subscription-State: active'
                          ], 'x', 'text/plain'), ('REFER', '2001', ['Refer-To: <sip:486@%s>' % EDGE], '',
                                                  ''), ('BYE', '2001', [], '', ''), ('INFO', '2001', [], '', ''),
                          ('PING', '2001', [], '', ''), ('UPDATE', '2001', [], '', ''), ('CANCEL', '2001', [], '', '')):
    for f in ('2001', '503'):
      phone.request(m,
                    U(u),
                    U(u),
                    f,
                    D,
                    ex,
                    b,
                    auth=(f, 'pw' + f),
                    ctype=ct or 'text/plain',
                    wait=1.0,
                    totag=';tag=stale486' if m in ('BYE', 'INFO', 'UPDATE', 'NOTIFY') else '')
  for bad in (
      'INVITE sip:a@b SIP/2.0\r\n\r\n',
      'REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 486\r\nCSeq: 404 REGISTER\r\nContent-Length: 99\r\n\r\n'
      % EDGE,
      'SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKnone\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: stray-404\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n',
      'garbage 404 not found\r\n\r\n', 'SIP/2.0 700 Odd\r\nVia: x\r\n\r\n'):
    phone.out(bad, D)
    time.sleep(.1)
  for _ in range(4):
    hostile.request('INVITE', U('900441'), U('900441'), '100', D, wait=.7)
  hostile.request('REGISTER', 'sip:' + EDGE, U('admin'), 'admin', D, ['Expires: 60'], '', auth=('admin', 'x'), wait=1)


hostile = mini.Peer('203.0.113.9', 5060, 'friendly-scanner')
g7 = mini.Peer('198.51.100.7', 5060, 'Old ATA 1.0')
ALL = [c for c in mini.PH if c != 100]
USERS = [str(c) for c in ALL if c >= 200] + [str(c) for c in ALL if c < 200] + ['x486', 'x404', 'x503', 'x603', 'x480']


def do(*parts):
  if 'a' in parts:
    start('a', 10, 0)
    ami = Ami()
    ari = Ari()
    time.sleep(4)
    scenario(USERS)
    time.sleep(3)
    cli('pjsip set logger on')
    scenario(USERS[::7])
    cli('pjsip set logger off')
    ami.send(Action='Originate', Channel='PJSIP/486@trunk', Application='Echo', Async='true', ActionID='o486')
    ami.send(Action='Originate', Channel='PJSIP/nosuch@404', Application='Echo', ActionID='o404')
    ami.send(Action='PJSIPShowContacts')
    ami.send(Action='PJSIPShowRegistrationsOutbound')
    ami.send(Action='PJSIPNotify', Variable='Event=check-sync', URI='sip:404@%s:5060' % UAS)
    ami.send(Action='PJSIPQualify', Endpoint='q-404')
    ami.send(Action='QueueStatus')
    ami.send(Action='CoreShowChannels')
    time.sleep(3)
    for c in ('pjsip show registrations', 'pjsip show contacts', 'pjsip show endpoints', 'pjsip show aors',
              'core show channels', 'queue show', 'core show calls', 'pjsip show subscriptions inbound',
              'pjsip list contacts', 'core show hints', 'voicemail show users'):
      cli(c, 'cli')
    e, a = ami.events(), ari.msgs
    stop('a v10')
    for x in e:
      rows.append(('ami', x + '\r\n\r\n'))
    for x in a:
      rows.append(('ari', x))
  if 'b' in parts:
    start('b', 3, 3)
    time.sleep(2)
    cli('pjsip set history on')
    cli('pjsip set logger host %s' % UAS)
    cli('core set debug 3 res_pjsip')
    scenario(['486', '404'])
    cli('pjsip show history', 'cli history')
    cli('pjsip show history entry 00003', 'cli history')
    stop('b v3 d3')
  if 'c' in parts:
    start('c', 8, 5, console=True)
    time.sleep(2)
    cli('pjsip set logger verbose on')
    cli('pjsip set logger on')
    scenario(['503', '199'])
    stop('c v8 d5')
    for l in console_data.decode('utf-8', 'replace').split('\n'):
      if l.strip('\r \x1b[;m0'): rows.append(('console c', l))


SYS = re.compile(r'^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d (?:\w+ )?asterisk\[\d+\]: (.*)$', re.S)
HEAD = re.compile(
  r'^(?:\[[^\]]*\] )?(?P<level>[A-Z]+)(?:\(\d\))?\[\d+\](?:\[(?P<call>C-[0-9a-f]{8})\])?:? (?P<file>[\w./<>-]+?|Ext\. \w+)(?::\d+)?(?: in [^ ]+|  in)?: (?P<text>.*)$',
  re.S)
ANSI = re.compile(r'\x1b\[[\d;?]*[a-zA-Z]')


def parse(via, t):
  """(framing, level, text)"""
  if via.startswith('syslog'):
    m = SYS.match(t)
    if not m: return 'syslog3164', '', t
    r = m[1]
    if r.startswith('{'):
      try:
        j = json.loads(r.rstrip('\0\n'))
        return 'syslog3164', j['level'], j['message']
      except ValueError:
        pass
    h = HEAD.match(r)
    return ('syslog3164', h['level'], h['text']) if h else ('syslog3164', '', r)
  if via.endswith('.json'):
    try:
      j = json.loads(t)
      return 'bare', j['logmsg'] if isinstance(j.get('logmsg'), str) else j.get('logmsg', j).get(
        'level', ''), (j.get('logmsg') or j).get('message', '') if not isinstance(j.get('logmsg'), str) else j['logmsg']
    except ValueError:
      return 'bare', '', t
  if via.startswith('console'):
    t2 = ANSI.sub('', t).rstrip('\r')
    h = re.match(r'^(?:\[[^\]]*\] )?(?:([A-Z]+)\[\d+\](?:\[C-[0-9a-f]+\])?: \S+:\d+ [^ :]+: )?(.*)$', t2, re.S)
    return 'bare', h[1] or '', h[2]
  h = HEAD.match(t)
  return ('bare', h['level'], h['text']) if h else ('bare', '', t)


R = '(?P<code>[1-6]\\d\\d)'
S = lambda p, opt=False, method=None: (re.compile(p), opt, method)
POS = [
  S(r"^'" + R + r"' fatal response received from 'sip:(?P<peer>[\d.:]+)' on registration attempt", 0, 'REGISTER!'),
  S(r"^(?P<code>403) Forbidden fatal response received from 'sip:(?P<peer>[\d.:]+)' on reg", 0, 'REGISTER!'),
  S(r"^(?:Fatal|Temporal) response '" + R + r"' received from 'sip:(?P<peer>[\d.:]+)'", 0, 'REGISTER!'),
  S(r"^Processing REGISTER response " + R, 0, 'REGISTER'),
  S(r"^Received REGISTER response " + R + r"\(", 0, 'REGISTER'),
  S(r"Method is (?P<method>[A-Z]+), Response is " + R + r" (?P<reason>[^\n]+?)\s*$"),
  S(r"Method: (?P<method>[A-Z]+) Status: " + R),
  S(r"Response is " + R + r" (?P<reason>[^\n]+?)\s*$"),
  S(r"(?P<method>[A-Z]+) received final response code " + R),
  S(r"(?:re)?INVITE received final response code " + R),
  S(r"\* (?:==>|<==) (?P<peer>\S+) +SIP/2\.0 " + R + r" (?P<reason>[^\n]+?)\s*$"),
  S(r"[Rr]esponse msg " + R + r"/(?P<method>[A-Z]+)/cseq"),
  S(r"tech_cause: SIP " + R + r" (?P<reason>[^\n.]+?)(?:\. Skipped other channel\.)?\s*$"),
  S(r"Function HANGUPCAUSE\(.*result is 'SIP " + R + r" (?P<reason>[^']+)'"),
  S(r"^\tEvent: .*?: Tech Cause: " + R, 1),
  S(r"Channel cause: SIP " + R + r" (?P<reason>[^\n\")]+)"),
  S(r'Trunk said "SIP ' + R + r' (?P<reason>[^\n"]+)" for'),
  S(r"Outbound to \S+: SIP " + R + r" (?P<reason>[^\n(]+?) \(Q\.850"),
  S(r"CDR\(userfield\)=SIP " + R + r" (?P<reason>[^\n\"]+)"),
  S(r"sipresult,SIP " + R + r" (?P<reason>[^\n\"]+)"),
  S(r"Set\(TECH=SIP " + R + r" (?P<reason>[^\n\")]+)\):Set"),
  S(r"TECH=SIP " + R + r" (?P<reason>[^\n\")]+)"),
  S(r"Received (?P<code>422) \("),
  S(r"(?:Sending|sending|Sent) " + R + r"(?: (?:response|Trying))"),
  S(r"^(?P<method>MESSAGE) successfully delivered \(" + R + r"\) for endpoint"),
  S(r"Sending initial (?P<code>100) (?P<reason>Trying) NOTIFY", 1),
  S(r"^Received (?P<method>MESSAGE) response " + R + " on endpoint"),
  S(r"tech_cause: SIP " + R + r" (?P<reason>[^\n.]+?)\. Skipped 2XX code"),
  S(r'"extra":"SIP ' + R + r' (?P<reason>[^"]+)"'),
  S(r'userfield=SIP ' + R + r' (?P<reason>.+?) quote'),
  S(r"Sending NOTIFY with response '" + R + "'", 1),
  S(r"authed: Unknown error (?P<code>403)", 1),
  S(r"Status: " + R, 1),
  S(r"Response Code: " + R, 1),
  S(r"RC " + R + " not eligible", 1),
  S(r"inv_session->cause: " + R, 1),
  S(r"tech_cause:? (?P<code>[1-6]\d\d)", 1),
  S(r"Response " + R + r"\s*$", 1),
  S(r"Cause: \d+ +Tech Cause: " + R, 1),
  S(r"is 'SIP " + R + r" (?P<reason>[^']+)'"),
  S(r"to 'SIP " + R + r" (?P<reason>[^']+)'"),
]
IMPL = [
  (re.compile(r'No registered (?:publish|subscribe) handler for event'), 489),
  (re.compile(r'Subscriptions not permitted for endpoint'), 603), (re.compile(r'has no configured max_contacts'), 403),
  (re.compile(r"attempted blind transfer to .* but target does not exist|external_replaces' extension not found in"), 404),
  (re.compile(r'Received a REFER without Refer-To'), 400),
  (re.compile(
    r"^Request '(?P<method>[A-Z]+)' from '.*' failed for '(?P<peer>[\d.]+:\d+)' \(callid: (?P<call_id>[^)]*)\) - "),
   401), (re.compile(r"will exceed max contacts of"), 403),
  (re.compile(r"to extension '[^']*' rejected because extension not found in context"), 404)
]
SUSP = re.compile(
  r'(?i)status|code|response|SIP/2\.0|cause|\bRC\b|\bSIP \d|repl|result|reject|fail|error|refus|answer|declin')


def label(x):
  e = message(x)
  if e:
    m = re.match(r'<--- (\w+) SIP (?:response) \(\d+ bytes\) (?:to|from) \w+:(\S+) --->', x)
    if m and 'reason' in e: e['peer'] = m[2]
    return 'message', e, {}
  found = second.labelled(POS, x)
  if found: return found
  for p, c in IMPL:
    m = p.search(x)
    if m:
      return 'implied', {
        'code': c,
        'implied': True,
        **m.groupdict()
      }, {
        'optional': True,
        'accept_codes': [401, 403, 404, 481, 489, 400]
      }
  if re.search(
      r'(?m)^(?:Via|Authorization|Proxy-Authorization|Reason|Supported|From|To):|^<--- |Executing \[|Result|status didn|PJSIP_HEADER|Finalized CDR',
      x):
    return 'none', None, {}
  if silent(x): return 'silent', None, {}
  if not SUSP.search(x): return 'none', None, {}
  return 'todo', None, {}


result = []


def put(dialect, framing, line, expect, via, composed=False, **more):
  if not composed: result.append(common.row('Asterisk 22', dialect, framing, line, expect, via=via, **more))


# --- asterisk
COMP = re.compile(r'Channel cause|Trunk said|Outbound to|userfield|sipresult|TECH|"extra"|SIPRESULT')


def labelled(rows):
  for v, t in second.fresh(rows):
    if v in ('ami', 'ari'):
      m = re.search(r'TechCause: ([1-6]\d\d)\b|"tech_cause": ?([1-6]\d\d)\b', t)
      n = re.search(r'\bSIP ([1-6]\d\d) [A-Z]', t)
      if m: put('%s tech cause' % v, 'bare', t, {'code': int(m[1] or m[2])}, v)
      elif n: put(v + ' SIP text', 'bare', t, {'code': int(n[1])}, v, composed=True, optional=True)
      else:
        put(v + ' none', 'bare', t, None, v)
      continue
    if 'cdr' in v or 'cel' in v:
      n = re.search(r'\bSIP ([1-6]\d\d) (.+?)\\*"', t)
      if n: put(v.split()[-1], 'bare', t, {'code': int(n[1])}, v, composed=True)
      else: put(v.split()[-1], 'bare', t, None, v)
      continue
    if v.startswith('cli') or 'queue_log' in v:
      m = re.search(r'\* (?:==>|<==) (?P<peer>\S+) +SIP/2\.0 (?P<code>\d{3}) (?P<reason>.+?)\s*$', t)
      if m: put('cli history', 'bare', t, {'code': int(m['code']), 'reason': m['reason'], 'peer': m['peer']}, v)
      elif re.match(r'SIP/2\.0 \d', t): put('cli message', 'bare', t, message(t), v)
      else: put('cli', 'bare', t, None, v)
      continue
    fr, l, x = parse(v, t)
    d, e, m = label(x)
    if d == 'todo': m = {'skip': True} if not silent(x) else {}
    if e and COMP.search(x): m = {**m, 'composed': True}
    put(d, fr, t, e, v.replace('syslog', 'direct', 1), **m)


def main():
  try:
    do('a', 'b', 'c')
  finally:
    try:
      common.stop(P)
    except NameError:
      pass
    shutil.rmtree(W, ignore_errors=True)
  labelled(rows)
  random.Random(1).shuffle(result)
  common.write(OUT + '/asterisk22-second.jsonl.xz', second.thinned(result), 'ast22c')
  sys.stdout.flush()
  os._exit(0)


main()
