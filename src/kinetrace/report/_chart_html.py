"""Charts as HTML: the still picture, and beside it what a script draws an interactive one from."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.report import _svg
from kinetrace.report._charts import Chart

# What is text in a page has no "<", so this begins the data of a chart and nothing else.
DATA = '<script type="application/json">'


def figure_of(chart: Chart, who: str) -> str:
    """Return a chart of somebody."""
    unit = f" ({chart.unit})" if chart.unit else ""
    # Within a script element only "<" could end it, or begin a comment.
    data = json.dumps(_data(chart), separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure class="chart"><figcaption>{escape(chart.title + unit)}</figcaption>'
        f"{_svg.draw(chart, _in_words(chart, who))}{DATA}{data}</script></figure>"
    )


def grid_of(figures: Sequence[str]) -> str:
    """Return charts beside and below one another."""
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""


def legend_of(charts: Sequence[Chart]) -> str:
    """Say what colours and marks mean, of those that occur in charts of one person."""
    sides = {line.side for chart in charts for line in chart.lines}
    kinds = [(f"line {side}", f"{side} side") for side in ("left", "right") if side in sides]
    if "" in sides and len(sides) > 1:
        kinds.append(("line middle", "middle of the body"))
    for happening in charts[0].happenings if charts else ():
        side = happening.side if happening.side in ("left", "right") else ""
        kind = "span" if np.isfinite(happening.end_s) else f"moment {side}"
        kinds.append((kind, f"{happening.name}, {side}" if side else happening.name))
    entries = (
        f'<li><i class="key {kind}"></i>{escape(text)}</li>' for kind, text in dict.fromkeys(kinds)
    )
    return f'<ul class="legend">{"".join(entries)}</ul>' if kinds else ""


def _in_words(chart: Chart, who: str) -> str:
    """Return what a chart shows, for those who cannot see it."""
    parts = []
    for line in chart.lines:
        known = line.y[np.isfinite(line.y)]
        if len(known):
            low, high = (f"{v:.{chart.decimals}f}" for v in (known.min(), known.max()))
            parts.append(f"{line.side} from {low} to {high}".strip())
    return f"{chart.title} of {who} in {chart.unit} over {chart.clock}: {'; '.join(parts)}"


def _data(chart: Chart) -> dict[str, Any]:
    """Return what the script draws a chart from."""
    lines = [
        {"side": line.side, "x": _rounded(line.x, 3), "y": _rounded(line.y, chart.decimals + 1)}
        for line in chart.lines
    ]
    marks = [
        {"side": h.side, "start": _number(h.start_s, 3), "end": _number(h.end_s, 3)}
        for h in chart.happenings
    ]
    return {
        "unit": chart.unit,
        "clock": chart.clock,
        "joined": chart.is_joined,
        "x_range": chart.x_range(),
        "y_range": chart.y_range(),
        "lines": lines,
        "marks": marks,
    }


def _rounded(values: npt.NDArray[np.float64], decimals: int) -> list[float | None]:
    return [_number(value, decimals) for value in values.tolist()]


def _number(value: float, decimals: int) -> float | None:
    """Return a number as JSON has it, which does not know NaN."""
    return None if math.isnan(value) else round(value, decimals)
