"""The live WebSocket: what it answers, what it refuses, and that nothing queues up."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import film
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")

from numbered_backend import FPS, SIZE_WH, Numbered, installed, squats
from PIL import Image
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from web_server import client_of

from kinetrace import demo
from kinetrace.web import live as web_live

ADDRESS = "ws://127.0.0.1:8765/api/live"
WISH = {"backend": "numbered", "exercise": "squat"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with installed(tmp_path / "site"), client_of(tmp_path / "server") as client:
        yield client
    assert Numbered.open_now == 0


def message(time_ms: float, image: np.ndarray, **options: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", **({"quality": 80} | options))
    return struct.pack("<d", time_ms) + file.getvalue()


def numbered(number: int, *, begin_ms: float = 5e8) -> bytes:
    """The frame of that number, by the clock of a browser that has been open for some days."""
    return message(begin_ms + 1000 * number / FPS, film.picture(number, SIZE_WH))


def begun(socket: Any, wish: dict[str, Any]) -> dict[str, Any]:
    socket.send_text(json.dumps(wish))
    answer = socket.receive_json()
    assert answer.get("ready"), answer
    return answer


def refusal(socket: Any) -> tuple[str, WebSocketDisconnect]:
    """Return why the server closes, which it has to do now."""
    told = socket.receive_json()
    assert list(told) == ["detail"], told
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert told["detail"].startswith(closed.value.reason)
    return told["detail"], closed.value


def test_squats_are_counted_over_the_wire(client: TestClient) -> None:
    truth = squats()
    with client.websocket_connect(ADDRESS) as socket:
        ready = begun(socket, WISH)
        assert ready["skeleton"]["keypoints"] == list(truth.skeleton.keypoints)
        assert "squat" in ready["exercises"]
        said, answers = [], []
        for number in range(0, len(truth.frame_time_s), 2):
            picture = numbered(number)
            socket.send_bytes(picture)
            answer = socket.receive_json()
            assert answer["time_ms"] == struct.unpack_from("<d", picture)[0]
            said += answer["said"]
            answers.append(answer)
    assert said[:2] == ["1.", "That was half a repetition."]
    assert "deeper" in said[2]
    last = answers[-1]
    assert (last["repetitions"]["count"], last["repetitions"]["half_count"]) == (1, 1)
    assert last["size_wh"] == list(SIZE_WH)
    assert last["dropped"] == 0
    assert last["took_ms"] > 0
    (person,) = last["people"]
    expected = truth.xy[2 * len(answers) - 2].reshape(-1)
    np.testing.assert_allclose(person["xy"], expected, atol=3)
    assert {n["name"] for n in last["numbers"]} >= {"left_knee_deg", "right_knee_deg"}


def test_the_newest_picture_wins(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sends 60 pictures while one is looked at."""
    read, understood = [], web_live._understood

    def counted(message: Any) -> Any:
        read.append(message)
        if len(read) == 1 + 60:
            Numbered.may_look.set()
        return understood(message)

    monkeypatch.setattr(web_live, "_understood", counted)
    Numbered.may_look.clear()
    with client.websocket_connect(ADDRESS) as socket:
        begun(socket, WISH)
        for number in range(60):
            socket.send_bytes(numbered(number))
        seen = []
        while not seen or seen[-1]["time_ms"] < 5e8 + 1000 * 59 / FPS:
            seen.append(socket.receive_json())
    times = [answer["time_ms"] for answer in seen]
    assert times == sorted(set(times))
    assert len(seen) + seen[-1]["dropped"] == 60
    assert len(seen) <= 2


