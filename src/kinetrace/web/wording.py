"""Errors as they may be shown: without the paths of the server."""

from __future__ import annotations

import re
from pathlib import Path

# A path of at least two parts; what is in an address (http://) is none.
_PATH = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:)?[\\/](?:[^\s'\":;,()]+[\\/])+[^\s'\":;,()]*")


def public(text: str, *, file: Path | None = None, name: str = "") -> str:
    """Return a text without paths.

    Parameters
    ----------
    text
        What an error says.
    file
        The file that it may be about.
    name
        What its owner calls that file.
    """
    if file is not None:
        text = text.replace(str(file), name or "the file")
        text = text.replace(str(file.parent), "the job")
    return _PATH.sub("(a file of the server)", text)
