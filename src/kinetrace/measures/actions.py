"""What people do: actions with start, end and confidence, by a model of `kinetrace.actions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinetrace.poses import Poses

if TYPE_CHECKING:
    import pandas as pd

# A model names what it knows, and was trained on something else than most films.
ONLY_WHEN_ASKED = True


def measure(
    poses: Poses,
    *,
    model: str = "penn-action",
    window_s: float | None = None,
    whole: bool = False,
    min_confidence: float = 0.6,
    min_score: float = 0.3,
) -> pd.DataFrame:
    """Tell what each person does, and from when to when.

    Parameters
    ----------
    poses
        Of any skeleton that has the joints of arms and legs.
    model
        A file that kinetrace actions train wrote; penn-action knows 15 actions of sport.
    window_s
        How much of the film is looked at in one go; as long as what the model was trained on
        unless given.
    whole
        One answer for all that is seen of a person, for clips of a single action.
    min_confidence
        Below it the answer is unknown.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    pandas.DataFrame
        ``track_id``, ``start_s``, ``end_s``, ``action``, ``confidence``; see
        `kinetrace.actions.recognise`.

    Raises
    ------
    ValueError
        If an option makes no sense.
    """
    from kinetrace.actions import load_model, recognise

    return recognise(
        poses,
        load_model(model),
        window_s=window_s,
        whole=whole,
        min_confidence=min_confidence,
        min_score=min_score,
    )


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return how long each person does what.

    Parameters
    ----------
    table
        Of `measure`.

    Returns
    -------
    pandas.DataFrame
        A row for each person and action: ``track_id``, ``action``, ``times`` (how often it begins),
        ``duration_s`` in all, ``confidence`` (mean over these).
    """
    lasting = table.assign(duration_s=table["end_s"] - table["start_s"], times=1)
    grouped = lasting.groupby(["track_id", "action"], as_index=False)
    summary = grouped.agg({"times": "sum", "duration_s": "sum", "confidence": "mean"})
    summary.attrs["notes"] = list(table.attrs["notes"])
    return summary
