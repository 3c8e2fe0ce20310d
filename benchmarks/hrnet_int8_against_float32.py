"""A network in 8 bits against the same one in float32, on the processor.

    python benchmarks/hrnet_int8_against_float32.py [MODEL.onnx ...] [--batches 1,8] [--runs 11]

Time only, and of the network only: both run in the product's own session. W32 has random weights,
at 256 x 192 px; models given are run beside it, also those that int8 is refused for because it
moves their points.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from hrnet_networks import NETS, time_in_turn, write_random

from kinetrace.onnx_session import open_session
from kinetrace.quantisation.int8 import quantise_graph

SIZE_HW = (256, 192)
DIMENSIONS = {"height": SIZE_HW[0], "width": SIZE_HW[1]}


def compare(path: Path, name: str, batches: list[int], runs: int, folder: Path) -> None:
    """Print a row for each batch: medians, and the ratio run by run."""
    crops = np.random.default_rng(0).normal(0, 1, (max(8, *batches), 3, *SIZE_HW))
    crops = crops.astype(np.float32)
    quantised = folder / "int8.onnx"
    quantised.write_bytes(quantise_graph(path, crops[:8]).SerializeToString())
    float32, int8 = (
        open_session(p, device="cpu", dimensions=DIMENSIONS) for p in (path, quantised)
    )
    for batch in batches:
        some = crops[:batch]
        took_s = time_in_turn([lambda: float32.run(some), lambda: int8.run(some)], runs)  # noqa: B023
        float_ms, int_ms = np.median(took_s, axis=0) * 1000 / batch
        ratio = np.quantile(took_s[:, 0] / took_s[:, 1], (0.25, 0.5, 0.75))
        print(
            f"| {name} | {batch} | {float_ms:.1f} | {int_ms:.1f} | "
            f"{ratio[1]:.2f} ({ratio[0]:.2f} to {ratio[2]:.2f}) |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--runs", type=int, default=11)
    asked = parser.parse_args()
    batches = [int(batch) for batch in asked.batches.split(",")]
    print("| network | batch | float32 ms a crop | int8 ms a crop | times as fast (quartiles) |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compare(write_random(NETS["W32"], folder), "W32", batches, asked.runs, folder)
        for path in asked.models:
            compare(path, path.stem, batches, asked.runs, folder)


if __name__ == "__main__":
    main()
