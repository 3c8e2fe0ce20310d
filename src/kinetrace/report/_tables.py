"""Tables of measures as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.poses import Poses
from kinetrace.report import _wording
from kinetrace.report._quality import missing
from kinetrace.report._wording import plural

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 200
_MOST_COLUMNS, _MOST_OPEN = 10, 12
OFTEN, _SOMETIMES = 0.5, 0.1


def of_measure(table: pd.DataFrame, caption: str) -> str:
    """Return a table; what is empty in it is left out, and what is too wide is turned.

    Parameters
    ----------
    table
        Of a measure, or its summary.
    caption
        What it is.
    """
    import pandas as pd

    table = table[~_says_nothing(table)].head(MOST_ROWS)
    table = table.loc[:, ~(table.isna() | (table == "")).all()]
    if not len(table) or not len(table.columns):
        return ""
    cells = [
        [_wording.heading(str(column)), *(_wording.value(str(column), v) for v in table[column])]
        for column in table.columns
    ]
    texts = [not pd.api.types.is_numeric_dtype(table[column]) for column in table.columns]
    if len(cells) > _MOST_COLUMNS and len(table) <= _MOST_COLUMNS:
        head, texts = (cells[0] if len(table) > 1 else []), [False] * (len(table) + 1)
        rows = cells[1:] if head else cells
    else:
        head, *rows = (list(row) for row in zip(*cells, strict=True))
    html = _table(caption, head, rows[:_MOST_OPEN], texts)
    more = rows[_MOST_OPEN:]
    if more:
        html += folded(plural(len(more), "more row"), _table("", head, more, texts))
    return html


def of_missing(poses: Poses, shown: Sequence[int], min_score: float) -> str:
    """Return how often each keypoint is missing, by person: a row for left and right together."""
    names = poses.skeleton.keypoints
    shares = {track_id: missing(poses, track_id, min_score) for track_id in shown}
    rows: dict[str, dict[str, int]] = {}
    for i, name in enumerate(names):
        side = next((side for side in ("left", "right") if name.startswith(f"{side}_")), "")
        rows.setdefault(name.removeprefix(f"{side}_") if side else name, {})[side] = i
    head = "".join(
        f'<th scope="colgroup" colspan="2">{escape(_wording.person(i))}</th>' for i in shown
    )
    sides = '<th scope="col">left</th><th scope="col">right</th>' * len(shown)
    body = []
    for name, at in rows.items():
        cells = "".join(_shares(shares[i], at) for i in shown)
        label = escape(_wording.in_words(name))
        body.append(f'<tr><th scope="row">{label}</th>{cells}</tr>')
    return (
        '<div class="wide" tabindex="0"><table class="missing"><caption>How often each point is '
        "missing, in percent of the pictures with that person</caption><thead>"
        f'<tr><td rowspan="2"></td>{head}</tr><tr>{sides}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def of_facts(facts: Sequence[tuple[str, str]]) -> str:
    """Return pairs of a name and what it is."""
    entries = (f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts if v)
    return f'<dl class="facts">{"".join(entries)}</dl>'


def folded(title: str, html: str, *, is_open: bool = False) -> str:
    """Return what is shown when somebody asks for it."""
    start = "<details open>" if is_open else "<details>"
    return f"{start}<summary>{escape(title)}</summary>{html}</details>"


def _says_nothing(table: pd.DataFrame) -> pd.Series[bool]:
    """Tell which rows hold no number but 0, and at least one that is not known."""
    numbers = table.drop(columns=["track_id", "frame", "time_s"], errors="ignore")
    numbers = numbers.select_dtypes("number").astype(np.float64)
    return (numbers.isna() | (numbers == 0)).all(axis=1) & numbers.isna().any(axis=1)


def _shares(shares: np.ndarray, at: dict[str, int]) -> str:
    if "" in at:
        return _share(shares[at[""]], ' colspan="2"')
    return "".join(_share(shares[at[s]], "") if s in at else "<td></td>" for s in ("left", "right"))


def _share(share: float, span: str) -> str:
    kind = "often" if share >= OFTEN else "sometimes" if share >= _SOMETIMES else "seldom"
    return f'<td{span} class="{kind}">{100 * share:.0f}</td>'


def _table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[bool]
) -> str:
    """Return a table whose rows begin with their name; `texts`: which columns are no numbers."""
    kinds = [' class="text"' if is_text else "" for is_text in texts]
    above = "".join(
        f'<th scope="col"{kind}>{escape(cell)}</th>'
        for kind, cell in zip(kinds, head, strict=False)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td{k}>{escape(cell)}</td>" for k, cell in zip(kinds[1:], rest, strict=True))
        + "</tr>"
        for first, *rest in rows
    )
    return (
        '<div class="wide" tabindex="0"><table>'
        + (f"<caption>{escape(caption)}</caption>" if caption else "")
        + (f"<thead><tr>{above}</tr></thead>" if above else "")
        + f"<tbody>{body}</tbody></table></div>"
    )
