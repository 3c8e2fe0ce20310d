"""Heatmaps to points and back, vectorised over people and keypoints.

Points are in pixels of the heatmap, the centre of its first pixel being (0, 0). Three methods:

``default``
    The maximum, moved a quarter of a pixel along each axis towards the higher neighbour (Xiao et
    al., ECCV 2018; Sun et al., CVPR 2019, section 4.1).
``dark``
    The maximum, then one Newton step to the peak of the logarithm of the smoothed heatmap, if it
    is two pixels or more from the border (Zhang et al., CVPR 2020, section 3.2).
``udp``
    The same for the weights of Huang et al. (CVPR 2020), as they are decoded with: differences
    between next neighbours, and at the border, too.

How far from the truth each can be on an ideal heatmap, in heatmap pixels along an axis, where the
Gaussian's sigma is 2 (and 3) px:

=========== ========================== ===================
method      3 sigma inside the border  anywhere
=========== ========================== ===================
``default`` 0.25                       0.5
``dark``    0.001                      0.5 (1.0)
``udp``     0.001                      1.0 (1.5)
=========== ========================== ===================

At the border the blur, to which all beyond is black, pulls the peak inwards. And ``default``
weights are trained with targets that are themselves rounded to whole pixels: of these, it is
within 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.choices import Decode

Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class _Peaks(NamedTuple):
    """The maxima of M heatmaps: columns, rows, values."""

    x: Ints
    y: Ints
    value: Floats32


def training_sigma_px(heatmap_size_wh: tuple[int, int]) -> float:
    """Return the Gaussian's sigma that published weights were trained with, in heatmap pixels.

    2 for an input of 256 x 192 px (heatmaps 64 px high) and 3 for 384 x 288 px (96 px).
    """
    return heatmap_size_wh[1] / 32


def decode_heatmaps(
    heatmaps: npt.NDArray[Any], *, decode: Decode, sigma_px: float | None = None
) -> tuple[Floats32, Floats32]:
    """Find each keypoint's position and score in its heatmap.

    Parameters
    ----------
    heatmaps : (N, K, H, W)
        A network's output; it is not changed.
    decode
        The method, as the weights want it.
    sigma_px
        The Gaussian's sigma in training, in heatmap pixels, for ``dark`` and ``udp``; None is
        `training_sigma_px`.

    Returns
    -------
    xy : (N, K, 2) float32
        Pixels of the heatmap; NaN where the maximum is not above 0.
    score : (N, K) float32
        The maximum, clipped to 0..1.
    """
    n, k, height, width = heatmaps.shape
    maps = np.ascontiguousarray(heatmaps, np.float32).reshape(n * k, height, width)
    peaks = _peaks(maps)
    if decode == "default":
        shift = _quarter_pixel(maps, peaks)
    else:
        sigma_px = training_sigma_px((width, height)) if sigma_px is None else sigma_px
        refine = _newton_inside if decode == "dark" else _newton
        shift = refine(maps, peaks, _kernel_px(sigma_px))
    xy = np.stack([peaks.x, peaks.y], axis=1) + shift
    found = peaks.value > 0
    xy = np.where(found[:, None], xy, np.nan)
    score = np.where(found, np.clip(peaks.value, 0, 1), 0)
    return xy.reshape(n, k, 2).astype(np.float32), score.reshape(n, k).astype(np.float32)


def encode_heatmaps(
    xy: npt.NDArray[Any],
    heatmap_size_wh: tuple[int, int],
    *,
    decode: Decode,
    sigma_px: float | None = None,
) -> Floats32:
    """Return the heatmaps that a network should give: a Gaussian of height 1 at each keypoint.

    For ``default`` its centre is rounded to whole pixels, as those weights were trained; for
    ``dark`` and ``udp`` it is exact. It ends at 3 sigma, but for ``dark``, where it does not end.

    Parameters
    ----------
    xy : (N, K, 2)
        Pixels of the heatmap; NaN where a keypoint is missing.
    heatmap_size_wh
        Width and height in pixels.
    decode
        The method that the weights are to be decoded with.
    sigma_px
        None is `training_sigma_px`.

    Returns
    -------
    (N, K, H, W) float32
        0..1; all 0 for a missing keypoint.
    """
    sigma_px = training_sigma_px(heatmap_size_wh) if sigma_px is None else sigma_px
    centre = np.asarray(xy, np.float64)
    if decode == "default":
        centre = np.floor(centre + 0.5)
    width, height = heatmap_size_wh
    dx = np.arange(width) - centre[..., 0, None]
    dy = np.arange(height) - centre[..., 1, None]
    with np.errstate(under="ignore"):
        across, down = (np.exp(-np.square(d) / (2 * sigma_px**2)) for d in (dx, dy))
        if decode != "dark":
            # The square that published targets are cut to: centre +- 3 sigma in whole pixels.
            middle = np.floor(centre + 0.5)
            reach = 3 * sigma_px
            across = np.where(np.abs(np.arange(width) - middle[..., 0, None]) <= reach, across, 0)
            down = np.where(np.abs(np.arange(height) - middle[..., 1, None]) <= reach, down, 0)
        maps = down[..., :, None] * across[..., None, :]
    return np.asarray(np.nan_to_num(maps, nan=0.0), np.float32)


def average_flipped(
    heatmaps: npt.NDArray[Any],
    flipped: npt.NDArray[Any],
    mirror: Sequence[int],
    *,
    decode: Decode,
) -> Floats32:
    """Average the heatmaps of crops with those of the crops mirrored (``batch[..., ::-1]``).

    Parameters
    ----------
    heatmaps, flipped : (N, K, H, W)
        What the network gives for the crops, and for the mirrored crops.
    mirror
        `Skeleton.mirror`: left and right change names in a mirror.
    decode
        How the weights are decoded. But for ``udp`` a heatmap pixel lies at a corner of the input
        pixels that it stands for, and mirrored at the other corner: one pixel is made up for.

    Returns
    -------
    (N, K, H, W) float32
    """
    back = np.asarray(flipped, np.float32)[:, list(mirror), :, ::-1]
    total = np.array(heatmaps, np.float32)
    if decode == "udp":
        total += back
    else:
        total[..., 1:] += back[..., :-1]
        total[..., 0] += back[..., 0]
    total *= 0.5
    return total


def _peaks(maps: Floats32) -> _Peaks:
    flat = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    at = flat.argmax(axis=1)
    y, x = np.divmod(at, maps.shape[2])
    return _Peaks(x=x, y=y, value=flat[np.arange(len(flat)), at])


def _quarter_pixel(maps: Floats32, peaks: _Peaks) -> Floats32:
    """Return the (M, 2) shifts of +-0.25 px; 0 at the borders, as the authors have them."""
    height, width = maps.shape[1:]
    inside = (peaks.x > 1) & (peaks.x < width - 1) & (peaks.y > 1) & (peaks.y < height - 1)
    shift = np.zeros((len(maps), 2), np.float32)
    m, x, y = np.flatnonzero(inside), peaks.x[inside], peaks.y[inside]
    dx = maps[m, y, x + 1] - maps[m, y, x - 1]
    dy = maps[m, y + 1, x] - maps[m, y - 1, x]
    shift[m] = 0.25 * np.sign(np.stack([dx, dy], axis=1))
    return shift


def _kernel_px(sigma_px: float) -> int:
    """Return the odd kernel size for a sigma, 11 for 2 and 17 for 3: OpenCV's rule, inverted."""
    return 2 * max(1, round((sigma_px - 0.8) / 0.3 + 1)) + 1


