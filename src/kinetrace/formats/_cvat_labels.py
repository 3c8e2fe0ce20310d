"""A skeleton as CVAT's label constructor wants it: names, and a drawing with a node for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from kinetrace.poses import FloatArray, Poses

PERSON = "person"

_LARGEST = 90.0  # per cent of the drawing, whose middle is at 50


def comment(poses: Poses) -> str:
    """Return an XML comment with the label as JSON."""
    label = {
        "name": PERSON,
        "type": "skeleton",
        "attributes": [],
        "sublabels": [
            {"name": name, "type": "points", "attributes": []} for name in poses.skeleton.keypoints
        ],
        "svg": drawing(poses),
    }
    # Two hyphens would end the comment; within a JSON text one may be written so.
    text = json.dumps([label]).replace("--", "-\\u002d")
    return f"<!-- For the tab Raw of CVAT's label constructor:\n{text}\n-->\n"


def elements(poses: Poses) -> Iterator[str]:
    """Yield the labels as CVAT's exports list them."""
    yield f"<labels>\n<label>\n<name>{PERSON}</name>\n<type>skeleton</type>\n"
    yield f"<attributes></attributes>\n<svg>{escape(drawing(poses))}</svg>\n</label>\n"
    for name in poses.skeleton.keypoints:
        yield f"<label>\n<name>{escape(name)}</name>\n<type>points</type>\n"
        yield f"<attributes></attributes>\n<parent>{PERSON}</parent>\n</label>\n"
    yield "</labels>\n"


def drawing(poses: Poses) -> str:
    """Return the drawing that new skeletons begin as: SVG lines and circles."""
    place = _layout(poses)
    parts = []
    for a, b in poses.skeleton.edge_indices:
        (x1, y1), (x2, y2) = place[a], place[b]
        parts.append(
            f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" stroke="black" '
            f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}" '
            'stroke-width="0.5"></line>'
        )
    for i, (name, (x, y)) in enumerate(
        zip(poses.skeleton.keypoints, place.tolist(), strict=True), start=1
    ):
        parts.append(
            f'<circle r="1.5" stroke="black" fill="#b3b3b3" cx="{x:.2f}" cy="{y:.2f}" '
            f'stroke-width="0.1" data-type="element node" data-element-id="{i}" '
            f'data-node-id="{i}" data-label-name={quoteattr(name)}></circle>'
        )
    return "".join(parts)


def _layout(poses: Poses) -> FloatArray:
    """Return (K, 2) per cent: as whoever shows most keypoints has them, the others on a circle."""
    k = len(poses.skeleton)
    turn = np.arange(k) / max(1, k) * 2 * np.pi
    place = 50 + _LARGEST / 2 * np.stack([np.sin(turn), -np.cos(turn)], axis=1)
    seen = np.asarray(np.isfinite(poses.xy).all(axis=2))
    if not seen.any():
        return place
    best = int(seen.sum(axis=1).argmax())
    xy = poses.xy[best][seen[best]].astype(np.float64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    size = max(float((high - low).max()), 1e-6)
    place[seen[best]] = 50 + (xy - (low + high) / 2) / size * _LARGEST
    return place
