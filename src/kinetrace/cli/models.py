"""``kinetrace models``: what there is, what is here, and getting it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from kinetrace.cli._show import examples, use_cache

app = App(
    name="models",
    help="List the models, fetch them and verify them.",
    help_epilogue=examples(
        "kinetrace models",
        "kinetrace models fetch mediapipe-full hrnet-w48-384x288",
        "kinetrace models verify",
    ),
)


@app.default
def list_models(*, cache_dir: Path | None = None) -> None:
    """List the models: where they stand, size, licence and published accuracy.

    Parameters
    ----------
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    """
    from rich.console import Console
    from rich.table import Table

    from kinetrace import weights
    from kinetrace.weights import catalog

    use_cache(cache_dir)
    table = Table(box=None, pad_edge=False)
    for column in ("model", "here", "MB", "licence", "accuracy"):
        table.add_column(column, overflow="fold")
    for model in catalog.MODELS:
        table.add_row(
            model.name,
            weights.status(model).state,
            "?" if model.size_bytes is None else f"{model.size_bytes / 1e6:.1f}",
            model.license,
            ", ".join(str(each) for each in model.accuracy),
        )
    Console().print(table)
    print(f"\nThey are kept in {weights.cache_folder()}")


@app.command
def fetch(
    *names: str,
    cache_dir: Path | None = None,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Download models and check them, so that they are there when there is no network.

    Parameters
    ----------
    names
        Models, by name.
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    quiet
        Print errors only.
    """
    from kinetrace import weights

    if not names:
        raise ValueError("name at least one model; `kinetrace models` lists them")
    use_cache(cache_dir)
    for name in names:
        found = weights.fetch(name, quiet=quiet)
        if not quiet:
            for file in found.files:
                print(f"{name}: {file.path} ({file.size_bytes:,} bytes, sha256 {file.sha256})")


@app.command
def verify(*names: str, cache_dir: Path | None = None) -> int:
    """Hash what is in the package and the cache, and say whether it is what was published.

    Parameters
    ----------
    names
        Models, by name; none means all that are here.
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    """
    from kinetrace import weights

    use_cache(cache_dir)
    found = [weights.status(name) for name in names] if names else weights.cached()
    for status in found:
        print(f"{status.model.name}: {status.state} {', '.join(str(p) for p in status.paths)}")
    return 0 if all(status.state == "verified" for status in found) else 1
