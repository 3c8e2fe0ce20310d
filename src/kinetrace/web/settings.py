"""What there is to choose from, and what a choice means for the pipeline."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, get_args

from kinetrace import __version__, plugins
from kinetrace.batch.settings import Settings
from kinetrace.errors import PluginError, WeightsError
from kinetrace.estimators import Options
from kinetrace.measures._repetitions_exercises import ExerciseName
from kinetrace.web.config import Limits
from kinetrace.web.orders import Analyse
from kinetrace.web.schema import BackendInfo, Info, JobOptions, LimitInfo, ModelInfo
from kinetrace.web.store import Record

DOWNLOADS = ("csv", "parquet", "coco", "overlay", "report")


class ChoiceError(Exception):
    """Something was chosen that there is not; the text is for the user."""


def checked(options: JobOptions) -> JobOptions:
    """Return the options if there is what they name, and with what follows from them.

    A model is one of the backend's by name: never a path, which would be one of the server's.

    Raises
    ------
    ChoiceError
        If something is not there.
    """
    models = _models(options.backend)
    if options.model is not None and options.model not in models:
        raise ChoiceError(
            f"{options.backend} has no model {options.model!r}; it has: {', '.join(models)}."
        )
    strangers = sorted(set(options.measures) - set(plugins.names("measures")))
    if strangers:
        raise ChoiceError(
            f"There is no measure {strangers[0]!r}; there are: "
            f"{', '.join(plugins.names('measures'))}."
        )
    measures = list(dict.fromkeys(options.measures))
    # Whoever wants faces blurred means everybody's, not only that of whom MediaPipe follows.
    is_all = options.blur_faces and options.max_people is None
    most: dict[str, Any] = {"max_people": "all"} if is_all else {}
    return options.model_copy(update={"measures": measures} | most)


def _models(backend: str) -> tuple[str, ...]:
    if backend not in plugins.names("backends"):
        raise ChoiceError(
            f"There is no backend {backend!r}; there are: {', '.join(plugins.names('backends'))}."
        )
    try:
        return tuple(plugins.load("backends", backend).MODELS)
    except PluginError as error:
        raise ChoiceError(f"The backend {backend!r} cannot be used here.") from error


def order_of(record: Record, folder: Path) -> Analyse:
    """Return what the worker process is to do for a job: what the command line would do."""
    options = JobOptions.model_validate(record.options)
    settings = Settings(
        backend=options.backend,
        options=Options(model=options.model, max_people=options.max_people, quiet=True),
        smooth=options.smooth,
    )
    return Analyse(
        folder=folder,
        source=record.source,
        name=record.name,
        settings=settings,
        blur_faces=options.blur_faces,
        is_played=bool(record.probed["is_played"]),
        measures=tuple(options.measures),
    )


def info(limits: Limits) -> Info:
    """Return what this server can do."""
    return Info(
        version=__version__,
        backends=[_backend(name) for name in plugins.names("backends")],
        measures=plugins.names("measures"),
        exercises=list(get_args(ExerciseName)),
        downloads=list(DOWNLOADS),
        limits=LimitInfo(
            upload_bytes=limits.upload_bytes,
            duration_s=limits.duration_s,
            pixels=limits.pixels,
            storage_bytes=limits.storage_bytes,
            keep_days=limits.keep_days,
        ),
    )


def _backend(name: str) -> BackendInfo:
    try:
        models = _models(name)
    except ChoiceError:
        models = ()
    missing = _missing_packages(name)
    return BackendInfo(
        name=name,
        available=bool(models) and not missing,
        install=f"pip install 'kinetrace[{name}]'" if missing else None,
        models=[_model(model, is_default=not i) for i, model in enumerate(models)],
        default_model=models[0] if models else None,
    )


def _model(name: str, *, is_default: bool) -> ModelInfo:
    from kinetrace.weights import catalog

    try:
        known = catalog.find(name)
    except WeightsError:
        return ModelInfo(name=name, is_default=is_default, bytes=None, licence=None)
    return ModelInfo(
        name=name, is_default=is_default, bytes=known.size_bytes, licence=known.license
    )


def _missing_packages(extra: str) -> list[str]:
    """Return the packages of an extra of ours that are not installed."""
    try:
        lines = requires("kinetrace") or []
    except PackageNotFoundError:  # run from its sources
        return []
    own = [line for line in lines if re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", line)]
    names = [re.split(r"[^\w.-]", line)[0] for line in own]
    return [name for name in names if importlib.util.find_spec(name.replace("-", "_")) is None]
