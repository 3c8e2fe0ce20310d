"""A reader of the pickles inside PyTorch checkpoints that can run no code.

A pickle is a program for a small stack machine. Python's own machine imports what the program
names and calls it, and hooks such as `find_class` only narrow what can be named: BUILD still
sets attributes, and a hostile memo index still takes all memory. So this is another machine. It
knows the instructions that checkpoints use and no others, and it has no instruction that imports,
calls what a file names, or sets an attribute. `pickle_names` has what may be named.
"""

from __future__ import annotations

import mmap
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from kinetrace.networks.pickle_names import (
    CONSTRUCTORS,
    Global,
    Placeholder,
    make_storage,
    name_global,
    refuse,
)
from kinetrace.networks.views import Storage, TensorView, show

# An official W48 checkpoint takes some 50,000. A bound on these bounds time and memory.
MAX_INSTRUCTIONS = 10_000_000
# PyTorch's mark of the legacy format has 80 bits, a random generator's state 128.
MAX_INTEGER_BITS = 1024


@dataclass(frozen=True)
class Unpickled:
    """What one pickle holds.

    ``value`` is None, bool, int, float, str, bytes, list, tuple, dict, `TensorView`,
    `Placeholder`, or these in each other. ``storages`` has every storage that a tensor, or
    something that was not made, refers to, by its key.
    """

    value: Any
    storages: dict[str, Storage]


class _Mark:
    """Where the arguments of an instruction begin, on the stack."""


def read_pickle(source: IO[bytes] | mmap.mmap) -> Unpickled:
    """Read one pickle, and leave the source just behind it.

    Parameters
    ----------
    source
        Binary, at the first byte of the pickle.

    Returns
    -------
    Unpickled
        Its value, and the storages that it names.

    Raises
    ------
    WeightsError
        When the pickle is damaged, or holds anything but those; what it was is named.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(source)):  # type: ignore[arg-type]
            if count >= MAX_INSTRUCTIONS:
                refuse(f"it has more than {MAX_INSTRUCTIONS:,} instructions")
            machine.run(opcode.name, argument)
    # genops reports a cut or senseless pickle with ValueError; our stack with IndexError.
    except (ValueError, IndexError, OverflowError) as error:
        refuse(f"it is damaged: {error}", error)
    return Unpickled(machine.take_result(), machine.storages)


class _Machine:
    """The stack, the memo, and what each instruction does to them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def run(self, instruction: str, argument: Any) -> None:
        if instruction in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif instruction in _ACTIONS:
            _ACTIONS[instruction](self, argument)
        elif instruction not in _IGNORED:
            refuse(f"it has the instruction {instruction}, which no checkpoint needs")

    def take_result(self) -> Any:
        if len(self.stack) != 1:
            refuse(f"it is damaged: {len(self.stack)} values are left where one should be")
        return self.stack[0]

    def pop_to_mark(self) -> list[Any]:
        for i in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[i], _Mark):
                values = self.stack[i + 1 :]
                del self.stack[i:]
                return values
        raise IndexError("a mark is missing")

    def pop_values(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("a value is missing")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        if any(isinstance(value, _Mark) for value in values):
            raise IndexError("a mark is where a value should be")
        return values

    def push_integer(self, value: int) -> None:
        # Arithmetic and text of integers without a bound take time without a bound.
        if value.bit_length() > MAX_INTEGER_BITS:
            refuse(f"it has an integer of {value.bit_length():,} bits")
        self.stack.append(value)

    def push_tuple(self, count: int) -> None:
        self.stack.append(tuple(self.pop_values(count)))

    def memoize(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise IndexError(f"the memo has no entry {index}")
        self.stack.append(self.memo[index])

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Placeholder):
            refuse(f"it appends to a {type(target).__name__}")

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Placeholder):
            return
        if not isinstance(target, dict) or len(values) % 2:
            refuse(f"it sets items of a {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # A tuple is not taken as a key: hashing nested ones can take for ever.
            if not isinstance(key, str | bytes | int | float | Placeholder | None):
                refuse(f"it has a {type(key).__name__} as the key of a dictionary")
            target[key] = value

    def name_global(self, argument: str | None) -> None:
        if argument is not None:  # GLOBAL: "module name", from its two lines
            module, _, name = argument.partition(" ")
        else:
            module, name = self.pop_values(2)
        if not (isinstance(module, str) and isinstance(name, str)):
            refuse("it names a global by something else than text")
        self.stack.append(name_global(module, name))

    def construct(self, count: int) -> None:
        made_of, *arguments = self.pop_values(count)
        if isinstance(made_of, Placeholder):
            self.stack.append(made_of)
        elif isinstance(made_of, Global) and isinstance(arguments[0], tuple):
            constructor = CONSTRUCTORS.get(made_of.name)
            if constructor is None:
                refuse(f"it calls {made_of.name} as a function")
            self.stack.append(constructor(arguments[0]))
        else:
            refuse(f"it calls a {type(made_of).__name__}")

    def drop_state(self) -> None:
        """Do what BUILD is for, without the effect: a state dict's `_metadata` is not needed."""
        self.pop_values(1)
        if not isinstance(self.stack[-1], dict | TensorView | Placeholder):
            refuse(f"it sets the state of a {type(self.stack[-1]).__name__}")

    def name_storage(self) -> None:
        (identity,) = self.pop_values(1)
        storage = make_storage(identity)
        if self.storages.setdefault(storage.key, storage) != storage:
            refuse(f"it describes the storage {show(storage.key)} in two ways")
        self.stack.append(storage)


_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})
_PUSH_ARGUMENT = frozenset(
    {"BININT", "BININT1", "BININT2", "BINFLOAT"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
)
_SET = Placeholder("builtins.set")
_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "LONG1": lambda machine, value: machine.push_integer(value),
    "LONG4": lambda machine, value: machine.push_integer(value),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_SET": lambda machine, _: machine.stack.append(_SET),
    "MARK": lambda machine, _: machine.stack.append(_Mark()),
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "EMPTY_TUPLE": lambda machine, _: machine.push_tuple(0),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "BINPUT": lambda machine, index: machine.memoize(index),
    "LONG_BINPUT": lambda machine, index: machine.memoize(index),
    "MEMOIZE": lambda machine, _: machine.memoize(None),
    "BINGET": lambda machine, index: machine.recall(index),
    "LONG_BINGET": lambda machine, index: machine.recall(index),
    "APPEND": lambda machine, _: machine.append(machine.pop_values(1)),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.pop_values(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "GLOBAL": lambda machine, argument: machine.name_global(argument),
    "STACK_GLOBAL": lambda machine, _: machine.name_global(None),
    "REDUCE": lambda machine, _: machine.construct(2),
    "NEWOBJ": lambda machine, _: machine.construct(2),
    "NEWOBJ_EX": lambda machine, _: machine.construct(3),
    "BUILD": lambda machine, _: machine.drop_state(),
    "BINPERSID": lambda machine, _: machine.name_storage(),
}
