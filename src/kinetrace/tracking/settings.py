"""What the tracker is set to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The parameters of `kinetrace.tracking.Tracker`, where each is told, and their defaults.

    Raises
    ------
    ValueError
        If a score is outside 0..1 or a time is negative.
    """

    confident_score: float = 0.5
    new_score: float = 0.6
    confirm_s: float = 0.2
    lost_s: float = 1.0
    max_gap_s: float = 4.0
    memory_s: float = 30.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("_score") and not 0 <= value <= 1:
                raise ValueError(f"{name} must be within 0..1, got {value}")
            if name.endswith("_s") and not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value}")
