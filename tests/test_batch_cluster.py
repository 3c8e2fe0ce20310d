"""Real Ray on this machine: workers that are killed, machines that go, films in stretches."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from batch_runs import (
    DEADLY_WH,
    HEALTHY_WH,
    HELD_WH,
    contents,
    hold,
    install_backend,
    jobs_for,
    let_go,
    settings_for,
    workers_of,
    write_films,
)
from film import write_film
from waiting import PATIENCE_S, wait_for

from kinetrace import read
from kinetrace.batch import (
    Ended,
    Note,
    Progress,
    Result,
    Settings,
    Started,
    cluster_checks,
    run_all,
)
from kinetrace.batch.cluster import run_all_on_cluster
from kinetrace.batch.cluster_ray import connected
from kinetrace.batch.locations import Address
from kinetrace.batch.locations_jobs import plan as plan_addresses
from kinetrace.batch.manifest import NAME
from kinetrace.errors import KinetraceError, MissingExtraError, WeightsError
from kinetrace.jobs import Job, Wanted, plan

ray = pytest.importorskip("ray", reason="Ray comes with the extra `cluster`")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = [
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="looks at processes as Linux shows them"
    ),
    # Of Ray's own: it leaves files and sockets to the end of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Began = TypeVar("Began")
_SOURCES = Path(sys.modules["kinetrace"].__file__).parents[1]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The network of the backend ``moody``, which processes that are started from now on know."""
    from tiny_networks import write_brightness_network

    folder = tmp_path_factory.mktemp("backend")
    site = install_backend(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, _SOURCES))))
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.delenv("RAY_ADDRESS", raising=False)
        yield write_brightness_network(folder / "brightness.onnx")


@contextlib.contextmanager
def collected() -> Iterator[None]:
    """Collect what Ray leaves open, at a time when nobody minds."""
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def patiently(start: Callable[[], Began]) -> Began:
    """Start something of Ray's, which gives itself 30 s: a machine may be busier than that."""
    for _ in range(3):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
        with collected():
            pass  # what the attempt has left
    return start()


@pytest.fixture(scope="module")
def two_cores(network: Path) -> Iterator[None]:
    """A cluster of two cores, for all tests that do not mind to share it."""
    with pytest.MonkeyPatch.context() as patch, collected(), contextlib.ExitStack() as stack:
        patch.setattr("kinetrace.batch.cluster_ray.count_cores", lambda: 2)
        patiently(lambda: stack.enter_context(connected("auto")))
        yield


@pytest.fixture
def settings(network: Path) -> Settings:
    return settings_for(network, threads=1)


def others_of(network: Path) -> list[int]:
    """The processes that have loaded the network, but for this one."""
    return [number for number in workers_of(network) if number != os.getpid()]


def states(results: list[Result]) -> list[str]:
    return [result.state for result in results]


def undisturbed(films: Path, output: Path, settings: Settings) -> dict[str, bytes]:
    run_all(jobs_for(films, output), settings)
    return contents(output)


# These three come first: a process that is in a cluster stays in it.


_PROGRAM = """
import sys
from pathlib import Path
from batch_runs import jobs_for, settings_for
from kinetrace.batch import Progress
from kinetrace.batch.cluster import run_all_on_cluster

films, output, network = map(Path, sys.argv[1:])


def tell(event):
    if isinstance(event, Progress):
        print(event.frames_done, flush=True)


try:
    results = run_all_on_cluster(
        jobs_for(films, output), settings_for(network, threads=1), on_event=tell
    )
    print([result.state for result in results])
except KeyboardInterrupt as error:
    print(error)
    sys.exit(130)
"""


