"""A movement as a row of stick figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.plots._figure import LEFT, MIDDLE, RIGHT, new_figure, say_nothing_to_draw
from kinetrace.poses import IntArray, Poses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats: TypeAlias = npt.NDArray[np.float64]
_LEAST_APART = 0.45  # heights of a figure between two of them


def stick_figures(
    poses: Poses, *, track_id: int | None = None, count: int = 10, min_score: float = 0.3
) -> Figure:
    """Draw a person at equal distances in time, each figure a step to the right of the one before.

    Someone who walks far enough is drawn where they were; who stays is spread out to the right.

    Parameters
    ----------
    poses
        Of a skeleton with edges.
    track_id
        Which person; None is the one with the most rows.
    count
        Of figures.
    min_score
        Keypoints below it are left out.

    Raises
    ------
    ValueError
        If there should be no figure.
    """
    if count < 1:
        raise ValueError(f"count must be 1 or more, got {count}")
    rows = _choose(poses, track_id, count)
    xy = np.where((poses.score[rows] >= min_score)[..., None], poses.xy[rows].astype(float), np.nan)
    drawn = np.isfinite(xy).any(axis=(1, 2))
    rows, xy = rows[drawn], xy[drawn]
    if not len(rows):
        figure = new_figure(6, 2)
        say_nothing_to_draw(figure.subplots(), "There is nothing to draw: nobody is seen.")
        return figure
    height = float(np.median(np.nanmax(xy[..., 1], axis=1) - np.nanmin(xy[..., 1], axis=1)))
    xy, is_moved = _spread(xy, height)
    low, high = np.nanmin(xy, axis=(0, 1)), np.nanmax(xy, axis=(0, 1))
    size = np.maximum(high - low, 1.0)
    figure = new_figure(10, float(np.clip(10 * size[1] / size[0], 2, 6)) + 0.6)
    axes = figure.subplots()
    for i, row in enumerate(rows):
        _draw_figure(axes, poses, xy[i])
        _label(
            axes, poses, int(row), float(np.nanmean(xy[i, :, 0])), float(high[1] + 0.06 * size[1])
        )
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_axis_off()
    if is_moved:
        axes.set_title("each figure is moved to the right of the one before", fontsize=8)
    return figure


def _choose(poses: Poses, track_id: int | None, count: int) -> IntArray:
    if track_id is None and len(poses):
        ids, counts = np.unique(poses.track_id, return_counts=True)
        track_id = int(ids[counts.argmax()])
    rows = np.flatnonzero(poses.track_id == track_id)
    rows = rows[np.unique(poses.frame[rows], return_index=True)[1]]  # one a frame
    if len(rows) <= count:
        return rows
    time_s = poses.frame_time_s[poses.frame[rows]]
    if not np.all(np.diff(time_s) > 0):
        return np.asarray(rows[np.linspace(0, len(rows) - 1, count).round().astype(int)])
    wanted = np.linspace(time_s[0], time_s[-1], count)
    return np.asarray(rows[np.unique([np.abs(time_s - time).argmin() for time in wanted])])


def _spread(xy: Floats, height: float) -> tuple[Floats, bool]:
    """Move figures apart, unless each is far enough from the one before."""
    middle = np.nanmedian(xy[..., 0], axis=1)
    if len(xy) < 2 or np.all(np.abs(np.diff(middle)) > _LEAST_APART * height):
        return xy, False
    breadth = float(np.max(np.nanmax(xy[..., 0], axis=1) - np.nanmin(xy[..., 0], axis=1)))
    step = max(1.1 * breadth, _LEAST_APART * height)
    shift = np.arange(len(xy)) * step - middle
    return xy + np.stack([shift, np.zeros_like(shift)], axis=1)[:, None], True


def _draw_figure(axes: Axes, poses: Poses, xy: Floats) -> None:
    for (a, b), (start, end) in zip(poses.skeleton.edges, poses.skeleton.edge_indices, strict=True):
        sides = {name.split("_")[0] for name in (a, b)}
        colour = LEFT if sides == {"left"} else RIGHT if sides == {"right"} else MIDDLE
        axes.plot(*xy[[start, end]].T, color=colour, linewidth=1.6, solid_capstyle="round")
    if not poses.skeleton.edges:
        axes.plot(*xy.T, ".", color=MIDDLE)


def _label(axes: Axes, poses: Poses, row: int, x: float, y: float) -> None:
    time_s = poses.frame_time_s[poses.frame[row]]
    number = poses.frame_index[poses.frame[row]]
    text = f"{time_s:.2f} s" if np.isfinite(time_s) else f"{number}"
    axes.text(x, y, text, ha="center", va="top", fontsize=8)
