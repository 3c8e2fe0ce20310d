"""A job's keypoints: read, shown as JSON, and corrected."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kinetrace.errors import KinetraceError
from kinetrace.files import replacing
from kinetrace.formats import read, write
from kinetrace.poses import Poses
from kinetrace.web.orders import MADE, POSES, TABLE, Correct, Correction


class CorrectionError(KinetraceError):
    """A correction is of nobody, of no keypoint, or outside of the picture."""


def write_json(folder: Path) -> None:
    """Write a job's keypoints as JSON, for the page.

    People without an id (those of a photo) get one that is negative: -1 is the first of a frame.
    """
    with replacing(folder / POSES) as temporary:
        temporary.write_text(json.dumps(_told(read(folder / TABLE)), allow_nan=False))


def _told(poses: Poses) -> dict[str, Any]:
    skeleton = poses.skeleton
    width, height = poses.size_wh or (None, None)
    return {
        "skeleton": {
            "name": skeleton.name,
            "keypoints": list(skeleton.keypoints),
            "edges": [list(pair) for pair in skeleton.edge_indices],
            "mirror": list(skeleton.mirror),
        },
        "size_wh": [width, height],
        "frame_time_s": _numbers(poses.frame_time_s, 6),
        "frame_index": poses.frame_index.tolist(),
        "people": _people(poses),
        "log": [_plain(entry) for entry in poses.log],
        "tracks": _tracks(poses),
    }


def _people(poses: Poses) -> list[list[dict[str, Any]]]:
    people: list[list[dict[str, Any]]] = [[] for _ in poses.frame_time_s]
    ids = shown_ids(poses)
    for row, frame in enumerate(poses.frame.tolist()):
        people[frame].append(
            {
                "id": int(ids[row]),
                "box": _numbers(poses.bbox_xyxy[row], 2),
                "xy": _numbers(poses.xy[row].ravel(), 2),
                "score": _numbers(poses.score[row], 4),
            }
        )
    return people


def shown_ids(poses: Poses) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the id of each row, (N,); -1, -2 ... in each frame for those who have none."""
    ids = poses.track_id.astype(np.int64)
    nameless = np.flatnonzero(ids < 0)
    frames = poses.frame[nameless]
    ids[nameless] = -1 - (np.arange(len(nameless)) - np.searchsorted(frames, frames))
    return ids


def _tracks(poses: Poses) -> list[dict[str, int]]:
    tracks = []
    for track_id in np.unique(poses.track_id[poses.track_id >= 0]).tolist():
        frames = poses.frame[poses.track_id == track_id]
        tracks.append(
            {
                "id": track_id,
                "first_frame": int(frames[0]),
                "last_frame": int(frames[-1]),
                "frames": len(frames),
            }
        )
    return tracks


def _numbers(values: Any, decimals: int) -> list[float | None]:
    return [
        round(value, decimals) if np.isfinite(value) else None
        for value in np.asarray(values, dtype=np.float64).tolist()
    ]


def _plain(value: Any) -> Any:
    """Return what JSON has for a value of a log."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def correct(order: Correct) -> None:
    """Correct a job's table; its log tells what was changed, and from what.

    What was made of the table before is removed: it is made again when it is asked for.

    A point that a person has placed has the score 1. Where it was in space is not known any more.

    Raises
    ------
    CorrectionError
        If one of them makes no sense; nothing is corrected then.
    """
    table = order.folder / TABLE
    write(corrected(read(table), order.corrections), table)
    write_json(order.folder)
    for path in order.folder.iterdir():
        if path.name.startswith(MADE):
            path.unlink()


def corrected(poses: Poses, corrections: Sequence[Correction]) -> Poses:
    """Return the poses with keypoints where somebody says that they are; see `correct`."""
    xy, score = poses.xy.copy(), poses.score.copy()
    xyz_m = None if poses.xyz_m is None else poses.xyz_m.copy()
    ids = shown_ids(poses)
    entries = []
    for each in corrections:
        row, keypoint = _place(poses, ids, each)
        entry = dataclasses.asdict(each)
        entry["frame"] = int(poses.frame_index[each.frame])
        was_px = _numbers(xy[row, keypoint], 3)
        entries.append(entry | {"was_x_px": was_px[0], "was_y_px": was_px[1]})
        is_there = each.x_px is not None
        xy[row, keypoint] = (each.x_px, each.y_px) if is_there else np.nan
        score[row, keypoint] = 1.0 if is_there else 0.0
        if xyz_m is not None:
            xyz_m[row, keypoint] = np.nan
    new = dataclasses.replace(poses, xy=xy, score=score, xyz_m=xyz_m)
    return new.logged("correct", {"corrections": entries})


def _place(poses: Poses, ids: Any, correction: Correction) -> tuple[int, int]:
    """Return the row and the keypoint that a correction is of."""
    low, high = np.searchsorted(poses.frame, (correction.frame, correction.frame + 1))
    rows = [row for row in range(low, high) if ids[row] == correction.id]
    if not rows:
        raise CorrectionError(
            f"There is no person {correction.id} in frame {correction.frame}: load the page again."
        )
    names = poses.skeleton.keypoints
    if correction.keypoint not in names:
        raise CorrectionError(
            f"There is no keypoint {correction.keypoint!r}; there are: {', '.join(names)}."
        )
    if correction.x_px is not None and correction.y_px is not None and poses.size_wh is not None:
        width, height = poses.size_wh
        if not (-0.5 <= correction.x_px <= width - 0.5 and -0.5 <= correction.y_px <= height - 0.5):
            raise CorrectionError(
                f"({correction.x_px:g}, {correction.y_px:g}) is outside of the picture, which is "
                f"{width} x {height} pixels: mark the point as not there."
            )
    return rows[0], names.index(correction.keypoint)
