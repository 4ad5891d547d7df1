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
from collections.abc import Callable, Iterable
from typing import Any

from diagbundle.bundle.pack import Frame, Member
from diagbundle.bundle.writer import BundleWriter
from diagbundle.collect.job import Job, World, deal
from diagbundle.collect.manners import hurry, state, waited
from diagbundle.collect.order import Order
from diagbundle.collect.wire import DEAL, DONE, FRAME, LEARNED, Garbled, Message
from diagbundle.collect.worker import KILL_GRACE, Worker, begin, kill_group
from diagbundle.model import File, Outcome, Stage
from diagbundle.sources.never import why_never

QUEUE_LIMIT = 24 << 20
"""Compressed bytes of one child that wait while another one writes a large member; then it has to wait, too."""
MAX_RESTARTS = 30
STOP_GRACE = 1.5
"""Seconds in which a child may hand over what it has when the run is ended."""
TICK = 0.2
PATIENCE = 10.0
"""Seconds for a child whose message has begun to come in, or that was kept waiting: it may lack processor time, but does not hang."""
ROOM_FOR_FACTS = 256 << 20
"""Bytes that are left for the bundle, below which logs wait until all else is there."""
LOOK_AGAIN = 1.0
"""Seconds after which a late child that lacks processor time is looked at again."""
LATE = "it did not answer in time"
KINDS = {"directory": "file", "glob": "file"} | {kind: kind for kind in ("file", "command", "table", "probe")}
"""What a child was at, and what that is in a row of the manifest."""
NOT_ASKED = "not asked: "
"""How the reason of a job begins that was given up before it began."""


