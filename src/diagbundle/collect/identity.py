"""Who this host is: a few words for the head of the manifest and the name of the bundle. Asked in a child."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from diagbundle.collect.manners import be_polite, never_fork
from diagbundle.collect.wire import let_go
from diagbundle.errors import SourceError
from diagbundle.host import Host

SECONDS = 3.0
_LONGEST = 16 << 20
"""Bytes of an answer that are read."""


def identity(host: Host) -> dict[str, Any]:
    """Name, operating system, kernel, machine, boot id, zone; '' for what cannot be had."""
    kernel = os.uname()
    named = "" if host.live else host.text("/etc/hostname").strip()
    return {
        "name": host.text("/proc/sys/kernel/hostname").strip() or named or kernel.nodename,
        "os": _os_name(host), "kernel": host.text("/proc/sys/kernel/osrelease").strip() or kernel.release, "machine": kernel.machine,
        "boot_id": host.text("/proc/sys/kernel/random/boot_id").strip(), "uid": os.geteuid(), "zone": _zone(host),
    }  # fmt: skip


def ask(question: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The answer of a function that may hang, from a child; None if there is none in time. It must be JSON.

    Raises OSError where no process is to be had.
    """
    read, write = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(read)
        os.close(write)
        raise
    if pid == 0:
        try:
            os.setsid()
            be_polite()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds + 1)  # also where whoever asked was killed
            write = let_go(write)
            never_fork()
            answer = json.dumps(question()).encode()
            while answer:
                answer = answer[os.write(write, answer) :]
        finally:
            os._exit(0)
    os.close(write)
    deadline = time.monotonic() + seconds
    said = bytearray()
    try:
        while (left := deadline - time.monotonic()) > 0 and select.select([read], [], [], left)[0]:
            if not (chunk := os.read(read, 1 << 16)):
                return json.loads(said) if said else None
            said += chunk
            if len(said) > _LONGEST:
                break
    except (ValueError, RecursionError):  # a collector has written into the pipe
        pass
    finally:
        os.close(read)
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # already gone, where SIGCHLD is ignored
            for _ in range(50):  # a child stuck in the kernel is left behind
                if os.waitpid(pid, os.WNOHANG)[0]:
                    break
                time.sleep(0.01)
    return None


def ask_or_do(question: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The same for a question of our own: where no process is to be had, an answer that may take long is better than none."""
    try:
        return ask(question, seconds)
    except OSError:
        return question()


def _os_name(host: Host) -> str:
    with suppress(SourceError, OSError, ValueError):  # a hostile os-release must not cost the bundle its head
        text = host.read("/etc/os-release", 64 << 10).decode("utf-8", "replace")
        names = [line.split("=", 1)[1].strip().strip("\"'") for line in text.splitlines() if line.startswith("PRETTY_NAME=")]
        if names:
            return names[0][:200]
        from distro import LinuxDistribution  # noqa: PLC0415  # slow to import, and seldom needed

        return LinuxDistribution(include_lsb=False, include_uname=False, root_dir=host.root).name(pretty=True)
    return ""


def _zone(host: Host) -> str:
    link = host.readlink("/etc/localtime")
    return link.rpartition("zoneinfo/")[2] or host.text("/etc/timezone").strip()
