"""Poses to and from what other Python packages hold them in, in one call each.

=====================  ========================================  =================================
NumPy                  `to_numpy`                                `from_numpy`
xarray (`movement`)    `to_xarray`                               `from_xarray`
`supervision`          `to_supervision`                          `from_supervision`
pandas                 `kinetrace.Poses.table`                   `kinetrace.tables.from_table`
=====================  ========================================  =================================

Arrays over frames and individuals are dense: T frames, P individuals, K keypoints, NaN where
somebody is not there. Individuals are called ``person_3`` after their track id; ``untracked_0`` is
the first in each frame of those without one.
"""

from __future__ import annotations

from kinetrace.interchange._numpy import Arrays, from_numpy, to_numpy
from kinetrace.interchange._supervision import from_supervision, to_supervision
from kinetrace.interchange._xarray import from_xarray, to_xarray

__all__ = [
    "Arrays",
    "from_numpy",
    "from_supervision",
    "from_xarray",
    "to_numpy",
    "to_supervision",
    "to_xarray",
]
