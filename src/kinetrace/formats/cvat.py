"""CVAT's XML 1.1: skeletons to correct by hand in CVAT, and what comes back.

People with a track id are tracks (``<track>``), the others are shapes of their picture
(``<image>``), as CVAT has both; its import takes the two in one file. A keypoint that is missing is
``outside`` and lies in the middle of its person, where an annotator finds it. CVAT counts from the
corner of the first pixel, so its numbers are 0.5 px above ours. Scores, boxes, times and 3D have no
place in it.

At the top, in a comment, is the label to make a task with: copy it into the tab "Raw" of CVAT's
label constructor. CVAT numbers tracks anew when it exports them.

Read are files of ours and CVAT's exports "for images" and "for video" of one task or job, as they
come (ZIP) or unpacked: a point that is not ``outside`` has score 1, one that is ``occluded`` too.
"""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

# Without a DTD, which `_parse` refuses, there are no entities to expand.
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from kinetrace.errors import FormatError, OutputError
from kinetrace.files import reading, replacing_text
from kinetrace.formats import _cvat_labels
from kinetrace.formats._cvat_reading import poses_of
from kinetrace.formats._individuals import individuals
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses

SUFFIXES = (".cvat.xml", ".xml")
LOSES = ("score", "bbox_xyxy", "bbox_score", "xyz_m", "frame_time_s", "source", "log")

_HALF_PX = 0.5
_LARGEST_XML_BYTES = 2**30
# What `zipfile`, and what unpacks for it, raise for a file that is damaged or made to do harm.
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError),
    *(NotImplementedError, RuntimeError),
)


def read(path: Path) -> Poses:
    """Read the skeletons of one task or job.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the frame of what is wrong.
    """
    with reading(path):
        return poses_of(_parse(_unpacked(path.read_bytes())), offset_px=-_HALF_PX)


def write(poses: Poses, path: Path) -> None:
    """Write a file that CVAT imports as "CVAT 1.1".

    Raises
    ------
    OutputError
        If it cannot be written, a frame has somebody twice, or the frames' numbers do not ascend
        from 0; what was there stays.
    """
    Stretches(poses).add(poses)
    if len(poses.frame_index) and poses.frame_index[0] < 0:
        raise OutputError(f"cannot write {path}: the frames' numbers must begin at 0 or above")
    individuals(poses)  # Refuses an id that is two people's.
    for name in (*poses.skeleton.keypoints, *(poses.frame_name or ()), poses.source):
        if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", name):
            raise OutputError(f"{name!r} has a character that XML has no place for; rename it")
    with replacing_text(path, errors="xmlcharrefreplace") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n')
        file.write(_cvat_labels.comment(poses))
        file.write("<annotations>\n<version>1.1</version>\n")
        file.writelines(_meta(poses))
        if _needs_images(poses):
            file.writelines(_images(poses))
        for track_id in sorted({i for i in poses.track_id.tolist() if i >= 0}):
            file.writelines(_track(poses, track_id))
        file.write("</annotations>\n")


def _unpacked(data: bytes) -> bytes:
    """Return the XML itself, also where it is in the ZIP that CVAT exports."""
    if not data.startswith(b"PK\x03\x04"):
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [info for info in archive.infolist() if info.filename.endswith(".xml")]
            if len(names) != 1 or names[0].file_size > _LARGEST_XML_BYTES:
                raise FormatError(f"the ZIP must hold one XML file below 1 GiB, has {len(names)}")
            return archive.read(names[0])
    except _ZIP_ERRORS as error:
        raise FormatError(f"it is a damaged ZIP file: {error}") from error


def _parse(data: bytes) -> ET.Element:
    # In UTF-16, or in another encoding that it claims to have, the search would see nothing.
    if b"\0" in data:
        raise FormatError("that is no XML in UTF-8")
    if b"<!DOCTYPE" in data:
        raise FormatError("it has a document type, which CVAT's files have not; remove it")
    try:
        root = ET.fromstring(data, parser=ET.XMLParser(encoding="utf-8"))  # noqa: S314
    except ET.ParseError as error:
        raise FormatError(f"that is no XML, or it is cut short: {error}") from error
    if root.tag != "annotations":
        raise FormatError(f"it is no file of CVAT's: it begins with <{root.tag}>")
    return root


