"""A network in an ONNX file, run by ONNX Runtime on a device that is chosen once.

>>> from kinetrace.onnx_session import open_session
>>> session = open_session("tinypose.onnx", device="cpu")  # doctest: +SKIP
>>> (heatmaps,) = session.run(crops)  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Device
from kinetrace.errors import KinetraceError, MissingExtraError, WeightsError
from kinetrace.timing import span

Shape = tuple[int | None, ...]


class _Provider(NamedTuple):
    """ONNX Runtime's name for a device, how to get it, and what to tell it."""

    name: str
    how_to_get: str
    options: Mapping[str, str] = {}


_CPU = "CPUExecutionProvider"
_PROVIDERS: Mapping[str, _Provider] = {
    "cpu": _Provider(_CPU, "pip install onnxruntime"),
    "cuda": _Provider(
        "CUDAExecutionProvider",
        "pip uninstall onnxruntime; pip install onnxruntime-gpu",
        # The default tries every algorithm anew for each number of people in a batch.
        {"cudnn_conv_algo_search": "HEURISTIC"},
    ),
    "coreml": _Provider("CoreMLExecutionProvider", "pip install onnxruntime, on macOS"),
    "directml": _Provider(
        "DmlExecutionProvider",
        "pip uninstall onnxruntime; pip install onnxruntime-directml, on Windows",
    ),
    "openvino": _Provider(
        "OpenVINOExecutionProvider",
        "pip uninstall onnxruntime; pip install onnxruntime-openvino",
    ),
}
_AUTO = ("cuda", "coreml", "directml", "cpu")

_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Session:
    """A loaded network with one input. Made by `open_session`.

    Attributes
    ----------
    path
        The ONNX file.
    input_shape
        Lengths of the input's dimensions, None where they are free.
    output_shapes
        The same of each output, in the file's order.
    """

    def __init__(self, path: Path, session: Any) -> None:
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
        self._session = session
        self._input_name = inputs[0].name
        self._input_dtype = _INPUT_TYPES[inputs[0].type]

    @property
    def description(self) -> Mapping[str, Any]:
        """What runs it, for the log: ONNX Runtime's version and providers, and the threads.

        ``threads`` None is one for each core.
        """
        session = self._open()
        return {
            "onnxruntime": _import_onnxruntime().__version__,
            "providers": session.get_providers(),
            "threads": session.get_session_options().intra_op_num_threads or None,
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
        session = self._open()
        values = np.ascontiguousarray(batch, dtype=self._input_dtype)
        try:
            with span("network"):
                outputs = session.run(None, {self._input_name: values})
        except _errors() as error:
            raise WeightsError(
                f"{self.path} does not run on an input of shape {values.shape}: {_reason(error)}"
            ) from error
        return [o.astype(np.float32) if o.dtype == np.float16 else o for o in outputs]

    def _open(self) -> Any:
        if self._session is None:
            raise RuntimeError("this session is closed")
        return self._session

    def close(self) -> None:
        """Free the network. Closing twice is fine."""
        self._session = None


def open_session(
    path: str | os.PathLike[str],
    *,
    device: Device = "auto",
    threads: int | None = None,
    dimensions: Mapping[str, int] | None = None,
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
    return Session(path, _first_that_starts(path, _candidates(device), threads, dimensions or {}))


def _candidates(device: Device) -> list[str]:
    """Return the devices to try, in order."""
    available = _import_onnxruntime().get_available_providers()
    if device == "auto":
        return [name for name in _AUTO if _PROVIDERS[name].name in available]
    if _PROVIDERS[device].name not in available:
        raise KinetraceError(
            f"the installed ONNX Runtime cannot use {device!r}. Run: "
            f"{_PROVIDERS[device].how_to_get}; or choose another device"
        )
    return [device]


def _first_that_starts(
    path: Path, candidates: Sequence[str], threads: int | None, dimensions: Mapping[str, int]
) -> Any:
    for name in candidates:
        provider = _PROVIDERS[name]
        try:
            session = _create(path, provider, threads, dimensions)
        except _errors() as error:
            if name != candidates[-1]:
                continue
            raise WeightsError(
                f"{path} is not an ONNX file that ONNX Runtime can run: {_reason(error)}"
            ) from error
        if provider.name in session.get_providers():
            return session
    raise KinetraceError(
        f"ONNX Runtime could not start {candidates[-1]!r}: check its driver and libraries "
        f"({_PROVIDERS[candidates[-1]].how_to_get}), or choose another device"
    )


def _create(
    path: Path, provider: _Provider, threads: int | None, dimensions: Mapping[str, int]
) -> Any:
    onnxruntime = _import_onnxruntime()
    options = onnxruntime.SessionOptions()
    # Errors come as exceptions; some exports give hundreds of warnings that help nobody.
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or 0
    # Threads go on spinning after a run, in the way of the next network's: a detector and a pose
    # network in turn take a third less time when they stop.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = provider.name != "DmlExecutionProvider"  # DirectML refuses it
    for name, length in dimensions.items():
        options.add_free_dimension_override_by_name(name, length)
    others = [] if provider.name == _CPU else [_CPU]
    return onnxruntime.InferenceSession(
        str(path),
        options,
        providers=[(provider.name, dict(provider.options)), *others],
        enable_fallback=0,  # it prints to stdout, and hides that the device did not start
    )


def _import_onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("ONNX Runtime", "hrnet") from error
    return onnxruntime


def _errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises: its own errors have no class above them but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.EPFail,
        state.EngineError,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
        # What comes through its Python layer.
        RuntimeError,
        ValueError,
    )


def _reason(error: Exception) -> str:
    """Return ONNX Runtime's message without ``[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : ``."""
    return str(error).split(" : ", 3)[-1].strip().partition("\n")[0]


def _shape(value: Any) -> Shape:
    """Return the lengths of an input or output, None where they are free (or it is no tensor)."""
    return tuple(n if isinstance(n, int) else None for n in value.shape or ())
