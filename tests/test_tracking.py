from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
from some_poses import FACE, make_poses

from kinetrace.evaluation import score_tracks
from kinetrace.poses import Poses, Skeleton, concat
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.testing import crowd, paint_crowd, walker
from kinetrace.tracking import Tracker, join, track


def follow(poses: Poses, truth: Poses | None = None, **parameters: float) -> Poses:
    """Online; with the truth's painted pictures where it is given."""
    tracker = Tracker(**parameters)
    parts = []
    for i in range(len(poses.frame_time_s)):
        image = None if truth is None else paint_crowd(truth.frames(i, i + 1))
        parts.append(tracker.update(poses.frames(i, i + 1), image))
    return concat(parts)


def people(poses: Poses) -> list[int]:
    return sorted(set(poses.track_id[poses.track_id >= 0].tolist()))


@functools.cache
def standing_pose() -> np.ndarray:
    xy = walker(time_s=[0.0])[0].xy[0]
    return xy - xy.mean(0)


def standing(xs, times, *, score: float = 0.9, skeleton: Skeleton = COCO17) -> Poses:
    """People who stand still: at each time, one at each x in px (None is nobody)."""
    names = [BLAZEPOSE33.index(n) for n in skeleton.keypoints]
    body = standing_pose()[names] + (0, 300)
    rows = [(t, x) for t, here in enumerate(xs) for x in here if x is not None]
    xy = np.array([body + np.array([x, 0]) for _, x in rows]).reshape(len(rows), len(names), 2)
    return Poses(
        skeleton=skeleton,
        frame_time_s=times,
        frame=[t for t, _ in rows],
        xy=xy,
        score=np.full(xy.shape[:2], score),
        size_wh=(1280, 720),
    )


def partition(poses: Poses) -> set[frozenset[tuple[int, float]]]:
    """Whoever has the same id, as sets of rows told by frame and place."""
    rows = list(
        zip(poses.frame.tolist(), np.nan_to_num(poses.bbox_xyxy[:, 0]).tolist(), strict=True)
    )
    return {
        frozenset(r for r, i in zip(rows, poses.track_id, strict=True) if i == track_id)
        for track_id in people(poses)
    }


def test_a_still_person_keeps_the_id_when_somebody_leaves():
    times = np.arange(60) / 30
    xs = [[200, 600] if t < 20 else [600] for t in range(60)]
    found = follow(standing(xs, times))
    still = found.track_id[found.xy[:, 5, 0] > 450]
    assert len(still) == 60
    assert len(set(still.tolist())) == 1


def test_ids_begin_at_0_and_are_not_used_again():
    times = np.arange(90) / 30
    xs = [[200] if t < 30 else [] if t < 60 else [1000] for t in range(90)]
    found = follow(standing(xs, times), max_gap_s=0.5, lost_s=0.5)
    assert found.track_id.tolist() == [0] * 30 + [1] * 30


def test_a_person_who_is_hidden_for_a_second_is_the_same():
    times = np.arange(90) / 30
    xs = [[600] if not 30 <= t < 60 else [] for t in range(90)]
    assert people(follow(standing(xs, times))) == [0]


def test_a_confident_person_has_an_id_at_once_and_a_doubtful_one_when_confirmed():
    times = np.arange(15) / 30
    assert follow(standing([[600]] * 15, times)).track_id.tolist() == [0] * 15
    doubtful = follow(standing([[600]] * 15, times, score=0.5), confirm_s=0.2)
    assert doubtful.track_id[:6].tolist() == [-1] * 6
    assert doubtful.track_id[7:].tolist() == [0] * 8
    assert join(doubtful).track_id.tolist() == [0] * 15


def test_low_scores_continue_a_track():
    poses = standing([[600]] * 30, np.arange(30) / 30)
    score = poses.score.copy()
    score[10:20] = 0.25
    assert follow(dataclasses.replace(poses, score=score)).track_id.tolist() == [0] * 30


def test_somebody_found_twice_is_one_person():
    once = standing([[600]] * 30, np.arange(30) / 30)
    legs = once.xy.copy()
    legs[:, :11] += (150, -90)  # the legs are right, the rest is imagined
    score = np.where(np.arange(17) < 11, 0.1, 0.5)
    twice = dataclasses.replace(
        once,
        frame=np.repeat(once.frame, 2),
        xy=np.stack([once.xy, legs], 1).reshape(-1, 17, 2),
        score=np.stack([once.score, np.tile(score, (30, 1))], 1).reshape(-1, 17),
        track_id=None,
        bbox_xyxy=None,
        bbox_score=None,
    )
    assert people(follow(twice)) == [0]
    assert len(track(twice)) == 30


