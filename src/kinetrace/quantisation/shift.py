"""How far the points of one heatmap network are from those of another."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Decode
from kinetrace.onnx_session import open_session
from kinetrace.topdown import decode_heatmaps

Floats = npt.NDArray[np.float32]

# A point counts as seen where the first network's peak is at least so high, and as moved where it
# is more than so many px of the network's input away: half a heatmap pixel, 1 % of the height of
# a person who fills the crop, and the least that costs OKS 0.05 for the strictest keypoint.
SEEN_SCORE = 0.3
MOVED_PX = 2.0

_BATCH = 8


class Shift(NamedTuple):
    """How far the points of one network are from those of another, in px of their input.

    `points` is the number that the first one saw with a score of `SEEN_SCORE` or more, `mean_px`
    how far they are off on average, and `moved_share` (0..1) those off by more than `MOVED_PX`;
    a point that the second one does not find at all counts among these.
    """

    points: int
    mean_px: float
    moved_share: float

    def __str__(self) -> str:
        return (
            f"{self.points} points are off by {self.mean_px:.2f} px of the input on average, and "
            f"{self.moved_share:.1%} of them by more than {MOVED_PX:g} px"
        )


def measure_shift(graph: Path, other: Path, crops: Floats, *, decode: Decode) -> Shift:
    """Measure how far the points of another network are from those of `graph`, on the processor.

    Parameters
    ----------
    graph, other
        Two heatmap networks for the same input.
    crops : (N, 3, H, W)
        What both look at.
    decode
        How the heatmaps are to be decoded. Those for ``default`` are read as ``dark`` here: its
        steps, from one pixel and from one quarter to another, would be measured in place of the
        networks.
    """
    (xy_px, score), (other_xy_px, _) = (_find_points(g, crops, decode) for g in (graph, other))
    seen = score >= SEEN_SCORE
    apart_px = np.linalg.norm(other_xy_px - xy_px, axis=2)[seen]
    found = np.isfinite(apart_px)
    return Shift(
        points=int(seen.sum()),
        mean_px=float(apart_px[found].mean()) if found.any() else math.nan,
        moved_share=1 - float(np.mean(apart_px <= MOVED_PX)) if len(apart_px) else math.nan,
    )


def _find_points(graph: Path, crops: Floats, decode: Decode) -> tuple[Floats, Floats]:
    batches = [crops[i : i + _BATCH] for i in range(0, len(crops), _BATCH)]
    session = open_session(graph, device="cpu")
    heatmaps = np.concatenate([session.run(batch)[0] for batch in batches])
    session.close()
    xy, score = decode_heatmaps(heatmaps, decode="dark" if decode == "default" else decode)
    return xy * np.float32(crops.shape[2] / heatmaps.shape[2]), score
