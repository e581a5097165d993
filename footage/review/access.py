"""Who may use the app: whoever opened a one-time address, from a page of the app itself.

Every web page that is open in the same browser can send requests to loopback, and every name of a stranger can point
there. So each request has to name this host, carry the cookie that no other site's page gets sent along, come from
this origin, and change something only as JSON, which no form can send.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 64 << 10
# Invitations that nobody used, and browsers: the oldest goes.
_MOST = 200
_SAFE = frozenset({"GET", "HEAD"})
# Of the page, the app itself and nothing else: no script inside it, no frame around it, no address elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


@dataclass(frozen=True)
class Addresses:
    """Where the app is reached: on this machine, and from elsewhere through a proxy where there is one."""

    port: int
    # Such as https://review.example.com, without a path.
    public: str | None = None

    @property
    def origin(self) -> str:
        """What a browser calls this app."""
        return self.public.rstrip("/") if self.public else f"http://127.0.0.1:{self.port}"

    @property
    def origins(self) -> frozenset[str]:
        """All that it may be called."""
        local = {f"http://{name}:{self.port}" for name in ("127.0.0.1", "localhost")}
        return frozenset({self.origin.lower()} if self.public else local)

    @property
    def hosts(self) -> frozenset[str]:
        """What the Host header of a request may be."""
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    @property
    def cookie(self) -> str:
        """The cookie's name; a port of its own, because browsers do not tell ports of a host apart."""
        return "__Host-wan-video-review" if self.secure else f"wan-video-review-{self.port}"

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by TLS."""
        return self.origin.startswith("https://")


class Access:
    """The invitations that are open and the browsers that used one; in memory, so a restart ends both."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._lock = threading.Lock()
        self._invitations: OrderedDict[str, None] = OrderedDict()
        self._sessions: OrderedDict[str, None] = OrderedDict()

    def invite(self, path: str = "/") -> str:
        """An address that lets one browser in, once."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            _add(self._invitations, token)
        return f"{self.addresses.origin}{path}?invitation={token}"

    def admit(self, token: str) -> str | None:
        """The cookie of a browser that came with this invitation, which is used up by that; None: it is none."""
        with self._lock:
            known = _find(self._invitations, token)
            if known is None:
                return None
            del self._invitations[known]
            session = secrets.token_urlsafe(32)
            _add(self._sessions, session)
            return session

    def knows(self, cookies: str) -> bool:
        """Whether a Cookie header has the cookie of a browser that was let in."""
        try:
            found = SimpleCookie(cookies).get(self.addresses.cookie)
        except CookieError:
            return False
        with self._lock:
            return found is not None and _find(self._sessions, found.value) is not None


def _add(kept: OrderedDict[str, None], token: str) -> None:
    kept[token] = None
    while len(kept) > _MOST:
        kept.popitem(last=False)


def _find(kept: OrderedDict[str, None], token: str) -> str | None:
    # Compared in a time that does not tell how much of it is right.
    given = token.encode(errors="replace")
    return next((one for one in kept if secrets.compare_digest(one.encode(), given)), None)


class Guard:
    """ASGI middleware that lets nothing through but requests of pages of this app."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = self._refusal(scope) or self._admission(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await (answer or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not of a page of this app, whoever sends it."""
        headers, addresses = Headers(scope=scope), self._access.addresses
        if headers.getlist("host") != [headers.get("host")] or headers["host"].lower() not in addresses.hosts:
            return refusal(403, "This is no address of the review app.")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in addresses.origins:
            return refusal(403, "Another site's page may not use the review app.")
        # Another port of this host is the same site, and gets the cookie sent along.
        foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if foreign and headers.get("sec-fetch-mode") != "navigate":
            return refusal(403, "Another site's page may not use the review app.")
        if scope["method"] in _SAFE:
            return None
        if origin is None or foreign:
            return refusal(403, "Only a page of the review app may change something.")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return refusal(415, "Only JSON is read.")
        length = headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BODY_BYTES:
            return refusal(413, f"At most {MOST_BODY_BYTES:,} bytes are read.")
        return None

    def _admission(self, scope: Scope) -> Response | None:
        """The answer to a browser that was not let in yet; None to one that was."""
        request = Request(scope)
        token = request.query_params.get("invitation")
        if token is not None and request.method == "GET":
            session = self._access.admit(token)
            if session is not None:
                return self._welcome(request, session)
        # Style and script are the same for everybody.
        if self._access.knows(request.headers.get("cookie", "")) or request.url.path.startswith("/static/"):
            return None
        if request.url.path.startswith("/api/") or request.method not in _SAFE:
            return refusal(401, "Open the address that wan-video review prints.")
        return HTMLResponse(_DOOR, status_code=401)

    def _welcome(self, request: Request, session: str) -> Response:
        # Sent on to the same page, so that the address in the history opens nothing.
        # With one slash at its beginning, it is of this host whatever follows.
        answer = RedirectResponse("/" + request.url.path.lstrip("/"), status_code=303)
        answer.set_cookie(
            self._access.addresses.cookie,
            session,
            httponly=True,
            samesite="strict",
            secure=self._access.addresses.secure,
            path="/",
        )
        return answer


def refusal(status: int, message: str) -> Response:
    """An answer that says no in words."""
    return JSONResponse({"error": {"message": message}}, status_code=status)


# A browser sends no cookie along with the first click on a link of another site; the second click is of this page.
_DOOR = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Review</title><link rel="stylesheet" href="/static/review.css">
<link rel="icon" href="/static/icon.svg"></head>
<body><main class="door"><h1>Review</h1>
<p>This browser was not let in, or comes from another site. <a href="">Go on</a>, or open the address that
<code>wan-video review</code> prints; each one lets one browser in.</p></main></body></html>
"""
