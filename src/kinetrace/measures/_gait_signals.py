"""One person's pelvis and feet as smooth signals at a uniform rate: where gait events are found."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kinetrace import filtering, view
from kinetrace.geometry import distance
from kinetrace.measures._gait_swaps import LEG_PARTS, unswap_legs
from kinetrace.points import find
from kinetrace.poses import FloatArray, IntArray, Poses, Skeleton

SIDES = ("left", "right")
# Three samples at this rate and a parabola place an extremum of a smooth signal within a ms.
RATE_HZ = 120.0
# Gaps up to this long are bridged (a tenth of a stride); longer ones end a run.
LONGEST_GAP_S = 0.12
# A shorter run holds no swing of a leg.
SHORTEST_RUN_S = 0.4

# What heel and toe are called in the skeletons that are about, best first.
_HEELS = ("heel", "ankle")
_TOES = ("foot_index", "big_toe", "toe", "ankle")


@dataclass(frozen=True)
class Signals:
    """One person's movement, smooth, at `RATE_HZ`. NaN where it was not seen.

    Attributes
    ----------
    time_s : (M,)
        Of the samples.
    pelvis_xy : (M, 2)
        Middle of the hips, px.
    heel_xy, toe_xy : (M, 2) by side
        px; the ankle where the person has no heel or no toe.
    facing : (M,)
        1: to the right of the picture, -1: to the left, 0: nobody can tell.
    is_sagittal : (M,) bool
        Whether they are seen from the side, or nearly so.
    leg_px
        Length of a leg.
    frame, frame_time_s : (T,)
        Numbers in the source and times of the frames that the person was seen in.
    seen : (T,) by side
        Mean score in a frame of the hips and this foot's keypoints; a missing one counts as 0,
        one in a short gap as half of its neighbours.
    is_by_ankle
        Whether an ankle stands for a heel or a toe.
    swaps
        In how many frames left and right leg had been mistaken for each other.
    """

    time_s: FloatArray
    pelvis_xy: FloatArray
    heel_xy: dict[str, FloatArray]
    toe_xy: dict[str, FloatArray]
    facing: FloatArray
    is_sagittal: npt.NDArray[np.bool_]
    leg_px: float
    frame: IntArray
    frame_time_s: FloatArray
    seen: dict[str, FloatArray]
    is_by_ankle: bool
    swaps: int

    def extension(self) -> FloatArray:
        """Return the height of the pelvis above the lower foot over the leg's length, (M,)."""
        lower = np.fmax(*(self.heel_xy[side][:, 1] for side in SIDES))
        return np.asarray((lower - self.pelvis_xy[:, 1]) / self.leg_px)

    def frame_at(self, time_s: float) -> int:
        """Return the number in the source of the frame nearest to a time."""
        return int(self.frame[np.abs(self.frame_time_s - time_s).argmin()])

    def ahead_px(self, xy: FloatArray) -> FloatArray:
        """Return how far points (M, 2) are in front of the pelvis, to the right of the picture."""
        return np.asarray(xy[:, 0] - self.pelvis_xy[:, 0])


class _Person:
    """One person's keypoints by frame, smooth, with the frames whose time goes on."""

    def __init__(self, poses: Poses, cutoff_hz: float, min_score: float) -> None:
        smooth, self.swaps = _smoothed(poses, cutoff_hz, min_score)
        time_s = smooth.frame_time_s[smooth.frame]
        clock = np.concatenate([[-np.inf], np.where(np.isnan(time_s), -np.inf, time_s)])
        smooth = smooth.rows(clock[1:] > np.maximum.accumulate(clock)[:-1])
        self.skeleton, self.score = smooth.skeleton, smooth.score
        self.xy = smooth.xy.astype(np.float64)
        self.time_s = smooth.frame_time_s[smooth.frame]
        self.frame = smooth.frame_index[smooth.frame]

    def at(self, name: str) -> FloatArray:
        """Return a keypoint (T, 2); ``mid_hip`` is the middle of both, or the one that is seen."""
        return find(self.xy, self.skeleton, name, hidden=True)

    def first_seen(self, side: str, kinds: tuple[str, ...]) -> str:
        """Return the first of these keypoints that was ever seen, "" if none was."""
        for name in (f"{side}_{kind}" for kind in kinds):
            if np.isfinite(self.at(name)).any():
                return name
        return ""

    def seen(self, names: tuple[str, ...]) -> FloatArray:
        """Return the mean score (T,) of keypoints."""
        known = [self.skeleton.index(name) for name in names if name]
        return np.asarray(self.score[:, known].mean(axis=1), dtype=np.float64)

    def resampled(self, name: str, grid_s: FloatArray) -> FloatArray:
        """Return a keypoint (M, 2) at other times, NaN where it was not seen."""
        from scipy.interpolate import CubicSpline

        xy, even = self.at(name), np.full((len(grid_s), 2), np.nan)
        known = np.flatnonzero(np.isfinite(xy[:, 0]))
        longest_s = LONGEST_GAP_S + 1.5 * float(np.median(np.diff(self.time_s)))
        for run in np.split(known, np.flatnonzero(np.diff(self.time_s[known]) > longest_s) + 1):
            if len(run) < 4 or self.time_s[run[-1]] - self.time_s[run[0]] < SHORTEST_RUN_S:
                continue
            inside = (grid_s >= self.time_s[run[0]]) & (grid_s <= self.time_s[run[-1]])
            even[inside] = CubicSpline(self.time_s[run], xy[run])(grid_s[inside])
        return even


