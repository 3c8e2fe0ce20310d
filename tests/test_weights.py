"""Model files from a path, the cache and the network: the network is a server on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waiting import PATIENCE_S, started, wait_for

from kinetrace import skeletons, weights
from kinetrace.errors import WeightsError
from kinetrace.weights import _cache, _download, catalog
from kinetrace.weights.catalog import Archive, Model, ModelFile, Url

CONTENT = bytes(range(256)) * 400
NOT_A_PORT = "http://127.0.0.1:9/model.onnx"  # the discard port: nothing listens there


@dataclass
class Server:
    """What it serves, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event | None = None
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server()) as state:
        yield state


@contextlib.contextmanager
def running(state: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, state)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield state
    finally:
        if state.gate:
            state.gate.set()
        http.shutdown()
        thread.join()
        http.server_close()


def answer(handler: BaseHTTPRequestHandler, state: Server) -> None:
    asked_range = handler.headers.get("Range")
    state.asked.append((handler.path, asked_range))
    data = state.files.get(handler.path)
    if data is None:
        handler.send_error(404)
        return
    start = 0
    if asked_range and state.ranges:
        start = int(asked_range.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            handler.send_error(416)
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(len(data) - start))
    handler.end_headers()
    end = state.cuts.pop(0) if state.cuts else len(data)
    with contextlib.suppress(ConnectionError):  # the client may have been killed
        if state.gate:
            half = (start + len(data)) // 2
            handler.wfile.write(data[start:half])
            state.arrived.set()
            state.gate.wait()
            start = half
        handler.wfile.write(data[start:end])


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def model_of(data: bytes, *sources: str | Archive, digits: int = 64) -> Model:
    return Model(
        name="demo",
        task="pose",
        backend="hrnet",
        license="CC0-1.0",
        file=ModelFile(name="demo.onnx", sha256=sha256(data)[:digits], size_bytes=len(data)),
        sources=tuple(Url(s) if isinstance(s, str) else s for s in sources),
        input_size_wh=(192, 256),
        decode="default",
    )


def cache_path(model: Model, cache_dir: Path) -> Path:
    return weights.cache_folder(cache_dir) / model.file.cache_name


# The network


def test_a_file_is_fetched_once_and_then_comes_from_the_cache(
    server: Server, tmp_path: Path
) -> None:
    server.files["/a"] = CONTENT
    model = model_of(CONTENT, f"{server.url}/a")
    first = weights.fetch(model, cache_dir=tmp_path)
    again = weights.fetch(model, cache_dir=tmp_path)
    assert first.path.read_bytes() == CONTENT
    assert first.path == cache_path(model, tmp_path)
    assert first == again
    assert first.describe() == {
        "model": "demo",
        "sha256": {first.path.name: sha256(CONTENT)},
    }
    assert server.asked == [("/a", None)]
    assert not list(tmp_path.rglob("*.part"))


def test_the_first_digits_of_a_hash_are_checked_where_no_more_are_known(
    server: Server, tmp_path: Path
) -> None:
    server.files["/a"] = CONTENT
    found = weights.fetch(model_of(CONTENT, f"{server.url}/a", digits=8), cache_dir=tmp_path)
    assert found.sha256 == sha256(CONTENT)
    with pytest.raises(WeightsError, match="starting " + sha256(b"other")[:8]):
        weights.fetch(model_of(b"other", f"{server.url}/a", digits=8), cache_dir=tmp_path)


def test_a_file_with_the_wrong_hash_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = b"<html>log in to the network</html>"
    model = model_of(CONTENT, f"{server.url}/a")
    with pytest.raises(WeightsError) as caught:
        weights.fetch(model, cache_dir=tmp_path)
    assert sha256(server.files["/a"]) in str(caught.value)
    assert sha256(CONTENT) in str(caught.value)
    left = [p.name for p in weights.cache_folder(tmp_path).iterdir() if p.suffix != ".lock"]
    assert left == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(min_size=1, max_size=2000),
    cuts=st.lists(st.integers(0, 2000), max_size=3),
    ranges=st.booleans(),
)
def test_wherever_the_connection_is_cut_the_file_comes_out_right(
    server: Server, data: bytes, cuts: list[int], *, ranges: bool
) -> None:
    server.files["/a"] = data
    server.ranges = ranges
    with tempfile.TemporaryDirectory() as folder:
        model = model_of(data, f"{server.url}/a")
        server.cuts = list(cuts)
        for _ in range(len(cuts) + 1):  # who is cut off without progress calls again
            try:
                found = weights.fetch(model, cache_dir=folder)
                break
            except WeightsError as error:
                assert "the connection was cut" in str(error)  # noqa: PT017
        assert found.path.read_bytes() == data