def test_a_phantom_is_dropped_and_a_person_is_not():
    times = np.arange(60) / 30
    person = standing([[300]] * 60, times)
    flash = standing([[900] if 30 <= t < 34 else [] for t in range(60)], times, score=0.62)
    both = concat_rows(person, flash)
    assert people(follow(both)) == [0, 1]
    assert track(both).track_id.tolist() == [0] * 60


def concat_rows(a: Poses, b: Poses) -> Poses:
    """The people of both in the same frames."""
    frame = np.concatenate([a.frame, b.frame])
    order = np.argsort(frame, kind="stable")
    return Poses(
        skeleton=a.skeleton,
        frame_time_s=a.frame_time_s,
        frame=frame[order],
        xy=np.concatenate([a.xy, b.xy])[order],
        score=np.concatenate([a.score, b.score])[order],
        size_wh=a.size_wh,
    )


@pytest.mark.parametrize("fps", [5, 29.97, 240])
def test_people_who_cross_keep_their_ids_at_every_rate(fps):
    times = np.arange(0, 4, 1 / fps)
    there, _ = walker(time_s=times, px_per_m=150)
    back, _ = walker(time_s=times, px_per_m=150, direction=-1, cadence_steps_per_min=100)
    both = concat_rows(there, dataclasses.replace(back, xy=back.xy + np.array([0, 12])))
    found = track(dataclasses.replace(both, size_wh=None))
    assert people(found) == [0, 1]
    x = found.keypoint("left_hip")[:, 0]
    for track_id in (0, 1):
        mine = x[found.track_id == track_id]
        assert len(mine) == len(times)
        assert len(set(np.sign(np.diff(mine)).tolist()) - {0.0}) == 1  # nobody turns around


def test_two_who_stand_close_do_not_exchange_ids():
    chance = np.random.default_rng(0)
    poses = standing([[600, 630]] * 120, np.arange(120) / 30)  # 0.15 m apart
    noisy = dataclasses.replace(poses, xy=poses.xy + chance.normal(0, 4, poses.xy.shape))
    keep = chance.random(len(noisy)) > 0.2
    truth = np.tile([0, 1], 120)[keep]
    found = follow(dataclasses.replace(noisy, bbox_xyxy=None).rows(keep))
    named = found.track_id >= 0
    assert named.mean() > 0.95
    assert (found.track_id == truth)[named].all() or (found.track_id == 1 - truth)[named].all()


def test_after_a_cut_people_are_others():
    times = np.arange(60) / 30
    xs = [[200, 500] if t < 30 else [800, 1100] for t in range(60)]
    assert people(follow(standing(xs, times))) == [0, 1, 2, 3]
    assert people(track(standing(xs, times))) == [0, 1, 2, 3]


def test_the_clothes_bring_back_who_left():
    found, truth = crowd(people=3, duration_s=15, comes_back=1, phantoms_per_s=0, seed=4)
    plain, dressed = (score_tracks(follow(found, t), truth) for t in (None, truth))
    assert dressed.idf1 > 0.9
    assert dressed.idf1 > plain.idf1 + 0.2


def test_the_order_of_the_rows_does_not_matter():
    found, _ = crowd(duration_s=4, seed=1)
    chance = np.random.default_rng(0)
    order = np.lexsort((chance.random(len(found)), found.frame))
    mixed = Poses(
        skeleton=found.skeleton,
        frame_time_s=found.frame_time_s,
        frame=found.frame,
        xy=found.xy[order],
        score=found.score[order],
        bbox_xyxy=found.bbox_xyxy[order],
        bbox_score=found.bbox_score[order],
        size_wh=found.size_wh,
    )
    assert np.array_equal(follow(mixed).track_id, follow(found).track_id[order])
    assert partition(track(mixed)) == partition(track(found))


@pytest.mark.parametrize(("scale", "shift"), [(4.0, 0.0), (0.5, 0.0), (1.0, 512.0)])
def test_neither_scale_nor_place_matters(scale, shift):
    found, _ = crowd(duration_s=4, seed=2)
    found = dataclasses.replace(found, size_wh=None)
    moved = dataclasses.replace(
        found, xy=found.xy * scale + shift, bbox_xyxy=found.bbox_xyxy * scale + shift
    )
    assert np.array_equal(follow(moved).track_id, follow(found).track_id)


def test_the_clock_may_begin_anywhere():
    found, _ = crowd(duration_s=4, seed=2)
    later = dataclasses.replace(found, frame_time_s=found.frame_time_s + 1024)
    assert np.array_equal(track(later).track_id, track(found).track_id)


def test_uneven_times_are_true_times():
    chance = np.random.default_rng(5)
    times = np.cumsum(chance.choice([1 / 60, 1 / 30, 1 / 8], 150))
    found, truth = crowd(time_s=times, comes_back=0, seed=6)
    assert score_tracks(track(found), truth).switches <= 2


