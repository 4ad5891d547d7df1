"""Processes: one row for each, and for each thread in uninterruptible sleep; then what `ps` and `lsof` say.

What cannot block is read before what may: `cmdline` and `smaps_rollup` wait for the lock of the process's memory map,
which a process stuck on a dead disk may hold for ever. All rows are therefore read by a child, and a process at which
it gets stuck costs its own row's depth, not the table. In a row, null means that the kernel did not tell (most often:
not our right), never zero.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import select
import signal
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from diagbundle.collect.api import Command, Host, Row, Source, Stage, Table, collector, number

from ._look import signed
from ._mounts import mounts, split

PATIENCE = 5.0
"""Seconds for one process, before the child that reads it is left behind."""
MAX_STUCK = 8
"""After so many stuck processes the rest is read without what may block."""
MAX_CMDLINE = 128 << 10
"""Characters of a command line; those of Java come near it."""
MAX_ROLLUP = 2 << 30
"""Bytes of resident memory above which `smaps_rollup` is not asked: it walks every page with the lock held."""
KERNEL_THREAD = 0x00200000
"""PF_KTHREAD in the flags of /proc/PID/stat."""
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
STAT = {
    "ppid": 4, "pgrp": 5, "session": 6, "tty": 7, "flags": 9, "minflt": 10, "majflt": 12, "utime": 14, "stime": 15,
    "cutime": 16, "cstime": 17, "priority": 18, "nice": 19, "threads": 20, "start": 22, "vsize": 23, "rss": 24,
    "processor": 39, "rt_priority": 40, "policy": 41, "blkio_ticks": 42,
}  # fmt: skip
"""Fields of /proc/PID/stat by their number in proc(5). Times in ticks, vsize in bytes, rss in pages."""
LEAN = ("start", "state", "utime", "stime", "threads", "rss", "majflt", "blkio_ticks", "comm")
IN_STAT = {"Name", "State", "Pid", "PPid", "Threads", "Cpus_allowed", "Mems_allowed"}
"""Lines of /proc/PID/status that `stat` has too, or that are long masks beside a list."""
_CONTAINER = re.compile(r"(?:(docker|libpod|cri-containerd|crio|nerdctl)[-/:])?(?<!conmon-)([0-9a-f]{64})(?=[./]|$)")
_POD = re.compile(r"pod([0-9a-f]{8}[_-]?[0-9a-f]{4}[0-9a-f_-]{15,}|[0-9a-f]{32})(?=[./]|$)")
_NAMED = re.compile(r"/(?:lxc\.payload\.|lxc/|lxc\.monitor\.|machine-|systemd-nspawn@|ecs/[^/]+/)([^/]+?)(?:\.scope|\.service)?(?=/|$)")
_LIMIT = re.compile(r"(.+?)  +(\S+) +(\S+)(?: +\S+)? *$")

Found = dict[str, Any]

PS = "flags,state,uid,pid,ppid,pgid,sid,cls,pri,psr,addr,sz,wchan:20,lstart,tty,time,cmd"


def parse_stat(text: str) -> Found:
    """Fields of a `stat` file, None for what is no number; {} where there are none. A name may hold `) (`: it ends at the last `)`."""
    head, closing, tail = text.rpartition(")")
    fields = tail.split()
    if not closing or len(fields) < 22:
        return {}
    found: Found = {"comm": head.partition("(")[2], "state": fields[0]}
    return found | {name: signed(fields[place - 3]) for name, place in STAT.items() if place - 3 < len(fields)}


def count_descriptors(host: Host, pid: int) -> int | None:
    """Open descriptors of a process; since Linux 6.2 the size of its `fd` directory tells, without a listing. None if denied."""
    directory = f"{host.root.rstrip('/')}/proc/{pid}/fd"
    try:
        return os.stat(directory).st_size if _release(host) >= (6, 2) else len(os.listdir(directory))
    except OSError:
        return None


def container_of(cgroup: str) -> Found:
    """Container (id or name), its engine and its pod, as far as the paths of the control groups tell; {} outside of containers."""
    found: Found = {}
    if pod := _POD.search(cgroup):
        found["pod"] = pod[1].replace("_", "-")
    for line in cgroup.splitlines():
        if matches := _CONTAINER.findall(line.split(":", 2)[-1]):
            engine, found["id"] = matches[-1]
            return found | ({"engine": {"libpod": "podman"}.get(engine, engine)} if engine else {})
    if name := _NAMED.search(cgroup):
        found["name"] = name[1]
    return found


def _release(host: Host) -> tuple[int, int]:
    found = re.match(r"(\d{1,5})\.(\d{1,5})", host.text("/proc/sys/kernel/osrelease"))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _pairs(text: str) -> dict[str, str]:
    """`Name: value` lines; only the first `:` counts."""
    split = (line.partition(":") for line in text.splitlines())
    return {name.strip(): " ".join(value.split()) for name, colon, value in split if colon}


def _limits(text: str) -> dict[str, list[str]]:
    """Soft and hard limit by name."""
    matches = (_LIMIT.match(line) for line in text.splitlines()[1:])
    return {match[1]: [match[2], match[3]] for match in matches if match}


def _plain(host: Host, pid: int) -> Found:
    """What takes no lock and is open to everybody; {} if the process is gone."""
    here = f"/proc/{pid}"
    found = parse_stat(host.text(f"{here}/stat"))
    if not found:
        return {}
    cgroup = host.text(f"{here}/cgroup")
    status = _pairs(host.text(f"{here}/status"))
    row: Found = {"pid": pid, **found, "kernel": bool((found["flags"] or 0) & KERNEL_THREAD)}
    row["status"] = {name: value for name, value in status.items() if name not in IN_STAT}
    row["cgroup"] = cgroup.split("\n")[:-1]
    row["limits"] = _limits(host.text(f"{here}/limits"))
    for name in ("oom_score", "oom_score_adj", "loginuid", "schedstat"):
        row[name] = host.text(f"{here}/{name}").strip()
    row["context"] = host.text(f"{here}/attr/current").strip("\0\n")
    if container := container_of(cgroup):
        row["container"] = container
    return row


def _asleep(host: Host, here: str) -> Found:
    """Where a task in uninterruptible sleep waits; none of this stops it. A running task's stack would be garbage."""
    return {name: text for name in ("wchan", "syscall", "stack") if (text := host.text(f"{here}/{name}").strip())}


