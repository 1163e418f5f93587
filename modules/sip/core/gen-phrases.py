#!/usr/bin/env python3
"""Writes the rules for "number + registered phrase" from the code table: gen-phrases.py sip-status-codes.csv > phrases.rules

The phrase confirms that a three-digit number is a status.  What HTTP or plain English says with the same words needs a word of SIP on
the record as well.
"""

import csv
import re
import sys

# phrases that HTTP, or a sentence that counts things, has with the same number
SHARED = {
    "OK", "Accepted", "Multiple Choices", "Moved Permanently", "Moved Temporarily", "Use Proxy", "Bad Request",
    "Unauthorized", "Payment Required", "Forbidden", "Not Found", "Method Not Allowed", "Not Acceptable",
    "Proxy Authentication Required", "Proxy Authentication required", "Request Timeout", "Request Time-out", "Conflict", "Gone", "Length Required",
    "Precondition Failed", "Request Entity Too Large", "Request-URI Too Long", "Request-URI Too Large",
    "Unsupported Media Type", "Internal Server Error", "Not Implemented", "Bad Gateway", "Service Unavailable",
    "Gateway Time-out", "Gateway timeout", "Version Not Supported", "Version not supported", "Server Timeout",
    "Queued", "Rejected", "Unwanted", "Ambiguous", "Alternative Service", "User Not Found",
    "Invalid Request", "Stale Date", "Send Failed", "Bad URI", "No Notification", "Service unavailable",
}
# those of them that are rare enough in other logs to be looked for without the number
RARE = {
    "Multiple Choices", "Moved Permanently", "Moved Temporarily", "Payment Required", "Method Not Allowed", "Request Time-out",
    "Length Required", "Precondition Failed", "Request Entity Too Large", "Request-URI Too Long", "Request-URI Too Large",
    "Unsupported Media Type", "Internal Server Error", "Bad Gateway", "Service Unavailable", "Service unavailable",
    "Gateway Time-out", "Gateway timeout", "Version Not Supported", "Version not supported", "Server Timeout",
    "Alternative Service", "No Notification", "Proxy Authentication Required", "Proxy Authentication required", "Forbidden", "Unauthorized", "Ambiguous",
    "Conflict", "Unwanted", "Use Proxy", "Stale Date", "Send Failed", "Bad Request", "Invalid Request", "Not Implemented",
    "Not Acceptable",
}
LEFT_OUT = {"Busy", "Informational - Others", "(Loop Detected)", "Accepted (Deprecated)", "User not found", "Request merged"}

SIP_WORDS = (
    "SIP | sip: | sips: | =INVITE | =REGISTER | =SUBSCRIBE | =NOTIFY | =PUBLISH | =CANCEL | =BYE | =PRACK | =REFER | =OPTIONS"
    " | Call-ID | callid | call_id | CSeq | from_tag | to_tag | chan_sip | pjsip | *pjsip* | sofia | kamailio | opensips | openser"
    " | asterisk | freeswitch | baresip | *pjsua* | voip | trunk | registrar"
    " | =607 Unwanted | =608 Rejected | =485 Ambiguous | =380 Alternative Service"
)
NOT_SIP = (
    "*http* | webhook | curl | =GET | =POST | =PUT | =DELETE | =HEAD | url | uri= | api | REST | smtp | postfix | ftp | nginx | apache | exit"
    " | =Overriding | =ALLOCATE | =CREATE_PERMISSION | =TURN | jsonrpcs | licen* | apt | yum | dnf | wget | Diameter | radius | account manager | LDAP | sqlstate | ari | STUN | ICE | push notification | apns | firebase"
    " | RTSP/1.0 | RTSP/2.0"
)
# numbers that a phrase follows by chance: "extension 404 not found"
NAMED_NUMBER = "(?<!%s)" % "|".join(r"\b%s " % word for word in (
    "ext", "exten", "extension", "user", "peer", "endpoint", "account", "port", "line", "queue", "mailbox", "number", "aor",
    "contact", "channel", "device", "agent", "room", "conference", "domain", "id", "no", "call", "leg"))
