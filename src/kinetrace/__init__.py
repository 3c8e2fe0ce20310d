"""Kinetrace: every person's keypoints from images and videos, as a clean table.

>>> import kinetrace
>>> poses = kinetrace.estimate("clip.mp4", backend="mediapipe")  # doctest: +SKIP
>>> poses.table()  # doctest: +SKIP

Importing this loads nothing heavy: what a name needs is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinetrace.drawing import draw
    from kinetrace.filtering import smooth
    from kinetrace.formats import read, write
    from kinetrace.frames import Frame, open_frames
    from kinetrace.pipeline import estimate, stream
    from kinetrace.poses import Poses, Skeleton, concat
    from kinetrace.tracking import track


__version__ = "0.1.0"

__all__ = [
    "Frame",
    "Poses",
    "Skeleton",
    "__version__",
    "concat",
    "draw",
    "estimate",
    "open_frames",
    "read",
    "smooth",
    "stream",
    "track",
    "write",
]

# The public names, and the module that each lives in.
_LAZY = {
    "Frame": "frames",
    "Poses": "poses",
    "Skeleton": "poses",
    "concat": "poses",
    "draw": "drawing",
    "estimate": "pipeline",
    "open_frames": "frames",
    "read": "formats",
    "smooth": "filtering",
    "stream": "pipeline",
    "track": "tracking",
    "write": "formats",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'kinetrace' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"kinetrace.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
