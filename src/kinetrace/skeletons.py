"""The skeletons that the backends and other tools speak, as data.

A sigma is the standard deviation of a human annotator at that keypoint, relative to the person's
size: the constants of Object Keypoint Similarity (COCO keypoint evaluation, cocodataset.org).
"""

from __future__ import annotations

from itertools import pairwise

from kinetrace.poses import Skeleton

COCO17 = Skeleton(
    name="coco17",
    keypoints=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    edges=(
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("left_shoulder", "right_shoulder"),
        ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("left_hip", "right_hip"),
        ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"),
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
    ),
    sigmas=(
        *(0.026, 0.025, 0.025, 0.035, 0.035),
        *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
        *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ),
)

# The names and the order of MediaPipe's Pose Landmarker; it publishes no sigmas.
BLAZEPOSE33 = Skeleton(
    name="blazepose33",
    keypoints=(
        "nose",
        "left_eye_inner",
        "left_eye",
        "left_eye_outer",
        "right_eye_inner",
        "right_eye",
        "right_eye_outer",
        "left_ear",
        "right_ear",
        "left_mouth",
        "right_mouth",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_pinky",
        "right_pinky",
        "left_index",
        "right_index",
        "left_thumb",
        "right_thumb",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
        "left_heel",
        "right_heel",
        "left_foot_index",
        "right_foot_index",
    ),
    edges=(
        ("nose", "left_eye_inner"),
        ("left_eye_inner", "left_eye"),
        ("left_eye", "left_eye_outer"),
        ("left_eye_outer", "left_ear"),
        ("nose", "right_eye_inner"),
        ("right_eye_inner", "right_eye"),
        ("right_eye", "right_eye_outer"),
        ("right_eye_outer", "right_ear"),
        ("left_mouth", "right_mouth"),
        ("left_shoulder", "right_shoulder"),
        ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
        ("left_wrist", "left_pinky"),
        ("left_wrist", "left_index"),
        ("left_wrist", "left_thumb"),
        ("left_pinky", "left_index"),
        ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"),
        ("right_wrist", "right_pinky"),
        ("right_wrist", "right_index"),
        ("right_wrist", "right_thumb"),
        ("right_pinky", "right_index"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("left_hip", "right_hip"),
        ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"),
        ("left_ankle", "left_heel"),
        ("left_heel", "left_foot_index"),
        ("left_ankle", "left_foot_index"),
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
        ("right_ankle", "right_heel"),
        ("right_heel", "right_foot_index"),
        ("right_ankle", "right_foot_index"),
    ),
)

_ARMS_AND_HEAD = (
    ("nose", "neck"),
    ("nose", "right_eye"),
    ("nose", "left_eye"),
    ("right_eye", "right_ear"),
    ("left_eye", "left_ear"),
    ("neck", "right_shoulder"),
    ("neck", "left_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("left_shoulder", "left_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_elbow", "left_wrist"),
)
_LEGS = (
    ("right_hip", "right_knee"),
    ("left_hip", "left_knee"),
    ("right_knee", "right_ankle"),
    ("left_knee", "left_ankle"),
)

# The order of OpenPose's output (Cao et al., PAMI 2021); it publishes no sigmas. Its neck and its
# middle of the hips are the midpoints of the shoulders and of the hips.
COCO18 = Skeleton(
    name="coco18",
    keypoints=(
        *("nose", "neck"),
        *("right_shoulder", "right_elbow", "right_wrist"),
        *("left_shoulder", "left_elbow", "left_wrist"),
        *("right_hip", "right_knee", "right_ankle"),
        *("left_hip", "left_knee", "left_ankle"),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
    ),
    edges=(*_ARMS_AND_HEAD, ("neck", "right_hip"), ("neck", "left_hip"), *_LEGS),
)
BODY25 = Skeleton(
    name="body25",
    keypoints=(
        *("nose", "neck"),
        *("right_shoulder", "right_elbow", "right_wrist"),
        *("left_shoulder", "left_elbow", "left_wrist"),
        *("mid_hip", "right_hip", "right_knee", "right_ankle"),
        *("left_hip", "left_knee", "left_ankle"),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
        *("left_big_toe", "left_small_toe", "left_heel"),
        *("right_big_toe", "right_small_toe", "right_heel"),
    ),
    edges=(
        *(*_ARMS_AND_HEAD, *_LEGS),
        *(("neck", "mid_hip"), ("mid_hip", "right_hip"), ("mid_hip", "left_hip")),
        *((f"{side}_ankle", f"{side}_heel") for side in ("left", "right")),
        *((f"{side}_ankle", f"{side}_big_toe") for side in ("left", "right")),
        *((f"{side}_big_toe", f"{side}_small_toe") for side in ("left", "right")),
    ),
)

# The 21 points of a hand, without its side, as COCO-WholeBody names them (Jin et al., ECCV 2020).
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
HAND = ("hand_root", *(f"{finger}{i}" for finger in _FINGERS for i in (1, 2, 3, 4)))


def with_hands(skeleton: Skeleton) -> Skeleton:
    """Return a skeleton with the 21 points of the left hand and then of the right one."""
    sides = ("left", "right")
    chains = [("hand_root", *(f"{finger}{i}" for i in (1, 2, 3, 4))) for finger in _FINGERS]
    return Skeleton(
        name=f"{skeleton.name}-hands",
        keypoints=(*skeleton.keypoints, *(f"{side}_{name}" for side in sides for name in HAND)),
        edges=(
            *skeleton.edges,
            *((f"{side}_wrist", f"{side}_hand_root") for side in sides),
            *(
                (f"{side}_{a}", f"{side}_{b}")
                for side in sides
                for chain in chains
                for a, b in pairwise(chain)
            ),
        ),
    )


SKELETONS = (COCO17, BLAZEPOSE33, COCO18, BODY25, with_hands(COCO18), with_hands(BODY25))


def skeleton_of(keypoints: tuple[str, ...]) -> Skeleton:
    """Find the known skeleton with exactly these keypoints, or make a bare one of them.

    Parameters
    ----------
    keypoints
        Names, in the order of the columns that they come from.

    Returns
    -------
    Skeleton
        One of `SKELETONS`, else one named ``custom`` without edges and sigmas.
    """
    for skeleton in SKELETONS:
        if skeleton.keypoints == keypoints:
            return skeleton
    return Skeleton(name="custom", keypoints=keypoints)
