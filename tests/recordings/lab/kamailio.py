# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Kamailio between sipp callers and a sipp carrier: configuration, run, truth.

Every xlog() spelling is preceded by a second xlog() that starts with TRUTH| and gives the pseudo variables one by one.
The recorder takes the pairs apart: the first is the truth of the second and is not part of the recording.
Accounting lines are read by their own key=value form and held against the answer scripted for the called number.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import common
import sipp
from common import EDGE, EDGE6, UAC, UAC6, UAS, UAS6, row

REPLY = [
  'REPLY: $rs $rr ($rm, $si:$sp, $ci)',
  'Reply $rs $rr from $si:$sp',
  'SIP response $rs $rr (Call-ID: $ci)',
  'got a reply from callee [$rs $rr]',
  'onreply_route: $rs $rr received from $si:$sp, callid=$ci',
  'rs=$rs rr=$rr rm=$rm ci=$ci si=$si sp=$sp',
  'method=$rm code=$rs reason="$rr" src=$si:$sp callid=$ci',
  '{"event":"reply","method":"$rm","code":$rs,"reason":"$rr","call_id":"$ci","src":"$si:$sp"}',
  '{"sip_code":"$rs","sip_reason":"$rr","callid":"$ci"}',
  '[$ci] $rm response: $rs/$rr',
  'status=$rs method=$rm cseq=$cs from=$fu to=$tu',
  '$rs $rr',
  'ONREPLY|$ci|$rm|$rs|$rr|$si',
  'incoming reply <$rs $rr> for $rm',
  'response code: $rs for $rm callid $ci',
  'SIP reply code is $rs for $rm',
  'sip_status=$rs sip_reason=\'$rr\' peer=$si',
  'received $rs response to $rm from $si:$sp',
  '$rm $ci: $rs ($rr)',
  'Manage_reply: status=$rs reason=$rr method=$rm',
  'whole reply: $mb',
]
REPLY_NONE = [
  'onreply from $si:$sp cseq=$cs length=$ml ua=TestPhone 4.0.4',
  'reply passed to $T_req($si):$T_req($sp) after 486|600 check, port 503',
  'cseq $cs $rm callid=$ci to=$tu contact=$ct',
]
FAILURE = [
  '[$ci] $rm failed with $T_reply_code $T_reply_reason',
  '$ci|log|failed $T_reply_code $T_reply_reason',
  'failure_route called: rs=$rs T_reply_code=$T_reply_code',
  'Call to $rU failed: $T_reply_code $T_reply_reason',
  'FAILURE $T_reply_code/$T_reply_reason method=$rm callid=$ci',
  'upstream answered $T_reply_code for INVITE',
  '$T_reply_code $T_reply_reason',
  '$rm to $ru rejected: $T_reply_code $T_reply_reason',
]
FAILURE_NONE = [
  'failure_route: $rm $ru from $fu src=$si:$sp',
  'trying next gateway for $rU, code matched 486|600',
]
LOCAL = [
  'sl:local-response $rs / $rr for $rm from $fu cid=$ci',
  'local reply $rs $rr to $rm callid=$ci',
  'sending reply: $rs $rr ($rm)',
  '[$ci] replied $rs to $rm',
]
REQUEST_NONE = [
  '$rm from $fu to $ru, source $si:$sp, cid=$ci',
  'INVITE $fU -> $rU ($si:$sp) ua=$ua',
  'new request $rm $ru cseq=$cs len=$ml',
  'routing $rU@$rd via gateway 503 port 5060, prefix 404 stripped',
  'whole request: $mb',
  '$ci|log|received $pr request $rm $ru',
  'method=$rm ruri=$ru from=$fu src=$si:$sp',
  '{"event":"request","method":"$rm","ruri":"$ru","port":$sp,"cseq":"$cs","length":$ml}',
]

