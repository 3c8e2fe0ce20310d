"""Filtering: drop what is no measurement, fill short gaps, smooth.

Each function takes the `Poses` of a film and returns new ones, with what was done in the log.
A person's trajectories are those of a `track_id`; rows of -1 and frames without a time stay as they
are. Missing stays missing (NaN), but for the gaps that `fill_gaps` fills.
"""

from __future__ import annotations

from kinetrace.filtering._adaptive import adaptive
from kinetrace.filtering._butterworth import butterworth
from kinetrace.filtering._gaps import fill_gaps
from kinetrace.filtering._kalman import kalman
from kinetrace.filtering._one_euro import OneEuro, one_euro
from kinetrace.filtering._outliers import drop_low_scores, drop_outliers
from kinetrace.filtering._replay import STEPS, replay
from kinetrace.filtering._savitzky_golay import savitzky_golay
from kinetrace.filtering._smooth import smooth

__all__ = [
    "STEPS",
    "OneEuro",
    "adaptive",
    "butterworth",
    "drop_low_scores",
    "drop_outliers",
    "fill_gaps",
    "kalman",
    "one_euro",
    "replay",
    "savitzky_golay",
    "smooth",
]
