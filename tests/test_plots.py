"""Figures: what is drawn is what is in the table, and nothing else of Matplotlib is touched."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from some_poses import FACE, make_poses

from kinetrace import plots
from kinetrace.errors import MissingExtraError, OutputError
from kinetrace.measures import angles
from kinetrace.poses import concat
from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing import walker

matplotlib = pytest.importorskip("matplotlib")

WALK, TRUTH = walker(duration_s=3)
TABLE = angles.measure(WALK)
PANELS = {"Knee": ["left_knee_deg", "right_knee_deg"], "Trunk": ["trunk_deg"]}


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def test_a_line_is_the_column():
    figure = plots.time_series(TABLE, PANELS)
    knee, trunk = figure.axes
    assert set(lines(knee)) == {"left", "right"}
    assert set(lines(trunk)) == {"middle"}
    left = lines(knee)["left"]
    np.testing.assert_array_equal(left.get_xdata(), TABLE["time_s"])
    np.testing.assert_allclose(left.get_ydata(), TRUTH.knee_flexion_deg["left"], atol=0.01)
    assert knee.get_ylabel() == "Knee\n(degrees)"
    assert trunk.get_xlabel() == "time (s)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "left",
        "right",
        "middle",
    ]


def test_a_line_is_broken_where_frames_are_missing():
    table = TABLE[(TABLE["time_s"] < 1) | (TABLE["time_s"] > 2)]
    line = lines(plots.time_series(table, PANELS).axes[0])["left"]
    x = line.get_xdata()
    assert np.isnan(x).sum() == 1
    gap = int(np.flatnonzero(np.isnan(x))[0])
    assert x[gap - 1] < 1
    assert x[gap + 1] > 2


def test_a_lonely_point_is_drawn():
    table = TABLE.assign(left_knee_deg=TABLE["left_knee_deg"].where(TABLE["frame"] == 7))
    dots = [d for d in plots.time_series(table, PANELS).axes[0].lines if d.get_marker() == "."]
    assert [len(d.get_xdata()) for d in dots] == [1]
    assert dots[0].get_ydata()[0] == table["left_knee_deg"][7]


def test_events_are_vertical_lines_at_their_times():
    strikes = TRUTH.heel_strike_s["left"]
    figure = plots.time_series(TABLE, PANELS, events_s={"left_heel_strike": strikes, "fall": [1.5]})
    for axes in figure.axes:
        drawn = [x for line in axes.lines if (x := line.get_xdata())[0] == x[-1] and len(x) == 2]
        assert sorted(x[0] for x in drawn) == sorted([*strikes, 1.5])
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"left heel strike", "fall"} <= labels


def test_each_person_has_a_column_unless_hardly_seen():
    others = [TABLE.assign(track_id=i) for i in (3, 5)]
    passer_by = TABLE.iloc[:2].assign(track_id=9)
    figure = plots.time_series(pd.concat([*others, passer_by]), PANELS)
    assert [axes.get_title() for axes in figure.axes] == ["person 3", "person 5", "", ""]


def test_photos_are_drawn_by_their_number():
    figure = plots.time_series(TABLE.assign(time_s=np.nan), PANELS, events_s={"fall": [1.0]})
    assert figure.axes[-1].get_xlabel() == "frame"
    np.testing.assert_array_equal(lines(figure.axes[0])["left"].get_xdata(), TABLE["frame"])


def test_angle_against_angle():
    axes = plots.angle_angle(TABLE, "hip", "knee").axes[0]
    got = lines(axes)["right"]
    np.testing.assert_allclose(got.get_xdata(), TRUTH.hip_flexion_deg["right"], atol=0.01)
    np.testing.assert_allclose(got.get_ydata(), TRUTH.knee_flexion_deg["right"], atol=0.01)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("hip (degrees)", "knee (degrees)")
    with pytest.raises(ValueError, match="no angles 'hip' and 'neck'; there are: left_hip_deg"):
        plots.angle_angle(TABLE, "hip", "neck")


def test_stick_figures_are_at_equal_times_and_apart():
    figure = plots.stick_figures(WALK, count=5)
    axes = figure.axes[0]
    labels = [text.get_text() for text in axes.texts]
    assert labels == ["0.00 s", "0.73 s", "1.50 s", "2.23 s", "2.97 s"]
    at = [text.get_position()[0] for text in axes.texts]
    assert np.all(np.diff(at) > 0)
    assert len(axes.lines) == 5 * len(BLAZEPOSE33.edges)
    # They are where the person was, since they walk far enough: the picture's y points down.
    assert axes.get_title() == ""
    assert axes.yaxis_inverted()
    first_edge = axes.lines[0].get_xydata()
    np.testing.assert_allclose(first_edge, WALK.xy[0, list(BLAZEPOSE33.edge_indices[0])])


def test_who_stays_in_place_is_spread_out():
    still = dataclasses.replace(WALK, xy=np.repeat(WALK.xy[:1], len(WALK), axis=0))
    axes = plots.stick_figures(still, count=4).axes[0]
    assert "moved to the right" in axes.get_title()
    at = np.array([text.get_position()[0] for text in axes.texts])
    breadth = np.ptp(WALK.xy[0, :, 0])
    assert np.all(np.diff(at) > breadth)
    with pytest.raises(ValueError, match="count must be 1 or more, got 0"):
        plots.stick_figures(still, count=0)


def test_the_heat_map_counts_every_row_once():
    figure = plots.heat_map(WALK)
    mesh = figure.axes[0].collections[0]
    assert mesh.get_array().sum() == pytest.approx(100)
    width, height = WALK.size_wh
    assert figure.axes[0].get_xlim() == (-0.5, width - 0.5)
    assert figure.axes[0].get_ylim() == (height - 0.5, -0.5)
    standing = dataclasses.replace(WALK, xy=np.repeat(WALK.xy[:1], len(WALK), axis=0))
    warm = plots.heat_map(standing).axes[0].collections[0].get_array()
    assert warm.compressed().tolist() == [100]
    row, column = (int(i[0]) for i in np.nonzero(warm.filled(0)))
    x, y = standing.xy[0, [BLAZEPOSE33.index("left_hip")]][0]
    assert column == int((x + 0.5) / width * warm.shape[1])
    assert row == int((y + 0.5) / height * warm.shape[0])


@pytest.mark.parametrize(
    "poses",
    [
        make_poses(()),
        make_poses((0, 0)),
        make_poses((1,), skeleton=FACE),
        make_poses((3, 2, 2)),
        dataclasses.replace(WALK, size_wh=None),
        dataclasses.replace(WALK, xy=np.full_like(WALK.xy, np.nan)),
        WALK.frames(0, 1),
        concat([WALK, WALK]),
    ],
)
def test_nothing_is_too_little_to_draw(poses):
    table = angles.measure(poses)
    for figure in (
        angles.plot(table),
        plots.stick_figures(poses),
        plots.heat_map(poses),
        plots.heat_map(poses, of="feet"),
        plots.time_series(table, {}),
    ):
        assert pixels(figure).min() < 128, "something is written or drawn"
    if "left_knee_deg" in table:
        assert pixels(plots.angle_angle(table, "hip", "knee")).min() < 128


@pytest.mark.parametrize(
    ("ending", "magic"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_ending_says_the_format(tmp_path, ending, magic):
    path = tmp_path / f"a{ending}"
    plots.save(plots.time_series(TABLE, PANELS), path)
    assert path.read_bytes().startswith(magic)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_is_no_picture_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"ends in \.png, \.svg, \.pdf"):
        plots.save(plots.time_series(TABLE, PANELS), tmp_path / "a.csv")
    with pytest.raises(OutputError, match="folder does not exist"):
        plots.save(plots.time_series(TABLE, PANELS), tmp_path / "b" / "a.png")


def test_drawing_leaves_matplotlibs_state_alone():
    code = (
        "import sys, matplotlib\n"
        "before = matplotlib.rcParams.copy()\n"
        "from kinetrace.measures import angles\nfrom kinetrace.testing import walker\n"
        "angles.plot(angles.measure(walker(duration_s=1)[0])).canvas.draw()\n"
        "assert matplotlib.rcParams.copy() == before\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"kinetrace\[plot\]"):
        plots.heat_map(WALK)


def test_the_documentations_picture_is_there():
    folder = Path(__file__).parents[1] / "docs"
    assert (folder / "images" / "angles.png").read_bytes().startswith(b"\x89PNG")
