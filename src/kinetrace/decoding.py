"""The ways in which heatmaps become keypoints, by name; `kinetrace.topdown` does it."""

from __future__ import annotations

from typing import Literal, TypeAlias

# default: the peak, a quarter of a pixel towards its higher neighbour (Newell et al., ECCV 2016).
# dark: a Newton step on the smoothed logarithm (Zhang et al., CVPR 2020).
# udp: the same step, in the transform without bias (Huang et al., CVPR 2020). Weights that were
# trained for udp must not be decoded as the others are, nor the reverse.
Decode: TypeAlias = Literal["default", "dark", "udp"]
