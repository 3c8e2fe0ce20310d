"""What holds for every format that loses nothing, by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from format_cases import path_of, read_cuts, write_to_full_disk
from hypothesis import given, settings
from some_poses import FACE, any_poses, assert_same, make_poses

import kinetrace
from kinetrace import formats, plugins
from kinetrace.errors import FormatError, KinetraceError, OutputError, SourceError
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import BLAZEPOSE33, COCO17

# Half of the last decimal that each format states; the others are exact.
PRECISION = {"csv": {"px": 5e-4, "score": 5e-5, "m": 5e-6, "time_s": 5e-7}}
# The others are in test_formats_exchange.py.
EXACT = [
    name for name in plugins.names("formats") if not hasattr(plugins.load("formats", name), "LOSES")
]
CASES = [
    (name, layout)
    for name in EXACT
    for layout in getattr(plugins.load("formats", name), "LAYOUTS", (None,))
]
each_case = pytest.mark.parametrize(("name", "layout"), CASES)
each_format = pytest.mark.parametrize("name", EXACT)


def test_formats_that_there_are() -> None:
    assert EXACT == ["coco", "csv", "jsonl", "parquet"]


@each_case
@pytest.mark.parametrize("people", [(), (0,), (1,), (0, 0, 3), (1, 0, 2, 0)])
@pytest.mark.parametrize("skeleton", [COCO17, BLAZEPOSE33, FACE])
@pytest.mark.parametrize(("xyz", "names"), [(False, False), (True, True)])
def test_what_is_written_is_read(
    tmp_path: Path,
    name: str,
    layout: kinetrace.poses.Layout | None,
    people: tuple[int, ...],
    skeleton: Skeleton,
    xyz: bool,
    names: bool,
) -> None:
    poses = make_poses(people, skeleton=skeleton, xyz=xyz, names=names)
    path = path_of(tmp_path, name)
    kinetrace.write(poses, path, layout=layout)
    assert_same(kinetrace.read(path), poses, **PRECISION.get(name, {}))
    assert not list(tmp_path.glob(".*"))


@each_case
@settings(max_examples=60, deadline=None)
@given(poses=any_poses())
def test_anything_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    layout: kinetrace.poses.Layout | None,
    poses: Poses,
) -> None:
    path = path_of(tmp_path_factory.getbasetemp(), name)
    formats.write(poses, path, layout=layout)
    assert_same(formats.read(path), poses, **PRECISION.get(name, {}))


@each_case
def test_extremes_of_float32_within_a_picture(
    tmp_path: Path, name: str, layout: kinetrace.poses.Layout | None
) -> None:
    numbers = [0, -0.0, 1e-45, 1.1754944e-38, 0.1, 1 / 3, 8191.9995, 16777215, -12345.678]
    xy = np.array([numbers, numbers[::-1]], dtype=np.float32).T[:, None]
    poses = Poses(
        skeleton=Skeleton(name="custom", keypoints=("p",)),
        frame_time_s=np.arange(9.0),
        frame=np.arange(9),
        xy=xy,
        score=np.linspace(0, 1, 9, dtype=np.float32)[:, None],
    )
    path = path_of(tmp_path, name)
    formats.write(poses, path, layout=layout)
    assert_same(formats.read(path), poses, **PRECISION.get(name, {}))


@each_case
@pytest.mark.parametrize("names", [False, True])
def test_cut_at_any_byte_gives_no_number_that_was_not_written(
    tmp_path: Path, name: str, layout: kinetrace.poses.Layout | None, names: bool
) -> None:
    poses = make_poses((2, 0, 1), skeleton=FACE, names=names, seed=5)
    path, module = path_of(tmp_path, name), plugins.load("formats", name)
    formats.write(poses, path, layout=layout)
    whole, most = module.read(path), 0
    for part in read_cuts(path):
        n, most = len(part), max(most, len(part.frame_time_s))
        assert set(part.frame_time_s) <= set(whole.frame_time_s)
        there = np.isfinite(part.xy)
        np.testing.assert_array_equal(part.xy[there], whole.xy[:n][there])
        there = there.all(axis=2)
        np.testing.assert_array_equal(part.score[there], whole.score[:n][there])
        np.testing.assert_array_equal(part.bbox_xyxy, whole.bbox_xyxy[:n])
        np.testing.assert_array_equal(part.track_id, whole.track_id[:n])
    if hasattr(module, "Writer"):
        assert most >= 2


@each_format
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b'a,"b"\rc,d\ne,f\n',
        b'frame,nose_x_px,nose_y_px\n1,2,"' + b"3" * 200_000 + b'"\n',
        b"hello\nworld\n",
        bytes(range(256)) * 8,
        b"\xff\xfeh\0i\0",
        b"{}\n",
        b"[[[[",
        b"3",
    ],
)
def test_what_is_of_another_kind(tmp_path: Path, name: str, data: bytes) -> None:
    path = path_of(tmp_path, name)
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@each_format
def test_unreadable(tmp_path: Path, name: str) -> None:
    path = path_of(tmp_path, name)
    with pytest.raises(SourceError, match="there is no such file"):
        formats.read(path)
    loop = path_of(tmp_path, name)
    loop.symlink_to(loop)
    with pytest.raises(SourceError, match="cannot read"):
        formats.read(loop)
    loop.unlink()
    path.mkdir()
    with pytest.raises(SourceError, match="is a directory"):
        formats.read(path)
    with pytest.raises(SourceError, match="is a directory"):
        plugins.load("formats", name).read(path)


@each_format
def test_unwritable(tmp_path: Path, name: str) -> None:
    poses, path = make_poses(), path_of(tmp_path, name)
    with pytest.raises(OutputError, match="folder does not exist"):
        formats.write(poses, path_of(tmp_path / "no", name))
    with pytest.raises(OutputError, match="too long"):
        formats.write(poses, path_of(tmp_path, name).with_stem("x" * 300))
    path.mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        formats.write(poses, path)
    with pytest.raises(OutputError, match="is a directory"):
        formats.open_writer(path, poses)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@each_format
def test_no_permission(tmp_path: Path, name: str) -> None:
    path = path_of(tmp_path, name)
    formats.write(make_poses(), path)
    tmp_path.chmod(0o500)
    path.chmod(0)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)
    try:
        with pytest.raises((SourceError, OutputError), match="permission"):
            plugins.load("formats", name).read(path)
        with pytest.raises(OutputError, match="permission"):
            formats.write(make_poses(), path)
    finally:
        if as_root:
            os.seteuid(0)
        tmp_path.chmod(0o700)


@each_case
def test_full_disk_leaves_what_was_there(
    tmp_path: Path, name: str, layout: kinetrace.poses.Layout | None
) -> None:
    path = path_of(tmp_path, name)
    formats.write(make_poses((1,)), path, layout=layout)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    making = """
