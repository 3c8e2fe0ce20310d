"""Variations of an example, as if it had been filmed again: so a classifier learns from few."""

from __future__ import annotations

import dataclasses

import numpy as np

from kinetrace.actions.dataset import Example
from kinetrace.actions.features import Floats, body_size, mirrored

# Shares and angles of what is drawn.
_LEAST_KEPT = 0.6  # of the stretch: who watches a long film sees the middle of an action, too
_MOST_MISSING = 0.4
_NOISE_TRUNKS = 0.03
_ROLL_DEG = 4.0
_FASTER = 2.0


def vary(example: Example, random: np.random.Generator, *, mirror: bool) -> Example:
    """Return the example as another camera and another estimator might have seen it.

    A part of it is cut out, joints are lost (in single frames, or throughout), noise is added, the
    camera is rolled, and it is played slower or faster.

    Parameters
    ----------
    example
        It stays as it is.
    random
        Draws everything.
    mirror
        Whether left and right are exchanged as well.
    """
    count = len(example.time_s)
    kept = max(1, round(count * random.uniform(_LEAST_KEPT, 1)))
    first = int(random.integers(count - kept + 1))
    xy = example.xy[first : first + kept]
    xy = _lose(mirrored(xy) if mirror else xy, random)
    size_px = body_size(xy)
    noise = random.normal(0, _NOISE_TRUNKS, xy.shape) * (0 if np.isnan(size_px) else size_px)
    roll = np.radians(random.normal(0, _ROLL_DEG))
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    speed = np.exp(random.uniform(-np.log(_FASTER), np.log(_FASTER)))
    time_s = example.time_s[first : first + kept] / speed
    return dataclasses.replace(example, xy=(xy + noise) @ turn, time_s=time_s)


def _lose(xy: Floats, random: np.random.Generator) -> Floats:
    share = random.uniform(0, _MOST_MISSING)
    frames = 1 if random.random() < 0.5 else len(xy)
    lost = random.random((frames, xy.shape[1], 1)) < share
    return np.where(lost, np.nan, xy)
