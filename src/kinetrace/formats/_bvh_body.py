"""A body of bones that do not change their length, and the rotations that follow keypoints."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.errors import OutputError
from kinetrace.geometry import Floats, midpoint, unit

# Of each joint the one that it hangs on, and where it lies from there as the body stands at rest.
_SIDES = {"left": 1.0, "right": -1.0}
_PARENTS: dict[str, str] = {"neck": "hips", "head": "neck"}
_REST: dict[str, tuple[float, float, float]] = {}
for _side, _x in _SIDES.items():
    _PARENTS |= {f"{_side}_hip": "hips", f"{_side}_shoulder": "neck"}
    for _chain, _direction in (
        (("hip", "knee", "ankle"), (0.0, -1.0, 0.0)),
        (("ankle", "toes"), (0.0, 0.0, 1.0)),
        (("shoulder", "elbow", "wrist", "hand"), (_x, 0.0, 0.0)),
    ):
        for _parent, _joint in pairwise(_chain):
            _PARENTS[f"{_side}_{_joint}"] = f"{_side}_{_parent}"
            _REST[f"{_side}_{_joint}"] = _direction

# What a joint may be called, the first that is there.
_NAMES = {"toes": ("foot_index", "big_toe"), "hand": ("index", "middle_finger1")}


class Body(NamedTuple):
    """What a BVH file says.

    Attributes
    ----------
    parent
        Of each joint but the root, parents before their children.
    offset_cm : (3,) each
        From the parent, at rest.
    channels : (T, 3 + 3 J) float64
        Position of the root (cm), and Z, X, Y rotations (degrees) of each joint, as the file has
        them.
    held
        In how many frames something is missing.
    """

    parent: Mapping[str, str]
    offset_cm: Mapping[str, Floats]
    channels: Floats
    held: int

    def children(self, joint: str) -> list[str]:
        """Return the joints that hang on one, in order."""
        return [child for child, parent in self.parent.items() if parent == joint]


def body_of(keypoints: Mapping[str, Floats], path: Path) -> Body:
    """Return the body that follows keypoints.

    Parameters
    ----------
    keypoints : (T, 3) each
        Centimetres, y up; NaN is missing.
    path
        What errors name.

    Raises
    ------
    OutputError
        If hips and shoulders are never seen.
    """
    place = _joints(keypoints)
    if not {"hips", "neck"} <= set(place):
        raise OutputError(
            f"cannot write {path}: a BVH's body begins at both hips and both shoulders, and they "
            "are never seen at once"
        )
    parent = {j: p for j, p in _PARENTS.items() if j in place and p in place}
    turns = {
        "hips": _frame(place["left_hip"] - place["right_hip"], place["neck"] - place["hips"]),
        "neck": _frame(
            place["left_shoulder"] - place["right_shoulder"], place["neck"] - place["hips"]
        ),
    }
    offset = {"hips": np.zeros(3)}
    missing = np.zeros(len(place["hips"]), dtype=bool)
    for joint in ("hips", "neck"):
        turns[joint], lost = _held(turns[joint])
        missing |= lost
    for joint, upper in parent.items():
        bone = place[joint] - place[upper]
        if joint not in _REST:
            local = np.einsum("tji,tj->ti", turns[upper], bone)
            offset[joint] = np.nanmedian(local, axis=0)
            continue
        direction = np.array(_REST[joint])
        offset[joint] = direction * np.nanmedian(np.linalg.norm(bone, axis=1))
        # The bone's direction is the rotation of the joint that it begins at.
        before = turns[parent[upper]]
        turned, lost = _held(_swing(before, direction, bone))
        turns[upper] = turned
        missing |= lost
    return _with_channels(parent, offset, turns, place["hips"], missing)


def _joints(keypoints: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the joints that are ever seen."""

    def middle(part: str) -> Floats | None:
        ends = [keypoints.get(f"{side}_{part}") for side in _SIDES]
        return None if ends[0] is None or ends[1] is None else midpoint(ends[0], ends[1])

    found: dict[str, Floats | None] = {"hips": middle("hip"), "neck": middle("shoulder")}
    ears, nose = middle("ear"), keypoints.get("nose")
    found["head"] = ears if ears is not None and np.isfinite(ears).any() else nose
    for joint in (*_PARENTS,):
        side, _, part = joint.partition("_")
        names = [f"{side}_{name}" for name in _NAMES.get(part, (part,))]
        if side in _SIDES:
            found[joint] = next((keypoints[n] for n in names if n in keypoints), None)
    seen = {j: xyz for j, xyz in found.items() if xyz is not None}
    return {j: xyz for j, xyz in seen.items() if np.isfinite(xyz).all(axis=1).any()}


def _frame(across: Floats, up: Floats) -> Floats:
    """Return (T, 3, 3) rotations whose x points across and whose y as far up as that allows."""
    x = unit(across)
    y = unit(up - np.sum(up * x, axis=1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=2)


def _swing(before: Floats, direction: Floats, bone: Floats) -> Floats:
    """Return rotations like `before`, turned on so that `direction` points along the bone."""
    start = before @ direction
    target = unit(bone)
    axis = np.cross(start, target)
    cosine = np.sum(start * target, axis=1)
    # Rodrigues' formula without sines; for a bone that points straight back any axis is right.
    k = np.zeros((len(bone), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    k -= k.swapaxes(1, 2)
    back = cosine < -1 + 1e-9
    scale = 1 / np.where(back, 1, 1 + cosine)
    turn = np.eye(3) + k + k @ k * scale[:, None, None]
    if back.any():
        other = unit(np.cross(start[back], np.eye(3)[np.abs(start[back]).argmin(axis=1)]))
        turn[back] = 2 * other[:, :, None] * other[:, None, :] - np.eye(3)
    return np.asarray(turn @ before)


def _held(turns: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return rotations with the one before, or the first, where one is missing; and where."""
    missing = np.asarray(~np.isfinite(turns).all(axis=(1, 2)))
    known = np.flatnonzero(~missing)
    if not len(known):
        return np.broadcast_to(np.eye(3), turns.shape).copy(), missing
    last = np.maximum(np.searchsorted(known, np.arange(len(turns)), side="right") - 1, 0)
    return turns[known[last]], missing


def _with_channels(
    parent: Mapping[str, str],
    offset: Mapping[str, Floats],
    turns: Mapping[str, Floats],
    hips: Floats,
    missing: npt.NDArray[np.bool_],
) -> Body:
    from scipy.spatial.transform import Rotation

    known = np.flatnonzero(np.isfinite(hips).all(axis=1))
    last = np.maximum(np.searchsorted(known, np.arange(len(hips)), side="right") - 1, 0)
    missing = missing | ~np.isfinite(hips).all(axis=1)
    body = Body(parent, offset, np.zeros((0, 0)), int(missing.sum()))
    columns = [hips[known[last]]]

    def add(joint: str, upper: Floats | None) -> None:
        # A joint at which no bone begins turns with the one before.
        turn = turns.get(joint, upper)
        assert turn is not None
        local = turn if upper is None else upper.swapaxes(1, 2) @ turn
        with warnings.catch_warnings():
            # Where two of the three axes fall together, one of the angles is free.
            warnings.simplefilter("ignore", UserWarning)
            angles = Rotation.from_matrix(local).as_euler("ZXY")
        columns.append(np.degrees(np.unwrap(angles, axis=0)))
        for child in body.children(joint):
            add(child, turn)

    add("hips", None)
    return body._replace(channels=np.concatenate(columns, axis=1))
