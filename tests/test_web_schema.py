"""What OpenAPI promises, tried with what nobody would send: no answer is an error of the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
pytest.importorskip("onnx", reason="makes a tiny network")
pytest.importorskip("schemathesis", reason="needs pip install schemathesis")

import httpx2
import schemathesis
import web_server as web
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from serving import serving

from kinetrace import plugins

# What starts a process is tried less often.
MOST = {"POST /api/jobs": 8, "POST /api/jobs/{job_id}/corrections": 8}
LEAST = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def port(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    site = web.install_backend(tmp_path_factory.mktemp("moody"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        with serving(folder) as port:
            yield port


def operations(port: int) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/api/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    # Deleting comes last, so that the others find something.
    return sorted(found, key=lambda operation: operation.method.lower() == "delete")


def test_openapi_tells_of_everything(port: int) -> None:
    told = {operation.label: operation for operation in operations(port)}
    assert {"GET /api/info", "POST /api/jobs", "DELETE /api/jobs/{job_id}"} <= set(told)
    assert len(told) == 11
    for label, operation in told.items():
        assert operation.definition.raw["summary"], label
        assert operation.definition.raw["description"], label


def attempt(operation: Any, known: str, folder: Path) -> set[int]:
    """Try an operation with all sorts of things, also of a job that there is."""
    statuses = set()

    @settings(
        max_examples=MOST.get(operation.label, LEAST),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(),
        is_known=st.booleans(),
        name=st.sampled_from(plugins.names("measures")),
    )
    def try_it(case: Any, is_known: bool, name: str) -> None:
        if is_known and "job_id" in (case.path_parameters or {}):
            case.path_parameters["job_id"] = known
            if "name" in case.path_parameters:
                case.path_parameters["name"] = name
        answer = case.call(timeout=120)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert isinstance(answer.json()["detail"], str)
            assert web.says_no_path(answer.text, folder)
        statuses.add(answer.status_code)

    try_it()
    return statuses


def test_no_request_is_an_error_of_the_server(port: int, folder: Path, tmp_path: Path) -> None:
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        known = web.done(client, web.make_film(tmp_path), measures=["angles"])["id"]
    tried = {each.label: attempt(each, known, folder) for each in operations(port)}
    # It is no trial if all is refused.
    for address in ("", "/poses", "/media", "/download/{what}", "/measures/{name}"):
        assert tried[f"GET /api/jobs/{{job_id}}{address}"] & {200, 206, 422}, address
    assert 200 in tried["GET /api/jobs/{job_id}/measures/{name}"]
    assert 204 in tried["DELETE /api/jobs/{job_id}"]
