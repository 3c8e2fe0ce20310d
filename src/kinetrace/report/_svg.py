"""A chart as an inline SVG: what is printed, and what is there before a script has run.

Colours are those of the page's style sheet, so that the chart is dark on a dark page.
"""

from __future__ import annotations

import math
from html import escape

import numpy as np
import numpy.typing as npt

from kinetrace.plots._figure import is_alone
from kinetrace.report._charts import Chart, Line, thin
from kinetrace.report._wording import MINUS

_WIDTH, _HEIGHT = 420, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 34
_MOST_POINTS = 600  # it is no wider than that
_STEPS = (1, 2, 2.5, 5, 10)


def draw(chart: Chart, label: str) -> str:
    """Return the SVG of a chart.

    Parameters
    ----------
    chart
        With at least one known point.
    label
        What it shows, for those who cannot see it.
    """
    axes = _Axes(chart)
    parts = [
        f'<svg class="still" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">',
        *axes.grid(),
        *axes.happenings(),
        *(part for line in chart.lines for part in axes.line(line)),
        "</svg>",
    ]
    return "".join(parts)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers within a range, as many as there may be."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(s * power for s in _STEPS if span / (s * power) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


class _Axes:
    """From a chart's units to places in the SVG."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._x_range, self._y_range = chart.x_range(), chart.y_range()

    def _x(self, x: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        low, high = self._x_range
        return np.asarray(_LEFT + (x - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT))

    def _y(self, y: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        low, high = self._y_range
        return np.asarray(_HEIGHT - _BOTTOM - (y - low) / (high - low) * self._depth)

    @property
    def _depth(self) -> int:
        return _HEIGHT - _TOP - _BOTTOM

    def grid(self) -> list[str]:
        """Return the lines of the grid and the numbers at them."""
        right, foot = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        parts = []
        for value in ticks(*self._y_range, 5):
            y = f"{self._y(value):.1f}"
            kind = "zero" if value == 0 else "grid"
            parts.append(f'<path class="{kind}" d="M{_LEFT} {y}H{right}"/>')
            parts.append(_text(_LEFT - 5, float(y) + 4, "end", _number(value)))
        parts += [
            _text(float(self._x(value)), foot + 14, "mid", _number(value))
            for value in ticks(*self._x_range, 6)
        ]
        parts.append(_text((_LEFT + right) / 2, _HEIGHT - 4, "mid", self._chart.clock))
        return parts

    def happenings(self) -> list[str]:
        """Return a line for each moment, and a band for each stretch of time."""
        parts = []
        for happening in self._chart.happenings:
            title = f"<title>{escape(happening.name)}</title>"
            start, end = np.clip((happening.start_s, happening.end_s), *self._x_range)
            x, kind = float(self._x(start)), _kind(happening.side)
            if np.isfinite(end):
                width = max(float(self._x(end)) - x, 1.0)
                parts.append(
                    f'<rect class="span" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" '
                    f'height="{self._depth}">{title}</rect>'
                )
            else:
                line = f"M{x:.1f} {_TOP}v{self._depth}"
                parts.append(f'<path class="moment {kind}" d="{line}">{title}</path>')
        return parts

    def line(self, line: Line) -> list[str]:
        """Return a line, and points where there is nothing to join."""
        line = thin(line, _MOST_POINTS)
        x, y = self._x(line.x), self._y(line.y)
        alone = is_alone(line.y) if self._chart.is_joined else np.isfinite(line.y)
        kind = _kind(line.side)
        points = [
            f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="2.6"/>'
            for a, b in zip(x[alone], y[alone], strict=True)
        ]
        if not self._chart.is_joined:
            return points
        known = np.isfinite(y) & ~alone
        begins = known & ~np.concatenate([[False], known[:-1]])
        path = "".join(
            f"{'M' if begin else 'L'}{a:.1f} {b:.1f}"
            for a, b, begin in zip(x[known], y[known], begins[known], strict=True)
        )
        return [f'<path class="line {kind}" d="{path}"/>' if path else "", *points]


def _kind(side: str) -> str:
    return side if side in ("left", "right") else "middle"


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", MINUS) if value else "0"


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'
