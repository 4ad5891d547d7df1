"""What changed lately, in one list in time; and what changed shortly before something went wrong."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts import change as kinds
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.change import Change, Clocks, Run
from diagbundle.analyse.verdict import Origin

DAY = 86400.0
MINUTE = 60.0
_TOGETHER = 120.0
"""Seconds between two changes of one kind that are told in one line."""
_OFTEN = 5
"""Times that one thing is changed in one way before that is told as a habit of the host, in one line."""
_BOOTING = 300.0
"""Seconds after a boot in which policies, rules and services are loaded because of it."""
_UNPACKED = 90.0
"""Seconds around the change of a package in which files below /etc and /usr are its own."""
_RUN = 1800.0
"""Seconds after a command of a package manager in which packages that change are its doing."""
_STEP = 1.0
"""Seconds by which a clock that is only disciplined does not move between two readings."""
_SAME = {
    kinds.PACKAGE: 3600.0, kinds.KERNEL: 3600.0, kinds.REBOOT: 180.0, kinds.CRASH: 180.0, kinds.CLOCK: 10.0,
    kinds.CERTIFICATE: 5.0, kinds.CONTAINER: 3.0,
}  # fmt: skip
"""Seconds within which two sources that tell of one thing tell of one change."""
_BY_PACKAGES = (kinds.PACKAGE, kinds.KERNEL)
_AT_BOOT = (kinds.SELINUX, kinds.APPARMOR, kinds.AUDIT, kinds.FIREWALL, kinds.SERVICE)


@dataclass(frozen=True)
class Item:
    """One change, and all places that tell of it."""

    change: Change
    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class Told:
    """One line of the list: a change, or many of one kind that were made together."""

    items: tuple[Item, ...]

    @property
    def first(self) -> Change:
        """The one it begins with."""
        return self.items[0].change

    @property
    def kind(self) -> str:
        """What they have in common."""
        return self.first.kind if all(item.change.kind == self.first.kind for item in self.items) else kinds.CONFIGURATION

    @property
    def time(self) -> float:
        """When it began."""
        return self.first.time

    @property
    def end(self) -> float:
        """When it was over."""
        return self.items[-1].change.time


def lately(facts: Mapping[type[Fact], Sequence[Fact]], about: About, days: float) -> list[Told]:
    """All changes of the last days, the oldest first."""
    changes = [each for each in facts.get(Change, ()) if isinstance(each, Change)]
    changes += _stepped([each for each in facts.get(Clocks, ()) if isinstance(each, Clocks)])
    runs = sorted((run.time, run.command) for run in facts.get(Run, ()) if isinstance(run, Run))
    since, until = about.now - days * DAY, about.now + MINUTE
    recent = [each for each in changes if each.time and (not about.now or since <= each.time <= until)]
    items = list(_alone(_merged(sorted(recent, key=lambda each: (each.time, each.kind, each.what))), about))
    return sorted(_grouped([_with_command(item, runs) for item in items]), key=lambda told: told.time)


def _stepped(clocks: Sequence[Clocks]) -> Iterator[Change]:
    """A step of the clock between two readings: the wall's clock must have gone on as that since boot."""
    for first, last in pairwise(clocks):
        step = (last.wall - first.wall) - (last.boottime - first.boottime)
        if first.is_start and abs(step) >= _STEP:
            yield Change(
                last.wall, kinds.CLOCK, "the clock", "stepped", "", f"by {step:+.1f} s while the host was being asked", origin=last.origin
            )


# -- one change told by several


def _merged(changes: Iterable[Change]) -> list[Item]:
    """Each change once. The changes come in order of time."""
    open_: dict[tuple[str, str], list[list[Change]]] = {}
    for change in changes:
        those = open_.setdefault(_key(change), [])
        near = next((group for group in reversed(those[-4:]) if _is_same(group, change)), None)
        if near is None:
            those.append([change])
        else:
            near.append(change)
    groups = [group for those in open_.values() for group in those]
    return sorted((_one_of(group) for group in groups), key=lambda item: item.change.time)


def _key(change: Change) -> tuple[str, str]:
    """What two reports must have in common to be of one change."""
    if change.kind in {kinds.REBOOT, kinds.CRASH} and not change.action.startswith("stopped"):
        return kinds.REBOOT, ""
    return change.kind, "" if change.kind == kinds.CLOCK else change.what


def _is_same(group: Sequence[Change], change: Change) -> bool:
    if change.time - group[-1].time > _SAME.get(change.kind, 5.0):
        return False
    if change.kind in _BY_PACKAGES:
        gone = {each.action == "removed" for each in group} | {change.action == "removed"}
        versions = {each.new or each.old for each in (*group, change)} - {""}
        return len(gone) == 1 and len(versions) <= 1
    if change.kind in {kinds.REBOOT, kinds.CRASH, kinds.CLOCK}:
        return True
    actions = {each.action for each in (*group, change)} - {"changed"}
    return len(actions) <= 1 and len({each.new for each in (*group, change)} - {""}) <= 1 and not _is_habit(group, change)


def _is_habit(group: Sequence[Change], change: Change) -> bool:
    """Whether one log says the same again: that is a second change, no second report."""
    return any(each.origin.path == change.origin.path and change.time - each.time > 1 for each in group)


