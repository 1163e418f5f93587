# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asterisk between sipp callers and a sipp carrier: configuration, run, truth.

Truth: PJSIP logger records are whole SIP messages (start line, Call-ID, CSeq by the message's own form; a response from the carrier must
be a scripted one). Dialplan lines: the extension of the call's [C-...] names the scripted answer, and HANGUPCAUSE(...,tech) on the line
must agree with it. Registration warnings: the client URI's user names the scripted answer. All else: a list of known negatives, the
events whose answer was seen on the wire, or no number at all; what remains is not judged.
"""
import glob
import json
import os
import re
import socket
import subprocess
import common
import sipp
from common import EDGE, UAC, UAS, row

REGISTRAR_PORT = 5070
HOSTILE = '203.0.113.9'

FILES = {
  'asterisk.conf': '''[directories]
astetcdir => %(work)s/etc
astmoddir => %(modules)s
astvarlibdir => %(work)s/var
astdbdir => %(work)s/var
astkeydir => %(work)s/var
astdatadir => /usr/share/asterisk
astagidir => %(work)s/var
astspooldir => %(work)s/spool
astrundir => %(work)s/run
astlogdir => %(work)s/log
[options]
verbose = 5
debug = 0
systemname = pbx1
''',
  'modules.conf': '''[modules]
autoload = no
%(loads)s
''',
  'logger.conf': '''[general]
dateformat = %%F %%T.%%3q
use_callids = yes
[logfiles]
console => error
full => notice,warning,error,verbose(5),security,debug
syslog.local0 => notice,warning,error,verbose(5),security,debug
syslog.local1 => [json]notice,warning,error,verbose(5),security,debug
syslog.local2 => [plain]notice,warning,error,verbose(5),security,debug
''',
  'pjproject.conf': '''[startup]
log_level = 5
[log_mappings]
type = log_mappings
asterisk_error = 0-1
asterisk_warning = 2
asterisk_debug = 3-4
''',
  'manager.conf': '''[general]
enabled = yes
bindaddr = 127.0.0.1
port = 5038
[lab]
secret = lab404
read = all
write = all
''',
  'pjsip.conf': '''[global]
type = global
user_agent = TestPBX 4.8.6
unidentified_request_count = 3
[transport]
type = transport
protocol = udp
bind = %(edge)s:5060
[trunk]
type = aor
contact = sip:%(uas)s:5060
[trunk]
type = endpoint
context = from-trunk
allow = !all,ulaw,alaw
aors = trunk
from_user = 486
trust_id_inbound = yes
[phones]
type = endpoint
context = from-phones
allow = !all,ulaw,alaw
[phones-b]
type = endpoint
context = from-phones-b
allow = !all,ulaw,alaw
[phones-b]
type = identify
endpoint = phones-b
match = 198.51.100.7
%(qualified)s
[phones]
type = identify
endpoint = phones
match = %(uac)s
%(accounts)s
[blocked]
type = endpoint
context = from-phones
allow = !all,ulaw
aors = 1001
contact_deny = 0.0.0.0/0
deny = 0.0.0.0/0
permit = 198.51.100.0/24
auth = auth1001
[noaor]
type = endpoint
context = from-phones
allow = !all,ulaw
auth = auth1001
%(registrations)s
''',
  'extensions.conf': '''[general]
[globals]
[from-trunk]
exten => _X.,1,Hangup(1)
[from-phones]
exten => _8XXX,1,NoOp(Hangup of ${EXTEN} with cause ${EXTEN:1})
same => n,Hangup($[${EXTEN:1}+0])
exten => _[1-7]X.,1,NoOp(call to ${EXTEN} from ${CALLERID(num)})
same => n,Set(TIMEOUT(absolute)=404)
same => n,Set(CALLERID(name)=503 Service Desk)
same => n,Dial(PJSIP/${EXTEN}@trunk,4,gU(answered^486))
same => n,Set(K=${HANGUPCAUSE_KEYS()})
same => n,Verbose(1,tech cause: ${HANGUPCAUSE(${K},tech)} ast cause: ${HANGUPCAUSE(${K},ast)})
same => n,NoOp(SIP_CAUSE=${HANGUPCAUSE(${K},tech)} DIALSTATUS=${DIALSTATUS} HANGUPCAUSE=${HANGUPCAUSE})
same => n,Log(NOTICE,Call to ${EXTEN} failed: ${HANGUPCAUSE(${K},tech)})
same => n,Log(WARNING,TRUNK Dial failed due to ${DIALSTATUS} HANGUPCAUSE: ${HANGUPCAUSE} - failing through to other trunks)
same => n,Set(CDR(sipcause)=${HANGUPCAUSE(${K},tech)})
same => n,Verbose(2,${UNIQUEID}|${EXTEN}|${DIALSTATUS}|${HANGUPCAUSE(${K},tech)})
same => n,UserEvent(CallFailed,Extension: ${EXTEN},Cause: ${HANGUPCAUSE},SipStatus: ${HANGUPCAUSE(${K},tech)})
same => n,Hangup(${HANGUPCAUSE})
[from-phones-b]
exten => _[1-7]X.,1,NoOp(call to ${EXTEN} from ${CALLERID(num)})
same => n,Dial(PJSIP/${EXTEN}@trunk,4,gU(answered^486))
same => n,Set(K=${HANGUPCAUSE_KEYS()})
same => n,Set(T=${HANGUPCAUSE(${K},tech)})
same => n,GotoIf($["${T}" = ""]?end)
same => n,NoOp(Dial failed for some reason with DIALSTATUS = ${DIALSTATUS} and HANGUPCAUSE = ${HANGUPCAUSE})
same => n,Verbose(0,Outbound call to ${EXTEN} returned "${T}")
same => n,Log(ERROR,dial ${DIALSTATUS}: ${T} - Q.850 ${HANGUPCAUSE})
same => n,Verbose(1,sip_code=${T:4:3} dialed=${EXTEN})
same => n,Verbose(1,INVITE to ${EXTEN}: result code=${T:4:3} reason=${T:8})
same => n,NoOp(FAIL ${EXTEN} [${T}] after ${DIALEDTIME} s of 404)
same => n,Set(__FAIL=${T}/${EXTEN})
same => n,Verbose(2,queue 503 agent 486 took ${EXTEN} in 404 ms)
same => n(end),Hangup(${HANGUPCAUSE})
[answered]
exten => s,1,NoOp(answered, ARG1 is ${ARG1})
same => n,Wait(0.1)
same => n,Return()
''',
}

LOADS = '''app_dial app_verbose app_userevent app_stack app_queue bridge_simple bridge_native_rtp bridge_builtin_features bridge_holding bridge_softmix
chan_pjsip codec_ulaw codec_alaw format_pcm func_callerid func_cdr func_channel func_hangupcause func_logic func_strings func_timeout func_global
pbx_config res_pjproject res_pjsip res_pjsip_acl res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_diversion res_pjsip_dlg_options res_pjsip_dtmf_info
res_pjsip_empty_info res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_exten_state res_pjsip_header_funcs
res_pjsip_logger res_pjsip_messaging res_pjsip_mwi res_pjsip_nat res_pjsip_notify res_pjsip_outbound_authenticator_digest res_pjsip_outbound_registration
res_pjsip_path res_pjsip_pidf_body_generator res_pjsip_pubsub res_pjsip_refer res_pjsip_registrar res_pjsip_rfc3326 res_pjsip_sdp_rtp res_pjsip_session
res_pjsip_outbound_publish res_pjsip_publish_asterisk res_pjsip_mwi_body_generator
res_rtp_asterisk res_security_log res_sorcery_astdb res_sorcery_config res_sorcery_memory res_stasis res_timing_timerfd res_timing_pthread
res_musiconhold res_parking res_http_websocket cdr_csv'''.split()

ACCOUNT = '''[auth%(user)s]
type = auth
auth_type = userpass
username = %(user)s
password = secret%(user)s
[%(user)s]
type = aor
max_contacts = 1
[%(user)s]
type = endpoint
context = from-phones
allow = !all,ulaw,alaw
auth = auth%(user)s
aors = %(user)s
'''

QUALIFIED = '''[q%(user)s]
type = aor
contact = sip:%(user)s@%(uas)s:5060
qualify_frequency = %(every)d
qualify_timeout = 2.0
[q%(user)s]
type = endpoint
context = from-phones
allow = !all,ulaw
aors = q%(user)s
'''

REGISTRATION = '''[reg-%(user)s]
type = registration
transport = transport
server_uri = sip:%(user)s@%(uas)s:%(port)d
client_uri = sip:%(user)s@%(uas)s:%(port)d
contact_user = %(user)s
outbound_auth = auth1001
retry_interval = %(retry)d
fatal_retry_interval = %(fatal)d
forbidden_retry_interval = %(forbidden)d
auth_rejection_permanent = %(permanent)s
max_retries = 3
expiration = 3600
'''


class Lab:
  def __init__(self, work, recorder, answers):
    self.work = work + '/ast'
    self.recorder = recorder
    self.answers = answers
    self.wire = {}            # Call-ID -> final codes the caller received
    self.wire_of_run = {}     # run of a caller -> final codes it received
    self.version = re.search(r'Asterisk ([\d.]+)', subprocess.run(
      ['asterisk', '-V'], capture_output=True, text=True, check=False).stdout).group(1)

  def configure(self, qualify=False):
    modules = glob.glob('/usr/lib/*/asterisk/modules')[0]
    for folder in ('etc', 'var', 'spool', 'run', 'log', 'log/cdr-csv'):
      os.makedirs(self.work + '/' + folder, exist_ok=True)
    registrations = ''
    for number, user in enumerate(self.answers):
      registrations += REGISTRATION % {
        'user': user, 'uas': UAS, 'port': REGISTRAR_PORT, 'retry': (30, 120, 404, 503)[number % 4],
        'fatal': (0, 0, 486)[number % 3], 'forbidden': (0, 300)[number % 2], 'permanent': ('yes', 'no')[number % 2]}
    registrations += REGISTRATION % {'user': '486x', 'uas': UAS, 'port': 5099, 'retry': 30, 'fatal': 0, 'forbidden': 0,
                                     'permanent': 'yes'}
    values = {
      'work': self.work, 'modules': modules, 'edge': EDGE, 'uas': UAS, 'uac': UAC, 'registrations': registrations,
      'accounts': ''.join(ACCOUNT % {'user': u} for u in ('1001', '1002', '404', '486', '503')),
      'qualified': ''.join(QUALIFIED % {'user': u, 'uas': UAS, 'every': e} for u, e in (
        ('200', 3), ('404', 4), ('486', 5), ('503', 5), ('7002', 6), ('7051', 6), (common.NO_ANSWER_USER, 4))) if qualify else '',
      'loads': '\n'.join('load = %s.so' % m for m in LOADS if os.path.exists('%s/%s.so' % (modules, m)))}
    for name, text in FILES.items():
      with open('%s/etc/%s' % (self.work, name), 'w', encoding='utf-8') as f:
        f.write(text % values if '%(' in text or '%%' in text else text)

  def cli(self, command):
    return subprocess.run(['asterisk', '-C', self.work + '/etc/asterisk.conf', '-rx', command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False).stdout

  def start(self, logger=False, debug=0, qualify=False):
    self.configure(qualify)
    sipp.carrier(self.work + '/carrier.xml', self.answers)
    self.carriers = [common.start(['sipp', '-sf', self.work + '/carrier.xml', '-i', UAS, '-p', str(port), '-nostdin', '-trace_msg'],
                                  self.work + '/carrier.out', cwd=self.work) for port in (5060, REGISTRAR_PORT)]
    self.pbx = common.start(['asterisk', '-f', '-n', '-C', self.work + '/etc/asterisk.conf'], self.work + '/asterisk.out')
    common.wait_for(lambda: 'Asterisk ' in self.cli('core show version'), 'asterisk', 60)
    common.wait_for(lambda: 'has been booted' in self.cli('core waitfullybooted') or
                    'fully booted' in self.cli('core waitfullybooted'), 'asterisk to boot', 60)
    if logger:
      self.cli('pjsip set logger on')
    if debug:
      self.cli('core set debug %d' % debug)

  def stop(self):
    self.cli('core stop now')
    try:
      self.pbx.wait(10)
    except subprocess.TimeoutExpired:
      common.stop(self.pbx)
    for carrier in self.carriers:
      common.stop(carrier)

  def codes(self):
    return sorted({c for a in self.answers.values() for c, _ in a.statuses()} |
                  {401, 403, 404, 408, 480, 484, 486, 488, 500, 501, 502, 503, 504, 603})

  def call(self, name, users, port=5080, rate=10, local=UAC, method='INVITE', cid='%u-%p@%s'):
    scenario = '%s/caller-%s.xml' % (self.work, name)
    calls = '%s/calls-%s.csv' % (self.work, name)
    sipp.caller(scenario, self.codes(), method)
    sipp.calls_file(calls, users)
    sipp.call(self.work, name, scenario, calls, len(users), local, EDGE + ':5060', port=port, rate=rate, cid=cid, limit=12,
              more=('-trace_msg',))
    self.note_wire('caller-' + name)

  def register(self, name, users, password, port=5086, local='192.0.2.50'):
    scenario = '%s/caller-%s.xml' % (self.work, name)
    calls = '%s/calls-%s.csv' % (self.work, name)
    sipp.caller(scenario, self.codes(), 'REGISTER', auth=True)
    with open(calls, 'w', encoding='utf-8') as f:
      f.write('SEQUENTIAL\n')
      for user in users:
        f.write('%s;%s;Desk %s;[authentication username=%s password=%s]\n' % (user, user, user, user, password % user))
    sipp.call(self.work, name, scenario, calls, len(users), local, EDGE + ':5060', port=port, rate=10,
              cid='reg-404-%u-%p@%s', more=('-trace_msg',))
    self.note_wire('caller-' + name)

  def note_wire(self, stem):
    for path in glob.glob('%s/%s_*_messages.log' % (self.work, stem)):
      with open(path, encoding='utf-8', errors='replace') as f:
        for block in f.read().split('-----------------------------------------------'):
          status = re.search(r'^SIP/2\.0 ([2-6]\d\d)', block, re.M)
          cid = re.search(r'^Call-ID: (.*?)\r?$', block, re.M)
          if status and cid:
            self.wire.setdefault(cid.group(1).strip(), set()).add(int(status.group(1)))
            self.wire_of_run.setdefault(stem, set()).add(int(status.group(1)))


class Manager:
  """A manager session that keeps all events."""

  def __init__(self):
    import threading
    self.sock = socket.create_connection(('127.0.0.1', 5038))
    self.data = b''
    self.sock.sendall(b'Action: Login\r\nUsername: lab\r\nSecret: lab404\r\n\r\n')
    threading.Thread(target=self.run, daemon=True).start()

  def run(self):
    while True:
      try:
        part = self.sock.recv(65536)
      except OSError:
        return
      if not part:
        return
      self.data += part

  def events(self):
    text = self.data.decode('utf-8', 'replace')
    return [e + '\r\n\r\n' for e in text.split('\r\n\r\n') if e.startswith('Event: ')]


# the product's own head, in the three forms
SYSLOG = re.compile(r'^<(?P<pri>\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d (?:\w+ )?asterisk\[\d+\]: (?P<rest>.*)$', re.S)
HEAD = re.compile(r'^(?P<level>[A-Z]+)\[\d+\](?:\[(?P<call>C-[0-9a-f]{8})\])?: (?P<file>[\w./<>-]+):(?P<line>\d+)(?: in)? (?P<func>[^ ]+): (?P<text>.*)$', re.S)
LOG_HEAD = re.compile(r'^(?P<level>[A-Z]+)\[\d+\](?:\[(?P<call>C-[0-9a-f]{8})\])?: (?P<file>Ext\. \w+):(?P<line>\d+) in (?P<func>@ [\w-]+): (?P<text>.*)$', re.S)
FILE_HEAD = re.compile(r'^\[[^\]]*\] (?P<level>[A-Z]+)\[\d+\](?:\[(?P<call>C-[0-9a-f]{8})\])? (?P<file>[\w./<>-]+|Ext\. \w+): (?P<text>.*)$', re.S)

DUMP = re.compile(r'^<--- (?P<dir>Transmitting|Received) SIP (?P<what>request|response) \(\d+ bytes\) (?:to|from) [A-Z]+:(?P<peer>\S+) --->\n(?P<message>.*)$', re.S)
FATAL = re.compile(r"^(?:Fatal|Temporal) response '(?P<code>\d{3})' received from '(?P<server>sip:[^']*)' on registration attempt to 'sip:(?P<user>\w+)@[^']*', "
                   r"(?:stopping outbound registration|retrying in '\d+')$")
FATAL2 = re.compile(r"^(?:'(?P<code>\d{3})'|(?P<code2>403) Forbidden) fatal response received from '(?P<server>sip:[^']*)' on registration attempt to "
                    r"'sip:(?P<user>\w+)@[^']*', retrying in '\d+' seconds$")
FAILED = re.compile(r"^Request '(?P<method>[A-Z]+)' from '.*' failed for '(?P<peer>[\d.]+:\d+)' \(callid: (?P<cid>[^)]*)\) - (?P<why>.*)$")
CONTACTS = re.compile(r"^Registration attempt from endpoint '[^']*' \((?P<peer>[\d.]+:\d+)\) to AOR '[^']*' will exceed max contacts of \d+$")
EXTENSION = re.compile(r"^(?P<endpoint>\S+): Call \([A-Z]+:(?P<peer>[\d.]+:\d+)\) to extension '[^']*' rejected because extension not found in context '[^']*'\.$")
TECH = re.compile(r'SIP (?P<code>\d{3})(?: (?P<reason>.*?))?(?: ast cause: [A-Z].*| DIALSTATUS=.*|"\) in new stack|,SipStatus.*| - Q\.850 \d+.*|""?(?:\) in new stack)?|\] after .*|/\d+(?:"\) in new stack)?)?$', re.S)
# parts of the tech cause by themselves
PART = re.compile(r'(?:sip_code=(?P<code>\d{3}) dialed=\d+|: result code=(?P<code2>\d{3}) reason=(?P<reason>.*?))(?:"\) in new stack)?$')
# a dialplan text with HANGUPCAUSE(...,tech) in it: what stands before the status
TECH_BEFORE = re.compile(r'(?:tech cause: |SIP_CAUSE=|failed: |CDR\(sipcause\)=|\d\|[A-Z]+\||SipStatus: |"T=|returned "|dial [A-Z]+: |FAIL \d+ \[|FAIL=)SIP \d{3}')

DEBUG_STATUS = [(re.compile(p), optional, method) for p, optional, method in (
  (r'^Processing REGISTER response (?P<code>\d{3}) from server ', False, 'REGISTER'),
  (r'^Received REGISTER response (?P<code>\d{3})\(', False, 'REGISTER'),
  (r'(?:^| )Method is (?P<method>[A-Z]+), Response is (?P<code>\d{3}) (?P<reason>.+)$', False, None),
  (r'(?:^| )Method: (?P<method>[A-Z]+) Status: (?P<code>\d{3})$', False, None),
  (r'(?:^| )Response is (?P<code>\d{3}) (?P<reason>.+)$', False, None),
  (r'(?:^|: )(?P<method>[A-Z]+) received final response code (?P<code>\d{3})$', False, None),
  (r'(?:^|: )reINVITE received final response code (?P<code>\d{3})$', False, None),
  (r'sending (?P<code>100) (?P<reason>Trying)$', False, None),
  (r'Cause: \d+ +Tech Cause: (?P<code>[1-6]\d\d)$', False, None),
  (r'Setting tech_cause (?P<code>[1-6]\d\d)', True, None),
  (r'[Rr]esponse msg (?P<code>\d{3})/(?P<method>[A-Z]+)/cseq=\d+', False, None),
  (r'inv_session->cause: (?P<code>[1-6]\d\d)', True, None),
  (r'RC (?P<code>\d{3}) not eligible for Reason header', True, None),
  (r'ast_cause: \d+ tech_cause: SIP (?P<code>\d{3}) (?P<reason>.*)$', False, None),
  (r'ast_cause: \d+ +tech_cause: (?P<code>[1-6]\d\d)(?: used)?$', True, None),
  (r'^Function HANGUPCAUSE\([^)]*,tech\) result is \'SIP (?P<code>\d{3}) (?P<reason>.*)\'$', False, None),
  (r'^ \S+: Status: (?P<code>[1-6]\d\d)$', True, None),
  (r'^ \S+ Response (?P<code>[1-6]\d\d)$', True, None),
  (r'^ \S+: Response Code: (?P<code>[1-6]\d\d)$', True, None),
  (r'Received (?P<code>422) \((?P<reason>[^)]*)\) response without Min-SE header!$', False, None),
)]

# texts whose numbers are something else: extensions, causes, ports, sizes, durations, ids
NEGATIVE = re.compile(
  r'^Executing \[|^Dial failed for some reason|^queue \d+ agent|^INVITE to \d+: result code= |^Now forwarding|^Not accepting call completion|^Failed to create authenticated|^Called PJSIP/|^PJSIP/\S+ (?:is ringing|is making progress|answered|requested|is busy|is circuit|redirecting|connected)|^Everyone is busy|^No one is available|^Nobody picked up'
  r'|^Spawn extension|^Auto fallthrough|^Channel PJSIP/\S+ (?:joined|left)|^TRUNK Dial failed due to [A-Z]+ HANGUPCAUSE: \d+ -|^Setting global variable'
  r'|^No response received from|^SecurityEvent=|^Endpoint \S+ is now|^Contact \S+ |^Added contact|^Removed contact|^Goto|^Hangup|^Loaded|^Asterisk '
  r'|^Launching|^Timeout|^Channel will|^Reloading|^Parsing|^Call to \S+ failed: $|^tech cause:  ast|^SIP_CAUSE= |^\S+\|\d+\|[A-Z]+\|$|^call to |^answered, ARG1|^Hangup of'
  r'|^Setting |^AOR \'|^Outbound REGISTER|^Endpoint|^Not playing|^\s*Created|^Added |^Remote UNIX|^Manager |^Bridge |^ Codecs|^Strict RTP'
  r'|^Got RTP|^Sent RTP|^\S+ Internal Gosub|^PJSIP/\S+ Internal|^Internal Gosub|^Ending|^Beginning|^res_|^app_|^Using |^== |^Registered |^Manager registered|^Request .* failed for')

HEX = re.compile(r'0x[0-9a-f]+|\b[0-9a-f]{8,}(?:-[0-9a-f]+)*\b|\b\d+\.\d+\.\d+\.\d+(?::\d+)?\b|\[C-[0-9a-f]+\]|PJSIP/[\w-]+-[0-9a-f]{8}')


class Labeller:
  def __init__(self, lab, pbx):
    self.lab = lab
    self.pbx = pbx
    self.rows = []
    self.extension = {}       # [C-...] -> called number
    self.calls = {}           # SIP Call-ID -> called number

  def label(self, level, call, text):
    """(dialect, expect, more) of one message text."""
    text = text.rstrip('\n')
    dump = DUMP.match(text)
    if dump:
      return self.dump(dump)
    m = re.match(r'(?:Executing \[.*NoOp\(".*", ")?call to (\d+) from ', text)
    if m and call:
      self.extension[call] = m.group(1)
    m = FATAL.match(text) or FATAL2.match(text)
    if m:
      code = int(m.group('code') or m.groupdict().get('code2'))
      if code != self.lab.answers[m['user']].code:
        raise RuntimeError('registration: %r' % text)
      server = m['server'][4:].split('@')[-1]
      return 'registration', {'code': code, 'method': 'REGISTER', 'method_implied': True, 'peer': server}, {}
    m = FAILED.match(text)
    if m:
      if m['method'] == 'ACK':
        return 'request failed', None, {'why': 'an ACK gets no answer'}
      if self.lab.wire.get(m['cid']) != {401}:
        return 'request failed', None, {'skip': True, 'why': 'on the wire: %s' % sorted(self.lab.wire.get(m['cid'], ()))}
      return 'request failed', {'code': 401, 'method': m['method'], 'call_id': m['cid'], 'peer': m['peer'], 'implied': True}, {
        'why': 'seen on the wire: 401'}
    m = EXTENSION.match(text.strip())
    if m:
      return 'no such extension', {'code': 404, 'method': 'INVITE', 'method_implied': True, 'peer': m['peer'], 'implied': True}, {
        'why': 'seen on the wire: 404'}
    m = CONTACTS.match(text)
    if m:
      if self.lab.wire_of_run.get('caller-full') != {401, 403}:
        return 'registration refused', None, {'skip': True}
      return 'registration refused', {'code': 403, 'method': 'REGISTER', 'method_implied': True, 'peer': m['peer'], 'implied': True}, {
        'why': 'seen on the wire: 403'}
    if TECH_BEFORE.search(text):
      return self.tech(call, text)
    if re.match(r'Executing \[.*GotoIf\(.*SIP \d{3}|ast_expr|syntax error', text):
      return 'dialplan expression', None, {'skip': True}
    m = PART.search(text)
    if m:
      code = int(m['code'] or m['code2'])
      answer = self.lab.answers.get(self.extension.get(call))
      if not answer or code not in [c for c, _ in answer.statuses()]:
        raise RuntimeError('dialplan: %r' % text)
      expect = {'code': code}
      if m['code2']:
        expect['method'] = 'INVITE'
        if m['reason'].strip() and m['reason'] == answer.phrase and '"' not in answer.phrase:
          expect['reason'] = m['reason'].strip()
      return 'dialplan part of the tech cause', expect, {}
    if level == 'DEBUG':
      return self.debug(text)
    if NEGATIVE.match(text) or common.silent(HEX.sub('', text)):
      return 'other', None, {}
    return 'other', None, {'skip': True}

  def dump(self, dump):
    message = dump['message']
    cid = re.search(r'^Call-ID: *(\S+)', message, re.M)
    cseq = re.search(r'^CSeq: *\d+ (\w+)', message, re.M)
    status = re.match(r'SIP/2\.0 (\d{3})(?: (.*?))?\r?\n', message)
    if not status:
      return 'logger, request', None, {}
    expect = {'code': int(status.group(1))}
    if status.group(2) and status.group(2).strip():
      expect['reason'] = status.group(2).strip()
    if cseq:
      expect['method'] = cseq.group(1)
    if cid:
      expect['call_id'] = cid.group(1)
    expect['peer'] = dump['peer']
    expect['direction'] = 'received' if dump['dir'] == 'Received' else 'sent'
    if dump['dir'] == 'Received' and dump['peer'].startswith(UAS):
      user = re.search(r'^To: .*?sip:(\w+)@', message, re.M)
      answer = self.lab.answers.get(user.group(1)) if user else None
      if answer and expect['code'] not in [c for c, _ in answer.statuses()] + [100, 200, 404]:
        raise RuntimeError('not scripted: %r' % message)
    return 'logger, response', expect, {}

  def tech(self, call, text):
    before = TECH_BEFORE.search(text)
    m = TECH.match(text[before.end() - 7:])
    if not m:
      return 'dialplan tech cause', None, {'skip': True}
    code, reason = int(m['code']), m['reason'] or ''
    answer = self.lab.answers.get(self.extension.get(call))
    scripted = [(c, p) for c, p in answer.statuses()] if answer else []
    if call and code not in [c for c, _ in scripted]:
      raise RuntimeError('dialplan: %r is not %r' % (text, scripted))
    for c, phrase in scripted:
      if c == code and phrase and phrase.replace('"', '\\"') != reason and phrase != reason:
        if reason.replace('\\', '') != phrase.replace('\\', ''):
          return 'dialplan tech cause', {'code': code}, {}
    expect = {'code': code}
    if reason.strip():
      expect['reason'] = reason.strip()
    after = re.search(r' - Q\.850 \d+', text)
    if after and reason.strip():
      # a phrase may have a dash in it: where it ends cannot be told
      return 'dialplan tech cause', expect, {'alt_reason': reason.strip() + after.group(0)}
    return 'dialplan tech cause', expect, {}

  def debug(self, text):
    m = EXTENSION.match(text.strip())
    if m:
      return 'no such extension', {'code': 404, 'method': 'INVITE', 'method_implied': True, 'peer': m['peer'], 'implied': True}, {
        'optional': True, 'why': 'seen on the wire: 404'}
    for pattern, optional, method in DEBUG_STATUS:
      m = pattern.search(text)
      if not m:
        continue
      fields = m.groupdict()
      expect = {'code': int(fields['code'])}
      if fields.get('reason'):
        expect['reason'] = fields['reason'].strip()
      if fields.get('method'):
        expect['method'] = fields['method']
      elif method:
        expect['method'] = method
      return 'debug ' + pattern.pattern[:36], expect, {'optional': True} if optional else {}
    plain = HEX.sub('', text)
    if common.silent(plain):
      return 'debug', None, {}
    if re.match(r'Taskprocessor |Found serializer|Calculated serializer|Failed to create authenticated|Scheduling outbound|Result of '
                r'|Copying|Outbound REGISTER|Spawn|AST hangup cause', plain):
      return 'debug', None, {}
    if re.search(r'status|code|response|SIP/2\.0|cause|RC|\bSIP \d', plain, re.I):
      return 'debug', None, {'skip': True}
    return 'debug', None, {}

  def add_syslog(self, line, via):
    m = SYSLOG.match(line)
    if not m:
      self.rows.append(row(self.pbx, 'other', 'syslog3164', line, None, via=via, skip=True))
      return
    facility = int(m['pri']) // 8
    rest = m['rest']
    framing = 'syslog3164'
    if facility == 17:
      fields = json.loads(rest.rstrip('\0\n'))
      message = fields['logmsg']
      call = fields['identifiers'].get('callid') or ''
      dialect, expect, more = self.label(message['level'], call.strip('[]') or None, message['message'])
      via += ', [json]'
    else:
      head = LOG_HEAD.match(rest) or HEAD.match(rest)
      if facility == 18:
        via += ', [plain]'
      if not head:
        self.rows.append(row(self.pbx, 'other', framing, line, None, via=via, **({} if common.silent(HEX.sub('', rest)) else {'skip': True})))
        return
      dialect, expect, more = self.label(head['level'], head['call'], head['text'])
    self.rows.append(row(self.pbx, dialect, framing, line, expect, via=via, **more))

  def add_file(self, path):
    """The log file as an agent reads it: one record a line."""
    with open(path, encoding='utf-8', errors='replace', newline='') as f:
      text = f.read()
    for record in re.split(r'(?m)^(?=\[\d{4}-\d\d-\d\d [\d:.]+\] [A-Z]+\[\d+\]|\[\w{3} [ \d]\d [\d:]+\] [A-Z]+\[\d+\])', text):
      if not record:
        continue
      head = FILE_HEAD.match(record.rstrip('\n'))
      if not head:
        continue
      dialect, expect, more = self.label(head['level'], head['call'], head['text'])
      item = row(self.pbx, dialect, 'bare', record, expect, via='file', **more)
      parts = record.rstrip('\n').split('\n')
      if len(parts) == 1:
        self.rows.append({**item, 'line': parts[0]})
        continue
      import relays
      for part, (own, extra) in zip(parts, relays.split_expect(item, parts)):
        if part.strip('\r '):
          keep = {k: v for k, v in more.items() if own is not None or k != 'optional'}
          self.rows.append(row(self.pbx, dialect, 'bare', part, own, via='file, one record a line', **{**keep, **extra}))

  def add_event(self, event):
    """A manager event."""
    name = re.match(r'Event: (\w+)', event).group(1)
    if name not in ('Hangup', 'HangupRequest', 'SoftHangupRequest', 'DialEnd', 'Registry', 'ChallengeSent', 'ChallengeResponseFailed',
                    'InvalidAccountID', 'FailedACL', 'SuccessfulAuth', 'ContactStatus', 'PeerStatus', 'UserEvent', 'Newexten'):
      return
    tech = re.search(r'^TechCause: (\d{3})\r?$', event, re.M)
    text = re.search(r'^(?:AppData|SipStatus): .*?\bSIP (\d{3})(?: (.*?))?(?: ast cause.*| DIALSTATUS.*)?\r?$', event, re.M)
    if tech and 100 <= int(tech.group(1)) < 700:
      expect = {'code': int(tech.group(1))}
      q850 = re.search(r'^Cause: (\d+)', event, re.M)
      if q850:
        expect['q850'] = int(q850.group(1))
      self.rows.append(row(self.pbx, 'manager ' + name, 'bare', event, expect, via='manager'))
    elif text:
      code = int(text.group(1))
      known = common.registry().get(code, '').lower() == (text.group(2) or '').strip().lower()
      self.rows.append(row(self.pbx, 'manager ' + name, 'bare', event, {'code': code}, via='manager',
                           **({} if known and name == 'UserEvent' else {'optional': True})))
    else:
      self.rows.append(row(self.pbx, 'manager ' + name, 'bare', event, None, via='manager'))

  def thinned(self):
    """A PBX repeats itself: at most so many of each shape and way."""
    count = {}
    result = []
    for item in self.rows:
      text = item['line']
      message = re.split(r'"message":|\b(?:in )?\w+: ', text, maxsplit=1)[-1] if 'asterisk[' in text else text
      shape = re.sub(r'0x[0-9a-f]+|[0-9a-f-]{8,}|\d+|sip:[^\'" >;]*', '0', HEX.sub('0', message))
      via = item['via']
      first = via.startswith('direct') and '[' not in via
      debug = item['dialect'].startswith('debug')
      if item['expect']:
        shape = re.sub(r'(?s)SIP .*', '', shape)[:28] if item['dialect'] == 'dialplan tech cause' else item['dialect']
        limit = 130 if first else 60
        if debug:
          shape, limit = item['dialect'] + shape[:24], 12 if first else 4
        if item['dialect'] == 'logger, response':
          limit = 260 if first else 90
      else:
        shape = re.sub(r'(?i)[a-z_0-9]+\.(?:so|c|conf)|\'[^\']*\'|"[^"]*"', '', shape)[:26]
        limit = 25 if first else 6
        if debug:
          shape, limit = shape[:16], 4 if first else 1
        if common.silent(HEX.sub('', text)):
          shape, limit = shape[:14], 3 if first else 1
        if re.search(r'\b(?:loader|manager|pbx_functions|pbx_app|asterisk|config_options|sorcery|acl|ccss|config)\.c|Manager \w*registered', text):
          shape, limit = 'boot', 12 if first else 3
        if item.get('skip'):
          shape, limit = 'skip', 8
        if item['dialect'].startswith('logger'):
          limit = 60 if first else 25
        if via == 'file, one record a line' and item['dialect'].startswith('logger'):
          shape, limit = shape[:12], 12
      key = (via, item['dialect'], shape)
      count[key] = count.get(key, 0) + 1
      if count[key] <= limit:
        result.append(item)
    return result
