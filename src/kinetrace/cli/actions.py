"""``kinetrace actions``: learn what people do, tell it, and say how well it is done."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from kinetrace.cli._show import examples

if TYPE_CHECKING:
    import pandas as pd

app = App(
    name="actions",
    help="Tell what people do, with the model that comes along or with your own.",
    help_epilogue=examples(
        "kinetrace actions predict clip.keypoints.csv",
        "kinetrace actions train labelled/ -o mine.onnx",
        "kinetrace actions train labels.csv -o mine.onnx --plot confusion.png",
        "kinetrace actions predict clip.keypoints.csv --model mine.onnx -o clip.actions.csv",
        "kinetrace actions evaluate others/ --model mine.onnx --plot confusion.png",
        "kinetrace actions train-quality repetitions.csv -o squat.json",
        "kinetrace actions quality clip.keypoints.csv --standard squat.json",
    ),
)

_Output = Annotated[Path | None, Parameter(name=("--output", "-o"))]


@app.command
def train(
    labelled: Path,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    mirror: bool = True,
    copies: int = 6,
    seed: int = 0,
    min_score: float = 0.3,
    plot: Path | None = None,
) -> None:
    """Learn actions from labelled tables or videos, and write a model file.

    First it is measured: a fifth of the people (or of the clips, where people are not named) is
    left out in turn, and told by a model that has not seen them. Then all are learnt from.

    Parameters
    ----------
    labelled
        A folder whose folders are named like the actions, with tables of keypoints or videos in
        them. Or a CSV file with the columns file and label, and person, start_s, end_s if known.
    output
        The model file, .onnx.
    mirror
        Left and right mean the same. With --no-mirror a left arm raised is another action than a
        right one.
    copies
        Variations of each example to learn from.
    seed
        Of everything that is drawn.
    min_score
        Keypoints below it count as missing.
    plot
        A PNG, SVG or PDF file for the confusion matrix of those who were left out.
    """
    from kinetrace.actions import read_examples
    from kinetrace.actions import train as learn

    command = shlex.join(["kinetrace", *sys.argv[1:]])
    found = read_examples(labelled, min_score=min_score)
    trained = learn(found, output, mirror=mirror, copies=copies, seed=seed, description=command)
    for note in trained.notes:
        print(f"kinetrace: {note}", file=sys.stderr)
    if len(trained.held_out):
        print("Of those who were left out:\n")
        _tell(trained.held_out, plot)
    print(f"{len(found)} examples of {len(trained.settings.labels)} actions -> {trained.path}")


@app.command
def predict(
    keypoints: Annotated[list[Path], Parameter(negative=())],
    *,
    model: str = "penn-action",
    window_s: float | None = None,
    whole: Annotated[bool, Parameter(negative=())] = False,
    min_confidence: float = 0.6,
    min_score: float = 0.3,
    output: _Output = None,
) -> None:
    """Tell what each person does in tables of keypoints, and from when to when.

    Parameters
    ----------
    keypoints
        Tables of keypoints, as kinetrace estimate writes them.
    model
        A file that kinetrace actions train wrote; penn-action knows 15 actions of sport.
    window_s
        How much of the film is looked at in one go; as long as what the model was trained on
        unless given.
    whole
        One answer for all that is seen of a person, for clips of a single action.
    min_confidence
        Below it the answer is unknown.
    min_score
        Keypoints below it count as missing.
    output
        A CSV file for the table; it is printed without.
    """
    import pandas as pd

    from kinetrace import formats
    from kinetrace.actions import load_model, recognise

    loaded = load_model(model)
    tables = []
    for path in keypoints:
        table = recognise(
            formats.read(path),
            loaded,
            window_s=window_s,
            whole=whole,
            min_confidence=min_confidence,
            min_score=min_score,
        )
        for note in table.attrs["notes"]:
            print(f"kinetrace: {path}: {note}", file=sys.stderr)
        table.insert(0, "file", str(path))
        tables.append(table)
    full = [table for table in tables if len(table)] or tables[:1]
    found = pd.concat(full, ignore_index=True)
    _show(found, output)


@app.command
def evaluate(
    labelled: Path,
    *,
    model: str = "penn-action",
    min_score: float = 0.3,
    output: _Output = None,
    plot: Path | None = None,
) -> None:
    """Count how often a model is right about labelled tables or videos that it has not seen.

    Parameters
    ----------
    labelled
        As for train.
    model
        A file that kinetrace actions train wrote, or penn-action.
    min_score
        Keypoints below it count as missing.
    output
        A CSV file for the answers, one an example.
    plot
        A PNG, SVG or PDF file for the confusion matrix.
    """
    from kinetrace.actions import load_model, read_examples, tabulate
    from kinetrace.actions import predict as answer
    from kinetrace.measures import write_table

    answers = tabulate(answer(load_model(model), read_examples(labelled, min_score=min_score)))
    if output is not None:
        write_table(answers, output)
    _tell(answers, plot)


@app.command
def train_quality(
    repetitions: Path,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    exercise: str = "",
    space: Literal["2d", "3d"] = "2d",
    min_score: float = 0.3,
) -> None:
    """Learn what right repetitions of an exercise look like, from right and wrong ones.

    Parameters
    ----------
    repetitions
        A CSV file with the columns file (a table of keypoints) and correct (1 or 0), and start_s,
        end_s, track_id, person if known.
    output
        The standard, .json.
    exercise
        Its name; that of the file unless given.
    space
        2d: angles in the picture, from the same side always. 3d: from positions in space.
    min_score
        Keypoints below it count as missing.
    """
    from kinetrace.actions.exercise import read_repetitions
    from kinetrace.actions.quality import learn_standard, write_standard

    found = read_repetitions(repetitions, space=space, min_score=min_score)
    write_standard(learn_standard(found, exercise or output.name.split(".")[0]), output)
    print(f"{len(found)} repetitions -> {output}")


@app.command
def quality(
    keypoints: Path,
    *,
    standard: Path,
    repetitions: Path | None = None,
    space: Literal["2d", "3d"] = "2d",
    worst: int = 3,
    min_score: float = 0.3,
    output: _Output = None,
) -> None:
    """Say how well each repetition is done (0..1), and which joints are farthest from right.

    Parameters
    ----------
    keypoints
        A table of keypoints.
    standard
        Of kinetrace actions train-quality.
    repetitions
        A CSV file with the columns start_s and end_s, and track_id if known, as kinetrace measure
        repetitions writes it. Without, the whole table is one repetition.
    space
        As the standard was learnt.
    worst
        How many angles are told for each repetition.
    min_score
        Keypoints below it count as missing.
    output
        A CSV file for the table; it is printed without.
    """
    from kinetrace import formats
    from kinetrace.actions.dataset import read_list
    from kinetrace.actions.exercise import Interval, intervals_of, score_all
    from kinetrace.actions.quality import read_standard

    intervals = [Interval()]
    if repetitions is not None:
        intervals = intervals_of(read_list(repetitions), repetitions)
    table = score_all(
        formats.read(keypoints),
        intervals,
        read_standard(standard),
        space=space,
        worst=worst,
        min_score=min_score,
    )
    for note in table.attrs["notes"]:
        print(f"kinetrace: {note}", file=sys.stderr)
    _show(table, output)


def _show(table: pd.DataFrame, output: Path | None) -> None:
    """Write a table, or print it if there is no file for it."""
    from kinetrace.measures import write_table

    if output is None:
        print(table.round(3).to_string(index=False) if len(table) else "nothing found")
        return
    write_table(table, output)
    print(f"{output}: {len(table)} rows")


def _tell(answers: pd.DataFrame, plot: Path | None) -> None:
    from kinetrace import plots
    from kinetrace.actions import confusion, count_right
    from kinetrace.plots.confusion_matrix import confusion_matrix

    print(count_right(answers).round(3).to_string(index=False, na_rep=""))
    print(f"\nlabel (rows) taken for (columns)\n{confusion(answers).to_string()}\n")
    if plot is not None:
        plots.save(confusion_matrix(confusion(answers)), plot)
