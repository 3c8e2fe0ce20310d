"""Where a model file comes from: a path, the package, the cache, the network; always checked.

>>> from kinetrace import weights
>>> found = weights.fetch("hrnet-w48-384x288")  # doctest: +SKIP
>>> found.path, found.sha256  # doctest: +SKIP

A file whose sha256 is wrong is never opened. What is in the cache is hashed each time it is used.
The cache is ``weights`` in the user's cache folder, or in the folder that the environment
variable ``KINETRACE_CACHE`` names.
"""

from __future__ import annotations

import io
import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kinetrace.errors import WeightsError
from kinetrace.weights import _sources, catalog
from kinetrace.weights._cache import (
    Weights,
    WeightsFile,
    find_cached,
    find_damaged,
    find_packaged,
    sha256_of,
    unreadable,
)
from kinetrace.weights._download import Unavailable
from kinetrace.weights._lock import locked
from kinetrace.weights.catalog import Model

__all__ = [
    "Status",
    "Weights",
    "WeightsFile",
    "cache_folder",
    "cached",
    "fetch",
    "status",
    "task_bundle",
    "verify",
]

StrPath = str | os.PathLike[str]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """What is here of a model; `paths` are the files that `state` speaks of."""

    model: Model
    state: Literal["verified", "damaged", "missing"]
    paths: tuple[Path, ...] = ()
    size_bytes: int = 0


def cache_folder(cache_dir: StrPath | None = None) -> Path:
    """Return the folder for model files, which need not exist.

    Parameters
    ----------
    cache_dir
        Kinetrace's cache folder; None is ``KINETRACE_CACHE``, or else the user's cache folder.
    """
    chosen = cache_dir or os.environ.get("KINETRACE_CACHE")
    if not chosen:
        import platformdirs

        chosen = platformdirs.user_cache_dir("kinetrace", appauthor=False)
    return Path(chosen).expanduser().absolute() / "weights"


def fetch(
    model: StrPath | Model, *, cache_dir: StrPath | None = None, quiet: bool = False
) -> Weights:
    """Find a model's files, downloading them where they are neither here nor in the cache.

    Parameters
    ----------
    model
        A name of the catalogue, an entry like the catalogue's, or a path. A name wins over a file
        that is called the same; write ``./name`` for the file.
    cache_dir
        See `cache_folder`.
    quiet
        Show no progress. Nothing is shown either where stderr is no terminal.

    Returns
    -------
    Weights
        Files whose sha256 has just been checked. A user's own file is not held to any hash.

    Raises
    ------
    WeightsError
        If the path is not a readable file, or no source gives the right file; the text lists what
        was tried and says how to supply the file by hand.
    """
    if not isinstance(model, Model):
        known = _by_name(model)
        if known is None:
            return _given(Path(model))
        model = known
    folder = cache_folder(cache_dir)
    found = find_packaged(model) or find_cached(model, folder)
    return found or _fetch_missing(model, folder, quiet=quiet)


def task_bundle(
    model: StrPath | Model | Weights, *, cache_dir: StrPath | None = None, quiet: bool = False
) -> bytes:
    """Return a MediaPipe ``.task`` bundle, for ``BaseOptions(model_asset_buffer=...)``.

    Parameters
    ----------
    model
        What `fetch` takes, or what it has returned.
    cache_dir, quiet
        As in `fetch`.

    Raises
    ------
    WeightsError
        As in `fetch`, or if a file given is not a bundle.
    MissingExtraError
        If the bundle has to be put together and mediapipe is not installed.
    """
    found = model if isinstance(model, Weights) else fetch(model, cache_dir=cache_dir, quiet=quiet)
    data = [file.read_bytes() for file in found.files]
    if len(data) == 2:
        from kinetrace.weights._mediapipe_bundle import build_pose_bundle

        return build_pose_bundle(detector=data[0], landmarks=data[1])
    if not zipfile.is_zipfile(io.BytesIO(data[0])):
        raise WeightsError(f"{found.path} is not a MediaPipe .task bundle")
    return data[0]


def status(model: str | Model, *, cache_dir: StrPath | None = None) -> Status:
    """Say what is here of a model, by hashing it; nothing is downloaded or changed."""
    entry = model if isinstance(model, Model) else catalog.find(model)
    folder = cache_folder(cache_dir)
    if found := find_packaged(entry) or find_cached(entry, folder):
        sizes = sum(file.size_bytes for file in found.files)
        return Status(entry, "verified", tuple(file.path for file in found.files), sizes)
    if damaged := find_damaged(entry, folder):
        return Status(entry, "damaged", damaged, sum(path.stat().st_size for path in damaged))
    return Status(entry, "missing")


