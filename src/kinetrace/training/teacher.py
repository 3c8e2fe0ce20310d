"""Keypoints from a larger network, for people whose labels are few, rough or of other points.

Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015; for poses, Zhang,
Zhu and Ye, "Fast human pose estimation", CVPR 2019. The teacher sees each person mirrored, too,
and in the rotation in which the person is upright: networks trained on COCO have seen next to
nobody upside down, and sports pictures are full of them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.backends._topdown_network import TopdownNetwork
from kinetrace.choices import Decode
from kinetrace.frames import Frame
from kinetrace.poses import Skeleton

Floats = npt.NDArray[np.float64]

# How far the box of labelled joints is grown, relative to its longer side: joints lie inside of
# the body, and a person whose feet are not labelled reaches further than the labels do.
_GROWTH = 0.1
# What the person is looked at in beside the box, relative to it: a crop of a box takes 1.25.
_CANVAS = 1.7
# Below this the picture is taken for upright as it is.
_LEAST_TILT_DEG = 20.0


class Teacher:
    """An ONNX network ``image -> heatmaps`` that labels people.

    Parameters
    ----------
    path
        The ONNX file.
    input_size_wh, decode
        As the weights want them.
    threads
        Of ONNX Runtime; None is its own choice.

    Raises
    ------
    WeightsError
        If the file holds no such network.
    """

    def __init__(
        self,
        path: Path,
        *,
        input_size_wh: tuple[int, int] = (192, 256),
        decode: Decode = "dark",
        threads: int | None = None,
    ) -> None:
        self._network = TopdownNetwork(
            path,
            input_size_wh=input_size_wh,
            decode=decode,
            flip=True,
            device="cpu",
            threads=threads,
        )

    @property
    def skeleton(self) -> Skeleton:
        """What its keypoints are."""
        return self._network.skeleton

    def label(
        self, image: npt.NDArray[np.uint8], extent_xy: npt.NDArray[Any], tilt_deg: float = 0.0
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], float]:
        """Find one person's keypoints, upright and as the picture is; the surer answer counts.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB.
        extent_xy : (M, 2)
            Points that tell how far the person reaches, in pixels: joints, or corners of a box.
        tilt_deg
            Where the body's axis points, see `measure_tilt`.

        Returns
        -------
        xy : (K, 2) float32
            Pixels of the image; NaN where a keypoint was not found in it.
        score : (K,) float32
        tilt_deg : float
            The rotation that was chosen.
        """
        tilts = (0.0,) if abs(tilt_deg) < _LEAST_TILT_DEG else (tilt_deg, 0.0)
        answers = [(*self._label_at(image, extent_xy, tilt), tilt) for tilt in tilts]
        return max(answers, key=lambda answer: float(answer[1].mean()))

    def _label_at(
        self, image: npt.NDArray[np.uint8], extent_xy: npt.NDArray[Any], tilt_deg: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        turn, side, box = _stand_up(extent_xy, tilt_deg)
        upright = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_LINEAR)
        frame = Frame(np.asarray(upright, np.uint8), 0, 0.0)
        xy, score = self._network([frame], np.zeros(1, np.int64), box[None])
        back = cv2.invertAffineTransform(turn)
        there = (xy[0] @ back[:, :2].T + back[:, 2]).astype(np.float32)
        height, width = image.shape[:2]
        inside = np.all((there >= -0.5) & (there <= np.array([width, height]) - 0.5), axis=1)
        return np.where(inside[:, None], there, np.nan), np.where(inside, score[0], 0)

    def close(self) -> None:
        """Free the network. Closing twice is fine."""
        self._network.close()


def measure_tilt(skeleton: Skeleton, xy: npt.NDArray[np.floating]) -> float:
    """Return where the body's axis, neck to hips, points: 0 deg downwards, 90 deg to the left.

    Parameters
    ----------
    skeleton
        What the keypoints are; without hips, or shoulders and neck, the tilt is 0.
    xy : (K, 2)
        Pixels; NaN where a keypoint is missing.
    """
    neck = _middle(skeleton, xy, ("neck",), ("left_shoulder", "right_shoulder"))
    hips = _middle(skeleton, xy, ("left_hip", "right_hip"))
    if neck is None or hips is None:
        return 0.0
    right, down = hips - neck
    return math.degrees(math.atan2(-right, down))


def _middle(
    skeleton: Skeleton, xy: npt.NDArray[np.floating], *choices: tuple[str, ...]
) -> Floats | None:
    for names in choices:
        if set(names) <= set(skeleton.keypoints):
            points = xy[[skeleton.index(name) for name in names]]
            if np.isfinite(points).all():
                return np.asarray(points.mean(axis=0), np.float64)
    return None


def _stand_up(extent_xy: npt.NDArray[Any], tilt_deg: float) -> tuple[Floats, int, Floats]:
    """Return the affine to a square in which a person stands, its side, and the box in it."""
    cos, sin = math.cos(math.radians(tilt_deg)), math.sin(math.radians(tilt_deg))
    rotation = np.array([[cos, sin], [-sin, cos]])
    turned = np.asarray(extent_xy, np.float64) @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    wh = high - low + 2 * _GROWTH * (high - low).max()
    side = max(16, round(float(wh.max()) * _CANVAS))
    middle = (side - 1) / 2
    turn = np.column_stack([rotation, middle - (low + high) / 2])
    return turn, side, np.concatenate([middle - wh / 2, middle + wh / 2])
