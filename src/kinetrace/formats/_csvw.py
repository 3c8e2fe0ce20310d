"""The sidecar of a CSV file, by the W3C's "Metadata Vocabulary for Tabular Data" (CSV on the Web).

Any CSVW reader finds in it each column's type, unit and meaning; what only Kinetrace needs is
under one key of its own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kinetrace import tables
from kinetrace.choices import Layout
from kinetrace.errors import FormatError
from kinetrace.files import replacing
from kinetrace.formats import _json
from kinetrace.poses import Poses

_KEY = "kinetrace:poses"
_CONTEXT = "http://www.w3.org/ns/csvw"
_INTEGERS = ("frame", "person", "track_id")
_TEXTS = ("file", "keypoint")
_MEANINGS = {
    "frame": "number of the frame in its source, counted from 0",
    "time_s": "presentation time of the frame; empty where the source has no clock",
    "file": "file name of the image",
    "person": "number of the person within the frame, counted from 0",
    "track_id": "stable for a person; -1 for one who was not tracked; empty if nobody is there",
    "bbox_x1_px": "left edge of the person's box",
    "bbox_y1_px": "top edge of the person's box",
    "bbox_x2_px": "right edge of the person's box",
    "bbox_y2_px": "bottom edge of the person's box",
    "bbox_score": "score of the person's box, 0..1; empty where nothing scored it",
    "keypoint": "name of the keypoint",
}
_ENDS = {
    "x_px": "x in the original image, from the centre of its left pixels to the right",
    "y_px": "y in the original image, from the centre of its top pixels down",
    "score": "score, 0..1; 0 where the keypoint is missing",
    "x_m": "x in space, from the middle of the hips to the image's right",
    "y_m": "y in space, from the middle of the hips down",
    "z_m": "z in space, from the middle of the hips away from the camera",
}


def path_beside(path: Path) -> Path:
    """Return where the sidecar of a CSV file is."""
    return path.with_name(path.name + "-metadata.json")


def write(header: Poses, path: Path, layout: Layout, size_wh: tuple[int, int] | None) -> None:
    """Write the sidecar of the CSV file at `path`; it is whole or not there."""
    _save(
        {
            "@context": _CONTEXT,
            "url": quote(path.name),
            "tableSchema": {"columns": [_column(n) for n in tables.columns(header, layout)]},
            _KEY: _json.describe(header, size_wh),
        },
        path,
    )


def read(path: Path) -> _json.Metadata | None:
    """Read the sidecar of the CSV file at `path`; None if there is none of ours.

    Raises
    ------
    FormatError
        If there is one and it is damaged.
    """
    sidecar = path_beside(path)
    try:
        values = _load(sidecar)
        return None if values is None else _json.parse_metadata(values[_KEY])
    except FormatError as error:
        raise FormatError(
            f"its sidecar {sidecar.name} is damaged: {error}. Remove it to read the table without"
        ) from error


def rename(old: Path, new: Path) -> None:
    """Write the sidecar of `old` as that of `new`."""
    values = _load(path_beside(old))
    if values is not None:
        _save({**values, "url": quote(new.name)}, new)


def _load(sidecar: Path) -> dict[str, Any] | None:
    try:
        data = sidecar.read_bytes()
    except FileNotFoundError:
        return None
    values = _json.load(data)
    return values if isinstance(values, dict) and _KEY in values else None


def _save(values: dict[str, Any], path: Path) -> None:
    text = _json.dump(values, indent=1) + "\n"
    with replacing(path_beside(path)) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _column(name: str) -> dict[str, Any]:
    column = {
        # A CSVW name is a variable of a URI template: letters, digits, and escapes for the rest.
        "name": re.sub(r"[^A-Za-z0-9_%]", _escape, quote(name, safe="")),
        "titles": name,
        "datatype": "integer" if name in _INTEGERS else "string" if name in _TEXTS else "number",
        "dc:description": _MEANINGS.get(name) or _meaning(name),
    }
    unit = tables.unit(name)
    return {**column, "schema:unitText": unit} if unit else column


def _meaning(name: str) -> str:
    end = next(end for end in _ENDS if name == end or name.endswith(f"_{end}"))
    keypoint = name[: -len(end) - 1]
    return f"{keypoint}: {_ENDS[end]}" if keypoint else _ENDS[end]


def _escape(found: re.Match[str]) -> str:
    return f"%{ord(found.group()):02X}"
