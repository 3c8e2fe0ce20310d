from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from events_cases import COLUMNS, live, together

from kinetrace.live.events import Definitions, LiveEvents
from kinetrace.measures import events
from kinetrace.testing import mover

ALL = (
    *("stand", "fall forward", "sit", "raise left hand", "stand still"),
    *("lie down", "fall from chair", "push-up", "walk"),
)


def rows(events_: list) -> set[tuple]:
    return {tuple(str(getattr(event, name)) for name in COLUMNS) for event in events_}


@pytest.mark.parametrize("options", [{}, {"lying_s": 1.0, "stillness_s": 5.0}])
def test_live_events_are_those_of_the_whole_film(options: dict[str, float]) -> None:
    poses, _ = mover(ALL, yaw_deg=200, noise_px=3, miss_rate=0.05, seed=2, fps=15)
    told, _ = live(poses, definitions=Definitions(**options))
    over = [event for _, event in told if np.isfinite(event.end_s)]
    whole = list(events.measure(poses, **options).itertuples())
    assert len(whole) > 6
    assert rows(over) == rows(whole)
    assert len(over) == len(whole)


def test_an_alarm_comes_when_the_definition_is_met() -> None:
    poses, _ = mover(["stand", "fall backward", "raise right hand"], yaw_deg=30)
    told, _ = live(poses)
    fall_s, fall = next((now_s, e) for now_s, e in told if e.event == "fall")
    lying_s, lying = next((now_s, e) for now_s, e in told if e.event == "lying")
    assert np.isfinite(fall.end_s)
    assert np.isnan(lying.end_s)
    assert fall_s == lying_s == pytest.approx(lying.start_s + 2.0, abs=0.04)
    assert fall.confidence > 0.5
    hand_s = [now_s - e.start_s for now_s, e in told if e.event == "raised_hand"]
    assert hand_s[0] == pytest.approx(1.0, abs=0.04)


def test_each_event_begins_once_and_ends_once() -> None:
    poses, _ = mover(ALL, noise_px=3, miss_rate=0.1, seed=5, fps=15)
    told, _ = live(poses)
    for kind in {event.event for _, event in told} - {"fall"}:
        own = [event for _, event in told if event.event == kind]
        assert [np.isnan(event.end_s) for event in own] == [True, False] * (len(own) // 2)


def test_who_is_not_seen_any_more_has_ended_what_they_did() -> None:
    poses, _ = mover(["stand", "sit"])
    sits_s = events.measure(poses)["start_s"].iloc[0]
    gone = poses.rows(poses.frame_time_s[poses.frame] < sits_s + 4)
    told, _ = live(gone)
    now_s, event = told[-1]
    assert event.event == "sitting"
    assert now_s == pytest.approx(sits_s + 5, abs=0.1)
    assert event.end_s == pytest.approx(sits_s + 4, abs=0.1)


def test_live_memory_is_bounded() -> None:
    film, _ = mover(["stand still", "sit", "stand still"], fps=20, noise_px=2)
    films = together([film, film], [0, 300])
    stream = LiveEvents()
    kept = []
    for i in range(len(films.frame_time_s)):
        stream.update(films.frames(i, i + 1))
        kept.append(sum(len(p._sinking._moments) for p in stream._scene._people.values()))
    seconds = 1.5 + 2.0 + 2.0
    assert max(kept) <= 2 * (seconds * 20 + 2)
    nobody = film.rows(np.zeros(len(film), dtype=bool))
    later_s = film.frame_time_s[-1:] + 2
    stream.update(dataclasses.replace(nobody.frames(0, 1), frame_time_s=later_s))
    assert not stream._scene._people
