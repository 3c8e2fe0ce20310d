"""People with known truth, for tests, documentation and anybody's own experiments."""

from __future__ import annotations

from kinetrace.testing._crowd import crowd, paint_crowd
from kinetrace.testing._walker import WalkTruth, walker

__all__ = ["WalkTruth", "crowd", "paint_crowd", "walker"]
