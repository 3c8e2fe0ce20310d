from __future__ import annotations

import gc
import http.server
import threading
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from film import number_of, picture, rotate_display, write_cut_film, write_film
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.errors import SourceError, TruncatedError
from kinetrace.frames import Frame
from kinetrace.frames.sources import open_frames

CONSTANT = [i * 3003 for i in range(60)]  # 29.97 frames a second in units of 1/90000 s
NINETY_KHZ = Fraction(1, 90000)
VARIABLE = [0, 33, 66, 100, 170, 171, 250, 900, 933, 1400, 1416, 1433, 2000, 2033]


def read(source, **options) -> list[Frame]:
    with open_frames(source, **options) as frames:
        return list(frames)


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "constant.mp4"
    # Several key frames, and B-frames between them: the hard case for times and seeking.
    return write_film(path, CONSTANT, NINETY_KHZ, options={"g": "12", "bf": "3"})


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
@pytest.mark.parametrize(
    ("pts", "time_base"),
    [(CONSTANT, NINETY_KHZ), (VARIABLE, Fraction(1, 1000))],
    ids=["constant", "variable"],
)
def test_times_are_the_presentation_times(tmp_path, suffix, pts, time_base):
    path = write_film(tmp_path / f"film{suffix}", pts, time_base, options={"bf": "2"})
    frames = read(path)
    assert [number_of(f.image) for f in frames] == list(range(len(pts)))
    assert [f.index for f in frames] == list(range(len(pts)))
    with av.open(str(path)) as container:  # as ffprobe prints them: pts_time of each frame
        told = sorted(float(p.pts * p.time_base) for p in container.demux(video=0) if p.size)
    assert [f.time_s for f in frames] == told
    offset_s = told[0]  # MPEG-TS does not begin at 0
    grid_s = 0.5e-3 if suffix == ".mkv" else 0.6 / 90000  # Matroska keeps milliseconds
    intended = [float(p * time_base) for p in pts]
    assert np.allclose(np.array(told) - offset_s, intended, atol=2 * grid_s)


@settings(deadline=None, max_examples=25)
@given(start=st.floats(0, 2.1), length=st.floats(0.01, 2.5), every=st.integers(1, 7))
def test_a_stretch_is_the_same_as_part_of_the_whole(constant, start, length, every):
    whole = [(f.index, f.time_s) for f in read(constant)]
    end = start + length
    wanted = [(i, t) for i, t in whole if start <= t < end][::every]
    part = read(constant, start_s=start, end_s=end, every=every)
    assert [(f.index, f.time_s) for f in part] == wanted
    assert all(number_of(f.image) == f.index for f in part)


def test_every_in_seconds_takes_the_first_frame_at_or_after_each_turn(tmp_path):
    path = write_film(tmp_path / "film.mkv", VARIABLE)
    times = [f.time_s for f in read(path, every="0.5s")]
    assert times == [0.0, 0.9, 1.4, 2.0]  # turns at 0, 0.5, 1.0 (0.9 s later) and 2.0


@pytest.mark.parametrize("every", ["0.1s", "0.2s", "0.3s"])
def test_every_in_seconds_does_not_drift(tmp_path, every):
    path = write_film(tmp_path / "film.mkv", [i * 10 for i in range(300)])
    step = float(every[:-1])
    times = [f.time_s for f in read(path, every=every)]
    assert np.allclose(times, np.arange(len(times)) * step, atol=1e-9)
    assert len(times) == round(3 / step)


@pytest.mark.parametrize("every", [0, -1, "0s", "fast", "1.5", ""])
def test_a_senseless_step_is_refused(constant, every):
    with pytest.raises(ValueError, match="every"):
        open_frames(constant, every=every)


def test_an_empty_stretch_is_refused(constant):
    with pytest.raises(ValueError, match="nothing is selected"):
        open_frames(constant, start_s=2, end_s=1)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_display_rotation_is_applied(tmp_path, turns):
    path = write_film(tmp_path / "phone.mp4", [0, 40, 80], options={"qp": "0"})
    upright = read(path)[1].image
    rotate_display(path, turns)
    turned = read(path)[1].image
    assert np.array_equal(turned, np.rot90(upright, -turns))


def test_oblong_pixels_are_made_square(tmp_path):
    path = write_film(tmp_path / "dv.mp4", [0, 40], sample_aspect=Fraction(4, 3))
    frames = read(path)
    assert frames[0].size_wh == (128, 64)
    assert number_of(frames[1].image) == 1


@pytest.mark.parametrize(
    ("size_wh", "codec", "options"),
    [
        ((95, 63), "ffv1", {}),
        ((97, 65), "mpeg4", {"qscale": "2"}),
        ((96, 64), "libx264", {"x264-params": "tff=1"}),
    ],
    ids=["odd lossless", "odd", "interlaced"],
)
def test_unusual_videos_are_read(tmp_path, size_wh, codec, options):
    pixel_format = "bgr0" if codec == "ffv1" else "yuv420p"
    path = write_film(
        tmp_path / "film.mkv",
        [i * 40 for i in range(10)],
        size_wh=size_wh,
        codec=codec,
        options=options,
        pixel_format=pixel_format,
    )
    frames = read(path)
    assert [number_of(f.image) for f in frames] == list(range(10))
    assert frames[0].size_wh == size_wh


