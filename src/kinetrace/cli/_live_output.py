"""What ``kinetrace live`` shows and writes."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinetrace.cli._live_window import Window
    from kinetrace.frames import Frame
    from kinetrace.live.session import Seen


class Written:
    """The table and the film, from the first frame on; whole when it ends."""

    def __init__(self, output: Path | None, overlay: Path | None) -> None:
        self._output, self._overlay = output, overlay
        self._table: Any = None
        self._film: Any = None

    @property
    def has_film(self) -> bool:
        """Whether a film is written."""
        return self._overlay is not None

    @property
    def files(self) -> list[Path]:
        """What was written."""
        made = ((self._table, self._output), (self._film, self._overlay))
        return [path for file, path in made if file is not None and path is not None]

    def add(self, frame: Frame, seen: Seen, drawn: Any) -> None:
        """Write the next frame."""
        from kinetrace.formats import open_writer
        from kinetrace.frames import Frame
        from kinetrace.frames.video_writer import VideoWriter

        if self._output is not None:
            if self._table is None:
                self._table = open_writer(self._output, seen.poses)
            self._table.append(seen.poses)
        if self._overlay is not None:
            if self._film is None:
                self._film = VideoWriter(self._overlay, start_s=None)
            self._film.write(Frame(drawn, frame.index, frame.time_s))

    def end(self) -> None:
        """Give the files their names. Ending twice is fine."""
        for file in (self._table, self._film):
            if file is not None:
                file.close()

    def __enter__(self) -> Written:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        from kinetrace.errors import SourceError

        # A camera that was unplugged ends a recording as Ctrl-C does.
        if kind is None or issubclass(kind, SourceError):
            self.end()
            return
        for file in (self._table, self._film):
            if file is not None:
                file.__exit__(kind, *_error)


class Screen:
    """What people see: the window if there is one, a line of numbers, and what is said."""

    _RATE_FRAMES = 30

    def __init__(self, window: Window | None, *, quiet: bool) -> None:
        self._window = window
        self._is_terminal = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._at_s: deque[float] = deque(maxlen=self._RATE_FRAMES)
        self._delays_s: deque[float] = deque(maxlen=1000)
        self._said = ""
        self._frames = 0
        self._first_s = self._last_s = 0.0
        self._seen: Seen | None = None

    @property
    def has_window(self) -> bool:
        """Whether pictures are shown."""
        return self._window is not None

    @property
    def is_open(self) -> bool:
        """False when somebody has closed the window."""
        return self._window is None or self._window.is_open

    def show(self, seen: Seen, drawn: Any, *, delay_s: float) -> None:
        """Show what is known of a frame."""
        time_s = float(seen.poses.frame_time_s[0])
        if not self._frames:
            self._first_s = time_s
        self._last_s, self._seen = time_s, seen
        self._frames += 1
        self._at_s.append(time_s)
        self._delays_s.append(delay_s)
        if seen.said:
            self._said = " ".join(seen.said)
            self._say(f"{time_s - self._first_s:7.1f} s  {self._said}")
        if self._window is not None:
            self._window.show(drawn, self._said)
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{self._line(seen, time_s)[:width]:<{width}}", end="", file=sys.stderr)

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(f"\r\033[K{text}" if self._is_terminal else text, file=sys.stderr)

    def _line(self, seen: Seen, time_s: float) -> str:
        from kinetrace.live.picture import headline, number_lines

        span_s = self._at_s[-1] - self._at_s[0]
        rate_hz = (len(self._at_s) - 1) / span_s if span_s > 0 else 0.0
        parts = [
            f"{time_s - self._first_s:.1f} s",
            f"{rate_hz:.0f} frames/s",
            f"{1000 * self._delays_s[-1]:.0f} ms",
            headline(seen.repetitions),
            *number_lines(seen),
        ]
        if seen.person < 0:
            parts.append("nobody is seen")
        return "  ".join(part for part in parts if part)

    def summary(self, source: str, dropped: int, files: list[Path]) -> list[str]:
        """Return what there is to say at the end."""
        if self._seen is None:
            return [f"{source}: no frame came"]
        from kinetrace.live.picture import headline, number_lines

        long_s = self._last_s - self._first_s
        rate = f" ({(self._frames - 1) / long_s:.1f} a second)" if long_s > 0 else ""
        delay_ms = 1000 * median(self._delays_s)
        count = headline(self._seen.repetitions)
        lines = [
            f"{source}: {self._frames} frames in {long_s:.1f} s{rate}, {dropped} dropped; "
            f"median delay {delay_ms:.0f} ms",
            f"  {count}" if count else "",
            f"  at the end: {', '.join(number_lines(self._seen))}"
            if number_lines(self._seen)
            else "",
            f"  -> {', '.join(map(str, files))}" if files else "",
        ]
        return [line for line in lines if line]

    def close(self) -> None:
        """Close the window, and end the line of numbers."""
        if self._is_terminal and self._frames:
            print(file=sys.stderr)
        if self._window is not None:
            self._window.close()
