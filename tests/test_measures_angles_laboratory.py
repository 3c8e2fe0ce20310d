"""Angles of markers, seen from the side, against the inverse kinematics of a laboratory."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from opensim_walk import _joints, read_trc

from kinetrace.measures import angles
from kinetrace.poses import Poses, Skeleton


@pytest.mark.shared
def test_a_laboratorys_walk(shared) -> None:
    """RMSE against OpenSim's inverse kinematics, in degrees.

    The laboratory's model has other joint centres than the middle of the markers. What that makes
    of an angle is measured where the person stands still, and taken off; nothing is fitted.
    """
    folder = shared / "data/opensim_gait2354_simbody"
    walk, standing = (_angles_of(folder, f"subject01_{name}.trc") for name in ("walk1", "static"))
    model = _read_mot(folder / "subject01_walk1_ik.mot")
    still = {
        k: v * 180 / math.pi for k, v in _read_mot(folder / "subject01_static_output.mot").items()
    }
    errors = {}
    for name, column, sign in (
        ("knee", "knee_angle", -1),
        ("ankle", "ankle_angle", 1),
        ("thigh", "hip_flexion", 1),
    ):
        for side in ("left", "right"):
            truth = sign * model[f"{column}_{side[0]}"]
            at_rest = sign * still[f"{column}_{side[0]}"][0]
            if name == "thigh":  # the model's hip is against the pelvis, ours against the trunk
                truth, at_rest = truth + model["pelvis_tilt"], at_rest + still["pelvis_tilt"][0]
            got = np.interp(model["time"], walk["time_s"], walk[f"{side}_{name}_deg"])
            offset = standing[f"{side}_{name}_deg"].mean() - at_rest
            errors[name, side] = (
                math.sqrt(np.mean((got - truth) ** 2)),
                offset,
                math.sqrt(np.mean((got - offset - truth) ** 2)),
            )
    for key, (raw, offset, rest) in errors.items():
        print(f"{key}: RMSE {raw:.2f}, offset {offset:.2f}, without it {rest:.2f}")
    assert max(rest for (name, _), (_, _, rest) in errors.items() if name == "knee") < 5
    assert max(rest for _, _, rest in errors.values()) < 5
    assert all(abs(offset) < 8 for _, offset, _ in errors.values())


def _angles_of(folder, name: str) -> pd.DataFrame:
    time_s, markers = read_trc(folder / name)
    points = {"nose": np.full((len(time_s), 2), np.nan), **_joints(folder, markers)}
    xy = np.stack(list(points.values()), axis=1) * (400, -400) + 1000
    poses = Poses(
        skeleton=Skeleton(name="markers", keypoints=tuple(points)),
        frame_time_s=time_s,
        frame=np.arange(len(time_s)),
        xy=xy,
        score=np.isfinite(xy[..., 0]),
    )
    table = angles.measure(poses)
    assert set(table["facing"]) == {"right"}
    return table


def _read_mot(path) -> dict[str, np.ndarray]:
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == "endheader")
    values = np.array([[float(v) for v in line.split()] for line in lines[start + 2 :] if line])
    return dict(zip(lines[start + 1].split(), values.T, strict=True))
