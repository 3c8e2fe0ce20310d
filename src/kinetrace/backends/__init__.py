"""Pose estimators, one module each. A module here is a backend; its file name is its name.

A backend module holds ``MODELS``, the names of the models that it runs (the first is the default),
and ``load(options: Options) -> Estimator`` (`kinetrace.estimators`).
"""
