"""``kinetrace train``: labels and pictures -> a network."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from kinetrace.choices import Arithmetic
from kinetrace.cli._show import command, parse_size

if TYPE_CHECKING:
    from kinetrace.networks.hrnet import HRNet
    from kinetrace.training import Recipe, Source

EXAMPLES = (
    "kinetrace train labels.json --media photos/ --from w32.pth --size 256x192 -o climbers/",
    "kinetrace train labels.csv --media clip.mp4 --from climbers/hrnet-nano.npz --output mine/",
    "kinetrace train joints.npz --media images/ --teacher model.onnx --output nano/",
)

_HOW = Group("How", sort_key=1)


def train(
    labels: Annotated[list[Path], Parameter(negative=())],
    *,
    media: Annotated[list[Path], Parameter(negative=())],
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    times: Annotated[list[int] | None, Parameter(negative=(), consume_multiple=True)] = None,
    start: Annotated[str, Parameter(name="--from")] = "scratch",
    test: Annotated[list[Path] | None, Parameter(negative=())] = None,
    test_media: Annotated[list[Path] | None, Parameter(negative=())] = None,
    teacher: Annotated[Path | None, Parameter(group=_HOW)] = None,
    teacher_size: Annotated[str, Parameter(group=_HOW)] = "256x192",
    rough: Annotated[str | None, Parameter(group=_HOW)] = None,
    size: Annotated[str, Parameter(group=_HOW)] = "128x96",
    samples: Annotated[int, Parameter(group=_HOW)] = 100_000,
    minutes: Annotated[float | None, Parameter(group=_HOW)] = None,
    batch: Annotated[int, Parameter(group=_HOW)] = 64,
    learning_rate: Annotated[float | None, Parameter(group=_HOW)] = None,
    measure_every: Annotated[int, Parameter(group=_HOW)] = 20_000,
    processes: Annotated[int, Parameter(group=_HOW)] = 1,
    arithmetic: Annotated[Arithmetic, Parameter(group=_HOW)] = "float32",
    seed: Annotated[int, Parameter(group=_HOW)] = 0,
    licence: str | None = None,
) -> None:
    """Train a top-down HRNet on your own people, or go on with a training.

    A tenth of the pictures of each source, chosen by their names, is never trained on; the log
    tells how good the network is on them. The same command with the same output folder goes on
    where it stopped. What comes out runs with: kinetrace estimate clip.mp4 --backend hrnet --model
    OUTPUT/hrnet-nano.npz --input-size 128x96 --decode dark

    Parameters
    ----------
    labels
        COCO keypoints files (.json), LSP-style archives (.npz), or tables of keypoints of ours
        (.csv, .parquet, .jsonl).
    media
        For each of them the folder of its images, or the video.
    times
        For each of them how often its people are learnt from in a round, once unless given: a few
        frames of yours beside a large data set want ten times.
    output
        The folder for weights, graph, model card, log and checkpoint.
    start
        What to begin from: a file of weights, the name of a model, or scratch for random weights
        of hrnet-nano.
    test
        Labels that are measured on only.
    test_media
        For each of them the folder of its images, or the video.
    teacher
        An ONNX model that finds COCO's keypoints in crops, such as a larger HRNet: it labels what
        is not labelled, and is weighed against what is.
    teacher_size
        Height and width of its input.
    rough
        A pattern of the names of photos whose labels are rough, such as 'lspe_*'.
    size
        Height and width of the network's input, multiples of 32; several with commas between them
        share the samples in that order: 96x64,128x96,256x192.
    samples
        Views of people to learn from in all. More, given later, makes a training longer.
    minutes
        Stop after this time; the same command goes on.
    batch
        People a step.
    learning_rate
        Its highest value; 2e-3 from scratch and 3e-4 from weights unless given.
    measure_every
        Samples from one measurement to the next.
    processes
        Share the work between processes of one thread each; 1 uses PyTorch's own threads. As many
        as there are cores is faster where other programs run, too.
    arithmetic
        bfloat16 is a half to two thirds faster on processors that have instructions for it
        (AVX512_BF16, AMX), and several times slower on others.
    seed
        Of everything that is drawn. The same seed, processes and machine give the same weights.
    licence
        Of the data, for the model card.
    """
    from kinetrace.training import Plan, train

    net, weights = _start(start)
    recipe = dataclasses.replace(
        _recipe(net, size, samples, batch),
        learning_rate=learning_rate or (3e-4 if weights else 2e-3),
        arithmetic=arithmetic,
        seed=seed,
    )
    plan = Plan(
        net=net,
        start=weights,
        sources=_sources(labels, media, "media", times),
        tests=_sources(test or [], test_media or [], "test-media"),
        teacher=teacher,
        teacher_size_wh=parse_size(teacher_size) or (192, 256),
        rough=rough,
        recipe=recipe,
        output=output,
        minutes=minutes,
        processes=processes,
        measured_every=measure_every,
        licence=licence,
        command=shlex.join(["kinetrace", *sys.argv[1:]]),
    )
    trained = train(plan)
    print(f"{trained.samples} samples learnt -> {trained.weights}, {trained.graph}")


def _recipe(net: HRNet, sizes: str, samples: int, batch: int) -> Recipe:
    from kinetrace.training import Recipe

    sizes_wh = tuple(filter(None, map(parse_size, sizes.split(","))))
    for size_wh in sizes_wh:
        net.heatmap_wh(size_wh)
    return Recipe(
        samples=samples,
        sizes_wh=sizes_wh,
        batch_size=batch,
        warm_up=min(16_000, samples // 10),
        averaging=min(30_000, max(batch, samples // 10)),
    )


def _start(name: str) -> tuple[HRNet, Path | None]:
    """Return the architecture, and the weights to begin from."""
    from kinetrace import networks, weights
    from kinetrace.networks.hrnet import NANO

    if name == "scratch":
        return NANO, None
    path = weights.fetch(name).path
    net, _ = networks.match_state(networks.read_checkpoint(path))
    return net, path


def _sources(
    labels: list[Path], media: list[Path], flag: str, times: list[int] | None = None
) -> tuple[Source, ...]:
    from kinetrace.training import read_source

    if len(labels) != len(media):
        raise ValueError(
            f"there are {len(labels)} files of labels and {len(media)} folders or videos: give a "
            f"--{flag} for each, in the same order"
        )
    times = times or [1] * len(labels)
    if len(times) != len(labels):
        raise ValueError(f"--times has {len(times)} numbers for {len(labels)} files of labels")
    return tuple(
        read_source(path, folder, times=count)
        for path, folder, count in zip(labels, media, times, strict=True)
    )


app = command(train, *EXAMPLES)
