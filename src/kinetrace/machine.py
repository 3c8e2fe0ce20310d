"""What this process may use of the machine: cores and memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

# What a worker takes with the larger models, decoding full HD.
_WORKER_BYTES = 1 << 30

# How many cores a worker process has been given of those that there are.
SHARE_VARIABLE = "KINETRACE_CORES"

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def count_cores() -> int:
    """Return how many cores this process may keep busy.

    The affinity of the process, in a container the quota of its cgroups, and in a worker process
    its share count; a part of a core counts as one.
    """
    share = os.environ.get(SHARE_VARIABLE, "")
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *_quotas(), *([int(share)] if share.isdigit() else [])]))


def choose_workers(jobs: int) -> int:
    """Return for how many workers there are jobs, cores and memory.

    A worker with a thread of its own for each core does the most: one network on many threads
    waits for the slowest of them at every layer.
    """
    free = _free_bytes()
    fit = count_cores() if free is None else min(count_cores(), free // _WORKER_BYTES)
    return max(1, min(jobs, fit))


def _quotas() -> Iterator[int]:
    """Yield the cores that each cgroup of this process may use, where it is limited."""
    for folder in _own_cgroups():
        told = _read(folder / "cpu.max").split()  # version 2
        if len(told) != 2:  # version 1
            told = [_read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
        if all(part.isdigit() and int(part) for part in told):
            yield math.ceil(int(told[0]) / int(told[1]))


def _own_cgroups() -> Iterator[Path]:
    """Yield the folders of the cgroups that this process is in, innermost first."""
    for line in _read(_OWN_CGROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _CGROUPS / controllers if controllers else _CGROUPS
        own = root / path.lstrip("/")
        # In a container, the path is the one that it has outside.
        yield from (own, *own.parents) if own.is_dir() else (root,)


def _free_bytes() -> int | None:
    """Return the memory that can be had without swapping; None where nothing tells."""
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
