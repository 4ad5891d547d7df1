"""Frames that are lost on interfaces, and links that do not hold."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.network import (
    INNER,
    Driver,
    LinkLost,
    LinkMode,
    Nic,
    NicCounter,
    NicSetting,
    Qdisc,
    Route,
    default_routes,
    grown,
    links,
    whole,
)
from diagbundle.analyse.facts.network_counts import Softnet, where

Readings = dict[str, tuple[NicCounter, NicCounter]]
ONCE = "the counters of interfaces were read only once, and since when they count is not known"
CAUSES = {
    "rx_crc_errors": "wrong checksums: cable, transceiver or a port that is set otherwise at the other end",
    "rx_frame_errors": "malformed frames: cable, transceiver, duplex, or a tunnel whose other end speaks otherwise",
    "rx_length_errors": "frames of a length that is not expected: MTU or VLAN settings of the other end",
    "rx_fifo_errors": "the card's buffer ran over: the host is too slow in taking frames",
    "rx_over_errors": "the card's ring ran over: the host is too slow in taking frames",
    "rx_missed_errors": "the card had no room: the host is too slow in taking frames",
    "tx_carrier_errors": "the link was lost while sending: cable, transceiver, switch port",
    "tx_aborted_errors": "sending was given up: duplex or link",
    "tx_fifo_errors": "the card got its data too late",
    "tx_heartbeat_errors": "the transceiver did not answer",
    "tx_window_errors": "collisions too late: duplex",
    "collisions": "collisions: one end is half duplex",
}
"""Counter → what it means. The sums `rx_errors` and `tx_errors` hold most of them."""


def _more(readings: Readings, name: str) -> int:
    first, last = readings.get(name, (None, None))
    return max(0, last.value - first.value) if first and last else 0


def _span(readings: Readings) -> str:
    """Words for the time between the readings."""
    seconds = max((seconds_between(*pair) for pair in readings.values()), default=0.0)
    return f"in {seconds:.0f} s" if seconds >= 1 else "between the two readings"


def _seconds(readings: Readings) -> float:
    return max((seconds_between(*pair) for pair in readings.values()), default=0.0) or 9.0


def _read_twice(counters: list[NicCounter]) -> dict[tuple[str, str], Readings]:
    found = grown(counters)
    if not found:
        raise Undecided(ONCE)
    return found


def _errors(counters: list[NicCounter], sum_: str, parts: tuple[str, ...], words: str, advice: str) -> Iterator[Finding]:
    for (netns, nic), readings in _read_twice(counters).items():
        causes = {name: _more(readings, name) for name in parts}
        count = max(_more(readings, sum_), *causes.values())
        if not count:
            continue
        shown = [name for name in (sum_, *parts) if _more(readings, name)]
        of = sum_ if _more(readings, sum_) else max(causes, key=lambda name: causes[name])
        which = "; ".join(f"{name} +{causes[name]:,} ({CAUSES[name]})" for name in shown if name in causes)
        total = readings[shown[0]][1].value
        yield Finding(
            Severity.WARNING,
            f"{nic} {words}: {count:,} {of} {_span(readings)}, {total:,} since it was made{where(netns)}",
            tuple(dict.fromkeys(reading.origin for name in shown[:3] for reading in readings[name])),
            advice,
            detail=which or "the driver does not say of which kind",
            subject=nic,
        )


@rule("NET001", "receive errors of network interfaces", NicCounter)
def receive_errors(counters: list[NicCounter]) -> Iterator[Finding]:
    """A network interface receives frames that are broken, and throws them away.

    Judged by growth between two readings, some seconds apart: any growth of rx_errors or of one of its kinds (crc, frame, length, fifo,
    over) is a warning, for a sound link has none. What was counted before the first reading accuses nobody.
    Wrong checksums and malformed frames come from cables, transceivers and duplex; of a tunnel, from an other end that speaks otherwise.
    Overruns come from a host that does not fetch frames in time: enlarge the ring (`ethtool -g`, `-G`), spread its interrupts.
    """
    parts = ("rx_crc_errors", "rx_frame_errors", "rx_length_errors", "rx_fifo_errors", "rx_over_errors")
    yield from _errors(
        counters,
        "rx_errors",
        parts,
        "is losing frames by receive errors",
        "change the cable and the transceiver, compare speed and duplex with the switch port; of a tunnel compare the settings "
        "of both ends",
    )


@rule("NET002", "transmit errors of network interfaces", NicCounter)
def transmit_errors(counters: list[NicCounter]) -> Iterator[Finding]:
    """A network interface fails to send frames.

    Judged by growth between two readings, some seconds apart: any growth of tx_errors or of one of its kinds (carrier, aborted, fifo,
    heartbeat, window) is a warning; so are collisions, of which a full duplex link has none.
    Look at the cable, the transceiver and the switch port; for collisions at the duplex of both ends (`ethtool NIC`). Of a tunnel:
    whether the address of its other end can be reached.
    """
    parts = ("tx_carrier_errors", "tx_aborted_errors", "tx_fifo_errors", "tx_heartbeat_errors", "tx_window_errors", "collisions")
    yield from _errors(
        counters, "tx_errors", parts, "fails to send frames",
        "look at the cable, the switch port and the duplex of both ends; of a tunnel, whether its other end can be reached",
    )  # fmt: skip


LEAST = 20
"""Frames that must be dropped between two readings: switches send each host some frames (STP, LLDP) that it has no use for."""
SHARE = 0.02


@rule("NET003", "dropped frames of network interfaces", NicCounter)
def dropped(counters: list[NicCounter]) -> Iterator[Finding]:
    """A network interface drops frames that arrived whole, or that should have been sent.

    Judged by growth between two readings: a warning from 20 frames, one in a second and 2 % of all frames on (2 % is what netdata warns
    at). Below that nothing is said: every switch sends frames that a host has no use for (spanning tree, LLDP, other VLANs), and the kernel
    counts them in rx_dropped. A high count may still be only that: frames of a protocol that nobody on this host speaks.
    rx_missed_errors is different: the card itself had no room, the host is too slow. Frames dropped on sending mean a full queue.
    Find out with `tcpdump -eni NIC` which frames come, `ethtool -S NIC`, `dropwatch` where they are dropped.
    """
    for (netns, nic), readings in _read_twice(counters).items():
        for name, packets, meaning in (
            ("rx_missed_errors", "rx_packets", "the card had no room for them: the host takes frames too slowly"),
            ("rx_dropped", "rx_packets", "frames of a protocol or VLAN that nobody here speaks, or too little room in the host"),
            ("tx_dropped", "tx_packets", "the queue to the wire was full, or the other end of a virtual link did not take them"),
        ):
            count = _more(readings, name)
            if nic == "lo" or count < LEAST or count < _seconds(readings) or count < SHARE * (_more(readings, packets) + count):
                continue
            way = "receive drops" if name.startswith("rx") else "transmit drops"
            first, last = readings[name]
            yield Finding(
                Severity.WARNING,
                f"{nic} drops frames: {count:,} {way} ({name}) {_span(readings)} beside {_more(readings, packets):,} frames{where(netns)}",
                (first.origin, last.origin),
                f"Look which frames come with `tcpdump -eni {nic}`"
                + (
                    "; see what stands at its other end"
                    if INNER.match(nic)
                    else f"; compare VLANs with the switch port; `ethtool -g {nic}`"
                ),
                detail=f"{meaning}; {last.value:,} since it was made",
                subject=nic,
            )


@rule("NET004", "links that go down and up", NicSetting, uses=(Nic,))
def flapping(settings: list[NicSetting], nics: list[Nic]) -> Iterator[Finding]:
    """A link was lost, or lost and found again, while we looked.

    Judged by carrier_changes of the interface at two readings, some seconds apart: any change is a warning, four and more critical.
    How often it changed before the first reading accuses nobody: links go down when switches are rebooted.
    Bridges and the ends of containers go up and down with what runs in them, and are left out.
    Look at the cable, the transceiver, the switch port and its log; of a virtual machine at the host below it.
    """
    bridges = {nic.name for nic in links(nics, settings).values() if nic.kind == "bridge"}
    if not any(True for _ in pairs([each for each in settings if each.name == "carrier_changes"], "nic")):
        raise Undecided("the links were read only once")
    downs = {last.nic: (first, last) for first, last in pairs([each for each in settings if each.name == "carrier_down_count"], "nic")}
    for first, last in pairs([each for each in settings if each.name == "carrier_changes"], "nic"):
        count = whole(last.value) - whole(first.value)
        if count <= 0 or INNER.match(last.nic) or last.nic in bridges:
            continue
        seconds = seconds_between(first, last)
        cited = (first, last, *downs.get(last.nic, ()))
        yield Finding(
            Severity.CRITICAL if count >= 4 else Severity.WARNING,
            f"{last.nic} is flapping: its link (carrier) changed {f'{count:,} times' if count > 1 else 'once'}"
            + (f" in {seconds:.0f} s" if seconds >= 1 else " between two readings"),
            tuple(each.origin for each in cited),
            "Look at the cable, the transceiver and the log of the switch port; of a virtual machine, at its host",
            detail=f"carrier_changes {first.value} then {last.value}",
            subject=last.nic,
        )


HOUR, WEEK = 3600.0, 7 * 86400.0
TIMES = 3
"""Losses within an hour: one or two are a rebooted switch or a changed cable."""


@rule("NET019", "lost links in the logs", LinkLost, About)
def link_log(lost: list[LinkLost], about: list[About]) -> Iterator[Finding]:
    """The logs tell that an interface lost its link again and again.

    Three times within an hour are a warning, a note where the last is older than a week. One event that several programs tell of (the
    kernel, NetworkManager) counts once. Once or twice is a rebooted switch, or somebody at the cable.
    Look at the cable, the transceiver, the switch port and its log; of a virtual machine at the host below it.
    """
    by_nic: dict[str, dict[int, LinkLost]] = {}
    for each in lost:
        if each.time:
            when = by_nic.setdefault(each.nic, {})
            if not any(int(each.time) + near in when for near in (-2, -1, 0, 1, 2)):
                when[int(each.time)] = each
    for nic, when in by_nic.items():
        times = sorted(when)
        most = max(sum(start <= time < start + HOUR for time in times) for start in times)
        if most >= TIMES:
            yield Finding(
                Severity.NOTE if about[0].now - times[-1] > WEEK else Severity.WARNING,
                f"{nic} lost its link {len(times):,} times, {most:,} of them within an hour (flapping)",
                tuple(when[time].origin for time in (times[0], *times[-2:])),
                "Look at the cable, the transceiver and the log of the switch port; of a virtual machine, at its host",
                subject=nic, since=float(times[0]), latest=float(times[-1]),
            )  # fmt: skip


@rule("NET005", "duplex and speed of links", LinkMode, uses=(Nic, NicSetting))
def slow_links(modes: list[LinkMode], nics: list[Nic], settings: list[NicSetting]) -> Iterator[Finding]:
    """A link is half duplex, or slower than both its ends could make it.

    Half duplex on an Ethernet that is up is a warning: today it only comes of one end being set by hand, and it loses frames under load.
    100 Mbit/s and less, where both ends announce (or, where the other is silent, the card supports) ten times as much, is a warning: a
    damaged cable makes them fall back.
    Set both ends to negotiate (`ethtool -s NIC autoneg on`), change the cable.
    """
    known = links(nics, settings)
    for mode in {each.nic: each for each in latest(modes)}.values():
        nic = known.get(mode.nic)
        if INNER.match(mode.nic) or (nic and not nic.works):
            continue
        slow = 0 < mode.speed <= 100 and mode.most >= 10 * mode.speed
        if mode.duplex == "half" or slow:
            words = [f"{mode.speed:,} Mbit/s" if mode.speed else "", "half duplex" if mode.duplex == "half" else ""]
            yield Finding(
                Severity.WARNING,
                f"{mode.nic} runs at {', '.join(filter(None, words))}" + (f" where {mode.most:,} Mbit/s would be possible" if slow else ""),
                (mode.origin,),
                f"Let both ends negotiate (`ethtool -s {mode.nic} autoneg on`, and the switch port), change the cable",
                subject=mode.nic,
            )


@rule("NET006", "frames dropped before any protocol saw them", Softnet)
def softnet(readings: list[Softnet]) -> Iterator[Finding]:
    """The kernel dropped frames because a CPU's queue of received frames (netdev_max_backlog) was full.

    Judged by the growth of /proc/net/softnet_stat between two readings: 10 and more drops are a warning (netdata warns at 10 in a
    second). A growing count of `time_squeeze` alone is normal under load.
    Spread the load: interrupts of the card over CPUs (`/proc/interrupts`, irqbalance), receive packet steering, more queues; then
    raise net.core.netdev_max_backlog.
    """
    found = list(pairs(readings, "cpu"))
    if not found:
        raise Undecided("the queues of the CPUs were read only once")
    grew = [(first, last) for first, last in found if last.dropped > first.dropped]
    count = sum(last.dropped - first.dropped for first, last in grew)
    if count >= 10:
        seconds = seconds_between(*grew[0])
        yield Finding(
            Severity.WARNING,
            f"{count:,} received frames were dropped in {seconds:.0f} s because the queue of a CPU was full",
            tuple(each.origin for pair in grew[:3] for each in pair),
            "Spread the card's interrupts over more CPUs (irqbalance, more queues, RPS), then raise net.core.netdev_max_backlog",
            detail="CPU " + ", ".join(f"{last.cpu} (+{last.dropped - first.dropped:,})" for first, last in grew[:8]),
            subject="softnet",
        )


@rule("NET007", "queues that lose or delay packets on purpose", Qdisc)
def netem(qdiscs: list[Qdisc]) -> Iterator[Finding]:
    """An interface has a queueing discipline that is made for tests: `netem` loses, delays, reorders or corrupts packets on purpose.

    Its being there is a warning; that it dropped packets between the two readings is critical. Nothing of a normal system sets it up:
    somebody forgot it after a test. `tc qdisc del dev NIC root` removes it.
    """
    before = {(each.device, each.handle): each for each in qdiscs if each.is_start}
    for queue in latest(qdiscs):
        if queue.kind != "netem":
            continue
        first = before.get((queue.device, queue.handle))
        count = queue.dropped - first.dropped if first else 0
        yield Finding(
            Severity.CRITICAL if count > 0 else Severity.WARNING,
            f"{queue.device} loses or delays packets on purpose: a netem queue is set up ({queue.options or 'no options told'})",
            (first.origin, queue.origin) if first else (queue.origin,),
            f"If no test is running, remove it: `tc qdisc del dev {queue.device} root` (of one below another: its parent)",
            detail=f"{queue.dropped:,} packets dropped of {queue.sent + queue.dropped:,}"
            + (f", {count:,} of them while we looked" if count > 0 else ""),
            subject=queue.device,
        )


@rule("NET008", "full queues towards the wire", Qdisc, uses=(Route,))
def queue_drops(qdiscs: list[Qdisc], routes: list[Route]) -> Iterator[Finding]:
    """The queue of packets to be sent was full, and packets were dropped.

    Judged by growth between two readings: 20 packets and 2 % of all that were sent is a warning. Some drops under load are how TCP
    learns its speed, and a rate limit (tbf, htb) drops by design: the detail says which queue it is.
    See what fills the link (`sar -n DEV`, `iftop`), whether somebody set a limit (`tc -s class show dev NIC`).
    """
    before = {(each.device, each.handle): each for each in qdiscs if each.is_start}
    if qdiscs and not before:
        raise Undecided("the queues were read only once")
    gateways = {route.device for route in default_routes(routes)}
    for queue in latest(qdiscs):
        first = before.get((queue.device, queue.handle))
        if not first or queue.kind in ("netem", "ingress", "clsact", "noqueue") or queue.dropped < first.dropped or queue.handle == "0:":
            continue
        count, sent = queue.dropped - first.dropped, queue.sent - first.sent
        if count >= LEAST and count >= SHARE * (max(sent, 0) + count):
            yield Finding(
                Severity.WARNING,
                f"{queue.device} drops packets before they are sent: {count:,} in {seconds_between(first, queue):.0f} s beside {sent:,} "
                "sent",
                (first.origin, queue.origin),
                f"See what fills the link, and whether a limit was set: `tc -s qdisc show dev {queue.device}`",
                detail=f"queue {queue.kind} {queue.options}".strip()
                + ("; the default route leads there" if queue.device in gateways else ""),
                subject=queue.device,
            )


_BAD = (
    "crc",
    "fcs_err",
    "symbol_err",
    "phy_err",
    "no_buf",
    "nobuf",
    "out_of_buffer",
    "missed",
    "tx_timeout",
    "allowance_exceeded",
    "discards_phy",
    "align_err",
    "rx_jabber",
    "carrier_err",
    "link_down_events",
    "rx_over_err",
    "rx_fifo_err",
)


@rule("NET009", "the drivers' own error counters", NicCounter, uses=(Driver,))
def driver_errors(counters: list[NicCounter], drivers: list[Driver]) -> Iterator[Finding]:
    """A counter of a network driver (`ethtool -S`) that only grows when frames are lost has grown between the two readings.

    Names differ by driver; looked for are checksum and symbol errors, missing buffers, timeouts, and the limits of cloud providers
    (`*_allowance_exceeded`: the virtual machine is used beyond what was bought). Five and more are a warning, of timeouts one.
    Checksums: cable, transceiver. Buffers: enlarge the ring (`ethtool -G`). Allowances: a larger kind of machine.
    """
    name_of = {driver.nic: driver.name for driver in drivers}
    found: dict[str, list[tuple[NicCounter, NicCounter]]] = {}
    mine = [each for each in counters if each.source == "driver" or each.name.startswith("tx_timeout")]
    for first, last in pairs(mine, lambda each: (each.nic, each.name)):
        least = 1 if "timeout" in last.name else 5
        if last.value - first.value >= least and any(word in last.name.lower() for word in _BAD):
            found.setdefault(last.nic, []).append((first, last))
    if mine and not any(each.is_start for each in mine):
        raise Undecided("the drivers were asked only once")
    for nic, grew in found.items():
        which = ", ".join(f"{last.name} +{last.value - first.value:,}" for first, last in grew[:6])
        yield Finding(
            Severity.WARNING,
            f"{nic} loses frames, says its driver {name_of.get(nic, '')}".rstrip() + f": {which}",
            tuple(each.origin for pair in grew[:3] for each in pair),
            f"Checksum and symbol errors: change cable and transceiver; buffers: `ethtool -g {nic}` and a larger ring; "
            "allowance_exceeded: the cloud limits this machine",
            subject=nic,
        )
