"""Many films by several processes, with real deaths."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from batch_runs import (
    DEADLY_WH,
    FAULTY_WH,
    HEALTHY_WH,
    HELD_WH,
    SLOW_WH,
    contents,
    hold,
    install_backend,
    jobs_for,
    let_go,
    settings_for,
    start,
    states_of,
    workers_of,
    write_films,
)
from PIL import Image
from waiting import PATIENCE_S, wait_for

from kinetrace import machine, read
from kinetrace.batch import Ended, Manifest, Note, Progress, Started, run_all
from kinetrace.batch.manifest import NAME
from kinetrace.errors import KinetraceError, OutputError, WeightsError
from kinetrace.jobs import Job

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks at processes as Linux shows them"
)


@pytest.fixture
def network(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tiny_networks import write_brightness_network

    monkeypatch.syspath_prepend(install_backend(tmp_path))
    return write_brightness_network(tmp_path / "brightness.onnx")


def records(output):
    lines = (Path(output) / NAME).read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_several_processes_make_what_one_makes(network, tmp_path):
    films = write_films(tmp_path / "films", a=(12, HEALTHY_WH), b=(30, HEALTHY_WH))
    one = run_all(jobs_for(films, tmp_path / "one"), settings_for(network, threads=1))
    events = []
    jobs = jobs_for(films, tmp_path / "two")
    two = run_all(jobs, settings_for(network, threads=1), workers=2, on_event=events.append)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert [r.state for r in one] == [r.state for r in two] == ["done", "done"]
    assert [r.outcome.frames for r in two] == [12, 30]
    for job in jobs:
        mine = [e for e in events if not isinstance(e, Note) and e.job == job]
        assert isinstance(mine[0], Started)
        assert isinstance(mine[-1], Ended)
        frames = [e.frames_done for e in mine if isinstance(e, Progress)]
        assert frames == sorted(frames)
    wait_for(lambda: set(workers_of(network)) <= {os.getpid()}, "the workers to end")


def test_the_cores_are_shared_out_and_the_largest_film_comes_first(network, tmp_path):
    films = write_films(
        tmp_path / "films", a=(4, HEALTHY_WH), b=(8, HEALTHY_WH), c=(100, HEALTHY_WH)
    )
    begun = []

    def on_event(event):
        if isinstance(event, Started):
            begun.append(Path(event.job.name).stem)

    run_all(jobs_for(films, tmp_path / "out"), settings_for(network), workers=2, on_event=on_event)
    assert set(begun[:2]) == {"c", "b"}
    parameters = read(tmp_path / "out/c.keypoints.csv").log[0]["parameters"]
    assert parameters["threads"] == max(1, machine.count_cores() // 2)


def test_whoever_starts_workers_loads_no_model(network, tmp_path):
    films = write_films(tmp_path / "films", a=(4, HEALTHY_WH))
    out, err = start(films, tmp_path / "out", network, "--workers", "2").communicate(
        timeout=PATIENCE_S
    )
    assert json.loads(out) == {"states": {"a": "done"}, "loaded": []}, err


def test_a_killed_worker_is_replaced_and_its_film_is_done_again(network, tmp_path):
    films = write_films(tmp_path / "films", slow=(40, HELD_WH), a=(12, HEALTHY_WH))
    undisturbed = jobs_for(films, tmp_path / "undisturbed")
    let_go(network)
    run_all(undisturbed, settings_for(network, threads=1), workers=1)
    hold(network)
    notes, killed = [], []

    def on_event(event):
        if isinstance(event, Note):
            notes.append(event.text)
        if isinstance(event, Progress) and "slow" in event.job.name and not killed:
            killed.extend(workers_of(network))
            for number in killed:  # the other one may be at its own film, or idle
                os.kill(number, signal.SIGKILL)
            let_go(network)

    jobs = jobs_for(films, tmp_path / "out")
    results = run_all(jobs, settings_for(network, threads=1), workers=2, on_event=on_event)
    assert killed
    assert [r.state for r in results] == ["done", "done"]
    assert any("slow.mp4" in text and "SIGKILL" in text for text in notes)
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")
    of_slow = Manifest(tmp_path / "out").of("slow.keypoints.csv")
    assert [(r.outcome, r.attempt) for r in of_slow] == [("failed", 1), ("done", 2)]


def test_a_film_that_kills_is_set_aside_after_two_tries_and_the_others_are_done(network, tmp_path):
    films = write_films(
        tmp_path / "films", poison=(60, DEADLY_WH), a=(12, HEALTHY_WH), b=(12, HEALTHY_WH)
    )
    jobs = jobs_for(films, tmp_path / "out")
    settings = settings_for(network)

    def states(**options):
        results = run_all(jobs, settings, workers=2, **options)
        return {Path(j.name).stem: r for j, r in zip(jobs, results, strict=True)}

    first = states()
    assert {name: r.state for name, r in first.items()} == {
        "poison": "set-aside",
        "a": "done",
        "b": "done",
    }
    assert first["poison"].attempt == 2
    assert "has died (SIGKILL" in first["poison"].error
    tries = len(records(tmp_path / "out"))
    assert tries == 4

    again = states()
    assert again["poison"].state == "set-aside"
    assert "set aside after 2 tries" in again["poison"].error
    assert "--retry" in again["poison"].error
    assert again["a"].state == "there"
    assert len(records(tmp_path / "out")) == tries  # nothing was tried

    assert states(retry=True)["poison"].attempt == 3
    shutil.copy(films / "a.mp4", films / "poison.mp4")
    healed = states()
    assert healed["poison"].state == "done"
    assert healed["poison"].error == ""


def test_an_error_in_the_backend_concerns_one_film(network, tmp_path):
    films = write_films(tmp_path / "films", faulty=(8, FAULTY_WH), a=(12, HEALTHY_WH))
    (films / "bad.mp4").write_text("no video")
    for workers, want in ((2, "failed"), (None, "set-aside")):
        jobs = jobs_for(films, tmp_path / "out")
        results = run_all(jobs, settings_for(network), workers=workers, overwrite=True)
        by_name = {Path(j.name).stem: r for j, r in zip(jobs, results, strict=True)}
        assert {name: r.state for name, r in by_name.items()} == {
            "a": "done",
            "bad": want,
            "faulty": want,
        }
        assert by_name["bad"].error_kind == "SourceError"
        assert "bad.mp4" in by_name["bad"].error
        # Estimated in a thread, so the backend's error comes wrapped or bare; its text is there.
        assert "does not like this film" in by_name["faulty"].error
        assert by_name["faulty"].outcome is None


def test_what_is_missing_for_all_ends_the_run(network, tmp_path):
    films = write_films(tmp_path / "films", a=(4, HEALTHY_WH), b=(4, HEALTHY_WH))
    jobs = jobs_for(films, tmp_path / "out")
    for workers in (None, 2):
        with pytest.raises(WeightsError, match="there is no model file.*nowhere.onnx"):
            run_all(jobs, settings_for(tmp_path / "nowhere.onnx"), workers=workers)
        with pytest.raises(ValueError, match="threads must be at least 1, got -1"):
            run_all(jobs, settings_for(network, threads=-1), workers=workers)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".kinetrace.lock"]
    states = [r.state for r in run_all(jobs, settings_for(network))]
    assert states == ["done", "done"]  # nothing was held against the films


def test_workers_that_die_while_they_load_end_the_run(network, tmp_path):
    films = write_films(tmp_path / "films", a=(4, HEALTHY_WH), b=(4, HEALTHY_WH))
    jobs = jobs_for(films, tmp_path / "out")
    deadly = tmp_path / "processes/deadly"
    deadly.touch()
    with pytest.raises(KinetraceError, match="3 worker processes in a row have died .SIGKILL"):
        run_all(jobs, settings_for(network), workers=2)
    deadly.unlink()
    assert [r.attempt for r in run_all(jobs, settings_for(network), workers=2)] == [1, 1]


def test_no_process_outlives_whoever_started_it_and_a_rerun_does_what_is_missing(network, tmp_path):
    films = write_films(
        tmp_path / "films",
        **{f"held{i}": (40, HELD_WH) for i in range(2)},
        **{f"slow{i}": (12, SLOW_WH) for i in range(2)},
    )
    output, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    flags = ("--workers", "3")
    run = start(films, output, network, *flags)
    done = {f"slow{i}.keypoints.csv" for i in range(2)}
    begun = {f"held{i}.partial.keypoints.csv" for i in range(2)}
    wait_for(lambda: done | begun <= {p.name for p in output.glob("*.csv")}, "it to be half done")
    run.kill()
    run.communicate()
    wait_for(lambda: not workers_of(network), "the workers to end")
    let_go(network)
    made = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in output.glob("*.csv")}
    finished = {name for name in made if ".partial." not in name}
    assert finished == done
    states = states_of(start(films, output, network, *flags))
    assert {name for name, state in states.items() if state == "there"} == {
        name.split(".")[0] for name in finished
    }
    assert set(states.values()) == {"there", "done"}
    for name in finished:
        assert ((output / name).stat().st_mtime_ns, (output / name).read_bytes()) == made[name]
    states_of(start(films, undisturbed, network, *flags))
    assert contents(output) == contents(undisturbed)
    assert {r["attempt"] for r in records(output)} == {1}  # it was nobody's fault


@pytest.mark.parametrize("flags", [("--workers", "2"), ()])
def test_an_interruption_leaves_what_there_is(network, tmp_path, flags):
    films = write_films(tmp_path / "films", slow0=(100, HELD_WH), slow1=(100, HELD_WH))
    run = start(films, tmp_path / "out", network, *flags)
    partials = [tmp_path / f"out/slow{i}.partial.keypoints.csv" for i in range(2 if flags else 1)]
    wait_for(
        lambda: all(p.exists() and p.read_bytes().count(b"\n") > 2 for p in partials), "some rows"
    )
    run.send_signal(signal.SIGINT)
    let_go(network)
    _, err = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130
    assert err.startswith("interrupted; the first ")
    assert "Traceback" not in err
    for partial in partials:
        assert str(partial) in err
        assert 1 < len(read(partial)) < 100
    assert not workers_of(network)
    assert not (tmp_path / "out" / NAME).exists()


def test_two_runs_at_once_share_the_work(network, tmp_path):
    names = [f"slow{i}" for i in range(4)]
    films = write_films(tmp_path / "films", **dict.fromkeys(names, (16, SLOW_WH)))
    output = tmp_path / "out"
    runs = [start(films, output, network, "--workers", "2") for _ in range(2)]
    states = [states_of(run) for run in runs]
    for name in names:
        assert sorted((states[0][name], states[1][name])) in (["busy", "done"], ["done", "there"])
    assert sorted(r["outputs"]["table"] for r in records(output)) == [
        f"{name}.keypoints.csv" for name in names
    ]
    run_all(jobs_for(films, tmp_path / "alone"), settings_for(network, threads=1))
    assert contents(output) == contents(tmp_path / "alone")


def test_a_disk_that_is_full_is_not_held_against_the_films(network, tmp_path):
    resource = pytest.importorskip("resource")
    films = write_films(tmp_path / "films", a=(60, HEALTHY_WH), b=(60, HEALTHY_WH))
    output = tmp_path / "out"

    def as_if_full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    for _ in range(2):
        run = start(films, output, network, "--workers", "1", preexec_fn=as_if_full)
        assert states_of(run) == {"a": "failed", "b": "failed"}
    for line in (output / NAME).read_text().splitlines():
        assert "error" in json.loads(line)  # whole, or not there
    assert states_of(start(films, output, network)) == {"a": "done", "b": "done"}


def test_two_hundred_photos_with_any_names(network, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (40, 40), "white").save(folder / "photo0.png")
    names = [f"photo{i}.png" for i in range(1, 197)]
    for name in (*names, "naïve ☃.png", "two\nlines.png", "a,'b\" c.png"):
        shutil.copy(folder / "photo0.png", folder / name)
    jobs = jobs_for(folder, tmp_path / "out")
    results = run_all(jobs, settings_for(network), workers=2)
    assert [r.state for r in results] == ["done"] * 200
    assert all(job.table.exists() for job in jobs)
    again = run_all(jobs, settings_for(network), workers=2)
    assert [r.state for r in again] == ["there"] * 200
    assert len(records(tmp_path / "out")) == 200


def test_two_jobs_must_not_make_the_same_table(network, tmp_path):
    jobs = [Job(source=Path(f"{i}/a.mp4"), table=tmp_path / "a.csv") for i in range(2)]
    with pytest.raises(OutputError, match=r"0/a.mp4 and 1/a.mp4 would both become .*a\.csv"):
        run_all(jobs, settings_for(network))
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        run_all(jobs[:1], settings_for(network), workers=0)


def test_cores_are_those_that_the_process_may_use():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from kinetrace.machine import count_cores, choose_workers;"
        "print(count_cores(), choose_workers(9))"
    )
    path = str(Path(sys.modules["kinetrace"].__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize(
    ("files", "own", "cores"),
    [
        ({"cpu.max": "max 100000"}, "0::/", None),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, "0::/a/b", 1),
        ({"cpu.max": "150000 100000"}, "0::/seen/from/outside", 2),
        (
            {"cpu,cpuacct/job/cpu.cfs_quota_us": "300000"}
            | {"cpu,cpuacct/job/cpu.cfs_period_us": "100000"},
            "3:cpu,cpuacct:/job\n2:memory:/job",
            3,
        ),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/", None),
        ({}, "", None),
    ],
)
def test_quotas_of_containers(tmp_path, monkeypatch, files, own, cores):
    for name, text in {**files, "own": own}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    monkeypatch.setattr(machine, "_OWN_CGROUPS", tmp_path / "own")
    assert min(machine._quotas(), default=None) == cores
