"""Charts and tables of a report: derived from columns alone, and true to them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.report import _charts, _svg, _tables, _wording


def table_of(**columns: object) -> pd.DataFrame:
    count = len(next(iter(columns.values())))  # type: ignore[arg-type]
    places = {"track_id": 0, "frame": np.arange(count), "time_s": np.arange(count) / 30}
    return pd.DataFrame(places | columns)


@pytest.mark.parametrize(
    ("column", "heading"),
    [
        ("track_id", "Person"),
        ("left_knee_deg", "Left knee (\N{DEGREE SIGN})"),
        ("speed_m_per_s", "Speed (m/s)"),
        ("cadence_steps_per_min", "Cadence (steps/min)"),
        ("stride_time_sd_s", "Stride time SD (s)"),
        ("stance_percent", "Stance (%)"),
        ("descent_heights_per_s", "Descent heights (/s)"),
        ("confidence", "Confidence"),
        ("_s", "S"),
    ],
)
def test_a_columns_heading(column, heading):
    assert _wording.heading(column) == heading


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("knee_deg", 12.345, "12.3"),
        ("knee_deg", -12.345, "\N{MINUS SIGN}12.3"),
        ("knee_deg", -0.001, "0.0"),
        ("time_s", np.float32(1.5), "1.50"),
        ("steps", np.int64(12), "12"),
        ("knee_deg", np.nan, "\N{EN DASH}"),
        ("side", None, "\N{EN DASH}"),
        ("is_whole", np.True_, "yes"),
        ("event", "raised_hand", "raised hand"),
    ],
)
def test_a_cell(column, value, text):
    assert _wording.value(column, value) == text


class TestCharts:
    def test_left_and_right_share_one(self):
        table = table_of(left_knee_deg=[1, 2, 3.0], right_knee_deg=[4, 5, 6.0], trunk_deg=[7, 8, 9])
        charts = _charts.charts_of(table, is_joined=True)
        assert [(c.title, c.unit) for c in charts] == [("Knee", "°"), ("Trunk", "°")]
        assert [line.side for line in charts[0].lines] == ["left", "right"]
        np.testing.assert_array_equal(charts[0].lines[1].y, [4, 5, 6])
        np.testing.assert_allclose(charts[0].lines[1].x, [0, 1 / 30, 2 / 30])

    def test_one_quantity_in_two_units_has_two(self):
        table = table_of(stance_s=[0.1, 0.2, 0.3], stance_percent=[60, 61, 62])
        table["time_s"] += 1
        charts = _charts.charts_of(table, is_joined=False)
        assert [(c.title, c.unit) for c in charts] == [("Stance", "s"), ("Stance", "%")]

    def test_sides_of_events_are_a_column(self):
        table = table_of(side=["left", "right"] * 3, length_px=np.arange(6.0))
        (chart,) = _charts.charts_of(table, is_joined=False)
        assert {line.side: line.y.tolist() for line in chart.lines} == {
            "left": [0, 2, 4],
            "right": [1, 3, 5],
        }

    def test_what_is_no_quantity_has_none(self):
        # A moment of the film, a number without a unit, text, and what was never measured.
        table = table_of(
            toe_off_s=[0.5, 0.6, 0.7],
            confidence=[1.0, 1, 1],
            view=["side"] * 3,
            hip_deg=[np.nan] * 3,
        )
        assert _charts.charts_of(table, is_joined=True) == []
        assert _charts.not_measured(table) == ["hip"]

    def test_pictures_without_a_clock_are_drawn_by_their_number(self):
        table = table_of(knee_deg=[1.0, 2, 3])
        table["time_s"] = np.nan
        (chart,) = _charts.charts_of(table, is_joined=True)
        assert chart.clock == "frame"
        np.testing.assert_array_equal(chart.lines[0].x, [0, 1, 2])

    def test_two_rows_make_no_chart(self):
        assert _charts.charts_of(table_of(knee_deg=[1.0, 2]), is_joined=True) == []

    def test_a_line_is_broken_where_frames_are_missing(self):
        table = table_of(knee_deg=np.arange(20.0)).drop(index=range(8, 14))
        (chart,) = _charts.charts_of(table, is_joined=True)
        (line,) = chart.lines
        assert np.isnan(line.y[8])
        assert np.isfinite(np.delete(line.y, 8)).all()

    @given(
        y=st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=3, max_size=6000),
    )
    @settings(max_examples=30, deadline=None)
    def test_thinned_lines_keep_their_extremes(self, y):
        table = table_of(knee_deg=np.array(y))
        for chart in _charts.charts_of(table, is_joined=True):
            (line,) = chart.lines
            assert len(line.x) <= _charts.MOST_POINTS
            assert np.nanmax(line.y) == np.nanmax(y)
            assert np.nanmin(line.y) == np.nanmin(y)
            known = np.isfinite(line.y)
            assert np.all(np.diff(line.x[known]) > 0)
            assert chart.is_thinned == (len(y) > _charts.MOST_POINTS)

    def test_happenings_are_moments_and_stretches(self):
        strikes = table_of(side=["left", "right"], length_m=[1.0, 2])
        falls = pd.DataFrame(
            {"track_id": [0], "start_s": [1.0], "end_s": [2.0], "event": ["raised_hand"]}
        )
        moments = _charts.happenings_of(strikes, "gait", length_s=9)
        assert [(m.name, m.side, m.start_s) for m in moments] == [
            ("Gait", "left", 0.0),
            ("Gait", "right", pytest.approx(1 / 30)),
        ]
        assert np.isnan([m.end_s for m in moments]).all()
        assert _charts.happenings_of(falls, "events", length_s=9) == [
            _charts.Happening("Raised hand", "", 1.0, 2.0)
        ]

    def test_of_what_goes_on_most_of_the_time_the_beginnings_are_marked(self):
        table = pd.DataFrame({"start_s": [0.0, 1.0, 2.0], "end_s": [0.9, 2.0, 3.0]})
        marks = _charts.happenings_of(table, "squats", length_s=3)
        assert [mark.start_s for mark in marks] == [0, 1, 2]
        assert np.isnan([mark.end_s for mark in marks]).all()
        marks = _charts.happenings_of(table, "squats", length_s=10)
        assert [mark.end_s for mark in marks] == [0.9, 2.0, 3.0]

    def test_what_happens_too_often_is_not_marked(self):
        table = table_of(side=["left"] * 61)
        assert _charts.happenings_of(table, "gait", length_s=9) == []
        assert len(_charts.happenings_of(table[:60], "gait", length_s=9)) == 60


class TestDrawing:
    @given(
        y=st.lists(st.floats(-1e5, 1e5) | st.just(np.nan), min_size=3, max_size=60),
        is_joined=st.booleans(),
        end_s=st.floats(-5, 50) | st.just(np.nan),
    )
    @settings(deadline=None)
    def test_everything_is_within_the_picture(self, y, is_joined, end_s):
        happenings = [_charts.Happening("<fall>", "", -1.0, end_s)]
        table = table_of(knee_deg=np.array(y))
        for chart in _charts.charts_of(table, is_joined=is_joined, happenings=happenings):
            svg = _svg.draw(chart, 'a "label" <b>')
            assert "nan" not in svg
            assert "<b>" not in svg
            points = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", svg)
            points += re.findall(r'cx="(-?[\d.]+)" cy="(-?[\d.]+)"', svg)
            at = np.array(points, dtype=float)
            assert np.all((at >= 0) & (at <= (420, 190)))

    def test_higher_is_drawn_higher_and_later_to_the_right(self):
        (chart,) = _charts.charts_of(table_of(knee_deg=[0.0, 10, 20]), is_joined=True)
        path = re.search(r'class="line middle" d="([^"]*)"', _svg.draw(chart, "knee"))
        assert path
        at = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", path[1]), dtype=float)
        steps = np.diff(at, axis=0)
        assert np.all(steps[:, 0] > 0)
        assert np.all(steps[:, 1] < 0)
        np.testing.assert_allclose(steps[0], steps[1], atol=0.11)

    @given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
    def test_ticks_are_few_and_within(self, low, span, most):
        found = _svg.ticks(low, low + span, most)
        assert len(found) <= most + 1
        assert all(low - 1e-6 * span <= t <= low + (1 + 1e-6) * span for t in found)

    def test_ticks_are_round(self):
        assert _svg.ticks(0.3, 9.7, 5) == [2, 4, 6, 8]
        assert _svg.ticks(-41, 93, 5) == [0, 50]


class TestTables:
    def cells(self, html: str) -> list[list[str]]:
        rows = re.findall(r"<tr>(.*?)</tr>", html)
        return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]

    def test_rows_and_columns_that_say_nothing_are_left_out(self):
        table = pd.DataFrame(
            {
                "angle": ["hip", "knee"],
                "side": ["", ""],
                "range_deg": [np.nan, 55.0],
                "measured": [0.0, 1.0],
                "symmetry_percent": [np.nan, np.nan],
            }
        )
        assert self.cells(_tables.of_measure(table, "x")) == [
            ["Angle", "Range (\N{DEGREE SIGN})", "Measured"],
            ["knee", "55.0", "1.00"],
        ]

    def test_what_is_too_wide_is_turned(self):
        table = pd.DataFrame({f"q{i}_s": [float(i), i + 0.5] for i in range(12)})
        found = self.cells(_tables.of_measure(table, "x"))
        assert found[0] == ["Q0 (s)", "0.00", "0.50"]
        assert found[11] == ["Q11 (s)", "11.00", "11.50"]

    def test_long_ones_are_folded_and_longer_ones_cut(self):
        html = _tables.of_measure(pd.DataFrame({"step": range(500)}), "x")
        shown, folded = html.split("<details>")
        assert len(self.cells(shown)) == 1 + 12
        assert len(self.cells(folded)) == 1 + _tables.MOST_ROWS - 12

    def test_nothing_is_nothing(self):
        assert _tables.of_measure(pd.DataFrame({"knee_deg": []}), "x") == ""
        assert _tables.of_measure(pd.DataFrame({"knee_deg": [np.nan]}), "x") == ""