def test_a_cut_connection_goes_on_where_it_ended(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.cuts = [5000, 70000]
    found = weights.fetch(model_of(CONTENT, f"{server.url}/a"), cache_dir=tmp_path)
    assert found.path.read_bytes() == CONTENT
    assert server.asked == [("/a", None), ("/a", "bytes=5000-"), ("/a", "bytes=70000-")]


def test_what_an_earlier_run_left_is_used(server: Server, tmp_path: Path) -> None:
    model = model_of(CONTENT, f"{server.url}/a")
    part = cache_path(model, tmp_path).with_name(f"{model.file.cache_name}.part")
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1234])
    server.files["/a"] = CONTENT
    weights.fetch(model, cache_dir=tmp_path)
    assert server.asked == [("/a", "bytes=1234-")]
    assert not part.exists()


@pytest.mark.parametrize("left", [b"of another file" * 9, CONTENT + b"too long", CONTENT])
def test_what_an_earlier_run_left_of_another_file_is_dropped(
    server: Server, tmp_path: Path, left: bytes
) -> None:
    model = model_of(CONTENT, f"{server.url}/a")
    part = cache_path(model, tmp_path).with_name(f"{model.file.cache_name}.part")
    part.parent.mkdir()
    part.write_bytes(left)
    server.files["/a"] = CONTENT
    assert weights.fetch(model, cache_dir=tmp_path).path.read_bytes() == CONTENT
    assert server.asked[-1] == ("/a", None)


def test_a_server_without_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.ranges = False
    server.cuts = [5000]
    found = weights.fetch(model_of(CONTENT, f"{server.url}/a"), cache_dir=tmp_path)
    assert found.path.read_bytes() == CONTENT
    assert server.asked == [("/a", None), ("/a", "bytes=5000-")]


def test_the_mirror_serves_where_the_first_address_does_not(server: Server, tmp_path: Path) -> None:
    server.files["/mirror"] = CONTENT
    model = model_of(CONTENT, NOT_A_PORT, f"{server.url}/gone", f"{server.url}/mirror")
    assert weights.fetch(model, cache_dir=tmp_path).path.read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["/gone", "/mirror"]


def test_an_offline_error_lists_what_was_tried_and_what_to_do(
    server: Server, tmp_path: Path
) -> None:
    model = model_of(CONTENT, NOT_A_PORT, f"{server.url}/gone", "https://nothing.invalid/a")
    with pytest.raises(WeightsError) as caught:
        weights.fetch(model, cache_dir=tmp_path)
    text = str(caught.value)
    for line in (
        f"{NOT_A_PORT}: Connection refused",
        f"{server.url}/gone: HTTP 404 Not Found",
        "https://nothing.invalid/a: ",
        f"sha256 {sha256(CONTENT)}",
        f"put it at {cache_path(model, tmp_path)}",
        "--model PATH",
    ):
        assert line in text


