"""Doing again what a log says was done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kinetrace.filtering._adaptive import adaptive
from kinetrace.filtering._butterworth import butterworth
from kinetrace.filtering._gaps import fill_gaps
from kinetrace.filtering._kalman import kalman
from kinetrace.filtering._one_euro import one_euro
from kinetrace.filtering._outliers import drop_low_scores, drop_outliers
from kinetrace.filtering._savitzky_golay import savitzky_golay
from kinetrace.poses import Poses

# What may stand in a log as an operation of filtering.
STEPS: dict[str, Callable[..., Poses]] = {
    step.__name__: step
    for step in (
        adaptive,
        butterworth,
        drop_low_scores,
        drop_outliers,
        fill_gaps,
        kalman,
        one_euro,
        savitzky_golay,
    )
}


def replay(poses: Poses, log: Sequence[Mapping[str, Any]]) -> Poses:
    """Do to raw poses what a log says was done to others: each step of filtering, in order.

    Steps of other kinds (estimation, tracking) are passed over, and so is what `poses.log` begins
    with as well.

    >>> assert replay(raw, smooth(raw).log).log == smooth(raw).log  # doctest: +SKIP

    Parameters
    ----------
    poses
        Before filtering.
    log
        Of filtered poses, as it is or as read from a file.

    Raises
    ------
    ValueError
        If a step has parameters that this version does not know.
    """
    done = len(poses.log)
    if list(log[:done]) != list(poses.log):
        done = 0
    for entry in log[done:]:
        step = STEPS.get(entry.get("operation", ""))
        if step is None:
            continue
        # What a step found is a result, not a parameter.
        parameters = {k: v for k, v in entry["parameters"].items() if k != "found"}
        strangers = set(parameters) - set(inspect.signature(step).parameters)
        if strangers:
            raise ValueError(
                f"the log's {entry['operation']!r} has parameters {sorted(strangers)}, which this "
                f"version does not know; it was written by version {entry['version']}"
            )
        poses = step(poses, **parameters)
    return poses
