"""What the documentation shows works: Python runs, and commands are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kinetrace.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def blocks(language):
    for page in PAGES:
        found = re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for number, text in enumerate(found):
            yield pytest.param(text, id=f"{page.name}-{number}")


@pytest.mark.models
@pytest.mark.parametrize("code", list(blocks("python")))
def test_python_runs(code, tmp_path, monkeypatch):
    pytest.importorskip("mediapipe")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "documentation", "exec"), {})


@pytest.mark.parametrize("text", list(blocks("bash")))
def test_commands_are_understood(text):
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "kinetrace":
            app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_links_within_the_documentation_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readmes_commands_are_where_ci_looks_for_them():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"<!-- tests -->\n```bash\n.*pytest\n```", readme)
    assert re.search(r"<!-- demo -->\n```bash\n.*kinetrace demo\n```", readme)
