"""A window for live pictures, by Tk, which comes with most Pythons: OpenCV's is another wheel."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinetrace.errors import OutputError
from kinetrace.labels import Image


class Window:
    """Shows one picture after the other until somebody closes it (or presses q or Escape).

    Attributes
    ----------
    is_open
        Until it has been closed.

    Raises
    ------
    OutputError
        If there can be no window here; the text says why, and what can be done.
    """

    def __init__(self, title: str) -> None:
        self.is_open = False
        try:
            import tkinter
        except ImportError as error:
            raise OutputError(
                "cannot open a window: this Python came without Tk (on Debian and Ubuntu: apt "
                "install python3-tk); `kinetrace serve` has a page that shows the same"
            ) from error
        try:
            self._root: tkinter.Tk | None = tkinter.Tk(className="kinetrace")
        except tkinter.TclError as error:
            raise OutputError(
                f"cannot open a window: {error}; `kinetrace serve` has a page that shows the same, "
                "and --overlay writes a film"
            ) from error
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._end)
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda _event: self._end())
        self._picture = tkinter.Label(self._root, borderwidth=0)
        self._picture.pack()
        self._said = tkinter.Label(self._root, font=("", 18), anchor="w", padx=8, pady=6)
        self._said.pack(fill="x")
        self._photo: Any = None
        self.is_open = True

    def show(self, image: Image, said: str) -> None:
        """Show a picture, (H, W, 3) uint8 RGB, and what was said last below it."""
        import cv2
        from PIL import Image as Pillow
        from PIL import ImageTk

        if self._root is None or not self.is_open:
            return
        height, width = image.shape[:2]
        room = self._root.winfo_screenwidth() * 0.9, self._root.winfo_screenheight() * 0.8
        scale = min(1.0, room[0] / width, room[1] / height)
        if scale < 1:
            size = max(1, int(width * scale)), max(1, int(height * scale))
            image = np.asarray(cv2.resize(image, size), dtype=np.uint8)
        picture = Pillow.fromarray(image)
        if self._photo is None or (self._photo.width(), self._photo.height()) != picture.size:
            self._photo = ImageTk.PhotoImage(picture)
            self._picture.configure(image=self._photo)
        else:
            self._photo.paste(picture)
        self._said.configure(text=said)
        self._root.update()

    def close(self) -> None:
        """Close it. Closing twice is fine."""
        if self._root is not None:
            self._end()
            # Without a window, Tk's pictures must not outlive it.
            self._photo = None
            self._root.destroy()
            self._root = None

    def _end(self) -> None:
        self.is_open = False
