"""SLEAP's labels (``.slp``): predicted instances of a video, for looking at them and correcting.

Needs the extra ``sleap`` (sleap-io). Each person is a predicted instance with a score for each
point; tracks are called ``person_3`` after the track id. The video is named after the source of the
poses, so SLEAP shows it where it is found. Times, boxes, 3D and the picture's size have no place.

Read are files with one video and one skeleton. What somebody has corrected takes the place of what
was predicted and has score 1. Tracks of others get the ids 0, 1, ... in the file's order.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError, MissingExtraError
from kinetrace.files import reading, replacing
from kinetrace.formats._foreign import bytes_written, understood
from kinetrace.formats._individuals import track_ids
from kinetrace.formats._people import Person, assemble
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses, Skeleton
from kinetrace.skeletons import skeleton_of

SUFFIXES = (".slp",)
LOSES = (
    *("bbox_xyxy", "bbox_score", "xyz_m"),
    *("frame_time_s", "frame_name", "size_wh", "source", "log"),
)


def read(path: Path) -> Poses:
    """Read the labels of one video.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        If it is no file of SLEAP's, is damaged, or holds more than one video or skeleton.
    MissingExtraError
        If sleap-io is not installed.
    """
    sleap_io = _sleap_io()
    with reading(path):
        path.open("rb").close()
        with understood("file of SLEAP's"):
            labels = sleap_io.load_slp(str(path), open_videos=False)
        if len(labels.videos) > 1 or len(labels.skeletons) != 1:
            raise FormatError(
                f"it has {len(labels.videos)} videos and {len(labels.skeletons)} skeletons; split "
                "it in SLEAP into files with one of each"
            )
        ids = dict(zip(map(id, labels.tracks), track_ids(_names(labels.tracks)), strict=True))
        frames = sorted(labels.labeled_frames, key=lambda frame: int(frame.frame_idx))
        people = [
            Person(i, _points(one), -1 if one.track is None else ids.get(id(one.track), -1))
            for i, frame in enumerate(frames)
            for one in (*frame.user_instances, *frame.unused_predictions)
        ]
        skeleton = _skeleton(labels.skeletons[0])
        return assemble(people, skeleton, [int(frame.frame_idx) for frame in frames])


def write(poses: Poses, path: Path) -> None:
    """Write the labels of one video.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    MissingExtraError
        If sleap-io is not installed.
    """
    sleap_io = _sleap_io()
    Stretches(poses).add(poses)
    labels = _labels(poses, sleap_io)
    data = bytes_written(lambda name: sleap_io.save_slp(labels, name, verbose=False), ".slp")
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _labels(poses: Poses, sleap_io: Any) -> Any:
    names = list(poses.skeleton.keypoints)
    skeleton = sleap_io.Skeleton(names, edges=list(poses.skeleton.edges), name=poses.skeleton.name)
    ids = sorted({int(i) for i in poses.track_id if i >= 0})
    tracks = {i: sleap_io.Track(f"person_{i}") for i in ids}
    video = sleap_io.Video(poses.source or "video", open_backend=False)
    instances: list[list[Any]] = [[] for _ in poses.frame_index]
    for row, frame in enumerate(poses.frame.tolist()):
        there = np.isfinite(poses.xy[row]).all(axis=1)
        one = sleap_io.PredictedInstance.from_numpy(
            poses.xy[row].astype(np.float64),
            skeleton,
            point_scores=poses.score[row],
            score=float(poses.score[row][there].mean()) if there.any() else 0.0,
            track=tracks.get(int(poses.track_id[row])),
        )
        instances[frame].append(one)
    frames = [
        sleap_io.LabeledFrame(video=video, frame_idx=number, instances=people)
        for number, people in zip(poses.frame_index.tolist(), instances, strict=True)
    ]
    return sleap_io.Labels(frames, [video], [skeleton], list(tracks.values()))


def _points(instance: Any) -> FloatArray:
    """Return (K, 3) x, y and score; those of somebody's own correction have score 1."""
    xy = as_float32(np.asarray(instance.numpy(), dtype=np.float64)[:, :2])
    there = np.isfinite(xy).all(axis=1)
    is_predicted = hasattr(instance, "score")
    # Peaks of a network's map, which may be a little above 1.
    score = np.clip(np.nan_to_num(instance.numpy(scores=True)[:, 2]), 0, 1) if is_predicted else 1
    return np.column_stack([xy, np.where(there, score, 0)]).astype(np.float32)


def _skeleton(given: Any) -> Skeleton:
    keypoints = tuple(str(node.name) for node in given.nodes)
    known = skeleton_of(keypoints)
    if known.name != "custom":
        return known
    edges = tuple((str(a), str(b)) for a, b in given.edge_names)
    return Skeleton(str(given.name or "custom"), keypoints, edges)


def _names(tracks: Any) -> list[str]:
    return [str(track.name) for track in tracks]


def _sleap_io() -> ModuleType:
    try:
        import sleap_io
    except ImportError as error:
        raise MissingExtraError("sleap-io", "sleap") from error
    return sleap_io  # type: ignore[no-any-return]
