"""People by a YOLOX (Ge et al., 2021) of the user's, in an ONNX file.

Either as YOLOX's ``tools/export_onnx.py`` writes it, without decoding, or as MMDeploy does, with
non-maximum suppression inside. Of its classes the first is taken for people, as in COCO. It sees
pixels as they are, 0..255. The size of its input is that of the file, or 640 where that is free;
YOLOX-nano and tiny were trained at 416 (`Options.detector_size_px`).
"""

from __future__ import annotations

from kinetrace.detectors._network import NetworkDetector, Normalisation, find_weights
from kinetrace.estimators import Options


def load(options: Options) -> NetworkDetector:
    """Make the detector; `Options.model` is the path of an ONNX file.

    Raises
    ------
    WeightsError
        If there is no such file, or it is no YOLOX.
    MissingExtraError
        If ONNX Runtime is not installed.
    """
    found = find_weights("yolox", options.model, quiet=options.quiet)
    return NetworkDetector(
        "yolox", found, options, normalisation=Normalisation(), default_size_px=640
    )
