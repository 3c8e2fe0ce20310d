"""The One Euro filter: for live pictures, a frame at a time."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from kinetrace.filtering._runs import BODY_M, Floats, person_size_px
from kinetrace.poses import FloatArray, Poses


class OneEuro:
    """Smooths live, with little lag: hard what is slow, hardly what is fast.

    The One Euro filter (Casiez, Roussel and Vogel, CHI 2012) on every coordinate, with the frames'
    true times: a low-pass of cutoff ``min_cutoff_hz + beta |speed|``. Speed is in people's sizes
    a second (the longer side of the box; 1.7 m in space), so that somebody far away is smoothed as
    somebody near is.

    It remembers each track's last frame only, and forgets tracks that it has not seen for
    `forget_s`. A missing keypoint stays missing; when it comes back within `forget_s` it is
    filtered on, over the longer step, and else begins anew.

    Parameters
    ----------
    min_cutoff_hz
        For what stands still. Lower is steadier and lags more.
    beta
        Hz for each size of the person a second. Higher lags less.
    derivative_cutoff_hz
        Of the speed.
    forget_s
        Time after which a keypoint or a person begins anew.

    Raises
    ------
    ValueError
        If a cutoff or `forget_s` is not above 0, or `beta` is negative.
    """

    def __init__(
        self,
        *,
        min_cutoff_hz: float = 1.0,
        beta: float = 10.0,
        derivative_cutoff_hz: float = 1.0,
        forget_s: float = 0.5,
    ) -> None:
        self._parameters = {
            "min_cutoff_hz": float(min_cutoff_hz),
            "beta": float(beta),
            "derivative_cutoff_hz": float(derivative_cutoff_hz),
            "forget_s": float(forget_s),
        }
        for name, value in self._parameters.items():
            if not (value > 0 or (name == "beta" and value == 0)):
                raise ValueError(f"{name} must be above 0, got {value:g}")
        self._tracks: dict[int, _State] = {}

    def update(self, poses: Poses) -> Poses:
        """Return the poses of the next frame (or frames) smoothed.

        Rows without a track (-1) and frames without a time stay as they are. When time goes
        backwards, all begins anew.

        Parameters
        ----------
        poses
            Of frames that come after those of the last call, of one source.
        """
        values = (
            poses.xy if poses.xyz_m is None else np.concatenate([poses.xy, poses.xyz_m], axis=2)
        )
        smoothed = values.copy()
        unit = np.full((len(poses), values.shape[2]), BODY_M)
        unit[:, :2] = person_size_px(poses)[:, None]
        borders = np.searchsorted(poses.frame, np.arange(len(poses.frame_time_s) + 1)).tolist()
        for i, time_s in enumerate(poses.frame_time_s.tolist()):
            if math.isnan(time_s):
                continue
            self._forget(time_s)
            for row in range(borders[i], borders[i + 1]):
                state = self._state(int(poses.track_id[row]), values.shape[1:])
                if state is not None:
                    smoothed[row] = self._filter(state, time_s, values[row], unit[row])
        result = dataclasses.replace(
            poses, xy=smoothed[:, :, :2], xyz_m=None if poses.xyz_m is None else smoothed[:, :, 2:]
        )
        return result.logged("one_euro", self._parameters)

    def _state(self, track_id: int, shape: tuple[int, ...]) -> _State | None:
        if track_id < 0:
            return None
        if track_id not in self._tracks:
            nothing = np.full(shape, np.nan)
            self._tracks[track_id] = _State(nothing, nothing.copy(), np.zeros(shape), 0.0)
        return self._tracks[track_id]

    def _forget(self, time_s: float) -> None:
        """Drop the people who have not been seen for long, or who are of a time to come."""
        longest_s = self._parameters["forget_s"]
        old = [
            track_id
            for track_id, state in self._tracks.items()
            if not 0 <= time_s - state.seen_s <= longest_s
        ]
        for track_id in old:
            del self._tracks[track_id]

    def _filter(self, state: _State, time_s: float, values: FloatArray, unit: Floats) -> FloatArray:
        """Return the smoothed values (K, C) of one person, and take them up in the state."""
        known = np.isfinite(values)
        elapsed_s = time_s - state.at_s
        is_new = known & ~(elapsed_s <= self._parameters["forget_s"])  # NaN is new as well
        is_next = known & (elapsed_s > 0) & ~is_new
        state.seen_s = time_s
        state.at_s[known] = time_s
        state.value[is_new], state.speed[is_new] = values[is_new], 0.0
        if is_next.any():
            step_s, new, last = elapsed_s[is_next], values[is_next], state.value[is_next]
            speed = _towards(
                (new - last) / step_s,
                state.speed[is_next],
                self._parameters["derivative_cutoff_hz"],
                step_s,
            )
            sizes_per_s = np.abs(speed) / np.broadcast_to(unit, values.shape)[is_next]
            quickened_hz = self._parameters["beta"] * np.nan_to_num(sizes_per_s)
            cutoff_hz = self._parameters["min_cutoff_hz"] + quickened_hz
            state.value[is_next] = _towards(new, last, cutoff_hz, step_s)
            state.speed[is_next] = speed
        return np.where(known, state.value, values)


@dataclass
class _State:
    """What is remembered of a person: (K, C) when measured last, smoothed values, their speeds."""

    at_s: Floats
    value: Floats
    speed: Floats
    seen_s: float


def _towards(new: FloatArray, last: Floats, cutoff_hz: Floats | float, step_s: Floats) -> Floats:
    """Return the low-pass of one pole: alpha = 1 / (1 + tau / step), tau = 1 / (2 pi cutoff)."""
    alpha = 1 / (1 + 1 / (2 * np.pi * cutoff_hz * step_s))
    return np.asarray(alpha * new + (1 - alpha) * last)


def one_euro(
    poses: Poses,
    *,
    min_cutoff_hz: float = 1.0,
    beta: float = 10.0,
    derivative_cutoff_hz: float = 1.0,
    forget_s: float = 0.5,
) -> Poses:
    """Smooth a film as `OneEuro` smooths it live: with a little lag. Its parameters are the same.

    Raises
    ------
    ValueError
        If a cutoff or `forget_s` is not above 0, or `beta` is negative.
    """
    live = OneEuro(
        min_cutoff_hz=min_cutoff_hz,
        beta=beta,
        derivative_cutoff_hz=derivative_cutoff_hz,
        forget_s=forget_s,
    )
    return live.update(poses)
