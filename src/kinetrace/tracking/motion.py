"""How people move: the Kalman filter of each track, and how sure a prediction is.

A track's state is its last pose and the velocity of the body as a whole. All lengths are in the
person's own size (`Bodies.size_px`, about 0.9 m on somebody who stands), all times in seconds, so
nothing depends on the scale of the picture or on its rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# How fast a body's velocity wanders: after one second its deviation is 1.8 sizes a second.
_WANDER = 1.8
# Of somebody new: walking is 1 to 2 sizes a second.
_FIRST_SPEED = 1.5
# How far the mean of the keypoints is off in one frame.
_OFF = 0.03
# A velocity that nobody sees any longer dies down: people stop and turn.
_MEMORY_S = 2.0


class Motion(NamedTuple):
    """The motion of M tracks.

    Attributes
    ----------
    velocity : (M, 2)
        px/s.
    variance : (M, 3)
        Of place, of place and velocity together, and of velocity; in sizes, the same on both axes.
    """

    velocity: Floats
    variance: Floats


def at_rest(count: int) -> Motion:
    """Return the motion of people who are seen for the first time."""
    variance = np.tile([_OFF**2, 0.0, _FIRST_SPEED**2], (count, 1))
    return Motion(np.zeros((count, 2)), variance)


def predict(motion: Motion, elapsed_s: Floats) -> tuple[Floats, Motion]:
    """Let time pass.

    Parameters
    ----------
    motion
        Of M tracks when last seen.
    elapsed_s : (M,)
        Since then.

    Returns
    -------
    shift_px : (M, 2)
        How far they have gone.
    Motion
        Theirs now.
    """
    kept = np.exp(-elapsed_s / _MEMORY_S)
    reach_s = _MEMORY_S * (1 - kept)
    place, both, speed = motion.variance.T
    # White acceleration (Bar-Shalom et al. 2001, section 6.2.2), with the velocity dying down.
    noise = _WANDER**2
    variance = np.stack(
        [
            place + 2 * reach_s * both + reach_s**2 * speed + noise * elapsed_s**3 / 3,
            kept * (both + reach_s * speed) + noise * elapsed_s**2 / 2,
            kept**2 * speed + noise * elapsed_s,
        ],
        axis=1,
    )
    shift_px = motion.velocity * reach_s[:, None]
    return shift_px, Motion(motion.velocity * kept[:, None], variance)


def correct(motion: Motion, off_px: Floats, trust: Floats) -> tuple[Floats, Motion]:
    """Take in where people really are.

    Parameters
    ----------
    motion
        Of M tracks, predicted.
    off_px : (M, 2)
        How far they are from where they were expected.
    trust : (M,)
        0..1, how good the keypoints are that say so.

    Returns
    -------
    shift_px : (M, 2)
        The part of `off_px` that is believed.
    Motion
        Theirs now.
    """
    place, both, speed = motion.variance.T
    total = place + (_OFF / np.maximum(trust, 0.1)) ** 2
    gain, speed_gain = place / total, both / total
    variance = np.stack([(1 - gain) * place, (1 - gain) * both, speed - speed_gain * both], axis=1)
    velocity = motion.velocity + speed_gain[:, None] * off_px
    return gain[:, None] * off_px, Motion(velocity, variance)
