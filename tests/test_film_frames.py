"""Films that are drawn on as they are stored must look as if drawn on in RGB."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from film import rotate_display, write_film

from kinetrace.canvas import YuvCanvas
from kinetrace.drawing import draw
from kinetrace.frames import Frame
from kinetrace.frames.film_frame import FilmFrame
from kinetrace.frames.sources import open_frames
from kinetrace.frames.video_writer import VideoWriter
from kinetrace.frames.yuv420 import BT709, Colours, to_yuv420
from kinetrace.overlay import draw_frame
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17

Image = npt.NDArray[np.uint8]

# matrix, range, primaries, transfer, by ITU-T H.273 (the range by FFmpeg's numbers).
COLOURS = {
    "BT.709": BT709,
    "not told": Colours(2, 0, 2, 2),
    "BT.601": Colours(6, 1, 6, 6),
    "BT.601 of Europe": Colours(5, 1, 5, 6),
    "BT.709, full range": Colours(1, 2, 1, 1),
}
if int(av.__version__.split(".")[0]) >= 18:  # before, PyAV does not convert it
    COLOURS["BT.2020"] = Colours(9, 1, 9, 14)
WIDTH, HEIGHT = 160, 120


def soft_picture(number: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Image:
    """All hues, which change slowly from pixel to pixel."""
    y, x = np.mgrid[:height, :width] / (height, width)[0]
    waves = [np.sin(2.5 * x + 0.3 * number), np.cos(3 * y), np.sin(2 * (x + y) + 1)]
    return np.rint(128 + 90 * np.stack(waves, axis=2)).astype(np.uint8)


def write_plain(path: Path, colours: Colours, *, codec: str = "ffv1", frames: int = 3) -> Path:
    """Write a film whose picture is converted and tagged by FFmpeg alone, in few losses."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        context = stream.codec_context
        context.width, context.height = WIDTH, HEIGHT
        context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer
        context.colorspace, context.color_range = colours.matrix, colours.range
        if codec == "mjpeg":
            context.options = {"qmin": "1", "qmax": "1"}
        for number in range(frames):
            rgb = av.VideoFrame.from_ndarray(soft_picture(number), format="rgb24")
            picture = rgb.reformat(
                format=context.pix_fmt,
                dst_colorspace=5 if colours.matrix == 2 else colours.matrix,
                dst_color_range=max(colours.range, 1),
            )
            picture.colorspace, picture.color_range = colours.matrix, colours.range
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def stored(path: Path) -> list[FilmFrame]:
    with open_frames(path) as frames:
        found = list(frames.as_stored())
    assert all(isinstance(frame, FilmFrame) for frame in found)
    return found  # type: ignore[return-value]


def somebody(width: int = WIDTH, height: int = HEIGHT) -> Poses:
    """Two people, one half out of the picture, at odd places, with ids."""
    rng = np.random.default_rng(3)
    xy = rng.uniform((15, 25), (width - 35, height - 15), (2, 17, 2))
    xy[1] += (width / 2, 7)
    return Poses(
        skeleton=COCO17,
        frame_time_s=np.zeros(1),
        frame=np.zeros(2, int),
        xy=xy,
        score=rng.uniform(0.2, 1, (2, 17)),
        bbox_xyxy=np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1),
        track_id=np.arange(2),
    )


@pytest.mark.parametrize("colours", COLOURS.values(), ids=COLOURS)
def test_numbers_stand_for_the_colours_that_ffmpeg_takes_them_for(
    tmp_path: Path, colours: Colours
) -> None:
    for frame in stored(write_plain(tmp_path / "film.mkv", colours)):
        assert frame.yuv420 is not None
        assert frame.yuv420.colours == colours
        again = to_yuv420(soft_picture(frame.index), colours)
        for ours, theirs in zip(again.planes, frame.yuv420.planes, strict=True):
            difference = ours.astype(int) - theirs
            assert np.abs(difference).max() <= 2
            assert abs(difference.mean()) < 1
        assert np.abs(frame.image.astype(int) - soft_picture(frame.index)).max() <= 6


@pytest.mark.parametrize("colours", COLOURS.values(), ids=COLOURS)
def test_a_drawing_looks_the_same_as_in_rgb(tmp_path: Path, colours: Colours) -> None:
    frame = stored(write_plain(tmp_path / "film.mkv", colours))[0]
    poses = somebody()
    drawn = draw_frame(frame, poses)
    assert isinstance(drawn, FilmFrame)
    assert drawn.yuv420 is not None
    in_rgb = to_yuv420(draw(soft_picture(), poses), colours)
    for ours, expected in zip(drawn.yuv420.planes, in_rgb.planes, strict=True):
        apart = np.abs(ours.astype(int) - expected)
        assert apart.mean() < 1
        assert apart.max() <= 8


def test_what_no_stroke_touches_keeps_its_numbers(tmp_path: Path) -> None:
    frame = stored(write_plain(tmp_path / "film.mkv", BT709))[0]
    before = [plane.copy() for plane in frame.yuv420.planes]  # type: ignore[union-attr]
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    touched = (draw(grey, somebody()) != 128).any(axis=2)
    cells = touched.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).any(axis=(1, 3))
    drawn = draw_frame(frame, somebody())
    assert isinstance(drawn, FilmFrame)
    assert drawn.yuv420 is not None
    assert 0.1 < touched.mean() < 0.9
    for old, new, drawn_in in zip(
        before, drawn.yuv420.planes, (touched, cells, cells), strict=True
    ):
        assert np.array_equal(old[~drawn_in], new[~drawn_in])
        assert not np.array_equal(old, new)
    # The codec makes the next pictures of this one.
    for old, now in zip(before, frame.yuv420.planes, strict=True):  # type: ignore[union-attr]
        assert np.array_equal(old, now)


