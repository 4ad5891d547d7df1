"""What is missing for a verdict, and the one command that would fetch it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.entry import START, Entry, Evidence
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.missing.circumstances import CONFIG, SELF, Circumstances
from diagbundle.analyse.missing.gathered import EVERY, gatherers
from diagbundle.analyse.missing.tools import installer, package_of
from diagbundle.analyse.registry import Registry, Rule
from diagbundle.analyse.verdict import Origin, Status
from diagbundle.bundle.format import MANIFEST

_LOST = ("denied", "timeout", "failed", "partial")
_CITED = 5
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What may stand in a command that is to be pasted into a shell, although it comes from a bundle."""
_FOREIGN = (
    "another tool collected this, or its manifest is lost: counters were read once, as far as is known, the network was not asked, "
    "and why something is missing is not written down"
)
_OURS = "collect with diagbundle on the host itself"


@dataclass(frozen=True)
class Gap:
    """Something that was not had, and what it keeps us from judging."""

    what: str
    """One sentence, without a full stop."""
    fix: str
    """What would fetch it, in words."""
    origins: tuple[Origin, ...]
    suspects: tuple[str, ...] = ()
    """The suspects that stay undecided because of it."""
    codes: tuple[str, ...] = ()
    """Their rules."""
    collectors: tuple[str, ...] = field(default=())
    """Who would gather it; none where collecting again does not help."""
    packages: tuple[str, ...] = ()
    """What has to be installed before."""


def gaps(analysis: Analysis, evidence: Evidence, registry: Registry) -> list[Gap]:
    """What is missing; what keeps most from being judged first."""
    how = Circumstances(evidence, analysis)
    found = _merged([*_of_the_run(how), *_of_verdicts(how, registry)])
    return sorted(found, key=lambda gap: (-len(gap.codes), gap.what))


def command(found: Iterable[Gap], analysis: Analysis, *, program: str = "diagbundle", case: str = "") -> str:
    """One line that fetches all that can be fetched; '' where nothing is missing. It names the case, where there was one."""
    those = [gap for gap in found if gap.collectors]
    if not those:
        return ""
    packages = dict.fromkeys(name for gap in those for name in gap.packages)
    names = sorted({name for gap in those for name in gap.collectors})
    only = "" if len(names) > len(EVERY) // 2 else "".join(f" --only {name}" for name in names)
    install = f"sudo {installer(analysis.about.os)} {' '.join(packages)} && " if packages else ""
    of_case = f" --case {case}" if _CASE.fullmatch(case) else ""
    who = program if _CASE.fullmatch(program.removeprefix("./")) else "diagbundle"
    return f"{install}sudo {who} collect{only}{of_case}"


# -- what the run as a whole left out


def _of_the_run(how: Circumstances) -> Iterator[Gap]:
    if not how.is_ours:
        yield Gap(_FOREIGN, _OURS, (how.origin(""),), collectors=("cpu_memory", "networking", "reachability"))
    else:
        yield from _cut_short(how)
        yield from _not_root(how)
        yield from _left_out(how)
        yield from _old_logs(how)
        yield from _read_once(how)
    yield from _no_logs(how)
    yield from _struck(how)


def _struck(how: Circumstances) -> Iterator[Gap]:
    """What the customer did not let out: collecting again would not change his mind."""
    struck = [entry for entry in how.evidence.entries if entry.is_struck]
    if struck:
        names = ", ".join(dict.fromkeys(entry.source or entry.path for entry in struck[:_CITED])) + (" …" if len(struck) > _CITED else "")
        what = f"{len(struck):,} item{' was' if len(struck) == 1 else 's were'} struck out before the bundle left: {names}"
        yield Gap(what, "ask for what is needed of it, and say what for", tuple(map(_origin, struck[:_CITED])))


def _cut_short(how: Circumstances) -> Iterator[Gap]:
    head = how.evidence.head
    if head.complete:
        return
    if not how.is_cut:
        yield from _not_whole(how)
        return
    broken = tuple(name for name in how.broken if name in EVERY)
    yield Gap(_cut(head.reason), _more(head.reason), (Origin(MANIFEST, 1, f"complete: false: {head.reason}"),), collectors=broken or EVERY)


def _not_whole(how: Circumstances) -> Iterator[Gap]:
    """The run came to its end, but some items failed."""
    lost = [entry for entry in how.evidence.entries if entry.outcome in ("failed", "timeout", "partial") and entry.kind != "probe"]
    if lost:
        names = ", ".join(dict.fromkeys(entry.source or entry.path for entry in lost[:_CITED])) + (" …" if len(lost) > _CITED else "")
        yield Gap(
            f"{len(lost):,} item{'' if len(lost) == 1 else 's'} could not be had, or not whole: {names}",
            "collect again; where it fails again, look at that first", tuple(map(_origin, lost[:_CITED])), collectors=_collectors(lost),
        )  # fmt: skip


