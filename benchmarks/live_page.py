"""How fast the live page is, by what the page itself shows: frames a second, and the delay.

    python benchmarks/live_page.py [CLIP] [--seconds 20] [--model mediapipe-lite]

Chromium's fake camera plays the clip (without one: the demonstration's film) at 640 x 480 and 30
frames a second; the page opens the camera, and its numbers are read once a second. The delay is
from when the browser says that the picture was taken to when the skeleton has been drawn over it.
Needs chromium, chromium-driver and `pip install -e '.[web,test]'`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import open_browser, serving, wait_for
from fake_camera import camera_flags, write_mjpeg
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from kinetrace.demo import write_film
from kinetrace.frames import open_frames

_WARM_UP_S = 4.0


def main() -> None:
    """Run the page, and print what it shows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--model", default="mediapipe-lite")
    parser.add_argument("--exercise", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = options.clip or folder / "demo.mp4"
        if options.clip is None:
            write_film(clip)
        with open_frames(clip) as frames:
            film = write_mjpeg(folder / "camera.mjpeg", (frame.image for frame in frames))
        with (
            serving(folder / "server") as address,
            open_browser(folder, camera_flags(film)) as page,
        ):
            page.get(f"{address}/live")
            models = wait_for(
                lambda: page.find_elements(By.CSS_SELECTOR, "#model option"), "models"
            )
            chosen = next(m for m in models if options.model in m.get_attribute("value"))
            Select(page.find_element(By.ID, "model")).select_by_value(chosen.get_attribute("value"))
            Select(page.find_element(By.ID, "exercise")).select_by_value(options.exercise)
            page.find_element(By.ID, "start").click()
            told = watch(page, options.seconds)
    rates, delays = zip(*told, strict=True)
    print(
        f"{clip.name}, {options.model}, {os.cpu_count()} cores, {len(told)} s: "
        f"{median(rates):.1f} frames a second (lowest {min(rates):.1f}), "
        f"delay {median(delays):.0f} ms (highest {max(delays):.0f})"
    )


def watch(page: object, seconds: float) -> list[tuple[float, float]]:
    """Read the page's own numbers once a second, after a while."""

    def numbers() -> tuple[str, str]:
        return tuple(page.find_element(By.ID, each).text for each in ("rate", "delay"))

    wait_for(lambda: all(text[:1].isdecimal() for text in numbers()), "the first skeleton")
    time.sleep(_WARM_UP_S)
    told = []
    for _ in range(round(seconds)):
        time.sleep(1)
        told.append(tuple(float(text) for text in numbers()))
    return told


if __name__ == "__main__":
    main()
