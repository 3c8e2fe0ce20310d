from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from kinetrace.contact_sheet import _caption, contact_sheet
from kinetrace.drawing import LEFT_RGB
from kinetrace.errors import OutputError
from kinetrace.frames import Frame
from kinetrace.frames.image_writer import write_image
from kinetrace.poses import Poses, Skeleton

DOT = Skeleton(name="dot", keypoints=("left_eye",))
GAP_PX = 8


def stream(
    count: int, *, size_wh: tuple[int, int] = (80, 60), xy: tuple[float, float] | None = None
) -> Iterator[tuple[Frame, Poses]]:
    """Frames whose grey level tells their place in the stream, with at most one keypoint."""
    width, height = size_wh
    for i in range(count):
        image = np.full((height, width, 3), round(250 * i / max(1, count - 1)), dtype=np.uint8)
        points = np.empty((0, 1, 2)) if xy is None else np.array([[xy]])
        poses = Poses(
            skeleton=DOT,
            frame_time_s=np.array([i / 25]),
            frame=np.zeros(len(points), dtype=int),
            xy=points,
            score=np.ones(points.shape[:2]),
        )
        yield Frame(image, i, i / 25), poses


def cells(sheet: npt.NDArray[np.uint8], columns: int, rows: int) -> list[npt.NDArray[np.uint8]]:
    height = (sheet.shape[0] - GAP_PX) // rows
    width = (sheet.shape[1] - GAP_PX) // columns
    return [
        sheet[GAP_PX + r * height : (r + 1) * height, GAP_PX + c * width : (c + 1) * width]
        for r in range(rows)
        for c in range(columns)
    ]


def places(sheet: npt.NDArray[np.uint8], columns: int, rows: int) -> list[float]:
    """Say where in the stream (0..1) the frame of each cell comes from."""
    return [float(cell[5, 5, 0]) / 250 for cell in cells(sheet, columns, rows)]


@settings(deadline=None, max_examples=25)
@given(st.integers(12, 1500))
def test_frames_are_spread_evenly_over_a_stream_of_any_length(count: int) -> None:
    shown = places(contact_sheet(stream(count), width_px=400), 4, 3)
    assert shown[0] == 0
    even = np.linspace(0, 1, 12)
    # Every k-th of them is kept, at least 24 (or all): half a step, and the end, is the most lost.
    assert shown == pytest.approx(even, abs=0.06)
    assert np.all(np.diff(shown) > 0)


def test_memory_does_not_grow_with_the_stream() -> None:
    peaks = []
    for count in (200, 4000):
        tracemalloc.start()
        contact_sheet(stream(count), width_px=400)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 4, 1), (6, 4, 2), (12, 4, 3)]
)
def test_a_short_stream_makes_a_small_sheet(count: int, columns: int, rows: int) -> None:
    sheet = contact_sheet(stream(count), width_px=400)
    tile_width = (400 - 5 * GAP_PX) // 4
    tile_height = round(tile_width * 60 / 80)
    assert sheet.shape == (
        rows * (tile_height + GAP_PX) + GAP_PX,
        columns * (tile_width + GAP_PX) + GAP_PX,
        3,
    )
    shown = places(sheet, columns, rows)[:count]
    assert shown == pytest.approx(np.linspace(0, 1, count), abs=0.01)


def test_the_full_sheet_has_the_width_that_was_asked_for() -> None:
    assert contact_sheet(stream(30), columns=5, rows=2, width_px=1000).shape[1] in range(994, 1001)


@pytest.mark.parametrize("size_wh", [(640, 480), (40, 30), (50, 90)])
def test_keypoints_are_drawn_where_they_are(size_wh: tuple[int, int]) -> None:
    """The sheet's tile is the picture shrunk (or grown), and the keypoint shrinks along."""
    at = (0.75 * size_wh[0] - 0.5, 0.25 * size_wh[1] - 0.5)
    with_person = contact_sheet(stream(1, size_wh=size_wh, xy=at), columns=1, width_px=800)
    tile = cells(with_person, 1, 1)[0]
    y, x = np.nonzero((tile == LEFT_RGB).all(axis=2))
    assert len(x)
    assert x.mean() == pytest.approx(0.75 * tile.shape[1] - 0.5, abs=1)
    assert y.mean() == pytest.approx(0.25 * tile.shape[0] - 0.5, abs=1)


