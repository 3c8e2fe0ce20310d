"""Bodies to measure: turned, mirrored, set into space, and one that stands still."""

from __future__ import annotations

import dataclasses

import numpy as np

from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing import walker

WALK, TRUTH = walker(duration_s=2.5)


def rotated(poses, degrees):
    """What a camera sees that is rolled so that the floor rises to the right by some degrees."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return dataclasses.replace(poses, xy=poses.xy.astype(float) @ np.array([[c, -s], [s, c]]))


def renamed(poses, track_id):
    return dataclasses.replace(poses, track_id=np.full(len(poses), track_id))


def swapped(poses: Poses) -> Poses:
    """The mirror image, in which left is right."""
    mirror = list(poses.skeleton.mirror)
    xyz = None if poses.xyz_m is None else (poses.xyz_m * (-1, 1, 1))[:, mirror]
    xy = (poses.xy.astype(float) * (-1, 1) + (999, 0))[:, mirror]
    return dataclasses.replace(poses, xy=xy, score=poses.score[:, mirror], xyz_m=xyz)


def in_space(poses: Poses, yaw_deg: float) -> Poses:
    """The flat walk with its left and right 0.3 m apart, seen by a camera that goes round it."""
    flat = (poses.xy - poses.xy.mean(axis=1, keepdims=True)) / 200
    depth = [-0.15 if n.startswith("right") else 0.15 if n.startswith("left") else 0
             for n in poses.skeleton.keypoints]  # fmt: skip
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    x, y, z = flat[..., 0], flat[..., 1], np.broadcast_to(depth, flat.shape[:2])
    return dataclasses.replace(poses, xyz_m=np.stack([x * c - z * s, y, x * s + z * c], axis=-1))


def seen_from(yaw_deg, *, steps=40, fps=30, spin_deg_per_s=0.0):
    """Someone who stands, turned out of the picture's plane; 0 faces right, 90 the camera."""
    at = {"nose": (0.12, 0, -1.5), "hip": (0, 0.14, -0.9), "shoulder": (0, 0.19, -1.4)}
    at |= {"ear": (0, 0.08, -1.52), "knee": (0.02, 0.14, -0.45), "ankle": (0, 0.14, 0)}
    at |= {"heel": (-0.05, 0.14, 0.05), "foot_index": (0.2, 0.14, 0.05)}
    body = np.full((33, 3), np.nan)  # ahead, to the left, down
    for i, name in enumerate(BLAZEPOSE33.keypoints):
        side, _, part = name.partition("_")
        if name in at or part in at:
            ahead, left, down = at.get(name) or at[part]
            body[i] = ahead, left * {"left": 1, "right": -1}.get(side, 0), down
    yaw = np.radians(yaw_deg + spin_deg_per_s * np.arange(steps) / fps)[:, None]
    right = body[:, 0] * np.cos(yaw) + body[:, 1] * np.sin(yaw)
    xy = np.stack([right, np.tile(body[:, 2], (steps, 1))], axis=-1) * 300 + 600
    return dataclasses.replace(
        WALK.rows(np.zeros(len(WALK), bool)),
        frame_time_s=np.arange(steps) / fps,
        frame_index=np.arange(steps),
        frame=np.arange(steps),
        xy=xy,
        score=np.isfinite(xy[..., 0]),
        track_id=np.zeros(steps),
        bbox_xyxy=np.zeros((steps, 4)),
        bbox_score=np.zeros(steps),
    )


def circling(turn_deg_per_frame: float, frames: int = 90) -> Poses:
    """Someone who stands and lets a straight right arm go round."""
    poses = seen_from(0, steps=frames)
    xy = poses.xy.copy()
    angle = np.radians(turn_deg_per_frame * np.arange(frames))
    direction = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    shoulder = xy[:, BLAZEPOSE33.index("right_shoulder")]
    for name, length in (("elbow", 90), ("wrist", 170), ("index", 190)):
        xy[:, BLAZEPOSE33.index(f"right_{name}")] = shoulder + length * direction
    return dataclasses.replace(poses, xy=xy, score=np.isfinite(xy[..., 0]))
