"""A worker of a cluster, seen from the machine that was asked for the work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kinetrace.batch.cluster_ray import Cluster
from kinetrace.batch.cluster_worker import ClusterWorker, Piece
from kinetrace.batch.settings import Settings
from kinetrace.jobs import Job

_SENT_ALONG = ("KINETRACE_CACHE", "KINETRACE_DEBUG")

# What is called while a worker works has a thread of its own there.
_ASIDE = "report"


class Member:
    """A worker: what is asked of it, and what is awaited.

    Parameters
    ----------
    cluster, settings, run_id
        As of `Crew`; `Options.threads` is how many cores it takes.
    gpus
        How many graphics cards it takes.

    Attributes
    ----------
    future
        What it will tell at the end of what it is at; None if it is idle.
    piece
        What it works on; None also while it gets ready.
    pieces
        How many it was given.
    report
        What it will tell of how far it is; None if it was not asked.
    node
        The node that it is on, once it has said so.
    is_ready
        Whether it has loaded its models.
    is_doubtful
        Whether the connection to it broke, and it is not known yet whether it lives.
    is_cut_off
        Whether it turned out that it does.
    """

    def __init__(self, cluster: Cluster, settings: Settings, *, run_id: str, gpus: int) -> None:
        self.future: Any = None
        self.piece: Piece | None = None
        self.pieces = 0
        self.report: Any = None
        self.node = ""
        self.is_ready = self.is_doubtful = self.is_cut_off = False
        self._ray = cluster.ray
        actor = self._ray.remote(concurrency_groups={_ASIDE: 1})(ClusterWorker).options(
            num_cpus=settings.options.threads,
            num_gpus=gpus,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        environment = {name: os.environ[name] for name in _SENT_ALONG if name in os.environ}
        self._actor = actor.remote(settings, run_id, Path.cwd(), environment)

    def greet(self, token: Path | None) -> None:
        """Ask what it is: `ClusterWorker.hello`."""
        self.future = self._actor.hello.remote(token)

    def prepare(self, first: Job) -> None:
        """Have it load its models."""
        self.future = self._actor.prepare.remote(first)

    def give(self, piece: Piece, *, overwrite: bool) -> None:
        """Have it do a piece."""
        self.piece = piece
        self.pieces += 1
        self.future = self._actor.work.remote(piece, overwrite=overwrite)

    def ask(self) -> None:
        """Ask how far it is."""
        self.report = self._actor.report.options(concurrency_group=_ASIDE).remote()

    def doubt(self) -> None:
        """Find out whether it lives, after its connection broke."""
        self.is_doubtful = True
        self.future = self._actor.report.options(concurrency_group=_ASIDE).remote()

    def stop(self) -> None:
        """Have it end what it is at with the next frame."""
        self._actor.stop.options(concurrency_group=_ASIDE).remote()

    def close(self) -> Any:
        """Have it free what it keeps; return what to wait for."""
        return self._actor.close.remote()

    def kill(self) -> None:
        """End it at once."""
        self._ray.kill(self._actor)
