"""Draw people's skeletons, boxes and ids into a picture.

Each person is drawn on a transparent layer as large as the person, and that layer is laid over
the picture once: strokes that cross do not add up, and the rest of the picture is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.canvas import Canvas, RgbCanvas
from kinetrace.labels import (
    Image,
    Rgb,
    ink_on,
    label_corner_px,
    label_height_px,
    render_label,
    size_unit_px,
)
from kinetrace.poses import FloatArray, IntArray, Poses, Skeleton

# Okabe and Ito, "Color universal design" (2008): told apart with every kind of colour vision.
LEFT_RGB: Rgb = (86, 180, 233)
RIGHT_RGB: Rgb = (213, 94, 0)
MIDLINE_RGB: Rgb = (240, 228, 66)
TRACK_RGB: tuple[Rgb, ...] = (
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (240, 228, 66),
    (213, 94, 0),
    (86, 180, 233),
)
UNTRACKED_RGB: Rgb = (190, 190, 190)

_HALO_OPACITY = 0.55  # a dark rim, so that a light stroke is seen on a light background
_SHIFT = 4  # OpenCV takes coordinates in 1/2**4 px
_FAR_PX = 1e5  # a point farther away than this cannot be drawn in fixed point


class _Pen(NamedTuple):
    """Sizes of the strokes in pixels."""

    line_px: float
    radius_px: float
    halo_px: float


def draw(image: Image, poses: Poses, *, boxes: bool = True, ids: bool = True) -> Image:
    """Draw the people of one frame.

    The left side of the body is blue, the right side red-orange, the midline yellow. A keypoint is
    as opaque as its score, a line as the lower score of its two ends. What is NaN is not drawn.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; it is not changed.
    poses
        The poses of exactly one frame, in pixels of `image`.
    boxes
        Draw each person's box, in the colour of the track.
    ids
        Write each tracked person's number.

    Returns
    -------
    (H, W, 3) uint8
        A new RGB picture.

    Raises
    ------
    ValueError
        If `poses` does not hold exactly one frame, or `image` is no RGB picture.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"draw needs a (H, W, 3) uint8 image, got {image.dtype} {image.shape}")
    drawn = np.ascontiguousarray(image)
    if drawn is image or np.shares_memory(drawn, image):
        drawn = image.copy()
    draw_on(RgbCanvas(drawn), poses, boxes=boxes, ids=ids)
    return drawn


def draw_on(canvas: Canvas, poses: Poses, *, boxes: bool = True, ids: bool = True) -> None:
    """Draw the people of one frame, in place; see `draw`.

    Raises
    ------
    ValueError
        If `poses` does not hold exactly one frame.
    """
    if len(poses.frame_time_s) != 1:
        raise ValueError(
            f"draw needs the poses of exactly 1 frame, got {len(poses.frame_time_s)}; "
            "poses.frames(i, i + 1) are those of frame i"
        )
    for i in range(len(poses)):
        _draw_person(canvas, poses, i, boxes=boxes)
    if ids:  # last, so that no person hides another's number
        for box, track in zip(poses.bbox_xyxy, poses.track_id, strict=True):
            if track >= 0 and _is_near(box).all():
                _draw_id(canvas, box, int(track))


def _draw_person(canvas: Canvas, poses: Poses, i: int, *, boxes: bool) -> None:
    """Lay one person's box and skeleton over `canvas`, in place."""
    xy, score = poses.xy[i], poses.score[i]
    shown = _is_near(xy).all(axis=1) & (score > 0)
    box = poses.bbox_xyxy[i]
    has_box = boxes and bool(_is_near(box).all())
    corners = box.reshape(2, 2)
    around = np.concatenate([xy[shown], corners if has_box else corners[:0]])
    pen = _pen(size_unit_px(canvas.size_wh), around)
    region = _region(around, pen, *canvas.size_wh)
    if region is None:
        return
    left, top, right, bottom = region
    layer = np.zeros((bottom - top, right - left, 4), dtype=np.uint8)
    origin = np.array([left, top], dtype=np.float32)
    if has_box:
        _draw_box(layer, corners - origin, pen, canvas, _track_rgb(int(poses.track_id[i])))
    _draw_skeleton(layer, poses.skeleton, xy - origin, np.where(shown, score, 0), pen, canvas)
    canvas.lay_over(layer, left, top)


