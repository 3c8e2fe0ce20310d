"""Draw docs/images/angles.png: what each angle is, and the sign that it has.

    python docs/draw_angles.py

The numbers in the picture are not written there by hand: each body is measured as a film's is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Arc

from kinetrace import plots
from kinetrace.measures import angles
from kinetrace.plots._figure import LEFT, MIDDLE, RIGHT, new_figure
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33

TARGET = Path(__file__).parent / "images" / "angles.png"
# Lengths in pixels.
THIGH, SHANK, TRUNK, ARM, FOREARM, NECK, FOOT = 100, 100, 118, 76, 62, 50, 52
STANDING = {"trunk": 0, "head": 0, "thigh": 0, "shank": 0, "foot": 0, "arm": 0, "forearm": 0}
HAND = 26


@dataclass(frozen=True)
class Panel:
    """A body, the column to name, and the joint or the segment's end that the angle is drawn at."""

    title: str
    column: str
    at: str
    arms: tuple[str, str]  # of the angle: a keypoint, or a direction
    body: Mapping[str, float]
    is_frontal: bool = False


PANELS = (
    Panel(
        "knee",
        "right_knee_deg",
        "right_knee",
        ("beyond", "right_ankle"),
        {"thigh": 40, "shank": -35},
    ),
    Panel("hip", "right_hip_deg", "right_hip", ("beyond", "right_knee"), {"thigh": 60, "shank": 0}),
    Panel(
        "ankle", "right_ankle_deg", "right_ankle", ("square", "toe"), {"thigh": 25, "shank": -25}
    ),
    Panel(
        "shoulder",
        "right_shoulder_deg",
        "right_shoulder",
        ("trunk", "right_elbow"),
        {"arm": 80, "forearm": 80},
    ),
    Panel(
        "elbow",
        "right_elbow_deg",
        "right_elbow",
        ("beyond", "right_wrist"),
        {"arm": 15, "forearm": 95},
    ),
    Panel(
        "trunk",
        "trunk_deg",
        "right_hip",
        ("up", "right_shoulder"),
        {"trunk": 35, "head": 35, "arm": 0},
    ),
    Panel("head", "head_deg", "right_shoulder", ("up", "right_ear"), {"head": 35}),
    Panel(
        "thigh", "right_thigh_deg", "right_hip", ("down", "right_knee"), {"thigh": 45, "shank": 0}
    ),
    Panel(
        "shank",
        "right_shank_deg",
        "right_knee",
        ("down", "right_ankle"),
        {"thigh": 10, "shank": -50},
    ),
    Panel(
        "foot",
        "right_foot_deg",
        "right_heel",
        ("ahead", "right_foot_index"),
        {"thigh": 25, "shank": 20, "foot": 30},
    ),
    Panel(
        "arm",
        "right_arm_deg",
        "right_shoulder",
        ("down", "right_elbow"),
        {"arm": -45, "forearm": -45},
    ),
    Panel(
        "forearm",
        "right_forearm_deg",
        "right_elbow",
        ("down", "right_wrist"),
        {"arm": -20, "forearm": 60},
    ),
    Panel("pelvis", "pelvis_deg", "right_hip", ("ahead", "left_hip"), {"pelvis": 14}, True),
    Panel(
        "shoulders",
        "shoulders_deg",
        "right_shoulder",
        ("ahead", "left_shoulder"),
        {"shoulders": 14},
        True,
    ),
    Panel(
        "trunk_lateral", "trunk_lateral_deg", "mid_hip", ("up", "mid_shoulder"), {"trunk": 22}, True
    ),
    Panel(
        "knee_valgus",
        "left_knee_valgus_deg",
        "left_knee",
        ("beyond", "left_ankle"),
        {"valgus": 16},
        True,
    ),
)


def main() -> None:
    """Draw all panels."""
    figure = new_figure(12, 12.5)
    for axes, panel in zip(figure.subplots(4, 4).flat, PANELS, strict=True):
        points = _frontal(panel.body) if panel.is_frontal else _sagittal(panel.body)
        _draw_body(axes, points)
        _draw_angle(axes, panel, points, _measure(points, panel.column))
        axes.set_title(panel.title, fontsize=11)
        axes.set_aspect("equal")
        axes.set_xlim(-170, 170)
        axes.set_ylim(-230, 250)
        axes.set_axis_off()
    plots.save(figure, TARGET)


