"""What comes of a job over HTTP: its film, keypoints, corrections, measures and files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from kinetrace.web import orders
from kinetrace.web.jobs import Jobs
from kinetrace.web.measuring import answer_path, parse_options
from kinetrace.web.media import content_type
from kinetrace.web.process import KilledError, ProcessError
from kinetrace.web.routes import FULL, GONE, JobId, TheJobs, find, shown
from kinetrace.web.schema import Answers, Corrections, Job, problems
from kinetrace.web.store import Record
from kinetrace.web.wording import public

router = APIRouter(prefix="/api/jobs/{job_id}")

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
_NOT_YET: Answers = GONE | problems(e409="It is not done yet.")
_MADE: Answers = _NOT_YET | FULL | problems(e422="It cannot be made.")
_FILE: Answers = {200: {"description": "The file."}, 206: {"description": "A part of it."}}


@router.get(
    "/media",
    response_class=Response,
    responses=_NOT_YET | _FILE | problems(e416="There is no such part.") | problems(e400="Range."),
)
def get_media(job_id: JobId, jobs: TheJobs) -> FileResponse:
    """Return the film or the picture, as a browser plays it; Range is heeded."""
    record = find(jobs, job_id)
    name = record.media or (record.source if record.probed["is_played"] else "")
    if record.options["blur_faces"] and record.state != "done":
        name = ""
    path = jobs.folder_of(job_id) / name
    if not name or not path.is_file():
        raise HTTPException(409, "The film is still being prepared: wait until it is done.")
    return FileResponse(path, media_type=content_type(name))


@router.get("/poses", response_class=Response, responses=_NOT_YET | _FILE)
def get_poses(job_id: JobId, jobs: TheJobs) -> FileResponse:
    """Return the keypoints of all people in all frames, as JSON."""
    _find_done(jobs, job_id)
    return FileResponse(jobs.folder_of(job_id) / orders.POSES, media_type="application/json")


@router.post("/corrections", responses=_MADE)
def add_corrections(job_id: JobId, body: Corrections, jobs: TheJobs) -> Job:
    """Correct keypoints; what is made of the table afterwards uses them."""
    record = _find_done(jobs, job_id)
    corrections = tuple(orders.Correction(**each.model_dump()) for each in body.corrections)
    order = orders.Correct(folder=jobs.folder_of(job_id), corrections=corrections)
    _carry_out(jobs, record, order)
    jobs.store.change(job_id, corrected=True)
    return shown(find(jobs, job_id), None)


@router.get("/measures/{name}", response_class=Response, responses=_MADE | _FILE)
def get_measure(
    request: Request,
    job_id: JobId,
    name: Annotated[str, PathParameter(max_length=100)],
    jobs: TheJobs,
    person_height_m: float | None = None,
    exercise: str | None = None,
) -> FileResponse:
    """Measure; any option of the measure may be given, but those that name a file."""
    del person_height_m, exercise  # stand for all options, which are parsed together
    record = _find_done(jobs, job_id)
    options = parse_options(name, dict(request.query_params))
    folder = jobs.folder_of(job_id)
    path = answer_path(folder, name, options)
    order = orders.Measure(folder=folder, name=name, options=options, path=path)
    _carry_out(jobs, record, order, unless=path)
    return FileResponse(path, media_type="application/json")


@router.get("/download/{what}", response_class=Response, responses=_MADE | _FILE)
def download(job_id: JobId, what: Download, jobs: TheJobs) -> FileResponse:
    """Return a file to keep; what takes long is made when it is first asked for."""
    record = _find_done(jobs, job_id)
    folder = jobs.folder_of(job_id)
    is_drawn_photo = what == "overlay" and record.kind == "image"
    ending = "overlay.png" if is_drawn_photo else _ENDINGS[what]
    path = folder / (orders.TABLE if what == "csv" else f"made.{ending}")
    if what != "csv":
        order = orders.Make(
            what=what,
            folder=folder,
            media=record.media,
            path=path,
            measures=tuple(record.options["measures"]),
        )
        _carry_out(jobs, record, order, unless=path)
    stem = record.name.rpartition(".")[0] or record.name
    return FileResponse(
        path, media_type=_TYPES[ending.rpartition(".")[2]], filename=f"{stem}.{ending}"
    )


def _find_done(jobs: Jobs, job_id: str) -> Record:
    record = find(jobs, job_id)
    if record.state in ("queued", "running"):
        raise HTTPException(409, "It is not done yet: wait until it is.")
    if record.state != "done" or not (jobs.folder_of(job_id) / orders.TABLE).exists():
        raise HTTPException(409, "Nothing came of this job, so there is nothing to show.")
    return record


def _carry_out(
    jobs: Jobs, record: Record, order: orders.Order, *, unless: Path | None = None
) -> None:
    """Have an order carried out, unless there is already what comes of it."""
    if unless is not None and unless.exists():  # nobody need wait for their turn
        return
    try:
        jobs.order(record, order, unless=unless)
    except KilledError as error:
        raise HTTPException(409, "The job was deleted, or the server is ending.") from error
    except ProcessError as error:
        raise HTTPException(500 if error.is_bug else 422, public(str(error))) from error
