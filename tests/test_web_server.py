"""A real server on a real port: what clients send that do not tidy what they send; the command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
pytest.importorskip("uvicorn", reason="needs pip install 'kinetrace[web]'")
pytest.importorskip("onnx", reason="makes a tiny network")

import web_server as web
from serving import serving
from waiting import PATIENCE_S, started, wait_for

TOKEN = "a-token-of-a-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with serving(folder) as port:
        yield port


@pytest.mark.parametrize(
    "address",
    [
        *(
            "/static/../app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e/app.py",
            "/static//etc/passwd",
        ),
        *("/static/....//app.py", "/static/..\\app.py", "/static/%00", "/../../etc/passwd"),
        *("/static/", "/static", "/static/%2fetc%2fpasswd", "/static/x/../../../app.py"),
        *("/api/jobs/..", "/api/jobs/../../etc/passwd", "/api/jobs/%2e%2e%2fjobs.sqlite"),
        *("/api/jobs/..%2f..%2fjobs.sqlite/media", "/api/jobs/.%00/media", "/api/jobs/../media"),
        *("/api/jobs/a/download/../../../jobs.sqlite", "/api/jobs/a/measures/..%2f..%2fgeometry"),
    ],
)
def test_no_way_leads_out(port: int, folder: Path, address: str) -> None:
    status, _, body = web.ask(port, "GET", address)
    assert status in (307, 400, 404, 405, 409, 422), body
    assert b"root:" not in body
    assert b"import" not in body
    assert web.says_no_path(body.decode(), folder)


def test_a_foreign_name_is_refused(port: int) -> None:
    assert web.ask(port, "GET", "/api/jobs", Host=f"evil.example:{port}")[0] == 421
    assert web.ask(port, "GET", "/api/jobs", Host=f"localhost:{port}")[0] == 200
    assert web.ask(port, "DELETE", "/api/jobs/a", Origin="http://evil.example")[0] == 403


def test_nothing_tells_what_the_server_runs_on(port: int) -> None:
    _, headers, _ = web.ask(port, "GET", "/nothing")
    assert "x-powered-by" not in headers


def test_the_token_does_not_lead_to_another_host(tmp_path: Path) -> None:
    with serving(tmp_path, token=TOKEN) as port:
        for path in ("//evil.example/", "/\\evil.example/", "/%2fevil.example/", "/%5cevil"):
            status, headers, _ = web.ask(port, "GET", f"{path}?token={TOKEN}")
            assert status == 303
            assert re.match(r"/[^/\\]", headers["location"]), headers["location"]
        assert web.ask(port, "GET", "/", Cookie=f"kinetrace_token={TOKEN}")[0] == 200
        for wrong in ("kinetrace_token=x", "=;;=", "kinetrace_token", 'kinetrace_token="'):
            assert web.ask(port, "GET", "/", Cookie=wrong)[0] == 401, wrong


def start(
    folder: Path, *flags: str, **variables: str
) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "kinetrace", "serve", "--folder", str(folder), "--no-open"]
    return started([*command, *flags], env=os.environ | variables)


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Kinetrace is at http://"), line + str(process.poll())
    return line.split()[-1]


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def test_ctrl_c_ends_it_and_a_kill_loses_no_job(tmp_path: Path) -> None:
    site = web.install_backend(tmp_path)
    flags = ("--port", "0", "--keep-days", "0")
    with start(tmp_path / "serve", *flags, PYTHONPATH=str(site)) as process:
        address = address_of(process)
        film = web.make_film(tmp_path, 2000, web.SLOW_WH)
        job_id = upload(address, film)
        wait_for(lambda: '"frames_done":0' not in get(f"{address}api/jobs/{job_id}"), "a frame")
        process.kill()
    with start(tmp_path / "serve", *flags, PYTHONPATH=str(site)) as process:
        address = address_of(process)
        wait_for(lambda: "Finding people" in get(f"{address}api/jobs/{job_id}"), "it to go on")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        assert out.splitlines()[-1] == "Stopped."
        assert "Traceback" not in err


def upload(address: str, path: Path) -> str:
    import httpx2

    with path.open("rb") as file:
        answer = httpx2.post(
            f"{address}api/jobs", files={"file": file}, data={"options": '{"backend": "moody"}'}
        )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_others_get_a_token(tmp_path: Path) -> None:
    with start(tmp_path, "--host", "0.0.0.0", "--port", "0") as process:
        address = address_of(process)
        base, token = address.split("?token=")
        assert len(token) >= 32
        local = f"http://127.0.0.1:{base.split(':')[2]}"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(f"{local}api/info")
        request = urllib.request.Request(
            f"{local}api/info", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            assert answer.status == 200
        process.terminate()
        process.wait(timeout=PATIENCE_S)


def test_a_port_that_is_taken_is_told(port: int, tmp_path: Path) -> None:
    with start(tmp_path, "--port", str(port)) as process:
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "choose another --port" in err
    assert len(err.splitlines()) == 1


def printed_by(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return done.stdout.decode()


def test_without_the_extra_it_is_named() -> None:
    script = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from pathlib import Path; from kinetrace.errors import MissingExtraError\n"
        "import kinetrace.web\n"
        "try: kinetrace.web.create_app(kinetrace.web.Config(folder=Path('x')))\n"
        "except MissingExtraError as error: print(error)"
    )
    assert "pip install 'kinetrace[web]'" in printed_by(script)


def test_what_is_not_installed_is_said_to_be_so() -> None:
    script = (
        "import sys; sys.modules['mediapipe'] = None\n"
        "from kinetrace.web.config import Limits; from kinetrace.web.settings import info\n"
        "for each in info(Limits()).backends:\n"
        "    print(each.name, each.available, each.install, each.default_model)"
    )
    told = dict(line.split(" ", 1) for line in printed_by(script).splitlines())
    assert told["mediapipe"] == "False pip install 'kinetrace[mediapipe]' mediapipe-full"
    assert told["hrnet"].startswith("True None hrnet-")


def test_importing_the_package_loads_no_web_code() -> None:
    script = (
        "import sys, kinetrace, kinetrace.cli, kinetrace.cli.serve, kinetrace.web\n"
        "web = ('fastapi', 'starlette', 'uvicorn', 'pydantic', 'websockets', 'kinetrace.web.app')\n"
        "print([name for name in web if name in sys.modules])"
    )
    assert printed_by(script).strip() == "[]"
