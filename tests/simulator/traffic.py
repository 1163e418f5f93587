"""Seeded SIP status traffic with day and week shape, and incidents of known start and size.

A scenario is a TOML file; see README.md beside this file for its form.  events() yields what a syslog-ng node would
see, in order of time, as tuples (time, key, code, method, direction, call_id, event); truth() says what the
incidents are.
"""

import math
import random

try:
    import tomllib
except ImportError:  # Python 3.9, 3.10
    import tomli as tomllib

SLOT = 300.0
HOUR = 3600.0
DAY = 24 * HOUR
WEEK = 7 * DAY

FAULTS = {400, 402, 405, 406, 408, 413, 415, 416, 420, 421, 430, 436, 437, 438, 440, 477, 478, 479, 481, 482, 483,
          488, 493, 606, 608} | set(range(500, 600))


def is_fault(code, method, event="-"):
    """Whether sip-alert() counts it as `fault' by default."""
    return code in FAULTS or (code == 403 and method == "INVITE") or event in ("no-response", "registration-timeout")


# --------------------------------------------------------------------------------------------------------- shapes

_OFFICE = [.03, .02, .02, .02, .03, .06, .15, .45, .85, 1, 1, .95, .7, .85, 1, .95, .85, .6, .3, .18, .12, .09, .06, .04]
_CARRIER = [.15, .1, .08, .07, .08, .12, .22, .4, .65, .85, .95, 1, .9, .9, .95, .95, .95, .95, .9, .85, .75, .6, .4, .25]


def _table(table, hour):
    at = hour - 0.5
    low = math.floor(at)
    way = at - low
    return table[low % 24] * (1 - way) + table[(low + 1) % 24] * way


def shape(name, t, weekend):
    """The traffic at a time of the week (0 is Monday 00:00), 1 at the peak."""
    hour = (t % DAY) / HOUR
    factor = weekend if (t % WEEK) >= 5 * DAY else 1.0
    if name == "flat":
        return factor
    if name == "office":
        return factor * _table(_OFFICE, hour)
    if name == "carrier":
        return factor * _table(_CARRIER, hour)
    if name == "sine":
        return factor * (0.55 - 0.45 * math.cos(2 * math.pi * (hour - 3) / 24))
    if name == "steps":  # opens at 8, closes at 18, within the second
        return factor * (1.0 if 8 <= hour < 18 else 0.1)
    if name == "lunch":  # opens at 9, closed from 12 to 14, the last caller at 19
        return factor * (1.0 if 9 <= hour < 12 else 0.8 if 14 <= hour < 19 else 0.08 if 12 <= hour < 14 else 0.02)
    if name == "night":  # batch calls
        return factor * (1.0 if hour < 5 else 0.05)
    raise ValueError("no such shape: %s" % name)


def poisson(rng, mean):
    if mean <= 0:
        return 0
    if mean > 50:
        return max(0, int(rng.gauss(mean, math.sqrt(mean)) + 0.5))
    limit, n, p = math.exp(-mean), 0, rng.random()
    while p > limit:
        n += 1
        p *= rng.random()
    return n


# ----------------------------------------------------------------------------------------------------------- keys

