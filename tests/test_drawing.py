from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.drawing import LEFT_RGB, MIDLINE_RGB, RIGHT_RGB, TRACK_RGB, draw
from kinetrace.labels import draw_label
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import BLAZEPOSE33, COCO17

BAR = Skeleton(name="bar", keypoints=("left_a", "left_b"), edges=(("left_a", "left_b"),))
GREY = 128


def picture(width: int = 800, height: int = 640, level: int = GREY) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), level, dtype=np.uint8)


def pose(skeleton: Skeleton, xy: Any, score: Any = 1.0, **more: Any) -> Poses:
    """One frame with one person, or with as many as `xy` has."""
    points = np.asarray(xy, dtype=float).reshape(-1, len(skeleton), 2)
    scores = np.broadcast_to(np.asarray(score, dtype=float), points.shape[:2])
    return Poses(
        skeleton=skeleton,
        frame_time_s=[0.0],  # type: ignore[arg-type]
        frame=np.zeros(len(points), dtype=int),
        xy=points,
        score=np.where(np.isnan(points).any(axis=2), 0, scores),
        **more,
    )


def changed(image: npt.NDArray[np.uint8], drawn: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    difference: npt.NDArray[np.bool_] = (image != drawn).any(axis=2)
    return difference


@pytest.mark.parametrize("offset", [0.0, 0.2, 0.5, 0.8])
def test_a_line_lies_on_its_keypoints_to_a_fraction_of_a_pixel(offset: float) -> None:
    image = picture(level=0)
    y = 70 + offset
    drawn = draw(image, pose(BAR, [(20, y), (780, y)]), boxes=False)
    profile = drawn[:, 100].sum(axis=1, dtype=float)  # on black, the halo is not seen
    assert (profile * np.arange(len(profile))).sum() / profile.sum() == pytest.approx(y, abs=0.2)


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.6])
def test_a_keypoint_lies_where_it_is_said_to_be(offset: float) -> None:
    image = picture(level=0)
    skeleton = Skeleton(name="one", keypoints=("nose",))
    at = (60 + offset, 90 - offset)
    drawn = draw(image, pose(skeleton, [at]), boxes=False).sum(axis=2, dtype=float)
    y, x = np.mgrid[: drawn.shape[0], : drawn.shape[1]]
    centre = ((drawn * x).sum() / drawn.sum(), (drawn * y).sum() / drawn.sum())
    assert centre == pytest.approx(at, abs=0.1)


def test_nothing_else_is_touched_and_the_input_stays() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (160, 200, 3), dtype=np.uint8)
    before = image.copy()
    drawn = draw(image, pose(BAR, [(60, 70), (120, 70)]), boxes=False)
    assert np.array_equal(image, before)
    assert not np.shares_memory(image, drawn)
    y, x = np.nonzero(changed(image, drawn))
    assert len(y)
    assert (y.min(), y.max()) >= (62, 62)
    assert y.max() <= 78
    assert x.min() >= 52
    assert x.max() <= 128


@pytest.mark.parametrize("view", ["flipped", "transposed", "read-only"])
def test_any_memory_layout_is_taken(view: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)
    other = {"flipped": image[:, ::-1], "transposed": image.transpose(1, 0, 2), "read-only": image}
    shown = other[view]
    if view == "read-only":
        shown.flags.writeable = False
    poses = pose(BAR, [(60, 70), (120, 70)])
    assert np.array_equal(draw(shown, poses), draw(np.ascontiguousarray(shown).copy(), poses))


def test_opacity_is_the_score() -> None:
    """At a line's middle the picture is mixed with the line's colour in that proportion."""
    for score in (0.1, 0.35, 0.7, 1.0):
        poses = pose(BAR, [(20, 70), (780, 70)], score)
        for level in (0, 255):
            mixed = draw(picture(level=level), poses, boxes=False)[70, 100]
            expected = score * np.array(LEFT_RGB) + (1 - score) * level
            assert mixed == pytest.approx(expected, abs=2)


def test_a_line_is_as_opaque_as_its_fainter_end() -> None:
    drawn = draw(picture(level=0), pose(BAR, [(20, 70), (780, 70)], [[1.0, 0.25]]), boxes=False)
    assert drawn[70, 100] == pytest.approx(0.25 * np.array(LEFT_RGB), abs=2)


def test_crossing_strokes_of_a_person_do_not_add_up() -> None:
    cross = Skeleton(
        name="cross",
        keypoints=("left_a", "left_b", "left_c", "left_d"),
        edges=(("left_a", "left_b"), ("left_c", "left_d")),
    )
    poses = pose(cross, [(20, 70), (780, 70), (100, 20), (100, 600)], 0.5)
    drawn = draw(picture(level=0), poses, boxes=False)
    assert np.array_equal(drawn[70, 100], drawn[70, 300])


