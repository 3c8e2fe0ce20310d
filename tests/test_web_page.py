"""The page Analyse, from end to end: a real server, a real browser, MediaPipe's smallest model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import complaints, open_browser, require_browser, serving, wait_for
from film import number_of
from film import write_film as write_numbered_film
from web_pages import Pages, fetch

import kinetrace
from kinetrace.demo import SIZE_WH, portrait, write_film
from kinetrace.frames import Frame
from kinetrace.frames.video_writer import VideoWriter
from kinetrace.poses import Poses

pytestmark = pytest.mark.models

# As the overlay of the command line draws them.
COLOUR = {"left": (86, 180, 233), "right": (213, 94, 0), "middle": (240, 228, 66)}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "demo.mp4"
    write_film(path)
    return path


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that keeps the smallest model busy for long, but is written soon."""
    path = tmp_path_factory.mktemp("film") / "long.mp4"
    image = np.ascontiguousarray(portrait()[::4, ::4])
    with VideoWriter(path, fps=30) as video:
        for number in range(6000):
            video.write(Frame(np.roll(image, number % 5, axis=1), number, number / 30))
    return path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    require_browser()
    folder = tmp_path_factory.mktemp("web")
    with serving(folder / "server") as address, open_browser(folder) as driver:
        driver.downloads = folder / "downloads"
        yield Pages(driver, address)


@pytest.fixture(scope="module")
def job_id(pages: Pages, film: Path) -> str:
    """The demonstration's film, uploaded by way of the page and analysed."""
    pages.upload(film, measures="angles")
    pages.wait_for_state("demo.mp4", "Done")
    return pages.job_id("demo.mp4")


@pytest.fixture(autouse=True)
def no_complaints(pages: Pages) -> Iterator[None]:
    """No test may leave an error in the browser's console, such as what the policy forbids."""
    complaints(pages.driver)
    yield
    refused = [
        text for text in complaints(pages.driver) if " the server responded with" not in text
    ]
    assert refused == []


def table(pages: Pages, job_id: str) -> Poses:
    path = pages.driver.downloads / "table.keypoints.csv"
    path.write_bytes(fetch(f"{pages.address}/api/jobs/{job_id}/download/csv"))
    return kinetrace.read(path)


def side(keypoint: str) -> str:
    return next((s for s in ("left", "right") if s in keypoint.split("_")), "middle")


def test_an_empty_page_teaches(pages: Pages) -> None:
    pages.home()
    if pages.seen(".job"):
        pytest.skip("another test came first")
    assert "Nothing analysed yet" in pages.text("#teach")
    assert not pages.find("#start").is_enabled()
    assert pages.text("#start-hint") == "Choose a file first."


def test_the_skeleton_is_where_the_table_says(pages: Pages, job_id: str, film: Path) -> None:
    poses = table(pages, job_id)
    pages.open(job_id)
    for number in (40, 71):
        pages.driver.execute_script("document.querySelector('.timeline').focus()")
        pages.go_to(number + 1)
        here = poses.frames(number, number + 1)
        # Well seen, within the picture, and not under another point or line.
        alone = np.array([np.sort(np.hypot(*(here.xy[0] - p).T))[1] > 12 for p in here.xy[0]])
        inside = ((here.xy[0] > 4) & (here.xy[0] < np.array(SIZE_WH) - 5)).all(axis=1)
        chosen = np.flatnonzero(alone & inside & (here.score[0] > 0.9))
        assert len(chosen) >= 4
        rgba = pages.drawn(here.xy[0, chosen], SIZE_WH)
        expected = [COLOUR[side(poses.skeleton.keypoints[k])] for k in chosen]
        np.testing.assert_allclose(rgba[:, :3], expected, atol=25)
        assert (rgba[:, 3] > 200).all()
        # Nothing where nothing is: beside the person.
        assert (pages.drawn(np.array([[3.0, 470.0], [630.0, 5.0]]), SIZE_WH) == 0).all()
        assert pages.shown_frame(film) == number


def test_frames_are_stepped_by_key(pages: Pages, job_id: str, film: Path) -> None:
    from selenium.webdriver import Keys

    pages.open(job_id)
    steps = [
        (Keys.ARROW_RIGHT, 2), (".", 3), (".", 4), (",", 3), (Keys.ARROW_LEFT, 2),
        (Keys.SHIFT + Keys.ARROW_RIGHT, 12), (Keys.END, 90), (".", 90), (",", 89), (Keys.HOME, 1),
        (",", 1),
    ]  # fmt: skip
    for key, frame in steps:
        pages.press(*key)
        pages.wait_for_frame(frame)
        if frame in (3, 12, 90):
            assert pages.shown_frame(film) == frame - 1


