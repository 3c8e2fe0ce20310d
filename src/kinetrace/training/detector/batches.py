"""Pictures -> batches of scenes, drawn ahead by one thread; the same for the same seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._ahead import Ahead
from kinetrace.training.detector.pictures import Image, Pictures
from kinetrace.training.detector.scenes import draw_scene
from kinetrace.training.detector.targets import Target, encode
from kinetrace.training.recipe import Recipe

# How many other pictures a mosaic may be made of.
_COMPANY = 24


class Batch(NamedTuple):
    """What one step learns from: B scenes (B, S, S, 3) uint8 RGB, and their targets."""

    image: Image
    target: Target


def draw_batch(
    pictures: Pictures,
    rows: npt.NDArray[np.int64],
    recipe: Recipe,
    step: int,
    *,
    part: int = 0,
    parts: int = 1,
) -> Batch:
    """Draw the batch of one step: a function of the recipe and the step's number alone.

    Parameters
    ----------
    pictures
        What scenes are made of.
    rows
        The numbers of those that are trained on.
    recipe
        Size of batches and inputs, and the seed.
    step
        Counted from 0.
    part, parts
        Which part of the batch, of how many, where several processes share it.
    """
    first = step * recipe.batch_size
    size_wh = recipe.size_wh(step)
    scenes = []
    for number in range(first + part, first + recipe.batch_size, parts):
        rng = np.random.default_rng((recipe.seed, 1, number))
        order = np.random.default_rng((recipe.seed, 0, number // len(rows))).permutation(rows)
        company = np.append(order[number % len(rows)], rng.choice(rows, _COMPANY))
        scenes.append(draw_scene(pictures, company, size_wh[0], rng))
    targets = [encode(scene.people, size_wh) for scene in scenes]
    return Batch(
        np.stack([scene.image for scene in scenes]),
        Target(*(np.stack(part) for part in zip(*targets, strict=True))),
    )


def iterate_batches(
    pictures: Pictures,
    rows: npt.NDArray[np.int64],
    recipe: Recipe,
    steps: range,
    *,
    part: int = 0,
    parts: int = 1,
) -> Ahead[Batch]:
    """Iterate over the batches of some steps, a few of them drawn ahead; see `draw_batch`."""
    drawn = (draw_batch(pictures, rows, recipe, step, part=part, parts=parts) for step in steps)
    return Ahead(drawn, name="draw", nbytes=lambda batch: batch.image.nbytes)
