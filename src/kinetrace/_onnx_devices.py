"""Where ONNX Runtime runs a network: which devices there are, and how each is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from kinetrace.choices import Device
from kinetrace.errors import KinetraceError, MissingExtraError, WeightsError


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


class Started(NamedTuple):
    """A network that ONNX Runtime has loaded.

    Attributes
    ----------
    session
        ONNX Runtime's own.
    threads
        How many it runs on; None is one for each core.
    on_cpu
        Whether it runs on the processor alone.
    open_for
        Loads the network once more, for a number of threads; None is one for each core.
    """

    session: Any
    threads: int | None
    on_cpu: bool
    open_for: Callable[[int | None], Any]


def start(
    path: Path,
    device: Device,
    threads: int | None,
    cpu_threads: int | None,
    dimensions: Mapping[str, int],
) -> Started:
    """Load a network on a device; see `kinetrace.onnx_session.open_session`.

    Parameters
    ----------
    path, device, dimensions
        As there.
    threads, cpu_threads
        On a device, for what it leaves to the processor, and on the processor alone.
    """
    candidates = _candidates(device)
    for name in candidates:
        provider = _PROVIDERS[name]
        on_cpu = provider.name == _CPU
        open_for = partial(_create, path, provider, dimensions)
        chosen = cpu_threads if on_cpu else threads
        try:
            session = open_for(chosen)
        except errors() as error:
            if name != candidates[-1]:
                continue
            raise WeightsError(
                f"{path} is not an ONNX file that ONNX Runtime can run: {reason(error)}"
            ) from error
        if provider.name in session.get_providers():
            return Started(session, chosen, on_cpu, open_for)
    raise KinetraceError(
        f"ONNX Runtime could not start {candidates[-1]!r}: check its driver and libraries "
        f"({_PROVIDERS[candidates[-1]].how_to_get}), or choose another device"
    )


def _candidates(device: Device) -> list[str]:
    """Return the devices to try, in order."""
    available = import_onnxruntime().get_available_providers()
    if device == "auto":
        return [name for name in _AUTO if _PROVIDERS[name].name in available]
    if _PROVIDERS[device].name not in available:
        raise KinetraceError(
            f"the installed ONNX Runtime cannot use {device!r}. Run: "
            f"{_PROVIDERS[device].how_to_get}; or choose another device"
        )
    return [device]


def _create(
    path: Path, provider: _Provider, dimensions: Mapping[str, int], threads: int | None
) -> Any:
    onnxruntime = import_onnxruntime()
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


def import_onnxruntime() -> Any:
    """Return the package.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("ONNX Runtime", "hrnet") from error
    return onnxruntime


def errors() -> tuple[type[Exception], ...]:
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


def reason(error: Exception) -> str:
    """Return ONNX Runtime's message without ``[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : ``."""
    return str(error).split(" : ", 3)[-1].strip().partition("\n")[0]
