"""What the server answers under /api, as docs/serve.md and /api/openapi.json tell."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from kinetrace.web import orders
from kinetrace.web.config import Config
from kinetrace.web.jobs import Jobs, Progress, has_table, made
from kinetrace.web.measuring import answer_path, parse_options
from kinetrace.web.media import Media, content_type
from kinetrace.web.process import ProcessError
from kinetrace.web.schema import (
    Corrections,
    Info,
    Job,
    JobOptions,
    MediaSize,
    Storage,
    problems,
)
from kinetrace.web.schema import Jobs as JobList
from kinetrace.web.settings import ChoiceError, checked, info
from kinetrace.web.store import Record
from kinetrace.web.upload import BODY, take_in
from kinetrace.web.wording import public

JobId: TypeAlias = Annotated[str, PathParameter(max_length=40, pattern=r"^[\w-]+$")]
Download: TypeAlias = Literal["csv", "parquet", "coco", "overlay", "report"]

_ENDINGS = {
    "csv": "keypoints.csv",
    "parquet": "keypoints.parquet",
    "coco": "coco.json",
    "overlay": "overlay.mp4",
    "report": "report.html",
}
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "mp4": "video/mp4",
    "png": "image/png",
    "html": "text/html; charset=utf-8",
}
_PHASES = {
    "queued": "Waiting",
    "running": "Starting",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
_GONE = problems(e404="There is no such job.")
_NOT_YET = problems(e404="There is no such job.", e409="It is not done yet.", e422="Not possible.")
_FULL = problems(e429="Too much is going on at once.")


def make_router(jobs: Jobs, config: Config) -> APIRouter:
    """Return the routes under /api.

    Parameters
    ----------
    jobs
        What they are about.
    config
        Of the server.
    """
    router = APIRouter(prefix="/api")
    _add_jobs(router, jobs, config)
    _add_results(router, jobs)

    @router.get("/info")
    def get_info() -> Info:
        """Tell what this server can do."""
        return info(config.limits)

    return router


def _add_jobs(router: APIRouter, jobs: Jobs, config: Config) -> None:
    @router.post(
        "/jobs",
        status_code=201,
        response_model=Job,
        openapi_extra={"requestBody": BODY},
        responses=_FULL
        | problems(
            e400="The form cannot be read.",
            e413="Too large, or no room is left.",
            e415="No form.",
            e422="No picture and no film, too long, or the options make no sense.",
        ),
    )
    async def add_job(request: Request) -> Job:
        """Upload a picture or a film."""
        return shown(await _take_in(request, jobs, config), None)

    @router.get("/jobs")
    def list_jobs() -> JobList:
        """List the jobs, the latest first."""
        return JobList(
            jobs=[shown(record, jobs.progress(record.id)) for record in jobs.store.all()],
            storage=Storage(
                used_bytes=jobs.store.used_bytes(), limit_bytes=config.limits.storage_bytes
            ),
        )

    @router.get("/jobs/{job_id}", responses=_GONE)
    def get_job(job_id: JobId) -> Job:
        """Tell how far a job is."""
        return shown(_find(jobs, job_id), jobs.progress(job_id))

    @router.post("/jobs/{job_id}/cancel", responses=_NOT_YET)
    def cancel_job(job_id: JobId) -> Job:
        """Stop a job that waits or is under way."""
        _find(jobs, job_id)
        return shown(jobs.cancel(job_id), None)

    @router.delete("/jobs/{job_id}", status_code=204, responses=_GONE)
    def delete_job(job_id: JobId) -> Response:
        """Delete a job with all of its files."""
        if not jobs.delete(job_id):
            raise HTTPException(404, "There is no such job; it may have been deleted.")
        return Response(status_code=204)


def _add_results(router: APIRouter, jobs: Jobs) -> None:
    @router.get(
        "/jobs/{job_id}/media",
        response_class=Response,
        responses=_NOT_YET
        | problems(e416="There is no such range.")
        | {200: {"content": {"video/mp4": {}, "image/png": {}}}, 206: {"description": "A part."}},
    )
    def get_media(job_id: JobId) -> FileResponse:
        """Return the film or the picture, as a browser plays it; Range is heeded."""
        record = _find(jobs, job_id)
        name = record.media or (record.source if record.probed["is_played"] else "")
        if record.options["blur_faces"] and record.state != "done":
            name = ""
        path = jobs.folder_of(job_id) / name
        if not name or not path.is_file():
            raise HTTPException(409, "The film is still being prepared: wait until it is done.")
        return FileResponse(path, media_type=content_type(name))

    @router.get("/jobs/{job_id}/poses", response_class=Response, responses=_NOT_YET)
    def get_poses(job_id: JobId) -> FileResponse:
        """Return the keypoints of all people in all frames, as JSON."""
        _find_done(jobs, job_id)
        return FileResponse(jobs.folder_of(job_id) / orders.POSES, media_type="application/json")

    @router.post("/jobs/{job_id}/corrections", responses=_NOT_YET | _FULL)
    def add_corrections(job_id: JobId, body: Corrections) -> Job:
        """Correct keypoints; what is made of the table afterwards uses them."""
        record = _find_done(jobs, job_id)
        folder = jobs.folder_of(job_id)
        corrections = tuple(orders.Correction(**each.model_dump()) for each in body.corrections)
        _ordered(jobs, record, orders.Correct(folder=folder, corrections=corrections))
        for path in made(folder):
            path.unlink(missing_ok=True)
        changed = jobs.store.change(job_id, corrected=True)
        return shown(changed or _find(jobs, job_id), None)

    @router.get(
        "/jobs/{job_id}/measures/{name}", response_class=Response, responses=_NOT_YET | _FULL
    )
    def get_measure(
        request: Request,
        job_id: JobId,
        name: Annotated[str, PathParameter(max_length=100)],
        person_height_m: float | None = None,
        exercise: str | None = None,
    ) -> FileResponse:
        """Measure; every option of the measure may be given, but those that name a file."""
        del person_height_m, exercise  # for the documentation; all of them are parsed below
        record = _find_done(jobs, job_id)
        options = parse_options(name, dict(request.query_params))
        path = answer_path(jobs.folder_of(job_id), name, options)
        if not path.exists():
            folder = jobs.folder_of(job_id)
            _ordered(
                jobs, record, orders.Measure(folder=folder, name=name, options=options, path=path)
            )
        return FileResponse(path, media_type="application/json")

    @router.get(
        "/jobs/{job_id}/download/{what}", response_class=Response, responses=_NOT_YET | _FULL
    )
    def download(job_id: JobId, what: Download) -> FileResponse:
        """Return a file to keep; what takes long is made when it is first asked for."""
        record = _find_done(jobs, job_id)
        folder = jobs.folder_of(job_id)
        ending = _ENDINGS[what]
        if what == "overlay" and record.kind == "image":
            ending = "overlay.png"
        path = folder / (orders.TABLE if what == "csv" else f"made.{ending}")
        if not path.exists() and what != "csv":
            order = orders.Make(
                what=what,
                folder=folder,
                media=record.media,
                path=path,
                measures=tuple(record.options["measures"]),
            )
            _ordered(jobs, record, order)
        stem = record.name.rpartition(".")[0] or record.name
        return FileResponse(
            path, media_type=_TYPES[ending.rpartition(".")[2]], filename=f"{stem}.{ending}"
        )


async def _take_in(request: Request, jobs: Jobs, config: Config) -> Record:
    limits = config.limits
    with jobs.arriving() as (job_id, folder):
        incoming = folder / "incoming"
        room = jobs.room_bytes()
        if room <= 0:
            raise HTTPException(413, "There is no room left: delete some jobs first.")
        upload = await take_in(request, incoming, min(limits.upload_bytes, room))
        options = _options(upload.options)
        order = orders.Probe(path=incoming, most_pixels=limits.pixels, most_s=limits.duration_s)
        try:
            media: Media = await run_in_threadpool(jobs.probe, order, folder)
        except ProcessError as error:
            raise HTTPException(422, public(str(error), file=incoming, name=upload.name)) from error
        source = f"source.{media.suffix}"
        incoming.rename(folder / source)
        record = Record(
            id=job_id,
            name=upload.name,
            kind=media.kind,
            created_utc=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            source=source,
            options=options.model_dump(),
            probed=dataclasses.asdict(media),
            size_bytes=upload.file_bytes,
        )
        jobs.add(record)
    return record


def _options(text: bytes) -> JobOptions:
    try:
        return checked(JobOptions.model_validate_json(text or b"{}"))
    except ValidationError as error:
        raise HTTPException(422, f"The options make no sense: {sentence(error.errors())}") from None
    except ChoiceError as error:
        raise HTTPException(422, str(error)) from error


def sentence(errors: Any) -> str:
    """Return the first of pydantic's complaints as a sentence."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    told = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {told}." if where else f"{told}."


