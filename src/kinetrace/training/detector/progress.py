"""A detector in training: its network, a step, and how it is looked at while it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from kinetrace.networks.checkpoint import read_checkpoint
from kinetrace.networks.layouts import match_state
from kinetrace.networks.person import PersonNet, is_trunk
from kinetrace.topdown.crops import MEAN_RGB, STD_RGB
from kinetrace.training.detector.batches import Batch
from kinetrace.training.detector.losses import Losses, measure_losses
from kinetrace.training.detector.measurement import Network
from kinetrace.training.detector.pictures import Image
from kinetrace.training.loop import Progress
from kinetrace.training.torch_hrnet import TorchHRNet

# A pixel is a centre once in so many hundred: it is expected from the start (Lin et al., "Focal
# loss for dense object detection", ICCV 2017, section 4.1).
_FIRST_LOGIT = -4.6
_AVERAGED_EVERY = 8
_MEAN = torch.tensor(MEAN_RGB).view(1, 3, 1, 1) * 255
_STD = torch.tensor(STD_RGB).view(1, 3, 1, 1) * 255


def make_network(net: PersonNet, trunk: Path | None) -> TorchHRNet:
    """Make a network: at random, and the trunk from weights of the HRNet that it shares it with.

    Parameters
    ----------
    net
        The architecture.
    trunk
        Weights of an HRNet of the same widths and stages, or of such a detector; None is at random.

    Raises
    ------
    WeightsError
        If the weights are of another network.
    """
    network = TorchHRNet(net)
    with torch.no_grad():
        network.get_parameter("final_layer.bias")[0] = _FIRST_LOGIT
    if trunk is None:
        return network
    arrays = read_checkpoint(trunk)
    if "people.conv.weight" in arrays:
        state: dict[str, Any] = match_state(arrays, net)[1]
    else:
        state = {key: a for key, a in match_state(arrays)[1].items() if is_trunk(key, net)}
    tensors = {key: torch.from_numpy(np.array(array, np.float32)) for key, array in state.items()}
    network.load_state_dict(tensors, strict=False)
    return network


class DetectorProgress(Progress):
    """A detector in training: its weights, their average, the optimiser's state and the step."""

    def learn_scenes(self, batch: Batch) -> Losses:
        """Make one step."""
        recipe = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.arithmetic == "bfloat16"):
            outputs = self.network(normalise(batch.image)).float()
        target = batch.target
        losses = measure_losses(
            outputs,
            centre=torch.from_numpy(target.centre),
            xyxy=torch.from_numpy(target.xyxy),
            box_weight=torch.from_numpy(target.box_weight),
            counts=torch.from_numpy(target.counts),
        )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.total)
        self.team.average_gradients(self.network)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        if self.step % _AVERAGED_EVERY == 0:
            self._average()
        return losses

    def settle_average(self) -> None:
        """Make the average that of the weights themselves where there has been none yet."""
        if self.averaged == 0:
            self.average.load_state_dict(self.network.state_dict())


def normalise(images: Image) -> torch.Tensor:
    """Return pictures (B, S, S, 3) as the network takes them: (B, 3, S, S) float32."""
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - _MEAN) / _STD


def as_function(module: TorchHRNet) -> Network:
    """Return a network as a function of arrays."""

    def run(images: Image) -> npt.NDArray[np.float32]:
        module.eval()
        with torch.no_grad():
            outputs: npt.NDArray[np.float32] = module(normalise(images)).numpy()
        return outputs

    return run
