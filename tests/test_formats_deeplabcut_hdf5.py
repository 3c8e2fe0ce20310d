from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError
from kinetrace.poses import Poses

pytest.importorskip("tables", reason="PyTables is not installed")
h5py = pytest.importorskip("h5py", reason="h5py is not installed")

LEVELS = ["scorer", "individuals", "bodyparts", "coords"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.dlc.h5"


def table(coords: tuple[str, ...] = ("x", "y", "likelihood")) -> pd.DataFrame:
    """As DeepLabCut has it of two animals, one of which is missing in the second frame."""
    columns = pd.MultiIndex.from_product(
        [["DLC_resnet50"], ["mouse1", "mouse2"], ["snout", "tail"], list(coords)], names=LEVELS
    )
    values = np.linspace(0, 1, 3 * len(columns)).reshape(3, -1)
    values[1, len(columns) // 2 :] = np.nan
    return pd.DataFrame(values, columns=columns)


@pytest.mark.parametrize("tracked", [True, False])
def test_pandas_reads_it_as_deeplabcut_does(path: Path, tracked: bool) -> None:
    poses = sample("deeplabcut")
    if not tracked:
        poses = Poses(**{**vars(make_poses((1, 0, 1), skeleton=FACE)), "track_id": None})
    write_quietly(poses, path)
    got = pd.read_hdf(path)
    assert list(got.columns.names) == (LEVELS if tracked else [LEVELS[0], *LEVELS[2:]])
    assert got.index.tolist() == poses.frame_index.tolist()
    name = poses.skeleton.keypoints[1]
    person = got.xs("person_0", axis=1, level="individuals") if tracked else got
    xy = person.xs(name, axis=1, level="bodyparts").to_numpy()[:, :2]
    rows = np.flatnonzero(poses.track_id == (0 if tracked else -1))
    np.testing.assert_array_equal(xy[poses.frame[rows]], poses.keypoint(name)[rows])
    nobody = np.setdiff1d(np.arange(len(poses.frame_time_s)), poses.frame[rows])
    assert np.isnan(xy[nobody]).all()


@pytest.mark.parametrize("kind", ["table", "fixed"])
def test_predictions(path: Path, kind: str) -> None:
    frame = table()
    frame.to_hdf(path, key="df_with_missing", format=kind, mode="w")
    poses = formats.read(path, fps=10)
    assert poses.skeleton.keypoints == ("snout", "tail")
    np.testing.assert_array_equal(poses.frame, [0, 0, 1, 2, 2])
    np.testing.assert_array_equal(poses.track_id, [0, 1, 0, 0, 1])
    values = frame.to_numpy()[[0, 2]].reshape(4, 2, 3).astype(np.float32)
    np.testing.assert_array_equal(poses.xy[[0, 1, 3, 4]], values[..., :2])
    np.testing.assert_array_equal(poses.score[[0, 1, 3, 4]], values[..., 2])


@pytest.mark.parametrize("folders", [True, False])
def test_labels_by_hand_are_of_pictures(path: Path, folders: bool) -> None:
    frame = table(("x", "y"))
    places = [("labeled-data", "clip", f"img{i}.png") for i in (2, 0, 9)]
    frame.index = (
        pd.MultiIndex.from_tuples(places)
        if folders
        else pd.Index(["/".join(place) for place in places])
    )
    frame.to_hdf(path, key="df_with_missing", mode="w")
    poses = formats.read(path)
    assert poses.frame_name is not None
    assert [Path(name).name for name in poses.frame_name] == ["img2.png", "img0.png", "img9.png"]
    np.testing.assert_array_equal(poses.score, np.ones((5, 2)))
    np.testing.assert_array_equal(poses.frame, [0, 0, 1, 2, 2])


def test_the_csv_and_the_hdf5_of_one_analysis_are_the_same(path: Path, tmp_path: Path) -> None:
    frame = table()
    frame.to_csv(tmp_path / "clip.dlc.csv")
    frame.to_hdf(path, key="df_with_missing", format="table", mode="w")
    one, other = formats.read(path), formats.read(tmp_path / "clip.dlc.csv")
    np.testing.assert_array_equal(one.xy, other.xy)
    np.testing.assert_array_equal(one.track_id, other.track_id)


class Program:
    """What makes whoever unpickles it write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_no_program_in_a_file_is_run(path: Path, tmp_path: Path) -> None:
    write_quietly(sample("deeplabcut", 3, skeleton=FACE), path)
    with h5py.File(path, "r+") as file:
        attributes = file["df_with_missing/table"].attrs
        attributes["values_block_0_kind"] = np.bytes_(
            pickle.dumps([Program(tmp_path / "run")], protocol=0)
        )
    with pytest.raises(FormatError, match=r"would have to run (_io|io)\.open"):
        formats.read(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.rename(columns={"likelihood": "z"}), "x, y and likelihood of each keypoint"),
        (lambda t: t + 1, "a likelihood is not within 0..1"),
        (lambda t: t.iloc[::-1], "the frames' numbers do not ascend"),
        (lambda t: t.droplevel([0, 1], axis=1), "is no column of scorer"),
        (lambda t: t * 1e300, "too large"),
    ],
)
def test_what_is_wrong_is_named(path: Path, change: object, complaint: str) -> None:
    assert callable(change)
    change(table()).to_hdf(path, key="df_with_missing", format="table", mode="w")
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_an_hdf5_of_something_else(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(3)
    with pytest.raises(FormatError, match="holds 0 tables of pandas'"):
        formats.read(path)
