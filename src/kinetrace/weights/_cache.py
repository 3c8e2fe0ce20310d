"""Model files on disk: found, and hashed each time before they are used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinetrace.errors import WeightsError
from kinetrace.weights._model import Model, ModelFile

# The models that are part of Kinetrace.
PACKAGED = Path(__file__).parent / "packaged"

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class WeightsFile:
    """A file on disk, and the sha256 that it was found to have (64 digits)."""

    path: Path
    sha256: str
    size_bytes: int

    def read_bytes(self) -> bytes:
        """Read it whole; WeightsError if it is not any more what was checked."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise unreadable(self.path, error) from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise WeightsError(f"{self.path} was changed while it was in use: start again")
        return data


@dataclass(frozen=True)
class Weights:
    """A model's files, found and checked.

    Attributes
    ----------
    name
        The model's name, or the file's name where it is none of the catalogue's.
    files
        Nearly always one; MediaPipe's models may come as a detector and a landmark file.
    model
        The catalogue's entry; a user's own copy of a known file is recognised by its hash.
    """

    name: str
    files: tuple[WeightsFile, ...]
    model: Model | None = None

    @property
    def path(self) -> Path:
        """The path of the one file."""
        return self._one().path

    @property
    def sha256(self) -> str:
        """The sha256 of the one file, 64 digits."""
        return self._one().sha256

    def _one(self) -> WeightsFile:
        if len(self.files) != 1:
            raise ValueError(f"{self.name} came as {len(self.files)} files: use task_bundle()")
        return self.files[0]

    def describe(self) -> dict[str, Any]:
        """Return what belongs in the log of a result: the name, and each file's sha256."""
        return {"model": self.name, "sha256": {file.path.name: file.sha256 for file in self.files}}


def sha256_of(path: Path) -> str:
    """Compute the sha256 of a file, as 64 hexadecimal digits; OSError if it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def unreadable(path: Path, error: OSError) -> WeightsError:
    """Make the error for a file that is there and cannot be read."""
    return WeightsError(f"the model file {path} cannot be read: {error.strerror}")


def find_cached(model: Model, folder: Path) -> Weights | None:
    """Return the first set of the model's files that is whole and right in the cache."""
    for files in model.file_sets:
        if all((folder / file.cache_name).is_file() for file in files):
            checked = [_check(file, folder) for file in files]
            right = tuple(file for file in checked if file is not None)
            if len(right) == len(files):
                return Weights(model.name, right, model)
    return None


def find_packaged(model: Model) -> Weights | None:
    """Return a model whose file is part of Kinetrace, None for the others.

    Raises
    ------
    WeightsError
        If the file is not there, or not what it was.
    """
    if not model.is_packaged:
        return None
    path = PACKAGED / model.file.name
    try:
        file = WeightsFile(path, sha256_of(path), path.stat().st_size)
    except OSError as error:
        raise unreadable(path, error) from error
    if not model.file.matches(file.sha256):
        raise WeightsError(f"{path} is not as it was installed: install Kinetrace again")
    return Weights(model.name, (file,), model)


def _check(file: ModelFile, folder: Path) -> WeightsFile | None:
    path = folder / file.cache_name
    try:
        sha256 = sha256_of(path)
        return WeightsFile(path, sha256, path.stat().st_size) if file.matches(sha256) else None
    except FileNotFoundError:  # another process has just set it aside
        return None
    except OSError as error:
        raise unreadable(path, error) from error


def find_damaged(model: Model, folder: Path) -> tuple[Path, ...]:
    """Return the model's files in a folder whose sha256 is wrong."""
    files = dict.fromkeys(file for files in model.file_sets for file in files)
    present = [file for file in files if (folder / file.cache_name).is_file()]
    wrong = [folder / file.cache_name for file in present if _check(file, folder) is None]
    return tuple(path for path in wrong if path.exists())
