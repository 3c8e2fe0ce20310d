"""How good a model is: its answers for labelled examples, counted.

A table of answers has a row for each example: ``clip``, ``person``, ``label``, ``action``,
``confidence`` and ``distance``. The action is always the likeliest one, never ``unknown``; it is ""
(and the numbers NaN) where too little is seen of the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from kinetrace.actions.dataset import Example
from kinetrace.actions.model_file import ActionModel

if TYPE_CHECKING:
    import pandas as pd

Row: TypeAlias = tuple[str, str, str, str, float, float]

_COLUMNS = ("clip", "person", "label", "action", "confidence", "distance")


def predict(model: ActionModel, examples: Sequence[Example]) -> list[Row]:
    """Return the rows of a table of answers, each for the whole of an example."""
    return [_row(model, example) for example in examples]


def _row(model: ActionModel, example: Example) -> Row:
    told = (example.clip, example.person, example.label)
    answer = model.answer(example.xy, example.time_s)
    if answer is None:
        return (*told, "", np.nan, np.nan)
    best = int(answer.confidence.argmax())
    action = model.settings.labels[best]
    return (*told, action, float(answer.confidence[best]), answer.distance)


def tabulate(rows: Sequence[Row]) -> pd.DataFrame:
    """Return a table of answers."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(_COLUMNS))


def confusion(answers: pd.DataFrame) -> pd.DataFrame:
    """Count which label was taken for which action.

    Parameters
    ----------
    answers
        See the module's text.

    Returns
    -------
    pandas.DataFrame
        A row for each label, a column for each action or label, in one order; a column "" for
        those of whom too little is seen, where there are any.
    """
    import pandas as pd

    labels = sorted(set(answers["label"]))
    actions = sorted({*labels, *answers["action"]} - {""})
    nothing = [""] if (answers["action"] == "").any() else []
    counted = pd.crosstab(answers["label"], answers["action"])
    return counted.reindex(index=labels, columns=[*actions, *nothing], fill_value=0)


def count_right(answers: pd.DataFrame) -> pd.DataFrame:
    """Return how many answers are right, by label.

    Parameters
    ----------
    answers
        See the module's text.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``examples``, ``right``, ``recall`` (of those of the label, the share that is
        called so), ``precision`` (of those called so, the share that is of the label; NaN if none
        is). The last row, ``all``, has the accuracy as its recall, and no precision.
    """
    import pandas as pd

    right = answers["label"] == answers["action"]
    counts = pd.DataFrame(
        {
            "examples": answers["label"].value_counts(sort=False),
            "right": answers["label"][right].value_counts(sort=False),
            "called": answers["action"].value_counts(sort=False),
        }
    )
    counts = counts.reindex(sorted(set(answers["label"]))).fillna({"right": 0, "called": 0})
    counts.loc["all"] = [len(answers), right.sum(), np.nan]
    return pd.DataFrame(
        {
            "label": counts.index,
            "examples": counts["examples"].to_numpy(dtype=int),
            "right": counts["right"].to_numpy(dtype=int),
            "recall": (counts["right"] / counts["examples"].replace(0, np.nan)).to_numpy(),
            "precision": (counts["right"] / counts["called"].replace(0, np.nan)).to_numpy(),
        }
    )