# A second set, written after the scanner's rules had been tried on the first.
REPLY_B = [
  'Received reply: $rs $rr for call $ci',
  '[MANAGE_REPLY] $rm $rs from $si',
  '--> reply $rs ($rr) $ci',
  '$ci: $rm got $rs from $si:$sp',
  'Response $rs $rr to $rm [$ci] from $si',
  'RESPONSE: $rs | $rr | $cs $rm | $ci',
  'Reply [$rs] from [$si:$sp] call-id [$ci]',
  'sip_code=$rs;sip_reason=$rr;method=$rm;call_id=$ci',
  'callid=$ci status_code=$rs reason_phrase="$rr"',
  'level=info msg="sip reply" code=$rs reason="$rr" call_id=$ci method=$rm',
  'reply-code:$rs,reply-text:$rr,call-id:$ci',
  'REPLY $rs $rr [$si:$sp]',
  'onreply: code $rs ($rr), cseq $cs $rm',
  'leg B answered with $rs to $rm',
  '{"type":"sip","dir":"in","status":"$rs","reason":"$rr","callid":"$ci","cseq_method":"$rm"}',
  'reply from carrier: $rs $rr (call $ci)',
  'got final reply $rs for $rm $ci',
  '$rm/$rs $rr $ci',
]
REPLY_NONE_B = [
  'reply took 486 ms from $si:$sp',
  '$rm reply length $ml ttl 503 from $si port $sp',
  'reply for $rm: cseq $cs, route set 404, callid $ci',
]
FAILURE_B = [
  'received failure reply $T_reply_code from upstream',
  'Failure route: $T_reply_code for $ru',
  'carrier replied $T_reply_code, trying next gateway',
  '$rm rejected with $T_reply_code $T_reply_reason',
  'branch failed: $T_reply_code $T_reply_reason',
  'call $ci failed, last reply code $T_reply_code',
  'FAILED CALL: $fU -> $rU code=$T_reply_code reason=$T_reply_reason callid=$ci',
]
FAILURE_NONE_B = [
  'failure: retry 3 of 503 for $rU',
  'next hop for $rU is gateway 404 in set 486',
]
LOCAL_B = [
  'replying $rs $rr to $fu',
  '$rm from $fu answered locally: $rs $rr',
  'LOCAL REPLY: code=$rs reason=$rr method=$rm callid=$ci',
]
REQUEST_NONE_B = [
  '>>> $rm $ru from $si:$sp',
  'REQUEST: $rm | $ru | $cs | $ci | $si',
  'codecs offered: 0 8 101 486, ptime 20',
  'dispatcher set 404 selected for $rU, 503 destinations',
  'call-id $ci cseq $cs expires 600 from port $sp',
  'limit: 486 of 600 channels in use, $rm $rU accepted',
]
SETS = {'': (REPLY, REPLY_NONE, FAILURE, FAILURE_NONE, LOCAL, REQUEST_NONE),
        'b-': (REPLY_B, REPLY_NONE_B, FAILURE_B, FAILURE_NONE_B, LOCAL_B, REQUEST_NONE_B)}

