"""What goes over the wire, as types; OpenAPI is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kinetrace.choices import Smooth
from kinetrace.web.store import Kind, State

MOST_CORRECTIONS = 10_000


class Problem(BaseModel):
    """What every error is answered with."""

    detail: str = Field(description="One plain sentence that says what to do.")


class JobOptions(BaseModel):
    """How a file is looked at; what is left out is as on the command line."""

    model_config = ConfigDict(extra="forbid", strict=True)

    backend: str = Field("mediapipe", max_length=100)
    model: str | None = Field(None, max_length=100)
    max_people: Annotated[int, Field(ge=1, le=1000)] | Literal["all"] | None = None
    smooth: Smooth = "auto"
    measures: list[Annotated[str, Field(max_length=100)]] = Field(default=[], max_length=20)
    blur_faces: bool = False


class MediaSize(BaseModel):
    """What the file is."""

    width_px: int
    height_px: int
    duration_s: float | None
    frames: int | None


class Job(BaseModel):
    """A file that was uploaded, and what comes of it."""

    id: str
    name: str
    kind: Kind
    state: State
    phase: str
    frames_done: int
    frames_expected: int | None
    seconds_left: float | None
    error: str | None
    problem: str | None
    created_utc: str
    options: JobOptions
    media: MediaSize
    people: int | None
    mean_score: float | None
    size_bytes: int
    corrected: bool


class Storage(BaseModel):
    """How much is kept, and how much may be."""

    used_bytes: int
    limit_bytes: int


class Jobs(BaseModel):
    """All jobs, the latest first."""

    jobs: list[Job]
    storage: Storage


class Correction(BaseModel):
    """Where a keypoint really is, or (x_px and y_px null) that it cannot be seen.

    `frame` is a position in the lists of /poses, `id` a person's there.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    frame: int = Field(ge=0, le=10**9)
    id: int = Field(ge=-(10**9), le=10**9)
    keypoint: str = Field(max_length=100)
    x_px: float | None = None
    y_px: float | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Correction:
        if (self.x_px is None) != (self.y_px is None):
            raise ValueError("give both x_px and y_px, or null for both")
        return self


class Corrections(BaseModel):
    """Corrections that belong together: one entry in the table's log."""

    model_config = ConfigDict(extra="forbid", strict=True)

    corrections: list[Correction] = Field(min_length=1, max_length=MOST_CORRECTIONS)


class ModelInfo(BaseModel):
    """A model that can be chosen."""

    name: str
    is_default: bool
    bytes: int | None
    licence: str | None


class BackendInfo(BaseModel):
    """What estimates; `install` says how to get it where it is not available."""

    name: str
    available: bool
    install: str | None
    models: list[ModelInfo]
    default_model: str | None


class LimitInfo(BaseModel):
    """What is allowed; `keep_days` 0 is until somebody deletes it."""

    upload_bytes: int
    duration_s: float
    pixels: int
    storage_bytes: int
    keep_days: float


class Info(BaseModel):
    """What this server can do; `exercises` are those that `repetitions` can be told to count."""

    version: str
    backends: list[BackendInfo]
    measures: list[str]
    exercises: list[str]
    downloads: list[str]
    limits: LimitInfo


Answers = dict[int | str, dict[str, Any]]


def problems(**told: str) -> Answers:
    """Return what OpenAPI says of errors: ``problems(e404="there is no such job")``."""
    return {int(code[1:]): {"model": Problem, "description": text} for code, text in told.items()}