def _find(jobs: Jobs, job_id: str) -> Record:
    record = jobs.store.get(job_id)
    if record is None:
        raise HTTPException(404, "There is no such job; it may have been deleted.")
    return record


def _find_done(jobs: Jobs, job_id: str) -> Record:
    record = _find(jobs, job_id)
    if record.state in ("queued", "running"):
        raise HTTPException(409, "It is not done yet: wait until it is.")
    if record.state != "done" or not has_table(jobs.folder_of(job_id)):
        raise HTTPException(409, "Nothing came of this job, so there is nothing to show.")
    return record


def _ordered(jobs: Jobs, record: Record, order: orders.Order) -> None:
    try:
        jobs.order(record, order)
    except ProcessError as error:
        status = 500 if error.is_bug else 422
        raise HTTPException(status, public(str(error))) from error


def shown(record: Record, progress: Progress | None) -> Job:
    """Return a job as clients see it."""
    media = record.probed
    at = progress.at if progress else None
    is_done = record.state == "done"
    return Job(
        id=record.id,
        name=record.name,
        kind=record.kind,
        state=record.state,
        phase=at.phase if at and record.state == "running" else _PHASES[record.state],
        frames_done=at.done if at else (media["frames"] or 1) if is_done else 0,
        frames_expected=(at.expected if at else None) or media["frames"],
        seconds_left=progress.seconds_left if progress else None,
        error=record.error,
        problem=record.problem,
        created_utc=record.created_utc,
        options=JobOptions.model_validate(record.options),
        media=MediaSize(**{name: media[name] for name in MediaSize.model_fields}),
        people=record.people,
        mean_score=record.mean_score,
        size_bytes=record.size_bytes,
        corrected=record.corrected,
    )
