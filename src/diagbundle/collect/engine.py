"""A whole collection: samples, collectors by stage, samples again, sealed. Speaks to nobody; `Watcher` is told what happens."""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from diagbundle import __version__
from diagbundle.bundle.format import OWN
from diagbundle.bundle.pack import Member, Packer
from diagbundle.bundle.writer import BundleWriter, NoRoom
from diagbundle.collect.budget import Budget
from diagbundle.collect.identity import ask_or_do, identity
from diagbundle.collect.job import Job, Raw, Redaction, World
from diagbundle.collect.manners import hurry
from diagbundle.collect.order import not_further
from diagbundle.collect.output import FileOutput, PipeOutput, Sealed, bundle_name, prefix_of
from diagbundle.collect.registry import INCLUDE
from diagbundle.collect.rows import spoken
from diagbundle.collect.supervise import NOT_ASKED, Supervisor
from diagbundle.collect.sweep import sweep
from diagbundle.errors import OutputError
from diagbundle.host import Host
from diagbundle.model import Collector, Outcome, Probe, Source, Stage, nothing
from diagbundle.numbers import counted

if TYPE_CHECKING:
    from diagbundle.collect.encrypted import EncryptedOutput  # imported where it is used: what encrypts starts slowly

SAMPLE_SECONDS = 20.0
"""What one collector's samples may take."""
LAST_WORDS = 1.5
"""Seconds for the last samples of a run that was ended."""
SHOWN_LOSSES = 1000
SCARCE = 1 << 30
"""Bytes that are left for the bundle, below which room for its end is kept: others may fill the disk meanwhile."""
KERNEL = {"/proc": "/proc/self/stat", "/sys": "/sys/class"}
"""Where the kernel tells what it knows, and what must be there."""
LOOK_EVERY = 0.25
"""Seconds between two looks at what the host has to spare."""


class Watcher(Protocol):
    """Whoever shows the run to people."""

    def phase(self, phase: str, jobs: int) -> None:
        """So many jobs of a phase (`start`, the stages, `end`) are to be done."""

    def job(self, name: str, phase: str, *, done: bool) -> None:
        """A collector's job begins or is done."""

    def row(self, row: Member) -> None:
        """One piece of evidence that was not had, or not whole."""

    def progress(self, packed: int, plain: int) -> None:
        """So many bytes are in the bundle; called several times a second."""


@dataclass
class Request:
    """What is to be collected, and how."""

    collectors: list[Collector]
    host: Host = field(default_factory=Host)
    case: str = ""
    timeout: float = 1800.0
    """Seconds for the whole run."""
    collector_timeout: float = 300.0
    """Seconds for one collector of the stages volatile and state; logs may use all that is left."""
    sample_interval: float = 5.0
    """Seconds that lie at least between the two readings of samples."""
    max_bytes: int = 0
    probes: bool = True
    since: float = 0.0
    stages: tuple[Stage, ...] = (Stage.VOLATILE, Stage.STATE, Stage.LOGS)
    """Order in which collectors begin."""
    width: int = 0
    """Children at once; 0 for one a processor, at most 4."""
    redact: Redaction = field(default_factory=Raw)
    cancelled: Callable[[], str] = lambda: ""
    """Why the run is to end now, or ''."""
    alive: Callable[[], None] = lambda: None
    """Called again and again, as a sign of life."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Collectors that were not taken, and why."""
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    """The same where nothing is missing for that."""
    kit: dict[str, str] | None = None
    """What the program carries, in words for the head of the manifest."""
    mark: str = "0"
    """In the environment of everything that is started for this run."""
    config: dict[str, Any] = field(default_factory=dict)
    talk: Callable[[], str] = lambda: ""
    """What was said on the screen, for run.log."""


@dataclass
class Result:
    """How it ended."""

    sealed: Sealed
    complete: bool
    reason: str
    outcomes: dict[str, int]
    losses: list[Member]
    """Rows that people should hear of: lost, and (for those who are not root) denied."""
    seconds: float
    left_behind: list[int]
    unread: int
    """Bytes of files that were not read for want of room."""
    hidden: Counter[str]
    """What was removed, by kind."""
    suspects: list[tuple[str, dict[str, Any]]]
    """Lines that somebody should look at: the member, and what is to be seen there."""
    unwanted: list[Member]
    """Rows of what was named with --include and left out on purpose: whoever named it counts on it."""
    swept: list[tuple[int, str, bool]]
    """Processes that a command had left running: number, name, whether they could be ended."""


