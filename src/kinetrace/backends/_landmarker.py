"""One Pose Landmarker of MediaPipe, with what its lifecycle needs to be safe.

Known traps of the package that are dealt with here:

- its timestamps are whole milliseconds and must rise, so a landmarker serves one film only;
- an unfit image kills it for good: `Frame` has checked the image before it gets here;
- after an error its ``close`` can raise and keep the handle, and its destructor then hangs
  (MediaPipe #6233): the handle is dropped whatever happens;
- used after ``close`` it returns an empty result, as if nobody were there: here that is an error.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace import weights
from kinetrace.errors import MissingExtraError, WeightsError
from kinetrace.timing import span

MODELS = ("mediapipe-full", "mediapipe-lite", "mediapipe-heavy")

# A score may leave 0..1 by rounding; by more, the model does not mean what is assumed of it.
_ROUNDING = 1e-4


class Landmarks(NamedTuple):
    """N people in one image.

    `xy` (N, 33, 2) in pixels, also beyond the image's edges; `score` (N, 33), the visibility;
    `xyz_m` (N, 33, 3) in metres about the middle of the hips.
    """

    xy: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    xyz_m: npt.NDArray[np.float32]


NOBODY = Landmarks(
    np.empty((0, 33, 2), np.float32),
    np.empty((0, 33), np.float32),
    np.empty((0, 33, 3), np.float32),
)


class Landmarker:
    """A Pose Landmarker for unrelated images, or for the frames of one film.

    Parameters
    ----------
    bundle
        The bytes of a ``.task`` file.
    most_people
        The most people that it looks for.
    film
        Whether it follows a person from each frame to the next.

    Raises
    ------
    MissingExtraError
        If MediaPipe is not installed.
    WeightsError
        If MediaPipe does not take the bundle.
    """

    def __init__(self, bundle: bytes, *, most_people: int, film: bool) -> None:
        self._mediapipe, vision, base_options = _import_mediapipe()
        mode = vision.RunningMode.VIDEO if film else vision.RunningMode.IMAGE
        options = vision.PoseLandmarkerOptions(
            # As bytes: MediaPipe does not open some paths on Windows.
            base_options=base_options(model_asset_buffer=bundle),
            running_mode=mode,
            num_poses=most_people,
        )
        try:
            self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise WeightsError(f"MediaPipe does not take this model: {error}") from error
        self._film = film
        self._last_ms = -1

    def __call__(self, image: npt.NDArray[np.uint8], time_s: float) -> Landmarks:
        """Find the people in an RGB image; `time_s` matters in a film only.

        Raises
        ------
        RuntimeError
            If the landmarker is closed.
        ValueError
            If a film's frame has no time.
        """
        if self._landmarker is None:
            raise RuntimeError("this landmarker is closed")
        picture = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        try:
            with span("network"):
                if self._film:
                    result = self._landmarker.detect_for_video(picture, self._next_ms(time_s))
                else:
                    result = self._landmarker.detect(picture)
        except RuntimeError:
            self.close()  # it would not answer again
            raise
        height, width = image.shape[:2]
        return _arrays(result, width, height)

    def _next_ms(self, time_s: float) -> int:
        if not math.isfinite(time_s):
            raise ValueError(f"a frame of a film needs a time to be tracked, got {time_s}")
        # The grace of a nanosecond keeps 0.57 s, which is 569.9999999999999 ms, at 570.
        self._last_ms = max(math.floor(time_s * 1000 + 1e-6), self._last_ms + 1)
        return self._last_ms

    def close(self) -> None:
        """Free the landmarker. Closing twice is fine."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is None:
            return
        # A landmarker that has failed also fails to close; all that is left is to let it go.
        with contextlib.suppress(RuntimeError, ValueError):
            landmarker.close()
        landmarker._handle = None


def find_model(name: str | None, *, quiet: bool) -> weights.Weights:
    """Find one of MediaPipe's pose models; None is the full one, ``lite`` is short for its name.

    Raises
    ------
    WeightsError
        If it cannot be had.
    """
    chosen = name or MODELS[0]
    full_name = f"mediapipe-{chosen}"
    return weights.fetch(full_name if full_name in MODELS else chosen, quiet=quiet)


def mediapipe_version() -> str:
    """Return the installed version of MediaPipe, or raise `MissingExtraError`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mediapipe")
    except PackageNotFoundError:
        raise MissingExtraError("MediaPipe", "mediapipe") from None


def _import_mediapipe() -> tuple[Any, Any, Any]:
    mediapipe_version()
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    return mediapipe, vision, BaseOptions


def _arrays(result: Any, width: int, height: int) -> Landmarks:
    people = len(result.pose_landmarks)
    image = np.array(
        [[(p.x, p.y, p.visibility) for p in person] for person in result.pose_landmarks],
        dtype=np.float64,
    ).reshape(people, 33, 3)
    world = np.array(
        [[(p.x, p.y, p.z) for p in person] for person in result.pose_world_landmarks],
        dtype=np.float32,
    ).reshape(people, 33, 3)
    score = image[..., 2]
    if np.any((score < -_ROUNDING) | (score > 1 + _ROUNDING)):
        raise WeightsError(
            f"the model's visibility leaves 0..1 (up to {np.abs(score).max():.2f}): "
            "it is not one of MediaPipe's pose models"
        )
    xy = (image[..., :2] * (width, height)).astype(np.float32)
    return Landmarks(xy, np.clip(score, 0, 1).astype(np.float32), world)
