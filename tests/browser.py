"""A real browser on a real server, for tests of the pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serving as server
import waiting

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",  # containers have little of it
)
SIZE_WH = (1280, 900)


def require_browser() -> tuple[str, str]:
    """Return the paths of a Chromium and its driver, or skip."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    return browser, driver


@contextmanager
def open_browser(folder: Path, flags: Sequence[str] = ()) -> Iterator[Any]:
    """Start a headless browser with an empty profile; downloads go to `folder`/downloads.

    Parameters
    ----------
    folder
        For its profile.
    flags
        More of the command line's.
    """
    browser, driver_path = require_browser()
    from selenium import webdriver

    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    profile = folder / "profile"
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={SIZE_WH[0]},{SIZE_WH[1]}"):
        options.add_argument(flag)
    for flag in flags:
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver_path)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def serving(folder: Path, **limits: Any) -> Iterator[str]:
    """Run the server as `serving.serving` does, and yield its address."""
    pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
    with server.serving(folder, **limits) as port:
        yield f"http://127.0.0.1:{port}"


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return what `condition` returns as soon as it is true; an error of the page is a no."""
    from selenium.common.exceptions import WebDriverException

    # An element that is not there yet, or was replaced.
    return waiting.wait_for(condition, what, excused=(WebDriverException,))


def complaints(driver: Any) -> list[str]:
    """Return what the page has written to its console as errors since the last time."""
    return [
        entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE",)
    ]
