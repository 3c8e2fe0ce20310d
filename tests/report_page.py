"""Read a report as a browser would: its elements, its text, and what its scripts draw from."""

from __future__ import annotations

import base64
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_VOID = {"meta", "img", "br", "link", "base", "input"}


class Page(HTMLParser):
    """The elements of a report, in their order, and the text within each."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.source = path.read_text(encoding="utf-8")
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> ends nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._open), data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def within(self, tag: str) -> list[str]:
        """The texts directly within elements of a kind."""
        return [text for path, text in self.texts if path and path[-1] == tag]

    @property
    def text(self) -> str:
        """What people read."""
        hidden = {"script", "style"}
        return " ".join(text for path, text in self.texts if not hidden & set(path))

    def chart(self, title: str) -> dict[str, Any]:
        """The data of the first chart of that title."""
        begins = self.texts.index((self._path_of("figcaption", title), title))
        data: dict[str, Any] = next(
            json.loads(text) for path, text in self.texts[begins:] if path[-1] == "script"
        )
        return data

    def _path_of(self, tag: str, text: str) -> tuple[str, ...]:
        return next(path for path, t in self.texts if t == text and path[-1:] == (tag,))

    @property
    def policy(self) -> dict[str, list[str]]:
        """The Content-Security-Policy by directive."""
        text = next(
            a["content"] or ""
            for a in self.all("meta")
            if a.get("http-equiv") == "Content-Security-Policy"
        )
        return {part.split()[0]: part.split()[1:] for part in text.split(";")}


def hash_of(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    return f"'sha256-{digest.decode()}'"
