from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.errors import OutputError, SourceError
from kinetrace.frames import Frame, video_encoder
from kinetrace.frames.video_writer import VideoWriter

Image = npt.NDArray[np.uint8]


def picture(number: int, width: int = 64, height: int = 48) -> Image:
    """A grey picture whose level says its number."""
    return np.full((height, width, 3), 16 + 8 * (number % 28), dtype=np.uint8)


def frames(times_s: Iterable[float]) -> list[Frame]:
    return [Frame(picture(i), i, t) for i, t in enumerate(times_s)]


def write_all(path: Path, content: Iterable[Frame], **options: Any) -> VideoWriter:
    with VideoWriter(path, **options) as writer:
        for frame in content:
            writer.write(frame)
    return writer


def read_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return [float(f.pts * stream.time_base) for f in container.decode(stream)]


def read_bt709(path: Path) -> list[Image]:
    """Decode, and convert to RGB by the formulae of ITU-R BT.709 (limited range), not FFmpeg's."""
    pictures = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray(format="yuv420p").astype(float)
            height, width = frame.height, frame.width
            luma = (planes[:height] - 16) / 219
            chroma = (planes[height:].reshape(2, height // 2, width // 2) - 128) / 224
            blue, red = chroma.repeat(2, axis=1).repeat(2, axis=2)
            r, b = luma + 1.5748 * red, luma + 1.8556 * blue
            g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
            rgb = np.stack([r, g, b], axis=2) * 255
            pictures.append(np.rint(rgb).clip(0, 255).astype(np.uint8))
    return pictures


def number_of(image: Image) -> float:
    return (float(image.mean()) - 16) / 8


def write_source(
    path: Path, *, audio: str = "aac", rate_hz: int = 44100, seconds: int = 2, gap: bool = False
) -> list[Frame]:
    """Make a 25 fps video whose sound is silent, then a tone from 1.0 s on."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(audio, rate=rate_hz)
        sound.layout = "mono"
        for i in range(25 * seconds):
            image = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            image.pts, image.time_base = i, Fraction(1, 25)
            container.mux(video.encode(image))
        time_s = np.arange(rate_hz * seconds) / rate_hz
        tone = np.where(time_s >= 1, np.sin(2 * np.pi * 440 * time_s), 0) * 16000
        size = sound.codec_context.frame_size or 1024
        for start in range(0, len(tone), size):
            if gap and 0.3 <= start / rate_hz < 0.7:
                continue
            block = tone[None, start : start + size].astype(np.int16)
            piece = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            piece.pts, piece.rate, piece.time_base = start, rate_hz, Fraction(1, rate_hz)
            container.mux(sound.encode(piece))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return frames(read_times(path))


def sound_of(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return time and amplitude (0..1) of the first channel."""
    times, values = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            block = frame.to_ndarray().astype(float)
            block = block[0] if frame.format.is_planar else block[0, :: frame.layout.nb_channels]
            values.append(block / (32768 if frame.format.name.startswith("s16") else 1))
            times.append(frame.time + np.arange(frame.samples) / frame.sample_rate)
    return np.concatenate(times), np.concatenate(values)


def onset_s(path: Path) -> float:
    time_s, value = sound_of(path)
    return float(time_s[np.argmax(np.abs(value) > 0.1)])


def sound_packets(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [(float(p.pts * p.time_base), bytes(p)) for p in packets if p.size]


STEADY = {
    "25": [i / 25 for i in range(40)],
    "29.97": [i * 1001 / 30000 for i in range(90)],
    "23.976": [i * 1001 / 24000 for i in range(60)],
    "59.94": [i * 1001 / 60000 for i in range(60)],
    "milliseconds": [round(i / 30, 3) for i in range(60)],
    "90 kHz": [i * 3001 / 90000 for i in range(50)],
    "one frame": [0.0],
    "begins late": [3 + i / 30 for i in range(10)],
    "after two hours": [7200 + i / 30 for i in range(10)],
    "long gaps": [0.0, 0.1, 20.0, 20.1, 300.0],
}


@pytest.mark.parametrize("name", STEADY)
def test_times_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    path = tmp_path / "clip.mp4"
    write_all(path, frames(STEADY[name]))
    assert read_times(path) == pytest.approx(STEADY[name], abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(
    st.floats(0, 2), st.lists(st.floats(0.001, 0.5), max_size=30), st.sampled_from([None, 0.0, 0.5])
)
def test_a_variable_rate_is_kept(
    tmp_path_factory: pytest.TempPathFactory, start: float, steps: list[float], zero: float | None
) -> None:
    times = np.cumsum([start, *steps])
    path = tmp_path_factory.mktemp("vfr") / "clip.mp4"
    write_all(path, frames(times), start_s=zero)
    first = start if zero is None else min(start, zero)
    assert read_times(path) == pytest.approx(times - first, abs=1e-6)


def test_every_picture_is_there_in_order(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_all(path, frames(i / 25 for i in range(28)))
    numbers = [number_of(image) for image in read_bt709(path)]
    assert numbers == pytest.approx(range(28), abs=0.4)


def test_the_last_frame_is_shown_as_long_as_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_all(path, frames([0.0, 0.1, 0.3]))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(0.5)


def test_the_times_of_a_source_are_exact(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    content = write_source(source)
    write_all(tmp_path / "clip.mp4", content, source=source)
    assert read_times(tmp_path / "clip.mp4") == [frame.time_s for frame in content]


def test_two_frames_at_one_time_are_both_there(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_all(path, frames([0.0, 0.1, 0.1, 0.2]))
    times = read_times(path)
    assert times == pytest.approx([0, 0.1, 0.1, 0.2], abs=1e-5)
    assert np.all(np.diff(times) > 0)


def test_a_picture_of_hours_is_shown_again_now_and_then(tmp_path: Path) -> None:
    """One picture an hour: longer than MP4 can say that one is shown."""
    path = tmp_path / "clip.mp4"
    times = [3600.0 * i for i in range(5)]
    write_all(path, frames(times))
    read, pictures = read_times(path), read_bt709(path)
    assert set(times) <= set(read)
    assert max(np.diff(read)) < 1800
    shown = [int(np.searchsorted(times, t + 1e-6)) - 1 for t in read]
    assert [number_of(image) for image in pictures] == pytest.approx(shown, abs=0.4)


def test_going_back_in_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with (
        pytest.raises(OutputError, match=r"frame 1 at 0\.5.* after one at 1\.0"),
        VideoWriter(path) as writer,
    ):
        for frame in frames([1.0, 0.5]):
            writer.write(frame)
    assert read_times(writer.partial_path) == [1.0]


def test_frames_without_a_time_need_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    photos = frames([float("nan")] * 5)
    with pytest.raises(ValueError, match="frame 0 has no time.*fps"):
        write_all(path, photos)
    write_all(path, photos, fps=Fraction(30000, 1001))
    assert read_times(path) == pytest.approx([i * 1001 / 30000 for i in range(5)], abs=1e-9)


@pytest.mark.parametrize("fps", [0, -5, float("nan"), float("inf")])
def test_a_rate_is_above_zero(tmp_path: Path, fps: float) -> None:
    with pytest.raises(ValueError, match="fps"):
        VideoWriter(tmp_path / "clip.mp4", fps=fps)


def test_colours_come_back_and_are_declared(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = colours.repeat(16, axis=0).repeat(16, axis=1)
    path = tmp_path / "clip.mp4"
    write_all(path, [Frame(image, i, i / 10) for i in range(5)])
    for back in read_bt709(path):
        error = back[8::16, 8::16].astype(int) - colours
        assert np.abs(error).max() <= 5
        assert np.abs(error.mean()) < 0.5
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        declared = (context.color_primaries, context.color_trc, context.colorspace)
        assert declared == (1, 1, 1)  # BT.709, by ITU-T H.273
        assert context.color_range == 1  # limited


@pytest.mark.parametrize("size_wh", [(1, 1), (2, 3), (63, 48), (64, 47), (63, 47)])
def test_an_odd_size_is_padded_by_its_last_column_and_row(
    tmp_path: Path, size_wh: tuple[int, int]
) -> None:
    width, height = size_wh
    ramp = np.add.outer(np.arange(height), np.arange(width))
    image = (40 + ramp).astype(np.uint8)[..., None].repeat(3, axis=2)
    path = tmp_path / "clip.mp4"
    write_all(path, [Frame(image, i, i / 10) for i in range(3)])
    expected = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    for back in read_bt709(path):
        assert back.shape == expected.shape
        assert np.abs(back.astype(int) - expected).max() <= 6


def test_any_memory_layout_is_taken(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    image = image.repeat(2, axis=0).repeat(2, axis=1)
    flipped = image[:, ::-1]
    locked = np.ascontiguousarray(flipped)
    locked.flags.writeable = False
    for name, view in (("a", flipped), ("b", locked)):
        write_all(tmp_path / f"{name}.mp4", [Frame(view, 0, 0.0)])
    assert np.array_equal(read_bt709(tmp_path / "a.mp4"), read_bt709(tmp_path / "b.mp4"))


def test_all_frames_have_one_size(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="frame 1 is 32x48, the video is 64x48"),
        VideoWriter(tmp_path / "clip.mp4") as writer,
    ):
        writer.write(Frame(picture(0), 0, 0.0))
        writer.write(Frame(picture(1, width=32), 1, 0.1))


def test_the_index_is_before_the_pictures(tmp_path: Path) -> None:
    """A web page can play it before it is there as a whole."""
    path = tmp_path / "clip.mp4"
    write_all(path, frames(i / 25 for i in range(10)))
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "aac"), ("mkv", "mp3")])
def test_sound_that_mp4_holds_is_copied(tmp_path: Path, suffix: str, codec: str) -> None:
    source, path = tmp_path / f"source.{suffix}", tmp_path / "clip.mp4"
    content = write_source(source, audio={"mp3": "libmp3lame"}.get(codec, codec))
    write_all(path, content, source=source)
    there, back = sound_packets(source), sound_packets(path)
    if codec == "mp3" and back[0][1] != there[0][1]:
        pytest.skip("this PyAV has no template for MP3, which is transcoded instead")
    assert [data for _, data in back] == [data for _, data in there]
    assert [t for t, _ in back] == pytest.approx([t for t, _ in there], abs=1e-3)


@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz"),
    [
        ("mkv", "pcm_s16le", 44100),
        ("mkv", "pcm_s16le", 96000),
        ("avi", "pcm_s16le", 44100),
        ("mkv", "libopus", 48000),
        ("mkv", "flac", 44100),
    ],
)
def test_other_sound_becomes_aac_at_the_same_time(
    tmp_path: Path, suffix: str, codec: str, rate_hz: int
) -> None:
    source, path = tmp_path / f"source.{suffix}", tmp_path / "clip.mp4"
    content = write_source(source, audio=codec, rate_hz=rate_hz)
    write_all(path, content, source=source)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    assert onset_s(path) == pytest.approx(onset_s(source), abs=2e-3)
    time_s, value = sound_of(path)
    assert (time_s[0], time_s[-1]) == pytest.approx((0, 2), abs=0.03)
    assert np.sqrt(np.mean(value[time_s > 1.1] ** 2)) == pytest.approx(0.345, rel=0.05)


def test_a_gap_in_the_sound_does_not_shift_what_follows(tmp_path: Path) -> None:
    source, path = tmp_path / "source.mkv", tmp_path / "clip.mp4"
    content = write_source(source, audio="pcm_s16le", gap=True)
    write_all(path, content, source=source)
    assert onset_s(path) == pytest.approx(1.0, abs=0.025)  # one AAC packet


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "pcm_s16le")])
def test_of_a_stretch_the_sound_of_that_stretch_is_kept(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    source, path = tmp_path / f"source.{suffix}", tmp_path / "clip.mp4"
    content = write_source(source, audio=codec)[15:40]  # from 0.6 s, shown until 1.6 s
    write_all(path, content, source=source, start_s=0.6)
    assert read_times(path) == pytest.approx([i / 25 for i in range(25)], abs=1e-6)
    assert onset_s(path) == pytest.approx(0.4, abs=2e-3)
    time_s, _ = sound_of(path)
    assert time_s[0] == pytest.approx(0, abs=0.03)
    assert time_s[-1] == pytest.approx(1, abs=0.03)


def test_a_stretch_may_keep_its_place_in_time(tmp_path: Path) -> None:
    source, path = tmp_path / "source.mp4", tmp_path / "clip.mp4"
    content = write_source(source)[15:40]
    write_all(path, content, source=source)
    assert read_times(path) == [frame.time_s for frame in content]
    assert onset_s(path) == pytest.approx(1.0, abs=2e-3)
    time_s, _ = sound_of(path)
    assert (time_s[0], time_s[-1]) == pytest.approx((0.6, 1.6), abs=0.03)


def test_a_silent_source_makes_a_silent_video(tmp_path: Path) -> None:
    write_all(tmp_path / "source.mp4", frames([0.0, 0.1]))
    write_all(tmp_path / "clip.mp4", frames([0.0, 0.1]), source=tmp_path / "source.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_damaged_source_gives_the_sound_that_it_has(tmp_path: Path) -> None:
    source, path = tmp_path / "source.mkv", tmp_path / "clip.mp4"
    content = write_source(source, audio="pcm_s16le")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    write_all(path, content, source=source)
    assert len(read_times(path)) == len(content)
    time_s, _ = sound_of(path)
    assert 0.5 < time_s[-1] < 1.5


def test_a_source_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing\.mp4"):
        write_all(tmp_path / "clip.mp4", frames([0.0]), source=tmp_path / "missing.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_exception_the_partial_file_plays(
    tmp_path: Path, error: type[BaseException]
) -> None:
    source, path = tmp_path / "source.mp4", tmp_path / "clip.mp4"
    content = write_source(source)
    path.write_bytes(b"an older result")
    with pytest.raises(error), VideoWriter(path, source=source) as writer:
        for frame in content[:20]:
            writer.write(frame)
        raise error
    assert writer.partial_path == tmp_path / "clip.partial.mp4"
    assert read_times(writer.partial_path) == [frame.time_s for frame in content[:20]]
    assert sound_of(writer.partial_path)[0][-1] == pytest.approx(0.8, abs=0.03)
    assert path.read_bytes() == b"an older result"


def test_on_success_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"an older result")
    writer = write_all(path, frames([0.0, 0.1]))
    assert list(tmp_path.iterdir()) == [path]
    assert writer.codec == "libx264"
    assert len(read_times(path)) == 2


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_all(path, [])
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"an older result")
    write_all(path, [])
    assert path.read_bytes() == b"an older result"


def test_closing_twice_is_fine_and_writing_afterwards_is_not(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    writer = VideoWriter(path)
    writer.write(frames([0.0])[0])
    writer.close()
    writer.close()
    with pytest.raises(RuntimeError, match="closed"):
        writer.write(frames([0.1])[0])
    assert len(read_times(path)) == 1


def test_impossible_targets_are_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"name it .*clip\.mp4"):
        VideoWriter(tmp_path / "clip.avi")
    with pytest.raises(OutputError, match="no folder"):
        VideoWriter(tmp_path / "missing" / "clip.mp4")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match="that is a folder"):
        VideoWriter(tmp_path / "folder.mp4")
    write_all(tmp_path / "clip.mp4", frames([0.0]))
    with pytest.raises(OutputError, match="is the video that is read"):
        VideoWriter(tmp_path / "clip.mp4", source=tmp_path / "clip.mp4")


