"""What people do: recognition of actions, learnt from labelled tables or clips.

::

    labelled files -> examples -> augmentation -> features -> classifier -> model file (ONNX)
    poses -> features of windows -> model -> a table of actions with start, end and confidence

>>> model = load_model("penn-action")  # doctest: +SKIP
>>> recognise(poses, model)  # doctest: +SKIP
   track_id  start_s  end_s  action  confidence
0         0      0.0    6.0  squat         0.96

Importing this does not import scikit-learn (the extra ``actions``); `train` does.
"""

from __future__ import annotations

from kinetrace.actions.dataset import Example, example_of, read_examples
from kinetrace.actions.evaluation import confusion, count_right, predict, tabulate
from kinetrace.actions.features import describe, joints_of
from kinetrace.actions.model_file import ActionModel, load_model
from kinetrace.actions.recognition import UNKNOWN, recognise
from kinetrace.actions.training import Trained, train

__all__ = [
    "UNKNOWN",
    "ActionModel",
    "Example",
    "Trained",
    "confusion",
    "count_right",
    "describe",
    "example_of",
    "joints_of",
    "load_model",
    "predict",
    "read_examples",
    "recognise",
    "tabulate",
    "train",
]
