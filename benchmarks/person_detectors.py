"""How many people a detector finds, how many it makes up, and how long it takes.

    python benchmarks/person_detectors.py LABELS.json IMAGES POSE.onnx NAME[:MODEL] ...
        [--scores 0.3,0.4] [--sizes 320] [--empty VIDEO] [--empty-frames 0-55,210-228,...]

LABELS is a COCO keypoints file. ``found by box`` is the share of the people labelled with keypoints
whom a box meets with an IoU of 0.5, ``by keypoints`` that of those whom the pose network finds on
the detector's boxes with an OKS of 0.5; a phantom meets no label at an IoU of 0.3
(`kinetrace.evaluation.count_detections`), before and after the pose network has had its say.
``--empty`` is a film in some frames of which nobody is: phantoms in these.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import kinetrace
from kinetrace import plugins
from kinetrace.estimators import Detections, Options
from kinetrace.evaluation import Predictions, Truth, align, count_detections, read_truth
from kinetrace.frames import Frame, open_frames
from kinetrace.frames.images import read_image

# Of one_by_one.mp4, as seen by eye.
_EMPTY = "0-55,210-228,455-505,705-745,880-925,1205-1238,1365-1394"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("pose")
    parser.add_argument("detectors", nargs="+")
    parser.add_argument("--scores", default="0.3")
    parser.add_argument("--sizes", default="320")
    parser.add_argument("--empty", type=Path)
    parser.add_argument("--empty-frames", default=_EMPTY)
    arguments = parser.parse_args()
    truth = read_truth(arguments.labels)
    frames = [
        Frame(read_image(arguments.images / name), i, float(i), name)
        for i, name in enumerate(truth.image_name)
    ]
    empty = read_empty(arguments.empty, arguments.empty_frames)
    print(
        "| detector | px | score | found by box | by keypoints | phantoms a picture | "
        f"after the pose network | in {len(empty)} empty frames | ms |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for detector in arguments.detectors:
        for size in map(int, arguments.sizes.split(",")):
            for score in map(float, arguments.scores.split(",")):
                print(row(detector, size, score, truth, frames, empty, arguments), flush=True)


def read_empty(path: Path | None, ranges: str) -> list[Frame]:
    """Read the frames of a film that are named as ``0-55,210-228``."""
    if path is None:
        return []
    wanted = set()
    for part in ranges.split(","):
        first, last = map(int, part.split("-"))
        wanted |= set(range(first, last + 1))
    with open_frames(path) as film:
        return [frame for frame in film if frame.index in wanted]


def row(
    name: str,
    size_px: int,
    score: float,
    truth: Truth,
    frames: list[Frame],
    empty: list[Frame],
    arguments: argparse.Namespace,
) -> str:
    """Measure one detector at one size and score."""
    plugin, _, model = name.partition(":")
    detector = plugins.load("detectors", plugin).load(
        Options(
            model=model or None,
            detector_size_px=size_px,
            min_detection_score=score,
            device="cpu",
            threads=1,
        )
    )
    detector(frames[:1])
    began_s = time.process_time()
    found = [detector([frame])[0] for frame in frames]
    took_ms = (time.process_time() - began_s) / len(frames) * 1e3
    in_empty = sum(len(detector([frame])[0].score) for frame in empty)
    detector.close()
    poses = kinetrace.estimate(
        arguments.images,
        backend="hrnet",
        model=arguments.pose,
        decode="dark",
        detector=plugin,
        detector_model=model or None,
        detector_size_px=size_px,
        min_detection_score=score,
        device="cpu",
        threads=1,
    )
    boxes = count_detections(as_predictions(found, truth), truth, by="bbox")
    people = count_detections(align(poses, truth), truth)
    return (
        f"| {plugin} | {size_px} | {score:g} | {boxes.recall:.1%} | {people.recall:.1%} | "
        f"{boxes.phantoms_per_image:.2f} | {people.phantoms_per_image:.2f} | {in_empty} | "
        f"{took_ms:.0f} |"
    )


def as_predictions(found: list[Detections], truth: Truth) -> Predictions:
    """Return boxes as predictions without keypoints."""
    boxes = np.concatenate([each.bbox_xyxy for each in found]).astype(np.float64)
    score = np.concatenate([each.score for each in found]).astype(np.float64)
    k = len(truth.skeleton)
    return Predictions(
        image=np.repeat(np.arange(len(found)), [len(each.score) for each in found]),
        xy=np.full((len(boxes), k, 2), np.nan),
        has=np.zeros(k, bool),
        bbox_xyxy=boxes,
        rank=score,
        looked_at=np.ones(len(found), bool),
        elsewhere=0,
        boxes="detected",
    )


if __name__ == "__main__":
    main()
