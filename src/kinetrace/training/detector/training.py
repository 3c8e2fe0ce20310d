"""train_detector: photos, a teacher and a trunk -> a folder with weights, log and checkpoint."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from kinetrace.training.detector.batches import iterate_batches
from kinetrace.training.detector.boxes_teacher import (
    BoxesTeacher,
    find_people,
    find_unlabelled,
)
from kinetrace.training.detector.calibration import calibrate, fit_line
from kinetrace.training.detector.measurement import Exam, Marks, measure, prepare_exam
from kinetrace.training.detector.pictures import (
    Pictures,
    load_pictures,
    pack,
    save_pictures,
)
from kinetrace.training.detector.plan import DetectorPlan, claim
from kinetrace.training.detector.progress import DetectorProgress, as_function, make_network
from kinetrace.training.export import write_graph, write_weights
from kinetrace.training.team import Team, lead_team, open_team
from kinetrace.training.torch_hrnet import to_arrays

Report = Callable[[str], None]

_SAVED_EVERY_S = 180.0
_EXAM_PX = 320
# What the training is watched by; what is shipped is measured on all that is held out.
_EXAM_PICTURES, _EXAM_NOBODY = 150, 75
_PHANTOMS = 0.05
_COLUMNS = (
    *("samples", "size_px", "learning_rate", "centre_loss", "box_loss"),
    *("score", "found", "found_at_0.3", "phantoms_at_0.3"),
)


def train_detector(plan: DetectorPlan, *, report: Report = print) -> Marks:
    """Train a detector, or go on with a training whose folder is there.

    Writes ``NAME.npz`` (weights, float16), ``NAME.onnx``, ``log.csv``, ``checkpoint.pt`` every few
    minutes, and ``pictures/``, which can be deleted when all is done.

    Parameters
    ----------
    plan
        What to train, on what.
    report
        Is given a line now and then.

    Returns
    -------
    Marks
        On everything that is held out, and on as many scenes with nobody.

    Raises
    ------
    OutputError
        If the folder holds another training.
    SourceError, WeightsError
        If a picture, the teacher or the trunk cannot be used.
    """
    plan.output.mkdir(parents=True, exist_ok=True)
    claim(plan)
    if not (plan.pictures / "pictures.npz").exists():
        report("the teacher looks at every picture, once")
        teacher = BoxesTeacher(plan.teacher)
        pictures = pack(find_people(plan.source, teacher), find_unlabelled(plan.extra, teacher))
        save_pictures(pictures, plan.pictures)
        teacher.close()
    with lead_team(plan.processes, _follow, plan) as team:
        return _lead(plan, team, report)


def _begin(plan: DetectorPlan, team: Team) -> DetectorProgress:
    torch.manual_seed(plan.recipe.seed)
    progress = DetectorProgress(make_network(plan.net, plan.trunk), plan.recipe, team)
    if plan.checkpoint.exists():
        progress.load(plan.checkpoint)
    return progress


def _follow(plan: DetectorPlan, meeting: Path, rank: int) -> None:
    with open_team(meeting, rank, plan.processes) as team:
        _run(plan, _begin(plan, team), load_pictures(plan.pictures), None)


def _lead(plan: DetectorPlan, team: Team, report: Report) -> Marks:
    progress = _begin(plan, team)
    pictures = load_pictures(plan.pictures)
    leader = _Leader(plan, progress, pictures, report)
    _run(plan, progress, pictures, leader)
    return leader.finish()


def _run(
    plan: DetectorPlan, progress: DetectorProgress, pictures: Pictures, leader: _Leader | None
) -> None:
    recipe, team = plan.recipe, progress.team
    # Numbers next to 0 take a processor many times as long, and are of no use here.
    torch.set_flush_denormal(True)
    batches = iterate_batches(
        pictures,
        pictures.training_rows(extra_share=plan.extra_share),
        recipe,
        range(progress.step, recipe.steps),
        part=team.rank,
        parts=team.size,
    )
    with batches:
        for batch in batches:
            losses = progress.learn_scenes(batch)
            if leader is not None:
                leader.note(losses.centre.item(), losses.box.item())
            if team.agree(wish=leader is not None and leader.is_over()):
                return


class _Leader:
    """What the first process does between steps: measure, log and save."""

    def __init__(
        self, plan: DetectorPlan, progress: DetectorProgress, pictures: Pictures, report: Report
    ) -> None:
        self._plan, self._progress, self._pictures = plan, progress, pictures
        self._report = report
        rows = pictures.held_out_rows()[:: max(1, len(pictures.held_out_rows()) // _EXAM_PICTURES)]
        self._exam = prepare_exam(pictures, rows, _EXAM_PX, nobody=_EXAM_NOBODY)
        self._losses: list[tuple[float, float]] = []
        self._log = plan.output / "log.csv"
        self._began_s = self._saved_s = time.monotonic()
        self._measured = progress.samples
        _keep_log(self._log, progress.samples)

    def is_over(self) -> bool:
        """Tell whether the time is up."""
        minutes = self._plan.minutes
        return minutes is not None and time.monotonic() - self._began_s >= 60 * minutes

    def note(self, centre_loss: float, box_loss: float) -> None:
        """Do what is due after a step."""
        self._losses.append((centre_loss, box_loss))
        if self._progress.samples - self._measured >= self._plan.measured_every:
            self._measure(self._exam)
        if time.monotonic() - self._saved_s >= _SAVED_EVERY_S:
            self._save()

    def finish(self) -> Marks:
        """Write everything, measure on everybody, and make scores of the weights chances."""
        self._progress.settle_average()
        if self._losses:
            self._measure(self._exam)
        self._save()
        rows = self._pictures.held_out_rows()
        exam = prepare_exam(self._pictures, rows, _EXAM_PX, nobody=len(rows), seed=1)
        marks = measure(as_function(self._progress.average), exam)
        line = fit_line(marks)
        marks = marks._replace(score=line.score(marks.score))
        write_weights(calibrate(to_arrays(self._progress.average), line), self._plan.weights)
        write_graph(
            self._plan.net, self._plan.weights, self._plan.output / f"{self._plan.net.name}.onnx"
        )
        for score in (*np.arange(0.1, 0.95, 0.1), marks.score_for(_PHANTOMS)):
            found, phantoms = marks.at(float(score))
            self._report(f"score {score:.3f}: {found:.1%} found, {phantoms:.3f} phantoms a picture")
        return marks

    def _save(self) -> None:
        self._progress.save(self._plan.checkpoint)
        write_weights(to_arrays(self._progress.average), self._plan.weights)
        self._saved_s = time.monotonic()

    def _measure(self, exam: Exam) -> None:
        progress, recipe = self._progress, self._plan.recipe
        marks = measure(as_function(progress.average), exam)
        score = marks.score_for(_PHANTOMS)
        step = max(0, progress.step - 1)
        centre_loss, box_loss = np.mean(self._losses, axis=0)
        values = (
            *(progress.samples, recipe.size_wh(step)[0], recipe.rate(step), centre_loss, box_loss),
            *(score, marks.at(score)[0], *marks.at(0.3)),
        )
        row = dict(zip(_COLUMNS, (f"{value:.6g}" for value in values), strict=True))
        with self._log.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, _COLUMNS).writerow(row)
        minutes = (time.monotonic() - self._began_s) / 60
        self._report(f"{minutes:.1f} min: " + ", ".join(f"{k} {v}" for k, v in row.items()))
        self._losses.clear()
        self._measured = progress.samples


def _keep_log(path: Path, samples: int) -> None:
    """Drop the rows that will be made again."""
    rows = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if float(row["samples"]) <= samples]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
