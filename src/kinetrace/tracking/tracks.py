"""Those who are followed: arrays with a row a track, and how a sighting changes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kinetrace.tracking import appearance
from kinetrace.tracking.bodies import Bodies, Bools, Floats, Ints
from kinetrace.tracking.motion import Motion, at_rest, correct, predict

UNNAMED = -1
# What a new sighting says about size and about colour: the rest is what is known already.
_NEW_SIZE, _NEW_COLOUR = 0.2, 0.1


class Prediction(NamedTuple):
    """Where M tracks should be by now.

    Attributes
    ----------
    xy : (M, K, 2)
        Pixels.
    box_xyxy : (M, 4)
        Pixels.
    motion
        Theirs.
    age_s : (M,)
        Since they were last seen.
    """

    xy: Floats
    box_xyxy: Floats
    motion: Motion
    age_s: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracks:
    """M tracks as they were when each was last seen.

    Attributes
    ----------
    track_id : (M,)
        -1 while nobody is sure that there is somebody.
    body
        The last pose, with the places where hidden keypoints should be; size and colour are means
        over time, confidence is the mean of all sightings.
    velocity, variance
        See `Motion`.
    first_s, seen_s : (M,)
        Times of the first and the last sighting.
    sightings : (M,)
        How often they were seen.
    stranded : (M,)
        Where they are says nothing about where they were: the scene has been cut since.
    """

    track_id: Ints
    body: Bodies
    velocity: Floats
    variance: Floats
    first_s: Floats
    seen_s: Floats
    sightings: Ints
    stranded: Bools

    def __len__(self) -> int:
        return len(self.track_id)

    def __getitem__(self, which: Ints | Bools | slice) -> Tracks:
        return Tracks(**{name: value[which] for name, value in vars(self).items()})


def tracks_of(body: Bodies, time_s: float) -> Tracks:
    """Begin a track, not named yet, with each of some people."""
    n = len(body)
    motion = at_rest(n)
    return Tracks(
        track_id=np.full(n, UNNAMED),
        body=body,
        velocity=motion.velocity,
        variance=motion.variance,
        first_s=np.full(n, time_s),
        seen_s=np.full(n, time_s),
        sightings=np.ones(n, np.int64),
        stranded=np.zeros(n, bool),
    )


def joined(a: Tracks, b: Tracks) -> Tracks:
    """Return the tracks of both."""
    if not len(b):  # as in most frames
        return a
    body = {n: np.concatenate([x, getattr(b.body, n)]) for n, x in vars(a.body).items()}
    rest = {
        name: np.concatenate([value, getattr(b, name)])
        for name, value in vars(a).items()
        if name != "body"
    }
    return Tracks(body=Bodies(**body), **rest)


def replaced(tracks: Tracks, which: Ints, new: Tracks) -> Tracks:
    """Return the tracks with some of them exchanged."""
    if np.array_equal(which, np.arange(len(tracks))):  # everybody was seen again
        return new
    everything = joined(tracks, new)
    row = np.arange(len(tracks))
    row[which] = len(tracks) + np.arange(len(new))
    return everything[row]


def predicted(tracks: Tracks, time_s: float | Floats) -> Prediction:
    """Return where the tracks should be at a time, one for all or (M,); never before `seen_s`."""
    age_s = np.maximum(time_s - tracks.seen_s, 0.0)
    shift_px, motion = predict(Motion(tracks.velocity, tracks.variance), age_s)
    return Prediction(
        xy=tracks.body.xy + shift_px[:, None],
        box_xyxy=tracks.body.box_xyxy + np.tile(shift_px, 2),
        motion=motion,
        age_s=age_s,
    )


def seen(tracks: Tracks, expected: Prediction, body: Bodies, time_s: float) -> Tracks:
    """Return the tracks after a sighting of each.

    Parameters
    ----------
    tracks, expected
        M tracks and where they should be.
    body
        Where they are; all of them share keypoints with what was expected.
    time_s
        When.
    """
    off = body.xy - expected.xy
    known = np.isfinite(off).all(axis=2)
    shared = known.mean(axis=1)
    # The median, since a keypoint that goes astray must not pull the person along.
    off_px = np.nan_to_num(_median(off))
    shift_px, motion = correct(expected.motion, off_px, shared * body.confidence)
    n = tracks.sightings + 1
    old = tracks.body
    share = np.maximum(1 / n, _NEW_SIZE)
    return Tracks(
        track_id=tracks.track_id,
        body=Bodies(
            xy=np.where(np.isfinite(body.xy), body.xy, expected.xy + shift_px[:, None]),
            box_xyxy=body.box_xyxy,
            size_px=old.size_px + share * (body.size_px - old.size_px),
            confidence=old.confidence + (body.confidence - old.confidence) / n,
            colour=appearance.blend(old.colour, body.colour, _NEW_COLOUR),
        ),
        velocity=motion.velocity,
        variance=motion.variance,
        first_s=tracks.first_s,
        seen_s=np.full(len(tracks), time_s),
        sightings=n,
        stranded=np.zeros(len(tracks), bool),
    )


def _median(off: Floats) -> Floats:
    """Return the (M, 2) medians over the keypoints that are not NaN; NaN where all are."""
    # numpy's nanmedian is a hundred times slower, and warns.
    count = np.isfinite(off).sum(axis=1)
    ordered = np.sort(off, axis=1)  # NaN last
    row = np.arange(len(off))[:, None]
    low = ordered[row, np.maximum((count - 1) // 2, 0), np.arange(2)]
    high = ordered[row, np.minimum(count // 2, off.shape[1] - 1), np.arange(2)]
    return np.asarray((low + high) / 2)
