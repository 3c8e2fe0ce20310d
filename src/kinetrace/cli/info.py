"""``kinetrace info``: what is installed here, and whether any of it talks to somebody."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from kinetrace.cli._show import command


def info() -> None:
    """Show versions, back ends, the cache, and whether MediaPipe phones home."""
    import os
    import platform

    from kinetrace import __version__, plugins, weights

    print(f"kinetrace   {__version__}")
    print(f"python      {platform.python_version()} on {platform.platform(terse=True)}")
    print(f"processors  {os.cpu_count()}")
    for package in ("av", "opencv-python-headless", "numpy", "pandas", "pyarrow", "mediapipe"):
        print(f"{package:<11} {_version(package) or 'not installed'}")
    print(f"backends    {', '.join(plugins.names('backends'))}")
    print(f"detectors   {', '.join(plugins.names('detectors'))}")
    print(f"formats     {', '.join(plugins.names('formats'))}")
    print(f"cache       {weights.cache_folder()}")
    print(f"privacy     {_privacy(_version('mediapipe'))}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _privacy(mediapipe: str | None) -> str:
    nothing = "nothing here sends anything anywhere; only model files are downloaded"
    if mediapipe is None:
        return nothing
    numbers = tuple(int(part) for part in mediapipe.split(".")[:3] if part.isdigit())
    if numbers >= (0, 10, 35):
        return (
            f"MediaPipe {mediapipe} contacts Google's metrics host whenever a task is made, and "
            "leaves it to you to obtain people's consent; 0.10.31 does not: "
            "pip install mediapipe==0.10.31"
        )
    return f"{nothing} (MediaPipe {mediapipe} makes no network call)"


app = command(info)
