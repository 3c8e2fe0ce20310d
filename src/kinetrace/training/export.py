"""What a training leaves: weights, an ONNX graph, and a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.files import replacing
from kinetrace.networks.checkpoint import read_checkpoint
from kinetrace.networks.graph import build_graph
from kinetrace.networks.hrnet import HRNet
from kinetrace.networks.layouts import match_state

Arrays = Mapping[str, npt.NDArray[Any]]


def write_weights(arrays: Arrays, path: Path) -> None:
    """Write parameters as ``.npz``: convolutions in float16, the small rest in float32.

    Batch norm's variances can leave the range of float16; they are next to nothing of the size.
    """
    stored: dict[str, Any] = {
        key: array.astype(np.float16 if array.ndim == 4 else np.float32)
        for key, array in arrays.items()
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        # Stored, not compressed: the reader refuses what could be a zip bomb.
        np.savez(file, **stored)


def write_graph(net: HRNet, weights_path: Path, path: Path) -> None:
    """Write the ONNX graph of a file of weights, as `kinetrace.networks` builds every graph."""
    graph = build_graph(*match_state(read_checkpoint(weights_path), net))
    with replacing(path) as temporary:
        temporary.write_bytes(graph.SerializeToString())


def write_model_card(
    path: Path,
    net: HRNet,
    *,
    command: str,
    sources: Sequence[str],
    recipe: Mapping[str, Any],
    learnt: int,
    figures: Mapping[str, float],
    licence: str | None,
) -> None:
    """Write what somebody who is given the weights has to know.

    Parameters
    ----------
    path
        The Markdown file.
    net
        The architecture.
    command
        That repeats the training.
    sources
        A line for each source: the file, people, photos.
    recipe
        Of the training, as it is written beside it.
    learnt
        How many samples were learnt from.
    figures
        What was measured on people who were not trained on.
    licence
        Of the data, in the words of whoever trained; None says that nothing is stated.
    """
    measured = [f"| {name} | {value:.4g} |" for name, value in figures.items()]
    lines = [
        f"# Model card: {net.name}",
        "",
        _describe(net, recipe["sizes_wh"][-1]),
        "",
        "## Data",
        "",
        *(f"- {source}" for source in sources),
        "",
        f"Licence of the data: {licence or 'not stated. Whoever passes the weights on must know.'}",
        "",
        "## Measured on people who were not trained on",
        "",
        *(["| measure | value |", "| --- | ---: |", *measured] if measured else ["Nobody."]),
        "",
        "## Recipe",
        "",
        f"{learnt:,} samples, seed {recipe['seed']}. The log is beside this card.",
        "",
        *("```bash", command, "```"),
        "",
        *("| choice | value |", "| --- | --- |"),
        *(f"| {name} | {value} |" for name, value in recipe.items()),
        "",
    ]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def _describe(net: HRNet, size_wh: tuple[int, int]) -> str:
    return (
        f"HRNet with the widths {', '.join(map(str, net.widths))}: "
        f"{net.count_parameters() / 1e6:.2f} M parameters, "
        f"{net.count_macs(size_wh) / 1e9:.3f} GMAC at {size_wh[1]} x {size_wh[0]} px. "
        f"{net.keypoints} keypoints. Trained for the DARK decoding."
    )
