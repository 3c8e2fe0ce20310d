"""What is known, as plain data for JSON: what a page draws and shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kinetrace.live.repetitions import LiveRepetition
from kinetrace.live.session import Seen
from kinetrace.measures._events_spells import Event
from kinetrace.poses import FloatArray, Poses, Skeleton

# Decimals: a tenth of a pixel is more than anybody sees.
_PX, _SCORE = 1, 3


def skeleton_data(skeleton: Skeleton) -> dict[str, Any]:
    """Return a skeleton: its name, keypoints, edges as pairs of positions, and mirror."""
    return {
        "name": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "edges": [list(edge) for edge in skeleton.edge_indices],
        "mirror": list(skeleton.mirror),
    }


def seen_data(seen: Seen) -> dict[str, Any]:
    """Return what is known after a frame.

    Returns
    -------
    dict
        ``size_wh``, ``people`` (``id``, ``box``, ``xy`` as x0, y0, x1, ... with None for what is
        missing, ``score``), ``person``, ``numbers`` (``name``, ``label``, ``value`` or None,
        ``unit``), ``repetitions`` (``count``, ``half_count``, ``last``), ``said``, ``events``,
        ``notes``. There is no NaN in it.
    """
    return {
        "size_wh": None if seen.poses.size_wh is None else list(seen.poses.size_wh),
        "people": _people(seen.poses),
        "person": seen.person,
        "numbers": [
            {"name": n.name, "label": n.label, "value": _number(n.value, 3), "unit": n.unit}
            for n in seen.numbers
        ],
        "repetitions": {
            "count": seen.repetitions.count,
            "half_count": seen.repetitions.half_count,
            "last": None if seen.repetitions.last is None else _repetition(seen.repetitions.last),
        },
        "said": list(seen.said),
        "events": [_event(event) for event in seen.events],
        "notes": list(seen.notes),
    }


def _people(poses: Poses) -> list[dict[str, Any]]:
    return [
        {
            "id": int(poses.track_id[i]),
            "box": _numbers(poses.bbox_xyxy[i], _PX),
            "xy": _numbers(poses.xy[i].reshape(-1), _PX),
            "score": _numbers(poses.score[i], _SCORE),
        }
        for i in range(len(poses))
    ]


def _repetition(last: LiveRepetition) -> dict[str, Any]:
    return {
        "exercise": last.exercise,
        "complete": bool(last.complete),
        "took_s": _number(last.end_s - last.start_s, 3),
        "depth_percent": _number(last.depth_percent, 1),
        "feedback": list(last.feedback),
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "id": event.track_id,
        "event": event.event,
        "start_s": _number(event.start_s, 3),
        "end_s": _number(event.end_s, 3),
        "side": event.side,
        "confidence": _number(event.confidence, 3),
    }


def _number(value: float, decimals: int) -> float | None:
    return round(float(value), decimals) if math.isfinite(value) else None


def _numbers(values: FloatArray, decimals: int) -> list[float | None]:
    rounded = np.round(values.astype(np.float64), decimals).tolist()
    return [value if math.isfinite(value) else None for value in rounded]
