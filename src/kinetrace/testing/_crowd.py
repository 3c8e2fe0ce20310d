"""A crowd whose ids are known: crossings, occlusion, coming back, misses and false boxes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses, Skeleton, bounds
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.testing._walker import body

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# The camera: horizon at 35 % of the height, 1.3 m above a flat floor, people 3 to 7 m away.
_HORIZON, _CAMERA_M, _NEAR_M, _FAR_M = 0.35, 1.3, 3.0, 7.0
_FOCAL = 0.75  # of the picture's width
_HIP = 0.53  # height of the hips, relative to stature
_TICK_S = 0.01
# Half the width of what a trunk hides of those behind it, in metres.
_HALF_WIDTH_M = 0.22
# Whoever shows less of themselves is not in the truth: nobody could annotate them.
_LEAST_VISIBLE = 0.25


class _People(NamedTuple):
    """P people at T times: (T, P, K, 2) px, (T, P) m, and whether each keypoint shows."""

    xy: Floats
    depth_m: Floats
    shows: Bools


def crowd(
    *,
    people: int = 8,
    duration_s: float = 20.0,
    fps: float = 30.0,
    time_s: npt.ArrayLike | None = None,
    size_wh: tuple[int, int] = (1280, 720),
    comes_back: float = 0.8,
    miss_rate: float = 0.03,
    phantoms_per_s: float = 0.5,
    noise_m: float = 0.02,
    outlier_rate: float = 0.01,
    skeleton: Skeleton = COCO17,
    seed: int = 0,
) -> tuple[Poses, Poses]:
    """Let people walk past each other before a camera, and let a faulty detector look at them.

    They walk to the left and to the right at several distances, stop, turn around, leave and come
    back. A nearer one hides a farther one: hidden keypoints score low and stray, and somebody of
    whom less than half shows is often missed.

    Parameters
    ----------
    people
        How many there are.
    duration_s, fps
        Of the film.
    time_s : (T,)
        The frames' times where they are not ``1 / fps`` apart; `duration_s` is then of no meaning.
    size_wh
        Width and height of the picture in px.
    comes_back
        Share of the exits after which somebody turns around and comes back, still themselves.
    miss_rate
        Share of the people in full view whom the detector misses in a frame, one by one.
    phantoms_per_s
        How often the detector begins to see somebody where nobody is, for 0.1 s on average.
    noise_m, outlier_rate
        Standard deviation of a keypoint that shows, and the share of keypoints that are elsewhere
        on the body altogether.
    skeleton
        Of COCO's or MediaPipe's keypoints.
    seed
        Where chance starts.

    Returns
    -------
    detections : Poses
        What the detector reports, people of a frame in no order, `track_id` all -1.
    truth : Poses
        Those of whom at least a quarter shows; a keypoint's score is 1 if it shows, else 0.
    """
    times = np.arange(0, duration_s, 1 / fps) if time_s is None else np.asarray(time_s, float)
    chance = np.random.default_rng(seed)
    names = [BLAZEPOSE33.index(name) for name in skeleton.keypoints]
    walks = [_walk(chance, times, size_wh, comes_back) for _ in range(people)]
    xy = (
        np.stack([w[0][:, names] for w in walks], axis=1)
        if walks
        else np.zeros((len(times), 0, len(names), 2))
    )
    depth_m = np.stack([w[1] for w in walks], axis=1) if walks else np.zeros((len(times), 0))
    found = _People(xy, depth_m, _shows(xy, depth_m, size_wh))
    frame, person = np.nonzero(found.shows.mean(axis=2) >= _LEAST_VISIBLE)
    truth = Poses(
        skeleton=skeleton,
        frame_time_s=times,
        frame=frame,
        xy=found.xy[frame, person],
        score=found.shows[frame, person].astype(np.float64),
        track_id=person,
        size_wh=size_wh,
        source="synthetic crowd",
    )
    seen = _look(chance, found, frame, person, miss_rate)
    rows = _report(chance, found, *seen, noise_m=noise_m, outlier_rate=outlier_rate)
    ghosts = _phantoms(chance, times, phantoms_per_s, names, size_wh)
    return _mixed(chance, truth, rows, ghosts), truth


def _scale(depth_m: Floats, width_px: int) -> Floats:
    return np.asarray(_FOCAL * width_px / depth_m)  # px_per_m


def _walk(
    chance: np.random.Generator, times: Floats, size_wh: tuple[int, int], comes_back: float
) -> tuple[Floats, Floats]:
    """Return one person's (T, 33, 2) pixels and (T,) distance in metres."""
    height_m = chance.uniform(1.55, 1.95)
    depth_m = chance.uniform(_NEAR_M, _FAR_M)
    half_m = size_wh[0] / 2 / _scale(np.array(depth_m), size_wh[0])
    x_m, way, strides = _paces(chance, times, float(half_m), comes_back)
    drift = 0.4 * np.sin(2 * np.pi * (times / chance.uniform(5, 12) + chance.uniform()))
    depth = np.clip(depth_m + drift, _NEAR_M, _FAR_M)
    px_per_m = _scale(depth, size_wh[0])
    xy_m = body(strides, height_m)
    xy_m[..., 0] *= way[:, None]
    hip = np.stack([x_m, np.full_like(x_m, _CAMERA_M - _HIP * height_m)], axis=1)
    middle = np.array([0.5, _HORIZON]) * size_wh
    return (xy_m + hip[:, None]) * px_per_m[:, None, None] + middle, depth