def _step(poses: Poses) -> int | None:
    """Return the distance of the frames' numbers, None where it varies."""
    steps = set(np.diff(poses.frame_index).tolist()) or {1}
    return steps.pop() if len(steps) == 1 else None


def _needs_images(poses: Poses) -> bool:
    """Tell whether the frames must be listed: they are not told by a beginning and a step."""
    untracked = bool(np.any(poses.track_id < 0))
    return poses.frame_name is not None or untracked or _step(poses) is None


def _meta(poses: Poses) -> Iterator[str]:
    numbers = poses.frame_index.tolist()
    first, last = (numbers[0], numbers[-1]) if numbers else (0, -1)
    step = _step(poses) or 1
    yield f"<meta>\n<task>\n<name>{escape(poses.source or 'kinetrace')}</name>\n"
    yield f"<size>{len(numbers)}</size>\n"
    yield f"<mode>{'interpolation' if poses.frame_name is None else 'annotation'}</mode>\n"
    yield f"<start_frame>{first}</start_frame>\n<stop_frame>{last}</stop_frame>\n"
    yield f"<frame_filter>{f'step={step}' if step > 1 else ''}</frame_filter>\n"
    yield from _cvat_labels.elements(poses)
    if poses.size_wh is not None:
        width, height = poses.size_wh
        yield f"<original_size>\n<width>{width}</width>\n<height>{height}</height>\n"
        yield "</original_size>\n"
    yield "</task>\n</meta>\n"


def _images(poses: Poses) -> Iterator[str]:
    size = ""
    if poses.size_wh is not None:
        size = f' width="{poses.size_wh[0]}" height="{poses.size_wh[1]}"'
    starts = np.searchsorted(poses.frame, np.arange(len(poses.frame_index) + 1))
    for i, number in enumerate(poses.frame_index.tolist()):
        name = f"frame_{number:06d}" if poses.frame_name is None else poses.frame_name[i]
        yield f'<image id="{number}" name={quoteattr(name)}{size}>\n'
        for row in range(starts[i], starts[i + 1]):
            if poses.track_id[row] >= 0:
                continue
            yield f'<skeleton label="{_cvat_labels.PERSON}" source="auto" z_order="0">\n'
            yield from _points(poses.xy[row], poses.skeleton.keypoints)
            yield "</skeleton>\n"
        yield "</image>\n"


def _track(poses: Poses, track_id: int) -> Iterator[str]:
    rows = np.flatnonzero(poses.track_id == track_id)
    names = poses.skeleton.keypoints
    yield f'<track id="{track_id}" label="{_cvat_labels.PERSON}" source="auto">\n'
    for row, following in zip(rows, [*poses.frame[rows[1:]], -1], strict=True):
        frame = poses.frame[row]
        yield f'<skeleton frame="{poses.frame_index[frame]}" keyframe="1" z_order="0">\n'
        yield from _points(poses.xy[row], names, keyframe=True)
        yield "</skeleton>\n"
        # Where somebody is gone CVAT must be told, or it goes on with the last position.
        if frame + 1 < len(poses.frame_index) and following != frame + 1:
            gone = np.full_like(poses.xy[row], np.nan)
            number = poses.frame_index[frame + 1]
            yield f'<skeleton frame="{number}" keyframe="1" outside="1" z_order="0">\n'
            yield from _points(gone, names, keyframe=True, place=poses.xy[row])
            yield "</skeleton>\n"
    yield "</track>\n"


def _points(
    xy: FloatArray,
    names: Sequence[str],
    *,
    keyframe: bool = False,
    place: FloatArray | None = None,
) -> Iterator[str]:
    """Yield a point for each keypoint; those missing lie in the middle of those of `place`."""
    seen = np.asarray(np.isfinite(xy).all(axis=1))
    around = xy if place is None else place
    there = around[np.isfinite(around).all(axis=1)]
    middle = there.mean(axis=0) if len(there) else np.zeros(2)
    corner = np.where(seen[:, None], xy, middle).astype(np.float64) + _HALF_PX
    frame = ' keyframe="1"' if keyframe else ""
    for name, (x, y), is_seen in zip(names, corner.tolist(), seen.tolist(), strict=True):
        yield (
            f"<points label={quoteattr(name)}{frame} "
            f'outside="{int(not is_seen)}" occluded="0" points="{x!r},{y!r}"></points>\n'
        )
