"""A real server on a real port, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import waiting


@contextmanager
def serving(folder: Path, *, token: str | None = None, **limits: Any) -> Iterator[int]:
    """Run the server in a thread, and yield its port on this machine.

    Parameters
    ----------
    folder
        Where it keeps what it has.
    token
        What it asks for.
    limits
        See `kinetrace.web.config.Limits`.
    """
    import uvicorn

    from kinetrace.web import create_app
    from kinetrace.web.config import Config, Limits

    app = create_app(Config(folder=folder, token=token, limits=Limits(**limits)))
    settings = uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=15)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        waiting.wait_for(lambda: server.started or not thread.is_alive(), "the server to start")
        assert server.started, "the server did not start"
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(waiting.PATIENCE_S)
        assert not thread.is_alive(), "the server did not end"
