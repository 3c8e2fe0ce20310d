"""Models side by side, as tables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace.evaluation.average_precision import average_precision, match_images
from kinetrace.evaluation.detection import count_detections
from kinetrace.evaluation.pck import pck
from kinetrace.evaluation.predictions import Predictions
from kinetrace.evaluation.truth import Truth
from kinetrace.similarity import keypoint_similarity

if TYPE_CHECKING:
    import pandas as pd

_AP_NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")


def compare(models: Mapping[str, Predictions], truth: Truth) -> pd.DataFrame:
    """Compare models, one row each.

    Parameters
    ----------
    models
        Predictions by the model's name, aligned with `truth`.
    truth
        What there is. Where it has areas and sigmas, average precision is measured, else PCK@0.2.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``boxes`` (whose the model was given), ``images``, ``people``; then COCO's ten
        numbers (`AveragePrecision`), ``recall`` (people found at OKS 0.5) and
        ``phantoms_per_image``; or ``PCK@0.2``, ``people`` being those with a torso. All shares
        are 0..1.
    """
    import pandas as pd

    measure = _with_oks if has_oks(truth) else _with_pck
    rows = [
        {"model": name, "boxes": found.boxes, **measure(found, truth)}
        for name, found in models.items()
    ]
    return pd.DataFrame(rows)


def has_oks(truth: Truth) -> bool:
    """Tell whether Object Keypoint Similarity can be had: there are areas, and sigmas."""
    return bool(truth.skeleton.sigmas) and not np.isnan(truth.area_px).any()


def _with_oks(predictions: Predictions, truth: Truth) -> dict[str, Any]:
    numbers = dataclasses.astuple(average_precision(predictions, truth))
    counts = count_detections(predictions, truth)
    return {
        "images": counts.images,
        "people": counts.people,
        **dict(zip(_AP_NAMES, numbers, strict=True)),
        "recall": counts.recall,
        "phantoms_per_image": counts.phantoms_per_image,
    }


def _with_pck(predictions: Predictions, truth: Truth) -> dict[str, Any]:
    found = pck(predictions, truth)
    return {"images": len(truth.image_name), "people": found.people, "PCK@0.2": found.share}


def compare_keypoints(models: Mapping[str, Predictions], truth: Truth) -> pd.DataFrame:
    """Compare models keypoint by keypoint, one row for each of both.

    Parameters
    ----------
    models, truth
        As for `compare`.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``keypoint``, ``labelled`` (how many there are). With OKS, of the people found
        at OKS 0.5: ``found`` (how many of these have a position), ``similarity`` (mean term of
        OKS, a missing one being 0), ``error_px`` and ``error_of_size`` (medians of the distance,
        in pixels and relative to the square root of the person's area). Else ``PCK@0.2``.
    """
    import pandas as pd

    measure = _keypoints_with_oks if has_oks(truth) else _keypoints_with_pck
    rows = [
        {"model": name, **row} for name, found in models.items() for row in measure(found, truth)
    ]
    return pd.DataFrame(rows)


def _keypoints_with_oks(predictions: Predictions, truth: Truth) -> list[dict[str, Any]]:
    matches = list(match_images(predictions, truth, np.array([0.5])))
    row = np.concatenate([[], *(im.predicted for im in matches)]).astype(np.int64)
    person = np.concatenate([[], *(im.match[0, 0] for im in matches)]).astype(np.int64)
    right = np.concatenate([[], *(~im.ignored[0, 0] for im in matches)]).astype(bool)
    keep = right & (person >= 0)
    row, person = row[keep], person[keep]
    apart_px = np.linalg.norm(predictions.xy[row] - truth.xy[person], axis=2)
    area_px = truth.area_px[person]
    term = keypoint_similarity(np.square(apart_px), area_px, truth.skeleton.sigmas)
    size_px = np.sqrt(np.maximum(area_px, 1))[:, None]
    labelled = truth.labelled[person]
    rows = []
    for k, name in enumerate(truth.skeleton.keypoints):
        known = np.isfinite(apart_px[:, k])
        rows.append(
            {
                "keypoint": name,
                "labelled": int(truth.labelled[~truth.ignored, k].sum()),
                "found": int(known.sum()),
                "similarity": _mean(np.nan_to_num(term[labelled[:, k], k])),
                "error_px": _median(apart_px[known, k]),
                "error_of_size": _median((apart_px / size_px)[known, k]),
            }
        )
    return rows


def _keypoints_with_pck(predictions: Predictions, truth: Truth) -> list[dict[str, Any]]:
    found = pck(predictions, truth)
    return [
        {"keypoint": name, "labelled": int(n), "PCK@0.2": correct / n if n else math.nan}
        for name, correct, n in zip(found.keypoints, found.correct, found.labelled, strict=True)
    ]


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _median(values: Any) -> float:
    return float(np.median(values)) if len(values) else math.nan


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown: numbers with three decimals, to the right; NaN as a dash."""
    columns = [str(name) for name in table.columns]
    right = [table[name].dtype.kind in "if" for name in table.columns]
    cells = [[_cell(value) for value in row] for row in table.itertuples(index=False, name=None)]
    widths = [max(3, *(len(row[i]) for row in [columns, *cells])) for i in range(len(columns))]
    rule = ["-" * (w - 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)]
    lines = [columns, rule, *cells]
    return "\n".join(
        "| "
        + " | ".join(
            cell.rjust(w) if r else cell.ljust(w)
            for cell, w, r in zip(line, widths, right, strict=True)
        )
        + " |"
        for line in lines
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.3f}"
    return str(value).replace("|", "\\|")
