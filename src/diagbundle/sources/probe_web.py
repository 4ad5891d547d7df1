"""Web servers and proxies: what answers a plain request, and what a proxy does with a connection through it."""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.sources.probe_names import addresses_of
from diagbundle.sources.probe_net import UNREADABLE, Clock, Stream, milliseconds, numeric, split
from diagbundle.sources.probe_tcp import first_connected
from diagbundle.sources.probe_tls import MAX_FLIGHT, Flight, certificate_rows, shake

MAX_BODY = 64 << 10
_KEPT = (
    "server",
    "content-type",
    "location",
    "via",
    "proxy-authenticate",
    "www-authenticate",
    "x-squid-error",
    "retry-after",
    "content-length",
    "date",
)
_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,500}?)</title", re.IGNORECASE | re.DOTALL)
_PROXY_SAYS = {
    403: ("forbidden", "the proxy does not let us go there"),
    407: ("proxy_wants_login", "the proxy asks for a user name; the one of the configuration was not sent"),
    502: ("proxy_upstream", "the proxy could not reach it"),
    503: ("proxy_upstream", "the proxy could not reach it"),
    504: ("proxy_upstream", "the proxy got no answer from it"),
}


@dataclass
class Page:
    """The head of an HTTP answer and a little of its body."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    title: str = ""
    html: bool = False

    def row(self) -> dict[str, object]:
        """For the evidence: no cookies, no body."""
        return {"status": self.status, "reason": self.reason, "headers": self.headers, "title": self.title, "html": self.html}


def page_of(data: bytes) -> Page | None:
    """The page that an answer begins with; None where it is not HTTP."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    begin = re.match(r"HTTP/\d(?:\.\d)? (\d{3})(?: (.{0,100}))?", lines[0])
    if not begin:
        return None
    pairs = (line.partition(":") for line in lines[1:100])
    headers = {key.strip().lower(): value.strip()[:300] for key, _, value in pairs}
    title = _TITLE.search(body[:MAX_BODY])
    return Page(
        status=int(begin[1]),
        reason=begin[2] or "",
        headers={key: value for key, value in headers.items() if key in _KEPT},
        title=" ".join(title[1].decode("utf-8", "replace").split())[:200] if title else "",
        html="html" in headers.get("content-type", "") or body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")),
    )