FORMS = ("%s %s", "%s/%s", "%s (%s", "%s(%s", "%s: %s", "%s - %s")
SEPARATOR = r"""(?:[] /():,"'-]{1,3}|[|;\t](?!Ringing|Trying))"""
DIRECTION = "(?:(?<![A-Za-z])(?i:(?<sent>sent|sending)|(?<received>received|got|recv)) )?"
PEER = (r"""(?:,? (?:from|to) (?<peer>(?:(?:sips?|udp|tcp|tls|wss?):)?(?:[^\s@<>"',;]{1,64}@)?"""
        r"(?:[0-9]{1,3}(?:[.][0-9]{1,3}){3}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?)(?![0-9A-Za-z]))?")


def phrases(path):
    with open(path, encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            for phrase in [row["phrase"], *filter(None, row["phrase_aliases"].split("|"))]:
                if phrase not in LEFT_OUT:
                    yield row["code"], phrase


def alternatives(pairs):
    words = sorted({phrase for _, phrase in pairs}, key=lambda phrase: (-len(phrase), phrase))
    return "|".join(re.sub(r"([.()|])", r"\\\1", word) for word in words)


def with_neighbours(anchor):
    """With seven bytes or more in every anchor the search for them looks at every fourth position only."""
    if len(anchor) >= 7:
        return [anchor]
    before = " (\"'[:=|>-" if " " in anchor else " \":="
    return ['"%s%s"' % (char, anchor) for char in before] + ['"%s "' % anchor, anchor + ",", anchor + ")"]


def print_rule(name, anchors, patterns, settings):
    print("\n[rule phrases.%s]" % name)
    print("product: any, a number and its registered phrase")
    print("rank: phrase")
    for anchor in sorted({longer for anchor in anchors for longer in with_neighbours(anchor)}):
        print("anchor: %s" % anchor)
    print("before: 16")
    for line in [*("pattern: " + pattern for pattern in patterns), *settings]:
        print(line)


# app[404]: Temporarily Unavailable: the number of a process
NO_PROCESS = r"(?:(?<=status\[|code\[|reply\[|sponse\[)|(?!(?<=[A-Za-z0-9_-]\[)[1-6][0-9]{2}\]:))"


def number_first(words):
    return (r"%s(?<![0-9A-Za-z_.])(?<!SIP/2[.]0 )(?<![0-9][:,])(?i)%s(?-i)%s%%{code}%s(?<reason>%s)(?![A-Za-z])(?! ?[[(][1-6][0-9]{2}[])])"
            r"(?!(?<=trying) to (?!sips?:|[0-9[]))%s" % (DIRECTION, NAMED_NUMBER, NO_PROCESS, SEPARATOR, words, PEER))


def number_first_of_shared(words):
    # some anchors begin with what stands before the number: a match has to begin there
    return r"""[ "'(:=>[|-]?""" + number_first(words)


def phrase_first(words):
    return r"(?<![A-Za-z])(?<reason>%s) ?[[(]%%{code}[])]" % words


def main():
    pairs = list(phrases(sys.argv[1]))
    # a long phrase that only SIP has is anchor enough, a short one is with its number before it
    sip = [pair for pair in pairs if pair[1] not in SHARED]
    shared = [pair for pair in pairs if pair[1] in SHARED]
    sip_words = "(?i:%s)" % alternatives(sip)
    shared_words = alternatives(shared)
    rare = [phrase[:16].rstrip() for _, phrase in shared if phrase in RARE]
    numbered = [(code, phrase[:12].rstrip()) for code, phrase in pairs
                if len(phrase) < 9 or phrase in SHARED and phrase not in RARE]

    print("# generated by modules/sip/core/gen-phrases.py from sip-status-codes.csv, do not edit")
    print_rule("sip", [phrase[:16].rstrip() for _, phrase in sip if len(phrase) >= 9]
               + [form % pair for pair in numbered if pair in sip for form in FORMS],
               [number_first(sip_words), phrase_first(sip_words)], [
        "veto: HTTP/1.0 | HTTP/1.1 | HTTP/2 | xhttp | =Overriding | RTSP/1.0 | RTSP/2.0",
        "match: 487 Request Terminated",
        'expect: code=487 reason="Request Terminated"',
        "match: 2025-06-07|404|486|Busy Here|INVITE",
        'expect: code=486 reason="Busy Here" method=INVITE',
        "nomatch: 100|Ringing|SIP/100",
        "nomatch: Nov 25 10:00:00 gw1 app[404]: Temporarily Unavailable, try again",
        "match: leg b said 486/Busy Here to us",
        'expect: code=486 reason="Busy Here"',
        "match: call 17 ended: 480 (Temporarily Unavailable)",
        'expect: code=480 reason="Temporarily Unavailable"',
        "match: 180 Ringing",
        "expect: code=180 reason=Ringing",
        "match: gateway gw1: Busy Here [486]",
        'expect: code=486 reason="Busy Here"',
        "match: Not Acceptable Here (488)",
        'expect: code=488 reason="Not Acceptable Here"',
        "match: call 404: Request Terminated (487)",
        'expect: code=487 reason="Request Terminated"',
        "match: call to 5550100 failed: 603 - Decline",
        "expect: code=603 reason=Decline",
        "match: sent 486 Busy Here to 192.0.2.9:5060",
        'expect: code=486 reason="Busy Here" direction=sent peer=192.0.2.9 peer_port=5060',
        "match: got 480 Temporarily Unavailable from sip:404@[2001:db8::5]:5060",
        "expect: code=480 direction=received peer=2001:db8::5",
        "nomatch: 100: trying to delete entry",
        "nomatch: message too large: 503 + 404",
        "nomatch: 4870 Request Terminated",
        "nomatch: 10.1.2.486 Busy Here is no status",
        "nomatch: HTTP/1.1 486 Busy Here",
        "nomatch: RTSP/1.0 486 Busy Here",
        "nomatch: RTSP/2.0 480 Temporarily Unavailable",
        "nomatch: Busy Here (4860)",
        "nomatch: Not Acceptable Here: 488 ms",
    ])
    print_rule("shared", rare + [form % pair for pair in numbered if pair not in sip for form in FORMS],
               [number_first_of_shared(shared_words)], [
        "require: " + SIP_WORDS,
        "veto: " + NOT_SIP,
        "match: trunk-b answered INVITE with 503 Service Unavailable",
        'expect: code=503 reason="Service Unavailable"',
        "match: BYE of 1001: 200 OK",
        "expect: code=200 reason=OK",
        "nomatch: TURN ALLOCATE error 401 Unauthorized for the SIP user",
        "nomatch: INFO: jsonrpcs [jsonrpcs_mod.c:1]: sending 404 Not Found to sip:1@192.0.2.1",
        "match: call rejected by carrier - 607 Unwanted",
        "expect: code=607 reason=Unwanted",
        "match: trunk-b: 403 - Forbidden",
        "expect: code=403 reason=Forbidden",
        "match: received 404 Not Found for INVITE",
        'expect: code=404 reason="Not Found" direction=received method=INVITE',
        'match: REGISTER (200 OK) from sip:1001@192.0.2.1',
        "expect: code=200",
        "nomatch: 503 Service Unavailable",
        "nomatch: BYE of x200 OK",
        "nomatch: SIP extension 200 OK",
        'nomatch: 192.0.2.5 - - [23/Nov/2026:06:52:00 +0700] "OPTIONS /sip HTTP/1.1" 404 Not Found',
        "nomatch: SIP extension 404 Not Found",
        "nomatch: X-Upstream: SIP/2.0 200 OK",
        "nomatch: flexisip: Push notification for sip:404@example.com failed with status 410: Gone",
        "nomatch: sip trunk check of https://pbx.example.com/ gave 404 Not Found",
        "nomatch: kamailio[1]: DEBUG: xhttp [xhttp_mod.c:404]: sending out response: 404 Not Found",
        r"nomatch: RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n",
        r"nomatch: S->C: RTSP/2.0 200 OK\nCSeq: 404\nPublic: OPTIONS, DESCRIBE, SETUP",
    ])
    print_rule("shared-before-number", rare + [form % (phrase[-12:].lstrip(), code) for code, phrase in shared
                                               if len(phrase) > 6 and phrase not in RARE for form in ("%s [%s", "%s (%s")],
               [phrase_first(shared_words)], [
        "require: " + SIP_WORDS,
        "veto: " + NOT_SIP,
        "match: SIP trunk failed: Forbidden (403)",
        "expect: code=403 reason=Forbidden",
        "nomatch: Forbidden (403)",
        "nomatch: SIP portal, http: Forbidden (403)",
    ])


if __name__ == "__main__":
    main()
