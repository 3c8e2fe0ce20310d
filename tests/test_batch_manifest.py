"""The manifest, and what is concluded from it."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import PATIENCE_S

from kinetrace.batch import Manifest, Result, Settings, run_all
from kinetrace.batch._claims import claimed
from kinetrace.batch.identity import identify, is_same
from kinetrace.batch.ledger import Ledger
from kinetrace.batch.manifest import NAME, Record
from kinetrace.batch.settings import differences
from kinetrace.errors import OutputError
from kinetrace.estimators import Options
from kinetrace.frames.selection import Selection
from kinetrace.jobs import Job
from kinetrace.run import Outcome

SETTINGS = Settings(backend="hrnet", options=Options(model="lite"))


def record(number: int, error: str = "") -> Record:
    return Record(
        outcome="failed" if error else "done",
        source={"path": f"{number}.mp4"},
        outputs={"table": f"{number}.csv"},
        settings="abc",
        error=error,
    )


def numbers(folder: Path) -> list[int]:
    """Return the records that can be read, among 0 to 9."""
    manifest = Manifest(folder)
    return [i for i in range(10) if manifest.of(f"{i}.csv")]


def test_a_record_is_read_as_it_was_written(tmp_path):
    written = record(3, error="two\nlines, a ☃ and \udce4")
    Manifest(tmp_path).append(written)
    manifest = Manifest(tmp_path)
    assert manifest.of("3.csv") == [written]
    again = dataclasses.replace(written, attempt=2)
    manifest.append(again)
    assert manifest.of("3.csv") == [written, again]
    assert manifest.of("4.csv") == []
    assert (tmp_path / NAME).read_bytes().count(b"\n") == 2


@given(cut=st.integers(0, 10_000))
def test_a_line_that_was_cut_costs_no_other(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("cut")
    ends = []
    for i in range(3):
        Manifest(folder).append(record(i))
        ends.append((folder / NAME).stat().st_size - 1)  # without the line end
    data = (folder / NAME).read_bytes()
    left = data[: cut % (len(data) + 1)]
    (folder / NAME).write_bytes(left)
    whole = [i for i, end in enumerate(ends) if end <= len(left)]
    assert numbers(folder) == whole
    Manifest(folder).append(record(9))
    assert numbers(folder) == [*whole, 9]


@pytest.mark.parametrize("line", ["", "12", "[]", "{}", '{"outputs": 1, "source": 2}', "\0"])
def test_lines_that_are_no_records_are_passed_over(tmp_path, line):
    told = {**dataclasses.asdict(record(1)), "something_of_a_later_version": 1}
    (tmp_path / NAME).write_text(f"{line}\n{json.dumps(told)}\n")
    assert numbers(tmp_path) == [1]


def test_those_who_append_at_once_do_not_disturb_each_other(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from kinetrace.batch.manifest import Manifest, Record\n"
        "manifest = Manifest(Path(sys.argv[1]))\n"
        "for i in range(40):\n"
        "    manifest.append(Record(outcome='done', source={}, settings='', details='x' * 9000,\n"
        "                           outputs={'table': f'{sys.argv[2]}-{i}.csv'}))\n"
    )
    path = str(Path(sys.modules["kinetrace"].__file__).parents[1])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(n)],
            env={**os.environ, "PYTHONPATH": path},
        )
        for n in range(3)
    ]
    assert [writer.wait(PATIENCE_S) for writer in writers] == [0, 0, 0]
    manifest = Manifest(tmp_path)
    assert all(len(manifest.of(f"{n}-{i}.csv")) == 1 for n in range(3) for i in range(40))


def test_a_manifest_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="that is a directory"):
        Manifest(tmp_path).append(record(1))
    with pytest.raises(OutputError, match="its folder does not exist"):
        Manifest(tmp_path / "nowhere").append(record(1))


def test_settings_travel(tmp_path):
    settings = Settings(
        backend="hrnet",
        options=Options(boxes=tmp_path / "boxes.csv", input_size_wh=(192, 256)),
        selection=Selection(start_s=1.5, every="0.5s"),
        fps=29.97,
    )
    assert pickle.loads(pickle.dumps(settings)) == settings
    told = json.loads(json.dumps(settings.parameters()))
    assert told["options"]["boxes"] == str(tmp_path / "boxes.csv")
    assert told["selection"] == {"start_s": 1.5, "end_s": None, "every": "0.5s"}
    with pytest.raises(TypeError, match="ndarray"):
        Settings(
            backend="hrnet",
            options=Options(precision="int8", calibration=np.zeros((2, 2, 3), np.uint8)),
        ).parameters()
    with pytest.raises(ValueError, match="fps must be positive, got 0"):
        Settings(backend="hrnet", fps=0)


def changed(**changes: object) -> Settings:
    """Return settings with other options, selection or fields, whichever has the name."""
    settings = SETTINGS
    for name, value in changes.items():
        for part in ("options", "selection"):
            if hasattr(getattr(settings, part), name):
                inner = dataclasses.replace(getattr(settings, part), **{name: value})
                settings = dataclasses.replace(settings, **{part: inner})
                break
        else:
            settings = dataclasses.replace(settings, **{name: value})
    return settings


@pytest.mark.parametrize(
    "changes",
    [
        {"backend": "mediapipe"},
        {"model": "heavy"},
        {"max_people": 2},
        {"detector": "yolox"},
        {"quality": "fast"},
        {"precision": "int8"},
        {"start_s": 1.0},
        {"every": 2},
        {"every": "1s"},
        {"fps": 25.0},
        {"layout": "long"},
        {"track": False},
        {"smooth": "none"},
    ],
)
def test_what_changes_results_changes_the_digest(changes):
    assert changed(**changes).digest() != SETTINGS.digest()
    (name, value), *_ = changes.items()
    assert f"now {value}" in differences(SETTINGS.parameters(), changed(**changes).parameters())
    assert name in differences(SETTINGS.parameters(), changed(**changes).parameters())


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 3},
        {"quiet": True},
        {"device": "cpu"},
        {"first_source": "a.mp4"},
        {"every": "1"},
        {"layout": "wide"},
    ],
)
def test_what_does_not_leaves_it(changes):
    assert changed(**changes).digest() == SETTINGS.digest()


def test_every_field_is_in_the_digest_unless_it_is_known_to_have_no_effect():
    told = json.loads(json.dumps(SETTINGS.parameters()))
    assert set(told) == {f.name for f in dataclasses.fields(Settings)}
    assert set(told["options"]) == {f.name for f in dataclasses.fields(Options)}


def test_a_file_counts_by_what_is_in_it(tmp_path):
    for name, text in (("a.onnx", "one"), ("b.onnx", "one"), ("c.onnx", "two")):
        (tmp_path / name).write_text(text)
    one, same, other = (changed(model=str(tmp_path / f"{n}.onnx")).digest() for n in "abc")
    assert one == same != other


def made(folder: Path) -> Job:
    """Make a film and its table; return the job."""
    (folder / "a.mp4").write_bytes(b"film" * 10)
    (folder / "a.csv").write_text("table")
    return Job(source=folder / "a.mp4", table=folder / "a.csv")


def test_a_table_that_is_there_stays_whatever_is_known_of_it(tmp_path):
    job = made(tmp_path)
    assert Ledger(SETTINGS).verdict(job) == Result(state="there")  # made before there were records
    Ledger(SETTINGS).settle(job, Result(state="done", outcome=Outcome(frames=3)))
    assert Ledger(SETTINGS).verdict(job) == Result(state="there")

    other = Ledger(changed(model="heavy", every=3)).verdict(job)
    assert other.state == "there"
    assert "other settings (model lite, now heavy; every 1, now 3); --overwrite" in other.error
    with_overlay = dataclasses.replace(job, overlay=tmp_path / "a.overlay.mp4")
    assert Ledger(SETTINGS).verdict(with_overlay) is None
    # The table must not be replaced by one of other settings for the sake of an overlay.
    assert "other settings" in Ledger(changed(model="heavy")).verdict(with_overlay).error

    (tmp_path / "a.mp4").write_bytes(b"another film")
    assert "has changed since" in Ledger(SETTINGS).verdict(job).error
    job.table.unlink()
    assert Ledger(SETTINGS).verdict(job) is None


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_only_failures_in_a_row_that_may_be_the_sources_count(tmp_path, tries):
    job = made(tmp_path)
    job.table.unlink()
    bad = Result(state="failed", error="bad", is_fault_of_source=True)
    full = Result(state="failed", error="full", is_fault_of_source=False)
    for _ in range(5):
        assert Ledger(SETTINGS).settle(job, full).state == "failed"
    for number in range(1, tries + 1):
        result = Ledger(SETTINGS).settle(job, bad)
        assert result.attempt == number
        assert result.state == ("failed" if number == 1 else "set-aside")
    verdict = Ledger(SETTINGS).verdict(job)
    assert (verdict is not None) == (tries > 1)
    assert Ledger(SETTINGS).verdict(job, retry=True) is None
    assert Ledger(changed(model="heavy")).verdict(job) is None
    os.utime(job.source, (1, 1))
    assert (Ledger(SETTINGS).verdict(job) is not None) == (tries > 1)  # only its date has changed
    job.source.write_bytes(b"good" * 10)
    assert Ledger(SETTINGS).verdict(job) is None
    assert Ledger(SETTINGS).settle(job, bad).attempt == 1


def test_a_run_can_go_unrecorded(tmp_path):
    job = made(tmp_path)
    assert [r.state for r in run_all([job], SETTINGS, record=False)] == ["there"]
    job.table.unlink()
    for _ in range(3):
        (result,) = run_all([job], SETTINGS, record=False)
        assert (result.state, result.error_kind) == ("failed", "SourceError")
    assert not (tmp_path / NAME).exists()


def test_the_weights_of_backend_and_detector_are_recorded(tmp_path):
    job = made(tmp_path)
    told = {"sha256": {"pose.onnx": "12"}, "detector": {"sha256": {"det.onnx": "34"}}}
    outcome = Outcome(frames=7, took_s=1.23456, log=({"operation": "e", "parameters": told},))
    Ledger(SETTINGS).settle(job, Result(state="done", outcome=outcome, versions={"python": "3"}))
    (line,) = (tmp_path / NAME).read_text().splitlines()
    record = json.loads(line)
    assert record["weights"] == {"pose.onnx": "12", "det.onnx": "34"}
    assert (record["frames"], record["took_s"], record["outcome"]) == (7, 1.235, "done")
    assert record["outputs"] == {"table": "a.csv"}
    assert record["parameters"]["options"]["model"] == "lite"
    assert record["versions"] == {"python": "3"}


@pytest.mark.parametrize("size_bytes", [0, 10, 1 << 20, (1 << 21) + 5, 5 << 20])
def test_a_source_is_known_by_its_ends(tmp_path, size_bytes):
    path = tmp_path / "a.mp4"
    data = np.random.default_rng(0).integers(0, 256, size_bytes, np.uint8)
    path.write_bytes(data.tobytes())
    job = Job(source=path, table=tmp_path / "a.csv")
    known = identify(job)
    moved = Job(source=path.rename(tmp_path / "b.mp4"), table=job.table)
    os.utime(moved.source)
    assert is_same(moved, known)
    for position in (0, -1) if size_bytes else ():
        other = data.copy()
        other[position] ^= 1
        moved.source.write_bytes(other.tobytes())
        assert not is_same(moved, known)
    moved.source.write_bytes(data.tobytes() + b"x")
    assert not is_same(moved, known)
    moved.source.unlink()
    assert not is_same(moved, known)


def test_cameras_addresses_and_lists_have_an_identity(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths:
        path.write_bytes(b"1234")
    for source in ("0", "rtsp://there/film", paths):
        job = Job(source=source, table=tmp_path / "a.csv")
        known = json.loads(json.dumps(identify(job)))
        assert is_same(job, known)
    paths[1].write_bytes(b"12345")
    assert not is_same(job, known)


def test_a_result_is_claimed_by_one_process_at_a_time(tmp_path):
    code = (
        "import sys; from pathlib import Path; from kinetrace.batch._claims import claimed\n"
        "from kinetrace.jobs import Job\n"
        "with claimed(Job(source='0', table=Path(sys.argv[1]))) as is_ours: print(is_ours)\n"
    )
    path = str(Path(sys.modules["kinetrace"].__file__).parents[1])

    def is_free(name: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        return done.stdout.strip() == "True"

    with claimed(Job(source="0", table=tmp_path / "a.csv")) as is_ours:
        assert is_ours
        assert not is_free("a.csv")
        assert is_free("b.csv")
    assert is_free("a.csv")
    with (
        pytest.raises(OutputError, match="its folder does not exist"),
        claimed(Job(source="0", table=tmp_path / "nowhere/a.csv")),
    ):
        pass


@pytest.mark.parametrize("written", ["a.csv", "a.partial.csv", "a.overlay.mp4"])
def test_what_a_killed_process_has_left_goes_with_the_next_try(tmp_path, written):
    code = (
        "import os, signal, sys; from pathlib import Path; from kinetrace import files\n"
        "with files.replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = str(Path(sys.modules["kinetrace"].__file__).parents[1])
    for name in (written, "of-another.csv"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)],
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
    assert len(list(tmp_path.iterdir())) == 2
    job = Job(source="0", table=tmp_path / "a.csv", overlay=tmp_path / "a.overlay.mp4")
    with claimed(job) as is_ours:
        assert is_ours
        (left,) = tmp_path.glob(".kinetrace-*.tmp")  # the other's, which may be at it
    with claimed(dataclasses.replace(job, table=tmp_path / "of-another.csv")):
        assert not left.exists()
