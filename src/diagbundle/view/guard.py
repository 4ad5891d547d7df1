"""Who may look: the one person who has the address that was printed, with pages of ours only.

Everybody on this machine can reach a port on loopback, and so can every page that is open in the person's browser. So: a token that
works once and becomes a cookie; a cookie that only our pages send; a name of host that is ours, or a page elsewhere has had its name
point to us; and no answer to what another site's page asks for.
"""

from __future__ import annotations

import secrets
import sys
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diagbundle.report.page import render

LOOPBACK = "127.0.0.1"
_OURS = ("same-origin", "none")
"""Values of Sec-Fetch-Site of what our own pages, or the person, asks for."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Stands before the application: an ASGI middleware."""

    def __init__(self, app: ASGIApp, port: int, place: str, only: int | None = None) -> None:
        """With `only`, the token is taken from that user's programs alone: who else has it saw it in the list of processes."""
        self._app, self._port, self._only = app, port, only
        self.place = place
        """Folder of all pages: the cookie is for this path, so another port of this host, whose it may be, does not get it."""
        self._hosts = {f"{LOOPBACK}:{port}", f"localhost:{port}"}
        self._cookie_name = f"diagbundle-{port}"  # browsers send the cookies of a host to all of its ports
        self._cookie = secrets.token_urlsafe(32)
        self._token = secrets.token_urlsafe(32)
        self.address = f"http://{LOOPBACK}:{port}/?token={self._token}"
        """What the person opens."""
        self._headers = {**HEADERS, "Content-Security-Policy": f"{render('view_policy.txt').strip()}; frame-ancestors 'none'"}

    @staticmethod
    def new_place() -> str:
        """A name of the folder of all pages that nobody knows."""
        return secrets.token_urlsafe(9)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or say why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to who may not look, or comes with the token."""
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self._hosts or len(headers.getlist("host")) != 1:
            return _said(421, "This server has no such name.", "Open the address that was printed, as it stands.")
        if scope["method"] not in ("GET", "HEAD"):
            return _said(405, "This server only shows.", "Nothing can be sent to it.", {"Allow": "GET, HEAD"})
        if not self._is_ours(headers):
            return _said(403, "Another site's page asked for this.", "Only the pages of this server may.")
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token") if scope["path"] == "/" else None
        if token:
            return self._exchanged(token[0], scope)
        if not self._has_cookie(headers):
            return _said(
                403,
                "This browser has not been let in.",
                "Open the address that was printed when `diagbundle view` began. It works once, in one browser; to look with another one,"
                " end the program with Ctrl-C and begin again. If you have just opened it from a page of another site, go on here:",
                again=scope["path"] != "/",
            )
        return None

    def _is_ours(self, headers: Headers) -> bool:
        """Whether a page of ours asks, or the person goes there: links of other sites end at the cookie, which they don't send."""
        if "origin" in headers and headers["origin"].lower() not in {f"http://{host}" for host in self._hosts}:
            return False
        site = headers.get("sec-fetch-site", "none")
        goes_there = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
        return site in _OURS or goes_there

    def _exchanged(self, token: str, scope: Scope) -> Response:
        """The cookie for the token, which is worth nothing from then on."""
        if self._only is not None and self._only != _user(scope["client"][1], self._port):
            return _said(403, "This address is another user's.", "A browser of whoever began `diagbundle view` was given it.")
        if not self._token or not secrets.compare_digest(token.encode("utf-8", "replace"), self._token.encode()):
            why = "It was used already: if it was not you, end the program now." if not self._token else "Copy the whole address."
            return _said(403, "This address does not work.", why)
        self._token = ""
        response = RedirectResponse(f"/{self.place}/", 303)
        response.set_cookie(self._cookie_name, self._cookie, path=f"/{self.place}/", httponly=True, samesite="strict")
        return response

    def _has_cookie(self, headers: Headers) -> bool:
        given = cookie_parser(headers.get("cookie", "")).get(self._cookie_name, "")
        return secrets.compare_digest(given.encode("utf-8", "replace"), self._cookie.encode())


def _user(port: int, ours: int) -> int | None:
    """Number of the user whose socket on loopback is connected from this port to ours: proc(5), /proc/net/tcp."""
    loopback = int.from_bytes(bytes(map(int, LOOPBACK.split("."))), sys.byteorder)
    ends = [f"{loopback:08X}:{port:04X}", f"{loopback:08X}:{ours:04X}"]
    with open("/proc/net/tcp", encoding="ascii") as sockets:
        return next((int(words[7]) for words in map(str.split, sockets) if words[1:3] == ends), None)


def _said(status: int, what: str, why: str, headers: dict[str, str] | None = None, *, again: bool = False) -> Response:
    return HTMLResponse(render("view_refused.html", what=what, why=why, again=again), status, headers)
