"""One person, frame after frame: what they do, and what has lasted long enough to be an event."""

from __future__ import annotations

import math
from dataclasses import replace

from kinetrace.measures._events_bodies import LIMBS, SIDES, TRUNK, Bodies
from kinetrace.measures._events_definitions import Definitions
from kinetrace.measures._events_fall import Descent, Sinking
from kinetrace.measures._events_spells import NOT_KNOWN, Event, Spell
from kinetrace.measures._events_stillness import Anchor

# A person's size grows and shrinks with these time constants; 3 s lets somebody walk away from a
# camera that is 4 m off. It is held while somebody sinks or lies, for whoever points at the camera
# looks short.
_GROWS_S, _SHRINKS_S, _SINKS_HEIGHTS_PER_S = 1.0, 3.0, 0.15

# Sines of the trunk's elevation: below 37 degrees it lies, above 45 it sits. Somebody who lies
# lengthways before a camera that looks down 30 degrees seems to be at 30.
_LYING_RISE, _RISEN, _SITTING_RISE = 0.6, 0.7, 0.7
# Hips over the lowest of knees and ankles: 0.49 standing, 0.25 on a chair or on all fours.
_LYING_HIPS, _UP_HIPS, _SITTING_HIPS = 0.33, 0.4, 0.4
# Whoever lies does not go anywhere, as somebody does who crouches after a jump, or crawls.
_RESTS_HEIGHTS_PER_S = 0.5
# Hips over the knees, of hips over the ankles: a half standing, however steeply the camera looks
# down; 0 on a chair, and 0.36 there facing a camera that looks down 30 degrees. On the floor both
# are nearly 0.
_SITTING_THIGHS, _FLAT_THIGHS = 0.42, 0.06
# So far above the head a wrist is raised, and clearly so.
_RAISED_HEIGHTS, _HIGH_HEIGHTS = 0.05, 0.15
# What is said of a fall after which nobody was seen to lie.
_LOST = 0.5


