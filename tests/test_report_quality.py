"""What a report says of a recording's quality."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from some_poses import make_poses

from kinetrace.poses import Poses, concat
from kinetrace.report._quality import assess, clock_of, missing
from kinetrace.testing import walker

WALK, _ = walker(duration_s=4)


def told(poses: Poses, level: str) -> str:
    shown = np.unique(poses.track_id).tolist()
    return "\n".join(f.text for f in assess(poses, shown) if f.level == level)


def turned(poses: Poses, deg: float) -> Poses:
    """The film of a camera that is not level."""
    cos, sin = np.cos(np.radians(deg)), np.sin(np.radians(deg))
    return dataclasses.replace(poses, xy=poses.xy @ np.array([[cos, -sin], [sin, cos]]))


def without(poses: Poses, share: float) -> Poses:
    """The film with a share of the keypoints not seen."""
    gone = np.random.default_rng(0).random(poses.score.shape) < share
    return dataclasses.replace(poses, score=np.where(gone, 0.1, poses.score))


def test_of_a_good_film_there_is_nothing_to_be_careful_about():
    assert told(WALK, "caution") == ""
    assert "Person 0 is seen from the side:" in told(WALK, "note")
    assert "30 pictures a second" in told(WALK, "good")
    assert "100 % of the body's points are seen" in told(WALK, "good")


@pytest.mark.parametrize(
    ("poses", "text"),
    [
        (walker(fps=10)[0], "Only 10 pictures a second"),
        (WALK.rows(WALK.frame < 15), "Person 0 is seen for 0.5 s only, of 4.0 s."),
        (without(WALK, 0.4), "Person 0: 40 % of the body's points are missing"),
        (dataclasses.replace(WALK, score=WALK.score * 0.4), "score 0.40 of 1"),
        (dataclasses.replace(WALK, xy=WALK.xy / 10, bbox_xyxy=WALK.bbox_xyxy / 10), "is small in"),
        (turned(WALK, 12), "camera seems to be tilted by"),
        (make_poses((0, 0, 0)), "Nobody was found in 3 pictures"),
        (
            dataclasses.replace(make_poses((2,) * 5), track_id=np.full(10, -1)),
            "Several people were not told apart",
        ),
        (
            dataclasses.replace(WALK, score=np.zeros_like(WALK.score)),
            "nobody can tell from which side",
        ),
    ],
    ids=["fps", "short", "missing", "score", "small", "tilt", "nobody", "untracked", "view"],
)
def test_what_to_be_careful_about(poses, text):
    assert text in told(poses, "caution")


@pytest.mark.parametrize(
    ("poses", "text"),
    [
        (walker(fps=20)[0], "20 pictures a second: enough for slow movements"),
        (WALK.frames(0, 1), "This is a single picture"),
        (dataclasses.replace(WALK, frame_time_s=np.full(120, np.nan)), "have no times"),
        (WALK.rows(WALK.frame < 80), "There is nobody in 33 % of the pictures."),
        (make_poses((1, 1)), "Whether the camera stood level cannot be told"),
    ],
    ids=["fps", "photo", "no clock", "empty", "tilt"],
)
def test_what_to_know(poses, text):
    assert text in told(poses, "note")


def test_cautions_come_first():
    levels = [finding.level for finding in assess(without(WALK, 0.4), [0])]
    assert levels == sorted(levels, key=("caution", "note", "good").index)


class TestClock:
    def test_rate_and_length(self):
        clock = clock_of(walker(fps=29.97, duration_s=5)[0])
        assert clock is not None
        assert clock.rate_hz == pytest.approx(29.97)
        assert clock.length_s == pytest.approx(5, abs=1 / 29.97)
        assert clock.is_even

    def test_an_uneven_one(self):
        times = np.cumsum(np.random.default_rng(1).uniform(0.02, 0.05, 100))
        poses = walker(time_s=times)[0]
        clock = clock_of(poses)
        assert clock is not None
        assert not clock.is_even
        assert "varies" in told(poses, "note")

    @pytest.mark.parametrize("poses", [WALK.frames(0, 1), make_poses(()), concat([WALK, WALK])])
    def test_there_is_none(self, poses):
        assert clock_of(poses) is None


def test_how_often_each_keypoint_is_missing():
    score = WALK.score.copy()
    score[:30, 3] = 0
    xy = WALK.xy.copy()
    xy[::2, 7] = np.nan
    shares = missing(dataclasses.replace(WALK, score=score, xy=xy), 0, 0.3)
    expected = np.zeros(33)
    expected[[3, 7]] = 0.25, 0.5
    np.testing.assert_allclose(shares, expected)
