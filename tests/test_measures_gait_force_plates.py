from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gait_cases import events_of
from opensim_walk import HEEL_STRIKE_S, side_view, toe_offs_s

from kinetrace.measures import gait
from kinetrace.poses import Poses

OPENSIM = Path("data/opensim_gait2354_simbody")


def force_plate_errors_s(poses: Poses, folder: Path, method: str = "zeni") -> np.ndarray:
    """(8,) found minus true, NaN where an event was not found within 0.15 s."""
    table = gait.find_events(poses, method=method)
    errors = []
    for kind, of in (("heel_strike", HEEL_STRIKE_S), ("toe_off", toe_offs_s(folder))):
        for side, times in of.items():
            found = events_of(table, kind, side)
            for time_s in times:
                near = found[np.abs(found - time_s) < 0.15]
                errors.append(near[0] - time_s if len(near) == 1 else np.nan)
    assert len(table) <= 8
    return np.array(errors)


@pytest.mark.shared
@pytest.mark.parametrize("fps", [60, 30])
@pytest.mark.parametrize("noise_px", [0.0, 3.0])
def test_events_against_force_plates(shared: Path, fps: int, noise_px: float) -> None:
    folder = shared / OPENSIM
    errors = [
        force_plate_errors_s(side_view(folder, fps=fps, noise_px=noise_px, seed=seed), folder)
        for seed in range(8 if noise_px else 1)
    ]
    assert np.isnan(errors).mean() <= 0.02
    assert np.nanmean(np.abs(errors)) < 0.020
    assert np.nanmax(np.abs(errors)) < 0.060


@pytest.mark.shared
def test_the_other_method_and_the_ankle_against_force_plates(shared: Path) -> None:
    folder = shared / OPENSIM
    poses = side_view(folder)
    # O'Connor's heel strike needs the heel to come down within the film: the last does not.
    assert np.nanmean(np.abs(force_plate_errors_s(poses, folder, "oconnor"))) < 0.025
    by_ankle = force_plate_errors_s(side_view(folder, by_ankle=True), folder)
    assert np.abs(by_ankle).mean() < 0.040


@pytest.mark.shared
def test_the_walk_on_the_treadmill_has_its_cadence(shared: Path) -> None:
    table = gait.measure(side_view(shared / OPENSIM))
    strikes = np.sort(np.concatenate(list(HEEL_STRIKE_S.values())))
    expected = 60 / np.diff(strikes).mean()
    found = gait.summarise(table)["cadence_steps_per_min"].iloc[0]
    assert found == pytest.approx(expected, rel=0.01)
