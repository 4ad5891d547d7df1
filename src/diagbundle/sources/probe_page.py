"""What a proxy makes of a page: the same one, asked for directly and through it, without TLS."""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.sources.probe_names import addresses_of
from diagbundle.sources.probe_net import UNREADABLE, Clock, Stream, milliseconds, numeric, split
from diagbundle.sources.probe_tcp import first_connected
from diagbundle.sources.probe_web import MAX_BODY, Page, answer_of_proxy, page_of

_WISHES = "User-Agent: diagbundle\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"


@dataclass
class Got:
    """What came back for one request; the body itself is never kept."""

    outcome: str = "silent"
    detail: str = "connected, but no answer to a request"
    page: Page | None = None
    length: int = 0
    """Bytes of the body that came."""
    digest: str = ""
    whole: bool = True
    """Whether all came that the head promised."""
    ms: float = 0.0

    def row(self, way: str) -> dict[str, object]:
        """For the evidence."""
        about = self.page.row() if self.page else {}
        return {"way": way, "what": "page", "ms": self.ms, "length": self.length, "sha256": self.digest, "whole": self.whole} | about | {
            "outcome": self.outcome, "detail": self.detail,
        }  # fmt: skip

    def __str__(self) -> str:
        """For people."""
        if not self.page:
            return f"no page ({self.outcome})"
        kind = self.page.headers.get("content-type", "no type").partition(";")[0]
        cut = "" if self.whole else f" of {self.page.headers.get('content-length')} promised"
        return f"{self.page.status}, {self.length} bytes{cut} of {kind}" + (f" titled {self.page.title!r}" if self.page.title else "")


def page(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """Ask `host:port` for its first page directly and through the option `proxy`; where they differ once more directly.

    A page that differs from itself proves nothing against a proxy.
    """
    through = dict(probe.options).get("proxy", "")
    name, port = split(probe.target, 80)
    at = f"[{name}]" if numeric(name) and ":" in name else name
    at = at if port == 80 else f"{at}:{port}"
    ways = {"direct": ((name, port), "/"), "proxy": (split(through, 3128), f"http://{at}/"), "again": ((name, port), "/")}
    got: dict[str, Got] = {}
    for way, (place, path) in ways.items():
        if way == "again" and not _differ(got.get("direct"), got.get("proxy")):
            break
        for row in _fetch(host, place, f"GET {path} HTTP/1.1\r\nHost: {at}\r\n", clock):
            if isinstance(row, Got):
                _judge(row, got.get("direct"), way)
                got[way] = row
            yield row.row(way) if isinstance(row, Got) else {"way": way} | dict(row)
    yield {"what": "compare_pages", "proxy": through} | compared(got)


def _fetch(host: Host, place: tuple[str, int], head: str, clock: Clock) -> Iterator[Row | Got]:
    found = addresses_of(host, place[0], clock)
    yield from found.rows()
    rows: list[Row] = []
    attempt = first_connected(found.addresses, place[1], clock, rows)
    yield from rows
    if attempt and attempt.socket:
        with attempt.socket:
            yield get(Stream(attempt.socket, clock.step(), MAX_BODY), head)


def get(stream: Stream, head: str) -> Got:
    """Send a request, read up to `MAX_BODY` bytes of the answer."""
    got, started = Got(), time.monotonic()
    try:
        stream.send(f"{head}{_WISHES}".encode("ascii", "replace"))
        stream.until(_is_whole)
    except TimeoutError:
        pass
    except UNREADABLE as error:
        got.outcome, got.detail = "closed" if isinstance(error, OSError) else "too_long", str(error)[:200]
    data, got.ms = bytes(stream.data), milliseconds(started)
    got.page = page_of(data)
    body = data.partition(b"\r\n\r\n")[2]
    got.length, got.digest = len(body), hashlib.sha256(body).hexdigest()
    if got.page:
        got.whole = len(data) > MAX_BODY or len(body) >= _promised(got.page)
        got.outcome, got.detail = "answered", "" if got.whole else f"{len(body)} of {_promised(got.page)} bytes came"
    elif data:
        got.outcome, got.detail = "not_http", f"something else than HTTP came back: {data[:60]!r}"
    return got


def _is_whole(data: bytes) -> bool:
    """Whether all has come that the head promises: not every server closes when asked to."""
    found = page_of(data) if b"\r\n\r\n" in data else None
    return found is not None and "content-length" in found.headers and len(data.partition(b"\r\n\r\n")[2]) >= _promised(found)


def _promised(page: Page) -> int:
    text = page.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _judge(got: Got, direct: Got | None, way: str) -> None:
    """What the proxy says in its own name is no altered page."""
    if way == "proxy" and got.page and not (direct and direct.page and direct.page.status == got.page.status):
        outcome, detail = answer_of_proxy(got.page)
        got.outcome, got.detail = outcome or got.outcome, detail or got.detail


def _differ(direct: Got | None, proxy: Got | None) -> bool:
    both = direct is not None and proxy is not None and direct.page is not None and proxy.outcome in ("answered", "not_http")
    return both and (direct.digest, direct.whole) != (proxy.digest, proxy.whole)  # type: ignore[union-attr]


def compared(got: dict[str, Got]) -> dict[str, object]:
    """Whether the proxy passes on what the server sends."""
    direct, proxy, again = got.get("direct"), got.get("proxy"), got.get("again")
    if direct is None or proxy is None or direct.page is None or proxy.outcome not in ("answered", "not_http"):
        return {"outcome": "undecided", "detail": "the pages of both ways are needed; one or both did not come"}
    if not _differ(direct, proxy):
        return {"outcome": "same", "detail": ""}
    if again is None or (again.digest, again.length) != (direct.digest, direct.length):
        return {"outcome": "undecided", "detail": "the page differs from itself when asked for twice"}
    return {"outcome": "differs", "detail": f"directly, twice the same: {direct}; through the proxy: {proxy}"}
