"""A file of weights -> an ONNX file in the cache, made once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from kinetrace.errors import WeightsError
from kinetrace.networks.checkpoint import read_checkpoint
from kinetrace.networks.graph import build_graph
from kinetrace.networks.hrnet import HRNet
from kinetrace.networks.layouts import match_state

# Raise this when `graph` builds something else from the same weights: graphs in people's caches
# are then made again.
BUILDER_VERSION = 1

_SEAL_KEY = b"sha256_of_what_precedes"
_SEAL_BYTES = 2 + 2 + len(_SEAL_KEY) + 2 + 64


def convert(
    weights_path: str | os.PathLike[str],
    net: HRNet | None = None,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    sha256: str | None = None,
) -> Path:
    """Give the path of the ONNX graph of a file of weights; make it if the cache has none.

    The file's name carries the hash of the weights and the version of the builder. It appears
    in one step, so several processes may do this at once, and it ends with a hash of itself, so
    a damaged one is noticed and made again.

    Parameters
    ----------
    weights_path
        What `read_checkpoint` reads.
    net
        The architecture; None recognises it by the shapes.
    cache_dir
        Where the graph is kept; None is the folder of the weights. It is made if need be.
    sha256
        The hash of the weights, in hexadecimal, where the caller has just checked it; None
        computes it.

    Returns
    -------
    pathlib.Path
        The graph: ``image`` (N, 3, H, W) float32 -> ``heatmaps`` (N, keypoints, H / 4, W / 4).

    Raises
    ------
    WeightsError
        When the weights cannot be used, or the graph cannot be written.
    MissingExtraError
        When `onnx` is not installed and the graph has to be made.
    """
    weights_path = Path(weights_path)
    folder = weights_path.parent if cache_dir is None else Path(cache_dir)
    digest = _hash_file(weights_path) if sha256 is None else sha256
    path = folder / f"{weights_path.stem}-{digest[:16]}-b{BUILDER_VERSION}.onnx"
    if is_intact(path):
        return path
    state = read_checkpoint(weights_path)
    try:
        model = build_graph(*match_state(state, net))
    except WeightsError as error:
        raise WeightsError(f"{weights_path}: {error}") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_sealed(path, model.SerializeToString())
    except OSError as error:
        msg = (
            f"The graph of {weights_path} cannot be written to {folder} ({error.strerror}). "
            "Choose a folder that can be written to as cache_dir."
        )
        raise WeightsError(msg) from error
    return path


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}. Check the path and its permissions."
        raise WeightsError(msg) from error
    return digest.hexdigest()


def _encode_seal(digest: bytes) -> bytes:
    """Encode a hash as a property of an ONNX model; always of `_SEAL_BYTES` bytes.

    Two protobuf messages one after the other are the message that has the fields of both, so a
    graph with this behind it is a valid ONNX file with one property more. It is written by hand
    (field 14 of a model; fields 1 and 2 of a property) so that checking it needs no `onnx`.
    """
    value = digest.hex().encode()
    entry = bytes([0x0A, len(_SEAL_KEY)]) + _SEAL_KEY + bytes([0x12, len(value)]) + value
    return bytes([14 << 3 | 2, len(entry)]) + entry


def write_sealed(path: Path, body: bytes) -> None:
    """Put a file in place in one step: nobody sees a part of it, and the last writer wins."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.write(_encode_seal(hashlib.sha256(body).digest()))
        try:
            part.replace(path)
        except PermissionError:
            # Windows: another process has made the same graph, and has it open.
            if not is_intact(path):
                raise
    finally:
        part.unlink(missing_ok=True)


def is_intact(path: Path) -> bool:
    """Tell whether a graph is there and ends with the hash of what precedes."""
    try:
        with path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - _SEAL_BYTES
            digest = hashlib.sha256()
            while left > 0 and (chunk := file.read(min(left, 1 << 20))):
                digest.update(chunk)
                left -= len(chunk)
            return left == 0 and file.read() == _encode_seal(digest.digest())
    except OSError:
        return False  # not there, or not readable: making it again tells which