def _threads(host: Host, row: Found) -> Iterator[Found]:
    """Rows of the threads that are in uninterruptible sleep, other than the process itself."""
    pid = row["pid"]
    for name in host.listdir(f"/proc/{pid}/task") if row["threads"] != 1 else []:
        here = f"/proc/{pid}/task/{name}"
        found = parse_stat(host.text(f"{here}/stat")) if name != str(pid) else {}
        if found.get("state") == "D":
            yield {"pid": pid, "tid": number(name)} | {key: found[key] for key in ("comm", "state", "start")} | _asleep(host, here)


def _private(host: Host, row: Found) -> Found:
    """What needs the right to trace the process. Links are read, never followed: they may lead to a dead mount."""
    here = f"/proc/{row['pid']}"
    found: Found = {"fds": count_descriptors(host, row["pid"]), "io": _pairs(host.text(f"{here}/io")) or None}
    links = {name: host.readlink(f"{here}/ns/{name}") for name in NAMESPACES}
    inodes = {name: number(link.removeprefix(f"{name}:[").removesuffix("]")) for name, link in links.items()}
    found["ns"] = {name: inode for name, inode in inodes.items() if inode is not None} or None
    if not row["kernel"]:
        found |= {name: host.readlink(f"{here}/{name}") or None for name in ("root", "cwd", "exe")}
    return found


def _mapped(host: Host, row: Found) -> Found:
    """What waits for the lock of the memory map. The words are joined by blanks, as `ps` does and as redaction expects them."""
    here = f"/proc/{row['pid']}"
    words = host.text(f"{here}/cmdline")[:MAX_CMDLINE]
    found: Found = {"cmdline": words.rstrip("\0").replace("\0", " ")}
    if (row["rss"] or 0) * os.sysconf("SC_PAGE_SIZE") > MAX_ROLLUP:
        return found | {"smaps_rollup": "not asked: more than 2 GiB resident"}
    rollup = _pairs(host.text(f"{here}/smaps_rollup"))
    return found | {"smaps_rollup": {name: value for name, value in rollup.items() if value.endswith("kB")} or None}


def _deep(host: Host, pid: int) -> list[Found]:
    """Rows of one process; none if it ended, or ended and was followed by another of its number, while it was read."""
    row = _plain(host, pid)
    if not row:
        return []
    if row["state"] == "D":
        row |= _asleep(host, f"/proc/{pid}")
    threads = list(_threads(host, row))
    if row["state"] not in "ZX":
        row |= _private(host, row)
    if not (threads or row["kernel"] or row["state"] in "DZX"):
        row |= _mapped(host, row)
    again = parse_stat(host.text(f"/proc/{pid}/stat"))
    return [row, *threads] if again.get("start") == row["start"] else []


def _shallow(host: Host, pid: int) -> list[Found]:
    """What can be said of a process at which a reader got stuck."""
    row = _plain(host, pid)
    return [row | {"stuck": "reading it did not end, or was not tried after others that did not"}] if row else []


def _read_all(host: Host, pids: list[int], pipe: int) -> None:
    """In the child: one line of JSON for each process."""
    # A child that gets stuck outlives us; nobody may wait for the end of a pipe that it holds open.
    os.closerange(0, pipe)
    os.closerange(pipe + 1, 1 << 20)
    quiet = dataclasses.replace(host, step=lambda _directory: contextlib.nullcontext())
    for pid in pids:
        line = memoryview(json.dumps(_deep(quiet, pid)).encode() + b"\n")
        while line:
            line = line[os.write(pipe, line) :]


