"""Bonds that stood without any port."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.network import BondLine, Nic, NicSetting, links

DAY = 86400.0
SETTLED = 120.0
"""Seconds after a start in which switches and cards find each other."""
LEAST = 2.0
"""Seconds: a shorter loss is a change from one port to the other."""


@rule("NET044", "bonds without any active port, in the kernel's log", BondLine, About, uses=(Nic, NicSetting))
def without(lines: list[BondLine], about: list[About], nics: list[Nic], settings: list[NicSetting]) -> Iterator[Finding]:
    """The kernel said that a bond runs without any active interface: nothing goes through it until one has a link again.

    Critical: the last word is that it has none, and the bond does not work now (or nothing tells of now, and it was said within a day).
    Warning: it had none for 2 seconds or more within the last day, and has one again. A note: longer ago. What was said before or
    within 2 minutes of the start of the host is left out: networks are taken down and up there. Look at the cables, the switch (both
    ports at one switch fail together) and its log; of LACP at the switch's configuration.
    """
    booted, now = about[0].booted, about[0].now
    working = {nic.name for nic in links(nics, settings).values() if nic.works}
    for bond in sorted({each.bond for each in lines}):
        said = sorted((each for each in lines if each.bond == bond and each.time > booted + SETTLED), key=lambda each: each.time)
        gaps = [(one, two) for one, two in zip(said, [*said[1:], None], strict=False) if not one.is_up and (two is None or two.is_up)]
        if not gaps:
            continue
        down, up = gaps[-1]
        if up is None and bond not in working and (nics or settings or now - down.time <= DAY):
            yield _finding(Severity.CRITICAL, f"{bond} has no active port: nothing goes through it", down)
        elif long := [(one, two) for one, two in gaps if two is None or two.time - one.time >= LEAST]:
            seconds = sum(two.time - one.time for one, two in long if two)
            times = f"{len(long):,} times" if len(long) > 1 else ""
            told = f"for {seconds:,.0f} s{' in all' if times else ''}" if seconds else ""
            title = " ".join(filter(None, (f"{bond} had no active port", times, told)))
            yield _finding(Severity.WARNING if now - long[-1][0].time <= DAY else Severity.NOTE, title, *filter(None, long[-1]))


def _finding(severity: Severity, title: str, first: BondLine, *more: BondLine) -> Finding:
    return Finding(
        severity,
        title,
        (first.origin, *(each.origin for each in more)),
        f"Look at its cables, the switch ports and the switch's log; `cat /proc/net/bonding/{first.bond}` says how each port stands",
        subject=first.bond,
        since=first.time,
        latest=more[-1].time if more else first.time,
        part_of=("NET017",),
    )