@contextlib.contextmanager
def program(films: Path, output: Path, network: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a process, and a group of processes, of its own."""
    path = os.pathsep.join((os.environ["PYTHONPATH"], str(Path(__file__).parent)))
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(films), str(output), str(network)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_cluster_of_its_own_ends_with_the_run_however_that_ends(
    tmp_path: Path, network: Path, settings: Settings
) -> None:
    films = write_films(tmp_path / "films", a=(10, HEALTHY_WH), slow=(99, HELD_WH))
    out = tmp_path / "out"
    hold(network)
    with program(films, out, network) as process:  # Ctrl-C
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdigit()
        os.killpg(process.pid, signal.SIGINT)
        let_go(network)
        printed, problems = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "interrupted" in printed
    assert problems == ""  # nor has Ray anything to say
    wait_for(lambda: not others_of(network), "the cluster to end")
    hold(network)
    with program(films, out, network) as process:  # kill -9
        assert process.stdout is not None
        assert process.stdout.readline(), process.communicate()[1]
        process.kill()
        process.wait()
    wait_for(lambda: not others_of(network), "the cluster to end")
    let_go(network)
    before = {path.name: path.read_bytes() for path in out.glob("*[!l].keypoints.csv")}
    # What is being killed may hold its claim for a moment longer.
    wait_for(lambda: states(run_all(jobs_for(films, out), settings))[1] != "busy", "the claim")
    assert states(run_all(jobs_for(films, out), settings)) == ["there"] * 2
    after = contents(out)
    assert {name: after[name] for name in before} == before
    alone = undisturbed(films, tmp_path / "alone", settings)
    assert {name: after[name] for name in alone} == alone


# How soon a cluster notices that a machine has gone; usually 15 s.
_HEALTH_CHECK = {"initial_delay_ms": 0, "period_ms": 500, "failure_threshold": 2}


def test_a_machine_that_goes_takes_no_try(
    tmp_path: Path, network: Path, settings: Settings
) -> None:
    from ray.cluster_utils import Cluster

    films = write_films(tmp_path / "films", **{f"slow{i}": (60, HELD_WH) for i in range(2)})
    jobs = jobs_for(films, tmp_path / "out")
    hold(network)
    quick = {f"health_check_{name}": n for name, n in _HEALTH_CHECK.items()}
    head = {"num_cpus": 1, "_system_config": quick}
    machines = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
    try:
        nodes = [patiently(lambda: machines.add_node(num_cpus=1))]
        notes = []

        def take_one_away(event: object) -> None:
            if isinstance(event, Note):
                notes.append(event.text)
            if isinstance(event, Progress) and nodes and len(others_of(network)) == 2:
                machines.remove_node(nodes.pop(), allow_graceful=False)
                let_go(network)

        results = run_all_on_cluster(
            jobs, settings, address=machines.address, on_event=take_one_away
        )
        assert states(results) == ["done"] * 2
        assert [result.attempt for result in results] == [1, 1]
        assert any("its machine has gone" in note for note in notes)
        assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".kinetrace-")]
    finally:
        with collected():
            machines.shutdown()
    assert contents(tmp_path / "out") == undisturbed(films, tmp_path / "alone", settings)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no address"])
def test_a_cluster_that_is_not_there_is_told_at_once(
    tmp_path: Path, settings: Settings, address: str
) -> None:
    films = write_films(tmp_path / "films", a=(4, HEALTHY_WH))
    with pytest.raises(KinetraceError, match=address):
        run_all_on_cluster(jobs_for(films, tmp_path / "out"), settings, address=address)


@pytest.mark.usefixtures("two_cores")
def test_a_worker_that_is_killed_half_way_changes_nothing(
    tmp_path: Path, network: Path, settings: Settings
) -> None:
    films = write_films(tmp_path / "films", **{f"slow{i}": (20, HELD_WH) for i in range(3)})
    jobs = jobs_for(films, tmp_path / "out")
    hold(network)
    killed: list[int] = []
    events: list[object] = []

    def kill_one(event: object) -> None:
        events.append(event)
        in_hand = {each.job.name for each in events if isinstance(each, Progress)}
        if len(in_hand) == 2 and not killed:
            killed.append(others_of(network)[0])
            os.kill(killed[0], signal.SIGKILL)
            let_go(network)

    results = run_all_on_cluster(jobs, settings, on_event=kill_one)
    assert states(results) == ["done"] * 3
    assert contents(tmp_path / "out") == undisturbed(films, tmp_path / "alone", settings)
    (note,) = (event.text for event in events if isinstance(event, Note))
    assert "has died" in note
    assert "tried once more" in note
    # Each is told of once as over, and the one that was in hand is begun twice.
    assert sorted(e.job.name for e in events if isinstance(e, Ended)) == [j.name for j in jobs]
    assert sum(isinstance(event, Started) for event in events) == 4
    assert sorted(result.attempt for result in results) == [1, 1, 2]
    assert not list(Path(tempfile.gettempdir()).glob(f"kinetrace-*-{killed[0]}"))

    before = contents(tmp_path / "out")
    events.clear()
    assert states(run_all_on_cluster(jobs, settings, on_event=events.append)) == ["there"] * 3
    assert [type(event) for event in events] == [Ended] * 3
    assert contents(tmp_path / "out") == before


@pytest.mark.usefixtures("two_cores")
def test_a_film_that_kills_is_set_aside_and_the_others_are_done(
    tmp_path: Path, settings: Settings
) -> None:
    films = write_films(tmp_path / "films", bad=(4, DEADLY_WH), good=(4, HEALTHY_WH))
    (films / "broken.mp4").write_bytes(b"no film")
    jobs = jobs_for(films, tmp_path / "out")
    assert [Path(job.name).stem for job in jobs] == ["bad", "broken", "good"]
    results = run_all_on_cluster(jobs, settings)
    assert states(results) == ["set-aside", "failed", "done"]
    assert "has died" in results[0].error
    assert results[0].attempt == 2
    # The one that raises an error has its second try with the next run.
    events: list[object] = []
    results = run_all_on_cluster(jobs, settings, on_event=events.append)
    assert states(results) == ["set-aside", "set-aside", "there"]
    assert [e.job.name for e in events if isinstance(e, Started)] == [str(films / "broken.mp4")]
    lines = (tmp_path / "out" / NAME).read_text().splitlines()
    outcomes = [json.loads(line)["outcome"] for line in lines]
    assert sorted(outcomes) == ["done", "failed", "failed", "set-aside", "set-aside"]


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """9 s, a key frame each second."""
    options = {"g": "25", "sc_threshold": "0"}
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return write_film(path, [i * 40 for i in range(225)], options=options)


@pytest.mark.usefixtures("two_cores")
def test_long_films_in_stretches_give_the_undivided_tables(
    tmp_path: Path, long_film: Path, settings: Settings
) -> None:
    cut = tmp_path / "cut.mp4"  # its last third is missing: it is done undivided then
    options = {"g": "25", "sc_threshold": "0", "qp": "10"}
    index_first = {"movflags": "faststart"}
    write_film(cut, [i * 40 for i in range(250)], options=options, container_options=index_first)
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) * 7 // 10])

    def jobs(output: Path) -> list[Job]:
        (long,) = plan([str(long_film)], output, Wanted(overlay=True, sheet=True))
        return [long, *plan([str(cut)], output, Wanted())]

    alone = run_all(jobs(tmp_path / "whole"), settings)
    events: list[object] = []
    divided = jobs(tmp_path / "divided")
    results = run_all_on_cluster(divided, settings, split_s=3.0, on_event=events.append)
    assert states(results) == states(alone) == ["done", "problem"], results[1].error
    assert results[1].error == alone[1].error
    before, after = contents(tmp_path / "whole"), contents(tmp_path / "divided")
    assert before.keys() == after.keys()
    sidecar = "long.keypoints.csv-metadata.json"  # tells of the seams
    assert before.pop(sidecar) != after.pop(sidecar)
    assert before == after
    assert [entry["operation"] for entry in read(divided[0].table).log][:3] == [
        "estimate",
        "track",
        "stitch",
    ]
    assert results[0].outcome is not None
    assert results[0].outcome.frames == 225
    assert any("is damaged" in event.text for event in events if isinstance(event, Note))
    # The frames of overlaps are done twice.
    progress = [e for e in events if isinstance(e, Progress) and e.job == divided[0]]
    assert max(event.frames_done for event in progress) <= 225 + 2 * 25


@pytest.mark.usefixtures("two_cores")
def test_films_and_results_at_addresses(
    tmp_path: Path, long_film: Path, settings: Settings
) -> None:
    films = write_films(tmp_path / "films", a=(6, HEALTHY_WH), b=(6, HEALTHY_WH))
    (films / "broken.mp4").write_bytes(b"no film")
    shutil.copy(long_film, films / "long.mp4")
    out = tmp_path / "out"
    jobs = plan_addresses([f"{films.as_uri()}/*.mp4"], out.as_uri(), Wanted())
    assert all(isinstance(job.source, Address) for job in jobs)
    results = run_all_on_cluster(jobs, settings, split_s=3.0)
    assert states(results) == ["done", "done", "failed", "done"]
    alone = undisturbed(films, tmp_path / "alone", settings)
    for name in ("a", "b", "long"):
        table = f"{name}.keypoints.csv"
        assert (out / table).read_bytes() == alone[table]
    assert read(out / "long.keypoints.csv").source == (films / "long.mp4").as_uri()
    kept = sorted(path.name for path in (out / ".kinetrace").iterdir())
    names = ("a", "b", "broken", "long")
    assert kept == [f"{name}.keypoints.csv.manifest.jsonl" for name in names]
    # A rerun does what is missing, and tells of a film that is another one by now.
    write_films(films, b=(7, HEALTHY_WH))
    results = run_all_on_cluster(jobs, settings)
    assert states(results) == ["there", "there", "set-aside", "there"]
    assert results[0].error == ""
    assert "has changed since" in results[1].error


@pytest.mark.usefixtures("two_cores")
def test_what_no_job_can_do_without_ends_the_run(tmp_path: Path, settings: Settings) -> None:
    films = write_films(tmp_path / "films", a=(4, HEALTHY_WH))
    options = dataclasses.replace(settings.options, model=str(tmp_path / "gone.onnx"))
    with pytest.raises(WeightsError, match=r"gone\.onnx"):
        run_all_on_cluster(
            jobs_for(films, tmp_path / "out"), dataclasses.replace(settings, options=options)
        )


@pytest.mark.usefixtures("two_cores")
def test_another_version_on_a_machine_of_the_cluster_is_told(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = write_films(tmp_path / "films", a=(4, HEALTHY_WH))
    monkeypatch.setattr(cluster_checks, "__version__", "99.0")
    with pytest.raises(KinetraceError, match=r"and 99\.0 here.*pip install kinetrace==99\.0"):
        run_all_on_cluster(jobs_for(films, tmp_path / "out"), settings)
    assert not list((tmp_path / "out").glob("*.csv"))


@pytest.mark.usefixtures("two_cores")
def test_an_interruption_stops_the_workers_and_a_rerun_does_the_rest(
    tmp_path: Path, network: Path, settings: Settings
) -> None:
    films = write_films(tmp_path / "films", a=(3, HEALTHY_WH), slow=(99, HELD_WH))
    jobs = jobs_for(films, tmp_path / "out")
    hold(network)

    def interrupt(event: object) -> None:
        if isinstance(event, Progress) and "slow" in event.job.name:
            let_go(network)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"the first \d+ frames are in .*slow\.partial"):
        run_all_on_cluster(jobs, settings, on_event=interrupt)
    wait_for(lambda: not others_of(network), "the workers to end")
    assert not jobs[1].table.exists()


@pytest.mark.usefixtures("two_cores")
def test_nothing_is_sent_to_those_who_make_ray() -> None:
    from ray._common.usage import usage_lib

    assert not usage_lib.usage_stats_enabled()


def test_without_ray_the_extra_is_named(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = write_films(tmp_path / "films", a=(4, HEALTHY_WH))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kinetrace\[cluster\]'"):
        run_all_on_cluster(jobs_for(films, tmp_path / "out"), settings)


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"split_s": 1.0}])
def test_numbers_that_make_no_sense_are_refused(
    settings: Settings, wrong: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match="got"):
        run_all_on_cluster([], settings, **wrong)
