"""A server for tests, and a backend whose moods go by the size of a film."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import waiting
from film import write_film
from starlette.testclient import TestClient
from tiny_networks import write_brightness_network

from kinetrace.web import Config, create_app
from kinetrace.web.config import Limits

BASE = "http://127.0.0.1:8765"

HEALTHY_WH = (96, 64)
SLOW_WH = (160, 64)  # 50 ms a frame
DEADLY_WH = (128, 64)  # kills the process that looks at it
FAULTY_WH = (208, 64)  # raises what is no error of Kinetrace's
HUNGRY_WH = (224, 64)  # takes memory until it is stopped

_BACKEND = """
import dataclasses
import os
import signal
import time

from kinetrace.backends import hrnet

MODELS = ("tiny",)


def load(options):
    return Moody(dataclasses.replace(options, model={network!r}, detector="whole", device="cpu"))


class Moody(hrnet.HRNetPose):
    def __call__(self, frames):
        width, _ = frames[0].size_wh
        if width == 160:
            time.sleep(0.05 * len(frames))
        if width == 128:
            os.kill(os.getpid(), signal.SIGKILL)
        if width == 208:
            raise ZeroDivisionError("it does not like /home/somebody/this.mp4")
        hoard = []
        while width == 224:
            hoard.append(b"x" * 50_000_000)
            time.sleep(0.1)
        return super().__call__(frames)
"""


def install_backend(folder: Path) -> Path:
    """Make a package with the backend ``moody``; return what is to be put on the path."""
    site = folder / "site"
    info = site / "moody-1.0.dist-info"
    info.mkdir(parents=True)
    network = write_brightness_network(folder / "tiny.onnx")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kinetrace.backends]\nmoody = moody_of_the_web\n")
    (site / "moody_of_the_web.py").write_text(_BACKEND.format(network=str(network)))
    return site


def make_film(folder: Path, frames: int = 6, size_wh: tuple[int, int] = HEALTHY_WH) -> Path:
    """Write a film of 25 frames a second that a browser plays as it is."""
    path = folder / f"film{frames}-{size_wh[0]}.mp4"
    return write_film(path, [i * 40 for i in range(frames)], size_wh=size_wh)


@contextmanager
def client_of(
    folder: Path, *, token: str | None = None, host: str = "127.0.0.1", **limits: Any
) -> Iterator[TestClient]:
    """Start a server in this process, and yield who talks to it."""
    config = Config(folder=folder, token=token, host=host, limits=Limits(**limits))
    with TestClient(create_app(config), base_url=BASE, follow_redirects=False) as client:
        yield client


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request as it is: no client tidies the path. Return status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=waiting.PATIENCE_S)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def upload(client: TestClient, path: Path, *, name: str | None = None, **options: Any) -> Any:
    """Upload a file, for the backend ``moody`` unless told otherwise; return the response."""
    with path.open("rb") as file:
        return client.post(
            "/api/jobs",
            files={"file": (name or path.name, file, "application/octet-stream")},
            data={"options": json.dumps({"backend": "moody"} | options)},
        )


def finished(client: TestClient, job_id: str) -> dict[str, Any]:
    """Wait until a job is over."""
    return wait_for(client, job_id, lambda job: job["state"] not in ("queued", "running"))


def wait_for(
    client: TestClient, job_id: str, is_so: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Wait until something is true of a job."""

    def found() -> dict[str, Any]:
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
        assert is_so(job), job
        return job

    return waiting.wait_for(found, f"job {job_id}", excused=(AssertionError,))


def done(client: TestClient, path: Path, **options: Any) -> dict[str, Any]:
    """Upload a file, wait for its job, and see that it has gone well."""
    answer = upload(client, path, **options)
    assert answer.status_code == 201, answer.text
    job = finished(client, answer.json()["id"])
    assert job["state"] == "done", job["error"]
    return job


def says_no_path(text: str, folder: Path) -> bool:
    """Tell whether an answer is free of the server's paths and of tracebacks."""
    return str(folder) not in text and "Traceback" not in text and "/home/" not in text