def test_frames_of_any_length_are_met_in_a_film_that_begins_late(
    pages: Pages, tmp_path: Path
) -> None:
    lengths_ms = np.random.default_rng(0).choice([17, 33, 50, 100, 250], size=24)
    film = write_numbered_film(tmp_path / "uneven.mp4", (700 + np.cumsum(lengths_ms)).tolist())
    pages.upload(film)
    pages.wait_for_state("uneven.mp4", "Done")
    pages.open(pages.job_id("uneven.mp4"))
    for key, number in [*((".", n) for n in range(1, 24)), *((",", n) for n in range(22, 15, -1))]:
        pages.press(key)
        pages.wait_for_frame(number + 1)
        assert number_of(pages.picture(every=1)) == number


def test_a_film_plays_and_stops_on_the_frame_that_it_says(
    pages: Pages, job_id: str, film: Path
) -> None:
    pages.open(job_id)
    pages.choose("#viewer select[aria-label='Speed']", "0.25")
    pages.press(" ")
    wait_for(lambda: pages.frame() > 8, "the film to play")
    assert pages.find("#play").get_attribute("aria-label") == "Pause"
    pages.press(" ")
    wait_for(lambda: pages.find("#play").get_attribute("aria-label") == "Play", "the film to stop")
    wait_for(lambda: pages.shown_frame(film) == pages.frame() - 1, "film and clock to agree")


def test_a_click_into_a_curve_goes_there(pages: Pages, job_id: str) -> None:
    from selenium.webdriver import ActionChains

    pages.open(job_id)
    chart = pages.find(".chart svg")
    pages.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    ActionChains(pages.driver).move_to_element(chart).click().perform()
    wait_for(lambda: 35 <= pages.frame() <= 60, "the middle of the film")
    line = "return Number(document.querySelector('.chart .head').getAttribute('x1'))"
    middle = pages.driver.execute_script(line)
    pages.press("\ue010")  # End
    pages.wait_for_frame(90)
    assert pages.driver.execute_script(line) > middle + 50


