"""The HRNet architecture, and what turns a checkpoint into a graph that ONNX Runtime runs.

::

    checkpoint file -> read_checkpoint -> match_state -> build_graph -> .onnx in the cache
                       checkpoint.py      layouts.py     graph.py       convert.py

`hrnet.py` describes the network once, as data. Nothing here imports PyTorch, and `onnx` is
imported only while a graph is built.
"""

from __future__ import annotations

from kinetrace.networks.checkpoint import read_checkpoint
from kinetrace.networks.convert import convert
from kinetrace.networks.graph import build_graph
from kinetrace.networks.hrnet import NANO, W18_SMALL, W32, W48, HRNet, Stage
from kinetrace.networks.layouts import match_state

__all__ = [
    "NANO",
    "W18_SMALL",
    "W32",
    "W48",
    "HRNet",
    "Stage",
    "build_graph",
    "convert",
    "match_state",
    "read_checkpoint",
]
