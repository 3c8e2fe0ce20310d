"""Look-up of plug-ins: the module is the plug-in, its file name is its name.

A plug-in is a module in one of the folders `backends`, `detectors`, `formats` or `measures`, or a
module that an installed package names in the entry-point group ``kinetrace.<kind>``:

.. code-block:: toml

    [project.entry-points."kinetrace.formats"]
    myformat = "my_package.myformat"

What each kind of module must hold is written in the docstring of its folder's ``__init__.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Literal

from kinetrace.errors import PluginError

Kind = Literal["backends", "detectors", "formats", "measures"]


def names(kind: Kind) -> list[str]:
    """List the plug-ins of a kind, sorted, without importing any of them."""
    return sorted({*_own(kind), *_installed(kind)})


def load(kind: Kind, name: str) -> ModuleType:
    """Import a plug-in by name.

    Parameters
    ----------
    kind
        The folder, and the last part of the entry-point group.
    name
        The name of the module; one of ours wins over an installed package's.

    Raises
    ------
    PluginError
        If there is none of that name, or an installed package's cannot be imported.
    """
    if name in _own(kind):
        return importlib.import_module(f"kinetrace.{kind}.{name}")
    found = _installed(kind).get(name)
    if found is None:
        raise PluginError(
            f"there is no {name!r} in {kind}; there are: {', '.join(names(kind)) or 'none'}"
        )
    try:
        module = found.load()
    except ImportError as error:
        raise PluginError(f"{kind} {name!r} ({found.value}) cannot be imported: {error}") from error
    if not isinstance(module, ModuleType):
        raise PluginError(f"{kind} {name!r} ({found.value}) must name a module, not {module!r}")
    return module


def _own(kind: Kind) -> list[str]:
    folder = importlib.import_module(f"kinetrace.{kind}")
    return [m.name for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_")]


def _installed(kind: Kind) -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=f"kinetrace.{kind}")}
