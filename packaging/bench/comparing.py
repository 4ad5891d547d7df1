"""Two hosts with large logs, and one machine twice: what `diff` is measured with, and what `diff -r` of the unpacked bundles tells."""

import json
import os
import subprocess
from collections.abc import Callable

import measure
from measure import shell

PARTIAL = 3  # exit status of diagbundle: sealed, but something failed, which is said
Argv = Callable[[str], list[str]]
_UNPACK = "mkdir {0}/{1}; tar --zstd -xf {2} -C {0}/{1} --strip 1"
_BY_HAND = f"{_UNPACK}; {_UNPACK.replace('{1}', '{3}').replace('{2}', '{4}')}; diff -r {{0}}/a {{0}}/b >{{0}}/told; :"


def bundle(tool: list[str], place: str, *words: str) -> str:
    """A bundle of this machine, or with `--root` of a tree."""
    argv = [*tool, "collect", *words, "--yes", "-q", "-o", place]
    measure.checked(measure.run(argv, place), argv, (0, PARTIAL))
    return next(os.path.join(place, name) for name in sorted(os.listdir(place)) if name.endswith(".tar.zst"))


def by_hand(pair: list[str]) -> Argv:
    """Unpack both and ask `diff`."""
    return lambda out: shell(_BY_HAND.format(out, "a", pair[0], "b", pair[1]))


def commands(tool: list[str], logs: list[str], machine: list[str]) -> list[tuple[str, Argv]]:
    """Name and command of each contestant."""
    ours: list[tuple[str, Argv]] = [
        (f"{what}: `{' '.join(words)}`", lambda _out, words=words, pair=pair: [*tool, *words, *pair])  # type: ignore[misc]
        for what, pair in (("1 GB of logs each", logs), ("this machine twice", machine))
        for words in (["diff"], ["diff", "--quick"])
    ]
    return [*ours, ("this machine twice: `tar`, `diff -r`", by_hand(machine))]


def told(tool: list[str], machine: list[str], scratch: str) -> str:
    """How much each of them tells of a machine on which nothing was changed in between."""
    subprocess.run(by_hand(machine)(scratch), check=True)
    with open(os.path.join(scratch, "told"), "rb") as file:
        lines = len(file.read().splitlines())
    said = subprocess.run([*tool, "diff", "--quick", "--format", "json", *machine], capture_output=True, check=True).stdout
    count = json.loads(said)["different"]
    return f"Nothing was changed on this machine in between: `diff -r` tells {lines:,} lines, diagbundle {count:,} differences."