def test_a_missing_keypoint_takes_its_lines_along() -> None:
    image = picture()
    alone = pose(BAR, [(60, 70), (np.nan, np.nan)])
    drawn = draw(image, alone, boxes=False)
    _, x = np.nonzero(changed(image, drawn))
    assert 50 < x.min() <= 60 <= x.max() < 70
    nobody_visible = pose(BAR, [(np.nan, np.nan)] * 2)
    assert np.array_equal(draw(image, nobody_visible), image)


def test_half_a_point_is_no_point() -> None:
    image = picture()
    poses = pose(BAR, [(60, np.nan), (np.nan, 70)])
    assert np.array_equal(draw(image, poses, boxes=False), image)


def test_sides_have_their_colours() -> None:
    skeleton = Skeleton(
        name="t",
        keypoints=("left_a", "left_b", "right_a", "right_b", "nose"),
        edges=(
            ("left_a", "left_b"),
            ("right_a", "right_b"),
            ("left_a", "right_a"),
            ("nose", "right_b"),
        ),
    )
    poses = pose(skeleton, [(600, 120), (600, 520), (200, 120), (200, 520), (400, 520)])
    drawn = draw(picture(), poses, boxes=False)
    assert tuple(drawn[320, 600]) == LEFT_RGB
    assert tuple(drawn[320, 200]) == RIGHT_RGB
    assert tuple(drawn[120, 400]) == MIDLINE_RGB
    assert tuple(drawn[520, 300]) == RIGHT_RGB  # from the midline to the right is right
    assert tuple(drawn[520, 400]) == MIDLINE_RGB


