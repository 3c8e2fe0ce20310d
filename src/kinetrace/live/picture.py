"""What is known, drawn into the picture: the skeleton, and the numbers beside it."""

from __future__ import annotations

import math

from kinetrace.drawing import draw
from kinetrace.labels import Image, Rgb, draw_label, label_height_px
from kinetrace.live.session import Repetitions, Seen

_PLATE_RGB: Rgb = (24, 28, 30)
_COUNT_RGB: Rgb = (240, 228, 66)


def headline(repetitions: Repetitions) -> str:
    """Return how many there were, in words; "" where there were none."""
    parts = [f"{repetitions.count} {'repetition' if repetitions.count == 1 else 'repetitions'}"]
    if repetitions.half_count:
        parts.append(f"{repetitions.half_count} half")
    return ", ".join(parts) if repetitions.count or repetitions.half_count else ""


def number_lines(seen: Seen) -> list[str]:
    """Return the numbers that are known, one a line: ``Left knee 87°``."""
    return [
        f"{n.label} {n.value:.{1 if n.unit == 'm/s' else 0}f}{'' if n.unit == '°' else ' '}{n.unit}"
        for n in seen.numbers
        if math.isfinite(n.value)
    ]


def draw_seen(image: Image, seen: Seen) -> Image:
    """Draw skeletons and numbers.

    Parameters
    ----------
    image : (H, W, 3) uint8
        The frame in RGB; it is not changed.
    seen
        What is known of it.

    Returns
    -------
    (H, W, 3) uint8
        A new RGB picture.
    """
    drawn = draw(image, seen.poses, boxes=False, ids=len(seen.poses) > 1)
    size_wh = image.shape[1], image.shape[0]
    height_px = round(1.6 * label_height_px(size_wh))
    count = headline(seen.repetitions)
    lines = [(count, _COUNT_RGB)] if count else []
    # The letters that OpenCV draws are those of ASCII.
    lines += [(line.replace("°", " deg"), _PLATE_RGB) for line in number_lines(seen)]
    for i, (line, rgb) in enumerate(lines):
        top_px = height_px * (0.4 + 1.15 * i)
        draw_label(
            drawn, line, left_px=0.4 * height_px, top_px=top_px, rgb=rgb, height_px=height_px
        )
    return drawn
