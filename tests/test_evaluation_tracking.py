from __future__ import annotations

import dataclasses
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App

from kinetrace import formats
from kinetrace.cli.evaluate import evaluate
from kinetrace.errors import FormatError
from kinetrace.evaluation import compare_tracks, score_tracks
from kinetrace.evaluation.tracking import alike_by_frame
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import COCO17
from kinetrace.testing import crowd


def tracks(ids: list[list[int | None]], *, off_px: float = 0.0) -> Poses:
    """In each frame, somebody with each id (None: nobody there), everybody in a place of theirs."""
    rows = [
        (t, place, track_id)
        for t, here in enumerate(ids)
        for place, track_id in enumerate(here)
        if track_id is not None
    ]
    pose = np.random.default_rng(0).uniform(0, 200, (17, 2))
    return Poses(
        skeleton=COCO17,
        frame_time_s=np.arange(len(ids)) / 10,
        frame=[t for t, _, _ in rows],
        xy=pose + np.array([(1000 * place + off_px, 0) for _, place, _ in rows]).reshape(-1, 1, 2),
        score=np.ones((len(rows), 17)),
        track_id=[track_id for _, _, track_id in rows],
    )


def motmetrics_of(poses: Poses, truth: Poses, by):
    import motmetrics

    poses = poses.rows(poses.track_id >= 0)
    seen = motmetrics.MOTAccumulator(auto_id=True)
    for row, true, alike in alike_by_frame(poses, truth, by):
        distance = np.where(alike >= 0.5, 1 - alike, np.nan)
        seen.update(truth.track_id[true], poses.track_id[row], distance)
    names = ["mota", "idf1", "num_switches", "num_fragmentations", "num_misses"]
    names.append("num_false_positives")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, in motmetrics
        return motmetrics.metrics.create().compute(seen, metrics=names).iloc[0]


@pytest.mark.parametrize("by", ["oks", "bbox"])
@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_those_of_motmetrics(seed, by):
    found, truth = crowd(duration_s=6, phantoms_per_s=3, seed=seed)
    chance = np.random.default_rng(seed)
    # Ids that are often right: those of the nearest person, exchanged now and then.
    track_id = np.full(len(found), -1)
    for row, true, alike in alike_by_frame(found, truth, "bbox"):
        if len(true) and len(row):
            track_id[row] = truth.track_id[true[alike.argmax(axis=0)]]
        wrong = row[chance.random(len(row)) < 0.1]
        track_id[wrong] = 100 + chance.integers(0, 500, len(wrong))
        _, first = np.unique(track_id[row], return_index=True)
        again = np.setdiff1d(np.arange(len(row)), first)
        track_id[row[again]] = 1000 + row[again]
    tracked = dataclasses.replace(found, track_id=track_id)
    scores = score_tracks(tracked, truth, by=by)
    theirs = motmetrics_of(tracked, truth, by)
    assert scores.switches == theirs.num_switches > 10
    assert scores.fragmentations == theirs.num_fragmentations > 10
    assert scores.misses == theirs.num_misses > 10
    assert scores.false_positives == theirs.num_false_positives > 10
    assert scores.mota == pytest.approx(theirs.mota)
    assert scores.idf1 == pytest.approx(theirs.idf1)


def test_perfect():
    truth = tracks([[0, 1]] * 10)
    scores = score_tracks(truth, truth)
    assert (scores.mota, scores.idf1, scores.switches, scores.fragmentations) == (1, 1, 0, 0)


def test_other_numbers_for_the_same_people_are_as_good():
    scores = score_tracks(tracks([[8, 3]] * 10), tracks([[0, 1]] * 10))
    assert (scores.mota, scores.idf1) == (1, 1)


def test_an_exchange_counts_twice_and_halves_what_is_right():
    found = tracks([[0, 1]] * 5 + [[1, 0]] * 5)
    scores = score_tracks(found, tracks([[0, 1]] * 10))
    assert scores.switches == 2
    assert scores.mota == 1 - 2 / 20
    assert scores.idf1 == 0.5


