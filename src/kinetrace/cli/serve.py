"""``kinetrace serve``: the page in the browser, on one's own machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kinetrace.cli._show import command

if TYPE_CHECKING:
    import socket
    from types import FrameType

    import uvicorn
    from fastapi import FastAPI

    from kinetrace.web import Config

EXAMPLES = (
    "kinetrace serve",
    "kinetrace serve --folder study/ --keep-days 0",
    "kinetrace serve --host 0.0.0.0 --no-open  # for others: they need the token",
)


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    name: list[str] | None = None,
    folder: Path | None = None,
    keep_days: float = 30.0,
    storage_gb: float = 20.0,
    upload_gb: float = 2.0,
    duration_s: float = 3600.0,
    token: Annotated[bool, Parameter(negative=())] = False,
    open_browser: Annotated[bool, Parameter(name="--open", negative="--no-open")] = True,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Open the page in the browser: drop a film, open the camera, see and correct what is found.

    Nothing leaves this machine. What is uploaded to the page, and what is made of it, is kept in a
    folder until you delete it or it is old. Ctrl-C ends the server; what was under way is done
    when it is started again.

    Parameters
    ----------
    host
        The address to listen on. Anything but this machine's own (127.0.0.1) can be reached by
        others, who then need the token in the address that is printed.
    port
        The port; 0 is any that is free.
    name
        What others call this machine in the address, where it is not its own name or number; and
        another name if given again.
    folder
        Where jobs are kept, instead of the usual place.
    keep_days
        Jobs are deleted so many days after they were uploaded; 0 keeps them.
    storage_gb
        How much may be kept in all, in gigabytes.
    upload_gb
        How large a file may be, in gigabytes.
    duration_s
        How long a film may be, in seconds.
    token
        Ask for a token on this machine's own address, too: others may be logged in to it.
    open_browser
        Open the page in the browser.
    quiet
        Print the address only.
    """
    import secrets

    from kinetrace.web import Config, create_app
    from kinetrace.web.config import Limits, is_loopback

    limits = Limits(
        upload_bytes=round(upload_gb * 1e9),
        duration_s=duration_s,
        storage_bytes=round(storage_gb * 1e9),
        keep_days=keep_days,
    )
    with _listen(host, port) as listener:
        config = Config(
            folder=(folder or _usual_folder()).expanduser().absolute(),
            host=host,
            port=listener.getsockname()[1],
            names=tuple(name or ()),
            token=secrets.token_urlsafe(24) if token or not is_loopback(host) else None,
            limits=limits,
        )
        app = create_app(config)
        _serve(app, config, listener, open_browser=open_browser, quiet=quiet)


def _usual_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("kinetrace", appauthor=False)) / "serve"


def _listen(host: str, port: int) -> socket.socket:
    import socket
    import sys

    from kinetrace.errors import KinetraceError

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":  # where it would let two servers have the same port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(128)  # whoever is quicker than the server's start waits
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise KinetraceError(
            f"cannot listen on {host}, port {port}: {reason}; choose another --port"
        ) from error
    return listener


def _serve(
    app: FastAPI, config: Config, listener: socket.socket, *, open_browser: bool, quiet: bool
) -> None:
    server = _make_server(app)
    address = _address(config)
    print(f"Kinetrace is at {address}", flush=True)
    if not quiet:
        print(f"Jobs are kept in {config.folder}. Ctrl-C ends it.", flush=True)
        if config.token is not None:
            print("Whoever has this address, with its token, can use it.", flush=True)
    if open_browser:
        _open_when_started(server, address)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt as error:
        if type(error) is not KeyboardInterrupt:  # asked to end by something else than Ctrl-C
            raise
    if not quiet:
        print("Stopped.")


def _make_server(app: FastAPI) -> uvicorn.Server:
    import threading

    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Whoever waits for a worker process would have the server wait, too.
            threading.Thread(target=app.state.jobs.stop, name="kinetrace-stop").start()
            super().handle_exit(sig, frame)

    return Server(
        uvicorn.Config(
            app,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            ws_max_size=2_000_000,
        )
    )


def _address(config: Config) -> str:
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104
    if config.host in ("0.0.0.0", "::"):  # noqa: S104
        import socket

        host = socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    query = "" if config.token is None else f"?token={config.token}"
    return f"http://{host}:{config.port}/{query}"


def _open_when_started(server: uvicorn.Server, address: str) -> None:
    """Open the browser once the server answers; where there is no screen, there is none to open."""
    import os
    import sys
    import threading
    import time
    import webbrowser

    has_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not has_screen:
        return

    def wait_and_open() -> None:
        while not server.started:
            time.sleep(0.05)
        webbrowser.open(address)

    threading.Thread(target=wait_and_open, daemon=True).start()


app = command(serve, *EXAMPLES)
