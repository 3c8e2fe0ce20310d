"""Long films in stretches: where to split them, and how their poses are joined again.

Stretches overlap, so that who is who can be told on both sides of a seam. Each frame is taken once:
in an overlap from the earlier stretch, whose tracker has been at work for longer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace import boxes
from kinetrace.errors import SourceError
from kinetrace.frames import video
from kinetrace.frames.selection import Selection
from kinetrace.poses import IntArray, Poses, concat
from kinetrace.similarity import oks, squared_distances

OVERLAP_S = 1.0

# The usual border between "the same pose" and another one, as COCO's loosest threshold has it.
_SAME_ABOVE = 0.5
# For skeletons without published sigmas: about the mean of COCO's 17.
_SIGMA = 0.07


def split(
    path: Path,
    about_s: float,
    *,
    selection: Selection | None = None,
    overlap_s: float = OVERLAP_S,
) -> list[Selection]:
    """Split a film at key frames into stretches of about the same length.

    Packets are read, nothing is decoded.

    Parameters
    ----------
    path
        A video file.
    about_s
        Length of a stretch in seconds, without the overlap. Where key frames are further apart
        than that, so are the seams.
    selection
        What of the film is looked at; None is all.
    overlap_s
        How far each stretch goes on into the next one.

    Returns
    -------
    list of Selection
        In order. Their frames together are those of `selection`, those of overlaps twice. Only one,
        `selection` itself, for a film that is too short or has no key frame to split at, that
        frames cannot be counted in without decoding it (see `VideoReader`), and where every so many
        *seconds* are selected, as those are counted from the first frame.

    Raises
    ------
    SourceError
        If the file cannot be opened.
    ValueError
        If `about_s` is not more than twice `overlap_s`.
    """
    check_length(about_s, overlap_s=overlap_s)
    selection = selection or Selection()
    index = None if selection.step[1] else _read_index(path)
    if index is None:
        return [selection]
    seams_s = _choose_seams(index, about_s, selection, apart_s=2 * overlap_s)
    return [
        dataclasses.replace(
            selection,
            start_s=start_s,
            end_s=selection.end_s if next_s is None else _earlier(next_s + overlap_s, selection),
        )
        for start_s, next_s in zip((selection.start_s, *seams_s), (*seams_s, None), strict=True)
    ]


def check_length(about_s: float, *, overlap_s: float = OVERLAP_S) -> None:
    """Raise ValueError unless stretches are longer than twice their overlap."""
    if not about_s > 2 * overlap_s > 0:
        raise ValueError(
            f"stretches must be longer than twice their overlap of {overlap_s} s, got {about_s} s"
        )


class _Index(NamedTuple):
    """The times of a film's frames in order, in units of the container, and of its key frames."""

    pts: list[int]
    keys: list[int]
    time_base: Fraction

    def time_s(self, pts: int) -> float:
        return float(pts * self.time_base)


def _read_index(path: Path) -> _Index | None:
    """Read the packets' times; None where they do not tell the number of each frame."""
    pts: list[int] = []
    keys: list[int] = []
    with contextlib.closing(video.open_container(str(path))) as container:
        if not container.streams.video:
            return None
        stream = container.streams.video[0]
        if stream.codec_context.name not in video.ONE_FRAME_A_PACKET:
            return None
        for packet in container.demux(stream):
            if not packet.size or packet.is_corrupt or packet.is_discard:
                continue
            if packet.pts is None:
                return None
            pts.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
        return _Index(sorted(pts), sorted(keys), stream.time_base)


