"""From what a user names to one job a source, none of which gets in another's way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.errors import OutputError
from kinetrace.jobs import Wanted, plan


def touched(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [str(folder / name) for name in names]


def tables(folder, jobs):
    return [job.table.relative_to(folder).as_posix() for job in jobs]


def test_results_lie_beside_their_sources(tmp_path):
    inputs = touched(tmp_path, "a/walk.mp4", "b/walk.mp4", "b/walk.mov")
    assert tables(tmp_path, plan(inputs, None, Wanted())) == [
        "a/walk.keypoints.csv",
        "b/walk.mp4.keypoints.csv",
        "b/walk.mov.keypoints.csv",
    ]


def test_one_folder_holds_all_results(tmp_path):
    inputs = touched(tmp_path, "a/walk.mp4", "b/run.mp4")
    jobs = plan(inputs, tmp_path / "out", Wanted(overlay=True))
    assert tables(tmp_path, jobs) == ["out/walk.keypoints.csv", "out/run.keypoints.csv"]
    assert jobs[1].overlay == tmp_path / "out/run.overlay.mp4"


def test_inputs_of_one_name_keep_their_folders(tmp_path):
    inputs = touched(tmp_path, "in/p1/walk.mp4", "in/p2/walk.mp4", "in/p2/late/jump.mp4")
    jobs = plan(inputs, tmp_path / "out", Wanted())
    assert tables(tmp_path, jobs) == [
        "out/p1/walk.keypoints.csv",
        "out/p2/walk.keypoints.csv",
        "out/p2/late/jump.keypoints.csv",
    ]
    assert (tmp_path / "out/p2/late").is_dir()


@given(st.sets(st.from_regex(r"([ab]/){0,2}[xy]\.(mp4|mov|png)", fullmatch=True), min_size=1))
def test_no_two_jobs_write_the_same_file(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("inputs")
    inputs = touched(folder, *sorted(names))
    for output in (None, folder / "out"):
        jobs = plan(inputs, output, Wanted(overlay=True, sheet=True))
        written = [path for job in jobs for path in (job.table, job.overlay, job.sheet)]
        assert len(set(written)) == 3 * len(names)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    inputs = touched(tmp_path, "p1/walk.mp4", "p2/walk.mp4", "out/p1")
    with pytest.raises(OutputError, match=r"cannot make the folder .*out/p1"):
        plan(inputs, tmp_path / "out", Wanted())
