"""Pictures kept small and in memory, and the people in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.files import replacing
from kinetrace.training.samples import is_held_out

Image = npt.NDArray[np.uint8]
Floats32 = npt.NDArray[np.float32]

# A network for inputs of 320 px sees nothing of what is finer.
_LONGEST_PX = 400


class People(NamedTuple):
    """Who is in a picture: N boxes.

    Attributes
    ----------
    bbox_xyxy : (N, 4) float32
        Pixels.
    score : (N,) float32
        How sure it is that each is a person, 0..1.
    """

    bbox_xyxy: Floats32
    score: Floats32


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """Pictures and who is in them.

    Attributes
    ----------
    name
        File name of each of the P pictures: what is held out is held out by it.
    pixels : (B,) uint8
        All pictures, one after the other, RGB.
    offset : (P,) int64
        Where in `pixels` each begins.
    size_wh : (P, 2) int64
        Width and height of each in pixels.
    people
        Of all pictures, those of one picture together, in the order of the pictures.
    count : (P,) int64
        How many people each picture has.
    is_extra : (P,) bool
        Which ones nobody labelled.
    """

    name: tuple[str, ...]
    pixels: Image
    offset: npt.NDArray[np.int64]
    size_wh: npt.NDArray[np.int64]
    people: People
    count: npt.NDArray[np.int64]
    is_extra: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.name)

    def image(self, row: int) -> Image:
        """Return one picture, (H, W, 3), without a copy."""
        width, height = self.size_wh[row]
        start = self.offset[row]
        return self.pixels[start : start + 3 * width * height].reshape(height, width, 3)

    def people_of(self, row: int) -> People:
        """Return who is in one picture."""
        stop = int(self.count[: row + 1].sum())
        rows = slice(stop - int(self.count[row]), stop)
        return People(*(part[rows] for part in self.people))

    def training_rows(self, *, extra_share: float = 0.0) -> npt.NDArray[np.int64]:
        """Return the numbers of the pictures that are not held out.

        Parameters
        ----------
        extra_share
            The share of all that the extra ones are to be, about, less than 1: few of them come
            several times, and each comes once at least.
        """
        rows = np.flatnonzero([not is_held_out(name) for name in self.name])
        extra = rows[self.is_extra[rows]]
        if not len(extra):
            return rows
        wanted = extra_share / (1 - extra_share) * (len(rows) - len(extra))
        more = max(0, round(wanted / len(extra)) - 1)
        return np.concatenate([rows, np.repeat(extra, more)])

    def held_out_rows(self) -> npt.NDArray[np.int64]:
        """Return the numbers of the pictures that are never trained on."""
        return np.flatnonzero([is_held_out(name) for name in self.name])


def pack(
    pictures: Iterable[tuple[str, Image, People]],
    extra: Iterable[tuple[str, Image, People]] = (),
) -> Pictures:
    """Shrink pictures to at most 400 px and put them behind each other.

    Parameters
    ----------
    pictures
        Of each its name, (H, W, 3) RGB, and the people in its pixels.
    extra
        The same of pictures that nobody labelled.
    """
    names, images, people, is_extra = [], [], [], []
    for is_more, (name, image, found) in chain(
        zip(repeat(False), pictures), zip(repeat(True), extra)
    ):
        names.append(name)
        is_extra.append(is_more)
        small = shrink(image, _LONGEST_PX)
        images.append(small)
        factor_xy = np.array(small.shape[1::-1], np.float32) / np.array(image.shape[1::-1])
        people.append(found._replace(bbox_xyxy=found.bbox_xyxy * np.tile(factor_xy, 2)))
    sizes = np.array([image.size for image in images], np.int64)
    return Pictures(
        name=tuple(names),
        pixels=np.concatenate([image.ravel() for image in images]),
        offset=np.cumsum(sizes) - sizes,
        size_wh=np.array([image.shape[1::-1] for image in images], np.int64),
        people=People(
            np.concatenate([each.bbox_xyxy for each in people]).astype(np.float32),
            np.concatenate([each.score for each in people]).astype(np.float32),
        ),
        count=np.array([len(each.score) for each in people], np.int64),
        is_extra=np.array(is_extra, bool),
    )


def shrink(image: Image, longest_px: int) -> Image:
    """Return a picture whose longer side is at most so long."""
    factor = longest_px / max(image.shape[:2])
    if factor >= 1:
        return image
    wh = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, wh, interpolation=cv2.INTER_AREA), np.uint8)


def save_pictures(pictures: Pictures, folder: Path) -> None:
    """Keep pictures in a folder, so that the next training begins at once."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pixels.npy", pictures.pixels)
    arrays: dict[str, Any] = {
        "name": np.array(pictures.name),
        "offset": pictures.offset,
        "size_wh": pictures.size_wh,
        "count": pictures.count,
        "is_extra": pictures.is_extra,
        **pictures.people._asdict(),
    }
    # Last, and in one step: who finds this file finds all.
    with replacing(folder / "pictures.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_pictures(folder: Path) -> Pictures:
    """Read what `save_pictures` has kept; the pixels are mapped, not read."""
    with np.load(folder / "pictures.npz", allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept}
    return Pictures(
        name=tuple(str(name) for name in arrays["name"]),
        pixels=np.load(folder / "pixels.npy", mmap_mode="r"),
        offset=arrays["offset"],
        size_wh=arrays["size_wh"],
        people=People(arrays["bbox_xyxy"], arrays["score"]),
        count=arrays["count"],
        is_extra=arrays["is_extra"],
    )
