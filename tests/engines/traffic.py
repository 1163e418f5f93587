# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""Made-up SIP traffic of two weeks at two PBXs, and with it the truth that the tests compare with.

Ordinary days with quiet nights, phones that do not register, a carrier that fails for an hour, a scanner that tries
extensions and in the end guesses a password, and now and then each code there is.
"""

import csv
import dataclasses
import json
import math
import random

from engines import TOP

DAY = 86400


def _codes():
    with (TOP / "modules" / "sip" / "core" / "sip-status-codes.csv").open(encoding="utf-8", newline="") as table:
        return {int(row["code"]): row for row in csv.DictReader(table)}


CODES = _codes()
FOREIGN_CODES = (499, 599, 699)
CHALLENGES = (401, 407)
NOT_A_FAILURE = (401, 407, 422, 423, 487, 491, 494)

HOSTS = ("pbx-hanoi", "pbx-saigon")
TRUNKS = {"trunk-north": "198.51.100.10", "trunk-south": "198.51.100.20", "trunk-mobile": "203.0.113.5"}
PHONES = {str(1000 + n): "192.0.2.%d" % n for n in range(1, 61)}
WRONG_PASSWORD = "1013"
NO_ACCOUNT = "1027"
NO_ANSWER = "1042"
SCANNER = "203.0.113.66"
SLOW_SCANNER = "203.0.113.77"
GUESSED = "1055"
FAILING_TRUNK = "trunk-south"


@dataclasses.dataclass
class Record:
    time: float
    host: str
    program: str
    code: int = 0
    reason: str = ""
    method: str = ""
    call_id: str = ""
    peer: str = ""
    peer_port: int = 0
    direction: str = ""
    user: str = ""
    endpoint: str = ""
    event: str = ""
    user_agent: str = ""

    @property
    def status_class(self):
        return "%dxx" % (self.code // 100) if self.code else ""

    @property
    def meaning(self):
        return CODES[self.code]["meaning_en"] if self.code in CODES else ""

    @property
    def meaning_vi(self):
        return CODES[self.code]["vi_short"] if self.code in CODES else ""

    @property
    def outcome(self):
        if not self.code:
            return "failure"            # the only events made here
        if self.code < 200 or self.code // 100 == 3 or self.code in NOT_A_FAILURE:
            return "unknown"
        return "success" if self.code < 300 else "failure"

    def as_pairs(self):
        """What sip-status() would set, without its prefix, as JSON."""
        pairs = {
            "code": str(self.code or ""), "reason": self.reason, "class": self.status_class, "meaning": self.meaning,
            "meaning_vi": self.meaning_vi, "severity": CODES[self.code]["severity"] if self.code in CODES else "",
            "method": self.method, "call_id": self.call_id, "peer": self.peer, "peer_port": str(self.peer_port or ""),
            "direction": self.direction, "user": self.user, "endpoint": self.endpoint, "event": self.event,
            "user_agent": self.user_agent,
        }
        return json.dumps({name: value for name, value in pairs.items() if value}, ensure_ascii=False)

    def as_asterisk_dump(self):
        """The record as Asterisk's PJSIP logger writes it."""
        if not self.code:
            return "No response received from 'sip:%s' on registration attempt to 'sip:%s@%s', retrying in '60'" \
                % (self.peer, self.user, self.peer)
        message = "\r\n".join([
            "SIP/2.0 %d %s" % (self.code, self.reason),
            "Via: SIP/2.0/UDP 192.0.2.250:5060;rport=5060;branch=z9hG4bKPj%s" % self.call_id[:12],
            "Call-ID: " + self.call_id,
            "From: <sip:%spbx.example.com>;tag=486" % (self.user + "@" if self.user else ""),
            "To: <sip:%spbx.example.com>;tag=404" % (self.user + "@" if self.method == "REGISTER" else ""),
            "CSeq: 102 " + self.method,
        ] + (["User-Agent: " + self.user_agent] if self.user_agent else []) + [
            "Content-Length:  0",
            "", ""])
        if self.direction == "sent":
            head = "<--- Transmitting SIP response (%d bytes) to UDP:%s:%d --->"
        else:
            head = "<--- Received SIP response (%d bytes) from UDP:%s:%d --->"
        return head % (len(message), self.peer, self.peer_port) + "\n" + message + "\n"


