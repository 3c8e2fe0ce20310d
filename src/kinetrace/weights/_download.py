"""Download of a file over HTTP: quick to give up on a host that is not there, and it resumes."""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinetrace.weights._progress import ReportBytes

CONNECT_TIMEOUT_S = 3.0
STALL_TIMEOUT_S = 30.0
_MAX_ATTEMPTS = 5
_CHUNK_BYTES = 1 << 18

_Address = tuple[Any, ...]


class Unavailable(Exception):  # noqa: N818
    """A source does not give what it should; the text is the reason. Never leaves the package."""


def download(url: str, part: Path, *, report: ReportBytes) -> None:
    """Download a file, going on where `part` ends, and again after each cut connection.

    What `part` held before is not checked here: the caller compares the sha256 of the whole.

    Parameters
    ----------
    url
        Address, http or https.
    part
        File that grows; it stays when the download fails, for the next call.
    report
        Called with the bytes that are there and the bytes in all (None: not known).

    Raises
    ------
    Unavailable
        If the server cannot be reached within `CONNECT_TIMEOUT_S`, refuses, sends nothing for
        `STALL_TIMEOUT_S`, or cuts the connection without having sent anything new.
    OSError
        If `part` cannot be written.
    """
    for _ in range(_MAX_ATTEMPTS):
        before = _size_bytes(part)
        reason = _continue(url, part, report)
        if reason is None:
            return
        if _size_bytes(part) <= before:
            break
    raise Unavailable(f"{reason}; {_size_bytes(part)} bytes are kept to go on from")


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _continue(url: str, part: Path, report: ReportBytes) -> str | None:
    """Make one request for the rest of the file; return None when it is whole, else why not."""
    start = _size_bytes(part)
    with _open(url, start) as response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT or not _continues(response, start):
            start = 0  # the server sends the whole file, whatever was asked for
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        done = start
        with part.open("ab" if start else "wb") as file:
            try:
                for chunk in _chunks(response):
                    file.write(chunk)
                    done += len(chunk)
                    report(done, total)
            except _Cut as cut:
                return str(cut)
    if total is not None and done < total:
        return f"the connection was cut after {done} of {total} bytes"
    return None


def _continues(response: http.client.HTTPResponse, start: int) -> bool:
    found = response.headers.get("Content-Range", "")
    if found.startswith(f"bytes {start}-"):
        return True
    raise Unavailable(f"asked for bytes from {start}, and the server sent {found or 'others'!r}")


class _Cut(Exception):  # noqa: N818
    """The connection broke while the file was being read."""


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(_CHUNK_BYTES)
        except TimeoutError:
            raise _Cut(f"nothing came for {STALL_TIMEOUT_S:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(f"the connection was cut ({_reason(error)})") from error
        if not chunk:
            return
        yield chunk


def _open(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "kinetrace", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    opener = urllib.request.build_opener(_HTTPHandler, _HTTPSHandler)
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        response: http.client.HTTPResponse = opener.open(request, timeout=CONNECT_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if start and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return _open(url, 0)
            raise Unavailable(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(_reason(error)) from error
    return response


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.URLError):
        inner = error.reason
        return _reason(inner) if isinstance(inner, BaseException) else str(inner)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


class _HTTPConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self._create_connection = _connect
        super().connect()


class _HTTPSConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        self._create_connection = _connect
        super().connect()


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPConnection, req)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPSConnection, req)


def _connect(
    address: tuple[str, int], timeout: float, source_address: _Address | None = None
) -> socket.socket:
    """Connect within `timeout` seconds in all, name look-up and all addresses together.

    `socket.create_connection` spends its time-out on each address anew, and a large host has
    twenty. Here an address gets half of the time that is left, so that a dead first one (IPv6
    without a route) does not take the others' turn.
    """
    deadline = time.monotonic() + timeout
    candidates = _look_up(*address, timeout)
    failure: OSError = TimeoutError(f"no connection within {timeout:g} s")
    for number, (family, kind, protocol, _, place) in enumerate(candidates, start=1):
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left_s if number == len(candidates) else left_s / 2)
            if source_address:
                sock.bind(source_address)
            sock.connect(place)
        except TimeoutError:
            sock.close()
        except OSError as error:
            failure = error
            sock.close()
        else:
            sock.settimeout(STALL_TIMEOUT_S)
            return sock
    raise failure


def _look_up(host: str, port: int, timeout: float) -> list[_Address]:
    """Resolve a name; in a thread, as the system's look-up knows no time-out."""
    answers: queue.SimpleQueue[list[_Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, name=f"look up {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"the name {host} was not resolved within {timeout:g} s") from None
    if isinstance(answer, OSError):
        raise answer
    return _alternate(answer)


def _alternate(addresses: list[_Address]) -> list[_Address]:
    """Put addresses of another family in second place, in case the first family has no route."""
    first = [a for a in addresses if a[0] == addresses[0][0]]
    others = [a for a in addresses if a[0] != addresses[0][0]]
    return [*first[:1], *others[:1], *first[1:], *others[1:]]
