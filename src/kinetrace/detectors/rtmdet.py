"""People by RTMDet (Lyu et al., 2022), from OpenMMLab's own ONNX exports.

The default is RTMDet-nano for people. Any RTMDet that MMDeploy has exported with non-maximum
suppression inside will do: of many classes the first is taken for people, as in COCO. Pictures are
scaled so that their longer side is 320 px; `Options.detector_size_px` 640 finds smaller people.
"""

from __future__ import annotations

from kinetrace.detectors._network import NetworkDetector, Normalisation, find_weights
from kinetrace.errors import WeightsError
from kinetrace.estimators import Options

_DEFAULT = "rtmdet-nano-person"

# MMDetection, configs/rtmdet: the data_preprocessor.
_NORMALISATION = Normalisation((103.53, 116.28, 123.675), (57.375, 57.12, 58.395))


def load(options: Options) -> NetworkDetector:
    """Make the detector; `Options.model` is a name or the path of an ONNX file.

    Raises
    ------
    WeightsError
        If the model cannot be had, or is no RTMDet.
    MissingExtraError
        If ONNX Runtime is not installed.
    """
    found = find_weights("rtmdet", options.model or _DEFAULT, quiet=options.quiet)
    detector = NetworkDetector(
        "rtmdet", found, options, normalisation=_NORMALISATION, default_size_px=320
    )
    if detector.kind == "grid":
        raise WeightsError(f"{found.path} gives a grid as YOLOX does: choose the detector 'yolox'")
    return detector
