"""Where the time goes: named spans of work, added up while somebody is looking.

>>> with record() as timings:
...     with span("draw"):
...         pass
>>> list(timings.seconds)
['draw']

A span inside another one is taken out of it, so that the sums add up, and is named with it:
``detect/network``. Spans of several threads overlap in time; then the sums together are more than
the clock shows.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")


@dataclass
class Timings:
    """Seconds spent, and how often, by the name of the span."""

    seconds: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, name: str, seconds: float) -> None:
        """Add one span."""
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            self.counts[name] += 1


@dataclass
class _Open:
    name: str
    inner_s: float = 0.0


_active: Timings | None = None
# The open spans of this thread, innermost last: full name, and seconds of the spans inside it.
_thread = threading.local()


@contextmanager
def record() -> Iterator[Timings]:
    """Add up all spans of the process while the body runs.

    Raises
    ------
    RuntimeError
        If somebody is looking already.
    """
    global _active
    if _active is not None:
        raise RuntimeError("spans are being recorded already; one at a time")
    _active = timings = Timings()
    try:
        yield timings
    finally:
        _active = None


@contextmanager
def span(name: str) -> Iterator[None]:
    """Count the time that the body takes. Costs next to nothing while nobody is looking."""
    timings = _active
    if timings is None:
        yield
        return
    open_spans: list[_Open] = _thread.__dict__.setdefault("open_spans", [])
    this = _Open(f"{open_spans[-1].name}/{name}" if open_spans else name)
    open_spans.append(this)
    began_s = time.perf_counter()
    try:
        yield
    finally:
        took_s = time.perf_counter() - began_s
        open_spans.pop()
        timings.add(this.name, took_s - this.inner_s)
        if open_spans:
            open_spans[-1].inner_s += took_s


def spanned(name: str, items: Iterator[Item]) -> Iterator[Item]:
    """Iterate over `items`, counting the time that each takes to come."""
    try:
        while True:
            with span(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
