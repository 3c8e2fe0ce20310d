"""Films that are done in stretches: which are done, and what is to be done next."""

from __future__ import annotations

from dataclasses import dataclass, field

from kinetrace.batch.cluster_worker import Assembly, Piece, Report, Stretch
from kinetrace.batch.stitching_task import Part
from kinetrace.frames.selection import Selection


@dataclass
class _Film:
    """The stretches of a film, and the frames of each: done, and expected where that is known."""

    stretches: int
    parts: dict[int, Part] = field(default_factory=dict)
    frames: dict[int, tuple[int, int | None]] = field(default_factory=dict)


class Films:
    """All films of a run that are done in stretches."""

    def __init__(self) -> None:
        self._films: dict[object, _Film] = {}

    def add(self, piece: Piece, done: Part | list[Selection]) -> list[Piece]:
        """Take what a worker has done; return what is to be done now."""
        job = piece.job
        if not isinstance(done, Part):
            self._films[job.table] = _Film(stretches=len(done))
            return [
                Stretch(job=job, number=number, selection=selection)
                for number, selection in enumerate(done)
            ]
        assert isinstance(piece, Stretch)
        film = self._films[job.table]
        film.parts[piece.number] = done
        frames = 0 if done.poses is None else len(done.poses.frame_time_s)
        film.frames[piece.number] = (frames, frames)
        if len(film.parts) < film.stretches:
            return []
        parts = tuple(film.parts[number] for number in range(film.stretches))
        film.parts.clear()  # what is in an assembly is kept only there
        return [Assembly(job=job, parts=parts)]

    def frames(self, piece: Piece, report: Report) -> tuple[int, int | None]:
        """Return the frames done of the film of a piece, and about how many there are."""
        if not isinstance(piece, Stretch):
            return report.done, report.expected
        film = self._films[piece.job.table]
        film.frames[piece.number] = (report.done, report.expected)
        known = [expected for _, expected in film.frames.values() if expected is not None]
        about = round(sum(known) / len(known) * film.stretches) if known else None
        return sum(done for done, _ in film.frames.values()), about
