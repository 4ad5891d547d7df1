"""A collection as the commands begin it: what is asked of this host, by whom it is watched, and how it may be ended."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from diagbundle import carried, config
from diagbundle.cli import options
from diagbundle.cli.redaction import Redaction
from diagbundle.cli.screen import Screen
from diagbundle.cli.talk import say
from diagbundle.collect.budget import processors
from diagbundle.collect.engine import Engine, Request, Result, who_is
from diagbundle.collect.guard import Guard
from diagbundle.collect.output import FileOutput, PipeOutput
from diagbundle.model import Stage
from diagbundle.sources.command import MARK

if TYPE_CHECKING:
    from diagbundle.collect.encrypted import EncryptedOutput

SIGNALS = {
    signal.SIGINT: "it was interrupted (Ctrl-C)",
    signal.SIGTERM: "it was told to end (SIGTERM)",
    signal.SIGHUP: "the terminal went away (SIGHUP)",
}
RATIONED, RATIONED_TIME = 0.2, "80s"
"""Processors below which a collection would eat up what its neighbours in the same control group live on, and what it may take then."""
NICE = 5
"""Enough to stand behind whoever serves others; with more, questions stay unanswered on a host with 20 busy processes."""
Output: TypeAlias = "FileOutput | PipeOutput | EncryptedOutput"


class Collection:
    """What the flags of a command ask of this host. Raises `UsageError`."""

    def __init__(self, flags: dict[str, Any], screen: Screen) -> None:
        self.screen = screen
        self.settings = options.load(flags)
        self.collectors, self._found = options.chosen(self.settings)
        self.host = options.host(self.settings)
        self.who = who_is(self.host)
        self.redaction = Redaction(self.settings, self.host)
        self.share = processors()
        self.alive: Callable[[], None] = lambda: None
        """A sign of life to whoever watches."""
        self.rationed = self.share < RATIONED and self.settings.timeout == config.Config.timeout

    def run(self, where: str, opened: Callable[[], Output], conclude: Callable[[Result], int], *, max_bytes: int | None = None) -> int:
        """Collect into what `opened` gives, then conclude: its exit code. `where` names the place where a dead disk is waited for."""
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _be_a_good_guest()
        os.environ[MARK] = mark = f"{os.getpid()}-{time.time_ns()}"
        guard = Guard(say, where)
        self.alive = guard.alive
        cancelled = _signals()  # before there is a file: until here a signal ends us at once, and nothing is left
        request = self._request(mark, guard, cancelled, max_bytes)
        self.redaction.begin()
        self.who["name"] = self.redaction.host_name(self.who["name"])
        return guard.run(lambda: conclude(self._collected(request, opened())))

    def _request(self, mark: str, guard: Guard, cancelled: Callable[[], str], max_bytes: int | None) -> Request:
        settings, spoken = self.settings, self.screen.spoken
        return Request(
            collectors=self.collectors, host=self.host, case=settings.case,
            timeout=config.seconds(RATIONED_TIME if self.rationed else settings.timeout),
            stages=(Stage.VOLATILE, Stage.LOGS, Stage.STATE) if self.rationed else tuple(Stage),
            collector_timeout=config.seconds(settings.collector_timeout), sample_interval=config.seconds(settings.sample_interval),
            max_bytes=config.size(settings.max_size) if max_bytes is None else max_bytes, probes="reachability" not in settings.without,
            since=time.time() - config.seconds(settings.since) if settings.since else 0.0, width=settings.width,
            redact=self.redaction.redactor, cancelled=cancelled, alive=guard.alive, refused=self._found.refused,
            passed_over=self._found.passed_over, mark=mark, kit=carried.told(),
            config=settings.shown() | {"collectors": [collector.name for collector in self.collectors]},
            talk=lambda: "\n".join(spoken) + "\n",
        )  # fmt: skip

    def _collected(self, request: Request, output: Output) -> Result:
        try:
            result = Engine(request, output, self.screen, self.who).run()
        except BaseException:
            if output.is_empty:
                output.discard()
            raise
        finally:
            self.screen.close()
        for number in SIGNALS:  # it is sealed: whoever is impatient now is still to learn how it ended
            signal.signal(number, signal.SIG_IGN)
        self.redaction.end()
        return result


def _signals() -> Callable[[], str]:
    """A function that says which signal asked us to end, or ''."""
    got: list[int] = []
    for number in SIGNALS:
        wanted_so = number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN  # by nohup; a script's `&` ignores SIGINT
        if not wanted_so:
            signal.signal(number, lambda signal_number, _frame: got.append(signal_number))
    return lambda: SIGNALS[signal.Signals(got[0])] if got else ""


def _be_a_good_guest() -> None:
    """Behind others for the processor, last in line for the disks; all children inherit it."""
    import psutil  # slow to import

    for polite in (lambda: os.nice(NICE), lambda: psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)):
        try:
            polite()
        except (OSError, psutil.Error, AttributeError):  # a sandbox may forbid it, or hide /proc: then as we are
            continue
