"""The time of a stream's frames."""

from __future__ import annotations

from kinetrace.poses import Poses


def next_time_s(poses: Poses, last_s: float) -> float:
    """Return the time of a stream's next frame.

    Parameters
    ----------
    poses
        One frame.
    last_s
        Time of the frame before; minus infinity before the first.

    Raises
    ------
    ValueError
        If it is not one frame, has no time, or one that does not come after the last.
    """
    if len(poses.frame_time_s) != 1:
        raise ValueError(f"update takes one frame at a time, got {len(poses.frame_time_s)}")
    time_s = float(poses.frame_time_s[0])
    if not time_s > last_s:
        raise ValueError(
            f"a frame at {time_s:g} s cannot follow one at {last_s:g} s; call reset() first where "
            "another film begins"
        )
    return time_s