class Engine:
    """One collection into one output."""

    def __init__(self, request: Request, output: FileOutput | PipeOutput | EncryptedOutput, watcher: Watcher, who: dict[str, Any]) -> None:
        self.request, self.output, self.watcher, self.who = request, output, watcher, who
        output.alive, output.hurried = request.alive, request.cancelled
        self.created = time.time()
        named = output.path != "-"
        prefix = prefix_of(output.path) if named else bundle_name(who["name"], request.case, self.created)
        self.writer = BundleWriter(output.write, prefix, output.cut, lambda row: spoken(row, request.redact.text))
        self.budget = Budget(request.timeout, request.max_bytes, output.folder)
        self.losses: list[Member] = []
        self.unwanted: list[Member] = []
        self.hidden: Counter[str] = Counter()
        self.suspects: list[tuple[str, dict[str, Any]]] = []
        width = request.width or min(4, len(os.sched_getaffinity(0)))
        world = World(
            request.host, prefix, self.writer.names, request.redact, request.since,
            mark=request.mark, home="/root" if os.geteuid() == 0 else "/",
        )  # fmt: skip
        self.supervisor = Supervisor(self.writer, world, width, self._why_stop)
        self.supervisor.order.on_row = self._row
        self.supervisor.order.on_full = self._full
        self._limited_by = ""
        self._looked = 0.0
        self.supervisor.on_job = lambda job, done: watcher.job(job.collector.name, job.phase, done=done)

    def run(self) -> Result:
        """Collect and seal. Raises `OutputError` if nothing usable could be written."""
        try:
            reason = self._collect()
        except OSError as error:
            reason = not_further(error)
        finally:
            self.supervisor.close()
        return self._seal(reason)

    def _collect(self) -> str:
        """Everything in its order. Returns why it ended early, or ''."""
        self._blind()
        self._refused()
        sampled = [collector for collector in self.request.collectors if collector.samples is not nothing]
        first_reading = time.monotonic()  # each source waits as long for its turn in the last reading as it did in the first
        reason = self._run(self._samples(sampled, "start", SAMPLE_SECONDS))
        jobs = [job for stage in self.request.stages for job in self._jobs(stage)]
        if reason:
            self.supervisor.give_up(jobs, reason)
        else:  # one queue: while the last collectors of a stage wait for something, the next stage goes on
            reason = self._run(jobs)
        if not reason:
            reason = self._run(self._samples(sampled, "end", SAMPLE_SECONDS), first_reading + self.request.sample_interval)
        if reason:
            self._last_words(sampled, reason)
        return reason

    def _run(self, jobs: list[Job], not_before: float = 0.0) -> str:
        """Jobs to their end. Returns why they were ended before, or ''."""
        for phase, count in Counter(job.phase for job in jobs).items():
            self.watcher.phase(phase, count)
        return (self._wait(not_before) or self.supervisor.run(jobs)) if jobs else self._why_stop()

    def _last_words(self, sampled: list[Collector], reason: str) -> None:
        """The run was ended: the second reading of the samples, quickly."""
        ends = time.monotonic() + LAST_WORDS
        hurry(os.getpid())
        self.supervisor.watch = lambda: "" if time.monotonic() < ends else reason
        self._run(self._samples(sampled, "end", LAST_WORDS))

    def _wait(self, until: float) -> str:
        """Two readings too close to each other tell nothing."""
        while (left := until - time.monotonic()) > 0:
            if reason := self._why_stop():
                return reason
            time.sleep(min(left, 0.1))
        return ""

    # -- jobs

    def _jobs(self, stage: Stage) -> list[Job]:
        chosen = sorted((one for one in self.request.collectors if one.stage is stage), key=lambda one: not one.waits)
        limit = max(1.0, self.budget.left())
        timeout = limit if stage is Stage.LOGS else min(limit, self.request.collector_timeout)
        return [Job(collector, stage.value, self._asking(collector.sources), timeout) for collector in chosen]

    def _samples(self, collectors: list[Collector], phase: str, timeout: float) -> list[Job]:
        return [Job(collector, phase, self._asking(collector.samples), timeout) for collector in collectors]

    def _asking(self, sources: Callable[[Host], Iterable[Source]]) -> Callable[[Host], Iterable[Source]]:
        """The sources; without probes where these are turned off."""
        if self.request.probes:
            return sources
        return lambda host: (source for source in sources(host) if not isinstance(source, Probe))

    def _blind(self) -> None:
        """Where the kernel's own files are not to be seen, most of what is asked for will be absent: that is no answer."""
        host = self.request.host
        for place, sight in KERNEL.items() if host.live and host.root == "/" else ():
            if not os.path.exists(sight):
                self.supervisor.row(OWN, "file", place, Outcome.FAILED, f"{place} is not mounted: what the kernel tells there is missing")

    def _refused(self) -> None:
        for origin, reason in self.request.refused:
            self.supervisor.row(OWN, "collector", origin, Outcome.FAILED, reason)
        for origin, reason in self.request.passed_over:
            self.supervisor.row(OWN, "collector", origin, Outcome.SKIPPED, reason)

    # -- watching

    def _why_stop(self) -> str:
        self.request.alive()
        self.watcher.progress(self.writer.packed, self.writer.plain)
        if time.monotonic() - self._looked < LOOK_EVERY:
            return self.request.cancelled()
        self._keep_room()
        self._looked = time.monotonic()
        return self.request.cancelled() or self.budget.why_stop()

    def _keep_room(self) -> None:
        """What is left on the disk for evidence, besides what sealing will need."""
        most, self._limited_by = self.budget.most(self.writer.packed, self.output.kept)
        self.writer.limit = self.output.content(most)
        scarce = self.writer.limit - self.writer.packed < SCARCE or self.output.cut is None  # then nothing else makes room for the end
        self.output.keep(self.writer.closing_size() if scarce else 0)

    def _full(self, error: OSError) -> str:
        """The output takes no more."""
        if isinstance(error, NoRoom):
            self.output.keep(self.writer.closing_size())  # which is known exactly now
            return self._limited_by
        self.writer.limit = self.writer.packed + self.output.kept
        self.output.keep(0)  # what was kept is there to be used now
        return not_further(error)

    def _row(self, row: Member) -> None:
        self.hidden.update(row.get("redacted", {}))
        self.suspects += [(row["path"], suspect) for suspect in row.get("suspects", ())]
        if row["outcome"] == Outcome.COLLECTED:
            return
        self.watcher.row(row)
        outcome = Outcome(row["outcome"])
        given_up = row.get("reason", "").startswith(NOT_ASKED)
        if (outcome.is_loss or outcome is Outcome.DENIED or given_up) and len(self.losses) < SHOWN_LOSSES:
            self.losses.append(row)
        elif row["collector"] == INCLUDE and outcome is Outcome.SKIPPED and len(self.unwanted) < SHOWN_LOSSES:
            self.unwanted.append(row)

    # -- sealing

    def _seal(self, reason: str) -> Result:
        lost = sum(self.writer.outcomes[outcome] for outcome in Outcome if outcome.is_loss)
        why = reason or (f"{counted(lost, 'item')} could not be had, or not whole" if lost else "")
        swept = sweep(self.request.mark)
        for pid, name, gone in swept:
            what = "was left running by a command of this run, and ended" if gone else "was left running by a command, and cannot be ended"
            self.supervisor.row(OWN, "own", f"process {pid}, {name}", Outcome.SKIPPED, f"it {what}")
        self.output.keep(0)
        self.writer.limit = math.inf  # the room for what follows was kept
        try:
            if self.writer.in_member:  # which could neither be filled nor taken back
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
            self._own_members()
            self.writer.seal(self._head(why))
            sealed = self.output.seal(self.writer.sha.hexdigest(), complete=not why, check=not (why and self.request.cancelled()))
        except OSError as error:
            hint = "" if self.output.is_empty else "`diagbundle salvage` gets out of the unfinished file what is whole"
            raise OutputError(f"the bundle could not be finished: {self.output.path}: {error.strerror}", hint) from None
        if not why and not sealed.read_back:
            why = f"it is whole, but was not read back: {self.request.cancelled()}"
        counts = {str(outcome): count for outcome, count in self.writer.outcomes.items()}
        seconds, order = time.monotonic() - self.budget.started, self.supervisor.order
        return Result(
            sealed, not why, why, counts, self.losses, seconds, self.supervisor.left_behind, order.unread,
            self.hidden, self.suspects, self.unwanted, swept,
        )  # fmt: skip

    def _head(self, reason: str) -> dict[str, Any]:
        who = dict(self.who)
        return {
            "complete": not reason, "reason": reason or None, "tool": __version__, "case": self.request.case or None,
            "created": _utc(self.created), "finished": _utc(time.time()), "zone": who.pop("zone", ""), "host": who,
            "clock": {"wall": time.time(), "monotonic": time.monotonic()}, **({"kit": self.request.kit} if self.request.kit else {}),
        }  # fmt: skip

    def _own_members(self) -> None:
        packer = Packer(self.writer.prefix, self.writer.add)
        texts = {
            "README.txt": README.format(prefix=self.writer.prefix, version=__version__),
            "config.json": json.dumps(self.request.config, indent=1, default=str) + "\n",
            "run.log": self.request.talk(),
        }
        for name, text in texts.items():
            now = time.time()
            row: Member = {"collector": OWN, "kind": "own", "source": name, "outcome": Outcome.COLLECTED}
            row |= {"started": round(now, 3), "seconds": 0.0, "mtime": int(now)}
            packer.small(f"{OWN}/{name}", self.request.redact.text(text).encode("utf-8", "surrogateescape"), row)
        packer.flush()


README = """This folder is a diagnostic bundle, made by diagbundle {version}: {prefix}

The server's files lie at their own paths (etc/, proc/, sys/, var/log/), the output of commands in sos_commands/, and in
diagbundle/ what diagbundle computed itself: start/ (the first of two readings), tables/, probes/.
diagbundle/manifest.jsonl lists everything that was asked for, had or not, with the reason.
`sha256sum -c diagbundle/SHA256SUMS`, run in this folder, checks that nothing has changed.
"""


def _utc(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def who_is(host: Host) -> dict[str, Any]:
    """Identity of the host, from a child; what can be said without asking where it does not answer."""
    kernel = os.uname()
    bare = {
        "name": kernel.nodename,
        "os": "",
        "kernel": kernel.release,
        "machine": kernel.machine,
        "boot_id": "",
        "uid": os.geteuid(),
        "zone": "",
    }
    return ask_or_do(lambda: identity(host)) or bare
