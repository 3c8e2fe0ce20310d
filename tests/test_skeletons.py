from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinetrace.poses import Skeleton
from kinetrace.skeletons import (
    BLAZEPOSE33,
    BODY25,
    COCO17,
    COCO18,
    SKELETONS,
    skeleton_of,
    with_hands,
)

each = pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)


@each
def test_mirroring_twice_changes_nothing(skeleton: Skeleton) -> None:
    mirror = skeleton.mirror
    assert [mirror[i] for i in mirror] == list(range(len(skeleton)))
    for name, other in zip(skeleton.keypoints, mirror, strict=True):
        partner = skeleton.keypoints[other]
        assert partner.startswith("left_") == name.startswith("right_")


@each
def test_every_side_has_its_partner(skeleton: Skeleton) -> None:
    alone = {n for i, n in enumerate(skeleton.keypoints) if skeleton.mirror[i] == i}
    assert alone == {"nose", "neck", "mid_hip"} & set(skeleton.keypoints)


@each
def test_the_edges_are_the_same_on_both_sides(skeleton: Skeleton) -> None:
    edges = {frozenset(edge) for edge in skeleton.edge_indices}
    assert {frozenset(skeleton.mirror[i] for i in edge) for edge in edges} == edges
    assert len(edges) == len(skeleton.edges)
    assert all(len(edge) == 2 for edge in edges)


@each
def test_every_keypoint_is_on_an_edge(skeleton: Skeleton) -> None:
    ends = {end for edge in skeleton.edge_indices for end in edge}
    assert ends == set(range(len(skeleton)))


def test_sigmas_are_those_of_coco() -> None:
    evaluation = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools is not installed")
    assert COCO17.sigmas == pytest.approx(evaluation.Params("keypoints").kpt_oks_sigmas)
    for i, j in enumerate(COCO17.mirror):
        assert COCO17.sigmas[i] == COCO17.sigmas[j]


@pytest.mark.shared
def test_the_order_of_coco(shared: Path) -> None:
    values = json.loads((shared / "data" / "coco_ccby" / "person_keypoints.json").read_text())
    assert list(COCO17.keypoints) == values["categories"][0]["keypoints"]


def test_the_edges_of_mediapipe() -> None:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    from mediapipe.tasks.python.vision.pose_landmarker import PoseLandmarksConnections

    # The package numbers its landmarks and names none: its edges are what pins the order.
    theirs = {frozenset((c.start, c.end)) for c in PoseLandmarksConnections.POSE_LANDMARKS}
    ours = {frozenset(edge) for edge in BLAZEPOSE33.edge_indices}
    assert ours == theirs
    numbers = {"nose": 0, "left_shoulder": 11, "right_wrist": 16, "left_heel": 29}
    assert {name: BLAZEPOSE33.index(name) for name in numbers} == numbers


def test_the_order_of_openpose() -> None:
    """As its documentation numbers its output (02_output.md)."""
    numbers = {"nose": 0, "neck": 1, "right_wrist": 4, "mid_hip": 8, "left_ankle": 14}
    assert {name: BODY25.index(name) for name in numbers} == numbers
    toes = {"left_ear": 18, "left_big_toe": 19, "left_heel": 21, "right_heel": 24}
    assert {name: BODY25.index(name) for name in toes} == toes
    coco = {"left_shoulder": 5, "right_hip": 8, "left_ankle": 13, "right_eye": 14, "left_ear": 17}
    assert {name: COCO18.index(name) for name in coco} == coco
    hands = with_hands(BODY25)
    tips = {
        "left_hand_root": 25,
        "left_thumb4": 29,
        "right_hand_root": 46,
        "right_pinky_finger4": 66,
    }
    assert {name: hands.index(name) for name in tips} == tips


def test_a_skeleton_is_found_by_its_keypoints() -> None:
    for skeleton in SKELETONS:
        assert skeleton_of(skeleton.keypoints) is skeleton
    made = skeleton_of(("hub", "rim"))
    assert (made.name, made.keypoints, made.edges, made.sigmas) == (
        "custom",
        ("hub", "rim"),
        (),
        (),
    )
    assert skeleton_of(COCO17.keypoints[::-1]).name == "custom"
