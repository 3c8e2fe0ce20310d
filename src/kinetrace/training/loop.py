"""The training itself: steps, and a state that can be kept and gone on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from kinetrace.errors import FormatError
from kinetrace.files import replacing
from kinetrace.topdown.crops import MEAN_RGB, STD_RGB
from kinetrace.training.batches import Batch, iterate_batches
from kinetrace.training.losses import Losses, measure_losses
from kinetrace.training.recipe import Recipe
from kinetrace.training.samples import Samples
from kinetrace.training.team import ALONE, Team
from kinetrace.training.torch_hrnet import TorchHRNet

# Steps from one averaging to the next, which costs as much as a tenth of a step.
_AVERAGED_EVERY = 8


class Progress:
    """A network in training: its weights, their average, the optimiser's state and the step.

    Parameters
    ----------
    network
        What is trained.
    recipe
        How.
    team
        The processes that share each batch.
    """

    def __init__(self, network: TorchHRNet, recipe: Recipe, team: Team = ALONE) -> None:
        self.team = team
        self.network = network
        self.average = TorchHRNet(network.net)
        self.average.load_state_dict(network.state_dict())
        for module in (self.network, self.average):
            _store_channels_last(module)
        self.recipe = recipe
        self.step = 0
        self.averaged = 0
        decayed = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            fused=True,
        )

    @property
    def samples(self) -> int:
        """How many samples have been learnt from."""
        return self.step * self.recipe.batch_size

    def learn(self, batch: Batch) -> Losses:
        """Make one step."""
        recipe = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.arithmetic == "bfloat16"):
            heatmaps = self.network(normalise(batch)).float()
        losses = measure_losses(
            heatmaps,
            xy=torch.from_numpy(batch.xy),
            weight=torch.from_numpy(batch.weight),
            height=torch.from_numpy(batch.height),
            height_weight=torch.from_numpy(batch.height_weight),
            sigma_px=heatmaps.shape[2] / 32,
            height_share=recipe.height_share,
        )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.total)
        self.team.average_gradients(self.network)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        if self.step % _AVERAGED_EVERY == 0:
            self._average()
        return losses

    def _average(self) -> None:
        """Polyak and Juditsky, 1992: the mean at first, exponential once it is long enough."""
        self.averaged += 1
        longest = self.recipe.averaging / self.recipe.batch_size / _AVERAGED_EVERY
        newest = 1 / min(self.averaged, max(1.0, longest))
        old = self.average.state_dict()
        with torch.no_grad():
            floating = [
                (old[key], new)
                for key, new in self.network.state_dict().items()
                if new.is_floating_point()
            ]
            torch._foreach_lerp_([o for o, _ in floating], [n for _, n in floating], newest)

    def save(self, path: Path) -> None:
        """Write everything that going on needs, whole or not at all."""
        state = {
            "step": self.step,
            "averaged": self.averaged,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with replacing(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Go on from what `save` has written."""
        state = torch.load(path, weights_only=True)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.averaged = state["step"], state["averaged"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise FormatError(f"{path} is no checkpoint of this training: {error}") from error


def _store_channels_last(module: nn.Module) -> None:
    """Store convolutions as they run fastest on a processor."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


_MEAN = torch.tensor(MEAN_RGB).view(1, 3, 1, 1) * 255
_STD = torch.tensor(STD_RGB).view(1, 3, 1, 1) * 255


def normalise(batch: Batch) -> torch.Tensor:
    """Return the images as the network takes them: (B, 3, h, w) float32, channels last."""
    images = torch.from_numpy(batch.image).permute(0, 3, 1, 2)
    return (images.float() - _MEAN) / _STD


def run(progress: Progress, samples: Samples, *, is_over: Callable[[], bool]) -> Iterator[Losses]:
    """Step until the recipe or `is_over` ends it; yield the losses of each step."""
    recipe, team = progress.recipe, progress.team
    steps = range(progress.step, recipe.steps)
    with iterate_batches(samples, recipe, steps, part=team.rank, parts=team.size) as batches:
        for batch in batches:
            yield progress.learn(batch)
            if team.agree(wish=is_over()):
                return