CONFIG = '''#!KAMAILIO
debug=%(debug)d
log_stderror=%(stderr)s
log_facility=LOG_LOCAL0
%(global)s
fork=yes
children=2
tcp_children=1
auto_aliases=no
listen=udp:%(edge)s:5060
listen=udp:[%(edge6)s]:5060
listen=tcp:%(edge)s:5060
tcp_connect_timeout=1
mpath="%(modules)s"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "sanity.so"
loadmodule "auth.so"
loadmodule "cfgutils.so"
loadmodule "dialog.so"
loadmodule "db_text.so"
loadmodule "uac.so"
loadmodule "dispatcher.so"
loadmodule "acc.so"
modparam("tm", "fr_timer", 4000)
modparam("tm", "fr_inv_timer", 6000)
modparam("tm", "failure_reply_mode", 3)
modparam("rr", "append_fromtag", 1)
modparam("registrar", "max_contacts", 1)
modparam("registrar", "max_expires", 3600)
modparam("cfgutils", "lock_set_size", 4)
modparam("pv", "shvset", "n=i:0")
modparam("acc", "early_media", 1)
modparam("acc", "report_ack", 1)
modparam("acc", "report_cancels", 1)
modparam("acc", "log_flag", 1)
modparam("acc", "log_missed_flag", 2)
modparam("acc", "failed_transaction_flag", 3)
modparam("acc", "log_extra", "src_user=$fU;src_domain=$fd;src_ip=$si;dst_ouser=$tU;dst_user=$rU;dst_domain=$rd;ua=$ua")
modparam("acc", "cdr_enable", 1)
modparam("uac", "reg_db_url", "text://%(work)s/dbtext")
modparam("uac", "reg_contact_addr", "%(edge)s:5060")
modparam("uac", "reg_timer_interval", 2)
modparam("uac", "reg_retry_interval", 4)
modparam("uac", "reg_gc_interval", 60)
modparam("dispatcher", "list_file", "%(work)s/dispatcher.list")
modparam("dispatcher", "ds_ping_interval", 2)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_ping_from", "sip:486@%(edge)s")

request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (!sanity_check("17895", "7")) { exit; }
%(request)s
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { if (is_method("BYE|ACK")) setflag(1); t_relay(); exit; }
    if (is_method("ACK") && !t_check_trans()) exit;
    $rd = "%(uas)s"; if (af == INET6) $du = "sip:[%(uas6)s]:5060";
    if (is_method("BYE")) { setflag(1); setflag(3); }
    t_relay(); exit;
  }
  t_check_trans();
  if (is_method("REGISTER")) { route(REGISTER); exit; }
  if (is_method("INVITE|SUBSCRIBE")) record_route();
  setflag(1); setflag(2); setflag(3);
  if (is_method("INVITE")) dlg_manage();
  if ($rU =~ "^8") { route(LOCAL); exit; }
  if (af == INET6) { $du = "sip:[%(uas6)s]:5060"; } else { $rd = "%(uas)s"; }
  t_on_failure("FAIL");
  if (!t_relay()) sl_reply_error();
}

route[REGISTER] {
  if ($tU == "403") { sl_send_reply("403", "Banned user"); exit; }
  if ($tU == "7403") { sl_send_reply("403", "Không được phép"); exit; }
  if (!pv_www_authenticate("$td", "secret404", "0")) { www_challenge("$td", "0"); exit; }
  if (!save("location")) sl_reply_error();
}

route[LOCAL] {
  if ($rU == "8477") { $du = "sip:%(uas)s:5099;transport=tcp"; t_on_failure("FAIL"); if (!t_relay()) sl_reply_error(); exit; }
  if ($rU == "8478") { $du = "sip:nowhere.invalid:5060"; if (!t_relay()) sl_reply_error(); exit; }
  if ($rU == "8503") { t_newtran(); t_reply("503", "Gateway 404 full"); exit; }
  if ($rU == "8486") { t_newtran(); t_reply("486", "Busy here"); exit; }
  if ($rU == "8603") { send_reply("603", "Decline"); exit; }
  if ($rU == "8420") { send_reply("420", "Bad Extension"); exit; }
  sl_send_reply("404", "Not Found");
}

onreply_route {
%(reply)s
  return 1;
}

failure_route[FAIL] {
%(failure)s
  if (t_is_canceled()) exit;
  if ($T_reply_code == 504) {
    $var(new) = 503;
    xlog("L_NOTICE", "TRUTH|rewrite|$var(new)|$rm|$si|$sp|$ci|$T_reply_reason\\n");
    xlog("L_NOTICE", "sending $T_reply_code reply as $var(new) $T_reply_reason\\n");
    t_reply("$var(new)", "$T_reply_reason");
  }
}

event_route[sl:local-response] {
%(local)s
}

event_route[tm:local-response] {
%(tmlocal)s
}

event_route[dispatcher:dst-down] { xlog("L_WARN", "Destination down: $rm $ru ($du)\\n"); }
event_route[dispatcher:dst-up] { xlog("L_WARN", "Destination up: $rm $ru ($du)\\n"); }
'''


def cfg_quote(text):
  return text.replace('\\', '\\\\').replace('"', '\\"')


def pairs(kind, spellings, none, code, reason, each):
  """Statements that print `each` of the spellings in turn, each after its truth."""
  items = [(kind + str(i), s, True) for i, s in enumerate(spellings)]
  items += [(kind + 'none' + str(i), s, False) for i, s in enumerate(none)]
  out = ''
  for turn in range(each):
    var = '$var(k)'
    out += '  lock("n"); $shv(n) = $shv(n) + 1; %s = $shv(n); unlock("n"); %s = %s mod %d;\n' % (var, var, var, len(items))
    out += '  switch (%s) {\n' % var
    for number, (name, spelling, _) in enumerate(items):
      level = ('L_INFO', 'L_NOTICE', 'L_WARN', 'L_ERR')[number % 4]
      out += '    case %d:\n' % number
      out += '      xlog("L_NOTICE", "TRUTH|%s|%s|$rm|$si|$sp|$ci|%s\\n");\n' % (name, code, reason)
      out += '      xlog("%s", "%s\\n");\n      break;\n' % (level, cfg_quote(spelling))
    out += '  }\n'
  return out