import pandas, pyarrow.parquet
from some_poses import make_poses
poses, options = make_poses((20,) * 100), {"layout": sys.argv[2] or None}
"""
    told = write_to_full_disk(making, path, layout or "")
    assert told.startswith(f"cannot write {path}: ")
    assert "system allows" in told
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


@each_case
def test_through_a_link_the_target_is_written(
    tmp_path: Path, name: str, layout: kinetrace.poses.Layout | None
) -> None:
    target = path_of(tmp_path, name).with_stem("elsewhere")
    path = path_of(tmp_path, name)
    path.symlink_to(target)
    formats.write(make_poses(), path, layout=layout)
    assert path.is_symlink()
    assert target.stat().st_size > 100


@each_format
def test_frames_of_two_sources_are_refused(tmp_path: Path, name: str) -> None:
    twice = kinetrace.concat([make_poses(), make_poses()])
    with pytest.raises(OutputError, match="one source"):
        formats.write(twice, path_of(tmp_path, name))
    assert not list(tmp_path.iterdir())


@each_case
def test_a_clip_longer_than_a_stretch(
    tmp_path: Path, name: str, layout: kinetrace.poses.Layout | None
) -> None:
    poses = make_poses((1, 0) * 1250, skeleton=FACE)
    path = path_of(tmp_path, name)
    formats.write(poses, path, layout=layout)
    assert_same(formats.read(path), poses, **PRECISION.get(name, {}))
    back = Poses(**{**vars(poses), "frame_index": np.arange(2500) % 1000})
    with pytest.raises(OutputError, match="frame 0 comes after frame 999"):
        formats.write(back, path, layout=layout)


def test_endings_are_found_by_the_longest_and_in_any_case(tmp_path: Path) -> None:
    csv, coco = plugins.load("formats", "csv"), plugins.load("formats", "coco")
    assert formats.find(Path("a.csv")) is csv
    assert formats.find(Path("a.keypoints.CSV")) is csv
    assert formats.find(Path("a.coco.json")) is coco
    assert formats.find(Path("a.json")) is coco
    with pytest.raises(FormatError, match=r"'\.xls' of a\.xls.*\.coco\.json, \.csv, .*\.json"):
        formats.find(Path("a.xls"))
    with pytest.raises(FormatError, match="no ending"):
        formats.read(tmp_path / "a")


def test_layout_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no layout 'long' in \.keypoints\.jsonl files"):
        formats.write(make_poses(), tmp_path / "a.jsonl", layout="long")
    with pytest.raises(FormatError, match="there are: wide, long"):
        formats.write(make_poses(), tmp_path / "a.csv", layout="tall")  # type: ignore[arg-type]


def test_errors_are_of_one_kind() -> None:
    for kind in (FormatError, OutputError, SourceError):
        assert issubclass(kind, KinetraceError)


def test_importing_a_format_loads_nothing_heavy() -> None:
    code = """
import sys
from kinetrace import plugins
for name in plugins.names("formats"):
    plugins.load("formats", name)
heavy = ("ezc3d", "h5py", "pandas", "pyarrow", "sleap_io", "xarray")
print([m for m in heavy if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([p for p in sys.path if p])},
    )
    assert done.stdout.strip() == "[]"
