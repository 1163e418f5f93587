# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""Kamailio, second lab: presence, msilo, keepalive, siptrace, sipdump, topos, topoh, pike, permissions, uac_req_send(), debugger's trace;
debug 2 to 4 in syslog and on the console, a log_prefix. Lines of xlog() are the lab's own words: they are not kept.
"""
import glob
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import common
import peer as mini
import second
from second import message, par, silent

EDGE, UAS, UAC = common.EDGE, common.UAS, common.UAC
OUT = sys.argv[1]
W = tempfile.mkdtemp(prefix='sip-lab-')
os.chmod(W, 0o777)
MOD = glob.glob('/usr/lib/*/kamailio/modules')[0] + '/'
os.makedirs(W + '/db')
os.makedirs(W + '/run')
os.makedirs(W + '/dump')
TABLES = '/usr/share/kamailio/dbtext/kamailio/'


def table(name, *lines):
  h = open('/usr/share/kamailio/dbtext/kamailio/' + name).readline()
  open(W + '/db/' + name, 'w').write(h + ''.join(l + '\n' for l in lines))
  return h


REGS = [
  '200', '403', '404', '408', '423', '480', '500', '503', '603', '410', '302', 'silent', 'auth1', 'authbad', '600',
  '488'
]
h = table('uacreg')
cols = re.findall(r'(\w+)\(', h)


def uac(n, u):
  v = dict(id=n,
           l_uuid='line-' + u,
           l_username=u,
           l_domain=EDGE,
           r_username=u,
           r_domain=UAS,
           realm='lab',
           auth_username=u,
           auth_password='pw',
           auth_ha1='',
           auth_proxy='sip\\:%s\\:5060' % UAS,
           expires=60,
           flags=0,
           reg_delay=0,
           contact_addr='%s\\:5060' % EDGE,
           socket='udp\\:%s\\:5060' % EDGE)
  return ':'.join(str(v.get(c, '')) for c in cols)


open(W + '/disp', 'w').write(
  '1 sip:200@%s:5060 0 0\n1 sip:404@%s:5060\n2 sip:503@%s:5060 0 5 duid=gw503;weight=50\n2 sip:486@%s:5060\n3 sip:%s:5999\n4 sip:silent@%s:5060\n5 sip:403@%s:5060;transport=tcp\n'
  % ((UAS, ) * 7))
open(W + '/perm.allow', 'w').write('ALL : ALL EXCEPT "^sip:9.*"\n')
open(W + '/perm.deny', 'w').write('ALL : "^sip:900.*"\n')
REPLY = [
  'Reply - S=$rs - $rr M=$rm IP=$pr:$si:$sp ID=$ci',
  'onreply [$rs] $rr - $rm from <$fu> to <$tu> ua=$ua',
  '$ci|reply|got $rs $rr from $si',
  'MANAGE_REPLY: $rs ($rr) method $rm',
  '[R-MAIN:$ci] received reply $rs from $si:$sp',
  'reply from $si: $rs/$rr cseq=$cs $rm',
  'answer code=$rs phrase=$rr call=$ci method=$rm',
  '{"time":"$Tf","call-id":"$ci","status-code":$rs,"status-reason":"$rr","cseq":"$cs $rm","src_ip":"$si","src_port":$sp}',
  'SIP reply received: $rs $rr $rm $si $ci',
  'script: $rm reply=$rs from carrier $si, dialog $DLG_status',
  'F=$fu T=$tu R=$rs ID=$ci',
  'Got $rs for $rm',
  'type=$mt rs=$rs rr=$rr rm=$rm tid=$T(id_index) ml=$ml Tf=$Tf pp=$pp',
]
REQ = [
  'request $rm from $si:$sp to $ru cseq $cs len $ml ($ci)',
  'Request leaving server - R=$ru D=$du M=$rm F=$fu T=$tu IP=$pr:$si:$sp ID=$ci',
  '$rm: fU=$fU fd=$fd tU=$tU rU=$rU rd=$rd rp=$rp si=$si sp=$sp Ri=$Ri Rp=$Rp ua=$ua mf=$mf',
  '{"time":"$Tf","method":"$rm","from":"$fU","to":"$rU","port":$sp,"cseq":$cs,"size":$ml}',
  'START $rm $rU via 486 routes, gw 503',
  'auth failed for $au@$ar from $si, nonce 404',
]
FAIL = [
  'Failure: $T_reply_code $T_reply_reason for $ru ($ci)',
  'call to $rU failed, code $T_reply_code',
  '$ci|failure|branch failed with $T_reply_code',
  '[FAILURE] gw $rd returned $T_reply_code ($T_reply_reason), next',
  'final failure status=$T_reply_code callid=$ci ruri=$ru',
  '*** $rm to $rU : $T_reply_code $T_reply_reason ***',
]
BRANCH = [
  'branch $T_branch_idx failed $T(reply_code) $ru', 'branch-failure: reply $T_reply_code on branch [$T_branch_idx]'
]
LOCAL = ['sent local $rs $rr to $si:$sp for $rm', 'STATELESS reply $rs ($rr) cid $ci']
q = lambda s: s.replace('\\', '\\\\').replace('"', '\\"')


def turn(kind, items, lev=('L_INFO', 'L_NOTICE', 'L_WARN', 'L_ERR', 'L_DBG')):
  out = '  $var(i) = $RANDOM mod %d;\n  switch ($var(i)) {\n' % len(items)
  for n, s in enumerate(items):
    out += '   case %d: xlog("%s", "%s\\n"); break;\n' % (n, lev[n % 4], q(s))
  return out + '  }\n'


def have(m):
  return os.path.exists(MOD + m + '.so')


def cfg(debug=2, stderr='no', extra='', prefix='', accjson=False, tops=True, path=W + '/kamailio.cfg', hide='topos'):
  c = '''#!KAMAILIO
debug=%d
log_stderror=%s
log_facility=LOG_LOCAL2
%s
fork=yes
children=2
tcp_children=2
auto_aliases=no
alias="pbx.example"
server_header="Server: EdgeProxy"
enable_sctp=0
listen=udp:%s:5060
listen=tcp:%s:5060
tcp_connect_timeout=2
mpath="%s"
%s
''' % (debug, stderr, ('log_prefix="%s"\nlog_prefix_mode=1\n' % prefix if prefix else '') + extra, EDGE, EDGE, MOD, '')
  mods = [
    'kex', 'corex', 'jsonrpcs', 'ctl', 'cfg_rpc', 'counters', 'db_text', 'tm', 'tmx', 'sl', 'rr', 'pv', 'maxfwd',
    'usrloc', 'registrar', 'textops', 'textopsx', 'siputils', 'xlog', 'sanity', 'auth', 'cfgutils', 'path', 'nathelper',
    'dialog', 'uac', 'dispatcher', 'permissions', 'pike', 'htable', 'ratelimit', 'rtimer', 'siptrace', 'sipdump',
    'msilo', 'statistics', 'acc', 'uac_redirect', 'sdpops', 'ipops', 'evrexec', 'benchmark', 'diversion', 'debugger',
    'keepalive', 'stun', 'timer', 'avpops', 'async'
  ]
  if have('presence'):
    mods += ['xcap_client'
             ][:0] + ['presence', 'presence_xml', 'presence_dialoginfo', 'presence_mwi', 'pua', 'pua_dialoginfo']
  if accjson and have('acc_json'): mods += ['acc_json']
  if hide: mods += [hide]
  for m in mods:
    if have(m): c += 'loadmodule "%s.so"\n' % m
  c += '''
modparam("jsonrpcs", "pretty_format", 1)
modparam("jsonrpcs", "fifo_name", "@W@/run/fifo")
modparam("jsonrpcs", "dgram_socket", "@W@/run/dgram")
modparam("ctl", "binrpc", "unix:@W@/run/ctl")
modparam("tm", "fr_timer", 3000)
modparam("tm", "fr_inv_timer", 8000)
modparam("tm", "failure_reply_mode", 3)
modparam("tm", "auto_inv_100_reason", "Trying")
modparam("rr", "enable_full_lr", 1)
modparam("registrar", "max_contacts", 1)
modparam("registrar", "min_expires", 30)
modparam("registrar", "max_expires", 90)
modparam("registrar", "gruu_enabled", 0)
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "timer_interval", 3)
modparam("dialog", "track_cseq_updates", 0)
modparam("dialog", "ka_timer", 2)
modparam("dialog", "ka_interval", 30)
modparam("uac", "reg_db_url", "text://@W@/db")
modparam("uac", "reg_contact_addr", "@EDGE@:5060")
modparam("uac", "reg_timer_interval", 2)
modparam("uac", "reg_retry_interval", 3)
modparam("uac", "restore_mode", "auto")
modparam("uac", "auth_username_avp", "$avp(auser)")
modparam("uac", "auth_password_avp", "$avp(apass)")
modparam("uac", "auth_realm_avp", "$avp(arealm)")
modparam("dispatcher", "list_file", "@W@/disp")
modparam("dispatcher", "ds_ping_interval", 3)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 2)
modparam("dispatcher", "ds_ping_reply_codes", "class=2;code=404;code=403")
modparam("dispatcher", "xavp_dst", "_dsdst_")
modparam("permissions", "default_allow_file", "@W@/perm.allow")
modparam("permissions", "default_deny_file", "@W@/perm.deny")
modparam("pike", "sampling_time_unit", 2)
modparam("pike", "reqs_density_per_unit", 12)
modparam("pike", "remove_latency", 4)
modparam("htable", "htable", "bad=>size=4;autoexpire=300")
modparam("rtimer", "timer", "name=t1;interval=4;mode=1;")
modparam("rtimer", "exec", "timer=t1;route=TIMED")
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "duplicate_uri", "sip:192.0.2.50:9060")
modparam("siptrace", "hep_mode_on", 1)
modparam("sipdump", "enable", 1)
modparam("sipdump", "folder", "@W@/dump")
modparam("msilo", "db_url", "text://@W@/db")
modparam("msilo", "content_type_hdr", "Content-Type")
modparam("msilo", "extra_hdrs", "X-Info: 404\\r\\n")
modparam("msilo", "from_address", "sip:registrar@pbx.example")
modparam("msilo", "offline_message", "*** User $rU is offline, 404!")
modparam("acc", "early_media", 1)
modparam("acc", "report_ack", 1)
modparam("acc", "report_cancels", 1)
modparam("acc", "detect_direction", 1)
modparam("acc", "log_level", 1)
modparam("acc", "log_facility", "LOG_LOCAL7")
modparam("acc", "log_flag", 1)
modparam("acc", "log_missed_flag", 2)
modparam("acc", "failed_transaction_flag", 3)
modparam("acc", "failed_filter", "404,407")
modparam("acc", "log_extra", "a_uri=$fu;b_uri=$tu;r_uri=$ru;proto=$pr;src_port=$sp;cseq=$cs;len=$ml;agent=$ua")
modparam("acc", "time_mode", 1)
modparam("acc", "cdr_enable", 1)
modparam("acc", "cdr_start_on_confirmed", 0)
modparam("acc", "cdr_extra", "cid=$ci;reply=$T_reply_code;from=$fU")
modparam("debugger", "cfgtrace", @CFGTRACE@)
modparam("debugger", "mod_hash_size", 5)
modparam("debugger", "log_level_name", "exec")
modparam("keepalive", "ping_interval", 3)
modparam("keepalive", "destination", "sip:503@@UAS@:5060")
modparam("keepalive", "destination", "sip:200@@UAS@:5060")
modparam("stun", "x", 1)
'''.replace('modparam("stun", "x", 1)\n', '').replace('@CFGTRACE@', '1' if debug > 3 else '0')
  if hide == 'topos':
    c += 'modparam("topos", "storage", "db")\nmodparam("topos", "db_url", "text://@W@/db")\n' if not have(
      'topos_htable') else 'modparam("topos", "storage", "db")\nmodparam("topos", "db_url", "text://@W@/db")\n'
  if hide == 'topoh':
    c += 'modparam("topoh", "mask_key", "k486")\nmodparam("topoh", "mask_ip", "10.1.1.10")\nmodparam("topoh", "mask_callid", 1)\n'
  if have('presence'):
    c += 'modparam("presence|presence_xml|pua", "db_url", "text://@W@/db")\nmodparam("presence", "server_address", "sip:@EDGE@:5060")\nmodparam("presence_xml", "force_active", 1)\nmodparam("presence", "subs_db_mode", 0)\nmodparam("pua_dialoginfo", "include_callid", 1)\n'
  if accjson and have('acc_json'):
    c += 'modparam("acc_json", "acc_flag", 1)\nmodparam("acc_json", "acc_missed_flag", 2)\nmodparam("acc_json", "acc_extra", "src_ip=$si;r_uri=$ru")\nmodparam("acc_json", "acc_output_syslog", 1)\nmodparam("acc_json", "acc_log_level", 1)\nmodparam("acc_json", "acc_pre_encoded_prefix", "")\n'.replace(
      'modparam("acc_json", "acc_pre_encoded_prefix", "")\n', '')
  # a module that is not there takes its parameters along
  lines = []
  for l in c.split('\n'):
    m = re.match(r'modparam\("([\w|]+)"', l)
    if m and not all(have(x) for x in m[1].split('|')): continue
    if m and not all(x in mods for x in m[1].split('|')): continue
    lines.append(l)
  c = '\n'.join(lines)
  c += '''
request_route {
  if ($si == "203.0.113.9") {
    if (!pike_check_req()) { xlog("L_ALERT", "ALERT: pike blocked $rm from $fu (IP:$si:$sp)\\n"); exit; }
  }
  if ($ua =~ "friendly-scanner|sipvicious") { sl_send_reply("200", "OK"); exit; }
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483","Too Many Hops"); exit; }
  if (!sanity_check("17895", "7")) { xlog("L_WARN", "Malformed SIP message from $si:$sp\\n"); exit; }
  sip_trace();
@REQ@
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (!is_method("ACK")) { if (t_precheck_trans()) { t_check_trans(); exit; } t_check_trans(); }
  if (has_totag()) {
    if (loose_route()) { if (is_method("BYE")) { setflag(1); setflag(3); } t_on_reply("REPLY"); if (!t_relay()) sl_reply_error(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404","Not here"); exit;
  }
  remove_hf("Route");
  if (is_method("INVITE|SUBSCRIBE")) record_route();
  setflag(1); setflag(2); setflag(3);
  if (is_method("PUBLISH|SUBSCRIBE") && $rU =~ "^pres") { @PRES@ exit; }
  if (is_method("REGISTER")) {
    if ($tU == "1503") { sl_send_reply("503", "Registrar busy 404"); exit; }
    if (!pv_www_authenticate("$td", "secret", "0")) { www_challenge("$td", "1"); exit; }
    if (!save("location")) sl_reply_error();
    exit;
  }
  if ($rU == $null) { sl_send_reply("484","Address Incomplete"); exit; }
  if (is_method("MESSAGE") && $rU =~ "^off") { t_newtran(); if (m_store("$ru")) { t_reply("202", "Accepted"); } else { t_reply("503", "Service Unavailable"); } exit; }
  if ($rU =~ "^loc") { if (!lookup("location")) { $var(rc) = $rc; t_newtran(); switch ($var(rc)) { case -1: case -3: send_reply("404", "Not Found"); exit; case -2: send_reply("405", "Method Not Allowed"); exit; } } if (!t_relay()) sl_reply_error(); exit; }
  if ($rU =~ "^perm") { $rU = "900441"; if (!allow_routing()) { sl_send_reply("403", "Forbidden by rule"); exit; } }
  if ($rU == "rl") { sl_send_reply("503", "Rate limit"); exit; }
  if ($rU == "err") { t_newtran(); t_reply("$var(none)", "x"); sl_reply_error(); exit; }
  if ($rU == "t700") { sl_send_reply("799", "Odd"); exit; }
  if ($rU =~ "^susp") { $rU = $(rU{s.substr,4,0}); }
  if ($rU == "fork") { $ru = "sip:486@" + "@UAS@"; append_branch("sip:slow404@@UAS@"); append_branch("sip:slow503@@UAS@"); }
  if ($rU == "ds") { if (!ds_select_dst("1", "4")) { send_reply("480", "No gateway"); exit; } $rU = "486"; }
  if ($rU == "ds2") { if (!ds_select_dst("2", "4")) { send_reply("404", "No destination"); exit; } $rU = "503"; }
  if ($rU == "dead") { $du = "sip:@UAS@:5999;transport=tcp"; t_on_failure("FAIL"); if (!t_relay()) sl_reply_error(); exit; }
  if ($rU == "nodns") { $ru = "sip:x@nowhere.invalid"; if (!t_relay()) sl_reply_error(); exit; }
  if ($rU =~ "^uacreq") { $uac_req(method)="OPTIONS"; $uac_req(ruri)="sip:" + $(rU{s.substr,6,0}) + "@@UAS@:5060"; $uac_req(furi)="sip:me@@EDGE@"; $uac_req(turi)="sip:you@@UAS@"; $uac_req(callid)="uacreq-486-" + $RANDOM; $uac_req(evroute)=1; uac_req_send(); sl_send_reply("202", "Accepted"); exit; }
  if (is_method("INVITE")) { dlg_manage(); }
  $rd = "@UAS@";
  t_on_reply("REPLY"); t_on_failure("FAIL"); t_on_branch_failure("BF");
  if (!t_relay()) sl_reply_error();
}
route[TIMED] { xlog("L_INFO", "timer: $stat(4xx_transactions) 4xx, $stat(5xx_transactions) 5xx, uptime $TV(u)\\n"); }
onreply_route[REPLY] {
  sip_trace();
@REPLY@
}
reply_route {
@REPLY2@
}
failure_route[FAIL] {
@FAIL@
  if (t_is_canceled()) exit;
  if (t_check_status("401|407") && $rU =~ "^auth") { $avp(arealm)="lab"; $avp(auser)="u"; $avp(apass)="p"; if (uac_auth()) { xlog("L_INFO", "credentials added for $rU after a challenge\\n"); t_on_reply("REPLY"); t_relay(); exit; } }
  if (t_check_status("302")) { get_redirects("*"); t_on_failure("FAIL"); t_relay(); exit; }
  if ($rU == "503" && ds_next_dst()) { xlog("L_NOTICE", "re-routing $rU to $du\\n"); t_on_failure("FAIL"); t_relay(); exit; }
}
event_route[tm:branch-failure:BF] {
@BRANCH@
}
event_route[sl:local-response] {
@LOCAL@
}
event_route[dispatcher:dst-down] { xlog("L_ERR", "gateway $rm $ru is down, last $rs\\n"); }
event_route[uac:reply] { xlog("L_INFO", "uac_req reply $uac_req(evtype) code $uac_req(evcode)\\n"); }
event_route[dialog:start] { xlog("L_INFO", "dialog $dlg(h_entry) start $rm\\n"); }
event_route[dialog:end] { xlog("L_INFO", "dialog ended $ci life $DLG_lifetime\\n"); }
event_route[dialog:failed] { xlog("L_INFO", "dialog failed $ci with $T_reply_code\\n"); }
event_route[tm:local-request] { xlog("L_DBG", "local request $rm $ru\\n"); }
event_route[siptrace:msg] { xlog("L_DBG", "trace $siptrace(src_addr) $siptrace(dst_addr)\\n"); }
'''
  pres = 'if (!t_newtran()) { sl_reply_error(); exit; } if (is_method("PUBLISH")) { handle_publish(); } else { handle_subscribe(); }' if have(
    'presence') else 'sl_send_reply("489", "Bad Event");'
  if not have('tmx'): c = c.replace('t_precheck_trans()', 't_check_trans()')
  if 'siptrace' not in c: pass
  c = c.replace('event_route[siptrace:msg] { xlog("L_DBG", "trace $siptrace(src_addr) $siptrace(dst_addr)\\n"); }\n',
                '')
  for k, v in (('@REQ@', turn('req', REQ)), ('@REPLY@', turn('rep', REPLY)), ('@REPLY2@', turn('rep2',
                                                                                               REPLY[::-1][:7])),
               ('@FAIL@', turn('fail', FAIL)), ('@BRANCH@', turn('br', BRANCH)), ('@LOCAL@', turn('loc', LOCAL)),
               ('@PRES@', pres), ('@W@', W), ('@EDGE@', EDGE), ('@UAS@', UAS)):
    c = c.replace(k, v)
  open(path, 'w').write(c)
  return path


rec = common.Recorder()
rec.unix('/dev/log', 'syslog')
hep = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
hep.bind(('192.0.2.50', 9060))
rows = []
uas = mini.Peer(UAS, 5060, 'Carrier SBC 7.4.0')
uas.listen_tcp()
phone = mini.Peer(UAC, 5062, 'DeskPhone T46 66.84.0.15')
hostile = mini.Peer('203.0.113.9', 5060, 'pplsip')
scan = mini.Peer('198.51.100.7', 5060, 'friendly-scanner')
D = (EDGE, 5060)
U = lambda x: 'sip:%s@%s' % (x, EDGE)


def start(path, args=()):
  """Each run begins with empty tables."""
  global P
  for name in os.listdir(TABLES):
    shutil.copy(TABLES + name, W + '/db/' + name)
  table('uacreg', *[uac(n, u) for n, u in enumerate(REGS, 1)])
  P = subprocess.Popen(
    ['/usr/sbin/kamailio', '-f', path, '-DD', '-w', W, '-Y', W + '/run', '-P', W + '/run/pid', *args],
    stdin=subprocess.DEVNULL,
    stdout=open(W + '/out', 'ab'),
    stderr=subprocess.STDOUT)

  def up():
    if P.poll() is not None:
      print('ended', [common.text(d) for _, d in rec.records][-6:], open(W + '/out').read()[-3000:])
      sys.exit(1)
    return subprocess.run(['ss', '-Hlun', 'src', EDGE + ':5060'], capture_output=True).stdout

  common.wait_for(up, 'kamailio')


def stop(name, kind='syslog'):
  common.stop(P)
  time.sleep(.5)
  rs, rec.records = rec.records, []
  for _, d in rs:
    rows.append((kind + ' ' + name, common.text(d)))
  o = open(W + '/out', errors='replace').read()
  os.unlink(W + '/out')
  for l in o.split('\n'):
    if l.strip(): rows.append(('stderr ' + name, l))
  for p in glob.glob(W + '/dump/*'):
    t = open(p, errors='replace').read()
    os.unlink(p)
    rows.append(('sipdump', t))


def rpc(*c):
  out = subprocess.run(['kamcmd', '-s', 'unix:' + W + '/run/ctl', *c],
                       capture_output=True,
                       text=True,
                       stdin=subprocess.DEVNULL).stdout
  for l in out.split('\n'):
    if l.strip(): rows.append(('kamcmd', l))


def call(x,
         after=None,
         m='INVITE',
         p=None,
         wait=6,
         extra=(),
         body=None,
         frm='1001',
         ct='application/sdp',
         totag='',
         route=()):
  return (p or phone).request(m,
                              U(x),
                              U(x),
                              frm,
                              D,
                              extra,
                              body,
                              after=after,
                              wait=wait,
                              ctype=ct,
                              totag=totag,
                              route=route)


def scenario(users):
  for u in ('1001', '1002'):
    phone.request('REGISTER', 'sip:' + EDGE, U(u), u, D, ['Expires: 60'], '', auth=(u, 'secret'))
  phone.request('REGISTER',
                'sip:' + EDGE,
                U('1001'),
                '1001',
                D, ['Expires: 60', 'Contact: <sip:other@192.0.2.99>'],
                '',
                auth=('1001', 'secret'))
  phone.request('REGISTER', 'sip:' + EDGE, U('1001'), '1001', D, ['Expires: 1'], '', auth=('1001', 'secret'))
  phone.request('REGISTER', 'sip:' + EDGE, U('486'), '486', D, ['Expires: 60'], '', auth=('486', 'bad'))
  phone.request('REGISTER', 'sip:' + EDGE, U('1503'), '1503', D, ['Expires: 60'], '')
  par([lambda u=u: call(u) for u in users])
  jobs = [
    lambda: call('ring', ['cancel']), lambda: call('slow486', ['cancel', 'else']), lambda: call('silent'),
    lambda: call('ansbye', [1, 'nobye']), lambda: call('anshold', [.6]), lambda: call('ansupd', [.6]),
    lambda: call('ansrefer486', [.8]), lambda: call('rei488', ['reinvite']), lambda: call('auth1'),
    lambda: call('authbad'), lambda: call('fork'), lambda: call('ds'), lambda: call('ds2'), lambda: call('dead'),
    lambda: call('nodns'), lambda: call('perm1'), lambda: call('rl'), lambda: call('err'), lambda: call('t700'),
    lambda: call('loc1001'), lambda: call('locnone'), lambda: call('loc486'), lambda: call('302'), lambda: call('300'),
    lambda: call('uacreq404'), lambda: call('uacreq200'), lambda: call('uacreqsilent'),
    lambda: call('486', extra=['Max-Forwards: 0']),
    lambda: call('offline', m='MESSAGE', body='hi 404', ct='text/plain'),
    lambda: call('404', m='MESSAGE', body='hi', ct='text/plain'), lambda: call('503', m='OPTIONS'),
    lambda: call('200', m='OPTIONS'), lambda: call('486', m='INFO', totag=';tag=x'),
    lambda: call('489', m='SUBSCRIBE', extra=['Event: presence', 'Expires: 60']),
    lambda: call('ans', m='SUBSCRIBE', extra=['Event: dialog', 'Expires: 486']),
    lambda: call('ans', m='SUBSCRIBE', extra=['Event: reg']),
    lambda: call('404', m='PUBLISH', extra=['Event: presence'], body='<x/>', ct='application/pidf+xml'),
    lambda: call('presx', m='SUBSCRIBE', extra=['Event: presence', 'Expires: 60', 'Accept: application/pidf+xml']),
    lambda: call('presx', m='SUBSCRIBE', extra=['Event: nothing', 'Expires: 60']), lambda: call(
      'presx',
      m='PUBLISH',
      extra=['Event: presence', 'Expires: 60'],
      body=
      '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:presx@%s"><tuple id="486"><status><basic>open</basic></status></tuple></presence>'
      % EDGE,
      ct='application/pidf+xml'),
    lambda: call('presx', m='PUBLISH', extra=['Event: presence', 'SIP-If-Match: nope'], body='', ct=''),
    lambda: call('presx', m='PUBLISH', extra=['Event: dialog', 'Expires: 60'], body='bad', ct='text/plain'),
    lambda: call('486', m='FOO'), lambda: call('481', m='BYE', totag=';tag=q', route=['<sip:%s;lr>' % EDGE]),
    lambda: call('480', m='REFER', extra=['Refer-To: <sip:a@b>']),
    lambda: call('ans', [('INFO', [], 'Signal=1', 'application/dtmf-relay'), ('UPDATE', [], '', ''),
                         ('OPTIONS', [], '', '')])
  ]
  par(jobs, 5)
  for bad in (
      'INVITE sip:a@b SIP/2.0\r\n\r\n',
      'INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.30:5062;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: bad"<sip\r\nCall-ID: 486\r\nCSeq: 404 BYE\r\nContent-Length: 99\r\n\r\n',
      'SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKnone\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: stray-404\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n',
      'garbage 404 not found\r\n\r\n', 'SIP/2.0 700 Odd\r\nVia: x\r\n\r\n', 'SIP/2.0 404\r\n\r\n',
      'SIP/2.0 99 Low\r\n\r\n', 'INVITE sip:x@y SIP/3.0\r\nVia: a\r\n\r\n',
      'OPTIONS sip:486@%s:99999 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.30:5062;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 404-x\r\nCSeq: abc OPTIONS\r\n\r\n'
      % EDGE):
    phone.out(bad, D)
    time.sleep(.05)
  for _ in range(3):
    scan.request('OPTIONS', U('100'), U('100'), '100', D, wait=.3)
  for n in range(30):
    hostile.out(
      'OPTIONS sip:%d@%s SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKh%d\r\nFrom: <sip:s@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: h%d-404\r\nCSeq: %d OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n'
      % (n + 400, EDGE, n, n, n + 400), D)
  c = socket.create_connection(D, source_address=(UAC, 0))
  c.sendall((
    'OPTIONS sip:404@%s SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.30:5062;branch=z9hG4bKt\r\nFrom: <sip:s@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: tcp-404\r\nCSeq: 486 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n'
    % EDGE).encode())
  c.settimeout(2)
  try:
    c.recv(4096)
    c.sendall(b'GET / HTTP/1.1\r\nHost: 404\r\n\r\n')
    c.recv(100)
  except OSError:
    pass
  c.close()
  time.sleep(1)


ALL = [c for c in mini.PH if c != 100]
USERS = [str(c) for c in ALL if c >= 200] + [str(c) for c in ALL if c < 200]


def do(parts):
  if 'a' in parts:
    start(cfg(2, hide=''))
    scenario(USERS)
    time.sleep(3)
    for c in (('tm.stats', ), ('sl.stats', ), ('core.uptime', ), ('dispatcher.list', ), ('uac.reg_dump', ),
              ('ul.dump', ), ('dlg.list', ), ('pike.top', ), ('stats.get_statistics', 'all'), ('tm.reply_list', ),
              ('core.tcp_list', ), ('uac.reg_info', 'l_username', '404'), ('permissions.addressDump', ), ('htable.dump',
                                                                                                          'bad')):
      rpc(*c)
    stop('a d2')
  if 'b' in parts:
    start(cfg(3, accjson=True, hide='topoh'))
    scenario(['486', '404', '503', '200', '183', '603', '408', '401', '699']
             if False else ['486', '404', '503', '200', '183', '603', '408'])
    stop('b d3')
  if 'c' in parts:
    start(cfg(4, stderr='yes', hide='', prefix=''))
    scenario(['480', '403', '500', '600'])
    stop('c d4')
  if 'd' in parts:
    start(cfg(3, stderr='yes', hide='topos', prefix='[$mt|$rm|$ci] '))
    scenario(['480', '403', '500', '600', '484', '606'])
    stop('d prefix')


R = '(?P<code>[1-6]\\d\\d)'
S = lambda p, opt=False, method=None: (re.compile(p), opt, method)
HEAD = re.compile(
  r'^(?:<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d \S*kamailio(?:\[\d+\])?: | ?\d+\(\d+\) )(?P<level>[A-Z]+): (?:\[\d\|[A-Z]*\|[^\] ]*\] )?(?P<mod>\S+) \[(?P<where>[^\]]*)\]: (?:(?P<func>\w+)\(\): )?(?P<text>.*)$',
  re.S)
HEADX = re.compile(
  r'^(?:<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d \S*kamailio(?:\[\d+\])?: | ?\d+\(\d+\) )(?P<level>[A-Z]+): (?:\[\d\|[A-Z]*\|[^\] ]*\] )?(?P<mod><script>): (?P<text>.*)$',
  re.S)
CID = r'(?P<call_id>[^\s\]|),;"]+)'
M = '(?P<method>[A-Z]+)'
IP = r'(?P<peer>[\d.]+:\d+)'
I0 = r'(?P<peer>[\d.]+)'
RR = r'(?P<reason>.+?)'
X = [  # xlog formats of the lab, each exactly
  rf'Reply - S={R} - {RR} M={M} IP=\w+:{IP} ID={CID}$', rf'onreply \[{R}\] {RR} - {M} from <',
  rf'{CID}\|reply\|got {R} {RR} from {I0}$', rf'MANAGE_REPLY: {R} \({RR}\) method {M}$',
  rf'\[R-MAIN:{CID}\] received reply {R} from {IP}$', rf'reply from {I0}: {R}/{RR} cseq=\d+ {M}$',
  rf'answer code={R} phrase={RR} call={CID} method={M}$',
  rf'\{{"time":"[^"]*","call-id":"{CID}","status-code":{R},"status-reason":"{RR}","cseq":"\d+ {M}","src_ip":"{I0}","src_port":\d+\}}$',
  rf'SIP reply received: {R} {RR} {M} {I0} {CID}$', rf'script: {M} reply={R} from carrier {I0}, dialog',
  rf'Got {R} for {M}$', rf'type=2 rs={R} rr={RR} rm={M} tid=', rf'Failure: {R} {RR} for \S+ \({CID}\)$',
  rf'call to \S+ failed, code {R}$', rf'{CID}\|failure\|branch failed with {R}$',
  rf'\[FAILURE\] gw \S+ returned {R} \({RR}\), next$', rf'final failure status={R} callid={CID} ruri=',
  rf'\*\*\* {M} to \S+ : {R} {RR} \*\*\*$', rf'branch-failure: reply {R} on branch', rf'branch \S+ failed {R} sip:',
  rf'sent local {R} {RR} to \S+ for {M}$', rf'STATELESS reply {R} \({RR}\) cid {CID}$', rf'uac_req reply \d code {R}$',
  rf'dialog failed {CID} with {R}$'
]
X = [re.compile(x) for x in X]
XOPT = re.compile(rf'^F=\S+ T=\S+ R={R} ID={CID}$')  # R= alone: nobody can tell it is a status
XNONE = re.compile(
  r'^(?:request [A-Z]+ from|Request leaving|[A-Z]+: fU=|\{"time":"[^"]*","method"|START |auth failed|timer: |dialog \S+ start|dialog ended|local request|credentials added|re-routing|ALERT: pike|gateway OPTIONS|dialog failed \S+ with 0|Malformed|F=\S+ T=\S+ R=<null>)'
)
ACC = re.compile(
  r'ACC: [\w ]+: timestamp=\d+;.*?method=(?P<method>[A-Z]*);from_tag=[^;]*;to_tag=[^;]*;call_id=(?P<call_id>[^;]*);code=(?P<code>\d{3});reason=(?P<reason>[^;]*)'
)
ACCJ = re.compile(
  r'"method": ?"(?P<method>[A-Z]+)".*"callid": ?"(?P<call_id>[^"]+)".*"sip_code": ?"(?P<code>\d{3})".*"sip_reason": ?"(?P<reason>[^"]*)"'
)
CDR = re.compile(r'start_time=.*reply=(?P<code>[1-6]\d\d);')
PATTERNS = [
  S(rf"got sip response {R} while registering", 0, 'REGISTER!'),
  S(r"got (?P<code>423) response while registering", 0, 'REGISTER!'),
  S(rf"completed with status {R} \[uuid: ", 0, 'REGISTER!'),
  S(rf"OPTIONS-Request was finished with code {R} \(to sip:(?:\w+@)?(?P<peer>[\d.]+:\d+)", 0, 'OPTIONS'),
  S(rf"OPTIONS request was finished with code {R} \(to sip:(?:\w+@)?(?P<peer>[\d.]+:\d+)", 0, 'OPTIONS'),
  S(rf"received on udp socket: \([\d/]+\) \[\[SIP/2\.0 {R} "),
  S(rf"T_code=\d+, new_code={R}"),
  S(rf"^ ?status: +<{R}>"),
  S(rf"local transaction completed {R}/", 1),
  S(rf"event type \d+, reply code {R}", 1),
  S(rf"probing acc state - code: {R}", 1),
  S(rf"original status uas={R}", 1),
  S(rf"reply code is <{R}>", 1),
  S(rf"uas status: {R}", 1),
  S(rf"reply status=.* msg status={R}", 1),
  S(rf"reply sent out - buf=\w+: SIP/2\.0 {R} ", 1),
  S(rf"^\.\.\. shmem=\w+: SIP/2\.0 {R} ", 1),
  S(rf"msg=\nSIP/2\.0 {R} ", 1),
  S(rf"checked status is <{R}>", 1),
  S(rf"stateless error reply used: .* \({R}/SL\)", 1),
  S(rf"tm callback with status {R}", 1),
  S(rf"^completed with status {R}", 1),
  S(rf"failed to send {R} reply", 1),
  S(rf"send {R}OK reply", 1),
  S(rf"parse_msg: message=<SIP/2\.0 {R}"),
  S(rf"acc code in filter: {R}", 1),
  S(rf"-{R} error reply generation delayed", 1),
  S(rf"delayed error reply generation\(-{R}\)", 1),
]
NEG = re.compile(
  r"cfgtrace|qm_malloc|qm_free|freeing frag|udp_rcv_loop|received on udp socket: \([\d/]+\) \[\[[A-Z]+ |sip message - (?:reply|request) - call-id|reply-route executed|accepting reply code|first line indicates|skip forwarding|FAKED_REPLY|handling outgoing|trace off|winner=|negative reply|code is <0>|build_contact|qm_sums|request - call-id|new_code=0"
)
GARBLED = re.compile(r'(?s).\s\d+\(\d+\) [A-Za-z]+: |\d+\(\d+\) exec: .* \d+\(\d+\) ')
SUSP = re.compile(r'(?i)status|code|repl|response|SIP/2\.0 \d')


def body(t):
  h = HEADX.match(t) or HEAD.match(t)
  if not h: return '', '', '', t
  d = h.groupdict()
  return d['level'], d['mod'], d.get('func') or '', d['text'].rstrip('\n')


def clean(m):
  d = {k: v.strip() for k, v in m.groupdict().items() if v and v != '<null>'}
  d['code'] = int(d['code'])
  return d


def label(t):
  if GARBLED.search(t) or t.startswith(' ... '): return 'garbled', None, {'skip': True}
  lv, mod, fn, x = body(t)
  x = re.sub(r'^\[\d\|[A-Z]+\|\S+\] ', '', x)
  if mod == '<script>':
    if XNONE.match(x): return 'xlog', None, {}
    for p in X:
      m = p.match(x)
      if m: return 'xlog', clean(m), {}
    m = XOPT.match(x)
    if m: return 'xlog R=', clean(m), {'optional': True}
    return ('xlog', None, {}) if silent(x) else ('todo', None, {})
  m = ACC.search(x)
  if m: return 'acc', clean(m), {}
  m = ACCJ.search(x)
  if m: return 'acc_json', clean(m), {}
  m = CDR.search(x)
  if m and mod == 'acc': return 'acc cdr', clean(m), {'optional': True}
  found = second.labelled(PATTERNS, x)
  if found: return found
  if 'too many contacts for AOR' in x: return 'implied', {'code': 503, 'implied': True}, {'optional': True}
  if NEG.search(x): return 'none', None, {}
  if silent(x): return 'silent', None, {}
  if not SUSP.search(x): return 'none', None, {}
  return 'todo', None, {}


result = []
VERSION = subprocess.run(['/usr/sbin/kamailio', '-v'], capture_output=True, text=True, check=False).stdout.split()[2]


def put(dialect, framing, line, expect, via, composed=False, **more):
  if not composed: result.append(common.row('Kamailio ' + VERSION, dialect, framing, line, expect, via=via, **more))


# --- kamailio
def labelled(rows):
  for v, t in second.fresh(rows):
    if v == 'kamcmd':
      m = re.search(r'(?:last_status|lcode|code): ?([1-6]\d\d)\b', t)
      put('kamcmd', 'bare', t, None, v, **({'skip': True} if m else {}))
      continue
    if v == 'sipdump':
      for r in re.split(r'(?m)^(?=====================)', t)[1:] or re.split(r'(?m)^(?=pid: )', t)[1:]:
        put('sipdump record', 'bare', r, message(r), v)
      for l in t.split('\n')[:4000]:
        e = message(l)
        put('sipdump line', 'bare', l, e, 'sipdump line')
      continue
    d, e, m = label(t)
    if d == 'todo': m = {'skip': True}
    if d.startswith('xlog') and e: m = {**m, 'composed': True}
    put(d, 'syslog3164' if v.startswith('syslog') else 'bare', t, e, v.replace('syslog', 'direct', 1), **m)


def main():
  try:
    do('abcd')
  finally:
    shutil.rmtree(W, ignore_errors=True)
  labelled(rows)
  random.Random(1).shuffle(result)
  common.write(OUT + '/kamailio-second.jsonl.xz', second.thinned(result), 'kamc')
  sys.stdout.flush()
  os._exit(0)


main()