def test_a_mirrored_person_gets_a_mirrored_drawing() -> None:
    """In a mirror the left arm is a right arm: the same strokes, flipped, in the other colour."""
    limbs = Skeleton(
        name="limbs",
        keypoints=("left_a", "right_a", "left_b", "right_b", "left_c", "right_c"),
        edges=tuple((f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in ("ab", "bc")),
    )
    # The sides apart, for where they cross, one hides the other.
    left = [(520.3, 80.1), (700.6, 300.4), (470.2, 520.9)]
    right = [(300.4, 60.6), (260.5, 333.3), (40.1, 571.8)]
    xy = np.stack([left, right], axis=1).reshape(6, 2)
    flipped = np.stack([799 - xy[:, 0], xy[:, 1]], axis=1)
    there = draw(picture(level=0), pose(limbs, xy), boxes=False)
    back = draw(picture(level=0), pose(limbs, flipped[list(limbs.mirror)]), boxes=False)[:, ::-1]

    def coverage(image: npt.NDArray[np.uint8], rgb: tuple[int, int, int]) -> Any:
        """How much of each pixel a colour covers, by its blue minus red: the sides differ in it."""
        return ((image[..., 2].astype(float) - image[..., 0]) / (rgb[2] - rgb[0])).clip(0, 1)

    for here, other in ((LEFT_RGB, RIGHT_RGB), (RIGHT_RGB, LEFT_RGB)):
        strokes = [coverage(there, here), coverage(back, other)]
        assert strokes[0].sum() > 1000
        assert strokes[0].sum() == pytest.approx(strokes[1].sum(), rel=0.03)
        for axis in (0, 1):
            centres = [np.average(np.indices(at.shape)[axis], weights=at) for at in strokes]
            assert centres[0] == pytest.approx(centres[1], abs=2)


def test_sizes_follow_the_picture() -> None:
    """At five times the size the line is five times as wide."""
    widths = []
    for scale in (4, 20):
        image = picture(200 * scale, 160 * scale, level=0)
        xy = np.array([(20, 70), (180, 70)]) * scale
        profile = draw(image, pose(BAR, xy), boxes=False)[:, 100 * scale].sum(axis=1, dtype=float)
        widths.append(profile.sum() / profile.max())
    assert widths[1] / widths[0] == pytest.approx(5, rel=0.15)


def test_boxes_and_ids_can_be_left_out() -> None:
    poses = pose(BAR, [(60, 70), (120, 70)], bbox_xyxy=[(40, 40, 150, 110)], track_id=[3])
    image = picture()
    plain = draw(image, poses, boxes=False, ids=False)
    assert not changed(image, plain)[100:].any()
    boxed = draw(image, poses, ids=False)
    assert changed(image, boxed)[110, 41:150].all()
    assert not changed(image, boxed)[:30].any()
    named = draw(image, poses)
    assert changed(boxed, named)[30:40, 40:50].any()


def test_tracks_have_their_own_colours_and_the_untracked_a_neutral_one() -> None:
    box = [(20.0, 40.0, 700.0, 420.0)]
    far = [(np.nan, np.nan)] * 2
    seen = set()
    for track in (*range(len(TRACK_RGB)), -1):
        poses = pose(BAR, far, bbox_xyxy=box, track_id=[track])
        seen.add(tuple(draw(picture(), poses, ids=False)[80, 20]))
    assert len(seen) == len(TRACK_RGB) + 1


def test_no_id_is_written_for_the_untracked() -> None:
    poses = pose(BAR, [(60, 70), (120, 70)])
    assert np.array_equal(draw(picture(), poses, ids=True), draw(picture(), poses, ids=False))


@pytest.mark.parametrize("rgb", [*TRACK_RGB, (0, 0, 0), (255, 255, 255)])
def test_a_label_has_contrast_on_every_plate(rgb: tuple[int, int, int]) -> None:
    """Ink and plate differ by at least 3 : 1, what WCAG 2.1 (1.4.11) asks of graphics."""
    canvas = picture(level=77)
    draw_label(canvas, "88", left_px=20, top_px=20, rgb=rgb, height_px=60)
    plate = canvas[20:80, 20:60].reshape(-1, 3) / 255
    luminance = np.where(plate <= 0.04045, plate / 12.92, ((plate + 0.055) / 1.055) ** 2.4)
    luminance = luminance @ (0.2126, 0.7152, 0.0722)
    assert (luminance.max() + 0.05) / (luminance.min() + 0.05) >= 3


def test_a_label_stays_in_the_picture() -> None:
    for left, top in ((-50, -50), (790, 630), (1e4, 1e4)):
        canvas = picture()
        draw_label(canvas, "12", left_px=left, top_px=top, rgb=(9, 9, 9), height_px=20)
        y, _ = np.nonzero((canvas == 9).all(axis=2))
        assert y.max() - y.min() == 19


def test_a_skeleton_without_edges_shows_its_points() -> None:
    dots = Skeleton(name="dots", keypoints=("nose", "left_eye"))
    drawn = draw(picture(), pose(dots, [(50, 50), (150, 50)]), boxes=False)
    assert tuple(drawn[50, 50]) == MIDLINE_RGB
    assert tuple(drawn[50, 150]) == LEFT_RGB


def test_nobody_is_a_copy() -> None:
    image = picture()
    drawn = draw(image, pose(COCO17, np.zeros((0, 17, 2))))
    assert np.array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


def test_a_line_that_leaves_the_picture_keeps_its_direction() -> None:
    drawn = draw(picture(level=0), pose(BAR, [(100, 80), (8100, 80 + 1600)]), boxes=False)
    profile = drawn[:, 180].sum(axis=1, dtype=float)
    centre = (profile * np.arange(640)).sum() / profile.sum()
    assert centre == pytest.approx(80 + (180 - 100) / 5, abs=0.3)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=True, width=32),
            st.one_of(st.floats(-300, 500, width=32), st.just(float("nan"))),
        ),
        min_size=33,
        max_size=33,
    ),
    st.integers(1, 70),
    st.integers(1, 70),
)
def test_no_position_crashes(xy: list[tuple[float, float]], width: int, height: int) -> None:
    poses = pose(BLAZEPOSE33, xy, 0.5, track_id=[4], bbox_xyxy=[(-1e30, 0, np.inf, 50)])
    image = picture(width, height)
    assert draw(image, poses).shape == image.shape
    assert draw(image, dataclasses.replace(poses, bbox_xyxy=[(-90, -90, 900, 900)])).size


@pytest.mark.parametrize("frames", [0, 2])
def test_it_needs_exactly_one_frame(frames: int) -> None:
    nobody = pose(BAR, np.zeros((0, 2, 2)))
    poses = dataclasses.replace(
        nobody, frame_time_s=np.zeros(frames), frame_index=np.arange(frames)
    )
    with pytest.raises(ValueError, match=f"exactly 1 frame, got {frames}"):
        draw(picture(), poses)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4)])
def test_it_needs_rgb(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="uint8 image"):
        draw(np.zeros(shape, dtype=np.uint8), pose(BAR, [(1, 1), (2, 2)]))
    with pytest.raises(ValueError, match="float64"):
        draw(np.zeros((10, 10, 3)), pose(BAR, [(1, 1), (2, 2)]))  # type: ignore[arg-type]
