from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from film import write_cut_film, write_film
from hypothesis import given, settings
from hypothesis import strategies as st
from some_poses import assert_same_people

from kinetrace.batch.stitching import split, stitch
from kinetrace.errors import SourceError
from kinetrace.frames import open_frames
from kinetrace.frames.selection import Selection
from kinetrace.poses import Poses, concat
from kinetrace.skeletons import BLAZEPOSE33, COCO17

pytest.importorskip("scipy")

FPS = 25


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 s at a variable rate, a key frame every 2 s and B-frames between."""
    pts = np.arange(24 * FPS) * 40 + np.resize([0, 3, -3, 7], 24 * FPS)
    pts[0] = 0
    options = {"g": "50", "sc_threshold": "0", "bf": "3"}
    path = tmp_path_factory.mktemp("film") / "long.mp4"
    return write_film(path, pts.tolist(), options=options)


def looked_at(film: Path, selection: Selection) -> list[tuple[int, float]]:
    with open_frames(film, **dataclasses.asdict(selection)) as frames:
        return [(frame.index, frame.time_s) for frame in frames]


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(every=3),
        Selection(every=7, start_s=1.234),
        Selection(start_s=3.1, end_s=20.0),
    ],
)
def test_stretches_are_all_frames_of_the_selection_and_only_overlaps_twice(
    film: Path, selection: Selection
) -> None:
    stretches = split(film, 5.0, selection=selection, overlap_s=0.5)
    assert len(stretches) >= 3
    whole = looked_at(film, selection)
    seen = [looked_at(film, stretch) for stretch in stretches]
    for before, after in itertools.pairwise(seen):
        assert before[0] < after[0] < before[-1] < after[-1]
        # In an overlap both hold the same frames: with every so many, the same ones of them.
        assert [f for f in before if f >= after[0]] == [f for f in after if f <= before[-1]]
        assert before[-1][1] - after[0][1] < 0.5
    assert sorted({f for part in seen for f in part}) == whole


def test_seams_are_at_key_frames(film: Path) -> None:
    stretches = split(film, 5.0)
    keys = [i / FPS for i in range(0, 24 * FPS, 50)]
    for stretch in stretches[1:]:
        assert stretch.start_s is not None
        assert min(abs(stretch.start_s - key) for key in keys) < 0.01


@pytest.mark.parametrize("selection", [Selection(every="0.5s"), Selection(end_s=3.0)])
def test_what_cannot_be_split_is_one_stretch(film: Path, selection: Selection) -> None:
    assert split(film, 5.0, selection=selection) == [selection]


def test_a_film_with_one_key_frame_is_one_stretch(tmp_path: Path) -> None:
    options = {"g": "9999", "sc_threshold": "0"}
    film = write_film(tmp_path / "f.mp4", [i * 40 for i in range(300)], options=options)
    assert split(film, 3.0) == [Selection()]


def test_stretches_shorter_than_their_overlaps_are_refused(film: Path) -> None:
    with pytest.raises(ValueError, match="twice their overlap of 1.0 s, got 2 s"):
        split(film, 2)


def test_what_is_no_film_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.mp4").write_bytes(b"no film")
    with pytest.raises(SourceError, match=r"f\.mp4"):
        split(tmp_path / "f.mp4", 10)


def crowd(frames: int, people: int, *, seed: int = 0, skeleton=COCO17) -> Poses:
    """People who walk about, come late and leave early, in the order of their appearance."""
    random = np.random.default_rng(seed)
    k = len(skeleton)
    body = random.normal(0, 40, (people, 1, k, 2))
    middle = random.uniform(200, 1700, (people, 1, 1, 2))
    steps = random.normal(0, 2, (people, frames, 1, 2)).cumsum(axis=1)
    xy = np.swapaxes(body + middle + steps, 0, 1)
    come = np.sort(random.integers(0, frames // 2 + 1, people))
    come[0] = 0
    leave = random.integers(frames // 2, frames + 1, people)
    at = np.arange(frames)[:, None]
    frame, person = np.nonzero((at >= come) & (at < np.maximum(leave, come + 1)))
    return Poses(
        skeleton=skeleton,
        frame_time_s=np.arange(frames) * 1001 / 30000,
        frame=frame,
        xy=xy[frame, person],
        score=np.full((len(frame), k), 0.9),
        track_id=person,
        size_wh=(1920, 1080),
        source="clip.mp4",
        log=({"operation": "estimate", "version": "0", "parameters": {}},),
    )


def cut(poses: Poses, starts: list[int], overlap: int, *, seed: int = 0) -> list[Poses]:
    """Cut poses into stretches whose ids are no longer those of the whole."""
    random = np.random.default_rng(seed)
    total = len(poses.frame_time_s)
    parts = []
    for start, end in zip(starts, [*(s + overlap for s in starts[1:]), total], strict=True):
        part = poses.frames(start, min(end, total))
        new = random.permutation(int(poses.track_id.max(initial=0)) + 1) + random.integers(0, 9)
        ids = np.where(part.track_id < 0, -1, new[part.track_id])
        parts.append(dataclasses.replace(part, track_id=ids))
    return parts


@given(
    seed=st.integers(0, 10_000),
    people=st.integers(1, 8),
    starts=st.lists(st.integers(31, 199), max_size=4, unique=True).map(sorted),
    skeleton=st.sampled_from([COCO17, BLAZEPOSE33]),
)
@settings(max_examples=40, deadline=None)
def test_stitched_stretches_are_the_whole(seed: int, people: int, starts: list[int], skeleton):
    whole = crowd(200, people, seed=seed, skeleton=skeleton)
    # Who is in no frame of an overlap but on both sides of it cannot be known again.
    parts = cut(whole, [0, *starts], 30, seed=seed)
    joined = stitch(list(reversed(parts)))
    assert_same_people(joined, whole)
    assert joined.log[0] == whole.log[0]
    assert joined.source == whole.source


def test_the_seams_are_in_the_log() -> None:
    whole = crowd(100, 2)
    log = stitch(cut(whole, [0, 50], 30)).log[-1]
    assert log["operation"] == "stitch"
    assert log["parameters"] == {"starts_s": [0.0, whole.frame_time_s[50]]}
    assert stitch([whole]).log == whole.log


def test_untracked_people_stay_untracked() -> None:
    whole = dataclasses.replace(crowd(100, 3), track_id=None)
    assert_same_people(stitch(cut(whole, [0, 40], 20)), whole)


def test_rows_of_the_overlap_are_those_of_the_earlier_stretch() -> None:
    whole = crowd(100, 1)
    first, second = cut(whole, [0, 50], 20)
    moved = dataclasses.replace(second, xy=second.xy + 1)
    joined = stitch([first, moved])
    np.testing.assert_array_equal(joined.xy[:70], whole.xy[:70])
    np.testing.assert_array_equal(joined.xy[70:], whole.xy[70:] + 1)
    assert set(joined.track_id) == {0}


def test_another_person_at_another_place_gets_an_id_of_their_own() -> None:
    whole = crowd(100, 1)
    first, second = cut(whole, [0, 50], 20)
    elsewhere = dataclasses.replace(second, xy=second.xy + 300, bbox_xyxy=None)
    assert list(np.unique(stitch([first, elsewhere]).track_id)) == [0, 1]


def test_two_who_cross_in_the_overlap_keep_their_ids() -> None:
    frames = np.arange(60)
    left = np.stack([frames * 10.0, np.full(60, 300.0)], axis=1)
    right = np.stack([600 - frames * 10.0, np.full(60, 300.0)], axis=1)  # meets at frame 30
    shape = np.random.default_rng(0).normal(0, 40, (17, 2))
    xy = np.stack([left, right], axis=1).reshape(120, 1, 2) + shape
    whole = Poses(
        skeleton=COCO17,
        frame_time_s=frames / 30,
        frame=np.repeat(frames, 2),
        xy=xy,
        score=np.ones((120, 17)),
        track_id=np.tile([0, 1], 60),
    )
    first, second = whole.frames(0, 40), whole.frames(25, 60)
    swapped = dataclasses.replace(second, track_id=1 - second.track_id)
    assert_same_people(stitch([first, swapped]), whole)


def test_stretches_that_disagree_about_their_frames_are_refused() -> None:
    whole = crowd(100, 1)
    first, second = cut(whole, [0, 50], 20)
    late = dataclasses.replace(second, frame_index=second.frame_index + 1)
    with pytest.raises(SourceError, match=r"clip.mp4 that meet at 1\.668 s .* undivided"):
        stitch([first, late])


def test_stretches_without_an_overlap_are_joined_too() -> None:
    whole = dataclasses.replace(crowd(100, 2), track_id=None)
    assert_same_people(stitch([whole.frames(0, 50), whole.frames(50, 100)]), whole)


def test_nobody_anywhere_and_no_frames() -> None:
    nobody = crowd(100, 1).rows(np.zeros(0, np.int64))
    joined = stitch([nobody.frames(0, 60), nobody.frames(40, 100), nobody.frames(100, 100)])
    assert_same_people(joined, nobody)
    with pytest.raises(ValueError, match="at least one"):
        stitch([])


def test_a_film_that_is_cut_off_is_found_out_by_its_last_stretch(tmp_path: Path) -> None:
    film = write_cut_film(tmp_path / "cut.mp4", 400)
    last = split(film, 5.0, overlap_s=0.5)[-1]
    with pytest.raises(SourceError):
        looked_at(film, last)


@pytest.mark.shared
def test_keypoints_of_a_real_film_in_stretches_are_those_of_the_undivided(
    shared: Path, tmp_path: Path
) -> None:
    from kinetrace.batch import Settings
    from kinetrace.batch.stitching_task import Part, estimate_part
    from kinetrace.batch.task import release
    from kinetrace.estimators import Options
    from kinetrace.jobs import Job

    pytest.importorskip("onnxruntime")
    options = Options(
        model=str(shared / "models/tinypose_256x192.onnx"),
        input_size_wh=(192, 256),
        decode="dark",
        detector="rtmdet",
        detector_model=str(shared / "models/rtmdet_nano_person_320.onnx"),
        detect_every=1,
        quality="fast",
    )
    film = shared / "data/videos/walk_and_jump.mp4"
    job = Job(source=film, table=tmp_path / "t.csv")

    def poses_of(selection: Selection) -> Poses:
        part = estimate_part(job, Settings(backend="hrnet", options=options), selection)
        assert isinstance(part, Part)
        assert part.poses is not None
        return part.poses

    wanted = Selection(start_s=1.0, end_s=6.0, every=12)
    stretches = split(
        shared / "data/videos/walk_and_jump.mp4", 1.5, selection=wanted, overlap_s=0.5
    )
    assert len(stretches) > 1
    try:
        whole = poses_of(wanted)
        parts = [poses_of(stretch) for stretch in stretches]
    finally:
        release()
    joined = stitch(parts)
    assert len(concat(parts)) > len(joined) > 0
    # Ids are left out: frames so far apart are too few to tell who is who.
    assert_same_people(without_ids(joined), without_ids(whole))


def without_ids(poses: Poses) -> Poses:
    return dataclasses.replace(poses, track_id=None)
