"""The live page's WebSocket, /api/live: pictures of a camera in, skeletons and numbers out.

The client sends JSON texts with settings, and JPEG pictures as binary messages, each behind 8
bytes: when it was taken, in milliseconds of the client's clock, as a little-endian double.

1. The first text has the settings, `Wish`; those that it leaves out have their defaults.
2. The server answers ``{"ready": true, "skeleton": ..., "exercises": [...], ...}`` when the models
   are loaded.
3. For each picture it answers ``{"time_ms": ..., "took_ms": ..., "dropped": ...}`` and what
   `kinetrace.live.plain.seen_data` lists. At most one picture waits: a newer one takes its place,
   and it is never answered (`dropped` counts those), so that nothing lags behind.
4. Another text with settings begins anew with them, and is answered as the first one was.

What cannot be understood ends the connection with ``{"detail": "what to do"}`` and a close code.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from kinetrace.errors import KinetraceError, MissingExtraError
from kinetrace.estimators import Estimator, Options
from kinetrace.frames import Frame
from kinetrace.live.plain import seen_data, skeleton_data
from kinetrace.live.session import DOINGS, Session
from kinetrace.pipeline import load_estimator
from kinetrace.web._live_messages import (
    BROKEN,
    MOST_BYTES,
    REFUSED,
    TOO_BIG,
    TRY_LATER,
    Refusal,
    Wish,
    read_picture,
    read_wish,
)
from kinetrace.web.wording import public

router = APIRouter()

# Each connection has models of its own, since they follow its people. Two is somebody who reloads
# the page, or has it in a second window; more would only slow each other down.
MOST_CONNECTIONS = 2
# Whoever sends nothing for so long has gone, and the models are of use to others.
IDLE_S = 120.0

_LONGEST_REASON_BYTES = 123


class _Models:
    """The models and the session of one connection; used from its one thread."""

    def __init__(self) -> None:
        self._estimator: Estimator | None = None
        self._loaded: tuple[object, ...] = ()
        self._session: Session | None = None
        self._first_ms = math.nan
        self._number = 0

    def begin(self, wish: Wish) -> dict[str, Any]:
        """Begin anew; models that are loaded are kept where they are the same."""
        wanted = wish.backend, wish.model, wish.max_people
        if self._estimator is None or self._loaded != wanted:
            self.close()
            self._estimator, self._loaded = _load(wish), wanted
        self._session = Session(
            self._estimator,
            exercise=wish.exercise,  # type: ignore[arg-type]  # `read_wish` has checked it
            space=wish.space,  # type: ignore[arg-type]
            person_height_m=wish.person_height_m,
        )
        self._first_ms, self._number = math.nan, 0
        return {
            "ready": True,
            "settings": dataclasses.asdict(wish),
            "skeleton": skeleton_data(self._estimator.skeleton),
            "exercises": list(DOINGS),
        }

    def look(self, data: bytes) -> dict[str, Any]:
        """Look at the next picture."""
        assert self._session is not None
        began_s = time.perf_counter()
        time_ms, image = read_picture(data)
        if math.isnan(self._first_ms):
            self._first_ms = time_ms
        try:
            seen = self._session.update(
                Frame(image, self._number, (time_ms - self._first_ms) / 1000)
            )
        except ValueError as error:
            raise Refusal("The times of the pictures must rise.") from error
        self._number += 1
        took_ms = round(1000 * (time.perf_counter() - began_s), 1)
        return {"time_ms": time_ms, "took_ms": took_ms, **seen_data(seen)}

    def close(self) -> None:
        """Free the models."""
        if self._estimator is not None:
            self._estimator.close()
            self._estimator = None


def _load(wish: Wish) -> Estimator:
    options = Options(model=wish.model, max_people=wish.max_people, quality="fast", quiet=True)
    try:
        return load_estimator(wish.backend, options)
    except MissingExtraError as error:
        raise Refusal(str(error), REFUSED) from error
    except KinetraceError as error:
        name = wish.model or wish.backend
        raise Refusal(f"{name} cannot be loaded: {public(str(error))}", REFUSED) from error


class _Inbox:
    """What a client sent last: at most one picture waits, and settings are never lost."""

    def __init__(self) -> None:
        self.dropped = 0
        self._wish: Wish | None = None
        self._picture: bytes | None = None
        self._error: BaseException | None = None
        self._changed = asyncio.Event()

    def put(self, message: Wish | bytes) -> None:
        """Take a message; an older picture that still waits is dropped."""
        self.dropped += self._picture is not None
        self._picture = None
        if isinstance(message, Wish):
            self._wish = message
        else:
            self._picture = message
        self._changed.set()

    def end(self, error: BaseException) -> None:
        """Have the reader end with an error."""
        self._error = error
        self._changed.set()

    async def get(self) -> Wish | bytes:
        """Wait for the next message; settings come before the picture that was sent after them."""
        while True:
            if self._error is not None:
                raise self._error
            if self._wish is not None:
                wish, self._wish = self._wish, None
                return wish
            if self._picture is not None:
                picture, self._picture = self._picture, None
                return picture
            self._changed.clear()
            await self._changed.wait()


@router.websocket("/api/live")
async def live(socket: WebSocket) -> None:
    """Serve one client; see the head of this module."""
    await socket.accept()
    open_now: set[WebSocket] = _open_connections(socket)
    try:
        if len(open_now) >= MOST_CONNECTIONS:
            raise Refusal(
                f"{MOST_CONNECTIONS} live pages are open already. Close one, and start again.",
                TRY_LATER,
            )
        open_now.add(socket)
        await _serve(socket)
    except Refusal as refusal:
        await _close(socket, str(refusal), refusal.code)
    except (WebSocketDisconnect, asyncio.CancelledError):
        raise
    except Exception:
        await _close(socket, "The server failed. Start again; its window has more.", BROKEN)
        raise  # a bug keeps its traceback, on the server's side
    finally:
        open_now.discard(socket)


def _open_connections(socket: WebSocket) -> set[WebSocket]:
    state = socket.app.state
    if not hasattr(state, "live_connections"):
        state.live_connections = set()
    found: set[WebSocket] = state.live_connections
    return found


async def _serve(socket: WebSocket) -> None:
    inbox = _Inbox()
    receiving = asyncio.create_task(_receive(socket, inbox))
    loop = asyncio.get_running_loop()
    models = _Models()
    # One thread: what follows people from frame to frame must be used from one at a time.
    with ThreadPoolExecutor(1, thread_name_prefix="kinetrace-live") as thread:
        try:
            await _answer(socket, inbox, models, thread)
        except WebSocketDisconnect:
            return
        finally:
            receiving.cancel()
            await asyncio.shield(loop.run_in_executor(thread, models.close))


async def _receive(socket: WebSocket, inbox: _Inbox) -> None:
    try:
        while True:
            inbox.put(_understood(await asyncio.wait_for(socket.receive(), IDLE_S)))
    except asyncio.TimeoutError:
        inbox.end(
            Refusal(f"Nothing came for {IDLE_S / 60:g} minutes. Press Start to go on.", TRY_LATER)
        )
    except Exception as error:  # noqa: BLE001 - it is raised where the answers are made
        inbox.end(error)


def _understood(message: Any) -> Wish | bytes:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text, data = message.get("text"), message.get("bytes")
    if text is not None:
        return read_wish(text)
    if len(data) > MOST_BYTES:
        raise Refusal(f"A picture must have {MOST_BYTES} bytes at most.", TOO_BIG)
    return bytes(data)


async def _answer(
    socket: WebSocket, inbox: _Inbox, models: _Models, thread: ThreadPoolExecutor
) -> None:
    loop = asyncio.get_running_loop()
    has_begun = False
    while True:
        message = await inbox.get()
        if isinstance(message, Wish):
            answer = await loop.run_in_executor(thread, models.begin, message)
            has_begun = True
        elif has_begun:
            answer = await loop.run_in_executor(thread, models.look, message)
            answer["dropped"] = inbox.dropped
        else:
            raise Refusal("The settings must come before the first picture.")
        await socket.send_text(json.dumps(answer, allow_nan=False, separators=(",", ":")))


async def _close(socket: WebSocket, detail: str, code: int) -> None:
    """Say why, and close; whoever has gone already is left alone."""
    try:
        await socket.send_text(json.dumps({"detail": detail}))
        reason = detail.encode()[:_LONGEST_REASON_BYTES].decode(errors="ignore")
        await socket.close(code, reason)
    except (WebSocketDisconnect, RuntimeError):  # RuntimeError: it was closed meanwhile
        return
