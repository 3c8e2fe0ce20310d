"""HRNet in PyTorch, written from the paper and its table of widths: what tests compare with.

Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation", CVPR 2019.
Every branch is summed at full size, with one upsampling by 2, 4 or 8, as the paper draws it, and
modules keep batch norm apart. The names of the modules are those of the authors' checkpoints.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from kinetrace.networks import HRNet, Stage


def conv_norm(into: int, out: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(into, out, kernel, stride, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(out)]


class Bottleneck(nn.Module):
    def __init__(self, into: int, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(into, width, 1)
        self.conv2, self.bn2 = conv_norm(width, width)
        self.conv3, self.bn3 = conv_norm(width, 4 * width, 1)
        if into != 4 * width:
            self.downsample = nn.Sequential(*conv_norm(into, 4 * width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class BasicBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(width, width)
        self.conv2, self.bn2 = conv_norm(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(x + self.bn2(self.conv2(y)))


def fuse_path(widths: list[int], i: int, j: int) -> nn.Module:
    """Make what carries branch j to branch i."""
    if j == i:
        return nn.Identity()
    if j > i:
        upsample = nn.Upsample(scale_factor=2 ** (j - i), mode="nearest")
        return nn.Sequential(*conv_norm(widths[j], widths[i], 1), upsample)
    steps: list[nn.Module] = []
    for _ in range(i - j - 1):
        steps.append(nn.Sequential(*conv_norm(widths[j], widths[j], 3, 2), nn.ReLU()))
    return nn.Sequential(*steps, nn.Sequential(*conv_norm(widths[j], widths[i], 3, 2)))


class Module(nn.Module):
    def __init__(self, widths: list[int], blocks: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width) for _ in range(blocks))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(fuse_path(widths, i, j) for j in range(len(widths)))
            for i in range(outputs)
        )

    def forward(self, xs: list[torch.Tensor]) -> list[torch.Tensor]:
        ys = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        return [
            torch.relu(sum(path(y) for path, y in zip(paths, ys, strict=True)))
            for paths in self.fuse_layers
        ]


class Transition(nn.ModuleList):
    def __init__(self, before: list[int], after: list[int]) -> None:
        kept = [
            nn.Identity() if a == b else nn.Sequential(*conv_norm(b, a), nn.ReLU())
            for a, b in zip(after, before, strict=False)
        ]
        new = nn.Sequential(nn.Sequential(*conv_norm(before[-1], after[-1], 3, 2), nn.ReLU()))
        super().__init__([*kept, new])

    def forward(self, xs: list[torch.Tensor]) -> list[torch.Tensor]:
        return [step(x) for step, x in zip(self, [*xs, xs[-1]], strict=True)]


class ReferenceHRNet(nn.Module):
    """``modules`` and ``blocks`` are those of stages 2, 3 and 4."""

    def __init__(
        self,
        width: int,
        keypoints: int = 17,
        stem: tuple[int, int] = (64, 64),
        bottlenecks: int = 4,
        bottleneck_width: int = 64,
        modules: tuple[int, int, int] = (1, 4, 3),
        blocks: int = 4,
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(3, stem[0], 3, 2)
        self.conv2, self.bn2 = conv_norm(stem[0], stem[1], 3, 2)
        inputs = [stem[1]] + [4 * bottleneck_width] * (bottlenecks - 1)
        self.layer1 = nn.Sequential(*(Bottleneck(into, bottleneck_width) for into in inputs))
        before = [4 * bottleneck_width]
        for stage, count in zip((2, 3, 4), modules, strict=True):
            widths = [width * 2**i for i in range(stage)]
            setattr(self, f"transition{stage - 1}", Transition(before, widths))
            outputs = [stage] * (count - 1) + [1 if stage == 4 else stage]
            setattr(
                self, f"stage{stage}", nn.Sequential(*(Module(widths, blocks, n) for n in outputs))
            )
            before = widths
        self.final_layer = nn.Conv2d(width, keypoints, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(image)))
        x = torch.relu(self.bn2(self.conv2(x)))
        xs = [self.layer1(x)]
        for stage in (2, 3, 4):
            xs = getattr(self, f"stage{stage}")(getattr(self, f"transition{stage - 1}")(xs))
        return self.final_layer(xs[0])


def randomise(net: nn.Module, seed: int) -> nn.Module:
    """Give random weights, batch-norm weights and statistics that keep the signal's size."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.1, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.2, 1, generator=generator)
            module.bias.data.normal_(0, 0.2, generator=generator)
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.3, 3, generator=generator)
    return net.eval()


# As small as an HRNet gets that still has every kind of path: two bottlenecks of which one has no
# projection, modules that feed modules, and steps of stride 2 in chains of up to three.
SMALL = HRNet(
    "hrnet-small",
    (8, 16, 32, 64),
    keypoints=5,
    stem_widths=(6, 10),
    bottlenecks=2,
    bottleneck_width=4,
    stages=(Stage(1, 2, 1), Stage(2, 3, 1), Stage(2, 4, 1)),
)


def build_reference(net: HRNet) -> nn.Module:
    """Build the PyTorch network of an architecture."""
    return ReferenceHRNet(
        net.widths[0],
        net.keypoints,
        net.stem_widths,
        net.bottlenecks,
        net.bottleneck_width,
        tuple(stage.modules for stage in net.stages),
        net.stages[0].blocks,
    )


def make_reference(net: HRNet, seed: int) -> nn.Module:
    """Build it with random weights."""
    return randomise(build_reference(net), seed)


def run_reference(reference: nn.Module, image: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return reference(torch.from_numpy(image)).numpy()


def random_image(batch: int, input_wh: tuple[int, int], seed: int = 0) -> np.ndarray:
    width, height = input_wh
    shape = (batch, 3, height, width)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
