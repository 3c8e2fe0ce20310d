"""The errors that Kinetrace raises on purpose.

::

    KinetraceError
    ├── SourceError          an image, a video, a camera or a stream cannot be read
    │   └── TruncatedError   a video ends before it should; what came before it is good
    ├── OutputError          a result cannot be written
    ├── FormatError          a file does not hold what its format promises
    ├── WeightsError         a model file cannot be had, or is not what it should be
    ├── PluginError          no backend, detector, format or measure of that name
    └── MissingExtraError    an optional package is not installed

Only the command line and the web page catch them, and show them as one line. Anything else
that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinetrace.poses import Poses


class KinetraceError(Exception):
    """What every error below is: its text says what was wrong and what to do."""


class SourceError(KinetraceError):
    """An image, a video, a camera or a stream cannot be read."""


class TruncatedError(SourceError):
    """A video ends before it should. Raised after its last good frame has been yielded.

    Attributes
    ----------
    poses
        Where a whole video was estimated: the poses up to there, else None.
    """

    poses: Poses | None = None


class OutputError(KinetraceError):
    """A result cannot be written."""


class FormatError(KinetraceError):
    """A file does not hold what its format promises."""


class WeightsError(KinetraceError):
    """A model file cannot be had, or is not what it should be."""


class PluginError(KinetraceError):
    """There is no backend, detector, format or measure of that name."""


class MissingExtraError(KinetraceError):
    """An optional package is not installed.

    Parameters
    ----------
    what
        What was asked for, in the user's words.
    extra
        The extra of this package that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed. Run: pip install 'kinetrace[{extra}]'")
