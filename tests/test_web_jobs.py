"""Jobs on the server: done as on the command line, cancelled, restarted, limited, deleted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
pytest.importorskip("onnx", reason="makes a tiny network")

import web_server as web
from film import picture, write_cut_film
from PIL import Image
from starlette.testclient import TestClient

from kinetrace.errors import KinetraceError
from kinetrace.web import Config, create_app
from kinetrace.web.process import resident_bytes
from kinetrace.web.store import Record, Store


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return web.install_backend(tmp_path_factory.mktemp("moody"))


@pytest.fixture(autouse=True)
def _backend(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with web.client_of(tmp_path / "serve") as client:
        yield client


def files_of(tmp_path: Path, job_id: str) -> set[str]:
    return {path.name for path in (tmp_path / "serve" / "jobs" / job_id).iterdir()}


def test_a_film_becomes_the_table_of_the_command_line(
    client: TestClient, tmp_path: Path, site: Path
) -> None:
    film = web.make_film(tmp_path, frames=8)
    job = web.done(client, film, measures=["angles"])
    assert (job["name"], job["kind"], job["people"]) == (film.name, "video", 1)
    assert job["frames_done"] == job["frames_expected"] == job["media"]["frames"] == 8
    assert 0 < job["mean_score"] <= 1
    table = client.get(f"/api/jobs/{job['id']}/download/csv")
    assert f'filename="{film.stem}.keypoints.csv"' in table.headers["content-disposition"]
    estimate(film, site)
    assert table.content == (tmp_path / f"{film.stem}.keypoints.csv").read_bytes()
    poses = client.get(f"/api/jobs/{job['id']}/poses").json()
    assert poses["frame_time_s"] == [round(i * 0.04, 2) for i in range(8)]
    assert [len(people) for people in poses["people"]] == [1] * 8
    assert len(poses["people"][0][0]["xy"]) == 2 * len(poses["skeleton"]["keypoints"]) == 34
    assert str(tmp_path / "serve") not in str(poses)
    told = client.get(f"/api/jobs/{job['id']}/measures/angles")
    assert told.json()["columns"][:3] == ["track_id", "frame", "time_s"]


def test_a_photo_becomes_the_table_of_the_command_line(
    client: TestClient, tmp_path: Path, site: Path
) -> None:
    photo = tmp_path / "me, at home.png"
    Image.fromarray(picture(1234, (101, 67))).save(photo)
    job = web.done(client, photo)
    assert (job["kind"], job["people"], job["media"]["frames"]) == ("image", 1, None)
    estimate(photo, site)
    table = client.get(f"/api/jobs/{job['id']}/download/csv").content
    assert table == (tmp_path / "me, at home.keypoints.csv").read_bytes()
    assert b'"me, at home.png"' in table


def estimate(path: Path, site: Path) -> None:
    """Have the command line do the same."""
    subprocess.run(
        [sys.executable, "-m", "kinetrace", "estimate", str(path), "--backend", "moody", "--quiet"],
        env=os.environ | {"PYTHONPATH": str(site)},
        check=True,
    )


def test_cancelling_ends_the_process_and_leaves_what_was_uploaded(
    client: TestClient, tmp_path: Path
) -> None:
    slow = web.upload(client, web.make_film(tmp_path, 2000, web.SLOW_WH)).json()
    waiting = web.upload(client, web.make_film(tmp_path)).json()
    underway = web.wait_for(client, slow["id"], lambda job: job["frames_done"] > 3)
    assert underway["phase"] == "Finding people"
    assert underway["seconds_left"] > 0
    answer = client.post(f"/api/jobs/{slow['id']}/cancel").json()
    assert answer["state"] == "cancelled"
    assert files_of(tmp_path, slow["id"]) == {"source.mp4"}
    assert web.finished(client, waiting["id"])["state"] == "done"
    again = client.post(f"/api/jobs/{slow['id']}/cancel")
    assert again.status_code == 409
    assert client.get(f"/api/jobs/{slow['id']}/poses").status_code == 409
    assert client.get(f"/api/jobs/{slow['id']}").json()["state"] == "cancelled"


def test_deleting_a_job_under_way_leaves_nothing(client: TestClient, tmp_path: Path) -> None:
    film = web.make_film(tmp_path, 2000, web.SLOW_WH)
    job = web.upload(client, film, name="very secret name.mp4").json()
    web.wait_for(client, job["id"], lambda job: job["frames_done"] > 1)
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert list((tmp_path / "serve" / "jobs").iterdir()) == []
    kept = b"".join(p.read_bytes() for p in (tmp_path / "serve").iterdir() if p.is_file())
    assert b"very secret" not in kept
    assert client.get(f"/api/jobs/{job['id']}").status_code == 404
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 404
    assert client.get("/api/jobs").json()["storage"]["used_bytes"] == 0


@pytest.mark.parametrize(
    ("size_wh", "says"),
    [(web.DEADLY_WH, "has died"), (web.FAULTY_WH, "went wrong inside Kinetrace")],
    ids=["dies", "bug"],
)
def test_a_process_that_fails_fails_its_job_only(
    client: TestClient, tmp_path: Path, size_wh: tuple[int, int], says: str
) -> None:
    bad = web.upload(client, web.make_film(tmp_path, size_wh=size_wh)).json()
    job = web.finished(client, bad["id"])
    assert job["state"] == "failed"
    assert says in job["error"]
    assert web.says_no_path(str(job), tmp_path)
    assert files_of(tmp_path, job["id"]) == {"source.mp4"}


@pytest.mark.skipif(not resident_bytes(os.getpid()), reason="the system does not tell memory")
def test_memory_and_time_are_limited(tmp_path: Path) -> None:
    with web.client_of(tmp_path / "memory", memory_bytes=900_000_000) as client:
        hungry = web.upload(client, web.make_film(tmp_path, size_wh=web.HUNGRY_WH)).json()
        assert "0.9 GB of memory" in web.finished(client, hungry["id"])["error"]
    with web.client_of(tmp_path / "time", job_s=1.5) as client:
        slow = web.upload(client, web.make_film(tmp_path, 2000, web.SLOW_WH)).json()
        assert "took longer than" in web.finished(client, slow["id"])["error"]


def test_a_film_that_is_cut_short_gives_what_it_has(client: TestClient, tmp_path: Path) -> None:
    film = write_cut_film(tmp_path / "cut.mp4", 40)
    job = web.done(client, film)
    assert job["problem"].startswith("cut.mp4 is damaged or cut short: ")
    assert web.says_no_path(job["problem"], tmp_path)
    people = client.get(f"/api/jobs/{job['id']}/poses").json()["people"]
    assert 10 < len(people) < 40


def test_what_is_kept_is_limited(tmp_path: Path) -> None:
    film = web.make_film(tmp_path, 2000, web.SLOW_WH)  # none is done before the last one comes
    size_bytes = film.stat().st_size
    with web.client_of(tmp_path / "serve", storage_bytes=5 * size_bytes) as client:
        answers = []
        while len(answers) < 20 and (not answers or answers[-1].status_code == 201):
            answers.append(web.upload(client, film))
        assert 2 < len(answers) < 7
        assert answers[-1].status_code == 413
        assert "delete some jobs" in answers[-1].json()["detail"]
        for answer in answers[:-1]:
            client.delete(f"/api/jobs/{answer.json()['id']}")
        assert web.upload(client, film).status_code == 201


def test_a_result_without_room_fails(tmp_path: Path) -> None:
    film = web.make_film(tmp_path, frames=100)
    with web.client_of(tmp_path / "serve", storage_bytes=film.stat().st_size + 2000) as client:
        job = web.finished(client, web.upload(client, film).json()["id"])
        assert job["state"] == "failed"
        assert web.says_no_path(job["error"], tmp_path)
        assert files_of(tmp_path, job["id"]) == {"source.mp4"}


def old_record(job_id: str, **more: object) -> Record:
    probed = {"width_px": 96, "height_px": 64, "duration_s": 0.2, "frames": 6, "is_played": True}
    values = {
        "id": job_id,
        "name": "old.mp4",
        "kind": "video",
        "created_utc": "2020-01-01T00:00:00.000+00:00",
        "source": "source.mp4",
        "options": {"backend": "moody", "blur_faces": False, "measures": []},
        "probed": probed,
    }
    return Record(**(values | more))


def put(tmp_path: Path, record: Record) -> None:
    """Leave a job as a server that was killed leaves it."""
    folder = tmp_path / "serve" / "jobs" / record.id
    folder.mkdir(parents=True)
    shutil.copy(web.make_film(tmp_path), folder / "source.mp4")
    store = Store(tmp_path / "serve" / "jobs.sqlite")
    store.put(record)
    store.close()


def test_old_jobs_go_and_young_ones_stay(tmp_path: Path) -> None:
    put(tmp_path, old_record("old", state="done"))
    put(tmp_path, old_record("young", state="failed", created_utc="2999-01-01T00:00:00+00:00"))
    (tmp_path / "serve" / "jobs" / "an upload that broke off").mkdir()
    with web.client_of(tmp_path / "serve", keep_days=0) as client:
        assert len(client.get("/api/jobs").json()["jobs"]) == 2
    with web.client_of(tmp_path / "serve", keep_days=30) as client:
        web.wait_for(client, "old", lambda job: "detail" in job)
        assert [job["id"] for job in client.get("/api/jobs").json()["jobs"]] == ["young"]
    assert [path.name for path in (tmp_path / "serve" / "jobs").iterdir()] == ["young"]


def test_a_job_that_was_under_way_is_done_after_a_restart(tmp_path: Path) -> None:
    put(tmp_path, old_record("first", state="running", attempts=1))
    put(tmp_path, old_record("deadly", state="running", attempts=2))
    (tmp_path / "serve" / "jobs" / "first" / "poses.keypoints.partial.csv").write_text("half a")
    with web.client_of(tmp_path / "serve", keep_days=0) as client:
        assert web.finished(client, "first")["state"] == "done"
        job = web.finished(client, "deadly")
        assert (job["state"], job["error"]) == (
            "failed",
            "The server has ended twice while it worked on this file.",
        )
    assert "poses.keypoints.partial.csv" not in files_of(tmp_path, "first")


def test_a_job_is_taken_up_again_where_the_server_is_stopped(tmp_path: Path) -> None:
    film = web.make_film(tmp_path, 30, web.SLOW_WH)
    with web.client_of(tmp_path / "serve") as client:
        job = web.upload(client, film).json()
        web.wait_for(client, job["id"], lambda job: job["frames_done"] > 1)
    with web.client_of(tmp_path / "serve") as client:
        assert web.finished(client, job["id"])["state"] == "done"
        people = client.get(f"/api/jobs/{job['id']}/poses").json()["people"]
        assert len(people) == 30


def test_a_folder_is_for_one_server(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from kinetrace.web import Config, create_app\n"
        "create_app(Config(folder=Path(sys.argv[1]))); print('held', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(KinetraceError, match="another server uses"):
            create_app(Config(folder=tmp_path))
        process.kill()
