"""To whom the server answers, and with what headers.

Whoever listens on a port of this machine is spoken to by every web page that is open in its
browser. So a request must be for this host by name (a foreign name that has been made to point here
is refused: DNS rebinding), and where a browser says what page it comes from, from our own.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinetrace.web.config import Config

COOKIE = "kinetrace_token"
UPLOAD = ("POST", "/api/jobs")

_BODY_BYTES = 2_000_000  # of anything but an upload
_ENVELOPE_BYTES = 100_000  # of an upload: what is around the file
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
_HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
_ASKS = (
    "This server asks for its token: open the address that it printed when it was started, with "
    "?token= in it, or send the token as Authorization: Bearer."
)


class Guard:
    """An ASGI application around another one, that lets in what may come in."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app, self._config = app, config
        self._names = _names_of(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope)
        if scope["type"] == "websocket":
            if answer is None:
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": "not allowed"})
            return
        send = _with_headers(send)
        if answer is None:
            await self._app(scope, _limited(receive, self._most_bytes(scope)), send)
        else:
            await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return _no(
                421,
                "This server does not go by that name: use the address that it printed when it "
                "was started.",
            )
        if _is_foreign(scope, headers):
            return _no(403, "Another web page may not ask this: open the page of this server.")
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return _no(400, "The header Content-Length is no number.")
        if scope["type"] == "http" and int(length[:20]) > self._most_bytes(scope):
            return too_large(self._most_bytes(scope))
        return self._without_token(scope, headers)

    def _is_ours(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or "" if _is_plain(host) else ""
        return name in self._names or (self._config.token is not None and _is_address(name))

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        token = self._config.token
        if token is None:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        shown = dict(query).get("token")
        if shown is not None and scope["type"] == "http" and not scope["path"].startswith("/api/"):
            if not _same(shown, token):
                return _no(401, _ASKS)
            return _with_cookie(
                scope["path"], [pair for pair in query if pair[0] != "token"], token
            )
        kind, _, given = headers.get("authorization", "").partition(" ")
        if (kind.lower() == "bearer" and _same(given.strip(), token)) or _same(
            _cookies(headers).get(COOKIE, ""), token
        ):
            return None
        answer = _no(401, _ASKS)
        answer.headers["www-authenticate"] = "Bearer"
        return answer

    def _most_bytes(self, scope: Scope) -> int:
        if (scope["method"], scope["path"]) == UPLOAD:
            return self._config.limits.upload_bytes + _ENVELOPE_BYTES
        return _BODY_BYTES


def _names_of(config: Config) -> frozenset[str]:
    names = {"localhost", "127.0.0.1", "::1", config.host, *config.names}
    if config.token is not None:
        names.add(socket.gethostname())
    return frozenset(name.lower() for name in names)


def _is_plain(host: str) -> bool:
    try:
        urlsplit(f"//{host}").port  # noqa: B018 - raises where it is no number
    except ValueError:
        return False
    return not set(host) & set("/@?#\\ ")


def _is_address(name: str) -> bool:
    """Tell whether a name is a number: nobody can make that point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Tell whether a browser says that another page than ours sends this."""
    origin = headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != headers["host"].lower():
        return True
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return False
    # Somebody may follow a link to our pages; nothing else, not even a picture.
    is_visit = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") in _SAFE_METHODS
    return not is_visit or scope["path"].startswith("/api/")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _cookies(headers: Headers) -> Mapping[str, str]:
    try:
        found = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}


def _with_cookie(path: str, query: list[tuple[str, str]], token: str) -> Response:
    """Remember the token, and take it out of the address."""
    # A path that begins with two slashes would be another host's.
    target = "/" + quote(path.lstrip("/\\")) + (f"?{urlencode(query)}" if query else "")
    answer = RedirectResponse(target, status_code=303)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return answer


def _no(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status)


def too_large(most_bytes: int) -> Response:
    """Return the answer to what is larger than it may be."""
    return _no(413, f"That is too large: {most_bytes / 1e6:,.1f} MB are allowed.")


def _limited(receive: Receive, most_bytes: int) -> Receive:
    """Count what comes in: a client need not say how much it will send, or say it truly."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most_bytes:
            raise HTTPException(413, f"That is too large: {most_bytes / 1e6:,.1f} MB are allowed.")
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