def test_other_settings_begin_anew_and_keep_the_models(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        begun(socket, WISH)
        for number in range(0, 100, 2):
            socket.send_bytes(numbered(number))
            answer = socket.receive_json()
        assert answer["repetitions"]["count"] == 1
        ready = begun(socket, WISH | {"exercise": "walk", "person_height_m": 1.75})
        assert ready["settings"]["exercise"] == "walk"
        assert Numbered.open_now == 1
        socket.send_bytes(numbered(3))  # its clock may begin anew, too
        answer = socket.receive_json()
        assert answer["repetitions"]["count"] == 0
        names = [n["name"] for n in answer["numbers"]]
        assert names[:2] == ["cadence_steps_per_min", "speed_m_per_s"]
        assert answer["numbers"][0]["value"] is None
        begun(socket, WISH | {"model": "nobody"})
        assert Numbered.open_now == 1
        socket.send_bytes(numbered(4))
        answer = socket.receive_json()
        assert answer["people"] == []
        assert "step into the picture" in answer["notes"][0]


BAD_SETTINGS = {
    "not JSON": ("{", "must be JSON"),
    "deep": ("[" * 3000, "must be JSON"),
    "long": (json.dumps({"backend": "a" * 5000}), "too long"),
    "a list": ("[]", "must be an object"),
    "unknown": ('{"files": 1}', "with backend, exercise, max_people"),
    "no such backend": ('{"backend": "../hrnet"}', "backend must be one of hrnet"),
    "a number": ('{"backend": 3}', "backend must be one of"),
    "a path": ('{"backend": "numbered", "model": "/etc/passwd"}', "model must be one of squats"),
    "no such exercise": ('{"exercise": ["squat"]}', "exercise must be one of auto"),
    "no such space": ('{"space": "4d"}', "space must be one of 2d, 3d"),
    "a height": ('{"person_height_m": true}', "from 0.4 to 2.6"),
    "no height": ('{"person_height_m": NaN}', "from 0.4 to 2.6"),
    "many people": ('{"max_people": 1e9}', "from 1 to 20"),
    "half a person": ('{"max_people": 1.5}', "a whole number"),
    "cannot be loaded": ('{"backend": "numbered", "model": "lost"}', "lost cannot be loaded"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_settings_that_make_no_sense(client: TestClient, case: str) -> None:
    text, why = BAD_SETTINGS[case]
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_text(text)
        detail, _ = refusal(socket)
    assert why in detail
    assert "/root" not in detail  # what the missing model's error names


def bad_pictures() -> dict[str, tuple[bytes, str]]:
    image = film.picture(1, SIZE_WH)
    good = message(1.0, image)
    png = BytesIO()
    Image.fromarray(image).save(png, "PNG")
    # A header that promises 65,000 x 65,000 pixels, and one of 4,000 x 3,000.
    sizes = {
        wh: good.replace(struct.pack(">HH", *SIZE_WH[::-1]), struct.pack(">HH", *wh[::-1]), 1)
        for wh in ((65000, 65000), (12000, 9000), (4000, 3000))
    }
    assert all(len(each) == len(good) and each != good for each in sizes.values())
    return {
        "empty": (b"", "8 bytes with its time"),
        "short": (b"1234", "8 bytes with its time"),
        "no picture": (struct.pack("<d", 1.0), "8 bytes with its time"),
        "NaN": (struct.pack("<d", math.nan) + good[8:], "number of milliseconds"),
        "infinite": (struct.pack("<d", math.inf) + good[8:], "number of milliseconds"),
        "huge time": (struct.pack("<d", 1e300) + good[8:], "number of milliseconds"),
        "PNG": (struct.pack("<d", 1.0) + png.getvalue(), "no JPEG"),
        "text": (struct.pack("<d", 1.0) + b"hello", "no JPEG"),
        "cut off": (good[: len(good) // 2], "damaged"),
        "large": (sizes[4000, 3000], "4000 x 3000"),
        "very large": (sizes[12000, 9000], "12000 x 9000"),
        "bomb": (sizes[65000, 65000], "too large"),
        "many bytes": (good + bytes(2_000_000), "bytes at most"),
    }


@pytest.mark.parametrize("case", list(bad_pictures()))
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pictures_that_cannot_be_looked_at(client: TestClient, case: str) -> None:
    data, why = bad_pictures()[case]
    with client.websocket_connect(ADDRESS) as socket:
        begun(socket, WISH)
        socket.send_bytes(data)
        detail, closed = refusal(socket)
    assert why in detail
    assert closed.code in (1007, 1009)


def test_pictures_in_a_wrong_order(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_bytes(numbered(1))
        assert "settings must come before" in refusal(socket)[0]
    with client.websocket_connect(ADDRESS) as socket:
        begun(socket, WISH)
        socket.send_bytes(numbered(5))
        socket.receive_json()
        socket.send_bytes(numbered(5))
        assert "must rise" in refusal(socket)[0]


def test_a_grey_picture_is_one_and_the_size_may_change(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        begun(socket, WISH)
        socket.send_bytes(message(1.0, film.picture(3, SIZE_WH)[..., 1]))
        assert socket.receive_json()["people"]
        socket.send_bytes(message(2.0, film.picture(4, (320, 240))))
        assert socket.receive_json()["size_wh"] == [320, 240]


def test_there_are_so_many_at_once(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS) as one, client.websocket_connect(ADDRESS) as two:
        begun(one, WISH)
        begun(two, WISH)
        with client.websocket_connect(ADDRESS) as three:
            detail, closed = refusal(three)
            assert "Close one" in detail
            assert closed.code == 1013
        one.send_bytes(numbered(1))
        assert one.receive_json()["people"]
    with client.websocket_connect(ADDRESS) as again:
        begun(again, WISH)


def test_who_sends_nothing_is_let_go(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        begun(socket, WISH)
        monkeypatch.setattr(web_live, "IDLE_S", 0.2)
        socket.send_bytes(numbered(1))  # the wait for it began with the usual limit
        assert socket.receive_json()["people"]
        detail, closed = refusal(socket)
    assert "Press Start" in detail
    assert closed.code == 1013


def test_a_failure_of_ours_tells_nothing_of_the_server(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Numbered, frames: object) -> None:
        raise ZeroDivisionError("in /root/secret.py")

    monkeypatch.setattr(Numbered, "__call__", fail)
    with pytest.raises(ZeroDivisionError), client.websocket_connect(ADDRESS) as socket:
        begun(socket, WISH)
        socket.send_bytes(numbered(1))
        told = socket.receive_json()
        assert "The server failed" in told["detail"]
        assert "secret" not in told["detail"]
        socket.receive_json()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"host": "evil.example"},
        {"origin": "null"},
    ],
)
def test_other_pages_are_kept_out(client: TestClient, headers: dict[str, str]) -> None:
    is_refused = pytest.raises((WebSocketDisconnect, WebSocketDenialResponse))
    with is_refused, client.websocket_connect(ADDRESS, headers=headers):
        raise AssertionError("the connection was accepted")


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    with installed(tmp_path / "site"), client_of(tmp_path / "server", token="t" * 20) as client:
        is_refused = pytest.raises((WebSocketDisconnect, WebSocketDenialResponse))
        with is_refused, client.websocket_connect(ADDRESS):
            raise AssertionError("the connection was accepted")
        headers = {"authorization": "Bearer " + "t" * 20}
        with client.websocket_connect(ADDRESS, headers=headers) as socket:
            begun(socket, WISH)


@pytest.mark.models
def test_mediapipe_follows_a_portrait(tmp_path: Path) -> None:
    import cv2

    pytest.importorskip("mediapipe")
    with client_of(tmp_path / "server") as client, client.websocket_connect(ADDRESS) as socket:
        ready = begun(socket, {"exercise": "none"})
        assert ready["settings"]["model"] == "mediapipe-lite"
        nose = ready["skeleton"]["keypoints"].index("nose")
        at = []
        for number in range(12):
            matrix = demo.camera(number)
            image = cv2.warpAffine(
                demo.portrait(), matrix, demo.SIZE_WH, borderMode=cv2.BORDER_REPLICATE
            )
            socket.send_bytes(message(1000 * number / demo.FPS, image))
            (person,) = socket.receive_json()["people"]
            back = cv2.invertAffineTransform(matrix)
            at.append(back @ [*person["xy"][2 * nose : 2 * nose + 2], 1])
    # The astronaut's nose in the portrait.
    np.testing.assert_allclose(np.median(at, axis=0), (224, 127), atol=12)
