"""What holds for every format of another tool, by name: those that lose something."""

from __future__ import annotations

import dataclasses
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from format_cases import (
    NEEDS,
    ONE_PERSON,
    SIZED,
    path_of,
    read_cuts,
    sample,
    write_quietly,
    write_to_full_disk,
)
from some_poses import FACE, make_poses

from kinetrace import formats, plugins
from kinetrace.errors import FormatError, MissingExtraError, OutputError, SourceError
from kinetrace.poses import Poses, bounds, concat
from kinetrace.skeletons import BLAZEPOSE33, BODY25, COCO18

# Half of the last decimal that a format states; the others are exact.
METRES = {"trc": 5e-6, "c3d": 1e-6}
PIXELS = {"trc": 5e-4, "c3d": 1e-3}
FIELDS = [f.name for f in dataclasses.fields(Poses) if f.name != "skeleton"]

# A BVH's bones keep their length, so it gives back what it can hold of a body: test_formats_bvh.py.
APPROXIMATE = ("bvh",)
LOSING = [n for n in plugins.names("formats") if hasattr(plugins.load("formats", n), "LOSES")]
NAMES = [n for n in LOSING if n not in APPROXIMATE]
each_format = pytest.mark.parametrize("name", NAMES)
each_file = pytest.mark.parametrize(
    "name", [n for n in NAMES if not hasattr(plugins.load("formats", n), "IS_FOLDER")]
)


@pytest.fixture(autouse=True)
def _installed(request: pytest.FixtureRequest) -> None:
    if "name" in request.fixturenames:
        needed = NEEDS.get(request.getfixturevalue("name"))
        if needed:
            pytest.importorskip(needed, reason=f"{needed} is not installed")


def assert_kept(got: Poses, want: Poses, name: str) -> None:
    """All fields are the same but those that the format loses."""
    loses = plugins.load("formats", name).LOSES
    assert got.skeleton.keypoints == want.skeleton.keypoints
    for field in sorted(set(FIELDS) - set(loses)):
        value, wanted = getattr(got, field), getattr(want, field)
        if isinstance(wanted, np.ndarray):
            within = {"xyz_m": METRES, "xy": PIXELS}.get(field, {}).get(name, 0)
            within = 5e-7 if field == "frame_time_s" else within
            # The rounding of the result to its own type comes on top.
            np.testing.assert_allclose(value, wanted, rtol=2e-7, atol=within * 1.001, err_msg=field)
        else:
            assert value == wanted, field


@each_format
def test_what_is_written_is_read_but_for_what_the_format_loses(tmp_path: Path, name: str) -> None:
    poses = sample(name)
    write_quietly(poses, path_of(tmp_path, name))
    assert_kept(formats.read(path_of(tmp_path, name)), poses, name)
    assert [path.name for path in tmp_path.iterdir()] == [path_of(tmp_path, name).name]


@each_format
def test_what_is_lost_is_told_and_nothing_else(tmp_path: Path, name: str) -> None:
    poses = sample(name)
    with pytest.warns(UserWarning, match="has no place for") as caught:
        formats.write(poses, path_of(tmp_path, name))
    assert len(caught) == 1
    assert Path(caught[0].filename) == Path(__file__)
    got = formats.read(path_of(tmp_path, name))
    told = str(caught[0].message)
    for words, field in {
        "times": "frame_time_s",
        "scores": "score",
        "track ids": "track_id",
        "positions in pixels": "xy",
    }.items():
        lost = not np.allclose(
            getattr(got, field), getattr(poses, field), atol=1e-3, equal_nan=True
        )
        assert (words in told.replace("scores of boxes", "")) == lost, field


@each_format
def test_what_loses_nothing_is_written_without_a_warning(tmp_path: Path, name: str) -> None:
    got = sample(name)
    there = np.isfinite(got.xy if got.xyz_m is None else got.xyz_m).all(axis=2)
    bare = Poses(
        skeleton=got.skeleton,
        frame=got.frame,
        frame_time_s=got.frame_time_s if name in ONE_PERSON else np.full(12, np.nan),
        xy=np.full_like(got.xy, np.nan) if name in ONE_PERSON else got.xy,
        score=there if name in ONE_PERSON else np.isfinite(got.xy).all(axis=2),
        xyz_m=got.xyz_m if name in (*ONE_PERSON, "movement") else None,
        bbox_xyxy=bounds(got.xy) if name not in ONE_PERSON else None,
        size_wh=got.size_wh if name in SIZED else None,
    )
    formats.write(bare, path_of(tmp_path, name))
    assert_kept(formats.read(path_of(tmp_path, name)), bare, name)


@each_format
def test_names_of_keypoints_stay(tmp_path: Path, name: str) -> None:
    for i, skeleton in enumerate((COCO18, BODY25) if name == "openpose" else (FACE, BLAZEPOSE33)):
        path = path_of(tmp_path / str(i), name)
        path.parent.mkdir()
        poses = sample(name, skeleton=skeleton)
        write_quietly(poses, path)
        got = formats.read(path)
        assert got.skeleton.keypoints == skeleton.keypoints
        assert_kept(got, poses, name)


