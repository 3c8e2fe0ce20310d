"""The command line, run as a user runs it."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from film import write_cut_film, write_film
from PIL import Image
from waiting import PATIENCE_S, wait_for

from kinetrace import demo, estimate, read

pytest.importorskip("mediapipe")
pytestmark = pytest.mark.models


def kinetrace(*arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, "-m", "kinetrace", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        **options,
    )


def one_error_line(done):
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("kinetrace: error: ")
    return line


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    demo.write_film(path)
    return path


@pytest.fixture
def clip(film, tmp_path):
    return Path(shutil.copy(film, tmp_path / "clip.mp4"))


def test_a_clip_becomes_a_table_and_three_lines(clip, tmp_path):
    done = kinetrace("estimate", "clip.mp4", "--end", "1", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("clip.mp4: 30 frames, 640 x 480 px")
    assert "mediapipe-full -> clip.keypoints.csv" in lines[2]
    with (tmp_path / "clip.keypoints.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == [str(i) for i in range(30)]
    from_python = estimate(clip, end_s=1)
    nose = np.array([float(row["nose_x_px"]) for row in rows])
    assert np.abs(nose - from_python.keypoint("nose")[:, 0]).max() < 6e-4
    assert not list(tmp_path.glob("*partial*"))


def test_all_outputs_and_formats(clip, tmp_path):
    done = kinetrace(
        *("estimate", "clip.mp4", "--overlay", "--sheet", "--format", "parquet", "--every", "10"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    poses = read(tmp_path / "clip.keypoints.parquet")
    assert poses.frame_index.tolist() == list(range(0, 90, 10))
    assert poses.log[0]["parameters"]["model"] == "mediapipe-full"
    with av.open(str(tmp_path / "clip.overlay.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert np.allclose(times, poses.frame_time_s, atol=1e-4)
    with Image.open(tmp_path / "clip.sheet.png") as sheet:
        assert sheet.width == 1920


def test_what_is_done_is_skipped_until_it_is_to_be_redone(clip, tmp_path):
    arguments = ("estimate", "clip.mp4", "--end", "0.2")
    assert kinetrace(*arguments, cwd=tmp_path).returncode == 0
    table = tmp_path / "clip.keypoints.csv"
    table.write_text("mine")
    again = kinetrace(*arguments, cwd=tmp_path)
    assert again.returncode == 0
    assert "--overwrite" in again.stdout
    assert table.read_text() == "mine"
    assert kinetrace(*arguments, "--overwrite", cwd=tmp_path).returncode == 0
    assert len(read(table)) == 6


def test_a_folder_is_worked_through_and_a_bad_file_does_not_stop_it(clip, tmp_path):
    (tmp_path / "bad.mp4").write_text("not a video")
    (tmp_path / "notes.txt").write_text("not an input")
    Image.fromarray(demo.portrait()).save(tmp_path / "photo.jpg")
    done = kinetrace("estimate", ".", "--every", "30", "--overlay", cwd=tmp_path)
    assert done.returncode == 1
    assert "bad.mp4" in done.stderr
    assert done.stdout.splitlines()[-1] == "3 inputs: 2 done, 0 done before, 1 with errors"
    assert len(read(tmp_path / "photo.keypoints.csv")) == 1
    assert (tmp_path / "photo.overlay.png").exists()
    again = kinetrace("estimate", "*.*", "--every", "30", "--overlay", cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == "3 inputs: 0 done, 2 done before, 1 with errors"


def test_photos_can_share_one_table(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(demo.portrait()).save(tmp_path / "photos/one.png")
    Image.new("RGB", (300, 200)).save(tmp_path / "photos/two.png")
    done = kinetrace("estimate", "photos", "--output", "all.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    poses = read(tmp_path / "all.csv")
    assert poses.frame_name == ("one.png", "two.png")
    assert poses.frame.tolist() == [0]


def test_inputs_called_alike_keep_apart(clip, tmp_path):
    shutil.copy(clip, tmp_path / "clip.mov")
    done = kinetrace(
        *("estimate", "clip.mp4", "clip.mov", "--end", "0.1", "--output", "out"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    tables = sorted(p.name for p in (tmp_path / "out").glob("*.csv"))
    assert tables == ["clip.mov.keypoints.csv", "clip.mp4.keypoints.csv"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda p: (p / "x.mp4").write_bytes(b""), "x.mp4"),
        (lambda p: (p / "x.mp4").write_text("text"), "x.mp4"),
        (lambda p: (p / "x.mp4").mkdir(), "x.mp4"),
        (lambda p: None, "x.mp4"),
    ],
    ids=["empty", "text", "empty folder", "missing"],
)
def test_a_bad_input_is_one_clear_line(tmp_path, make, told):
    make(tmp_path)
    assert told in one_error_line(kinetrace("estimate", "x.mp4", cwd=tmp_path))
    assert not list(tmp_path.glob("*.csv*"))


def test_a_zero_byte_photo_is_one_clear_line(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"")
    assert "x.jpg" in one_error_line(kinetrace("estimate", "x.jpg", cwd=tmp_path))


def test_a_tiny_photo_has_nobody_in_it(tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    done = kinetrace("estimate", "dot.png", cwd=tmp_path)
    assert done.returncode == 0
    assert "nobody found" in done.stdout
    assert len(read(tmp_path / "dot.keypoints.csv").frame_time_s) == 1


def test_an_output_that_is_a_folder_or_in_none(clip, tmp_path):
    (tmp_path / "clip.keypoints.csv").mkdir()
    line = one_error_line(kinetrace("estimate", "clip.mp4", "--overwrite", cwd=tmp_path))
    assert "directory" in line
    line = one_error_line(kinetrace("estimate", "clip.mp4", "-o", "no/such/t.csv", cwd=tmp_path))
    assert "folder" in line


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may do anything")
def test_no_permission(clip, tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert "permission" in one_error_line(kinetrace("estimate", "clip.mp4", cwd=tmp_path))
    finally:
        tmp_path.chmod(0o700)


def test_a_truncated_video_gives_its_table_and_exit_code_1(tmp_path):
    write_cut_film(tmp_path / "cut.mp4", 60)
    done = kinetrace("estimate", "cut.mp4", cwd=tmp_path)
    assert "of 60 frames could be read" in one_error_line(done)
    assert 10 < len(read(tmp_path / "cut.keypoints.csv").frame_time_s) < 60


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_interrupted_run_leaves_a_partial_file_that_can_be_read(tmp_path, sent, code, ending):
    write_film(tmp_path / "long.mp4", [i * 40 for i in range(3000)])
    process = subprocess.Popen(
        [sys.executable, "-m", "kinetrace", "estimate", "long.mp4", "--format", ending],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )

    def tables():
        return [p for p in tmp_path.glob("long.partial*") if "metadata" not in p.name]

    wait_for(lambda: any(p.stat().st_size > 5000 for p in tables()), "some rows")
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    (line,) = stderr.strip().splitlines()
    (partial,) = tables()
    assert partial.name in line
    frames = len(read(partial).frame_time_s)
    assert f"first {frames} frames" in line
    assert 0 < frames < 3000
    assert not (tmp_path / f"long.keypoints.{ending}").exists()


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_leaves_what_fitted(clip, tmp_path):
    """The largest file allowed is 60 kB, which fails a write just as a full disk does."""
    import resource

    done = kinetrace(
        *("estimate", "clip.mp4"),
        cwd=tmp_path,
        preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
        ),
    )
    line = one_error_line(done)
    assert "clip.partial.keypoints.csv" in line
    frames = len(read(tmp_path / "clip.partial.keypoints.csv").frame_time_s)
    assert 5 < frames < 90
    assert f"first {frames} frames" in line


def test_the_overlay_of_a_stretch_begins_with_it(clip, tmp_path):
    arguments = ("estimate", "clip.mp4", "--start", "2", "--end", "2.5", "--overlay")
    assert kinetrace(*arguments, cwd=tmp_path).returncode == 0
    poses = read(tmp_path / "clip.keypoints.csv")
    assert poses.frame_time_s[0] == pytest.approx(2)
    for name in ("clip.overlay.mp4", "again.mp4"):
        if name == "again.mp4":
            drawn = kinetrace("draw", "clip.mp4", "--output", name, cwd=tmp_path)
            assert drawn.returncode == 0, drawn.stderr
        with av.open(str(tmp_path / name)) as container:
            times = [frame.time for frame in container.decode(video=0)]
        assert np.allclose(times, poses.frame_time_s - 2, atol=1e-4)


def test_draw_and_convert_go_on_from_the_table(clip, tmp_path):
    assert kinetrace("estimate", "clip.mp4", "--end", "0.5", cwd=tmp_path).returncode == 0
    done = kinetrace("draw", "clip.mp4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "clip.overlay.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15
    assert "overwrite" in one_error_line(kinetrace("draw", "clip.mp4", cwd=tmp_path))
    for name in ("a.parquet", "b.jsonl", "c.coco.json", "d.csv"):
        done = kinetrace("convert", "clip.keypoints.csv", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert np.array_equal(
            read(tmp_path / name).frame_index, read(tmp_path / "clip.keypoints.csv").frame_index
        )
    done = kinetrace("convert", "a.parquet", "long.csv", "--layout", "long", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "long.csv").read_text().splitlines()[0].split(",")[:3] == [
        *("frame", "time_s", "person")
    ]
    assert "ending" in one_error_line(
        kinetrace("convert", "a.parquet", "to.nonsense", cwd=tmp_path)
    )


def test_drawing_on_another_film_is_refused(clip, tmp_path):
    assert kinetrace("estimate", "clip.mp4", "--end", "0.2", cwd=tmp_path).returncode == 0
    write_film(tmp_path / "other.mp4", [0, 40, 80])
    line = one_error_line(kinetrace("draw", "other.mp4", "clip.keypoints.csv", cwd=tmp_path))
    assert "another film" in line


def test_the_demonstration(tmp_path):
    done = kinetrace("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "stray" in done.stdout
    made = {p.name for p in (tmp_path / "kinetrace-demo").iterdir()}
    assert {"demo.keypoints.csv", "demo.overlay.mp4", "demo.sheet.png"} <= made
    assert kinetrace("demo", cwd=tmp_path).returncode == 0  # and once more over the first


def test_models_and_info(tmp_path):
    listed = kinetrace("models", cwd=tmp_path)
    assert listed.returncode == 0
    assert "mediapipe-heavy" in listed.stdout
    assert kinetrace("models", "fetch", "mediapipe-full", cwd=tmp_path).returncode == 0
    verified = kinetrace("models", "verify", "mediapipe-full", cwd=tmp_path)
    assert verified.returncode == 0
    assert "mediapipe-full: verified" in verified.stdout
    nowhere = kinetrace("models", "verify", "--cache-dir", tmp_path / "empty", cwd=tmp_path)
    assert "hrnet-nano: verified" in nowhere.stdout
    assert "mediapipe" not in nowhere.stdout  # only what is part of the package
    info = kinetrace("info", cwd=tmp_path)
    assert "makes no network call" in info.stdout
    assert info.returncode == 0


@pytest.mark.parametrize("command", ["estimate", "draw", "convert", "demo", "info", "models"])
def test_every_command_has_help_with_examples(command, tmp_path):
    done = kinetrace(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: kinetrace" in done.stdout
    assert command == "info" or f"kinetrace {command}" in done.stdout.split("Examples:")[1]


def test_a_senseless_command_line_exits_with_2(tmp_path):
    assert kinetrace("estimate", "x.mp4", "--nonsense", cwd=tmp_path).returncode == 2
    assert kinetrace("estimate", "x.mp4", "--start", "soon", cwd=tmp_path).returncode == 2
    assert "every" in one_error_line(kinetrace("estimate", "x.mp4", "--every", "0", cwd=tmp_path))
