from __future__ import annotations

import cv2
import numpy as np

from kinetrace.testing import walker
from kinetrace.tracking import appearance


def test_colours_are_those_of_cie_lab():
    rgb = np.random.default_rng(0).integers(0, 256, (200, 3), dtype=np.uint8)
    rgb[:4] = [(0, 0, 0), (255, 255, 255), (5, 5, 5), (255, 0, 0)]
    lab = appearance._to_lab(rgb)
    expected = cv2.cvtColor(rgb[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    assert np.abs(lab - expected).max() < 0.5  # of OpenCV's own interpolation


def test_people_in_other_clothes_look_less_alike_than_in_another_light():
    poses, _ = walker(time_s=[0.0])
    width, height = np.ceil(poses.xy.max(axis=(0, 1))).astype(int) + 10
    image = np.full((height, width, 3), (140, 60, 50), np.uint8)
    red, dimmer, blue = (
        appearance.colours(picture, poses)
        for picture in (image, (image * 0.85).astype(np.uint8), image[..., ::-1].copy())
    )
    assert appearance.likeness(red, red)[0, 0] > 0.999
    assert appearance.likeness(red, dimmer)[0, 0] > appearance.likeness(red, blue)[0, 0] + 0.2
