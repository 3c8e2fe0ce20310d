"""``python -m kinetrace.training.detector``: photos, a teacher and a trunk -> a person detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from kinetrace.choices import Arithmetic
from kinetrace.training.detector.plan import DetectorPlan, DetectorRecipe
from kinetrace.training.detector.training import train_detector
from kinetrace.training.sources import read_source

app = App(name="python -m kinetrace.training.detector", help_format="plaintext")


@app.default
def train(
    labels: Path,
    *,
    media: Path,
    teacher: Path,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    extra: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    extra_share: float = 0.12,
    trunk: Path | None = None,
    size: str = "192:60000,320:40000",
    fall: float = 0.4,
    batch: int = 16,
    learning_rate: float = 1e-3,
    measure_every: int = 8_000,
    minutes: float | None = None,
    processes: int = 1,
    arithmetic: Arithmetic = "float32",
    seed: int = 0,
) -> None:
    """Train a person detector on photos with labelled joints, or go on with a training.

    Parameters
    ----------
    labels
        COCO keypoints (.json) or an LSP-style archive (.npz).
    media
        The folder of the photos.
    teacher
        RTMDet for people, an ONNX file: it finds everybody.
    output
        The folder for weights, graph, log and checkpoint.
    extra
        Folders of photos, and films, of people whom nobody labelled: the teacher alone says who is
        there. A tenth of them is held out, too.
    extra_share
        The share of scenes that begin with one of these, about.
    trunk
        Weights of hrnet-nano to begin from.
    size
        Side of the input in px, and how many scenes of that size are learnt from, one after the
        other.
    fall
        Share of all scenes, at the end, during which the learning rate falls to nothing.
    batch
        Scenes a step.
    learning_rate
        Its highest value.
    measure_every
        Scenes from one measurement to the next.
    minutes
        Stop after this time; the same command goes on.
    processes
        How many share the work, a thread each.
    arithmetic
        bfloat16 is a half faster on processors that have instructions for it.
    seed
        Of everything that is drawn.
    """
    stages = [tuple(map(int, part.split(":"))) for part in size.split(",")]
    ends = tuple(sum(count for _, count in stages[: i + 1]) for i in range(len(stages)))
    recipe = DetectorRecipe(
        samples=ends[-1],
        sizes_wh=tuple((side, side) for side, _ in stages),
        ends=ends,
        batch_size=batch,
        learning_rate=learning_rate,
        weight_decay=0.02,
        warm_up=min(4_000, ends[-1] // 10),
        fall=fall,
        averaging=min(10_000, max(batch, ends[-1] // 10)),
        arithmetic=arithmetic,
        seed=seed,
    )
    train_detector(
        DetectorPlan(
            source=read_source(labels, media),
            teacher=teacher,
            extra=extra,
            extra_share=extra_share,
            trunk=trunk,
            recipe=recipe,
            output=output,
            minutes=minutes,
            processes=processes,
            measured_every=measure_every,
        )
    )


if __name__ == "__main__":
    app()
