"""Many jobs on many machines, through Ray: the same work as `run_all`, with the same results."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from kinetrace.batch.cluster_crew import Crew
from kinetrace.batch.cluster_ray import connected
from kinetrace.batch.locations_ledger import RemoteLedger
from kinetrace.batch.settings import Settings
from kinetrace.batch.stitching import check_length
from kinetrace.batch.task import Result
from kinetrace.batch.workers import OnEvent, ResultBook
from kinetrace.jobs import Job


def run_all_on_cluster(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    address: str = "auto",
    workers: int | None = None,
    split_s: float | None = None,
    overwrite: bool = False,
    retry: bool = False,
    on_event: OnEvent = lambda _event: None,
) -> list[Result]:
    """Do what is missing of the jobs on a Ray cluster.

    Parameters
    ----------
    jobs
        Of different tables. Paths are on a disk that all machines share, by the same names;
        films and results elsewhere are `RemoteJob`.
    settings
        How; see `Settings`. A path of a model file is one on each machine.
    address
        ``HOST:PORT`` of the cluster; ``auto`` is the one that this machine belongs to, else one
        that is started here and ends with the run.
    workers
        How many processes at most; None is as many as the cluster's cores, or graphics cards
        where models run on these, have room for, also when machines join later.
    split_s
        Do films in stretches of about so many seconds, side by side; None does each as a whole.
    overwrite, retry, on_event
        See `run_all`.

    Returns
    -------
    list of Result
        One for each job, in their order.

    Raises
    ------
    OutputError
        If two jobs would write the same table.
    MissingExtraError, PluginError, WeightsError
        If Ray, or something else, is missing without which no job can be done.
    KinetraceError
        If the cluster cannot be reached, or its machines have another version of Kinetrace or do
        not share the disk with this one, or workers die before they begin.
    KeyboardInterrupt
        If it is interrupted.
    ValueError
        If `workers` is less than 1, or `split_s` too short.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if split_s is not None:
        check_length(split_s)
    run = ResultBook(RemoteLedger(settings), on_event)
    todo = run.missing(jobs, overwrite=overwrite, retry=retry)
    if todo:
        with connected(address) as cluster:
            crew = Crew(
                todo,
                settings,
                run,
                cluster=cluster,
                workers=workers,
                split_s=split_s,
                overwrite=overwrite,
                run_id=secrets.token_hex(4),
            )
            crew.work()
    return run.of(jobs)
