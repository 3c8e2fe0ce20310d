"""How far a recording can be trusted, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace import view
from kinetrace.points import seen
from kinetrace.poses import Poses
from kinetrace.report._wording import person, plural
from kinetrace.scale import tilt_from_people

Level: TypeAlias = Literal["good", "note", "caution"]

_LEAST_HZ, _GOOD_HZ = 15.0, 25.0
_UNEVEN = 0.25  # of the time between two frames
_SHORT_S, _SHORT_SHARE = 1.0, 0.1
_SMALL_PX = 120.0
_LOW_SCORE, _MOST_MISSING = 0.5, 0.2
_TILT_DEG = 5.0
_ALWAYS = 0.95


@dataclass(frozen=True)
class Finding:
    """Something to know about a recording: what is good, what is so, what to be careful about."""

    level: Level
    text: str


@dataclass(frozen=True)
class Clock:
    """The times of a film's frames.

    Attributes
    ----------
    length_s
        From the first frame looked at to the end of the last.
    rate_hz
        Frames a second: 1 over the median time between two.
    is_even
        Whether hardly any two frames are closer or further apart than that.
    """

    length_s: float
    rate_hz: float
    is_even: bool


def clock_of(poses: Poses) -> Clock | None:
    """Return the times of a film; None of photos, of a single frame and where there are none."""
    step_s = np.diff(poses.frame_time_s)
    if not len(step_s) or not np.all(step_s > 0):
        return None
    median_s = float(np.median(step_s))
    is_even = bool(np.mean(np.abs(step_s - median_s) > _UNEVEN * median_s) < 0.01)
    length_s = float(poses.frame_time_s[-1] - poses.frame_time_s[0]) + median_s
    return Clock(length_s, 1 / median_s, is_even)


def assess(poses: Poses, shown: Sequence[int], *, min_score: float = 0.3) -> list[Finding]:
    """Say what limits whatever is measured on these poses.

    Parameters
    ----------
    poses
        Everybody.
    shown
        The ids of the people about whom the report is.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    list of Finding
        Cautions first.
    """
    findings = [*_of_film(poses)]
    if len(poses):
        findings += _of_everybody(poses, min_score)
        views = view.classify(poses, min_score=min_score)
        for track_id in shown:
            findings += _of_view(person(track_id), views[track_id])
            findings += _of_person(poses, track_id, min_score)
        gone = max(_share_missing(poses, i, min_score) for i in shown)
        if gone <= _MOST_MISSING:
            whose = " or more of everybody's" if len(shown) > 1 else " of the body's"
            findings.append(Finding("good", f"{_percent(1 - gone)}{whose} points are seen."))
    order: tuple[Level, ...] = ("caution", "note", "good")
    return sorted(findings, key=lambda finding: order.index(finding.level))


def missing(poses: Poses, track_id: int, min_score: float) -> npt.NDArray[np.float64]:
    """Return for each keypoint in what share of a person's rows it is missing: (K,), 0 to 1."""
    xy = seen(poses.xy, poses, min_score)[poses.track_id == track_id]
    return np.asarray(np.isnan(xy).any(axis=2).mean(axis=0))


def _share_missing(poses: Poses, track_id: int, min_score: float) -> float:
    shares = missing(poses, track_id, min_score)
    return float(shares.mean()) if len(shares) else 0.0


def _of_film(poses: Poses) -> Iterator[Finding]:
    frames = len(poses.frame_time_s)
    clock = clock_of(poses)
    if clock is None:
        yield Finding("note", _without_clock(frames))
    elif clock.rate_hz < _LEAST_HZ:
        yield Finding(
            "caution",
            f"Only {clock.rate_hz:.3g} pictures a second: quick movements fall between two of "
            "them, and steps cannot be timed. Film at 30 a second or more.",
        )
    elif clock.rate_hz < _GOOD_HZ:
        yield Finding(
            "note",
            f"{clock.rate_hz:.3g} pictures a second: enough for slow movements; times of steps "
            "are less certain. 30 a second or more are good.",
        )
    else:
        yield Finding("good", f"{clock.rate_hz:.4g} pictures a second: enough for walking.")
    if clock and not clock.is_even:
        yield Finding(
            "note",
            "The time between two pictures varies, as in films of many telephones. The true times "
            "are used.",
        )
    empty = frames - len(np.unique(poses.frame))
    if not len(poses):
        yield Finding(
            "caution",
            f"Nobody was found in {plural(frames, 'picture')}, so that nothing can be measured. "
            "Film the whole person, in good light.",
        )
    elif empty > _MOST_MISSING * frames:
        yield Finding("note", f"There is nobody in {_percent(empty / frames)} of the pictures.")


