"""A network in an ONNX file, run by ONNX Runtime on a device that is chosen once.

>>> from kinetrace.onnx_session import open_session
>>> session = open_session("tinypose.onnx", device="cpu")  # doctest: +SKIP
>>> (heatmaps,) = session.run(crops)  # doctest: +SKIP
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from kinetrace._onnx_devices import Started, errors, import_onnxruntime, reason, start
from kinetrace.choices import Device
from kinetrace.errors import WeightsError
from kinetrace.machine import count_cores
from kinetrace.timing import span

Shape = tuple[int | None, ...]

_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


# A network is quick that has a picture done on one thread in less than a frame's time.
_QUICK_S = 1 / 30


class Session:
    """A loaded network with one input. Made by `open_session`.

    On a processor, pictures of a batch that are enough to keep its cores busy run side by side,
    each on one thread. That is faster, since threads that share a picture wait for each other at
    every layer: `docs/speed.md` has by how much. One picture alone is spread over the threads, but
    of a quick network not over two: the other one has the film to decode, and people to track.

    Attributes
    ----------
    path
        The ONNX file.
    input_shape
        Lengths of the input's dimensions, None where they are free.
    output_shapes
        The same of each output, in the file's order.
    """

    def __init__(self, path: Path, started: Started, threads: int | None) -> None:
        session = started.session
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _INPUT_TYPES:
            told = ", ".join(f"{i.name} {i.type}" for i in inputs)
            raise WeightsError(
                f"{path} must take one input of float32 or float16, it takes: {told}; "
                "export the network alone, without what comes before it"
            )
        self.path = path
        self.input_shape = _shape(inputs[0])
        self.output_shapes = tuple(_shape(output) for output in session.get_outputs())
        self._input_name = inputs[0].name
        self._input_dtype = _INPUT_TYPES[inputs[0].type]
        self._providers = session.get_providers()
        self._open_for = started.open_for
        self._threads = threads
        # A graphics card takes the pictures of a batch side by side by itself.
        self._side_by_side = (threads or count_cores()) if started.on_cpu else 0
        self._sessions = {started.threads: session}
        self._best_alone_s = math.inf  # of a picture on one thread
        self._pool: ThreadPoolExecutor | None = None

    @property
    def description(self) -> Mapping[str, Any]:
        """What runs it, for the log: ONNX Runtime's version and providers, and the threads.

        ``threads`` None is one for each core.
        """
        self._check_open()
        return {
            "onnxruntime": import_onnxruntime().__version__,
            "providers": self._providers,
            "threads": self._threads,
        }

    def run(self, batch: npt.NDArray[np.floating[Any]]) -> list[npt.NDArray[Any]]:
        """Run the network.

        Parameters
        ----------
        batch : as `input_shape` says
            Converted to the precision of the network.

        Returns
        -------
        list of arrays
            The outputs, in the file's order; half precision becomes float32.

        Raises
        ------
        WeightsError
            If the network does not take an input of this shape.
        RuntimeError
            If the session is closed.
        """
        self._check_open()
        values = np.ascontiguousarray(batch, dtype=self._input_dtype)
        try:
            with span("network"):
                outputs = self._run(values)
        except errors() as error:
            raise WeightsError(
                f"{self.path} does not run on an input of shape {values.shape}: {reason(error)}"
            ) from error
        return [o.astype(np.float32) if o.dtype == np.float16 else o for o in outputs]

    def _run(self, values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        pictures = [values[i : i + 1] for i in range(len(values))]
        if self._goes_side_by_side(len(pictures)):
            each = self._run_side_by_side(pictures)
        elif len(pictures) > 1 and self.input_shape[:1] == (1,):
            each = [self._run_together(one, self._session(self._threads)) for one in pictures]
        else:
            return self._run_together(values, self._session(self._threads))
        return [np.concatenate(parts) for parts in zip(*each, strict=True)]

    def _run_side_by_side(self, pictures: list[npt.NDArray[Any]]) -> list[list[npt.NDArray[Any]]]:
        if self._side_by_side == 1 or len(pictures) == 1:
            return [self._run_alone(picture) for picture in pictures]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._side_by_side, thread_name_prefix="network")
        return list(self._pool.map(self._run_alone, pictures))

    def _run_alone(self, picture: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Run one picture on one thread, and take the time."""
        session = self._session(1)
        began_s = time.perf_counter()
        outputs = self._run_together(picture, session)
        self._best_alone_s = min(self._best_alone_s, time.perf_counter() - began_s)
        return outputs

    def _goes_side_by_side(self, pictures: int) -> bool:
        """Tell whether pictures run one on a thread, rather than all of them together."""
        if not self._side_by_side or pictures < 1 or self.input_shape[:1] not in ((None,), (1,)):
            return False
        if pictures == 1 and self._side_by_side > 1:
            return self._leaves_a_core()
        # Two threads of one core count as one: they share what a network is short of.
        return self._side_by_side <= 2 * pictures

    def _leaves_a_core(self) -> bool:
        """Tell whether a picture alone goes on one of two cores, as far as is known."""
        is_usual = 1 not in self._sessions  # pictures come alone, and nobody waits for a core
        is_slow = _QUICK_S <= self._best_alone_s < math.inf
        return self._side_by_side == 2 and not (is_usual or is_slow)

    def _run_together(self, values: npt.NDArray[Any], session: Any) -> list[npt.NDArray[Any]]:
        outputs: list[npt.NDArray[Any]] = session.run(None, {self._input_name: values})
        return outputs

    def _session(self, threads: int | None) -> Any:
        """Return ONNX Runtime's own session for so many threads, opened when first needed."""
        if threads not in self._sessions:
            self._sessions[threads] = self._open_for(threads)
        return self._sessions[threads]

    def _check_open(self) -> None:
        if not self._sessions:
            raise RuntimeError("this session is closed")

    def close(self) -> None:
        """Free the network. Closing twice is fine."""
        self._sessions.clear()
        if self._pool is not None:
            self._pool.shutdown()


def open_session(
    path: str | os.PathLike[str],
    *,
    device: Device = "auto",
    threads: int | None = None,
    dimensions: Mapping[str, int] | None = None,
    usual_batch: int = 1,
) -> Session:
    """Load an ONNX file.

    Parameters
    ----------
    path
        The file.
    device
        Where it runs; ``auto`` is the first that works of CUDA, Core ML, DirectML and the CPU.
        What a device cannot do itself runs on the CPU.
    threads
        How many threads the CPU's share is spread over; None is one for each core.
    dimensions
        Lengths that free dimensions of the network will always have, by their names in the file.
        It then runs a little faster. Names that are not there are passed over.
    usual_batch
        How many pictures a batch will usually hold; another number works as well, after a moment.

    Raises
    ------
    MissingExtraError
        If ONNX Runtime is not installed.
    KinetraceError
        If `device` is not there, or does not start.
    WeightsError
        If the file is no ONNX file, or a network that cannot be run.
    ValueError
        If there is no such device, or `threads` is less than 1.
    """
    if device not in get_args(Device):
        raise ValueError(f"device must be one of {', '.join(get_args(Device))}, got {device!r}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    path = Path(path)
    together = threads if usual_batch == 1 else 1
    return Session(path, start(path, device, threads, together, dimensions or {}), threads)


def _shape(value: Any) -> Shape:
    """Return the lengths of an input or output, None where they are free (or it is no tensor)."""
    return tuple(n if isinstance(n, int) else None for n in value.shape or ())
