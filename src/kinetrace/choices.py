"""The choices that have a name, as types: for signatures, and so for the command line's flags."""

from __future__ import annotations

from typing import Literal, TypeAlias

# How heatmaps become keypoints (`kinetrace.topdown`).
# default: the peak, a quarter of a pixel towards its higher neighbour (Newell et al., ECCV 2016).
# dark: a Newton step on the smoothed logarithm (Zhang et al., CVPR 2020).
# udp: the same step, in the transform without bias (Huang et al., CVPR 2020). Weights that were
# trained for udp must not be decoded as the others are, nor the reverse.
Decode: TypeAlias = Literal["default", "dark", "udp"]

# Where ONNX models run (`kinetrace.onnx_session`); auto is the best that works.
Device: TypeAlias = Literal["auto", "cpu", "cuda", "coreml", "directml", "openvino"]

# Whether each crop is looked at twice, as it is and mirrored, or once (`kinetrace.backends.hrnet`).
Quality: TypeAlias = Literal["best", "fast"]

# What the network computes in (`kinetrace.quantisation`).
Precision: TypeAlias = Literal["float32", "int8"]

# What a training computes in (`kinetrace.training`); the weights are float32 in either.
Arithmetic: TypeAlias = Literal["float32", "bfloat16"]

# A row a person, or a row a keypoint (`kinetrace.tables`).
Layout: TypeAlias = Literal["wide", "long"]

# What takes the tremble out of the points of a film (`kinetrace.filtering`).
# auto: what stands still is smoothed hard, and what moves hardly; no lag, for a whole film.
# none: nothing. butterworth, savitzky-golay, kalman: the same for all movement, no lag either.
# one-euro: what live pictures get; it lags a little.
Smooth: TypeAlias = Literal["auto", "none", "butterworth", "savitzky-golay", "kalman", "one-euro"]
