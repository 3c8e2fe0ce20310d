"""Training of the person detector of `kinetrace.networks.person`.

::

    photos with labelled joints -> boxes_teacher -> pictures -> scenes -> batches -> training
                                    (RTMDet)                   (mosaics, nobody)     (losses)

>>> plan = DetectorPlan(source=source, teacher=Path("rtmdet.onnx"), ...)  # doctest: +SKIP
>>> train_detector(plan)  # doctest: +SKIP

Or ``python -m kinetrace.training.detector --help``. It needs PyTorch (the extra ``train``).
"""
