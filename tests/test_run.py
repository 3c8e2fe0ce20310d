"""A job from its source to its files, with an estimator that finds what the film has painted."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import numpy as np
import pytest
from film import number_of, write_cut_film, write_film
from waiting import PATIENCE_S

from kinetrace import formats
from kinetrace.errors import OutputError, SourceError
from kinetrace.frames import open_frames
from kinetrace.frames.selection import Selection
from kinetrace.jobs import Job, Wanted, plan
from kinetrace.pipeline import estimate_frames
from kinetrace.poses import Poses, Skeleton
from kinetrace.run import run

FACE = Skeleton("face", ("left_eye", "right_eye", "nose"), (("left_eye", "right_eye"),))


class PaintedNumbers:
    """An `Estimator`: one person a frame, whose place is the number that is painted in it."""

    skeleton = FACE
    description = {"backend": "painted", "model": "numbers"}

    def __init__(self, *, batch_size=1, fails_at=None):
        self.batch_size = batch_size
        self._fails_at = fails_at
        self.resets = []
        self.threads = set()

    def reset(self, *, continuous):
        self.resets.append(continuous)

    def __call__(self, frames):
        self.threads.add(threading.current_thread())
        numbers = np.array([number_of(frame.image) for frame in frames])
        if self._fails_at in numbers:
            raise ZeroDivisionError("the network broke")
        x = 20.0 + numbers
        xy = np.stack([np.stack([x + k, 30 + 4 * k + 0 * x], axis=1) for k in range(3)], axis=1)
        return Poses(
            skeleton=FACE,
            frame_time_s=np.array([frame.time_s for frame in frames]),
            frame_index=np.array([frame.index for frame in frames]),
            frame=np.arange(len(frames)),
            xy=xy,
            score=np.full((len(frames), 3), 0.9),
        )

    def close(self):
        pass


def film(folder: Path, frames: int = 40) -> Path:
    return write_film(folder / "clip.mp4", [i * 40 for i in range(frames)])


def job_of(path: Path, **wanted) -> Job:
    (job,) = plan([str(path)], None, Wanted(**wanted))
    return job


def numbers_in(path: Path) -> list[int]:
    with av.open(str(path)) as video:
        return [number_of(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]


def settle(job, estimator=None, **options):
    return run(job, lambda: estimator or PaintedNumbers(), selection=Selection(), **options)


def test_a_film_is_estimated_settled_and_drawn(tmp_path):
    job = job_of(film(tmp_path), overlay=True, sheet=True)
    estimated, drawn = [], []
    outcome = settle(
        job,
        on_frame=lambda done, expected: estimated.append((done, expected)),
        on_drawn=lambda done, expected: drawn.append((done, expected)),
    )
    poses = formats.read(job.table)
    assert (outcome.frames, outcome.people, outcome.most_people) == (40, 40, 1)
    assert outcome.track_ids == {0}
    assert set(poses.track_id.tolist()) == {0}
    assert poses.log[0]["operation"] == "estimate"
    assert len(poses.log) > 1  # what settled it is written down
    assert estimated == [(i + 1, 40) for i in range(40)]
    assert drawn == estimated
    assert len(numbers_in(job.overlay)) == 40
    assert job.sheet.stat().st_size > 0
    assert not list(tmp_path.glob("*partial*"))


def test_the_overlay_shows_the_frames_of_the_table(tmp_path):
    """Drawn in a second going through: each frame must meet its own people again."""
    job = job_of(film(tmp_path, 60), overlay=True)
    run(job, PaintedNumbers, selection=Selection(start_s=0.8, end_s=1.6, every=3), smooth="none")
    poses = formats.read(job.table)
    assert poses.frame_index.tolist() == [20, 23, 26, 29, 32, 35, 38]
    with open_frames(job.overlay) as frames:
        shown = list(frames)
    assert [number_of(f.image) for f in shown] == poses.frame_index.tolist()
    for frame, x in zip(shown, poses.keypoint("nose")[:, 0], strict=True):
        # The lower third shows the number alone; the nose is in the middle third, in colour.
        colour = frame.image[26:50].astype(int)
        vivid = np.ptp(colour, axis=2) > 60
        assert vivid.any(), f"nothing is drawn on frame {frame.index}"
        assert abs(np.nonzero(vivid.any(axis=0))[0].mean() - x) < 12


def test_without_tracking_a_film_is_written_as_it_comes(tmp_path):
    job = job_of(film(tmp_path), overlay=True)
    outcome = settle(job, track=False)
    poses = formats.read(job.table)
    assert set(poses.track_id.tolist()) == {-1}
    assert outcome.track_ids == set()
    assert [entry["operation"] for entry in poses.log] == ["estimate"]
    assert np.allclose(poses.keypoint("left_eye")[:, 0], 20 + np.arange(40), atol=1e-3)
    assert len(numbers_in(job.overlay)) == 40


def test_photos_are_not_tracked(tmp_path):
    from PIL import Image

    for i in range(3):
        with open_frames(film(tmp_path)) as frames:
            Image.fromarray(list(frames)[i].image).save(tmp_path / f"{i}.png")
    (job,) = plan([str(tmp_path / "*.png")], tmp_path / "photos.csv", Wanted())
    estimator = PaintedNumbers()
    outcome = settle(job, estimator)
    assert estimator.resets == [False]
    assert outcome.frames == 3
    poses = formats.read(job.table)
    assert set(poses.track_id.tolist()) == {-1}
    assert len(poses.log) == 1


def test_what_could_be_read_of_a_cut_film_is_settled_and_drawn(tmp_path):
    job = job_of(write_cut_film(tmp_path / "cut.mp4", 60), overlay=True)
    outcome = settle(job)
    assert 10 < outcome.frames < 60
    assert outcome.problem
    assert len(formats.read(job.table).frame_time_s) == outcome.frames
    assert len(numbers_in(job.overlay)) == outcome.frames


@pytest.mark.parametrize("batch_size", [1, 8])
def test_an_error_of_the_estimator_comes_with_its_frame_and_leaves_what_there_was(
    tmp_path, batch_size
):
    job = job_of(film(tmp_path), overlay=True)
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError, match="the network broke") as caught:
        settle(job, PaintedNumbers(batch_size=batch_size, fails_at=24))
    where = "frame 24" if batch_size == 1 else "frames 24 to 31"
    assert caught.value.__notes__ == [f"at {where} of {tmp_path / 'clip.mp4'}"]
    assert not job.table.exists()
    assert not job.overlay.exists()
    left = formats.read(tmp_path / "clip.partial.keypoints.csv")
    assert len(left.frame_time_s) == 24
    assert set(threading.enumerate()) <= before


def test_an_interrupted_film_leaves_a_part_that_can_be_read(tmp_path):
    job = job_of(film(tmp_path))

    def interrupt(done, _expected):
        if done == 10:
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt, match="the first 10 frames are in .*partial") as caught:
        settle(job, on_frame=interrupt)
    assert "interrupted" in str(caught.value)
    assert len(formats.read(tmp_path / "clip.partial.keypoints.csv").frame_time_s) == 10
    assert set(threading.enumerate()) <= before


def test_a_film_that_cannot_be_drawn_keeps_its_table(tmp_path):
    job = job_of(film(tmp_path), overlay=True)
    job.overlay.mkdir()
    with pytest.raises(OutputError, match="overlay"):
        settle(job)
    assert len(formats.read(job.table).frame_time_s) == 40


def test_a_smoothing_that_the_film_is_too_slow_for_is_told_at_once(tmp_path):
    slow = write_film(tmp_path / "slow.mp4", [i * 100 for i in range(60)])
    done = []
    with pytest.raises(ValueError, match="cutoff of 6 Hz .* this film has 10"):
        settle(job_of(slow), smooth="butterworth", on_frame=lambda n, _: done.append(n))
    assert len(done) < 30


def test_nothing_selected_is_an_error_without_files(tmp_path):
    job = job_of(film(tmp_path), overlay=True, sheet=True)
    with pytest.raises(SourceError, match="no frame"):
        run(job, PaintedNumbers, selection=Selection(start_s=100))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


def test_estimation_goes_on_while_the_consumer_works(tmp_path):
    """The consumer holds the first frame until the second has been estimated."""
    second = threading.Event()

    class Signalling(PaintedNumbers):
        def __call__(self, frames):
            if frames[0].index == 1:
                second.set()
            return super().__call__(frames)

    with open_frames(film(tmp_path)) as frames:
        estimated = estimate_frames(frames, Signalling())
        next(estimated)
        assert second.wait(PATIENCE_S)
        estimated.close()


def test_batches_and_single_frames_make_the_same_table(tmp_path):
    tables = []
    for batch_size in (1, 8):
        job = job_of(film(tmp_path))
        settle(job, PaintedNumbers(batch_size=batch_size))
        tables.append(job.table.read_bytes())
    assert tables[0] == tables[1]
