"""What `collect` and `seal` do with a file that is whole before it leaves: sign it, cut it into parts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from diagbundle import config
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import SIDECAR
from diagbundle.errors import DiagbundleError, OutputError, UsageError

HOST = "host"
"""The key that is meant where none is named."""
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


@contextmanager
def interruptible(alive: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Around work that whoever is impatient may end: a function that raises `OutputError` then."""
    got: list[int] = []

    def watched() -> None:
        alive()
        if got:
            raise OutputError("it was interrupted")

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _frame: got.append(number)) for number in numbers}
    try:
        yield watched
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
