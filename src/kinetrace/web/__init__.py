"""The page in the browser: the same functions behind HTTP, and the page itself.

``create_app(config)`` makes the application; ``kinetrace serve`` runs it. It needs the extra
``web``. docs/serve.md tells what it keeps, what it allows, and to whom it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinetrace.errors import MissingExtraError
from kinetrace.web.config import Config

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Config", "create_app"]


def create_app(config: Config) -> FastAPI:
    """Make the application; its jobs run from when it starts until it is shut down.

    Parameters
    ----------
    config
        Where it keeps things, and what it allows.

    Raises
    ------
    MissingExtraError
        If the packages of the extra ``web`` are not installed.
    """
    try:
        import fastapi  # noqa: F401 - to say what is missing
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the page in the browser", "web") from error
    from kinetrace.web.app import build

    return build(config)
