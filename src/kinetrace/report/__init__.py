"""A report of movement: one HTML file that is read on any screen, without a network, and printed.

``write_report(poses, path)`` writes it. What it shows comes from the measures, whichever there are;
docs/report.md tells what is in it.
"""

from __future__ import annotations

from kinetrace.report._writing import write_report

__all__ = ["write_report"]