def _sagittal(changes: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Place a body that faces right by its segment angles; x ahead, y up."""
    body = STANDING | changes
    points = {"mid_hip": np.zeros(2)}
    for side in ("right", "left"):
        one = body if side == "right" else STANDING | {k: body[k] for k in ("trunk", "head")}
        hip = np.zeros(2)
        shoulder = hip + TRUNK * _up(one["trunk"])
        ear = shoulder + NECK * _up(one["head"])
        knee = hip + THIGH * _down(one["thigh"])
        ankle = knee + SHANK * _down(one["shank"])
        elbow = shoulder + ARM * _down(one["arm"])
        wrist = elbow + FOREARM * _down(one["forearm"])
        foot = np.radians(one["foot"])
        heel = ankle + _turned((-12, -14), foot)
        toe = heel + _turned((FOOT, 0), foot)
        names = ("hip", "shoulder", "ear", "knee", "ankle", "elbow", "wrist", "heel", "foot_index")
        found = (hip, shoulder, ear, knee, ankle, elbow, wrist, heel, toe)
        points |= {f"{side}_{name}": xy for name, xy in zip(names, found, strict=True)}
        points[f"{side}_index"] = wrist + HAND * _down(one["forearm"])
    points["nose"] = points["right_ear"] + _turned((17, -4), -np.radians(body["head"]))
    return points


def _frontal(changes: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Place a body that faces the camera: its left is on the right of the picture."""
    lean = np.radians(changes.get("trunk", 0))
    neck = TRUNK * np.array([np.sin(lean), np.cos(lean)])
    points = {"mid_hip": np.zeros(2), "mid_shoulder": neck, "nose": neck + _at(0, 42)}
    for side, sign in (("right", -1), ("left", 1)):
        hip = sign * _turned((26, 0), np.radians(changes.get("pelvis", 0)))
        shoulder = neck + sign * _turned((40, 0), np.radians(changes.get("shoulders", 0)) - lean)
        bent = np.radians(changes.get("valgus", 0)) / 2
        knee = hip + THIGH * np.array([-sign * np.sin(bent), -np.cos(bent)])
        ankle = knee + SHANK * np.array([sign * np.sin(bent), -np.cos(bent)])
        elbow = shoulder + _at(sign * 12, -ARM)
        points |= {f"{side}_hip": hip, f"{side}_shoulder": shoulder, f"{side}_knee": knee}
        points |= {f"{side}_ankle": ankle, f"{side}_elbow": elbow}
        points |= {f"{side}_wrist": elbow + _at(sign * 4, -FOREARM)}
        points |= {f"{side}_ear": neck + _at(sign * 13, 45), f"{side}_heel": ankle + _at(0, -12)}
        points |= {f"{side}_foot_index": ankle + _at(sign * 7, -20)}
    return points


def _measure(points: Mapping[str, np.ndarray], column: str) -> float:
    nowhere = np.full(2, np.nan)
    xy = np.array([points.get(name, nowhere) for name in BLAZEPOSE33.keypoints]) * (1, -1) + 300
    poses = Poses(
        skeleton=BLAZEPOSE33,
        frame_time_s=[0.0],
        frame=[0],
        xy=xy[None],
        score=np.isfinite(xy[None, :, 0]),
    )
    return float(angles.measure(poses)[column].iloc[0])


def _draw_body(axes: Axes, points: Mapping[str, np.ndarray]) -> None:
    for a, b in BLAZEPOSE33.edges:
        if a in points and b in points:
            side = {name.split("_")[0] for name in (a, b)}
            colour = LEFT if side == {"left"} else RIGHT if side == {"right"} else MIDDLE
            is_far = colour == LEFT
            axes.plot(*np.array([points[a], points[b]]).T, color=colour, linewidth=2.5,
                      solid_capstyle="round", zorder=1 if is_far else 2)  # fmt: skip
    axes.plot(*points["nose"], ".", color=MIDDLE, markersize=5)
    head = np.mean([points["left_ear"], points["right_ear"]], axis=0)
    axes.plot(*head, "o", color="none", markeredgecolor=MIDDLE, markersize=19)


def _draw_angle(axes: Axes, panel: Panel, points: dict[str, np.ndarray], value: float) -> None:
    at = points[panel.at]
    zero, end = (_arm_deg(panel, points, name) for name in panel.arms)
    for direction in (zero, end):
        tip = at + 62 * np.array([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
        axes.plot(
            *np.array([at, tip]).T, color="0.35", linewidth=1, linestyle=(0, (3, 2)), zorder=3
        )
    turn = (end - zero + 180) % 360 - 180
    low, high = sorted((zero, zero + turn))
    axes.add_patch(
        Arc(at, 84, 84, theta1=low, theta2=high, color="#009E73", linewidth=2.5, zorder=4)
    )
    middle = np.radians(zero + turn / 2)
    where = at + (90 if abs(turn) < 40 else 68) * np.array([np.cos(middle), np.sin(middle)])
    axes.text(*where, f"{value:+.0f}", ha="center", va="center", fontsize=12, weight="bold",
              color="#00684C", zorder=5)  # fmt: skip


def _arm_deg(panel: Panel, points: Mapping[str, np.ndarray], name: str) -> float:
    """Return the direction of one arm of the angle, from x towards y."""
    fixed = {"up": 90.0, "down": -90.0, "ahead": 0.0}
    if name in fixed:
        return fixed[name]
    at = points[panel.at]
    side = panel.at.split("_")[0]
    before = {"knee": "hip", "hip": "shoulder", "elbow": "shoulder", "ankle": "knee"}
    vectors = {
        "beyond": lambda: at - points[f"{side}_{before[panel.at.split('_')[1]]}"],
        "square": lambda: _turned(at - points[f"{side}_knee"], np.pi / 2),
        "trunk": lambda: points[f"{side}_hip"] - at,
        "toe": lambda: points[f"{side}_foot_index"] - points[f"{side}_heel"],
    }
    vector = vectors[name]() if name in vectors else points[name] - at
    return float(np.degrees(np.arctan2(vector[1], vector[0])))


def _at(x: float, y: float) -> np.ndarray:
    return np.array([x, y])


def _up(lean_deg: float) -> np.ndarray:
    return np.array([np.sin(np.radians(lean_deg)), np.cos(np.radians(lean_deg))])


def _down(ahead_deg: float) -> np.ndarray:
    return np.array([np.sin(np.radians(ahead_deg)), -np.cos(np.radians(ahead_deg))])


def _turned(vector: tuple[float, float] | np.ndarray, angle_rad: float) -> np.ndarray:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([cos * vector[0] - sin * vector[1], sin * vector[0] + cos * vector[1]])


if __name__ == "__main__":
    main()
