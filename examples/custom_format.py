"""A file format of your own in one file: text, a line for each person in each frame.

    python examples/custom_format.py

In Kinetrace itself it would be ``src/kinetrace/formats/lines.py``, and that is all. In a package of
yours, its ``pyproject.toml`` tells where it is, and ``kinetrace convert walk.csv walk.lines`` works
as soon as that package is installed:

    [project.entry-points."kinetrace.formats"]
    lines = "my_package.custom_format"

The text of `kinetrace.formats` says what a format must hold. A file looks like this, with tabs; in
the second frame there is nobody:

    keypoints  nose   left_eye
    0  0.0     4      320.5    81.25  0.9  331.0  78.5  0.8
    1  0.0333
"""

# %% What makes it a format: the endings of its files, what it has no place for, `read` and `write`
import warnings
from pathlib import Path

import numpy as np

from kinetrace.errors import FormatError, OutputError
from kinetrace.files import reading, replacing_text
from kinetrace.poses import Poses
from kinetrace.skeletons import skeleton_of

SUFFIXES = (".lines",)
LOSES = ("bbox_xyxy", "bbox_score", "xyz_m", "frame_name", "size_wh", "source", "log")


def read(path: Path) -> Poses:
    """Read a file; a last line that was cut short is left out.

    Raises
    ------
    SourceError
        If it cannot be read.
    FormatError
        If it holds something else.
    """
    with reading(path):  # turns an OSError into a SourceError, and names the file in a FormatError
        try:
            *lines, rest = path.read_bytes().decode("utf-8").split("\n")
            poses = _parse(lines)
        except (ValueError, OverflowError) as error:  # of the decoding, a number or `Poses`
            raise FormatError(f"it is no file of lines: {error}") from error
    if rest:
        warnings.warn(f"{path} was cut short: its last line is left out", stacklevel=2)
    return poses


def write(poses: Poses, path: Path) -> None:
    """Write a file.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    if np.any(np.diff(poses.frame_index) <= 0):
        raise OutputError(f"cannot write {path}: a file holds the frames of one source, in order")
    with replacing_text(path) as file:  # under another name, until it is whole
        file.write("\t".join(["keypoints", *poses.skeleton.keypoints]) + "\n")
        for i in range(len(poses.frame_time_s)):
            file.writelines(
                "\t".join(map(str, row)) + "\n" for row in _cells(poses.frames(i, i + 1))
            )


# %% Cells from poses, and poses from cells. A number as Python writes it is read as it was
def _cells(poses: Poses) -> list[list[float]]:
    """Return the rows of one frame: number, time, then track, and x, y and score of keypoints."""
    moment = [int(poses.frame_index[0]), float(poses.frame_time_s[0])]
    points = np.concatenate([poses.xy, poses.score[..., None]], axis=2)
    points = points.reshape(len(poses), 3 * len(poses.skeleton))
    people = zip(poses.track_id.tolist(), points.tolist(), strict=True)
    return [[*moment, track_id, *numbers] for track_id, numbers in people] or [moment]


def _parse(lines: list[str]) -> Poses:
    """Return what lines say; ValueError if they say something else."""
    title, *names = lines[0].split("\t") if lines else [""]
    if title != "keypoints":
        raise ValueError("it does not begin with the names of keypoints")
    cells = [line.split("\t") for line in lines[1:]]
    for number, row in enumerate(cells, start=2):
        if len(row) not in (2, 3 + 3 * len(names)):
            raise ValueError(f"line {number} has {len(row)} cells")
    numbers = np.array([int(row[0]) for row in cells], np.int64)
    if np.any(np.diff(numbers) < 0):
        raise ValueError("the numbers of its frames do not ascend")
    frame_index, first, frame = np.unique(numbers, return_index=True, return_inverse=True)
    is_person = np.array([len(row) > 2 for row in cells], bool)
    points = np.array([row[3:] for row in cells if len(row) > 2], np.float64)
    points = points.reshape(-1, len(names), 3)
    if np.any(np.abs(points) > np.finfo(np.float32).max):
        raise ValueError("a number is too large")
    return Poses(
        skeleton=skeleton_of(tuple(names)),
        frame_time_s=np.array([cells[i][1] for i in first], np.float64),
        frame_index=frame_index,
        frame=frame[is_person],
        xy=points[..., :2],
        score=points[..., 2],
        track_id=np.array([int(row[2]) for row in cells if len(row) > 2], np.int64),
    )


# %% Try it: what is written is read
if __name__ == "__main__":
    import tempfile

    from kinetrace.testing import walker

    poses, _ = walker(duration_s=1.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.lines"
        write(poses, path)
        same = np.array_equal(read(path).xy, poses.xy, equal_nan=True)
        print(f"{len(path.read_text().splitlines())} lines; what is read is the same: {same}")
