"""Person detectors, one module each. A module here is a detector; its file name is its name.

A detector module holds ``load(options: Options) -> Detector`` (`kinetrace.estimators`).
"""
