"""Time: is this host's clock right, who keeps it, did it jump, and what counts it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, pairs, rule
from diagbundle.analyse.facts.clock import (
    ClockReading,
    ClockSource,
    ClockSources,
    ClockStep,
    Rtc,
    Surroundings,
    TimeControl,
    TimeDaemon,
    TimeSource,
)
from diagbundle.analyse.facts.names import DEFAULTS
from diagbundle.analyse.facts.reach import Probe
from diagbundle.analyse.facts.services import Unit

FAR, OFF, NEAR = 60.0, 0.5, 0.05
"""Seconds. Kerberos, TOTP and signed requests break between 1 and 5 minutes; clusters complain at half a second; 50 ms is much for NTP."""
JUMP = 1.0
"""Seconds between wall and monotonic clock from which it was a step: slewing, 83 ms a second at most, stays below in 10 s."""
SLACK = 30.0
"""Seconds that a battery clock may be off."""
WIDEST = 15 * 3600.0
"""Seconds between the zones that are farthest apart, and UTC."""
QUARTER = 900.0
"""Time zones differ by quarters of an hour."""
HOUR, DAY = 3600.0, 86400.0
YOUNG = 600.0
"""Seconds after a start in which no daemon need have found its servers."""
DAEMONS = re.compile(r"(chronyd?|ntpd?|ntpsec|openntpd|systemd-timesyncd|ptp4l|phc2sys|vmtoolsd|open-vm-tools|xntpd)\.service")
"""Who may keep a clock; the tools of a hypervisor too."""
POOR = ("jiffies", "refined-jiffies", "pit")
MEANS = {
    "dropped": "does not answer",
    "neighbour_silent": "is not there",
    "refused": "does not serve time (port closed)",
    "prohibited": "is closed by a firewall",
    "no_route": "cannot be reached",
    "unreachable": "cannot be reached",
    "dropped_here": "is shut off by a rule of this host's firewall",
    "unsynchronised": "does not know the time itself",
    "kiss_of_death": "refuses to answer us any more",
    "mangled": "sends garbled answers",
    "not_resolved": "has a name that cannot be resolved",
}


def ahead(offset: float) -> str:
    """`300.0 s behind`."""
    return f"{_length(abs(offset))} {'ahead' if offset > 0 else 'behind'}"


def _length(size: float) -> str:
    """`340 ms`, `12.3 s`, `2 h 12 min`, `5 days`."""
    if size >= 2 * DAY:
        return f"{size / DAY:,.0f} days"
    if size >= 2 * HOUR:
        return f"{size // HOUR:.0f} h {size % HOUR // 60:.0f} min"
    return f"{size:,.1f} s" if size >= 1 else f"{size * 1000:.0f} ms"


def _measured(daemons: Sequence[TimeDaemon], sources: Sequence[TimeSource], probes: Sequence[Probe]) -> list[tuple[float, str, object]]:
    """How far our clock is ahead, by whom, and the fact; what cannot be better than its own delay is made smaller by half of that."""
    found: list[tuple[float, str, object]] = []
    for probe in probes:
        if probe.what == "ntp" and probe.outcome == "answered" and "offset_s" in probe.more:
            offset, delay = probe.more["offset_s"], probe.more.get("delay_s") or 0.0
            if isinstance(offset, int | float) and isinstance(delay, int | float):
                found.append((_less(-offset, delay / 2), f"the time server {probe.target}", probe))
    found += [(each.offset, each.by, each) for each in daemons if each.running and each.offset is not None]
    found += [
        (each.offset, f"{each.by} about {each.name}", each) for each in sources if each.offset is not None and each.state == "selected"
    ]
    return found


def _less(offset: float, doubt: float) -> float:
    size = max(0.0, abs(offset) - max(0.0, doubt))
    return size if offset > 0 else -size


@rule("TIM001", "this host's clock", TimeDaemon, uses=(TimeSource, Probe))
def clock_is_right(daemons: list[TimeDaemon], sources: list[TimeSource], probes: list[Probe]) -> Iterator[Finding]:
    """How far this host's clock is off, by the answers of its time servers to our own question, by its time daemon, and by the
    source that the daemon chose.

    Critical from 60 s: Kerberos (300 s), one-time passwords (30 s), signed requests and young certificates fail. Warning from
    0.5 s: clusters and databases complain. Note from 50 ms. Half of the delay of our own question is given as doubt.
    Do: find out why the daemon does not correct it (`chronyc tracking`, `chronyc sources`); then `chronyc makestep` in a quiet hour.
    """
    found = _measured(latest(daemons), latest(sources), probes)
    if not found:
        raise Undecided("nobody could be asked for the right time")
    worst = max(found, key=lambda each: abs(each[0]))
    size = abs(worst[0])
    if size >= NEAR:
        agree = [each for each in found if abs(each[0] - worst[0]) < max(1.0, size / 4)][:3]
        yield Finding(
            Severity.CRITICAL if size >= FAR else Severity.WARNING if size >= OFF else Severity.NOTE,
            f"the clock of this host is {ahead(worst[0])}, says {worst[1]}",
            tuple(each[2].origin for each in agree),  # type: ignore[attr-defined]
            "See `chronyc tracking` and `chronyc sources -v` (or `timedatectl timesync-status`); `chronyc makestep` sets it at once",
            detail="; ".join(f"{who}: {ahead(offset)}" for offset, who, _ in found[:5]),
            subject="clock",
        )


@rule("TIM002", "synchronisation of the clock", About, uses=(TimeDaemon, TimeSource, TimeControl))
def synchronised(about: list[About], daemons: list[TimeDaemon], sources: list[TimeSource], control: list[TimeControl]) -> Iterator[Finding]:
    """Whether the time daemon has found servers that it follows.

    Warning: it runs, but says that it is not synchronised, or has chosen no server although it has some (none answered its last eight
    questions, or they contradict each other). Where only its list of servers was collected, none of them must have answered; where only
    `timedatectl` was, it must say that its service is active and the clock not synchronised. In the first 10 minutes after a start that
    is a note, and so is a daemon that has no servers at all, since their names were not found. A daemon that does not run is a note
    here: whether it should is told by the verdicts on services. Do: `chronyc sources -v` or `ntpq -pn`; open UDP port 123 to the
    servers, correct their names, remove those that are wrong.
    """
    now = {each.by: each for each in latest(daemons)}
    young = 0 < about[0].uptime < YOUNG
    known = {each.name: each for each in latest(sources)}
    if not now:
        yield from _unfollowed(list(known.values()), latest(control), young=young)
    for daemon in now.values():
        own = [each for each in known.values() if each.by == daemon.by]
        chosen = any(each.state == "selected" for each in own)
        if not daemon.running or (daemon.synchronised is not False and (chosen or not own)) or daemon.synchronised:
            continue
        silent = [each for each in own if each.reach == 0]
        why = f"it follows none of its {len(own)} servers" if own else "it has no servers"
        if own and len(silent) == len(own):
            why = "its only server does not answer" if len(own) == 1 else f"none of its {len(own)} servers answers"
        yield Finding(
            Severity.NOTE if young or not own else Severity.WARNING,
            f"the clock of this host is not synchronised: {daemon.by} runs, but {why}",
            (daemon.origin, *(each.origin for each in own[:3])),
            "See `chronyc sources -v` or `ntpq -pn`; look whether UDP port 123 to the servers is open and their names are right",
            subject="clock",
            symptom=bool(own) and len(silent) == len(own),
        )
    dead = [each for each in now.values() if not each.running]
    if dead and not any(each.running for each in now.values()):
        told = latest(control)[-1:]
        if not any(each.synchronised for each in told):
            yield Finding(
                Severity.NOTE,
                f"nobody was seen to keep this host's clock: {dead[0].by} is installed, but does not run",
                (dead[0].origin, *(each.origin for each in told)),
                f"Start {dead[0].by}, unless the host's clock is kept by its hypervisor",
                subject="clock",
            )


def _unfollowed(sources: Sequence[TimeSource], control: Sequence[TimeControl], *, young: bool) -> Iterator[Finding]:
    """Where no daemon was asked for itself: its servers say it, or `timedatectl`."""
    if not sources and not control:
        raise Undecided("no time daemon was asked, nor timedatectl")
    chosen = any(each.state == "selected" for each in sources)
    if sources and not chosen and not any(each.reach for each in sources):
        why = f"{sources[0].by} runs, but " + (
            "its only server does not answer" if len(sources) == 1 else f"none of its {len(sources)} servers answers"
        )
    elif not sources and control[-1].synchronised is False and control[-1].service == "active":
        why = "its service is active, but has not set it"
    else:
        return
    yield Finding(
        Severity.NOTE if young else Severity.WARNING,
        f"the clock of this host is not synchronised: {why}",
        tuple(each.origin for each in (sources or control)[:3]),
        "See `chronyc sources -v`, `ntpq -pn` or `timedatectl timesync-status`; look whether UDP port 123 to the servers is open",
        subject="clock",
        symptom=bool(sources),
    )


@rule("TIM003", "time servers", Probe, uses=(TimeDaemon, TimeSource, About))
def time_servers(probes: list[Probe], daemons: list[TimeDaemon], sources: list[TimeSource], about: list[About]) -> Iterator[Finding]:
    """Each configured time server was asked once (NTP, UDP port 123); and what the daemon thinks of its sources.

    Warning: no server answers, or none knows the time (stratum 16), while a daemon runs here and is not
    synchronised (10 minutes after a start); or the daemon takes half of its servers or more for liars (falsetickers, `x`). Note:
    single ones of several (every day among public ones), and servers that nobody here follows.
    Do: `chronyc sources -v`; open UDP port 123; replace the server.
    """
    asked: dict[str, list[Probe]] = {}
    for probe in probes:
        if probe.kind == "ntp" and (probe.what == "ntp" or probe.outcome == "not_resolved"):
            asked.setdefault(probe.target, []).append(probe)
    bad = {target: tries for target, tries in asked.items() if all(each.outcome != "answered" for each in tries)}
    suffers = any(each.running and each.synchronised is False for each in latest(daemons)) and not 0 < about[0].uptime < YOUNG
    if bad:
        first = next(iter(bad.values()))[0]
        is_default = all(tries[0].outcome == "not_resolved" and DEFAULTS.search(tries[0].host) for tries in bad.values())
        what = f"the time server {first.host} {MEANS.get(first.outcome, f'was not reached ({first.outcome})')}"
        more = f"; {len(bad)} of {len(asked)} time servers failed" if len(asked) > 1 else ""
        yield Finding(
            Severity.WARNING if suffers and len(bad) == len(asked) and not is_default else Severity.NOTE,
            what + more,
            tuple(tries[0].origin for tries in list(bad.values())[:3]),
            "Open UDP port 123 to it, or name another server in the configuration of the time daemon",
            detail=f"Named in {first.named_by}. {first.detail}".strip(),
            subject=first.host,
            symptom=first.outcome in ("no_route", "not_resolved", "unreachable"),
        )
    known = {each.name: each for each in latest(sources)}
    false = [each for each in known.values() if each.state == "false"]
    for each in false:
        yield Finding(
            Severity.WARNING if 2 * len(false) >= len(known) else Severity.NOTE,
            f"the time server {each.name} contradicts the others: {each.by} takes it for wrong",
            (each.origin,),
            "Remove it from the configuration of the time daemon, or have it mended",
            subject=each.name,
        )


@rule("TIM004", "jumps of the clock", ClockReading)
def jumps(readings: list[ClockReading]) -> Iterator[Finding]:
    """The wall clock against the clock that only counts on, read at both ends of the run, some seconds apart.

    Warning: they drifted apart by more than a second: somebody set the clock meanwhile (a step, not a gentle correction, which
    makes at most 83 ms a second). Time stamps of logs are then no proof of an order. Sleep of the machine is a note.
    Do: look who sets it: two time daemons, `ntpdate` in cron, the hypervisor's tools.
    """
    for first, last in pairs(readings, lambda _: 0):
        passed = last.monotonic - first.monotonic
        jump = (last.wall - first.wall) - passed
        slept = (last.boottime - first.boottime) - passed if first.boottime and last.boottime else 0.0
        if passed > 0 and abs(jump - slept) > JUMP:
            yield Finding(
                Severity.WARNING,
                f"the clock was set {abs(jump - slept):,.1f} s {'forward' if jump > slept else 'back'} while we looked ({passed:.0f} s)",
                (first.origin, last.origin),
                "Look who sets it: two time daemons at once, `ntpdate` or `hwclock` in cron, tools of the hypervisor",
                subject="clock",
            )
        if slept > JUMP:
            yield Finding(
                Severity.NOTE,
                f"the machine slept for {slept:,.0f} s while we looked",
                (first.origin, last.origin),
                "Look whether the virtual machine was paused or moved",
                subject="clock",
            )


@rule("TIM005", "the battery clock (RTC)", Rtc, uses=(ClockReading,), absent="there is no battery clock")
def battery_clock(clocks: list[Rtc], readings: list[ClockReading]) -> Iterator[Finding]:
    """The battery clock gives the time at the next start, before any server is asked.

    Warning: it is more than a day off (an empty battery): services start with a wrong date, certificates look invalid, file
    systems are checked. Note: more than 30 s. A difference of whole quarters of an hour is the time zone: it runs in local time.
    Do: `hwclock --systohc`; replace the battery if it happens again.
    """
    rtc, reading = sorted(latest(clocks), key=lambda each: bool(each.wall))[:1], latest(readings)[-1:]
    if not rtc:
        return
    if not reading and not rtc[0].wall:
        raise Undecided("the battery clock and the system's clock were not read at one time")
    off = rtc[0].epoch - (rtc[0].wall or _wall_at(rtc[0], reading[0]))
    zone = QUARTER / 2 < abs(off) < WIDEST and abs(off / QUARTER - round(off / QUARTER)) * QUARTER < SLACK
    if abs(off) > SLACK and not zone:
        yield Finding(
            Severity.WARNING if abs(off) > DAY else Severity.NOTE,
            f"the battery clock is {ahead(off)}{' of' if off > 0 else ''} the system's clock",
            (rtc[0].origin, *(each.origin for each in reading)),
            "Write it anew with `hwclock --systohc`; replace the battery if it goes wrong again",
            subject="rtc",
        )


def _wall_at(rtc: Rtc, reading: ClockReading) -> float:
    """The system's clock when the battery clock was read."""
    return reading.wall + ((rtc.origin.at - reading.origin.at) if rtc.origin.at and reading.origin.at else 0.0)