def test_colours_are_rgb(constant):
    red, green, blue = read(constant)[0].image[5, 48]
    assert red > 150
    assert max(green, blue) < 80


def test_a_truncated_video_yields_what_it_has_and_then_says_so(tmp_path):
    path = write_cut_film(tmp_path / "film.mp4", 90)
    got = []
    with pytest.raises(TruncatedError, match=r"of 90 frames could be read, up to \d") as caught:
        for frame in open_frames(path):
            got.append(frame)
    assert 20 < len(got) < 90
    assert np.allclose([f.time_s for f in got], [number_of(f.image) * 0.04 for f in got])
    assert f"{got[-1].time_s:.3f} s" in str(caught.value)


def test_a_truncated_matroska_is_noticed_too(tmp_path):
    path = write_film(tmp_path / "film.mkv", [i * 40 for i in range(90)], options={"g": "10"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(TruncatedError, match="missing at the end"):
        read(path)


def test_a_whole_video_whose_end_is_not_wanted_is_not_called_truncated(constant):
    assert read(constant, end_s=1.0)[-1].time_s < 1.0


def test_damage_in_the_middle_is_passed_over_and_told(tmp_path):
    path = write_film(
        tmp_path / "film.mp4",
        [i * 40 for i in range(90)],
        options={"g": "10", "qp": "10"},
        size_wh=(192, 128),
    )
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(bytes(data))
    got = []
    with pytest.raises(TruncatedError, match="damaged"):
        for frame in open_frames(path):
            got.append(frame)
    assert got[-1].time_s > 3.0  # it went on behind the damage


@pytest.mark.parametrize(
    "content", [b"", b"this is a text\n" * 50, b"\x00" * 5000, b"\xff\xd8\xff"], ids=repr
)
@pytest.mark.parametrize("name", ["film.mp4", "photo.jpg", "noname"])
def test_what_is_no_picture_is_one_clear_error(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=name) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="no video in it"):
        read(path)


@pytest.mark.parametrize("missing", ["none.mp4", "no/such/folder/*.jpg", "none.jpg"])
def test_what_is_missing_is_named(tmp_path, missing):
    with pytest.raises(SourceError, match=r"none|such"):
        read(str(tmp_path / missing))


def test_there_is_no_camera_99():
    with pytest.raises(SourceError, match="camera 99"):
        open_frames(99)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no image in the folder"):
        open_frames(tmp_path)


def test_arrays_are_frames():
    film = np.stack([picture(i) for i in range(5)])
    frames = read(film, fps=20)
    assert [f.time_s for f in frames] == [0, 0.05, 0.1, 0.15, 0.2]
    assert all(np.array_equal(f.image, p) for f, p in zip(frames, film, strict=True))
    assert open_frames(film, fps=20).continuous
    assert not open_frames(film).continuous
    assert np.isnan([f.time_s for f in read(list(film))]).all()
    assert read(film[0])[0].time_s == 0.0


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_a_wrong_array_is_refused_by_shape_and_type(bad):
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        read([bad])


def test_frames_from_python_keep_their_times():
    given_frames = [Frame(picture(i), i * 2, i * 0.7) for i in range(4)]
    assert read(iter(given_frames)) == given_frames
    assert read(given_frames, start_s=1.0) == given_frames[2:]


def test_selecting_by_time_needs_times():
    film = np.stack([picture(i) for i in range(5)])
    with pytest.raises(SourceError, match="fps"):
        read(film, start_s=1.0)


def test_decoding_is_bounded_and_stops(constant):
    """Far fewer frames are made than the source holds, and closing ends the thread."""
    made = 0

    def endless():
        nonlocal made
        while True:
            made += 1
            yield Frame(np.zeros((1000, 1000, 3), np.uint8), made, made / 30)

    before = set(threading.enumerate())
    with open_frames(endless()) as frames:
        waiting = iter(frames)
        for _ in range(5):
            next(waiting)
    assert made < 5 + 20
    assert set(threading.enumerate()) <= before


def test_an_error_in_a_python_source_comes_behind_its_frames():
    def failing():
        yield Frame(picture(0), 0, 0.0)
        raise KeyError("mine")

    got = []
    with pytest.raises(KeyError, match="mine"):
        for frame in open_frames(failing()):
            got.append(frame)
    assert len(got) == 1


def test_a_video_over_http(constant):
    handler = partial(_Quiet, directory=str(constant.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/{constant.name}"
        frames = read(address)
        assert [number_of(f.image) for f in frames] == list(range(60))
        with pytest.raises(SourceError, match="missing.mp4"):
            read(address.replace("constant", "missing"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        gc.collect()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass
