"""How good a network in training is, on people whom it is never trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from kinetrace.evaluation import Truth, align, average_precision, pck
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import COCO17
from kinetrace.topdown import Regions, average_flipped, locate, surround, write_crops
from kinetrace.training.sources import Source

_CROPS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Exam:
    """People with known keypoints, cut out for one input size as the product cuts them out.

    Attributes
    ----------
    truth
        What there is.
    rows : (N,) int64
        The people of the truth that are looked at.
    crops : (N, 3, h, w) float32
        The network's input.
    regions
        Where the crops come from.
    image_size_wh : (N, 2) int64
    """

    truth: Truth
    rows: npt.NDArray[np.int64]
    crops: npt.NDArray[np.float32]
    regions: Regions
    image_size_wh: npt.NDArray[np.int64]


def prepare_exam(source: Source, input_size_wh: tuple[int, int]) -> Exam:
    """Cut everybody out of the pictures, on the data set's own boxes."""
    truth = source.truth
    wh = truth.bbox_xyxy[:, 2:] - truth.bbox_xyxy[:, :2]
    rows = np.flatnonzero(~truth.ignored & (wh > 0).all(axis=1))
    rows = rows[np.argsort(truth.image[rows], kind="stable")]
    regions = surround(truth.bbox_xyxy[rows], input_size_wh)
    crops = np.zeros((len(rows), 3, input_size_wh[1], input_size_wh[0]), np.float32)
    size_wh = np.ones((len(rows), 2), np.int64)
    for number, image in source.pictures():
        low, high = np.searchsorted(truth.image[rows], (number, number + 1))
        some = Regions(*(part[low:high] for part in regions))
        write_crops(image, some, crops[low:high], decode="dark")
        size_wh[low:high] = image.shape[1], image.shape[0]
    return Exam(truth=truth, rows=rows, crops=crops, regions=regions, image_size_wh=size_wh)


def answer(network: torch.nn.Module, exam: Exam, skeleton: Skeleton) -> Poses:
    """Find everybody's keypoints, with the mirrored crop averaged in."""
    network.eval()
    xy, score = [], []
    with torch.inference_mode():
        for start in range(0, len(exam.rows), _CROPS):
            part = slice(start, start + _CROPS)
            crops = torch.from_numpy(exam.crops[part])
            straight, flipped = (
                network(x.contiguous(memory_format=torch.channels_last)).numpy()
                for x in (crops, crops.flip(3))
            )
            heatmaps = average_flipped(straight, flipped, skeleton.mirror, decode="dark")
            regions = Regions(*(each[part] for each in exam.regions))
            found = locate(heatmaps, regions, exam.image_size_wh[part], decode="dark")
            xy.append(found[0])
            score.append(found[1])
    return _poses(exam, skeleton, np.concatenate(xy), np.concatenate(score))


def _poses(
    exam: Exam,
    skeleton: Skeleton,
    xy: npt.NDArray[np.float32],
    score: npt.NDArray[np.float32],
) -> Poses:
    truth = exam.truth
    return Poses(
        skeleton=skeleton,
        frame_time_s=np.full(len(truth.image_name), np.nan),
        frame_index=np.arange(len(truth.image_name)),
        frame_name=truth.image_name,
        frame=truth.image[exam.rows],
        xy=xy,
        score=score,
        bbox_xyxy=truth.bbox_xyxy[exam.rows],
        bbox_score=np.ones(len(exam.rows)),
    )


def measure_pck(network: torch.nn.Module, exam: Exam, skeleton: Skeleton) -> float:
    """Return PCK@0.2, 0..1: of the keypoints that the truth and the network share."""
    found = align(answer(network, exam, skeleton), exam.truth, rank="rescored")
    return pck(found, exam.truth).share


def measure_ap(network: torch.nn.Module, exam: Exam, skeleton: Skeleton) -> float:
    """Return COCO's average precision on the annotated boxes, 0..1."""
    found = align(answer(network, exam, skeleton), exam.truth, rank="rescored")
    return average_precision(found, exam.truth).ap


def has_torso(truth: Truth) -> bool:
    """Tell whether PCK can be measured."""
    return {"right_hip", "left_shoulder"} <= set(truth.skeleton.keypoints)


def has_areas(truth: Truth) -> bool:
    """Tell whether average precision can be measured: COCO's keypoints, and areas."""
    is_coco = truth.skeleton.keypoints == COCO17.keypoints
    return is_coco and bool(np.isfinite(truth.area_px).all())
