"""The examples run as somebody runs them, and the plug-ins among them keep their contracts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import test_formats_exchange as format_contract
import test_measures as measure_contract
import test_pipeline as backend_contract

import kinetrace
from kinetrace import plugins
from kinetrace.testing import walker

EXAMPLES = Path(__file__).parents[1] / "examples"
# What somebody would call them, and the module in a package of theirs.
PLUGINS = {
    "backends": ("blob", "custom_backend"),
    "measures": ("head_height", "custom_measure"),
    "formats": ("lines", "custom_format"),
}


def run(arguments: list[str], folder: Path, *, path: tuple[Path, ...] = ()) -> str:
    """Run Python in a folder, where it may not even warn, and return what it prints."""
    search = os.pathsep.join([*map(str, path), *(p for p in sys.path if p)])
    # Threads of linear algebra wait for each other busily where other programs run beside them.
    own = {"PYTHONPATH": search, "TMPDIR": str(folder), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def run_example(name: str, folder: Path, *arguments: str) -> str:
    return run([str(EXAMPLES / f"{name}.py"), *arguments], folder)


def test_every_example_is_listed() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[(\w+\.py)\]\(\1\)", page, re.MULTILINE)) == sorted(
        path.name for path in EXAMPLES.glob("*.py")
    )


def test_every_example_is_a_notebook_with_words() -> None:
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), path
        assert len(re.findall(r"^# %% \w", text, re.MULTILINE)) >= 3, path


def test_gait_study(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    told = run_example("gait_study", tmp_path)
    assert told.startswith("24 walks of 8 people\n")
    (folder,) = tmp_path.iterdir()  # a temporary one, for it was given none
    assert told.endswith(f"are in {folder}\n")
    walks = pd.read_csv(folder / "walks.csv")
    assert len(walks.drop_duplicates(["person", "walk"])) == len(walks) == 24
    found = pd.read_csv(folder / "comparison.csv").set_index("measure")
    cadence = found.loc["cadence_steps_per_min"]
    # They were drawn from 112 and 102 steps a minute, 3 either way, at one speed.
    assert 0 < cadence["ci95_low"] < 10 < cadence["ci95_high"]
    assert found.loc["speed_m_per_s", "younger"] == pytest.approx(1.2, rel=0.01)
    assert (folder / "cadence.png").read_bytes().startswith(b"\x89PNG")


def test_squat_trainer(tmp_path: Path) -> None:
    *told, end = run_example("squat_trainer", tmp_path).splitlines()
    assert end == "3 squats, 1 half ones"
    said = [line.split(" s  ") for line in told]
    assert [text for _, text in said if text[0].isdigit()] == ["1.", "2.", "3."]
    half_s = next(float(at) for at, text in said if "half" in text)
    assert any(float(at) == half_s and "deeper" in text for at, text in said)
    assert not list(tmp_path.iterdir())


def test_action_classifier(tmp_path: Path) -> None:
    for needed in ("sklearn", "onnx", "onnxruntime", "matplotlib"):
        pytest.importorskip(needed)
    told = run_example("action_classifier", tmp_path, "results")
    begins = re.search(r"jumping jacks begin at ([\d.]+) s", told)
    assert begins
    found = pd.read_csv(tmp_path / "results" / "found.csv")
    known = found[found["action"] != "unknown"]
    assert known["action"].tolist() == ["squat", "jumping-jack"]
    # A window is a film long, and slides by a quarter of that.
    assert known["start_s"].iloc[1] == pytest.approx(float(begins[1]), abs=2)
    assert (tmp_path / "results" / "exercises.onnx").exists()
    assert (tmp_path / "results" / "confusion.png").exists()


def test_fine_tuning(tmp_path: Path) -> None:
    for needed in ("torch", "onnx"):
        pytest.importorskip(needed)
    told = run_example("fine_tuning", tmp_path, "results")
    found = dict(re.findall(r"^(before|after): (\d+) % of the keypoints", told, re.MULTILINE))
    assert int(found["after"]) > int(found["before"]) + 30
    assert (tmp_path / "results" / "after" / "tiny.onnx").exists()


def test_custom_backend(tmp_path: Path) -> None:
    _, *rows = run_example("custom_backend", tmp_path).splitlines()
    # The square's middle begins at 19.5 px and moves by 4 px a frame.
    assert [[float(cell) for cell in row.split()] for row in rows] == [
        [frame, 0, 19.5 + 4 * frame, 59.5] for frame in (0, 10, 20)
    ]


def test_custom_measure(tmp_path: Path) -> None:
    told = run_example("custom_measure", tmp_path).splitlines()
    _, highest_px, lowest_px = map(float, told[-1].split())
    # Who stands: shank, thigh, trunk and head of the figure are 0.909 of 1.75 m, at 200 px a metre.
    assert highest_px == pytest.approx(0.909 * 1.75 * 200, abs=0.5)
    assert lowest_px < 0.7 * highest_px


def test_custom_format(tmp_path: Path) -> None:
    told = run_example("custom_format", tmp_path)
    assert told == "31 lines; what is read is the same: True\n"
    assert not list(tmp_path.iterdir())


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A package that holds the plug-ins, as pip leaves it."""
    folder = tmp_path_factory.mktemp("site")
    about = folder / "my_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    points = [
        f"[kinetrace.{kind}]\n{name} = {module}\n" for kind, (name, module) in PLUGINS.items()
    ]
    (about / "entry_points.txt").write_text("".join(points))
    for _, module in PLUGINS.values():
        shutil.copy(EXAMPLES / f"{module}.py", folder)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for _, module in PLUGINS.values():
        sys.modules.pop(module, None)