def test_forty_people():
    x = np.arange(40) * 70
    found = track(standing([x.tolist()] * 20, np.arange(20) / 30))
    assert people(found) == list(range(40))
    assert np.array_equal(found.track_id, np.tile(found.track_id[:40], 20))


def test_times_that_stand_still_or_go_back():
    times = np.array([0, 0, 0.1, 0.1, 0.05, 0.2])
    assert track(standing([[600]] * 6, times)).track_id.tolist() == [0] * 6


@pytest.mark.parametrize("counts", [(), (0,), (0, 0, 0)])
def test_nobody(counts):
    empty = make_poses(counts)
    assert len(track(empty)) == 0
    assert len(track(empty).frame_time_s) == len(counts)


def test_frames_with_nobody_stay():
    times = np.arange(30) / 30
    found = track(standing([[600] if t % 10 else [] for t in range(30)], times))
    assert len(found.frame_time_s) == 30
    assert found.track_id.tolist() == [0] * 27


def test_one_frame():
    assert track(standing([[200, 600]], [0.0])).track_id.tolist() == [0, 1]


def test_people_without_a_keypoint_are_nobody():
    poses = standing([[600, 200]] * 10, np.arange(10) / 30)
    hidden = poses.xy[:, 0, 0] < 400
    blind = dataclasses.replace(
        poses,
        xy=np.where(hidden[:, None, None], np.nan, poses.xy),
        score=np.where(hidden[:, None], 0, poses.score),
    )
    assert follow(blind).track_id.tolist() == [0, -1] * 10


def test_photos_have_no_ids_and_lose_nobody():
    photos = standing([[600], [600, 200]], [np.nan, np.nan])
    assert track(photos).track_id.tolist() == [-1, -1, -1]


def test_skeletons_without_sigmas():
    for skeleton in (BLAZEPOSE33, FACE, Skeleton(name="odd", keypoints=("nose",))):
        assert people(track(standing([[600]] * 10, np.arange(10) / 30, skeleton=skeleton))) == [0]


def test_long_films_take_no_more_memory():
    tracker = Tracker()
    for i in range(600):  # a new person twice a second, who stays for a frame
        x = float(np.random.default_rng(i).uniform(0, 1e6))
        tracker.update(standing([[x]], [i / 2]))
    assert len(tracker._following._tracks) < 100


def test_the_parameters_are_checked_and_logged():
    with pytest.raises(ValueError, match=r"new_score .* 1.5"):
        Tracker(new_score=1.5)
    with pytest.raises(ValueError, match=r"confirm_s .* -1"):
        Tracker(confirm_s=-1)
    poses = standing([[600]] * 10, np.arange(10) / 30)
    with pytest.raises(ValueError, match=r"max_gap_s .* -2"):
        join(poses, max_gap_s=-2)
    with pytest.raises(ValueError, match="one frame at a time, got 10"):
        Tracker().update(poses)
    tracker = Tracker()
    tracker.update(poses.frames(0, 1))
    with pytest.raises(ValueError, match="face"):
        tracker.update(standing([[600]], [0.1], skeleton=FACE))
    tracker.reset()
    assert tracker.update(standing([[600]], [0.1], skeleton=FACE)).track_id.tolist() == [0]
    log = track(poses, max_gap_s=1).log
    assert [entry["operation"] for entry in log] == ["track", "join"]
    assert log[0]["parameters"]["lost_s"] == 1.0
    assert log[1]["parameters"]["max_gap_s"] == 1


def test_join_needs_no_more_than_ids_and_is_done_once():
    found, _ = crowd(duration_s=5, seed=3)
    once = track(found)
    again = join(once)
    assert np.array_equal(again.track_id, once.track_id)
    assert people(once) == list(range(len(people(once))))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_far_from_where_something_is_decided_does_not_matter(seed, monkeypatch):
    found, _ = crowd(duration_s=40, people=2, phantoms_per_s=0.05, miss_rate=0.005, seed=seed)
    tracked = follow(found)
    looked_near = join(tracked)
    monkeypatch.setattr("kinetrace.tracking.joining._AROUND_S", np.inf)
    assert np.array_equal(looked_near.track_id, join(tracked).track_id)


def test_pieces_are_joined_over_a_gap_and_only_so_long():
    times = np.arange(120) / 30
    poses = standing([[600] if not 40 <= t < 80 else [] for t in range(120)], times)
    pieces = dataclasses.replace(poses, track_id=np.where(poses.frame < 60, 7, 3))
    assert people(join(pieces, max_gap_s=2)) == [0]
    assert join(pieces, max_gap_s=1).track_id.tolist() == [0] * 40 + [1] * 40


def test_the_crowds_are_followed():
    for seed in range(3):
        found, truth = crowd(duration_s=8, comes_back=0, seed=seed)
        scores = score_tracks(track(found), truth)
        assert scores.idf1 > 0.8
        assert scores.switches <= 3
