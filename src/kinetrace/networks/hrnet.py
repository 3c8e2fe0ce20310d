"""HRNet for top-down pose estimation, described once, as data.

Sun, Xiao, Liu and Wang, "Deep High-Resolution Representation Learning for Human Pose
Estimation", CVPR 2019, section 3 and table 1 of the supplement. The names of the parameters
are those of the authors' checkpoints.

::

    image 1/1 -> stem 1/4 -> bottlenecks -> stage 2 -> stage 3 -> stage 4 -> heatmaps 1/4
                                             1/4        1/4        1/4
                                             1/8        1/8        1/8
                                                        1/16       1/16
                                                                   1/32
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from kinetrace.networks.layers import (
    Addition,
    Convolution,
    Layer,
    Tensor,
    Upsampling,
    count_macs,
    iterate_parameters,
)

BOTTLENECK_EXPANSION = 4
IMAGE_CHANNELS = 3


@dataclass(frozen=True)
class Stage:
    """One multi-resolution stage: `modules` times (`blocks` residual blocks a branch, exchange)."""

    modules: int
    branches: int
    blocks: int


@dataclass(frozen=True)
class HRNet:
    """An HRNet: what there is to choose in it.

    Parameters
    ----------
    name
        What it is called in messages.
    widths
        Channels of the branches at 1/4, 1/8, 1/16, ... of the input size.
    keypoints
        Number of heatmaps.
    stem_widths
        Channels of the two convolutions of stride 2 that begin the network.
    bottlenecks
        Number of bottleneck blocks after the stem.
    bottleneck_width
        Their inner channels; their output has four times as many.
    stages
        The multi-resolution stages; each has one branch more than the one before it.

    Raises
    ------
    ValueError
        When a number is not positive, or the stages do not fit the widths.
    """

    name: str
    widths: tuple[int, ...]
    keypoints: int = 17
    stem_widths: tuple[int, int] = (64, 64)
    bottlenecks: int = 4
    bottleneck_width: int = 64
    stages: tuple[Stage, ...] = (Stage(1, 2, 4), Stage(4, 3, 4), Stage(3, 4, 4))

    def __post_init__(self) -> None:
        branches = tuple(stage.branches for stage in self.stages)
        if branches != tuple(range(2, len(self.widths) + 1)) or not branches:
            msg = (
                f"{self.name}: the stages have {branches} branches and there are "
                f"{len(self.widths)} widths; stages must have 2, 3, ... branches, the last one "
                "a branch for each width."
            )
            raise ValueError(msg)
        sizes = (*self.widths, *self.stem_widths, self.keypoints, self.bottlenecks)
        sizes += tuple(n for stage in self.stages for n in (stage.modules, stage.blocks))
        if min(*sizes, self.bottleneck_width) < 1:
            msg = f"{self.name}: every width and count must be at least 1: {self}."
            raise ValueError(msg)

    @property
    def size_multiple(self) -> int:
        """What the input's width and height must be multiples of: 32 for four branches."""
        return 4 << (len(self.widths) - 1)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, in the order of execution; the last one's output is the heatmaps."""
        return _list_layers(self)

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor in a state dict, in the authors' key layout."""
        return dict(iterate_parameters(self.layers))

    def count_parameters(self) -> int:
        """Count the trained parameters; the running statistics of batch norm are not trained."""
        shapes = self.parameter_shapes.items()
        return sum(math.prod(shape) for key, shape in shapes if ".running_" not in key)

    def count_macs(self, input_wh: tuple[int, int]) -> int:
        """Count the multiply-accumulate operations for one image of that size in px.

        The paper's "GFLOPs" are these over 2**30: 7.1 for W32 at 192 x 256, which is 7.6e9.

        Raises
        ------
        ValueError
            When the network cannot take that size.
        """
        self.heatmap_wh(input_wh)
        return count_macs(self.layers, input_wh)

    def heatmap_wh(self, input_wh: tuple[int, int]) -> tuple[int, int]:
        """Give the size of the heatmaps for an input size, both in px.

        Raises
        ------
        ValueError
            When the input's width or height is not a multiple of `size_multiple`.
        """
        width, height = input_wh
        if min(width, height) < 1 or width % self.size_multiple or height % self.size_multiple:
            msg = (
                f"{self.name} cannot take an input of {width} x {height} px (width x height): "
                f"both must be multiples of {self.size_multiple}, such as 192 x 256 or 288 x 384."
            )
            raise ValueError(msg)
        return width // 4, height // 4


W32 = HRNet("hrnet-w32", (32, 64, 128, 256))
W48 = HRNet("hrnet-w48", (48, 96, 192, 384))
# The "small v2" arrangement that the authors published for image classification.
W18_SMALL = HRNet(
    "hrnet-w18-small",
    (18, 36, 72, 144),
    bottlenecks=2,
    stages=(Stage(1, 2, 2), Stage(3, 3, 2), Stage(2, 4, 2)),
)
# Ours, of the paper's parts: one bottleneck and few blocks, and no more channels at 1/4 of the
# size than find a point there, for these cost the most.
NANO = HRNet(
    "hrnet-nano",
    (16, 48, 96, 192),
    stem_widths=(32, 32),
    bottlenecks=1,
    bottleneck_width=16,
    stages=(Stage(1, 2, 1), Stage(1, 3, 2), Stage(1, 4, 2)),
)


