"""A hook of MkDocs: what links out of the documentation, to code, is shown as its path instead."""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with ``[text](../path)`` as the text and the path."""
    return re.sub(r"\[([^\]]+)\]\(\.\./([^)\s]+)\)", r"\1 (`\2`)", markdown)