def _collectors(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(sorted({entry.collector for entry in entries if entry.collector in EVERY}))


def _cut(reason: str) -> str:
    return f"the collection was cut short: {reason or 'it does not say why'}"


def _more(reason: str) -> str:
    if "limit of" in reason:
        return "collect again without --max-size, or with a larger one"
    if "space" in reason:
        return "collect again to a folder with more room: --output FOLDER"
    if "time" in reason or "seconds" in reason:
        return "collect again with more time: --timeout 2h"
    return "collect again, and let it run to its end"


def _not_root(how: Circumstances) -> Iterator[Gap]:
    if not how.uid:
        return
    denied = [entry for entry in how.evidence.entries if entry.outcome == "denied"]
    what = f"it was not run as root: {len(denied):,} answer{' was' if len(denied) == 1 else 's were'} denied"
    yield Gap(what, "run it as root", (how.origin(SELF),), collectors=_collectors(denied) or EVERY)


def _left_out(how: Circumstances) -> Iterator[Gap]:
    missing = [name for name in EVERY if name not in how.ran]
    if not missing or not how.ran:
        return
    if "reachability" in missing and len(missing) == 1:
        yield Gap("the network was not asked", "let it send its few small requests", (how.origin(CONFIG),), collectors=("reachability",))
    else:
        names = tuple(missing)
        yield Gap(f"{_many(names)} left out: {', '.join(names)}", "collect what they ask, too", (how.origin(CONFIG),), collectors=names)


def _many(names: Sequence[str]) -> str:
    return "one collector was" if len(names) == 1 else f"{len(names)} collectors were"


def _old_logs(how: Circumstances) -> Iterator[Gap]:
    old = [entry for entry in how.evidence.entries if entry.outcome == "skipped" and "last changed before" in entry.reason]
    if old:
        since, files = how.setting("since"), "1 file" if len(old) == 1 else f"{len(old):,} files"
        yield Gap(
            f"{files} last written {f'more than {since} ' if since else ''}before the run: left out (--since)",
            "collect the logs without --since, if the trouble began before that", tuple(map(_origin, old[:_CITED])), collectors=("logs",),
        )  # fmt: skip


def _read_once(how: Circumstances) -> Iterator[Gap]:
    twice = any(entry.path.startswith(START) and entry.there for entry in how.evidence.entries)
    once = [entry for entry in how.evidence.entries if entry.path == "proc/stat" and entry.there]
    if once and not (twice and how.analysis.about.seconds):
        yield Gap(
            "counters were read only once: what grows cannot be told from what is old", "collect again, and let it run to its end",
            tuple(map(_origin, once[:1])), collectors=("cpu_memory", "networking", "disk"),
        )  # fmt: skip


def _no_logs(how: Circumstances) -> Iterator[Gap]:
    heard = how.analysis.heard
    lost = [entry for entry in how.evidence.entries if entry.outcome in _LOST and entry.source.startswith("journalctl")]
    if not heard.logs:
        yield Gap("there is no log at all", "collect the logs, as root", (how.origin(""),), collectors=("kernel", "logs"))
    elif not heard.kernel:
        yield Gap(
            "there is no log of the kernel, in which faults of disks, memory and drivers stand",
            "collect it as root",
            (how.origin(""),),
            collectors=("kernel",),
        )
    if lost:
        yield Gap(
            f"the journal was not had whole: {lost[0].source}: {lost[0].reason or lost[0].outcome}",
            "collect the logs again",
            tuple(map(_origin, lost[:_CITED])),
            collectors=("logs",),
        )


# -- what each undecided verdict lacked


def _of_verdicts(how: Circumstances, registry: Registry) -> Iterator[Gap]:
    rules = {rule.code: rule for rule in registry.rules}
    for verdict in how.analysis.verdicts:
        if verdict.status is Status.UNDECIDED and (rule := rules.get(verdict.code)):
            for gap in _of_rule(how, registry, rule):
                yield replace(gap, suspects=(verdict.suspect,), codes=(verdict.code,))


def _of_rule(how: Circumstances, registry: Registry, rule: Rule) -> Iterator[Gap]:
    facts = how.analysis.facts
    for kind in [kind for kind in rule.needs if not facts.get(kind)] or [*rule.needs, *rule.uses]:
        patterns = _patterns(registry, kind)
        entries = how.index.matching([each for pattern in patterns for each in (pattern, START + pattern)])
        for entry in entries:
            yield from of_entry(how, entry)
        if not entries:
            yield from never_asked(how, patterns)


def _patterns(registry: Registry, kind: type[Fact]) -> list[str]:
    return [pattern for parser in registry.parsers if kind in parser.gives for pattern in parser.patterns]


def never_asked(how: Circumstances, patterns: Sequence[str]) -> Iterator[Gap]:
    """What no collector was asked for; where one that would gather it ran, the host has no such thing."""
    names = [names for pattern in patterns if (names := gatherers(pattern))]
    if not names or any(how.did_run(name) for each in names for name in each):
        return
    first = names[0][0]
    if broken := how.broken.get(first):
        yield _of_broken(how, broken, first)
    elif how.is_ours:
        yield Gap(f"the collector {first} was left out", "collect what it asks, too", (how.origin(CONFIG),), collectors=(first,))
    else:
        yield Gap(_FOREIGN, _OURS, (how.origin(""),), collectors=(first,))


def _of_broken(how: Circumstances, entry: Entry, name: str) -> Gap:
    """A collector that was not asked, or not to its end."""
    head = how.evidence.head
    if how.is_cut and (head.reason in entry.reason or "run was ended" in entry.reason):
        return Gap(_cut(head.reason), _more(head.reason), (_origin(entry),), collectors=(name,))
    return Gap(
        f"the collector {name} did not come to its end: {entry.reason or entry.outcome}",
        "collect again",
        (_origin(entry),),
        collectors=(name,),
    )


def of_entry(how: Circumstances, entry: Entry) -> Iterator[Gap]:
    """Why one answer is missing; nothing is said of what was had, and of what the host does not have."""
    where = (entry.collector,) if entry.collector in EVERY else gatherers(entry.path)
    name, head = entry.source or entry.path, how.evidence.head
    if (
        entry.outcome in (*_LOST, "skipped")
        and how.is_cut
        and ("run was ended" in entry.reason or (head.reason and head.reason in entry.reason))
    ):
        yield Gap(_cut(head.reason), _more(head.reason), (_origin(entry),), collectors=where)
    elif entry.outcome == "denied" and how.uid:
        yield Gap(f"{name} was denied", "run it as root", (_origin(entry),), collectors=where)
    elif entry.outcome == "denied":
        yield Gap(f"{name} was denied even to root", f"see what denies it: {entry.reason or 'no reason is given'}", (_origin(entry),))
    elif entry.outcome in _LOST:
        said = {"timeout": "did not answer in time", "failed": "failed", "partial": "answered in part"}[entry.outcome]
        yield Gap(
            f"{name} {said}{f': {entry.reason}' if entry.reason else ''}",
            "collect again; where it fails again, look at that first",
            (_origin(entry),),
            collectors=where,
        )
    elif entry.outcome == "absent" and entry.kind == "command" and (package := package_of(name.split(" ", 1)[0], how.analysis.about.os)):
        yield Gap(
            f"{name.split(' ', 1)[0]} is not installed", f"install {package}", (_origin(entry),), collectors=where, packages=(package,)
        )


def _origin(entry: Entry) -> Origin:
    return Origin(MANIFEST, 0, f"{entry.source or entry.path}: {entry.outcome}{f': {entry.reason}' if entry.reason else ''}", entry.started)


# -- gaps that are one


def _merged(found: Iterable[Gap]) -> list[Gap]:
    """Gaps that say the same become one, with all that they keep from being judged; what was left out is told once."""
    by: dict[str, Gap] = {}
    for gap in found:
        known = by.get(gap.what)
        by[gap.what] = _both(known, gap) if known else gap
    whole = next((gap for gap in by.values() if " left out: " in gap.what), None)
    if whole is None:
        return list(by.values())
    parts = [gap for gap in by.values() if gap.what.startswith("the collector ") and gap.what.endswith(" was left out")]
    told = replace(whole, collectors=()) if parts else whole  # only those that a verdict lacks are worth a second run
    for part in parts:
        told = _both(told, part)
    return [told if gap is whole else gap for gap in by.values() if gap not in parts]


def _both(first: Gap, second: Gap) -> Gap:
    return replace(
        first, suspects=_joined(first.suspects, second.suspects), codes=_joined(first.codes, second.codes),
        collectors=_joined(first.collectors, second.collectors), packages=_joined(first.packages, second.packages),
        origins=tuple(dict.fromkeys((*first.origins, *second.origins)))[:_CITED],
    )  # fmt: skip


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
