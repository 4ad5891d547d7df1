"""What can be asked of a run: general checks for every recipe, and makers of checks for the table in `expected.py`."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable
from functools import partial

from lab import Run, asked

from diagbundle.bundle.escape import shown

Check = Callable[[Run], None]
LOSSES = ("failed", "timeout", "partial")
MEMORY = 200 << 20
"""Bytes that a collection and the commands it runs may have at once."""
MUTE = ("fds-all-closed", "stdout-full", "stdout-closed-pipe")
"""Recipes in which nobody can read the screen."""
SHOWN = 12
"""Losses that the screen names one by one."""
NAME = re.compile(r"diagbundle-[A-Za-z0-9][A-Za-z0-9.-]*Z(\.partial)?\.tar\.zst")


# -- of every recipe


def it_ends(run: Run) -> None:
    """Within the lab's time limit."""
    assert isinstance(run.exit, int), f"{run.exit} after {run.seconds} s; the screen said:\n{run.screen[-1500:]}"


def nothing_is_left_behind(run: Run) -> None:
    """No process, mount or file. What the kernel does not let go of cannot be ended, but it must be named."""
    after = run.seen["after"]
    stuck = [one for one in after["processes"] if one.split()[1] == "D"]
    assert [one for one in after["processes"] if one not in stuck] == []
    assert not stuck or re.search(r"stuck in the kernel|did not answer within", run.screen)
    assert after["mounts"] == []
    assert [name for name in after["files"] if "faketime" not in name] == []  # libfaketime's own, of the recipe clock-jump
    assert run.report["leftovers"] == {}


def sealed_or_nothing(run: Run) -> None:
    """Under a final name lies a bundle that verifies, with its checksum beside it; nothing else lies there."""
    finals = [name for name in run.files if ".tar.zst" in name]
    if not finals:
        assert run.exit not in (0, 3)
        assert run.exit == 137 or run.screen.strip(), "it failed and did not say why"
    else:
        name = os.path.basename(run.path)
        assert NAME.fullmatch(name)
        assert finals == [name, f"{name}.sha256"]
        assert run.damage() == ""
        with open(run.path, "rb") as file:
            assert run.read(f"out/{name}.sha256").decode() == f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n"
    unfinished = [name for name in run.files if name not in finals]
    assert unfinished == [] or (run.name == "killed-KILL" and not finals)


def files_are_private(run: Run) -> None:
    """Mode 0600, whatever the umask."""
    assert {f"{name} {status.st_mode & 0o7777:04o}" for name, status in run.files.items()} == {f"{name} 0600" for name in run.files}


def exit_says_what_it_is(run: Run) -> None:
    """0 complete, 3 partial and called so."""
    if run.path:
        head = run.bundle.head
        assert (run.exit, run.path.endswith(".partial.tar.zst")) == ((0, False) if head["complete"] else (3, True))
        assert bool(head.get("reason")) != head["complete"]
        assert head["complete"] == (not run.losses and not head.get("reason"))


def losses_are_named(run: Run) -> None:
    """In the manifest with a reason; on the screen by name, or in a count that says where the rest is named."""
    if not run.path:
        return
    for outcomes, words in ((LOSSES, "could not be had, or not whole"), (("denied",), "w(as|ere) denied")):
        ended = f"not asked: {run.bundle.head.get('reason')}"  # those are named in one line
        assert all(str(row["source"]) in run.screen for row in run.rows if row.get("reason") == ended)
        not_asked = [row for row in run.rows if str(row.get("reason")).startswith("not asked: ") and row.get("reason") != ended]
        given_up = not_asked if outcomes is LOSSES else []
        rows = [row for row in run.rows if row["outcome"] in outcomes] + given_up
        assert [row for row in rows if not row.get("reason")] == []
        if rows and run.name not in MUTE:
            assert re.search(f"  {len(rows):,} {words}:", run.screen)
            unnamed = [asked(row) for row in rows if shown(asked(row))[:60].rstrip() not in run.screen]
            assert len(unnamed) <= max(0, len(rows) - SHOWN), unnamed
            assert len(rows) <= SHOWN or f"and {len(rows) - SHOWN:,} more: `diagbundle list --missing" in run.screen
    assert [row for row in run.rows if row["outcome"] in ("absent", "skipped") and not row.get("reason") and "link" not in row] == []


def nothing_raw_on_the_screen(run: Run) -> None:
    """No control, bidirectional or undecodable character, no traceback."""
    odd = {
        character
        for character in run.screen
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    }
    assert odd == set(), [line for line in run.screen.split("\n") if odd & set(line)][:3]
    assert "Traceback" not in run.screen


def memory_stays_small(run: Run) -> None:
    """All its processes together."""
    assert run.seen["during"]["memory"] <= MEMORY


EVERY = (
    it_ends, nothing_is_left_behind, sealed_or_nothing, files_are_private, exit_says_what_it_is, losses_are_named,
    nothing_raw_on_the_screen, memory_stays_small,
)  # fmt: skip


# -- makers: each gives a check that bears the words of what it checks


def check(words: str, look: Callable[..., None], *arguments: object, **more: object) -> Check:
    """A check by name."""
    made = partial(look, *arguments, **more)
    made.__name__ = words  # pytest shows it
    return made


def within(seconds: float) -> Check:
    """It takes no longer."""

    def look(run: Run) -> None:
        assert run.seconds <= seconds

    return check(f"within {seconds} s", look)


def complete(run: Run) -> None:
    """The whole evidence came home, as on a sound host."""
    assert run.losses == []
    assert run.bundle.head["complete"]
    assert run.bundle.head["outcomes"]["collected"] > 500
    for path in ("proc/meminfo", "proc/mounts", "etc/passwd"):
        assert run.content(path)
    assert sum(row["kind"] == "command" and row["outcome"] == "collected" for row in run.rows) > 20


def says(*patterns: str) -> Check:
    """The screen says all of that."""

    def look(run: Run) -> None:
        assert [pattern for pattern in patterns if not re.search(pattern, run.screen, re.IGNORECASE)] == [], run.screen[-2500:]

    return check(f"says {patterns}", look)


def row(source: str, *outcomes: str, reason: str = "") -> Check:
    """That was asked, and each answer has one of these outcomes."""

    def look(run: Run) -> None:
        rows = [one for one in run.rows if asked(one) == source]
        assert rows, f"nobody asked for {source}"
        others = [one for one in rows if one["outcome"] not in outcomes or not re.search(reason, str(one.get("reason")))]
        assert others == []

    return check(f"{source} is {' or '.join(outcomes)}", look)


def names(word: str) -> Check:
    """A row that is not simply had names it, in its source or its reason."""

    def look(run: Run) -> None:
        rows = [one for one in run.rows if one["outcome"] != "collected" and word in f"{asked(one)} {one.get('reason')}"]
        assert rows, f"only these name {word}: {run.about(word)[:5]}"

    return check(f"names {word}", look)


def had(path: str, content: bytes | None = None, least: int = 0) -> Check:
    """This file of the host is in the bundle, whole."""

    def look(run: Run) -> None:
        rows = [one for one in run.rows if one["source"] == f"/{path}" and one.get("sample") != "start"]
        assert [one["outcome"] for one in rows] == ["collected"], rows
        data = b"".join(run.bundle.content(rows[0]))
        assert len(data) >= least
        assert content is None or data == content

    return check(f"has {path}", look)
