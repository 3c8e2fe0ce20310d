"""How to train: everything that the result depends on beside the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kinetrace.choices import Arithmetic
from kinetrace.training.augmentation import Augmentation


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train.

    The learning rate rises, stays, and falls at the end ("warm-up, stable, decay": Hägele et al.,
    NeurIPS 2024): unlike a cosine over the whole length it lets a training be made longer later,
    from where the rate began to fall.

    Attributes
    ----------
    samples
        How many views of people to learn from in all.
    sizes_wh
        Width and height of the network's input in pixels, one after the other, each for an equal
        share of the samples: small ones first, which cost less.
    batch_size
        People a step, over all processes.
    learning_rate
        Its highest value.
    weight_decay
        AdamW's (Loshchilov and Hutter, ICLR 2019); of weights, not of biases and batch norm.
    warm_up
        Samples during which the rate rises.
    fall
        Share of the samples at the end during which it falls to nothing, as a cosine.
    averaging
        Samples over which the averaged weights look back, once there are enough. They are what is
        measured and written.
    height_share
        Weight in the loss of how high peaks are, against where they are (`losses`).
    augmentation
        How samples are varied.
    arithmetic
        What the network computes in. bfloat16 is a half to two thirds faster on processors that
        have instructions for it (AVX512_BF16, AMX), and several times slower on others.
    seed
        Of the weights, the order and the views.

    Raises
    ------
    ValueError
        If a number makes no sense.
    """

    samples: int = 200_000
    sizes_wh: tuple[tuple[int, int], ...] = ((96, 128),)
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 16_000
    fall: float = 0.2
    averaging: int = 30_000
    height_share: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    arithmetic: Arithmetic = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1 or self.batch_size < 1 or self.averaging < 1 or not self.sizes_wh:
            raise ValueError(f"samples, batch_size, averaging and sizes_wh must not be 0: {self}")
        if not (0 <= self.fall <= 1 and self.learning_rate > 0 and self.warm_up >= 0):
            raise ValueError(
                f"fall must be within 0..1, learning_rate above 0 and warm_up not below: {self}"
            )

    @property
    def steps(self) -> int:
        """How many steps there are in all."""
        return math.ceil(self.samples / self.batch_size)

    @property
    def first_falling_step(self) -> int:
        """The step from which on the learning rate falls."""
        return math.ceil(self.steps * (1 - self.fall))

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        warm_steps = max(1, math.ceil(self.warm_up / self.batch_size))
        rate = self.learning_rate * min(1.0, (step + 1) / warm_steps)
        falling = step - self.first_falling_step
        if falling <= 0:
            return rate
        done = falling / (self.steps - self.first_falling_step)
        return rate * (1 + math.cos(math.pi * min(1.0, done))) / 2

    def size_wh(self, step: int) -> tuple[int, int]:
        """Return the input's width and height at a step."""
        turn = step * len(self.sizes_wh) // self.steps
        return self.sizes_wh[min(turn, len(self.sizes_wh) - 1)]
