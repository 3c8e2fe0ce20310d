"""How the tests of real films estimate: a small HRNet and a small detector of the sample data."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def small_hrnet(shared: Path) -> dict[str, Any]:
    """Return the options of `kinetrace.estimate` for it."""
    return {
        "backend": "hrnet",
        "model": str(shared / "models/tinypose_256x192.onnx"),
        "input_size_wh": (192, 256),
        "decode": "dark",
        "detector": "rtmdet",
        "detector_model": str(shared / "models/rtmdet_nano_person_320.onnx"),
        "quality": "fast",
    }
