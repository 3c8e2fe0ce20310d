"""What the pickle in a checkpoint may name, and what each name stands for.

A global of a pickle is never imported. It is a name, and stands for one of

- a tensor's storage, or a function that describes a tensor: answered here, with a `TensorView`;
- ``collections.OrderedDict``: a dict;
- a name from the packages and types that training tools leave in the metadata beside the weights
  (MMEngine's history buffers, NumPy scalars, paths, dates ...): it, and whatever is made of it,
  becomes a `Placeholder` that holds the name and nothing else. So the official files stay
  readable, and a placeholder where a tensor should be is an error;
- anything else: refused by name. Nothing would run, but an honest checkpoint does not ask for
  ``os.system``, and a person should know that this file did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from kinetrace.errors import WeightsError
from kinetrace.networks.views import Storage, TensorView, is_size, make_view, show

ELEMENT_TYPES = {
    "torch.DoubleStorage": "float64",
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
}

METADATA_PACKAGES = frozenset(
    {"torch", "lightning", "pytorch_lightning", "numpy"}
    | {"mmengine", "mmcv", "mmpose", "mmdet", "mmcls", "mmpretrain"}
    | {"addict", "easydict", "omegaconf", "yacs"}
    | {"argparse", "collections", "datetime", "decimal", "pathlib", "uuid"}
)
# `getattr` is how Python pickles a method, and MMEngine's buffers hold some.
_METADATA_BUILTINS = (
    *("bytearray", "complex", "dict", "frozenset", "getattr", "list"),
    *("object", "range", "set", "slice", "tuple"),
)
METADATA_GLOBALS = frozenset(
    {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _METADATA_BUILTINS}
    | {"_codecs.encode", "copy_reg._reconstructor", "copyreg._reconstructor"}
)


@dataclass(frozen=True)
class Placeholder:
    """Something in the metadata of a checkpoint that was not made: only its name is kept."""

    name: str


@dataclass(frozen=True)
class Global:
    """A name that this reader answers itself: a type of storage, or one of `CONSTRUCTORS`."""

    name: str


def refuse(what: str, cause: Exception | None = None) -> NoReturn:
    """Raise the error for a pickle that cannot be read."""
    raise WeightsError(f"the pickle inside is refused: {what}") from cause


def name_global(module: str, name: str) -> Global | Placeholder:
    """Give what a global stands for; refuse it when it is none that checkpoints hold.

    Raises
    ------
    WeightsError
        With the name.
    """
    full_name = f"{module}.{name}"
    if full_name in ELEMENT_TYPES or full_name in CONSTRUCTORS:
        return Global(full_name)
    if module.split(".")[0] in METADATA_PACKAGES or full_name in METADATA_GLOBALS:
        return Placeholder(full_name)
    refuse(
        f"it asks for {show(full_name)}, which is no tensor, number, string or plain container. "
        "Nothing of it was run. If you trust where the file comes from, load it there and save "
        "its state dict alone"
    )


def make_storage(identity: Any) -> Storage:
    """Read PyTorch's persistent id of a storage.

    Raises
    ------
    WeightsError
        When it is none, or the type of its elements is not in `ELEMENT_TYPES`.
    """
    # ('storage', type, key, device, length), and in the legacy format a view, None since 2018.
    if not (isinstance(identity, tuple) and len(identity) >= 5 and identity[0] == "storage"):
        refuse("it refers to something outside that is no tensor storage")
    _, kind, key, _, length, *view = identity
    name = kind.name if isinstance(kind, Global | Placeholder) else show(kind)
    if name not in ELEMENT_TYPES:
        refuse(f"it has a storage of type {show(name)}; known are {', '.join(ELEMENT_TYPES)}")
    if not isinstance(key, str) or not is_size(length):
        refuse(f"it has a storage with the key {show(key)} and the length {show(length)}")
    if view not in ([], [None]):
        refuse("it has a view of a storage, as PyTorch wrote before 0.4: save it again")
    return Storage(key, ELEMENT_TYPES[name], length)


def _make_tensor(arguments: tuple[Any, ...]) -> TensorView:
    if len(arguments) < 4 or not isinstance(arguments[0], Storage):
        refuse("it makes a tensor of something that is no storage")
    return make_view(*arguments[:4])


def _make_parameter(arguments: tuple[Any, ...]) -> TensorView:
    if not (arguments and isinstance(arguments[0], TensorView)):
        refuse("it makes a parameter of something that is no tensor")
    return arguments[0]


def _make_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if arguments:
        refuse("it makes an OrderedDict of a list, as Python 2 wrote: save it again")
    return {}


CONSTRUCTORS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "collections.OrderedDict": _make_dict,
    "torch._utils._rebuild_tensor": _make_tensor,
    "torch._utils._rebuild_tensor_v2": _make_tensor,
    "torch._utils._rebuild_parameter": _make_parameter,
    "torch._utils._rebuild_parameter_with_state": _make_parameter,
}
