"""How well people are followed: CLEAR MOT, and IDF1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.boxes import area, iou
from kinetrace.errors import FormatError
from kinetrace.poses import Poses
from kinetrace.similarity import oks, squared_distances
from kinetrace.tracking.association import assign
from kinetrace.tracking.bodies import sigmas_of

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TrackingScores:
    """How well people are followed.

    Attributes
    ----------
    people
        Rows of the truth: people summed over frames.
    reported
        Rows with an id: those without one are nobody's track, and are left out.
    misses, false_positives
        Rows of the truth that nobody is matched with, and reported rows matched with nobody.
    switches
        How often somebody is matched with another id than the last time.
    fragmentations
        How often somebody who was followed is lost and followed again.
    id_true_positives
        Rows that are right under the one-to-one assignment of ids to people that makes most right.
    """

    people: int
    reported: int
    misses: int
    false_positives: int
    switches: int
    fragmentations: int
    id_true_positives: int

    @property
    def mota(self) -> float:
        """Multiple object tracking accuracy, at most 1; NaN without people."""
        if not self.people:
            return math.nan
        return 1 - (self.misses + self.false_positives + self.switches) / self.people

    @property
    def idf1(self) -> float:
        """F1 of identification, 0..1; NaN where there is nobody and nobody is reported."""
        rows = self.people + self.reported
        return 2 * self.id_true_positives / rows if rows else math.nan


def score_tracks(
    poses: Poses, truth: Poses, *, by: Literal["oks", "bbox"] = "oks", threshold: float = 0.5
) -> TrackingScores:
    """Compare tracks with the truth.

    Frame by frame, whoever was matched stays matched while they are at least `threshold` alike;
    the others are matched so that the likeness is largest. From that, CLEAR MOT (Bernardin and
    Stiefelhagen, EURASIP J. Image and Video Processing 2008). IDF1 after Ristani et al. (ECCV
    workshops 2016).

    Parameters
    ----------
    poses
        With `track_id`. Frames that the truth does not have are left out.
    truth
        With `track_id`. A keypoint counts where its score is above 0. Frames are found by
        `Poses.frame_index`.
    by
        What is alike: ``oks``, Object Keypoint Similarity over the keypoints that both skeletons
        have, with the area of the truth's box; ``bbox``, the boxes' intersection over union.
    threshold
        0..1.

    Raises
    ------
    FormatError
        If no keypoint is in both skeletons, or somebody in the truth has no id.
    """
    if (truth.track_id < 0).any():
        raise FormatError(f"{int((truth.track_id < 0).sum())} people of the truth have no track_id")
    poses = poses.rows(poses.track_id >= 0)
    rows, people = 0, _Ledger({}, {}, {})
    switches = fragmentations = matches = 0
    together: dict[tuple[int, int], int] = {}
    for row, true, alike in alike_by_frame(poses, truth, by):
        rows += len(row)
        ids, names = poses.track_id[row].tolist(), truth.track_id[true].tolist()
        for t, p in zip(*np.nonzero(alike >= threshold), strict=True):
            together[names[t], ids[p]] = together.get((names[t], ids[p]), 0) + 1
        pairs = _matched(alike, names, ids, people.last_id, threshold)
        matches += len(pairs)
        for t, name in enumerate(names):
            switches += people.switches(name, ids[pairs[t]] if t in pairs else None)
            fragmentations += people.resumes(name, t in pairs)
    return TrackingScores(
        people=len(truth),
        reported=rows,
        misses=len(truth) - matches,
        false_positives=rows - matches,
        switches=switches,
        fragmentations=fragmentations,
        id_true_positives=_most_right(together),
    )


def compare_tracks(tables: Mapping[str, Poses], truth: Poses) -> pd.DataFrame:
    """Compare tables of tracks, one row each.

    Parameters
    ----------
    tables
        Poses with ids, by name.
    truth
        As for `score_tracks`.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``people`` (different ones in the truth), ``ids`` (given), ``MOTA``, ``IDF1``,
        ``switches``, ``fragmentations``, ``misses`` and ``false_positives``; at OKS 0.5.
    """
    import pandas as pd

    rows = []
    for name, poses in tables.items():
        scores = score_tracks(poses, truth)
        rows.append(
            {
                "model": name,
                "people": len(np.unique(truth.track_id)),
                "ids": len(np.unique(poses.track_id[poses.track_id >= 0])),
                "MOTA": scores.mota,
                "IDF1": scores.idf1,
                "switches": scores.switches,
                "fragmentations": scores.fragmentations,
                "misses": scores.misses,
                "false_positives": scores.false_positives,
            }
        )
    return pd.DataFrame(rows)


class _Ledger(NamedTuple):
    """What was last known of each person of the truth."""

    last_id: dict[int, int]
    followed: dict[int, bool]
    ever: dict[int, bool]

    def switches(self, name: int, now: int | None) -> bool:
        """Note whom somebody is matched with; tell whether that is somebody else."""
        if now is None:
            return False
        before = self.last_id.get(name, now)
        self.last_id[name] = now
        return before != now

    def resumes(self, name: int, now: bool) -> bool:
        """Note whether somebody is followed; tell whether they are again."""
        again = now and self.ever.get(name, False) and not self.followed[name]
        self.followed[name] = now
        self.ever[name] = self.ever.get(name, False) or now
        return again


def alike_by_frame(
    poses: Poses, truth: Poses, by: Literal["oks", "bbox"]
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield the rows of both and how alike they are, (true, row), for each frame of the truth."""
    known = {name: i for i, name in enumerate(poses.skeleton.keypoints)}
    shared = [name for name in truth.skeleton.keypoints if name in known]
    if not shared:
        raise FormatError(
            f"no keypoint is in both {poses.skeleton.name!r} and {truth.skeleton.name!r}"
        )
    here, there = [known[n] for n in shared], [truth.skeleton.index(n) for n in shared]
    sigmas = sigmas_of(truth.skeleton)[there]
    number = {int(n): i for i, n in enumerate(poses.frame_index)}
    for position, index in enumerate(truth.frame_index):
        true = _rows(truth, position)
        row = _rows(poses, number.get(int(index), len(poses.frame_time_s)))
        if by == "bbox":
            alike = np.nan_to_num(iou(truth.bbox_xyxy[true], poses.bbox_xyxy[row]))
        else:
            apart = squared_distances(truth.xy[true][:, there], poses.xy[row][:, here])
            counted = (truth.score[true][:, there] > 0) & np.isfinite(truth.xy[true][:, there]).all(
                axis=2
            )
            alike = oks(
                apart,
                area(truth.bbox_xyxy[true])[:, None],
                sigmas,
                np.broadcast_to(counted[:, None], apart.shape),
            )
        yield row, true, alike.astype(np.float64)


