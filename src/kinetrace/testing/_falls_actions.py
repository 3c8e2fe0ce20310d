"""What the synthetic person of `kinetrace.testing.mover` can do, as postures and their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Profile: TypeAlias = Callable[[Floats], Floats]

_GRAVITY_M_PER_S2 = 9.81
_UNSTABLE_DEG = 3.0  # so far out of balance a rigid body begins to fall


class Posture(NamedTuple):
    """Angles in degrees: the trunk from upright, limbs from hanging down, positive ahead.

    `roll` turns the whole body to its right, over the feet; `borne` is how high its lowest point is
    above the floor, relative to stature: the height of a bed.
    """

    trunk: float = 0.0
    left_thigh: float = 0.0
    right_thigh: float = 0.0
    left_shank: float = 0.0
    right_shank: float = 0.0
    left_arm: float = 0.0
    right_arm: float = 0.0
    roll: float = 0.0
    borne: float = 0.0


def _both(
    trunk: float, thigh: float, shank: float, arm: float, roll: float = 0.0, borne: float = 0.0
) -> Posture:
    return Posture(trunk, thigh, thigh, shank, shank, arm, arm, roll, borne)


STAND = Posture()
_CHAIR = _both(5, 85, 0, 35)
_SQUAT = _both(35, 100, -30, 80)
_BENT = _both(95, -8, 2, 10)
_FLOOR_SEAT = _both(-10, 90, 85, 40)
_SUPINE, _PRONE = _both(-90, 90, 90, 90), _both(90, -90, -90, -90)
_ON_SIDE = (_both(0, 0, 0, 0, roll=90), _both(0, 0, 0, 0, roll=-90))
_CURLED = (_both(20, 70, -20, 60, roll=90), _both(20, 70, -20, 60, roll=-90))
_ON_BED = _both(-88, 90, 88, 90, borne=0.25)
_ARMS_STRAIGHT, _CHEST_DOWN = _both(68, -68, -68, 0), _both(84, -84, -84, -50)
_KNEES_DRAWN_UP, _SAT_UP = _both(-88, 140, 40, 90), _both(5, 140, 40, 80)


class TrueEvent(NamedTuple):
    """What somebody does from one time to another."""

    event: str
    start_s: float
    end_s: float
    side: str = ""


class Segment(NamedTuple):
    """One posture turning into another.

    `progress` maps 0..1 of the time to 0..1 of the way; `travel` is how far the feet go meanwhile,
    relative to stature.
    """

    start: Posture
    end: Posture
    duration_s: float
    progress: Profile
    travel: float = 0.0


class Script:
    """Segments and events as they are written, one action after the other."""

    def __init__(self, height_m: float, random: np.random.Generator) -> None:
        self.height_m, self.random = height_m, random
        self.segments: list[Segment] = []
        self.events: list[TrueEvent] = []
        self.unclear: list[TrueEvent] = []
        self.now_s = 0.0
        self.posture = STAND

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def to(self, posture: Posture, duration_s: float, progress: Profile | None = None) -> None:
        """Take a posture; smoothly, unless it is told how."""
        segment = Segment(self.posture, posture, duration_s, progress or _smoothly)
        self.add(segment)

    def add(self, segment: Segment) -> None:
        self.segments.append(segment)
        self.now_s += segment.duration_s
        self.posture = segment.end

    def hold(self, duration_s: float, event: str = "", side: str = "") -> None:
        """Stay as one is, which is an event if it has a name."""
        if event:
            self.events.append(TrueEvent(event, self.now_s, self.now_s + duration_s, side))
        self.to(self.posture, duration_s)

    def fall(self, posture: Posture, duration_s: float, progress: Profile) -> None:
        self.events.append(TrueEvent("fall", self.now_s, self.now_s + duration_s))
        self.to(posture, duration_s, progress)

    def get_up(self) -> None:
        start_s = self.now_s
        self.to(_FLOOR_SEAT, self.between(1.5, 2.5))
        self.to(_SQUAT, self.between(1.0, 1.5))
        self.to(STAND, self.between(1.0, 1.5))
        self.doubt("sitting", start_s)

    def doubt(self, event: str, start_s: float) -> None:
        """Leave open whether it was that from then on until now."""
        self.unclear.append(TrueEvent(event, start_s, self.now_s))


def _smoothly(share: Floats) -> Floats:
    """Minimum jerk (Flash and Hogan, J Neurosci 5:1688, 1985)."""
    return share**3 * (10 - 15 * share + 6 * share**2)


def _freely(share: Floats) -> Floats:
    """Fall from rest under constant acceleration."""
    return share**2


def tipping(length_m: float, weight: float) -> tuple[float, Profile]:
    """Return how long a rod takes to tip over its foot, and the course of its angle.

    Parameters
    ----------
    length_m
        Of a uniform rod: the angle from the vertical grows by 3 g sin / (2 length).
    weight
        Share of gravity that moves it: less than 1 for somebody who breaks the fall.
    """
    step_s, angle, speed = 1e-3, np.radians(_UNSTABLE_DEG), 0.0
    angles = [angle]
    while angle < np.pi / 2:
        speed += 1.5 * weight * _GRAVITY_M_PER_S2 / length_m * np.sin(angle) * step_s
        angle += speed * step_s
        angles.append(angle)
    way = (np.array(angles) - angles[0]) / (angles[-1] - angles[0])
    at = np.linspace(0, 1, len(way))
    return step_s * (len(way) - 1), lambda share: np.interp(share, at, way)


def _tip(script: Script, posture: Posture, length: float = 1.0) -> None:
    duration_s, progress = tipping(length * script.height_m, script.between(0.4, 1.0))
    script.fall(posture, duration_s, progress)


def _lie_after_fall(script: Script) -> None:
    script.hold(script.between(5, 8), "lying")
    script.get_up()


def _fall_forward(script: Script) -> None:
    _tip(script, _PRONE)
    _lie_after_fall(script)


def _fall_backward(script: Script) -> None:
    _tip(script, _SUPINE)
    _lie_after_fall(script)


def _fall_sideways(script: Script) -> None:
    _tip(script, _ON_SIDE[script.random.integers(2)])
    _lie_after_fall(script)


def _collapse(script: Script) -> None:
    """Knees give way: the hips drop, and the body topples while they do."""
    drop_m = (0.49 - 0.18) * script.height_m
    drop_s = float(np.sqrt(2 * drop_m / (script.between(0.5, 1.0) * _GRAVITY_M_PER_S2)))
    topple_s = script.between(0.3, 0.6)
    start_s = script.now_s
    script.to(_SQUAT, drop_s, _freely)
    script.to(_CURLED[script.random.integers(2)], topple_s, _freely)
    script.events.append(TrueEvent("fall", start_s, script.now_s))
    _lie_after_fall(script)


def _fall_from_chair(script: Script) -> None:
    script.to(_CHAIR, script.between(1.0, 1.6))
    script.hold(script.between(4, 6), "sitting")
    side = script.random.integers(2)
    _tip(script, _both(5, 85, 0, 35, roll=(90, -90)[side]), length=0.6)
    _lie_after_fall(script)


def _sit(script: Script, down_s: float) -> None:
    script.to(_CHAIR, down_s)
    script.hold(script.between(4, 6), "sitting")
    script.to(STAND, script.between(0.8, 1.5))


def _lie_down(script: Script) -> None:
    start_s = script.now_s
    script.to(_SQUAT, script.between(1.0, 1.6))
    script.to(_FLOOR_SEAT, script.between(0.8, 1.5))
    script.to(_SUPINE, script.between(1.0, 2.0))
    script.doubt("sitting", start_s)
    script.hold(script.between(5, 8), "lying")
    script.get_up()


def _lie_on_bed(script: Script) -> None:
    start_s = script.now_s
    script.to(_CHAIR, script.between(1.0, 1.6))
    script.hold(script.between(0.5, 1.5))
    script.to(_ON_BED, script.between(1.0, 2.0))
    script.hold(script.between(5, 8), "lying")
    script.to(_CHAIR, script.between(1.0, 2.0))
    script.to(STAND, script.between(1.0, 1.5))
    script.doubt("sitting", start_s)


def _squats(script: Script) -> None:
    for _ in range(3):
        script.to(_SQUAT, script.between(0.5, 1.0))
        script.hold(script.between(0.1, 0.5))
        script.to(STAND, script.between(0.5, 1.0))


def _pick_up(script: Script) -> None:
    for posture in (_BENT, _both(60, 60, -30, 30)):
        script.to(posture, script.between(0.5, 1.0))
        script.hold(script.between(0.3, 1.5))
        script.to(STAND, script.between(0.5, 1.0))


def _exercise(script: Script, low: Posture, high: Posture) -> None:
    """Go to the floor in good order, repeat, and get up."""
    start_s = script.now_s
    script.to(_SQUAT, script.between(0.9, 1.4))
    script.to(high, script.between(0.9, 1.4))
    for _ in range(4):
        script.to(low, script.between(0.5, 1.0))
        script.to(high, script.between(0.5, 1.0))
    script.to(_SQUAT, script.between(1.0, 1.5))
    script.to(STAND, script.between(0.8, 1.2))
    script.doubt("lying", start_s)
    script.doubt("sitting", start_s)


def _raise_hand(script: Script, side: str) -> None:
    up = STAND._replace(**{f"{side}_arm": 170.0})
    script.to(up, script.between(0.4, 0.8))
    script.hold(script.between(2, 4), "raised_hand", side)
    script.to(STAND, script.between(0.4, 0.8))


def _walk(script: Script) -> None:
    duration_s = script.between(1.5, 2.5)
    travel = 0.8 * duration_s / script.height_m
    script.add(Segment(STAND, STAND, duration_s, _smoothly, travel))


ACTIONS: dict[str, Callable[[Script], None]] = {
    "stand": lambda script: script.hold(script.between(2, 3)),
    "stand still": lambda script: script.hold(script.between(13, 16), "stillness"),
    "walk": _walk,
    "sit": lambda script: _sit(script, script.between(0.9, 1.8)),
    "sit fast": lambda script: _sit(script, script.between(0.45, 0.7)),
    "lie down": _lie_down,
    "lie on bed": _lie_on_bed,
    "squat": _squats,
    "pick up": _pick_up,
    "push-up": lambda script: _exercise(script, _CHEST_DOWN, _ARMS_STRAIGHT),
    "sit-up": lambda script: _exercise(script, _SAT_UP, _KNEES_DRAWN_UP),
    "raise left hand": lambda script: _raise_hand(script, "left"),
    "raise right hand": lambda script: _raise_hand(script, "right"),
    "fall forward": _fall_forward,
    "fall backward": _fall_backward,
    "fall sideways": _fall_sideways,
    "collapse": _collapse,
    "fall from chair": _fall_from_chair,
}


def script_of(actions: Sequence[str], height_m: float, random: np.random.Generator) -> Script:
    """Return the course of some actions, and what is to be seen in it.

    Raises
    ------
    ValueError
        If there is no such action.
    """
    script = Script(height_m, random)
    for action in actions:
        if action not in ACTIONS:
            raise ValueError(f"no action {action!r}; there are: {', '.join(ACTIONS)}")
        ACTIONS[action](script)
    return script
