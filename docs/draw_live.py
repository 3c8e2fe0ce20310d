"""Make docs/images/live.jpg: the live page while somebody squats.

    python docs/draw_live.py

Somebody who is painted squats before the browser's camera. They are no photo, so a backend of this
script's own finds them: by a number in the lowest line of the picture. Needs chromium,
chromium-driver and `pip install -e '.[web,test]'`.
"""

from __future__ import annotations

import base64
import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from kinetrace.estimators import Options
from kinetrace.frames import Frame
from kinetrace.poses import Poses, bounds
from kinetrace.testing import exerciser

TARGET = Path(__file__).parent / "images" / "live.jpg"
MODELS = ("painted",)
SIZE_WH = (640, 480)
FPS, BITS, LINE_PX = 30, 10, 12
WALL, FLOOR, SHIRT, SKIN, TROUSERS = (
    *((222, 226, 224), (186, 178, 168)),
    *((70, 104, 120), (206, 164, 138), (62, 66, 84)),
)
LIMBS = (
    *(("hip", "knee", TROUSERS, 34), ("knee", "ankle", TROUSERS, 26)),
    *(("ankle", "foot_index", TROUSERS, 18),),
    *(("shoulder", "elbow", SHIRT, 24), ("elbow", "wrist", SKIN, 18)),
)


def person() -> Poses:
    """Three squats, of which the second is half of one, seen nearly from the side."""
    found, _ = exerciser("squat", depth=(1.0, 0.6, 1.0), fps=FPS, px_per_m=235, view_deg=25)
    xy = found.xy + np.array([320 - 600, 445 - 700], np.float32)
    return dataclasses.replace(found, xy=xy, bbox_xyxy=bounds(xy), size_wh=SIZE_WH)


def paint(poses: Poses, number: int) -> np.ndarray:
    """Paint one frame, with its number below."""
    width, height = SIZE_WH
    image = np.empty((height, width, 3), np.uint8)
    image[:], image[400:] = WALL, FLOOR
    at = {
        name: tuple(int(v) for v in xy)
        for name, xy in zip(poses.skeleton.keypoints, poses.xy[number], strict=True)
    }
    for side in ("left", "right"):
        for start, end, colour, thick in LIMBS:
            cv2.line(image, at[f"{side}_{start}"], at[f"{side}_{end}"], colour, thick, cv2.LINE_AA)
        if side == "left":
            trunk = [at[n] for n in ("left_hip", "right_hip", "right_shoulder", "left_shoulder")]
            cv2.fillConvexPoly(image, np.array(trunk), SHIRT, cv2.LINE_AA)
            cv2.polylines(image, [np.array(trunk)], True, SHIRT, 34, cv2.LINE_AA)
            cv2.circle(image, at["right_ear"], 30, SKIN, cv2.FILLED, cv2.LINE_AA)
    for bit, columns in enumerate(np.array_split(np.arange(width), BITS)):
        image[-LINE_PX:, columns] = 235 if number >> bit & 1 else 20
    return image


def load(_options: Options) -> Painted:
    """Make the backend."""
    return Painted()


class Painted:
    """Reads the number of the frame, and returns who was painted in it."""

    batch_size = 1

    def __init__(self) -> None:
        self._truth = person()
        self.skeleton = self._truth.skeleton
        self.description: Mapping[str, Any] = {"backend": "painted"}

    def reset(self, *, continuous: bool) -> None:
        """Nothing is remembered."""

    def __call__(self, frames: Sequence[Frame]) -> Poses:
        """Return the people of one frame."""
        (frame,) = frames
        line = frame.image[-LINE_PX // 2, :, 1]
        parts = np.array_split(np.arange(len(line)), BITS)
        number = sum(int(line[p[len(p) // 2]] > 128) << bit for bit, p in enumerate(parts))
        one = self._truth.frames(number, number + 1)
        return dataclasses.replace(
            one,
            frame_time_s=np.array([frame.time_s]),
            frame_index=np.array([frame.index]),
            track_id=np.array([-1]),
        )

    def close(self) -> None:
        """Nothing is held."""


def pictures() -> Iterator[np.ndarray]:
    """Paint the film."""
    poses = person()
    for number in range(len(poses.frame_time_s)):
        yield paint(poses, number)


def main() -> None:
    """Let them squat before the page, and keep what it looks like after the second one."""
    sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parent)]
    from browser import open_browser, serving, wait_for
    from fake_camera import camera_flags, write_mjpeg

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        about = folder / "site" / "painted-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: painted\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[kinetrace.backends]\npainted = draw_live\n")
        sys.path.insert(0, str(folder / "site"))
        camera = write_mjpeg(folder / "camera.mjpeg", pictures())
        with (
            serving(folder / "jobs") as address,
            open_browser(folder, camera_flags(camera)) as page,
        ):
            page.get(f"{address}/live")
            find = lambda selector: page.find_element("css selector", selector)  # noqa: E731
            wait_for(lambda: find("#model option[value*=painted]"), "the models")
            find("#model option[value*=painted]").click()
            find("#exercise option[value=squat]").click()
            find("#start").click()
            wait_for(lambda: int(find("[data-name=count] dd").text) > 1, "two squats")
            wait_for(lambda: "deeper" in find("#said").text, "what to do better")
            knee = "[data-name=left_knee_deg] dd"
            wait_for(lambda: float(find(knee).text.rstrip("°")) > 90, "a deep squat")
            page.execute_script("scrollTo(0, 0)")
            told = page.execute_cdp_cmd("Page.captureScreenshot", {})
    shown = Image.open(BytesIO(base64.b64decode(told["data"]))).convert("RGB")
    shown.crop((0, 0, shown.width, min(shown.height, 636))).save(TARGET, quality=82)


if __name__ == "__main__":
    main()