class Supervisor:
    """Runs jobs, at most `width` at once, and gives their frames to the writer in an order that a tar allows."""

    def __init__(self, writer: BundleWriter, world: World, width: int, watch: Callable[[], str]) -> None:
        self.writer, self.world, self.width, self.watch = writer, world, width, watch
        self.order = Order(writer)
        self.workers: list[Worker] = []
        self.jobs: deque[Job] = deque()
        self.left_behind: list[int] = []
        self._ready = selectors.DefaultSelector()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started us may ignore it: then nobody would know how a child ended
        why_never("/")  # its expressions are compiled here, once, and not in each child
        self.on_job: Callable[[Job, bool], None] = lambda _job, _done: None

    def run(self, jobs: list[Job]) -> str:
        """All jobs to their end. Returns why it was ended before, or ''; no child is left then, whatever happens."""
        self.jobs.extend(jobs)
        try:
            return self._run()
        except BaseException:
            for worker in self.workers:
                worker.kill()
            raise

    def close(self) -> None:
        """Give back what it listens with; it runs nothing more."""
        self._ready.close()

    def _run(self) -> str:
        while self.jobs or self.workers:
            if reason := self.order.full or self.watch():
                self._stop(reason)
                return reason
            while self.jobs and self._has_place(self.jobs[0]):
                if not self._spawn(self.jobs.popleft()) and self.workers:
                    break  # no process is to be had now
            self._listen(TICK)
            self._judge()
        return self.order.full

    def _has_place(self, job: Job) -> bool:
        """Whether a job may begin now. Commands let a processor idle, so there is one place more; reading logs does not."""
        facts = any(worker.job.phase != Stage.LOGS for worker in self.workers)
        if job.phase == Stage.LOGS and facts and self.writer.limit - self.writer.packed < ROOM_FOR_FACTS:
            return False  # what is lost then is to be the least
        working = sum(1 for worker in self.workers if not worker.job.collector.waits)
        return job.collector.waits or working < self.width + (job.phase != Stage.LOGS)

    # -- children

    def _spawn(self, job: Job) -> Worker | None:
        try:
            worker = begin(job, self.world)
        except OSError as error:
            if self.workers:  # when one of them has ended, there will be room again
                self.jobs.appendleft(job)
                self.width = max(1, min(self.width, len(self.workers) - 1))
            else:
                self._lost(job, Outcome.FAILED, f"no process could be started for it: {error.strerror}")
            return None
        self.workers.append(worker)
        self._hear(worker, listen=True)
        self.on_job(job, False)  # noqa: FBT003  # begun
        return worker

    # -- listening

    def _listen(self, seconds: float) -> None:
        ready = self._ready.select(seconds)
        began = time.monotonic()
        for one, _ in ready:
            worker: Worker = one.data
            message = self._received(worker)
            worker.heard = time.monotonic()
            if isinstance(message, EOFError):
                worker.ended = True
                self._hear(worker, listen=False)
            elif message:
                self._message(worker, *message)
            if worker.waiting_bytes > QUEUE_LIMIT and self.order.owner is not worker:
                self._hear(worker, listen=False)  # it waits until the output is free again
        self._write_waiting()
        if (away := time.monotonic() - began) > TICK:
            self._excuse(self.workers, away)

    def _received(self, worker: Worker) -> Message | EOFError | None:
        """Its next message. One that makes no sense is its last."""
        try:
            return worker.received.read(worker.pipe)
        except Garbled:
            worker.fault = "what its reader sent makes no sense: something else has written into its pipe"
            worker.kill()
            return EOFError()

    def _excuse(self, workers: Iterable[Worker], seconds: float) -> None:
        """For so long nobody listened, because the output was slow or another's: that is not held against them."""
        now = time.monotonic()
        for worker in workers:
            worker.heard = max(worker.heard, now + min(seconds, PATIENCE))
            worker.until += seconds

    def _hear(self, worker: Worker, *, listen: bool) -> None:
        """Listen to a child's pipe, or do not."""
        if listen and not worker.listening:
            self._ready.register(worker.pipe, selectors.EVENT_READ, worker)
        elif worker.listening and not listen:
            self._ready.unregister(worker.pipe)
            worker.kept_waiting = time.monotonic()
        worker.listening = listen

    def _message(self, worker: Worker, kind: int, meta: Any, packed: bytes | memoryview, plain: int) -> None:
        if kind == DEAL:
            self._deal(worker.job, meta)
        elif kind == DONE:
            worker.finished = True
        elif kind == LEARNED:
            self.world.redact.learn(meta)
        elif kind == FRAME:
            frame = Frame(packed, plain, *(meta["rows"], meta["begins"]) if meta else ())
            if self.order.is_free_for(worker) and not worker.waiting:
                self.order.write(worker, frame)
            else:
                worker.waiting.append(frame)
                worker.waiting_bytes += len(packed)

    def _write_waiting(self) -> None:
        """Frames that had to wait, in the order in which they came."""
        progress = True
        while progress:
            progress = False
            for worker in self.workers:
                while worker.waiting and self.order.is_free_for(worker):
                    frame = worker.waiting.popleft()
                    worker.waiting_bytes -= len(frame.packed)
                    self.order.write(worker, frame)
                    progress = True
                if worker.waiting_bytes <= QUEUE_LIMIT // 2 and not worker.ended and not worker.listening:
                    self._excuse([worker], time.monotonic() - worker.kept_waiting)
                    worker.heard = time.monotonic() + PATIENCE
                    self._hear(worker, listen=True)

    def _deal(self, job: Job, dealt: dict[str, Any]) -> None:
        """Files that one child found are read by several; whoever goes on with its job after a hang is not to deal them again."""
        job.skip |= {f"glob:{pattern}" for pattern in dealt["whole"]}
        self.jobs.extendleft(reversed(deal(job, dealt["files"], dealt["timeout"])))

    # -- judging

    def _judge(self) -> None:
        now = time.monotonic()
        for worker in list(self.workers):
            if worker.ended and not worker.waiting:
                self._ended(worker)
            elif worker.listening:
                deadline, _, label, _ = worker.slot.read()
                if now > max(deadline, worker.heard + (PATIENCE if worker.received.partial else 0.5)):
                    if not self._starves(worker, now):
                        self._hung(worker, label)
                elif now > worker.until + KILL_GRACE + 2:
                    self._hung(worker, f"collector:{worker.job.collector.name}")

    def _starves(self, worker: Worker, now: float) -> bool:
        """Whether a late child has no processor to work with. It gets time then; one that works in vain gets none."""
        if state(worker.pid) != "R":
            return False
        since, before = worker.starving
        if since and waited(worker.pid) - before < (now - since) / 2:
            return False
        worker.starving = (now, waited(worker.pid))
        worker.heard = now + LOOK_AGAIN
        return True

    def _ended(self, worker: Worker) -> None:
        """The pipe is closed, and all that came through it is written: the child is done, or died, or was killed."""
        status = self._reap(worker)
        _, group, label, about = worker.slot.read()
        outcome, reason = Outcome.FAILED, worker.fault or f"its reader ended before it was done ({_died(status)})"
        if worker.hung_at:
            label, outcome, reason = worker.hung_at, Outcome.TIMEOUT, f"{LATE}: {about}" if about else LATE
        self._abandon(worker, reason, Outcome.PARTIAL if worker.hung_at else outcome)
        self._forget(worker)
        if status == 0 and worker.finished:
            self.on_job(worker.job, True)  # noqa: FBT003  # done
        else:
            kill_group(group)
            self._go_on(worker, label, outcome, reason)

    def _hung(self, worker: Worker, label: str) -> None:
        """Past its deadline: kill, wait a second, leave behind. What it had sent may still have to wait for another one's member."""
        worker.kill()
        self._drain(worker, KILL_GRACE)
        self._hear(worker, listen=False)
        worker.hung_at, worker.ended = label, True
        if not worker.waiting:
            self._ended(worker)

    def _go_on(self, worker: Worker, label: str, outcome: Outcome, reason: str) -> None:
        """Another child does the rest of the job, without the source that this one hung at."""
        kind, _, name = label.partition(":")
        job = worker.job
        if label not in worker.done:
            self.row(job.collector.name, KINDS.get(kind, "collector"), name, outcome, reason)
        job.skip |= worker.done | {label}
        job.timeout = worker.until - time.monotonic()
        if kind != "collector" and worker.restarts < MAX_RESTARTS and job.timeout > 0:
            if successor := self._spawn(job):
                successor.restarts = worker.restarts + 1
            return
        if job.dealt or kind != "collector":
            self._lost(job, outcome, f"the rest was given up after {worker.restarts + 1} readers: {reason}")
        self.on_job(job, True)  # noqa: FBT003

    def _drain(self, worker: Worker, seconds: float) -> None:
        """What a child had sent before it was killed still counts."""
        deadline = time.monotonic() + seconds
        while not worker.ended and time.monotonic() < deadline:
            if not worker.listening:
                break
            for one, _ in self._ready.select(0.05):
                if one.data is worker:
                    self._listen(0)
                    break
        while worker.waiting and self.order.is_free_for(worker):
            self._write_waiting()

    def _stop(self, reason: str) -> None:
        """End everything now: children hand over what they have, or are killed."""
        for worker in self.workers:
            hurry(worker.pid)
            with contextlib.suppress(OSError):
                os.kill(worker.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE
        while self.workers and time.monotonic() < deadline:
            self._listen(0.05)
            for worker in [worker for worker in self.workers if worker.ended and not worker.waiting]:
                self._finish(worker, reason)
        for worker in self.workers:
            worker.kill()
        while self.workers:
            worker = self.order.owner or self.workers[0]
            self._drain(worker, 0.1)
            if not worker.waiting or self.order.is_free_for(worker):  # else that one's member has to be ended first
                self._finish(worker, reason)
        self.give_up(self.jobs, reason)
        self.jobs.clear()

    def _finish(self, worker: Worker, reason: str) -> None:
        """After the run was ended: what its job did not come to is named."""
        status = self._reap(worker)
        self._abandon(worker, reason, Outcome.PARTIAL)
        self._forget(worker)
        if worker.ended and status == 0 and worker.finished:
            return
        self.row(worker.job.collector.name, "collector", worker.job.collector.name, Outcome.PARTIAL, f"ended before it was done: {reason}")
        if worker.job.dealt:
            worker.job.skip |= worker.done
            worker.job.bytes = max(0, worker.job.bytes - worker.read)
            self.give_up([worker.job], reason)

    # -- small things

    def row(self, collector: str, kind: str, name: str, outcome: Outcome, reason: str, phase: str = "") -> None:  # noqa: PLR0913, PLR0917
        """A row about something that has no answer."""
        row: Member = {"collector": collector, "kind": kind, "source": name, "outcome": outcome, "reason": reason}
        row |= {"started": round(time.time(), 3), "seconds": 0.0}
        if kind == "command":
            row["source"] = name.split("\0")
        if phase in ("start", "end"):
            row["sample"] = phase
        self.order.on_row(row)
        self.writer.row(row)

    def give_up(self, jobs: Iterable[Job], reason: str) -> None:
        """A row for every job that is not begun any more."""
        for job in jobs:
            self._lost(job, Outcome.SKIPPED, f"{NOT_ASKED}{reason}")

    def _lost(self, job: Job, outcome: Outcome, reason: str) -> None:
        """A job that is not begun, or not gone on with. Where there is no room for a row of each file, it gets one for all."""
        if not job.dealt or self.order.full:
            self.order.unread += job.bytes
            if job.bytes or not job.dealt:
                what = f"{reason}: {job.bytes:,} bytes of files" if job.dealt else reason
                self.row(job.collector.name, "collector", job.collector.name, outcome, what, job.phase)
            return
        for source in job.ask(self.world.host):
            if isinstance(source, File) and f"file:{source.path}" not in job.skip:
                self.row(job.collector.name, "file", source.path, outcome, reason)

    def _abandon(self, worker: Worker, reason: str, outcome: Outcome) -> None:
        if self.order.owner is worker:
            self.order.end(worker, reason, outcome)
            self._write_waiting()

    def _reap(self, worker: Worker) -> int | None:
        status = worker.reap()
        if status is None:
            self.left_behind.append(worker.pid)
        return status

    def _forget(self, worker: Worker) -> None:
        self._hear(worker, listen=False)
        worker.close()
        self.workers.remove(worker)


def _died(status: int | None) -> str:
    if status is None:
        return "it cannot be ended"
    return f"signal {-status}" if status < 0 else f"exit status {status}"
