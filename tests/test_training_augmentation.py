"""Pixels and keypoints move together, and left stays left."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_samples import DOTS, draw_dots, find_dots, make_samples

from kinetrace.poses import Skeleton
from kinetrace.topdown import surround, to_grid
from kinetrace.training.augmentation import NONE, Augmentation, make_view
from kinetrace.training.batches import draw_batch
from kinetrace.training.recipe import Recipe

BOX = np.array([5, 10, 75, 95])
POINTS = np.array([(40.0, 20.0), (20.0, 50.0), (60.0, 55.0), (35.0, 80.0)])
GEOMETRY = Augmentation(colour=0, blur=0, coarse=0, occlude=0, cut=0, half_body=0, any_rotation=0.5)


def view_of(points, augmentation, seed, size_wh=(96, 128), stranger=None):
    return make_view(
        draw_dots(points),
        BOX,
        points,
        skeleton=DOTS,
        input_size_wh=size_wh,
        augmentation=augmentation,
        rng=np.random.default_rng(seed),
        stranger=stranger,
    )


def test_without_augmentation_it_is_the_crop_of_the_product():
    view = view_of(POINTS, NONE, seed=0)
    expected = to_grid(POINTS[None], surround(BOX, (96, 128)), (96, 128), decode="dark")[0]
    np.testing.assert_allclose(view.xy, expected, atol=1e-9)
    assert not view.is_mirrored
    assert not view.hidden.any()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_dots_are_where_their_keypoints_say(seed):
    view = view_of(POINTS, GEOMETRY, seed)
    # In a mirrored picture the dot drawn as the left wrist is a right wrist.
    colour = list(DOTS.mirror) if view.is_mirrored else [0, 1, 2, 3]
    found = find_dots(view.image)[colour]
    width, height = 96, 128
    whole = np.all((view.xy > 8) & (view.xy < (width - 9, height - 9)), axis=1)
    np.testing.assert_allclose(view.xy[whole], found[whole], atol=0.35)


def test_a_mirrored_persons_left_wrist_is_on_their_left():
    flipped = view_of(POINTS, dataclasses.replace(NONE, flip=1), seed=0)
    straight = view_of(POINTS, NONE, seed=0)
    assert flipped.is_mirrored
    # From the front the left wrist is at the viewer's right hand of the right one, or it is not:
    # mirrored, the one drawn left of the other is on the other side, and so has the other name.
    assert (straight.xy[1, 0] < straight.xy[2, 0]) == (flipped.xy[1, 0] < flipped.xy[2, 0])
    np.testing.assert_allclose(flipped.xy[1], (96 - straight.xy[2, 0], straight.xy[2, 1]))
    np.testing.assert_allclose(flipped.xy[0], (96 - straight.xy[0, 0], straight.xy[0, 1]))


def test_a_point_without_a_label_stays_without():
    points = POINTS.copy()
    points[1] = np.nan
    view = view_of(points, dataclasses.replace(GEOMETRY, flip=1), seed=3)
    assert np.isnan(view.xy[2]).all()  # its name in the mirror
    assert np.isfinite(view.xy[[0, 1, 3]]).all()


@pytest.mark.parametrize("seed", range(12))
def test_beyond_the_cut_nothing_is_seen_and_keypoints_are_hidden(seed):
    view = view_of(POINTS, dataclasses.replace(NONE, cut=1), seed)
    # What the transform of the picture's own corners leaves of the view is all there is.
    lit = find_dots(view.image)
    inside = np.all((view.xy > 5) & (view.xy < (90, 122)), axis=1)
    assert np.isfinite(lit[inside & ~view.hidden]).all()
    # A dot reaches 3 px beyond its centre, so of one that is hidden an edge may be left.
    apart = np.linalg.norm(lit - view.xy, axis=1)[view.hidden]
    assert not (apart < 0.5).any()


def test_a_hidden_keypoint_is_to_be_found_nowhere():
    samples = make_samples(8)
    recipe = Recipe(batch_size=8, samples=80, augmentation=dataclasses.replace(NONE, cut=1), seed=1)
    batch = draw_batch(samples, recipe, 0)
    gone = (batch.height == 0) & (batch.height_weight > 0)
    assert gone.any()
    assert (batch.weight[gone] == 0).all()
    assert ((batch.height == 1) == (batch.weight > 0)).all()


@pytest.mark.parametrize("seed", range(8))
def test_somebody_else_covers_a_part_and_moves_nobody(seed):
    alone = view_of(POINTS, NONE, seed)
    crowded = view_of(
        POINTS, dataclasses.replace(NONE, company=1), seed, stranger=np.full((50, 30, 3), 255, "u1")
    )
    np.testing.assert_array_equal(crowded.xy, alone.xy)
    covered = (crowded.image != alone.image).any(axis=2)
    assert (crowded.image[covered] == 255).all()
    assert 0.03 < covered.mean() < 0.5


def test_a_coarse_picture_shows_everything_where_it_was():
    coarse = view_of(POINTS, dataclasses.replace(NONE, coarse=1), seed=2)
    sharp = view_of(POINTS, NONE, seed=2)
    steps = [np.abs(np.diff(v.image.astype(int), axis=1)).max() for v in (coarse, sharp)]
    assert steps[0] < 0.75 * steps[1]
    np.testing.assert_allclose(find_dots(coarse.image), find_dots(sharp.image), atol=1)


def test_half_a_body_is_looked_at_more_closely():
    names = ("left_shoulder", "right_shoulder", "left_elbow", "nose", "left_hip", "left_knee")
    xy = np.array([(30, 20), (50, 20), (25, 35), (40, 10), (35, 55), (35, 90.0)])
    whole = to_grid(xy[None], surround(BOX, (96, 128)), (96, 128), decode="dark")[0]
    zooms = set()
    for seed in range(12):
        view = make_view(
            draw_dots(xy),
            BOX,
            xy,
            skeleton=Skeleton(name="body", keypoints=names),
            input_size_wh=(96, 128),
            augmentation=dataclasses.replace(NONE, half_body=1),
            rng=np.random.default_rng(seed),
        )
        zooms.add(round(np.ptp(view.xy[:4, 1]) / np.ptp(whole[:4, 1]), 3))
    # The upper half has four labelled points; the lower one has too few to be looked at alone.
    assert len(zooms) == 2
    assert min(zooms) == 1
    assert max(zooms) > 1.5


def test_the_same_seed_gives_the_same_batch_however_it_is_shared():
    samples = make_samples(10)
    recipe = Recipe(batch_size=6, samples=60, seed=4)
    whole = draw_batch(samples, recipe, 7)
    again = draw_batch(samples, recipe, 7)
    other = draw_batch(samples, dataclasses.replace(recipe, seed=5), 7)
    parts = [draw_batch(samples, recipe, 7, part=p, parts=2) for p in (0, 1)]
    for a, b in zip(whole, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(whole.image, other.image)
    for k, part in enumerate(parts):
        np.testing.assert_array_equal(part.image, whole.image[k::2])


def test_an_epoch_shows_everybody_once():
    samples = make_samples(12)
    recipe = Recipe(batch_size=4, samples=48, augmentation=NONE)
    images = np.concatenate([draw_batch(samples, recipe, step).image for step in range(3)])
    assert len({image.tobytes() for image in images}) == 12


def test_each_size_has_its_share_of_the_samples():
    recipe = Recipe(samples=120, batch_size=10, sizes_wh=((32, 64), (64, 64), (96, 128)))
    sizes = [recipe.size_wh(step) for step in range(recipe.steps)]
    assert sizes == [(32, 64)] * 4 + [(64, 64)] * 4 + [(96, 128)] * 4
    batch = draw_batch(make_samples(4), dataclasses.replace(recipe, augmentation=NONE), 5)
    assert batch.image.shape == (10, 64, 64, 3)


def test_the_rate_rises_stays_and_falls_to_nothing():
    recipe = Recipe(samples=1000, batch_size=10, warm_up=100, fall=0.2, learning_rate=1.0)
    rates = [recipe.rate(step) for step in range(recipe.steps + 1)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:81] == [1.0] * 71
    assert np.all(np.diff(rates[80:]) < 0)
    assert rates[recipe.steps] == pytest.approx(0, abs=1e-12)


def test_a_recipe_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="batch_size"):
        Recipe(batch_size=0)
    with pytest.raises(ValueError, match="fall"):
        Recipe(fall=1.5)
