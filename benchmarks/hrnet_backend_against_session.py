"""The HRNet backend with boxes given, against the bare ONNX Runtime session on the same crops.

    python benchmarks/hrnet_backend_against_session.py [MODEL.onnx ...] [--batch 8] [--runs 15]

The backend cuts one person out of each of a batch of 1280 x 720 px frames, normalises, runs the
network once for each crop (``fast``), decodes and puts `Poses` together. The session is ONNX
Runtime as its documentation opens it, and gets the finished crops. W32 and W48 have random
weights, at 256 x 192 px; models given are run beside them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from hrnet_networks import NETS, time_in_turn, write_random

from kinetrace.backends import hrnet
from kinetrace.estimators import Options
from kinetrace.frames import Frame
from kinetrace.topdown import surround, write_crops

SIZE_WH = (192, 256)


def compare(path: Path, name: str, batch: int, runs: int, folder: Path) -> None:
    """Print a row for each way of decoding: medians, and the ratio run by run."""
    rng = np.random.default_rng(0)
    frames = [
        Frame(rng.integers(0, 256, (720, 1280, 3), np.uint8), i, i / 30) for i in range(batch)
    ]
    x, y = rng.uniform(100, 800, batch), rng.uniform(50, 150, batch)
    boxes = np.stack([x, y, x + 200, y + 450], axis=1)
    rows = [f"{i},{','.join(f'{v:.1f}' for v in box)},0.9" for i, box in enumerate(boxes)]
    (folder / "boxes.csv").write_text("\n".join(["frame,x1,y1,x2,y2,score", *rows]) + "\n")
    crops = np.empty((batch, 3, *SIZE_WH[::-1]), np.float32)
    for frame, box, crop in zip(frames, boxes, crops, strict=True):
        write_crops(frame.image, surround(box[None], SIZE_WH), crop[None], decode="default")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: crops}
    for decode in ("default", "dark"):
        options = Options(
            model=str(path),
            detector="boxes",
            boxes=folder / "boxes.csv",
            quality="fast",
            device="cpu",
            decode=decode,
        )
        backend = hrnet.load(options)

        def estimate(backend: hrnet.HRNetPose = backend) -> object:
            return backend(frames)

        took_s = time_in_turn([estimate, lambda: session.run(None, inputs)], runs)
        backend.close()
        ours_ms, bare_ms = np.median(took_s, axis=0) * 1000 / batch
        ratio = np.quantile(took_s[:, 0] / took_s[:, 1], (0.25, 0.5, 0.75))
        print(
            f"| {name} | {decode} | {ours_ms:.1f} | {bare_ms:.1f} | "
            f"{ratio[1]:.2f} ({ratio[0]:.2f} to {ratio[2]:.2f}) |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--runs", type=int, default=15)
    asked = parser.parse_args()
    print("| network | decoding | backend ms a crop | session ms a crop | ratio (quartiles) |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each, net in NETS.items():
            compare(write_random(net, folder), each, asked.batch, asked.runs, folder)
        for path in asked.models:
            compare(path, path.stem, asked.batch, asked.runs, folder)


if __name__ == "__main__":
    main()
