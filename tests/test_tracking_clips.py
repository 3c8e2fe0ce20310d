"""The films of the sample data, with the detections that a small HRNet makes there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_hrnet import small_hrnet

from kinetrace.pipeline import stream
from kinetrace.poses import Poses, concat
from kinetrace.tracking import Tracker, join

pytestmark = pytest.mark.shared


def followed(shared: Path, clip: str, *, every: int = 1) -> Poses:
    pytest.importorskip("onnxruntime")
    tracker, parts = Tracker(), []
    for frame, poses in stream(
        shared / "data/videos" / clip,
        every=every,
        **small_hrnet(shared),
    ):
        parts.append(tracker.update(poses, frame.image))
    return join(concat(parts))


def test_two_people_who_walk_and_jump(shared):
    found = followed(shared, "walk_and_jump.mp4", every=2)
    assert set(found.track_id.tolist()) == {0, 1}
    x = found.bbox_xyxy[:, [0, 2]].mean(axis=1)
    first, second = x[found.track_id == 0], x[found.track_id == 1]
    # The one who stands on the left jumps to the right; the other walks from right to left.
    assert first[0] < 800 < 1300 < first[-1]
    assert second[0] > 1400 > 200 > second[-1]
    assert np.all(np.diff(second) < 40)


def test_three_people_in_a_laboratory(shared):
    found = followed(shared, "multicam/cam01.mp4", every=3)
    assert set(found.track_id.tolist()) == {0, 1, 2}
    # One has the picture's left edge for himself, one is in front.
    edge = found.bbox_xyxy[:, 2] < 200
    assert len(set(found.track_id[edge].tolist())) == 1
    front = found.bbox_xyxy[:, 3] > 1600
    assert len(set(found.track_id[front].tolist())) == 1


def test_one_who_signs(shared):
    assert set(followed(shared, "asl/sister.mkv", every=3).track_id.tolist()) == {0}
