"""A backend of your own in one file: this one takes the middle of what is bright for a person.

    python examples/custom_backend.py

In Kinetrace itself it would be ``src/kinetrace/backends/blob.py``, and that is all. In a package
of yours, its ``pyproject.toml`` tells where it is, and ``--backend blob`` works as soon as that
package is installed:

    [project.entry-points."kinetrace.backends"]
    blob = "my_package.custom_backend"

`kinetrace.estimators` says what an estimator must be able to do.
"""

# %% What makes it a backend: the names of its models, and a function that makes an estimator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kinetrace.estimators import Options
from kinetrace.frames import Frame
from kinetrace.poses import Poses, Skeleton

MODELS = ("bright",)
BRIGHT = 200  # of 255


def load(options: Options) -> "BlobEstimator":
    """Make the estimator."""
    return BlobEstimator(options.model or MODELS[0])


# %% The estimator: frames in, poses out
class BlobEstimator:
    """Finds at most one person in a frame; its score is the share of the box that is bright."""

    skeleton = Skeleton(
        name="blob",
        keypoints=("middle", "top", "bottom", "left", "right"),
        edges=(("top", "bottom"), ("left", "right")),
    )
    batch_size = 1

    def __init__(self, model: str) -> None:
        # Goes into the table's log, so that anybody can tell how it was made.
        self.description: Mapping[str, Any] = {"backend": "blob", "model": model}
        self._is_closed = False

    def reset(self, *, continuous: bool) -> None:
        """Begin a new source; nothing is remembered here."""

    def __call__(self, frames: Sequence[Frame]) -> Poses:
        """Estimate the people of each frame."""
        if self._is_closed:
            raise RuntimeError("the estimator is closed")
        found = [(i, blob) for i, frame in enumerate(frames) if (blob := find(frame.image))]
        keypoints = len(self.skeleton)
        return Poses(
            skeleton=self.skeleton,
            frame_time_s=np.array([frame.time_s for frame in frames]),
            frame_index=np.array([frame.index for frame in frames]),
            frame=np.array([i for i, _ in found], np.int64),
            xy=np.array([blob.xy for _, blob in found]).reshape(-1, keypoints, 2),
            score=np.array([[blob.score] * keypoints for _, blob in found]).reshape(-1, keypoints),
            bbox_score=np.array([blob.score for _, blob in found]),
        )

    def close(self) -> None:
        """Free what is held."""
        self._is_closed = True


class Blob(NamedTuple):
    """Keypoints (5, 2) in pixels, and 0..1."""

    xy: list[tuple[float, float]]
    score: float


def find(image: np.ndarray) -> Blob | None:
    """Return what is bright in an (H, W, 3) uint8 RGB picture; None if nothing is."""
    y, x = np.nonzero(image.min(axis=2) >= BRIGHT)
    if not len(x):
        return None
    middle_x, middle_y = x.mean(), y.mean()
    ends = [(middle_x, y.min()), (middle_x, y.max()), (x.min(), middle_y), (x.max(), middle_y)]
    box_px = (np.ptp(x) + 1) * (np.ptp(y) + 1)
    return Blob([(middle_x, middle_y), *ends], len(x) / box_px)


# %% Try it on a film of a bright square that moves by 4 px a frame to the right
if __name__ == "__main__":
    from kinetrace import concat, open_frames
    from kinetrace.pipeline import estimate_frames

    pictures = np.zeros((30, 120, 200, 3), np.uint8)
    for i, picture in enumerate(pictures):
        picture[50:70, 10 + 4 * i : 30 + 4 * i] = 255
    # Once it is installed, all this is: kinetrace.estimate(list(pictures), fps=30, backend="blob")
    with open_frames(list(pictures), fps=30) as frames:
        poses = concat([found for _, found in estimate_frames(frames, load(Options()))])
    table = poses.table()[["frame", "track_id", "middle_x_px", "middle_y_px"]]
    print(table.iloc[::10].to_string(index=False))
