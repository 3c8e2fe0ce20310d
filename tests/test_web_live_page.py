"""The live page in a real browser, whose camera plays a film of known people."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import film
import numpy as np
import pytest
from browser import complaints, open_browser, require_browser, serving, wait_for
from fake_camera import camera_flags, write_mjpeg
from numbered_backend import DEPTHS, FPS, SIZE_WH, installed, pictures, squats
from PIL import Image

from kinetrace import read
from kinetrace.frames import Frame, open_frames
from kinetrace.frames.video_writer import VideoWriter

require_browser()

MODEL = '["numbered","squats"]'
FRAMES = len(squats().frame_time_s)
DOWN = 52  # the frame in the middle of the first squat


class Page:
    """The live page, and what is on it."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address

    def open(self, *, model: str = MODEL, exercise: str = "squat", space: str = "2d") -> None:
        self.driver.get(f"{self.address}/live")
        wait_for(lambda: self.find(f"#model option[value='{model}']"), "the list of models")
        for name, value in (("model", model), ("exercise", exercise), ("space", space)):
            self.find(f"#{name} option[value='{value}']").click()

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, name: str) -> None:
        wait_for(lambda: self.find(f"#{name}").is_displayed(), f"the button {name}")
        self.find(f"#{name}").click()

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def state(self) -> str:
        return self.find("#live").get_attribute("data-state")

    def number(self, name: str) -> float:
        text = self.text(f"[data-name='{name}'] dd").replace("\N{MINUS SIGN}", "-")
        return float(re.sub(r"[^\d.-]", "", text) or "nan")

    def problem(self) -> str:
        wait_for(lambda: self.find("#problem").is_displayed(), "a message")
        return self.text("#problem")

    def picture(self) -> np.ndarray:
        """What the canvas shows, (H, W, 3), without loss."""
        script = "return document.getElementById('picture').toDataURL('image/png')"
        data = base64.b64decode(self.driver.execute_script(script).partition(",")[2])
        return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with installed(folder / "site"), serving(folder / "jobs") as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    folder = tmp_path_factory.mktemp("browser")
    camera = write_mjpeg(folder / "camera.mjpeg", pictures(FRAMES))
    with open_browser(folder, camera_flags(camera)) as driver:
        yield driver, folder


@pytest.fixture
def page(server: str, browser: tuple[Any, Path]) -> Iterator[Page]:
    page = Page(browser[0], server)
    yield page
    assert complaints(page.driver) == []
    page.driver.get("about:blank")  # which ends the connection


def drawn_where(picture: np.ndarray, rgb: tuple[int, int, int]) -> np.ndarray:
    """Return (M, 2) pixels of about that colour, x and y."""
    near = np.abs(picture.astype(int) - rgb).max(axis=2) < 40
    return np.argwhere(near)[:, ::-1]


def test_squats_before_the_camera(page: Page) -> None:
    """Counted, criticised, and drawn on the very picture that they were seen in."""
    page.open()
    # A browser without a screen has no voice either.
    page.driver.execute_script(
        "window.aloud = []; speechSynthesis.speak = (u) => aloud.push(u.text)"
    )
    page.find("#speak").click()
    page.click("start")
    wait_for(lambda: page.state() == "running" and page.number("count") >= 1, "a squat")
    wait_for(lambda: "deeper" in page.text("#said"), "what to do better")
    wait_for(lambda: page.number("half") >= 1, "the half one")
    aloud = page.driver.execute_script("return window.aloud")
    assert "1." in aloud  # the camera's film has begun before: what comes first is chance
    assert any("deeper" in sentence for sentence in aloud)
    wait_for(lambda: page.number("left_knee_deg") > 60, "a bent knee")
    assert page.find("#said").get_attribute("aria-live") == "polite"
    assert float(page.text("#rate")) > 0
    assert float(page.text("#delay")) > 0
    picture = page.picture()
    assert picture.shape == (SIZE_WH[1], SIZE_WH[0], 3)
    truth = squats().frames(*(film.number_of(picture) + np.array([0, 1])).tolist())
    blue = drawn_where(picture[:310], (86, 180, 233))
    assert len(blue) > 200
    left = [i for i, name in enumerate(truth.skeleton.keypoints) if name.startswith("left_")]
    for xy in truth.xy[0, left]:
        assert np.linalg.norm(blue - xy, axis=1).min() < 12
    page.find("#skeleton").click()
    wait_for(lambda: len(drawn_where(page.picture()[:310], (86, 180, 233))) == 0, "no skeleton")
    page.click("again")
    wait_for(lambda: page.number("count") == 0, "a count from zero")
    page.click("stop")
    wait_for(lambda: page.state() == "idle", "the end")
    assert page.find("#start").is_displayed()