def make_signals(poses: Poses, *, cutoff_hz: float, min_score: float) -> Signals | None:
    """Smooth one person's keypoints and resample them to `RATE_HZ`.

    Parameters
    ----------
    poses
        One person: one row a frame at most. The frames have times.
    cutoff_hz
        Of the low-pass filter: a zero-lag Butterworth, -3 dB there.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    Signals or None
        None where the hips and a foot are never seen together.
    """
    person = _Person(poses, cutoff_hz, min_score)
    feet = {s: (person.first_seen(s, _HEELS), person.first_seen(s, _TOES)) for s in SIDES}
    leg_px = _leg_px(person, {side: heel for side, (heel, _) in feet.items()})
    if len(person.time_s) < 2 or not leg_px > 0:
        return None
    grid_s = np.arange(person.time_s[0], person.time_s[-1] + 0.5 / RATE_HZ, 1 / RATE_HZ)
    heels = {side: person.resampled(heel, grid_s) for side, (heel, _) in feet.items()}
    toes = {side: person.resampled(toe, grid_s) for side, (_, toe) in feet.items()}
    row_time_s = poses.frame_time_s[poses.frame]
    nearest = _nearest(row_time_s, grid_s)
    facing = view.facing(poses, min_score=min_score)[nearest].astype(np.float64)
    views = view.row_views(poses, min_score=min_score)[nearest]
    hips = tuple(n for n in ("left_hip", "right_hip") if n in person.skeleton.keypoints)
    return Signals(
        time_s=grid_s,
        pelvis_xy=person.resampled("mid_hip", grid_s),
        heel_xy=heels,
        toe_xy=toes,
        facing=facing if facing.any() else _pointing(heels, toes),
        is_sagittal=~np.isin(views, ("front", "back")),
        leg_px=leg_px,
        frame=person.frame,
        frame_time_s=person.time_s,
        seen={side: person.seen((*hips, *feet[side])) for side in SIDES},
        is_by_ankle=any(name.endswith("ankle") for foot in feet.values() for name in foot),
        swaps=person.swaps,
    )


def _smoothed(poses: Poses, cutoff_hz: float, min_score: float) -> tuple[Poses, int]:
    """Return the legs alone, smooth, and in how many frames left and right were mistaken."""
    seen = filtering.drop_low_scores(_legs(poses), min_score)
    sided, swaps = unswap_legs(seen)
    sound = filtering.drop_outliers(sided)
    filled = filtering.fill_gaps(sound, max_gap_s=LONGEST_GAP_S)
    return filtering.butterworth(filled, cutoff_hz=cutoff_hz), swaps


def _legs(poses: Poses) -> Poses:
    parts = ("hip", *LEG_PARTS)
    kept = [n for n in poses.skeleton.keypoints if n.split("_", 1)[-1] in parts]
    positions = [poses.skeleton.index(name) for name in kept]
    return dataclasses.replace(
        poses,
        skeleton=Skeleton(name="legs", keypoints=tuple(kept)),
        xy=poses.xy[:, positions],
        score=poses.score[:, positions],
        xyz_m=None,
        # The filters leave alone who was not tracked.
        track_id=np.zeros(len(poses), dtype=np.int64),
    )


def _pointing(heels: dict[str, FloatArray], toes: dict[str, FloatArray]) -> FloatArray:
    """Return the side to which toes point of the heels, all in all, for every sample."""
    ahead = np.stack([toes[side][:, 0] - heels[side][:, 0] for side in SIDES])
    return np.full(ahead.shape[1], np.sign(np.nansum(ahead)))


def _leg_px(person: _Person, heels: dict[str, str]) -> float:
    """Return the length of a leg: thigh and shank together, or the farthest from hip to heel."""
    lengths = []
    for side, heel in heels.items():
        hip, knee, ankle = (person.at(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        bones = distance(hip, knee) + distance(knee, ankle)
        straight = distance(hip, person.at(heel))
        lengths += [_percentile(bones, 50), _percentile(straight, 90)]
    return float(np.fmax.reduce(lengths))


def _percentile(values: FloatArray, percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if len(known) else float("nan")


def _nearest(time_s: FloatArray, wanted_s: FloatArray) -> IntArray:
    """Return for each wanted time the position of the nearest of the known ones."""
    order = np.argsort(time_s)
    known = time_s[order]
    middles = (known[1:] + known[:-1]) / 2
    return np.asarray(order[np.searchsorted(middles, wanted_s)])
