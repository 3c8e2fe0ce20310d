"""Who is who: the same id for the same person, frame after frame.

>>> tracker = Tracker()  # online, frame by frame  # doctest: +SKIP
>>> poses = tracker.update(poses, frame.image)  # doctest: +SKIP
>>> poses = track(kinetrace.read("clip.keypoints.csv"))  # a whole film  # doctest: +SKIP
"""

from __future__ import annotations

from kinetrace.tracking.joining import join, track
from kinetrace.tracking.tracker import Tracker

__all__ = ["Tracker", "join", "track"]