def _list_layers(net: HRNet) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    x = Tensor("image", IMAGE_CHANNELS, 1)
    x = _convolve(layers, "conv1", "bn1", x, net.stem_widths[0], step=2)
    x = _convolve(layers, "conv2", "bn2", x, net.stem_widths[1], step=2)
    for i in range(net.bottlenecks):
        x = _bottleneck(layers, f"layer1.{i}", x, net.bottleneck_width)
    branches = [x]
    for number, stage in enumerate(net.stages, start=2):
        widths = net.widths[: stage.branches]
        branches = _transition(layers, f"transition{number - 1}", branches, widths)
        for m in range(stage.modules):
            is_last = stage is net.stages[-1] and m == stage.modules - 1
            branches = _module(layers, f"stage{number}.{m}", branches, stage.blocks)
            # Only the branch of the highest resolution is read by the head.
            outputs = 1 if is_last else len(branches)
            branches = [
                _exchange(layers, f"stage{number}.{m}", branches, i) for i in range(outputs)
            ]
    heatmaps = Tensor("heatmaps", net.keypoints, branches[0].stride)
    layers.append(Convolution("final_layer", None, branches[0], heatmaps, kernel=1, relu=False))
    return tuple(layers)


def _convolve(
    layers: list[Layer],
    key: str,
    norm_key: str,
    x: Tensor,
    channels: int,
    *,
    kernel: int = 3,
    step: int = 1,
    relu: bool = True,
) -> Tensor:
    output = Tensor(key, channels, x.stride * step)
    layers.append(Convolution(key, norm_key, x, output, kernel, relu))
    return output


def _add(layers: list[Layer], name: str, inputs: Sequence[Tensor], *, relu: bool) -> Tensor:
    output = Tensor(name, inputs[0].channels, inputs[0].stride)
    layers.append(Addition(tuple(inputs), output, relu))
    return output


def _upsample(layers: list[Layer], name: str, x: Tensor) -> Tensor:
    output = Tensor(name, x.channels, x.stride // 2)
    layers.append(Upsampling(x, output))
    return output


def _bottleneck(layers: list[Layer], key: str, x: Tensor, width: int) -> Tensor:
    channels = width * BOTTLENECK_EXPANSION
    shortcut = x
    if x.channels != channels:
        names = (f"{key}.downsample.0", f"{key}.downsample.1")
        shortcut = _convolve(layers, *names, x, channels, kernel=1, relu=False)
    y = _convolve(layers, f"{key}.conv1", f"{key}.bn1", x, width, kernel=1)
    y = _convolve(layers, f"{key}.conv2", f"{key}.bn2", y, width)
    y = _convolve(layers, f"{key}.conv3", f"{key}.bn3", y, channels, kernel=1, relu=False)
    return _add(layers, key, (y, shortcut), relu=True)


def _basic_block(layers: list[Layer], key: str, x: Tensor) -> Tensor:
    y = _convolve(layers, f"{key}.conv1", f"{key}.bn1", x, x.channels)
    y = _convolve(layers, f"{key}.conv2", f"{key}.bn2", y, x.channels, relu=False)
    return _add(layers, key, (y, x), relu=True)


def _transition(
    layers: list[Layer], key: str, branches: Sequence[Tensor], widths: Sequence[int]
) -> list[Tensor]:
    """Give each branch its width, and make the new branch from the one of lowest resolution."""
    outputs = []
    for i, x in enumerate(branches):
        if x.channels == widths[i]:
            outputs.append(x)
        else:
            outputs.append(_convolve(layers, f"{key}.{i}.0", f"{key}.{i}.1", x, widths[i]))
    new = f"{key}.{len(branches)}.0"
    outputs.append(_convolve(layers, f"{new}.0", f"{new}.1", branches[-1], widths[-1], step=2))
    return outputs


def _module(layers: list[Layer], key: str, branches: Sequence[Tensor], blocks: int) -> list[Tensor]:
    """Run the residual blocks of each branch."""
    outputs = []
    for b, branch in enumerate(branches):
        x = branch
        for i in range(blocks):
            x = _basic_block(layers, f"{key}.branches.{b}.{i}", x)
        outputs.append(x)
    return outputs


def _exchange(layers: list[Layer], key: str, branches: Sequence[Tensor], i: int) -> Tensor:
    """Sum what every branch sends to branch `i`.

    The lower resolutions are added to each other while they are still small, from the lowest
    upwards. Nearest upsampling by 4 is that by 2 done twice, so the sum is the paper's, with
    one addition at the full size of the branch in place of one for each lower branch.
    """
    below: Tensor | None = None
    for j in range(len(branches) - 1, i, -1):
        path = f"{key}.fuse_layers.{i}.{j}"
        names = (f"{path}.0", f"{path}.1")
        sent = _convolve(layers, *names, branches[j], branches[i].channels, kernel=1, relu=False)
        if below is not None:
            sent = _add(layers, f"{path}.sum", (sent, below), relu=False)
        below = _upsample(layers, f"{path}.upsampled", sent)
    inputs = [branches[i]] if below is None else [branches[i], below]
    for j in range(i):
        x = branches[j]
        for k in range(i - j):
            path = f"{key}.fuse_layers.{i}.{j}.{k}"
            names = (f"{path}.0", f"{path}.1")
            is_last = k == i - j - 1
            channels = branches[i].channels if is_last else branches[j].channels
            x = _convolve(layers, *names, x, channels, step=2, relu=not is_last)
        inputs.append(x)
    return _add(layers, f"{key}.fuse_layers.{i}", inputs, relu=True)