class Key:
    def __init__(self, group, name, rng):
        low, high = group.get("rate", [0.02, 0.2])
        self.name = name
        self.rate = low * (high / low) ** rng.random() if high > low else low
        self.shape = group.get("shape", "office")
        self.weekend = group.get("weekend", 0.2)
        self.method = group.get("method", "INVITE")
        mix = {int(code): part for code, part in group.get("mix", {"200": .62, "486": .1, "487": .15, "480": .08,
                                                                    "404": .02}).items()}
        fault = group.get("fault", [0.0, 0.03])
        part = fault[0] + (fault[1] - fault[0]) * rng.random()
        codes = group.get("fault_codes", [503, 408, 500, 488])
        for code in codes:
            mix[code] = mix.get(code, 0) + part / len(codes)
        total = sum(mix.values())
        self.codes = list(mix)
        self.weights = [mix[code] / total for code in self.codes]
        self.fault_share = sum(w for c, w in zip(self.codes, self.weights) if is_fault(c, self.method))
        self.failures_only = group.get("failures_only", False)
        self.challenge = group.get("challenge", 0.0)
        self.legs = group.get("legs", 1)
        self.ring_group = group.get("ring_group", 1)
        self.call_id = group.get("call_id", True)
        self.retransmit = group.get("retransmit", 0.0)
        self.jitter = group.get("jitter", 0.0)        # sigma of a lognormal factor on the traffic of a slot
        self.registrations = group.get("registrations", 0.0)  # REGISTER attempts a second, round the clock
        self.options = group.get("options", 0.0)
        self.noise = group.get("noise", 0.0)          # faults a second that do not follow the traffic
        self.noise_code = group.get("noise_code", 408)
        self.noise_method = group.get("noise_method", self.method)
        self.ring_codes = group.get("ring_codes", [486, 480])
        self.begins = group.get("begins", 0.0) * HOUR
        if isinstance(group.get("begins_until"), (int, float)):
            self.begins = rng.uniform(group.get("begins", 0.0), group["begins_until"]) * HOUR
        self.changes = group.get("change", [])        # at (hours), until, factor, shift (hours)
        self.growth = group.get("growth", 0.0)        # of the traffic, from week to week
        self.copies = group.get("copies", 1)          # each record is logged so often
        self.method_known = group.get("method_known", True)
        self.serial = 0

    def traffic(self, t):
        """Its attempts a second."""
        factor, at = 1.0, t
        if t < self.begins:
            return 0.0
        for change in self.changes:
            if change["at"] * HOUR <= t < change.get("until", math.inf) * HOUR:
                factor *= change.get("factor", 1.0)
                at += change.get("shift", 0.0) * HOUR
        return factor * self.rate * (1 + self.growth * t / WEEK) * shape(self.shape, at, self.weekend)

    def level(self, t):
        """Its normal faults a second."""
        noise = self.noise if is_fault(self.noise_code, self.noise_method) and t >= self.begins else 0.0
        return self.traffic(t) * self.fault_share + noise


class Incident:
    """kind: surge (additional failures at `factor' times the normal fault level, or `rate' a second), replace (a part
    of the attempts fails instead), ramp (that part grows from 0), only (every attempt, whatever it was), outage
    (replace, and the callers try again `retries' times), flap (replace, on and off)."""

    def __init__(self, spec, key):
        self.kind = spec["kind"]
        self.key = key
        self.start = spec["at"] * HOUR
        self.end = self.start + spec["minutes"] * 60
        self.part = spec.get("part", 1.0)
        self.codes = spec.get("codes", [503])
        self.retries = spec.get("retries", 0)
        self.on, self.off = spec.get("on", 60), spec.get("off", 60)
        self.extra = 0.0
        self.factor = spec.get("factor", 0)
        if self.kind == "surge":
            self.extra = spec.get("rate", 0) or max((self.factor - 1) * key.level(self.start), 0)
        self.faults = []          # times
        self.is_fault_incident = all(is_fault(code, key.method) for code in self.codes)

    def active(self, t):
        if not self.start <= t < self.end:
            return False
        return self.kind != "flap" or (t - self.start) % (self.on + self.off) < self.on

    def hits(self, t, rng):
        part = self.part
        if self.kind == "ramp":
            part *= (t - self.start) / (self.end - self.start)
        return part >= 1 or rng.random() < part


