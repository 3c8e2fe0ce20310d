"""What the wheel and the source archive hold, and what they do not."""

from __future__ import annotations

import configparser
import email
import fnmatch
import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# All that a wheel may hold; `*` matches folders too.
WHEEL = (
    "kinetrace/*.py",
    "kinetrace/py.typed",
    "kinetrace/actions/pretrained/*.onnx",
    "kinetrace/actions/pretrained/*.md",
    "kinetrace/data/README.md",
    "kinetrace/data/astronaut.jpg",
    "kinetrace/data/exercises.toml",
    "kinetrace/report/assets/*.css",
    "kinetrace/report/assets/*.js",
    "kinetrace/report/assets/plotly-LICENSE.txt",
    "kinetrace/web/page/*.css",
    "kinetrace/web/page/*.html",
    "kinetrace/web/page/*.js",
    "kinetrace/web/page/*.svg",
    "kinetrace/weights/packaged/*.md",
    "kinetrace/weights/packaged/*.npz",
    "kinetrace/weights/packaged/*.onnx",
    "kinetrace-*.dist-info/METADATA",
    "kinetrace-*.dist-info/RECORD",
    "kinetrace-*.dist-info/WHEEL",
    "kinetrace-*.dist-info/entry_points.txt",
    "kinetrace-*.dist-info/licenses/*",
)
SOURCE = (
    *("src/*.py", *(f"src/{pattern}" for pattern in WHEEL if pattern.startswith("kinetrace/"))),
    *("tests/*.py", "tests/data/*", "examples/*.py", "examples/README.md", "benchmarks/*.py"),
    *(
        "docs/*.md",
        "docs/*.py",
        "docs/training-pictures.csv",
        "docs/images/*.png",
        "docs/images/*.jpg",
    ),
    *("scripts/check", "scripts/sbom", "mkdocs.yml", "Dockerfile", ".dockerignore", ".gitignore"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "NOTICE"),
    *("pyproject.toml", "PKG-INFO"),
)
LARGEST_MB = 20


def strangers(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return [name for name in names if not any(fnmatch.fnmatch(name, each) for each in patterns)]


def build(target: str, folder: Path) -> Path:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory"]
    done = subprocess.run(
        [*command, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_what_it_should_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert strangers(names, WHEEL) == []
        for pattern in WHEEL:
            if not pattern.startswith("kinetrace/weights/packaged/"):
                assert fnmatch.filter(names, pattern), f"the wheel has no {pattern}"
        modules = {p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*.py")}
        assert {name for name in names if name.endswith(".py")} == modules
        assert sum(info.file_size for info in archive.infolist()) < LARGEST_MB * 1e6
        assert not [name for name in names if "test_" in name or "conftest" in name]


def test_what_the_wheel_says_of_itself(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (about,) = fnmatch.filter(archive.namelist(), "*.dist-info/METADATA")
        (points,) = fnmatch.filter(archive.namelist(), "*.dist-info/entry_points.txt")
        told = email.message_from_bytes(archive.read(about))
        scripts = configparser.ConfigParser()
        scripts.read_string(archive.read(points).decode())
    assert told["Name"] == "kinetrace"
    assert told["License-Expression"] == "Apache-2.0"
    assert "NOTICE" in told.get_all("License-File", [])
    assert scripts["console_scripts"]["kinetrace"] == "kinetrace.cli:main"
    # What is needed without extras stays a short list: each is one more thing to trust.
    needed = [text for text in told.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert len(needed) <= 12


def test_the_source_archive(tmp_path: Path) -> None:
    made = build("sdist", tmp_path)
    with tarfile.open(made) as archive:
        members = [member for member in archive.getmembers() if not member.isdir()]
    names = [member.name.partition("/")[2] for member in members]
    assert strangers(names, SOURCE) == []
    assert all(member.isfile() for member in members)
    assert sum(member.size for member in members) < 2 * LARGEST_MB * 1e6
    for pattern in SOURCE:
        if not pattern.startswith(("tests/data", "src/kinetrace/weights/packaged/")):
            assert fnmatch.filter(names, pattern), f"the archive has no {pattern}"


def test_a_stranger_would_be_named() -> None:
    names = ["kinetrace/a/b.py", "kinetrace/data/film.mp4", "tests/test_a.py", "kinetrace/x.pth"]
    assert strangers(names, WHEEL) == names[1:]
