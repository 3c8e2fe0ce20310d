from __future__ import annotations

import numpy as np
import pytest
from gait_cases import events_of, there_and_back

from kinetrace.live.gait import LiveGait
from kinetrace.measures import gait
from kinetrace.poses import Poses
from kinetrace.testing import walker


def live(poses: Poses, **options: object) -> tuple[list[tuple[float, object]], LiveGait]:
    """Every event with the time at which it was told."""
    stream = LiveGait(**options)
    told = []
    for i, now_s in enumerate(poses.frame_time_s):
        told += [(now_s, event) for event in stream.update(poses.frames(i, i + 1))]
    return told, stream


@pytest.mark.parametrize("noise_px", [0, 2])
@pytest.mark.parametrize("walk", ["on", "there and back"])
def test_live_events_are_those_of_the_whole_film(walk: str, noise_px: float) -> None:
    poses = (
        walker(duration_s=9, noise_px=noise_px)[0] if walk == "on" else there_and_back(noise_px)[0]
    )
    told, stream = live(poses)
    whole = gait.find_events(poses)
    end_s = poses.frame_time_s[-1]
    for _, event in told:
        times = events_of(whole, event.event, event.side)
        assert np.abs(times - event.time_s).min() < 0.01
    # All are told but the last ones, which have not settled, and one where a walk begins.
    begins_s = [0.0] if walk == "on" else [0.0, 8.0]
    for _, event in whole.iterrows():
        is_told = any(
            (e.event, e.side) == (event["event"], event["side"])
            and abs(e.time_s - event["time_s"]) < 0.01
            for _, e in told
        )
        is_first = any(0 <= event["time_s"] - begin_s < 0.3 for begin_s in begins_s)
        assert is_told or is_first or event["time_s"] > end_s - 0.8
    assert len({(e.event, e.side, round(e.time_s, 1)) for _, e in told}) == len(told)
    delays_s = np.array([now_s - event.time_s for now_s, event in told])
    assert delays_s.min() >= 0.35 - 1e-9
    assert delays_s.max() <= 4.0
    assert np.median(delays_s) < 0.6
    assert stream.cadence_steps_per_min(0) == pytest.approx(108, rel=0.02)


def test_live_memory_is_bounded() -> None:
    poses, _ = walker(duration_s=12, fps=25)
    stream = LiveGait()
    kept = []
    for i in range(len(poses.frame_time_s)):
        stream.update(poses.frames(i, i + 1))
        kept.append(len(stream._frames) + sum(len(w.recent) for w in stream._walkers.values()))
    assert max(kept) <= 4 * 25 + 2 + 40
    assert np.isnan(stream.cadence_steps_per_min(99))


def test_one_frame_tells_nothing_and_the_notes_say_why() -> None:
    poses, _ = walker(duration_s=1)
    stream = LiveGait()
    assert stream.update(poses.frames(0, 1)) == []
    assert any("no clock" in note for note in stream.notes)
