"""scikit-learn, where it is installed."""

from __future__ import annotations

import importlib
from typing import Any

from kinetrace.errors import MissingExtraError


def sklearn(module: str) -> Any:
    """Import a module of scikit-learn.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "actions") from error