def http(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """GET a page over a plain connection. A page over TLS is the business of the host's own `curl`."""
    url = urlsplit(probe.target if "//" in probe.target else f"http://{probe.target}")
    if url.scheme != "http" or not url.hostname:
        raise ValueError(f"only http:// can be asked without a TLS library: {url.scheme}://{url.hostname}")
    name, port = url.hostname, url.port or 80
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if re.search(r"[\s\x00-\x1f]", path):
        raise ValueError("white space in the path")
    found = addresses_of(host, name, clock)
    yield from found.rows()
    rows: list[Row] = []
    attempt = first_connected(found.addresses, port, clock, rows)
    yield from rows
    if attempt and attempt.socket:
        with attempt.socket:
            server = url.netloc.rpartition("@")[2]
            request = f"GET {path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: diagbundle\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            yield {"address": attempt.address.text, "port": port} | _get(Stream(attempt.socket, clock.step(), MAX_BODY), request)


def _get(stream: Stream, request: str) -> dict[str, object]:
    started = time.monotonic()
    row: dict[str, object] = {"what": "http", "outcome": "silent", "detail": "connected, but no answer to a request"}
    try:
        stream.send(request.encode("ascii", "replace"))
        stream.until(lambda _: False)
    except TimeoutError:
        pass
    except UNREADABLE as error:
        row["detail"] = str(error)[:200]
        row["outcome"] = "closed" if isinstance(error, OSError) else "too_long"
    data = bytes(stream.data)
    page = page_of(data)
    row |= {"ms": milliseconds(started), "bytes": len(data)}
    if page:
        return row | page.row() | {"outcome": "answered", "detail": ""}
    if data:
        return row | {"outcome": "not_http", "detail": f"something else than HTTP came back: {data[:60]!r}"}
    return row


def proxy(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """Reach `host:port` directly and by CONNECT through the option `proxy`; compare the certificates of both ways."""
    options = dict(probe.options)
    if "proxy" not in options:
        raise ValueError("which proxy? it wants the option 'proxy'")
    name, port = split(probe.target, 443)
    chains: dict[str, list[bytes]] = {}
    for way in ("direct", "proxy"):
        rows = _direct(host, name, port, clock) if way == "direct" else _through(host, options["proxy"], name, port, clock)
        for row in rows:
            if isinstance(row, Flight):
                chains[way] = row.chain
                yield {"way": way} | row.row()
                yield from ({"way": way} | dict(certificate) for certificate in certificate_rows(row, name))
            else:
                yield {"way": way} | dict(row)
    yield compared(chains)


def compared(chains: dict[str, list[bytes]]) -> Row:
    """Whether both ways show the same server: another issuer means that somebody in between decrypts."""
    from diagbundle.sources import x509  # noqa: PLC0415

    row: dict[str, object] = {"what": "compare"}
    if not chains.get("direct") or not chains.get("proxy"):
        return row | {"outcome": "undecided", "detail": "the certificates of both ways are needed; one or both did not come"}
    issuers = {way: x509.from_der(chain[0]).get("issuer", "") for way, chain in chains.items()}
    prints = {way: hashlib.sha256(chain[0]).hexdigest() for way, chain in chains.items()}
    row |= {"issuer_direct": issuers["direct"], "issuer_proxy": issuers["proxy"]}
    if prints["direct"] == prints["proxy"]:
        return row | {"outcome": "same_certificate", "detail": ""}
    if issuers["direct"] == issuers["proxy"]:
        return row | {"outcome": "same_issuer", "detail": "another certificate of the same issuer: another server of the same owner"}
    return row | {
        "outcome": "intercepted",
        "detail": f"TLS interception: directly issued by {issuers['direct']}, through the proxy by {issuers['proxy']}",
    }


def _direct(host: Host, name: str, port: int, clock: Clock) -> Iterator[Row | Flight]:
    found = addresses_of(host, name, clock)
    yield from found.rows()
    rows: list[Row] = []
    attempt = first_connected(found.addresses, port, clock, rows)
    yield from rows
    if attempt and attempt.socket:
        with attempt.socket:
            yield shake(Stream(attempt.socket, clock.step(), MAX_FLIGHT), name)


def _through(host: Host, proxy_at: str, name: str, port: int, clock: Clock) -> Iterator[Row | Flight]:
    proxy_name, proxy_port = split(proxy_at, 3128)
    found = addresses_of(host, proxy_name, clock)
    yield from found.rows()
    rows: list[Row] = []
    attempt = first_connected(found.addresses, proxy_port, clock, rows)
    yield from rows
    if attempt and attempt.socket:
        with attempt.socket:
            stream = Stream(attempt.socket, clock.step(), MAX_FLIGHT)
            row = connect(stream, f"[{name}]:{port}" if numeric(name) and ":" in name else f"{name}:{port}")
            yield row
            if row["outcome"] == "tunnel":
                stream.clock = clock.step()
                yield shake(stream, name)


def connect(stream: Stream, to: str) -> dict[str, object]:
    """Ask a proxy for a tunnel; what follows the head of its answer stays in the stream."""
    started = time.monotonic()
    row: dict[str, object] = {
        "what": "connect_through",
        "to": to,
        "outcome": "silent",
        "detail": "the proxy took the connection, but did not answer CONNECT",
    }
    try:
        stream.send(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: diagbundle\r\n\r\n".encode())
        data = stream.until(lambda data: b"\r\n\r\n" in data)
    except TimeoutError:
        return row | {"ms": milliseconds(started)}
    except UNREADABLE as error:
        return row | {"outcome": "error", "detail": str(error)[:200], "ms": milliseconds(started)}
    page = page_of(data)
    row["ms"] = milliseconds(started)
    if not page:
        return row | {"outcome": "not_http" if data else "closed", "detail": f"not the answer of a proxy: {data[:60]!r}"}
    outcome, detail = answer_to_connect(page)
    if outcome == "tunnel":
        stream.take(data.index(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else len(data))
    return row | page.row() | {"outcome": outcome, "detail": detail}


def answer_of_proxy(page: Page) -> tuple[str, str]:
    """What a proxy says in its own name: outcome and detail, empty where it is no such answer."""
    if page.status not in _PROXY_SAYS:
        return "", ""
    outcome, detail = _PROXY_SAYS[page.status]
    return outcome, f"{page.status}: {detail}"


def answer_to_connect(page: Page) -> tuple[str, str]:
    """What a proxy's answer to CONNECT means."""
    if page.status == 200 and not page.html:
        return "tunnel", ""
    if page.status in _PROXY_SAYS:
        return answer_of_proxy(page)
    if (page.html and page.status < 400) or 300 <= page.status < 400:
        leads = page.title or page.headers.get("location", "")
        return "captive_portal", f"{page.status}: a page for people came back in place of a tunnel: {leads}"
    return "proxy_error", f"{page.status} {page.reason}"
