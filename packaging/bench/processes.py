"""Which processes belong to whom: by parent, by session, by the mark that diagbundle gives to all it starts."""

import os
from collections.abc import Iterator
from contextlib import suppress

MARK = b"DIAGBUNDLE_RUN="
"""In the environment of what a collection starts; its value begins with the collection's pid."""


def numbers() -> Iterator[int]:
    """All processes of this host."""
    yield from (int(name) for name in os.listdir("/proc") if name.isdigit())


def facts(pid: int) -> tuple[int, int]:
    """Parent and session. Raises OSError where it has ended."""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    return int(fields[1]), int(fields[3])


def descendants(top: int) -> set[int]:
    """All processes below one, zombies among them."""
    parents: dict[int, list[int]] = {}
    for pid in numbers():
        with suppress(OSError, IndexError):
            parents.setdefault(facts(pid)[0], []).append(pid)
    found, queue = set[int](), list(parents.get(top, []))
    while queue:
        pid = queue.pop()
        found.add(pid)
        queue += parents.get(pid, [])
    return found


def of_run(run: int) -> set[int]:
    """Processes that bear the mark of a collection of that pid, or are in its session, whoever their parent is by now."""
    found, mark = set[int](), MARK + f"{run}-".encode()
    for pid in numbers():
        with suppress(OSError, IndexError):
            if facts(pid)[1] == run or marked(pid, mark):
                found.add(pid)
    return found


def marked(pid: int, mark: bytes) -> bool:
    """Whether a word of its environment begins so."""
    with open(f"/proc/{pid}/environ", "rb") as environment:
        return any(word.startswith(mark) for word in environment.read().split(b"\0"))


def name(pid: int) -> str:
    """Its number and its words, for people."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return f"{pid} {words.read().replace(bytes(1), b' ').decode(errors='replace') or '(ended, but nobody has waited for it)'}"
    except OSError:
        return f"{pid} (gone by now)"