class World:
    def __init__(self, scenario, seed):
        self.scenario = scenario
        self.rng = random.Random("%s/%s" % (scenario.get("name", ""), seed))
        self.days = scenario.get("days", 7)
        self.keys = []
        for group in scenario.get("keys", []):
            for i in range(group.get("count", 1)):
                self.keys.append(Key(group, "%s%d" % (group["name"], i + 1) if group.get("count", 1) > 1
                                     else group["name"], self.rng))
        self.by_name = {key.name: key for key in self.keys}
        self.incidents = []
        self.busy_until = {}
        for spec in scenario.get("incident", []):
            self._place(spec)
        self.bursts = [self._place_burst(burst) for burst in scenario.get("burst", [])]

    def _place(self, spec):
        for _ in range(spec.get("times", 1)):
            for _ in range(200):
                key = self.by_name[spec["key"]] if "key" in spec else self.rng.choice(
                    [k for k in self.keys if k.name.startswith(spec.get("among", ""))])
                one = dict(spec)
                if "at" not in one:
                    one["at"] = self.rng.uniform(spec.get("from", 30), spec.get("to", self.days * 24 - 4))
                incident = Incident(one, key)
                again = []
                if "again" in spec:
                    again = [Incident(dict(one, at=incident.end / HOUR + spec["again"] / 60.0), key)]
                if all(one.start > end + HOUR or one.end < start - HOUR
                       for start, end in self.busy_until.get(key.name, []) for one in [incident] + again):
                    break
            else:
                continue
            for one in [incident] + again:
                self.busy_until.setdefault(key.name, []).append((one.start, one.end))
                self.incidents.append(one)

    def _place_burst(self, spec):
        """Bursts of normal life: one phone that redials, a storm of registrations, a scanner.  No alert is due."""
        times = []
        for _ in range(poisson(self.rng, spec.get("a_week", 3) * self.days / 7)):
            key = self.by_name[spec["key"]] if "key" in spec else self.rng.choice(
                [k for k in self.keys if k.name.startswith(spec.get("among", ""))])
            times.append((self.rng.uniform(0, self.days * DAY), key,
                          self.rng.randint(*spec.get("size", [4, 12]))))
        return spec, times

    # ------------------------------------------------------------------------------------------------ events

    def _emit(self, out, key, t, code, method, call, direction="-"):
        call_id = call if key.call_id else "-"
        if key.failures_only and code < 300:
            return
        method = method if key.method_known else "-"
        for _ in range(key.copies):
            out.append((t, key.name, code, method, direction, call_id, "-"))
        if key.retransmit and code >= 300 and self.rng.random() < key.retransmit:
            wait = 0.5
            for _ in range(self.rng.randint(1, 6)):
                out.append((t + wait, key.name, code, method, direction, call_id, "-"))
                wait = wait * 2 if wait < 4 else wait + 4

    def _attempt(self, out, key, t, incidents, serial=None, depth=0):
        rng = self.rng
        key.serial += 1
        call = "%s-%d" % (key.name, key.serial)
        code = rng.choices(key.codes, key.weights)[0]
        for incident in incidents:
            if incident.kind != "surge" and incident.active(t) and incident.hits(t, rng):
                code = rng.choice(incident.codes)
                incident.faults.append(t)
                if incident.kind == "outage" and depth < incident.retries:
                    again = t + rng.uniform(2, 20)
                    if again < incident.end:
                        self._attempt(out, key, again, incidents, depth=depth + 1)
                break
        if key.challenge and rng.random() < key.challenge:
            self._emit(out, key, t, 407, key.method, call)
            t += 0.05
        if key.legs == 2:
            self._emit(out, key, t, code, key.method, call + "-out", "received")
            sent = code if code < 300 or rng.random() < 0.5 else {503: 500, 486: 486, 480: 480}.get(code, code)
            self._emit(out, key, t + 0.01, sent, key.method, call, "sent")
        else:
            self._emit(out, key, t, code, key.method, call)
        for leg in range(1, key.ring_group):
            self._emit(out, key, t, 487 if code == 200 else rng.choice(key.ring_codes), key.method,
                       "%s-%d" % (call, leg))

    def _register(self, out, key, t):
        key.serial += 1
        call = "%s-r%d" % (key.name, key.serial)
        self._emit(out, key, t, 401, "REGISTER", call)
        self._emit(out, key, t + 0.02, 200, "REGISTER", call)

    def _burst(self, out, spec, t, key, size):
        kind = spec["kind"]
        rng = self.rng
        for i in range(size):
            key.serial += 1
            call = "%s-b%d" % (key.name, key.serial)
            if kind == "redial":
                self._emit(out, key, t + rng.uniform(0, spec.get("seconds", 120)),
                           spec.get("code", 488), key.method, call)
            elif kind == "registration-storm":
                self._register(out, key, t + rng.expovariate(1 / spec.get("seconds", 20.0)))
            elif kind == "scanner":
                self._emit(out, key, t + i * spec.get("every", 0.2), rng.choice(spec.get("codes", [401, 403, 404])),
                           rng.choice(spec.get("methods", ["REGISTER", "OPTIONS"])), call)
            elif kind == "campaign":  # calls like all others, many of them
                self._attempt(out, key, t + rng.uniform(0, spec.get("seconds", 600)), ())
            elif kind == "restart":  # all phones register; few are refused and try again
                at = t + rng.expovariate(1 / spec.get("seconds", 20.0))
                if rng.random() >= spec.get("refused", 0.02):
                    self._register(out, key, at)
                    continue
                for again in range(spec.get("retries", 20)):
                    self._emit(out, key, at + again * 30, 401, "REGISTER", "%s-%d" % (call, again))
                    self._emit(out, key, at + again * 30 + 0.02, 403, "REGISTER", "%s-%d" % (call, again))
            elif kind == "codes":  # a flood of answers that mean nothing
                self._emit(out, key, t + rng.uniform(0, spec.get("seconds", 600)), rng.choice(spec["codes"]),
                           spec.get("method", key.method), call)
            else:
                raise ValueError("no such burst: %s" % kind)

    def events(self):
        rng = self.rng
        incidents_of = {}
        for incident in self.incidents:
            incidents_of.setdefault(incident.key.name, []).append(incident)
        bursts = sorted(((t, i, key, size, spec) for i, (spec, times) in enumerate(self.bursts)
                         for t, key, size in times), key=lambda b: b[:2])
        late = []
        for slot in range(int(self.days * DAY / SLOT)):
            begin = slot * SLOT
            out = late
            for key in self.keys:
                if begin < key.begins:
                    continue
                mean = key.traffic(begin + SLOT / 2) * SLOT
                if key.jitter:
                    mean *= rng.lognormvariate(0, key.jitter)
                mine = [i for i in incidents_of.get(key.name, ()) if i.start < begin + SLOT and i.end > begin]
                for _ in range(poisson(rng, mean)):
                    self._attempt(out, key, begin + rng.random() * SLOT, mine)
                for _ in range(poisson(rng, key.noise * SLOT)):
                    key.serial += 1
                    self._emit(out, key, begin + rng.random() * SLOT, key.noise_code, key.noise_method,
                               "%s-n%d" % (key.name, key.serial))
                for _ in range(poisson(rng, key.registrations * SLOT)):
                    self._register(out, key, begin + rng.random() * SLOT)
                for _ in range(poisson(rng, key.options * SLOT)):
                    key.serial += 1
                    self._emit(out, key, begin + rng.random() * SLOT, 200, "OPTIONS", "%s-o%d" % (key.name, key.serial))
                for incident in mine:
                    if incident.kind != "surge":
                        continue
                    for _ in range(poisson(rng, incident.extra * SLOT)):
                        t = begin + rng.random() * SLOT
                        if incident.active(t):
                            key.serial += 1
                            incident.faults.append(t)
                            self._emit(out, key, t, rng.choice(incident.codes), key.method,
                                       "%s-s%d" % (key.name, key.serial))
            while bursts and bursts[0][0] < begin + SLOT:
                t, _, key, size, spec = bursts.pop(0)
                self._burst(out, spec, t, key, size)
            out.sort()
            split = len(out)
            while split and out[split - 1][0] >= begin + SLOT:
                split -= 1
            late = out[split:]
            yield from out[:split]
        yield from late


def load(path):
    with open(path, "rb") as f:
        return tomllib.load(f)
