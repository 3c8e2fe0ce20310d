"""What people write with rtmlib: its `PoseTracker`, frame by frame."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import cv2
from rtmlib import PoseTracker, RTMDet, ViTPose, draw_skeleton


def main(
    video: str, detector_model: str, model: str, det_frequency: str, overlay: str = ""
) -> None:
    """Look at each frame of a video; two numbers are printed, and the film drawn if asked for."""

    def solution(**_asked: object) -> SimpleNamespace:
        device = {"backend": "onnxruntime", "device": "cpu"}
        return SimpleNamespace(
            det_model=RTMDet(detector_model, model_input_size=(320, 320), **device),
            pose_model=ViTPose(model, model_input_size=(192, 256), **device),
        )

    tracker = PoseTracker(solution, det_frequency=int(det_frequency))
    capture = cv2.VideoCapture(video)
    film = None
    frames = people = 0
    while True:
        read, bgr = capture.read()
        if not read:
            break
        keypoints, scores = tracker(bgr)
        frames += 1
        people += len(keypoints)
        if overlay and len(keypoints):
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
