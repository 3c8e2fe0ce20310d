from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from kinetrace.errors import SourceError
from kinetrace.frames.images import read_image
from kinetrace.frames.sources import open_frames

GRADIENT = np.linspace(0, 255, 40 * 30 * 3).reshape(30, 40, 3).round().astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp", ".webp"])
def test_lossless_formats_come_back_exactly(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(GRADIENT).save(path, lossless=True)
    assert np.array_equal(read_image(path), GRADIENT)


def test_jpeg_comes_back_closely(tmp_path):
    Image.fromarray(GRADIENT).save(tmp_path / "photo.jpg", quality=98, subsampling=0)
    error = np.abs(read_image(tmp_path / "photo.jpg").astype(int) - GRADIENT)
    assert error.max() <= 6


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255  # white in the top-left quarter only, once upright
    # How the stored picture is turned into the upright one (EXIF 2.3, tag 0x0112), undone.
    stored = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"phone{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    image = read_image(path)
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).max() < 30


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_grey_keeps_its_range(tmp_path, suffix):
    grey = np.array([[0, 257, 32896], [65535, 128, 129]], np.uint16)
    Image.fromarray(grey).save(tmp_path / f"xray{suffix}")
    image = read_image(tmp_path / f"xray{suffix}")
    assert np.array_equal(image[..., 0], [[0, 1, 128], [255, 0, 1]])
    assert np.array_equal(image[..., 0], image[..., 2])


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_colour(tmp_path, suffix):
    import cv2

    deep = GRADIENT.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / f"deep{suffix}"), deep[..., ::-1])
    error = np.abs(read_image(tmp_path / f"deep{suffix}").astype(int) - GRADIENT)
    assert error.max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    black_and_white = Image.fromarray(np.repeat([[0, 255]], 4, 0).astype(np.uint8).repeat(4, 1))
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    black_and_white.convert("RGB" if mode == "P" else "L").convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (4, 8, 3)
    assert image[:, :4].max() < 10
    assert image[:, 4:].min() > 245


def test_what_is_transparent_is_white(tmp_path):
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    rgba[0, 1] = (0, 0, 0, 128)
    Image.fromarray(rgba).save(tmp_path / "cut_out.png")
    image = read_image(tmp_path / "cut_out.png")
    assert image[0, 0].tolist() == [10, 20, 30]
    assert image[0, 1].tolist() == [127, 127, 127]
    assert image[1, 1].tolist() == [255, 255, 255]


def test_one_pixel_is_an_image(tmp_path):
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    assert read_image(tmp_path / "dot.png").tolist() == [[[1, 2, 3]]]


def test_a_very_large_image_is_read_and_a_huge_one_refused(tmp_path):
    Image.new("1", (12_000, 9_000)).save(tmp_path / "large.png")
    assert read_image(tmp_path / "large.png").shape == (9_000, 12_000, 3)
    Image.new("1", (17_000, 15_000)).save(tmp_path / "huge.png")
    with pytest.raises(SourceError, match="huge.png"):
        read_image(tmp_path / "huge.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
def test_a_truncated_image_is_one_clear_error(tmp_path, suffix, share):
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(GRADIENT).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SourceError, match="cut"):
        list(open_frames(path))


def test_a_folder_is_read_in_natural_order(tmp_path):
    for number in (10, 9, 1):
        Image.new("L", (4, 4), number).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    with open_frames(tmp_path) as frames:
        assert [f.name for f in frames] == ["frame1.png", "frame9.png", "frame10.png"]
    with open_frames(str(tmp_path / "frame1*.png"), fps=10) as frames:
        assert [(f.name, f.time_s) for f in frames] == [("frame1.png", 0), ("frame10.png", 0.1)]
