"""What every measure holds; a new file in `measures/` is tested by being there."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from some_poses import FACE, any_poses, make_poses

from kinetrace import measures, plugins
from kinetrace.cli.measure import _own_options
from kinetrace.errors import OutputError
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.testing import exerciser, mover, walker

NAMES = plugins.names("measures")
every_measure = pytest.mark.parametrize("name", NAMES)


def eventful_film(name: str) -> Poses:
    """A film in which the measure finds something."""
    if name == "events":
        return mover(["stand", "sit"])[0]
    return exerciser("squat")[0] if name == "repetitions" else walker()[0]


def awkward_poses() -> dict[str, Poses]:
    """Films in which little or nothing can be measured."""
    walk, _ = walker(duration_s=2.0)
    xy = walk.xy.copy()
    xy[10:40:3] = np.nan
    xy[::2, 25] = np.nan
    return {
        "no frame": make_poses(()),
        "nobody": make_poses((0, 0, 0)),
        "one picture": walk.frames(0, 1),
        "two pictures": walk.frames(0, 2),
        "gaps": dataclasses.replace(walk, xy=xy),
        "nothing seen": dataclasses.replace(walk, xy=np.full_like(xy, np.nan)),
        "all in one place": dataclasses.replace(walk, xy=np.full_like(xy, 7)),
        "no clock": dataclasses.replace(walk, frame_time_s=np.full(len(walk), np.nan)),
        "rows are missing": walk.rows(np.array([0, 1, 2, 30, 31, 32, 59])),
        "several, not told apart": make_poses((3, 0, 2, 2)),
        "no score": dataclasses.replace(walk, score=np.zeros_like(walk.score)),
        "only a face": make_poses((1, 2), skeleton=FACE),
        "in space": make_poses((1, 0, 2), skeleton=BLAZEPOSE33, xyz=True),
        "photos": make_poses((1, 1), skeleton=COCO17, names=True),
    }


@every_measure
@pytest.mark.parametrize("case", sorted(awkward_poses()))
def test_it_answers_whatever_it_is_given(name: str, case: str) -> None:
    module = plugins.load("measures", name)
    table = module.measure(awkward_poses()[case])
    check_table(table)
    if not len(table):
        assert table.attrs["notes"], "an empty table says why it is empty"
    summary = module.summarise(table) if hasattr(module, "summarise") else table
    check_notes(summary)
    if hasattr(module, "plot"):
        assert module.plot(table).axes


@every_measure
@given(poses=any_poses())
@settings(max_examples=20, deadline=None)
def test_it_answers_whatever_there_can_be(name: str, poses: Poses) -> None:
    check_table(plugins.load("measures", name).measure(poses))


@every_measure
def test_an_empty_table_has_the_columns_of_a_full_one(name: str) -> None:
    module = plugins.load("measures", name)
    film = eventful_film(name)
    full, empty = module.measure(film), module.measure(film.rows(np.zeros(len(film), bool)))
    assert len(full)
    assert list(full.columns) == list(empty.columns)
    assert len(empty) == 0


@every_measure
def test_measuring_changes_nothing_and_says_the_same_twice(name: str) -> None:
    film = eventful_film(name)
    before = film.xy.copy()
    module = plugins.load("measures", name)
    once, twice = module.measure(film), module.measure(film)
    pd.testing.assert_frame_equal(once, twice)
    np.testing.assert_array_equal(film.xy, before)


@every_measure
def test_its_options_can_be_typed(name: str) -> None:
    module = plugins.load("measures", name)
    first, *options = inspect.signature(module.measure).parameters.values()
    assert first.name == "poses"
    documented = inspect.getdoc(module.measure) or ""
    for option in options:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty
        assert f"\n{option.name}" in documented
    assert [o.name for o in _own_options(module)] == [o.name for o in options]
    assert "return" in module.measure.__annotations__


@pytest.mark.parametrize("name", NAMES)
def test_importing_it_is_cheap(name: str) -> None:
    code = (
        f"import sys, kinetrace.measures.{name}\n"
        "print(sorted({'pandas', 'matplotlib', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def check_table(table: pd.DataFrame) -> None:
    first = list(table.columns[:3])
    assert first in (["track_id", "frame", "time_s"], ["track_id", "start_s", "end_s"])
    assert not table.columns.duplicated().any()
    numbers = table.select_dtypes("number").to_numpy(dtype=float)
    assert not np.isinf(numbers).any()
    check_notes(table)


def check_notes(table: pd.DataFrame) -> None:
    notes = table.attrs["notes"]
    assert isinstance(notes, list)
    assert all(isinstance(note, str) and note.strip() for note in notes)
    assert len(set(notes)) == len(notes)


def test_people_are_the_tracks() -> None:
    poses = dataclasses.replace(make_poses((2, 0, 2)), track_id=np.array([7, 3, 3, 7]))
    got = [(i, rows.tolist()) for i, rows in measures.people(poses)]
    assert got == [(3, [1, 2]), (7, [0, 3])]


def test_one_person_needs_no_tracking_and_two_do() -> None:
    one = dataclasses.replace(make_poses((1, 0, 1)), track_id=np.array([-1, -1]))
    assert [rows.tolist() for _, rows in measures.people(one)] == [[0, 1]]
    two = dataclasses.replace(make_poses((2, 1)), track_id=np.full(3, -1))
    assert [rows.tolist() for _, rows in measures.people(two)] == [[0], [1], [2]]


def test_a_table_is_written_with_the_decimals_of_its_units(tmp_path: Path) -> None:
    values = {"track_id": [1], "time_s": [1 / 3], "a_deg": [10 / 3], "b_px": [2 / 3], "c": [1 / 3]}
    table = measures.make_table({**values, "d_deg": [np.nan]}, ["one", "two", "one"])
    assert table.attrs["notes"] == ["one", "two"]
    path = tmp_path / "a.csv"
    measures.write_table(table, path)
    assert path.read_text().splitlines()[1] == "1,0.333333,3.33,0.67,0.3333333333333333,"
    with pytest.raises(OutputError, match="does not exist"):
        measures.write_table(table, tmp_path / "nowhere" / "a.csv")


def test_hints_are_found_without_pandas() -> None:
    with pytest.raises(NameError):  # what makes `_own_options` look up one by one
        get_type_hints(plugins.load("measures", "angles").measure)