SPELLINGS = {}
for _set, (_reply, _reply_none, _failure, _failure_none, _local, _request_none) in SETS.items():
  for _kind, _list, _none in (('reply', _reply, _reply_none), ('fail', _failure, _failure_none), ('local', _local, []),
                              ('request', [], _request_none), ('tmlocal', _local, [])):
    for _i, _s in enumerate(_list):
      SPELLINGS[_set + _kind + str(_i)] = (_s, True)
    for _i, _s in enumerate(_none):
      SPELLINGS[_set + _kind + 'none' + str(_i)] = (_s, False)
SPELLINGS['rewrite'] = ('sending $T_reply_code reply as $var(new) $T_reply_reason', True)


class Lab:
  """One Kamailio with its carrier."""

  def __init__(self, work, recorder, answers, program='/usr/sbin/kamailio'):
    self.work = work
    self.recorder = recorder
    self.answers = answers
    self.program = program
    self.called = {}          # Call-ID -> called number
    self.version = subprocess.run([program, '-v'], capture_output=True, text=True, check=False).stdout.split()[2]
    self.modules = glob.glob('/usr/lib/*/kamailio/modules')[0] + '/'
    os.makedirs(work + '/dbtext', exist_ok=True)
    self._uacreg()

  def _uacreg(self):
    """Outbound registrations, one for each of some answers."""
    shutil.copy('/usr/share/kamailio/dbtext/kamailio/version', self.work + '/dbtext/version')
    with open('/usr/share/kamailio/dbtext/kamailio/uacreg', encoding='utf-8') as f:
      head = f.readline()
    self.registrations = [u for u in self.answers if self.answers[u].code >= 300 and self.answers[u].phrase][::3]
    with open(self.work + '/dbtext/uacreg', 'w', encoding='utf-8') as f:
      f.write(head)
      for number, user in enumerate(self.registrations, 1):
        f.write('%d:trunk%s:%s:%s:%s:%s:%s:%s:%s:0123456789abcdef0123456789abcdef:sip\\:%s\\:5060:360:0:0:%s\\:5060:udp\\:%s\\:5060\n' % (
          number, user, user, EDGE, user, UAS, UAS, user, 'pw', UAS, EDGE, EDGE))
    with open(self.work + '/dispatcher.list', 'w', encoding='utf-8') as f:
      for number, user in enumerate(('200', '404', '486', '503', '480')):
        f.write('%d sip:%s@%s:5060\n' % (number + 1, user, UAS))
      f.write('9 sip:%s:5099\n' % UAS)

  def configure(self, each, debug=2, stderr='no', extra='', name=''):
    reply, reply_none, failure, failure_none, local, request_none = SETS[name]
    path = self.work + '/kamailio.cfg'
    with open(path, 'w', encoding='utf-8') as f:
      f.write(CONFIG % {
        'debug': debug, 'stderr': stderr, 'global': extra, 'edge': EDGE, 'edge6': EDGE6, 'uas': UAS, 'uas6': UAS6,
        'modules': self.modules, 'work': self.work,
        'request': pairs(name + 'request', [], request_none, '0', '', 1),
        'reply': pairs(name + 'reply', reply, reply_none, '$rs', '$rr', each),
        'failure': pairs(name + 'fail', failure, failure_none, '$T_reply_code', '$T_reply_reason', max(1, each - 1)),
        'local': pairs(name + 'local', local, [], '$rs', '$rr', 1),
        'tmlocal': pairs(name + 'tmlocal', local, [], '$rs', '$rr', 1),
      })
    return path

  def start(self, config, arguments=()):
    self.proxy = common.start([self.program, '-f', config, '-DD', '-w', self.work, '-Y', self.work,
                               '-P', self.work + '/kamailio.pid', *arguments], self.work + '/kamailio.out')
    sipp.carrier(self.work + '/carrier.xml', self.answers)
    self.carriers = [common.start(['sipp', '-sf', self.work + '/carrier.xml', '-i', address, '-p', '5060', '-nostdin',
                                   '-trace_msg', '-trace_err'], self.work + '/carrier.out', cwd=self.work)
                     for address in (UAS, UAS6)]
    def listening():
      if self.proxy.poll() is not None:
        raise RuntimeError('kamailio ended: ' + ' '.join(common.text(d) for _, d in self.recorder.records if b'CRITICAL' in d))
      return subprocess.run(['ss', '-Hlun', 'src', EDGE + ':5060'], capture_output=True, check=False).stdout

    common.wait_for(listening, 'kamailio to listen')
    common.wait_for(lambda: all(subprocess.run(['ss', '-Hlun', 'src', a + ':5060'], capture_output=True, check=False)
                                .stdout for a in (UAS, '[' + UAS6 + ']')), 'the carriers to listen')

  def stop(self):
    common.stop(self.proxy)
    for carrier in self.carriers:
      common.stop(carrier)

  def codes(self):
    return sorted({c for a in self.answers.values() for c, _ in a.statuses()} | {403, 404, 408, 420, 477, 478, 483, 500, 503})

  def call(self, name, users, method='INVITE', ipv6=False, port=5080, cid='%u-%p@%s', rate=40):
    """Calls each of the users once, in order, and notes which Call-ID called whom."""
    scenario = self.work + '/caller-%s.xml' % name
    calls = self.work + '/calls-%s.csv' % name
    sipp.caller(scenario, self.codes(), method)
    sipp.calls_file(calls, users)
    local, remote = (UAC6, '[%s]:5060' % EDGE6) if ipv6 else (UAC, EDGE + ':5060')
    sipp.call(self.work, name, scenario, calls, len(users), local, remote, port=port, cid=cid, rate=rate,
              more=('-trace_msg', '-trace_shortmsg', '-trace_err'))
    self.note_calls('caller-' + name)

  def register(self, name, users, password, port=5086):
    scenario = self.work + '/caller-%s.xml' % name
    calls = self.work + '/calls-%s.csv' % name
    sipp.caller(scenario, self.codes(), 'REGISTER', auth=True)
    sipp.calls_file(calls, users, auth=lambda n: '[authentication username=%s password=%s]' % (users[n], password))
    sipp.call(self.work, name, scenario, calls, len(users), UAC, EDGE + ':5060', port=port, cid='reg-%u-%p@%s',
              more=('-trace_msg', '-trace_shortmsg', '-trace_err'))
    self.note_calls('caller-' + name)

  def note_calls(self, stem):
    """Reads sipp's message trace: the To of each request it sent gives the called number of the Call-ID."""
    for path in glob.glob(self.work + '/%s_*_messages.log' % stem):
      with open(path, encoding='utf-8', errors='replace') as f:
        for block in f.read().split('-----------------------------------------------'):
          to = re.search(r'^To: <sip:([^@>]*)@', block, re.M)
          cid = re.search(r'^Call-ID: (.*?)\r?$', block, re.M)
          if to and cid:
            self.called[cid.group(1).strip()] = to.group(1)


