"""``kinetrace measure``: from a table of keypoints to what people did. A command for each measure.

A measure's own keyword options are the flags of its command, and their text in its docstring is
the flags' help, so that a new file in `measures/` needs nothing here.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from cyclopts import App, Parameter

from kinetrace import plugins
from kinetrace.cli._output import check_free, place
from kinetrace.cli._show import examples
from kinetrace.errors import OutputError, PluginError

if TYPE_CHECKING:
    import pandas as pd

    from kinetrace.poses import Poses

EXAMPLES = (
    "kinetrace measure angles clip.keypoints.csv",
    "kinetrace measure angles clip.keypoints.csv --plot clip.angles.png --summary",
    "kinetrace measure angles clip.keypoints.csv --output clip.mot",
)

_GENERAL = """
    Parameters
    ----------
    keypoints
        A table of keypoints, as kinetrace estimate writes it.
    output
        The CSV file to write, or, for angles, a motion for OpenSim (clip.mot); without it,
        clip.{name}.csv beside clip.keypoints.csv.
    plot
        A PNG, SVG or PDF file to draw it into.
    summary
        Print a few numbers for each person.
    calibration
        A TOML file with the camera's calibration, to undo the distortion of its lens first.
    overwrite
        Replace files that are there already.
"""


def make_app() -> App:
    """Return the command with a command below it for each measure that there is."""
    app = App(
        name="measure",
        help="Measure movement in a table of keypoints.",
        help_epilogue=examples(*EXAMPLES),
    )
    for name in plugins.names("measures"):
        app.command(_command(name), name=name)
    return app


def _command(name: str) -> Callable[..., None]:
    """Return the function of a measure's command: ours, with the measure's own options."""
    try:
        module = plugins.load("measures", name)
    except PluginError as error:
        return _broken(error)

    def command(keypoints: Path, **given: Any) -> None:
        general = {key: given.pop(key) for key in _general_options() if key in given}
        _run(name, module, keypoints, given, **general)

    first = inspect.Parameter("keypoints", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Path)
    signature = inspect.Signature([first, *_general_options().values(), *_own_options(module)])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    command.__doc__ = _docstring(name, module.measure)
    return command


def _general_options() -> dict[str, inspect.Parameter]:
    """Return the options that every measure's command has."""

    def general(
        *,
        output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
        plot: Path | None = None,
        summary: Annotated[bool, Parameter(negative=())] = False,
        calibration: Path | None = None,
        overwrite: Annotated[bool, Parameter(negative=())] = False,
    ) -> None:
        """Only its signature is used."""

    hints = get_type_hints(general, include_extras=True)
    options = inspect.signature(general).parameters
    return {name: options[name].replace(annotation=hints[name]) for name in options}


def _own_options(module: ModuleType) -> list[inspect.Parameter]:
    """Return a measure's keyword options, with their types in place of the types' text."""
    parameters = inspect.signature(module.measure).parameters.values()
    own = [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    # What it returns is pandas', which is not imported; so only these are looked up.
    texts = SimpleNamespace(__annotations__={p.name: p.annotation for p in own})
    hints = get_type_hints(texts, globalns=module.measure.__globals__, include_extras=True)
    return [p.replace(annotation=hints[p.name]) for p in own]


def _docstring(name: str, measure: Callable[..., pd.DataFrame]) -> str:
    """Return the measure's first paragraph, and the text of its options after that of ours."""
    text = inspect.cleandoc(measure.__doc__ or "")
    title = text.split("\n\n")[0]
    found = re.search(r"Parameters\n-+\n(.*?)(?=\n\n\w+\n-+\n|\Z)", text, re.DOTALL)
    entries = re.split(r"\n(?=\S)", found[1]) if found else []
    own = "\n".join(entry for entry in entries if not entry.startswith("poses"))
    return f"{title}\n\n{inspect.cleandoc(_GENERAL.format(name=name))}\n{own}\n"


def _run(
    name: str,
    module: ModuleType,
    keypoints: Path,
    options: dict[str, Any],
    *,
    output: Path | None = None,
    plot: Path | None = None,
    summary: bool = False,
    calibration: Path | None = None,
    overwrite: bool = False,
) -> None:
    from kinetrace import plots
    from kinetrace.measures import write_table

    output = place(output, table=keypoints, ending=f"{name}.csv", overwrite=overwrite)
    if plot:
        check_free(plot, overwrite=overwrite)
    table = module.measure(_read(keypoints, calibration), **options)
    if plot:
        if not hasattr(module, "plot"):
            raise OutputError(f"cannot write {plot}: the measure {name} has no plot")
        plots.save(module.plot(table), plot)
    write_table(table, output)
    for note in table.attrs["notes"]:
        print(f"kinetrace: {note}", file=sys.stderr)
    print(f"{keypoints} -> {output}: {len(table)} rows{f'; drawn in {plot}' if plot else ''}")
    if summary:
        _print_summary(name, module, table)


def _read(keypoints: Path, calibration: Path | None) -> Poses:
    from kinetrace.formats import read

    poses = read(keypoints)
    if calibration is None:
        return poses
    from kinetrace.lens import read_calibration, undistort

    return undistort(poses, read_calibration(calibration))


def _print_summary(name: str, module: ModuleType, table: pd.DataFrame) -> None:
    if not hasattr(module, "summarise"):
        raise PluginError(f"the measure {name} has no summary; leave out --summary")
    summary = module.summarise(table).dropna(axis="columns", how="all")
    if len(summary):
        print(summary.to_string(index=False, float_format="{:.2f}".format, na_rep=""))


def _broken(error: PluginError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    fail.__doc__ = "Not to be used: it cannot be imported."
    return fail


app = make_app()