def _without_clock(frames: int) -> str:
    if frames == 1:
        return "This is a single picture: it shows a posture. A movement needs a film."
    return "The pictures have no times: speed, steps and durations cannot be measured."


def _of_everybody(poses: Poses, min_score: float) -> Iterator[Finding]:
    if len(np.unique(poses.frame[poses.track_id < 0])) < int(np.sum(poses.track_id < 0)):
        yield Finding(
            "caution",
            "Several people were not told apart, so that no movement of one person can be "
            "followed. Run kinetrace track on the table first.",
        )
    try:
        tilt_deg = tilt_from_people(poses, min_score=min_score)
    except ValueError:
        yield Finding(
            "note",
            "Whether the camera stood level cannot be told: nobody is seen upright from the "
            "shoulders to the ankles.",
        )
        return
    if abs(tilt_deg) > _TILT_DEG:
        yield Finding(
            "caution",
            f"The camera seems to be tilted by {abs(tilt_deg):.0f}°, or people lean that much: "
            "angles against the vertical and the horizontal are off by as much. Place it level, "
            "or state the tilt.",
        )


def _of_view(who: str, found: view.View) -> Iterator[Finding]:
    often = "" if found.confidence > _ALWAYS else f" {_percent(found.confidence)} of the time"
    if found.name == "unknown":
        yield Finding(
            "caution",
            f"{who}: shoulders and hips are not seen together, so that nobody can tell from which "
            "side the person is filmed. Most angles are not measured.",
        )
    elif found.name == "oblique":
        yield Finding(
            "caution",
            f"{who} is seen at an angle{often}: angles and lengths are those of the "
            "picture, and smaller than those of the body. Film from the side.",
        )
    else:
        side = "from the side" if found.name == "side" else f"from the {found.name}"
        what = (
            "bending and stretching of the joints, and steps, can be seen"
            if found.name == "side"
            else "how level and how straight the body is can be seen; bending of hip and knee not"
        )
        yield Finding("note", f"{who} is seen {side}{often}: {what}.")


def _of_person(poses: Poses, track_id: int, min_score: float) -> Iterator[Finding]:
    who = person(track_id)
    rows = poses.rows(poses.track_id == track_id)
    share = len(np.unique(rows.frame)) / len(poses.frame_time_s)
    clock = clock_of(poses)
    if clock and share * clock.length_s < max(_SHORT_S, _SHORT_SHARE * clock.length_s):
        seconds = f"{share * clock.length_s:.1f} s"
        yield Finding("caution", f"{who} is seen for {seconds} only, of {clock.length_s:.1f} s.")
    gone = _share_missing(poses, track_id, min_score)
    if gone > _MOST_MISSING:
        yield Finding(
            "caution",
            f"{who}: {_percent(gone)} of the body's points are missing, hidden or uncertain.",
        )
    scores = rows.score[rows.score >= min_score]
    if len(scores) and np.median(scores) < _LOW_SCORE:
        yield Finding(
            "caution",
            f"{who}: the points are uncertain (score {np.median(scores):.2f} of 1). Better light, "
            "a plain background and close clothes help.",
        )
    height_px = rows.bbox_xyxy[:, 3] - rows.bbox_xyxy[:, 1]
    height_px = height_px[np.isfinite(height_px)]
    if len(height_px) and np.median(height_px) < _SMALL_PX:
        yield Finding(
            "caution",
            f"{who} is small in the picture ({np.median(height_px):.0f} px): a point that is off "
            "by one pixel shifts angles by degrees. Film from nearer.",
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
