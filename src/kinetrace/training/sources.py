"""Labels in a file, and the pictures that they are of: COCO, LSP-style archives, and our tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kinetrace.errors import FormatError, SourceError
from kinetrace.evaluation import Truth, read_truth
from kinetrace.frames import open_frames
from kinetrace.poses import Poses

Image = npt.NDArray[np.uint8]

# A keypoint of a table that was found with less is not taken for a label.
_LEAST_SCORE = 0.3


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Labelled people and where their pictures are.

    Attributes
    ----------
    truth
        The people. Each data set's own flags are read there: what is not labelled is NaN, and
        what is labelled though occluded is there.
    media
        A folder of images, or a video.
    times
        How often its people are learnt from in a round: a small source beside a large one would
        hardly be seen.
    """

    truth: Truth
    media: Path
    times: int = 1

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times must be at least 1, got {self.times}")

    def pictures(self) -> Iterator[tuple[int, Image]]:
        """Yield the number of each picture with people in it, and the picture, in that order.

        Raises
        ------
        SourceError
            If a picture is not there, or cannot be read.
        """
        wanted = np.unique(self.truth.image)
        if self.media.is_dir():
            yield from self._images(wanted)
        else:
            yield from self._film(wanted)

    def _images(self, wanted: npt.NDArray[np.int64]) -> Iterator[tuple[int, Image]]:
        from kinetrace.frames.images import read_image

        for number in wanted:
            yield int(number), read_image(self.media / self.truth.image_name[number])

    def _film(self, wanted: npt.NDArray[np.int64]) -> Iterator[tuple[int, Image]]:
        place = {int(self.truth.image_id[number]): int(number) for number in wanted}
        with open_frames(self.media) as frames:
            for frame in frames:
                if frame.index in place:
                    yield place.pop(frame.index), frame.image
                if not place:
                    return
        if place:
            raise SourceError(
                f"{self.media} has no frame {min(place)}, of which {self.truth.source} has labels: "
                "name the video that they are of"
            )


def read_source(labels: Path, media: Path, *, times: int = 1) -> Source:
    """Read labels.

    Parameters
    ----------
    labels
        A COCO keypoints file (``.json``), an LSP-style archive (``.npz``), or a table of ours
        (``.csv``, ``.parquet``, ``.jsonl``), in which a keypoint with a score below 0.3 counts as
        not labelled.
    media
        The folder of the images, or the video that a table is of.
    times
        How often its people are learnt from in a round.

    Raises
    ------
    SourceError
        If it cannot be read.
    FormatError
        If it holds no labels.
    ValueError
        If `times` is less than 1.
    """
    if not media.exists():
        raise SourceError(f"cannot read {media}: there is no such folder or video")
    is_table = labels.suffix.lower() not in (".json", ".npz")
    truth = _from_poses(_read_poses(labels), labels) if is_table else read_truth(labels)
    if not len(truth.xy):
        raise FormatError(f"{labels} labels nobody: there is nothing to train on")
    if not media.is_dir() and not is_table:
        raise SourceError(f"{labels} names images: give their folder, not {media}")
    return Source(truth=truth, media=media, times=times)


def _read_poses(path: Path) -> Poses:
    from kinetrace import formats

    return formats.read(path)


def _from_poses(poses: Poses, path: Path) -> Truth:
    sure = poses.score >= _LEAST_SCORE
    xy = np.where(sure[..., None], poses.xy, np.nan).astype(np.float64)
    names = poses.frame_name or tuple(f"{path.stem}-{index}" for index in poses.frame_index)
    return Truth(
        skeleton=poses.skeleton,
        image_name=tuple(names),
        image_id=np.asarray(poses.frame_index, np.int64),
        image=np.asarray(poses.frame, np.int64),
        xy=xy,
        bbox_xyxy=np.asarray(poses.bbox_xyxy, np.float64),
        area_px=np.full(len(xy), np.nan),
        ignored=np.asarray(~sure.any(axis=1)),
        crowd=np.zeros(len(xy), bool),
        source=str(path),
    )
