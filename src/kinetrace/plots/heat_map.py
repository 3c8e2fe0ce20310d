"""Where people were in the picture, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from kinetrace.plots._figure import new_figure, say_nothing_to_draw
from kinetrace.points import find, seen
from kinetrace.poses import Poses

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS_ACROSS = 48


def heat_map(
    poses: Poses, *, of: Literal["hips", "feet"] = "hips", min_score: float = 0.3
) -> Figure:
    """Draw how much time people spent where.

    Parameters
    ----------
    poses
        Everybody counts.
    of
        The middle of the hips, or of the ankles.
    min_score
        Keypoints below it do not count.
    """
    name = {"hips": "mid_hip", "feet": "mid_ankle"}[of]
    at = find(seen(poses.xy, poses, min_score), poses.skeleton, name)
    at = at[np.isfinite(at).all(axis=1)]
    if not len(at):
        figure = new_figure(6, 2)
        say_nothing_to_draw(figure.subplots(), f"There is nothing to draw: no {of} are seen.")
        return figure
    low, high = _area(poses, at)
    width, height = high - low
    x = np.linspace(low[0], high[0], _BINS_ACROSS + 1)
    y = np.linspace(low[1], high[1], max(1, round(_BINS_ACROSS * height / width)) + 1)
    share, _, _ = np.histogram2d(at[:, 0], at[:, 1], bins=[x, y])
    figure = new_figure(8, float(np.clip(6.6 * height / width, 2.5, 9)) + 0.6)
    axes = figure.subplots()
    percent = np.ma.masked_equal(100 * share.T / len(at), 0)
    mesh = axes.pcolormesh(x, y, percent, cmap="viridis", vmin=0)
    figure.colorbar(mesh, ax=axes, label=f"rows with {of} there (%)", shrink=0.8)
    axes.set_aspect("equal")
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(high[1], low[1])
    axes.set_xlabel("x (px)")
    axes.set_ylabel("y (px)")
    return figure


def _area(poses: Poses, at: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Return the corners of the picture, or of where people were, if its size is not known."""
    if poses.size_wh is not None:
        return np.array([-0.5, -0.5]), np.array(poses.size_wh) - 0.5
    margin = 0.05 * np.ptp(at, axis=0).max() + 1
    return at.min(axis=0) - margin, at.max(axis=0) + margin
