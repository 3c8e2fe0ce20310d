"""The networks that the HRNet benchmarks run: random weights take as long as trained ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kinetrace.networks import W32, W48, HRNet, build_graph

NETS = {"W32": W32, "W48": W48}


def write_random(net: HRNet, folder: Path, *, seed: int = 0) -> Path:
    """Write the ONNX graph of a network with random weights that keep activations in range."""
    rng = np.random.default_rng(seed)
    state = {}
    for key, shape in net.parameter_shapes.items():
        if len(shape) == 4:
            value = rng.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        elif key.endswith(("running_mean", "bias")):
            value = rng.normal(0, 0.1, shape)
        else:
            value = rng.uniform(0.5, 1, shape)
        state[key] = value.astype(np.float32)
    path = folder / f"{net.name}.onnx"
    path.write_bytes(build_graph(net, state).SerializeToString())
    return path


def time_in_turn(calls: list[Callable[[], object]], runs: int) -> np.ndarray:
    """Return the wall times in seconds, (runs, calls), of calls made in turn after a first round.

    In turn, so that a machine that slows down slows all of them.
    """
    took_s = np.empty((runs + 1, len(calls)))
    for run in range(runs + 1):
        for i, call in enumerate(calls):
            time.sleep(0.05)  # ONNX Runtime's threads spin on after a run, in the next one's way
            started_s = time.perf_counter()
            call()
            took_s[run, i] = time.perf_counter() - started_s
    return took_s[1:]
