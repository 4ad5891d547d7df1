#!/usr/bin/env python3
"""A busy host, made up: processes that come and go, a log that grows and rotates, connections over loopback. Ends with whoever started it.

busy.py FOLDER [--share 0.2]
"""

import argparse
import os
import socket
import subprocess
import sys
import time

TICK = 0.02
KEPT = 4  # rotated logs
LOG_SIZE = 400_000
LIVING = 12  # processes and connections at a time
BRIEF = "from time import sleep; sleep(0.4)"
LINE = "Jan 10 11:12:13 srv app[{pid}]: request {number} took {ms} ms from 10.0.{a}.{b}\n"


class Business:
    """All that goes on; each step does a little of everything."""

    def __init__(self, folder: str) -> None:
        self.log, self.number = os.path.join(folder, "busy.log"), 0
        self.processes: list[subprocess.Popen[bytes]] = []
        self.connections: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def step(self) -> None:
        """One moment of a busy day."""
        self.number += 1
        self.write()
        self.connect()
        if self.number % 5 == 0:
            self.start()

    def write(self) -> None:
        """Lines for the log, which is rotated when it is long enough."""
        n = self.number
        with open(self.log, "a", encoding="ascii") as out:
            out.writelines(LINE.format(pid=n % 900, number=n * 40 + i, ms=(n * i) % 977, a=i, b=n % 250) for i in range(40))
            full = out.tell() > LOG_SIZE
        if full:
            for age in range(KEPT, 0, -1):
                older = f"{self.log}.{age - 1}" if age > 1 else self.log
                if os.path.exists(older):
                    os.replace(older, f"{self.log}.{age}")

    def connect(self) -> None:
        """One connection more, with some bytes; the oldest ones end."""
        here = socket.create_connection(self.listener.getsockname())
        there, _ = self.listener.accept()
        there.sendall(b"hello")
        here.recv(5)
        self.connections += [here, there]
        while len(self.connections) > LIVING:
            self.connections.pop(0).close()

    def start(self) -> None:
        """One process more; those that have ended are forgotten."""
        self.processes = [one for one in self.processes if one.poll() is None]
        if len(self.processes) < LIVING:
            self.processes.append(subprocess.Popen([sys.executable, "-S", "-E", "-c", BRIEF]))


def spent() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the log is written")
    parser.add_argument("--share", type=float, default=0.2, help="of one processor that it may take (0.2)")
    asked = parser.parse_args(words)
    business, parent, began = Business(asked.folder), os.getppid(), time.monotonic()
    while os.getppid() == parent:
        business.step()
        idle = spent() / asked.share - (time.monotonic() - began)
        time.sleep(max(TICK, min(idle, 1.0)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