def test_a_frame_of_another_shape_is_shown_whole() -> None:
    frames = [*stream(1, size_wh=(80, 60)), *stream(1, size_wh=(60, 80), xy=(29.5, 39.5))]
    frames[1][0].image[:] = 200
    tile = cells(contact_sheet(frames, columns=2, width_px=400), 2, 1)[1]
    bright = (tile == 200).all(axis=2)
    bright[-20:, :40] = False  # the caption
    low, high = np.argwhere(bright).min(axis=0), np.argwhere(bright).max(axis=0)
    height, width = high - low + 1
    assert height == tile.shape[0]
    assert width / height == pytest.approx(60 / 80, abs=0.02)
    assert (low + high)[1] / 2 == pytest.approx((tile.shape[1] - 1) / 2, abs=1)
    point = np.argwhere((tile == LEFT_RGB).all(axis=2)).mean(axis=0)
    assert point == pytest.approx((low + high) / 2, abs=1.5)


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0.0, "0:00.00"),
        (3.216, "0:03.22"),
        (59.999, "1:00.00"),
        (83.5, "1:23.50"),
        (3723.04, "1:02:03.04"),
        (-0.5, "-0:00.50"),
    ],
)
def test_a_time_is_written_as_a_clock_shows_it(time_s: float, text: str) -> None:
    image = np.zeros((1, 1, 3), dtype=np.uint8)
    assert _caption(Frame(image, 0, time_s)) == text


def test_a_photo_is_captioned_with_its_name() -> None:
    image = np.zeros((1, 1, 3), dtype=np.uint8)
    assert _caption(Frame(image, 4, math.nan, "a.jpg")) == "a.jpg"
    assert _caption(Frame(image, 4, math.nan)) == "frame 4"


def test_the_caption_is_in_the_picture() -> None:
    tile = cells(contact_sheet(stream(2, xy=None), columns=2, width_px=800), 2, 1)[1]
    plate = tile[-15:, :40]
    assert plate.max() > 200  # light ink
    assert np.median(plate) < 50  # on a dark plate


@pytest.mark.parametrize(
    ("options", "told"),
    [({"columns": 0}, "0x3"), ({"rows": 0}, "4x0"), ({"width_px": 60}, "larger width_px")],
)
def test_an_impossible_grid_is_told(options: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        contact_sheet(stream(3), **options)  # type: ignore[arg-type]


def test_no_frame_is_told() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        contact_sheet([])


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".bmp", ".webp"])
def test_pictures_are_written_as_they_are(tmp_path: Path, suffix: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = tmp_path / f"grüße{suffix}"
    write_image(image, path)
    with Pillow.open(path) as back:
        assert np.array_equal(np.asarray(back.convert("RGB")), image)
    assert list(tmp_path.iterdir()) == [path]


def test_a_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    image = np.empty((64, 64, 3), dtype=np.uint8)
    image[:] = (200, 80, 30)
    write_image(image, tmp_path / "a.jpg")
    with Pillow.open(tmp_path / "a.jpg") as back:
        assert back.format == "JPEG"
        assert np.abs(np.asarray(back).astype(int) - image).max() <= 3


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    with pytest.raises(OutputError, match=r"suffixes .*\.png"):
        write_image(image, tmp_path / "a.gif")
    with pytest.raises(OutputError, match="missing"):
        write_image(image, tmp_path / "missing" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match=r"a\.png"):
        write_image(image, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_a_picture_too_large_for_its_format_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"an older result")
    with pytest.raises(OutputError, match=r"a\.jpg"):
        write_image(np.zeros((1, 70000, 3), dtype=np.uint8), path)
    assert path.read_bytes() == b"an older result"
