"""Skeleton, Poses, concat: the one data structure of Kinetrace.

One row of a `Poses` is one person in one frame, so that an image, a clip and a second of webcam
are the same type and nothing is padded. Missing is NaN, never 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Layout

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Skeleton:
    """The keypoints of a body, addressed by name, and the lines between them.

    Attributes
    ----------
    name
        What the skeleton is called in files.
    keypoints
        K names, in the order of the arrays.
    edges
        Pairs of names that are drawn as a line.
    sigmas
        K annotator deviations for Object Keypoint Similarity, or () where none are published.

    Raises
    ------
    ValueError
        If a name occurs twice, an edge names a stranger, or there are not K sigmas.
    """

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...] = ()
    sigmas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.keypoints)) != len(self.keypoints):
            raise ValueError(f"skeleton {self.name!r} names a keypoint twice: {self.keypoints}")
        strangers = {end for edge in self.edges for end in edge} - set(self.keypoints)
        if strangers:
            raise ValueError(f"skeleton {self.name!r} has edges to unknown {sorted(strangers)}")
        if self.sigmas and len(self.sigmas) != len(self.keypoints):
            raise ValueError(
                f"skeleton {self.name!r} has {len(self.keypoints)} keypoints "
                f"but {len(self.sigmas)} sigmas"
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.keypoints)}

    def index(self, keypoint: str) -> int:
        """Return the position of a keypoint; KeyError lists the names there are."""
        try:
            return self._index[keypoint]
        except KeyError:
            raise KeyError(
                f"skeleton {self.name!r} has no keypoint {keypoint!r}; it has: "
                + ", ".join(self.keypoints)
            ) from None

    @cached_property
    def edge_indices(self) -> tuple[tuple[int, int], ...]:
        """The edges as pairs of positions."""
        return tuple((self._index[a], self._index[b]) for a, b in self.edges)

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each keypoint the position of its left-right partner (itself on the midline)."""
        return tuple(self._index.get(_partner(n), i) for i, n in enumerate(self.keypoints))


def _partner(name: str) -> str:
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(side):
            return other + name[len(side) :]
    return name