def _paces(
    chance: np.random.Generator, times: Floats, half_m: float, comes_back: float
) -> tuple[Floats, Floats, Floats]:
    """Return (T,) places to the right of the middle in m, ways (+1, -1) and strides made."""
    clock = np.arange(0, (times.max(initial=0) - times.min(initial=0)) + 2 * _TICK_S, _TICK_S)
    speed = chance.uniform(0.7, 1.5)
    beyond_m = half_m + chance.uniform(0.5, 2.5)
    x, way, rest_s = chance.uniform(-half_m, half_m), chance.choice([-1.0, 1.0]), 0.0
    strides = chance.uniform()
    out = np.empty((len(clock), 3))
    surprises = chance.random((len(clock), 2))
    for i in range(len(clock)):
        out[i] = x, way, strides
        if abs(x) >= beyond_m and x * way > 0:
            # Gone for good: far away, walking on.
            x, way = (x, -way) if chance.random() < comes_back else (x + 100 * way, way)
        if abs(x) < half_m and surprises[i, 0] < 0.05 * _TICK_S:
            way = -way
        if abs(x) < half_m and surprises[i, 1] < 0.1 * _TICK_S:
            rest_s = chance.uniform(0.5, 2.5)
        if rest_s > 0:
            rest_s -= _TICK_S
            continue
        x += way * speed * _TICK_S
        strides += speed / 1.35 * _TICK_S  # metres a stride
    at = np.minimum(((times - times.min(initial=0)) / _TICK_S).astype(int), len(clock) - 1)
    return out[at, 0], out[at, 1], out[at, 2]


def _shows(xy: Floats, depth_m: Floats, size_wh: tuple[int, int]) -> Bools:
    """Tell which keypoints are in the picture with nobody in front of them."""
    shows = np.asarray(((xy >= 0) & (xy <= np.array(size_wh) - 1)).all(axis=3))
    low, high = xy.min(axis=2), xy.max(axis=2)
    half_px = _HALF_WIDTH_M * _scale(depth_m, size_wh[0])
    centre_px = (low[..., 0] + high[..., 0]) / 2
    for front in range(xy.shape[1]):
        nearer = depth_m[:, front, None] < depth_m
        beside = (
            np.abs(xy[..., 0] - centre_px[:, front, None, None]) > half_px[:, front, None, None]
        )
        top, bottom = low[:, front, None, None, 1], high[:, front, None, None, 1]
        behind = ~beside & (xy[..., 1] > top) & (xy[..., 1] < bottom)
        shows &= ~(behind & nearer[..., None])
    return shows


