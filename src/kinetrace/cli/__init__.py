"""The command line: parse, call, show. Each module here is a command."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn, TextIO

from cyclopts import App, CycloptsError

from kinetrace import __version__
from kinetrace.errors import KinetraceError

app = App(
    name="kinetrace",
    version=__version__,
    help="Every person's keypoints from images and videos, as a clean table.",
    help_epilogue="Try it at once: kinetrace demo",
    help_format="markdown",
    suppress_keyboard_interrupt=False,
)
# The modules of this folder, each with an `app`, of which only the one that is wanted is imported.
_COMMANDS = (
    *("estimate", "live", "draw", "report", "track", "smooth", "convert", "serve", "evaluate"),
    *("train", "benchmark", "demo", "info", "measure", "actions", "models"),
)
for name in _COMMANDS:
    app.command(f"{__name__}.{name}:app", name=name)


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM): what is open is closed as for Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process.

    The exit code is 0 if all was done, 1 if something could not be (with one line to say what),
    2 if the command line makes no sense, 130 after Ctrl-C and 143 after SIGTERM.
    """
    signal.signal(signal.SIGTERM, _terminate)
    # At its end the interpreter would go through all objects, to free what ends with it.
    atexit.register(gc.freeze)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _say_warning
            if _asks_for_the_list(sys.argv[1:] if arguments is None else arguments):
                for name in _COMMANDS:
                    app[name]  # imports it, since the list tells what each command does
            code = app(
                arguments, exit_on_error=False, print_error=True, result_action="return_value"
            )
    except CycloptsError:
        code = 2
    except (KinetraceError, ValueError) as error:
        if isinstance(error, ValueError) and os.environ.get("KINETRACE_DEBUG"):
            raise
        _say(" ".join((f"error: {error}", *getattr(error, "__notes__", ()))))
        code = 1
    except KeyboardInterrupt as error:
        _say(str(error) or "interrupted")
        code = 143 if isinstance(error, Terminated) else 130
    except BrokenPipeError:  # whoever read our output has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code or 0)


def _asks_for_the_list(words: Sequence[str]) -> bool:
    return not words or words[0] in app.help_flags


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated("terminated")


def _say_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001 - the signature is Python's
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Tell what limits a result, without the line of our code that says so."""
    _say(str(message))


def _say(text: str) -> None:
    print(f"kinetrace: {text}", file=sys.stderr)
