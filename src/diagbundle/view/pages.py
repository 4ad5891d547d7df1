"""The pages: each asks the desk, waits for a moment, and shows what is known by then."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from diagbundle.numbers import amount
from diagbundle.outcome import Outcome
from diagbundle.report.page import render
from diagbundle.view import contents
from diagbundle.view.child import Child
from diagbundle.view.contents import PAGE
from diagbundle.view.desk import Desk
from diagbundle.view.job import Job, Known
from diagbundle.view.links import Asked, cited, go

FOLD = 1_000
"""Characters of a line that are not folded away."""
MOMENT = 1.5
"""Seconds that a page waits for its rows before it shows what there is and asks again."""
AGAIN = 2
"""Seconds after which an unfinished page asks again."""
LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
STAMP = "%Y-%m-%dT%H:%M:%SZ"
_PIECE = 1 << 18


class Pages:
    """One desk as pages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """The address of each page, below the folder of all."""
        pages = {
            "": self.overview, "files": self.files, "file": self.file, "bytes": self.octets, "raw": self.raw, "search": self.search,
            "timeline": self.timeline, "changes": self.changes, "missing": self.missing, "go": self.goto, "view.css": self.style,
        }  # fmt: skip
        return [Route(f"/{name}", page) for name, page in pages.items()] + [Route("/{rest:path}", self.nowhere)]

    def _page(
        self, template: str, active: str, job: Job | None = None, *, wait: bool = False, status: int = 200, **context: Any
    ) -> Response:
        """A page; while `wait`, the browser asks for it again."""
        head = Known(self._desk.bundle.head)
        about = Known(head["host"] if isinstance(head["host"], dict) else {})
        context |= {
            "active": active,
            "job": job,
            "again": AGAIN if wait else 0,
            "go": go,
            "moment": moment,
            "around": around,
            "near": near,
            "amount": amount,
        }
        row = Known((job.notes["row"] if job else None) or {})
        host = about["name"] or "a host without a name"
        named = {"bundle": self._desk.bundle.name, "host": host, "head": head, "about": about, "row": row}
        return HTMLResponse(render(f"view_{template}.html", **named, **context), status)

    # -- what is wrong

    async def overview(self, _: Request) -> Response:
        """Verdicts first."""
        job = self._desk.judging()
        await job.wait(0.1)
        return self._page("overview", "overview", job, wait=job.running, told=self._desk.judgement)

    async def changes(self, request: Request) -> Response:
        """What changed lately."""
        job = self._desk.judging()
        await job.wait(MOMENT)
        kind = Asked(request.scope["query_string"]).text("kind")
        return self._page("changes", "changes", job, wait=job.running, told=self._desk.judgement, kind=kind)

    async def missing(self, request: Request) -> Response:
        """What was not had, and what would be needed."""
        asked = Asked(request.scope["query_string"])
        outcome = asked.choice("outcome", "", *(str(each) for each in Outcome if each is not Outcome.COLLECTED))
        first, skip = _paged(asked)
        job = self._desk.ask(("missing", outcome, skip), lambda bundle, tell: contents.missing(bundle, tell, outcome, skip))
        await job.wait(MOMENT, _has(first - skip))
        return self._page(
            "missing", "missing", job, wait=_unfinished(job, first - skip), told=self._desk.judgement, outcome=outcome,
            outcomes=Known(self._desk.bundle.head["outcomes"]), rows=job.rows[first - skip :][:PAGE],
            **_neighbours(job, "missing", first, skip, {"outcome": outcome}),
        )  # fmt: skip

    # -- files

    async def files(self, request: Request) -> Response:
        """A folder, or all files that have a name, a collector, an outcome."""
        asked = Asked(request.scope["query_string"])
        wanted = {key: asked.text(key) for key in ("folder", "name", "collector", "outcome")}
        first, skip = _paged(asked)
        job = self._desk.ask(("files", *wanted.values(), skip), lambda bundle, tell: contents.files(bundle, tell, wanted, skip))
        await job.wait(MOMENT, _has(first - skip))
        return self._page(
            "files", "files", job, wait=_unfinished(job, first - skip), wanted=wanted, outcomes=[str(each) for each in Outcome],
            above=_above(wanted["folder"].strip("/")), rows=job.rows[first - skip :][:PAGE],
            **_neighbours(job, "files", first, skip, wanted),
        )  # fmt: skip

    async def goto(self, request: Request) -> Response:
        """A citation, as it was pasted: `var/log/messages:18231`."""
        path, line = cited(Asked(request.scope["query_string"]).text("to").strip())
        response = Response(status_code=303)
        response.headers["location"] = go("file", f"L{line}" if line else "", path=path, line=line or "") if path else go("files")
        return response

    async def file(self, request: Request) -> Response:
        """Some lines of a file, around the one that is meant."""
        asked = Asked(request.scope["query_string"])
        path = asked.text("path")
        where = next((each for each in ("line", "byte", "from") if asked.text(each)), "from")
        place = ("last", 0) if asked.text("at") == "last" else (where, asked.number(where, 1))
        feeds = self._desk.feeds(path)
        job = self._desk.ask(("file", path, place, bool(feeds)), lambda bundle, tell: contents.lines(bundle, tell, path, place, feeds))
        await job.wait(MOMENT)
        self._desk.learn(path, job)
        if job.notes.get("binary"):
            return await self.octets(request)
        meant = job.notes["meant"] if place[0] in ("line", "byte") else 0
        status = 404 if job.failure and not job.notes else 200
        return self._page(
            "file", "files", job, wait=job.running, status=status, path=path, meant=meant,
            cited=self._desk.cited(job.notes.get("path", path)), rows=[_folded(row) for row in job.rows], notes=job.notes,
        )  # fmt: skip

    async def octets(self, request: Request) -> Response:
        """Some bytes of a file."""
        asked = Asked(request.scope["query_string"])
        path, at = asked.text("path"), asked.number("byte")
        job = self._desk.ask(("bytes", path, at), lambda bundle, tell: contents.octets(bundle, tell, path, at))
        await job.wait(MOMENT)
        status = 404 if job.failure and not job.notes else 200
        return self._page("bytes", "files", job, wait=job.running, status=status, path=path, notes=job.notes, step=contents.HEX)

    async def raw(self, request: Request) -> Response:
        """All of a file, as a download of plain text, whatever it calls itself."""
        path = Asked(request.scope["query_string"]).text("path")
        job = self._desk.ask(("size", path), lambda bundle, tell: contents.size_of(bundle, tell, path))
        await job.wait(60)
        if "size" not in job.notes:
            return self._page("file", "files", job, status=404, path=path, meant=0, cited={}, rows=[], notes=job.notes)
        name = re.sub(r"[^\w.-]+", "_", os.path.basename(path), flags=re.ASCII)[:120] or "file"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(job.notes["size"])}
        if request.method == "HEAD":
            return Response(headers=headers, media_type="text/plain")
        child = self._desk.stream(lambda bundle, fd: contents.whole(bundle, fd, path))
        return StreamingResponse(_pieces(child), headers=headers, media_type="text/plain")

    # -- logs

    async def search(self, request: Request) -> Response:
        """Lines of all files that hold a text."""
        asked = Asked(request.scope["query_string"])
        wanted = {key: asked.text(key) for key in ("text", "path", "file", "regex", "case")}
        if not wanted["text"]:
            return self._page("search", "search", wanted=wanted)
        first, skip = _paged(asked)
        job = self._desk.ask(("search", *wanted.values(), skip), lambda _, tell: self._desk.search(tell, wanted, skip))
        await job.wait(MOMENT, _has(first - skip))
        return self._page(
            "search", "search", job, wait=_unfinished(job, first - skip), wanted=wanted,
            rows=job.rows[first - skip :][:PAGE], **_neighbours(job, "search", first, skip, wanted),
        )  # fmt: skip

    async def timeline(self, request: Request) -> Response:
        """The events of all logs."""
        asked = Asked(request.scope["query_string"])
        wanted = {key: asked.text(key) for key in ("since", "until", "source", "text")} | {
            "severity": asked.choice("severity", "", *LEVELS)
        }
        first, skip = _paged(asked)
        job = self._desk.ask(("timeline", *wanted.values(), skip), lambda _, tell: self._desk.events(tell, wanted, skip))
        await job.wait(MOMENT, _has(first - skip))
        return self._page(
            "timeline", "timeline", job, wait=_unfinished(job, first - skip), wanted=wanted, levels=LEVELS,
            rows=job.rows[first - skip :][:PAGE], **_neighbours(job, "timeline", first, skip, wanted),
        )  # fmt: skip

    # -- the rest

    async def style(self, _: Request) -> Response:
        """What these pages need beside the style of all."""
        return Response(render("view.css"), media_type="text/css")

    async def nowhere(self, _: Request) -> Response:
        """No such page."""
        return self._page("nowhere", "", status=404)


