"""What a server is started with."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

PORT = 8765
_GB = 10**9


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server allows, so that it fills no disk and takes no machine down.

    Attributes
    ----------
    upload_bytes
        Of one file.
    duration_s
        Of one film.
    pixels
        Of one picture, or of one frame of a film.
    storage_bytes
        Of everything that is kept.
    keep_days
        How long a job is kept from when it was uploaded; 0 is until somebody deletes it.
    waiting_jobs
        How many may wait.
    memory_bytes
        Of one worker process.
    job_s, task_s
        How long a worker process may take for a job, and for a report or a film that is asked for.

    Raises
    ------
    ValueError
        If one is not above 0 (`keep_days`: below 0).
    """

    upload_bytes: int = 2 * _GB
    duration_s: float = 3600.0
    pixels: int = 64_000_000
    storage_bytes: int = 20 * _GB
    keep_days: float = 30.0
    waiting_jobs: int = 100
    memory_bytes: int = 4 * _GB
    job_s: float = 6 * 3600.0
    task_s: float = 1800.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (value > 0 or (name == "keep_days" and value == 0)):
                raise ValueError(f"{name} must be above 0, got {value}")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a server is started with.

    Attributes
    ----------
    folder
        Where it keeps what is uploaded and what is made of it; made if it is not there.
    host, port
        The address that it listens on.
    names
        What else the machine is called by those who may ask it.
    token
        What a client must show; None where the address can only be reached from this machine.
    limits
        See `Limits`.

    Raises
    ------
    ValueError
        If others can reach the address and there is no token.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = PORT
    names: tuple[str, ...] = ()
    token: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise ValueError(f"others can reach {self.host}: a token is needed")


def is_loopback(host: str) -> bool:
    """Tell whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
