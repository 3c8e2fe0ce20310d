"""Faces that are blurred: in the picture, in what is stored, and while nobody is found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
pytest.importorskip("onnx", reason="makes a tiny network")

import web_server as web

from kinetrace.demo import portrait
from kinetrace.frames import open_frames
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.testing import walker
from kinetrace.web.faces import Faces, head_circles

# Of the portrait, by eye, px.
HEAD = {
    "nose": (219, 116),
    "left_eye": (236, 96),
    "right_eye": (203, 96),
    "left_ear": (252, 103),
    "right_ear": (184, 104),
}
SHOULDERS = {"left_shoulder": (325, 240), "right_shoulder": (110, 240)}


def person(points: dict[str, tuple[float, float]], *, frames: int = 1) -> Poses:
    """One person who stands still, with only these points."""
    xy = np.full((frames, 17, 2), np.nan)
    for name, place in points.items():
        xy[:, COCO17.index(name)] = place
    return Poses(
        skeleton=COCO17,
        frame_time_s=np.arange(frames) / 25,
        frame=np.arange(frames),
        track_id=np.zeros(frames),
        xy=xy,
        score=np.where(np.isnan(xy[..., 0]), 0, 0.9),
        size_wh=(512, 512),
    )


def detail(image: np.ndarray) -> float:
    """How much fine structure is in a picture."""
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F).std())


def test_of_a_face_only_blobs_are_left_and_the_rest_stays() -> None:
    image = portrait()
    blurred = Faces(person(HEAD | SHOULDERS)).blurred(image, 0)
    face = np.s_[70:150, 175:260]
    assert detail(blurred[face]) < 0.12 * detail(image[face])
    assert np.array_equal(blurred[300:], image[300:])
    assert np.array_equal(image, portrait())
    x_px, y_px, radius_px = head_circles(person(HEAD | SHOULDERS))[0]
    for place in ((219, 60), (180, 130), (255, 130), (219, 160)):  # brow, cheeks, chin
        assert np.hypot(place[0] - x_px, place[1] - y_px) < radius_px, place


def test_a_head_that_is_not_seen_is_where_the_body_says() -> None:
    body = {"left_hip": (300, 480), "right_hip": (140, 480)} | SHOULDERS
    for points in (body, SHOULDERS | {"left_knee": (300, 500)}):
        x_px, y_px, radius_px = head_circles(person(points))[0]
        nose = HEAD["nose"]
        assert np.hypot(nose[0] - x_px, nose[1] - y_px) < radius_px, points
    assert np.isnan(head_circles(person({}))).any()


@pytest.mark.parametrize("gone", [range(3, 8), range(5), range(12, 20)])
def test_a_head_stays_blurred_while_its_person_is_lost(gone: range) -> None:
    whole = person(HEAD | SHOULDERS, frames=20)
    poses = whole.rows(np.array([i not in gone for i in range(20)]))
    faces = Faces(poses)
    for position in range(20):
        assert detail(faces.blurred(portrait(), position)[70:150, 175:260]) < 10, position


def test_nobody_is_blurred_long_after_they_have_gone() -> None:
    poses = person(HEAD | SHOULDERS, frames=60)
    faces = Faces(poses.rows(np.arange(20)))
    assert np.array_equal(faces.blurred(portrait(), 59), portrait())


def test_a_walkers_head_is_within_its_circle_from_the_side() -> None:
    poses, _ = walker(duration_s=1)
    circles = head_circles(poses)
    head = [i for i, n in enumerate(BLAZEPOSE33.keypoints) if "ear" in n or "eye" in n]
    away = np.hypot(*np.moveaxis(poses.xy[:, head] - circles[:, None, :2], -1, 0))
    assert (away < 0.75 * circles[:, 2:]).all()
    assert (circles[:, 2] < 0.2 * (poses.bbox_xyxy[:, 3] - poses.bbox_xyxy[:, 1])).all()


def test_a_head_at_the_edge_is_no_error() -> None:
    poses = person({"nose": (-30.0, -30.0), "left_eye": (511.0, 511.0)})
    assert Faces(poses).blurred(portrait(), 0).shape == portrait().shape
    far = dataclasses.replace(poses, xy=poses.xy + 1e6)
    assert np.array_equal(Faces(far).blurred(portrait(), 0), portrait())


def test_a_film_whose_faces_are_blurred_is_kept_only_so(tmp_path: Path) -> None:
    """The tiny network puts all points on the brightest place, which so becomes the face."""
    site = web.install_backend(tmp_path)
    film = web.make_film(tmp_path, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        with web.client_of(tmp_path / "serve") as client:
            job = web.done(client, film, blur_faces=True)
            assert job["options"]["max_people"] == "all"
            kept = {p.name for p in (tmp_path / "serve" / "jobs" / job["id"]).iterdir()}
            assert "media.mp4" in kept
            assert not any(name.startswith("source") for name in kept)
            shown = tmp_path / "shown.mp4"
            shown.write_bytes(client.get(f"/api/jobs/{job['id']}/media").content)
            drawn = client.get(f"/api/jobs/{job['id']}/download/overlay")
            assert drawn.status_code == 200, drawn.text
            bad = web.upload(
                client, web.make_film(tmp_path, size_wh=web.DEADLY_WH), blur_faces=True
            ).json()
            assert web.finished(client, bad["id"])["state"] == "failed"
            assert list((tmp_path / "serve" / "jobs" / bad["id"]).iterdir()) == []
            assert client.get(f"/api/jobs/{bad['id']}/media").status_code == 409
    with open_frames(shown) as frames, open_frames(film) as originals:
        pairs = [(a.image, b.image) for a, b in zip(frames, originals, strict=True)]
    assert any(np.abs(a.astype(int) - b).max() > 60 for a, b in pairs)
