"""What tests of the pages do again and again: upload, open, step, and look at what is shown."""

from __future__ import annotations

import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from browser import wait_for
from waiting import PATIENCE_S

from kinetrace.frames import open_frames

# Of the picture that is shown, as the browser has decoded it, without what is drawn over it: every
# nth pixel of every nth row.
_PICTURE = """
const [stage, every] = arguments;
const media = document.querySelector(`${stage} video, ${stage} img`);
const size = [media.videoWidth || media.naturalWidth, media.videoHeight || media.naturalHeight];
const context = new OffscreenCanvas(...size).getContext("2d");
context.drawImage(media, 0, 0);
const { data, width, height } = context.getImageData(0, 0, ...size);
const rows = [];
for (let y = 0; y < height; y += every) {
  const row = [];
  for (let x = 0; x < width; x += every) {
    const at = 4 * (y * width + x);
    row.push(data[at], data[at + 1], data[at + 2]);
  }
  rows.push(row);
}
return rows;
"""
# The colours of the canvas over it, at places in pixels of the film.
_DRAWN = """
const [places, [width, height]] = arguments;
const canvas = document.querySelector("#stage canvas");
const context = canvas.getContext("2d");
const at = (x, whole, drawn) => Math.floor((x + 0.5) / whole * drawn);
const colour = ([x, y]) => context.getImageData(
  at(x, width, canvas.width), at(y, height, canvas.height), 1, 1).data;
return places.map((place) => Array.from(colour(place)));
"""
_CANVAS_BOX = """
const box = document.querySelector("#stage canvas").getBoundingClientRect();
return [box.left, box.top, box.width, box.height];
"""


@cache
def _decoded(film: Path) -> tuple[npt.NDArray[np.int64], ...]:
    with open_frames(film) as frames:
        return tuple(frame.image[::4, ::4].astype(np.int64) for frame in frames)


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
        return bytes(answer.read())


class Pages:
    """The pages of a server, in a browser."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address

    def find(self, selector: str) -> Any:
        """Return the first element that fits, as soon as it can be seen."""
        return wait_for(lambda: next(iter(self.seen(selector)), None), selector)

    def seen(self, selector: str) -> list[Any]:
        """Return the elements that fit and can be seen now."""
        found = self.driver.find_elements("css selector", selector)
        return [element for element in found if element.is_displayed()]

    def text(self, selector: str) -> str:
        return str(self.find(selector).text)

    def home(self) -> None:
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}/")
        self.find("#drop")

    def upload(self, *paths: Path, model: str = "mediapipe-lite", measures: str = "") -> None:
        """Choose files and how they are analysed, and send them."""
        self.home()
        self.driver.execute_script("document.getElementById('how').open = true")
        self.choose("#backend", "mediapipe")
        self.choose("#model", model)
        for box in self.seen("#measures input"):
            if box.is_selected() != (box.get_attribute("value") in measures.split()):
                box.click()
        self.driver.find_element("id", "files").send_keys("\n".join(map(str, paths)))
        self.find("#start:enabled").click()

    def choose(self, selector: str, value: str) -> None:
        from selenium.webdriver.support.ui import Select

        Select(self.find(selector)).select_by_value(value)

    def job(self, name: str) -> Any:
        """Return the row of a recording in the list."""

        def found() -> Any:
            rows = self.seen(".job")
            return next((r for r in rows if r.find_element("tag name", "h3").text == name), None)

        return wait_for(found, f"{name} in the list")

    def state(self, name: str) -> str:
        return str(self.job(name).find_element("css selector", ".state").text)

    def wait_for_state(self, name: str, state: str) -> None:
        wait_for(lambda: self.state(name) == state, f"{name} to be {state}")

    def job_id(self, name: str) -> str:
        return str(self.job(name).get_attribute("data-job"))

    def open(self, job_id: str) -> None:
        """Open a recording, and wait until its first frame is there."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}/#recording={job_id}")
        self.find("#stage")
        self.wait_for_picture("#stage")

    def wait_for_picture(self, stage: str) -> None:
        ready = """
        const media = document.querySelector(arguments[0] + " video, " + arguments[0] + " img");
        return media.readyState >= 2 || media.complete === true && media.naturalWidth > 0;
        """
        wait_for(lambda: self.driver.execute_script(ready, stage), "the first frame")

    def frame(self) -> int:
        """Return the number of the frame that the page says it shows, from 1."""
        words = self.driver.find_element("id", "clock").get_attribute("textContent")
        return int(words.split("frame ")[1].split(" of ")[0])

    def press(self, *keys: str, at: str = "#stage") -> None:
        self.find(at).send_keys(*keys)

    def wait_for_frame(self, frame: int) -> None:
        wait_for(lambda: self.frame() == frame, f"frame {frame}")

    def go_to(self, frame: int) -> None:
        """Go to a frame, counted from 1, by keys."""
        from selenium.webdriver import Keys

        self.press(Keys.HOME)
        self.wait_for_frame(1)
        self.press(Keys.ARROW_RIGHT * (frame - 1))
        self.wait_for_frame(frame)

    def shown_frame(self, film: Path, stage: str = "#stage") -> int:
        """Return which frame of a film the browser's picture is, by its pixels; -1 if unclear."""
        picture = self.picture(stage)
        apart = [float(np.abs(image - picture).mean()) for image in _decoded(film)]
        best = int(np.argmin(apart))
        return best if apart[best] < 0.7 * sorted(apart)[1] else -1

    def names(self) -> list[str]:
        """Return the recordings in the list."""
        return [row.find_element("tag name", "h3").text for row in self.seen(".job")]

    def picture(self, stage: str = "#stage", *, every: int = 4) -> npt.NDArray[np.uint8]:
        """Return every nth pixel of the decoded picture that is shown, (H, W, 3) RGB."""
        rows = np.array(self.driver.execute_script(_PICTURE, stage, every), np.uint8)
        return rows.reshape(len(rows), -1, 3)

    def drawn(self, xy: Any, size_wh: tuple[int, int]) -> Any:
        """Return the canvas's colours, (N, 4), at places, (N, 2), in pixels of the film."""
        places = np.asarray(xy, float).tolist()
        return np.array(self.driver.execute_script(_DRAWN, places, size_wh))

    def at(self, x_px: float, y_px: float, size_wh: tuple[int, int]) -> tuple[float, float]:
        """Return where on the page, from its top left corner, a place of the film is."""
        left, top, width, height = self.driver.execute_script(_CANVAS_BOX)
        return (
            left + (x_px + 0.5) / size_wh[0] * width,
            top + (y_px + 0.5) / size_wh[1] * height,
        )

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the mouse from one place of the window to another."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        actions = ActionBuilder(self.driver)
        pointer = actions.pointer_action
        pointer.move_to_location(*map(round, start)).pointer_down()
        pointer.move_to_location(round((start[0] + end[0]) / 2), round(end[1]))
        pointer.move_to_location(*map(round, end)).pointer_up()
        actions.perform()
        ActionChains(self.driver).reset_actions()
