"""Who is let in, what is refused, and that no answer tells of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
pytest.importorskip("onnx", reason="makes a tiny network")

import web_server as web
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from kinetrace.web import Config
from kinetrace.web.upload import clean_name
from kinetrace.web.wording import public

TOKEN = "a-token-of-a-test"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return web.install_backend(tmp_path_factory.mktemp("moody"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def client(folder: Path, site: Path) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        limits = {"upload_bytes": 300_000, "duration_s": 20.0, "pixels": 1_000_000}
        with web.client_of(folder, **limits) as client:
            yield client


@pytest.fixture(scope="module")
def job(client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return web.done(client, web.make_film(tmp_path_factory.mktemp("films")))


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    with web.client_of(tmp_path / "serve", token=TOKEN, host="0.0.0.0") as client:
        yield client


def test_a_foreign_name_is_refused(client: TestClient) -> None:
    """DNS rebinding: the name of a web page is made to point at this machine."""
    for host in (
        *("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example"),
        *(
            "",
            "10.0.0.7:8765",
            "127.0.0.1:8765@evil.example",
            "evil.example#127.0.0.1",
            "127.0.0.1:x",
        ),
    ):
        answer = client.get("/api/jobs", headers={"host": host})
        assert answer.status_code == 421, host
    for host in ("localhost", "127.0.0.1:8765", "[::1]:8765", "LocalHost:1"):
        assert client.get("/api/jobs", headers={"host": host}).status_code == 200, host


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "http://evil.example",
            "null",
            "http://127.0.0.1:1",
            "file://",
            "http://[",
            "http://[::1",
            "",
        ),
        *("http://127.0.0.1:8765.evil.example", "http://127.0.0.1:8765/x", "127.0.0.1:8765"),
    ],
)
def test_another_page_is_refused(client: TestClient, job: dict[str, Any], origin: str) -> None:
    headers = {"origin": origin}
    address = f"/api/jobs/{job['id']}"
    assert client.delete(address, headers=headers).status_code == 403
    assert client.post("/api/jobs", headers=headers, files={"file": b"x"}).status_code == 403
    assert client.get(address, headers=headers).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/api/live", headers=headers | {"host": "127.0.0.1:8765"}),
    ):
        pass
    assert client.get(address).status_code == 200


def test_another_page_can_neither_show_nor_frame_what_is_here(
    client: TestClient, job: dict[str, Any]
) -> None:
    def status(address: str, site: str, mode: str) -> int:
        headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
        return client.get(address, headers=headers).status_code

    media = f"/api/jobs/{job['id']}/media"
    assert status(media, "cross-site", "no-cors") == 403
    assert status(media, "cross-site", "navigate") == 403
    assert status(media, "same-site", "no-cors") == 403  # another port of this machine
    assert status(media, "same-origin", "no-cors") == 200
    assert status("/", "cross-site", "navigate") == 200  # a link
    assert status("/static/style.css", "cross-site", "no-cors") == 403


def test_a_foreign_websocket_is_refused_and_our_own_is_not(client: TestClient) -> None:
    own = {"origin": web.BASE, "host": "127.0.0.1:8765"}
    with client.websocket_connect("/api/live", headers=own) as connection:
        connection.send_text("this is no JSON")
        assert "detail" in connection.receive_json()
    for wrong in ({"host": "evil.example", "origin": "http://evil.example"},):
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/api/live", headers=wrong),
        ):
            pass


def test_headers_are_strict_everywhere(client: TestClient, job: dict[str, Any]) -> None:
    for address in (
        "/",
        "/api/info",
        "/nothing",
        f"/api/jobs/{job['id']}/media",
        "/static/style.css",
    ):
        headers = client.get(address).headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=(self)" in headers["permissions-policy"]
        assert "access-control-allow-origin" not in headers
    refused = client.get("/", headers={"host": "evil.example"})
    assert "content-security-policy" in refused.headers


@pytest.mark.parametrize("what", ["../../../jobs.sqlite", "..%2fsource.mp4", "source.mp4", "poses"])
def test_only_what_is_offered_can_be_downloaded(
    client: TestClient, job: dict[str, Any], what: str
) -> None:
    answer = client.get(f"/api/jobs/{job['id']}/download/{what}")
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/cron.d/evil.mp4", "evil.mp4"),
        ("C:\\Users\\me\\walk.mp4", "walk.mp4"),
        ("walk\r\nSet-Cookie: a=b.mp4", "walkSet-Cookie: a=b.mp4"),
        ("evil\u202e4pm.exe", "evil4pm.exe"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("x" * 500 + ".mp4", "x" * 120),
        ("Bewegung \u00fcben.mp4", "Bewegung \u00fcben.mp4"),
    ],
)
def test_names_are_for_people_only(name: str, shown: str) -> None:
    assert clean_name(name) == shown


def test_a_name_cannot_leave_its_folder(client: TestClient, folder: Path, tmp_path: Path) -> None:
    film = web.make_film(tmp_path)
    job = web.finished(
        client, web.upload(client, film, name='../../..";evil\r\nx: y/<b>&.mp4').json()["id"]
    )
    assert job["state"] == "done"
    assert {path.name for path in (folder / "jobs" / job["id"]).iterdir()} >= {"source.mp4"}
    assert not list(folder.glob("*evil*"))
    header = client.get(f"/api/jobs/{job['id']}/download/csv").headers["content-disposition"]
    assert header.startswith("attachment")
    assert "\n" not in header


def send(client: TestClient, data: bytes, name: str = "film.mp4", **more: Any) -> Any:
    return client.post("/api/jobs", files={"file": (name, data)}, data=more)


def test_what_is_no_film_is_refused(client: TestClient, folder: Path, tmp_path: Path) -> None:
    whole = web.make_film(tmp_path).read_bytes()
    bad = {
        "text": b"this is only text\n" * 100,
        "page": b"<html><script>alert(1)</script></html>",
        "a list of a server's files": b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        "another list": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "a list in disguise": b'GIF89a<MPD profiles="urn:mpeg:dash:profile:isoff-live:2011">',
        "cut": whole[: len(whole) // 3],
        "only its beginning": whole[:40],
        "noise in a film": whole[:40] + bytes(range(256)) * 40,
        "broken picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        "zip": b"PK\x03\x04" + b"\0" * 100,
    }
    before = sorted(folder.rglob("*"))
    for what, data in bad.items():
        answer = send(client, data)
        assert answer.status_code == 422, what
        detail = answer.json()["detail"]
        assert detail.endswith("."), what
        assert web.says_no_path(detail, folder), what
        assert "incoming" not in detail, what
    assert send(client, b"").status_code == 422
    assert sorted(folder.rglob("*")) == before


def test_too_much_is_refused(client: TestClient, folder: Path, tmp_path: Path) -> None:
    before = sorted(folder.rglob("*"))
    announced = send(client, b"\0" * 500_000)
    assert announced.status_code == 413

    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        for _ in range(1000):
            yield b"\0" * 10_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    unannounced = client.post("/api/jobs", content=endless(), headers=headers)
    assert unannounced.status_code == 413
    assert "MB are allowed" in unannounced.json()["detail"]
    body = json.dumps({"corrections": "x" * 3_000_000})
    assert client.post("/api/jobs/a/corrections", content=body).status_code == 413
    long = web.write_film(tmp_path / "long.mp4", [0, 30_000])
    assert "long" in send(client, long.read_bytes()).json()["detail"]
    large = web.make_film(tmp_path, 2, (1280, 960))
    assert "megapixels" in send(client, large.read_bytes()).json()["detail"]
    assert sorted(folder.rglob("*")) == before


def test_a_small_file_that_becomes_a_huge_picture_is_refused(client: TestClient) -> None:
    from io import BytesIO

    from PIL import Image

    data = BytesIO()
    Image.new("1", (20_000, 20_000)).save(data, "PNG")
    assert len(data.getvalue()) < 300_000
    answer = send(client, data.getvalue(), "bomb.png")
    assert answer.status_code == 422
    assert "smaller" in answer.json()["detail"]


@pytest.mark.parametrize(
    "options",
    [
        *(
            "[]",
            "null",
            "3",
            '"text"',
            "{",
            "{} {}",
            '{"unknown": 1}',
            "\ud800".encode("utf-8", "replace"),
        ),
        *('{"backend": 3}', '{"backend": "../x"}', '{"backend": "_landmarker"}'),
        *('{"model": "/etc/passwd"}', '{"model": "moody.onnx"}', '{"max_people": 0}'),
        *('{"max_people": "3"}', '{"max_people": true}', '{"max_people": 1e99}'),
        *('{"smooth": "much"}', '{"measures": "angles"}', '{"measures": ["nothing"]}'),
        *('{"measures": [[]]}', '{"blur_faces": "yes"}', '{"blur_faces": 1}'),
        "[" * 10_000,
        '{"backend": "' + "x" * 30_000 + '"}',
    ],
)
def test_options_that_make_no_sense_are_refused(
    client: TestClient, tmp_path: Path, options: str
) -> None:
    answer = send(client, web.make_film(tmp_path).read_bytes(), options=options)
    assert answer.status_code == 422, answer.text
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"", 415),
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-type": "multipart/form-data"}, b"x", 415),
        ({"content-type": "multipart/form-data; boundary=x"}, b"no form", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\n", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--\r\n", 422),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--x--\r\n',
            422,
        ),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b"--x\r\n" + b"a" * 50_000 + b": b\r\n\r\nx\r\n--x--\r\n",
            400,
        ),
    ],
)
def test_forms_that_are_none_are_refused(
    client: TestClient, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = client.post("/api/jobs", headers=headers, content=body)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    "query",
    [
        *("exercise=nothing", "exercise=", "min_score=nan", "min_score=1e300", "min_score=x"),
        *("example=/etc/passwd", "example=source.mp4", "unknown=1", "min_score=-inf"),
    ],
)
def test_measures_take_no_paths_and_no_nonsense(
    client: TestClient, job: dict[str, Any], folder: Path, query: str
) -> None:
    answer = client.get(f"/api/jobs/{job['id']}/measures/repetitions?{query}")
    assert answer.status_code == 422
    assert web.says_no_path(answer.text, folder)
    model = client.get(f"/api/jobs/{job['id']}/measures/actions?model=/etc/passwd")
    assert model.status_code == 422
    for name in ("nothing", "_points", "__init__", "%2e%2e"):
        assert client.get(f"/api/jobs/{job['id']}/measures/{name}").status_code in (404, 422)


def test_a_token_is_needed_where_others_can_come(guarded: TestClient, tmp_path: Path) -> None:
    for address in ("/", "/live", "/static/style.css", "/api/info", "/api/jobs"):
        answer = guarded.get(address)
        assert answer.status_code == 401, address
        assert "token" in answer.json()["detail"]
    with pytest.raises(WebSocketDisconnect), guarded.websocket_connect("/api/live"):
        pass
    for wrong in ("Bearer wrong", "Bearer", TOKEN, f"Basic {TOKEN}", "Bearer \u00e9"):
        headers = {"authorization": wrong.encode()}
        assert guarded.get("/api/info", headers=headers).status_code == 401, wrong
    assert guarded.get("/api/info?token=" + TOKEN).status_code == 401
    assert guarded.get("/?token=wrong").status_code == 401
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert guarded.get("/api/info", headers=bearer).status_code == 200


def test_the_token_in_the_address_becomes_a_cookie(guarded: TestClient) -> None:
    answer = guarded.get(f"/compare?token={TOKEN}&a=b")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/compare?a=b"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.get("/api/info").status_code == 200


def test_with_a_token_numbers_are_names_and_foreign_names_are_not(guarded: TestClient) -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    for host, status in (("192.168.1.7:8765", 200), ("evil.example", 421)):
        assert guarded.get("/api/info", headers=bearer | {"host": host}).status_code == status


def test_others_without_a_token_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="token"):
        Config(folder=tmp_path, host="0.0.0.0")


def test_what_is_kept_is_for_its_owner(client: TestClient, folder: Path) -> None:
    for path in (folder / "jobs", folder / "jobs.sqlite", *(folder / "jobs").iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/jobs/a1/source.mp4 is cut short: 3 frames/s", "walk.mp4 is cut short: 3 frames/s"),
        ("cannot write /root/.cache/x/y.onnx: full", "cannot write (a file of the server): full"),
        ("see C:\\Users\\me\\x.onnx", "see (a file of the server)"),
        ("get it from https://example.org/a/b.zip", "get it from https://example.org/a/b.zip"),
        ("squats and/or lunges", "squats and/or lunges"),
    ],
)
def test_errors_tell_no_paths(text: str, shown: str) -> None:
    assert public(text, file=Path("/data/jobs/a1/source.mp4"), name="walk.mp4") == shown
