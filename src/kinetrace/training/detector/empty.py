"""Pictures with nobody in them: what is beside people, and textures."""

from __future__ import annotations

import cv2
import numpy as np

from kinetrace.training.detector.pictures import Image, People

# A window in which a person's box has so much of it, or more, is not empty.
_MOST_SHARED = 0.02
_LEAST_WINDOW_PX = 36
_TRIES = 12


def draw_empty(
    image: Image, people: People, size_wh: tuple[int, int], rng: np.random.Generator
) -> Image | None:
    """Cut a part without people out of a picture.

    Parameters
    ----------
    image : (H, W, 3)
        The picture.
    people
        Everybody who might be in it, sure or not.
    size_wh
        What the part is scaled to, its ratio kept by a third.
    rng
        What is drawn from.

    Returns
    -------
    (h, w, 3) or None
        None if no such part was found.
    """
    height, width = image.shape[:2]
    ratio = size_wh[0] / size_wh[1] * np.exp(rng.uniform(-0.3, 0.3))
    for _ in range(_TRIES):
        h = rng.uniform(_LEAST_WINDOW_PX, max(_LEAST_WINDOW_PX + 1, height))
        w = h * ratio
        if not _LEAST_WINDOW_PX / 2 <= w <= width or h > height:
            continue
        left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
        if _shared(np.array([left, top, left + w, top + h]), people) > _MOST_SHARED:
            continue
        part = image[int(top) : int(top + h), int(left) : int(left + w)]
        if rng.random() < 0.5:
            part = part[:, ::-1]
        how = cv2.INTER_AREA if h > size_wh[1] else cv2.INTER_LINEAR
        return np.asarray(
            cv2.resize(np.ascontiguousarray(part), size_wh, interpolation=how), np.uint8
        )
    return None


def _shared(window: np.ndarray, people: People) -> float:
    """Return how much of a window the box of any person takes, relative to the smaller of both."""
    if not len(people.score):
        return 0.0
    boxes = people.bbox_xyxy
    wh = np.minimum(window[2:], boxes[:, 2:]) - np.maximum(window[:2], boxes[:, :2])
    shared = np.prod(np.maximum(wh, 0), axis=1)
    own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    smaller = np.minimum(own, np.prod(window[2:] - window[:2]))
    return float((shared / np.maximum(smaller, 1)).max())


def draw_texture(size_wh: tuple[int, int], rng: np.random.Generator) -> Image:
    """Draw one colour, a gradient, noise of some coarseness, stripes or rectangles."""
    width, height = size_wh
    kind = int(rng.integers(0, 5))
    if kind == 0:
        return np.full((height, width, 3), _colour(rng), np.uint8)
    if kind == 1:
        corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
        return np.asarray(cv2.resize(corners, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)
    if kind == 2:
        shape = tuple(max(2, int(side / 2 ** rng.uniform(0, 5))) for side in (height, width))
        noise = rng.normal(rng.integers(0, 256), rng.uniform(5, 80), (*shape, 3))
        coarse = np.clip(noise, 0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)
    if kind == 3:
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        angle, period = rng.uniform(0, np.pi), rng.uniform(3, 60)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        share = ((wave > rng.uniform(-0.8, 0.8)) if rng.random() < 0.5 else (wave + 1) / 2)[
            ..., None
        ]
        mixed = share * _colour(rng) + (1 - share) * _colour(rng)
        return np.asarray(mixed, np.uint8)
    canvas = np.full((height, width, 3), _colour(rng), np.uint8)
    for _ in range(int(rng.integers(2, 20))):
        a, b = (rng.integers(0, (width, height)).tolist() for _ in range(2))
        thick = -1 if rng.random() < 0.6 else int(rng.integers(1, 5))
        cv2.rectangle(canvas, a, b, tuple(_colour(rng).tolist()), thick)
    return canvas


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Return any colour, and black or white more often."""
    if rng.random() < 0.2:
        return np.full(3, rng.choice([0, 114, 255]))
    return rng.integers(0, 256, 3)
