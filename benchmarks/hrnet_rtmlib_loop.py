"""What people write with rtmlib: a detector, a heatmap network, each frame in turn."""

from __future__ import annotations

import sys

import cv2
from rtmlib import RTMDet, ViTPose, draw_skeleton


def main(video: str, detector_model: str, model: str, overlay: str = "") -> None:
    """Look at each frame of a video; two numbers are printed, and the film drawn if asked for."""
    device = {"backend": "onnxruntime", "device": "cpu"}
    detect = RTMDet(detector_model, model_input_size=(320, 320), **device)
    estimate = ViTPose(model, model_input_size=(192, 256), **device)
    capture = cv2.VideoCapture(video)
    film = None
    frames = people = 0
    while True:
        read, bgr = capture.read()
        if not read:
            break
        boxes = detect(bgr)
        frames += 1
        if len(boxes):
            keypoints, scores = estimate(bgr, boxes)
            people += len(keypoints)
            if overlay:
                bgr = draw_skeleton(bgr, keypoints, scores, kpt_thr=0.3)
        if overlay and film is None:
            rate, size_wh = capture.get(cv2.CAP_PROP_FPS), bgr.shape[1::-1]
            film = cv2.VideoWriter(overlay, cv2.VideoWriter.fourcc(*"mp4v"), rate, size_wh)
        if film is not None:
            film.write(bgr)
    if film is not None:
        film.release()
    print(f"frames {frames} people {people}")


if __name__ == "__main__":
    main(*sys.argv[1:])
