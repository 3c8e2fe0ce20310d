"""BVH: a body's movement as rotations of joints, for Blender, Maya and other programs of animation.

One person, in space. Written is a body of 19 joints at most, by the names of the keypoints, as far
as they are ever seen: hips and neck (the middles of both hips and of both shoulders), head (the
middle of the ears, else the nose), and of each side hip, knee, ankle, toes, shoulder, elbow, wrist
and hand. It stands with its arms stretched out, y up, looks along z, its left along x. Lengths are
in centimetres, which BVH does not say but most programs mean, rotations in degrees (Z, X, Y).

A BVH's bones keep their length, so what is read back is not exactly what was written: here they
have the median of the film. No bone is turned about itself more than its direction asks for. And
nothing can be missing: a joint that is not seen keeps its last rotation, which a warning tells of.

Read are files of any hierarchy, as positions in metres; ends of bones are called ``head_end``.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from kinetrace.errors import OutputError
from kinetrace.files import reading, replacing_text
from kinetrace.formats._bvh_body import Body, body_of
from kinetrace.formats._bvh_reading import Motion, parse
from kinetrace.formats._individuals import from_individuals, only_person
from kinetrace.formats._stretches import Stretches
from kinetrace.geometry import Floats
from kinetrace.poses import Poses, Skeleton

SUFFIXES = (".bvh",)
LOSES = (
    *("xy", "score", "track_id", "bbox_xyxy", "bbox_score"),
    *("frame_index", "frame_name", "size_wh", "source", "log"),
)

_CM_PER_M = 100.0
_Y_UP = np.array([1, -1, -1], dtype=np.float64)


def read(path: Path) -> Poses:
    """Read one body's movement; every joint has score 1.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the line of what is wrong.
    """
    with reading(path):
        motion = parse(path)
    return _poses(motion)


def write(poses: Poses, path: Path) -> None:
    """Write one body's movement.

    Raises
    ------
    OutputError
        If it cannot be written, there are no positions in space, both hips and both shoulders are
        never seen at once, there is more than one person, or times do not ascend; what was there
        stays.
    """
    Stretches(poses).add(poses)
    row = only_person(poses)
    if poses.xyz_m is None or not np.isfinite(poses.xyz_m).any():
        raise OutputError(
            f"cannot write {path}: a BVH file is of positions in space, and there are none here; "
            "estimate with --backend mediapipe"
        )
    steps_s = np.diff(poses.frame_time_s)
    if len(row) < 2 or not np.all(steps_s > 0):
        raise OutputError(
            f"cannot write {path}: it needs at least two frames at times that ascend (kinetrace "
            "convert --fps tells how many there are in a second)"
        )
    nobody = np.full((1, len(poses.skeleton), 3), np.nan)
    points = np.concatenate([poses.xyz_m.astype(np.float64), nobody])[row] * _Y_UP * _CM_PER_M
    body = body_of(dict(zip(poses.skeleton.keypoints, points.swapaxes(0, 1), strict=True)), path)
    if body.held:
        warnings.warn(
            f"{path} has no place for what is missing: in {body.held} of {len(row)} frames a joint "
            "keeps the rotation that it had before",
            stacklevel=3,
        )
    with replacing_text(path) as file:
        file.write(_hierarchy(body))
        file.write(f"MOTION\nFrames: {len(row)}\nFrame Time: {float(steps_s.mean()):.8f}\n")
        np.savetxt(file, body.channels, fmt="%.6f")


def _hierarchy(body: Body) -> str:
    lines = ["HIERARCHY"]

    def add(joint: str, depth: int) -> None:
        space = "\t" * depth
        offset = body.offset_cm[joint]
        root = depth == 0
        position = "Xposition Yposition Zposition " if root else ""
        lines.append(f"{space}{'ROOT' if root else 'JOINT'} {joint}")
        lines.append(f"{space}{{\n{space}\tOFFSET {_numbers(offset)}")
        lines.append(
            f"{space}\tCHANNELS {6 if root else 3} {position}Zrotation Xrotation Yrotation"
        )
        children = body.children(joint)
        for child in children:
            add(child, depth + 1)
        if not children:
            # So that the last bone has a length, by which programs draw it.
            lines.append(f"{space}\tEnd Site\n{space}\t{{")
            lines.append(f"{space}\t\tOFFSET {_numbers(offset / 4)}\n{space}\t}}")
        lines.append(f"{space}}}")

    add("hips", 0)
    return "\n".join(lines) + "\n"


def _numbers(values: Floats) -> str:
    return " ".join(f"{value:.6f}" for value in values)


def _poses(motion: Motion) -> Poses:
    t, k = motion.position.shape[:2]
    metres = motion.position / _CM_PER_M * _Y_UP
    return from_individuals(
        ("untracked_0",),
        Skeleton("bvh", motion.names, motion.edges),
        frame_time_s=np.arange(t) * motion.frame_time_s,
        frame_index=np.arange(t),
        xy=np.full((t, 1, k, 2), np.nan),
        score=np.ones((t, 1, k)),
        xyz_m=metres[:, None].astype(np.float32),
    )
