# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong around the module: never more is lost than by the same daemon without it."""
import signal
import socket

import pytest
from conftest import CODES, PARSER, RULES, Load, Receiver, own_files, wait_for
from conftest import daemon as end_to_end

BOTH = pytest.mark.parametrize("parser", ["", PARSER], ids=["floor", "sip"])
SOURCE = 'source {{ network(ip("127.0.0.1") port({port}) flags(no-parse)); }};'


def started(syslog_ng, config, parser, **ports):
    """A daemon with a TCP source, and the load on it."""
    port = end_to_end.free_port()
    node = syslog_ng("options { time-reopen(1); };\n" + config.replace("SOURCE", SOURCE).format(
        port=port, parser=parser, **ports))
    own_files(node)
    node.start()
    wait_for(lambda: end_to_end.tcp_port_is_open(port), "the source's port")
    load = Load(port, pause=0.005)
    load.start()
    return node, load


def in_order(lines, sent):
    return [int(line[:9]) for line in lines] == list(range(sent))


@BOTH
def test_destination_comes_late(syslog_ng, parser):
    """Unreachable from the start, then there: flow-control holds the records back."""
    to = end_to_end.free_port()
    node, load = started(syslog_ng, 'log {{ SOURCE {parser} destination {{ network("127.0.0.1" port({to}) '
                         'template("$MESSAGE\\n") log-fifo-size(20000)); }}; flags(flow-control); }};', parser, to=to)
    wait_for(lambda: load.sent >= 5000, "5,000 records sent")
    receiver = Receiver(to)
    wait_for(lambda: receiver.lines, "the first record")
    sent = load.finish()
    wait_for(lambda: len(receiver.lines) >= sent, f"{sent} records, there are {len(receiver.lines)}")
    assert in_order(receiver.lines, sent)
    receiver.close()


@BOTH
def test_destination_killed_and_back(syslog_ng, parser):
    """TCP acknowledges nothing: what was on its way into the dead connection is lost, with the module and without."""
    to = end_to_end.free_port()
    receiver = Receiver(to)
    node, load = started(syslog_ng, 'log {{ SOURCE {parser} destination {{ network("127.0.0.1" port({to}) '
                         'template("$MESSAGE\\n") log-fifo-size(20000)); }}; flags(flow-control); }};', parser, to=to)
    wait_for(lambda: len(receiver.lines) > 1000, "1,000 records")
    receiver.close()
    gone = load.sent
    wait_for(lambda: load.sent > gone + 2000, "2,000 more")
    again = Receiver(to)
    wait_for(lambda: again.lines, "the first record after that")
    sent = load.finish()
    wait_for(lambda: again.lines[-1].startswith(b"%09d" % (sent - 1)), "the last record")
    numbers = [int(line[:9]) for line in receiver.lines + again.lines]
    assert numbers == sorted(set(numbers))
    lost = sent - len(numbers)
    print(f"{sent} sent, {lost} lost in the connection that died")
    assert lost <= 2000      # a socket's buffers hold tens of thousands of bytes
    again.close()


@BOTH
def test_disk_full(syslog_ng, parser):
    """One destination cannot write (ENOSPC); the other one has all, and the daemon goes on."""
    node, load = started(syslog_ng, 'log {{ SOURCE {parser} destination {{ file("@OUT@" template("$MESSAGE\\n")); }}; '
                         'destination {{ file("/dev/full" template("$MESSAGE\\n") log-fifo-size(1000)); }}; }};', parser)
    wait_for(lambda: load.sent >= 5000, "5,000 records")
    sent = load.finish()
    lines = wait_for(lambda: (got := node.lines()) and len(got) >= sent and got, f"{sent} records")
    assert in_order(lines, sent)
    assert "No space left on device" in node.log.read_text(errors="replace")
    assert node.stop() == 0


@BOTH
def test_killed_with_a_disk_buffer(syslog_ng, parser):
    """SIGKILL with the destination away: what the reliable disk-buffer has is there after the restart."""
    to = end_to_end.free_port()
    node, load = started(syslog_ng, 'log {{ SOURCE {parser} destination {{ d_net; }}; flags(flow-control); }};'
                         .replace("destination {{ d_net; }};", 'destination {{ network("127.0.0.1" port({to}) template("$MESSAGE\\n") '
                                  'disk-buffer(reliable(yes) disk-buf-size(20000000) mem-buf-size(1000000) dir("@DIR@"))); }};'),
                         parser, to=to)
    wait_for(lambda: load.sent >= 3000, "3,000 records")
    sent = load.finish()
    # the sender's last record has been taken in when the daemon has closed the connection
    buffers = lambda: sum(file.read_bytes().count(b" nothing to see") for file in node.dir.glob("*.rqf"))  # noqa: E731
    wait_for(lambda: buffers() >= sent // 4, f"{sent} records on disk, there are {buffers()} of {sent // 4}")
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()
    receiver = Receiver(to)
    node.start()
    wait_for(lambda: len(receiver.lines) >= sent, f"{sent} records, there are {len(receiver.lines)}")
    assert in_order(receiver.lines, sent)
    receiver.close()


@BOTH
def test_killed_in_the_middle(syslog_ng, parser):
    """SIGKILL under load: what was written is whole records, in order; the restarted daemon appends to it."""
    node, load = started(syslog_ng, 'log {{ SOURCE {parser} destination {{ file("@OUT@" template("$MESSAGE\\n")); }}; '
                         'flags(flow-control); }};', parser)
    wait_for(lambda: len(node.lines()) > 2000, "2,000 records")
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()
    load.go_on = False
    load.join(30)
    lines = node.lines()
    assert in_order(lines, len(lines))
    assert load.sent >= len(lines)
    node.start()
    port = int(node.conf.read_text().split('port(')[1].split(")")[0])
    wait_for(lambda: end_to_end.tcp_port_is_open(port), "the source's port")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"after SIP/2.0 486 Busy Here\n")
    wait_for(lambda: node.lines()[-1] == b"after SIP/2.0 486 Busy Here\n", "the record after the restart")


def test_files_broken_and_repaired_under_load(syslog_ng):
    """Rule file and code file in turn: changed, broken, gone, repaired; each followed by a reload.  Nothing is lost."""
    node, load = started(syslog_ng, 'log {{ SOURCE {parser} destination {{ file("@OUT@" template("$MESSAGE|${{.sip.code}}\\n")); }}; '
                         'flags(flow-control); }};', PARSER)
    rules, codes = node.dir / "mine.rules", node.dir / "mine.csv"
    for path, good, bad in [(rules, RULES, RULES.replace("(?<code>", "(?<kode>")), (codes, CODES, "code\nx;y\n"),
                            (rules, RULES, RULES.replace("[rule", "[ruin")), (codes, CODES, "\0\0")] * 3:
        for content in (good, bad, None, good):
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
            before = load.sent
            assert (node.ctl("reload").returncode == 0) or content != good
            wait_for(lambda: load.sent > before or load.error, "records after the reload")
    sent = load.finish()
    lines = wait_for(lambda: (got := node.lines()) and len(got) >= sent and got, f"{sent} records")
    assert in_order(lines, sent)
    found = [line.rsplit(b"|", 1)[1].strip() for line in lines if b"gateway said" in line]
    # a broken file leaves the running configuration as it was: the rule was there all the time
    assert set(found) == {b"503"}
    assert node.stop() == 0
