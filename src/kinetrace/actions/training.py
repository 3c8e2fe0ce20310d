"""From labelled examples to a model file, and how good it is on those who were left out."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.actions._sklearn import sklearn
from kinetrace.actions.augmentation import vary
from kinetrace.actions.dataset import Example
from kinetrace.actions.evaluation import predict, tabulate
from kinetrace.actions.features import describe, mirrored
from kinetrace.actions.model_file import Classifier, Settings, load_model, write_model

if TYPE_CHECKING:
    import pandas as pd

# An example, and the features (V, F) of it and its variations; its own are the first.
_Learnable: TypeAlias = tuple[Example, npt.NDArray[np.float32]]

_FOLDS = 5
_INVERSE_PENALTY = 0.01  # of logistic regression on standardised features
_SHRINKAGE = 0.1
# Of what a model has not seen: two in a hundred are farther than the reach.
_REACH_PERCENTILE = 98.0
_NOT_MEASURED = (
    "Only one {what} shows {alone}: nothing could be left out, so nothing was measured, and what "
    "was not learnt may be taken for something that was."
)
_NO_PERSONS = (
    "Persons are not named for all examples, so clips were left out: the model may be worse than "
    "measured for people whom it has not seen."
)


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes
    ----------
    path
        The model file.
    settings
        What it says of itself.
    held_out
        What was predicted for each example by a model that had not seen its person (or clip); see
        `kinetrace.actions.evaluation`. Empty where a class has too few of them to leave one out.
    notes
        What limits the model.
    """

    path: Path
    settings: Settings
    held_out: pd.DataFrame
    notes: tuple[str, ...]


def train(
    examples: Sequence[Example],
    output: Path,
    *,
    mirror: bool = True,
    copies: int = 6,
    seed: int = 0,
    description: str = "",
) -> Trained:
    """Train a classifier and write it to a file.

    It is measured first: each fifth of the persons (where all are known; else of the clips) is left
    out in turn. Then it is trained on all.

    Parameters
    ----------
    examples
        Of `read_examples` or `example_of`, of at least two labels.
    output
        The model file, ``.onnx``.
    mirror
        Whether left and right mean the same. If not, the mirrored movement is another one.
    copies
        Variations of each example to learn from, see `kinetrace.actions.augmentation`.
    seed
        Of everything that is drawn.
    description
        What the examples are, for the model file.

    Raises
    ------
    MissingExtraError
        If scikit-learn or onnx is not installed.
    ValueError
        If there are fewer than two labels that can be learnt.
    OutputError
        If the file cannot be written.
    """
    learnable = _learn_from(examples, copies, seed, mirror=mirror)
    labels = tuple(sorted({example.label for example, _ in learnable}))
    if len(labels) < 2:
        raise ValueError(
            "examples of at least two labels are needed, in which a body is seen, got: "
            f"{', '.join(labels) or 'none'}"
        )
    lengths_s = [float(np.ptp(example.time_s)) for example, _ in learnable]
    settings = Settings(
        labels=labels,
        window_s=float(np.median(lengths_s)),
        mirror=mirror,
        description=description,
    )
    held_out, notes = _cross_validate(learnable, settings, seed)
    distances = held_out["distance"].dropna()
    reach = float(np.percentile(distances, _REACH_PERCENTILE)) if len(distances) else np.inf
    write_model(_fit(learnable, labels, reach), settings, output)
    if len(learnable) < len(examples):
        notes.append(f"{len(examples) - len(learnable)} examples show too little to learn from.")
    return Trained(output, settings, held_out, tuple(notes))


def _learn_from(
    examples: Sequence[Example], copies: int, seed: int, *, mirror: bool
) -> list[_Learnable]:
    """Return the examples in which a body is seen, with the features of their variations."""
    found = []
    for number, example in enumerate(examples):
        if describe(example.xy, example.time_s) is None:
            continue
        random = np.random.default_rng([seed, number])
        other = dataclasses.replace(example, xy=mirrored(example.xy))
        views = [example, other] if mirror else [example]
        views += [vary(example, random, mirror=mirror and i % 2 == 1) for i in range(copies)]
        described = [describe(view.xy, view.time_s) for view in views]
        found.append((example, np.stack([row for row in described if row is not None])))
    return found


def _cross_validate(
    learnable: Sequence[_Learnable], settings: Settings, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """Return what models predict for those who were left out, and what limits that."""
    examples = [example for example, _ in learnable]
    what = "person" if all(example.person for example in examples) else "clip"
    groups = [example.person if what == "person" else example.clip for example in examples]
    members = {
        label: {g for g, e in zip(groups, examples, strict=True) if e.label == label}
        for label in settings.labels
    }
    folds = min(_FOLDS, *map(len, members.values()))
    if folds < 2:
        alone = ", ".join(label for label, those in members.items() if len(those) < 2)
        return tabulate([]), [_NOT_MEASURED.format(what=what, alone=alone)]
    splitter = sklearn("model_selection").StratifiedGroupKFold(
        folds, shuffle=True, random_state=seed
    )
    labels = [example.label for example in examples]
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        for train_at, test_at in splitter.split(labels, labels, groups):
            fold = Path(folder) / "fold.onnx"
            if _write_fold([learnable[i] for i in train_at], settings, fold):
                answers += predict(load_model(fold), [examples[i] for i in test_at])
    notes = [] if what == "person" else [_NO_PERSONS]
    return tabulate(answers), notes


def _write_fold(learnable: Sequence[_Learnable], settings: Settings, path: Path) -> bool:
    """Write a model of a part of the examples; False if they are of one label only."""
    labels = tuple(sorted({example.label for example, _ in learnable}))
    if len(labels) < 2:
        return False
    write_model(_fit(learnable, labels, np.inf), dataclasses.replace(settings, labels=labels), path)
    return True


def _fit(learnable: Sequence[_Learnable], labels: tuple[str, ...], reach: float) -> Classifier:
    rows = np.concatenate([each for _, each in learnable]).astype(np.float64)
    truth = np.repeat([labels.index(e.label) for e, _ in learnable], [len(r) for _, r in learnable])
    scaler = sklearn("preprocessing").StandardScaler()
    imputer = sklearn("impute").SimpleImputer(keep_empty_features=True)
    scaled = sklearn("pipeline").make_pipeline(imputer, scaler).fit_transform(rows)
    regression = sklearn("linear_model").LogisticRegression(
        C=_INVERSE_PENALTY, class_weight="balanced", max_iter=1000, tol=1e-3
    )
    regression.fit(scaled, truth)
    analysis = sklearn("discriminant_analysis").LinearDiscriminantAnalysis(
        solver="eigen", shrinkage=_SHRINKAGE
    )
    places = analysis.fit(scaled, truth).transform(scaled)
    centres = np.stack([places[truth == i].mean(axis=0) for i in range(len(labels))])
    squares = (places - centres[truth]) ** 2
    weights, bias = regression.coef_.T, regression.intercept_
    if len(labels) == 2:  # one column, of the second: its logit is shared between both
        weights, bias = (np.concatenate([-v, v], axis=-1) / 2 for v in (weights, bias))
    return Classifier(
        mean=scaler.mean_,
        scale=scaler.scale_,
        weights=weights,
        bias=bias,
        axes=analysis.scalings_[:, : places.shape[1]],
        centres=centres,
        spread=np.array([np.sqrt(squares[truth == i].mean()) for i in range(len(labels))]),
        reach=reach,
    )
