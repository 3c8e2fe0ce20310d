"""The application: routes, pages, and what keeps it safe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from kinetrace import __version__
from kinetrace.errors import KinetraceError
from kinetrace.web import live, result_routes, routes
from kinetrace.web.config import Config
from kinetrace.web.jobs import FullError, Jobs, NoRoomError, StateError
from kinetrace.web.routes import sentence
from kinetrace.web.running import Runner
from kinetrace.web.schema import problems
from kinetrace.web.security import Guard
from kinetrace.web.wording import public

_PAGE = Path(__file__).parent / "page"
_PAGES = {"/": "index.html", "/live": "live.html", "/compare": "compare.html"}


def build(config: Config) -> FastAPI:
    """Make the application; see `kinetrace.web.create_app`.

    Raises
    ------
    KinetraceError
        If the folder cannot be used.
    """
    jobs = Jobs(config)
    runner = Runner(jobs)

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        runner.start()
        try:
            yield
        finally:
            runner.stop()

    app = FastAPI(
        title="Kinetrace",
        version=__version__,
        description="People's keypoints in pictures and films, and what they tell.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # they would come from somebody else's server
        redoc_url=None,
        lifespan=living,
        responses=problems(e422="What was sent makes no sense."),
    )
    app.state.config, app.state.jobs, app.state.runner = config, jobs, runner
    for module in (routes, result_routes, live):
        app.include_router(module.router)
    _add_pages(app)
    _add_errors(app)
    app.add_middleware(Guard, config=config)
    return app


def _add_pages(app: FastAPI) -> None:
    for address, name in _PAGES.items():
        app.add_api_route(address, _page(name), include_in_schema=False, methods=["GET", "HEAD"])
    app.mount("/static", StaticFiles(directory=_PAGE), name="static")


def _page(name: str) -> Any:
    def page() -> FileResponse:
        return FileResponse(_PAGE / name, media_type="text/html; charset=utf-8")

    return page


def _add_errors(app: FastAPI) -> None:
    def told(status: int, detail: str, **headers: str) -> Response:
        return JSONResponse({"detail": detail}, status_code=status, headers=headers)

    @app.exception_handler(HTTPException)
    def of_http(_request: Request, error: HTTPException) -> Response:
        return told(error.status_code, _detail(error), **dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    def of_validation(_request: Request, error: RequestValidationError) -> Response:
        return told(422, f"What was sent makes no sense: {sentence(error.errors())}")

    @app.exception_handler(StateError)
    def of_state(_request: Request, error: StateError) -> Response:
        return told(409, str(error))

    @app.exception_handler(FullError)
    def of_full(_request: Request, error: FullError) -> Response:
        return told(429, str(error))

    @app.exception_handler(NoRoomError)
    def of_room(_request: Request, error: NoRoomError) -> Response:
        return told(413, str(error))

    @app.exception_handler(KinetraceError)
    def of_ours(_request: Request, error: KinetraceError) -> Response:
        return told(422, public(str(error)))

    @app.exception_handler(Exception)
    def of_bug(_request: Request, _error: Exception) -> Response:
        return told(500, "Something went wrong inside Kinetrace; the server's window says what.")


def _detail(error: HTTPException) -> str:
    if error.status_code == 404 and error.detail == "Not Found":
        return "There is nothing at this address."
    if error.status_code == 405:
        return "That cannot be done with this address."
    return str(error.detail)
