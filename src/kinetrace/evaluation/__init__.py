"""How good poses are: predictions against what annotators say.

>>> truth = read_truth(Path("person_keypoints.json"))  # doctest: +SKIP
>>> predictions = align(kinetrace.read("photos.csv"), truth)  # doctest: +SKIP
>>> average_precision(predictions, truth).ap  # doctest: +SKIP
0.683
"""

from __future__ import annotations

from kinetrace.evaluation.average_precision import AveragePrecision, average_precision
from kinetrace.evaluation.comparison import compare, compare_keypoints, to_markdown
from kinetrace.evaluation.detection import DetectionCounts, count_detections
from kinetrace.evaluation.pck import Pck, pck
from kinetrace.evaluation.predictions import Predictions, Rank, align, boxes_used
from kinetrace.evaluation.tracking import TrackingScores, compare_tracks, score_tracks
from kinetrace.evaluation.truth import Truth, read_truth

__all__ = [
    "AveragePrecision",
    "DetectionCounts",
    "Pck",
    "Predictions",
    "Rank",
    "TrackingScores",
    "Truth",
    "align",
    "average_precision",
    "boxes_used",
    "compare",
    "compare_keypoints",
    "compare_tracks",
    "count_detections",
    "pck",
    "read_truth",
    "score_tracks",
    "to_markdown",
]
