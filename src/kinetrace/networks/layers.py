"""The three kinds of layer that an HRNet is made of, as data, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Tensor:
    """A feature map of shape ``(N, channels, H / stride, W / stride)`` for an ``H x W`` input."""

    name: str
    channels: int
    stride: int


@dataclass(frozen=True)
class Convolution:
    """A square convolution, padded to keep the size, then batch norm or a bias, then ReLU if asked.

    ``key`` is the name of its parameters in a state dict. ``norm_key`` is that of the batch
    norm which follows; None means that the convolution has a bias instead.
    """

    key: str
    norm_key: str | None
    input: Tensor
    output: Tensor
    kernel: int
    relu: bool

    @property
    def step(self) -> int:
        """How many input pixels one output pixel advances by."""
        return self.output.stride // self.input.stride

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Output channels, input channels, kernel height and kernel width."""
        return (self.output.channels, self.input.channels, self.kernel, self.kernel)


@dataclass(frozen=True)
class Upsampling:
    """Nearest neighbour, to twice the height and width."""

    input: Tensor
    output: Tensor


@dataclass(frozen=True)
class Addition:
    """The sum of tensors of one shape, added from left to right, then ReLU if asked."""

    inputs: tuple[Tensor, ...]
    output: Tensor
    relu: bool


Layer = Convolution | Upsampling | Addition

NORM_PARAMETERS = ("weight", "bias", "running_mean", "running_var")


def iterate_parameters(layers: Iterable[Layer]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and shape of every tensor that the layers need from a state dict."""
    for layer in layers:
        if not isinstance(layer, Convolution):
            continue
        yield f"{layer.key}.weight", layer.weight_shape
        channels = (layer.output.channels,)
        if layer.norm_key is None:
            yield f"{layer.key}.bias", channels
        else:
            for parameter in NORM_PARAMETERS:
                yield f"{layer.norm_key}.{parameter}", channels


def count_macs(layers: Iterable[Layer], input_wh: tuple[int, int]) -> int:
    """Count the multiply-accumulate operations of the convolutions for one image."""
    width, height = input_wh
    macs = 0
    for layer in layers:
        if isinstance(layer, Convolution):
            out, into, rows, columns = layer.weight_shape
            pixels = (height // layer.output.stride) * (width // layer.output.stride)
            macs += out * into * rows * columns * pixels
    return macs
