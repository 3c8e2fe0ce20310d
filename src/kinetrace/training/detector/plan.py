"""What a detector is trained on, and how."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from kinetrace.errors import OutputError
from kinetrace.files import replacing
from kinetrace.networks.person import PERSON_NANO, PersonNet
from kinetrace.training.recipe import Recipe
from kinetrace.training.sources import Source


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe(Recipe):
    """How to train a detector: a `Recipe` whose sizes take their own numbers of samples.

    Attributes
    ----------
    ends
        For each of `sizes_wh` how many samples have been learnt from when it ends.
    """

    ends: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.ends) != len(self.sizes_wh) or self.ends[-1] != self.samples:
            raise ValueError(f"ends must be one for each size, the last all samples: {self}")

    def size_wh(self, step: int) -> tuple[int, int]:
        """Return the input's width and height at a step."""
        done = step * self.batch_size
        turn = next((i for i, end in enumerate(self.ends) if done < end), len(self.ends) - 1)
        return self.sizes_wh[turn]


@dataclass(frozen=True, kw_only=True)
class DetectorPlan:
    """What is trained, on what, and for how long.

    Attributes
    ----------
    source
        Photos with labelled joints; a tenth of them is held out.
    teacher
        RTMDet for people, an ONNX file.
    trunk
        Weights of hrnet-nano to begin from; None begins at random.
    recipe
        How.
    output
        The folder for everything.
    extra
        Folders of photos, and films, of people whom nobody labelled.
    extra_share
        The share of scenes that begin with one of these, about; less than 1.
    minutes
        When to stop; it can be gone on with.
    processes
        How many share the work, a thread each.
    measured_every
        Samples from one measurement to the next.
    net
        The architecture.

    Raises
    ------
    ValueError
        If the share is no share.
    """

    source: Source
    teacher: Path
    recipe: DetectorRecipe
    output: Path
    extra: tuple[Path, ...] = ()
    extra_share: float = 0.12
    trunk: Path | None = None
    minutes: float | None = None
    processes: int = 1
    measured_every: int = 8_000
    net: PersonNet = PERSON_NANO

    def __post_init__(self) -> None:
        if not 0 <= self.extra_share < 1:
            raise ValueError(f"extra_share must be within 0..1, below 1, got {self.extra_share}")

    @property
    def checkpoint(self) -> Path:
        """What the training goes on from."""
        return self.output / "checkpoint.pt"

    @property
    def pictures(self) -> Path:
        """Where the prepared pictures are kept."""
        return self.output / "pictures"

    @property
    def weights(self) -> Path:
        """The averaged weights, float16."""
        return self.output / f"{self.net.name}.npz"


def claim(plan: DetectorPlan) -> None:
    """Write down what this folder is for, or check that it is for this."""
    path = plan.output / "plan.json"
    now = {
        "network": dataclasses.asdict(plan.net),
        "source": [str(Path(plan.source.truth.source).resolve()), str(plan.source.media.resolve())],
        "extra": [str(path.resolve()) for path in plan.extra],
        "extra_share": plan.extra_share,
        "trunk": None if plan.trunk is None else str(plan.trunk.resolve()),
        "batch_size": plan.recipe.batch_size,
        "seed": plan.recipe.seed,
    }
    text = json.dumps(now, indent=2)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise OutputError(f"{plan.output} holds another training, see {path}: give another folder")
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
