"""Imports point one way, as docs/design.md says; and importing does nothing but that."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "kinetrace"

# Each is within a function, so that nothing is loaded before it is needed.
EXCEPTIONS = {
    ("kinetrace.poses", "kinetrace.tables"): "`Poses.table()` is what everybody looks for",
    ("kinetrace.actions.dataset", "kinetrace.pipeline"): "labelled films are estimated when read",
    ("kinetrace.training.training", "kinetrace.training.rank"): "it needs PyTorch, `Plan` does not",
}


class Import(NamedTuple):
    """One module imports another one, in some line."""

    module: str
    target: str
    line: int
    within_function: bool


def name_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(package: Path) -> list[Import]:
    """Return what the modules of a package import of each other, but for type checkers."""
    files = {name_of(path, package): path for path in sorted(package.rglob("*.py"))}
    found = []
    for module, path in files.items():
        for target, line, within_function in statements(ast.parse(path.read_bytes())):
            # `from a import b`: of a module b, or of a name in a.
            known = target if target in files else target.rpartition(".")[0]
            if known in files and known not in (module, package.name):
                found.append(Import(module, known, line, within_function))
    return found


def statements(node: ast.AST, *, within_function: bool = False) -> Iterator[tuple[str, int, bool]]:
    """Yield what is imported, in which line, and whether within a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from statements(ast.Module(child.orelse, []), within_function=within_function)
        elif isinstance(child, ast.Import):
            yield from ((alias.name, child.lineno, within_function) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: an import relative to the module"
            for alias in child.names:
                yield f"{child.module}.{alias.name}", child.lineno, within_function
        else:
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from statements(child, within_function=within_function or function)


def part_of(module: str) -> str:
    return module.split(".")[1]


def read_layers() -> dict[str, int]:
    """Return the row that each module or folder has in the list of docs/design.md."""
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    found = re.search(r"^Imports point one way.*?```text\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert found, "docs/design.md has no list of layers after 'Imports point one way'"
    rows = [re.findall(r"\w+", row) for row in found[1].splitlines()]
    names = [name for row in rows for name in row]
    assert len(set(names)) == len(names), "docs/design.md names something twice"
    return {name: number for number, row in enumerate(rows) for name in row}


def uphill(imports: Sequence[Import], layers: dict[str, int]) -> list[str]:
    """Name the imports from a later row than the module's own."""
    return [
        f"{i.module}, line {i.line}: imports {i.target}, which is below it in docs/design.md"
        for i in imports
        if layers[part_of(i.target)] > layers[part_of(i.module)]
    ]


def find_circle(imports: Sequence[Import]) -> list[str]:
    """Return modules that import each other, in order; none if there are none."""
    graph: dict[str, set[str]] = {}
    for each in imports:
        graph.setdefault(each.module, set()).add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle[::-1]
    return []


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return imports_of(PACKAGE)


def without_exceptions(imports: Sequence[Import]) -> list[Import]:
    return [i for i in imports if (i.module, i.target) not in EXCEPTIONS]


def test_every_module_has_one_place_in_the_list() -> None:
    there = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert set(read_layers()) == there - {"__init__"}


def test_every_module_that_is_public_is_in_the_tree() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    tree = page.split("```")[1]
    told = set(re.findall(r"(\w+)(?:/|\.py)", tree))
    assert {name for name in read_layers() if not name.startswith("_")} <= told


def test_imports_point_one_way(imports: list[Import]) -> None:
    assert uphill(without_exceptions(imports), read_layers()) == []


def test_no_modules_import_each_other(imports: list[Import]) -> None:
    assert find_circle(without_exceptions(imports)) == []


def test_every_exception_is_one(imports: list[Import]) -> None:
    """Each breaks one of the rules, on its own and only within functions."""
    kept = without_exceptions(imports)
    for pair in EXCEPTIONS:
        excused = [i for i in imports if (i.module, i.target) == pair]
        assert excused, f"{pair} is no import any more: take it off the list"
        assert all(i.within_function for i in excused), pair
        assert uphill(excused, read_layers()) or find_circle([*kept, *excused]), pair


def test_what_breaks_the_rules_is_named(tmp_path: Path) -> None:
    package = tmp_path / "thing"
    (package / "high").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "high" / "__init__.py").write_text("from thing import low\n")
    (package / "high" / "_part.py").write_text("from thing.low import one\n")
    (package / "low.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from thing.high import _part\n"
        "def one():\n    import thing.high\n"
    )
    found = imports_of(package)
    assert set(found) == {
        Import("thing.high", "thing.low", 1, False),
        Import("thing.high._part", "thing.low", 1, False),
        Import("thing.low", "thing.high", 5, True),
    }
    assert uphill(found, {"low": 0, "high": 1}) == [
        "thing.low, line 5: imports thing.high, which is below it in docs/design.md"
    ]
    assert set(find_circle(found)) == {"thing.low", "thing.high"}
    assert find_circle([i for i in found if not i.within_function]) == []


IMPORT_ALL = """
import importlib, json, logging, os, sys, threading, warnings
done = []
WATCHED = ("os.mkdir", "os.remove", "os.rename", "os.symlink", "os.system", "os.putenv",
           "os.unsetenv", "socket.connect", "socket.getaddrinfo", "subprocess.Popen")
def watch(event, arguments):
    if event in WATCHED:
        done.append(f"{event} {arguments}")
    # Mode is None for os.open, whose flags then say what is done.
    if event == "open" and (set(arguments[1] or "") & set("wax+") or
                            arguments[1] is None and arguments[2] & (os.O_CREAT | os.O_WRONLY)):
        done.append(f"open {arguments}")
# What others do when they are first imported is not ours.
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
def state():
    return {"logging": repr((logging.root.handlers, logging.root.level)),
            "warnings": repr(warnings.filters), "folder": os.getcwd(),
            "threads": threading.active_count(), "variables": dict(os.environ)}
before = state()
sys.addaudithook(watch)
skipped = []
for name in sys.argv[1].split():
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.startswith("kinetrace"):
            raise
        skipped.append(name)
now = state()
done += [f"{key}: {now[key]}" for key in now if now[key] != before[key]]
print(json.dumps({"done": done, "skipped": skipped}))
"""


def third_party() -> list[str]:
    """Return what the package imports of others when it is imported."""
    found = {
        target.split(".")[0]
        for path in PACKAGE.rglob("*.py")
        for target, _, within_function in statements(ast.parse(path.read_bytes()))
        if not within_function
    }
    return sorted(found - set(sys.stdlib_module_names) - {"kinetrace"})


def import_all(
    modules: Sequence[str], *, first: Sequence[str] = (), folder: Path
) -> dict[str, Any]:
    """Import modules in a process of their own, and return what else that did."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, " ".join(modules), *first],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_importing_any_module_does_nothing_else(tmp_path: Path) -> None:
    """No file, no folder, no network, no process, no thread, no logging, no environment."""
    modules = {name_of(path, PACKAGE) for path in PACKAGE.rglob("*.py")}
    modules -= {"kinetrace.__main__"}  # which is the command itself
    told = import_all(sorted(modules), first=third_party(), folder=tmp_path)
    assert told["done"] == []
    assert len(told["skipped"]) < len(modules) / 10


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("open('a', 'w').close()", "open ('a', 'w'"),
        ("import os; os.makedirs('a')", "os.mkdir ('a'"),
        ("import logging; logging.basicConfig()", "logging: "),
        ("import warnings; warnings.simplefilter('ignore')", "warnings: "),
        ("import socket; socket.socket(socket.AF_UNIX).connect_ex('a')", "socket.connect "),
        ("import os; os.environ['A'] = 'b'", "os.putenv "),
    ],
)
def test_what_importing_does_is_named(tmp_path: Path, code: str, what: str) -> None:
    (tmp_path / "doing.py").write_text(code)
    told = import_all(["doing"], folder=tmp_path)
    assert any(each.startswith(what) for each in told["done"]), told
