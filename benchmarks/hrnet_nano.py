"""hrnet-nano against MediaPipe on the same boxes, and against its teacher.

    python benchmarks/hrnet_nano.py SHARED [--weights nano/hrnet-nano.npz] [--size 224x160]

SHARED holds ``data/lsp_train``, ``data/coco_ccby`` and ``models``. On the photos of LSP that are
never trained on (LSP's own labels and LSP-Extended's, which are rough, apart) the share of
keypoints within 0.2 torsos; on COCO's people that and the average precision. MediaPipe's Pose
Landmarker is asked as it is, a picture at a time, for the box grown by a quarter, and none of its
answers is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kinetrace import weights
from kinetrace.backends._topdown_network import TopdownNetwork
from kinetrace.evaluation import Truth, align, average_precision, pck, read_truth
from kinetrace.frames import Frame
from kinetrace.frames.images import read_image
from kinetrace.networks import convert
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.training.samples import is_held_out

Answer = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def with_network(path: Path, input_size_wh: tuple[int, int]) -> Answer:
    """Return what asks a heatmap network, mirrored and decoded with DARK."""
    network = TopdownNetwork(
        path, input_size_wh=input_size_wh, decode="dark", flip=True, device="cpu", threads=1
    )

    def answer(image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        xy, score = network([Frame(image, 0, 0.0)], np.zeros(1, np.int64), box[None])
        return xy[0], score[0]

    return answer


def with_mediapipe(model: str) -> Answer:
    """Return what asks MediaPipe for the grown box."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import PoseLandmarker, PoseLandmarkerOptions

    asset = BaseOptions(model_asset_buffer=weights.task_bundle(model))
    landmarker = PoseLandmarker.create_from_options(PoseLandmarkerOptions(base_options=asset))
    columns = [BLAZEPOSE33.index(name) for name in COCO17.keypoints]

    def answer(image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * 1.25
        left, top = np.maximum(0, np.floor(centre - half)).astype(int)
        right, low = np.minimum(image.shape[1::-1], np.ceil(centre + half)).astype(int)
        part = np.ascontiguousarray(image[top:low, left:right])
        found = landmarker.detect(
            mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=part)
        ).pose_landmarks
        if not found:
            return np.full((17, 2), np.nan), np.zeros(17)
        wh, corner = np.array(part.shape[1::-1]), np.array([left, top])
        points = [found[0][column] for column in columns]
        xy = np.array([(point.x, point.y) for point in points]) * wh + corner - 0.5
        return xy, np.array([point.visibility for point in points])

    return answer


def ask(answer: Answer, truth: Truth, media: Path) -> Poses:
    """Find everybody's keypoints on the data set's own boxes."""
    rows = np.flatnonzero(~truth.ignored)
    rows = rows[np.argsort(truth.image[rows], kind="stable")]
    found = [answer(read_image(media / truth.image_name[truth.image[i]]), truth.bbox_xyxy[i])
             for i in rows]  # fmt: skip
    return Poses(
        skeleton=COCO17,
        frame_time_s=np.full(len(truth.image_name), np.nan),
        frame_index=np.arange(len(truth.image_name)),
        frame_name=truth.image_name,
        frame=truth.image[rows],
        xy=np.array([xy for xy, _ in found], np.float32),
        score=np.array([score for _, score in found], np.float32),
        bbox_xyxy=truth.bbox_xyxy[rows],
        bbox_score=np.ones(len(rows)),
    )


def sets_of(shared: Path) -> dict[str, tuple[Truth, Path]]:
    """Return the people whom nothing was trained on, by name."""
    lsp, coco = shared / "data/lsp_train", shared / "data/coco_ccby"
    truth = read_truth(lsp / "joints.npz")
    held = np.array([is_held_out(name) for name in truth.image_name])
    rough = np.array([name.startswith("lspe_") for name in truth.image_name])
    return {
        "LSP": (truth.only(held & ~rough), lsp / "images"),
        "LSP-Extended": (truth.only(held & rough), lsp / "images"),
        "COCO": (read_truth(coco / "person_keypoints.json"), coco / "images"),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", default="224x160")
    asked = parser.parse_args()
    height, width = (int(n) for n in asked.size.split("x"))
    graph = convert(
        asked.weights or weights.fetch("hrnet-nano").path, cache_dir=weights.cache_folder()
    )
    models = {
        "hrnet-nano": lambda: with_network(graph, (width, height)),
        **{f"MediaPipe {size}": lambda size=size: with_mediapipe(f"mediapipe-{size}")
           for size in ("lite", "full", "heavy")},
        "TinyPose": lambda: with_network(asked.shared / "models/tinypose_256x192.onnx", (192, 256)),
    }  # fmt: skip
    sets = sets_of(asked.shared)
    print("| model | " + " | ".join(f"PCK@0.2, {name}" for name in sets) + " | AP, COCO |")
    print("| --- | " + "---: | " * (len(sets) + 1))
    for name, load in models.items():
        cells = []
        answer = load()
        for truth, media in sets.values():
            found = align(ask(answer, truth, media), truth, rank="rescored")
            cells.append(f"{100 * pck(found, truth).share:.1f} %")
        cells.append(f"{average_precision(found, truth).ap:.3f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
