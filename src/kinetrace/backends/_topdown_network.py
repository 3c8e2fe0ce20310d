"""Crops of people through a heatmap network: box -> crop -> heatmaps -> keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Decode, Device
from kinetrace.errors import WeightsError
from kinetrace.frames import Frame
from kinetrace.onnx_session import Session, open_session
from kinetrace.poses import Skeleton
from kinetrace.skeletons import COCO17
from kinetrace.timing import span
from kinetrace.topdown import average_flipped, locate, surround, write_crops

# A larger batch is no faster on a processor, and a crowd would fill the memory.
_CROPS = 8


class TopdownNetwork:
    """A network ``image (N, 3, H, W) -> heatmaps (N, K, H / 4, W / 4)``, and what is around it.

    Parameters
    ----------
    path
        The ONNX file; its first output is taken for the heatmaps.
    input_size_wh
        Width and height of a crop in pixels.
    decode
        How heatmaps become points.
    flip
        Whether each crop is looked at mirrored, too.
    device, threads
        As for `open_session`.

    Raises
    ------
    WeightsError
        If the file holds no such network.
    """

    def __init__(
        self,
        path: Path,
        *,
        input_size_wh: tuple[int, int],
        decode: Decode,
        flip: bool,
        device: Device,
        threads: int | None,
    ) -> None:
        self.input_size_wh = input_size_wh
        self._decode: Decode = decode
        self._flip = flip
        width, height = input_size_wh
        self._session = open_session(
            path,
            device=device,
            threads=threads,
            dimensions={"height": height, "width": width},
            usual_batch=_CROPS,
        )
        # As many crops as of one person, so that no session is opened that a film has no use for.
        self.skeleton = _skeleton(self._session, input_size_wh, crops=1 + flip)

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {
            "input_size_wh": self.input_size_wh,
            "decode": self._decode,
            "flip": self._flip,
            **self._session.description,
        }

    def __call__(
        self, frames: Sequence[Frame], frame: npt.NDArray[np.int64], box_xyxy: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Find the keypoints of N people.

        Parameters
        ----------
        frames
            The pictures.
        frame : (N,) ascending
            Which picture each person is in.
        box_xyxy : (N, 4)
            Where, in pixels.

        Returns
        -------
        xy : (N, K, 2) float32
            Pixels of the person's picture; NaN for a keypoint that was not found there.
        score : (N, K) float32
        """
        k = len(self.skeleton)
        xy = np.empty((len(frame), k, 2), np.float32)
        score = np.empty((len(frame), k), np.float32)
        width, height = self.input_size_wh
        batch = np.empty((min(len(frame), _CROPS), 3, height, width), np.float32)
        for start in range(0, len(frame), _CROPS):
            some = slice(start, min(start + _CROPS, len(frame)))
            crops = batch[: some.stop - some.start]
            with span("crop"):
                self._cut(frames, frame[some], box_xyxy[some], crops)
            heatmaps = self._heatmaps(crops)
            with span("heatmaps"):
                sizes_wh = np.array([frames[i].size_wh for i in frame[some]])
                regions = surround(box_xyxy[some], self.input_size_wh)
                xy[some], score[some] = locate(heatmaps, regions, sizes_wh, decode=self._decode)
        return xy, score

    def _cut(
        self,
        frames: Sequence[Frame],
        frame: npt.NDArray[np.int64],
        box_xyxy: npt.NDArray[Any],
        crops: npt.NDArray[np.float32],
    ) -> None:
        """Write the crops into the batch, picture by picture."""
        for each in np.unique(frame):
            low, high = np.searchsorted(frame, (each, each + 1))
            regions = surround(box_xyxy[low:high], self.input_size_wh)
            write_crops(frames[each].image, regions, crops[low:high], decode=self._decode)

    def _heatmaps(self, crops: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if not self._flip:
            return self._session.run(crops)[0]
        both = self._session.run(np.concatenate([crops, crops[..., ::-1]]))[0]
        with span("heatmaps"):
            heatmaps, mirrored = np.split(both, 2)
            return average_flipped(heatmaps, mirrored, self.skeleton.mirror, decode=self._decode)

    def close(self) -> None:
        """Free the network. Closing twice is fine."""
        self._session.close()


def _skeleton(session: Session, input_size_wh: tuple[int, int], *, crops: int) -> Skeleton:
    """Return what the network's heatmaps are of; run once, since a file need not say."""
    width, height = input_size_wh
    heatmaps = session.run(np.zeros((crops, 3, height, width), np.float32))[0]
    if heatmaps.ndim != 4 or heatmaps.shape[2] * width != heatmaps.shape[3] * height:
        raise WeightsError(
            f"{session.path} is no heatmap network: for {crops} crops of {width} x {height} px its "
            f"first output is {heatmaps.shape}, not ({crops}, keypoints, height / 4, width / 4)"
        )
    keypoints = heatmaps.shape[1]
    if keypoints == len(COCO17):
        return COCO17
    return Skeleton(
        name=f"heatmaps{keypoints}", keypoints=tuple(f"keypoint_{i}" for i in range(keypoints))
    )
