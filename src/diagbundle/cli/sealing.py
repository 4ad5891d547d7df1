"""What `collect` and `seal` do with a file that is whole before it leaves: sign it, cut it into parts."""

from __future__ import annotations

import os
import signal
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from diagbundle import config
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import SIDECAR, SIGNATURE
from diagbundle.cli.talk import WIDTH
from diagbundle.errors import DiagbundleError, OutputError, UsageError

HOST = "host"
"""The key that is meant where none is named."""
MOST_NAMED = 4
"""Parts that are named one by one."""
F = TypeVar("F", bound=Callable[..., Any])


def sealing_options(function: F) -> F:
    """Options that say what is done with a bundle that is whole."""
    for option in reversed((
        click.option(
            "--sign", is_flag=False, flag_value=HOST, metavar="[KEY]",
            help="Sign it with an SSH key; without KEY (then write it last), with this host's own.",
        ),
        click.option("--max-part", metavar="SIZE", help="Cut it into parts of at most SIZE, 10M or more. `diagbundle join` joins them."),
    )):  # fmt: skip
        function = option(function)
    return function


@dataclass
class Delivery:
    """What is to be passed on, what people are told of it, and what was asked and could not be done."""

    paths: list[str]
    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    signer: str = ""

    @property
    def name(self) -> str:
        """The file, or its parts, in a few words."""
        first, last = self.paths[0], self.paths[-1].rpartition(".")[2]
        return shown(first) + (f" to .{last}" if len(self.paths) > 1 else "")

    def beside(self, path: str, *, is_summed: bool) -> list[str]:
        """What lies beside the file that was written, and belongs to it."""
        lists = [f"{path}.parts"] * (len(self.paths) > 1) + [path + SIDECAR] * is_summed
        return lists + [path + SIDECAR + SIGNATURE] * bool(self.signer)


class Sealing:
    """What was asked: to sign, and with which key; parts, and of which size. Raises `UsageError` for what cannot be."""

    def __init__(self, sign: str, max_part: str, place: str = "") -> None:
        self.key = self.cannot = ""
        self.most = config.size(max_part)
        if not sign and not self.most:
            return
        if place == "-":
            raise UsageError(
                "what goes to standard output is neither signed nor cut into parts", "write it to a file, then `diagbundle seal`"
            )
        from diagbundle.transport import parts, signature

        if self.most:
            parts.check_size(self.most)
        if sign:
            self.key = signature.key_to_sign("" if sign == HOST else sign)
            self.cannot = signature.why_not()

    def statement(self) -> list[str]:
        """What the admin is told before anything is collected: lines."""
        lines = [f"  signs    with the SSH key {shown(self.key)}"] if self.key else []
        if self.cannot:
            lines = [f"  signs    NOTHING, though you asked for it: {self.cannot}", "           sign it elsewhere: `diagbundle seal`"]
        return lines + [f"  parts    of at most {self.most:,} bytes, if it becomes larger than that"] * bool(self.most)

    def deliver(self, path: str, alive: Callable[[], None]) -> Delivery:
        """Sign a file that was collected, and cut it in place. What fails is told, and leaves the file, or all of its parts."""
        done = Delivery([path])
        if not self.key and not self.most:
            return done
        with interruptible(alive) as watched:
            for asked, work in ((bool(self.key), self._sign), (bool(self.most), self._cut)):
                if not asked:
                    continue
                try:
                    work(path, done, watched)
                except (DiagbundleError, OSError) as error:
                    done.faults.append(shown(str(error)))
                    hint = getattr(error, "hint", "") or "do it later, here or elsewhere: `diagbundle seal`"
                    done.lines += [f"  {shown(str(error))}", f"  hint: {shown(hint)}"]
        return done

    def _sign(self, path: str, done: Delivery, alive: Callable[[], None]) -> None:
        from diagbundle.transport import signature

        if self.cannot:
            raise OutputError(f"it was not signed: {self.cannot}", "sign it where OpenSSH is newer: `diagbundle seal FILE --sign KEY`")
        signer = signature.sign(path + SIDECAR, self.key, os.environ, alive)
        done.signer = signer.fingerprint
        done.lines += signed(path, str(signer))

    def _cut(self, path: str, done: Delivery, alive: Callable[[], None]) -> None:
        from diagbundle.transport.parts import cut_in_place, ends_of_parts

        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            ends = ends_of_parts(fd, self.most)
        finally:
            os.close(fd)
        if len(ends) > 1:
            done.paths = cut_in_place(path, ends, alive)
        done.lines += cut(done.paths, path)


def signed(path: str, signer: str) -> list[str]:
    """What people are told of a signature: lines."""
    return [f"  signed by the key {signer}: {shown(os.path.basename(path))}{SIDECAR}.sig"]


def cut(paths: list[str], whole: str) -> list[str]:
    """What people are told of parts: lines."""
    if len(paths) == 1:
        return ["  one file: it is no larger than a part may be"]
    name = shown(os.path.basename(whole))
    return [
        f"  {len(paths):,} parts; their checksums are in {name}.parts, which belongs to them",
        f"  `diagbundle join FOLDER` puts them together, and `cat {name}.[0-9]*` as well",
    ]


def pass_on(parts: Sequence[str], beside: Sequence[str]) -> list[str]:
    """Which files must go together, for people: the bundle or its parts, and what lies beside it; lines, none for a file alone."""
    names = [shown(os.path.basename(path)) for path in parts]
    count = len(parts) + len(beside)
    told = [f"{names[0]} to {names[-1]}"] if len(names) > MOST_NAMED else names
    told += [shown(os.path.basename(path)) for path in beside]
    text = f"Pass on these {count:,} files: {', '.join(told)}"
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) if count > 1 else []


class Interrupted(OutputError):
    """A signal ended the work: the exit code is what it is with programs that say nothing of signals."""

    def __init__(self, number: int) -> None:
        super().__init__("it was interrupted")
        self.exit_code = 128 + number


@contextmanager
def interruptible(alive: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Around work that whoever is impatient may end: a function that raises `Interrupted` then."""
    got: list[int] = []

    def watched() -> None:
        alive()
        if got:
            raise Interrupted(got[0])

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _frame: got.append(number)) for number in numbers}
    try:
        yield watched
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
