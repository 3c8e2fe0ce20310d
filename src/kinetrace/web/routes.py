"""Jobs over HTTP: uploaded, listed, cancelled, deleted. `result_routes` has what comes of them."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from kinetrace.web import orders, schema
from kinetrace.web.config import Config
from kinetrace.web.jobs import Jobs
from kinetrace.web.media import Media
from kinetrace.web.process import ProcessError
from kinetrace.web.running import Progress, Runner
from kinetrace.web.schema import Answers, Info, Job, JobOptions, MediaSize, Storage, problems
from kinetrace.web.settings import ChoiceError, checked, info
from kinetrace.web.store import Record
from kinetrace.web.upload import BODY, take_in
from kinetrace.web.wording import public

router = APIRouter(prefix="/api")

_PHASES = {
    "queued": "Waiting",
    "running": "Starting",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
GONE: Answers = problems(e404="There is no such job.")
FULL: Answers = problems(e429="Too much is going on at once.")


def _jobs_of(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _runner_of(request: Request) -> Runner:
    runner: Runner = request.app.state.runner
    return runner


def _config_of(request: Request) -> Config:
    config: Config = request.app.state.config
    return config


JobId: TypeAlias = Annotated[str, PathParameter(max_length=40, pattern=r"^[\w-]+$")]
TheJobs: TypeAlias = Annotated[Jobs, Depends(_jobs_of)]
TheRunner: TypeAlias = Annotated[Runner, Depends(_runner_of)]
TheConfig: TypeAlias = Annotated[Config, Depends(_config_of)]


@router.get("/info")
def get_info(config: TheConfig) -> Info:
    """Tell what this server can do."""
    return info(config.limits)


@router.post(
    "/jobs",
    status_code=201,
    response_model=Job,
    openapi_extra={"requestBody": BODY},
    responses=FULL
    | problems(
        e400="The form cannot be read.",
        e413="Too large, or no room is left.",
        e415="No form.",
        e422="No picture and no film, too long, or the options make no sense.",
    ),
)
async def add_job(request: Request, jobs: TheJobs) -> Job:
    """Upload a picture or a film."""
    limits = jobs.limits
    announced = int(request.headers.get("content-length") or limits.upload_bytes)
    with jobs.arriving(announced) as (job_id, folder, most_bytes):
        incoming = folder / "incoming"
        upload = await take_in(request, incoming, most_bytes)
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
    return shown(record, None)


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


@router.get("/jobs")
def list_jobs(jobs: TheJobs, runner: TheRunner) -> schema.Jobs:
    """List the jobs, the latest first."""
    return schema.Jobs(
        jobs=[shown(record, runner.progress(record.id)) for record in jobs.store.all()],
        storage=Storage(used_bytes=jobs.store.used_bytes(), limit_bytes=jobs.limits.storage_bytes),
    )


@router.get("/jobs/{job_id}", responses=GONE)
def get_job(job_id: JobId, jobs: TheJobs, runner: TheRunner) -> Job:
    """Tell how far a job is."""
    return shown(find(jobs, job_id), runner.progress(job_id))


@router.post("/jobs/{job_id}/cancel", responses=GONE | problems(e409="It is over already."))
def cancel_job(job_id: JobId, jobs: TheJobs) -> Job:
    """Stop a job that waits or is under way."""
    find(jobs, job_id)
    return shown(jobs.cancel(job_id), None)


@router.delete("/jobs/{job_id}", status_code=204, responses=GONE)
def delete_job(job_id: JobId, jobs: TheJobs) -> Response:
    """Delete a job with all of its files."""
    find(jobs, job_id)
    jobs.delete(job_id)
    return Response(status_code=204)


def find(jobs: Jobs, job_id: str) -> Record:
    """Return a job; HTTPException if there is none of that id."""
    record = jobs.store.get(job_id)
    if record is None:
        raise HTTPException(404, "There is no such job; it may have been deleted.")
    return record


def shown(record: Record, progress: Progress | None) -> Job:
    """Return a job as clients see it."""
    media = record.probed
    at = progress.at if progress and record.state == "running" else None
    done = (media["frames"] or 1) if record.state == "done" else 0
    return Job(
        id=record.id,
        name=record.name,
        kind=record.kind,
        state=record.state,
        phase=at.phase if at else _PHASES[record.state],
        frames_done=at.done if at else done,
        frames_expected=(at.expected if at else None) or media["frames"],
        seconds_left=progress.seconds_left if at and progress else None,
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