@each_format
def test_nobody_at_all(tmp_path: Path, name: str) -> None:
    nobody = sample(name).rows(np.zeros(0, dtype=np.int64))
    write_quietly(nobody, path_of(tmp_path, name))
    got = formats.read(path_of(tmp_path, name))
    assert len(got) == 0
    assert len(got.frame_time_s) == 12


@each_format
def test_unreadable(tmp_path: Path, name: str) -> None:
    path = path_of(tmp_path, name)
    with pytest.raises(SourceError, match="there is no such"):
        formats.read(path)
    if hasattr(plugins.load("formats", name), "IS_FOLDER"):
        path.mkdir()
        with pytest.raises(SourceError, match="no file in it is called"):
            formats.read(path)
        path.rmdir()
        path.write_text("hello")
        with pytest.raises(SourceError, match="that is a file"):
            formats.read(path)
    else:
        path.mkdir()
        with pytest.raises(SourceError, match="is a directory"):
            formats.read(path)
        with pytest.raises(SourceError, match="is a directory"):
            plugins.load("formats", name).read(path)


@each_file
@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\n", b"hello\nworld\n", b"3", b"{}\n", b"[[[[", b"[1,2]\n", b'{"a":[{}]}\n'),
        *(b"\xff\xfeh\0i\0", bytes(range(256)) * 8, b"\0" * 2048, b"\xff" * 2048),
    ],
)
def test_what_is_of_another_kind(tmp_path: Path, name: str, data: bytes) -> None:
    path = path_of(tmp_path, name)
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(FormatError) as caught:
            formats.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@each_file
def test_cut_at_any_byte_gives_no_number_that_was_not_written(tmp_path: Path, name: str) -> None:
    poses, path = sample(name, skeleton=FACE), path_of(tmp_path, name)
    write_quietly(poses, path)
    whole = formats.read(path)
    for part in read_cuts(path):
        n, t = len(part), len(part.frame_time_s)
        np.testing.assert_array_equal(part.frame_time_s, whole.frame_time_s[:t])
        for field in ("xy", "score", "track_id", "frame"):
            np.testing.assert_array_equal(getattr(part, field), getattr(whole, field)[:n])
        if part.xyz_m is not None and whole.xyz_m is not None:
            np.testing.assert_array_equal(part.xyz_m, whole.xyz_m[:n])


@pytest.mark.parametrize("name", ["cvat", "deeplabcut", "mmpose", "trc"])
def test_a_changed_text_is_read_or_refused_in_words(tmp_path: Path, name: str) -> None:
    """Whatever stands in the file, it is poses or a FormatError that names it."""
    path, random = path_of(tmp_path, name), np.random.default_rng(4)
    write_quietly(sample(name, 3, skeleton=FACE), path)
    data = path.read_bytes()
    pieces = (
        b"",
        b"-",
        b"1e999",
        b"9" * 40,
        b"nan",
        b"_",
        b"\t",
        b",",
        b"\n",
        b"null",
        b"\xe9",
        b"[]",
    )
    refused: list[str] = []
    for _ in range(400):
        at, length = random.integers(len(data)), random.integers(4)
        piece = pieces[random.integers(len(pieces))]
        path.write_bytes(data[:at] + piece + data[at + length :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                formats.read(path)
            except FormatError as error:
                refused.append(str(error))
    assert len(refused) > 50
    assert all(text.startswith(f"{path}: ") and "\n" not in text for text in refused)


def replaced(values: Any, new: Any) -> Iterator[Any]:
    """Yield a JSON value with each part of it in turn replaced by something else."""
    yield new
    if not isinstance(values, (dict, list)):
        return
    for key, part in list(values.items() if isinstance(values, dict) else enumerate(values)):
        for changed in replaced(part, new):
            copy = values.copy()
            copy[key] = changed
            yield copy


@pytest.mark.parametrize("name", ["labelstudio", "mmpose", "openpose"])
@pytest.mark.parametrize("new", [None, -1.5, "x", [], {}, [[]]])
def test_whatever_stands_in_json_is_read_or_refused(tmp_path: Path, name: str, new: Any) -> None:
    write_quietly(
        sample(name, 2, skeleton=COCO18 if name == "openpose" else FACE), path_of(tmp_path, name)
    )
    file = path_of(tmp_path, name)
    # Of the second frame, in which somebody is.
    file = max(file.iterdir()) if file.is_dir() else file
    values, refused = json.loads(file.read_text()), 0
    for changed in replaced(values, new):
        file.write_text(json.dumps(changed))
        try:
            formats.read(path_of(tmp_path, name))
        except FormatError:
            refused += 1
    assert refused > 0


@each_format
def test_unwritable(tmp_path: Path, name: str) -> None:
    poses = sample(name)
    with pytest.raises(OutputError, match="folder does not exist"):
        formats.write(poses, path_of(tmp_path / "no", name))
    path = path_of(tmp_path, name)
    path.mkdir()
    (path / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="is a directory|not empty"):
        formats.write(poses, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert (path / "mine.txt").read_text() == "precious"


@each_format
def test_frames_of_two_sources_are_refused(tmp_path: Path, name: str) -> None:
    twice = concat([sample(name), sample(name)])
    with pytest.raises(OutputError, match="one source"):
        formats.write(twice, path_of(tmp_path, name))
    assert not list(tmp_path.iterdir())


@each_file
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    path = path_of(tmp_path, name)
    write_quietly(sample(name), path)
    before = path.read_bytes()
    making = """
from format_cases import NEEDS, sample
name = sys.argv[2]
poses, options = sample(name, 2000), {}
if name in NEEDS:
    __import__(NEEDS[name])
if name == "movement":
    import xarray, h5netcdf.core
if name == "deeplabcut_hdf5":
    import pandas.io.pytables
"""
    told = write_to_full_disk(making, path, name)
    assert "system allows" in told or "could not write" in told
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ONE_PERSON)
def test_several_people_are_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    poses = dataclasses.replace(make_poses((2,) * 4), track_id=np.array([3, 7] * 4))
    with pytest.raises(OutputError, match=r"2 \(person_3, person_7\).*--person all"):
        formats.write(poses, path_of(tmp_path, name))
    one = poses.rows(poses.track_id == 7)
    write_quietly(one, path_of(tmp_path, name))
    got = formats.read(path_of(tmp_path, name))
    np.testing.assert_allclose(got.xy, one.xy, atol=1e-3)


@pytest.mark.parametrize("name", ["deeplabcut", "movement"])
def test_one_track_id_twice_in_a_frame_is_refused(tmp_path: Path, name: str) -> None:
    poses = dataclasses.replace(make_poses((2, 2)), track_id=np.array([0, 1, 5, 5]))
    with pytest.raises(OutputError, match="frame 5 has track id 5 twice"):
        formats.write(poses, path_of(tmp_path, name))


def test_a_frame_rate_gives_times_to_what_has_none(tmp_path: Path) -> None:
    path = tmp_path / "clip.dlc.csv"
    poses = sample("deeplabcut")
    write_quietly(poses, path)
    np.testing.assert_allclose(formats.read(path, fps=29.97).frame_time_s, np.arange(12) / 29.97)
    with pytest.raises(ValueError, match="fps must be above 0, got 0"):
        formats.read(path, fps=0)
    formats.write(poses, tmp_path / "clip.csv")
    with pytest.raises(FormatError, match="tells its times itself"):
        formats.read(tmp_path / "clip.csv", fps=30)


def test_a_format_is_named_where_the_ending_does_not_tell_it(tmp_path: Path) -> None:
    poses = sample("mmpose")
    with pytest.warns(UserWarning, match="has no place"):
        formats.write(poses, tmp_path / "results.json", format_name="mmpose")
    assert_kept(formats.read(tmp_path / "results.json", format_name="mmpose"), poses, "mmpose")
    with pytest.raises(FormatError, match="no COCO keypoints file"):
        formats.read(tmp_path / "results.json")


@pytest.mark.parametrize("name", ["c3d", "deeplabcut_hdf5", "movement", "nwb", "sleap"])
def test_what_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poses = sample(name)
    write_quietly(poses, path_of(tmp_path, name))
    for package in (NEEDS[name], "h5py"):
        monkeypatch.setitem(sys.modules, package, None)
    extra = {"deeplabcut_hdf5": "deeplabcut", "movement": "xarray"}.get(name, name)
    for call in (
        lambda: formats.read(path_of(tmp_path, name)),
        lambda: formats.write(poses, path_of(tmp_path, name)),
    ):
        with pytest.raises(MissingExtraError) as caught:
            call()
        assert f"kinetrace[{extra}]" in str(caught.value)


def test_every_format_says_what_it_loses_by_the_names_of_fields() -> None:
    for name in LOSING:
        module: ModuleType = plugins.load("formats", name)
        assert set(module.LOSES) <= set(FIELDS)


def test_the_documentation_tells_what_each_format_loses() -> None:
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `")]
    for name in LOSING:
        module = plugins.load("formats", name)
        (cells,) = [
            [cell.strip() for cell in row[2:7]]
            for row in rows
            if f"`{module.SUFFIXES[0]}`" in row[0]
        ]
        fields = ("frame_time_s", "score", "track_id", "bbox_xyxy", "xyz_m")
        for field, cell in zip(fields, cells, strict=True):
            kept = cell not in ("no", "read only", "one person")
            assert kept == (field not in module.LOSES), f"{name}: {field} is {cell!r}"
