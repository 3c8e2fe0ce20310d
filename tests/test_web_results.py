"""What comes of a job: its film, keypoints, corrections, measures, and files to keep."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
pytest.importorskip("onnx", reason="makes a tiny network")

import web_server as web
from film import number_of, write_film
from starlette.testclient import TestClient

from kinetrace import formats, plugins
from kinetrace.frames import open_frames
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17
from kinetrace.testing import exerciser, walker
from kinetrace.web.measuring import parse_options
from kinetrace.web.orders import TABLE
from kinetrace.web.results import write_json
from kinetrace.web.store import Record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    site = web.install_backend(tmp_path_factory.mktemp("moody"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        with web.client_of(folder) as client:
            yield client


def put(client: TestClient, folder: Path, poses: Poses, film: Path, *, kind: str = "video") -> str:
    """Add a job that is done, with keypoints that are known; return its address."""
    job_id = f"known-{len(client.get('/api/jobs').json()['jobs'])}"
    own = folder / "jobs" / job_id
    own.mkdir()
    source = f"source{film.suffix}"
    shutil.copy(film, own / source)
    formats.write(poses, own / TABLE)
    write_json(own)
    width, height = poses.size_wh or (0, 0)
    probed = {"width_px": width, "height_px": height, "duration_s": None, "frames": None}
    record = Record(
        id=job_id,
        name="a walk.mp4",
        kind=kind,  # type: ignore[arg-type]
        created_utc="2026-01-01T00:00:00.000+00:00",
        source=source,
        media=source,
        options={"backend": "moody", "blur_faces": False, "measures": ["gait"]},
        probed=probed | {"is_played": True},
        state="done",
    )
    client.app.state.jobs.store.put(record)  # type: ignore[attr-defined]
    return f"/api/jobs/{job_id}"


@pytest.fixture
def walk() -> Poses:
    return walker(cadence_steps_per_min=108, fps=30, duration_s=6, px_per_m=60)[0]


@pytest.fixture
def walked(client: TestClient, folder: Path, walk: Poses, tmp_path: Path) -> str:
    times = [round(float(time_s) * 1000) for time_s in walk.frame_time_s]
    width, height = walk.size_wh or (0, 0)
    even = (width + width % 2, height + height % 2)
    walk = dataclasses.replace(walk, size_wh=even)
    return put(client, folder, walk, write_film(tmp_path / "walk.mp4", times, size_wh=even))


def test_a_measure_says_what_it_says_in_python(
    client: TestClient, walked: str, walk: Poses
) -> None:
    told = client.get(f"{walked}/measures/gait?person_height_m=1.75").json()
    module = plugins.load("measures", "gait")
    table = module.measure(walk, person_height_m=1.75)
    assert told["columns"] == list(table.columns)
    assert len(told["rows"]) == len(table) > 5
    column = told["columns"].index("step_time_s")
    assert [row[column] for row in told["rows"]] == pytest.approx(
        table["step_time_s"].tolist(), abs=1e-3, nan_ok=True
    ) or told["rows"][0][column] is None
    assert told["units"][column] == "s"
    cadence = told["summary"]["columns"].index("cadence_steps_per_min")
    assert told["summary"]["rows"][0][cadence] == pytest.approx(108, rel=0.02)
    assert len(told["events"]) == len(table)
    first = told["events"][0]
    assert (first["person"], first["end_s"]) == (0, None)
    assert first["label"].startswith("Heel strike ")
    assert first["start_s"] == pytest.approx(table["time_s"].iloc[0], abs=0.02)


def test_a_measure_of_every_frame_is_curves(client: TestClient, walked: str, walk: Poses) -> None:
    told = client.get(f"{walked}/measures/angles").json()
    table = plugins.load("measures", "angles").measure(walk)
    curve = next(s for s in told["series"] if s["label"] == "Knee, left")
    assert (curve["person"], curve["unit"], told["events"]) == (0, "°", [])
    assert curve["time_s"] == pytest.approx(table["time_s"].tolist(), abs=1e-3)
    expected = table["left_knee_deg"].to_numpy()
    got = np.array([np.nan if v is None else v for v in curve["value"]])
    assert np.nanmax(np.abs(got - expected)) < 0.2  # the table has a thousandth of a pixel
    assert not np.isnan(got).all()


def test_repetitions_are_events_with_an_end(
    client: TestClient, folder: Path, tmp_path: Path
) -> None:
    poses, _ = exerciser("squat", px_per_m=60)
    film = write_film(tmp_path / "squat.mp4", [0, 40])
    address = put(client, folder, poses, film)
    told = client.get(f"{address}/measures/repetitions?exercise=squat").json()
    assert [event["label"] for event in told["events"]] == ["Squat"] * 3
    assert all(event["end_s"] > event["start_s"] for event in told["events"])


def test_a_correction_changes_its_point_and_nothing_else(
    client: TestClient, folder: Path, walked: str
) -> None:
    before = formats.read(folder / "jobs" / walked.split("/")[-1] / TABLE)
    was = client.get(f"{walked}/measures/angles").json()
    client.get(f"{walked}/download/parquet")
    corrections = [
        {"frame": 3, "id": 0, "keypoint": "left_knee", "x_px": 12.25, "y_px": 34.5},
        {"frame": 5, "id": 0, "keypoint": "nose", "x_px": None, "y_px": None},
    ]
    answer = client.post(f"{walked}/corrections", json={"corrections": corrections})
    assert answer.status_code == 200, answer.text
    assert answer.json()["corrected"] is True
    shown = client.get(f"{walked}/poses").json()
    knee = shown["skeleton"]["keypoints"].index("left_knee")
    assert shown["people"][3][0]["xy"][2 * knee : 2 * knee + 2] == [12.25, 34.5]
    assert shown["people"][3][0]["score"][knee] == 1
    assert shown["people"][5][0]["xy"][:2] == [None, None]
    entry = shown["log"][-1]
    assert entry["operation"] == "correct"
    first = entry["parameters"]["corrections"][0]
    assert (first["frame"], first["keypoint"], first["x_px"]) == (3, "left_knee", 12.25)
    assert first["was_x_px"] == pytest.approx(float(before.keypoint("left_knee")[3, 0]), abs=1e-3)
    after = formats.read(folder / "jobs" / walked.split("/")[-1] / TABLE)
    changed = np.argwhere((after.xy != before.xy) & ~(np.isnan(after.xy) & np.isnan(before.xy)))
    assert {(int(row), int(k)) for row, k, _ in changed} == {(3, knee), (5, 0)}
    assert client.get(f"{walked}/measures/angles").json()["rows"] != was["rows"]
    parquet = folder / "corrected.parquet"
    parquet.write_bytes(client.get(f"{walked}/download/parquet").content)
    assert formats.read(parquet).xy[3, knee].tolist() == [12.25, 34.5]
    assert client.get(f"{walked}/download/csv").content.count(b"12.250,34.500,1.0000") == 1


def test_corrections_that_make_no_sense_change_nothing(client: TestClient, walked: str) -> None:
    good = {"frame": 3, "id": 0, "keypoint": "nose", "x_px": 1.0, "y_px": 1.0}
    before = client.get(f"{walked}/download/csv").content
    bad: list[dict[str, Any]] = [
        {"id": 7},
        {"frame": -1},
        {"frame": "3"},
        {"frame": 3.5},
        {"keypoint": "tail"},
        {"x_px": 1e9},
        {"x_px": None},
        {"x_px": "1"},
        {"more": 1},
    ]
    for change in bad:
        body = {"corrections": [good, good | change]}
        answer = client.post(f"{walked}/corrections", json=body)
        assert answer.status_code == 422, change
        assert isinstance(answer.json()["detail"], str), change
    for body in ({}, {"corrections": []}, {"corrections": good}, [], "x", None):
        assert client.post(f"{walked}/corrections", json=body).status_code == 422, body
    nan = json.dumps({"corrections": [good]}).replace("1.0", "NaN", 1)
    assert client.post(f"{walked}/corrections", content=nan).status_code == 422
    assert client.get(f"{walked}/download/csv").content == before
    assert client.get(walked).json()["corrected"] is False


def test_the_people_of_a_photo_can_be_told_apart(
    client: TestClient, folder: Path, tmp_path: Path
) -> None:
    xy = np.arange(2 * 17 * 2, dtype=float).reshape(2, 17, 2)
    poses = Poses(
        skeleton=COCO17,
        frame_time_s=[0.0],
        frame=[0, 0],
        xy=xy,
        score=np.full((2, 17), 0.5),
        size_wh=(96, 96),
    )
    film = write_film(tmp_path / "photo.mp4", [0])
    address = put(client, folder, poses, film)
    assert [p["id"] for p in client.get(f"{address}/poses").json()["people"][0]] == [-1, -2]
    correction = {"frame": 0, "id": -2, "keypoint": "nose", "x_px": 1.0, "y_px": 2.0}
    body = {"corrections": [correction]}
    assert client.post(f"{address}/corrections", json=body).status_code == 200
    people = client.get(f"{address}/poses").json()["people"][0]
    assert people[0]["xy"][:2] == [0, 1]
    assert people[1]["xy"][:2] == [1, 2]


def test_files_to_keep_hold_what_they_should(
    client: TestClient, folder: Path, walked: str, walk: Poses
) -> None:
    def fetched(what: str, name: str) -> Path:
        answer = client.get(f"{walked}/download/{what}")
        assert answer.status_code == 200, answer.text
        header = answer.headers["content-disposition"]
        assert header == f"attachment; filename*=utf-8''a%20walk.{name}"
        path = folder / f"fetched.{name}"
        path.write_bytes(answer.content)
        return path

    for what, name in (("parquet", "keypoints.parquet"), ("coco", "coco.json")):
        poses = formats.read(fetched(what, name), format_name=what)
        assert np.nanmax(np.abs(poses.xy - walk.xy)) < 0.01
    overlay = fetched("overlay", "overlay.mp4")
    with open_frames(overlay) as frames:
        assert sum(1 for _ in frames) == len(walk.frame_time_s)
    report = fetched("report", "report.html").read_text()
    assert "Gait" in report
    assert "Cadence" in report
    assert str(folder) not in report


def test_parts_of_a_film_can_be_had(client: TestClient, walked: str) -> None:
    whole = client.get(f"{walked}/media")
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(f"{walked}/media", headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    last = client.get(f"{walked}/media", headers={"range": "bytes=-10"})
    assert last.content == whole.content[-10:]
    beyond = client.get(f"{walked}/media", headers={"range": "bytes=99999999-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    ("name", "codec", "size_wh", "pixels"),
    [
        ("film.mkv", "libx264", (96, 64), "yuv420p"),
        ("film.avi", "mjpeg", (95, 63), "yuvj420p"),
        ("film.mp4", "libx264", (96, 64), "yuv444p"),
    ],
)
def test_what_no_browser_plays_gets_a_copy_that_does(
    client: TestClient,
    folder: Path,
    tmp_path: Path,
    name: str,
    codec: str,
    size_wh: tuple[int, int],
    pixels: str,
) -> None:
    film = write_film(
        tmp_path / name, list(range(5)), Fraction(1, 25), codec=codec, size_wh=size_wh,
        pixel_format=pixels, options={"qp": "10"} if codec == "libx264" else None,
    )  # fmt: skip
    job = web.done(client, film)
    answer = client.get(f"/api/jobs/{job['id']}/media")
    assert answer.headers["content-type"] == "video/mp4"
    copy = folder / "copy.mp4"
    copy.write_bytes(answer.content)
    import av

    with av.open(str(copy)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    with open_frames(copy) as frames, open_frames(film) as originals:
        for shown, original in zip(frames, originals, strict=True):
            assert number_of(shown.image) == original.index
            assert shown.time_s == pytest.approx(original.time_s, abs=1e-4)
    overlay = client.get(f"/api/jobs/{job['id']}/download/overlay")
    assert overlay.status_code == 200, overlay.text


def test_a_photo_that_no_browser_shows_gets_a_copy(client: TestClient, tmp_path: Path) -> None:
    from PIL import Image

    photo = tmp_path / "photo.tif"
    Image.fromarray(np.full((40, 60, 3), (10, 200, 30), np.uint8)).save(photo)
    job = web.done(client, photo, measures=["angles"])
    assert (job["kind"], job["media"]["width_px"], job["media"]["frames"]) == ("image", 60, None)
    answer = client.get(f"/api/jobs/{job['id']}/media")
    assert answer.headers["content-type"] == "image/png"
    overlay = client.get(f"/api/jobs/{job['id']}/download/overlay")
    assert overlay.headers["content-type"] == "image/png"
    assert overlay.content.startswith(b"\x89PNG")


def test_every_measure_that_there_is_can_be_asked() -> None:
    """A measure of any package works by itself: its options come from its signature."""
    for name in plugins.names("measures"):
        assert parse_options(name, {}) == {}
    given = {"exercise": "squat", "min_score": "0.25"}
    assert parse_options("repetitions", given) == {"exercise": "squat", "min_score": 0.25}
    assert parse_options("events", {"crowding_people": "4"}) == {"crowding_people": 4}
    assert parse_options("actions", {"whole": "true"}) == {"whole": True}
