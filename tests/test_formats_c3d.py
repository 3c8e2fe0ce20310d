from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
from format_cases import sample, write_quietly

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Skeleton

ezc3d = pytest.importorskip("ezc3d", reason="ezc3d is not installed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.c3d"


def test_another_reader_finds_the_same(path: Path) -> None:
    """The package `c3d` shares nothing with the one that writes."""
    c3d = pytest.importorskip("c3d", reason="c3d is not installed")
    poses = sample("c3d", 9)
    write_quietly(poses, path)
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of what is optional in the file
        reader = c3d.Reader(file)
        assert reader.point_rate == pytest.approx(30)
        assert tuple(n.strip() for n in reader.point_labels) == poses.skeleton.keypoints
        assert reader.get("POINT:UNITS").string_array[0].strip() == "mm"
        frames = [points for _, points, _ in reader.read_frames()]
    got = np.stack(frames)
    missing = np.isnan(poses.xyz_m).any(axis=2)
    assert missing.any()
    # Its residual says that a marker is missing.
    np.testing.assert_array_equal(got[..., 3] == -1, missing)
    want = poses.xyz_m[~missing] * [1000, -1000, -1000]
    np.testing.assert_allclose(got[~missing][:, :3], want, rtol=1e-6)


def test_pixels_are_called_pixels(path: Path) -> None:
    poses = dataclasses.replace(sample("c3d"), xyz_m=None)
    write_quietly(poses, path)
    file = ezc3d.c3d(str(path))
    assert file["parameters"]["POINT"]["UNITS"]["value"] == ["px"]
    np.testing.assert_allclose(file["data"]["points"][0, 0], poses.xy[:, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(formats.read(path).xy, poses.xy, rtol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("m", 1), ("cm", 0.01), ("mm", 0.001)])
def test_a_file_that_others_write(path: Path, unit: str, factor: float) -> None:
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [250.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["LHEE", "RHEE"]
    file["parameters"]["POINT"]["UNITS"]["value"] = [unit]
    file["header"]["points"]["first_frame"] = 50
    points = np.array([[[1, 2, 3], [4, 5, 6]]] * 3, dtype=float).reshape(3, 2, 3)
    file["data"]["points"] = np.concatenate([points, np.ones((1, 2, 3))])
    file.write(str(path))
    poses = formats.read(path)
    assert poses.skeleton.keypoints == ("LHEE", "RHEE")
    np.testing.assert_allclose(poses.frame_time_s, np.array([50, 51, 52]) / 250)
    want = points.transpose(2, 1, 0) * [1, -1, -1] * factor
    np.testing.assert_allclose(poses.xyz_m, want, rtol=1e-6)


def test_a_frame_goes_where_its_time_says(path: Path) -> None:
    """Of a film from which frames were dropped nothing moves; those between are empty."""
    times = np.array([2.0, 2.030, 2.067, 2.2, 2.2333])
    poses = dataclasses.replace(sample("c3d", 5), frame_time_s=times)
    with pytest.warns(UserWarning, match=r"up to \d+\.\d ms from their times"):
        formats.find(path).write(poses, path)
    got = formats.read(path)
    assert len(got.frame_time_s) == 8
    np.testing.assert_array_equal(got.frame, [0, 1, 2, 6, 7])
    np.testing.assert_allclose(got.frame_time_s[got.frame], times, atol=0.5 / 30)
    np.testing.assert_allclose(got.xyz_m, poses.xyz_m, rtol=1e-5)


def test_times_that_fit_no_rate_are_refused(path: Path) -> None:
    times = np.array([0, 0.1, 0.2, 0.3, 0.301, 0.4, 0.5])
    poses = dataclasses.replace(sample("c3d", 7), frame_time_s=times)
    with pytest.raises(OutputError, match=r"0\.300 s and 0\.301 s are closer.*write a TRC file"):
        formats.write(poses, path)


def test_more_frames_than_the_header_can_count(path: Path) -> None:
    poses = sample("c3d", 2)
    late = dataclasses.replace(poses, frame_time_s=np.array([0, 1 / 30]) + 2185)
    with pytest.raises(OutputError, match="frames 1 to 65535, and these are 65551 to 65552"):
        formats.write(late, path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("labels", "unit", "complaint"),
    [
        (["A", "A"], "mm", "there are two markers 'A'"),
        (["A", "B"], "ft", "the unit 'ft' is not known"),
    ],
)
def test_what_makes_no_sense_is_named(
    path: Path, labels: list[str], unit: str, complaint: str
) -> None:
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"], point["LABELS"]["value"] = [100.0], labels
    point["UNITS"]["value"] = [unit]
    file["data"]["points"] = np.ones((4, 2, 3))
    file.write(str(path))
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)


def test_more_names_than_one_list_holds(path: Path) -> None:
    names = tuple(f"p{i}" for i in range(300))
    write_quietly(sample("c3d", 2, skeleton=Skeleton("custom", names)), path)
    assert formats.read(path).skeleton.keypoints == names


@pytest.mark.parametrize("names", [("", "a"), ("a", "a "), ("x" * 128, "a")])
def test_names_that_a_file_cannot_hold(path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(OutputError, match="has no place in a C3D file"):
        formats.write(sample("c3d", 2, skeleton=Skeleton("custom", names)), path)


def test_another_header_is_no_c3d(path: Path) -> None:
    write_quietly(sample("c3d"), path)
    data = bytearray(path.read_bytes())
    # Where the parameters are, the processor, the number of points, the last frame.
    for at, byte in ((0, 0xFF), (1, 0), (515, 1), (3, 0xFF), (9, 0xFF)):
        changed = data.copy()
        changed[at] = byte
        path.write_bytes(changed)
        with pytest.raises(FormatError, match="no C3D file|cut short"):
            formats.read(path)
