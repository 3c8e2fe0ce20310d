"""Heatmap networks in 8 bits: calibrated on crops of the user's own people, checked on others.

A processor with 8-bit dot products (VNNI, or Arm's) runs an HRNet about three times as fast so.
Weights are symmetric with a scale for each channel; activations have a scale and a zero for each
tensor, set by the extremes that occur in the crops. The last convolution stays as it is, since its
output is what points are read from to a fraction of a pixel (Nagel et al., "A White Paper on
Neural Network Quantization", 2021, sections 3 and 4). What comes out is held against the
float network on crops that it was not calibrated on, and refused where it moves points too much:
networks made of depthwise convolutions, Lite-HRNet for one, do not survive 8 bits without being
trained for them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kinetrace.choices import Decode
from kinetrace.errors import WeightsError
from kinetrace.frames.sources import Source
from kinetrace.networks.convert import is_intact
from kinetrace.quantisation.int8 import (
    MOST_MOVED_SHARE,
    graph_name,
    quantise,
    read_calibration,
)
from kinetrace.quantisation.sample import Detect, Sample, cut_sample
from kinetrace.quantisation.shift import MOVED_PX, SEEN_SCORE, Shift, measure_shift

__all__ = [
    "MOST_MOVED_SHARE",
    "MOVED_PX",
    "SEEN_SCORE",
    "Sample",
    "Shift",
    "cut_sample",
    "find_or_quantise",
    "graph_name",
    "measure_shift",
    "quantise",
    "read_calibration",
]


def find_or_quantise(
    graph: Path,
    path: Path,
    detect: Detect,
    *,
    input_size_wh: tuple[int, int],
    decode: Decode,
    calibration: Source | None = None,
    first_source: Source | None = None,
    quiet: bool = False,
) -> Path:
    """Return `path`, which holds the 8-bit graph; make it if it is not there or is damaged.

    Parameters
    ----------
    graph
        The float network.
    path
        Where the 8-bit one is kept.
    detect
        Finds people in frames.
    input_size_wh, decode
        Width and height of a crop in px, and how its heatmaps become points.
    calibration
        What to calibrate on; a graph that was calibrated on other crops is made again.
    first_source
        What to calibrate on where `calibration` is None and there is no graph yet.
    quiet
        Print nothing; otherwise what is done, and the shift, goes to stderr.

    Raises
    ------
    SourceError
        If what to calibrate on cannot be read, or shows too few people.
    WeightsError
        If there is nothing to calibrate on, the network cannot be quantised, its points move too
        much, or the graph cannot be written.
    MissingExtraError
        If `onnx` is not installed and the graph has to be made.
    """
    if calibration is None and is_intact(path):
        return path
    source = first_source if calibration is None else calibration
    if source is None:
        raise WeightsError(
            f"{graph.name} has not been calibrated for int8 yet: name a clip or a folder of "
            "images of people as calibration, or use float32"
        )
    sample = cut_sample(source, detect, input_size_wh=input_size_wh, decode=decode)
    if not (is_intact(path) and read_calibration(path).get("crops_sha256") == sample.sha256):
        if not quiet:
            crops = len(sample.calibration)
            print(f"calibrating int8 once, on {crops} crops of {sample.source}", file=sys.stderr)
        shift = quantise(graph, path, sample, decode=decode)
        if not quiet:
            print(f"int8 against float32: {shift}", file=sys.stderr)
    return path
