"""What a table of events cannot say, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kinetrace.filtering._runs import frame_step_s
from kinetrace.measures._events_bodies import Bodies
from kinetrace.measures._events_spells import GAP_S, Event
from kinetrace.poses import Poses

# Below it the speed of a fall is a mean over more than the time that speeds are taken over.
_LOWEST_FPS = 6.0
_MOSTLY = 0.5


def notes_of(poses: Poses, bodies: Bodies, events: Sequence[Event]) -> Iterator[str]:
    """Yield what limits the events of a film, in plain sentences."""
    if not len(poses):
        yield "Nobody is in the poses."
        return
    step_s = frame_step_s(poses)
    if np.isnan(step_s):
        yield "The frames have no clock (or there is only one), so nothing can be seen to last."
        return
    if 1 / step_s < _LOWEST_FPS * (1 - 1e-3):
        yield (
            f"At {1 / step_s:.3g} frames a second falls are easily missed; {_LOWEST_FPS:g} are "
            "needed, and 10 and more are better."
        )
    if step_s > GAP_S:
        yield f"Frames are {step_s:.3g} s apart: nothing is followed over more than {GAP_S:g} s."
    if _are_mistakable(poses):
        yield (
            "Several people in a frame have the same track_id: nothing is said of them there, "
            "except on crowding; track them first."
        )
    yield from _hidden(poses, bodies)
    for event in events:
        if event.event == "fall" and event.detail:
            yield (
                f"Person {event.track_id} may have fallen at {event.start_s:.1f} s: {event.detail}."
            )
    if not events:
        yield "No event: nothing of the kind was seen for long enough."


def _are_mistakable(poses: Poses) -> bool:
    pairs = np.stack([poses.frame, poses.track_id], axis=1)
    return len(np.unique(pairs, axis=0)) < len(pairs)


def _hidden(poses: Poses, bodies: Bodies) -> Iterator[str]:
    for track_id in np.unique(poses.track_id).tolist():
        rows = poses.track_id == track_id
        if np.isnan(bodies.rise_px[rows]).mean() > _MOSTLY:
            hidden = "shoulders or hips are"
        elif np.isnan(bodies.hips_px[rows]).mean() > _MOSTLY:
            hidden = "legs are"
        else:
            continue
        yield (
            f"Person {track_id}: {hidden} not seen most of the time; falls, lying and sitting "
            "cannot be told then."
        )
