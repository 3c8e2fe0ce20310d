"""Poses to test with: made by hand, made by Hypothesis, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import COCO17

FACE = Skeleton(
    name="face",
    keypoints=("nose", "left_eye", "right_eye"),
    edges=(("nose", "left_eye"), ("nose", "right_eye")),
    sigmas=(0.026, 0.025, 0.025),
)


def make_poses(
    people: Sequence[int] = (1, 0, 2),
    *,
    skeleton: Skeleton = COCO17,
    xyz: bool = False,
    names: bool = False,
    seed: int = 0,
) -> Poses:
    """So many people in each frame, somewhere; a fifth of the keypoints are missing."""
    random = np.random.default_rng(seed)
    n, k, t = sum(people), len(skeleton), len(people)
    missing = random.random((n, k)) < 0.2
    xy = random.uniform(-20, 2000, (n, k, 2)).astype(np.float32)
    xyz_m = random.normal(0, 1, (n, k, 3)).astype(np.float32)
    return Poses(
        skeleton=skeleton,
        frame_time_s=np.arange(t) * 1001 / 30000,
        frame_index=np.arange(t) * 2 + 3,
        frame=np.repeat(np.arange(t), people),
        xy=np.where(missing[..., None], np.nan, xy),
        score=np.where(missing, 0, random.random((n, k))).astype(np.float32),
        track_id=random.integers(-1, 5, n),
        bbox_score=np.where(random.random(n) < 0.5, np.nan, random.random(n)),
        xyz_m=np.where(missing[..., None], np.nan, xyz_m) if xyz else None,
        frame_name=tuple(f'a, "b" {i}.jpg' for i in range(t)) if names else None,
        size_wh=(1920, 1080),
        source="clip.mp4",
        log=({"operation": "estimate", "version": "0", "parameters": {"sha256": "ab", "n": 1}},),
    )


_pixels = st.floats(-20_000, 20_000, width=32)
_units = st.floats(0, 1, width=32)
_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def _array(draw: Any, values: st.SearchStrategy[float], shape: tuple[int, ...]) -> Any:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(values, min_size=size, max_size=size))).reshape(shape)


@st.composite
def any_poses(draw: Any) -> Poses:
    """Anything that a `Poses` of one source can be."""
    skeleton = draw(st.sampled_from([FACE, Skeleton(name="custom", keypoints=("a_x", "b, c"))]))
    people = draw(st.lists(st.integers(0, 3), max_size=4))
    n, k, t = sum(people), len(skeleton), len(people)
    missing = _array(draw, st.sampled_from([0, 0, 1]), (n, k)) == 1
    xy = _array(draw, _pixels, (n, k, 2)).astype(np.float32)
    xyz = _array(draw, st.floats(-9, 9, width=32), (n, k, 3)).astype(np.float32)
    steps = draw(st.lists(st.integers(1, 9), min_size=t, max_size=t))
    size = draw(st.none() | st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)))
    return Poses(
        skeleton=skeleton,
        frame_time_s=_array(draw, st.floats(0, 1e5) | st.just(np.nan), (t,)).astype(np.float64),
        frame_index=np.cumsum([draw(st.integers(-1, 10**12)), *steps])[1:],
        frame=np.repeat(np.arange(t), people).astype(np.int64),
        xy=np.where(missing[..., None], np.nan, xy),
        # A backend may score a keypoint that lies outside the picture, so has no position.
        score=_array(draw, _units, (n, k)),
        track_id=_array(draw, st.integers(-1, 10**9), (n,)).astype(np.int64),
        bbox_xyxy=np.add(_array(draw, _pixels | st.just(np.nan), (n, 1)), [0, 1, 2, 3.25]),
        bbox_score=_array(draw, _units | st.just(np.nan), (n,)),
        xyz_m=np.where(missing[..., None], np.nan, xyz) if draw(st.booleans()) else None,
        frame_name=tuple(draw(_text) for _ in people) if draw(st.booleans()) else None,
        size_wh=size,
        source=draw(_text),
        log=tuple(draw(st.lists(st.dictionaries(_text, st.integers() | _text), max_size=2))),
    )


def assert_same(
    got: Poses, want: Poses, *, px: float = 0, score: float = 0, m: float = 0, time_s: float = 0
) -> None:
    """All that two `Poses` say is the same, within half of a last decimal (and float32's step)."""
    assert got.skeleton == want.skeleton
    assert got.size_wh == want.size_wh
    assert got.source == want.source
    assert got.log == want.log
    assert_same_people(got, want, px=px, score=score, m=m, time_s=time_s)


def assert_same_people(
    got: Poses, want: Poses, *, px: float = 0, score: float = 0, m: float = 0, time_s: float = 0
) -> None:
    """The arrays of two `Poses` are the same."""
    assert got.frame_name == want.frame_name
    np.testing.assert_array_equal(got.frame, want.frame)
    np.testing.assert_array_equal(got.frame_index, want.frame_index)
    np.testing.assert_array_equal(got.track_id, want.track_id)
    _close(got.frame_time_s, want.frame_time_s, time_s)
    _close(got.xy, want.xy, px)
    _close(got.bbox_xyxy, want.bbox_xyxy, px)
    _close(got.score, want.score, score)
    _close(got.bbox_score, want.bbox_score, score)
    assert (got.xyz_m is None) == (want.xyz_m is None)
    if got.xyz_m is not None and want.xyz_m is not None:
        _close(got.xyz_m, want.xyz_m, m)


def _close(got: Any, want: Any, within: float) -> None:
    if within == 0:
        np.testing.assert_array_equal(got, want)
        return
    assert got.shape == want.shape
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    difference = np.abs(got.astype(np.float64) - want.astype(np.float64))
    # Half of the last decimal, and the rounding of the result to its own type.
    allowed = within * (1 + 1e-9) + np.spacing(np.abs(want)).astype(np.float64)
    assert np.all(np.isnan(want) | (difference <= allowed))