def test_the_table_that_is_saved_is_that_of_the_command_line(
    pages: Pages, job_id: str, film: Path, tmp_path: Path
) -> None:
    pages.open(job_id)
    pages.find("#download-csv").click()
    saved = pages.driver.downloads / "demo.keypoints.csv"
    wait_for(saved.exists, "the download")
    command = [
        *(sys.executable, "-m", "kinetrace", "estimate"),
        str(film),
        "-o",
        "own.keypoints.csv",
    ]
    subprocess.run(
        [*command, "--model", "mediapipe-lite", "--max-people", "1"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert saved.read_bytes() == (tmp_path / "own.keypoints.csv").read_bytes()


def test_a_reload_in_the_middle_of_a_job_and_then_cancel(pages: Pages, long_film: Path) -> None:
    pages.upload(long_film)
    pages.wait_for_state("long.mp4", "Running")
    wait_for(lambda: "left" in pages.job("long.mp4").text, "the time that is left")
    before = frames_done(pages)
    pages.driver.refresh()
    assert pages.state("long.mp4") == "Running"
    wait_for(lambda: frames_done(pages) > before, "it to go on")
    pages.job("long.mp4").find_element("xpath", ".//button[text()='Cancel']").click()
    pages.wait_for_state("long.mp4", "Cancelled")
    assert not pages.seen(".job progress")
    pages.job("long.mp4").find_element("xpath", ".//button[text()='Delete']").click()
    pages.driver.switch_to.alert.accept()
    wait_for(lambda: "long.mp4" not in pages.names(), "it to go")
    kept = json.loads(fetch(f"{pages.address}/api/jobs"))["jobs"]
    assert "long.mp4" not in [job["name"] for job in kept]


def frames_done(pages: Pages) -> int:
    found = re.search(r"frame (\d+) of", pages.job("long.mp4").text)
    return int(found[1]) if found else 0


def test_bad_files_are_refused_with_a_reason(pages: Pages, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all")
    (tmp_path / "broken.mp4").write_bytes(b"this is no film" * 1000)
    (tmp_path / "nothing.mp4").touch()
    pages.home()
    for name, reason in (
        ("letter.txt", "letter.txt is neither a film nor a picture"),
        ("nothing.mp4", "nothing.mp4 is empty"),
    ):
        pages.driver.find_element("id", "files").send_keys(str(tmp_path / name))
        wait_for(lambda reason=reason: reason in pages.text(".toasts"), reason)
        assert not pages.find("#start").is_enabled()
    pages.upload(tmp_path / "broken.mp4")
    wait_for(lambda: "broken.mp4: This is neither" in pages.text(".toast.bad"), "the reason")
    assert pages.seen(".toast.bad")[0].get_attribute("role") == "alert"
    assert "broken.mp4" not in [
        job.find_element("tag name", "h3").text for job in pages.seen(".job")
    ]


def test_a_name_is_text_and_nothing_else(pages: Pages, tmp_path: Path) -> None:
    from PIL import Image

    name = "<img src=x onerror=document.title='taken'> & co.png"
    Image.fromarray(portrait()).save(tmp_path / name)
    pages.upload(tmp_path / name)
    pages.wait_for_state(name, "Done")
    pages.job(name).find_element("tag name", "a").click()
    assert pages.text("#viewer h1") == name
    assert pages.driver.title.startswith(name)
    pages.wait_for_picture("#stage")
    assert pages.picture(every=1).shape == (512, 512, 3)


def test_two_films_are_compared_in_step(pages: Pages, job_id: str, film: Path) -> None:
    pages.driver.get(f"{pages.address}/compare?a={job_id}&b={job_id}")
    films = ["#films section:nth-child(1)", "#films section:nth-child(2)"]
    for each in films:
        pages.find(f"{each} video")
        pages.wait_for_picture(each)
    pages.find("#curves .chart svg")
    pages.press("." * 6, at="body")
    wait_for(lambda: shown(pages, films, film) == [6, 6], "both on the seventh frame")
    for _ in range(4):
        pages.find(f"{films[1]} button[title='one frame on']").click()
    wait_for(lambda: shown(pages, films, film) == [6, 10], "B four frames on")
    pages.find("#line-up-now").click()
    pages.press(".", at="body")
    wait_for(lambda: shown(pages, films, film) == [7, 11], "both one frame on")
    pages.choose("#together select[aria-label='Speed']", "0.1")
    pages.find("#together button[aria-label='Play both']").click()
    wait_for(lambda: shown(pages, films, film)[1] > 14, "both to play")
    pages.find("#together button[aria-label='Pause both']").click()
    wait_for(lambda: np.diff(shown(pages, films, film))[0] == 4, "both to be in step again")


def shown(pages: Pages, films: list[str], film: Path) -> list[int]:
    """Return which frames of the film the two pictures are."""
    return [pages.shown_frame(film, each) for each in films]


def test_a_wrong_point_is_dragged_undone_and_saved(pages: Pages, job_id: str) -> None:
    """The last one, as the film's table is another one afterwards."""
    before = table(pages, job_id)
    pages.open(job_id)
    pages.go_to(11)
    pages.find("#correct").click()
    nose = before.frames(10, 11).keypoint("nose")[0]
    target = nose + np.array([40, -25])
    pages.driver.execute_script("window.scrollTo(0, 0)")
    pages.drag(pages.at(*nose, SIZE_WH), pages.at(*target, SIZE_WH))
    assert pages.text("#save-corrections") == "Save 1 correction"
    rgba = pages.drawn(target[None], SIZE_WH)[0]
    np.testing.assert_allclose(rgba[:3], COLOUR["middle"], atol=25)
    press_button(pages, "Undo")
    assert not pages.find("#save-corrections").is_enabled()
    press_button(pages, "Redo")
    pages.press("\ue014", "\ue014", "\ue013")  # right, right, up
    correct_by_keys(pages, before)
    pages.find("#save-corrections").click()
    wait_for(lambda: "2 corrections saved" in pages.text(".toasts"), "them to be saved")
    after = table(pages, job_id)
    moved = after.frames(10, 11)
    np.testing.assert_allclose(moved.keypoint("nose")[0], target + np.array([2, -1]), atol=1.2)
    assert np.isnan(moved.keypoint("left_shoulder")[0]).all()
    same = (before.xy == after.xy) | (np.isnan(before.xy) & np.isnan(after.xy))
    assert (~same.all(axis=2)).sum() == 2
    log = json.loads(fetch(f"{pages.address}/api/jobs/{job_id}/poses"))["log"]
    assert log[-1]["operation"] == "correct"
    assert len(log[-1]["parameters"]["corrections"]) == 2
    pages.driver.refresh()
    wait_for(lambda: "corrected by hand" in pages.text("#viewer"), "the note of it")


def press_button(pages: Pages, text: str) -> None:
    pages.find("#correct")
    pages.driver.find_element("xpath", f"//button[normalize-space()='{text}']").click()


def correct_by_keys(pages: Pages, poses: Poses) -> None:
    """Say of a shoulder that it is not there, without the mouse."""
    shoulder = poses.skeleton.keypoints.index("left_shoulder")
    pages.driver.execute_script(
        "const select = document.getElementById('point'); select.value = arguments[0];"
        "select.dispatchEvent(new Event('change'))",
        str(shoulder),
    )
    pages.press("\ue017")  # Delete
    wait_for(lambda: pages.text("#save-corrections") == "Save 2 corrections", "the second one")
