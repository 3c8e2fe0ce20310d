from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from trajectories import both, film

from kinetrace import filtering, read, write


def found(poses):
    return poses.log[-1]["parameters"]["found"]


@pytest.mark.parametrize("fps", [10, 30000 / 1001, 30, 60, 100])
@pytest.mark.parametrize("rows", [False, True])
def test_a_gap_is_filled_up_to_the_longest_and_not_a_frame_more(fps, rows):
    """A gap lasts as long as its missing frames."""
    time_s = np.arange(60) / fps
    line = both(100 * time_s)
    longest = int(0.12 * fps + 1e-9)
    for missing in (longest, longest + 1):
        gap = np.arange(20, 20 + missing)
        if rows:
            poses = film(time_s, line).rows(np.setdiff1d(np.arange(60), gap))
        else:
            xy = line.copy()
            xy[gap] = np.nan
            poses = film(time_s, xy)
        filled = filtering.fill_gaps(poses)
        if missing == longest:
            assert found(filled) == {"points": longest, "rows": longest * rows}
            np.testing.assert_array_equal(filled.frame, np.arange(60))
            np.testing.assert_allclose(filled.xy[:, 0], line, atol=1e-3)
        else:
            assert found(filled) == {"points": 0, "rows": 0}
            np.testing.assert_array_equal(filled.xy, poses.xy)


def test_a_cubic_goes_through_a_gap_with_two_measurements_on_both_sides():
    time_s = np.arange(20) / 30
    cubic = np.stack([900 * time_s**3 - 50 * time_s, 80 * time_s**2], axis=1)
    xy = cubic.copy()
    xy[9:12] = np.nan
    np.testing.assert_allclose(filtering.fill_gaps(film(time_s, xy)).xy[:, 0], cubic, atol=1e-3)


def test_a_line_where_there_is_one_only():
    xy = both([0, np.nan, np.nan, 30, np.nan, 50])
    filled = filtering.fill_gaps(film(np.arange(6) / 30, xy))
    np.testing.assert_allclose(filled.xy[:, 0, 0], [0, 10, 20, 30, 40, 50], atol=1e-4)


def test_uneven_frames_are_filled_at_their_own_times():
    time_s = np.array([0, 0.03, 0.05, 0.09, 0.12, 0.16])
    xy = both(1000 * time_s)
    xy[[2, 3]] = np.nan
    filled = filtering.fill_gaps(film(time_s, xy))
    np.testing.assert_allclose(filled.xy[:, 0, 0], 1000 * time_s, atol=1e-3)


def test_ends_are_never_filled():
    xy = both(np.arange(30.0))
    xy[:2] = xy[-2:] = np.nan
    filled = filtering.fill_gaps(film(np.arange(30) / 30, xy))
    np.testing.assert_array_equal(filled.xy[:, 0], film(np.arange(30) / 30, xy).xy[:, 0])


def test_the_table_tells_what_was_filled(tmp_path):
    xy = np.stack([both(np.arange(10.0)), both(np.arange(10.0))], axis=1)
    xy[4, 0] = np.nan
    score = np.full((10, 2), 0.8)
    score[3, 0] = 0.6
    poses = film(np.arange(10) / 30, xy, score=score).rows(np.setdiff1d(np.arange(10), [7]))
    filled = filtering.fill_gaps(poses)
    want = score.copy()
    want[4, 0] = 0.3  # half of the lower of the two beside it
    want[7] = 0.4
    np.testing.assert_allclose(filled.score, want, atol=1e-6)
    np.testing.assert_allclose(filled.bbox_xyxy[7], filled.bbox_xyxy[6])
    assert np.isnan(filled.bbox_score[7])
    write(filled, tmp_path / "filled.csv")
    assert found(read(tmp_path / "filled.csv")) == {"points": 3, "rows": 1}


def test_two_people_with_gaps_at_different_times():
    time_s = np.arange(20) / 30
    one = film(time_s, both(np.arange(20.0)), track_id=4)
    two = film(time_s, both(500 - np.arange(20.0)), track_id=2)
    order = np.argsort(np.r_[np.arange(20), np.arange(20)], kind="stable")
    pair = {
        name: np.concatenate([getattr(one, name), getattr(two, name)])[order]
        for name in ("frame", "xy", "score", "track_id", "bbox_xyxy", "bbox_score")
    }
    both_people = dataclasses.replace(one, **pair)
    keep = ~(
        ((both_people.track_id == 4) & np.isin(both_people.frame, [5, 6]))
        | ((both_people.track_id == 2) & np.isin(both_people.frame, [6, 12]))
    )
    filled = filtering.fill_gaps(both_people.rows(keep))
    assert found(filled) == {"points": 4, "rows": 4}
    for track_id, truth in ((4, one), (2, two)):
        mine = filled.track_id == track_id
        np.testing.assert_array_equal(filled.frame[mine], np.arange(20))
        np.testing.assert_allclose(filled.xy[mine], truth.xy, atol=1e-3)


def test_the_untracked_and_the_far_are_left_alone():
    time_s = np.arange(10) / 30
    xy = both(np.arange(10.0))
    xy[5] = np.nan
    for poses in (film(time_s, xy, track_id=-1), film(np.arange(10) * 5.0, xy)):
        filled = filtering.fill_gaps(poses)
        assert np.isnan(filled.xy[5]).all()
    assert np.isnan(filtering.fill_gaps(film(time_s, xy), max_gap_s=0).xy[5]).all()
    with pytest.raises(ValueError, match="max_gap_s must not be negative"):
        filtering.fill_gaps(film(time_s, xy), max_gap_s=-1)


def test_space_is_filled_with_the_pixels():
    time_s = np.arange(20) / 30
    xy = both(np.arange(20.0))
    xyz_m = np.repeat(np.arange(20.0)[:, None], 3, axis=1)[:, None]
    xy[8:10], xyz_m[8:10], xyz_m[14] = np.nan, np.nan, np.nan
    filled = filtering.fill_gaps(film(time_s, xy, xyz_m=xyz_m))
    np.testing.assert_allclose(filled.xyz_m[:, 0, 0], np.arange(20), atol=1e-4)
    assert filled.score[14, 0] == np.float32(0.8)  # its pixels were measured
