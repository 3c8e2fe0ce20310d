"""Samples -> batches for the network, drawn ahead by one thread; the same for the same seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._ahead import Ahead
from kinetrace.training.augmentation import make_view
from kinetrace.training.recipe import Recipe
from kinetrace.training.samples import Samples

# A keypoint this far beyond the edge of the input, in pixels of the heatmap, must not be found.
_BEYOND_PX = 1.5


class Batch(NamedTuple):
    """What one step learns from: B people, K keypoints.

    Attributes
    ----------
    image : (B, h, w, 3) uint8
        RGB.
    xy : (B, K, 2) float32
        Pixels of the heatmap; 0 where `weight` is.
    weight : (B, K) float32
        How much the position counts.
    height : (B, K) float32
        Of the peak to learn, 0 for a keypoint that is not there.
    height_weight : (B, K) float32
        How much the height counts: 0 where nothing is known of the keypoint.
    """

    image: npt.NDArray[np.uint8]
    xy: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    height: npt.NDArray[np.float32]
    height_weight: npt.NDArray[np.float32]


def draw_batch(
    samples: Samples, recipe: Recipe, step: int, *, part: int = 0, parts: int = 1
) -> Batch:
    """Draw the batch of one step: a function of the recipe and the step's number alone.

    Parameters
    ----------
    samples
        All that are trained on.
    recipe
        Size of batches and inputs, augmentation and seed.
    step
        Counted from 0.
    part, parts
        Which part of the batch, of how many, where several processes share it.
    """
    first = step * recipe.batch_size
    numbers = np.arange(first + part, first + recipe.batch_size, parts)
    rows = _rows(len(samples), recipe.seed, numbers)
    size = len(rows)
    size_wh = width, height = recipe.size_wh(step)
    images = np.empty((size, height, width, 3), np.uint8)
    k = len(samples.skeleton)
    xy = np.empty((size, k, 2), np.float32)
    hidden = np.empty((size, k), bool)
    points, weight, peak = (known[rows].copy() for known in samples.labels)
    mirror = list(samples.skeleton.mirror)
    for i, row in enumerate(rows):
        rng = np.random.default_rng((recipe.seed, 1, int(numbers[i])))
        view = make_view(
            samples.image(row),
            samples.bbox_xyxy[row],
            points[i],
            skeleton=samples.skeleton,
            input_size_wh=size_wh,
            augmentation=recipe.augmentation,
            rng=rng,
            stranger=samples.image(int(rng.integers(len(samples)))),
        )
        images[i], xy[i], hidden[i] = view.image, view.xy / 4, view.hidden
        if view.is_mirrored:
            for known in (weight, peak):
                known[i] = known[i, mirror]
    return _mask(images, xy, hidden, weight, peak)


def _mask(
    images: npt.NDArray[np.uint8],
    xy: npt.NDArray[np.float32],
    hidden: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float32],
    height: npt.NDArray[np.float32],
) -> Batch:
    """Say what counts: what is out of the picture has no place, and a height of 0."""
    edge = np.array(images.shape[2:0:-1], np.float32) / 4 - 1
    known = np.isfinite(xy).all(axis=2)
    xy = np.nan_to_num(xy, nan=-9.0)
    inside = np.all((xy >= -0.5) & (xy <= edge + 0.5), axis=2) & ~hidden & known
    gone = known & (np.any((xy < -_BEYOND_PX) | (xy > edge + _BEYOND_PX), axis=2) | hidden)
    stated = np.isfinite(height)
    # A height for a keypoint without a place: the teacher has not seen it.
    absent = stated & ~known
    return Batch(
        images,
        xy,
        np.where(inside, weight, 0).astype(np.float32),
        np.where(inside & stated, height, 0).astype(np.float32),
        np.where(inside, np.where(stated, weight, 0), np.where(gone | absent, 1, 0)).astype(
            np.float32
        ),
    )


def _rows(count: int, seed: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows of the samples with these numbers: everybody once an epoch."""
    epochs = numbers // count
    orders = {e: np.random.default_rng((seed, 0, int(e))).permutation(count) for e in set(epochs)}
    return np.array([orders[e][n % count] for e, n in zip(epochs, numbers, strict=True)])


def iterate_batches(
    samples: Samples, recipe: Recipe, steps: range, *, part: int = 0, parts: int = 1
) -> Ahead[Batch]:
    """Iterate over the batches of some steps, a few of them drawn ahead; see `draw_batch`."""
    drawn = (draw_batch(samples, recipe, step, part=part, parts=parts) for step in steps)
    return Ahead(drawn, name="draw", nbytes=lambda batch: batch.image.nbytes)
