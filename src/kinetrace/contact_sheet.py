"""A contact sheet: frames from all over a video in one picture, people and times drawn in."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from kinetrace.drawing import draw
from kinetrace.frames import Frame
from kinetrace.labels import Image, draw_label, label_height_px
from kinetrace.poses import Poses

_GAP_PX = 8
_BACKGROUND_RGB = (24, 24, 24)
_CAPTION_RGB = (24, 24, 24)


class _Tile(NamedTuple):
    """A frame shrunk to its place in the grid."""

    image: Image
    poses: Poses
    caption: str


def contact_sheet(
    frames: Iterable[tuple[Frame, Poses]],
    *,
    columns: int = 4,
    rows: int = 3,
    width_px: int = 1920,
) -> Image:
    """Lay out evenly spread frames of a stream, with the people and the times drawn in.

    The stream may be of any length, which need not be known: memory holds four sheets at most.

    Parameters
    ----------
    frames
        Frames with their poses (each a `Poses` of one frame), as `stream` yields them.
    columns, rows
        Size of the grid; rows that would be empty are left out.
    width_px
        Width of the sheet where a row is full.

    Returns
    -------
    (H, W, 3) uint8
        The sheet, RGB. Every place in the grid has the shape of the first frame.

    Raises
    ------
    ValueError
        If there is no frame, the grid is empty or `width_px` leaves no room for it.
    """
    if columns < 1 or rows < 1:
        raise ValueError(f"a contact sheet needs at least 1 column and row, got {columns}x{rows}")
    cell_width = (width_px - _GAP_PX * (columns + 1)) // columns
    if cell_width < 16:
        raise ValueError(f"{columns} columns do not fit in {width_px} px: give a larger width_px")
    tiles = _spread(frames, columns * rows, cell_width)
    if not tiles:
        raise ValueError("a contact sheet needs at least one frame, got none")
    return _lay_out(tiles, min(columns, len(tiles)))


def _spread(frames: Iterable[tuple[Frame, Poses]], count: int, cell_width: int) -> list[_Tile]:
    """Return `count` tiles (or all there are) that are evenly spread over the stream.

    Every k-th frame is kept; whenever that makes four times too many, every other of them is
    dropped and k doubles.
    """
    kept: list[_Tile] = []
    every = 1
    cell_wh = (0, 0)
    for position, (frame, poses) in enumerate(frames):
        if position == 0:
            width, height = frame.size_wh
            cell_wh = (cell_width, max(1, round(cell_width * height / width)))
        if position % every:
            continue
        if len(kept) == 4 * count:
            kept = kept[::2]
            every *= 2
        if position % every == 0:
            kept.append(_tile(frame, poses, cell_wh))
    chosen = np.rint(np.linspace(0, len(kept) - 1, min(count, len(kept)))).astype(int)
    return [kept[i] for i in chosen]


def _tile(frame: Frame, poses: Poses, cell_wh: tuple[int, int]) -> _Tile:
    """Shrink a frame and its poses to fit into a cell, in the middle of it."""
    width, height = frame.size_wh
    scale = min(cell_wh[0] / width, cell_wh[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(frame.image, size, interpolation=how)
    left, top = (cell_wh[0] - size[0]) // 2, (cell_wh[1] - size[1]) // 2
    image = np.full((cell_wh[1], cell_wh[0], 3), _BACKGROUND_RGB, dtype=np.uint8)
    image[top : top + size[1], left : left + size[0]] = small
    # The centre of the first pixel is (0, 0), its corner (-0.5, -0.5): that is what scales.
    ratio = np.array([size[0] / width, size[1] / height])
    origin = np.array([left, top]) - 0.5
    placed = dataclasses.replace(
        poses,
        xy=(poses.xy + 0.5) * ratio + origin,
        bbox_xyxy=(poses.bbox_xyxy + 0.5) * np.tile(ratio, 2) + np.tile(origin, 2),
        size_wh=cell_wh,
    )
    return _Tile(image, placed, _caption(frame))


def _caption(frame: Frame) -> str:
    if not math.isfinite(frame.time_s):
        name = frame.name or f"frame {frame.index}"
        return name.encode("ascii", "replace").decode("ascii")
    hundredths = round(frame.time_s * 100)
    minutes, rest = divmod(abs(hundredths), 6000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{'-' if hundredths < 0 else ''}{clock}:{rest // 100:02d}.{rest % 100:02d}"


def _lay_out(tiles: list[_Tile], columns: int) -> Image:
    rows = math.ceil(len(tiles) / columns)
    height, width = tiles[0].image.shape[:2]
    sheet_height = rows * (height + _GAP_PX) + _GAP_PX
    sheet_width = columns * (width + _GAP_PX) + _GAP_PX
    sheet = np.full((sheet_height, sheet_width, 3), _BACKGROUND_RGB, dtype=np.uint8)
    caption_px = label_height_px((width, height))
    for i, tile in enumerate(tiles):
        row, column = divmod(i, columns)
        top = _GAP_PX + row * (height + _GAP_PX)
        left = _GAP_PX + column * (width + _GAP_PX)
        picture = draw(tile.image, tile.poses)
        draw_label(
            picture,
            tile.caption,
            left_px=0,
            top_px=height,
            rgb=_CAPTION_RGB,
            height_px=caption_px,
        )
        sheet[top : top + height, left : left + width] = picture
    return sheet