def _look(
    chance: np.random.Generator,
    found: _People,
    frame: npt.NDArray[np.int64],
    person: npt.NDArray[np.int64],
    miss_rate: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the frames and people that the detector sees: the less shows, the fewer."""
    share = found.shows[frame, person].mean(axis=1)
    missed = np.where(share < 0.5, 0.7, np.where(share < 0.8, 4 * miss_rate, miss_rate))
    seen = chance.random(len(frame)) >= missed
    return frame[seen], person[seen]


def _report(
    chance: np.random.Generator,
    found: _People,
    frame: npt.NDArray[np.int64],
    person: npt.NDArray[np.int64],
    *,
    noise_m: float,
    outlier_rate: float,
) -> tuple[npt.NDArray[np.int64], Floats, Floats, Floats]:
    """Return frame, xy, score and the box's score of the people who are seen."""
    xy, shows = found.xy[frame, person], found.shows[frame, person]
    stature_px = (xy[..., 1].max(axis=1) - xy[..., 1].min(axis=1))[:, None, None]
    noise = chance.normal(0, 1, xy.shape) * np.where(shows, 1, 4)[..., None]
    xy = xy + noise * noise_m / 1.6 * stature_px
    astray = chance.random(shows.shape) < outlier_rate
    elsewhere = chance.permuted(xy, axis=1)
    xy = np.where(astray[..., None], elsewhere, xy)
    sure = np.where(shows, 0.85, 0.3) * np.where(astray, 0.6, 1)
    score = np.clip(sure + chance.normal(0, 0.07, sure.shape), 0.02, 0.98)
    share = shows.mean(axis=1)
    bbox_score = np.clip(0.25 + 0.6 * share + chance.normal(0, 0.06, share.shape), 0.05, 0.98)
    return frame, xy, score, bbox_score


def _phantoms(
    chance: np.random.Generator,
    times: Floats,
    per_s: float,
    names: list[int],
    size_wh: tuple[int, int],
) -> tuple[npt.NDArray[np.int64], Floats, Floats, Floats]:
    """Return frame, xy, score and the box's score of people who are not there."""
    first, last = (times.min(), times.max()) if len(times) else (0.0, 0.0)
    count = chance.poisson(per_s * (last - first))
    start_s = chance.uniform(first, last, count)
    stop_s = start_s + chance.exponential(0.1, count)
    which, frame = np.nonzero((times >= start_s[:, None]) & (times <= stop_s[:, None]))
    xy_m = body(chance.uniform(0, 1, count), 1.75)[:, names]
    # Not quite a body: every keypoint of it up to 0.2 m off.
    xy_m = xy_m + chance.normal(0, 0.2, xy_m.shape)
    place = chance.uniform(0.1, 0.9, (count, 2)) * size_wh
    xy = xy_m * chance.uniform(60, 250, (count, 1, 1)) + place[:, None]
    xy = xy[which] + chance.normal(0, 4, (len(which), len(names), 2))
    score = chance.uniform(0.1, 0.6, xy.shape[:2])
    return frame, xy, score, chance.uniform(0.3, 0.6, len(which))


def _mixed(
    chance: np.random.Generator,
    truth: Poses,
    *parts: tuple[npt.NDArray[np.int64], Floats, Floats, Floats],
) -> Poses:
    """Put what is reported in the order of the frames, people of a frame in no order."""
    frame, xy, score, bbox_score = (np.concatenate(of) for of in zip(*parts, strict=True))
    width, height = truth.size_wh or (0, 0)
    inside: Bools = np.asarray(((xy >= 0) & (xy <= (width - 1, height - 1))).all(axis=2))
    xy, score = np.where(inside[..., None], xy, np.nan), np.where(inside, score, 0)
    order = np.lexsort((chance.random(len(frame)), frame))
    order = order[inside[order].any(axis=1)]
    return Poses(
        skeleton=truth.skeleton,
        frame_time_s=truth.frame_time_s,
        frame=frame[order],
        xy=xy[order],
        score=score[order],
        bbox_score=bbox_score[order],
        bbox_xyxy=bounds(xy[order]),
        size_wh=truth.size_wh,
        source=truth.source,
    )


def paint_crowd(truth: Poses, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Paint the people of one frame of a crowd: shirt, trousers, skin, the nearer ones over others.

    Parameters
    ----------
    truth
        The people of exactly one frame, as `crowd` returns them, with `size_wh`; everybody's
        colours depend on `seed` and their `track_id` alone.
    seed
        Where chance starts.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ValueError
        If the size is not known.
    """
    import cv2

    if truth.size_wh is None:
        raise ValueError("paint_crowd needs poses whose size_wh is known")
    image = np.full((*truth.size_wh[::-1], 3), 110, np.uint8)
    trunk = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    for row in np.argsort(np.nanmax(truth.xy[..., 1], axis=1, initial=0)):
        colours = np.random.default_rng((seed, int(truth.track_id[row]))).integers(20, 235, (2, 3))
        shirt, trousers = colours.tolist()
        xy = {n: truth.xy[row, i] for i, n in enumerate(truth.skeleton.keypoints)}
        pen = max(int(np.ptp(truth.xy[row, :, 1]) * 0.1), 2)
        for line, colour in (
            *(((f"{s}_hip", f"{s}_knee", f"{s}_ankle"), trousers) for s in ("left", "right")),
            ((*trunk, trunk[0]), shirt),
            (("nose", "nose"), [224, 180, 150]),
        ):
            corners = np.round([xy[name] for name in line]).astype(np.int32)
            cv2.polylines(image, [corners], isClosed=False, color=colour, thickness=pen)
    return image