def _rows(poses: Poses, position: int) -> Ints:
    first, behind = np.searchsorted(poses.frame, (position, position + 1))
    return np.arange(first, behind)


def _matched(
    alike: Floats, names: list[int], ids: list[int], last_id: dict[int, int], threshold: float
) -> dict[int, int]:
    """Return the position in `ids` for the positions in `names` that are matched."""
    pairs: dict[int, int] = {}
    for t, name in enumerate(names):
        p = ids.index(last_id[name]) if last_id.get(name) in ids else -1
        if p >= 0 and alike[t, p] >= threshold and p not in pairs.values():
            pairs[t] = p
    left = [t for t in range(len(names)) if t not in pairs]
    free = [p for p in range(len(ids)) if p not in pairs.values()]
    row, column = assign(alike[np.ix_(left, free)], threshold)
    return pairs | {left[t]: free[p] for t, p in zip(row, column, strict=True)}


def _most_right(together: dict[tuple[int, int], int]) -> int:
    """Return how many rows are right if each person has one id and each id one person."""
    names = sorted({name for name, _ in together})
    ids = sorted({track_id for _, track_id in together})
    count = np.zeros((len(names), len(ids)))
    for (name, track_id), frames in together.items():
        count[names.index(name), ids.index(track_id)] = frames
    row, column = assign(count, 1)
    return int(count[row, column].sum())