def test_what_is_recorded_can_be_read(page: Page, browser: tuple[Any, Path]) -> None:
    page.open()
    page.click("start")
    page.click("record")
    wait_for(lambda: page.text("#rec-time") >= "0:03", "three seconds")
    page.click("record")
    wait_for(lambda: len(page.driver.find_elements("css selector", "#files a")) == 3, "files")
    downloads = browser[1] / "downloads"
    for link in page.driver.find_elements("css selector", "#files a"):
        link.click()
    wait_for(lambda: len(list(downloads.glob("live-*[vm]"))) == 3, "three downloads")
    (table,) = downloads.glob("*.keypoints.csv")
    poses = read(table)
    assert poses.skeleton.name == squats().skeleton.name
    assert len(poses) == len(poses.frame_time_s) > 1
    assert poses.frame_time_s[0] == 0
    assert poses.frame_time_s[-1] > 2.9
    assert np.all(np.diff(poses.frame_time_s) > 0)
    assert set(poses.track_id.tolist()) == {0}
    # Nobody else than the figure of the film, and in no other place.
    heads = squats().keypoint("nose")
    apart_px = np.linalg.norm(poses.keypoint("nose")[:, None] - heads[None], axis=2).min(axis=1)
    assert np.nanmax(apart_px) < 10
    (numbers,) = downloads.glob("*.numbers.csv")
    head, *rows = numbers.read_text().splitlines()
    assert head.startswith("frame,time_s,track_id,left_knee_deg,right_knee_deg")
    assert head.endswith("repetitions,half_repetitions,said")
    assert len(rows) == len(poses)
    (video,) = downloads.glob("*.webm")
    with open_frames(video) as frames:
        shown = list(frames)
    assert shown  # as many as a busy machine could encode
    assert shown[0].size_wh == SIZE_WH


def test_a_film_as_the_source_and_other_settings(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "down.mp4"  # somebody goes down, and stays there until the end
    with VideoWriter(path) as video:
        for number, image in enumerate(pictures(DOWN + 1)):
            video.write(Frame(image, number, 10 if number == DOWN else number / FPS))
    page.open(exercise="none")
    page.find("#film").send_keys(str(path))
    wait_for(lambda: page.state() == "running", "the models")
    assert not page.find("#stage").get_attribute("class").endswith("is-mirrored")
    wait_for(lambda: page.number("trunk_deg") > 5, "the trunk to lean")
    assert not page.driver.find_elements("css selector", "[data-name='count']")
    assert "ended" in page.problem()
    assert page.state() == "idle"
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film at all" * 100)
    page.find("#film").send_keys(str(broken))
    wait_for(lambda: "cannot play" in page.problem(), "what is wrong with the film")
    assert page.state() == "idle"
    complaints(page.driver)  # the browser's own, about that film


def test_models_that_cannot_be_loaded(page: Page) -> None:
    page.open(model='["numbered","lost"]')
    page.click("start")
    assert "lost cannot be loaded" in page.problem()
    assert "/root" not in page.problem()
    assert page.state() == "idle"


def test_settings_may_change_at_once_and_later(page: Page) -> None:
    page.open()
    page.click("start")
    page.find("#exercise option[value='none']").click()  # before there is a connection, or a model
    wait_for(lambda: page.number("trunk_deg") > 5, "an angle")
    assert not page.driver.find_elements("css selector", "[data-name='count']")
    assert "ankle" not in page.text("#numbers").lower()
    page.find("#exercise option[value='walk']").click()
    page.find("#height").send_keys("1.75\n")
    wait_for(lambda: page.find("[data-name='speed_m_per_s']"), "a place for the speed")
    assert "ankle" in page.text("#numbers").lower()
    assert page.state() == "running"


def test_nobody_is_said(page: Page) -> None:
    page.open(model='["numbered","nobody"]')
    page.click("start")
    wait_for(lambda: "step into the picture" in page.text("#notes"), "what to do")
    assert np.isnan(page.number("left_knee_deg"))


def test_a_server_that_is_gone(tmp_path: Path, browser: tuple[Any, Path]) -> None:
    with installed(tmp_path / "site"):
        with serving(tmp_path / "jobs") as address:
            page = Page(browser[0], address)
            page.open()
            page.click("start")
            wait_for(lambda: page.state() == "running", "the camera")
        assert "kinetrace serve" in page.problem()
        assert page.state() == "idle"
        complaints(page.driver)  # the browser's own, about the connection
        page.driver.get("about:blank")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ((), "There is no camera"),
        (("--use-fake-device-for-media-stream",), "does not let this page use the camera"),
    ],
)
def test_no_camera_and_one_that_may_not_be_used(
    server: str, tmp_path: Path, flags: tuple[str, ...], why: str
) -> None:
    with open_browser(tmp_path, flags) as driver:
        page = Page(driver, server)
        page.open()
        permission = {"origin": server, "permission": {"name": "camera"}, "setting": "denied"}
        driver.execute_cdp_cmd("Browser.setPermission", permission)
        page.click("start")
        assert why in page.problem()
        assert page.state() == "idle"
        assert page.find("#start").is_displayed()


@pytest.mark.shared
@pytest.mark.models
def test_a_true_clip_is_counted_by_mediapipe(shared: Path, server: str, tmp_path: Path) -> None:
    """Somebody signs "eat": a hand goes up to the mouth and down again, as in a curl."""
    pytest.importorskip("mediapipe")
    with open_frames(shared / "data" / "videos" / "asl" / "eat.mkv") as frames:
        camera = write_mjpeg(tmp_path / "camera.mjpeg", (frame.image for frame in frames))
    with open_browser(tmp_path, camera_flags(camera)) as driver:
        page = Page(driver, server)
        page.open(model='["mediapipe","mediapipe-lite"]', exercise="curl", space="3d")
        page.click("start")
        wait_for(lambda: page.number("count") >= 3, "three of them")
        wait_for(lambda: page.number("right_elbow_deg") > 60, "a bent elbow")
        assert complaints(driver) == []


def test_the_film_has_a_whole_and_a_half_squat() -> None:
    """What the tests above take for granted."""
    assert DEPTHS[0] == 1
    assert DEPTHS[1] < 0.7