def _log_smooth_near(
    maps: Floats32, peaks: _Peaks, kernel_px: int, limits: tuple[float, float]
) -> npt.NDArray[np.float64]:
    """Return the logarithm of the smoothed maps in the 5 x 5 px around each peak, (M, 5, 5).

    As published, a map is blurred as if it lay in zeros, brought back to its peak's height and
    clipped to the limits. But a factor does not move the maximum of a logarithm unless something
    is clipped, and only then is the whole map blurred for it: the rest costs a tenth.
    """
    kernel = cv2.getGaussianKernel(kernel_px, 0).ravel()
    reach = kernel_px // 2 + 2
    band = np.stack([np.pad(kernel, (i, 4 - i)) for i in range(5)], axis=1)
    window = _window(maps, peaks, reach)
    near = np.asarray(band.T @ window @ band)
    # The factor is 1 or more: the kernel's weights sum to 1.
    clipped = (near.min(axis=(1, 2)) < limits[0]) | (peaks.value > limits[1])
    for m in np.flatnonzero(clipped & (peaks.value > 0)):
        whole = cv2.GaussianBlur(maps[m], (kernel_px, kernel_px), 0, borderType=cv2.BORDER_CONSTANT)
        highest = float(whole.max())
        near[m] *= peaks.value[m] / highest if highest > 0 else 1
    return np.asarray(np.log(np.clip(near, *limits)))


