"""Draw docs/images/repetitions.png: the signal that is counted, and what is found in it.

python docs/draw_repetitions.py

The coloured lines are what ``kinetrace measure repetitions --plot`` draws.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kinetrace import plots
from kinetrace.measures import repetitions
from kinetrace.measures._repetitions_body import Body
from kinetrace.measures._repetitions_exercises import exercises
from kinetrace.measures._repetitions_find import signals_by_side
from kinetrace.testing import exerciser

TARGET = Path(__file__).parent / "images" / "repetitions.png"


def main() -> None:
    """Draw four squats with 2 px of noise, of which the third is half."""
    poses, _ = exerciser("squat", depth=(1, 1, 0.5, 1), rest_s=1.0, noise_px=2)
    figure = repetitions.plot(repetitions.measure(poses, exercise="squat"))
    body = Body(poses, np.arange(len(poses)), min_score=0.3)
    signal = exercises()["squat"].signals[0]
    (axes,) = figure.axes
    axes.plot(body.time_s, signals_by_side(body, signal)["both"], color="0.7", zorder=1)
    for name, level in (("rest", signal.levels.rest), ("whole", signal.levels.full)):
        axes.axhline(level, color="0.5", linewidth=0.8, linestyle=":", zorder=1)
        axes.text(0, level + 1, name, color="0.4", fontsize="small")
    axes.set_xlim(0, body.time_s[-1])
    plots.save(figure, TARGET)


if __name__ == "__main__":
    main()
