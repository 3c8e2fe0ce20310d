"""One process of a training: what each does, and what the first one does beside it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from kinetrace.errors import WeightsError
from kinetrace.networks.checkpoint import read_checkpoint
from kinetrace.networks.layouts import match_state
from kinetrace.training.examination import Examiner
from kinetrace.training.export import write_graph, write_model_card, write_weights
from kinetrace.training.journal import Journal, plot_journal
from kinetrace.training.loop import Progress, run
from kinetrace.training.losses import Losses
from kinetrace.training.team import Team, lead_team, open_team
from kinetrace.training.torch_hrnet import TorchHRNet, from_arrays, to_arrays
from kinetrace.training.training import (
    Plan,
    Report,
    describe_sources,
    load_training_samples,
)

_SAVED_EVERY_S = 180.0


class Trained(NamedTuple):
    """What a training has come to.

    Attributes
    ----------
    samples
        How many it has learnt from.
    figures
        What was measured at last, by name.
    weights, graph
        The files.
    """

    samples: int
    figures: dict[str, float]
    weights: Path
    graph: Path


def run_together(plan: Plan, report: Report) -> Trained:
    """Train in as many processes as the plan wants; this one is the first."""
    _undo_the_fall(plan)
    with lead_team(plan.processes, _follow, plan) as team:
        return _lead(plan, team, report)


@contextmanager
def _quick_arithmetic() -> Iterator[None]:
    """Set the process up for training, and leave it as it was."""
    threads = cv2.getNumThreads()
    # Threads of the reader beside those of PyTorch would only wait for each other.
    cv2.setNumThreads(1)
    # Numbers next to 0 take a processor many times as long, and are of no use here.
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        cv2.setNumThreads(threads)


def _follow(plan: Plan, meeting: Path, rank: int) -> None:
    with _quick_arithmetic(), open_team(meeting, rank, plan.processes) as team:
        progress = begin(plan, team)
        for _ in run(progress, load_training_samples(plan), is_over=lambda: False):
            pass


def _lead(plan: Plan, team: Team, report: Report) -> Trained:
    with _quick_arithmetic():
        progress = begin(plan, team)
        samples = load_training_samples(plan)
        leader = _Leader(plan, progress, report)
        for losses in run(progress, samples, is_over=leader.is_over):
            leader.note(losses)
        return leader.finish()


def begin(plan: Plan, team: Team) -> Progress:
    """Make the network and its state: from the checkpoint, from weights, or at random."""
    torch.manual_seed(plan.recipe.seed)
    network = TorchHRNet(plan.net) if plan.start is None else _load(plan)
    progress = Progress(network, plan.recipe, team)
    if plan.checkpoint.exists():
        progress.load(plan.checkpoint)
    return progress


def _undo_the_fall(plan: Plan) -> None:
    """Go back to where the rate began to fall, if now it is to fall later."""
    if plan.held.exists():
        step = int(torch.load(plan.held, weights_only=True, mmap=True)["step"])
        if step < plan.recipe.first_falling_step:
            plan.held.replace(plan.checkpoint)


def _load(plan: Plan) -> TorchHRNet:
    assert plan.start is not None
    try:
        return from_arrays(*match_state(read_checkpoint(plan.start), plan.net))
    except WeightsError as error:
        raise WeightsError(f"{plan.start}: {error}") from error


class _Leader:
    """What the first process does between steps: measure, log and save."""

    def __init__(self, plan: Plan, progress: Progress, report: Report) -> None:
        self._plan = plan
        self._progress = progress
        self._report = report
        self._examiner = Examiner(plan)
        path = plan.output / "log.csv"
        self._journal = Journal(path, self._examiner.measures, progress.samples)
        self._figures: dict[str, float] = {}
        self._losses: list[tuple[float, float]] = []
        self._began_s = self._saved_s = time.monotonic()
        self._measured = self._logged = progress.samples
        if plan.start is not None and not progress.samples:
            self._logged = -1
            self._measure()

    def is_over(self) -> bool:
        """Tell whether the time is up."""
        minutes = self._plan.minutes
        return minutes is not None and time.monotonic() - self._began_s >= 60 * minutes

    def note(self, losses: Losses) -> None:
        """Do what is due after a step."""
        progress = self._progress
        self._losses.append((losses.place.item(), losses.height.item()))
        if progress.step == self._plan.recipe.first_falling_step:
            progress.save(self._plan.held)
        if progress.samples - self._measured >= self._plan.measured_every:
            self._measure()
        if time.monotonic() - self._saved_s >= _SAVED_EVERY_S:
            self._save()

    def finish(self) -> Trained:
        """Measure and write everything."""
        if self._progress.averaged == 0:
            # Shorter than the first averaging: the weights themselves are the mean of one.
            self._progress.average.load_state_dict(self._progress.network.state_dict())
        figures = self._measure() if self._losses or not self._figures else self._figures
        self._save()
        plan = self._plan
        graph = plan.output / f"{plan.net.name}.onnx"
        write_graph(plan.net, self._weights, graph)
        write_model_card(
            plan.output / "model_card.md",
            plan.net,
            command=plan.command,
            sources=describe_sources(plan.sources),
            recipe=dataclasses.asdict(plan.recipe),
            learnt=self._progress.samples,
            figures=figures,
            licence=plan.licence,
        )
        try:
            plot_journal(plan.output / "log.csv", plan.output / "log.png")
        except ImportError:
            self._report("log.csv is not plotted: Matplotlib is not installed")
        return Trained(self._progress.samples, figures, self._weights, graph)

    @property
    def _weights(self) -> Path:
        return self._plan.output / f"{self._plan.net.name}.npz"

    def _save(self) -> None:
        self._progress.save(self._plan.checkpoint)
        write_weights(to_arrays(self._progress.average), self._weights)
        self._saved_s = time.monotonic()

    def _measure(self) -> dict[str, float]:
        progress, recipe = self._progress, self._plan.recipe
        size_wh = recipe.size_wh(max(0, progress.step - 1))
        self._figures = figures = self._examiner.measure(progress.average, size_wh)
        row = {
            "samples": progress.samples,
            "height_px": size_wh[1],
            "learning_rate": recipe.rate(max(0, progress.step - 1)),
        }
        if self._losses:
            row["place_loss"], row["height_loss"] = np.mean(self._losses, axis=0)
        if progress.samples != self._logged:
            self._journal.append({**row, **figures})
            self._logged = progress.samples
        self._report(", ".join(f"{k} {v:.4g}" for k, v in {**row, **figures}.items()))
        self._losses.clear()
        self._measured = progress.samples
        return figures
