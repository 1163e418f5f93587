# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""The records of the benchmark: made from a seed, each with its truth (code, phrases that are right), or None."""
import csv
import gzip
import json
import lzma
import pathlib
import random

TOP = pathlib.Path(__file__).resolve().parents[1]
CODES_CSV = TOP / "modules/sip/core/sip-status-codes.csv"
RECORDINGS = TOP / "tests/recordings"
KINDS = ("hit", "miss", "mixed", "long", "recordings")

USED = (100, 180, 183, 200, 202, 302, 400, 401, 403, 404, 405, 407, 408, 410, 415, 420, 480, 481, 482, 484, 486, 487, 488, 491, 500,
        501, 502, 503, 504, 600, 603, 604, 606)


def code_table():
    """code -> row of the code table"""
    with open(CODES_CSV, encoding="utf-8") as source:
        rows = csv.DictReader(line for line in source if not line.startswith("#"))
        return {int(row["code"]): row for row in rows if row["code"].isdigit()}


# (weight, program, form): ten of them make 80 % of the records, so that ten patterns are a fair choice for a peer
HIT = (
    (14, "asterisk", "VERBOSE[{n}][C-0000{h4}]: chan_sip.c:24235 in handle_response: Got SIP response {c} \"{r}\" back from {ip}:5060"),
    (10, "asterisk", "WARNING[{n}]: res_pjsip_outbound_registration.c:1137 in handle_registration_response: '{c}' fatal response received "
                     "from 'sip:sip.example.net' on registration attempt to 'sip:{u}@sip.example.net', retrying in '300' seconds"),
    (12, "kamailio", "NOTICE: acc [acc.c:284]: acc_log_request(): ACC: call missed: timestamp={t};method=INVITE;from_tag={h8};"
                     "to_tag={h4};call_id={h8}{h8}@{ip};code={c};reason={r}"),
    (8, "freeswitch", "2026-11-23 06:32:{s}.100000 99.03% [DEBUG] sofia_presence.c:4088 Responding to SUBSCRIBE with {c} {r}"),
    (6, "freeswitch", "2026-11-23 06:32:{s}.100000 99.03% [ERR] sofia_reg.c:2661 gw{n} Failed Registration with status {r} [{c}]. "
                      "failure #6"),
    (6, "baresip", "call: sip:{u}@{ip}:5060: session closed: {c} {r}"),
    (6, "sems", "[#{h4}] [onSipReply, SipCtrlInterface.cpp:902] DEBUG: Received reply: {c} {r}"),
    (6, "opensips", "DBG:tm:t_should_relay_response: T_code=183, new_code={c}"),
    (6, "app", "18:28:{s}.600    pjsua_acc.c  ....SIP registration failed, status={c} ({r})"),
    (6, "gateway", "call {u} to trunk {n}: SIP/2.0 {c} {r}"),
    (3, "asterisk", "DEBUG[{n}][C-0000{h4}]: res_pjsip_session.c:3011 in session_on_tsx_response: Method is INVITE, Response is {c} {r}"),
    (3, "yate", "2026-11-23_06:42:{s}.486123 <sip:WARN> SIP line 'gw{n}' logon failure {c}: {r}"),
    (3, "kamailio", "ERROR: uac [uac_reg.c:1001]: uac_reg_tm_callback(): got sip response {c} while registering"),
    (3, "freeswitch", "{h8}-6ac6-11e7-a446-0177bd11a386 2024-07-02 11:56:{s}.915157 98.83% [DEBUG] sofia.c:7493 Channel "
                      "sofia/public/{u}@{ip} entering state [terminated][{c}]"),
    (3, "linphone", "2019-10-31 22:30:{s}:251 [liblinphone] MESSAGE Register refresher [{c}] reason [{r}] for proxy [<sip:{ip}>]"),
    (3, "billing", "{{\"event\":\"hangup\",\"call_id\":\"{h8}@{ip}\",\"duration\":404,\"hangup_cause\":\"OTHER\",\"sip_code\":{c},"
                   "\"sip_reason\":\"{r}\"}}"),
    (2, "app", "nta.c:3299 agent_recv_response() nta: received {c} {r} for INVITE ({n}{n})"),
)