@pytest.mark.parametrize("corner", list(itertools.product((0, 3), (0, 5))))
@pytest.mark.parametrize("size_wh", [(6, 4), (7, 5), (400, 300)])
def test_an_opaque_layer_covers_its_pixels_wherever_it_lies(
    corner: tuple[int, int], size_wh: tuple[int, int]
) -> None:
    black = to_yuv420(np.zeros((40, 60, 3), np.uint8))
    canvas = YuvCanvas(black.planes, BT709.from_rgb)
    layer = np.empty((*size_wh[::-1], 4), np.uint8)
    layer[:] = canvas.paint(np.array([[255, 255, 255, 255]]))[0]
    canvas.lay_over(layer, *corner)
    rows = slice(corner[1], corner[1] + size_wh[1])
    columns = slice(corner[0], corner[0] + size_wh[0])
    expected = np.full((40, 60), 16)
    expected[rows, columns] = 235
    luma, blue, red = black.planes
    assert np.abs(luma.astype(int) - expected).max() <= 1
    assert np.abs(np.stack([blue, red]).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_film_from_a_phone_is_drawn_on_upright(tmp_path: Path, turns: int) -> None:
    path = write_film(tmp_path / "phone.mp4", [0, 40, 80], options={"qp": "0"})
    if turns:
        rotate_display(path, turns)
    frame = stored(path)[1]
    width, height = frame.size_wh
    assert frame.image.shape == (height, width, 3)
    poses = somebody(width, height)
    drawn = draw_frame(frame, poses)
    assert isinstance(drawn, FilmFrame)
    assert drawn.size_wh == frame.size_wh
    assert np.abs(drawn.image.astype(int) - draw(frame.image, poses)).mean() < 6
    with VideoWriter(tmp_path / "drawn.mp4") as film:
        film.write(drawn)
    back = stored(tmp_path / "drawn.mp4")[0]
    assert np.abs(back.image.astype(int) - drawn.image).mean() < 8


@pytest.mark.parametrize("colours", COLOURS.values(), ids=COLOURS)
def test_a_written_film_tells_the_colours_of_the_source(tmp_path: Path, colours: Colours) -> None:
    frames = stored(write_plain(tmp_path / "film.mkv", colours))
    with VideoWriter(tmp_path / "written.mp4") as film:
        for frame in frames:
            film.write(draw_frame(frame, somebody()))
    for before, after in zip(frames, stored(tmp_path / "written.mp4"), strict=True):
        assert after.yuv420 is not None
        assert after.yuv420.colours == colours
        shown = draw_frame(before, somebody()).image.astype(int)
        assert abs((after.image - shown).mean()) < 1
        assert np.abs(after.image - shown).mean() < 8


def test_frames_of_other_colours_are_converted_to_those_of_the_first(tmp_path: Path) -> None:
    films = [
        stored(write_plain(tmp_path / f"{i}.mkv", colours))
        for i, colours in enumerate(COLOURS.values())
    ]
    with VideoWriter(tmp_path / "mixed.mp4") as mixed:
        for position, frames in enumerate(films):
            mixed.write(FilmFrame(frames[0]._picture, frames[0]._look, 0, position / 25))
        mixed.write(Frame(soft_picture(), 0, len(films) / 25))
    for frame in stored(tmp_path / "mixed.mp4"):
        assert np.abs(frame.image.astype(int) - soft_picture()).mean() < 4


def test_old_cameras_full_range_is_kept(tmp_path: Path) -> None:
    frame = stored(write_plain(tmp_path / "film.avi", Colours(5, 2, 2, 2), codec="mjpeg"))[0]
    assert frame.yuv420 is not None
    assert frame.yuv420.colours.range == 2
    with VideoWriter(tmp_path / "written.mp4") as film:
        film.write(frame)
    back = stored(tmp_path / "written.mp4")[0]
    assert np.abs(back.image.astype(int) - soft_picture()).mean() < 4


@pytest.mark.parametrize(
    "options",
    [
        {"size_wh": (95, 63), "codec": "mpeg4"},
        {"pixel_format": "yuv444p"},
        {"pixel_format": "yuv420p10le"},
        {"sample_aspect": Fraction(4, 3)},
    ],
    ids=["odd size", "4:4:4", "10 bits", "oblong pixels"],
)
def test_what_is_stored_otherwise_is_drawn_on_in_rgb(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    for frame in stored(write_film(tmp_path / "film.mp4", [0, 40], **options)):
        assert frame.yuv420 is None
        poses = somebody(*frame.size_wh)
        drawn = draw_frame(frame, poses)
        assert not isinstance(drawn, FilmFrame)
        assert np.array_equal(drawn.image, draw(frame.image, poses))
        assert (drawn.index, drawn.time_s) == (frame.index, frame.time_s)


def test_iterating_and_asking_later_give_the_same(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "film.mkv", BT709)
    with open_frames(path) as frames:
        at_once = list(frames)
    for now, later in zip(at_once, stored(path), strict=True):
        assert later.size_wh == now.size_wh
        assert (later.index, later.time_s, later.name) == (now.index, now.time_s, now.name)
        assert later.nbytes < now.nbytes  # 4:2:0 takes half of what RGB does
        assert np.array_equal(now.image, later.image)


def test_photos_have_nothing_to_be_asked_later(tmp_path: Path) -> None:
    with open_frames(soft_picture()) as frames:
        assert np.array_equal(next(iter(frames.as_stored())).image, soft_picture())