@dataclass(frozen=True, kw_only=True, eq=False)
class Poses:
    """People's keypoints in the frames of one source: N rows over T frames, K keypoints each.

    Arrays are converted to the types below, their shapes are checked, and they are read-only:
    a function that changes poses returns new ones (`dataclasses.replace`).

    Attributes
    ----------
    skeleton
        What the K keypoints are.
    frame_time_s : (T,) float64
        Presentation time of each frame *looked at*, so a frame with nobody in it is still there.
        NaN where the source has no clock (unrelated photos).
    frame : (N,) int64
        Index into the T frames, ascending.
    xy : (N, K, 2) float32
        Pixels in the original image, origin top-left; the centre of the first pixel is (0, 0).
        NaN where a keypoint is missing or outside the image.
    score : (N, K) float32
        0..1; each backend documents what it means. 0 where the keypoint is missing.
    track_id : (N,) int64
        -1 until tracked, then stable for a person.
    bbox_xyxy : (N, 4) float32
        The person's box in pixels: left, top, right, bottom.
    bbox_score : (N,) float32
        0..1, NaN where nothing scored the box.
    xyz_m : (N, K, 3) float32 or None
        Metres, hip-centred: x to the image's right, y down, z away from the camera.
    frame_index : (T,) int64
        Number of each frame in its source, counted from 0: not the same as its position here
        where only some frames were looked at.
    frame_name : T strings or None
        File name of each frame where the source is a set of images.
    size_wh
        Width and height of the images in pixels; None where they differ or are not known.
    source
        Where the frames came from.
    log
        What was done, in order: dicts with ``operation``, ``version`` and ``parameters``.

    Raises
    ------
    ValueError
        If a shape does not fit the others, a row points at no frame, or a score leaves 0..1.
    """

    skeleton: Skeleton
    frame_time_s: FloatArray
    frame: IntArray
    xy: FloatArray
    score: FloatArray
    # The four below are always arrays once made; None asks for the stated default.
    track_id: IntArray = None  # type: ignore[assignment]  # all -1
    bbox_xyxy: FloatArray = None  # type: ignore[assignment]  # around the keypoints
    bbox_score: FloatArray = None  # type: ignore[assignment]  # all NaN
    frame_index: IntArray = None  # type: ignore[assignment]  # 0, 1, ... T-1
    xyz_m: FloatArray | None = None
    frame_name: tuple[str, ...] | None = None
    size_wh: tuple[int, int] | None = None
    source: str = ""
    log: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        k = len(self.skeleton)
        time_s = self._keep("frame_time_s", self.frame_time_s, np.float64, (None,))
        frame = self._keep("frame", self.frame, np.int64, (None,))
        t, n = len(time_s), len(frame)
        xy = self._keep("xy", self.xy, np.float32, (n, k, 2))
        score = self._keep("score", self.score, np.float32, (n, k))
        defaults = (
            ("track_id", np.int64, (n,), lambda: np.full(n, -1)),
            ("bbox_xyxy", np.float32, (n, 4), lambda: bounds(xy)),
            ("bbox_score", np.float32, (n,), lambda: np.full(n, np.nan)),
            ("frame_index", np.int64, (t,), lambda: np.arange(t)),
        )
        for name, dtype, shape, default in defaults:
            given = getattr(self, name)
            self._keep(name, default() if given is None else given, dtype, shape)
        if self.xyz_m is not None:
            self._keep("xyz_m", self.xyz_m, np.float32, (n, k, 3))
        if self.frame_name is not None and len(self.frame_name) != t:
            raise ValueError(f"frame_name has {len(self.frame_name)} names for {t} frames")
        if n and (frame[0] < 0 or frame[-1] >= t or np.any(np.diff(frame) < 0)):
            raise ValueError(f"frame must ascend within 0..{t - 1}, got {frame[0]}..{frame[-1]}")
        if not np.all((score >= 0) & (score <= 1)):
            raise ValueError("every score must be within 0..1 (0 where a keypoint is missing)")

    def _keep(
        self, name: str, values: Any, dtype: type[np.generic], shape: tuple[int | None, ...]
    ) -> npt.NDArray[Any]:
        """Store `values` as a read-only array of that type, if it has that shape."""
        array = np.asarray(values, dtype=dtype).view()
        if array.ndim != len(shape) or any(
            want not in (None, got) for want, got in zip(shape, array.shape, strict=True)
        ):
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        array.flags.writeable = False
        object.__setattr__(self, name, array)
        return array

    def __len__(self) -> int:
        """Return N, the number of rows: people summed over frames."""
        return len(self.frame)

    def __repr__(self) -> str:
        return (
            f"Poses({self.skeleton.name}: {len(self)} people in {len(self.frame_time_s)} frames"
            f"{f' of {self.source}' if self.source else ''})"
        )

    def keypoint(self, name: str) -> FloatArray:
        """Return the (N, 2) pixel positions of one keypoint, by name."""
        return self.xy[:, self.skeleton.index(name)]

    def rows(self, keep: IntArray | npt.NDArray[np.bool_]) -> Poses:
        """Return the poses with only some rows; every frame stays.

        Parameters
        ----------
        keep : (N,) bool, or (M,) int ascending
            The rows that stay.
        """
        per_row = ("frame", "xy", "score", "track_id", "bbox_xyxy", "bbox_score", "xyz_m")
        arrays = {name: getattr(self, name) for name in per_row}
        return dataclasses.replace(
            self, **{name: a[keep] for name, a in arrays.items() if a is not None}
        )

    def frames(self, start: int, stop: int) -> Poses:
        """Return the poses of frames ``[start, stop)`` (positions, not source numbers)."""
        start, stop, _ = slice(start, stop).indices(len(self.frame_time_s))
        low, high = np.searchsorted(self.frame, (start, max(start, stop)))
        part = self.rows(np.arange(low, high))
        return dataclasses.replace(
            part,
            frame=part.frame - start,
            frame_time_s=self.frame_time_s[start:stop],
            frame_index=self.frame_index[start:stop],
            frame_name=self.frame_name[start:stop] if self.frame_name is not None else None,
        )

    def logged(self, operation: str, parameters: Mapping[str, Any]) -> Poses:
        """Return the same poses with one more entry in `log`."""
        from kinetrace import __version__

        entry = {"operation": operation, "version": __version__, "parameters": dict(parameters)}
        return dataclasses.replace(self, log=(*self.log, entry))

    def table(self, layout: Layout = "wide") -> pd.DataFrame:
        """Return the poses as a pandas table.

        Parameters
        ----------
        layout
            ``wide``: one row a person a frame. ``long``: one row a keypoint (tidy data). In both,
            a frame with nobody in it has one row, empty but for ``frame`` and ``time_s``.

        Returns
        -------
        pandas.DataFrame
            The columns that `kinetrace.tables.columns` lists.
        """
        from kinetrace import tables

        return tables.to_table(self, layout)


