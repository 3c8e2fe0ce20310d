"""Training of a person detector: scenes, targets, losses, and a small one from end to end."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.estimators import Detections
from kinetrace.networks.hrnet import Stage
from kinetrace.networks.person import DISTANCE_PX, OUTPUTS, Found, PersonNet, decode
from kinetrace.training.detector.batches import draw_batch
from kinetrace.training.detector.boxes_teacher import (
    BoxesTeacher,
    add_labelled,
    find_unlabelled,
    merge,
    settle,
)
from kinetrace.training.detector.calibration import calibrate, fit_line
from kinetrace.training.detector.empty import draw_empty
from kinetrace.training.detector.measurement import Marks, mark
from kinetrace.training.detector.pictures import (
    People,
    load_pictures,
    pack,
    save_pictures,
)
from kinetrace.training.detector.plan import DetectorPlan, DetectorRecipe
from kinetrace.training.detector.scenes import draw_nobody, draw_scene
from kinetrace.training.detector.targets import SURE, encode

TINY = PersonNet(
    "tiny-person",
    (8, 8),
    stem_widths=(8, 8),
    bottlenecks=1,
    bottleneck_width=4,
    stages=(Stage(1, 2, 1),),
    head_width=8,
)


def people_of(*rows):
    """Make people of rows of x1, y1, x2, y2, score."""
    rows = np.array(rows, np.float32).reshape(-1, 5)
    return People(rows[:, :4], rows[:, 4])


def make_pictures(count=16, seed=0):
    """White ellipses on dark noise are people, each in a box of its own."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        image = rng.integers(0, 60, (120, 160, 3)).astype(np.uint8)
        w, h = int(rng.integers(8, 15)) * 2, int(rng.integers(20, 35)) * 2
        x, y = int(rng.integers(5, 155 - w)), int(rng.integers(5, 115 - h))
        centre = (x + w // 2, y + h // 2)
        cv2.ellipse(image, centre, (w // 2, h // 2), 0, 0, 360, (255, 255, 255), -1)
        made.append((f"photo{i}.png", image, people_of((x, y, x + w, y + h, 0.9))))
    return pack(made)


@pytest.fixture(scope="module")
def pictures():
    return make_pictures()


def recipe(samples=16, side=64, **changes):
    return DetectorRecipe(
        **{
            "samples": samples, "sizes_wh": ((side, side),), "ends": (samples,), "batch_size": 4,
            "warm_up": 8, "averaging": 8, **changes,
        }
    )  # fmt: skip


# --- who is there


def test_boxes_of_one_person_become_one():
    a = Detections(np.array([[0, 0, 10, 20], [50, 0, 60, 20]], np.float32), np.float32([0.8, 0.4]))
    b = Detections(np.array([[0, 0, 10, 24]], np.float32), np.float32([0.4]))
    boxes, score = merge([a, b])
    np.testing.assert_allclose(boxes, [[0, 0, 10, 20 + 4 / 3], [50, 0, 60, 20]], rtol=1e-5)
    np.testing.assert_allclose(score, [0.8, 0.4])


def test_a_label_confirms_who_was_found_and_adds_who_was_not():
    xy = np.stack([np.linspace(20, 40, 14), np.linspace(20, 90, 14)], axis=1)
    found = people_of((16, 12, 44, 98, 0.3), (100, 10, 120, 60, 0.5))
    confirmed = add_labelled(found, xy, (160, 120))
    np.testing.assert_allclose(confirmed.score, [0.9, 0.5])
    added = add_labelled(people_of((100, 10, 120, 60, 0.5)), xy, (160, 120))
    assert len(added.score) == 2
    assert added.score[1] > SURE
    assert (added.bbox_xyxy[1, :2] < xy.min(axis=0)).all()
    # Half of somebody tells not where the whole one is: neither a person nor nobody.
    half = add_labelled(people_of(), np.where(np.arange(14)[:, None] < 6, xy, np.nan), (160, 120))
    assert 0 < half.score[0] < SURE


def test_a_part_of_somebody_is_nobody():
    whole, part, beside = (0, 0, 40, 100, 0.9), (5, 50, 35, 98, 0.4), (60, 0, 90, 100, 0.4)
    settled = settle(people_of(part, whole, beside, (60, 0, 90, 100, 0.05)))
    np.testing.assert_allclose(settled.score, [0.9, 0.4])
    np.testing.assert_allclose(settled.bbox_xyxy, [whole[:4], beside[:4]])


def test_pictures_come_back_from_their_folder(tmp_path, pictures):
    save_pictures(pictures, tmp_path)
    back = load_pictures(tmp_path)
    assert back.name == pictures.name
    for row in (0, 7):
        np.testing.assert_array_equal(back.image(row), pictures.image(row))
        np.testing.assert_array_equal(back.people_of(row).bbox_xyxy, pictures.people_of(row)[0])
    training, held = set(back.training_rows()), set(back.held_out_rows())
    assert not training & held
    assert training | held == set(range(len(back)))


def test_large_pictures_are_shrunk_with_their_people():
    image = np.zeros((400, 800, 3), np.uint8)
    small = pack([("a.png", image, people_of((100, 100, 200, 300, 0.8)))])
    assert small.image(0).shape == (200, 400, 3)
    np.testing.assert_allclose(small.people_of(0).bbox_xyxy, [[50, 50, 100, 150]])


def test_extra_pictures_are_a_share_of_what_is_trained_on():
    """Each is drawn as often as the others of its kind, and what is held out never."""
    grey = np.full((40, 40, 3), 90, np.uint8)
    plain = [(f"photo{i}.png", grey, people_of()) for i in range(400)]
    extra = [(f"room{i // 2}.mp4", grey, people_of()) for i in range(40)]
    rows = pack(plain, extra).training_rows(extra_share=0.25)
    assert np.mean(rows >= 400) == pytest.approx(0.25, abs=0.04)
    times = np.bincount(rows)[400:]
    assert set(times) == {0, times.max()}
    np.testing.assert_array_equal(times[::2], times[1::2])  # the two frames of a film
    assert not set(rows) & set(pack(plain, extra).held_out_rows())
    once = pack(plain, extra).training_rows()
    assert len(once) == len(set(once)) == len(set(rows))
    assert len(pack(plain).training_rows(extra_share=0.25)) == len(set(rows[rows < 400]))


@pytest.mark.shared
def test_the_teacher_finds_people_whom_nobody_labelled(shared, tmp_path):
    teacher = BoxesTeacher(shared / "models" / "rtmdet_nano_person_320.onnx")
    photos, film = shared / "data/hand_photos/call", shared / "data/videos/asl/book.mkv"
    found = list(find_unlabelled([photos, film], teacher))
    teacher.close()
    names = [name for name, _, _ in found]
    assert len(set(names[:10])) == 10
    assert names[10:] == ["book.mkv"] * 4
    for _, image, people in found:
        (width, height), box = image.shape[1::-1], people.bbox_xyxy[people.score.argmax()]
        assert people.score.max() >= SURE
        assert np.prod(box[2:] - box[:2]) > 0.15 * width * height


# --- scenes


def test_people_lie_where_the_scene_says(pictures):
    """Truth is the picture: who is sure is white, and white is somebody."""
    rows = np.arange(len(pictures))
    seen = 0
    for number in range(40):
        scene = draw_scene(pictures, rows, 160, np.random.default_rng(number))
        for box, score in zip(*scene.people, strict=True):
            wh = box[2:] - box[:2]
            if score < SURE or wh.min() < 10:
                continue
            x, y = ((box[:2] + box[2:]) / 2).astype(int).clip(0, 159)
            area = scene.image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            surroundings = np.median(scene.image)
            seen += 1
            assert area.mean() > surroundings or area.mean() > 120, number
        assert (scene.people.bbox_xyxy >= 0).all()
        assert (scene.people.bbox_xyxy <= 160).all()
    assert seen > 40


def test_a_scene_is_the_same_for_the_same_seed(pictures):
    rows = np.arange(len(pictures))
    a, b, c = (draw_scene(pictures, rows, 96, np.random.default_rng(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(a.image, b.image)
    assert (a.image != c.image).any()


def test_what_is_cut_from_beside_people_has_nobody_in_it(pictures):
    image, people = pictures.image(0), pictures.people_of(0)
    found = 0
    for number in range(30):
        part = draw_empty(image, people, (40, 40), np.random.default_rng(number))
        if part is not None:
            found += 1
            assert part.shape == (40, 40, 3)
            assert np.mean(part > 90) < 0.03  # the person is white
    assert found > 5
    everywhere = people_of((0, 0, 160, 120, 0.3))
    assert draw_empty(image, everywhere, (40, 40), np.random.default_rng(0)) is None
    nobody = draw_nobody(pictures, np.arange(len(pictures)), 96, np.random.default_rng(0))
    assert nobody.shape == (96, 96, 3)


# --- targets and losses


@settings(max_examples=50, deadline=None)
@given(
    x=st.floats(0, 250), y=st.floats(0, 250), w=st.floats(12, 320), h=st.floats(12, 320)
)  # fmt: skip
def test_what_is_encoded_is_decoded(x, y, w, h):
    box = np.array([x, y, min(x + w, 320), min(y + h, 320)], np.float32)
    target = encode(People(box[None], np.ones(1, np.float32)), (320, 320))
    (peak,) = np.argwhere(target.centre == 1)
    assert target.counts.all()
    rows, columns = np.mgrid[:80, :80]
    centre = (np.stack([columns, rows]) + 0.5) * 4
    reach = np.concatenate([centre - target.xyxy[:2], target.xyxy[2:] - centre])
    certain = np.clip(target.centre, 1e-6, 1 - 1e-6)
    logit = np.log(certain / (1 - certain))
    logs = np.log(np.maximum(reach, 1e-3) / DISTANCE_PX)
    outputs = np.concatenate([logit[None], logs])[None]
    (found,) = decode(outputs.astype(np.float32), min_score=0.5)
    np.testing.assert_allclose(found.xyxy, box[None], atol=0.01)
    assert target.box_weight[tuple(peak)] == target.box_weight.max()


def test_who_is_unsure_counts_neither_way():
    target = encode(people_of((40, 40, 80, 80, 0.3), (60, 40, 100, 80, 0.9)), (160, 160))
    assert (target.centre == 1).sum() == 1
    assert not target.counts[10:20, 10:19].any()
    assert target.counts[15, 20]  # but the one who is sure does, even there
    assert target.counts[30:].all()


def test_losses_are_least_for_the_truth_and_blind_to_what_does_not_count():
    torch = pytest.importorskip("torch")
    from kinetrace.training.detector.losses import generalised_iou, measure_losses

    target = encode(people_of((40, 40, 100, 120, 0.9), (0, 0, 30, 30, 0.3)), (160, 160))
    known = {k: torch.from_numpy(v)[None] for k, v in target._asdict().items()}
    rows, columns = np.mgrid[:40, :40]
    centre = (np.stack([columns, rows]) + 0.5) * 4
    reach = np.concatenate([centre - target.xyxy[:2], target.xyxy[2:] - centre])
    right = np.full((1, OUTPUTS, 40, 40), -12, np.float32)
    right[0, 0][target.centre == 1] = 12
    right[0, 1:] = np.log(np.maximum(reach, 1e-3) / DISTANCE_PX)
    best = measure_losses(torch.from_numpy(right), **known)
    assert best.total.item() < 0.01
    blind = right.copy()
    blind[0, 0, 2:5, 2:5] = 5  # in the box of the one who is unsure
    assert measure_losses(torch.from_numpy(blind), **known).total.item() == pytest.approx(
        best.total.item()
    )
    phantom, larger = right.copy(), right.copy()
    phantom[0, 0, 35, 35] = 5
    larger[0, 1:] += 0.5
    assert measure_losses(torch.from_numpy(phantom), **known).centre > best.centre + 0.5
    assert measure_losses(torch.from_numpy(larger), **known).box > best.box + 0.2
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]])
    others = torch.tensor([[0.0, 0, 10, 10], [0, 5, 10, 15], [20, 0, 30, 10]])
    np.testing.assert_allclose(generalised_iou(boxes, others), [1, 1 / 3, -1 / 3], rtol=1e-5)


def test_a_scene_without_anybody_can_be_learnt_from():
    torch = pytest.importorskip("torch")
    from kinetrace.training.detector.losses import measure_losses

    target = encode(people_of(), (64, 64))
    known = {k: torch.from_numpy(v)[None] for k, v in target._asdict().items()}
    outputs = torch.zeros(1, OUTPUTS, 16, 16, requires_grad=True)
    losses = measure_losses(outputs, **known)
    torch.autograd.backward(losses.total)
    assert losses.box.item() == 0
    assert torch.isfinite(outputs.grad).all()
    assert (outputs.grad[:, 0] > 0).all()  # every pixel learns that nobody is there


def test_marks_tell_hits_from_second_boxes_and_phantoms():
    people = [people_of((0, 0, 40, 100, 0.9), (100, 0, 140, 100, 0.3)), people_of()]
    found = [
        Found(
            np.array(
                [[0, 0, 40, 95], [2, 0, 42, 90], [100, 0, 140, 90], [60, 0, 90, 90]], np.float32
            ),
            np.array([0.9, 0.8, 0.7, 0.6], np.float32),
        ),
        Found(np.array([[0, 0, 40, 100]], np.float32), np.array([0.5], np.float32)),
    ]
    marks = mark(found, people)
    assert marks.is_hit.tolist() == [True, False, False, False, False]
    assert marks.is_phantom.tolist() == [False, False, False, True, True]
    assert marks.wanted == 1
    assert marks.at(0.55) == (1.0, 0.5)
    assert marks.at(0.95) == (0.0, 0.0)
    assert marks.score_for(0.5) == pytest.approx(0.5, abs=1e-3)
    assert marks.score_for(0.0) > np.float32(0.6)
    assert marks.score_for(1.0) < 0.5


# --- the whole


def test_batches_are_a_function_of_seed_and_step_however_they_are_shared(pictures):
    rows = pictures.training_rows()
    whole = draw_batch(pictures, rows, recipe(), 2)
    halves = [draw_batch(pictures, rows, recipe(), 2, part=p, parts=2) for p in (0, 1)]
    for part, half in enumerate(halves):
        np.testing.assert_array_equal(whole.image[part::2], half.image)
        np.testing.assert_array_equal(whole.target.centre[part::2], half.target.centre)
    other = draw_batch(pictures, rows, recipe(seed=1), 2)
    assert (other.image != whole.image).any()


def test_sizes_take_their_own_shares():
    two = recipe(40, sizes_wh=((64, 64), (96, 96)), ends=(12, 40))
    assert [two.size_wh(step)[0] for step in range(two.steps)] == [64] * 3 + [96] * 7
    with pytest.raises(ValueError, match="ends"):
        recipe(40, ends=(12,))


@pytest.fixture
def source(tmp_path):
    from kinetrace.training import read_source

    joints = ["nose", "left_wrist", "right_wrist", "left_hip"]
    np.savez(
        tmp_path / "joints.npz", image=["a.png"], xy=np.ones((1, 4, 2)),
        labelled=np.ones((1, 4), bool), joints=joints,
    )  # fmt: skip
    return read_source(tmp_path / "joints.npz", tmp_path)


def plan_in(folder, source, pictures, samples=32, **changes):
    plan = DetectorPlan(
        source=source, teacher=folder / "none.onnx", output=folder, net=TINY,
        recipe=recipe(samples, learning_rate=5e-3), measured_every=samples // 4, **changes,
    )  # fmt: skip
    if not plan.pictures.exists():
        save_pictures(pictures, plan.pictures)
    return plan


def test_training_lowers_the_loss_and_the_graph_gives_what_the_module_gives(
    tmp_path, source, one_thread
):
    torch = pytest.importorskip("torch")
    from kinetrace.networks import match_state, read_checkpoint
    from kinetrace.onnx_session import open_session
    from kinetrace.training.detector.training import train_detector
    from kinetrace.training.torch_hrnet import from_arrays

    said = []
    plan = plan_in(tmp_path / "out", source, make_pictures(60), samples=640)
    marks = train_detector(plan, report=said.append)
    with (plan.output / "log.csv").open() as file:
        losses = [float(row["centre_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.7 * losses[0]
    assert marks.wanted == len(make_pictures(60).held_out_rows())
    assert any("phantoms" in line for line in said)
    module = from_arrays(TINY, match_state(read_checkpoint(plan.weights), TINY)[1]).eval()
    batch = np.random.default_rng(0).normal(size=(2, 3, 64, 96)).astype(np.float32)
    session = open_session(plan.output / "tiny-person.onnx", device="cpu", threads=1)
    (outputs,) = session.run(batch)
    session.close()
    with torch.no_grad():
        np.testing.assert_allclose(outputs, module(torch.from_numpy(batch)).numpy(), atol=1e-4)


def test_a_score_is_the_chance_that_somebody_is_there():
    rng = np.random.default_rng(0)
    logit = rng.normal(-2, 1.5, 20_000)
    chance = 1 / (1 + np.exp(-(2 * logit + 3)))
    is_hit = rng.random(len(logit)) < chance
    score = (1 / (1 + np.exp(-logit))).astype(np.float32)
    line = fit_line(Marks(score, is_hit, ~is_hit, len(logit), 1))
    assert line.slope == pytest.approx(2, rel=0.1)
    assert line.offset == pytest.approx(3, rel=0.1)
    np.testing.assert_allclose(line.score(score), chance, atol=0.02)
    nothing = np.zeros(3, bool)
    raw = np.array([0.1, 0.2, 0.3], np.float32)
    for marks in (Marks(raw, nothing, ~nothing, 1, 1), Marks(raw, nothing, nothing, 1, 1)):
        np.testing.assert_allclose(fit_line(marks).score(raw), raw, rtol=1e-5)
    is_hit = np.array([False, True])
    apart = Marks(np.array([0.1, 0.9], np.float32), is_hit, ~is_hit, 1, 1)
    np.testing.assert_allclose(fit_line(apart).score(apart.score), [1 / 3, 2 / 3], atol=0.01)
    arrays = {"final_layer.weight": rng.normal(size=(5, 3, 1, 1)), "final_layer.bias": np.arange(5)}
    arrays = {key: array.astype(np.float32) for key, array in arrays.items()}
    x = rng.normal(size=3)
    before, after = (
        a["final_layer.weight"][:, :, 0, 0] @ x + a["final_layer.bias"]
        for a in (arrays, calibrate(arrays, line))
    )
    np.testing.assert_allclose(after[1:], before[1:])
    assert after[0] == pytest.approx(line.slope * before[0] + line.offset, rel=1e-5)


def test_going_on_gives_what_going_through_gives(tmp_path, source, pictures, one_thread):
    torch = pytest.importorskip("torch")
    from kinetrace.training.detector.training import train_detector

    through = plan_in(tmp_path / "a", source, pictures)
    train_detector(through, report=lambda line: None)
    stopped = plan_in(tmp_path / "b", source, pictures, minutes=0)
    train_detector(stopped, report=lambda line: None)
    assert torch.load(stopped.checkpoint, weights_only=True)["step"] == 1
    again = plan_in(tmp_path / "b", source, pictures)
    train_detector(again, report=lambda line: None)
    a, b = (torch.load(p.checkpoint, weights_only=True)["network"] for p in (through, again))
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


def test_a_share_is_below_one(tmp_path, source, pictures):
    with pytest.raises(ValueError, match="below 1, got 1"):
        plan_in(tmp_path, source, pictures, extra_share=1)


def test_the_trunk_is_taken_over_and_the_rest_begins_anew(tmp_path):
    pytest.importorskip("torch")
    from kinetrace.networks import NANO
    from kinetrace.networks.person import PERSON_NANO, is_trunk
    from kinetrace.training.detector.progress import make_network
    from kinetrace.training.export import write_weights
    from kinetrace.training.torch_hrnet import TorchHRNet, to_arrays

    pose = to_arrays(TorchHRNet(NANO))
    write_weights(pose, tmp_path / "pose.npz")
    made = to_arrays(make_network(PERSON_NANO, tmp_path / "pose.npz"))
    for key, array in made.items():
        if is_trunk(key, PERSON_NANO):
            np.testing.assert_allclose(array, pose[key], atol=2e-3)
    # Next to nobody is expected, from the start.
    assert made["final_layer.bias"][0] < -4
    write_weights(made, tmp_path / "person.npz")
    again = to_arrays(make_network(PERSON_NANO, tmp_path / "person.npz"))
    np.testing.assert_allclose(again["people.conv.weight"], made["people.conv.weight"], atol=2e-3)


def test_another_training_s_folder_is_refused(tmp_path, source, pictures):
    from kinetrace.errors import OutputError
    from kinetrace.training.detector.plan import claim

    plan = plan_in(tmp_path, source, pictures)
    claim(plan)
    claim(plan)
    with pytest.raises(OutputError, match="another training"):
        claim(plan_in(tmp_path, source, pictures, trunk=tmp_path / "other.npz"))
