from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from some_poses import FACE, assert_same_people, make_poses

from kinetrace import formats, plugins
from kinetrace.errors import FormatError, PluginError
from kinetrace.formats import csv

PLUGIN = """
from kinetrace.formats import jsonl
SUFFIXES = (".tar.posed", ".posed", ".special.csv")
read, write = jsonl.read, jsonl.write
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package as pip leaves it: a module, and metadata that names entry points."""
    site = tmp_path / "site"
    (site / "some_plugin-1.0.dist-info").mkdir(parents=True)
    (site / "some_plugin-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: some-plugin\nVersion: 1.0\n"
    )
    (site / "some_plugin-1.0.dist-info" / "entry_points.txt").write_text(
        "[kinetrace.formats]\n"
        "posed = some_plugin_of_a_test\n"
        "csv = some_plugin_of_a_test\n"
        "broken = some_plugin_that_is_not_there\n"
        "thing = some_plugin_of_a_test:SUFFIXES\n"
    )
    (site / "some_plugin_of_a_test.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("some_plugin_of_a_test", None)


@pytest.mark.parametrize("kind", ["backends", "detectors", "formats"])
def test_every_plugin_is_listed_by_its_file_name(kind: plugins.Kind) -> None:
    names = plugins.names(kind)
    assert names == sorted(names)
    assert not [name for name in names if name.startswith("_")]
    folder = Path(formats.__file__).parents[1] / kind
    assert set(names) >= {p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")}


def test_listing_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "kinetrace.formats.parquet", raising=False)
    plugins.names("formats")
    assert "kinetrace.formats.parquet" not in sys.modules


def test_a_plugin_is_the_module_of_its_name() -> None:
    assert plugins.load("formats", "csv") is csv


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(
        PluginError, match=r"no 'xls' in formats; there are: .*coco, csv, .*jsonl, .*parquet"
    ):
        plugins.load("formats", "xls")


@pytest.mark.usefixtures("installed")
def test_an_installed_package_is_found() -> None:
    assert {"posed", "broken"} <= set(plugins.names("formats"))
    module = plugins.load("formats", "posed")
    assert isinstance(module, ModuleType)
    assert module.__name__ == "some_plugin_of_a_test"


@pytest.mark.usefixtures("installed")
def test_a_name_of_ours_wins() -> None:
    assert plugins.load("formats", "csv") is csv


@pytest.mark.usefixtures("installed")
def test_what_cannot_be_imported_or_is_no_module_is_named() -> None:
    with pytest.raises(PluginError, match="'broken'.*some_plugin_that_is_not_there.*cannot be imp"):
        plugins.load("formats", "broken")
    with pytest.raises(PluginError, match="'thing'.*must name a module"):
        plugins.load("formats", "thing")


@pytest.mark.usefixtures("installed")
def test_an_installed_format_is_used_whatever_else_is_broken(tmp_path: Path) -> None:
    poses = make_poses(skeleton=FACE)
    for name in ("a.posed", "a.tar.posed"):
        formats.write(poses, tmp_path / name)
        assert_same_people(formats.read(tmp_path / name), poses)
        # It has no Writer, so it is kept as JSON Lines and converted at the end.
        with formats.open_writer(tmp_path / f"b.{name}", poses) as file:
            file.append(poses)
            assert file.partial.name == "b.a.partial.keypoints.jsonl"
        assert_same_people(formats.read(tmp_path / f"b.{name}"), poses)
    assert formats.find(Path("a.special.csv")) is plugins.load("formats", "posed")
    assert formats.find(Path("special.csv")) is csv
    with pytest.raises(FormatError, match=r"\.special\.csv, \.tar\.posed, .*; formats 'broken'"):
        formats.find(Path("a.xls"))
