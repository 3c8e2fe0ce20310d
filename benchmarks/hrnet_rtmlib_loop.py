"""What people write with rtmlib: a detector, a heatmap network, each frame in turn."""

from __future__ import annotations

import sys

import cv2
from rtmlib import RTMDet, ViTPose


def main(video: str, detector_model: str, model: str) -> None:
    """Look at each frame of a video; nothing is written but two numbers."""
    device = {"backend": "onnxruntime", "device": "cpu"}
    detect = RTMDet(detector_model, model_input_size=(320, 320), **device)
    estimate = ViTPose(model, model_input_size=(192, 256), **device)
    capture = cv2.VideoCapture(video)
    frames = people = 0
    while True:
        read, bgr = capture.read()
        if not read:
            break
        boxes = detect(bgr)
        frames += 1
        if len(boxes):
            keypoints, _ = estimate(bgr, boxes)
            people += len(keypoints)
    print(f"frames {frames} people {people}")


if __name__ == "__main__":
    main(*sys.argv[1:])
