"""How well synthetic crowds are followed, and how long it takes, beside other trackers.

python benchmarks/tracking_crowd.py --seeds 50
pip install trackers norfair && python benchmarks/tracking_crowd.py --seeds 50 --others
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator

import numpy as np

from kinetrace.evaluation import TrackingScores, score_tracks
from kinetrace.evaluation.tracking import alike_by_frame
from kinetrace.poses import Poses, concat
from kinetrace.testing import crowd, paint_crowd
from kinetrace.tracking import Tracker, join
from kinetrace.tracking.association import assign

CROWDS = {
    "nobody comes back": {"comes_back": 0.0},
    "8 in 10 come back": {"comes_back": 0.8},
    "8 frames a second": {"comes_back": 0.0, "fps": 8.0},
}


def frames(poses: Poses) -> Iterator[Poses]:
    """Return the frames one by one."""
    return (poses.frames(i, i + 1) for i in range(len(poses.frame_time_s)))


def online(detections: Poses, truth: Poses, *, pictures: bool) -> Poses:
    """Follow as a live camera is followed, without or with painted pictures."""
    tracker = Tracker()
    return concat(
        [
            tracker.update(here, paint_crowd(true) if pictures else None)
            for here, true in zip(frames(detections), frames(truth), strict=True)
        ]
    )


def oracle(detections: Poses, truth: Poses) -> Poses:
    """Return what nobody can do better: every detection with the id of whom it is."""
    track_id = np.full(len(detections), -1)
    for row, true, alike in alike_by_frame(detections, truth, "oks"):
        person, found = assign(alike, 0.5)
        track_id[row[found]] = truth.track_id[true[person]]
    return dataclasses.replace(detections, track_id=track_id)


def trackers_bytetrack(detections: Poses, *, fps: float) -> Poses:
    """ByteTrack on boxes, as Roboflow's library has it."""
    import supervision as sv
    from trackers import ByteTrackTracker

    tracker = ByteTrackTracker(frame_rate=fps)
    track_id = np.full(len(detections), -1)
    for i in range(len(detections.frame_time_s)):
        row = np.flatnonzero(detections.frame == i)
        seen = tracker.update(
            sv.Detections(
                xyxy=detections.bbox_xyxy[row],
                confidence=detections.bbox_score[row],
                class_id=np.zeros(len(row), int),
                data={"row": row},
            )
        )
        if len(seen) and seen.tracker_id is not None:
            track_id[np.asarray(seen.data["row"], int)] = seen.tracker_id
    return dataclasses.replace(detections, track_id=track_id)


def norfair_keypoints(detections: Poses, *, fps: float) -> Poses:
    """Norfair as its pose example has it: mean distance of keypoints, in units of the body."""
    import norfair

    def distance(new: norfair.Detection, old: norfair.tracker.TrackedObject) -> float:
        off = np.linalg.norm(new.points - old.estimate, axis=1)
        return float(np.median(off) / new.data[1])

    tracker = norfair.Tracker(
        distance_function=distance,
        distance_threshold=0.5,
        hit_counter_max=max(int(fps), 2),
        initialization_delay=max(int(0.2 * fps), 1),
    )
    track_id = np.full(len(detections), -1)
    xy = np.where(np.isfinite(detections.xy), detections.xy, np.nanmean(detections.xy, 1)[:, None])
    size_px = np.linalg.norm(detections.bbox_xyxy[:, 2:] - detections.bbox_xyxy[:, :2], axis=1) / 2
    for i in range(len(detections.frame_time_s)):
        row = np.flatnonzero(detections.frame == i)
        seen = [norfair.Detection(points=xy[r], data=(r, max(size_px[r], 1))) for r in row]
        for one in tracker.update(detections=seen):
            if one.last_detection in seen and one.id is not None:
                track_id[one.last_detection.data[0]] = one.id
    return dataclasses.replace(detections, track_id=track_id)


def methods(detections: Poses, truth: Poses, *, others: bool) -> Iterator[tuple[str, Poses]]:
    """Follow a crowd in every way, and say which it was."""
    yield "every id right", oracle(detections, truth)
    for pictures, name in ((False, ""), (True, ", pictures")):
        live = online(detections, truth, pictures=pictures)
        yield f"online{name}", live
        yield f"offline{name}", join(live)
    if others:
        fps = 1 / float(np.median(np.diff(detections.frame_time_s)))
        yield "trackers ByteTrack", trackers_bytetrack(detections, fps=fps)
        yield "norfair", norfair_keypoints(detections, fps=fps)


def compare(seeds: int, *, others: bool) -> None:
    """Print a table over the crowds."""
    print("| crowd | tracker | IDF1 mean | IDF1 min (seed) | switches | MOTA | ids |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name, parameters in CROWDS.items():
        found: dict[str, list[tuple[TrackingScores, int]]] = {}
        for seed in range(seeds):
            detections, truth = crowd(seed=seed, **parameters)
            for method, poses in methods(detections, truth, others=others):
                ids = len(np.unique(poses.track_id[poses.track_id >= 0]))
                found.setdefault(method, []).append((score_tracks(poses, truth), ids))
        for method, results in found.items():
            idf1 = np.array([scores.idf1 for scores, _ in results])
            print(
                f"| {name} | {method} | {idf1.mean():.3f} | {idf1.min():.3f} ({idf1.argmin()}) | "
                f"{np.mean([scores.switches for scores, _ in results]):.1f} | "
                f"{np.mean([scores.mota for scores, _ in results]):.3f} | "
                f"{np.mean([ids for _, ids in results]):.1f} |",
                flush=True,
            )


def side_by_side(people: int) -> Poses:
    """Return so many people in every frame, each the same walk 300 px beside the last."""
    _, truth = crowd(people=1, comes_back=1.0, duration_s=5)
    beside = np.arange(people)[:, None] * np.array([300.0, 0.0])
    xy = (truth.xy[:, None] + beside[None, :, None]).reshape(-1, *truth.xy.shape[1:])
    return Poses(
        skeleton=truth.skeleton,
        frame_time_s=truth.frame_time_s,
        frame=np.repeat(truth.frame, people),
        xy=xy,
        score=np.full(xy.shape[:2], 0.9),
    )


def speed() -> None:
    """Print the processor time that a frame takes."""
    for people in (2, 40):
        poses = side_by_side(people)
        for image in (None, np.full((1080, 300 * people + 2000, 3), 128, np.uint8)):
            tracker, took_s = Tracker(), []
            for here in frames(poses):
                started_s = time.process_time()
                tracker.update(here, image)
                took_s.append(time.process_time() - started_s)
            print(
                f"{people} people, {'without' if image is None else 'with'} picture: "
                f"median {1e3 * np.median(took_s):.2f} ms a frame"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--others", action="store_true", help="trackers and norfair, too")
    arguments = parser.parse_args()
    speed()
    compare(arguments.seeds, others=arguments.others)
