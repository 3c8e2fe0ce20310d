"""Ray: to a cluster and from it, without its telemetry, its dashboard and its log on the screen."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kinetrace.errors import KinetraceError, MissingExtraError
from kinetrace.machine import count_cores

# What a cluster of our own may hold of poses that are on their way, beyond which disk is used.
_STORE_BYTES = 512 << 20

_TIMEOUT_S = 5.0

# Set before Ray is loaded. It sends usage statistics to its makers unless it is told not to.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    # What it is about to change in a later version concerns those who write for it.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A connection to a cluster.

    Attributes
    ----------
    ray
        The package.
    is_ours
        Whether it was started for this run, on this machine alone.
    """

    ray: Any
    is_ours: bool

    def cores(self) -> int:
        """Return how many cores the nodes have that are there now."""
        return int(self.ray.cluster_resources().get("CPU", 0))

    def gpus(self) -> int:
        """Return how many graphics cards they have."""
        return int(self.ray.cluster_resources().get("GPU", 0))

    def live_nodes(self) -> dict[str, int]:
        """Return the nodes that are there now, and the cores of each."""
        nodes = (node for node in self.ray.nodes() if node["Alive"])
        return {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in nodes}

    def share(self, units: int) -> int:
        """Return how many cores there are for each of so many, on one machine."""
        largest = max(self.live_nodes().values(), default=1)
        return max(1, min(largest, self.cores() // max(1, units)))


@contextlib.contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a cluster for the time of a ``with`` block.

    Parameters
    ----------
    address
        ``HOST:PORT`` of a cluster's head; or ``auto``: the cluster that this machine belongs to
        (or the environment variable RAY_ADDRESS names), else one that is started on this machine
        and ends with the block.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    KinetraceError
        If the cluster cannot be reached, or has other versions of Ray or Python.
    """
    os.environ.update(_ENVIRONMENT)
    try:
        import ray
    except ImportError:
        raise MissingExtraError("Ray, which --cluster needs,", "cluster") from None
    if ray.is_initialized():  # by whoever calls, who also ends it
        yield Cluster(ray=ray, is_ours=False)
        return
    is_ours = _connect(ray, address)
    try:
        yield Cluster(ray=ray, is_ours=is_ours)
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> bool:
    """Connect; return whether a cluster was started for it."""
    _check_reachable(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
    quietly = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        with contextlib.suppress(ConnectionError):
            ray.init(address=address, **quietly)
            return False
        if address == "auto":
            ray.init(
                address="local",
                num_cpus=count_cores(),
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                **quietly,
            )
            return True
    # Of other versions on the cluster, say, which the text tells; and it raises no special error
    # where a machine is so busy that Ray's own processes take longer than it gives them.
    except Exception as error:
        raise KinetraceError(f"cannot use the Ray cluster {address}: {error}") from error
    raise KinetraceError(_no_cluster(address))


def _check_reachable(address: str) -> None:
    """Raise where nobody answers, for which Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "://" in address:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise KinetraceError(f"{_no_cluster(address)} ({error})") from error


def _no_cluster(address: str) -> str:
    return (
        f"there is no Ray cluster at {address}: start one with 'ray start --head', or leave the "
        "address to 'auto'"
    )
