"""Write the page of model cards from the catalogue: ``python docs/make_models.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kinetrace.weights import catalog
from kinetrace.weights.catalog import Model, Url

_HEAD = """# Model cards

Made from the catalogue by `docs/make_models.py`. `kinetrace models` lists the same and says which
are here; `kinetrace models fetch NAME` gets one, `kinetrace models verify` hashes them again. A
file is used only if its sha256 is the one below (MMPose states its first digits only). Figures are
their publishers'; [accuracy](accuracy.md) has what was measured here.

They find people and do not know who somebody is. Their figures are of photos of people going about
their day. How right they are on children, in loose gowns, in wheelchairs, behind bed rails, from
above or in the dark is not published, and not by how much it differs between groups of people: look
at the drawn film before you trust a number. None is a medical device.
"""


def cards() -> Iterator[str]:
    """Yield the page, piece by piece."""
    yield _HEAD
    for model in catalog.MODELS:
        yield f"\n## {model.name}\n\n| | |\n| --- | --- |\n"
        for what, value in _rows(model):
            yield f"| {what} | {value} |\n"


def _rows(model: Model) -> Iterator[tuple[str, str]]:
    width, height = model.input_size_wh
    size = model.file.size_bytes
    task = "where keypoints are" if model.task == "pose" else "where people are"
    yield "finds", f"{task}, `{model.backend}`"
    if model.keypoints:
        yield "keypoints", f"`{model.keypoints}`"
    yield "input", f"{width} x {height} px"
    yield "licence of the weights", model.license
    yield "file", f"`{model.file.name}`" + (f", {size / 1e6:.1f} MB" if size else "")
    yield "sha256", f"`{model.file.sha256}`"
    yield "from", "<br>".join(_places(model))
    for accuracy in model.accuracy:
        yield "published", f"{accuracy}: {accuracy.source}"


def _places(model: Model) -> Iterator[str]:
    if model.is_packaged:
        yield "this package"
    for source in model.sources:
        yield f"<{source.url}>" if isinstance(source, Url) else f"{source.kind}: `{source.locator}`"


if __name__ == "__main__":
    text = "".join(cards())
    (Path(__file__).parent / "models.md").write_text(text, encoding="utf-8", newline="\n")
