"""A film whose truth is known, made of one picture: what the demonstration runs on.

The camera drifts, turns and comes closer over a still portrait, so the person moves in the
picture exactly as the camera says, and keypoints can be held against that.
"""

from __future__ import annotations

import math
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.frames import Frame
from kinetrace.frames.video_writer import VideoWriter
from kinetrace.poses import Poses

SIZE_WH = (640, 480)
FPS = 30
FRAMES = 90


def portrait() -> npt.NDArray[np.uint8]:
    """Return the portrait, (512, 512, 3) RGB; `data/README.md` tells where it is from."""
    from PIL import Image

    data = (files("kinetrace") / "data" / "astronaut.jpg").read_bytes()
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def camera(frame: int) -> npt.NDArray[np.float64]:
    """Return the (2, 3) affine transform from the portrait to a frame, in pixels."""
    phase = 2 * math.pi * frame / FRAMES
    turn = cv2.getRotationMatrix2D(
        center=(256, 256), angle=6 * math.sin(phase), scale=0.9 + 0.08 * math.sin(phase)
    )
    drift = (64 + 50 * math.sin(phase), -20 + 20 * math.sin(2 * phase))
    shift = np.array([[0, 0, drift[0]], [0, 0, drift[1]]])
    return np.asarray(turn + shift, dtype=np.float64)


def write_film(path: Path) -> None:
    """Write the film: 3 s at 30 frames a second, 640 x 480.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    picture = portrait()
    with VideoWriter(path, fps=FPS) as video:
        for number in range(FRAMES):
            image: Any = cv2.warpAffine(
                picture, camera(number), SIZE_WH, borderMode=cv2.BORDER_REPLICATE
            )
            video.write(Frame(np.asarray(image, dtype=np.uint8), number, number / FPS))


def error_px(poses: Poses) -> float:
    """Say how far the keypoints stray from the way that the camera moves the person.

    Each frame's shoulders and nose are moved back into the portrait, where they should stand
    still.

    Returns
    -------
    float
        Root mean square distance from their mean place, in pixels of the portrait.
    """
    names = ("nose", "left_shoulder", "right_shoulder")
    xy = np.stack([poses.keypoint(name) for name in names], axis=1).astype(np.float64)
    number = poses.frame_index[poses.frame]
    back = np.stack([cv2.invertAffineTransform(camera(int(n))) for n in number])
    still = np.einsum("nij,nkj->nki", back[:, :, :2], xy) + back[:, None, :, 2]
    stray = still - np.nanmean(still, axis=0)
    return float(np.sqrt(np.nanmean(np.sum(stray**2, axis=-1))))