@pytest.mark.usefixtures("site")
def test_an_installed_backend_is_estimated_with_by_name() -> None:
    pictures = np.zeros((12, 90, 160, 3), np.uint8)
    for i, picture in enumerate(pictures):
        picture[30:50, 20 + 5 * i : 40 + 5 * i] = 255
    poses = kinetrace.estimate(list(pictures), fps=30, backend="blob", smooth="none")
    assert poses.track_id.tolist() == [0] * 12
    expected = np.stack([29.5 + 5 * np.arange(12), np.full(12, 39.5)], axis=1)
    np.testing.assert_allclose(poses.keypoint("middle"), expected)
    assert poses.log[0]["parameters"] == {"backend": "blob", "model": "bright"}


def test_installed_plugins_are_commands_and_endings(site: Path, tmp_path: Path) -> None:
    walk, _ = walker(duration_s=1.0)
    kinetrace.write(walk, tmp_path / "walk.csv")
    kinetrace_ = ["-m", "kinetrace"]
    run(
        [*kinetrace_, "measure", "head_height", "walk.csv", "--min-score", "0.5"],
        tmp_path,
        path=(site,),
    )
    assert len(pd.read_csv(tmp_path / "walk.head_height.csv")) == len(walk)
    run([*kinetrace_, "convert", "walk.csv", "walk.lines"], tmp_path, path=(site,))
    np.testing.assert_allclose(kinetrace.read(tmp_path / "walk.lines").xy, walk.xy, atol=1e-3)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("max_people", [1, "all"])
def test_the_backend_keeps_the_contract(max_people: int | str) -> None:
    backend_contract.test_contract_of_a_backend({"backend": "blob"}, max_people)


@pytest.mark.usefixtures("site")
def test_the_backend_takes_films_and_frames(tmp_path: Path) -> None:
    backend_contract.test_a_stream_can_be_left_early({"backend": "blob"}, tmp_path)
    backend_contract.test_frames_of_python_are_estimated({"backend": "blob"})
    backend_contract.test_estimators_are_reused_over_sources({"backend": "blob"})


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("case", sorted(measure_contract.awkward_poses()))
def test_the_measure_answers_whatever_it_is_given(case: str) -> None:
    pytest.importorskip("matplotlib")
    measure_contract.test_it_answers_whatever_it_is_given("head_height", case)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "check",
    [
        measure_contract.test_it_answers_whatever_there_can_be,
        measure_contract.test_an_empty_table_has_the_columns_of_a_full_one,
        measure_contract.test_measuring_changes_nothing_and_says_the_same_twice,
        measure_contract.test_its_options_can_be_typed,
    ],
)
def test_the_measure_keeps_the_contract(check: Callable[..., None]) -> None:
    check(name="head_height")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "check",
    [
        format_contract.test_what_is_written_is_read_but_for_what_the_format_loses,
        format_contract.test_what_is_lost_is_told_and_nothing_else,
        format_contract.test_what_loses_nothing_is_written_without_a_warning,
        format_contract.test_names_of_keypoints_stay,
        format_contract.test_nobody_at_all,
        format_contract.test_unreadable,
        format_contract.test_cut_at_any_byte_gives_no_number_that_was_not_written,
        format_contract.test_a_changed_text_is_read_or_refused_in_words,
        format_contract.test_unwritable,
        format_contract.test_frames_of_two_sources_are_refused,
        format_contract.test_a_full_disk_leaves_what_was_there,
    ],
)
def test_the_format_keeps_the_contract(check: Callable[..., None], tmp_path: Path) -> None:
    check(tmp_path, "lines")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("data", [b"", b"\n", b"3", b"{}\n", b"\xff\xfeh\0i\0", b"\0" * 2048])
def test_the_format_refuses_other_files(data: bytes, tmp_path: Path) -> None:
    format_contract.test_what_is_of_another_kind(tmp_path, "lines", data)


@pytest.mark.parametrize(("kind", "plugin"), PLUGINS.items())
def test_importing_a_plugin_is_cheap(
    kind: plugins.Kind, plugin: tuple[str, str], tmp_path: Path
) -> None:
    code = (
        f"import sys, {plugin[1]}; print({{'pandas', 'matplotlib', 'pyarrow'}} & set(sys.modules))"
    )
    assert run(["-c", code], tmp_path, path=(EXAMPLES,)) == "set()\n"
