"""How a report was made: what somebody needs who wants to have the same one again."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kinetrace import __version__
from kinetrace.files import reading
from kinetrace.poses import Poses
from kinetrace.report._page import Section
from kinetrace.report._tables import of_facts
from kinetrace.report._wording import in_words

_PACKAGES = ("numpy", "pandas", "scipy")


def section_of(
    poses: Poses, keypoints: Path | None, command: str, options: Mapping[str, Any]
) -> Section:
    """Return the section that tells how the report was made.

    Parameters
    ----------
    poses
        Their log tells what was done before.
    keypoints
        The file that they were read from; None if from none.
    command
        The command that makes the report again; "" if there is none.
    options
        Options of the measures by name.
    """
    facts = [("Kinetrace", __version__), ("Python", platform.python_version())]
    facts += [(name, _version(name)) for name in _PACKAGES]
    facts += [(name, str(v)) for name, v in options.items() if v is not None]
    if keypoints is not None:
        with reading(keypoints):
            digest = hashlib.sha256(keypoints.read_bytes()).hexdigest()
        facts += [("Table of keypoints", keypoints.name), ("Its SHA-256", digest)]
    parts = [of_facts(facts)]
    if command:
        parts.append(
            f"<p>The command that makes it again:</p><pre><code>{escape(command)}</code></pre>"
        )
    if poses.log:
        steps = "".join(_step(entry) for entry in poses.log)
        parts.append(f"<p>The keypoints were made in these steps:</p><ol>{steps}</ol>")
    else:
        parts.append("<p>The table does not say how its keypoints were made.</p>")
    return Section("How this was made", "".join(parts))


def _step(entry: Mapping[str, Any]) -> str:
    name = in_words(str(entry.get("operation", "?")))
    parameters = entry.get("parameters") or {}
    told = "".join(
        f"<div><dt>{escape(str(k))}</dt><dd>{escape(_text(v))}</dd></div>"
        for k, v in (parameters.items() if isinstance(parameters, Mapping) else ())
    )
    made_by = f" <small>Kinetrace {escape(str(entry.get('version', '?')))}</small>"
    return f"<li>{escape(name)}{made_by}" + (f"<dl>{told}</dl></li>" if told else "</li>")


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_text(v)}" for name, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