PREFIX = re.compile(r'^(?P<pri><\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d )?(?P<tag>\S*kamailio\[\d+\]: )?')
ACC = re.compile(r'ACC: (?:transaction answered|call missed|request accounted|request acknowledged): '
                 r'timestamp=\d+;method=(?P<method>[A-Z]+);from_tag=(?P<ft>[^;]*);to_tag=(?P<tt>[^;]*);'
                 r'call_id=(?P<cid>[^;]*);code=(?P<code>\d{3});reason=(?P<reason>.*?);src_user=(?P<su>[^;]*);'
                 r'src_domain=(?P<sd>[^;]*);src_ip=(?P<ip>[^;]*);dst_ouser=(?P<to>[^;]*);')
UACREG = re.compile(r'got sip response (\d{3}) while registering \[trunk(\d+)\]')
NOISE = re.compile(r'kamailio\[\d+\]|[\w/]+\.[ch]:\d+|<\d+>|\d\d:\d\d:\d\d|192\.0\.2\.\d+')
DEBUG_STATUS = [(re.compile(p), optional, method) for p, optional, method in (
  (r'uac_reg_tm_callback\(\): completed with status (\d{3}) \[uuid: trunk', False, 'REGISTER'),
  (r'got (423) response while registering', False, 'REGISTER'),
  (r'OPTIONS-Request was finished with code (\d{3}) \(to sip:(?:\w+@)?(?P<peer>[\d.]+:\d+), group', False, 'OPTIONS'),
  (r'udp_rcv_loop\(\): received on udp socket: \([\d/]+\) \[\[SIP/2\.0 (\d{3}) ', False, None),
  (r'T_code=\d+, new_code=([1-6]\d\d)\b', False, None),
  (r'parse_msg\(\):  ?status: +<(\d{3})>', False, None),
  (r'local_reply\(\): local transaction completed (\d{3})/', True, None),
  (r'acc callback called for t\(\w+\) event type \d+, reply code ([1-6]\d\d)', True, None),
  (r'probing acc state - code: ([1-6]\d\d)', True, None),
  (r'original status uas=([1-6]\d\d), uac\[0\]=\1', True, None),
  (r'pv_get_tm_reply_code\(\): reply code is <([1-6]\d\d)>', True, None),
  (r'uas status: ([1-6]\d\d)', True, None),
  (r'relay_reply\(\): reply status=.* msg status=([1-6]\d\d)', True, None),
  (r'_reply_light\(\): reply sent out - buf=\w+: SIP/2\.0 (\d{3}) ', True, None),
  (r'generate_res_buf_from_sip_res\(\): copied size: .* msg=\nSIP/2\.0 (\d{3}) ', True, None),
)]
DEBUG_NONE = re.compile(r'reply-route executed in|received sip message - (?:reply|request) - call-id|t_reply_matching'
                        r'|matched an active transaction|reply_received\(\): transaction found|put_on_wait|t_check_msg')
