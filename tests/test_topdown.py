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
    training_sigma_px,
    write_crops,
)

METHODS: tuple[Decode, ...] = ("default", "dark", "udp")
INPUTS = ((192, 256), (288, 384))
HEATMAPS = ((48, 64), (72, 96))
KERNEL_PX = {(48, 64): 11, (72, 96): 17}

Array = npt.NDArray[Any]

boxes = st.tuples(
    st.floats(-500, 5000), st.floats(-500, 5000), st.floats(1, 4000), st.floats(1, 4000)
).map(lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]]))


def some_boxes(n: int, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    corner = random.uniform(-50, 900, (n, 2))
    return np.concatenate([corner, corner + random.uniform(5, 700, (n, 2))], axis=1)


def noisy_maps(size_wh: tuple[int, int], n: int = 6, k: int = 5, seed: int = 0) -> Array:
    """What networks give: peaks of any height anywhere, ripples below zero, plateaus of noise."""
    random = np.random.default_rng(seed)
    xy = random.uniform(-0.49, np.array(size_wh) - 0.51, (n, k, 2))
    height = random.choice([1e-3, 0.02, 0.3, 0.9, 1.2], (n, k, 1, 1))
    maps = encode_heatmaps(xy, size_wh, decode="dark") * height
    noise = random.normal(0, 0.05, maps.shape) * height * random.integers(0, 2, (n, k, 1, 1))
    return (maps + noise).astype(np.float32)


# --- crops


@pytest.mark.parametrize("input_wh", INPUTS)
def test_the_transform_is_the_authors(input_wh: tuple[int, int]) -> None:
    xy = np.random.default_rng(1).uniform(-100, 1500, (20, 7, 2))
    for box, points in zip(some_boxes(20), xy, strict=True):
        regions = surround([box], input_wh)
        for decode, affine in (
            ("default", reference.three_point_affine),
            ("dark", reference.three_point_affine),
            ("udp", reference.udp_affine),
        ):
            matrix = affine(box, input_wh)
            want = points @ matrix[:, :2].T + matrix[:, 2]
            # The reference computes in float32.
            got = to_grid(points[None], regions, input_wh, decode=decode)[0]
            np.testing.assert_allclose(got, want, atol=1e-2, rtol=1e-4)


@given(box=boxes)
def test_a_region_holds_its_box_padded_by_a_quarter(box: Array) -> None:
    centre_xy, size_wh = surround([box], (192, 256))
    np.testing.assert_allclose(centre_xy[0], (box[:2] + box[2:]) / 2)
    assert size_wh[0, 0] / size_wh[0, 1] == pytest.approx(192 / 256)
    wh = box[2:] - box[:2]
    # One side is the box's own, padded; the other has grown.
    assert np.min(size_wh[0] / wh) == pytest.approx(1.25)


@pytest.mark.parametrize(
    "box", [[0, 0, 0, 9], [0, 0, 9, 0], [5, 5, 2, 9], [0, np.nan, 9, 9], [0, 0, np.inf, 9]]
)
def test_a_box_without_area_is_refused_by_its_number(box: list[float]) -> None:
    with pytest.raises(ValueError, match="box 1 has no area"):
        surround([[0, 0, 10, 10], box], (192, 256))


@given(box=boxes, point=st.tuples(st.floats(-5000, 9000), st.floats(-5000, 9000)))
@pytest.mark.parametrize("decode", METHODS)
def test_crop_and_back_is_the_identity(
    decode: Decode, box: Array, point: tuple[float, float]
) -> None:
    xy = np.array([[point]])
    regions = surround([box], (192, 256))
    for size_wh in (*INPUTS, *HEATMAPS):
        there = to_grid(xy, regions, size_wh, decode=decode)
        np.testing.assert_allclose(to_image(there, regions, size_wh, decode=decode), xy, atol=1e-4)


@pytest.mark.parametrize("decode", METHODS)
def test_heatmap_and_input_agree_where_a_point_is(decode: Decode) -> None:
    """Heatmap pixel i is input pixel 4 i, or, for UDP, corner pixels lie on corner pixels."""
    regions = surround(some_boxes(1), (192, 256))
    cells = np.array([[[0, 0], [11, 30], [47, 63]]], float)
    inputs = to_grid(
        to_image(cells, regions, (48, 64), decode=decode), regions, (192, 256), decode=decode
    )
    step = np.array([191 / 47, 255 / 63]) if decode == "udp" else 4
    np.testing.assert_allclose(inputs, cells * step, atol=1e-9)


def picture(width: int, height: int) -> Array:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def normalised(crop: Array) -> Array:
    want = (crop / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return want.transpose(2, 0, 1)


@pytest.mark.parametrize("decode", METHODS)
def test_a_crop_at_full_size_is_the_picture_itself(decode: Decode) -> None:
    """So the centre of the picture's first pixel is (0, 0), as everywhere else."""
    image = picture(192, 256)
    extent = np.array([191.0, 255.0] if decode == "udp" else [192.0, 256.0])
    regions = Regions(centre_xy=extent[None] / 2, size_wh=extent[None])
    batch = np.full((1, 3, 256, 192), np.nan, np.float32)
    write_crops(image, regions, batch, decode=decode)
    np.testing.assert_allclose(batch[0], normalised(image), atol=1e-6)
    origin = to_grid(np.zeros((1, 1, 2)), regions, (192, 256), decode=decode)
    np.testing.assert_allclose(origin, 0, atol=1e-12)


@pytest.mark.parametrize("decode", METHODS)
def test_each_crop_pixel_shows_the_place_that_to_image_says(decode: Decode) -> None:
    """On a picture whose red is x and whose green is y, the colours tell where a pixel is from."""
    x, y = np.meshgrid(np.arange(250), np.arange(200))
    image = np.stack([x, y, np.full_like(x, 99)], axis=2).astype(np.uint8)
    regions = surround([[90, 60, 130, 150], [20, 80, 240, 130]], (192, 256))
    batch = np.empty((2, 3, 256, 192), np.float32)
    write_crops(image, regions, batch, decode=decode)
    colours = (batch * np.array([0.229, 0.224, 0.225])[:, None, None]) + np.array(
        [0.485, 0.456, 0.406]
    )[:, None, None]
    u, v = np.meshgrid(np.arange(192), np.arange(256))
    cells = np.broadcast_to(np.stack([u, v], axis=2).reshape(1, -1, 2), (2, 192 * 256, 2))
    places = to_image(cells, regions, (192, 256), decode=decode).reshape(2, 256, 192, 2)
    inside = np.all((places >= 1) & (places <= (248, 198)), axis=3)
    beyond = np.any((places < -1) | (places > (250, 200)), axis=3)
    assert inside.any()
    assert beyond.any()
    got = colours[:, :2].transpose(0, 2, 3, 1) * 255
    # Half a grey level of rounding, and OpenCV's 1/32 px steps.
    assert np.abs(got - places)[inside].max() < 0.55
    assert np.abs(colours.transpose(0, 2, 3, 1)[beyond]).max() < 1e-6


def test_crops_are_written_into_a_part_of_a_batch() -> None:
    batch = np.full((4, 3, 256, 192), 7, np.float32)
    regions = surround(some_boxes(2), (192, 256))
    write_crops(picture(300, 200), regions, batch[1:3], decode="default")
    assert (batch[[0, 3]] == 7).all()
    assert (batch[1:3] != 7).all()
    write_crops(picture(300, 200), surround(np.zeros((0, 4)), (192, 256)), batch[:0], decode="dark")


@pytest.mark.parametrize("shape", [(1, 3, 256, 192), (2, 4, 256, 192), (2, 3, 256)])
def test_a_batch_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    regions = surround(some_boxes(2), (192, 256))
    with pytest.raises(ValueError, match="batch must be contiguous"):
        write_crops(picture(300, 200), regions, np.empty(shape, np.float32), decode="default")


def test_a_batch_that_is_not_contiguous_is_refused() -> None:
    regions = surround(some_boxes(2), (192, 256))
    batch = np.empty((2, 256, 192, 3), np.float32).transpose(0, 3, 1, 2)
    with pytest.raises(ValueError, match="batch must be contiguous"):
        write_crops(picture(300, 200), regions, batch, decode="default")


# --- decoding


def positions(margin_px: float) -> st.SearchStrategy[tuple[tuple[int, int], Array]]:
    """A heatmap's size, and points in it that keep so far from the outer edges of its pixels."""
    unit = st.floats(0, 1)
    return st.tuples(st.sampled_from(HEATMAPS), unit, unit).map(
        lambda s: (
            s[0],
            np.array([s[1], s[2]]) * (np.array(s[0]) - 0.02 - 2 * margin_px) - 0.49 + margin_px,
        )
    )


def error_px(size_wh: tuple[int, int], xy: Array, encoded: Decode, decode: Decode) -> float:
    maps = encode_heatmaps(xy[None, None], size_wh, decode=encoded)
    got, score = decode_heatmaps(maps, decode=decode)
    assert 0.5 < score[0, 0] <= 1
    return float(np.abs(got[0, 0] - xy).max())


@given(where=positions(0))
def test_default_decoding_of_its_own_targets_is_within_half_a_pixel(where: Any) -> None:
    assert error_px(*where, "default", "default") <= 0.5 + 1e-5


@given(where=positions(2))
def test_default_decoding_of_exact_gaussians_is_within_a_quarter(where: Any) -> None:
    assert error_px(*where, "dark", "default") <= 0.25 + 1e-5


@given(where=positions(9.5))
@pytest.mark.parametrize("encoded", ["dark", "udp"])
@pytest.mark.parametrize("decode", ["dark", "udp"])
def test_dark_and_udp_are_exact_away_from_the_border(
    decode: Decode, encoded: Decode, where: Any
) -> None:
    """Three sigmas away: to a thousandth of a pixel."""
    assert error_px(*where, encoded, decode) <= 1e-3


@given(where=positions(0))
@pytest.mark.parametrize(("decode", "bound_px"), [("default", 0.5), ("dark", 1.0), ("udp", 1.5)])
def test_at_the_border_each_method_has_its_bound(
    decode: Decode, bound_px: float, where: Any
) -> None:
    """What is beyond the border is black to the blur, and pulls the peak inwards."""
    (size_wh, xy) = where
    bound_px = bound_px if size_wh == (72, 96) else max(0.5, bound_px - 0.5)
    assert error_px(size_wh, xy, "dark", decode) <= bound_px + 1e-5


@pytest.mark.parametrize("size_wh", HEATMAPS)
@pytest.mark.parametrize("seed", range(4))
def test_decoding_many_at_once_is_decoding_each_alone(size_wh: tuple[int, int], seed: int) -> None:
    maps = noisy_maps(size_wh, seed=seed)
    kernel = KERNEL_PX[size_wh]
    loops = {
        "default": reference.decode_default,
        "dark": lambda m: reference.decode_dark(m, kernel),
        "udp": lambda m: reference.decode_udp(m, kernel),
    }
    for decode in METHODS:
        got, score = decode_heatmaps(maps, decode=decode)
        want = np.array([[loops[decode](m) for m in person] for person in maps])
        np.testing.assert_allclose(got, want, atol=2e-3, rtol=1e-4)
        np.testing.assert_array_equal(score, np.minimum(maps.max(axis=(2, 3)), 1))


@pytest.mark.parametrize("decode", METHODS)
def test_decoding_does_not_change_the_heatmaps(decode: Decode) -> None:
    maps = noisy_maps((48, 64))
    before = maps.copy()
    decode_heatmaps(maps, decode=decode)
    np.testing.assert_array_equal(maps, before)


@pytest.mark.parametrize("decode", METHODS)
def test_a_map_without_a_peak_above_zero_has_no_position(decode: Decode) -> None:
    maps = np.zeros((1, 4, 64, 48), np.float32)
    maps[0, 1] -= 0.5
    maps[0, 2] = np.nan
    maps[0, 3, 20, 10] = 2.5
    xy, score = decode_heatmaps(maps, decode=decode)
    assert np.isnan(xy[0, :3]).all()
    np.testing.assert_array_equal(score[0], [0, 0, 0, 1])
    np.testing.assert_allclose(xy[0, 3], [10, 20], atol=1e-3)


@pytest.mark.parametrize("decode", METHODS)
def test_nobody_is_decoded_to_nobody(decode: Decode) -> None:
    xy, score = decode_heatmaps(np.zeros((0, 17, 64, 48), np.float32), decode=decode)
    assert xy.shape == (0, 17, 2)
    assert score.shape == (0, 17)


def test_a_flat_map_has_a_position_and_no_shift() -> None:
    for decode in METHODS:
        maps = np.full((1, 1, 64, 48), 0.3, np.float32)
        xy, _ = decode_heatmaps(maps, decode=decode)
        assert np.isfinite(xy).all()
        assert xy[0, 0].max() < 3


@given(where=positions(0))
def test_targets_are_the_published_ones(where: Any) -> None:
    size_wh, xy = where
    sigma = training_sigma_px(size_wh)
    x, y = np.meshgrid(np.arange(size_wh[0]), np.arange(size_wh[1]))

    def gaussian(centre: Array) -> Array:
        return np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * sigma**2))

    middle = np.floor(xy + 0.5)
    near = (np.abs(x - middle[0]) <= 3 * sigma) & (np.abs(y - middle[1]) <= 3 * sigma)
    wants = {"dark": gaussian(xy), "udp": gaussian(xy) * near, "default": gaussian(middle) * near}
    for decode in METHODS:
        got = encode_heatmaps(xy[None, None], size_wh, decode=decode)[0, 0]
        np.testing.assert_allclose(got, wants[decode], atol=1e-6)


def test_a_missing_keypoint_has_an_empty_target() -> None:
    xy = np.array([[[10, 10], [np.nan, np.nan]]])
    for decode in METHODS:
        maps = encode_heatmaps(xy, (48, 64), decode=decode)
        assert maps[0, 0].max() > 0.9
        assert (maps[0, 1] == 0).all()


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
    bound_px = (0.5 if decode == "default" else 0.15) * size_wh[0, 0] / 47 + 1e-3
    inside = np.all((xy >= -0.5) & (xy <= (999.5, 799.5)))
    near = np.all((xy >= -0.5 - bound_px) & (xy <= np.array((999.5, 799.5)) + bound_px))
    if np.isfinite(got).all():
        assert near
        assert np.abs(got - xy).max() <= bound_px
        assert score[0, 0] > 0.8
    else:
        # It lies outside, or so close to the edge that it may be taken for it.
        shrunk = np.all((xy >= -0.5 + bound_px) & (xy <= np.array((999.5, 799.5)) - bound_px))
        assert not (inside and shrunk)
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
