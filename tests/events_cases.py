"""Films of events, and what is found in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from kinetrace.live.events import LiveEvents
from kinetrace.measures import events
from kinetrace.measures._events_spells import Event
from kinetrace.poses import Poses
from kinetrace.testing import MoverTruth, mover

FPS = (10.0, 24.0, 30000 / 1001, 60.0)
COLUMNS = [
    *("track_id", "start_s", "end_s", "event", "side", "confidence"),
    *("descent_heights_per_s", "trunk_deg", "people", "detail"),
]


def found(poses: Poses, kind: str, **options: float) -> list[tuple[float, float]]:
    """When events of a kind are."""
    table = events.measure(poses, **options)
    own = table[table["event"] == kind]
    return list(zip(own["start_s"], own["end_s"], strict=True))


def kinds(poses: Poses, **options: float) -> list[str]:
    """What happens, in its order."""
    return events.measure(poses, **options)["event"].tolist()


def true(truth: MoverTruth, kind: str) -> list[tuple[float, float]]:
    return [(event.start_s, event.end_s) for event in truth.events if event.event == kind]


def between(action: str, **options: object) -> tuple[Poses, MoverTruth]:
    """Stand, do something, stand."""
    return mover(["stand", action, "stand"], **options)


def until(poses: Poses, end_s: float) -> Poses:
    """The film without what comes later."""
    return poses.frames(0, int(np.searchsorted(poses.frame_time_s, end_s)))


def moved(poses: Poses, xy: np.ndarray) -> Poses:
    return dataclasses.replace(poses, xy=xy, bbox_xyxy=None, size_wh=None)


def together(films: Sequence[Poses], shifts_px: Sequence[float]) -> Poses:
    """People of several films of the same times in one, each moved to the right."""
    n = len(films[0].frame_time_s)
    order = np.argsort(np.concatenate([film.frame for film in films]), kind="stable")
    ids = np.repeat(np.arange(len(films)), n)
    xy = np.concatenate([f.xy + np.array([x, 0]) for f, x in zip(films, shifts_px, strict=True)])
    return Poses(
        skeleton=films[0].skeleton,
        frame_time_s=films[0].frame_time_s,
        frame=np.concatenate([film.frame for film in films])[order],
        track_id=ids[order],
        xy=xy[order],
        score=np.concatenate([film.score for film in films])[order],
    )


def live(poses: Poses, **options: object) -> tuple[list[tuple[float, Event]], LiveEvents]:
    """Every change with the time at which it was told, and what the end of the stream brings."""
    stream = LiveEvents(**options)
    told = [
        (float(now_s), event)
        for i, now_s in enumerate(poses.frame_time_s)
        for event in stream.update(poses.frames(i, i + 1))
    ]
    return told + [(np.inf, event) for event in stream.finish()], stream
