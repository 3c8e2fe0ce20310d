from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from format_cases import sample
from hypothesis import given, settings
from some_poses import FACE, any_poses, assert_same_people, make_poses

from kinetrace import formats, interchange
from kinetrace.errors import FormatError
from kinetrace.poses import Poses, bounds
from kinetrace.skeletons import COCO17


def as_dense(poses: Poses) -> Poses:
    """What an array over individuals can tell: ids that are one person's, and nobody unseen."""
    within = np.arange(len(poses)) - np.searchsorted(poses.frame, poses.frame)
    known = np.isfinite(poses.xy).any(axis=(1, 2))
    return dataclasses.replace(
        poses,
        track_id=within,
        bbox_xyxy=bounds(poses.xy),
        bbox_score=None,
        frame_name=None,
        xyz_m=poses.xyz_m,
    ).rows(known)


@settings(max_examples=60, deadline=None)
@given(poses=any_poses())
def test_arrays_and_back(poses: Poses) -> None:
    poses = as_dense(dataclasses.replace(poses, frame_index=None))
    arrays = interchange.to_numpy(poses)
    t, p, k = len(poses.frame_time_s), len(arrays.individuals), len(poses.skeleton)
    assert arrays.xy.shape == (t, p, k, 2)
    assert np.isfinite(arrays.xy).all(axis=3).sum() == np.isfinite(poses.xy).all(axis=2).sum()
    got = interchange.from_numpy(
        arrays.xy,
        arrays.score,
        keypoints=poses.skeleton,
        frame_time_s=arrays.frame_time_s,
        individuals=arrays.individuals,
        xyz_m=arrays.xyz_m,
    )
    assert_same_people(got, poses)


def test_arrays_of_ones_own() -> None:
    xy = np.full((3, 2, 1, 2), np.nan)
    xy[0, 0], xy[0, 1], xy[2, 1] = 1, 2, 3
    poses = interchange.from_numpy(xy, keypoints=["hub"], frame_time_s=np.arange(3) / 30)
    np.testing.assert_array_equal(poses.frame, [0, 0, 2])
    np.testing.assert_array_equal(poses.track_id, [0, 1, 1])
    np.testing.assert_array_equal(poses.score, [[1], [1], [1]])
    named = interchange.from_numpy(
        xy,
        keypoints=["hub"],
        frame_time_s=np.arange(3) / 30,
        individuals=["anna", "person_0"],
    )
    np.testing.assert_array_equal(named.track_id, [1, 0, 0])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"xy": np.zeros((3, 2, 2))}, r"xy must have shape \(T, P, 1, 2\), got \(3, 2, 2\)"),
        ({"score": np.zeros((3, 2))}, r"score must have shape \(3, 2, 1\), got \(3, 2\)"),
        ({"frame_time_s": np.zeros(2)}, r"frame_time_s must have shape \(3,\), got \(2,\)"),
        ({"individuals": ["a"]}, r"individuals must have shape \(2,\), got \(1,\)"),
        ({"xyz_m": np.zeros((3, 2, 1, 2))}, r"xyz_m must have shape \(3, 2, 1, 3\)"),
        ({"score": np.full((3, 2, 1), 1.5)}, "every score must be within 0..1"),
    ],
)
def test_shapes_that_do_not_fit(change: dict[str, np.ndarray], complaint: str) -> None:
    given = {"xy": np.zeros((3, 2, 1, 2)), "keypoints": ["hub"], "frame_time_s": np.zeros(3)}
    with pytest.raises(ValueError, match=complaint):
        interchange.from_numpy(**{**given, **change})


