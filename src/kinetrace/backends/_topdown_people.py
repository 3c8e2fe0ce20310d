"""The people whom a top-down network has looked at, as rows, and which of them are there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.similarity import oks, squared_distances
from kinetrace.topdown import rescore, suppress, surround


class People(NamedTuple):
    """N people of one frame.

    Attributes
    ----------
    bbox_xyxy : (N, 4) float32
        Px.
    bbox_score : (N,) float32
        0..1.
    xy : (N, K, 2) float32
        Px, NaN where a keypoint was not found.
    score : (N, K) float32
        0..1.
    """

    bbox_xyxy: npt.NDArray[np.float32]
    bbox_score: npt.NDArray[np.float32]
    xy: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]

    def rows(self, keep: npt.NDArray[Any]) -> People:
        """Return some of them."""
        return People(*(part[keep] for part in self))


class Judge:
    """Tells who of the people of a frame is there, and who is like whom.

    Parameters
    ----------
    sigmas
        Of the skeleton; where none are published, (), nobody is taken for found twice.
    input_size_wh
        Of the network, in px.
    least_mean_score
        Whoever's keypoints score less on average is no person.
    """

    def __init__(
        self, sigmas: tuple[float, ...], input_size_wh: tuple[int, int], *, least_mean_score: float
    ) -> None:
        self._sigmas, self._input_size_wh = sigmas, input_size_wh
        self._least_mean_score = least_mean_score

    def likely(self, people: People) -> npt.NDArray[np.int64]:
        """Return the rows, ascending, of the different people who are likely to be there."""
        rows = np.arange(len(people.score))
        if self._sigmas and len(rows):
            rank = rescore(people.bbox_score, people.score)
            rows = np.sort(suppress(people.xy, self._area_px(people), rank, self._sigmas))
        seen = ~np.isnan(people.xy[rows, :, 0]).all(axis=1)
        sure = people.score[rows].mean(axis=1) >= self._least_mean_score
        return np.asarray(rows[seen & sure], np.int64)

    def alike(self, people: People) -> npt.NDArray[np.float64]:
        """Return the OKS of every two people of one frame, (N, N); 0 of each with themselves."""
        n = len(people.score)
        if not self._sigmas or n < 2:
            return np.zeros((n, n))
        area_px = self._area_px(people)
        mean_px = (area_px[:, None] + area_px[None]) / 2
        similarity = oks(squared_distances(people.xy, people.xy), mean_px, self._sigmas)
        np.fill_diagonal(similarity, 0)
        return similarity

    def _area_px(self, people: People) -> npt.NDArray[np.float64]:
        region = surround(people.bbox_xyxy, self._input_size_wh)
        return np.asarray(np.prod(region.size_wh, axis=1))
