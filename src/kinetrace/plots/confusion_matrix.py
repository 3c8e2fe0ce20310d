"""Which label was taken for which, as a matrix of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kinetrace.plots._figure import new_figure, say_nothing_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_INCHES_A_CELL = 0.42
_MARGIN_IN = 2.2


def confusion_matrix(counts: pd.DataFrame) -> Figure:
    """Draw a confusion matrix: the colour is the share of the row, the number is the count.

    Parameters
    ----------
    counts
        A row for each label and a column for each answer, see `kinetrace.actions.confusion`.
    """
    if counts.empty:
        figure = new_figure(6, 2)
        say_nothing_to_draw(figure.subplots(), "There is nothing to draw: no label was tested.")
        return figure
    number = counts.to_numpy(dtype=float)
    share = number / np.maximum(number.sum(axis=1, keepdims=True), 1)
    height, width = number.shape
    figure = new_figure(_MARGIN_IN + _INCHES_A_CELL * width, _MARGIN_IN + _INCHES_A_CELL * height)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(number), strict=True):
        axes.text(
            column,
            row,
            f"{number[row, column]:.0f}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if share[row, column] > 0.5 else "black",
        )
    axes.set_xticks(range(width), [str(c) or "(not seen)" for c in counts.columns], rotation=90)
    axes.set_yticks(range(height), [str(label) for label in counts.index])
    axes.set_xlabel("answer")
    axes.set_ylabel("label")
    return figure
