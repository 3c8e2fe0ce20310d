"""Walks, and what is to be expected of their gait."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from kinetrace.measures import gait
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.testing import WalkTruth, walker

FPS = (24.0, 30000 / 1001, 30.0, 60.0)


def uneven_times(duration_s: float = 8.0, seed: int = 0) -> np.ndarray:
    """Times of a phone that films at 20 to 60 frames a second, as it likes."""
    steps = np.random.default_rng(seed).choice([1 / 60, 1 / 30, 1 / 24, 1 / 20], 600)
    times = np.cumsum(steps)
    return times[times < duration_s]


def changed(poses: Poses, xy: np.ndarray, **more: object) -> Poses:
    """The same people at other points; a point that is missing scores 0."""
    score = np.where(np.isnan(xy[..., 0]), 0, poses.score)
    return dataclasses.replace(poses, xy=xy, score=score, bbox_xyxy=None, **more)


def as_coco(poses: Poses) -> Poses:
    columns = [poses.skeleton.index(name) for name in COCO17.keypoints]
    return dataclasses.replace(
        poses, skeleton=COCO17, xy=poses.xy[:, columns], score=poses.score[:, columns]
    )


def with_gaps(poses: Poses, gap_s: float, every_s: float = 0.9) -> Poses:
    time_s = poses.frame_time_s[poses.frame]
    return poses.rows((time_s % every_s) >= gap_s - 1e-9)


def events_of(table: pd.DataFrame, kind: str, side: str) -> np.ndarray:
    return table[(table["event"] == kind) & (table["side"] == side)]["time_s"].to_numpy()


def errors_s(poses: Poses, truth: WalkTruth) -> np.ndarray:
    """How far each event is from the nearest true one of its kind and side.

    Those within 0.2 s of the film's ends are left out: there the filter has nothing to go by.
    """
    table = gait.find_events(poses)
    start_s, end_s = poses.frame_time_s[[0, -1]]
    table = table[table["time_s"].between(start_s + 0.2, end_s - 0.2)]
    assert len(table) >= 4
    return np.concatenate(
        [
            np.abs(times[:, None] - events_of(table, kind, side)).min(axis=0)
            for kind, of in (("heel_strike", truth.heel_strike_s), ("toe_off", truth.toe_off_s))
            for side, times in of.items()
        ]
    )


def cadence(poses: Poses) -> float:
    return float(gait.summarise(gait.measure(poses))["cadence_steps_per_min"].iloc[0])


def assert_nothing(poses: Poses, why: str) -> None:
    """There is no step, and a sentence says why."""
    table = gait.measure(poses)
    assert len(table) == 0
    assert list(table.columns) == list(gait.measure(walker()[0]).columns)
    assert any(why in note for note in table.attrs["notes"]), table.attrs["notes"]
    assert len(gait.summarise(table)) == 0
    gait.plot(table)


def there_and_back(noise_px: float = 0.0) -> tuple[Poses, np.ndarray, np.ndarray]:
    """Walk to the right for 5 s, stand for 3 s, and walk back; with the heel strikes' times."""
    go, truth = walker(duration_s=5, noise_px=noise_px)
    back, _ = walker(duration_s=5, noise_px=noise_px, direction=-1)
    stand = np.repeat(go.xy[-1:], 90, axis=0)
    stand = stand + np.random.default_rng(0).normal(0, noise_px, stand.shape)
    shift = stand[-1].mean(axis=0) - back.xy[0].mean(axis=0)
    xy = np.concatenate([go.xy, stand, back.xy + shift])
    time_s = np.arange(len(xy)) / 30
    poses = Poses(
        skeleton=BLAZEPOSE33,
        frame_time_s=time_s,
        frame=np.arange(len(xy)),
        track_id=np.zeros(len(xy), dtype=int),
        xy=xy,
        score=np.ones(xy.shape[:2]),
    )
    strikes = np.sort(np.concatenate(list(truth.heel_strike_s.values())))
    return poses, strikes, strikes + len(go) / 30 + 3