@rule("TIM006", "the hardware that counts time", ClockSource, uses=(ClockSources,))
def clock_source(sources: list[ClockSource], available: list[ClockSources]) -> Iterator[Finding]:
    """The clock source of the kernel.

    Warning: it changed while we looked, or the kernel has nothing better than its own ticks (jiffies, pit), so that time is coarse.
    Note: hpet or acpi_pm are used although the processor's counter (tsc) is offered: reading the time is then some ten times
    dearer, which databases feel. The kernel does so when it found the tsc unstable; its log says why.
    Do: see the kernel's log for "Marking clocksource"; on virtual machines use kvm-clock, tsc or the hypervisor's own.
    """
    for first, last in pairs(sources, lambda _: 0):
        if first.current != last.current:
            yield Finding(
                Severity.WARNING,
                f"the kernel changed its clock source from {first.current} to {last.current} while we looked",
                (first.origin, last.origin),
                "See the kernel's log for the reason; look for BIOS updates",
                subject="clocksource",
            )
    better = sorted({"tsc", "kvm-clock"}.intersection(*[each.available for each in available[-1:]])) if available else []
    for source in latest(sources)[-1:]:
        if source.current in POOR:
            yield Finding(
                Severity.WARNING,
                f"the kernel counts time by {source.current}: it has no proper clock source",
                (source.origin,),
                "See the kernel's log and the boot options (clocksource=, notsc)",
                subject="clocksource",
            )
        elif re.match(r"hpet|acpi_pm", source.current) and better:
            yield Finding(
                Severity.NOTE,
                f"the kernel counts time by {source.current}, although {' and '.join(better)} is offered: reading the time is dear",
                (source.origin, available[-1].origin),
                "See the kernel's log for why the faster one was left",
                subject="clocksource",
            )


