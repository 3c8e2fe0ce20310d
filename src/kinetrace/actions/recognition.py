"""Actions in films of any length: windows that slide over each person's movement."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from kinetrace.actions.features import LEAST_FRAMES, Floats, joints_of
from kinetrace.actions.model_file import ActionModel
from kinetrace.measures import make_table, people
from kinetrace.poses import IntArray, Poses

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "unknown"
_LONG_GAP_S = 1.0  # nobody can tell what somebody did who was not seen for so long
# Windows, relative to the usual length of an action, and how far they slide, relative to their own.
_SCALES = (0.5, 1.0, 2.0)
_STEP = 0.25
_LEAST_SHARE = 0.25  # of the usual length; what is shorter between two that are the same is noise

_Row: TypeAlias = tuple[int, float, float, str, float]


@dataclasses.dataclass(frozen=True)
class _Stretch:
    """Rows of one person between two long gaps."""

    track_id: int
    xy: Floats
    time_s: Floats
    end_s: float


def recognise(
    poses: Poses,
    model: ActionModel,
    *,
    window_s: float | None = None,
    whole: bool = False,
    min_confidence: float = 0.6,
    min_score: float = 0.3,
) -> pd.DataFrame:
    """Tell what each person does, and from when to when.

    Windows of half, once and twice the usual length slide over the film. Each frame's answer is
    that of the window which is the surest of those that cover it; equal answers that follow each
    other are joined, also over less than a quarter of that length between them.

    Parameters
    ----------
    poses
        Of any skeleton that has some of shoulders, elbows, wrists, hips, knees and ankles.
    model
        Of `load_model`.
    window_s
        The usual length; the median of what the model was trained on unless given.
    whole
        One answer for all that is seen of a person, for clips of a single action. Somebody who is
        out of sight for more than a second is answered for anew afterwards.
    min_confidence
        Below it the answer is ``unknown``.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    pandas.DataFrame
        ``track_id``, ``start_s``, ``end_s``, ``action``, ``confidence`` (0..1: of the action, or of
        the likeliest one where it is unknown). ``attrs["notes"]`` says who cannot be told, and why.

    Raises
    ------
    ValueError
        If an option makes no sense.
    """
    if window_s is not None and not window_s > 0:
        raise ValueError(f"window_s must be more than 0, got {window_s}")
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence must be within 0..1, got {min_confidence}")
    notes: list[str] = []
    found: list[_Row] = []
    for stretch in _stretches(poses, min_score, notes):
        everything = np.array([[stretch.time_s[0], stretch.end_s]])
        length_s = window_s or model.settings.window_s
        windows_s = everything if whole else _windows_s(stretch, length_s)
        action, confidence = _paint(stretch, model, windows_s)
        if (action < 0).all():
            notes.append(f"{_name(stretch.track_id)}: too little of the body is seen to tell.")
            continue
        answer = np.where(confidence >= min_confidence, action, -1)
        answer = _without_slivers(stretch, answer, _LEAST_SHARE * length_s)
        found += _joined(stretch, answer, confidence, model.settings.labels)
    if not found and not notes:
        notes.append("Nobody is seen.")
    columns = ("track_id", "start_s", "end_s", "action", "confidence")
    values = list(zip(*found, strict=True)) if found else [()] * len(columns)
    types = (np.int64, np.float64, np.float64, object, np.float64)
    arrays = (np.array(v, dtype=kind) for v, kind in zip(values, types, strict=True))
    return make_table(dict(zip(columns, arrays, strict=True)), notes)


def _name(track_id: int) -> str:
    return "The person" if track_id < 0 else f"Person {track_id}"


def _stretches(poses: Poses, min_score: float, notes: list[str]) -> Iterator[_Stretch]:
    """Yield what can be told from, and note why the rest cannot."""
    if len(poses) and not np.isfinite(poses.frame_time_s).all():
        notes.append("The frames have no times, so no movement can be told; state the frame rate.")
        return
    for track_id, rows in people(poses):
        time_s = np.asarray(poses.frame_time_s[poses.frame[rows]], np.float64)
        if (np.diff(time_s) <= 0).any():
            notes.append(f"{_name(track_id)}: the times of the frames do not ascend.")
            continue
        for run in np.split(
            np.arange(len(rows)), np.flatnonzero(np.diff(time_s) > _LONG_GAP_S) + 1
        ):
            if len(run) < LEAST_FRAMES:
                notes.append(
                    f"{_name(track_id)}: seen in fewer than {LEAST_FRAMES} frames at a time, "
                    "which is no movement."
                )
                continue
            times = time_s[run]
            xy = joints_of(poses, rows[run], min_score=min_score)
            # The last frame lasts as long as frames usually do.
            yield _Stretch(track_id, xy, times, float(times[-1] + np.median(np.diff(times))))


def _paint(stretch: _Stretch, model: ActionModel, windows_s: Floats) -> tuple[IntArray, Floats]:
    """Return each frame's likeliest action and its confidence: of the window that is surest of it.

    Parameters
    ----------
    stretch, model
        What is told by what.
    windows_s : (W, 2)
        Start and end of each window.

    Returns
    -------
    action : (T,) int64
        Position in the labels, -1 where too little is seen to tell.
    confidence : (T,)
    """
    action = np.full(len(stretch.time_s), -1)
    confidence = np.zeros(len(stretch.time_s))
    for start_s, end_s in windows_s:
        first, last = np.searchsorted(stretch.time_s, (start_s, end_s))
        answer = model.answer(stretch.xy[first:last], stretch.time_s[first:last])
        if answer is None:
            continue
        highest = answer.confidence.max()
        surer = first + np.flatnonzero(highest > confidence[first:last])
        action[surer], confidence[surer] = answer.confidence.argmax(), highest
    return action, confidence


def _windows_s(stretch: _Stretch, length_s: float) -> Floats:
    """Return the windows (W, 2) that slide over a stretch, of all lengths."""
    start_s, duration_s = stretch.time_s[0], stretch.end_s - stretch.time_s[0]
    windows = []
    for scale in _SCALES:
        width_s = min(scale * length_s, duration_s)
        # Evenly spread, so that the last one ends with the stretch.
        count = 1 + int(np.ceil((duration_s - width_s) / (_STEP * width_s) - 1e-9))
        starts_s = start_s + np.linspace(0, duration_s - width_s, count)
        windows.append(np.column_stack([starts_s, starts_s + width_s]))
        if width_s == duration_s:
            break
    return np.concatenate(windows)


def _without_slivers(stretch: _Stretch, answer: IntArray, least_s: float) -> IntArray:
    """Return the answers, of which none is shorter than a time between two that are the same."""
    limits_s = np.append(stretch.time_s, stretch.end_s)
    result = answer.copy()
    runs = _runs(answer)
    for before, run, after in zip(runs, runs[1:], runs[2:], strict=False):
        short = limits_s[run[-1] + 1] - limits_s[run[0]] < least_s
        if short and result[before[-1]] == answer[after[0]]:
            result[run] = answer[after[0]]
    return result


def _runs(values: IntArray) -> list[IntArray]:
    """Return the positions of equal values that follow each other, run by run."""
    return np.split(np.arange(len(values)), np.flatnonzero(np.diff(values)) + 1)


def _joined(
    stretch: _Stretch, answer: IntArray, confidence: Floats, labels: tuple[str, ...]
) -> list[_Row]:
    """Return a row for each run of frames with the same answer."""
    limits_s = np.append(stretch.time_s, stretch.end_s)
    return [
        (
            stretch.track_id,
            float(limits_s[run[0]]),
            float(limits_s[run[-1] + 1]),
            UNKNOWN if answer[run[0]] < 0 else labels[answer[run[0]]],
            float(confidence[run].mean()),
        )
        for run in _runs(answer)
    ]