def bounds(xy: FloatArray) -> npt.NDArray[np.float32]:
    """Return the tightest boxes around keypoints.

    Parameters
    ----------
    xy : (N, K, 2)
        Pixels; NaN is passed over.

    Returns
    -------
    (N, 4) float32
        Left, top, right, bottom; NaN for a person without any keypoint.
    """
    xy = np.asarray(xy, dtype=np.float32)
    if xy.shape[1] == 0:
        return np.full((len(xy), 4), np.nan, dtype=np.float32)
    low = np.where(np.isnan(xy), np.inf, xy).min(axis=1)
    high = np.where(np.isnan(xy), -np.inf, xy).max(axis=1)
    box = np.concatenate([low, high], axis=1)
    return np.where(np.isfinite(box), box, np.nan).astype(np.float32)


def concat(parts: Sequence[Poses]) -> Poses:
    """Join the poses of consecutive stretches of frames.

    Parameters
    ----------
    parts
        At least one, all of one skeleton, in the order of their frames.

    Returns
    -------
    Poses
        T and N are the sums. `size_wh`, `source` and `log` are those of the parts where all
        agree; else None, "" and the log of the first.

    Raises
    ------
    ValueError
        If there is no part, or skeletons differ, or only some parts have `xyz_m` or names.
    """
    if not parts:
        raise ValueError("concat needs at least one Poses")
    first = parts[0]
    for part in parts:
        if part.skeleton != first.skeleton:
            raise ValueError(
                f"poses of {first.skeleton.name!r} and {part.skeleton.name!r} have other "
                "keypoints and cannot be one: concat those of one backend"
            )
        if (part.xyz_m is None) != (first.xyz_m is None):
            raise ValueError(
                "poses with and without xyz_m cannot be one: leave it out of all of them by "
                "dataclasses.replace(poses, xyz_m=None)"
            )
        if (part.frame_name is None) != (first.frame_name is None):
            raise ValueError(
                "poses with and without frame_name cannot be one: leave it out of all of them by "
                "dataclasses.replace(poses, frame_name=None)"
            )

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    offsets = np.cumsum([0, *(len(part.frame_time_s) for part in parts[:-1])])
    names = [part.frame_name for part in parts if part.frame_name is not None]
    return Poses(
        skeleton=first.skeleton,
        frame_time_s=joined("frame_time_s"),
        frame=np.concatenate([p.frame + o for p, o in zip(parts, offsets, strict=True)]),
        xy=joined("xy"),
        score=joined("score"),
        track_id=joined("track_id"),
        bbox_xyxy=joined("bbox_xyxy"),
        bbox_score=joined("bbox_score"),
        frame_index=joined("frame_index"),
        xyz_m=None if first.xyz_m is None else joined("xyz_m"),
        frame_name=tuple(n for part in names for n in part) if names else None,
        size_wh=first.size_wh if all(p.size_wh == first.size_wh for p in parts) else None,
        source=first.source if all(p.source == first.source for p in parts) else "",
        log=first.log,
    )
