"""How many samples a second of one core learns from, for several arrangements of an HRNet.

Run: python benchmarks/training_speed.py [HEIGHTxWIDTH]. Time of the process on one thread, so that
other programs disturb it little; the fastest of five rounds.
"""

from __future__ import annotations

import sys
import time

import torch

from kinetrace.networks.hrnet import NANO, HRNet, Stage
from kinetrace.training.torch_hrnet import TorchHRNet

_BATCH = 32
_SHALLOW = ((1, 1), (1, 2), (1, 2))
_ARRANGEMENTS = (
    ((16, 32, 64, 128), _SHALLOW),
    (NANO.widths, _SHALLOW),
    ((16, 32, 64, 128), ((1, 2), (2, 2), (2, 2))),
    ((32, 64, 96, 128), _SHALLOW),
    ((32, 64, 128, 256), _SHALLOW),
    ((24, 48, 96, 192), ((1, 1), (1, 2), (2, 2))),
    ((24, 48, 96, 192), ((1, 2), (2, 2), (2, 2))),
)


def measure(net: HRNet, size_wh: tuple[int, int]) -> float:
    """Return the samples a second."""
    module = TorchHRNet(net).to(memory_format=torch.channels_last).train()
    image = torch.randn(_BATCH, 3, size_wh[1], size_wh[0])
    image = image.contiguous(memory_format=torch.channels_last)
    took_s = []
    for _ in range(6):
        began_s = time.process_time()
        module(image).square().mean().backward()
        took_s.append(time.process_time() - began_s)
    return _BATCH / min(took_s[1:])


def main() -> None:
    """Print a row for each arrangement."""
    torch.set_num_threads(1)
    height, width = (int(n) for n in (sys.argv[1:] or ["128x96"])[0].split("x"))
    print("| widths | modules | blocks | M parameters | GMAC | samples a core second |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    for widths, stages in _ARRANGEMENTS:
        net = HRNet(
            "arrangement",
            widths,
            stem_widths=NANO.stem_widths,
            bottlenecks=NANO.bottlenecks,
            bottleneck_width=NANO.bottleneck_width,
            stages=tuple(Stage(m, b, n) for b, (m, n) in enumerate(stages, start=2)),
        )
        cells = (
            ", ".join(map(str, widths)),
            ", ".join(str(m) for m, _ in stages),
            ", ".join(str(n) for _, n in stages),
            f"{net.count_parameters() / 1e6:.2f}",
            f"{net.count_macs((width, height)) / 1e9:.3f}",
            f"{measure(net, (width, height)):.0f}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