# records without a status, full of numbers that look like one
MISS = (
    (10, "asterisk", "VERBOSE[{n}][C-0000{h4}]: pbx.c:2938 in pbx_extension_helper: Executing [{u}@macro-dialout-trunk:26] "
                     "GotoIf(\"PJSIP/{u}-0000{h4}\", \"0?continue,1:s-{k},1\") in new stack"),
    (8, "asterisk", "VERBOSE[{n}][C-0000{h4}]: app_dial.c:3371 in wait_for_answer: PJSIP/{u}-0000{h4} is ringing"),
    (8, "asterisk", "VERBOSE[{k}]: res_rtp_asterisk.c:8142 in ast_rtp_read: 0x7f{h8} -- Strict RTP switching to RTP target address {ip}:{n}"),
    (8, "asterisk", "NOTICE[{k}]: chan_sip.c:28101 in handle_request_subscribe: Peer '{u}' is now a mailbox of {k} messages, {n} bytes"),
    (10, "kamailio", "INFO: <script>: new request {u} from {ip}:{n} to user {k}, transaction {h8} of branch {k}, {n} bytes in"),
    (8, "kamailio", "DEBUG: <core> [core/parser/msg_parser.c:{k}]: parse_msg(): first character {k}, {n} bytes, udp:{ip}:5060"),
    (8, "freeswitch", "2026-11-23 06:35:{s}.100000 98.83% [DEBUG] rtp.c:417 Enqueuing RFC2833 DTMF 4 of length {k} on channel {n} of {ip}"),
    (8, "freeswitch", "{h8}-6ac6-11e7-a446-0177bd11a386 2026-11-23 06:31:{s}.100000 98.83% [INFO] mod_dialplan_xml.c:{k} Processing {u} in "
                      "context default"),
    (6, "nginx", "{ip} - - \"GET /v1/sip/accounts/{k} HTTP/1.1\" {k} {n} \"-\" \"curl/7.88.1\" rt=0.{k} upstream={ip}:8080"),
    (5, "postfix/smtp", "{h8}: to=<{u}@example.com>, relay={ip}[{ip}]:25, delay=4.8, dsn=5.0.0, status=bounced ({k} 5.1.1 user unknown)"),
    (6, "sshd", "Failed password for invalid user {u} from {ip} port {n} ssh2, attempt {k} of {k} in the last {n} seconds"),
    (6, "opensips", "INFO:dispatcher:ds_select_dst: gateway {k} of set {k} chosen for {u}, {n} ms since the last ping, weight {k}"),
)

# PJSIP logger: the whole message as one record
DUMP_RESPONSE = (
    "VERBOSE[{n}]: res_pjsip_logger.c:354 in logging_on_rx_msg: <--- Received SIP response ({n} bytes) from UDP:{ip}:5060 --->\n"
    "SIP/2.0 {c} {r}\r\n")
DUMP_REQUEST = (
    "VERBOSE[{n}]: res_pjsip_logger.c:354 in logging_on_tx_msg: <--- Transmitting SIP request ({n} bytes) to UDP:{ip}:5060 --->\n"
    "INVITE sip:{u}@{ip}:5060 SIP/2.0\r\n")
DUMP_HEADERS = (
    "Via: SIP/2.0/UDP {ip}:5060;rport=5060;received={ip};branch=z9hG4bKPj{h8}-{h4}-4d1a-9d0e-{h8}{h4}\r\n"
    "Via: SIP/2.0/UDP {ip2}:5060;branch=z9hG4bK{h8}{h8}\r\n"
    "Record-Route: <sip:{ip2};lr=on;ftag={h8}>\r\n"
    "From: \"User {u}\" <sip:{u}@sip.example.com>;tag={h8}-{h4}\r\n"
    "To: <sip:{u2}@sip.example.com>;tag=as{h8}\r\n"
    "Contact: <sip:{u2}@{ip}:5060>\r\n"
    "Call-ID: {h8}-{h4}-4486-b404-{h8}{h4}\r\n"
    "CSeq: {k} INVITE\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE\r\n"
    "Supported: replaces, timer, path, norefersub, 100rel\r\n"
    "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"
    "P-Asserted-Identity: \"User {u}\" <sip:{u}@sip.example.com>\r\n"
    "Max-Forwards: 70\r\nUser-Agent: Asterisk PBX 22.{k}\r\nContent-Type: application/sdp\r\nContent-Length: {n}\r\n\r\n")
