"""Labelled people, cut out of their pictures once and kept in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.poses import Skeleton

Floats32 = npt.NDArray[np.float32]

# The longer side of a person's box in memory, and what of the picture is kept around it: an
# input of 256 x 192 px shows a box of 205 px, and may be turned, shifted and grown.
_LONGEST_PX = 288.0
_MARGIN = 0.35


class Labels(NamedTuple):
    """What is known of people's keypoints: N people, K keypoints.

    Attributes
    ----------
    xy : (N, K, 2) float32
        Pixels; NaN where a keypoint is not labelled.
    weight : (N, K) float32
        How far the position is to be trusted, 0..1.
    height : (N, K) float32
        The score that the network should give, 0..1; NaN where that is not known.
    """

    xy: Floats32
    weight: Floats32
    height: Floats32


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """People to learn from, or to be measured on.

    Attributes
    ----------
    skeleton
        What the K keypoints are.
    photo
        File name of each person's picture: what is held out is held out by it.
    pixels : (P,) uint8
        The pictures of all people, one after the other, RGB.
    offset : (N,) int64
        Where in `pixels` each begins.
    size_wh : (N, 2) int64
        Width and height of each in pixels.
    bbox_xyxy : (N, 4) float32
        Around each person, in pixels of their cut-out.
    labels
        In pixels of the cut-outs.
    """

    skeleton: Skeleton
    photo: tuple[str, ...]
    pixels: npt.NDArray[np.uint8]
    offset: npt.NDArray[np.int64]
    size_wh: npt.NDArray[np.int64]
    bbox_xyxy: Floats32
    labels: Labels

    def __len__(self) -> int:
        return len(self.photo)

    def image(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the cut-out of one person, (h, w, 3), without a copy."""
        width, height = self.size_wh[row]
        start = self.offset[row]
        return self.pixels[start : start + 3 * width * height].reshape(height, width, 3)

    def only(self, rows: npt.NDArray[Any]) -> Samples:
        """Return some of the people; the pixels are shared."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            photo=tuple(self.photo[row] for row in rows),
            offset=self.offset[rows],
            size_wh=self.size_wh[rows],
            bbox_xyxy=self.bbox_xyxy[rows],
            labels=Labels(*(part[rows] for part in self.labels)),
        )


def is_held_out(photo: str, *, share: float = 0.1) -> bool:
    """Tell whether a photo is never to be trained on, by the hash of its name.

    The same photos for everyone and at all times, whatever else is in the data.
    """
    number = int.from_bytes(sha256(photo.encode()).digest()[:8], "big")
    return number < share * 2**64


class CutOut(NamedTuple):
    """One person's part of a picture, and where it comes from: ``xy * scale + offset_xy``."""

    image: npt.NDArray[np.uint8]
    scale: float
    offset_xy: npt.NDArray[np.float64]


def cut_out(image: npt.NDArray[np.uint8], bbox_xyxy: npt.NDArray[Any]) -> CutOut:
    """Cut a person with some surroundings out of a picture, and shrink what is large.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    bbox_xyxy : (4,)
        Pixels; at least a part must lie in the picture.
    """
    box = np.asarray(bbox_xyxy, np.float64)
    longest = float((box[2:] - box[:2]).max())
    # Input crops are of a fixed ratio: a narrow box shows more at its sides than above.
    reach = longest * (0.5 + _MARGIN)
    centre = (box[:2] + box[2:]) / 2
    size_wh = np.array(image.shape[1::-1])
    low = np.clip(np.floor(centre - reach), 0, size_wh - 1).astype(int)
    high = np.clip(np.ceil(centre + reach), low + 1, size_wh).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    scale = min(1.0, _LONGEST_PX / longest)
    if scale == 1.0:
        return CutOut(np.ascontiguousarray(part), 1.0, -low.astype(float))
    to_wh = np.maximum(1, np.round((high - low) * scale)).astype(int)
    small = cv2.warpAffine(
        cv2.GaussianBlur(part, (0, 0), 0.4 / scale) if scale < 0.6 else part,
        np.array([[scale, 0, 0], [0, scale, 0]]),
        (int(to_wh[0]), int(to_wh[1])),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return CutOut(np.asarray(small, np.uint8), scale, -low * scale)


def pack(
    skeleton: Skeleton,
    people: Iterable[tuple[str, npt.NDArray[np.uint8], npt.NDArray[Any]]],
    labels: Labels,
) -> Samples:
    """Cut people out of their pictures.

    Parameters
    ----------
    skeleton
        What the keypoints are.
    people
        For each person the picture's name, the picture (H, W, 3) and the box (4,); N of them.
    labels
        Of the N people, in pixels of the pictures.
    """
    photo, parts, boxes, moves = [], [], [], []
    for name, image, box in people:
        part = cut_out(image, box)
        photo.append(name)
        parts.append(part.image)
        moves.append((part.scale, *part.offset_xy))
        boxes.append(np.asarray(box) * part.scale + np.tile(part.offset_xy, 2))
    move = np.array(moves, np.float32).reshape(-1, 3)
    counts = np.array([part.size for part in parts], np.int64)
    return Samples(
        skeleton=skeleton,
        photo=tuple(photo),
        pixels=np.concatenate([part.ravel() for part in parts]),
        offset=np.cumsum(counts) - counts,
        size_wh=np.array([part.shape[1::-1] for part in parts], np.int64).reshape(-1, 2),
        bbox_xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        labels=labels._replace(xy=labels.xy * move[:, None, :1] + move[:, None, 1:]),
    )


def join(parts: Sequence[Samples]) -> Samples:
    """Put samples of one skeleton behind each other.

    Raises
    ------
    ValueError
        If the skeletons differ.
    """
    skeletons = {part.skeleton.keypoints for part in parts}
    if len(skeletons) != 1:
        raise ValueError(f"samples of {len(skeletons)} skeletons cannot be joined")
    starts = np.cumsum([0, *(part.pixels.size for part in parts)])
    return Samples(
        skeleton=parts[0].skeleton,
        photo=sum((part.photo for part in parts), ()),
        pixels=np.concatenate([part.pixels for part in parts]),
        offset=np.concatenate([p.offset + s for p, s in zip(parts, starts, strict=False)]),
        size_wh=np.concatenate([part.size_wh for part in parts]),
        bbox_xyxy=np.concatenate([part.bbox_xyxy for part in parts]),
        labels=Labels(
            *(np.concatenate(each) for each in zip(*(p.labels for p in parts), strict=True))
        ),
    )


def save_samples(samples: Samples, folder: Path) -> None:
    """Keep samples in a folder, so that the next training begins at once."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pixels.npy", samples.pixels)
    np.savez(
        folder / "people.npz",
        photo=np.array(samples.photo),
        keypoints=np.array(samples.skeleton.keypoints),
        offset=samples.offset,
        size_wh=samples.size_wh,
        bbox_xyxy=samples.bbox_xyxy,
        **samples.labels._asdict(),
    )


def load_samples(folder: Path, skeleton: Skeleton) -> Samples:
    """Read what `save_samples` has kept; the pixels are mapped, not read."""
    with np.load(folder / "people.npz", allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept}
    return Samples(
        skeleton=skeleton,
        photo=tuple(str(name) for name in arrays["photo"]),
        pixels=np.load(folder / "pixels.npy", mmap_mode="r"),
        offset=arrays["offset"],
        size_wh=arrays["size_wh"],
        bbox_xyxy=arrays["bbox_xyxy"],
        labels=Labels(arrays["xy"], arrays["weight"], arrays["height"]),
    )
