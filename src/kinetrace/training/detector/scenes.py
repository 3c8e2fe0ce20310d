"""Scenes to learn from: a picture, many pictures side by side, or nobody at all.

Photos of a data set of poses show one large person each. Cut up and put side by side they are
people of all sizes, next to each other and cut off by edges (mosaics: Bochkovskiy et al.,
"YOLOv4", 2020), and what is cut from beside the people is the world without them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.boxes import area
from kinetrace.training.detector.empty import draw_empty, draw_texture
from kinetrace.training.detector.pictures import Image, People, Pictures

Floats = npt.NDArray[np.float64]

# Of whom less is left in the picture counts neither way, or is not there.
_LEAST_SHARE, _LEAST_SHARE_SEEN = 0.25, 0.05
_LEAST_PX = 14.0
_UNSURE = 0.3
# How often it is the upper part of somebody that is looked at: photos of sport hold whole people,
# rooms and portraits people behind tables and edges.
_BUSTS = 0.35
# The narrowest part of a mosaic, and what a picture is enlarged by at most.
_LEAST_CELL_PX = 44
_LARGEST_FACTOR = 3.5
_GREY = 114
_NOBODY = People(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class Scene(NamedTuple):
    """What one sample is: a square picture, (S, S, 3) RGB, and who is in it, in its pixels."""

    image: Image
    people: People


class Cell(NamedTuple):
    """A part of a scene, in px."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def wh(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


