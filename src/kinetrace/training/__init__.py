"""Training of the HRNets of `kinetrace.networks`, from nothing or from weights.

::

    labels, pictures -> sources -> preparation -> samples -> batches -> loop -> export
                                    (teacher)              (augmentation) (losses)

>>> source = read_source(Path("labels.json"), Path("photos/"))  # doctest: +SKIP
>>> plan = Plan(net=NANO, sources=(source,), recipe=Recipe(), output=Path("out"))  # doctest: +SKIP
>>> train(plan).figures  # doctest: +SKIP
{'pck labels': 0.71}

Importing this does not import PyTorch (the extra ``train``); `train` does.
"""

from __future__ import annotations

from kinetrace.training.augmentation import Augmentation
from kinetrace.training.recipe import Recipe
from kinetrace.training.sources import Source, read_source
from kinetrace.training.training import Plan, train

__all__ = ["Augmentation", "Plan", "Recipe", "Source", "read_source", "train"]
