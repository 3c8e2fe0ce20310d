"""Neurodata Without Borders: poses as the extension ``ndx-pose`` has them.

Needs the extra ``nwb`` (pynwb and ndx-pose to write, h5py to read). For each person there is a
``PoseEstimation`` in the processing module ``behavior``, named ``person_3`` after the track id,
with a series of x, y (pixels) and confidence for each keypoint over all frames; NaN is missing.
Boxes, numbers and names of frames, and 3D have no place in it. NWB wants to know when the recording
began, which is not known here: it says 1970-01-01, and its description says so.

Read are such files, and those of others whose positions are in pixels and whose people share their
times. Individuals of others get the track ids 0, 1, ... in the order of their names.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import io
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError, MissingExtraError, OutputError
from kinetrace.files import reading, replacing
from kinetrace.formats._foreign import understood
from kinetrace.formats._individuals import Individuals, from_individuals, individuals
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses, Skeleton
from kinetrace.skeletons import skeleton_of

SUFFIXES = (".nwb",)
LOSES = (
    *("bbox_xyxy", "bbox_score", "xyz_m"),
    *("frame_index", "frame_name", "source", "log"),
)

_VIDEO = "video"


def read(path: Path) -> Poses:
    """Read a file's pose estimations.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        If it is no such file, is damaged, or its positions are not in pixels.
    MissingExtraError
        If h5py is not installed.
    """
    h5py = _package("h5py", "h5py")
    with reading(path):
        path.open("rb").close()
        with understood("NWB file"), h5py.File(path, "r") as file:
            return _poses(file)


def write(poses: Poses, path: Path) -> None:
    """Write a file.

    Raises
    ------
    OutputError
        If it cannot be written, a frame has somebody twice, a keypoint's name has a slash or a
        colon, or the frames' numbers do not ascend; what was there stays.
    MissingExtraError
        If pynwb and ndx-pose are not installed.
    """
    ndx_pose = _package("ndx_pose", "ndx-pose")
    pynwb = _package("pynwb", "pynwb")
    Stretches(poses).add(poses)
    bad = [
        name for name in poses.skeleton.keypoints if not name.strip(".") or set(name) & set("/:")
    ]
    if bad:
        raise OutputError(f"a keypoint named {bad[0]!r} has no place in an NWB file; rename it")
    people = individuals(poses)
    file = _file(poses, people, pynwb, ndx_pose)

    with replacing(path) as temporary:
        temporary.write_bytes(_bytes_of(file, pynwb))


def _bytes_of(file: Any, pynwb: Any) -> memoryview:
    """Return a file as it is on disk; made in memory, for HDF5 ends badly where a disk is full."""
    import h5py

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Of what later versions of it will do.
        warnings.simplefilter("ignore")
        with (
            h5py.File(buffer, "w") as opened,
            pynwb.NWBHDF5IO(mode="w", file=opened) as writer,
        ):
            writer.write(file)
    return buffer.getbuffer()


def _file(poses: Poses, people: Individuals, pynwb: Any, ndx_pose: Any) -> Any:
    """Return what pynwb writes."""
    file = pynwb.NWBFile(
        session_description="Keypoints of people in a video. When it was recorded is not known.",
        identifier=str(uuid.uuid4()),
        session_start_time=datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc),
    )
    # Somebody must be there for the frames to be: one of whom nothing is known.
    people = (
        people
        if people.names
        else Individuals(("untracked_0",), np.full((len(poses.frame_time_s), 1), -1))
    )
    names, edges = poses.skeleton.keypoints, poses.skeleton.edge_indices
    skeleton = ndx_pose.Skeleton(
        name=poses.skeleton.name.replace("/", "-") or "custom",
        nodes=list(names),
        edges=np.array(edges, dtype=np.uint8 if len(names) < 256 else np.uint16).reshape(-1, 2),
    )
    video = pynwb.image.ImageSeries(
        name=_VIDEO,
        format="external",
        external_file=[poses.source or "unknown"],
        starting_frame=[0],
        dimension=list(poses.size_wh or (0, 0)),
        timestamps=poses.frame_time_s,
        unit="n.a.",
    )
    behaviour = file.create_processing_module(name="behavior", description="Keypoints of people")
    behaviour.add(ndx_pose.Skeletons(skeletons=[skeleton]))
    file.add_acquisition(video)
    for name, series in _all_series(poses, people, ndx_pose):
        behaviour.add(
            ndx_pose.PoseEstimation(
                name=name,
                pose_estimation_series=series,
                skeleton=skeleton,
                source_video=video,
                source_software="kinetrace",
            )
        )
    return file


def _all_series(
    poses: Poses, people: Individuals, ndx_pose: Any
) -> Iterator[tuple[str, list[Any]]]:
    """Yield each person's name, and their series: one for each keypoint."""
    xy, score = people.spread(poses.xy), people.spread(poses.score)
    for i, name in enumerate(people.names):
        yield (
            name,
            [
                ndx_pose.PoseEstimationSeries(
                    name=keypoint,
                    description="x to the right and y down",
                    data=xy[:, i, k],
                    confidence=score[:, i, k],
                    timestamps=poses.frame_time_s,
                    unit="pixels",
                    reference_frame="(0, 0) is the centre of the picture's first pixel, top left",
                    confidence_definition="0 to 1, as the model gives it",
                )
                for k, keypoint in enumerate(poses.skeleton.keypoints)
            ],
        )