@rule("TIM007", "steps of the clock in the logs", ClockStep, About)
def steps(said: list[ClockStep], about: list[About]) -> Iterator[Finding]:
    """The clock of this host was not drawn gently but set, by a second or more, as time daemons and programs wrote.

    Programs that measure by it saw time jump: sessions and locks end, clusters vote nodes out, logs are out of order. Warning: a
    step within the last day; a note: an older one. Those of the first 10 minutes after a start of the host or of the daemon (no
    battery clock, a virtual machine) are usual and left out, and so are steps of less than a second.
    Do: see `chronyc tracking` and `chronyc sources -v`; run one time daemon only; switch off the hypervisor's own setting of time.
    """
    now, booted = about[0].now, about[0].booted
    starts = [start for start in (booted, *(each.time for each in said if each.by_start)) if start]
    large = [each for each in said if not each.by_start and not 0 < each.seconds < JUMP]
    real = _once([each for each in large if not any(abs(each.time - start) < YOUNG + each.seconds for start in starts)])
    if not real:
        return
    worst = max(real, key=lambda each: each.seconds)
    last = max(real, key=lambda each: each.time)
    size = f" by {_length(worst.seconds)}" if worst.seconds else ""
    times = "once" if len(real) == 1 else f"{len(real):,} times"
    yield Finding(
        Severity.NOTE if now and last.time and now - last.time > DAY else Severity.WARNING,
        f"the clock of this host was set{size}, {times}, says {worst.who or 'a log'}",
        tuple(each.origin for each in [worst, *(each for each in real if each is not worst)][:3]),
        since=min(each.time for each in real),
        latest=last.time,
        subject="clock",
        advice="Look who sets the clock: two time daemons at once, a virtual machine that was paused or moved, a wrong time server",
    )


