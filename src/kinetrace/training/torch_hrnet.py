"""An HRNet of `kinetrace.networks` as a torch module, with the same parameter names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kinetrace.networks.graph import BATCH_NORM_EPSILON
from kinetrace.networks.hrnet import HRNet
from kinetrace.networks.layers import Addition, Convolution, Layer, Upsampling

# Heatmaps are 0 nearly everywhere: a network that begins there has less to unlearn.
_HEAD_DEVIATION = 1e-3
# The last convolutions of a basic block and of a bottleneck.
_LAST_OF_BLOCK = ("conv2", "conv3")


class TorchHRNet(nn.Module):
    """What `kinetrace.networks.build_graph` builds, but to be trained.

    ``image (N, 3, H, W) -> heatmaps (N, keypoints, H / 4, W / 4)``, float32.

    Parameters
    ----------
    net
        The architecture. The names of the parameters are the keys of `HRNet.parameter_shapes`
        (and batch norm's ``num_batches_tracked``).
    """

    def __init__(self, net: HRNet) -> None:
        super().__init__()
        self.net = net
        for layer in net.layers:
            if isinstance(layer, Convolution):
                self._add_convolution(layer)
        self._initialise()

    def _add_convolution(self, layer: Convolution) -> None:
        out, into, kernel, _ = layer.weight_shape
        has_bias = layer.norm_key is None
        convolution = nn.Conv2d(into, out, kernel, layer.step, kernel // 2, bias=has_bias)
        _place(self, layer.key, convolution)
        if layer.norm_key is not None:
            _place(self, layer.norm_key, nn.BatchNorm2d(out, eps=BATCH_NORM_EPSILON))

    def _initialise(self) -> None:
        """He et al., ICCV 2015; a residual block begins as the identity (Goyal et al., 2017)."""
        parameters = dict(self.named_parameters())
        for layer in self.net.layers:
            if not isinstance(layer, Convolution):
                continue
            weight = parameters[f"{layer.key}.weight"]
            if layer.norm_key is None:
                nn.init.normal_(weight, std=_HEAD_DEVIATION)
                nn.init.zeros_(parameters[f"{layer.key}.bias"])
            else:
                nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
                if layer.key.endswith(_LAST_OF_BLOCK) and not layer.relu:
                    nn.init.zeros_(parameters[f"{layer.norm_key}.weight"])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Run every layer in the order of `HRNet.layers`."""
        results = {"image": image}
        for layer in self.net.layers:
            results[layer.output.name] = self._run(layer, results)
        return results["heatmaps"]

    def _run(self, layer: Layer, results: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if isinstance(layer, Upsampling):
            x = results[layer.input.name]
            return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
        if isinstance(layer, Addition):
            x = results[layer.inputs[0].name]
            for other in layer.inputs[1:]:
                x = x + results[other.name]
        else:
            x = self.get_submodule(layer.key)(results[layer.input.name])
            if layer.norm_key is not None:
                x = self.get_submodule(layer.norm_key)(x)
        return nn.functional.relu(x, inplace=True) if layer.relu else x


def _place(root: nn.Module, key: str, module: nn.Module) -> None:
    """Put a module at a dotted name, making what stands above it."""
    *parents, last = key.split(".")
    for name in parents:
        if name not in root._modules:
            root.add_module(name, nn.Module())
        root = root.get_submodule(name)
    root.add_module(last, module)


def to_arrays(module: TorchHRNet) -> dict[str, NDArray[np.float32]]:
    """Return a network's parameters, in the authors' key layout, as `build_graph` takes them."""
    state = module.state_dict()
    return {
        key: state[key].detach().cpu().numpy().astype(np.float32)
        for key in module.net.parameter_shapes
    }


def from_arrays(net: HRNet, arrays: Mapping[str, NDArray[Any]]) -> TorchHRNet:
    """Make a network of parameters, as `kinetrace.networks.match_state` returns them."""
    module = TorchHRNet(net)
    state = {key: torch.from_numpy(np.array(a, np.float32)) for key, a in arrays.items()}
    module.load_state_dict(state, strict=False)
    return module