def draw_scene(
    pictures: Pictures, rows: npt.NDArray[np.int64], size_px: int, rng: np.random.Generator
) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    pictures
        What it is made of.
    rows
        The numbers of those that may be used; the first one is in it if anybody is.
    size_px
        Side of the scene.
    rng
        What is drawn from; the same state gives the same scene.
    """
    canvas = np.full((size_px, size_px, 3), _GREY, np.uint8)
    whole = Cell(0, 0, size_px, size_px)
    kind = rng.random()
    if kind < 0.45:
        parts = [_fill(canvas, whole, pictures, int(rows[0]), rng, is_alone=True)]
    elif kind < 0.53:
        return Scene(draw_nobody(pictures, rows, size_px, rng), _NOBODY)
    elif kind < 0.65:
        _fill_with_nobody(canvas, _split(whole, rng, deep=0.2), pictures, rows, rng)
        cells = _scatter(whole, rng)
        parts = _fill_all(canvas, cells, pictures, rows, rng)
    else:
        cells = _split(whole, rng, deep=rng.uniform(0.4, 0.9))
        is_empty = rng.random(len(cells)) < 0.2
        is_empty[0] = False
        _fill_with_nobody(
            canvas, [c for c, e in zip(cells, is_empty, strict=True) if e], pictures, rows, rng
        )
        cells = [cell for cell, empty in zip(cells, is_empty, strict=True) if not empty]
        parts = _fill_all(canvas, cells, pictures, rows, rng)
    people = People(
        np.concatenate([_NOBODY.bbox_xyxy, *(part.bbox_xyxy for part in parts)]),
        np.concatenate([_NOBODY.score, *(part.score for part in parts)]),
    )
    return Scene(_disturb(canvas, rng), people)


def draw_nobody(
    pictures: Pictures, rows: npt.NDArray[np.int64], size_px: int, rng: np.random.Generator
) -> Image:
    """Draw a scene without people, (S, S, 3); parameters as for `draw_scene`."""
    canvas = np.full((size_px, size_px, 3), _GREY, np.uint8)
    cells = _split(Cell(0, 0, size_px, size_px), rng, deep=0.3)
    _fill_with_nobody(canvas, cells, pictures, rows, rng)
    return _disturb(canvas, rng)


def _split(cell: Cell, rng: np.random.Generator, *, deep: float) -> list[Cell]:
    """Cut a cell in two, and each of these again with the chance `deep`."""
    side = int(rng.random() < cell.wh[1] / sum(cell.wh))
    length = cell.wh[side]
    if length < 2 * _LEAST_CELL_PX:
        return [cell]
    at = (cell.left, cell.top)[side] + round(
        np.clip(rng.uniform(0.3, 0.7) * length, _LEAST_CELL_PX, length - _LEAST_CELL_PX)
    )
    if side == 0:
        halves = (cell._replace(right=at), cell._replace(left=at))
    else:
        halves = (cell._replace(bottom=at), cell._replace(top=at))
    return [
        part
        for half in halves
        for part in (_split(half, rng, deep=deep * 0.93) if rng.random() < deep else [half])
    ]


def _scatter(whole: Cell, rng: np.random.Generator) -> list[Cell]:
    """Return a few cells that do not touch each other."""
    cells: list[Cell] = []
    side = whole.right
    for _ in range(int(rng.integers(1, 12))):
        height = round(math.exp(rng.uniform(math.log(min(40, 0.3 * side)), math.log(0.6 * side))))
        width = min(side, round(height * rng.uniform(0.45, 1.2)))
        left, top = int(rng.integers(0, side - width + 1)), int(rng.integers(0, side - height + 1))
        new = Cell(left, top, left + width, top + height)
        if all(
            new.left >= c.right or new.right <= c.left or new.top >= c.bottom or new.bottom <= c.top
            for c in cells
        ):
            cells.append(new)
    return cells


def _fill_with_nobody(
    canvas: Image,
    cells: list[Cell],
    pictures: Pictures,
    rows: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> None:
    for cell in cells:
        row = int(rng.choice(rows))
        part = None
        if rng.random() < 0.85:
            part = draw_empty(pictures.image(row), pictures.people_of(row), cell.wh, rng)
        canvas[cell.top : cell.bottom, cell.left : cell.right] = (
            draw_texture(cell.wh, rng) if part is None else part
        )


def _fill_all(
    canvas: Image,
    cells: list[Cell],
    pictures: Pictures,
    rows: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> list[People]:
    others = rng.choice(rows, len(cells))
    if len(cells):
        others[0] = rows[0]
    return [
        _fill(canvas, cell, pictures, int(row), rng, is_alone=False)
        for cell, row in zip(cells, others, strict=True)
    ]


def _fill(
    canvas: Image,
    cell: Cell,
    pictures: Pictures,
    row: int,
    rng: np.random.Generator,
    *,
    is_alone: bool,
) -> People:
    """Put a picture into a cell; return who is in it, in pixels of the scene."""
    image, people = pictures.image(row), pictures.people_of(row)
    affine = _choose_affine(image.shape[1::-1], people, cell.wh, rng, is_alone=is_alone)
    border = (_GREY,) * 3 if rng.random() < 0.6 else tuple(rng.integers(0, 256, 3).tolist())
    part = canvas[cell.top : cell.bottom, cell.left : cell.right]
    part[:] = warp(image, affine, cell.wh, border, rng)
    boxes = people.bbox_xyxy.reshape(-1, 2, 2) @ affine[:, :2].T + affine[:, 2]
    boxes = np.concatenate([boxes.min(axis=1), boxes.max(axis=1)], axis=1)
    kept = _cut_off(People(boxes.astype(np.float32), people.score), cell.wh)
    corner = np.array([cell.left, cell.top] * 2, np.float32)
    return People(kept.bbox_xyxy + corner, kept.score)


def warp(
    image: Image,
    affine: Floats,
    size_wh: tuple[int, int],
    border: tuple[int, ...],
    rng: np.random.Generator,
) -> Image:
    """Draw a picture through an affine transform, shrunk well or badly, as programs do."""
    factor = abs(affine[1, 1])
    if factor < 0.75 and rng.random() < 0.6:
        wh = [max(1, round(side * factor)) for side in image.shape[1::-1]]
        small = cv2.resize(image, wh, interpolation=cv2.INTER_AREA)
        affine = affine.copy()
        affine[:, :2] *= np.array(image.shape[1::-1]) / wh
        image = np.asarray(small, np.uint8)
    drawn = cv2.warpAffine(
        image, affine, size_wh, flags=cv2.INTER_LINEAR, borderValue=tuple(map(float, border))
    )
    return np.asarray(drawn, np.uint8)


def _choose_affine(
    size_wh: tuple[int, int],
    people: People,
    into_wh: tuple[int, int],
    rng: np.random.Generator,
    *,
    is_alone: bool,
) -> Floats:
    """Choose how a picture lies in a cell: around somebody, of any size, perhaps mirrored."""
    sure = np.flatnonzero(people.score >= 0.45)
    if len(sure):
        box = people.bbox_xyxy[rng.choice(sure)].astype(np.float64)
        if rng.random() < _BUSTS:
            box[3] = box[1] + (box[3] - box[1]) * rng.uniform(0.3, 0.6)
    else:
        box = np.array([0, 0, *size_wh], np.float64)
    length = max(8.0, float((box[2:] - box[:2]).max()))
    longest = max(into_wh)
    low, high = (0.25, 2.0) if is_alone else (0.4, 1.6)
    factor = math.exp(rng.uniform(math.log(low), math.log(high))) * min(into_wh) / length
    cover = max(into_wh[0] / size_wh[0], into_wh[1] / size_wh[1])
    least = longest / max(size_wh) * rng.uniform(0.7, 1.05) if is_alone else cover
    factor = min(max(factor, least), max(least, _LARGEST_FACTOR))
    squeeze = math.exp(rng.uniform(-0.12, 0.12))
    factor_xy = np.array([factor * squeeze, factor / squeeze])
    drawn_wh = factor_xy * size_wh
    centre = factor_xy * (box[:2] + box[2:]) / 2
    # Where the person's centre comes to lie; then without an empty margin, as far as that goes.
    offset = np.array(into_wh) * rng.uniform(0.15, 0.85, 2) - centre
    room = np.array(into_wh) - drawn_wh
    offset = np.where(room < 0, np.clip(offset, room, 0), rng.uniform(0, 1, 2) * room.clip(0))
    if is_alone and rng.random() < 0.6:
        offset = np.where(room > 0, 0, offset)  # as a picture lies in the detector's input
    affine = np.array([[factor_xy[0], 0, offset[0]], [0, factor_xy[1], offset[1]]])
    if rng.random() < 0.5:
        affine[0] = (-factor_xy[0], 0, offset[0] + drawn_wh[0])
    return affine


def _cut_off(people: People, size_wh: tuple[int, int]) -> People:
    """Clip boxes to a cell; whoever is hardly seen is unsure, or gone."""
    boxes, score = people
    clipped = np.clip(boxes, 0, np.tile(size_wh, 2)).astype(np.float32)
    share = area(clipped) / np.maximum(area(boxes), 1e-3)
    longer = (clipped[:, 2:] - clipped[:, :2]).max(axis=1, initial=0)
    unsure = (share < _LEAST_SHARE) | (longer < _LEAST_PX)
    score = np.where(unsure, np.minimum(score, _UNSURE), score).astype(np.float32)
    there = (share > _LEAST_SHARE_SEEN) & (longer > 2)
    return People(clipped[there], score[there])


def _disturb(image: Image, rng: np.random.Generator) -> Image:
    """Change colours, blur, noise."""
    if rng.random() < 0.12:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)
    if rng.random() < 0.12:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    gain = (1 + rng.uniform(-0.3, 0.3)) * (1 + rng.uniform(-0.12, 0.12, 3))
    bias = rng.uniform(-30, 30)
    table = np.clip((np.arange(256)[:, None] - 114) * gain + 114 + bias, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 12), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image
