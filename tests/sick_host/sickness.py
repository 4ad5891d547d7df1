"""What one sickness, or one family of them, asks for: checks that need more than a line."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import partial

import lab
import pytest
from checks import Check, check
from lab import Run, asked

HUGE = (
    (b"2026-01-01T00:00:00Z INFO acme.core request id=1 took 3 ms\n", 1_500_000_000), (b"A", 300_000_000), (b"\n", 1), (b"\0", 65_536),
    (b"2026-01-01T00:00:01Z WARN end\n", 200_000_000),
)  # fmt: skip
"""What the log of `log-huge` holds: pieces, and for how many bytes each is repeated."""
STRANGE = (
    b"new\nline.log", b"esc\x1b[31mred.log", b"bad\xff\xfe.log", b"-rf", b"--help", b" lead.log", b"quote'\".log", b"..dots", b"x" * 250 + b".log",
    "ünï\u202etxt.log".encode(), b"$(reboot).log", b"con\\back.log", b"a;b|c&.log", b"*?.log", b"\x01\x02.log",
)  # fmt: skip
"""Names in `logdir-weird`."""
PLAIN = ("pipe.log", "sock.log", "zero.log", "rnd.log", "kmsg.log", "tty.log")
"""What is no regular file there."""
LINKS = ("shadow.log", "mem.log", "root", "self", "loop1", "loop2", "dangling.log", "a/b/up")
TWINS = ("proc/net/tcp", "proc/net/dev", "proc/net/route", "proc/mounts", "proc/meminfo", "proc/partitions", "proc/uptime")
"""What the kernel tells itself, without any command."""


# -- commands


def bad(run: Run) -> set[str]:
    """Names of the commands that a recipe replaces or removes."""
    with open(os.path.join(lab.PLACE, "survive", f"{run.name}.sh")) as file:
        return set(re.search(r"for c in ([^;]+);", file.read())[1].split())


def of_commands(run: Run) -> list[dict]:
    """Rows of those commands, but for those that were not asked, on purpose."""
    names = bad(run)
    rows = [row for row in run.rows if row["kind"] == "command" and os.path.basename(row["source"][0]) in names]
    asking = [row for row in rows if row["outcome"] != "skipped" and "link" not in row]
    assert len({os.path.basename(row["source"][0]) for row in asking}) >= 8, (
        "too few of the bad commands were asked: this check would say nothing"
    )
    return asking


def commands_end(*outcomes: str, kept: bytes = b"", reason: str = "", least: int = 8) -> Check:
    """Each bad command ended with one of these outcomes; what came before is kept, byte for byte."""

    def look(run: Run) -> None:
        rows = of_commands(run)
        assert [row for row in rows if row["outcome"] not in outcomes] == []
        silent = [
            row for row in rows if row["outcome"] in ("partial", "timeout", "failed") and not re.search(reason, row.get("reason", ""))
        ]
        assert silent == []
        said = [row for row in rows if "path" in row]
        assert len(said) >= least
        assert [row for row in said if row["size"] < 1_000_000 and not b"".join(run.bundle.content(row)).startswith(kept)] == []

    return check(f"bad commands are {' or '.join(outcomes)}, {kept!r} is kept", look)


def engines_end(run: Run) -> None:
    """Nothing that talks to a container engine or to the journal took longer than its limit, or was taken for an answer."""
    programs = ("docker", "podman", "nerdctl", "crictl", "ctr", "journalctl")
    rows = [row for row in run.rows if row["kind"] == "command" and row["source"][0] in programs]
    assert {"docker", "podman"} <= {row["source"][0] for row in rows}
    assert [row for row in rows if row["seconds"] > 30] == []
    assert [row for row in rows if row["outcome"] not in ("collected", "skipped", "absent") and not row.get("reason")] == []


def held_pipes_are_named(run: Run) -> None:
    """Whoever ends and leaves something behind that holds its output has perhaps not said everything."""
    assert [row for row in of_commands(run) if row["outcome"] == "collected" and not row.get("reason")] == []


def garbage_is_kept(run: Run) -> None:
    """Raw in the bundle, with the status it ended with."""
    beginning = b"\x1b[2J\x1b]0;owned\x07\xff\xfe\x80\0\0 name=\xc3\x28\r\n"
    rows = [row for row in of_commands(run) if row["outcome"] == "collected"]
    assert {row["exit"] for row in rows} == {139}
    assert {row["size"] for row in rows} == {len(beginning) + 50_000_001}
    whole = hashlib.sha256(beginning + b"A" * 50_000_000 + b"\n").hexdigest()
    assert {row["sha256"] for row in rows} == {whole}


def flood_is_cut(run: Run) -> None:
    """No answer holds more than it may; whoever said more is called partial."""
    rows = [row for row in of_commands(run) if "path" in row]
    assert [row for row in rows if row["size"] > 256 << 20 or (row["size"] and row["outcome"] == "collected")] == []
    assert sum(status.st_size for status in run.files.values()) < 32 << 20


def commands_are_absent(run: Run) -> None:
    """Said of each; what the kernel tells itself is there."""
    assert {row["outcome"] for row in of_commands(run)} == {"absent"}
    for path in TWINS:
        assert run.content(path), path
    assert len(table(run, "processes")) >= 2


def table(run: Run, name: str) -> list[dict]:
    """Rows of a computed table."""
    return [json.loads(line) for line in run.content(f"diagbundle/tables/{name}").splitlines()]


# -- signals


def ends_at_once(run: Run) -> None:
    """Within 5 s of the signal, and with it everything that it had started."""
    match = re.search(rf"\[{run.name}\] rc (\d+), ended (\d+) ms after the signal; processes left in its session: (\d+)", run.screen)
    assert match, run.screen[-500:]
    code, milliseconds, left = map(int, match.groups())
    assert milliseconds <= 5000
    assert left == 0
    assert code == run.exit


def sealed_after_signal(run: Run) -> None:
    """A partial bundle that says which signal."""
    assert run.exit == 3
    assert run.name.removeprefix("killed-") in run.bundle.head["reason"].replace("Ctrl-C", "INT")


def killed_leaves_only_the_unfinished(run: Run) -> None:
    """What was written opens with salvage, and the next collection into the same folder is not disturbed."""
    assert [name.rpartition(".")[2] for name in run.files] == ["part"]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(os.path.join(run.folder, "out"), folder, dirs_exist_ok=True)
        part = os.path.join(folder, next(iter(run.files)))
        ask = partial(subprocess.run, env=lab.outside(), capture_output=True, timeout=120, check=False)
        salvaged = ask([run.program, "salvage", part, "--output", f"{folder}/whole"])
        assert os.path.getsize(part) == 0 or os.path.isdir(f"{folder}/whole"), salvaged.stderr.decode()
        again = ask([run.program, "collect", "--yes", "--only", "kernel", "--output", folder])
        assert again.returncode in (0, 3), again.stderr.decode()
        assert os.path.exists(part)


# -- logs


def huge_log_is_whole(run: Run) -> None:
    """Byte for byte; both sides are computed piece by piece."""
    expected, got = hashlib.sha256(), hashlib.sha256()
    for piece, size in HUGE:
        block = piece * (1 << 20)
        for at in range(0, size, len(block)):
            expected.update(block[: min(len(block), size - at)])
    row = next(row for row in run.about("/var/log/acme/app.log") if row["kind"] == "file")
    assert (row["outcome"], row["size"]) == ("collected", sum(size for _, size in HUGE))
    for piece in run.bundle.content(row):
        got.update(piece)
    assert got.hexdigest() == expected.hexdigest()


def growing_log_is_cut_at_opening(run: Run) -> None:
    """Collected, with nothing but whole lines; only the last may have been under way."""
    row = next(row for row in run.about("/var/log/acme/app.log") if row["kind"] == "file")
    assert (row["outcome"], "short" in row) == ("collected", False)
    *lines, last = b"".join(run.bundle.content(row)).split(b"\n")
    assert len(lines) > 1000
    assert [line for line in lines if not re.fullmatch(rb"\d{10} INFO growing line", line)][:3] == []
    assert (
        b"1790000000 INFO growing line".startswith(last)
        or re.fullmatch(rb"\d{0,10}( INFO growing line)?", last)
        or b"growing line".find(last) < 0
    )


def truncated_logs_are_not_padded_in_silence(run: Run) -> None:
    """What is short says so and from which byte on; everything before that is content."""
    rows = [row for row in run.rows if row["kind"] == "file" and re.match(r"/var/log/acme/app\d\.log", row["source"])]
    assert rows
    assert {row["outcome"] for row in rows} <= {"collected", "partial", "absent"}
    for row in (row for row in rows if "path" in row):
        data = b"".join(run.bundle.content(row))
        end = row.get("short", len(data))
        assert len(data) == row["size"]
        assert not data[end:].strip(b"\0")
        base64.b64decode(data[: end - end % 77], validate=False)
        assert b"\0" not in data[:end]
        assert ("short" in row) <= (row["outcome"] == "partial" and "bytes" in row["reason"])


def all_of_many_or_says_how_many(run: Run) -> None:
    """200,000 files: each has its row, and those not had are counted."""
    rows = [row for row in run.rows if row["kind"] == "file" and row["source"].startswith("/var/log/acme/q/m")]
    had = sum(row["outcome"] == "collected" for row in rows)
    assert had > 10_000
    assert len(rows) == 200_000 or re.search(r"\d{1,3},\d{3}", str(run.bundle.head.get("reason")) + run.screen)
    assert had == 200_000 or run.exit == 3
    for row in rows[::20_000]:
        if row["outcome"] == "collected":
            number = int(re.search(r"m(\d+)", row["source"])[1])
            assert b"".join(run.bundle.content(row)) == b"x%d\n" % number


def weird_things_are_named(run: Run) -> None:
    """Nothing that is no file is read, no link is followed; each has a row that says why."""
    by_name = {row["source"].removeprefix("/var/log/acme/"): row for row in run.about("/var/log/acme/") if row["kind"] == "file"}
    assert {by_name[name]["outcome"] for name in (*PLAIN, *LINKS)} == {"skipped"}
    assert [name for name in PLAIN if "not a regular file" not in by_name[name]["reason"]] == []
    assert [name for name in LINKS if "target" not in by_name[name]] == []
    assert (by_name["sparse.log"]["whole"], by_name["sparse.log"]["size"]) == ((1 << 40) + 5, 5)
    assert by_name["sparse.log"]["extents"] == [[1 << 40, 5]]


def strange_names_are_kept(run: Run) -> None:
    """Byte for byte."""
    by_name = {
        os.fsencode(row["source"]).removeprefix(b"/var/log/acme/"): row for row in run.about("/var/log/acme/") if row["kind"] == "file"
    }
    assert [name for name in STRANGE if b"".join(run.bundle.content(by_name[name])) != b"x\n"] == []


def passwords_are_nowhere(run: Run) -> None:
    """No line of /etc/shadow in any member."""
    with open("/etc/shadow", "rb") as file:
        lines = [line for line in file.read().splitlines() if line.count(b":") >= 8]
    assert lines
    for row in run.rows:
        if "header" in row and row["size"] < 50_000_000:
            data = b"".join(run.bundle.content(row))
            assert [line for line in lines if line in data] == [], asked(row)


# -- limits


def no_kill_for_memory(run: Run) -> None:
    """By the kernel's own count for this limit; the recipe's evidence is a kill, too."""
    assert run.read("oom.before").startswith(b"oom_kill ")
    assert run.read("oom.after") == run.read("oom.before")


def small_or_says_why(run: Run) -> None:
    """A bundle within the limit, or a message about it."""
    assert run.exit in (0, 3) or re.search(r"file size|too large|limit", run.screen, re.IGNORECASE)
    assert all(status.st_size <= 1 << 20 for status in run.files.values())
    assert run.exit != 3 or re.search(r"file size|too large|limit", str(run.bundle.head["reason"]), re.IGNORECASE)


def failed_starts_are_named(run: Run) -> None:
    """Each command and each reader that could not be started is a row; what needs no process is there."""
    failed = [row for row in run.rows if "started" in str(row.get("reason")) and row["outcome"] == "failed"]
    assert failed
    assert [row for row in failed if not re.search(r"could (not )?be started", row["reason"])] == []
    temporary = [row["reason"] for row in failed if "temporarily unavailable" in row["reason"] and row["kind"] == "command"]
    assert [reason for reason in temporary if "ulimit -u" not in reason] == []  # what is short is named
    assert run.content("proc/meminfo")


def times_are_sane(run: Run) -> None:
    """By a clock that nobody sets: nothing was given up too early, nothing took longer than the run."""
    assert [row for row in run.rows if row["outcome"] == "timeout"] == []
    assert [row for row in run.rows if not 0 <= row["seconds"] <= run.seconds + 1] == []


# -- the output


def disk_is_used(run: Run) -> None:
    """Sealed, with at least 90 % of the room used and the facts in it; or nothing, and how much would be needed.

    Unless the log of random bytes, for which there is no room, was left out because it is no text: the rest has room then.
    """
    log = next(row for row in run.rows if row["source"] == "/var/log/acme/app.log") if run.path else {}
    if log.get("outcome") == "skipped":
        assert "binary" in log["reason"]
    elif run.path:
        size, total = os.path.getsize(run.path), run.seen["after"]["out"]["total"]
        assert size >= 0.9 * total
        assert run.exit == 3
        have = {row.get("path") for row in run.rows}
        assert [path for path in TWINS if not {path, f"diagbundle/start/{path}"} & have] == []
    else:
        assert re.search(r"\d[\d,.]* ?(bytes|kB|MB|GB)", run.screen)


def another_place_is_named(run: Run) -> None:
    """Refused before anything is collected; the hint names a folder that exists."""
    assert run.exit == 1
    assert list(run.files) == []
    place = re.search(r"--output (/[\w./-]+)", run.screen)
    assert place, run.screen
    assert os.path.isdir(place[1])


def no_command_of_the_host_was_obeyed(run: Run) -> None:
    """Text of the host is text."""
    assert not [name for name in run.files if "PWNED" in name]


def name_is_safe(run: Run) -> None:
    """No character of the host's name that means something to a shell or a path; the name itself is kept in the head."""
    assert re.fullmatch(r"diagbundle-[A-Za-z0-9.-]+Z(\.partial)?\.tar\.zst", os.path.basename(run.path))
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", run.bundle.prefix)
    assert run.bundle.head["host"]["name"] == "../a;b$(x) c"