DUMP = re.compile(r'parse_msg\(\): ERROR: parse_msg: message=<SIP/2\.0 (\d{3})(.*)', re.S)


def unescape(text):
  return text.replace('\\r', '\r').replace('\\n', '\n').replace('\\"', '"')


class Labeller:
  """Turns the datagrams of one run into labelled rows."""

  def __init__(self, lab, pbx):
    self.lab = lab
    self.pbx = pbx
    self.pending = {}
    self.rows = []
    self.dropped = 0

  def scripted(self, call_id):
    user = self.lab.called.get(call_id)
    answer = self.lab.answers.get(user)
    return {code for code, _ in answer.statuses()} if answer else set()

  def from_truth(self, truth, line):
    """The expectation of an xlog line from the pseudo variables printed just before it."""
    name, code, method, si, sp, cid, reason = truth
    spelling, status = SPELLINGS[name]
    if not status:
      return None, spelling, {}
    if not re.fullmatch(r'[1-6]\d\d', code):
      return None, spelling, {'why': 'the variable held no status: ' + code}
    expect = {'code': int(code)}
    if reason and reason != '<null>' and ('$rr' in spelling or '$T_reply_reason' in spelling or '$mb' in spelling):
      expect['reason'] = reason
    if '$rm' in spelling or '$mb' in spelling:
      expect['method'] = method
    if 'for INVITE' in spelling:
      expect['method'] = 'INVITE'
    if '$ci' in spelling or '$mb' in spelling:
      expect['call_id'] = cid
    if si and si != '<null>':
      if '$si:$sp' in spelling:
        if ':' not in si:     # an IPv6 address without brackets before a port cannot be told apart on the line
          expect['peer'] = si + ':' + sp
      elif '$si' in spelling:
        expect['peer'] = si.strip('[]')
    more = {}
    bare = re.sub(r'\$T_reply_code|\$T_reply_reason|\$r[sr]|\$ci|\$rm', '', spelling)
    if bare in (' ', '|log|failed ', '/  ', '--> reply  () '):
      known = common.registry().get(int(code), '')
      if known.lower() != reason.lower():
        more['optional'] = True
        more['why'] = 'a number and a free phrase with nothing around them'
    return expect, spelling, more

  def add(self, line, framing, text=None, via='direct'):
    """One datagram or output line. `text` is the text inside a wrapping such as JSON."""
    text = line if text is None else text
    pid = re.search(r'kamailio\[(\d+)\]|^\s*\d+\((\d+)\) |"pid": *(\d+)', line)
    pid = pid.group(0) if pid else ''
    mark = text.find('TRUTH|')
    if mark >= 0:
      self.pending[pid] = text[mark + 6:].rstrip('\n').split('|', 6)
      return
    # a module's own line may come between the two
    truth = self.pending.pop(pid, None) if '<script>' in line or '"xlog"' in line else None
    if truth:
      expect, spelling, more = self.from_truth(truth, line)
      if not self.belongs(spelling, text):
        raise RuntimeError('truth and line do not belong together: %r %r' % (truth, line))
      if expect and 'local' not in truth[0] and self.scripted(truth[5]):
        allowed = self.scripted(truth[5]) | {100, 200, 401, 403, 404, 408, 477, 478, 503}
        if expect['code'] not in allowed:
          raise RuntimeError('%r was not scripted for the call: %r' % (truth, line))
      self.keep('xlog ' + spelling if len(spelling) < 60 else 'xlog ' + spelling[:57] + '...', framing, line, expect, via, **more)
      return
    acc = ACC.search(text)
    if acc:
      expect = {'code': int(acc['code'])}
      if acc['reason']:
        expect['reason'] = acc['reason']
      expect.update(method=acc['method'], call_id=acc['cid'])
      if acc['ip'] and acc['ip'] != '<null>':
        expect['peer'] = acc['ip'].strip('[]')
      self.keep('acc', framing, line, expect, via)
      return
    reg = UACREG.search(text)
    if reg:
      code = int(reg.group(1))
      answer = self.lab.answers.get(reg.group(2))
      if code not in (408, answer and answer.code):
        raise RuntimeError('registration: %r' % line)
      self.keep('uac_reg', framing, line, {'code': code, 'method': 'REGISTER', 'method_implied': True}, via)
      return
    dump = DUMP.search(text)
    if dump:
      message = unescape(dump.group(2))
      expect = {'code': int(dump.group(1))}
      cid = re.search(r'^Call-ID: *(\S+)', message, re.M)
      cseq = re.search(r'^CSeq: *\d+ (\w+)', message, re.M)
      if cid:
        expect['call_id'] = cid.group(1)
      if cseq:
        expect['method'] = cseq.group(1)
      self.keep('parser dump', framing, line, expect, via)
      return
    self.other(line, framing, text, via)

  def belongs(self, spelling, text):
    """The fixed text before the first variable must be on the line."""
    first = spelling.split('$', 1)[0]
    return first in text or first.replace('"', '\\"') in text

  def other(self, line, framing, text, via):
    if ' DEBUG: ' in text:
      self.debug(line, framing, text, via)
      return
    error = re.search(r'sl_reply_error\(\): stateless error reply used: .* \((\d{3})/SL\)', text)
    if error:
      self.keep('sl error', framing, line, {'code': int(error.group(1))}, via, optional=True)
    elif re.search(r'too many contacts', text):
      self.keep('registrar', framing, line, {'code': 503, 'implied': True, 'method': 'REGISTER', 'method_implied': True}, via,
                optional=True, why='registrar answers 503 to this; the number is not on the line')
    elif re.search(r'core parsing of SIP message failed|start_time=[\d.]+; ?end_time=|Destination (?:up|down): '
                   r'|tcp_finish_connect|connection failed|could not add TCP|tcpconn_|could not resolve|no sockets|mk_proxy'
                   r'|failed to resolve|t_forward_nonack|add_uac|uri2dst|ip_addr2sbuf|failure to add branches'
                   r'|skipping late reply match|t_unref\(\): dropping orphaned|initialization done|exit\(\)|signal', text):
      self.keep('other', framing, line, None, via)
    elif common.silent(NOISE.sub('', text)):
      self.keep('other', framing, line, None, via)
    else:
      self.keep('other', framing, line, None, via, skip=True)

  def debug(self, line, framing, text, via):
    """Debug lines: those whose source prints a status, in DEBUG_STATUS; lines without a word of a reply are negatives."""
    for pattern, optional, method in DEBUG_STATUS:
      match = pattern.search(text)
      if match:
        expect = {'code': int(match.group(1))}
        if match.groupdict().get('peer'):
          expect['peer'] = match['peer']
        if method:
          expect.update(method=method, method_implied=method != 'OPTIONS')
          if method == 'OPTIONS':
            del expect['method_implied']
        self.keep('debug ' + pattern.pattern[:40], framing, line, expect, via, **({'optional': True} if optional else {}))
        return
    if DEBUG_NONE.search(text):
      self.keep('debug', framing, line, None, via)
    elif re.search(r'status|code|repl|response|SIP/2\.0 \d', text) and not common.silent(NOISE.sub('', text)):
      self.keep('debug', framing, line, None, via, skip=True)
    else:
      self.keep('debug', framing, line, None, via)

  def keep(self, dialect, framing, line, expect, via, **more):
    self.rows.append(row(self.pbx, dialect, framing, line, expect, via=via, **more))

  def thinned(self):
    """Debug output repeats itself: at most so many of each shape."""
    count = {}
    result = []
    for item in self.rows:
      text = item['line']
      if item['dialect'].startswith('debug') or item['dialect'] == 'uac_reg':
        shape = re.sub(r'0x[0-9a-f]+|[0-9a-f]{8,}|\d+|(?<=<)[^<>]*(?=>)', '0', text.split(': ', 1)[-1])[:70]
        limit = 120 if item['dialect'] == 'uac_reg' else 40 if item['expect'] else 4
        shape = 'uac_reg' if item['dialect'] == 'uac_reg' else shape
        if item['expect'] is None and common.silent(NOISE.sub('', text)):
          shape, limit = shape[:40], 1
        if item.get('skip'):
          shape, limit = 'skip', 30
        count[shape] = count.get(shape, 0) + 1
        if count[shape] > limit:
          continue
      result.append(item)
    return result


