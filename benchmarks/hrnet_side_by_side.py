"""Pictures side by side, each on one thread, against all threads on each picture.

    python benchmarks/hrnet_side_by_side.py [MODEL.onnx ...] [--runs 10]

The same ONNX file, crops of 256 x 192 px and threads, in turn. *together* is ONNX Runtime as its
documentation opens it, with the whole batch in one call; *ours* is `kinetrace.onnx_session`, which
runs them side by side, and one alone on one of two cores if that is quick. *processor* is the time
that all threads together take. W32 has random weights; models given are run beside it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from hrnet_networks import NETS, time_in_turn, write_random

from kinetrace.onnx_session import open_session


def processor_s(call: Callable[[], object], runs: int) -> float:
    """Return the processor time of one of several calls."""
    began_s = time.process_time()
    for _ in range(runs):
        call()
    return (time.process_time() - began_s) / runs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--runs", type=int, default=10)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| network | crops | together, ms | ours | times as fast (quartiles) | processor, ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        paths = [*asked.models, write_random(NETS["W32"], Path(name))]
        for path in paths:
            session = open_session(path, device="cpu", usual_batch=8)
            bare = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            key = bare.get_inputs()[0].name
            for crops in (1, 2, 4, 8):
                batch = rng.normal(size=(crops, 3, 256, 192)).astype(np.float32)
                calls = [
                    lambda bare=bare, key=key, batch=batch: bare.run(None, {key: batch}),
                    lambda session=session, batch=batch: session.run(batch),
                ]
                took_s = time_in_turn(calls, asked.runs)
                together_ms, aside_ms = np.median(took_s, axis=0) * 1000 / crops
                processor_ms = [processor_s(call, asked.runs) * 1000 / crops for call in calls]
                low, middle, high = np.quantile(took_s[:, 0] / took_s[:, 1], (0.25, 0.5, 0.75))
                print(
                    f"| {path.stem} | {crops} | {together_ms:.1f} | {aside_ms:.1f} | "
                    f"{middle:.2f} ({low:.2f} to {high:.2f}) | "
                    f"{processor_ms[0]:.1f} and {processor_ms[1]:.1f} |",
                    flush=True,
                )
            session.close()


if __name__ == "__main__":
    main()
