"""What is missing for a verdict, and the one command that would fetch it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from diagbundle.analyse.document import Document, take
from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence import START, Entry, Evidence, Index
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.gathered import EVERY, gatherers
from diagbundle.analyse.registry import Registry, Rule
from diagbundle.analyse.tools import package_of
from diagbundle.analyse.verdict import Origin, Status
from diagbundle.bundle.format import MANIFEST, OWN
from diagbundle.errors import BundleError

_CONFIG = f"{OWN}/config.json"
_SELF = f"{OWN}/tables/self"
_LOST = ("denied", "timeout", "failed", "partial")
_CUT = ("limit of", "time that was given", "the run was ended", "run took", "no space", "was full", "not asked:")
"""Words of a reason that mean that the run was ended early, not that the host did not answer."""
_CITED = 5


@dataclass(frozen=True)
class Gap:
    """Something that was not had, and what it keeps us from judging."""

    what: str
    """One sentence, without a full stop."""
    fix: str
    """What would fetch it, as a sentence that an admin can act on."""
    suspects: tuple[str, ...] = ()
    """The suspects that stay undecided because of it."""
    codes: tuple[str, ...] = ()
    """Their rules."""
    collectors: tuple[str, ...] = ()
    """Who would gather it; all, where none is named and `whole` is set."""
    whole: bool = False
    """Whether all has to be collected anew."""
    as_root: bool = False
    packages: tuple[str, ...] = ()
    """What has to be installed before."""
    origins: tuple[Origin, ...] = field(default=())


def gaps(analysis: Analysis, evidence: Evidence, registry: Registry) -> list[Gap]:
    """What is missing, what keeps most from being judged first."""
    run = _Run(evidence, analysis)
    found = [*_of_the_run(run), *_of_verdicts(run, registry)]
    return sorted(_merged(found), key=lambda gap: (-len(gap.codes), not gap.whole, gap.what))


def command(found: Iterable[Gap], analysis: Analysis) -> str:
    """One line that fetches all that can be fetched; '' where nothing is missing."""
    those = [gap for gap in found if gap.whole or gap.collectors]
    if not those:
        return ""
    packages = list(dict.fromkeys(name for gap in those for name in gap.packages))
    names = sorted({name for gap in those for name in gap.collectors})
    only = "" if any(gap.whole for gap in those) or len(names) > len(EVERY) // 2 else "".join(f" --only {name}" for name in names)
    install = f"sudo {_installer(analysis.about.os)} {' '.join(packages)} && " if packages else ""
    return f"{install}sudo diagbundle collect{only}"


def _installer(os: str) -> str:
    word = os.lower()
    for names, line in ((("debian", "ubuntu", "mint", "raspbian"), "apt-get install"), (("suse", "sles"), "zypper install"), (("alpine",), "apk add"), (("arch",), "pacman -S")):
        if any(name in word for name in names):
            return line
    return "yum install" if any(name in word for name in ("release 6", "linux 7", "server 7", "amazon linux 2 ", "centos linux 7")) else "dnf install"


class _Run:
    """How the evidence was collected."""

    def __init__(self, evidence: Evidence, analysis: Analysis) -> None:
        self.evidence, self.analysis = evidence, analysis
        self.index = Index(evidence.entries)
        self.is_ours = bool(evidence.head.tool) or MANIFEST in self.index.by_path
        self.config, self.config_origin = self._config()
        self.ran = frozenset(self.config.get("collectors") or ()) or frozenset(entry.collector for entry in evidence.entries if entry.collector)
        self.broken = {entry.source: entry for entry in evidence.entries if entry.kind == "collector" and entry.outcome != "collected"}

    def document(self, path: str) -> Document | None:
        entry = self.index.by_path.get(path)
        if entry is None or not entry.there:
            return None
        try:
            data, is_cut = take(self.evidence.blocks(entry), 1 << 20)
        except BundleError:
            return None
        return Document(entry, data, is_cut=is_cut)

    def _config(self) -> tuple[dict[str, list[str]], Origin]:
        document = self.document(_CONFIG)
        origin = document.origin() if document else Origin(_CONFIG)
        try:
            value = json.loads(document.text) if document else {}
        except (ValueError, RecursionError):
            value = {}
        return (value if isinstance(value, dict) else {}), origin

    def setting(self, name: str) -> str:
        value = self.config.get(name)
        return value if isinstance(value, str) else ""

    @property
    def uid(self) -> int | None:
        """Who collected it; None where it is not known."""
        document = self.document(_SELF)
        try:
            rights = next((row for row in document.rows if row["about"] == "rights"), None) if document else None
        except BundleError:
            return None
        word = rights.text("Uid").split() if rights else []
        return int(word[1]) if len(word) > 1 and word[1].isdecimal() else None

    def did_run(self, names: Sequence[str]) -> bool:
        """Whether one of these collectors ran to its end."""
        return any(name in self.ran and name not in self.broken for name in names)


# -- what the run as a whole left out


def _of_the_run(run: _Run) -> Iterator[Gap]:
    if not run.is_ours:
        yield Gap(
            "another tool collected this: nothing was read twice, nothing was asked of the network, and why something is missing is not written down",
            "collect with diagbundle on the host itself", whole=False, origins=(Origin(run.evidence.name, 0, "no manifest"),),
        )  # fmt: skip
        yield from _no_logs(run)
        return
    head = run.evidence.head
    first = Origin(MANIFEST, 1, f"complete: false: {head.reason}")
    if not head.complete:
        yield Gap(f"the collection was cut short: {head.reason or 'it does not say why'}", _more(head.reason), whole=True, origins=(first,))
    if run.uid:
        denied = [entry for entry in run.evidence.entries if entry.outcome == "denied"]
        what = f"it was not run as root: {len(denied):,} answers were denied" if denied else "it was not run as root"
        yield Gap(what, "run it as root", as_root=True, collectors=_collectors(denied), origins=((run.document(_SELF) or _nothing(_SELF)).origin(2),))  # fmt: skip
    if since := run.setting("since"):
        old = [entry for entry in run.evidence.entries if entry.outcome == "skipped" and "last changed before" in entry.reason]
        if old:
            yield Gap(f"{len(old):,} logs that were last written more than {since} before were left out (--since {since})", "collect the logs without --since, if it began before that", collectors=("logs",), origins=tuple(_origin(entry) for entry in old[:_CITED]))
    yield from _left_out(run)
    if not run.analysis.about.seconds and "cpu_memory" in run.ran:
        yield Gap("counters were read only once: what grows cannot be told from what is old", "collect again, and let it run to its end", collectors=("cpu_memory", "networking", "disk"), origins=(run.config_origin,))
    yield from _no_logs(run)


def _more(reason: str) -> str:
    if "limit of" in reason:
        return "collect again without --max-size, or with a larger one"
    if any(word in reason for word in ("time", "deadline", "seconds")):
        return "collect again with more time: --timeout 2h"
    if "space" in reason:
        return "collect again to a folder with more room: --output FOLDER"
    return "collect again, and let it run to its end"


def _nothing(path: str) -> Document:
    return Document(Entry(path, there=False), b"")


def _left_out(run: _Run) -> Iterator[Gap]:
    """Collectors that were not asked: by choice, or because the run was over."""
    missing = [name for name in EVERY if name not in run.ran]
    if "reachability" in missing:
        missing.remove("reachability")
        yield Gap("the network was not asked (--without reachability)", "let it send its few small requests", collectors=("reachability",), origins=(run.config_origin,))
    if missing and run.config:
        yield Gap(f"{len(missing)} collectors were left out: {', '.join(missing)}", "collect what they ask, too", collectors=tuple(missing), origins=(run.config_origin,))
    if broken := [name for name in run.broken if name in EVERY]:
        entries = [run.broken[name] for name in broken]
        yield Gap(f"{len(broken)} collectors were not asked, or not to their end: {', '.join(broken)}", f"collect again ({entries[0].reason})", collectors=tuple(broken), origins=tuple(map(_origin, entries[:_CITED])))


def _no_logs(run: _Run) -> Iterator[Gap]:
    heard = run.analysis.heard
    if not heard.logs:
        yield Gap("there is no log at all", "collect the logs", collectors=("logs", "kernel"), origins=(Origin(MANIFEST if run.is_ours else run.evidence.name),))
    elif not heard.kernel:
        yield Gap("there is no log of the kernel: faults of disks, memory and drivers would stand there", "collect it as root: the kernel tells only root", as_root=True, collectors=("kernel",), origins=(Origin(MANIFEST if run.is_ours else run.evidence.name),))


# -- what each undecided verdict lacked


def _of_verdicts(run: _Run, registry: Registry) -> Iterator[Gap]:
    rules = {rule.code: rule for rule in registry.rules}
    for verdict in run.analysis.verdicts:
        if verdict.status is Status.UNDECIDED and (rule := rules.get(verdict.code)):
            for gap in _of_rule(run, registry, rule):
                yield replace(gap, suspects=(verdict.suspect,), codes=(verdict.code,))


def _of_rule(run: _Run, registry: Registry, rule: Rule) -> Iterator[Gap]:
    facts = run.analysis.facts
    lacking = [kind for kind in rule.needs if not facts.get(kind)] or [*rule.needs, *rule.uses]
    for kind in lacking:
        patterns = _patterns(registry, kind)
        entries = run.index.matching([each for pattern in patterns for each in (pattern, START + pattern)])
        if any(entry.there for entry in entries) and kind in rule.needs and facts.get(kind):
            entries = [entry for entry in entries if entry.outcome in _LOST]
        yield from _of_entries(run, entries)
        if not entries:
            yield from _never_asked(run, patterns)


def _patterns(registry: Registry, kind: type[Fact]) -> list[str]:
    return [pattern for parser in registry.parsers if kind in parser.gives for pattern in parser.patterns]


def _never_asked(run: _Run, patterns: Sequence[str]) -> Iterator[Gap]:
    """What no collector was asked for; where its collector ran, the host has no such thing."""
    names = [names for pattern in patterns if (names := gatherers(pattern))]
    if not names or any(run.did_run(each) for each in names):
        return
    first = list(dict.fromkeys(name for each in names[:1] for name in each))
    if run.is_ours and (broken := [name for name in first if name in run.broken]):
        yield _broken(run, broken)
    elif run.is_ours:
        yield Gap(f"{', '.join(first)} was not asked", "collect it", collectors=tuple(first), origins=(run.config_origin,))
    else:
        yield Gap("another tool collected this, and not all that diagbundle asks", "collect with diagbundle", collectors=tuple(first), origins=(Origin(run.evidence.name),))


def _broken(run: _Run, names: Sequence[str]) -> Gap:
    entries = [run.broken[name] for name in names]
    return Gap(f"{len(names)} collectors were not asked, or not to their end: {', '.join(names)}", f"collect again ({entries[0].reason})", collectors=tuple(names), origins=tuple(map(_origin, entries)))


def _of_entries(run: _Run, entries: Sequence[Entry]) -> Iterator[Gap]:
    for entry in entries:
        where = (entry.collector,) if entry.collector in EVERY else gatherers(entry.path)
        name = entry.source or entry.path
        if entry.outcome in _LOST and any(word in entry.reason for word in _CUT):
            yield Gap(f"the run was over before all was asked: {entry.reason.removeprefix('not asked: ')}", _more(entry.reason), collectors=where, origins=(_origin(entry),))
        elif entry.outcome == "denied":
            root = run.uid not in (0, None)
            yield Gap(f"{name} was denied", "run it as root" if root else f"find out who denies it to root: {entry.reason or 'no reason is given'}", collectors=where if root else (), as_root=root, origins=(_origin(entry),))
        elif entry.outcome in ("timeout", "failed", "partial"):
            said = {"timeout": "did not answer in time", "failed": "failed", "partial": "answered in part"}[entry.outcome]
            yield Gap(f"{name} {said}{f': {entry.reason}' if entry.reason else ''}", "collect again; where it fails again, that is the fault to look at", collectors=where, origins=(_origin(entry),))
        elif entry.outcome == "absent" and entry.kind == "command" and (package := package_of(name.split(" ", 1)[0], run.analysis.about.os)):
            yield Gap(f"{name.split(' ', 1)[0]} is not installed", f"install {package}", collectors=where, packages=(package,), origins=(_origin(entry),))


def _origin(entry: Entry) -> Origin:
    return Origin(MANIFEST, 0, f"{entry.source or entry.path}: {entry.outcome}{f': {entry.reason}' if entry.reason else ''}", entry.started)


def _collectors(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(sorted({entry.collector for entry in entries if entry.collector in EVERY}))


def _merged(found: Iterable[Gap]) -> list[Gap]:
    """Gaps that say the same become one, with all that they keep from being judged."""
    by: dict[str, Gap] = {}
    for gap in found:
        known = by.get(gap.what)
        by[gap.what] = gap if known is None else replace(
            known, suspects=_both(known.suspects, gap.suspects), codes=_both(known.codes, gap.codes), collectors=_both(known.collectors, gap.collectors),
            packages=_both(known.packages, gap.packages), as_root=known.as_root or gap.as_root, whole=known.whole or gap.whole,
            origins=tuple(dict.fromkeys((*known.origins, *gap.origins)))[:_CITED],
        )  # fmt: skip
    return list(by.values())


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
