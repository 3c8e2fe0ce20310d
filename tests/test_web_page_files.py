"""The files of the pages, without a browser: what the policy allows, what is there, contrast."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import kinetrace

PAGE = Path(kinetrace.__file__).parent / "web" / "page"
PAGES = sorted(PAGE.glob("*.html"))
SCRIPTS = sorted(PAGE.glob("*.js"))
SHEET = (PAGE / "style.css").read_text(encoding="utf-8")


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


@each(PAGES)
def test_a_page_has_nothing_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", text) == [""]
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert addresses
    assert all(address.startswith(("/", "#")) for address in addresses), "nothing from elsewhere"


@each(PAGES)
def test_what_a_page_loads_is_there(path: Path) -> None:
    for name in re.findall(r'"/static/([^"]*)"', path.read_text(encoding="utf-8")):
        assert (PAGE / name).is_file(), name


@each(PAGES)
def test_a_page_has_one_heading_and_the_same_head_as_the_others(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert '<html lang="en">' in text
    assert 'name="viewport"' in text
    assert "<title>" in text
    assert re.findall(r'<a href="(/\w*)"[^>]*>(\w+)</a>', text)[:3] == [
        ("/", "Analyse"),
        ("/live", "Live"),
        ("/compare", "Compare"),
    ]
    assert text.count('aria-current="page"') == 1
    assert text.count("<h1") == 1
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert len(ids) == len(set(ids))


@each(SCRIPTS)
def test_a_script_makes_nothing_of_text_but_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    forbidden = r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(forbidden, text)
    assert not re.search(r"""(from|import|fetch\(|src =)\s*["'`]https?:""", text), "from elsewhere"
    assert not re.search(r"""setAttribute\(["']style|style:\s*["'`]""", text), "inline style"


@each(SCRIPTS)
def test_what_a_script_imports_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for names, module in re.findall(r'import \{([^}]*)\} from "(?:\./|/static/)([^"]*)"', text):
        exported = (PAGE / module).read_text(encoding="utf-8")
        for name in (part.split(" as ")[0].strip() for part in names.split(",")):
            if name:
                found = rf"export (?:async )?(?:function|class|const|let) {re.escape(name)}\b"
                assert re.search(found, exported), f"{module} has no {name}"


@pytest.mark.parametrize(("page", "scripts"), [("index.html", "*"), ("compare.html", "compare.js")])
def test_elements_that_are_looked_up_by_id_are_on_the_page(page: str, scripts: str) -> None:
    text = (PAGE / page).read_text(encoding="utf-8")
    there = set(re.findall(r'\sid="([^"]*)"', text))
    own = ["index.js", "upload.js", "jobs-list.js"] if scripts == "*" else [scripts]
    for name in own:
        script = (PAGE / name).read_text(encoding="utf-8")
        asked = set(re.findall(r'byId\("([^"]*)"\)', script))
        assert asked - there == set(), name


def colours(scheme: str) -> dict[str, tuple[int, ...]]:
    """The sheet's colours of text and ground in light or dark."""
    blocks = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
    block = blocks[["light", "dark"].index(scheme)]
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6})", block)
    return {name: tuple(bytes.fromhex(code)) for name, code in found}


def luminance(rgb: tuple[int, ...]) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_known() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme: str) -> None:
    colour = colours(scheme)
    texts = ["ink", "soft", "accent", "left", "right", "middle", "warn", "bad", "good"]
    pairs = [
        *product(texts, ["ground", "card"]),
        ("on-accent", "accent"),
        ("accent", "accent-card"),
    ]
    pairs += [("warn", "warn-card"), ("bad", "bad-card")]
    for text, ground in pairs:
        assert contrast(colour[text], colour[ground]) >= 4.5, f"{text} on {ground} ({scheme})"
    for ground in ("ground", "card"):  # the border of what can be filled in
        assert contrast(colour["field"], colour[ground]) >= 3, f"field on {ground} ({scheme})"
