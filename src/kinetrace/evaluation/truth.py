"""What annotators say is in a set of images: read from a COCO file or an LSP-style archive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.errors import FormatError
from kinetrace.files import reading
from kinetrace.poses import Skeleton, bounds
from kinetrace.skeletons import skeleton_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The annotated people of some images: M people, K keypoints, I images.

    Attributes
    ----------
    skeleton
        What the K keypoints are.
    image_name
        File name of each image.
    image_id : (I,) int64
        Number of each image in its data set, ascending.
    image : (M,) int64
        Index into the I images.
    xy : (M, K, 2) float64
        Pixels; NaN where a keypoint is not labelled.
    bbox_xyxy : (M, 4) float64
        Left, top, right, bottom in pixels.
    area_px : (M,) float64
        Of the person in square pixels; NaN where the data set has none.
    ignored : (M,) bool
        Nobody need find them, and finding them is no error: crowds, and people without labelled
        keypoints.
    crowd : (M,) bool
        Several people under one annotation.
    source
        The file.
    """

    skeleton: Skeleton
    image_name: tuple[str, ...]
    image_id: npt.NDArray[np.int64]
    image: npt.NDArray[np.int64]
    xy: Floats
    bbox_xyxy: Floats
    area_px: Floats
    ignored: Bools
    crowd: Bools
    source: str = ""

    @property
    def labelled(self) -> Bools:
        """Which keypoints are labelled, (M, K)."""
        return np.asarray(np.isfinite(self.xy).all(axis=2))

    def only(self, images: Bools) -> Truth:
        """Return the truth of some images.

        Parameters
        ----------
        images : (I,) bool
            Those that stay.
        """
        position = np.cumsum(images) - 1
        keep = images[self.image]
        return Truth(
            skeleton=self.skeleton,
            image_name=tuple(n for n, stays in zip(self.image_name, images, strict=True) if stays),
            image_id=self.image_id[images],
            image=position[self.image[keep]],
            xy=self.xy[keep],
            bbox_xyxy=self.bbox_xyxy[keep],
            area_px=self.area_px[keep],
            ignored=self.ignored[keep],
            crowd=self.crowd[keep],
            source=self.source,
        )


def read_truth(path: Path) -> Truth:
    """Read annotations.

    Parameters
    ----------
    path
        A COCO keypoints file (``.json``), or an LSP-style archive (``.npz``) with one annotated
        person an image: ``image`` (N names), ``xy`` (N, K, 2), ``labelled`` (N, K) and ``joints``
        (K names, ``r_ankle`` or ``right_ankle``).

    Raises
    ------
    SourceError
        If it cannot be read.
    FormatError
        If it holds anything else.
    """
    with reading(path):
        return _read_lsp(path) if path.suffix.lower() == ".npz" else _read_coco(path)


def _read_lsp(path: Path) -> Truth:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = [str(name) for name in archive["image"]]
            xy = np.array(archive["xy"], np.float64)
            labelled = np.array(archive["labelled"], bool)
            joints = tuple(_full_name(str(name)) for name in archive["joints"])
    except (KeyError, ValueError, EOFError) as error:
        raise FormatError(
            f"that is no archive of image, xy, labelled and joints: {error}"
        ) from None
    n, k = len(names), len(joints)
    if xy.shape != (n, k, 2) or labelled.shape != (n, k):
        raise FormatError(
            f"xy must be ({n}, {k}, 2) and labelled ({n}, {k}) for {n} images and {k} joints, "
            f"got {xy.shape} and {labelled.shape}"
        )
    xy = np.where(labelled[..., None], xy, np.nan)
    return Truth(
        skeleton=skeleton_of(joints),
        image_name=tuple(names),
        image_id=np.arange(n),
        image=np.arange(n),
        xy=xy,
        bbox_xyxy=bounds(xy).astype(np.float64),
        area_px=np.full(n, np.nan),
        ignored=np.asarray(~labelled.any(axis=1)),
        crowd=np.zeros(n, bool),
        source=str(path),
    )


def _full_name(joint: str) -> str:
    sides = {"r_": "right_", "l_": "left_"}
    return sides.get(joint[:2], joint[:2]) + joint[2:]


def _read_coco(path: Path) -> Truth:
    try:
        values = json.loads(path.read_bytes())
        images = sorted(values["images"], key=lambda image: int(image["id"]))
        category = next((c for c in values["categories"] if "keypoints" in c), None)
        if category is None:
            raise FormatError("no category has keypoints: it is another kind of COCO file")
        people = [a for a in values["annotations"] if a["category_id"] == category["id"]]
        return _coco_truth(images, skeleton_of(tuple(category["keypoints"])), people, str(path))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FormatError(
            f"that is no COCO keypoints file (images, annotations, categories): {error!r}"
        ) from None


def _coco_truth(
    images: list[dict[str, Any]], skeleton: Skeleton, people: list[dict[str, Any]], source: str
) -> Truth:
    position = {int(image["id"]): i for i, image in enumerate(images)}
    image = np.array([position[int(a["image_id"])] for a in people], np.int64)
    m, k = len(people), len(skeleton)
    points = np.array([a["keypoints"] for a in people], np.float64).reshape(m, k, 3)
    box = np.array([a["bbox"] for a in people], np.float64).reshape(m, 4)
    labelled = points[..., 2] > 0
    crowd = np.array([bool(a.get("iscrowd")) for a in people], bool)
    # COCO goes by the count that the annotation states.
    counts = np.array(
        [int(a.get("num_keypoints", n)) for a, n in zip(people, labelled.sum(1), strict=True)]
    )
    return Truth(
        skeleton=skeleton,
        image_name=tuple(str(i.get("file_name", "")) for i in images),
        image_id=np.array(list(position), np.int64),
        image=image,
        xy=np.where(labelled[..., None], points[..., :2], np.nan),
        bbox_xyxy=np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1),
        area_px=np.array([float(a["area"]) for a in people], np.float64),
        ignored=crowd | (counts == 0),
        crowd=crowd,
        source=source,
    )
