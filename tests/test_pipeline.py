"""Contract of every backend, and the flow from a source to poses."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SHARED
from film import write_cut_film

import kinetrace
from kinetrace import demo, plugins
from kinetrace.errors import PluginError, SourceError, TruncatedError
from kinetrace.estimators import Options
from kinetrace.frames import Frame, open_frames
from kinetrace.pipeline import estimate, estimate_frames, load_estimator, stream

pytestmark = pytest.mark.models

EMPTY = np.full((240, 320, 3), 127, np.uint8)


@pytest.fixture(params=plugins.names("backends"), scope="module")
def backend(request):
    """What `estimate` takes to run a backend here."""
    asked = {"backend": request.param}
    if request.param == "mediapipe":
        pytest.importorskip("mediapipe")
    if request.param == "hrnet":
        pytest.importorskip("onnxruntime")
        if not SHARED.is_dir():
            pytest.skip(f"no model of HRNet's family is here ({SHARED})")
        asked["model"] = str(SHARED / "models/tinypose_256x192.onnx")
        asked["detector_model"] = str(SHARED / "models/rtmdet_nano_person_320.onnx")
    return asked


def made(asked, **options):
    return load_estimator(
        asked["backend"], Options(**{k: v for k, v in asked.items() if k != "backend"}, **options)
    )


@pytest.mark.parametrize("max_people", [1, "all"])
def test_contract_of_a_backend(backend, max_people):
    estimator = made(backend, max_people=max_people)
    two = np.hstack([demo.portrait(), demo.portrait()])
    pictures = [EMPTY, demo.portrait(), two, EMPTY]
    frames = [Frame(image, i, i / 10) for i, image in enumerate(pictures)]
    try:
        assert estimator.batch_size >= 1
        for continuous in (False, True):
            estimator.reset(continuous=continuous)
            parts = [estimator([frame]) for frame in frames]
            assert [len(p.frame_time_s) for p in parts] == [1, 1, 1, 1]
            people = [len(p) for p in parts]
            assert people[0] == 0  # an empty scene has nobody in it
            assert people[1] == 1
            assert people[2] == 1 or (max_people == "all" and people[2] <= 3)
            for poses, frame in zip(parts, frames, strict=True):
                assert poses.skeleton == estimator.skeleton
                assert poses.frame_index.tolist() == [frame.index]
                found = poses.xy[~np.isnan(poses.xy).any(axis=2)]
                assert np.all((found >= 0) & (found <= frame.size_wh))
                assert np.array_equal(np.isnan(poses.xy[..., 0]), np.isnan(poses.xy[..., 1]))
        estimator.reset(continuous=False)
        assert len(estimator(frames).frame_time_s) == 4  # more than batch_size is right, too
        assert dict(estimator.description)["backend"] == backend["backend"]
    finally:
        estimator.close()
        estimator.close()
    with pytest.raises(RuntimeError, match="closed"):
        estimator(frames)


def test_stream_and_estimate_agree(backend, tmp_path):
    demo.write_film(tmp_path / "demo.mp4")
    options = {**backend, "end_s": 0.4}
    streamed = list(stream(tmp_path / "demo.mp4", **options))
    whole = estimate(tmp_path / "demo.mp4", **options, smooth="none")
    assert [f.index for f, _ in streamed] == list(range(12))
    assert np.array_equal(np.concatenate([p.xy for _, p in streamed]), whole.xy, equal_nan=True)
    assert whole.size_wh == demo.SIZE_WH
    assert whole.source == str(tmp_path / "demo.mp4")
    assert whole.log[0]["operation"] == "estimate"
    assert whole.log[0]["version"] == kinetrace.__version__
    assert [p.track_id.tolist() for _, p in streamed] == [[0]] * 12


def test_a_film_is_settled_and_smoothed_and_the_log_says_so(backend, tmp_path):
    demo.write_film(tmp_path / "demo.mp4")
    options = {**backend, "end_s": 0.4}
    raw = estimate(tmp_path / "demo.mp4", **options, smooth="none")
    smoothed = estimate(tmp_path / "demo.mp4", **options)
    assert np.array_equal(smoothed.track_id, raw.track_id)
    moved_px = np.linalg.norm(smoothed.xy - raw.xy, axis=2)
    assert 0 < np.nanmedian(moved_px) < 2
    assert len(smoothed.log) > len(raw.log) > 1
    untouched = estimate(tmp_path / "demo.mp4", **options, track=False)
    assert set(untouched.track_id.tolist()) == {-1}
    assert [entry["operation"] for entry in untouched.log] == ["estimate"]
    assert np.array_equal(untouched.xy, raw.xy, equal_nan=True)


def test_a_stream_is_smoothed_as_it_comes(backend, tmp_path):
    demo.write_film(tmp_path / "demo.mp4")
    options = {**backend, "end_s": 0.4}
    raw = [p.xy for _, p in stream(tmp_path / "demo.mp4", **options)]
    steady = [p.xy for _, p in stream(tmp_path / "demo.mp4", **options, smooth="one-euro")]
    assert np.array_equal(raw[0], steady[0], equal_nan=True)
    assert 0 < np.nanmedian(np.abs(raw[-1] - steady[-1])) < 5


def test_smoothing_needs_ids_and_a_whole_film():
    with pytest.raises(ValueError, match="takes a whole film"):
        next(stream(EMPTY, smooth="butterworth"))
    with pytest.raises(ValueError, match="needs the ids"):
        estimate(EMPTY, track=False, smooth="kalman")


def test_a_stream_can_be_left_early(backend, tmp_path):
    demo.write_film(tmp_path / "demo.mp4")
    for frame, poses in stream(tmp_path / "demo.mp4", **backend):
        assert len(poses.frame_time_s) == 1
        if frame.index == 2:
            break


def test_a_truncated_video_keeps_its_poses(tmp_path):
    path = write_cut_film(tmp_path / "film.mp4", 60)
    with pytest.raises(TruncatedError) as caught:
        estimate(path)
    poses = caught.value.poses
    assert 10 < len(poses.frame_time_s) < 60


def test_nothing_selected_is_an_error(tmp_path):
    demo.write_film(tmp_path / "demo.mp4")
    with pytest.raises(SourceError, match="selected"):
        estimate(tmp_path / "demo.mp4", start_s=100)


def test_frames_of_python_are_estimated(backend):
    poses = estimate([demo.portrait()] * 3, fps=10, **backend)
    assert poses.frame_time_s.tolist() == [0, 0.1, 0.2]
    assert poses.table().shape[0] == len(poses)


def test_estimators_are_reused_over_sources(backend):
    estimator = made(backend)
    for image in (demo.portrait(), EMPTY, demo.portrait()):
        with open_frames(image) as frames:
            ((_, poses),) = estimate_frames(frames, estimator)
        assert len(poses) == int(image is not EMPTY)
    estimator.close()


def test_an_unknown_backend_is_named():
    with pytest.raises(PluginError, match=r"magic.*mediapipe"):
        estimate(EMPTY, backend="magic")


def test_what_the_command_line_can_ask_for_python_can_too():
    """Only what is about files, drawing and the terminal is the command line's alone."""
    import inspect

    from kinetrace.cli.estimate import estimate as command

    own = {"inputs", "output", "format", "layout", "overlay", "sheet", "overwrite", "retry"}
    own |= {"workers", "cluster", "split"}
    spelt = {"start": "start_s", "end": "end_s", "input_size": "input_size_wh"}
    asked = set(inspect.signature(command).parameters) - own - {"cache_dir", "quiet"}
    offered = set(inspect.signature(stream).parameters) - {"source"}
    assert {spelt.get(name, name) for name in asked} == offered


def test_a_stream_and_a_film_are_asked_for_alike():
    """They are written out twice, and mean the same; only a stream is not smoothed by default."""
    import inspect

    of_stream, of_film = (inspect.signature(f).parameters for f in (stream, estimate))
    assert list(of_stream) == list(of_film)
    assert {name for name in of_film if of_stream[name] != of_film[name]} == {"smooth"}
