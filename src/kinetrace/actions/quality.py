"""How well an exercise is done: learnt from repetitions that were done right and wrong.

A repetition is a few channels over time, usually joint angles. It is compared at moments that share
its duration out evenly, so that slow and fast ones are comparable:

- The *score* (0..1) is the likelihood that it is one of the right ones: a logistic regression on
  the lowest and highest value, the range and the length of the path of each channel, and on the
  duration.
- The *deviations* say what to change: where each channel is farthest from the mean of those that
  were done right, in the channel's own unit, and in their standard deviations.

A `Standard` is kept as JSON, which anybody can read.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.actions._sklearn import sklearn
from kinetrace.errors import FormatError, SourceError
from kinetrace.files import replacing

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = npt.NDArray[np.float64]

_KIND = "kinetrace exercise quality 1"
_MOMENTS = 25
_LEAST_KNOWN = 0.5  # of a repetition's frames; a channel that is seen less is left out of it
_INVERSE_PENALTY = 0.01
# A path or a range below this share of the usual one is as good as none.
_STILL = 0.05


@dataclass(frozen=True, eq=False)
class Repetition:
    """One repetition of an exercise.

    Attributes
    ----------
    channels
        C names, with their unit at the end: ``left_knee_deg``.
    time_s : (T,)
        Ascending.
    signals : (T, C)
        NaN where missing.
    person
        Who did it, or "".
    is_correct
        Whether it was done right; None if nobody says so.
    """

    channels: tuple[str, ...]
    time_s: Floats
    signals: Floats
    person: str = ""
    is_correct: bool | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Standard:
    """What right repetitions look like, and what tells wrong ones from them.

    Attributes
    ----------
    exercise
        Its name.
    channels
        C names.
    mean, deviation : (M, C)
        Of the right repetitions, at M moments of their duration.
    usual_range : (C,)
        Median of the right ones.
    feature_mean, feature_scale, weights : (4 C + 1,)
        Of the regression, in the order of `describe_repetition`.
    bias
        Of the regression.
    """

    exercise: str
    channels: tuple[str, ...]
    mean: Floats
    deviation: Floats
    usual_range: Floats
    feature_mean: Floats
    feature_scale: Floats
    weights: Floats
    bias: float


@dataclass(frozen=True)
class Score:
    """What is said of one repetition.

    Attributes
    ----------
    value
        0..1: how likely it is one of the right ones. NaN if too little of it is seen.
    deviations
        A row for each channel that is seen, the worst first: ``channel``, ``time_s`` (when it is
        farthest from the right ones), ``off`` (by how much, in the channel's unit; positive is
        more than they have) and ``deviations`` (the same in their standard deviations).
    reason
        Why there is no value, else "".
    """

    value: float
    deviations: pd.DataFrame
    reason: str = ""


def learn_standard(repetitions: Sequence[Repetition], exercise: str) -> Standard:
    """Learn what an exercise looks like that is done right.

    Parameters
    ----------
    repetitions
        Right and wrong ones, with the same channels.
    exercise
        Its name.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    ValueError
        If there are not two right ones and a wrong one, or their channels differ.
    """
    labelled = [each for each in repetitions if each.is_correct is not None]
    right = [each for each in labelled if each.is_correct]
    if len(right) < 2 or len(right) == len(labelled):
        raise ValueError(
            "two repetitions that were done right and one that was done wrong are needed at "
            f"least, got {len(right)} and {len(labelled) - len(right)}"
        )
    channels = right[0].channels
    if any(each.channels != channels for each in labelled):
        raise ValueError(f"all repetitions must have the channels {', '.join(channels)}")
    curves = np.stack([_curve(each) for each in right])
    usual_range = _nan_median(np.ptp(curves, axis=1))
    rows = np.stack([describe_repetition(each, usual_range) for each in labelled])
    truth = [bool(each.is_correct) for each in labelled]
    scaler = sklearn("preprocessing").StandardScaler()
    imputer = sklearn("impute").SimpleImputer(keep_empty_features=True)
    scaled = sklearn("pipeline").make_pipeline(imputer, scaler).fit_transform(rows)
    regression = (
        sklearn("linear_model")
        .LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
        .fit(scaled, truth)
    )
    return Standard(
        exercise=exercise,
        channels=channels,
        mean=_nan_mean(curves),
        deviation=np.sqrt(_nan_mean((curves - _nan_mean(curves)) ** 2)),
        usual_range=usual_range,
        feature_mean=scaler.mean_,
        feature_scale=scaler.scale_,
        weights=regression.coef_[0],
        bias=float(regression.intercept_[0]),
    )


def describe_repetition(repetition: Repetition, usual_range: Floats) -> Floats:
    """Return the features of a repetition.

    Parameters
    ----------
    repetition
        With C channels.
    usual_range : (C,)
        Their ranges where it is done right.

    Returns
    -------
    (4 C + 1,) float64
        Lowest and highest value over the usual range, logarithm of the range and of the length of
        the path over it, and of the duration in seconds. NaN for a channel that is hardly seen.
    """
    curve = _curve(repetition)
    unit = np.where(usual_range > 0, usual_range, np.nan)
    covered, path = np.ptp(curve, axis=0), np.abs(np.diff(curve, axis=0)).sum(axis=0)
    lengths = [np.log(length / unit + _STILL) for length in (covered, path)]
    duration_s = float(np.ptp(repetition.time_s)) if len(repetition.time_s) else 0.0
    lasting = [np.log(duration_s) if duration_s > 0 else np.nan]
    return np.concatenate([curve.min(axis=0) / unit, curve.max(axis=0) / unit, *lengths, lasting])


def score_repetition(repetition: Repetition, standard: Standard) -> Score:
    """Say how well a repetition was done, and what was other than it should be.

    Parameters
    ----------
    repetition
        With the standard's channels.
    standard
        Of `learn_standard` or `read_standard`.

    Raises
    ------
    ValueError
        If the channels are not those of the standard.
    """
    import pandas as pd

    if repetition.channels != standard.channels:
        raise ValueError(
            f"the repetition has the channels {', '.join(repetition.channels)}, but "
            f"{standard.exercise!r} was learnt from {', '.join(standard.channels)}"
        )
    curve = _curve(repetition)
    wanted = np.isfinite(standard.mean).all(axis=0)
    seen = np.isfinite(curve).all(axis=0) & wanted
    columns = ["channel", "time_s", "off", "deviations"]
    if seen.sum() < max(1, _LEAST_KNOWN * wanted.sum()):
        reason = f"only {seen.sum()} of {wanted.sum()} channels are seen"
        return Score(np.nan, pd.DataFrame(columns=columns), reason)
    off = curve - standard.mean
    # A body is never still: what hardly moves in right repetitions may move a little.
    relative = off / np.maximum(standard.deviation, _STILL * np.nanmax(standard.usual_range))
    moments_s = np.linspace(repetition.time_s[0], repetition.time_s[-1], _MOMENTS)
    worst = {i: int(np.abs(relative[:, i]).argmax()) for i in np.flatnonzero(seen)}
    rows = [
        (standard.channels[i], moments_s[at], off[at, i], relative[at, i])
        for i, at in worst.items()
    ]
    table = pd.DataFrame(rows, columns=columns)
    order = table["deviations"].abs().sort_values(ascending=False, kind="stable").index
    return Score(_likelihood(repetition, standard), table.loc[order].reset_index(drop=True))


def _likelihood(repetition: Repetition, standard: Standard) -> float:
    features = describe_repetition(repetition, standard.usual_range)
    scaled = np.nan_to_num((features - standard.feature_mean) / standard.feature_scale)
    return float(1 / (1 + np.exp(-(scaled @ standard.weights + standard.bias))))


def _curve(repetition: Repetition) -> Floats:
    """Return the channels at moments that share the duration out evenly: (M, C)."""
    curve = np.full((_MOMENTS, len(repetition.channels)), np.nan)
    known = np.isfinite(repetition.signals)
    if len(known) < 2:
        return curve
    moments_s = np.linspace(repetition.time_s[0], repetition.time_s[-1], _MOMENTS)
    for channel in np.flatnonzero(known.sum(axis=0) > _LEAST_KNOWN * len(known)):
        at = known[:, channel]
        values = repetition.signals[at, channel]
        curve[:, channel] = np.interp(moments_s, repetition.time_s[at], values)
    return curve


def _nan_mean(values: Floats) -> Floats:
    count = np.isfinite(values).sum(axis=0)
    return np.asarray(np.nansum(values, axis=0) / np.where(count, count, np.nan))


def _nan_median(values: Floats) -> Floats:
    columns = [column[np.isfinite(column)] for column in values.T]
    return np.array([np.median(column) if len(column) else np.nan for column in columns])


def write_standard(standard: Standard, path: Path) -> None:
    """Write a standard as JSON.

    Raises
    ------
    OutputError
        If it cannot be written; what was there stays.
    """
    # JSON has no NaN.
    told = {
        name: np.where(np.isnan(value), None, value).tolist()  # type: ignore[call-overload]
        if isinstance(value, np.ndarray)
        else value
        for name, value in vars(standard).items()
    }
    text = json.dumps({"kind": _KIND, **told}, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_standard(path: Path) -> Standard:
    """Read a standard that `write_standard` wrote.

    Raises
    ------
    SourceError
        If there is no such file, or it cannot be read.
    FormatError
        If it is not a standard.
    """
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(told, dict) or told.get("kind") != _KIND:
        raise FormatError(f"{path} is not a standard: kinetrace actions train-quality writes one")
    text = ("exercise", "channels", "bias")
    arrays = {f.name for f in dataclasses.fields(Standard)} - set(text)
    try:
        return Standard(
            exercise=str(told["exercise"]),
            channels=tuple(map(str, told["channels"])),
            bias=float(told["bias"]),
            **{name: np.array(told[name], dtype=np.float64) for name in arrays},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path} is not a whole standard: {error}") from error