class TestXarray:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("xarray", reason="xarray is not installed")

    @pytest.mark.parametrize("xyz", [False, True])
    def test_there_and_back(self, xyz: bool) -> None:
        poses = as_dense(make_poses((1, 0, 3, 2), xyz=xyz))
        got = interchange.from_xarray(interchange.to_xarray(poses))
        assert_same_people(got, poses)
        assert (got.skeleton, got.size_wh) == (poses.skeleton, poses.size_wh)
        assert (got.source, got.log) == (poses.source, poses.log)

    def test_two_frames_at_one_time(self) -> None:
        poses = dataclasses.replace(as_dense(make_poses((1, 1))), frame_time_s=np.zeros(2))
        assert_same_people(interchange.from_xarray(interchange.to_xarray(poses)), poses)

    def test_what_movement_looks_for(self) -> None:
        poses = dataclasses.replace(sample("movement"), frame_time_s=np.arange(12) * 1001 / 30000)
        dataset = interchange.to_xarray(poses)
        assert dataset["position"].dims == ("time", "space", "keypoints", "individuals")
        assert dataset["confidence"].dims == ("time", "keypoints", "individuals")
        assert dataset.attrs["ds_type"] == "poses"
        assert dataset.attrs["time_unit"] == "seconds"
        assert dataset.attrs["fps"] == pytest.approx(30000 / 1001)
        one = dataset["position"].sel(keypoints="nose", individuals="person_0")
        rows = poses.track_id == 0
        got = one.transpose("time", "space").values[poses.frame[rows]]
        np.testing.assert_array_equal(got, poses.keypoint("nose")[rows])

    def test_movement_itself_takes_it(self) -> None:
        validators = pytest.importorskip(
            "movement.validators.datasets", reason="movement is not installed"
        )
        validators.ValidPosesInputs.validate(interchange.to_xarray(sample("movement")))

    @pytest.mark.parametrize("fps", [25, None])
    def test_a_dataset_of_movement(self, fps: float | None) -> None:
        """As its `ValidPosesInputs.to_dataset` builds one."""
        import xarray

        position = np.random.default_rng(0).uniform(0, 100, (5, 2, 3, 2))
        position[1, :, :, 1] = np.nan
        dims = ("time", "space", "keypoints", "individuals")
        attributes = {"ds_type": "poses", "source_software": None}
        if fps is not None:
            attributes["fps"] = fps
        dataset = xarray.Dataset(
            {
                "position": (dims, position),
                "confidence": ((dims[0], *dims[2:]), np.full((5, 3, 2), np.nan)),
            },
            {
                "time": np.arange(5) if fps is None else np.arange(5) / fps,
                "space": ["x", "y"],
                "keypoints": ["a", "b", "c"],
                "individuals": ["id_0", "id_1"],
            },
            {**attributes, "time_unit": "frames" if fps is None else "seconds"},
        )
        poses = interchange.from_xarray(dataset)
        np.testing.assert_array_equal(poses.frame, [0, 0, 1, 2, 2, 3, 3, 4, 4])
        np.testing.assert_array_equal(poses.frame_index, range(5))
        np.testing.assert_array_equal(
            poses.frame_time_s, np.full(5, np.nan) if fps is None else np.arange(5) / 25
        )
        np.testing.assert_allclose(poses.xy[0], position[0, :, :, 0].T, rtol=1e-6)
        assert (poses.score == 1).all()

    def test_what_is_no_dataset_of_poses(self) -> None:
        dataset = interchange.to_xarray(sample("movement"))
        for wrong, complaint in (
            (dataset.drop_vars("confidence"), "there is no 'confidence'"),
            (dataset.isel(individuals=0), "there is no 'position' over"),
            (dataset.drop_vars("keypoints"), "does not name its keypoints"),
            (dataset.assign_coords(individuals=["a", "a"]), "one of its individuals twice"),
            (dataset.assign_attrs(kinetrace=3), "must be a whole number"),
            (dataset.assign_coords(space=["y", "x"]), "must be x and y in pixels"),
            (dataset.assign(confidence=dataset["confidence"] + 2), "not within 0..1"),
        ):
            with pytest.raises(FormatError, match=complaint):
                interchange.from_xarray(wrong)

    def test_netcdf_3_is_read(self, tmp_path: Path) -> None:
        """Which xarray writes where there is no other package."""
        pytest.importorskip("h5py", reason="h5py is not installed")
        poses = sample("movement")
        dataset = interchange.to_xarray(poses)
        path = tmp_path / "clip.nc"
        dataset.to_netcdf(path, engine="scipy")
        np.testing.assert_array_equal(formats.read(path).xy, poses.xy)
        path.write_bytes(path.read_bytes()[:400])
        with pytest.raises(FormatError, match="it is no netCDF file, or it is damaged"):
            formats.read(path)


class TestSupervision:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("supervision", reason="supervision is not installed")

    def test_there_and_back(self) -> None:
        poses = dataclasses.replace(make_poses((2, 0, 1)), bbox_score=None, frame_index=None)
        frames = [interchange.to_supervision(poses, i) for i in range(3)]
        assert [len(frame) for frame in frames] == [2, 0, 1]
        got = interchange.from_supervision(
            frames, keypoints=COCO17, frame_time_s=poses.frame_time_s
        )
        assert_same_people(got, poses)

    def test_its_annotator_draws_what_is_there_and_only_that(self) -> None:
        import supervision

        xy = np.array([[[20, 30], [np.nan, np.nan], [60, 10]]], dtype=np.float32)
        poses = Poses(
            skeleton=FACE,
            frame_time_s=np.zeros(1),
            frame=np.zeros(1, dtype=np.int64),
            xy=xy,
            score=np.array([[1, 0, 1]]),
        )
        picture = np.zeros((50, 80, 3), dtype=np.uint8)
        annotator = supervision.VertexAnnotator(color=supervision.Color.WHITE, radius=2)
        drawn = annotator.annotate(picture.copy(), interchange.to_supervision(poses, 0)).any(axis=2)
        assert drawn[30, 20]
        assert drawn[10, 60]
        assert not drawn[:5, :5].any()

    def test_without_confidence_everything_placed_counts(self) -> None:
        import supervision

        key_points = supervision.KeyPoints(np.array([[[1.0, 2.0], [0.0, 0.0]]], dtype=np.float32))
        poses = interchange.from_supervision(
            [key_points], keypoints=["a", "b"], frame_time_s=np.zeros(1)
        )
        np.testing.assert_array_equal(poses.score, [[1, 0]])
        assert np.isnan(poses.xy[0, 1]).all()
