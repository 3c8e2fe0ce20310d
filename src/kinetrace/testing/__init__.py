"""People with known truth, for tests, documentation and anybody's own experiments."""

from __future__ import annotations

from kinetrace.testing._crowd import crowd, paint_crowd
from kinetrace.testing._exercises import ExerciseTruth, exerciser
from kinetrace.testing._falls import MoverTruth, mover
from kinetrace.testing._walker import WalkTruth, walker

__all__ = [
    "ExerciseTruth",
    "MoverTruth",
    "WalkTruth",
    "crowd",
    "exerciser",
    "mover",
    "paint_crowd",
    "walker",
]
