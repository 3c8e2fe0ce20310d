"""What the workers of a cluster have to be: of this version, and on the disk of the results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from kinetrace import __version__
from kinetrace.batch.cluster_ray import Cluster
from kinetrace.batch.cluster_worker import Hello
from kinetrace.batch.locations_jobs import RemoteJob
from kinetrace.errors import KinetraceError
from kinetrace.files import writing
from kinetrace.jobs import Job


@contextlib.contextmanager
def beside_results(jobs: Sequence[Job], cluster: Cluster, run_id: str) -> Iterator[Path | None]:
    """Put a file beside the results by which each machine can tell that it sees them.

    Yields
    ------
    Path or None
        The file; None where there is nothing to tell: the cluster is this machine, or all results
        lie at addresses.
    """
    here = [job for job in jobs if not isinstance(job, RemoteJob)]
    if cluster.is_ours or not here:
        yield None
        return
    token = here[0].table.parent.absolute() / f".kinetrace-{run_id}"
    with writing(token):
        token.touch()
    try:
        yield token
    finally:
        with contextlib.suppress(OSError):
            token.unlink(missing_ok=True)


def check(hello: Hello, token: Path | None) -> None:
    """Raise KinetraceError if a worker is of another version, or does not see the token."""
    if hello.kinetrace != __version__:
        raise KinetraceError(
            f"Kinetrace is {hello.kinetrace} on {hello.host} and {__version__} here, so "
            f"results would differ: pip install kinetrace=={__version__} on all machines"
        )
    if not hello.sees_folder:
        raise KinetraceError(
            f"{hello.host} does not see the folder {token and token.parent}: put "
            "films and results on a disk that all machines share, or name addresses (s3://...)"
        )