def _one_of(group: Sequence[Change]) -> Item:
    """The change that says most, with what others know beyond it."""
    best = max(
        group,
        key=lambda each: (
            each.kind == kinds.CRASH,
            bool(each.by),
            bool(each.old),
            bool(each.new),
            each.action not in {"changed", "installed or upgraded"},
        ),
    )
    old, new, by = (next((said for said in _all(name, best, group) if said), "") for name in ("old", "new", "by"))
    surest = next((each for each in group if each.certainty == "certain"), best)
    time = surest.time if best.kind in {kinds.REBOOT, kinds.CRASH} else group[0].time
    whole = replace(best, time=time, certainty=surest.certainty, old=old, new=new, by=by)
    return Item(whole, tuple(dict.fromkeys(each.origin for each in (best, *group))))


def _all(name: str, best: Change, group: Sequence[Change]) -> list[str]:
    return [str(getattr(each, name)) for each in (best, *group)]


def _with_command(item: Item, runs: Sequence[tuple[float, str]]) -> Item:
    if item.change.kind not in _BY_PACKAGES or not runs:
        return item
    at = bisect_left(runs, (item.change.time + 1, ""))
    if at and item.change.time - runs[at - 1][0] <= _RUN:
        by = f"{runs[at - 1][1]} ({item.change.by})" if item.change.by else runs[at - 1][1]
        return replace(item, change=replace(item.change, by=by))
    return item


# -- what follows from another change is none of its own


def _alone(items: Sequence[Item], about: About) -> Iterator[Item]:
    """Without the files of packages that came, without what every boot does, and without jobs that run by themselves."""
    packages = sorted(
        item.change.time for item in items if item.change.kind in _BY_PACKAGES and not item.change.what.startswith(("/", "kernel "))
    )
    users = sorted(item.change.time for item in items if item.change.kind == kinds.USER and not item.change.what.startswith("/"))
    boots = sorted(
        [item.change.time for item in items if item.change.kind in {kinds.REBOOT, kinds.CRASH}] + ([about.booted] if about.booted else [])
    )
    jobs = _jobs(items)
    for item in items:
        change = item.change
        is_file = change.what.startswith("/")
        if change.kind == kinds.DATABASE or change.what.startswith("kernel "):
            follows = _near(packages, change.time, 600, 600)
        elif is_file and change.kind == kinds.USER and _near(users, change.time, MINUTE, MINUTE):
            follows = True
        elif is_file:
            follows = _near(packages, change.time, _UNPACKED, _UNPACKED)
        elif change.kind == kinds.CLOCK and not change.new:
            follows = _near(boots, change.time, _BOOTING, 120)
        else:
            follows = change.kind in _AT_BOOT and not change.action.startswith("set to") and _near(boots, change.time, _BOOTING, 120)
        if not follows and id(item) not in jobs:
            yield item


def _near(times: Sequence[float], time: float, before: float, after: float) -> bool:
    """Whether one of the times lies shortly before this one, or shortly after it."""
    at = bisect_left(times, time - before)
    return at < len(times) and times[at] <= time + after


_NO_SERVICE = (
    "user@",
    "user-runtime-dir@",
    "session-",
    "getty@",
    "serial-getty@",
    "systemd-tmpfiles",
    "run-",
    "dbus-:",
    "packagekit",
    "fprintd",
)


def _jobs(items: Sequence[Item]) -> set[int]:
    """Services that started and ended by themselves: jobs of timers, sessions of users."""
    found, running = set(), dict[str, Item]()
    for item in items:
        change = item.change
        if change.kind != kinds.SERVICE:
            continue
        if change.what.startswith(_NO_SERVICE):
            found.add(id(item))
        elif change.action == "started":
            running[change.what] = item
        elif (start := running.pop(change.what, None)) and change.time - start.change.time < _RUN and not change.new:
            found |= {id(item), id(start)}
    return found


# -- many in one line


def _grouped(items: Sequence[Item]) -> Iterator[Told]:
    """Changes of one kind that were made together, and what is done again and again, each as one."""
    times: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        change = item.change
        times.setdefault((change.kind, change.what, change.action, change.by), []).append(item)
    habits = {key for key, those in times.items() if len(those) > _OFTEN}
    yield from (Told(tuple(times[key])) for key in habits)
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        change = item.change
        if (change.kind, change.what, change.action, change.by) in habits:
            continue
        key = _together(change)
        group = groups.get(key)
        if group and change.time - group[-1].change.time > _TOGETHER:
            yield Told(tuple(groups.pop(key)))
        groups.setdefault(key, []).append(item)
    yield from (Told(tuple(group)) for group in groups.values())


def _together(change: Change) -> tuple[str, ...]:
    """What changes have in common that are told in one line."""
    if change.what.startswith("/"):
        return ("files",) if change.attributes else (change.kind, "files")
    if change.kind in {kinds.PACKAGE, kinds.CONTAINER, kinds.APPARMOR, kinds.SERVICE}:
        return change.kind, change.action, change.by
    return change.kind, change.what, change.action, change.by, change.new
