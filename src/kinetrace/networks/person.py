"""A person detector on the trunk of an HRNet: a map of centres and the distances to the edges.

Zhou, Wang and Krähenbühl, "Objects as points", 2019, with the boxes of Liu et al.,
"Training-time-friendly network for real-time object detection", AAAI 2020: each pixel near a
centre tells how far it is to the four edges of its person.

::

    image 1/1 -> stem, bottlenecks, stages as in HRNet -> 1/4, 1/8, 1/16, 1/32
              -> added up, from the lowest resolution to the highest -> 1/4
              -> convolution -> centre, 4 distances 1/4
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.boxes import suppress
from kinetrace.networks.hrnet import NANO, HRNet
from kinetrace.networks.layers import Addition, Convolution, Layer, Tensor, Upsampling

Floats32 = npt.NDArray[np.float32]

# Centre, then left, top, right, bottom.
OUTPUTS = 5
STRIDE_PX = 4
# A distance is exp(output) times this, px of the input: half of a person of middling size.
DISTANCE_PX = 32.0
# Further than this no picture reaches, and exp() would leave float32.
_LARGEST_OUTPUT = 6.0
# Peaks that are looked at in a picture, best first.
_MOST_PEAKS = 300
_MAX_IOU = 0.5


@dataclass(frozen=True)
class PersonNet(HRNet):
    """An HRNet whose last exchange gives `head_width` channels, and whose outputs are five.

    ``heatmaps`` (N, 5, H / 4, W / 4): the logit of a person's centre, and the logarithms of the
    distances to the left, upper, right and lower edge in units of 32 px.
    """

    keypoints: int = OUTPUTS
    head_width: int = 48

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, in the order of execution; the last one's output is the heatmaps."""
        return _list_layers(self)


PERSON_NANO = PersonNet(
    "person-nano",
    NANO.widths,
    stem_widths=NANO.stem_widths,
    bottlenecks=NANO.bottlenecks,
    bottleneck_width=NANO.bottleneck_width,
    stages=NANO.stages,
)


def is_trunk(key: str, net: HRNet) -> bool:
    """Tell whether a parameter is of the part that a detector shares with the HRNet for poses."""
    last = f"stage{len(net.stages) + 1}.{net.stages[-1].modules - 1}.fuse_layers."
    return not key.startswith((last, "final_layer.", "people."))


def _list_layers(net: PersonNet) -> tuple[Layer, ...]:
    whole = HRNet(
        net.name,
        net.widths,
        stem_widths=net.stem_widths,
        bottlenecks=net.bottlenecks,
        bottleneck_width=net.bottleneck_width,
        stages=net.stages,
    )
    layers = [layer for layer in whole.layers if is_trunk(layer.output.name + ".", net)]
    layers = [layer for layer in layers if layer.output.name != "heatmaps"]
    stage, number = net.stages[-1], len(net.stages) + 1
    outputs = {layer.output.name: layer.output for layer in layers}
    branches = [
        outputs[f"stage{number}.{stage.modules - 1}.branches.{b}.{stage.blocks - 1}"]
        for b in range(stage.branches)
    ]
    x = _merge(layers, branches, net.head_width)
    y = Tensor("people.conv", net.head_width, x.stride)
    layers.append(Convolution("people.conv", "people.bn", x, y, kernel=3, relu=True))
    heatmaps = Tensor("heatmaps", net.keypoints, x.stride)
    layers.append(Convolution("final_layer", None, y, heatmaps, kernel=1, relu=False))
    return tuple(layers)


def _merge(layers: list[Layer], branches: list[Tensor], width: int) -> Tensor:
    """Add what all branches give, from the lowest resolution upwards, at the highest."""
    below: Tensor | None = None
    for b in range(len(branches) - 1, -1, -1):
        key = f"people.lateral.{b}"
        x = Tensor(key, width, branches[b].stride)
        layers.append(Convolution(f"{key}.0", f"{key}.1", branches[b], x, kernel=1, relu=False))
        if below is not None:
            up = Tensor(f"{key}.upsampled", width, x.stride)
            total = Tensor(f"{key}.sum", width, x.stride)
            layers += [Upsampling(below, up), Addition((x, up), total, relu=b == 0)]
            x = total
        below = x
    assert below is not None
    return below


class Found(NamedTuple):
    """The people of one picture: N boxes in px of the input, and their scores, 0..1, falling."""

    xyxy: Floats32
    score: Floats32


def decode(outputs: npt.NDArray[np.floating], *, min_score: float) -> list[Found]:
    """Read people out of what the network gives.

    A person is a pixel whose centre score is the highest of the 3 x 3 around it; of two boxes that
    overlap by more than half the better one stays.

    Parameters
    ----------
    outputs : (N, 5, H, W)
        Of N pictures.
    min_score
        The least centre score, 0..1.

    Returns
    -------
    list of Found
        One for each picture.
    """
    return [_decode(one, min_score) for one in np.asarray(outputs, np.float32)]


def _decode(outputs: Floats32, min_score: float) -> Found:
    logit = outputs[0]
    height, width = logit.shape
    padded = np.pad(logit, 1, constant_values=-np.inf)
    highest = np.max(
        [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0
    )
    least = np.log(max(min_score, 1e-6)) - np.log1p(-min(min_score, 1 - 1e-6))
    y, x = np.nonzero((logit == highest) & (logit >= least))
    order = np.argsort(-logit[y, x], kind="stable")[:_MOST_PEAKS]
    y, x = y[order], x[order]
    reach = np.exp(np.minimum(outputs[1:, y, x], _LARGEST_OUTPUT)) * DISTANCE_PX
    centre = (np.stack([x, y]) + 0.5) * STRIDE_PX
    xyxy = np.concatenate([centre - reach[:2], centre + reach[2:]]).T.astype(np.float32)
    score = (1 / (1 + np.exp(-logit[y, x].astype(np.float64)))).astype(np.float32)
    kept = suppress(xyxy, score, max_iou=_MAX_IOU)
    return Found(xyxy[kept], score[kept])
