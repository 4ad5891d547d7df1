"""The server: the application, its guard, and the loop in which both run."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from diagbundle.errors import UsageError
from diagbundle.view.desk import Desk
from diagbundle.view.guard import LOOPBACK, Guard
from diagbundle.view.pages import Pages

AT_ONCE = 64
"""Connections beyond which new ones are refused."""
GRACE = 1
"""Seconds that answers under way have when it ends."""


def listening(port: int) -> socket.socket:
    """A socket on loopback, on this port or (0) a free one. Raises `UsageError`."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((LOOPBACK, port))
        made.listen(AT_ONCE)
    except OSError as error:
        made.close()
        raise UsageError(f"the port cannot be had: {port}: {error.strerror}", "without --port, a free one is taken") from None
    return made


def application(desk: Desk, port: int, only: int | None = None) -> Guard:
    """All pages, behind the guard; `address` of it opens them, with `only` for the programs of that user."""
    place = Guard.new_place()

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        desk.judging()
        yield
        desk.end()

    return Guard(Starlette(routes=[Mount(f"/{place}", routes=Pages(desk).routes())], lifespan=running), port, place, only)


class _Complaints(logging.Handler):
    """What the server would write into a log, in one line."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._complain = complain

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of a page that could not be made."""
        error = record.exc_info[1] if record.exc_info else None
        self._complain(f"{type(error).__name__}: {error}" if error else record.getMessage())


def serve(desk: Desk, port: int, ready: Callable[[str], None], complain: Callable[[str], None], *, only: int | None = None) -> None:
    """Serve until it is interrupted. `ready` is told the address when it can be opened, `complain` of pages that could not be made.

    With `only`, the address is for programs of the user with this number.
    """
    log = logging.getLogger("uvicorn")
    log.propagate = False
    log.addHandler(_Complaints(complain))
    with listening(port) as listener:
        guard = application(desk, listener.getsockname()[1], only)
        config = uvicorn.Config(
            guard, loop="asyncio", http="h11", ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
            proxy_headers=False, date_header=False, limit_concurrency=AT_ONCE, timeout_graceful_shutdown=GRACE,
        )  # fmt: skip

        async def run() -> None:
            server = uvicorn.Server(config)
            asyncio.get_running_loop().call_soon(ready, guard.address)
            await server.serve(sockets=[listener])

        asyncio.run(run())
