"""Every command has an example in docs/commands.md, and these examples run, in their order."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from kinetrace.cli import app, main

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
# They go on until they are stopped, or need labels: test_training.py, test_live*.py and
# test_serve*.py start them.
ELSEWHERE = ("train", "live", "serve")


def examples() -> list[list[str]]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [shlex.split(line)[1:] for line in lines]


def test_every_command_has_an_example() -> None:
    commands = {name for name in app if not name.startswith("-")}
    assert {words[0] for words in examples()} == commands


@pytest.mark.models
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    for package in ("matplotlib", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.chdir(tmp_path)
    for words in examples():
        if words[0] in ELSEWHERE:
            continue
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0, " ".join(words)
        for option, value in pairwise(words):
            if option in ("--output", "--plot", "--json"):
                made = Path(value)
                there = made.exists() or list(made.parent.glob(f"{made.stem}*"))
                assert there, f"{' '.join(words)} made no {value}"
