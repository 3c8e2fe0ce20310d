"""train: sources -> a folder with weights, graph, model card, log and what going on needs."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace.errors import FormatError, MissingExtraError, OutputError
from kinetrace.files import replacing
from kinetrace.networks.hrnet import HRNet
from kinetrace.skeletons import COCO17
from kinetrace.training.preparation import prepare
from kinetrace.training.recipe import Recipe
from kinetrace.training.samples import Samples, is_held_out, join, load_samples, save_samples
from kinetrace.training.sources import Source
from kinetrace.training.teacher import Teacher

if TYPE_CHECKING:
    from kinetrace.training.rank import Trained

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is trained, on what, and for how long; all of it can be handed to another process.

    Attributes
    ----------
    net
        The architecture.
    start
        A file of weights to begin from; None begins at random.
    sources
        What is trained on, but for a tenth of the photos of each, and measured on that tenth.
    teacher
        An ONNX model that labels what is not labelled, see `prepare`; None trusts the labels.
    teacher_size_wh
        Width and height of its input.
    rough
        As for `prepare`.
    tests
        What is measured on only.
    recipe
        How.
    output
        The folder for everything.
    minutes
        When to stop, be the recipe's samples learnt or not: it can be gone on with.
    processes
        How many share the work, a thread each; 1 leaves the threads to PyTorch.
    measured_every
        Samples from one measurement to the next.
    licence, command
        For the model card.
    """

    net: HRNet
    sources: tuple[Source, ...]
    recipe: Recipe
    output: Path
    start: Path | None = None
    teacher: Path | None = None
    teacher_size_wh: tuple[int, int] = (192, 256)
    rough: str | None = None
    tests: tuple[Source, ...] = ()
    minutes: float | None = None
    processes: int = 1
    measured_every: int = 20_000
    licence: str | None = None
    command: str = ""

    @property
    def samples_folder(self) -> Path:
        """Where the prepared samples are kept."""
        return self.output / "samples"

    @property
    def checkpoint(self) -> Path:
        """What the training goes on from."""
        return self.output / "checkpoint.pt"

    @property
    def held(self) -> Path:
        """The checkpoint from before the learning rate fell."""
        return self.output / "checkpoint-held.pt"


def train(plan: Plan, *, report: Report = print) -> Trained:
    """Train a network, or go on with a training whose folder is there.

    Writes into `Plan.output`: ``NAME.npz`` (weights, float16), ``NAME.onnx``, ``model_card.md``,
    ``log.csv`` (and ``log.png`` where Matplotlib is installed), ``checkpoint.pt`` every few
    minutes, and ``samples/``, which can be deleted when all is done.

    Parameters
    ----------
    plan
        What to train, on what.
    report
        Is given a line now and then.

    Returns
    -------
    Trained
        How far it came and what was measured at last.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    OutputError
        If the folder holds another training.
    SourceError, FormatError, WeightsError
        If a source or the weights to begin from cannot be used.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("PyTorch, which trains,", "train") from error
    from kinetrace.training.rank import run_together

    plan.output.mkdir(parents=True, exist_ok=True)
    _claim(plan)
    if not (plan.samples_folder / "people.npz").exists():
        _prepare(plan, report)
    return run_together(plan, report)


def training_part(samples: Samples) -> Samples:
    """Return the samples that are not held out."""
    return samples.only(np.array([not is_held_out(photo) for photo in samples.photo], bool))


def load_training_samples(plan: Plan) -> Samples:
    """Read the prepared samples."""
    return load_samples(plan.samples_folder, COCO17)


def _prepare(plan: Plan, report: Report) -> None:
    teacher = None
    if plan.teacher is not None:
        teacher = Teacher(plan.teacher, input_size_wh=plan.teacher_size_wh)
    parts = []
    for source in plan.sources:
        began = time.monotonic()
        found = prepare(source, COCO17, teacher=teacher, rough=plan.rough)
        part = training_part(found)
        report(
            f"{source.truth.source}: {len(part)} people to train on, {len(found) - len(part)} "
            f"held out ({time.monotonic() - began:.0f} s)"
        )
        parts += [part] * source.times
    samples = join(parts)
    if not len(samples):
        raise FormatError(
            "nobody is left to train on: people need four labelled keypoints and a box of 24 px, "
            "and a tenth of the photos is held out"
        )
    save_samples(samples, plan.samples_folder)


def _claim(plan: Plan) -> None:
    """Write down what this folder is for, or check that it is for this."""
    path = plan.output / "plan.json"
    now = json.dumps(describe(plan), indent=2)
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key, value in json.loads(now).items() if before.get(key) != value]
        if changed:
            raise OutputError(
                f"{plan.output} holds a training with another {', '.join(changed)}: give the "
                "same, or another folder"
            )
    elif plan.checkpoint.exists():
        raise OutputError(f"{plan.output} has a checkpoint, but no plan.json: give another folder")
    with replacing(path) as temporary:
        temporary.write_text(now, encoding="utf-8")


def describe(plan: Plan) -> dict[str, Any]:
    """Return what must stay the same when a training is gone on with, as JSON has it.

    Its length may change, with it when the rate falls, and the size of the input.
    """
    recipe = dataclasses.asdict(plan.recipe)
    for name in ("samples", "sizes_wh", "warm_up", "averaging"):
        del recipe[name]
    return {
        "network": dataclasses.asdict(plan.net),
        "start": None if plan.start is None else str(plan.start.resolve()),
        "sources": [_name(source) for source in plan.sources],
        "teacher": None if plan.teacher is None else str(plan.teacher.resolve()),
        "rough": plan.rough,
        "recipe": recipe,
    }


def _name(source: Source) -> list[str | int]:
    paths = [str(Path(source.truth.source).resolve()), str(source.media.resolve())]
    return [*paths, source.times] if source.times > 1 else [*paths]


def describe_sources(sources: Sequence[Source]) -> list[str]:
    """Return a line for each source, for people to read."""
    return [
        f"`{Path(s.truth.source).name}`: {len(s.truth.xy)} people in {len(s.truth.image_name)} "
        f"pictures, {len(s.truth.skeleton)} keypoints"
        f"{f', {s.times} times' if s.times > 1 else ''}"
        for s in sources
    ]