def recordings(work, recorder, program='/usr/sbin/kamailio', pbx='Kamailio'):
  """Several configurations of Kamailio; returns the rows."""
  answers = common.answers()
  lab = Lab(work, recorder, answers, program)
  labeller = Labeller(lab, '%s %s' % (pbx, lab.version))
  users = list(answers)
  special = ['8477', '8478', '8503', '8486', '8603', '8420', '8404', common.NO_ANSWER_USER]

  def take(framing='syslog3164', text=None, via='direct'):
    for _, data in recorder.take():
      line = common.text(data)
      labeller.add(line, framing, text(line) if text else None, via=via)

  # 1: defaults; calls, other methods, registrations, IPv6
  lab.start(lab.configure(2))
  lab.call('a', users + special, rate=25)
  lab.call('b', users[::3], method='MESSAGE', port=5404)
  lab.call('c', users[1::4] + special, method='SUBSCRIBE', port=5486, cid='486-%u-%p@%s')
  lab.call('d', ['200', '404', '503', '486', '8404', '8603'], method='OPTIONS', port=5503)
  lab.call('e', users[2::5], ipv6=True, cid='SIP-404-%u-%p@%s')
  lab.register('f', ['1001', '404', '486', '403', '7403', '503'], 'secret404')
  lab.register('g', ['1001', '1002', '603', '500'], 'wrong')
  lab.register('h', ['1001', '404'], 'secret404', port=5087)
  common.wait_for(lambda: sum(b'while registering' in d for _, d in recorder.records) > 25, 'registrations', 60)
  take()
  lab.stop()
  take(via='direct, at its end')
  # 2: a log prefix with the call in it
  lab.start(lab.configure(1, extra='log_prefix_mode=1\nlog_prefix="[$ci][M=$rm-$cs] "'))
  lab.call('p', users[::4], cid='%u-%p-503@%s', rate=25)
  take()
  lab.stop()
  take(via='direct, at its end')
  # 3: JSON
  for engine, users_part in (('json:cM', users[1::4]), ('json:U', users[2::9])):
    lab.start(lab.configure(1), ['--log-engine=' + engine])
    lab.call('j' + engine[-1], users_part, rate=25)
    take('syslog3164', lambda line: json_message(line), 'direct, --log-engine=' + engine)
    lab.stop()
    take('syslog3164', lambda line: json_message(line), 'direct, at its end')
  # 4: debug
  lab.start(lab.configure(1, debug=3))
  lab.call('z', ['486', '404', '7004', '8503'], rate=2)
  take(via='direct, debug=3')
  lab.stop()
  take(via='direct, at its end')
  return labeller.thinned()