def _choose_seams(
    index: _Index, about_s: float, selection: Selection, *, apart_s: float
) -> list[float]:
    """Return the times at which all stretches but the first begin: of key frames, if all count."""
    first = 0
    if selection.start_s is not None:
        first = bisect_left(index.pts, selection.start_s, key=index.time_s)
    last = len(index.pts)
    if selection.end_s is not None:
        last = bisect_left(index.pts, selection.end_s, key=index.time_s)
    if last - first < 2:
        return []
    every = selection.step[0]
    # Counting every so many frames goes on over a seam only from a frame that is counted.
    starts = [bisect_left(index.pts, key) for key in index.keys]
    starts = [first + -(-(start - first) // every) * every for start in starts if start > first]
    possible = np.array([index.time_s(index.pts[start]) for start in starts if start < last])
    from_s, to_s = index.time_s(index.pts[first]), index.time_s(index.pts[last - 1])
    seams: list[float] = []
    for target_s in np.linspace(from_s, to_s, max(1, round((to_s - from_s) / about_s)) + 1)[1:-1]:
        low = (seams or [from_s])[-1] + apart_s
        fitting = possible[(possible >= low) & (possible <= to_s - apart_s)]
        if len(fitting):
            seams.append(float(fitting[np.argmin(np.abs(fitting - target_s))]))
    return seams


def _earlier(end_s: float, selection: Selection) -> float:
    return end_s if selection.end_s is None else min(end_s, selection.end_s)


def stitch(parts: Sequence[Poses]) -> Poses:
    """Join the poses of overlapping stretches of one film.

    Two tracks of stretches that meet are one if they are alike in the frames that both stretches
    hold: Object Keypoint Similarity, summed over those frames, in the best assignment (Hungarian
    method), and at least 0.5 in their mean.

    Parameters
    ----------
    parts
        At least one, in any order. Those without a frame are left out.

    Returns
    -------
    Poses
        Each frame once, as an undivided run has it. Track ids are counted from 0 in the order in
        which they appear; -1 stays.

    Raises
    ------
    SourceError
        If two stretches disagree about the frames that both hold, which means that the film is
        damaged there: such a film must be done undivided.
    ValueError
        If there is no part, or they cannot be joined; see `kinetrace.poses.concat`.
    """
    ordered = sorted((p for p in parts if len(p.frame_index)), key=lambda p: int(p.frame_index[0]))
    if not ordered:
        return concat(parts)
    joined = [ordered[0]]
    ids = {int(i): int(i) for i in np.unique(ordered[0].track_id)}
    unused = max(ids, default=-1) + 1
    end = int(ordered[0].frame_index[-1])
    for before, after in itertools.pairwise(ordered):
        _check_seam(before, after)
        same = _match_tracks(before, after)
        there = [int(i) for i in np.unique(after.track_id)]
        fresh = iter(range(unused, unused + len(there)))
        ids = {i: -1 if i < 0 else ids[same[i]] if i in same else next(fresh) for i in there}
        unused += len(there)
        start = int(np.searchsorted(after.frame_index, end, side="right"))
        rest = after.frames(start, len(after.frame_index))
        joined.append(
            dataclasses.replace(
                rest, track_id=np.array([ids[int(i)] for i in rest.track_id], np.int64)
            )
        )
        end = max(end, int(after.frame_index[-1]))
    whole = concat(joined)
    whole = dataclasses.replace(whole, track_id=_renumbered(whole.track_id))
    if len(ordered) == 1:
        return whole
    return whole.logged("stitch", {"starts_s": [float(p.frame_time_s[0]) for p in ordered]})


def _check_seam(before: Poses, after: Poses) -> None:
    """Raise unless both hold the same frames where they overlap."""
    from_s = float(after.frame_time_s[0])
    left = before.frame_index >= after.frame_index[0]
    right = after.frame_index <= before.frame_index[-1]
    if np.array_equal(before.frame_index[left], after.frame_index[right]) and np.array_equal(
        before.frame_time_s[left], after.frame_time_s[right]
    ):
        return
    raise SourceError(
        f"the stretches of {before.source or 'the film'} that meet at {from_s:.3f} s disagree "
        "about the frames there: the film is damaged, and must be done undivided"
    )


def _match_tracks(before: Poses, after: Poses) -> dict[int, int]:
    """Return which track of the later stretch is which of the earlier one."""
    from scipy.optimize import linear_sum_assignment

    old, new = (np.unique(p.track_id[p.track_id >= 0]) for p in (before, after))
    total = np.zeros((len(old), len(new)))
    met = np.zeros((len(old), len(new)))
    _common, left, right = np.intersect1d(
        before.frame_index, after.frame_index, assume_unique=True, return_indices=True
    )
    for i, j in zip(left, right, strict=True):
        a, b = _tracked(before, int(i)), _tracked(after, int(j))
        at = np.ix_(np.searchsorted(old, a.track_id), np.searchsorted(new, b.track_id))
        total[at] += _pose_similarity(a, b)
        met[at] += 1
    # Of two candidates, the one that is alike for longer wins; one that is not alike cannot.
    total[total < _SAME_ABOVE * np.maximum(met, 1)] = 0
    rows, columns = linear_sum_assignment(total, maximize=True)
    pairs = zip(rows, columns, strict=True)
    return {int(new[c]): int(old[r]) for r, c in pairs if total[r, c] > 0}


def _tracked(poses: Poses, position: int) -> Poses:
    frame = poses.frames(position, position + 1)
    return frame.rows(frame.track_id >= 0)


def _pose_similarity(a: Poses, b: Poses) -> npt.NDArray[np.float64]:
    """Return the Object Keypoint Similarity of every two people of one frame."""
    sigmas = a.skeleton.sigmas or np.full(len(a.skeleton), _SIGMA)
    area_px = np.nan_to_num(boxes.area(a.bbox_xyxy))
    return oks(squared_distances(a.xy, b.xy), area_px[:, None], sigmas)


def _renumbered(track_id: IntArray) -> IntArray:
    """Count ids from 0 in the order in which they appear."""
    known, first = np.unique(track_id[track_id >= 0], return_index=True)
    order = np.empty(len(known), np.int64)
    order[np.argsort(first)] = np.arange(len(known))
    tracked = np.searchsorted(known, np.maximum(track_id, 0))
    numbered = order[np.minimum(tracked, len(known) - 1)] if len(known) else track_id
    return np.where(track_id < 0, -1, numbered)
