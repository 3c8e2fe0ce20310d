"""Recording: a file of any format that is written as the poses come."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

from kinetrace.choices import Layout
from kinetrace.errors import OutputError
from kinetrace.files import writing
from kinetrace.formats import jsonl
from kinetrace.poses import Poses


def name_partial(path: Path, module: ModuleType) -> Path:
    """Return what a file of a format is called until it is whole."""
    suffix = max((s for s in module.SUFFIXES if path.name.lower().endswith(s)), key=len)
    stem = path.name[: -len(suffix)]
    if not hasattr(module, "Writer"):
        suffix = jsonl.SUFFIXES[0]
    return path.with_name(f"{stem}.partial{suffix}")


class Recording:
    """Poses on their way into a file. Made by `kinetrace.formats.open_writer`.

    A format that can be read when it was cut short is written directly; another one is kept as
    JSON Lines and converted at the end.

    Attributes
    ----------
    path
        Where the file is when it is whole.
    partial
        Where it is until then, once a frame has been appended, in a format that can be read:
        ``clip.partial.keypoints.csv``.
    frames
        How many frames have been appended.

    Raises
    ------
    OutputError
        If it cannot be written.
    """

    def __init__(
        self, path: Path, header: Poses, module: ModuleType, *, layout: Layout | None
    ) -> None:
        self.path = path
        self.frames = 0
        self._header, self._module, self._layout = header, module, layout
        self._writer: Any = None
        self._ended = False
        self.partial = name_partial(path, module)
        if path.is_dir():
            raise OutputError(f"cannot write {path}: that is a directory; name a file")
        if not path.parent.is_dir():
            raise OutputError(f"cannot write {path}: its folder does not exist; make it first")

    def append(self, poses: Poses) -> None:
        """Write the next stretch of frames; they are safe when this returns."""
        if self._ended:
            raise ValueError(f"the recording of {self.path} has ended")
        self._open().append(poses)
        self.frames += len(poses.frame_time_s)

    def close(self) -> None:
        """End the file and move it into place. Closing twice is fine."""
        if self._ended:
            return
        self._open().close()
        self._ended = True
        try:
            if hasattr(self._module, "Writer"):
                self._move()
            else:
                self._convert()
        except OutputError as error:
            raise OutputError(f"{error}. What there is, is in {self.partial}") from error

    def close_as(self, poses: Poses) -> None:
        """End the file as `poses`, which take the place of what has been appended.

        Until they are written what was appended is in `partial`.
        """
        self._open().close()
        self._ended = True
        try:
            if hasattr(self._module, "Writer"):
                self._with_layout("write")(poses, self.partial)
                self._move()
            else:
                self._with_layout("write")(poses, self.path)
                with writing(self.partial):
                    self.partial.unlink()
        except OutputError as error:
            raise OutputError(f"{error}. What there is, is in {self.partial}") from error

    def abandon(self) -> None:
        """End the file where it is and leave it as `partial`."""
        if self._writer is not None:
            self._writer.close()
        self._ended = True

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _open(self) -> Any:
        """Return what writes `partial`; it is made late so that no empty file is left behind."""
        if self._writer is None:
            if hasattr(self._module, "Writer"):
                self._writer = self._with_layout("Writer")(self.partial, self._header)
            else:
                self._writer = jsonl.Writer(self.partial, self._header)
        return self._writer

    def _move(self) -> None:
        if hasattr(self._module, "rename"):
            self._module.rename(self.partial, self.path)
        else:
            with writing(self.path):
                self.partial.replace(self.path)

    def _convert(self) -> None:
        if hasattr(self._module, "write_chunks"):
            self._with_layout("write_chunks")(jsonl.read_chunks(self.partial), self.path)
        else:
            self._with_layout("write")(jsonl.read(self.partial), self.path)
        with writing(self.partial):
            self.partial.unlink()

    def _with_layout(self, name: str) -> Any:
        function = getattr(self._module, name)
        return (
            function if self._layout is None else functools.partial(function, layout=self._layout)
        )
