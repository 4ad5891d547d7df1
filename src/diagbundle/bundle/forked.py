"""Work done by forked processes in turn: the first piece by the first one, the second by the second one; the answers come in order.

There are no threads and no queues: each process has a pipe, which holds it up where nobody takes its answers. What a process that ended
before its time was to do is done by the one that waits for it.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

_Work = TypeVar("_Work")
Answer = tuple[Any, ...]
"""Of what `marshal` takes: tuples, lists, numbers, bytes, text."""
_LENGTH = 8


class _Helper:
    """One process and the pipe in which its answers come."""

    def __init__(self, work: Callable[[], Iterator[Answer | None]]) -> None:
        """Raises OSError where there can be no more processes."""
        read, write = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = os.fork()
        except OSError:
            os.close(read)
            os.close(write)
            raise
        if not self.pid:
            _serve(work, write)
        os.close(write)
        self._pipe = open(read, "rb")  # noqa: SIM115  # until `end`
        self.status: int | None = None

    def answers(self) -> Iterator[Answer]:
        """Those to one piece of work. Raises EOFError where the process has ended before."""
        while length := int.from_bytes(self._read(_LENGTH), "little"):
            yield marshal.loads(self._read(length))  # noqa: S302  # from ourselves

    def _read(self, size: int) -> bytes:
        data = self._pipe.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def end(self) -> None:
        """Let go of it: it is not needed any more, or has ended."""
        self._pipe.close()
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)  # still ours: nobody has waited for it
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _serve(work: Callable[[], Iterator[Answer | None]], pipe: int) -> None:
    """What the process does. Never returns."""
    code = 1
    gc.freeze()
    try:
        for number in (signal.SIGINT, signal.SIGPIPE):  # it ends in silence where it is not wanted any more
            signal.signal(number, signal.SIG_DFL)
        with open(pipe, "wb") as out:
            for answer in work():
                data = marshal.dumps(answer) if answer is not None else b""
                out.write(len(data).to_bytes(_LENGTH, "little") + data)
                out.flush()
        code = 0
    finally:
        os._exit(code)


def in_turn(
    work: Callable[[_Work], Iterator[Answer]], pieces: Sequence[_Work], processes: int, ended: Callable[[int], object]
) -> Iterator[Answer]:
    """All answers, in the order of the pieces. `ended` is told the exit status of a process that ended before its time."""
    helpers: list[_Helper | None] = []

    def share(first: int) -> Iterator[Answer | None]:
        for piece in pieces[first::processes]:
            yield from work(piece)
            yield None

    try:
        try:
            while processes > 1 and len(helpers) < processes:
                helpers.append(_Helper(partial(share, len(helpers))))
        except OSError:  # there can be no more processes: this one does it alone
            _end(helpers)
            helpers = []
        for number, piece in enumerate(pieces):
            helper, come = helpers[number % processes] if helpers else None, 0
            try:
                for answer in helper.answers() if helper else work(piece):
                    yield answer
                    come += 1
            except EOFError:
                if helper is None:
                    raise
                helper.end()
                ended(helper.status or 0)
                helpers[number % processes] = None
                yield from islice(work(piece), come, None)
    finally:
        _end(helpers)


def _end(helpers: Sequence[_Helper | None]) -> None:
    for helper in helpers:
        if helper:
            helper.end()
