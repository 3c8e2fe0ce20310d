"""What a repetition of each exercise is: `data/exercises.toml`, whose head says what all means."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

ExerciseName: TypeAlias = Literal[
    "squat",
    "push-up",
    "pull-up",
    "sit-up",
    "jumping-jack",
    "lunge",
    "curl",
    "overhead-press",
]


@dataclass(frozen=True)
class Levels:
    """What of a signal is a repetition, in percent; the head of the file says what each means."""

    rest: float
    full: float
    half_range: float
    full_range: float

    @property
    def sign(self) -> int:
        """1 if the signal grows on the way to the turning point, else -1."""
        return 1 if self.full > self.rest else -1


@dataclass(frozen=True)
class Signal:
    """What drives the count: one keypoint's height above another, in percent of a length.

    Where a `floor` is given, it is counted from the lowest that it is in the film, as far as that
    lies between the two.
    """

    above: str
    below: str
    length: tuple[str, ...]
    sides: Literal["mean", "both", "highest", "each"]
    levels: Levels
    floor: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        """What it is, in words."""
        what = f"{self.above} above {self.below}, % of {' - '.join(self.length)}"
        return what if self.floor is None else f"{what}, from the lowest"


@dataclass(frozen=True)
class Gate:
    """A condition on the whole body during a repetition.

    Attributes
    ----------
    measure
        A name of `kinetrace.measures._repetitions_body.MEASURES`.
    statistic
        Of its values from start to end; ``turn`` is the value at the turning point, and ``rise``
        how much that is above the larger one of start and end. Of a place, ``range`` is how far it
        moves, and ``shift`` how far the end is from the start.
    why
        What a movement that does not pass it does, after "they".
    least, most
        Percent.
    required
        Whether a movement of which it cannot be seen is not counted.
    """

    measure: str
    statistic: Literal["mean", "lowest", "highest", "range", "rise", "shift", "turn"]
    why: str
    least: float = float("-inf")
    most: float = float("inf")
    required: bool = False


@dataclass(frozen=True)
class Rule:
    """A limit to an angle, and the sentence for whoever goes beyond it.

    Attributes
    ----------
    name
        Short, for tables.
    angle
        A column of `kinetrace.measures.angles`, or ``knee_separation_percent``. ``side_`` stands
        for ``left_`` and ``right_``: the one further beyond the limit counts.
    statistic
        Of its values from start to end; ``turn`` is the value at the turning point, ``rest`` the
        larger one of both rests.
    say
        What to do better.
    reference
        What says that it matters; where that gives no limit, the limit is ours.
    least, most
        In the angle's unit.
    """

    name: str
    angle: str
    statistic: Literal["lowest", "highest", "turn", "rest"]
    say: str
    reference: str
    least: float = float("-inf")
    most: float = float("inf")


@dataclass(frozen=True)
class Exercise:
    """An exercise: where it turns, what drives its count, and what must and what should hold.

    `joint` is the one whose angle says how far somebody went: a column of
    `kinetrace.measures.angles`, as of `Rule.angle`. `in_auto` tells whether it is counted without
    being asked for.
    """

    name: str
    turn: Literal["bottom", "top"]
    joint: str
    signals: tuple[Signal, ...]
    gates: tuple[Gate, ...]
    rules: tuple[Rule, ...]
    in_auto: bool = True


@cache
def exercises() -> dict[str, Exercise]:
    """Return the exercises by name, in the order of the file."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    text = (files("kinetrace") / "data" / "exercises.toml").read_text(encoding="utf-8")
    return {name: _exercise(name, table) for name, table in tomllib.loads(text).items()}


def _exercise(name: str, table: dict[str, Any]) -> Exercise:
    return Exercise(
        name=name,
        turn=table["turn"],
        joint=table["joint"],
        signals=tuple(_signal(signal) for signal in table["signals"]),
        gates=tuple(Gate(**gate) for gate in table["gates"]),
        rules=tuple(Rule(**rule) for rule in table["rules"]),
        in_auto=table.get("in_auto", True),
    )


def _signal(table: dict[str, Any]) -> Signal:
    return Signal(
        above=table["above"],
        below=table["below"],
        length=tuple(table["length"]),
        sides=table["sides"],
        levels=Levels(**{name: table[name] for name in Levels.__dataclass_fields__}),
        floor=(table["floor"][0], table["floor"][1]) if "floor" in table else None,
    )
