#!/usr/bin/env python3
"""Runs the engine many times in one process, as a service would that has it inside; after each run a line of JSON about the process.

inside.py FOLDER --count 200 [--only NAME ...] [--include PATH]
"""

import argparse
import json
import os
import sys

import processes

from diagbundle.cli import options
from diagbundle.collect.engine import Engine, Request, who_is
from diagbundle.collect.output import FileOutput
from diagbundle.collect.registry import choose, find
from diagbundle.host import Host
from diagbundle.model import Collector
from diagbundle.testing import Silent

TIMEOUT = 300.0


def run(collectors: list[Collector], folder: str) -> float:
    """One collection; its bundle is removed. Gives the seconds."""
    host = Host(live=True)
    request = Request(collectors, host, timeout=TIMEOUT, sample_interval=0.0)
    result = Engine(request, FileOutput(os.path.join(folder, "inside.tar.zst")), Silent(), who_is(host)).run()
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    return result.seconds


def standing() -> dict[str, float]:
    """How this process stands now."""
    with open("/proc/self/statm", encoding="ascii") as memory:
        pages = int(memory.read().split()[1])
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "RSS MiB": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "thousand objects": sys.getallocatedblocks() / 1000,
        "children": len(processes.descendants(os.getpid())),
    }


def chosen(only: list[str], include: list[str]) -> list[Collector]:
    """Collectors as `collect` chooses them."""
    found = find(drop_in_folder="")
    if include:
        found.collectors["include"] = options.include(tuple(include))
    return choose(found, tuple(only), (), ())


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="empty folder for the bundles")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--include", action="append", default=[], metavar="PATH")
    asked = parser.parse_args(words)
    collectors = chosen(asked.only, asked.include)
    for _ in range(asked.count):
        seconds = run(collectors, asked.folder)
        print(json.dumps({"seconds": round(seconds, 2), **standing()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
