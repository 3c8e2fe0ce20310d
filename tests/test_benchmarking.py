"""Timing of whole runs: every frame counted, every stage seen, nothing but the machine's word."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from film import write_film
from tiny_networks import write_brightness_network
from waiting import PATIENCE_S

from kinetrace.benchmarking import STAGES, Case, benchmark, plot
from kinetrace.estimators import Options
from kinetrace.frames.selection import Selection

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "clip.mp4", [i * 40 for i in range(30)])


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_brightness_network(tmp_path_factory.mktemp("network") / "tiny.onnx")


def case(network, **options):
    return Case("hrnet", Options(model=str(network), detector="whole", **options), "tiny")


def test_a_row_a_case_with_every_stage(film, network):
    cases = [case(network, quality="fast"), case(network, quality="best")]
    seen = []
    table = benchmark(film, cases, overlay=True, on_case=seen.append)
    assert seen == cases
    assert table["frames"].tolist() == [30, 30]
    assert table["people_per_frame"].between(0.9, 1).all()  # nothing stands out of the first
    assert (table["frames_per_s"] * table["took_s"]).tolist() == pytest.approx([30, 30])
    assert ((table["network_share"] > 0) & (table["network_share"] < 1)).all()
    for stage in STAGES:
        # The detector `whole` looks at nothing, but is asked.
        assert (table[f"{stage}_ms"] > 0).all(), stage


def test_only_what_is_drawn_is_charged_for_drawing(film, network):
    table = benchmark(film, [case(network)], selection=Selection(end_s=0.4))
    assert table["frames"].tolist() == [10]
    assert table["draw_ms"].tolist() == table["encode_ms"].tolist() == [0]


def test_the_plot_shows_all_of_the_time(film, network):
    pytest.importorskip("matplotlib")
    table = benchmark(film, [case(network)])
    (axes,) = plot(table).axes
    drawn_ms = sum(bar.get_width() for bar in axes.patches)
    assert drawn_ms == pytest.approx(sum(table[f"{stage}_ms"][0] for stage in STAGES))


def test_from_the_command_line(film, network, tmp_path):
    pytest.importorskip("matplotlib")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "kinetrace", "benchmark", str(film), "--backend", "hrnet"),
            *("--model", str(network), "--detector", "whole", "--repeat", "2"),
            *("--json", "speed.json", "--plot", "speed.png"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    head, row, note = done.stdout.splitlines()
    assert head.split()[:6] == ["backend", "model", "precision", "people", "frames/s", "network"]
    assert row.split()[:4] == ["hrnet", network.stem, "float32", "1.0"]
    assert "milliseconds" in note
    (written,) = json.loads((tmp_path / "speed.json").read_text())["cases"]
    assert written["frames"] == 30
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_models_need_their_backend(tmp_path):
    from kinetrace.cli.benchmark import benchmark as command

    with pytest.raises(ValueError, match="name the one backend"):
        command(model=["lite"], quiet=True)
