"""Whom a training is measured on: the held-out part of each source, and the tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from kinetrace.evaluation import Truth
from kinetrace.skeletons import COCO17
from kinetrace.training.measurement import (
    Exam,
    has_areas,
    has_torso,
    measure_ap,
    measure_pck,
    prepare_exam,
)
from kinetrace.training.samples import is_held_out
from kinetrace.training.sources import Source

if TYPE_CHECKING:
    from kinetrace.training.training import Plan

# So many people tell how the training goes, and cost little beside it.
_MOST_PICTURES = 400


class Examiner:
    """Measures a network on everybody who is not trained on.

    Attributes
    ----------
    measures
        The names of what `measure` returns: ``pck NAME`` and ``ap NAME``.
    """

    def __init__(self, plan: Plan) -> None:
        held_out = [_hold_out(source) for source in plan.sources]
        # A text of its own for each, were two files to have one name.
        named: dict[str, Source] = {}
        for source in (*(s for s in held_out if len(s.truth.xy)), *plan.tests):
            stem = Path(source.truth.source).stem
            named[f"{stem}-{len(named) + 1}" if stem in named else stem] = source
        self._sources = named
        self._exams: dict[str, Exam] = {}
        self._size_wh: tuple[int, int] | None = None
        pcks = [f"pck {name}" for name, s in named.items() if has_torso(s.truth)]
        self.measures = (*pcks, *(f"ap {n}" for n, s in named.items() if has_areas(s.truth)))

    def measure(self, network: torch.nn.Module, size_wh: tuple[int, int]) -> dict[str, float]:
        """Measure PCK@0.2 and average precision, 0..1, at one input size; by name."""
        if self._size_wh != size_wh:
            self._exams = {n: prepare_exam(s, size_wh) for n, s in self._sources.items()}
            self._size_wh = size_wh
        kinds = {"pck": measure_pck, "ap": measure_ap}
        figures = {}
        for measure in self.measures:
            kind, _, name = measure.partition(" ")
            figures[measure] = kinds[kind](network, self._exams[name], COCO17)
        return figures


def _hold_out(source: Source) -> Source:
    """Return the part of a source that is never trained on; of many pictures, some."""
    held = np.array([is_held_out(name) for name in source.truth.image_name], bool)
    numbers = np.flatnonzero(held)
    if len(numbers) > _MOST_PICTURES:
        held[:] = False
        held[numbers[:: -(-len(numbers) // _MOST_PICTURES)]] = True
    truth: Truth = source.truth.only(held)
    return Source(truth=truth, media=source.media)