def _window(maps: Floats32, peaks: _Peaks, reach: int) -> npt.NDArray[np.float64]:
    """Cut the (M, 2 reach + 1, 2 reach + 1) around each peak out of the maps; beyond them is 0."""
    around = np.arange(-reach, reach + 1)
    x, y = peaks.x[:, None] + around, peaks.y[:, None] + around
    height, width = maps.shape[1:]
    there = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
    rows, columns = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    m = np.arange(len(maps))[:, None, None]
    return np.where(there, maps[m, rows[:, :, None], columns[:, None, :]], 0).astype(np.float64)


def _newton_inside(maps: Floats32, peaks: _Peaks, kernel_px: int) -> Floats32:
    """Return the (M, 2) steps of DARK: second derivatives over two pixels, none at the border."""
    height, width = maps.shape[1:]
    inside = (peaks.x > 1) & (peaks.x < width - 2) & (peaks.y > 1) & (peaks.y < height - 2)
    log = _log_smooth_near(maps, peaks, kernel_px, (1e-10, np.inf))

    def at(dx: int, dy: int) -> npt.NDArray[np.float64]:
        return log[:, 2 + dy, 2 + dx]

    slope_x, slope_y = (at(1, 0) - at(-1, 0)) / 2, (at(0, 1) - at(0, -1)) / 2
    xx = (at(2, 0) - 2 * at(0, 0) + at(-2, 0)) / 4
    yy = (at(0, 2) - 2 * at(0, 0) + at(0, -2)) / 4
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    return np.where(inside[:, None], _solve(slope_x, slope_y, xx, xy, yy), 0)


def _newton(maps: Floats32, peaks: _Peaks, kernel_px: int) -> Floats32:
    """Return the (M, 2) steps of UDP: next neighbours, the border's values continued outwards."""
    height, width = maps.shape[1:]
    log = _log_smooth_near(maps, peaks, kernel_px, (1e-3, 50))
    m = np.arange(len(maps))

    def at(dx: int, dy: int) -> npt.NDArray[np.float64]:
        x, y = np.clip(peaks.x + dx, 0, width - 1), np.clip(peaks.y + dy, 0, height - 1)
        return np.asarray(log[m, y - peaks.y + 2, x - peaks.x + 2])

    middle, right, left, below, above = at(0, 0), at(1, 0), at(-1, 0), at(0, 1), at(0, -1)
    xy = (at(1, 1) - right - below + 2 * middle - left - above + at(-1, -1)) / 2
    eps = float(np.finfo(np.float32).eps)
    return _solve(
        (right - left) / 2,
        (below - above) / 2,
        right - 2 * middle + left + eps,
        xy,
        below - 2 * middle + above + eps,
    )


def _solve(slope_x: Any, slope_y: Any, xx: Any, xy: Any, yy: Any) -> Floats32:
    """Return minus the inverse of each Hessian times the slope, (M, 2); 0 where it has none."""
    determinant = xx * yy - xy * xy
    usable = determinant != 0
    safe = np.where(usable, determinant, 1)
    step = np.stack([xy * slope_y - yy * slope_x, xy * slope_x - xx * slope_y], axis=1)
    return np.where(usable[:, None], step / safe[:, None], 0).astype(np.float32)