def _paged(asked: Asked) -> tuple[int, int]:
    """The first row of the page that is asked for, and of the block that it lies in."""
    first = min(asked.number("row"), 1 << 30) // PAGE * PAGE
    return first, first // contents.BLOCK * contents.BLOCK


def _has(first: int) -> Any:
    """Whether all rows of a page are there."""
    return lambda job: len(job.rows) >= first + PAGE


def _unfinished(job: Job, first: int) -> bool:
    return job.running and not _has(first)(job)


def _neighbours(job: Job, page: str, first: int, skip: int, wanted: dict[str, str]) -> dict[str, Any]:
    """Where the pages before and behind this one are, and which rows it shows."""
    there = skip + len(job.rows)
    more = there > first + PAGE or (job.notes.get("more") and there >= first + PAGE)
    return {
        "first": first, "there": there,
        "before": go(page, row=max(0, first - PAGE) or "", **wanted) if first else "",
        "behind": go(page, row=first + PAGE, **wanted) if more else "",
    }  # fmt: skip


def _above(folder: str) -> list[tuple[str, str]]:
    """Each folder on the way to this one: its name and its path."""
    names = folder.split("/") if folder else []
    return [(name, "/".join(names[: at + 1])) for at, name in enumerate(names)]


def _folded(row: list[Any]) -> dict[str, Any]:
    number, at, length, text = row
    text = text.expandtabs()  # of all control characters the one that is read as it is meant
    return {
        "number": number,
        "at": at,
        "size": length,
        "text": text[:FOLD],
        "folded": text[FOLD:],
        "left": max(0, length - contents.FOLDED),
    }


async def _pieces(child: Child) -> AsyncIterator[bytes]:
    """What a child writes, as fast as it is taken."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            ready = asyncio.Event()
            loop.add_reader(child.fd, ready.set)
            await ready.wait()
            loop.remove_reader(child.fd)
            piece = os.read(child.fd, _PIECE)
            if not piece:
                return
            yield piece
    finally:
        loop.remove_reader(child.fd)
        child.end()


def moment(seconds: Any) -> str:
    """A time, in UTC; '' where there is none."""
    try:
        return f"{datetime.fromtimestamp(float(seconds), UTC):%Y-%m-%d %H:%M:%S}" if seconds and seconds > 0 else ""
    except (ValueError, OverflowError, OSError, TypeError):
        return ""


def around(stamp: str, seconds: int) -> str:
    """A time so many seconds before or after another, both as `2026-11-22T14:10:44Z`."""
    try:
        return near(datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).timestamp(), seconds)
    except (ValueError, TypeError):
        return ""


def near(time: float, seconds: int) -> str:
    """The same, of seconds since 1970."""
    return moment(time + seconds).replace(" ", "T") + "Z"