def _pen(unit_px: float, around: FloatArray) -> _Pen:
    """Choose stroke sizes by the picture's size, finer for a person who is small in it."""
    if len(around):
        person_px = float(np.linalg.norm(np.ptp(around, axis=0)))
        unit_px = min(unit_px, max(person_px / 200, 0.45 * unit_px))
    return _Pen(
        line_px=max(1.5, 3.6 * unit_px),
        radius_px=max(1.8, 4.2 * unit_px),
        halo_px=max(0.5, unit_px),
    )


def _region(
    around: FloatArray, pen: _Pen, width: int, height: int
) -> tuple[int, int, int, int] | None:
    """Return the part of the picture that strokes at these points can touch, or None."""
    if not len(around):
        return None
    margin = pen.line_px + pen.radius_px + pen.halo_px + 2
    low = np.floor(around.min(axis=0) - margin).astype(int)
    high = np.ceil(around.max(axis=0) + margin).astype(int) + 1
    left, top = max(0, low[0]), max(0, low[1])
    right, bottom = min(width, high[0]), min(height, high[1])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _draw_box(layer: Image, corners: FloatArray, pen: _Pen, canvas: Canvas, rgb: Rgb) -> None:
    (left, top), (right, bottom) = corners
    outline = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    ends = np.stack([outline, np.roll(outline, -1, axis=0)], axis=1)
    line_px = 0.5 * pen.line_px
    # Longer by half their width at both ends, so that the corners are square.
    along = ends[:, 1] - ends[:, 0]
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6) * line_px / 2
    ends = ends + np.stack([-along, along], axis=1)
    colour = _premultiplied(np.array([rgb] * 4), np.ones(4))
    _draw_lines(layer, ends, colour, line_px, pen.halo_px, canvas)


