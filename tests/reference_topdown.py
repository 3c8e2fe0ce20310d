"""Top-down crops and decoding one person at a time, from the papers' formulae, to test against.

Slow and plain on purpose: one loop a formula, no code shared with the package.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def three_point_affine(box: Array, size_wh: tuple[int, int]) -> Array:
    """The authors' construction: the centre, the middle of the top edge, and a third at 90 deg."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    ratio = size_wh[0] / size_wh[1]
    if width > ratio * height:
        height = width / ratio
    elif width < ratio * height:
        width = height * ratio
    width, height = width * 1.25, height * 1.25
    centre = np.array([left + right, top + bottom]) / 2
    source = [centre, centre - (0, width / 2)]
    middle = np.array(size_wh) / 2
    target = [middle, middle - (0, size_wh[0] / 2)]
    for points in (source, target):
        up = points[0] - points[1]
        points.append(points[1] + np.array([-up[1], up[0]]))
    return cv2.getAffineTransform(np.float32(source), np.float32(target))


def udp_affine(box: Array, size_wh: tuple[int, int]) -> Array:
    """Corner pixel to corner pixel: the region's edges go to the centres of the outer pixels."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    ratio = size_wh[0] / size_wh[1]
    width, height = max(width, height * ratio) * 1.25, max(height, width / ratio) * 1.25
    x0, y0 = (left + right - width) / 2, (top + bottom - height) / 2
    source = [(x0, y0), (x0 + width, y0), (x0, y0 + height)]
    target = [(0, 0), (size_wh[0] - 1, 0), (0, size_wh[1] - 1)]
    return cv2.getAffineTransform(np.float32(source), np.float32(target))


def decode_default(heatmap: Array) -> tuple[float, float]:
    height, width = heatmap.shape
    y, x = np.unravel_index(np.argmax(heatmap), heatmap.shape)
    if 1 < x < width - 1 and 1 < y < height - 1:
        dx = float(heatmap[y, x + 1]) - float(heatmap[y, x - 1])
        dy = float(heatmap[y + 1, x]) - float(heatmap[y - 1, x])
        return float(x + 0.25 * np.sign(dx)), float(y + 0.25 * np.sign(dy))
    return float(x), float(y)


def _blurred(heatmap: Array, kernel: int) -> Array:
    """Blur in a frame of zeros, and restore the maximum."""
    height, width = heatmap.shape
    border = kernel // 2
    framed = np.zeros((height + 2 * border, width + 2 * border))
    framed[border : border + height, border : border + width] = heatmap
    sigma = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
    weights = [math.exp(-((i - border) ** 2) / (2 * sigma**2)) for i in range(kernel)]
    weights = [w / sum(weights) for w in weights]
    along = sum(w * np.roll(framed, i - border, axis=0) for i, w in enumerate(weights))
    both = sum(w * np.roll(along, i - border, axis=1) for i, w in enumerate(weights))
    blurred = both[border : border + height, border : border + width]
    return blurred * (heatmap.max() / blurred.max())


def decode_dark(heatmap: Array, kernel: int) -> tuple[float, float]:
    height, width = heatmap.shape
    y, x = (int(i) for i in np.unravel_index(np.argmax(heatmap), heatmap.shape))
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return x, y
    log = np.log(np.maximum(_blurred(heatmap, kernel), 1e-10))
    slope = np.array([log[y, x + 1] - log[y, x - 1], log[y + 1, x] - log[y - 1, x]]) / 2
    xx = (log[y, x + 2] - 2 * log[y, x] + log[y, x - 2]) / 4
    yy = (log[y + 2, x] - 2 * log[y, x] + log[y - 2, x]) / 4
    xy = (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] + log[y - 1, x - 1]) / 4
    hessian = np.array([[xx, xy], [xy, yy]])
    step = -np.linalg.inv(hessian) @ slope if np.linalg.det(hessian) != 0 else np.zeros(2)
    return x + step[0], y + step[1]


def decode_udp(heatmap: Array, kernel: int) -> tuple[float, float]:
    y, x = (int(i) for i in np.unravel_index(np.argmax(heatmap), heatmap.shape))
    log = np.pad(np.log(np.clip(_blurred(heatmap, kernel), 1e-3, 50)), 1, mode="edge")
    y, x = y + 1, x + 1
    slope = np.array([log[y, x + 1] - log[y, x - 1], log[y + 1, x] - log[y - 1, x]]) / 2
    xx = log[y, x + 1] - 2 * log[y, x] + log[y, x - 1]
    yy = log[y + 1, x] - 2 * log[y, x] + log[y - 1, x]
    xy = 0.5 * (log[y + 1, x + 1] - log[y, x + 1] - log[y + 1, x] + 2 * log[y, x]) + 0.5 * (
        log[y - 1, x - 1] - log[y, x - 1] - log[y - 1, x]
    )
    hessian = np.array([[xx, xy], [xy, yy]]) + np.finfo(np.float32).eps * np.eye(2)
    step = -np.linalg.inv(hessian) @ slope
    return x - 1 + step[0], y - 1 + step[1]


def oks_of_two(a: Array, b: Array, area: float, sigmas: Array) -> float:
    total, count = 0.0, 0
    for k, sigma in enumerate(sigmas):
        if np.isfinite(a[k]).all() and np.isfinite(b[k]).all():
            squared = float(((a[k] - b[k]) ** 2).sum())
            total += math.exp(-squared / (2 * area * (2 * sigma) ** 2))
            count += 1
    return total / count if count else 0.0


def oks_nms(xy: Array, area: Array, rank: Array, sigmas: Array, threshold: float) -> list[int]:
    waiting = sorted(range(len(xy)), key=lambda i: -rank[i])
    kept = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        waiting = [
            i
            for i in waiting
            if oks_of_two(xy[best], xy[i], (area[best] + area[i]) / 2, sigmas) <= threshold
        ]
    return kept