class _Maker:
    def __init__(self, end, seed):
        self.random = random.Random(seed)
        self.end = end
        self.records = []

    def moment(self):
        """A time in the last two weeks, most likely in working hours."""
        while True:
            at = self.end - self.random.random() * 14 * DAY
            hour = (at / 3600 + 7) % 24         # Vietnam
            if self.random.random() < 0.12 + 0.88 * max(0.0, math.sin((hour - 6) / 14 * math.pi)) * (6 <= hour <= 20):
                return at

    def add(self, at, **fields):
        code = fields.get("code", 0)
        if code and "reason" not in fields:
            fields["reason"] = CODES[code]["phrase"] if code in CODES else "Something Else"
        if at <= self.end:
            fields.setdefault("host", HOSTS[self.random.random() < 0.4])
            fields.setdefault("program", "asterisk")
            self.records.append(Record(time=round(at, 3), **fields))

    def call_id(self):
        return "%032x@pbx.example.com" % self.random.getrandbits(128)

    def call(self, at, final=None):
        endpoint = self.random.choice(sorted(TRUNKS))
        peer = TRUNKS[endpoint]
        if final is None:
            final = self.random.choices((200, 486, 480, 487, 404, 408, 603, 488, 500, 503, 403, 484),
                                        (64, 9, 6, 9, 3, 2, 2, 1, 1, 1, 1, 1))[0]
            if endpoint == FAILING_TRUNK and self.end - 5 * 3600 < at < self.end - 4 * 3600:
                final = 503
        common = {"method": "INVITE", "call_id": self.call_id(), "peer": peer, "peer_port": 5060,
                  "direction": "received", "endpoint": endpoint, "user": self.random.choice(sorted(PHONES)),
                  "host": HOSTS[endpoint == FAILING_TRUNK]}
        self.add(at, code=100, **common)
        if final in (200, 480, 486, 487, 603):
            self.add(at + 1, code=self.random.choice((180, 183)), **common)
        self.add(at + 2 + self.random.random() * 8, code=final, **common)
        if final == 200:
            self.add(at + 60 + self.random.random() * 200, code=200, **dict(common, method="BYE"))

    def registration(self, at, user):
        common = {"method": "REGISTER", "call_id": self.call_id(), "peer": PHONES[user], "peer_port": 5060,
                  "direction": "sent", "user": user, "user_agent": "Grandstream GXP2170 1.0.11.16",
                  "host": HOSTS[int(user) % 2]}
        if user == NO_ANSWER:
            common["code"] = 0
            self.add(at, event="registration-timeout", user=user, peer=PHONES[user], host=common["host"])
            return
        self.add(at, code=401, **common)
        final = {WRONG_PASSWORD: 403, NO_ACCOUNT: 404}.get(user, 200)
        if final != 200 and self.random.random() < 0.004:
            final = 200
        self.add(at + 0.2, code=final, **common)

    def scan(self, at, source, user):
        common = {"method": "REGISTER", "call_id": self.call_id(), "peer": source, "peer_port": 5071,
                  "direction": "sent", "user": user, "user_agent": "friendly-scanner", "host": HOSTS[0]}
        self.add(at, code=401, **common)
        self.add(at + 0.05, code=404 if user not in PHONES else 403, **common)

    def make(self, count):
        phones = sorted(PHONES)
        # a day of scanning, then the right password
        burst = self.end - 9 * 3600
        for n in range(400):
            self.scan(burst + n * 4, SCANNER, str(1000 + n % 250))
        self.add(burst + 1700, code=200, method="REGISTER", call_id=self.call_id(), peer=SCANNER, peer_port=5071,
                 direction="sent", user=GUESSED, user_agent="friendly-scanner", host=HOSTS[0])
        for n in range(60):
            self.scan(self.end - 20 * 3600 + n * 1200, SLOW_SCANNER, str(self.random.randrange(100, 2000)))
        for n in range(220):
            self.call(self.end - 5 * 3600 + n * 16)
        for user in (WRONG_PASSWORD, NO_ACCOUNT, NO_ANSWER):
            for n in range(40):
                self.registration(self.end - 60 - n * 600, user)
        for code in sorted(CODES) + list(FOREIGN_CODES):
            self.call(self.moment(), code)
        while len(self.records) < count:
            at = self.moment()
            kind = self.random.random()
            if kind < 0.45:
                self.call(at)
            elif kind < 0.92:
                user = self.random.choice(phones)
                if user in (WRONG_PASSWORD, NO_ACCOUNT, NO_ANSWER) and self.random.random() < 0.5:
                    continue
                self.registration(at, user)
            else:
                trunk = self.random.choice(sorted(TRUNKS))
                self.add(at, code=200, method="OPTIONS", call_id=self.call_id(), peer=TRUNKS[trunk], peer_port=5060,
                         direction="received", endpoint=trunk)
        del self.records[count:]
        self.records.sort(key=lambda record: record.time)
        return self.records


def make(count, end, seed=1):
    return _Maker(end, seed).make(count)
