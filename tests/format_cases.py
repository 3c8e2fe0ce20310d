"""What the tests of several formats share."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from some_poses import make_poses

from kinetrace import formats, plugins
from kinetrace.errors import FormatError
from kinetrace.poses import Poses, Skeleton, bounds
from kinetrace.skeletons import BODY25, COCO17, with_hands

# What a format needs that is not always installed.
NEEDS = {
    "c3d": "ezc3d",
    "deeplabcut_hdf5": "tables",
    "movement": "h5py",
    "nwb": "ndx_pose",
    "sleap": "sleap_io",
    "ultralytics": "yaml",
}
ONE_PERSON = ("c3d", "trc")
# Their positions are parts of the picture's size.
SIZED = ("labelstudio", "ultralytics")


def path_of(folder: Path, name: str) -> Path:
    return folder / f"clip{plugins.load('formats', name).SUFFIXES[0]}"


def sample(name: str, frames: int = 12, *, skeleton: Skeleton | None = None) -> Poses:
    """What a format can hold: tracked people at even times, one where it must be only one."""
    people = (1,) * frames if name in ONE_PERSON else tuple(i % 3 for i in range(frames))
    skeleton = skeleton or (with_hands(BODY25) if name == "openpose" else COCO17)
    poses = make_poses(
        people, skeleton=skeleton, xyz=name in (*ONE_PERSON, "labelstudio", "movement")
    )
    if name == "ultralytics":
        xy = np.clip(poses.xy, 0, np.array(poses.size_wh))
        poses = dataclasses.replace(poses, xy=xy, bbox_xyxy=bounds(xy))
    within = np.arange(len(poses)) - np.searchsorted(poses.frame, poses.frame)
    return dataclasses.replace(
        poses, track_id=within, frame_time_s=np.arange(frames) / 30, frame_index=np.arange(frames)
    )


def write_quietly(poses: Poses, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        formats.write(poses, path)


def read_cuts(path: Path) -> Iterator[Poses]:
    """Yield what is read of a file that ends early, wherever that is not refused.

    Cut at each of the last bytes, and at a hundred of those before.
    """
    data = path.read_bytes()
    end = len(data) - 120
    for size in (*range(0, end, max(1, end // 80)), *range(max(0, end), len(data))):
        path.write_bytes(data[:size])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                part = formats.read(path)
            except FormatError:
                continue
        yield part


def write_to_full_disk(making: str, path: Path, *arguments: str) -> str:
    """Write poses in a process whose files may have 50 kB, and return what its error says.

    Parameters
    ----------
    making
        Python that makes ``poses`` and ``options`` (of `kinetrace.formats.write`), and imports what
        writing needs: that may not fail. It has `arguments` as ``sys.argv[2:]``.
    path
        Where to write.
    """
    code = f"""
import resource, signal, sys, warnings
from kinetrace import errors, formats
warnings.simplefilter("ignore", UserWarning)
{making}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    formats.write(poses, sys.argv[1], **options)
except errors.OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([p for p in sys.path if p])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def load_opensim(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import OpenSim, which writes its log into the folder that it finds itself in."""
    monkeypatch.chdir(folder)
    module: ModuleType = pytest.importorskip("opensim", reason="opensim is not installed")
    return module