@contextlib.contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """Give an address that answers nothing, not even with a refusal."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # a full queue drops whoever else comes
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()


needs_black_hole = pytest.mark.skipif(
    sys.platform != "linux", reason="what a full queue does is the system's affair"
)


@needs_black_hole
def test_a_host_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_download, "CONNECT_TIMEOUT_S", 0.3)
    with black_hole() as (host, port), pytest.raises(WeightsError, match="no connection within"):
        weights.fetch(model_of(CONTENT, f"http://{host}:{port}/a"), cache_dir=tmp_path)


@needs_black_hole
def test_a_dead_first_address_does_not_take_the_others_turn(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a"] = CONTENT
    monkeypatch.setattr(_download, "CONNECT_TIMEOUT_S", 1.0)
    with black_hole() as dead:
        alive = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))

        def both(*_: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in (dead, alive)]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        found = weights.fetch(model_of(CONTENT, "http://two.invalid/a"), cache_dir=tmp_path)
    assert found.path.read_bytes() == CONTENT


def test_addresses_of_two_families_take_turns() -> None:
    six, four = (socket.AF_INET6, "six"), (socket.AF_INET, "four")
    mixed = _download._alternate([six, six, six, four, four])
    assert mixed == [six, four, six, six, four]
    assert _download._alternate([four, four]) == [four, four]


def test_a_server_that_falls_silent_is_given_up_and_its_bytes_are_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_download, "STALL_TIMEOUT_S", 0.2)
    monkeypatch.setattr(_download, "_MAX_ATTEMPTS", 1)
    server.files["/a"] = CONTENT
    server.gate = threading.Event()
    threading.Timer(2.0, server.gate.set).start()  # who is more patient gets the rest
    half = len(CONTENT) // 2
    with pytest.raises(WeightsError, match=rf"nothing came for 0.2 s; {half} bytes are kept"):
        weights.fetch(model_of(CONTENT, f"{server.url}/a"), cache_dir=tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "no address", "ftp://127.0.0.1/a"])
def test_an_address_that_is_none_is_a_reason_not_a_crash(tmp_path: Path, url: str) -> None:
    with pytest.raises(WeightsError, match="Tried:"):
        weights.fetch(model_of(CONTENT, url), cache_dir=tmp_path)


# Several processes

FETCH = """
import sys
from kinetrace import weights
from kinetrace.weights.catalog import Model, ModelFile, Url
url, sha256, folder = sys.argv[1:]
model = Model(name="demo", task="pose", backend="hrnet", license="CC0-1.0",
              file=ModelFile(name="demo.onnx", sha256=sha256), sources=(Url(url),),
              input_size_wh=(192, 256))
