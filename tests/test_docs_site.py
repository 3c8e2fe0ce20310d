"""The documentation's site is built without a warning and asks nobody else for anything."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material"):
        if importlib.util.find_spec(package) is None:
            pytest.skip("mkdocs-material is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        # What its maintainers have to say about the next version is no warning about the pages.
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    return folder


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / page.name).with_suffix(".html").exists(), page.name


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Links may lead away; scripts, styles, fonts, pictures and frames may not."""
    loaded = r"<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc\s*=\s*[\"']?\s*(?:https?:)?//"
    linked = r"<link\b(?![^>]*rel=[\"']?canonical)[^>]*\bhref\s*=\s*[\"']?\s*(?:https?:)?//"
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(loaded, text), page.name
        assert not re.search(linked, text), page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text()), style


def test_the_examples_of_one_file_are_shown(site: Path) -> None:
    page = (site / "add-your-own.html").read_text(encoding="utf-8")
    assert page.count("SUFFIXES") > 1
    assert "--8&lt;--" not in page


def test_model_cards_are_of_the_catalogue() -> None:
    cards = runpy.run_path(str(ROOT / "docs" / "make_models.py"))["cards"]
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert page == "".join(cards()), "run: python docs/make_models.py"
