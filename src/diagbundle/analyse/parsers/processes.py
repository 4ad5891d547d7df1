"""Processes and what they have open: our own tables, and `ps` of other tools."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diagbundle.analyse.api import Document, Line, Row, parser
from diagbundle.analyse.facts.system import UNLIMITED, Descriptors, Inotify, Process, ProcessCounter

PAGE = 4
"""KiB; the table does not say it in each row, and no fault hangs on it."""
_FUNCTION = re.compile(r"(?:\[<[0-9a-f]*>\] )?([\w.]+)")


def limit_of(text: object) -> float:
    """A limit as the kernel prints it."""
    word = str(text)
    return float(word) if word.isascii() and word.isdecimal() else UNLIMITED


def _limits(found: Any) -> dict[str, tuple[float, float]]:
    if not isinstance(found, dict):
        return {}
    return {str(name): (limit_of(each[0]), limit_of(each[1])) for name, each in found.items() if isinstance(each, list) and len(each) > 1}


def _groups(lines: Any) -> dict[str, str]:
    """Control groups by controller, from lines as `4:cpu,cpuacct:/path`."""
    found: dict[str, str] = {}
    for line in lines if isinstance(lines, list) else []:
        _, _, rest = str(line).partition(":")
        controllers, _, path = rest.partition(":")
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _kib(status: Mapping[str, Any], name: str) -> int:
    words = str(status.get(name) or "").split()
    return int(words[0]) if words and words[0].isdecimal() else 0


def _uid(status: Mapping[str, Any]) -> int:
    words = str(status.get("Uid") or "").split()
    return int(words[0]) if words and words[0].isdecimal() else -1


def _container(found: Any) -> str:
    return str(found.get("name") or found.get("id") or "") if isinstance(found, dict) else ""


@parser(Process, "diagbundle/tables/processes")
def processes(doc: Document) -> Iterator[Process]:
    """Our table: a row for each process, and for each of its threads in state D."""
    for row in doc.rows:
        if row["pid"] is not None:
            yield _process(row)


def _process(row: Row) -> Process:
    status = row["status"] if isinstance(row["status"], dict) else {}
    return Process(
        pid=row.whole("pid"), name=row.text("comm"), command=row.text("cmdline"), state=row.text("state"), tid=row.whole("tid"),
        ppid=row.whole("ppid"), uid=_uid(status), threads=row.whole("threads") or 1, start=row.whole("start"),
        rss=_kib(status, "VmRSS") or row.whole("rss") * PAGE, swap=_kib(status, "VmSwap"), tty=row.whole("tty"),
        is_kernel=row["kernel"] is True,
        groups=_groups(row["cgroup"]), limits=_limits(row["limits"]), container=_container(row["container"]), wchan=row.text("wchan"),
        stack=tuple(found[1] for line in row.text("stack").splitlines() if (found := _FUNCTION.match(line))), cwd=row.text("cwd"),
        executable=row.text("exe"), context=row.text("context"), policy=row.whole("policy"), priority=row.whole("rt_priority"),
        is_whole=True, origin=row.origin,
    )  # fmt: skip


@parser(ProcessCounter, "diagbundle/tables/process_counters")
def process_counters(doc: Document) -> Iterator[ProcessCounter]:
    """The lean table that is read twice."""
    for row in doc.rows:
        runs = row.text("schedstat").split()
        yield ProcessCounter(
            pid=row.whole("pid"), start=row.whole("start"), name=row.text("comm"), state=row.text("state"),
            ticks=row.whole("utime") + row.whole("stime"), threads=row.whole("threads"), majflt=row.whole("majflt"),
            descriptors=-1 if row["fds"] is None else row.whole("fds"), rss=row.whole("rss") * PAGE,
            runs=int(runs[2]) if len(runs) == 3 and runs[2].isdecimal() else -1, origin=row.origin,  # ns run, ns waited, times run
        )  # fmt: skip


@parser(Descriptors, "diagbundle/tables/descriptors")
def descriptors(doc: Document) -> Iterator[Descriptors]:
    """Open files of each process, those nearest to their limit first."""
    for row in doc.rows:
        yield Descriptors(
            pid=row.whole("pid"), name=row.text("comm"), uid=row.whole("uid") if row.text("uid") else -1,
            open=-1 if row["open"] is None else row.whole("open"), soft=limit_of(row.text("soft")), hard=limit_of(row.text("hard")),
            kinds=_counts(row["kinds"]), targets=_counts(row["targets"]), origin=row.origin,
        )  # fmt: skip


@parser(Inotify, "diagbundle/tables/inotify")
def inotify(doc: Document) -> Iterator[Inotify]:
    """Instances of inotify by user."""
    for row in doc.rows:
        yield Inotify(
            row.whole("uid"),
            row.whole("instances_at_most"),
            row.whole("max_user_instances"),
            row.whole("max_user_watches"),
            origin=row.origin,
        )


def _counts(found: Any) -> dict[str, int]:
    if not isinstance(found, dict):
        return {}
    return {str(name): count for name, count in found.items() if isinstance(count, int)}


_PS = {
    "PID": "pid", "PPID": "ppid", "UID": "uid", "USER": "user", "S": "state", "STAT": "state", "RSS": "rss", "WCHAN": "wchan",
    "NLWP": "threads",
    "COMMAND": "command", "CMD": "command", "COMD": "command", "ARGS": "command",
}  # fmt: skip
MOST_COLUMNS = 40


@parser(Process, "ps", "sos_commands/process/ps_a*", "sos_commands/process/ps_-elf*")
def ps(doc: Document) -> Iterator[Process]:
    """`ps` with any columns, as other tools keep it; what is last in a line may hold blanks."""
    columns: list[str] = []
    for line in doc.lines:
        words = line.split()
        if "PID" in words and words[-1] in _PS:
            columns = words[:MOST_COLUMNS]
        elif columns and (found := _ps(line, columns)):
            yield found


def _ps(line: Line, columns: list[str]) -> Process | None:
    # A start as `Sun Nov 22 14:15:56 2026` has five words below one heading.
    names = [name for each in columns for name in ([each] * 5 if each == "STARTED" and "TIME" in columns else [each])]
    words = line.split(None, len(names) - 1)
    if len(words) < len(names) - 1:
        return None
    found = {_PS[name]: word for name, word in zip(names, words, strict=False) if name in _PS}
    if not found.get("pid", "").isdecimal():
        return None
    command, state = found.get("command", ""), found.get("state", "")[:1]
    uid = found.get("uid", "")
    return Process(
        pid=int(found["pid"][:9]), name=_name(command), command="" if command.startswith("[") else command,
        state="" if state == "-" else state,
        ppid=_whole(found.get("ppid")), uid=int(uid[:10]) if uid.isdecimal() else -1,
        user="" if uid.isdecimal() else found.get("user", uid),
        threads=_whole(found.get("threads")) or 1, rss=_whole(found.get("rss")),
        is_kernel=command.startswith("[") and "defunct" not in command,
        wchan=found.get("wchan", ""), origin=line.origin,
    )  # fmt: skip


def _name(command: str) -> str:
    head = command.removesuffix(" <defunct>").split(" ", 1)[0]
    return head.strip("[]") if head.startswith("[") else head.rpartition("/")[2].rstrip(":")


def _whole(word: str | None) -> int:
    return int(word[:12]) if word and word.isascii() and word.isdecimal() else 0
