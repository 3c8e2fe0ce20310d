from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference_topdown as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.skeletons import COCO17
from kinetrace.topdown import (
    Decode,
    Regions,
    average_flipped,
    decode_heatmaps,
    encode_heatmaps,
    locate,
    rescore,
    suppress,
    surround,
    to_grid,
    to_image,
)

Array = npt.NDArray[Any]
METHODS: tuple[Decode, ...] = ("default", "dark", "udp")


def some_boxes(n: int, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    corner = random.uniform(-50, 900, (n, 2))
    return np.concatenate([corner, corner + random.uniform(5, 700, (n, 2))], axis=1)


# --- the flip test


def test_flipped_heatmaps_are_put_back_as_published() -> None:
    random = np.random.default_rng(0)
    maps, flipped = random.random((2, 3, 17, 64, 48), dtype=np.float32)
    for decode in METHODS:
        got = average_flipped(maps, flipped, COCO17.mirror, decode=decode)
        for n, k in np.ndindex(3, 17):
            name = COCO17.keypoints[k]
            swap = {"left": "right", "right": "left"}
            side, _, rest = name.partition("_")
            partner = COCO17.index(f"{swap[side]}_{rest}" if side in swap else name)
            back = flipped[n, partner, :, ::-1].copy()
            if decode != "udp":
                back[:, 1:] = back[:, :-1].copy()
            np.testing.assert_allclose(got[n, k], (maps[n, k] + back) / 2, atol=1e-6)


@pytest.mark.parametrize("decode", METHODS)
def test_a_network_that_knows_the_truth_is_not_led_astray_by_the_flip(decode: Decode) -> None:
    """Mirrored crops have mirrored points; put back and averaged they are where they were."""
    random = np.random.default_rng(3)
    regions = surround(some_boxes(4), (192, 256))
    inputs = random.uniform(45, 145, (4, 17, 2))
    mirrored = inputs.copy()
    mirrored[..., 0] = 191 - inputs[..., 0]
    mirrored = mirrored[:, list(COCO17.mirror)]

    def network(xy: Array) -> Array:
        image = to_image(xy, regions, (192, 256), decode=decode)
        cells = to_grid(image, regions, (48, 64), decode=decode)
        return encode_heatmaps(cells, (48, 64), decode="dark" if decode == "default" else decode)

    maps = network(inputs)
    averaged = average_flipped(maps, network(mirrored), COCO17.mirror, decode=decode)
    before, _ = decode_heatmaps(maps, decode="dark")
    after, _ = decode_heatmaps(averaged, decode="dark")
    moved = np.abs(after - before).max(axis=(0, 1))
    # A quarter of a heatmap pixel is what the shift by a whole one leaves; half of it is averaged.
    np.testing.assert_allclose(moved, [0 if decode == "udp" else 0.125, 0], atol=2e-3)


# --- from heatmaps to the image


@given(
    box=st.tuples(st.floats(-50, 900), st.floats(-50, 700), st.floats(30, 800), st.floats(30, 800)),
    part=st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)),
)
@settings(max_examples=50)
@pytest.mark.parametrize("decode", METHODS)
def test_a_point_in_the_picture_is_found_again(
    decode: Decode, box: tuple[float, ...], part: tuple[float, float]
) -> None:
    left, top, width, height = box
    regions = surround([[left, top, left + width, top + height]], (192, 256))
    centre_xy, size_wh = regions
    xy = centre_xy[:, None] + (np.array(part) - 0.5) * size_wh[:, None]
    maps = encode_heatmaps(to_grid(xy, regions, (48, 64), decode=decode), (48, 64), decode=decode)
    got, score = locate(maps, regions, (1000, 800), decode=decode)
    cell_px = size_wh[0, 0] / 47
    bound_px = (0.5 if decode == "default" else 0.15) * cell_px + 1e-3
    outside_px = np.max(np.maximum(-0.5 - xy, xy - (999.5, 799.5)))
    if np.isfinite(got).all():
        assert outside_px <= cell_px + bound_px
        # Whoever is put on the edge has come closer to a point inside.
        assert np.abs(got - np.clip(xy, -0.5, (999.5, 799.5))).max() <= bound_px
        assert score[0, 0] > 0.8
    else:
        assert outside_px > 0.9 * cell_px - bound_px
        assert score[0, 0] == 0


def test_what_lies_outside_the_picture_is_missing() -> None:
    """Four points, and a picture that ends between them; each person has their own."""
    regions = Regions(centre_xy=np.full((2, 2), 96.0), size_wh=np.array([[192.0, 256.0]] * 2))
    cells = np.array([[[5, 20], [40, 20], [20, 20], [20, 40]]] * 2, float)
    maps = encode_heatmaps(cells, (48, 64), decode="default")
    xy, score = locate(maps, regions, [(150, 300), (300, 60)], decode="default")
    np.testing.assert_array_equal(score > 0, [[1, 0, 1, 1], [1, 1, 1, 0]])
    np.testing.assert_array_equal(np.isfinite(xy).all(axis=2), score > 0)
    np.testing.assert_allclose(xy[0, 0], [20, 48], atol=1e-4)


def test_what_lies_outside_by_less_than_a_heatmap_pixel_is_on_the_edge() -> None:
    """Input pixels are picture pixels here, and a heatmap pixel is four of them."""
    regions = Regions(centre_xy=np.array([[96.0, 128.0]]), size_wh=np.array([[192.0, 256.0]]))
    cells = np.array([[[20, 30], [20, 31], [20, 29]]], float)
    maps = encode_heatmaps(cells, (48, 64), decode="default")
    xy, score = locate(maps, regions, (192, 118), decode="default")
    np.testing.assert_allclose(xy[0, :, 1], [117.5, np.nan, 116], atol=1e-4)
    np.testing.assert_array_equal(score[0], [1, 0, 1])


# --- scores and suppression


def test_rescoring_is_the_box_times_the_mean_of_good_keypoints() -> None:
    random = np.random.default_rng(0)
    score = random.random((30, 17)).astype(np.float32)
    score[0] = 0.1
    boxes_score = random.random(30).astype(np.float32)
    boxes_score[1] = np.nan
    got = rescore(boxes_score, score)
    for i in range(30):
        good = [s for s in score[i] if s > 0.2]
        mean = sum(good) / len(good) if good else 0
        want = mean * (1 if np.isnan(boxes_score[i]) else boxes_score[i])
        assert got[i] == pytest.approx(want, abs=1e-6)
    assert got[0] == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.3, 0.9])
def test_suppression_keeps_whom_the_plain_loop_keeps(seed: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    people = random.uniform(0, 300, (6, 17, 2))
    xy = people[random.integers(0, 6, 40)] + random.normal(0, 4, (40, 17, 2))
    xy[random.random((40, 17)) < 0.2] = np.nan
    xy[0] = np.nan
    area, rank = random.uniform(5e3, 5e4, 40), random.random(40)
    sigmas = np.array(COCO17.sigmas)
    got = suppress(xy, area, rank, sigmas, threshold=threshold)
    want = reference.oks_nms(xy, area, rank, sigmas, threshold)
    np.testing.assert_array_equal(got, want)
    assert 6 <= len(got) < 40


def test_suppressing_nobody_keeps_nobody() -> None:
    got = suppress(np.zeros((0, 17, 2)), np.zeros(0), np.zeros(0), COCO17.sigmas)
    assert got.shape == (0,)
