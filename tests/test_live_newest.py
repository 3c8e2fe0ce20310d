"""The newest frame wins, whatever the source."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from film import write_cut_film, write_film
from waiting import wait_for

from kinetrace.errors import SourceError, TruncatedError
from kinetrace.frames import Frame, open_frames
from kinetrace.live.newest import NewestFrames

BLACK = np.zeros((8, 8, 3), np.uint8)


def test_who_is_slow_sees_the_newest_and_nothing_twice() -> None:
    """A camera that sends three frames for each one that is looked at."""
    go = threading.Semaphore(1)

    def camera() -> Iterator[Frame]:
        for number in range(30):
            go.acquire()
            yield Frame(BLACK, number, number / 30)

    seen = []
    with NewestFrames(open_frames(camera())) as newest:
        for frame in newest:
            seen.append(frame.index)
            for _ in range(3):
                go.release()
            # All three have come: one waits, and the others are dropped.
            come = min(29, 3 * len(seen))
            wait_for(lambda come=come: len(seen) + newest.dropped >= come, "three frames")
    assert seen == [*range(0, 28, 3), 29]
    assert newest.dropped == 30 - len(seen)


def test_a_film_is_played_to_its_end(tmp_path: Path) -> None:
    path = write_film(tmp_path / "clip.mp4", [i * 20 for i in range(25)])
    with NewestFrames(open_frames(path)) as newest:
        seen = [frame.time_s for frame in newest]
    assert seen[0] == 0.0
    assert seen[-1] == pytest.approx(0.48)
    assert np.all(np.diff(seen) > 0)
    assert len(seen) + newest.dropped == 25


def test_what_is_cut_short_says_so_behind_its_last_frame(tmp_path: Path) -> None:
    path = write_cut_film(tmp_path / "clip.mp4", 60)
    there, seen = [], []
    for frames, found in ((open_frames(path), there), (NewestFrames(open_frames(path)), seen)):
        with frames, pytest.raises(TruncatedError):
            for frame in frames:
                found.append(frame.index)
    assert 5 < seen[-1] == there[-1] < 59


def test_pictures_have_no_clock() -> None:
    films = open_frames([BLACK, BLACK])
    with NewestFrames(films) as newest, pytest.raises(SourceError, match="no clock"):
        next(newest)


def test_closing_ends_the_thread_wherever_it_is(tmp_path: Path) -> None:
    path = write_film(tmp_path / "clip.mp4", [i * 10_000 for i in range(5)])
    newest = NewestFrames(open_frames(path))
    next(newest)
    newest.close()  # it waits for somebody to ask for the second frame
    newest.close()
    newest = NewestFrames(open_frames(path))
    next(newest), next(newest)
    newest.close()  # it waits for ten seconds to go by
    names = [thread.name for thread in threading.enumerate()]
    assert "kinetrace-newest" not in names
