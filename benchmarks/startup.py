"""How long it takes to start, and how much memory that needs: ``python benchmarks/startup.py``.

Each command runs in a process of its own, in turn with the others; the median counts. Time is from
the start of the process to its end, memory the most that was resident. Python's own start, and that
of Python with NumPy, stand beside it, for they are the floor.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import kinetrace
from kinetrace.testing import walker


class Cost(NamedTuple):
    """What a process needed."""

    wall_s: float
    cpu_s: float
    memory_mb: float


_MEASURE = """
import json, os, resource, sys, time
begin = time.perf_counter()
code = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
wall_s = time.perf_counter() - begin
print(json.dumps([code, wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def commands(folder: Path) -> dict[str, Sequence[str]]:
    """Return what is run, by what it is called in the table."""
    table = folder / "walk.csv"
    python = sys.executable
    kinetrace = (python, "-m", "kinetrace")
    return {
        "python": (python, "-c", "pass"),
        "python, import numpy": (python, "-c", "import numpy"),
        "import kinetrace": (python, "-c", "import kinetrace"),
        "kinetrace --version": (*kinetrace, "--version"),
        "kinetrace --help": (*kinetrace, "--help"),
        "kinetrace info": (*kinetrace, "info"),
        "kinetrace convert (CSV to JSON Lines)": (
            *(*kinetrace, "convert", str(table), str(folder / "walk.jsonl"), "--overwrite"),
        ),
        "kinetrace measure angles": (
            *(*kinetrace, "measure", "angles", str(table), "--output", str(folder / "angles.csv")),
            "--overwrite",
        ),
        "kinetrace report": (
            *(*kinetrace, "report", str(table), "--output", str(folder / "walk.html")),
            "--overwrite",
        ),
    }


def cost(command: Sequence[str]) -> Cost:
    """Run a command and return what it needed."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command],
        capture_output=True,
        text=True,
        check=True,
    )
    code, wall_s, cpu_s, peak = json.loads(done.stdout.splitlines()[-1])
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{done.stderr}")
    # Linux counts in KiB, macOS in bytes.
    return Cost(wall_s, cpu_s, peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinetrace.write(walker(duration_s=10)[0], folder / "walk.csv")
        runs = commands(folder)
        costs: dict[str, list[Cost]] = {what: [] for what in runs}
        # The first round fills the caches of files, and does not count.
        for turn in range(repeat + 1):
            for what, command in runs.items():
                needed = cost(command)
                if turn:
                    costs[what].append(needed)
    print("| | s | processor s | peak MB |\n| --- | ---: | ---: | ---: |")
    for what, each in costs.items():
        wall_s, cpu_s, memory_mb = (statistics.median(values) for values in zip(*each, strict=True))
        print(f"| `{what}` | {wall_s:.2f} | {cpu_s:.2f} | {memory_mb:.0f} |")


if __name__ == "__main__":
    main()
