from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference_topdown as reference
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.topdown import Decode, Regions, surround, to_grid, to_image, write_crops

Array = npt.NDArray[Any]
METHODS: tuple[Decode, ...] = ("default", "dark", "udp")
INPUTS = ((192, 256), (288, 384))
HEATMAPS = ((48, 64), (72, 96))

boxes = st.tuples(
    st.floats(-500, 5000), st.floats(-500, 5000), st.floats(1, 4000), st.floats(1, 4000)
).map(lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]]))


def some_boxes(n: int, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    corner = random.uniform(-50, 900, (n, 2))
    return np.concatenate([corner, corner + random.uniform(5, 700, (n, 2))], axis=1)


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