def _once(said: list[ClockStep]) -> list[ClockStep]:
    """Daemons say first that the clock is wrong, then that they set it: that is one step."""
    found: list[ClockStep] = []
    for each in sorted(said, key=lambda each: each.time):
        if not found or abs(each.time - found[-1].time) > found[-1].seconds + 2 or abs(each.seconds - found[-1].seconds) > JUMP:
            found.append(each)
    return found


@rule("TIM008", "services that keep the clock", Unit, TimeControl, uses=(Surroundings,), absent="systemd does not run here")
def keepers(units: list[Unit], control: list[TimeControl], around: list[Surroundings]) -> Iterator[Finding]:
    """Which service keeps the clock, where systemd says that the clock is not synchronised.

    Warning: none of those installed runs, and one of them is masked or has failed, so that none can start: the clock drifts by some
    seconds in a week, until logins (Kerberos), one-time passwords and clusters complain. In a container the clock is its host's:
    no finding. One that is merely not started is told with the synchronisation, as a note.
    Do: `systemctl unmask --now chronyd` (chrony, systemd-timesyncd), then `timedatectl`.
    """
    keeping = [each for each in latest(units) if DAEMONS.fullmatch(each.name)]
    told = latest(control)[-1:]
    if (
        any(each.container for each in around)
        or not told
        or told[0].synchronised is not False
        or any(each.active == "active" for each in keeping)
    ):
        return
    stopped = [each for each in keeping if each.load == "masked" or each.active == "failed"]
    if stopped:
        states = ", ".join(dict.fromkeys(f"{each.name} {'is masked' if each.load == 'masked' else 'has failed'}" for each in stopped))
        yield Finding(
            Severity.WARNING,
            f"nobody keeps the clock of this host, and it is not synchronised: {states}",
            (told[0].origin, *(each.origin for each in stopped[:3])),
            f"Unmask and start it (`systemctl unmask --now {stopped[0].name}`), unless the hypervisor keeps this clock; see `timedatectl`",
            subject="clock",
        )