print(weights.fetch(model, cache_dir=folder).sha256)
"""


def start_fetch(
    url: str, data: bytes, folder: Path
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    return started([sys.executable, "-c", FETCH, url, sha256(data), str(folder)])


def test_two_processes_at_once_download_once(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.gate = threading.Event()
    with start_fetch(f"{server.url}/a", CONTENT, tmp_path) as first:
        assert server.arrived.wait(PATIENCE_S)
        with start_fetch(f"{server.url}/a", CONTENT, tmp_path) as second:
            assert second.stderr
            assert "another process is fetching demo" in second.stderr.readline()
            server.gate.set()
            outputs = [
                process.communicate(timeout=PATIENCE_S)[0].strip() for process in (first, second)
            ]
    assert outputs == [sha256(CONTENT)] * 2
    assert server.asked == [("/a", None)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_its_place_and_its_bytes_to_the_next(
    server: Server, tmp_path: Path
) -> None:
    data = os.urandom(4_000_000)
    server.files["/a"] = data
    server.gate = threading.Event()
    folder = weights.cache_folder(tmp_path)
    with start_fetch(f"{server.url}/a", data, tmp_path) as first:
        assert server.arrived.wait(PATIENCE_S)
        with start_fetch(f"{server.url}/a", data, tmp_path) as second:
            assert second.stderr
            second.stderr.readline()  # it waits now
            wait_for(
                lambda: any(part.stat().st_size for part in folder.glob("*.part")), "some bytes"
            )
            first.send_signal(signal.SIGKILL)
            first.communicate(timeout=PATIENCE_S)
            server.gate.set()
            output, _ = second.communicate(timeout=PATIENCE_S)
    assert output.strip() == sha256(data)
    asked = [asked_range for _, asked_range in server.asked]
    assert asked[0] is None
    assert asked[1] is not None


# The cache


def test_the_environment_variable_names_the_cache(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINETRACE_CACHE", str(tmp_path / "mine"))
    server.files["/a"] = CONTENT
    found = weights.fetch(model_of(CONTENT, f"{server.url}/a"))
    assert found.path.is_relative_to(tmp_path / "mine")
    assert weights.cache_folder(tmp_path / "flag").is_relative_to(tmp_path / "flag")


def test_without_it_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINETRACE_CACHE", "")
    assert "kinetrace" in weights.cache_folder().parts


def test_a_damaged_file_is_set_aside_and_fetched_again(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.files["/a"] = CONTENT
    model = model_of(CONTENT, f"{server.url}/a")
    path = weights.fetch(model, cache_dir=tmp_path).path
    damaged = CONTENT[:-1] + b"?"
    path.write_bytes(damaged)
    assert weights.status(model, cache_dir=tmp_path).state == "damaged"
    with pytest.raises(WeightsError, match=f"wrong sha256 .{sha256(damaged)}"):
        weights.verify(model, cache_dir=tmp_path)

    assert weights.fetch(model, cache_dir=tmp_path).path.read_bytes() == CONTENT
    assert path.with_name(f"{path.name}.wrong").read_bytes() == damaged
    assert "has the wrong sha256" in caplog.text
    assert weights.status(model, cache_dir=tmp_path).state == "verified"


def test_a_damaged_file_is_not_used_for_want_of_a_better_one(tmp_path: Path) -> None:
    model = model_of(CONTENT, NOT_A_PORT)
    path = cache_path(model, tmp_path)
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="could not be had"):
        weights.fetch(model, cache_dir=tmp_path)


def test_a_file_put_there_by_hand_is_found_without_the_network(tmp_path: Path) -> None:
    model = model_of(CONTENT, NOT_A_PORT)
    path = cache_path(model, tmp_path)
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert weights.fetch(model, cache_dir=tmp_path).path == path
    assert weights.verify(model, cache_dir=tmp_path).sha256 == sha256(CONTENT)
    found = weights.status(model, cache_dir=tmp_path)
    assert (found.state, found.paths, found.size_bytes) == ("verified", (path,), len(CONTENT))


def test_verify_does_not_download(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    model = model_of(CONTENT, f"{server.url}/a")
    with pytest.raises(WeightsError, match="not in the cache"):
        weights.verify(model, cache_dir=tmp_path)
    assert weights.status(model, cache_dir=tmp_path).state == "missing"
    assert server.asked == []


def test_cached_lists_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(CONTENT)
    monkeypatch.setattr(catalog, "MODELS", (*catalog.MODELS, model))
    packaged = [each.name for each in catalog.MODELS if each.is_packaged]
    assert [each.model.name for each in weights.cached(cache_dir=tmp_path)] == packaged
    path = cache_path(model, tmp_path)
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    listed = [each.model.name for each in weights.cached(cache_dir=tmp_path)]
    assert listed == [*packaged, "demo"]


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Work as a user who is not root, for whom permissions count."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_cache_that_cannot_be_written_is_said_to_be_so(server: Server) -> None:
    server.files["/a"] = CONTENT
    model = model_of(CONTENT, f"{server.url}/a")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        with unprivileged(), pytest.raises(WeightsError) as caught:
            weights.fetch(model, cache_dir=name)
    for part in ("Permission denied", name, "KINETRACE_CACHE", "--model"):
        assert part in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_cache_serves_what_it_holds() -> None:
    model = model_of(CONTENT, NOT_A_PORT)
    with tempfile.TemporaryDirectory() as name:
        path = cache_path(model, Path(name))
        path.parent.mkdir()
        path.write_bytes(CONTENT)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        Path(name).chmod(0o555)
        with unprivileged():
            assert weights.fetch(model, cache_dir=name).path == path


def test_a_cache_below_a_file_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="cannot be kept in the cache"):
        weights.fetch(model_of(CONTENT, NOT_A_PORT), cache_dir=tmp_path / "file")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk_is_said_to_be_so(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + FETCH, f"{server.url}/a", sha256(CONTENT), tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "WeightsError: demo cannot be kept in the cache" in done.stderr
    assert "File too large" in done.stderr


# A path, a name


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(CONTENT)
    for given_path in (path, str(path)):
        found = weights.fetch(given_path)
        assert (found.name, found.path, found.sha256) == ("mine.pth", path, sha256(CONTENT))
        assert found.model is None


def test_a_copy_of_a_known_file_is_recognised_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MODELS", (model_of(CONTENT),))
    path = tmp_path / "renamed.bin"
    path.write_bytes(CONTENT)
    found = weights.fetch(path)
    assert (found.name, found.model) == ("demo", model_of(CONTENT))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("tinypose_256x192.onnx", "tinypose-256x192"),
        ("rtmdet_nano_person_320.onnx", "rtmdet-nano-person"),
    ],
)
def test_the_sample_models_are_recognised(shared: Path, file: str, name: str) -> None:
    found = weights.fetch(shared / "models" / file)
    assert found.name == name
    assert found.model is not None


def test_a_path_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    for path, reason in (
        (tmp_path / "none.onnx", "there is no model file"),
        (tmp_path, "is a folder"),
        (tmp_path / "empty.onnx", "is empty"),
    ):
        with pytest.raises(WeightsError, match=reason):
            weights.fetch(path)
        with pytest.raises(WeightsError, match=reason):
            weights.fetch(str(path))


def test_a_wrong_name_is_answered_with_those_like_it() -> None:
    with pytest.raises(WeightsError, match="mediapipe-full"):
        weights.fetch("mediapipe-ful")
    with pytest.raises(WeightsError, match="hrnet-w32-256x192"):
        weights.status("hrnet-w32")


def test_a_file_that_changes_under_our_hands_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "mine.task"
    path.write_bytes(CONTENT)
    found = weights.fetch(path)
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match="was changed"):
        weights.task_bundle(found)


def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.task"
    path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match=r"is not a MediaPipe \.task bundle"):
        weights.task_bundle(path)


# Archives: a zip at an address, a wheel by pip, a tarball by npm


def zip_of(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


def test_a_file_is_taken_out_of_a_zip(server: Server, tmp_path: Path) -> None:
    server.files["/models.zip"] = zip_of({"a/end2end.onnx": CONTENT, "../evil": b"evil"})
    file = model_of(CONTENT).file
    archive = Archive(
        kind="url", locator=f"{server.url}/models.zip", members=(("a/end2end.onnx", file),)
    )
    server.cuts = [100]
    found = weights.fetch(model_of(CONTENT, archive), cache_dir=tmp_path)
    assert found.path.read_bytes() == CONTENT
    assert len(server.asked) == 2
    kept = {p.suffix for p in weights.cache_folder(tmp_path).iterdir()}
    assert kept == {".onnx", ".lock"}
    assert not list(tmp_path.parent.rglob("evil"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK but not a zip", "no whole archive"),
        (zip_of({"b.onnx": CONTENT}), r"does not carry a\.onnx"),
        (zip_of({"a.onnx": b"other"}), f"has the sha256 {sha256(b'other')}"),
    ],
)
def test_a_zip_that_is_not_right_is_a_reason(
    server: Server, tmp_path: Path, content: bytes, reason: str
) -> None:
    server.files["/models.zip"] = content
    archive = Archive(
        kind="url",
        locator=f"{server.url}/models.zip",
        members=(("a.onnx", model_of(CONTENT).file),),
    )
    with pytest.raises(WeightsError, match=reason):
        weights.fetch(model_of(CONTENT, archive), cache_dir=tmp_path)
    assert [p.suffix for p in weights.cache_folder(tmp_path).iterdir()] == [".lock"]


PIECES = {"one.tflite": b"detector" * 100, "two.tflite": b"landmarks" * 100}


def archive_of(kind: catalog.ArchiveKind, locator: str, folder: str) -> Archive:
    members = tuple(
        (f"{folder}/{name}", ModelFile(name=name, sha256=sha256(data)))
        for name, data in PIECES.items()
    )
    return Archive(kind=kind, locator=locator, members=members)


def test_pip_brings_a_wheel_from_wherever_the_user_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = "kinetrace_demo_models-1.0.dist-info"
    wheel = {f"models/{name}": data for name, data in PIECES.items()}
    wheel[f"{info}/METADATA"] = (
        b"Metadata-Version: 2.1\nName: kinetrace-demo-models\nVersion: 1.0\n"
    )
    wheel[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    wheel[f"{info}/RECORD"] = b""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    file = wheels / "kinetrace_demo_models-1.0-py3-none-any.whl"
    file.write_bytes(zip_of(wheel))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    archive = archive_of("pypi", "kinetrace-demo-models==1.0", "models")
    model = model_of(CONTENT, NOT_A_PORT, archive)

    found = weights.fetch(model, cache_dir=tmp_path / "cache")
    assert [piece.read_bytes() for piece in found.files] == list(PIECES.values())
    assert found.describe()["sha256"].keys() == {f.cache_name for f in archive.files}
    with pytest.raises(ValueError, match="2 files"):
        _ = found.path

    shutil.rmtree(wheels)  # the pieces are in the cache now
    assert weights.fetch(model, cache_dir=tmp_path / "cache") == found
    with pytest.raises(WeightsError, match="pip download kinetrace-demo-models==1.0: ERROR"):
        weights.fetch(model, cache_dir=tmp_path / "other")


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_brings_a_tarball_from_wherever_the_user_has_set(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tarball = io.BytesIO()
    with tarfile.open(fileobj=tarball, mode="w:gz") as tar:
        package = {"package.json": b'{"name": "demo-models", "version": "1.0.0"}', **PIECES}
        for name, data in package.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    url = f"{server.url}/demo-models-1.0.0.tgz"
    digest = hashlib.sha1(tarball.getvalue()).hexdigest()
    version = {
        "name": "demo-models",
        "version": "1.0.0",
        "dist": {"tarball": url, "shasum": digest},
    }
    known = {
        "name": "demo-models",
        "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": version},
    }
    server.files["/demo-models"] = json.dumps(known).encode()
    server.files["/demo-models-1.0.0.tgz"] = tarball.getvalue()
    monkeypatch.setenv("npm_config_registry", server.url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    model = model_of(CONTENT, archive_of("npm", "demo-models@1.0.0", "package"))

    found = weights.fetch(model, cache_dir=tmp_path / "cache")
    assert [piece.read_bytes() for piece in found.files] == list(PIECES.values())
    unknown = model_of(CONTENT, archive_of("npm", "other-models@1.0.0", "package"))
    with pytest.raises(WeightsError, match=r"npm pack other-models@1\.0\.0: .*404"):
        weights.fetch(unknown, cache_dir=tmp_path / "other")


def test_without_npm_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    model = model_of(CONTENT, archive_of("npm", "demo-models@1.0.0", "package"))
    with pytest.raises(WeightsError, match="npm is not on PATH"):
        weights.fetch(model, cache_dir=tmp_path)


# The catalogue


def test_the_catalogue_is_consistent() -> None:
    names = [model.name for model in catalog.MODELS]
    assert len(set(names)) == len(names)
    files = {file for model in catalog.MODELS for files in model.file_sets for file in files}
    assert len({file.cache_name for file in files}) == len(files)
    known = {skeleton.name for skeleton in skeletons.SKELETONS}
    for model in catalog.MODELS:
        assert catalog.find(model.name) is model
        assert (model.keypoints in known) == (model.task == "pose")
        assert (model.decode is not None) == (model.backend == "hrnet")
        assert model.sources or model.is_packaged
        assert all(s.url.startswith("https://") for s in model.sources if isinstance(s, Url))
        assert all(s.url.endswith(model.file.name) for s in model.sources if isinstance(s, Url))


def test_the_names_say_size_and_decoding_as_the_entries_do() -> None:
    for model in catalog.MODELS:
        if model.backend == "hrnet" and not model.is_packaged:
            width, height = model.input_size_wh
            assert f"{height}x{width}" in model.name
            assert f"{height}x{width}" in model.file.name
            assert (model.decode == "udp") == ("udp" in model.name) == ("udp" in model.file.name)


def test_the_start_of_a_hash_is_checked_to_be_one() -> None:
    for wrong in ("", "abc", "Z" * 64, "A" * 64, "a" * 65):
        with pytest.raises(ValueError, match="is not the start of a sha256"):
            ModelFile(name="a", sha256=wrong)


def test_importing_it_loads_nothing_heavy_and_touches_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from kinetrace import weights; "
        "print({'rich', 'pandas', 'mediapipe', 'flatbuffers', 'platformdirs'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KINETRACE_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
    assert not (tmp_path / "cache").exists()


def a_packaged_model(folder, monkeypatch):
    path = folder / "ours.npz"
    path.write_bytes(b"weights of ours")
    monkeypatch.setattr(_cache, "PACKAGED", folder)
    return Model(
        name="ours",
        task="pose",
        backend="hrnet",
        license="Apache-2.0",
        file=ModelFile(name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest()),
        input_size_wh=(96, 128),
        is_packaged=True,
    )


def test_a_model_of_the_package_needs_no_cache_and_no_network(tmp_path, monkeypatch):
    model = a_packaged_model(tmp_path, monkeypatch)
    cache = tmp_path / "cache"
    found = weights.fetch(model, cache_dir=cache)
    assert found.path == tmp_path / "ours.npz"
    assert found.files[0].read_bytes() == b"weights of ours"
    assert weights.status(model, cache_dir=cache).state == "verified"
    assert weights.verify(model, cache_dir=cache) == found
    assert not cache.exists()


def test_a_model_of_the_package_that_was_changed_is_not_used(tmp_path, monkeypatch):
    model = a_packaged_model(tmp_path, monkeypatch)
    (tmp_path / "ours.npz").write_bytes(b"something else")
    with pytest.raises(WeightsError, match="install Kinetrace again"):
        weights.fetch(model, cache_dir=tmp_path)
    (tmp_path / "ours.npz").unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.fetch(model, cache_dir=tmp_path)