def json_message(line):
  """The text in Kamailio's JSON log object."""
  start = line.find('{')
  if start < 0:
    return line
  try:
    fields = json.loads(line[start:].strip('\n\0'))
    return fields.get('message') or fields['msg']
  except (ValueError, KeyError):
    return line


def more_recordings(work, recorder, program='/usr/sbin/kamailio', pbx='Kamailio'):
  """The second set of spellings."""
  answers = common.answers()
  lab = Lab(work, recorder, answers, program)
  labeller = Labeller(lab, '%s %s' % (pbx, lab.version))
  users = list(answers)
  for extra, arguments, group in (('', (), users), ('', ('--log-engine=json:cM',), users[::5])):
    lab.start(lab.configure(3, extra=extra, name='b-'), arguments)
    lab.call('m%d' % len(group), group + ['8404', '8486', '8503', '8603', '8420'], rate=25)
    lab.call('n%d' % len(group), group[::4] + ['8404', '8603'], method='MESSAGE', port=5404)
    lab.register('o%d' % len(group), ['1001', '403', '404'], 'secret404')
    for _, data in recorder.take():
      line = common.text(data)
      labeller.add(line, 'syslog3164', json_message(line) if arguments else None, 'direct' + ''.join(', ' + a for a in arguments))
    lab.stop()
    recorder.take()
  return [item for item in labeller.thinned() if item['dialect'].startswith('xlog')]
