"""A walk with markers and force plates, as what a camera at the side would give.

OpenSim's example data `gait2354_simbody`: markers in mm at 60 Hz (x ahead, y up, z to the right),
forces at 600 Hz. It was recorded on a treadmill: the pelvis stays where it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import COCO17

MARKERS = Skeleton(
    name="markers",
    keypoints=(
        *("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
        *("left_heel", "right_heel", "left_foot_index", "right_foot_index"),
    ),
)
# Heel strikes as the data's description has them.
HEEL_STRIKE_S = {"right": (0.618, 1.853), "left": (1.247, 2.460)}
# Of the 20 N at which a force plate is taken to be loaded (Zeni et al. 2008 take the same).
_LOADED_N = 20.0


def read_trc(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return times (T,), and by the marker's name its (T, 3) positions in metres."""
    lines = path.read_text().splitlines()
    names = [name for name in lines[3].split("\t")[2:] if name.strip()]
    rows = [line.rstrip("\t").split("\t") for line in lines[5:] if line.strip()]
    values = np.array([[float(v) for v in row] for row in rows])
    points = values[:, 2:].reshape(len(values), len(names), 3) / 1000
    # The file rounds its times to the millisecond.
    time_s = np.arange(len(values)) / 60
    return time_s, {name: points[:, i] for i, name in enumerate(names)}


def toe_offs_s(folder: Path) -> dict[str, np.ndarray]:
    """Return when the vertical force of each foot falls below 20 N."""
    lines = (folder / "subject01_walk1_grf.mot").read_text().splitlines()
    values = np.array([[float(v) for v in line.split()] for line in lines[7:] if line.strip()])
    found = {}
    for side, column in (("right", 2), ("left", 8)):
        force = values[:, column]
        before = np.flatnonzero((force[:-1] >= _LOADED_N) & (force[1:] < _LOADED_N))
        share = (force[before] - _LOADED_N) / (force[before] - force[before + 1])
        found[side] = values[before, 0] + share * (values[before + 1, 0] - values[before, 0])
    return found


def side_view(
    folder: Path,
    *,
    fps: int = 60,
    noise_px: float = 0.0,
    seed: int = 0,
    px_per_m: float = 300.0,
    by_ankle: bool = False,
) -> Poses:
    """Project the walk to the sagittal plane.

    Parameters
    ----------
    folder
        Of the data.
    fps
        60, or a whole part of it.
    noise_px, seed
        Standard deviation of the noise on each coordinate.
    px_per_m
        Scale of the picture.
    by_ankle
        As COCO's 17 keypoints, which have ankles, and neither heel nor toe.
    """
    time_s, markers = read_trc(folder / "subject01_walk1.trc")
    points = _joints(folder, markers)
    skeleton = COCO17 if by_ankle else MARKERS
    nowhere = np.full((len(time_s), 2), np.nan)
    xy_m = np.stack([points.get(name, nowhere) for name in skeleton.keypoints], axis=1)
    xy = (xy_m * (1, -1) + (0.5, 2.0)) * px_per_m
    step = 60 // fps
    xy, time_s = xy[::step], time_s[::step]
    xy = xy + np.random.default_rng(seed).normal(0, noise_px, xy.shape)
    return Poses(
        skeleton=skeleton,
        frame_time_s=time_s,
        frame=np.arange(len(time_s)),
        xy=xy,
        score=np.isfinite(xy[..., 0]),
    )


def _joints(folder: Path, markers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return joints (T, 2) in the sagittal plane, x ahead and y up, in metres."""
    _, standing = read_trc(folder / "subject01_static.trc")
    points: dict[str, np.ndarray] = {}
    for side, letter in (("left", "L"), ("right", "R")):
        points[f"{side}_hip"] = _hip(markers, letter)
        points[f"{side}_shoulder"] = markers[f"{letter}.Acromium"]
        points[f"{side}_heel"] = markers[f"{letter}.Heel"]
        points[f"{side}_foot_index"] = markers[f"{letter}.Toe.Tip"]
        # The walk has no markers at knee and ankle: they go with those on the shank.
        shank = [f"{letter}.Shank.{name}" for name in ("Upper", "Front", "Rear")]
        for joint in ("Knee", "Ankle"):
            at = (standing[f"{letter}.{joint}.Lat"] + standing[f"{letter}.{joint}.Med"])[0] / 2
            still = np.stack([standing[name][0] for name in shank])
            moving = np.stack([markers[name] for name in shank], axis=1)
            points[f"{side}_{joint.lower()}"] = _carried(at, still, moving)
    return {name: xyz[:, :2] for name, xyz in points.items()}


def _carried(point: np.ndarray, still: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Return where a point (3,) of a rigid body goes, by its markers: Kabsch's rotation."""
    centre, centres = still.mean(axis=0), moving.mean(axis=1)
    cross = np.einsum("ki,tkj->tij", still - centre, moving - centres[:, None])
    u, _, vt = np.linalg.svd(cross)
    sign = np.sign(np.linalg.det(u @ vt))
    u = u * np.stack([np.ones_like(sign), np.ones_like(sign), sign], axis=1)[:, None]
    return centres + np.einsum("i,tij->tj", point - centre, u @ vt)


def _hip(markers: dict[str, np.ndarray], letter: str) -> np.ndarray:
    """Place a hip's centre from the pelvis: Bell, Pedersen and Brand, J Biomech 23, 1990.

    From the front spine of that side 14 % of the distance between both inwards, 30 % down and
    19 % back.
    """
    own, other = (markers[f"{x}.ASIS"] for x in (letter, "L" if letter == "R" else "R"))
    width = np.linalg.norm(own - other, axis=1, keepdims=True)
    inwards = (other - own) / width
    return own + width * (0.14 * inwards + np.array([-0.19, -0.30, 0.0]))
