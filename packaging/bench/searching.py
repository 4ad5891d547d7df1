"""A rare word in 2 GB of logs, and one line in the middle of a file of 2 GB: what `grep` and `cat` are measured with."""

import os
import shutil
from collections.abc import Callable

from measure import quoted, shell

RARE = "PANIC-4711-xyzzy"
"""What no log holds: everything has to be looked at."""
Argv = Callable[[str], list[str]]


def one_file(tree: str, place: str) -> str:
    """A folder with all large logs of a tree in one file."""
    folder = os.path.join(place, "one")
    os.makedirs(folder)
    with open(os.path.join(folder, "messages"), "wb") as out:
        for here, _, names in sorted(os.walk(tree)):
            for path in (os.path.join(here, name) for name in sorted(names)):
                if os.path.getsize(path) > 1 << 20:
                    with open(path, "rb") as log:
                        shutil.copyfileobj(log, out, 1 << 20)
    return folder


def commands(tool: list[str], bundle: str, tree: str, *, processors: str) -> list[tuple[str, Argv, tuple[int, ...]]]:
    """Name, command and exit statuses of each; nothing is found, which grep's exit status 1 says."""
    bound = ["taskset", "-c", processors]
    there = quoted("zstd", "-dc", bundle)
    return [
        ("`diagbundle grep`", lambda _: [*bound, *tool, "grep", RARE, bundle], (1,)),
        ("`zstd -dc \\| grep`", lambda _: [*bound, *shell(f"{there} | LC_ALL=C grep {RARE}")], (1,)),
        ("`rg`, of the unpacked tree", lambda _: [*bound, "rg", RARE, tree], (1,)),
    ]


def line(tool: list[str], bundle: str, name: str, number: int) -> list[tuple[str, Argv]]:
    """One line of a large file."""
    return [(f"`diagbundle cat PATH:{number}`", lambda _: [*tool, "cat", bundle, f"{name}:{number}"])]
