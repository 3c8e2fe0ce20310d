"""What people write by hand: OpenCV reads, a Pose Landmarker looks, nothing is written."""

from __future__ import annotations

import sys

import cv2
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision

from kinetrace import weights


def main(path: str, model: str) -> None:
    """Look at each frame of a video."""
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=weights.task_bundle(model)),
        running_mode=vision.RunningMode.VIDEO,
    )
    video = cv2.VideoCapture(path)
    fps = video.get(cv2.CAP_PROP_FPS)
    found = number = 0
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        while True:
            read, bgr = video.read()
            if not read:
                break
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
            result = landmarker.detect_for_video(image, int(1000 * number / fps))
            found += bool(result.pose_landmarks)
            number += 1
    print(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
