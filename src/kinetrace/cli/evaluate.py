"""``kinetrace evaluate``: predictions against what annotators say."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kinetrace.cli._show import command

if TYPE_CHECKING:
    import pandas as pd

    from kinetrace.evaluation import Predictions


EXAMPLES = (
    "kinetrace estimate val2017/ --backend hrnet --detector boxes --boxes truth.json -o nano.csv",
    "kinetrace evaluate nano.csv w32.csv --truth truth.json",
    "kinetrace evaluate nano.csv --truth truth.json --by keypoint --output keypoints.csv",
    "kinetrace evaluate clip.tracked.csv --truth clip.corrected.csv",
)


def evaluate(
    *predictions: Path,
    truth: Path,
    by: Literal["model", "keypoint"] = "model",
    boxes: Literal["ground-truth", "detected"] | None = None,
    rank: Literal["rescored", "bbox"] | None = None,
    images: Literal["all", "seen"] = "all",
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
) -> None:
    """Measure how good predictions are, several models side by side.

    Against a COCO file: average precision and recall of keypoints as COCO defines them. Against an
    LSP-style archive: PCK@0.2, relative to the torso. Against a table of keypoints with the right
    ids: how well people are followed (MOTA, IDF1, switches). The table is printed as Markdown; all
    shares are 0..1. Accuracy on annotated boxes is higher than on detected ones, so the table says
    which.

    Parameters
    ----------
    predictions
        Files of keypoints, one a model: Kinetrace's own, or lists of results as COCO wants them.
    truth
        A COCO keypoints file (.json), an archive of image, xy, labelled and joints (.npz), or a
        table of keypoints with ids (.csv, .parquet, .jsonl).
    by
        A row a model, or a row a keypoint of each model.
    boxes
        Whose boxes the models were given, where the files do not say.
    rank
        What people are sorted by: rescored is the box's score times the mean of the keypoints'
        above 0.2, bbox is the score in the file. The default is rescored for what Kinetrace has
        estimated, bbox for others' results.
    images
        All images of the truth count, those that a model has not seen as if it found nobody; or
        seen: only those that every model has seen.
    output
        A CSV file for the table.
    """
    import numpy as np

    if not predictions:
        raise ValueError("name at least one file of predictions")
    from kinetrace import evaluation, formats

    names = _names(predictions)
    poses = {n: formats.read(path) for n, path in zip(names, predictions, strict=True)}
    if truth.suffix.lower() not in (".json", ".npz"):
        if by != "model" or boxes or rank or images != "all":
            raise ValueError(
                f"{truth} is a table: tracks are compared, without --by, --boxes, --rank, --images"
            )
        _tell(evaluation.compare_tracks(poses, formats.read(truth)), output)
        return
    annotated = evaluation.read_truth(truth)
    models = {n: evaluation.align(p, annotated, rank=rank) for n, p in poses.items()}
    _say_what_is_missing(models)
    if images == "seen":
        annotated = annotated.only(np.all([m.looked_at for m in models.values()], axis=0))
        models = {n: evaluation.align(p, annotated, rank=rank) for n, p in poses.items()}
    if boxes is not None:
        stated = boxes.replace("-", " ")
        models = {n: dataclasses.replace(m, boxes=stated) for n, m in models.items()}
    compare = evaluation.compare if by == "model" else evaluation.compare_keypoints
    _tell(compare(models, annotated), output)


def _tell(table: pd.DataFrame, output: Path | None) -> None:
    """Print a table, and write it if there is a file for it."""
    from kinetrace.evaluation import to_markdown
    from kinetrace.files import replacing

    if output is not None:
        with replacing(output) as temporary:
            temporary.write_text(table.to_csv(index=False), encoding="utf-8")
    print(to_markdown(table))


def _names(paths: Sequence[Path]) -> list[str]:
    """Return what to call the models: the files' names, or their paths where two are the same."""
    short = [path.name.split(".")[0] if path.name[0] != "." else path.name for path in paths]
    names = short if len(set(short)) == len(short) else [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise ValueError("a file of predictions is named twice")
    return names


def _say_what_is_missing(models: Mapping[str, Predictions]) -> None:
    """Tell on stderr what makes the numbers other than they seem."""
    for name, found in models.items():
        unseen = int((~found.looked_at).sum())
        if unseen:
            print(
                f"kinetrace: {name} has not seen {unseen} of the truth's {len(found.looked_at)} "
                "images (--images seen leaves them out)",
                file=sys.stderr,
            )
        if found.elsewhere:
            print(
                f"kinetrace: {name} has {found.elsewhere} images that the truth does not have; "
                "they are left out",
                file=sys.stderr,
            )


app = command(evaluate, *EXAMPLES)
