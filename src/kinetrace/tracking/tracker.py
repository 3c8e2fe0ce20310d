"""The online tracker: one frame in, the same frame with ids out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses
from kinetrace.tracking.appearance import colours
from kinetrace.tracking.bodies import bodies_of, has_keypoint
from kinetrace.tracking.following import Following
from kinetrace.tracking.settings import Settings
from kinetrace.tracking.tracks import UNNAMED


class Tracker:
    """Give ids to people frame by frame, in memory that does not grow.

    Two stages as in ByteTrack (Zhang et al., ECCV 2022): confident people choose among all tracks,
    the others among the tracks that are left. How alike they are is in
    `kinetrace.tracking.association`, who comes back after some time in
    `kinetrace.tracking.recovery`. Ids count from 0, stay with a person, and are not used again.

    Parameters
    ----------
    confident_score
        0..1: people above it choose first. A person's confidence is the geometric mean of the
        box's score and the mean score of the keypoints.
    new_score
        0..1: above it, somebody new has an id at once; below it, when they are confirmed.
    confirm_s
        Somebody new who scores low is confirmed when seen for so long, three times at least, in
        half of the frames, and with a mean confidence of 0.4.
    lost_s
        So long after the last sighting, motion still tells who somebody is.
    max_gap_s
        So long after the last sighting, the place where somebody was still means something.
    memory_s
        So long, somebody who looks the same (in colour) is given the same id.

    Raises
    ------
    ValueError
        If a score is outside 0..1 or a time is negative.
    """

    def __init__(
        self,
        *,
        confident_score: float = Settings.confident_score,
        new_score: float = Settings.new_score,
        confirm_s: float = Settings.confirm_s,
        lost_s: float = Settings.lost_s,
        max_gap_s: float = Settings.max_gap_s,
        memory_s: float = Settings.memory_s,
    ) -> None:
        self._settings = Settings(
            confident_score=confident_score,
            new_score=new_score,
            confirm_s=confirm_s,
            lost_s=lost_s,
            max_gap_s=max_gap_s,
            memory_s=memory_s,
        )
        self.reset()

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the tracker was made with, for `Poses.logged`."""
        return dataclasses.asdict(self._settings)

    def reset(self) -> None:
        """Begin a new film: forget everybody, and count ids from 0 again."""
        self._following: Following | None = None

    def update(self, poses: Poses, image: npt.NDArray[np.uint8] | None = None) -> Poses:
        """Give ids to the people of the next frame.

        Parameters
        ----------
        poses
            The people of exactly one frame. Where its time is NaN (a photo), all stay -1. A time
            before the last frame's counts as the last frame's.
        image : (H, W, 3) uint8
            The frame in RGB, if there is one: people are then known by their clothes, too.

        Returns
        -------
        Poses
            The same rows with `track_id`: -1 for somebody who has not been confirmed, for one who
            was found twice, and for one without any keypoint.

        Raises
        ------
        ValueError
            If there is not exactly one frame, or the skeleton is not that of the frames before.
        """
        if len(poses.frame_time_s) != 1:
            raise ValueError(
                f"the tracker takes one frame at a time, got {len(poses.frame_time_s)}; "
                "kinetrace.tracking.track takes a whole film"
            )
        if self._following is None:
            self._following = Following(poses.skeleton, self._settings)
        if self._following.skeleton != poses.skeleton:
            raise ValueError(
                f"the tracker follows people of {self._following.skeleton.name!r}, got "
                f"{poses.skeleton.name!r}; reset() begins a new film"
            )
        time_s = float(poses.frame_time_s[0])
        track_id = np.full(len(poses), UNNAMED)
        if math.isfinite(time_s):
            rows = np.flatnonzero(has_keypoint(poses))
            people = poses.rows(rows)
            body = bodies_of(people, colours(image, people))
            height_width = poses.size_wh and poses.size_wh[::-1] if image is None else image.shape
            size_wh = (height_width[1], height_width[0]) if height_width else None
            track_id[rows] = self._following.step(body, time_s, size_wh)
        return dataclasses.replace(poses, track_id=track_id)
