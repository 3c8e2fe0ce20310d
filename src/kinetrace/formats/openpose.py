"""OpenPose's JSON: a folder with a file for each frame (``--write_json``).

Files are named ``clip_000000000012_keypoints.json`` after the frame's number, from 0; those of a
folder of images have the image's name instead. Read and written are the bodies BODY_25 and COCO-18
and the hands, where there are any; the face and OpenPose's own 3D are passed over. A keypoint that
is missing is 0, 0, 0 in the file and NaN here.

Poses of another skeleton are written as BODY_25, by the names of their keypoints, with the neck and
the middle of the hips as the midpoints that they are; a warning tells which have no place. The file
knows no times, boxes, picture size and 3D of ours.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kinetrace.errors import FormatError, OutputError
from kinetrace.files import reading
from kinetrace.formats import _json
from kinetrace.formats._folders import files_in, replacing_folder
from kinetrace.formats._people import Person, assemble, missing_at_zero
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses, Skeleton
from kinetrace.skeletons import BODY25, COCO18, HAND, with_hands

SUFFIXES = (".openpose",)
IS_FOLDER = True
LOSES = (
    *("bbox_xyxy", "bbox_score", "xyz_m"),
    *("frame_time_s", "frame_name", "size_wh", "source", "log"),
)

_ENDING = "_keypoints.json"
_BODIES = {3 * len(body): body for body in (BODY25, COCO18)}
_BODY, _HANDS = "pose_keypoints_2d", ("hand_left_keypoints_2d", "hand_right_keypoints_2d")
_MIDPOINTS = {
    "neck": ("left_shoulder", "right_shoulder"),
    "mid_hip": ("left_hip", "right_hip"),
}


def read(path: Path) -> Poses:
    """Read a folder.

    Raises
    ------
    SourceError
        If the folder or one of its files cannot be read.
    FormatError
        Naming the file and the person of what is wrong.
    """
    files = files_in(path, f"*{_ENDING}")
    people = []
    for i, file in enumerate(files):
        with reading(file):
            people.append((i, file, _people_of(_json.load(file.read_bytes()))))
    values = [person for _, _, found in people for person in found]
    body = _body(values, path)
    has_hands = any(person.get(hand) for person in values for hand in _HANDS)
    skeleton = with_hands(body) if has_hands else body
    rows = []
    for i, file, found in people:
        with reading(file):
            rows += [_person(i, person, body, has_hands=has_hands) for person in found]
    numbers, names = _frames(files)
    return assemble(rows, skeleton, numbers, frame_name=names)


def write(poses: Poses, path: Path) -> None:
    """Write a folder.

    Raises
    ------
    OutputError
        If it cannot be written, it is there already, there is no frame, or the frames' numbers do
        not ascend from 0.
    """
    Stretches(poses).add(poses)
    if not len(poses.frame_index) or poses.frame_index[0] < 0:
        raise OutputError(f"cannot write {path}: it needs frames, with numbers from 0")
    body = COCO18 if set(COCO18.keypoints) >= set(_body_names(poses.skeleton)) else BODY25
    strangers = set(poses.skeleton.keypoints) - set(with_hands(body).keypoints)
    if strangers:
        warnings.warn(
            f"{path} has no place for the keypoints {', '.join(sorted(strangers))}", stacklevel=3
        )
    points = _points(poses, body)
    starts = np.searchsorted(poses.frame, np.arange(len(poses.frame_time_s) + 1))
    with replacing_folder(path) as folder:
        for i, number in enumerate(poses.frame_index):
            people = [
                _values(points[row], int(poses.track_id[row]), body)
                for row in range(starts[i], starts[i + 1])
            ]
            text = _json.dump({"version": 1.3, "people": people})
            file = folder / f"{path.stem}_{number:012d}{_ENDING}"
            file.write_text(text, encoding="utf-8", newline="\n")


def _people_of(values: Any) -> list[dict[str, Any]]:
    people = values.get("people") if isinstance(values, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise FormatError("it is no file of OpenPose's: there is no list of 'people'")
    for person in people:
        for key in (_BODY, *_HANDS, "person_id"):
            if not isinstance(person.get(key, []), list):
                raise FormatError(f"{key!r} must be a list, got {person[key]!r}")
    return people


def _body(people: Sequence[dict[str, Any]], path: Path) -> Skeleton:
    """Return the skeleton that everybody has, which the length of the lists tells."""
    lengths = {len(person.get(_BODY) or ()) for person in people}
    if len(lengths) > 1 or not lengths <= set(_BODIES):
        counts = ", ".join(f"{length / 3:g}" for length in sorted(lengths))
        raise FormatError(
            f"{path}: a body of OpenPose's has 25 keypoints (BODY_25) or 18 (COCO), and here are "
            f"bodies of {counts}; run OpenPose with --model_pose BODY_25"
        )
    return _BODIES[lengths.pop()] if lengths else BODY25


def _person(frame: int, values: dict[str, Any], body: Skeleton, *, has_hands: bool) -> Person:
    parts = [_json.array(values[_BODY], (3 * len(body),), _BODY)]
    for hand in _HANDS if has_hands else ():
        given = values.get(hand) or np.zeros(3 * len(HAND))
        parts.append(_json.array(given, (3 * len(HAND),), hand))
    # A list of one number; older versions have none.
    ids = values.get("person_id") or [-1]
    track_id = max(-1, _json.integer({"person_id": ids[0]}, "person_id"))
    return Person(frame, missing_at_zero(np.concatenate(parts).reshape(-1, 3)), track_id)


def _frames(files: Sequence[Path]) -> tuple[list[int], tuple[str, ...] | None]:
    """Return the frames' numbers; or, for a folder of images, 0, 1, ... and the images' names."""
    stems = [file.name.removesuffix(_ENDING) for file in files]
    told = [re.fullmatch(r"(?:.*_)?([0-9]{12})", stem) for stem in stems]
    numbers = [int(match[1]) for match in told if match]
    if len(numbers) == len(files) and numbers == sorted(set(numbers)):
        return numbers, None
    return list(range(len(files))), tuple(stems)


def _body_names(skeleton: Skeleton) -> Iterator[str]:
    hands = {f"{side}_{name}" for side in ("left", "right") for name in HAND}
    yield from (name for name in skeleton.keypoints if name not in hands)


def _points(poses: Poses, body: Skeleton) -> FloatArray:
    """Return (N, K, 3) of a body and both hands, 0 where there is nothing."""
    points = np.concatenate([poses.xy, poses.score[:, :, None]], axis=2)
    points = np.where(np.isfinite(poses.xy).all(axis=2, keepdims=True), points, 0)
    known = {name: points[:, i] for i, name in enumerate(poses.skeleton.keypoints)}
    for name, (a, b) in _MIDPOINTS.items():
        if name not in known and a in known and b in known:
            both = np.minimum(known[a][:, 2:], known[b][:, 2:])
            known[name] = np.where(
                both > 0, np.append((known[a] + known[b])[:, :2] / 2, both, 1), 0
            )
    nothing = np.zeros((len(poses), 3), dtype=np.float32)
    names = with_hands(body).keypoints
    return np.stack([known.get(name, nothing) for name in names], axis=1)


def _values(points: FloatArray, track_id: int, body: Skeleton) -> dict[str, Any]:
    """Return a person as OpenPose writes one; hands without any point are empty lists."""
    # Through text, so that JSON has 0.1 for the float32 that is nearest to it.
    numbers = points.astype("U32").astype(np.float64)
    parts = np.split(numbers, np.cumsum([len(body), len(HAND)]))
    body_values, *hands = (part.ravel().tolist() if part.any() else [] for part in parts)
    return {
        "person_id": [track_id],
        _BODY: body_values or [0] * (3 * len(body)),
        "face_keypoints_2d": [],
        **dict(zip(_HANDS, hands, strict=True)),
        **{f"{part}_keypoints_3d": [] for part in ("pose", "face", "hand_left", "hand_right")},
    }