def _child(host: Host, pids: list[int]) -> tuple[int, int]:
    """Start the reader; its process id and the end of the pipe that we read."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            _read_all(host, pids, theirs)
            code = 0
        finally:
            os._exit(code)
    os.close(theirs)
    return child, ours


def _lines(pipe: int) -> Iterator[bytes]:
    """Lines of a pipe, until its end or until none comes for `PATIENCE` seconds."""
    rest = b""
    deadline = time.monotonic() + PATIENCE
    while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(pipe, 1 << 16)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if lines:
            deadline = time.monotonic() + PATIENCE


def _patiently(host: Host, pids: list[int]) -> Iterator[tuple[int, list[Found] | None]]:
    """Each process with its rows, or with None if reading it got stuck."""
    pending = deque(pids)
    stuck = 0
    while pending and stuck < MAX_STUCK:
        try:
            child, pipe = _child(host, list(pending))
        except OSError:  # no further process may be started here: then we read ourselves
            yield from ((pid, _deep(host, pid)) for pid in pending)
            return
        try:
            for line in _lines(pipe):
                yield pending.popleft(), json.loads(line)
        finally:
            os.close(pipe)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, os.WNOHANG)  # one in uninterruptible sleep does not even die now; then init inherits it
        if pending:
            stuck += 1
            yield pending.popleft(), None
    yield from ((pid, None) for pid in pending)


def _summary(host: Host, counts: dict[str, int]) -> Found:
    """How much of the truth the rows are: tasks the kernel counts against tasks we saw, and why some may be hidden."""
    load = host.text("/proc/loadavg").split()
    options = [line.split(" - ")[-1] for line in host.lines("/proc/self/mountinfo") if " /proc " in line and " - proc " in line]
    hiding = re.search(r"hidepid=(\w+)", " ".join(options))
    tasks = load[3].partition("/")[2] if len(load) > 4 else ""
    return {
        "summary": True, **counts, "tasks_total": number(tasks), "last_pid": load[4] if len(load) > 4 else None,
        "hidepid": hiding[1] if hiding else None, "ticks_per_second": os.sysconf("SC_CLK_TCK"), "page_size": os.sysconf("SC_PAGE_SIZE"),
        "initial_pid_namespace": host.readlink("/proc/self/ns/pid") == "pid:[4026531836]",
    }  # fmt: skip


def processes(host: Host) -> Iterator[Row]:
    """A row for each process and for each of its threads in state D (these have `tid`), then one that says how many there are."""
    counts = {"visible": 0, "tasks_visible": 0, "vanished": 0, "stuck": 0}
    for pid, rows in _patiently(host, host.pids()):
        counts["stuck"] += rows is None
        known = _shallow(host, pid) if rows is None else rows
        counts["visible" if known else "vanished"] += 1
        counts["tasks_visible"] += (known[0]["threads"] or 0) if known else 0
        yield from known
    yield _summary(host, counts)


def counters(host: Host) -> Iterator[Row]:
    """The lean row that is read at both ends of a run; who appears in one reading only began or ended meanwhile."""
    for pid in host.pids():
        if found := parse_stat(host.text(f"/proc/{pid}/stat")):
            yield {
                "pid": pid,
                **{name: found.get(name) for name in LEAN},
                "fds": count_descriptors(host, pid),
                "schedstat": host.text(f"/proc/{pid}/schedstat").strip(),
            }


def readings(_host: Host) -> Iterator[Source]:
    """Asked at both ends of the run."""
    yield Table("process_counters", counters)


@collector(title="Every process: state, memory, limits, descriptors, where it waits", stage=Stage.VOLATILE, samples=readings)
def process(host: Host) -> Iterator[Source]:
    """The table first: `ps` and `lsof` may hang where it does not."""
    yield Table("processes", processes, timeout=180)
    yield Command(("ps", "auxwwwm"), also=("ps",))
    yield Command(("ps", "alxwww"))
    yield Command(("ps", "-elfL"))
    yield Command(("ps", "axo", PS))
    if host.readlink("/bin/ps").endswith("busybox"):
        yield Command(("ps", "-o", "pid,ppid,user,stat,vsz,rss,time,args"))
    # -S 2: seconds that lsof gives a file system to answer. Its +M would start rpcbind, so that only the name says it.
    # -e: mounts that may never answer are not asked at all.
    dead = [word for mount in split(mounts(host))[1] for word in ("-e", mount.point)]
    yield Command(("lsof", "-n", "-P", "-l", "-w", "-S", "2", *dead), at="sos_commands/process/lsof_M_-n_-l_-c", timeout=30)
