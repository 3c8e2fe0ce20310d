"""Every command has an example in docs/commands.md, and these examples run, in their order."""

from __future__ import annotations

import re
import shlex
import signal
import sys
import urllib.request
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from waiting import PATIENCE_S, started

from kinetrace import read
from kinetrace.cli import app, main

pytestmark = pytest.mark.models

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
FILM = "kinetrace-demo/demo.mp4"
# What ends, soon, what would go on for long: the page says so too.
ENDINGS = {
    "train": ("--samples", "2", "--batch", "2", "--size", "64x64"),
    "live": (FILM, "--no-show"),
    "serve": ("--port", "0", "--no-open", "--folder", "served"),
}


def examples() -> list[list[str]]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [shlex.split(line)[1:] for line in lines]


def example_of(command: str) -> list[str]:
    """Return the only example of a command that has to be ended, with what ends it."""
    (words,) = (words for words in examples() if words[0] == command)
    return [*words, *ENDINGS[command]]


def run(words: Sequence[str]) -> None:
    """Run a command in this process; what it says that it makes is there then."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0, " ".join(words)
    for option, value in pairwise(words):
        if option in ("--output", "--plot", "--json"):
            made = Path(value)
            there = made.exists() or list(made.parent.glob(f"{made.stem}*"))
            assert there, f"{' '.join(words)} made no {value}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the examples have run that end by themselves."""
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    for package in ("matplotlib", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    folder = tmp_path_factory.mktemp("commands")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in examples():
            if words[0] not in ENDINGS:
                run(words)
    return folder


@pytest.fixture
def _in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_every_command_has_an_example() -> None:
    commands = {name for name in app if not name.startswith("-")}
    assert {words[0] for words in examples()} == commands


def test_the_examples_run(folder: Path) -> None:
    assert (folder / FILM).exists()


@pytest.mark.usefixtures("_in_folder")
def test_a_network_is_trained() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    run(example_of("train"))
    assert {"hrnet-nano.npz", "hrnet-nano.onnx"} <= {path.name for path in Path("mine").iterdir()}


@pytest.mark.usefixtures("_in_folder")
def test_a_film_is_followed_as_a_camera_is() -> None:
    words = example_of("live")
    run(words)
    (table,) = (value for option, value in pairwise(words) if option == "--output")
    assert len(read(table)) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("_in_folder")
def test_the_page_is_served_until_ctrl_c() -> None:
    pytest.importorskip("fastapi", reason="needs pip install 'kinetrace[web]'")
    pytest.importorskip("uvicorn", reason="needs pip install 'kinetrace[web]'")
    with started([sys.executable, "-m", "kinetrace", *example_of("serve")]) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            assert "Kinetrace</title>" in answer.read().decode()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "Stopped."