def _draw_skeleton(
    layer: Image,
    skeleton: Skeleton,
    xy: FloatArray,
    score: FloatArray,
    pen: _Pen,
    canvas: Canvas,
) -> None:
    """Draw lines, then keypoints, the surest last; where the score is 0 nothing is drawn."""
    palette = _palette(skeleton)
    edges = np.array(skeleton.edge_indices, dtype=int).reshape(-1, 2)
    edge_score = score[edges].min(axis=1)
    order = np.argsort(edge_score)
    order = order[edge_score[order] > 0]
    colour = _premultiplied(palette.edge_rgb[order], edge_score[order])
    _draw_lines(layer, xy[edges[order]], colour, pen.line_px, pen.halo_px, canvas)
    order = np.argsort(score)
    order = order[score[order] > 0]
    colour = _premultiplied(palette.keypoint_rgb[order], score[order])
    centre = np.rint(xy[order] * 2**_SHIFT).astype(int).tolist()
    halo = _halo(colour)
    for radius_px, paint in ((pen.radius_px + pen.halo_px, halo), (pen.radius_px, colour)):
        # OpenCV's anti-aliased disc is half a pixel too large.
        radius = round(max(radius_px - 0.5, 0.1) * 2**_SHIFT)
        for at, colours in zip(centre, canvas.paint(paint).tolist(), strict=True):
            cv2.circle(layer, at, radius, colours, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_lines(
    layer: Image,
    ends: FloatArray,
    rgba: FloatArray,
    line_px: float,
    halo_px: float,
    canvas: Canvas,
) -> None:
    """Draw every halo, then every line; `ends` is (E, 2, 2), `rgba` (E, 4) premultiplied."""
    for width_px, colour in ((line_px + 2 * halo_px, _halo(rgba)), (line_px, rgba)):
        paint = canvas.paint(colour).tolist()
        for quad, channels in zip(_quads(ends, width_px), paint, strict=True):
            cv2.fillConvexPoly(layer, quad, channels, cv2.LINE_AA, _SHIFT)


def _draw_id(canvas: Canvas, box: FloatArray, track_id: int) -> None:
    width, height = canvas.size_wh
    if not (box[0] < width and box[1] < height and box[2] >= 0 and box[3] >= 0):
        return
    rgb, plate_px = _track_rgb(track_id), label_height_px(canvas.size_wh)
    opaque = np.array([(*rgb, 255), (*ink_on(rgb), 255)])
    plate, ink = canvas.paint(opaque).tolist()
    # Without the opacity, which OpenCV's letters would change.
    label = render_label(str(track_id), plate=plate[:3], ink=ink[:3], height_px=plate_px)
    layer = np.dstack([label, np.full(label.shape[:2], 255, np.uint8)])
    at_px = float(box[0]), float(box[1]) - plate_px
    canvas.lay_over(layer, *label_corner_px(at_px, layer, canvas.size_wh))


def _quads(ends: FloatArray, width_px: float) -> Iterator[npt.NDArray[np.int32]]:
    """Yield the outline of each thick line in OpenCV's fixed point; `ends` is (E, 2, 2).

    OpenCV's own thick lines know only whole odd widths, at which a skeleton cannot look the same
    in pictures of every size. Its anti-aliased polygons come out 1.4 px too wide, measured.
    """
    half = max(width_px - 1.4, 0.1) / 2
    along = ends[:, 1] - ends[:, 0]
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6) * half
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    outline = np.stack(
        [ends[:, 0] + across, ends[:, 1] + across, ends[:, 1] - across, ends[:, 0] - across], axis=1
    )
    yield from np.rint(outline * 2**_SHIFT).astype(np.int32)


def _premultiplied(rgb: IntArray, opacity: FloatArray) -> FloatArray:
    """Return (M, 4) colours whose RGB is scaled by their opacity, as a layer holds them."""
    rgba = np.concatenate([rgb, np.full((len(rgb), 1), 255)], axis=1)
    premultiplied: FloatArray = np.rint(rgba * opacity[:, None])
    return premultiplied


def _halo(colour: FloatArray) -> FloatArray:
    """Return black, as opaque as a halo around these premultiplied colours is."""
    halo: FloatArray = np.rint(colour * (0, 0, 0, _HALO_OPACITY))
    return halo


class _Palette(NamedTuple):
    """Colours of a skeleton: `keypoint_rgb` is (K, 3), `edge_rgb` (E, 3)."""

    keypoint_rgb: IntArray
    edge_rgb: IntArray


@lru_cache(maxsize=8)
def _palette(skeleton: Skeleton) -> _Palette:
    sides = [_side_rgb(name) for name in skeleton.keypoints]
    edges = [_edge_rgb(sides[a], sides[b]) for a, b in skeleton.edge_indices]
    return _Palette(np.array(sides).reshape(-1, 3), np.array(edges, dtype=int).reshape(-1, 3))


def _side_rgb(keypoint: str) -> Rgb:
    if keypoint.startswith("left_"):
        return LEFT_RGB
    return RIGHT_RGB if keypoint.startswith("right_") else MIDLINE_RGB


def _edge_rgb(a: Rgb, b: Rgb) -> Rgb:
    """Colour a line by the side it is on: from the nose to the left eye is left."""
    if MIDLINE_RGB in (a, b):
        return b if a == MIDLINE_RGB else a
    return a if a == b else MIDLINE_RGB


def _track_rgb(track_id: int) -> Rgb:
    return TRACK_RGB[track_id % len(TRACK_RGB)] if track_id >= 0 else UNTRACKED_RGB


def _is_near(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which coordinates can be drawn: neither NaN nor absurdly far away."""
    return np.abs(values) < _FAR_PX
