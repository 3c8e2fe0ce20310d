"""The log of a training: a CSV file with a row every so many samples, and its plot."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from kinetrace.errors import FormatError
from kinetrace.files import reading, writing

COLUMNS = ("samples", "height_px", "learning_rate", "place_loss", "height_loss")


class Journal:
    """A log that goes on where it stopped.

    Parameters
    ----------
    path
        The CSV file; rows of later samples than `first` are dropped from it, for they are made
        again.
    measures
        Names of the columns behind `COLUMNS`.
    first
        How many samples have been learnt from.
    """

    def __init__(self, path: Path, measures: Sequence[str], first: int) -> None:
        self._path = path
        self._columns = (*COLUMNS, *measures)
        kept = [row for row in read_journal(path) if row["samples"] <= first] if first else []
        with writing(path), path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self._columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)

    def append(self, row: Mapping[str, float]) -> None:
        """Write one row; it is there when this returns."""
        with writing(self._path), self._path.open("a", encoding="utf-8", newline="") as file:
            values = {name: f"{value:.6g}" for name, value in row.items()}
            csv.DictWriter(file, self._columns).writerow({**values, "samples": row["samples"]})


def read_journal(path: Path) -> list[dict[str, float]]:
    """Read a log: a dict a row, without the columns that are empty there.

    Raises
    ------
    FormatError
        If it is no such log.
    """
    if not path.exists():
        return []
    with reading(path):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        try:
            return [{name: float(text) for name, text in row.items() if text} for row in rows]
        except (TypeError, ValueError) as error:
            raise FormatError(f"that is no log of a training: {error}") from None


def plot_journal(path: Path, output: Path) -> None:
    """Draw the losses, and what was measured, over the samples.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = read_journal(path)
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    measures = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    panels = {"loss": ("place_loss", "height_loss"), "held-out people": tuple(measures)}
    for axes, (title, names) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        for name in names:
            there = [row for row in rows if name in row]
            axes.plot([r["samples"] / 1e3 for r in there], [r[name] for r in there], label=name)
        axes.set(xlabel="thousands of samples", title=title)
        if names:
            axes.legend(frameon=False)
    with writing(output):
        figure.savefig(output, dpi=110)