def test_a_gap_is_a_fragmentation_and_no_switch():
    found = tracks([[0]] * 4 + [[None]] * 2 + [[0]] * 4)
    scores = score_tracks(found, tracks([[0]] * 10))
    assert (scores.switches, scores.fragmentations, scores.misses) == (0, 1, 2)
    assert scores.idf1 == pytest.approx(2 * 8 / 18)


def test_somebody_elsewhere_is_a_miss_and_a_false_positive():
    scores = score_tracks(tracks([[0]] * 10, off_px=500), tracks([[0]] * 10))
    assert (scores.misses, scores.false_positives, scores.idf1) == (10, 10, 0)
    assert scores.mota == -1


def test_rows_without_an_id_are_not_reported():
    scores = score_tracks(tracks([[0, -1]] * 10), tracks([[0, 1]] * 10))
    assert (scores.reported, scores.misses, scores.false_positives) == (10, 10, 0)


def test_frames_are_found_by_their_number():
    truth = tracks([[0, 1]] * 10)
    part = truth.frames(4, 8)
    scores = score_tracks(part, truth)
    assert (scores.misses, scores.false_positives) == (12, 0)
    assert score_tracks(truth, part).reported == 8


def test_keypoints_are_found_by_their_name_and_hidden_ones_do_not_count():
    _, truth = crowd(duration_s=2, seed=1)
    assert (truth.score == 0).any()
    shown = dataclasses.replace(truth, xy=np.where(truth.score[..., None] > 0, truth.xy, 0))
    assert score_tracks(shown, truth).idf1 == 1
    backwards = Skeleton(name="backwards", keypoints=COCO17.keypoints[::-1])
    other = dataclasses.replace(
        shown, skeleton=backwards, xy=shown.xy[:, ::-1], score=shown.score[:, ::-1]
    )
    assert score_tracks(other, truth).idf1 == 1


def test_nobody():
    nobody = tracks([[], []])
    scores = score_tracks(nobody, nobody)
    assert math.isnan(scores.mota)
    assert math.isnan(scores.idf1)
    assert score_tracks(tracks([[0]]), tracks([[]])).idf1 == 0


def test_what_cannot_be_compared():
    from some_poses import FACE

    with pytest.raises(FormatError, match="no track_id"):
        score_tracks(tracks([[0]]), tracks([[-1]]))
    hand = dataclasses.replace(FACE, keypoints=("a", "b", "c"), edges=())
    other = Poses(
        skeleton=hand, frame_time_s=[0], frame=[], xy=np.empty((0, 3, 2)), score=np.empty((0, 3))
    )
    with pytest.raises(FormatError, match="no keypoint is in both"):
        score_tracks(other, tracks([[0]]))


def test_tables_side_by_side():
    truth = tracks([[0, 1]] * 10)
    table = compare_tracks({"good": truth, "bad": tracks([[0, 1]] * 5 + [[1, 0]] * 5)}, truth)
    assert table["model"].tolist() == ["good", "bad"]
    assert table["IDF1"].tolist() == [1, 0.5]
    assert table["switches"].tolist() == [0, 2]
    assert table["people"].tolist() == [2, 2]


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    app = App()
    app.default(evaluate)

    def run(*arguments: object) -> None:
        app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")

    truth, found = tmp_path / "truth.csv", tmp_path / "found.csv"
    formats.write(tracks([[0, 1]] * 10), truth)
    formats.write(tracks([[0, 1]] * 5 + [[1, 0]] * 5), found)
    run(found, "--truth", truth, "--output", tmp_path / "scores.csv")
    shown = capsys.readouterr().out
    assert "IDF1" in shown
    assert "0.500" in shown
    assert (tmp_path / "scores.csv").read_text().startswith("model,people,ids,MOTA,IDF1")
    with pytest.raises(ValueError, match="tracks are compared"):
        run(found, "--truth", truth, "--by", "keypoint")
