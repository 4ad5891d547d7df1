#!/usr/bin/env python3
"""A small server as a neighbour, and the load that asks it: fixed rate, times from the moment a request was due.

service.py [--disk FOLDER]      serves on a free port, which it prints, until it is killed
"""

import argparse
import os
import select
import selectors
import socket
import struct
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

REQUEST = struct.Struct("<q")
PAGE = b"".join(b"%d: the quick brown fox jumps over %d lazy dogs\n" % (n * n, n % 17) for n in range(150))
WRITTEN = b"x" * 4096
EVERY = 10  # one request in so many is written to the disk
CONNECTIONS = 8
PATIENCE = 10.0  # seconds for the last answers
FIRST = 1  # priority among processes that go before all ordinary ones


class Server:
    """Answers one request after another."""

    def __init__(self, folder: str) -> None:
        self.ready, self.listener = selectors.DefaultSelector(), socket.create_server(("127.0.0.1", 0))
        self.ready.register(self.listener, selectors.EVENT_READ, self.accept)
        self.file = os.open(os.path.join(folder, "journal"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if folder else -1

    def run(self) -> None:
        """Until it is killed."""
        print(self.listener.getsockname()[1], flush=True)
        while True:
            for key, _ in self.ready.select():
                key.data(key.fileobj)

    def accept(self, listener: socket.socket) -> None:
        """A client more."""
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ready.register(client, selectors.EVENT_READ, self.answer)

    def answer(self, client: socket.socket) -> None:
        """Every request that has come in whole; the load sends no part of one."""
        data = client.recv(1 << 16)
        if not data:
            self.ready.unregister(client)
            client.close()
        for (number,) in REQUEST.iter_unpack(data):
            zlib.compress(PAGE, 6)
            if self.file >= 0 and number % EVERY == 0:
                self.keep()
            client.sendall(REQUEST.pack(number))

    def keep(self) -> None:
        """One page more in the journal, safe on the disk; it begins anew when it is long."""
        os.write(self.file, WRITTEN)
        if os.lseek(self.file, 0, os.SEEK_CUR) > (64 << 20):
            os.lseek(self.file, 0, os.SEEK_SET)
        os.fdatasync(self.file)


class Load:
    """Requests at a fixed rate over a few connections; what each took, in seconds, from when it was due."""

    def __init__(self, port: int, rate: float, seconds: float) -> None:
        self.rate, self.total = rate, int(rate * seconds)
        self.links = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        for link in self.links:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.took: list[float] = []
        self.start = 0.0

    def run(self) -> list[float]:
        """All of it. Raises TimeoutError if the server does not answer any more."""
        self.start = time.monotonic() + 0.1
        sent = 0
        while len(self.took) < self.total:
            now = time.monotonic()
            while sent < self.total and self.due(sent) <= now:
                self.links[sent % CONNECTIONS].sendall(REQUEST.pack(sent))
                sent += 1
            wait = self.due(sent) - time.monotonic() if sent < self.total else PATIENCE
            heard = select.select(self.links, [], [], max(0.0, wait))[0]  # in microseconds; epoll in Python counts milliseconds
            if not heard and sent == self.total and wait == PATIENCE:
                raise TimeoutError("the server has stopped answering")
            self.hear(heard)
        for link in self.links:
            link.close()
        return self.took

    def due(self, number: int) -> float:
        """When a request is to be sent."""
        return self.start + number / self.rate

    def hear(self, links: list[socket.socket]) -> None:
        """Answers that have come."""
        for link in links:
            data = link.recv(1 << 16)
            now = time.monotonic()
            self.took += [now - self.due(number) for (number,) in REQUEST.iter_unpack(data)]


def first_of_all(work: Callable[[], list[float]]) -> list[float]:
    """Done before all ordinary processes, where that is allowed: a client sits elsewhere, and is not slowed down by what happens here."""
    ordinary, before = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIRST))
    try:
        return work()
    finally:
        os.sched_setscheduler(0, ordinary, before)


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--disk", default="", metavar="FOLDER", help="write every tenth request to a file there, and sync it")
    Server(parser.parse_args(words).disk).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
