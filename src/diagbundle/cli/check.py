"""`diagbundle check`: what is wrong with this host, now. Nothing stays on it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from diagbundle import config
from diagbundle.cli import analysis, options

if TYPE_CHECKING:
    from diagbundle.collect.engine import Result

FOLDERS = ("/var/tmp", "/root", "/tmp", ".")  # noqa: S108  # a file without a name, which nobody else can open
SINCE = "8d"
"""Logs last changed before are left out: what they tell of is history, and no verdict."""
MOST, LEAST = 2 << 30, 64 << 20
"""Bytes that the evidence may take on a disk, and in memory where no disk has room."""


@click.command
@options.choice_options
@click.option("--watch", metavar="TIME", default="5s", show_default=True, help="Time between the two readings of counters: 60s, 5m.")
@analysis.options
def command(*, watch: str, **flags: Any) -> int:
    """Say what is wrong with this host, now, how that is known, and what to do.

    It looks at the same evidence as `collect`, and keeps none of it: no bundle is made, nothing stays, nothing is sent anywhere.
    Counters are judged by what they did between two readings: --watch 60s sees what happens once a minute.

    \b
    Exit status: 0 done; 5 with --fail-on, a verdict of that severity or worse
    was found.
    """
    from diagbundle.cli.collection import Collection
    from diagbundle.cli.screen import Screen

    answer = {name: flags.pop(name) for name in analysis.FLAGS}
    held = analysis.held_against(answer)  # what is wrong with a claim or a rule is told before anything is looked at
    config.seconds(watch, "watch")
    flags["sample_interval"] = watch
    flags["since"] = flags["since"] or SINCE
    screen = Screen(quiet=False)
    collection = Collection(flags, screen)
    screen.say("Looking at this host; nothing is changed, and nothing of it stays.")
    if os.geteuid() != 0:
        screen.say("You are not root: what only root may read cannot be judged, and is named at the end.")
    where, descriptor, room = nameless()
    return collection.run(where, lambda: _output(descriptor), partial(_conclude, descriptor, answer, held), max_bytes=room)


def nameless() -> tuple[str, int, int]:
    """A file without a name: where it lies, its descriptor, and the bytes it may take. In memory, where no disk has room."""
    from diagbundle.collect.budget import room
    from diagbundle.collect.output import choose_folder, nameless_file
    from diagbundle.errors import OutputError

    try:
        folder = choose_folder(FOLDERS)
        free = min(MOST, room(folder)[0] // 4)
        if free > LEAST:
            return folder, nameless_file(folder), free
    except (OutputError, OSError):
        pass
    return "memory", os.memfd_create("diagbundle", os.MFD_CLOEXEC), LEAST


def _output(descriptor: int) -> Any:
    from diagbundle.collect.output import PipeOutput

    return PipeOutput(descriptor)


def _conclude(descriptor: int, flags: dict[str, object], held: analysis.HeldAgainst, _result: Result) -> int:
    from diagbundle.analyse.evidence.bundle import BundleEvidence
    from diagbundle.bundle.reader import Bundle

    evidence = BundleEvidence(Bundle(descriptor, "this host"))
    return analysis.conclude(evidence, flags, held, keeps=False)
