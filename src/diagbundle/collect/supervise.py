"""One child per job; deadlines; kill or leave behind; go on. The supervisor itself never touches the host.

A child that does not answer by its deadline is killed with the command it runs, given a second, and left behind if even
that does not end it (a process stuck in the kernel cannot be killed). Another child then goes on after the source it hung at.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from diagbundle.bundle.format import header
from diagbundle.bundle.pack import Frame, Member, compressor
from diagbundle.bundle.writer import BundleWriter, drop_member
from diagbundle.collect.job import Job, World
from diagbundle.collect.wire import DEAL, FRAME
from diagbundle.collect.worker import KILL_GRACE, PIPE_SIZE, Worker, begin, kill_group
from diagbundle.host import Host
from diagbundle.model import File, Outcome, Stage

QUEUE_LIMIT = 24 << 20
"""Compressed bytes of one child that wait while another one writes a large member; then it has to wait, too."""
MAX_RESTARTS = 30
STOP_GRACE = 1.5
"""Seconds in which a child may hand over what it has when the run is ended."""
TICK = 0.2
DAY = 86_400
NOT_ASKED = "not asked: "
"""How the reason of a job begins that was given up before it began."""
BATCH_BYTES, BATCH_FILES = 32 << 20, 1000
"""Dealt files that make one job."""


class Supervisor:
    """Runs jobs, at most `width` at once, and gives their frames to the writer in an order that a tar allows."""

    def __init__(self, writer: BundleWriter, world: World, width: int, watch: Callable[[], str]) -> None:
        self.writer, self.world, self.width, self.watch = writer, world, width, watch
        self.workers: list[Worker] = []
        self.jobs: deque[Job] = deque()
        self.left_behind: list[int] = []
        self._owner: Worker | None = None
        self._ready = selectors.DefaultSelector()
        self.on_row: Callable[[Member], None] = lambda _row: None
        self.on_job: Callable[[Job, bool], None] = lambda _job, _done: None

    def run(self, jobs: list[Job]) -> str:
        """All jobs to their end. Returns why it was ended before, or ''. Raises OSError of the sink."""
        self.jobs.extend(jobs)
        while self.jobs or self.workers:
            if reason := self.watch():
                self._stop(reason)
                return reason
            while self.jobs and self._has_place(self.jobs[0]):
                self._spawn(self.jobs.popleft())
            self._listen(TICK)
            self._judge()
        return ""

    def _has_place(self, job: Job) -> bool:
        """Whether a job may begin now. Commands let a processor idle, so there is one place more; reading logs does not."""
        working = sum(1 for worker in self.workers if not worker.job.collector.waits)
        return job.collector.waits or working < self.width + (job.phase != Stage.LOGS)

    # -- children

    def _spawn(self, job: Job) -> Worker | None:
        try:
            worker = begin(job, self.world)
        except OSError as error:
            self._lost(job, Outcome.FAILED, f"no process could be started for it: {error.strerror}")
            return None
        self.workers.append(worker)
        self._ready.register(worker.pipe, selectors.EVENT_READ, worker)
        self.on_job(job, False)  # noqa: FBT003  # begun
        return worker

    # -- listening

    def _listen(self, seconds: float) -> None:
        for key, _ in self._ready.select(seconds):
            worker: Worker = key.data
            data = os.read(worker.pipe, PIPE_SIZE)
            worker.heard = time.monotonic()
            if not data:
                worker.ended = True
                self._ready.unregister(worker.pipe)
                continue
            for message in worker.received.feed(data):
                self._message(worker, *message)
            if worker.waiting_bytes > QUEUE_LIMIT and self._owner is not worker:
                self._ready.unregister(worker.pipe)  # it waits until the output is free again
        self._write_waiting()

    def _message(self, worker: Worker, kind: int, meta: Any, packed: bytes, plain: int) -> None:
        if kind == DEAL:
            self._deal(worker.job, meta)
        elif kind == FRAME:
            frame = Frame(packed, plain, *(meta["rows"], meta["begins"]) if meta else ())
            if self._owner in (None, worker) and not worker.waiting:
                self._write(worker, frame)
            else:
                worker.waiting.append(frame)
                worker.waiting_bytes += len(packed)

    def _write(self, worker: Worker, frame: Frame) -> None:
        """One frame into the bundle; a large member keeps the output to itself until it is whole."""
        for row in frame.rows:
            self.on_row(row)
        worker.done += frame.rows
        if frame.begins is None and self._owner is not worker:
            twice = {i for i, row in enumerate(frame.rows) if "header" in row and row["path"] in self.writer.names}
            frame = drop_member(frame, twice) if twice else frame
        if frame.begins is not None:
            frame, worker.renamed = self._unique(frame)
        elif worker.renamed and frame.rows:
            frame.rows[0].update(worker.renamed)
        self.writer.add(frame)
        self._owner = worker if self.writer.in_member else None

    def _unique(self, frame: Frame) -> tuple[Frame, Member]:
        """The first frame of a large member, with another name where this one is taken; its header is all it holds."""
        begins = frame.begins or {}
        name, number = begins["path"], 1
        while name in self.writer.names:
            number += 1
            name = f"{begins['path']}.{number}"
        if number == 1:
            return frame, {}
        head = header(f"{self.writer.prefix}/{name}", begins["size"], begins.get("mtime", 0))
        change = {"path": name, "offset": len(head)}
        return Frame(compressor().compress(head), len(head), begins=begins | change), change

    def _write_waiting(self) -> None:
        """Frames that had to wait, in the order in which they came."""
        progress = True
        while progress:
            progress = False
            for worker in self.workers:
                while worker.waiting and self._owner in (None, worker):
                    frame = worker.waiting.popleft()
                    worker.waiting_bytes -= len(frame.packed)
                    self._write(worker, frame)
                    progress = True
                if worker.waiting_bytes <= QUEUE_LIMIT // 2 and not worker.ended and worker.pipe not in self._registered():
                    worker.slot.extend(10)
                    self._ready.register(worker.pipe, selectors.EVENT_READ, worker)

    def _registered(self) -> set[int]:
        return {key.fd for key in self._ready.get_map().values()}

    def _deal(self, job: Job, dealt: dict[str, Any]) -> None:
        """Make jobs of many files: the newest logs first, large ones first among them, so that no lane ends late."""
        now = time.time()
        order = sorted(dealt["files"], key=lambda file: (_age(now - file[2]), -file[1]))
        batch: list[str] = []
        size = 0
        jobs = []
        for path, length, _ in order:
            batch.append(path)
            size += length
            if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
                jobs.append(_reading(job, batch, dealt["timeout"]))
                batch, size = [], 0
        if batch:
            jobs.append(_reading(job, batch, dealt["timeout"]))
        self.jobs.extendleft(reversed(jobs))

    # -- judging

    def _judge(self) -> None:
        now = time.monotonic()
        for worker in list(self.workers):
            if worker.ended and not worker.waiting:
                self._ended(worker)
            elif not worker.ended and worker.pipe in self._registered():
                deadline, _, label = worker.slot.read()
                if now > max(deadline, worker.heard + 0.5):
                    self._hung(worker, label)
                elif now > worker.until + KILL_GRACE + 2:
                    self._hung(worker, f"collector:{worker.job.collector.name}")

    def _ended(self, worker: Worker) -> None:
        """The pipe is closed: the child is done, or died."""
        status = self._reap(worker)
        _, group, label = worker.slot.read()
        self._abandon(worker, f"its reader ended unexpectedly ({_died(status)})", Outcome.FAILED)
        self._forget(worker)
        if status == 0:
            self.on_job(worker.job, True)  # noqa: FBT003  # done
        else:
            kill_group(group)
            self._go_on(worker, label, Outcome.FAILED, f"its reader ended unexpectedly ({_died(status)})")

    def _hung(self, worker: Worker, label: str) -> None:
        """Past its deadline: kill, wait a second, leave behind."""
        worker.kill()
        self._drain(worker, KILL_GRACE)
        self._reap(worker)
        self._abandon(worker, "it did not answer in time", Outcome.PARTIAL)
        self._forget(worker)
        self._go_on(worker, label, Outcome.TIMEOUT, "it did not answer in time")

    def _go_on(self, worker: Worker, label: str, outcome: Outcome, reason: str) -> None:
        """Another child does the rest of the job, without the source that this one hung at."""
        kind, _, name = label.partition(":")
        job = worker.job
        if f"{kind}:{name}" not in {_key(row) for row in worker.done}:
            self.row(job, kind if kind in ("file", "command", "table", "probe") else "collector", name, outcome, reason)
        if kind == "collector" or worker.restarts >= MAX_RESTARTS or time.monotonic() > worker.until:
            self.on_job(job, True)  # noqa: FBT003
            return
        job.skip |= {_key(row) for row in worker.done} | {label}
        if successor := self._spawn(job):
            successor.restarts, successor.until = worker.restarts + 1, worker.until

    def _drain(self, worker: Worker, seconds: float) -> None:
        """What a child had sent before it was killed still counts."""
        deadline = time.monotonic() + seconds
        while not worker.ended and time.monotonic() < deadline:
            if worker.pipe not in self._registered():
                break
            for key, _ in self._ready.select(0.05):
                if key.data is worker:
                    self._listen(0)
                    break
        while worker.waiting and self._owner in (None, worker):
            self._write_waiting()

    def _stop(self, reason: str) -> None:
        """End everything now: children hand over what they have, or are killed."""
        for worker in self.workers:
            with contextlib.suppress(OSError):
                os.kill(worker.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE
        while self.workers and time.monotonic() < deadline:
            self._listen(0.05)
            for worker in [worker for worker in self.workers if worker.ended and not worker.waiting]:
                self._finish(worker, reason)
        for worker in list(self.workers):
            worker.kill()
            self._drain(worker, 0.1)
            self._finish(worker, reason)
        self.give_up(self.jobs, reason)
        self.jobs.clear()

    def _finish(self, worker: Worker, reason: str) -> None:
        self._reap(worker)
        self._abandon(worker, reason, Outcome.PARTIAL)
        self._forget(worker)
        self.row(worker.job, "collector", worker.job.collector.name, Outcome.PARTIAL, f"ended before it was done: {reason}")

    # -- small things

    def row(self, job: Job, kind: str, name: str, outcome: Outcome, reason: str) -> None:
        """A row about something that has no answer."""
        row: Member = {"collector": job.collector.name, "kind": kind, "source": name, "outcome": outcome, "reason": reason}
        row |= {"started": round(time.time(), 3), "seconds": 0.0}
        if kind == "command":
            row["source"] = name.split(" ")
        self.on_row(row)
        self.writer.row(row)

    def give_up(self, jobs: Iterable[Job], reason: str) -> None:
        """A row for every job that is not begun any more."""
        for job in jobs:
            self._lost(job, Outcome.SKIPPED, f"{NOT_ASKED}{reason}")

    def _lost(self, job: Job, outcome: Outcome, reason: str) -> None:
        """A job that was never begun."""
        if not job.dealt:
            self.row(job, "collector", job.collector.name, outcome, reason)
            return
        for source in job.ask(self.world.host):
            if isinstance(source, File):
                self.row(job, "file", source.path, outcome, reason)

    def _abandon(self, worker: Worker, reason: str, outcome: Outcome) -> None:
        if self._owner is worker:
            self.writer.abandon(reason, outcome)
            self._owner = None
            self._write_waiting()

    def _reap(self, worker: Worker) -> int | None:
        status = worker.reap()
        if status is None:
            self.left_behind.append(worker.pid)
        return status

    def _forget(self, worker: Worker) -> None:
        if worker.pipe in self._registered():
            self._ready.unregister(worker.pipe)
        worker.close()
        self.workers.remove(worker)


def _reading(job: Job, paths: list[str], timeout: float) -> Job:
    """A job that reads these files for a collector."""

    def ask(_host: Host) -> Iterator[File]:
        return (File(path, timeout=timeout) for path in paths)

    return replace(job, ask=ask, dealt=True, skip=set())


def _age(seconds: float) -> int:
    """Logs of today before those of this week before the rest."""
    return 0 if seconds < DAY else 1 if seconds < 7 * DAY else 2


def _key(row: Member) -> str:
    source = row["source"]
    return f"{row['kind']}:{source if isinstance(source, str) else ' '.join(source)}"


def _died(status: int | None) -> str:
    if status is None:
        return "it cannot be ended"
    return f"signal {-status}" if status < 0 else f"exit status {status}"