FILL_THE_DISK = """
import resource, sys
import numpy as np
from kinetrace.errors import OutputError
from kinetrace.frames import Frame
from kinetrace.frames.video_writer import VideoWriter

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
rng = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1]) as writer:
        for i in range(int(sys.argv[2])):
            writer.write(Frame(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8), i, i / 25))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on file sizes is POSIX")
@pytest.mark.parametrize("count", [3, 40])
def test_a_full_disk_is_told_and_leaves_no_ruin(tmp_path: Path, count: int) -> None:
    """Full when it is closed (the encoder holds so few frames back), and full while writing."""
    path = tmp_path / "clip.mp4"
    script = [sys.executable, "-c", FILL_THE_DISK, str(path), str(count)]
    told = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True).stdout
    assert str(path) in told
    assert list(tmp_path.iterdir()) == []


def test_without_libx264_mpeg4_is_written_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(video_encoder, "_ENCODERS", ("no_such_encoder", "mpeg4"))
    path = tmp_path / "clip.mp4"
    times = [i * 1001 / 30000 for i in range(20)]
    with caplog.at_level(logging.WARNING):
        writer = write_all(path, frames(times))
    assert writer.codec == "mpeg4"
    assert "no_such_encoder" in caplog.text
    assert read_times(path) == pytest.approx(times, abs=1e-9)


def test_without_any_encoder_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_encoder, "_ENCODERS", ("no_such_encoder",))
    with pytest.raises(OutputError, match="pip install"):
        write_all(tmp_path / "clip.mp4", frames([0.0]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.shared
def test_a_real_video_keeps_its_times_and_its_sound(tmp_path: Path, shared: Path) -> None:
    source, path = shared / "data/videos/walk_and_jump.mp4", tmp_path / "clip.mp4"
    content = frames(read_times(source))
    write_all(path, content, source=source)
    assert read_times(path) == [frame.time_s for frame in content]
    assert sound_packets(path) == sound_packets(source)
