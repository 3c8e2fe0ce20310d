"""Figures with Matplotlib, one module each: a function that returns a `matplotlib.figure.Figure`.

They touch no state of Matplotlib's: no pyplot, no backend, no settings, so that they work beside
anything else that draws, in threads and without a display. `save` writes one to a file.

Left is blue and right is orange in all of them (Okabe and Ito's colours, which people who are
colour-blind can tell apart), the midline is black.
"""

from __future__ import annotations

from kinetrace.plots._figure import save
from kinetrace.plots.angle_angle import angle_angle
from kinetrace.plots.confusion_matrix import confusion_matrix
from kinetrace.plots.heat_map import heat_map
from kinetrace.plots.stick_figures import stick_figures
from kinetrace.plots.time_series import time_series

__all__ = ["angle_angle", "confusion_matrix", "heat_map", "save", "stick_figures", "time_series"]