DUMP_BODY = "v=0\r\no=- {n}{n} {n} IN IP4 {ip}\r\ns=Asterisk\r\nc=IN IP4 {ip}\r\nt=0 0\r\n" + "".join(
    "m=%s {n} RTP/AVP 0 8 9 18 101\r\n" % media + "".join("a=rtpmap:%s\r\n" % codec for codec in (
        "0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "18 G729/8000", "101 telephone-event/8000"))
    + "a=fmtp:18 annexb=no\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:140\r\na=sendrecv\r\n"
    "a=candidate:H{h8} 1 UDP 2130706431 {ip} {n} typ host\r\na=candidate:S{h8} 2 UDP 1694498815 {ip2} {n} typ srflx raddr {ip} rport 404\r\n"
    for media in ("audio", "video")) + "a=ice-ufrag:{h8}\r\na=ice-pwd:{h8}{h8}{h8}\r\n"


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.codes = code_table()

    def _fill(self, form, code=None):
        r = self.random
        return form.format(
            c=code, r=self.codes[code]["phrase"] if code else "", n=r.randrange(1000, 65000), k=r.randrange(100, 700),
            t=r.randrange(1700000000, 1800000000), s="%02d" % r.randrange(60), u=r.randrange(1000, 9999), u2=r.randrange(1000, 9999),
            ip="192.0.2.%d" % r.randrange(1, 255), ip2="198.51.100.%d" % r.randrange(1, 255),
            h4="%04x" % r.randrange(1 << 16), h8="%08x" % r.randrange(1 << 32))

    def _record(self, program, text):
        r = self.random
        return "<%d>Nov 23 06:%02d:%02d pbx%d %s[%d]: %s" % (
            r.randrange(128, 192), r.randrange(60), r.randrange(60), r.randrange(1, 5), program, r.randrange(300, 32000), text)

    def hit(self):
        _, program, form = self.random.choices(HIT, [weight for weight, _, _ in HIT])[0]
        code = self.random.choice(USED)
        reason = self.codes[code]["phrase"]
        return self._record(program, self._fill(form, code)), (code, {reason})

    def miss(self):
        _, program, form = self.random.choices(MISS, [weight for weight, _, _ in MISS])[0]
        return self._record(program, self._fill(form)), None

    def mixed(self):
        return self.hit() if self.random.random() < 0.3 else self.miss()

    def long(self):
        if self.random.random() < 0.7:
            code = self.random.choice(USED)
            return (self._record("asterisk", self._fill(DUMP_RESPONSE + DUMP_HEADERS + DUMP_BODY, code)),
                    (code, {self.codes[code]["phrase"]}))
        return self._record("asterisk", self._fill(DUMP_REQUEST + DUMP_HEADERS + DUMP_BODY)), None

    def recordings(self):
        while True:
            for path in sorted(RECORDINGS.glob("*.jsonl.xz")):
                with lzma.open(path, "rt", encoding="utf-8") as source:
                    lines = [json.loads(line) for line in source]
                for record in lines:
                    if record["framing"] != "syslog3164" or record.get("skip"):
                        continue
                    expect = record.get("expect")
                    yield (record["line"].rstrip("\r\n\0"),
                           False if record.get("optional") else (expect["code"], reasons_of(record)) if expect else None)


def reasons_of(record):
    """the phrases that are right, as tests/corpus/corpus.py judges them; none where the line says none"""
    if not record["expect"].get("reason"):
        return set()
    alternatives = record.get("alt_reason", [])
    return {record["expect"]["reason"], *([alternatives] if isinstance(alternatives, str) else alternatives)}


def records(kind, seed, count):
    """count records as (bytes, truth): truth is (code, phrases that are right), None: has no status, False: not judged"""
    generator = Generator(seed)
    if kind == "recordings":
        # every n-th, so that a small count has a share of all
        everything = generator.recordings()
        pool = [next(everything) for _ in range(33000)]
        generator.random.shuffle(pool)
        chosen = [pool[i % len(pool)] for i in range(count)]
    else:
        make = getattr(generator, kind)
        chosen = [make() for _ in range(count)]
    return [(line.encode("utf-8", "surrogateescape"), truth) for line, truth in chosen]
