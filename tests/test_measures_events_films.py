from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from events_cases import kinds
from small_hrnet import small_hrnet

from kinetrace.poses import Poses, Skeleton

# Where people lie on the floor or on a bench.
LYING = {"situp", "bench_press", "pushup"}


def penn_action(shared: Path, every: int) -> list[tuple[str, Poses]]:
    """Some of the clips with what is done in them; they tell no frame rate: 30 a second."""
    data = np.load(shared / "data/penn_action_train.npz")
    names = [j.replace("l_", "left_").replace("r_", "right_") for j in data["joints"].tolist()]
    skeleton = Skeleton(name="penn13", keypoints=tuple(names))
    clips = []
    for i in range(0, len(data["clip"]), every):
        part = slice(data["start"][i], data["stop"][i])
        visible = data["visible"][part] > 0
        n = len(visible)
        height, width = data["height_width"][i].tolist()
        poses = Poses(
            skeleton=skeleton,
            frame_time_s=np.arange(n) / 30,
            frame=np.arange(n),
            track_id=np.zeros(n, dtype=np.int64),
            xy=np.where(visible[..., None], data["xy"][part], np.nan),
            score=visible.astype(float),
            size_wh=(width, height),
        )
        clips.append((str(data["action"][i]), poses))
    return clips


@pytest.mark.shared
def test_hardly_any_sport_is_a_fall_though_half_a_second_of_lying_is_enough(shared: Path) -> None:
    clips = penn_action(shared, every=12)
    falls: Counter[str] = Counter()
    lying: Counter[str] = Counter()
    for action, poses in clips:
        found = kinds(poses, lying_s=0.5)
        falls[action] += "fall" in found
        lying[action] += "lying" in found
    assert sum(falls.values()) <= 0.01 * len(clips)
    there = Counter(action for action, _ in clips)
    assert sum(lying[a] for a in LYING) >= 0.6 * sum(there[a] for a in LYING)
    # Bowlers and squatters lean so low for a moment, but not for the two seconds of the default.
    others = [poses for action, poses in clips if action not in LYING]
    assert sum("lying" in kinds(poses) for poses in others) <= 0.02 * len(others)


@pytest.mark.shared
def test_a_jump_from_a_bar_into_a_crouch_is_no_fall(shared: Path) -> None:
    pytest.importorskip("onnxruntime")
    from kinetrace import estimate

    poses = estimate(
        shared / "data/videos/walk_and_jump.mp4",
        start_s=5.5,
        every=2,
        **small_hrnet(shared),
    )
    assert len(poses) > 30  # he crouches, his trunk level, his hands on the ground, and runs on
    assert kinds(poses) == []
