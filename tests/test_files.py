from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kinetrace.errors import FormatError, OutputError, SourceError
from kinetrace.files import Appender, reading, replacing, replacing_text


def test_a_whole_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_text_is_written_whole_with_its_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing_text(path) as file:
        file.write("naïve\n\udcff\n")
        assert not path.exists()
    assert path.read_bytes() == "naïve\n\\udcff\n".encode()
    with pytest.raises(LookupError), replacing_text(path) as file:
        file.write("half")
        raise LookupError
    assert path.read_text("utf-8").startswith("naïve")


def test_its_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("")
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_body_that_fails_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("ne")
        raise error
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(OutputError, match="device or a pipe"), replacing(Path("/dev/null")):
        pytest.fail("the body must not run")


def test_an_error_of_a_writer_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(OutputError) as caught, replacing(path) as temporary:
        Appender(temporary / "b", "x")
    assert str(caught.value).startswith(f"cannot write {path}/b: ")


def test_errors_of_reading(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"), reading(tmp_path / "a"):
        (tmp_path / "a").read_text()
    with pytest.raises(FormatError, match="^a: bad$"), reading(Path("a")):
        raise FormatError("bad")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_device() -> None:
    with pytest.raises(OutputError, match="/dev/full: no space left on the device"):
        Appender(Path("/dev/full"), "x")
