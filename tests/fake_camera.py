"""A camera for Chromium that plays a film, over and over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np

SIZE_WH = (640, 480)


def camera_flags(film: Path) -> tuple[str, ...]:
    """Return the flags of a Chromium whose only camera is a film that `write_mjpeg` has written."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )


def write_mjpeg(path: Path, images: Iterable[np.ndarray]) -> Path:
    """Write RGB pictures as JPEGs one behind the other; Chromium shows 30 of them a second."""
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuvj420p"
        stream.codec_context.qmin, stream.codec_context.qmax = 2, 4
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(*SIZE_WH, format="yuvj420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