def _poses(file: Any) -> Poses:
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item) if _type(item) == "PoseEstimation" else None)
    if not found:
        raise FormatError("it holds no PoseEstimation of the extension ndx-pose")
    series = [_series(one) for one in found]
    keypoints = _keypoints(found, series)
    first = next((each for one in series for each in one.values()), None)
    if first is None:
        raise FormatError("its PoseEstimation has no series")
    time_s = _times(first)
    points = np.full((len(time_s), len(found), len(keypoints), 3), np.nan)
    for i, one in enumerate(series):
        for name, group in one.items():
            points[:, i, keypoints.index(name)] = _points(group, len(time_s))
    there = np.isfinite(points[..., :2]).all(axis=3)
    score = np.where(there, points[..., 2], 0)
    if np.any((score < 0) | (score > 1)):
        raise FormatError("a confidence is not within 0..1")
    poses = from_individuals(
        [Path(one.name).name for one in found],
        _skeleton(keypoints, found[0]),
        frame_time_s=time_s,
        frame_index=np.arange(len(time_s)),
        xy=as_float32(points[..., :2]),
        score=score.astype(np.float32),
    )
    return dataclasses.replace(poses, size_wh=_size(found[0]))


def _series(estimation: Any) -> dict[str, Any]:
    return {n: g for n, g in estimation.items() if _type(g) == "PoseEstimationSeries"}


def _keypoints(found: Sequence[Any], series: Sequence[dict[str, Any]]) -> list[str]:
    """Return the names in the order of the skeleton, then what has none of its names."""
    skeletons = [skeleton for one in found for skeleton in _linked(one, "Skeleton")]
    nodes = [_text(node) for skeleton in skeletons for node in skeleton["nodes"][()]]
    there = {name for one in series for name in one}
    return list(dict.fromkeys([*(node for node in nodes if node in there), *sorted(there)]))


def _points(group: Any, frames: int) -> FloatArray:
    """Return (T, 3) x, y in pixels and confidence."""
    data = group["data"]
    unit = _text(data.attrs.get("unit", "pixels")).lower()
    if unit not in ("pixel", "pixels", "px"):
        raise FormatError(f"{group.name} is in {unit!r}; only positions in pixels are read")
    # Of three coordinates the last is the depth.
    xy = np.asarray(data, dtype=np.float64)[:, :2]
    xy = xy * float(data.attrs.get("conversion", 1)) + float(data.attrs.get("offset", 0))
    score = np.asarray(group["confidence"]) if "confidence" in group else np.ones(len(xy))
    if len(xy) != frames or xy.shape[1:] != (2,):
        raise FormatError(f"{group.name} has data of {data.shape} for {frames} frames")
    return np.column_stack([xy, score])


def _times(group: Any) -> FloatArray:
    if "timestamps" in group:
        return np.asarray(group["timestamps"], dtype=np.float64)
    start = group["starting_time"]
    return float(start[()]) + np.arange(len(group["data"])) / float(start.attrs["rate"])


def _skeleton(keypoints: Sequence[str], estimation: Any) -> Skeleton:
    known = skeleton_of(tuple(keypoints))
    skeletons = _linked(estimation, "Skeleton")
    if known.name != "custom" or not skeletons:
        return known
    given = skeletons[0]
    nodes = [_text(node) for node in given["nodes"][()]]
    pairs = given["edges"][()].tolist() if "edges" in given else []
    edges = tuple((nodes[a], nodes[b]) for a, b in pairs if {nodes[a], nodes[b]} <= set(keypoints))
    return Skeleton(Path(given.name).name, tuple(keypoints), edges)


def _size(estimation: Any) -> tuple[int, int] | None:
    given = [
        video["dimension"] for video in _linked(estimation, "ImageSeries") if "dimension" in video
    ]
    # As earlier versions of ndx-pose had it.
    given += [estimation["dimensions"]] if "dimensions" in estimation else []
    for size in given:
        width, height = np.ravel(size[()])[:2].tolist()
        if width > 0 and height > 0:
            return int(width), int(height)
    return None


def _linked(group: Any, kind: str) -> list[Any]:
    """Return what a group holds or links to of one type; a link has its target's name."""
    return [item for item in group.values() if _type(item) == kind]


def _type(item: Any) -> str:
    return _text(item.attrs.get("neurodata_type", ""))


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _package(name: str, called: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(called, "nwb") from error
