"""Processes that share each batch, one thread each.

On a few cores that other work runs on, too, two processes of one thread are much faster than one
process of two threads: threads wait for each other thousands of times a step, processes once.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Team:
    """One of `size` processes; all have the same weights and make the same steps."""

    rank: int = 0
    size: int = 1

    def average_gradients(self, network: nn.Module) -> None:
        """Replace the gradients by their mean over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, *, wish: bool) -> bool:
        """Tell all processes what the first one wishes."""
        if self.size == 1:
            return wish
        flag = torch.tensor([float(wish)])
        distributed.broadcast(flag, 0)
        return bool(flag.item())


ALONE = Team()

Plan = TypeVar("Plan")


@contextmanager
def open_team(meeting: Path, rank: int, size: int) -> Iterator[Team]:
    """Join the processes that meet at a file, which need not be there, with one thread each."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=meeting.as_uri(), rank=rank, world_size=size)
    try:
        yield Team(rank, size)
    finally:
        distributed.destroy_process_group()


@contextmanager
def lead_team(size: int, follow: Callable[[Plan, Path, int], None], plan: Plan) -> Iterator[Team]:
    """Start the other processes of a team, and be its first.

    Parameters
    ----------
    size
        How many there are; 1 is this process alone, with PyTorch's own threads.
    follow
        What each of the others runs: with the plan, the file to meet at, and its rank.
    plan
        Is handed to them.
    """
    if size == 1:
        yield ALONE
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        context = multiprocessing.get_context("spawn")
        others = [
            context.Process(target=follow, args=(plan, meeting, rank), daemon=True)
            for rank in range(1, size)
        ]
        for other in others:
            other.start()
        try:
            with open_team(meeting, 0, size) as team:
                yield team
        finally:
            for other in others:
                other.join(timeout=10)
                other.kill()
