"""BVH files read, and their joints put where their rotations take them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinetrace.errors import FormatError
from kinetrace.formats._text_rows import numbers, read_lines
from kinetrace.geometry import Floats

_ROTATIONS = {"Xrotation": "X", "Yrotation": "Y", "Zrotation": "Z"}
_POSITIONS = {"Xposition": 0, "Yposition": 1, "Zposition": 2}


class Motion(NamedTuple):
    """A body's movement.

    Attributes
    ----------
    names
        Of the K joints, parents before their children.
    edges
        Each joint's parent and itself.
    position : (T, K, 3) float64
        In the file's unit of length.
    frame_time_s
        From one frame to the next.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    position: Floats
    frame_time_s: float


class _Joint(NamedTuple):
    name: str
    parent: int
    offset: Floats
    channels: tuple[str, ...]


def parse(path: Path) -> Motion:
    """Read a file.

    Raises
    ------
    FormatError
        Naming the line of what is wrong.
    """
    lines = read_lines(path)
    if not lines or lines[0].strip() != "HIERARCHY":
        raise FormatError("line 1: it is no BVH file: it does not begin with HIERARCHY")
    joints, at = _hierarchy(lines)
    names = tuple(joint.name for joint in joints)
    if len(set(names)) < len(names):
        raise FormatError("two of its joints have the same name")
    frames, frame_time_s, first = _motion_head(lines, at)
    width = sum(len(joint.channels) for joint in joints)
    rows = []
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        row = numbers(line.split(), number)
        if len(row) != width:
            raise FormatError(f"line {number} has {len(row)} numbers, the joints have {width}")
        rows.append(row)
    if len(rows) != frames:
        raise FormatError(f"it tells of {frames} frames and has {len(rows)}; it may be cut short")
    values = np.array(rows, dtype=np.float64).reshape(frames, width)
    if not np.isfinite(values).all():
        raise FormatError("a number of its motion is missing")
    edges = tuple((names[j.parent], j.name) for j in joints if j.parent >= 0)
    return Motion(names, edges, _positions(joints, values), frame_time_s)


def _hierarchy(lines: Sequence[str]) -> tuple[list[_Joint], int]:
    """Return the joints, and the line that MOTION stands in."""
    joints: list[_Joint] = []
    # Where a bracket is open: the joint that it is of.
    stack: list[int] = []
    for number, line in enumerate(lines[1:], start=2):
        words = line.split()
        if not words or words == ["{"]:
            continue
        if words[0] == "MOTION":
            if stack or not joints:
                raise FormatError(f"line {number}: the hierarchy before it is not whole")
            return joints, number
        upper = stack[-1] if stack else -1
        if words[0] in ("ROOT", "JOINT", "End"):
            if words[0] == "ROOT" and joints:
                raise FormatError(f"line {number}: there are two bodies; write a file for each")
            end = words[0] == "End"
            if not end and len(words) < 2:
                raise FormatError(f"line {number}: a joint needs a name")
            if (upper < 0) != (words[0] == "ROOT"):
                raise FormatError(f"line {number}: {words[0]} is not where it can be")
            name = f"{joints[upper].name}_end" if end else " ".join(words[1:])
            stack.append(len(joints))
            joints.append(_Joint(name, upper, np.zeros(3), ()))
        elif words[0] == "}" and stack:
            stack.pop()
        elif words[0] == "OFFSET" and stack and len(words) == 4:
            values = np.array(numbers(words[1:], number))
            joints[upper] = joints[upper]._replace(offset=values)
        elif words[0] == "CHANNELS" and stack:
            joints[upper] = joints[upper]._replace(channels=_channels(words, number))
        else:
            raise FormatError(f"line {number}: {line.strip()[:40]!r} is not understood")
    raise FormatError("it is cut short: there is no MOTION")


def _channels(words: Sequence[str], number: int) -> tuple[str, ...]:
    names = tuple(words[2:])
    known = set(names) <= set(_ROTATIONS) | set(_POSITIONS)
    if len(words) < 2 or words[1] != str(len(names)) or not known or len(set(names)) < len(names):
        raise FormatError(f"line {number}: {' '.join(words)[:60]!r} names no channels of a joint")
    return names


def _motion_head(lines: Sequence[str], at: int) -> tuple[int, float, int]:
    """Return how many frames there are, the time between two, and the first one's line."""
    head = [(i, line.split()) for i, line in enumerate(lines[at:], start=at) if line.strip()][:2]
    words = [each for _, each in head]
    if (
        len(head) < 2
        or words[0][:1] != ["Frames:"]
        or words[1][:2] != ["Frame", "Time:"]
        or not (len(words[0]) == 2 and words[0][1].isdecimal() and len(words[0][1]) < 10)
        or len(words[1]) != 3
    ):
        raise FormatError(f"line {at + 1}: MOTION must begin with Frames: and Frame Time:")
    (frame_time_s,) = numbers(words[1][2:], head[1][0] + 1)
    if not frame_time_s > 0:
        raise FormatError(f"line {head[1][0] + 1}: the time between frames must be above 0")
    return int(words[0][1]), frame_time_s, head[1][0] + 1


def _positions(joints: Sequence[_Joint], values: Floats) -> Floats:
    """Return (T, K, 3): each joint at its offset in the turned frame of the one before."""
    from scipy.spatial.transform import Rotation

    frames = len(values)
    place = np.zeros((frames, len(joints), 3))
    turns: list[Floats] = []
    column = 0
    for i, joint in enumerate(joints):
        channel = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        offset = np.broadcast_to(joint.offset, (frames, 3)).copy()
        for c, name in enumerate(joint.channels):
            if name in _POSITIONS:
                # A position stands in place of the offset, as Blender has it.
                offset[:, _POSITIONS[name]] = channel[:, c]
        axes = "".join(_ROTATIONS.get(name, "") for name in joint.channels)
        angles = channel[:, [c for c, name in enumerate(joint.channels) if name in _ROTATIONS]]
        local = np.broadcast_to(np.eye(3), (frames, 3, 3))
        if axes and frames:
            # The first channel is turned about first, each further one in what that has turned.
            local = Rotation.from_euler(axes, angles, degrees=True).as_matrix().reshape(-1, 3, 3)
        if joint.parent < 0:
            place[:, i], turn = offset, local
        else:
            upper = turns[joint.parent]
            place[:, i] = place[:, joint.parent] + np.einsum("tij,tj->ti", upper, offset)
            turn = upper @ local
        turns.append(np.asarray(turn))
    return place