class Person:
    """What is remembered of one person, and becomes events.

    Parameters
    ----------
    track_id
        Whose.
    definitions
        Of the events.
    """

    def __init__(self, track_id: int, definitions: Definitions) -> None:
        self._track_id, self._of = track_id, definitions
        self.seen_s = self._size_px = NOT_KNOWN
        self._score, self._rise, self._is_at_border = 0.0, NOT_KNOWN, False
        self._sinking = Sinking(definitions.fall_heights_per_s, definitions.lying_s)
        self._anchor = Anchor(len(LIMBS))
        self._lying = Spell(track_id, "lying", least_s=definitions.lying_s)
        self._sitting = Spell(track_id, "sitting", least_s=definitions.sitting_s)
        self._still = Spell(track_id, "stillness", least_s=definitions.stillness_s)
        self._hands = tuple(
            Spell(track_id, "raised_hand", least_s=definitions.raised_hand_s, side=side)
            for side in SIDES
        )

    def update(self, time_s: float, body: Bodies) -> list[Event]:
        """Take the next frame in which the person was seen; return what began or ended."""
        self._grow(time_s, float(body.size_px))
        self.seen_s = time_s
        self._score, self._is_at_border = float(body.score), bool(body.is_at_border)
        if math.isnan(self._size_px):
            return []
        x_px, y_px = (float(value) for value in body.trunk_xy)
        if not math.isnan(y_px):
            hips_y_px = y_px + float(body.rise_px) / 2
            self._sinking.update(time_s, (x_px, y_px), hips_y_px, self._size_px)
        self._rise = float(body.rise_px) / self._size_px / TRUNK
        return [
            *self._posture(time_s, body),
            *self._raised_hands(time_s, body),
            *self._stillness(time_s, body),
        ]

    def finish(self) -> list[Event]:
        """Return what ends since the person is not seen any more."""
        states = (self._lying, self._sitting, *self._hands, self._still)
        return [*self._lost_fall(), *(event for state in states for event in state.stop())]

    def _grow(self, time_s: float, size_px: float) -> None:
        if math.isnan(size_px):
            return
        if math.isnan(self._size_px):
            self._size_px = size_px
            return
        is_down = self._lying.holds or self._sinking.down_heights_per_s > _SINKS_HEIGHTS_PER_S
        if size_px > self._size_px or not is_down:
            after_s = _GROWS_S if size_px > self._size_px else _SHRINKS_S
            share = -math.expm1(-(time_s - self.seen_s) / after_s)
            self._size_px += share * (size_px - self._size_px)

    def _posture(self, time_s: float, body: Bodies) -> list[Event]:
        rise = self._rise
        hips, thighs = float(body.hips_px) / self._size_px, float(body.thighs_px) / self._size_px
        if math.isnan(rise) or math.isnan(hips):
            return [*self._lying.wait(time_s), *self._sitting.wait(time_s)]
        most = (_RISEN, _UP_HIPS) if self._lying.holds else (_LYING_RISE, _LYING_HIPS)
        trunk_deg = math.degrees(math.asin(max(-1.0, min(rise, 1.0))))
        moves = self._sinking.heights_per_s > _RESTS_HEIGHTS_PER_S
        if abs(rise) < most[0] and hips < most[1] and not moves:
            clear = 1 - max(abs(rise) / most[0], hips / most[1]) / 2
            lying = self._lying.hold(time_s, clear * self._score, trunk_deg=trunk_deg)
            return [*self._sitting.lapse(time_s), *self._fall_before(lying), *lying]
        lying = self._lying.lapse(time_s)
        most_thighs = max(_SITTING_THIGHS * hips, _FLAT_THIGHS)
        if rise > _SITTING_RISE and hips < _SITTING_HIPS and thighs < most_thighs:
            clear = 1 - max(0.0, hips / _SITTING_HIPS, thighs / most_thighs) / 2
            return [*lying, *self._sitting.hold(time_s, clear * self._score, trunk_deg=trunk_deg)]
        return [*lying, *self._sitting.lapse(time_s)]

    def _fall_before(self, lying: list[Event]) -> list[Event]:
        """Return the fall after which somebody has now lain for long enough."""
        if not lying or not math.isnan(lying[-1].end_s):
            return []
        descent = self._sinking.before(lying[-1].start_s, self._size_px)
        self._sinking.forget()
        if descent is None:
            return []
        fall = self._fall(descent)
        most = min(fall.confidence, lying[-1].confidence)
        return [replace(fall, confidence=most, trunk_deg=lying[-1].trunk_deg)]

    def _lost_fall(self) -> list[Event]:
        """Return the fall in the middle of which somebody was seen last."""
        sinks = self._sinking.down_heights_per_s > self._of.fall_heights_per_s / 2
        topples = sinks and abs(self._rise) < _RISEN
        if self._is_at_border or not (topples or self._lying.holds):
            return []
        descent = self._sinking.at_last(self._size_px)
        if descent is None:
            return []
        if self._lying.holds:
            detail = f"seen to lie for {self.seen_s - self._lying.start_s:.1f} s only"
        else:
            detail = "not seen after the descent"
        fall = self._fall(descent)
        return [replace(fall, confidence=_LOST * fall.confidence, detail=detail)]

    def _fall(self, descent: Descent) -> Event:
        faster = descent.peak_heights_per_s / self._of.fall_heights_per_s - 1
        return Event(
            self._track_id,
            "fall",
            descent.start_s,
            descent.end_s,
            confidence=(0.5 + min(faster, 1.0) / 2) * self._score,
            descent_heights_per_s=descent.peak_heights_per_s,
        )

    def _raised_hands(self, time_s: float, body: Bodies) -> list[Event]:
        """Return raised hands that began or ended; those of somebody who lies are not raised."""
        changes: list[Event] = []
        for i, spell in enumerate(self._hands):
            above = float(body.hands_px[i]) / self._size_px
            is_up = above > _RAISED_HEIGHTS or (spell.holds and body.arms_px[i] > 0)
            if math.isnan(above):
                changes += spell.wait(time_s)
            elif self._rise < _LYING_RISE or not is_up:
                changes += spell.lapse(time_s)
            else:
                clear = 0.5 + max(0.0, min(above / _HIGH_HEIGHTS, 1.0)) / 2
                changes += spell.hold(time_s, clear * float(body.hand_score[i]))
        return changes

    def _stillness(self, time_s: float, body: Bodies) -> list[Event]:
        moved_px = self._anchor.update(time_s, body.limbs_xy)
        if math.isnan(moved_px):
            return self._still.wait(time_s)
        share = moved_px / self._size_px / self._of.stillness_heights
        if share <= 1:
            return self._still.hold(time_s, (1 - share / 2) * self._score)
        self._anchor.drop(time_s)
        return self._still.stop()
