"""What is live takes one frame after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kinetrace.live.events import LiveEvents
from kinetrace.live.gait import LiveGait
from kinetrace.live.repetitions import LiveRepetitions
from kinetrace.testing import walker


@pytest.mark.parametrize("make", [LiveEvents, LiveGait, LiveRepetitions])
def test_one_frame_after_the_other(make: Callable[[], Any]) -> None:
    poses, _ = walker(duration_s=1)
    stream, other = make(), make()
    stream.update(poses.frames(3, 4))
    with pytest.raises(ValueError, match="one frame at a time, got 2"):
        stream.update(poses.frames(4, 6))
    with pytest.raises(ValueError, match="reset"):
        stream.update(poses.frames(3, 4))
    stream.reset()
    assert stream.update(poses.frames(0, 1)) == other.update(poses.frames(0, 1))
