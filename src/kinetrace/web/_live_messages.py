"""What a live page may send: settings, and pictures with their times. All of it is anybody's."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from kinetrace import plugins
from kinetrace.errors import KinetraceError
from kinetrace.live.session import DOINGS

# Less than the server lets in, so that it is us who say why.
MOST_BYTES = 1_500_000
MOST_PIXELS = 1920 * 1080
MOST_TEXT = 4096
_STAMP = struct.Struct("<d")
# Close codes of RFC 6455, section 7.4.1.
BAD_DATA, REFUSED, TOO_BIG, BROKEN, TRY_LATER = 1007, 1008, 1009, 1011, 1013


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """Why a connection ends: a sentence that says what to do, and the close code."""

    def __init__(self, detail: str, code: int = BAD_DATA) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a client wants: the settings of a session.

    Attributes
    ----------
    backend, model, max_people
        As of `kinetrace.stream`; MediaPipe's default model is the fastest, lite.
    exercise, space, person_height_m
        As of `kinetrace.live.session.Session`.
    """

    backend: str = "mediapipe"
    model: str | None = None
    max_people: int | None = None
    exercise: str = "auto"
    space: str = "2d"
    person_height_m: float | None = None


def read_wish(text: str) -> Wish:
    """Read a client's settings.

    A model can only be one of the backend's own, never a path.

    Raises
    ------
    Refusal
        If they make no sense.
    """
    if len(text) > MOST_TEXT:
        raise Refusal("The settings are too long.", TOO_BIG)
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("The settings must be JSON.") from error
    known = {field.name for field in dataclasses.fields(Wish)}
    if not isinstance(told, dict) or not set(told) <= known:
        raise Refusal(f"The settings must be an object with {', '.join(sorted(known))} only.")
    wish = Wish(**told)
    _check_choice("backend", wish.backend, tuple(plugins.names("backends")))
    _check_choice("exercise", wish.exercise, DOINGS)
    _check_choice("space", wish.space, ("2d", "3d"))
    _check_number("person_height_m", wish.person_height_m, 0.4, 2.6)
    _check_number("max_people", wish.max_people, 1, 20)
    if wish.max_people is not None and not isinstance(wish.max_people, int):
        raise Refusal("max_people must be a whole number.")
    if wish.model is not None:
        _check_choice("model", wish.model, _models(wish.backend))
        return wish
    is_mediapipe = wish.backend == "mediapipe"
    return dataclasses.replace(wish, model="mediapipe-lite") if is_mediapipe else wish


def _models(backend: str) -> tuple[str, ...]:
    try:
        return tuple(plugins.load("backends", backend).MODELS)
    except KinetraceError as error:
        raise Refusal(f"The method {backend} cannot be used here: {error}", REFUSED) from error


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise Refusal(f"{name} must be one of {', '.join(choices)}.")


def _check_number(name: str, value: object, least: float, most: float) -> None:
    if value is None:
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and least <= value <= most):  # type: ignore[operator]  # it is a number
        raise Refusal(f"{name} must be a number from {least:g} to {most:g}.")


def read_picture(data: bytes) -> tuple[float, npt.NDArray[np.uint8]]:
    """Read a client's picture: when it was taken, in ms, and (H, W, 3) uint8 RGB.

    Raises
    ------
    Refusal
        If it is no JPEG, damaged, or too large.
    """
    if len(data) <= _STAMP.size:
        raise Refusal("A picture must be 8 bytes with its time, and then a JPEG.")
    (time_ms,) = _STAMP.unpack_from(data)
    # A day's beginning in 1970 is as good as any, but what is left of seconds must be precise.
    if not (math.isfinite(time_ms) and abs(time_ms) < 1e14):
        raise Refusal("The time before a picture must be a number of milliseconds.")
    try:
        with Image.open(BytesIO(memoryview(data)[_STAMP.size :]), formats=("JPEG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Refusal(
                    f"A picture must have {MOST_PIXELS} pixels at most; this one is "
                    f"{image.width} x {image.height}.",
                    TOO_BIG,
                )
            return time_ms, np.asarray(image.convert("RGB"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refusal("That picture is far too large.", TOO_BIG) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Refusal("That is no JPEG, or it is damaged.") from error
