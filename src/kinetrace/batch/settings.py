"""What is the same for every job of a run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinetrace.choices import Layout, Smooth
from kinetrace.estimators import Options
from kinetrace.files import reading
from kinetrace.frames.selection import Selection

# What says where and how loudly, not what comes out. Another device rounds otherwise, as another
# number of threads may; a run that is finished on another machine is the same run.
_WITHOUT_EFFECT = ("device", "threads", "quiet", "first_source")

# Options that may name a file of the user's: what counts is what is in it.
_FILES = ("model", "detector_model", "boxes", "calibration")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How people are found and what of each source is looked at; can be pickled.

    Attributes
    ----------
    backend, options
        What estimates.
    selection, fps, layout, track, smooth
        See `kinetrace.run.run`.

    Raises
    ------
    ValueError
        If `fps` is not positive.
    """

    backend: str
    options: Options = field(default_factory=Options)
    selection: Selection = field(default_factory=Selection)
    fps: float | None = None
    layout: Layout | None = None
    track: bool = True
    smooth: Smooth = "auto"

    def __post_init__(self) -> None:
        if self.fps is not None and not self.fps > 0:
            raise ValueError(f"fps must be positive, got {self.fps}")

    def parameters(self) -> dict[str, Any]:
        """Return all of it as JSON has it.

        Raises
        ------
        TypeError
            If something is neither a name, a number nor a path: an array to calibrate on, say.
        """
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), default=os.fspath))
        return plain

    def digest(self) -> str:
        """Return a sha256 (hexadecimal) of what results depend on.

        The settings of two runs have the same one if they give the same table for a source, apart
        from rounding: threads, device and the like are left out, and a file that an option names
        counts by what is in it, not by its path.
        """
        told = comparable(self.parameters())
        told["selection"]["every"] = self.selection.step
        told["options"] |= {name: _content(told["options"][name]) for name in _FILES}
        text = json.dumps(told, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def comparable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results depend on, of what `Settings.parameters` gave."""
    told = json.loads(json.dumps(parameters))
    told["layout"] = told.get("layout") or "wide"  # what it is where nothing is said
    for name in _WITHOUT_EFFECT:
        told["options"].pop(name, None)
    return dict(told)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return what differs between two `Settings.parameters`: ``model lite, now heavy``."""
    was, now = _flat(comparable(old)), _flat(comparable(new))
    return "; ".join(
        f"{name} {_text(was.get(name))}, now {_text(now.get(name))}"
        for name in dict.fromkeys((*now, *was))
        if was.get(name) != now.get(name)
    )


def _flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in parameters.items():
        flat |= _flat(value) if isinstance(value, Mapping) else {name: value}
    return flat


def _text(value: object) -> str:
    return "not set" if value is None else str(value)


def _content(value: object) -> object:
    """Return the hash of a file that exists, and anything else as it is."""
    if not isinstance(value, str) or not Path(value).is_file():
        return value
    from kinetrace.weights._cache import sha256_of

    with reading(Path(value)):
        return sha256_of(Path(value))
