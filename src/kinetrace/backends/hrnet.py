"""HRNet, and every network that turns a crop of a person into heatmaps, on ONNX Runtime.

The score is the height of the heatmap's peak. Official checkpoints (``.pth``) are read without
PyTorch and turned into a graph once; ONNX files run as they are. People are found by a detector
first (by ``nano`` for the small model that is part of the package, by ``rtmdet`` for the others,
unless a detector is named); without a detection there is no person, nor with one in which the
network finds next to nothing.

With ``quality="best"`` each crop is looked at twice, as it is and mirrored, as the published
accuracy wants it; ``fast`` leaves the mirror out and takes half the time.

In a film the detector looks now and then (`Options.detect_every`); between, people are followed
(`kinetrace.backends._following`), and the score of a person's box is that of the last detection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kinetrace import networks, plugins, quantisation, weights
from kinetrace.backends._following import Following
from kinetrace.backends._topdown_network import TopdownNetwork
from kinetrace.backends._topdown_people import Judge, People
from kinetrace.boxes import area
from kinetrace.choices import Decode
from kinetrace.errors import WeightsError
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame
from kinetrace.poses import Poses, Skeleton
from kinetrace.timing import span

MODELS = tuple(model.name for model in weights.catalog.MODELS if model.backend == "hrnet")

# What a user's own file is taken for where nothing says otherwise.
_USUAL_SIZE_WH = (192, 256)
_USUAL_DECODE: Decode = "default"

# A detector takes the foot of a table for a person now and then, and the network then finds
# nothing that it is sure of. 0.2 is what the authors count a keypoint from when they rank people.
_LEAST_MEAN_SCORE = 0.2

# Detectors that do not guess: whoever they name is there, however little is seen of them.
_CERTAIN = ("boxes", "whole")

# How many frames are worth collecting where they do not depend on one another: with one person in
# each, a batch that keeps a processor with a few cores busy.
_FRAMES = 8


def load(options: Options) -> HRNetPose:
    """Make the estimator; see `HRNetPose`."""
    return HRNetPose(options)


class HRNetPose:
    """An `Estimator` on a top-down heatmap network.

    Raises
    ------
    WeightsError
        If the model cannot be had, or is no such network.
    MissingExtraError
        If ONNX Runtime is not installed.
    """

    def __init__(self, options: Options) -> None:
        self._weights = weights.fetch(options.model or MODELS[0], quiet=options.quiet)
        model = self._weights.model
        if model is not None and model.backend != "hrnet":
            raise WeightsError(f"{model.name} is a model of {model.backend!r}, not of 'hrnet'")
        self._most_people = options.most_people(default=None)
        detector = options.detector or (model.detector if model else "rtmdet")
        self._detector = plugins.load("detectors", detector).load(options.for_detector())
        # Given boxes cost nothing, and are of each frame.
        self._detect_every = 1 if detector in _CERTAIN else options.detect_every
        self._precision: dict[str, Any] = {"precision": options.precision}
        input_size_wh = options.input_size_wh or (model.input_size_wh if model else _USUAL_SIZE_WH)
        decode = options.decode or (model.decode if model else None) or _USUAL_DECODE
        is_int8 = options.precision == "int8"
        graph = _graph(self._weights)
        if is_int8:
            graph = self._quantised(graph, options, input_size_wh, decode)
        self._network = TopdownNetwork(
            graph,
            input_size_wh=input_size_wh,
            decode=decode,
            flip=options.quality == "best",
            device="cpu" if is_int8 and options.device == "auto" else options.device,
            threads=options.threads,
        )
        self._judge = Judge(
            self.skeleton.sigmas,
            input_size_wh,
            least_mean_score=0.0 if detector in _CERTAIN else _LEAST_MEAN_SCORE,
        )
        self._following: Following | None = None
        self._is_closed = False

    def _quantised(
        self, graph: Path, options: Options, input_size_wh: tuple[int, int], decode: Decode
    ) -> Path:
        """Return the graph in 8 bits, calibrated on people that the detector finds."""
        name = quantisation.graph_name(self._weights.path.stem, self._weights.sha256, input_size_wh)
        path = quantisation.find_or_quantise(
            graph,
            _folder(self._weights) / name,
            self._detector,
            input_size_wh=input_size_wh,
            decode=decode,
            calibration=options.calibration,
            first_source=options.first_source,
            quiet=options.quiet,
        )
        self._precision["calibration"] = quantisation.read_calibration(path)
        return path

    @property
    def skeleton(self) -> Skeleton:
        """COCO's 17 keypoints, or nameless ones where the network has another number."""
        return self._network.skeleton

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {
            "backend": "hrnet",
            **self._weights.describe(),
            **self._precision,
            **self._network.description,
            "detector": self._detector.description,
            "detect_every": 1 if self._following is None else self._detect_every,
        }

    @property
    def batch_size(self) -> int:
        """How many frames to give at once.

        1 in a film whose people are followed, where each frame waits for the one before it.
        """
        return _FRAMES if self._following is None else 1

    def reset(self, *, continuous: bool) -> None:
        """Begin a new source. People are followed in a film, unless they are detected in each."""
        self._following = None
        if continuous and self._detect_every != 1:
            self._following = Following(
                lambda frame: self._detect([frame])[0],
                lambda frame, boxes: self._network([frame], np.zeros(len(boxes), int), boxes),
                self._judge,
                keypoints=len(self.skeleton),
                detect_every=self._detect_every,
                most_people=self._most_people,
            )

    def __call__(self, frames: Sequence[Frame]) -> Poses:
        """Estimate the people of each frame.

        Raises
        ------
        RuntimeError
            If the estimator is closed.
        """
        if self._is_closed:
            raise RuntimeError("this estimator is closed")
        if self._following is None:
            found = self._look(frames)
        else:
            found = [self._following(frame) for frame in frames]
        everybody = People(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
        return Poses(
            skeleton=self.skeleton,
            frame_time_s=np.array([f.time_s for f in frames]),
            frame_index=np.array([f.index for f in frames]),
            frame=np.repeat(np.arange(len(frames)), [len(people.score) for people in found]),
            **everybody._asdict(),
        )

    def _look(self, frames: Sequence[Frame]) -> list[People]:
        """Find the people of each frame with the detector, all crops of all frames together."""
        detections = [
            Detections(*(part[: self._most_people] for part in found))
            for found in self._detect(frames)
        ]
        ends = np.cumsum([len(found.score) for found in detections])
        frame = np.repeat(np.arange(len(frames)), np.diff(ends, prepend=0))
        boxes = np.concatenate([found.bbox_xyxy for found in detections])
        points = self._network(frames, frame, boxes)
        everybody = People(boxes, np.concatenate([found.score for found in detections]), *points)
        parts = [
            everybody.rows(np.arange(end - len(found.score), end))
            for end, found in zip(ends, detections, strict=True)
        ]
        return [people.rows(self._judge.likely(people)) for people in parts]

    def _detect(self, frames: Sequence[Frame]) -> list[Detections]:
        with span("detect"):
            everything = self._detector(frames)
        wide = [area(found.bbox_xyxy) > 0 for found in everything]
        return [
            Detections(*(part[keep] for part in found))
            for keep, found in zip(wide, everything, strict=True)
        ]

    def close(self) -> None:
        """Free the network and the detector. Closing twice is fine."""
        self._is_closed = True
        self._network.close()
        self._detector.close()


def _graph(found: weights.Weights) -> Path:
    """Return the ONNX file: the model's own, or that of a checkpoint, made once and kept."""
    if found.path.suffix.lower() == ".onnx":
        return found.path
    return networks.convert(found.path, cache_dir=_folder(found), sha256=found.sha256)


def _folder(found: weights.Weights) -> Path:
    """Return where graphs are kept: in the cache, not in a user's own folder or the package."""
    is_cached = found.model is not None and not found.model.is_packaged
    return found.path.parent if is_cached else weights.cache_folder()