def verify(model: str | Model, *, cache_dir: StrPath | None = None) -> Weights:
    """Check a model in the package or the cache, without the network.

    Raises
    ------
    WeightsError
        If it is not there, or its sha256 is wrong.
    """
    entry = model if isinstance(model, Model) else catalog.find(model)
    folder = cache_folder(cache_dir)
    if found := find_packaged(entry) or find_cached(entry, folder):
        return found
    if damaged := find_damaged(entry, folder):
        raise WeightsError(
            f"{damaged[0]} has the wrong sha256 ({sha256_of(damaged[0])}); "
            f"fetch {entry.name} again, or delete the file"
        )
    raise WeightsError(f"{entry.name} is not in the cache {folder}; fetch it first")


def cached(*, cache_dir: StrPath | None = None) -> list[Status]:
    """List the models of which something is here, in the catalogue's order."""
    found = [status(model, cache_dir=cache_dir) for model in catalog.MODELS]
    return [each for each in found if each.state != "missing"]


def _by_name(name: StrPath) -> Model | None:
    """Return the entry of that name, None where it is a path; WeightsError if it is neither."""
    if isinstance(name, str):
        for model in catalog.MODELS:
            if model.name == name:
                return model
        path = Path(name)
        if path.name == name and not path.suffix and not path.exists():
            return catalog.find(name)  # raises, with the names that are like it
    return None


def _given(path: Path) -> Weights:
    path = path.expanduser()
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give the path of a model file")
    if not path.is_file():
        raise WeightsError(f"there is no model file {path}")
    try:
        file = WeightsFile(path, sha256_of(path), path.stat().st_size)
    except OSError as error:
        raise unreadable(path, error) from error
    if file.size_bytes == 0:
        raise WeightsError(f"the model file {path} is empty")
    model = catalog.identify(file.sha256)
    return Weights(model.name if model else path.name, (file,), model)


def _fetch_missing(model: Model, folder: Path, *, quiet: bool) -> Weights:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(model, folder):
            # Another process may have fetched it while this one waited.
            return find_cached(model, folder) or _try_sources(model, folder, quiet=quiet)
    except OSError as error:
        raise WeightsError(
            f"{model.name} cannot be kept in the cache {folder}: {error.strerror or error}. "
            "Name another folder in the environment variable KINETRACE_CACHE, "
            "or give the path of the model file with --model"
        ) from error


@contextmanager
def _locked(model: Model, folder: Path) -> Iterator[None]:
    def tell() -> None:
        _log.warning("another process is fetching %s; waiting for it", model.name)

    with locked(folder / f"{model.file.cache_name}.lock", on_wait=tell):
        yield


def _try_sources(model: Model, folder: Path, *, quiet: bool) -> Weights:
    for path in find_damaged(model, folder):
        aside = path.with_name(f"{path.name}.wrong")
        path.replace(aside)
        _log.warning("%s has the wrong sha256: it is now %s, and is fetched anew", path, aside)
    tried = []
    for source in model.sources:
        try:
            _sources.obtain(source, model, folder, quiet=quiet)
        except Unavailable as error:
            tried.append(f"  {_sources.describe(source)}: {error}")
            continue
        if found := find_cached(model, folder):
            return found
        tried.append(f"  {_sources.describe(source)}: its files were gone at once")
    raise WeightsError(_how_to_supply(model, folder, tried))


def _how_to_supply(model: Model, folder: Path, tried: list[str]) -> str:
    digits = "" if len(model.sha256) == 64 else "starting "
    return "\n".join(
        (
            f"the model {model.name} could not be had. Tried:",
            f"  the cache {folder}: not there",
            *tried,
            f"By hand: get {model.file.name} (sha256 {digits}{model.sha256})",
            f"and put it at {folder / model.file.cache_name}",
            "or give its path: --model PATH",
            f"or take a smaller one, which is part of the package: {_IN_PACKAGE[model.task]}",
        )
    )


_IN_PACKAGE = {"pose": "--backend hrnet --model hrnet-nano", "person-detection": "--detector nano"}
