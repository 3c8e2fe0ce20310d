"""Repetitions of exercises: how many, how deep, how fast, and with what form.

``measure`` gives a row for each repetition, ``summarise`` a row for each person and exercise.
docs/repetitions.md has the definitions, and how often they are right.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinetrace.measures import make_table
from kinetrace.measures._repetitions_count import Choice, Counted, Person, count
from kinetrace.measures._repetitions_example import Example, learn
from kinetrace.measures._repetitions_exercises import exercises
from kinetrace.measures._repetitions_plot import plot
from kinetrace.measures._repetitions_summary import summarise
from kinetrace.poses import Poses

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["measure", "plot", "summarise"]

COLUMNS = (
    *("track_id", "start_s", "end_s", "exercise", "number", "complete", "side"),
    *("turn_frame", "turn_s", "turn_at", "depth_percent", "range_percent", "signal"),
    *("joint", "joint_at_turn_deg", "down_s", "pause_s", "up_s"),
    *("feedback", "judged", "not_judged"),
)


def measure(
    poses: Poses,
    *,
    exercise: Choice = "auto",
    example: str | None = None,
    min_score: float = 0.3,
) -> pd.DataFrame:
    """Count repetitions of exercises, and judge their form.

    Parameters
    ----------
    poses
        Of any skeleton with shoulders, elbows, wrists, hips, knees and ankles; what an exercise
        does not need may be missing.
    exercise
        Which one to count; auto counts all but the curl, which cannot be told from raising a hand,
        and each movement as the one that it is most.
    example
        A table of keypoints of one repetition of any movement, from rest to rest: that is counted
        in place of an exercise.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    pandas.DataFrame
        A row for each repetition, whole (``complete``) or half; docs/repetitions.md has the
        columns. `attrs["notes"]` says what was not counted, or not judged, and why.

    Raises
    ------
    ValueError
        If both an exercise and an example are given, or the example shows no movement.
    """
    if exercise != "auto" and example is not None:
        raise ValueError(f"give either an exercise ({exercise}) or an example, not both")
    if exercise != "auto" and exercise not in exercises():
        raise ValueError(f"exercise must be auto or one of {', '.join(exercises())}: {exercise}")
    learnt = None if example is None else _read(example, min_score)
    notes: list[str] = [] if len(poses) else ["There is nobody in these frames."]
    rows: list[dict[str, Any]] = []
    for person in count(poses, exercise=exercise, example=learnt, min_score=min_score):
        rows += [_row(person.track_id, i + 1, one) for i, one in enumerate(person.counted)]
        notes += _notes(person)
    if len(poses) and not rows:
        notes.append(
            "No repetitions."
            + (
                " Name the exercise to be told why."
                if (exercise, example) == ("auto", None)
                else ""
            )
        )
    return make_table({name: [row[name] for row in rows] for name in COLUMNS}, notes)


def _read(example: str, min_score: float) -> Example:
    from kinetrace.formats import read

    return learn(read(Path(example)), min_score=min_score)


def _row(track_id: int, number: int, counted: Counted) -> dict[str, Any]:
    found, body = counted.repetition, counted.body
    exercise = exercises().get(found.exercise)
    turn_at = exercise.turn if exercise else "top"
    time_s = {at: float(body.time_s[getattr(found, at)]) for at in _POSITIONS}
    out_s, back_s = time_s["held"] - time_s["start"], time_s["end"] - time_s["left"]
    return {
        "track_id": track_id,
        "start_s": time_s["start"],
        "end_s": time_s["end"],
        "exercise": found.exercise,
        "number": number,
        "complete": found.is_complete,
        "side": found.side,
        "turn_frame": int(body.frame[found.turn]),
        "turn_s": time_s["turn"],
        "turn_at": turn_at,
        "depth_percent": found.depth_percent,
        "range_percent": found.range_percent,
        "signal": found.signal,
        "joint": exercise.joint.removeprefix("side_").removesuffix("_deg") if exercise else "",
        "joint_at_turn_deg": counted.joint_deg,
        "down_s": out_s if turn_at == "bottom" else back_s,
        "pause_s": time_s["left"] - time_s["held"],
        "up_s": back_s if turn_at == "bottom" else out_s,
        "feedback": " ".join(counted.form.feedback),
        "judged": "; ".join(counted.form.judged),
        "not_judged": "; ".join(counted.form.not_judged),
    }


_POSITIONS = ("start", "held", "turn", "left", "end")


def _notes(person: Person) -> list[str]:
    who = "The person" if person.track_id < 0 else f"Person {person.track_id}"
    notes = [f"{who}: {note}." for note in person.notes]
    lacking = dict.fromkeys(n for one in person.counted for n in one.form.not_judged)
    if lacking:
        notes.append(
            f"{who}: not judged in some repetitions, because the view or a missing keypoint does "
            f"not show it: {', '.join(lacking)}."
        )
    return notes
