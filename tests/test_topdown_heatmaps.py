from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference_topdown as reference
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.topdown import Decode, decode_heatmaps, encode_heatmaps, training_sigma_px

Array = npt.NDArray[Any]
METHODS: tuple[Decode, ...] = ("default", "dark", "udp")
HEATMAPS = ((48, 64), (72, 96))
KERNEL_PX = {(48, 64): 11, (72, 96): 17}


def noisy_maps(size_wh: tuple[int, int], n: int = 6, k: int = 5, seed: int = 0) -> Array:
    """What networks give: peaks of any height anywhere, ripples below zero, plateaus of noise."""
    random = np.random.default_rng(seed)
    xy = random.uniform(-0.49, np.array(size_wh) - 0.51, (n, k, 2))
    height = random.choice([1e-3, 0.02, 0.3, 0.9, 1.2], (n, k, 1, 1))
    maps = encode_heatmaps(xy, size_wh, decode="dark") * height
    noise = random.normal(0, 0.05, maps.shape) * height * random.integers(0, 2, (n, k, 1, 1))
    return (maps + noise).astype(np.float32)


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