# -- what the kernel tells


def mounts_are_decoded(run: Run) -> None:
    """Blank, tab and newline; every one of a thousand."""
    points = [row["mount"] for row in table(run, "filesystems")]
    assert {"/mnt/sp ace", "/mnt/tab\tx", "/mnt/new\nline"} <= set(points)
    assert sum(point.startswith("/mnt/many/") for point in points) == 1000


def processes_are_parsed(run: Run) -> None:
    """A name may hold parentheses, newlines, escapes and bytes that are no text."""
    rows = [row for row in table(run, "processes") if "comm" in row]
    hostile = {"a) R 1 (b", "x\ny", "\x1b[31m", "\udcff\udcfe"}
    assert hostile <= {row["comm"] for row in rows}
    assert {row["state"] for row in rows if row["comm"] in hostile} == {"S"}
    assert len(rows) > 1500


def descriptors_are_counted(run: Run) -> None:
    """One process has 20,000 of them, where the machine's limit lets it: the recipe's evidence counts those of all."""
    if int(run.report["evidence"].split()[-1]) < 20_000:
        pytest.skip("no process of this machine may have 20,000 descriptors")
    assert max(row["open"] or 0 for row in table(run, "descriptors")) >= 20_000


def passwords_of_command_lines_are_hidden(run: Run) -> None:
    """In no member."""
    for row in run.rows:
        if "header" in row:
            assert b"hunter" + b"2" not in b"".join(run.bundle.content(row)), asked(row)


def many_interfaces_are_there(run: Run) -> None:
    """All of them, with addresses, routes and rules."""
    assert run.content("proc/net/dev").count(b"\n") > 400
    assert run.content("proc/net/route").count(b"\n") >= 5000


def slow_file_is_not_waited_for(run: Run) -> None:
    """The slow log, of random bytes, is left out before it is waited for: nobody could hide secrets in it. The small one beside it is whole."""
    rows = {row["source"]: row for row in run.about("/var/log/acme/") if row["kind"] == "file"}
    assert rows["/var/log/acme/small.log"]["outcome"] == "collected"
    slow = rows["/var/log/acme/app.log"]
    assert (slow["outcome"], slow["reason"]) == ("skipped", "binary, cannot be redacted: bytes of an unknown kind")


def sealed_though_screens_fail(run: Run) -> None:
    """The recipe tells the exit status where nobody else hears it."""
    assert re.search(r"^cmd rc 0$", run.screen, re.MULTILINE)
    assert run.bundle.head["complete"]
