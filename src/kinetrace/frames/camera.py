"""A camera of this computer to frames, through OpenCV, which knows them by number everywhere."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import cv2
import numpy as np

from kinetrace.errors import SourceError
from kinetrace.frames.frame import Frame
from kinetrace.frames.selection import Selection

_SILENT = 0  # OpenCV's LOG_LEVEL_SILENT


def read_camera(number: int, selection: Selection) -> Generator[Frame, None, None]:
    """Yield the pictures of a camera; their times count from the first one.

    Raises
    ------
    SourceError
        At once if there is no such camera; later if it stops sending.
    """
    log: Any = getattr(cv2.utils, "logging", cv2)  # where it is up to OpenCV 4.12
    level = log.setLogLevel(_SILENT)
    camera = cv2.VideoCapture(number)
    log.setLogLevel(level)
    if not camera.isOpened():
        raise SourceError(f"there is no camera {number}, or another program uses it")
    return _frames(camera, number, selection)


def _frames(
    camera: cv2.VideoCapture, number: int, selection: Selection
) -> Generator[Frame, None, None]:
    picker = selection.picker()
    first_s: float | None = None
    index = 0
    try:
        while True:
            arrived = camera.grab()
            now_s = time.perf_counter()
            first_s = now_s if first_s is None else first_s
            time_s = now_s - first_s
            if picker.is_past(time_s):
                return
            if picker.wants(time_s):
                bgr = camera.retrieve()[1] if arrived else None
                if bgr is not None:
                    image = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
                    yield Frame(image, index, time_s)
            if not arrived:
                raise SourceError(f"camera {number} stopped sending after {index} frames")
            index += 1
    finally:
        camera.release()
