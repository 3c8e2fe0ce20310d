from __future__ import annotations

import uuid
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinetrace.batch import locations, locations_jobs
from kinetrace.batch.locations import (
    Address,
    exists,
    fetch,
    find_sources,
    fingerprint,
    is_remote,
    publish,
)
from kinetrace.batch.locations_jobs import LocalCopy, RemoteJob, plan, send_results, staged
from kinetrace.errors import MissingExtraError, OutputError, PluginError, SourceError
from kinetrace.jobs import Wanted

fsspec = pytest.importorskip("fsspec", reason="fsspec comes with the extra `cluster`")


@pytest.fixture
def store() -> Iterator[str]:
    """The address of a folder in an object store that lives in memory, empty at first."""
    system = fsspec.filesystem("memory")
    folder = f"/{uuid.uuid4().hex}"
    yield f"memory:/{folder}"
    if system.exists(folder):
        system.rm(folder, recursive=True)


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a folder: in an object store, or on a disk."""
    return request.getfixturevalue("store") if request.param == "memory" else tmp_path.as_uri()


def put(location: str, data: bytes = b"film") -> str:
    system, path = fsspec.core.url_to_fs(location)
    system.makedirs(path.rpartition("/")[0], exist_ok=True)
    system.pipe_file(path, data)
    return location


def get(location: str) -> bytes:
    system, path = fsspec.core.url_to_fs(location)
    return system.cat_file(path)


def files_in(folder: str) -> list[str]:
    system, path = fsspec.core.url_to_fs(folder)
    return sorted(p[len(path) + 1 :] for p in system.find(path)) if system.exists(path) else []


@pytest.mark.parametrize(
    ("location", "remote"),
    [
        ("s3://lab/walk.mp4", True),
        ("gs://lab/*.mp4", True),
        ("memory://a/b.mp4", True),
        ("file:///data/b.mp4", True),
        ("simplecache::s3://lab/walk.mp4", True),
        ("http://host/walk.mp4", False),
        ("https://host/walk.mp4", False),
        ("rtsp://camera/1", False),
        ("walk.mp4", False),
        (Path("/data/walk.mp4"), False),
    ],
)
def test_addresses_are_told_from_streams_and_files(location: str | Path, remote: bool) -> None:
    assert is_remote(location) is remote


def test_globs_and_folders_name_films_and_images_in_natural_order(place: str) -> None:
    names = ("clip10.mp4", "clip9.MP4", "notes.txt", "clip9.overlay.mp4", "a/deep.mov", "p.jpg")
    for name in names:
        put(f"{place}/{name}")

    def found(text: str) -> list[str]:
        return [source.rpartition("/")[2] for source in find_sources(text)]

    assert found(f"{place}/*.mp4") == ["clip10.mp4"]
    assert found(place) == ["clip9.MP4", "clip10.mp4", "p.jpg"]
    assert found(f"{place}/**/*.mo*") == ["deep.mov"]
    # What is found can be fetched under the name that is told.
    assert all(exists(source) for source in find_sources(place))


def test_an_address_that_names_nothing_is_told(store: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no image and no video at .*\*\.mp4"):
        find_sources(f"{store}/*.mp4")
    # One film is not looked for before its turn: it is told as any source that is missing.
    assert find_sources(f"{store}/gone.mp4") == [f"{store}/gone.mp4"]
    with pytest.raises(SourceError, match=r"gone\.mp4: there is no such file"):
        fetch(f"{store}/gone.mp4", tmp_path)


def test_results_lie_beside_each_source_or_in_the_output(store: str) -> None:
    for name in ("a/walk.mp4", "b/run.mp4", "b/run.mov"):
        put(f"{store}/{name}")
    wanted = Wanted(overlay=True, sheet=True)
    walk, *runs = plan([f"{store}/a/*.mp4", f"{store}/b/*"], None, wanted)
    assert walk.source.endswith("/a/walk.mp4")
    assert walk.table == walk.source.replace(".mp4", ".keypoints.csv")
    assert walk.overlay == walk.source.replace(".mp4", ".overlay.mp4")
    assert walk.sheet == walk.source.replace(".mp4", ".sheet.png")
    # Two that are called alike keep their endings.
    assert [job.table.rpartition("/")[2] for job in runs] == [
        "run.mov.keypoints.csv",
        "run.mp4.keypoints.csv",
    ]
    (one,) = plan([f"{store}/a/walk.mp4"], "s3://lab/out/", Wanted(suffix=".keypoints.parquet"))
    assert one.table == "s3://lab/out/walk.keypoints.parquet"
    (one,) = plan([f"{store}/a/walk.mp4"], "s3://lab/out/w1.csv", wanted)
    assert (one.table, one.overlay) == ("s3://lab/out/w1.csv", "s3://lab/out/w1.overlay.mp4")
    with pytest.raises(OutputError, match=r"tables of 3 inputs: name a folder"):
        plan([f"{store}/a/*", f"{store}/b/*"], "s3://lab/all.csv", wanted)


def test_files_of_this_machine_can_have_their_results_elsewhere(store: str, tmp_path: Path) -> None:
    film = tmp_path / "walk.mp4"
    film.write_bytes(b"film")
    (job,) = plan([str(film)], store, Wanted())
    assert (job.source, job.table) == (film, f"{store}/walk.keypoints.csv")
    with LocalCopy(tmp_path / "work") as copy, staged(job, copy) as here:
        assert here.source == film
        here.table.write_text("table")
        send_results(here, job)
    assert get(job.table) == b"table"
    assert film.read_bytes() == b"film"


def test_what_is_fetched_is_the_same_and_keeps_its_name(place: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 9999  # more than one chunk
    source = put(f"{place}/in/a walk #1.mp4", data)
    copy = fetch(source, tmp_path)
    assert copy.name == "a walk #1.mp4"
    assert copy.read_bytes() == data


def test_a_disk_without_room_is_noticed_before_copying(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(f"{store}/walk.mp4")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(locations.shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(OutputError, match=r"no room to copy .*walk\.mp4 .*TMPDIR"):
        fetch(source, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_job_sends_its_results_with_the_table_last_and_leaves_nothing_here(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{place}/walk.mp4")
    (job,) = plan([f"{place}/walk.mp4"], f"{place}/out", Wanted(overlay=True))
    assert not job.is_done
    sent: list[str] = []
    real = locations_jobs.publish
    monkeypatch.setattr(locations_jobs, "publish", lambda p, at: (sent.append(p.name), real(p, at)))
    work = tmp_path / "work"
    with LocalCopy(work) as copy:
        with staged(job, copy) as here:
            assert isinstance(here.source, Path)
            assert here.source.read_bytes() == b"film"
            assert here.overlay is not None
            here.table.write_bytes(b"table")
            here.table.with_name(f"{here.table.name}-metadata.json").write_bytes(b"{}")
            here.overlay.write_bytes(b"overlay")
            here.table.with_name(".kinetrace.lock").write_bytes(b"")
            assert not job.is_done
            send_results(here, job)
        assert job.is_done
    assert sent[-1] == "walk.keypoints.csv"
    assert files_in(f"{place}/out") == [
        "walk.keypoints.csv",
        "walk.keypoints.csv-metadata.json",
        "walk.overlay.mp4",
    ]
    assert get(job.table) == b"table"
    assert not work.exists()


def test_a_table_is_not_there_before_all_else_is(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{store}/walk.mp4")
    (job,) = plan([f"{store}/walk.mp4"], f"{store}/out", Wanted(overlay=True))
    real = locations_jobs.publish

    def breaking(path: Path, at: str) -> None:
        if path.suffix == ".mp4":
            raise OutputError("the connection was reset")
        real(path, at)

    monkeypatch.setattr(locations_jobs, "publish", breaking)
    with LocalCopy(tmp_path / "work") as copy, staged(job, copy) as here:
        here.table.write_bytes(b"table")
        here.table.with_name("walk.overlay.mp4").write_bytes(b"overlay")
        with pytest.raises(OutputError):
            send_results(here, job)
    assert files_in(f"{store}/out") == []


def test_a_job_that_is_left_half_way_leaves_nothing_here(store: str, tmp_path: Path) -> None:
    put(f"{store}/walk.mp4")
    (job,) = plan([f"{store}/walk.mp4"], f"{store}/out", Wanted())
    with LocalCopy(tmp_path / "work") as copy:
        with pytest.raises(KeyboardInterrupt), staged(job, copy) as here:
            here.table.with_name("walk.partial.keypoints.csv").write_bytes(b"part")
            raise KeyboardInterrupt
        assert not here.table.parent.exists()
    assert list(tmp_path.iterdir()) == []


def test_another_film_at_the_same_address_has_another_fingerprint(place: str) -> None:
    source = Address(put(f"{place}/walk.mp4", b"film"))
    first = fingerprint(source)
    assert first["stored_bytes"] == 4
    assert fingerprint(source) == first
    put(source, b"maze")
    assert fingerprint(source) != first
    assert fingerprint(Address(f"{place}/gone.mp4")) == {}


class Breaks:
    """A file system that breaks off while a file is sent."""

    def __init__(self, system, *, at: str) -> None:
        self._system, self._at = system, at

    def __getattr__(self, name: str):
        return self._broken if name == self._at else getattr(self._system, name)

    def _broken(self, local: str, remote: str) -> None:
        if self._at == "put_file":  # the half that got through
            self._system.pipe_file(remote, Path(local).read_bytes()[:3])
        raise ConnectionResetError("the connection was reset")


@pytest.mark.parametrize("at", ["put_file", "mv"])
def test_sending_that_breaks_off_leaves_what_was_there(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    put(f"{place}/out/t.csv", b"old")
    local = tmp_path / "new.csv"
    local.write_bytes(b"new and longer")
    real = locations._system

    def breaking(location: str):
        system, path = real(location)
        return Breaks(system, at=at), path

    monkeypatch.setattr(locations, "_system", breaking)
    with pytest.raises(OutputError, match=r"t\.csv: ConnectionResetError: the connection"):
        publish(local, f"{place}/out/t.csv")
    assert files_in(f"{place}/out") == ["t.csv"]
    assert get(f"{place}/out/t.csv") == b"old"
    monkeypatch.setattr(locations, "_system", real)
    publish(local, f"{place}/out/t.csv")
    assert files_in(f"{place}/out") == ["t.csv"]
    assert get(f"{place}/out/t.csv") == b"new and longer"


def test_a_source_is_fetched_once_for_several_stretches(store: str, tmp_path: Path) -> None:
    long, other = put(f"{store}/long.mp4", b"long"), put(f"{store}/other.mp4", b"other")
    with LocalCopy(tmp_path / "work") as copy:
        first = copy.path_of(long)
        put(long, b"changed")  # so that a second copy would show
        assert copy.path_of(long) == first
        assert first.read_bytes() == b"long"
        assert copy.path_of(other).read_bytes() == b"other"
        assert not first.exists()  # one film at a time is on the disk
        assert copy.path_of("here.mp4") == Path("here.mp4")


def test_a_missing_package_is_named() -> None:
    implementation = pytest.importorskip("fsspec.registry").known_implementations["s3"]
    if _installed(implementation["class"].partition(".")[0]):
        pytest.skip("s3fs is installed here")
    with pytest.raises(PluginError, match=r"cannot use s3://lab/\*\.mp4: Install s3fs"):
        find_sources("s3://lab/*.mp4")
    with pytest.raises(PluginError, match="Protocol not known: nowhere"):
        assert not RemoteJob(source=Path("a.mp4"), table=Address("nowhere://a.csv")).is_done


def test_missing_fsspec_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kinetrace\[cluster\]'"):
        find_sources("s3://lab/*.mp4")


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None
