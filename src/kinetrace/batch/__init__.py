"""Many videos: a table for each, by several processes, and a rerun does only what is missing.

>>> from kinetrace.batch import Settings, run_all
>>> results = run_all(jobs, Settings(backend="hrnet"), workers=4)  # doctest: +SKIP

Each result appears under its name once it is whole. What was done is written down beside the
results, in ``kinetrace.manifest.jsonl`` (`kinetrace.batch.manifest`).
"""

from kinetrace.batch.events import Ended, Event, Note, Progress, Started
from kinetrace.batch.manifest import Manifest
from kinetrace.batch.settings import Settings
from kinetrace.batch.task import Result, do
from kinetrace.batch.workers import run_all

__all__ = [
    "Ended",
    "Event",
    "Manifest",
    "Note",
    "Progress",
    "Result",
    "Settings",
    "Started",
    "do",
    "run_all",
]
