"""The page itself: one HTML file that asks nobody for anything.

Its Content-Security-Policy lets no request out, and runs the two scripts whose hashes it tells. So
whatever a file's name may contain, nothing in it is run, even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import NamedTuple

from kinetrace.report._chart_html import DATA
from kinetrace.report._pictures import Picture


class Section(NamedTuple):
    """A part of the page with a heading; `html` is escaped already."""

    title: str
    html: str


def build(title: str, head: str, sections: Sequence[Section]) -> str:
    """Return the whole page.

    Parameters
    ----------
    title
        Of the window, and of the file when it is printed.
    head
        What is above the sections, as HTML.
    sections
        In their order.
    """
    body = "".join(_section(i, section) for i, section in enumerate(sections))
    scripts = [_asset("plotly-basic.min.js"), _asset("report.js")] if DATA in body else []
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts)) or repr('none')}",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_asset('report.css')}</style></head>\n"
        f"<body>{head}<main>{body}</main>\n"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body></html>\n"
    )


def figure_of(picture: Picture, kind: str) -> str:
    """Return a picture with its caption."""
    width, height = picture.size_wh
    return (
        f'<figure class="{kind}"><img src="{picture.address}" width="{width}" height="{height}" '
        f'alt="{escape(picture.text)}"><figcaption>{escape(picture.caption)}</figcaption></figure>'
    )


def _section(number: int, section: Section) -> str:
    name = f"section-{number}"
    return (
        f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(section.title)}</h2>'
        f"{section.html}</section>\n"
    )


def _asset(name: str) -> str:
    return (files("kinetrace.report") / "assets" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
