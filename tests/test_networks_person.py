"""The person detector's network, and what its outputs say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.networks import NANO
from kinetrace.networks.person import DISTANCE_PX, OUTPUTS, PERSON_NANO, decode, is_trunk


def outputs_of(people, size_px=320):
    """Return what a network that has found these boxes would give: (1, 5, h, w)."""
    side = size_px // 4
    outputs = np.zeros((1, OUTPUTS, side, side), np.float32)
    outputs[:, 0] = -9
    for (x1, y1, x2, y2), logit in people:
        x, y = int((x1 + x2) / 8), int((y1 + y2) / 8)
        centre = np.array([x + 0.5, y + 0.5]) * 4
        reach = np.concatenate([centre - (x1, y1), (x2, y2) - centre])
        outputs[0, 0, y, x] = logit
        outputs[0, 1:, y, x] = np.log(reach / DISTANCE_PX)
    return outputs


def test_the_trunk_is_that_of_hrnet_nano():
    ours = PERSON_NANO.parameter_shapes
    theirs = NANO.parameter_shapes
    trunk = {key for key in ours if is_trunk(key, PERSON_NANO)}
    assert {key: ours[key] for key in trunk} == {key: theirs[key] for key in trunk}
    assert len(trunk) > 0.85 * len(ours)
    # What is left of HRNet-nano is its last exchange and its heatmaps alone.
    assert all(
        k.startswith(("stage4.0.fuse_layers.0.", "final_layer.")) for k in set(theirs) - trunk
    )


def test_it_is_small_enough_to_be_part_of_the_package():
    assert 2 * PERSON_NANO.count_parameters() < 5.5e6
    assert PERSON_NANO.heatmap_wh((320, 256)) == (80, 64)
    assert PERSON_NANO.layers[-1].output.channels == OUTPUTS


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(2, 290), y=st.floats(2, 290), w=st.floats(10, 300), h=st.floats(10, 300),
    logit=st.floats(-1, 8),
)  # fmt: skip
def test_a_box_comes_out_as_it_went_in(x, y, w, h, logit):
    box = (x, y, min(x + w, 319), min(y + h, 319))
    (found,) = decode(outputs_of([(box, logit)]), min_score=0.2)
    np.testing.assert_allclose(found.xyxy, [box], atol=2e-3)
    np.testing.assert_allclose(found.score, 1 / (1 + np.exp(-logit)), rtol=1e-4)


def test_neighbours_are_one_person_and_two_people_are_two():
    one, two = (20, 20, 60, 140), (100, 20, 140, 140)
    outputs = outputs_of([(one, 2.0), (two, 1.0)])
    # A pixel beside the centre is nearly as sure, and tells of nearly the same box.
    outputs[0, :, 20, 11] = outputs[0, :, 20, 10]
    outputs[0, 0, 20, 11] = 1.9
    # So does one further away, which is a peak of its own.
    outputs[0, :, 24, 10] = outputs[0, :, 20, 10]
    (found,) = decode(outputs, min_score=0.3)
    assert found.xyxy.shape == (2, 4)
    np.testing.assert_allclose(found.xyxy, [one, two], atol=1e-3)
    assert found.score[0] > found.score[1]


def test_pictures_of_a_batch_are_read_one_by_one():
    box = (20, 20, 60, 140)
    outputs = np.concatenate([outputs_of([]), outputs_of([(box, 1.0)])])
    nobody, somebody = decode(outputs, min_score=0.3)
    assert nobody.xyxy.shape == (0, 4)
    assert nobody.score.shape == (0,)
    assert len(somebody.score) == 1


@pytest.mark.parametrize("min_score", [0.0, 0.5, 1.0])
def test_any_least_score_can_be_asked_for(min_score):
    (found,) = decode(outputs_of([((20, 20, 60, 140), 1.0)]), min_score=min_score)
    assert (found.score >= min_score).all()
    assert len(found.score) == {0.0: 1, 0.5: 1, 1.0: 0}[min_score] or min_score == 0


def test_outputs_that_are_beyond_all_sense_give_no_infinite_box():
    outputs = np.full((1, OUTPUTS, 8, 8), 1e30, np.float32)
    (found,) = decode(outputs, min_score=0.5)
    assert np.isfinite(found.xyxy).all()
