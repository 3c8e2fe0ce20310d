"""The report as a page: whole, safe, the same every time, and true to what was measured."""

from __future__ import annotations

import base64
import dataclasses
import io
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from film import number_of, picture, write_film
from hypothesis import HealthCheck, given, settings
from PIL import Image
from report_page import Page, hash_of
from some_poses import any_poses, make_poses
from waiting import PATIENCE_S

from kinetrace import plugins
from kinetrace.errors import MissingExtraError, OutputError, PluginError, SourceError
from kinetrace.measures import make_table
from kinetrace.poses import Poses, concat
from kinetrace.report import write_report
from kinetrace.testing import walker

pytest.importorskip("matplotlib")

WALK, TRUTH = walker()
HOW = {"measures": ["angles", "gait"], "options": {"px_per_m": TRUTH.px_per_m}}
HOSTILE = "<img src=x onerror=alert(1)>\"'</title></script><script>alert(2)</script>.mp4"


def page_of(poses: Poses, folder: Path, **options: object) -> Page:
    path = folder / "clip.report.html"
    write_report(poses, path, **options)  # type: ignore[arg-type]
    return Page(path)


@pytest.fixture(scope="module")
def walk_page(tmp_path_factory) -> Page:
    return page_of(WALK, tmp_path_factory.mktemp("walk"), **HOW)


class TestItAsksNobodyForAnything:
    def test_nothing_is_loaded(self, walk_page):
        loading = ("src", "href", "xlink:href", "srcset", "poster", "action", "data", "background")
        for tag, attributes in walk_page.elements:
            assert tag not in ("link", "iframe", "object", "embed", "base", "form")
            for name in loading:
                assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
        style = "".join(walk_page.within("style"))
        assert "url(" not in style
        assert "@import" not in style

    def test_the_policy_lets_nothing_out_and_runs_these_scripts_alone(self, walk_page):
        policy = walk_page.policy
        assert policy["default-src"] == ["'none'"]
        assert policy["img-src"] == ["data:"]
        scripts = [s for s in walk_page.within("script") if not s.startswith("{")]
        assert len(scripts) == 2
        assert policy["script-src"] == [hash_of(script) for script in scripts]

    def test_without_a_chart_there_is_no_script(self, tmp_path):
        page = page_of(make_poses((0, 0)), tmp_path, **HOW)
        assert page.policy["script-src"] == ["'none'"]
        assert not page.all("script")

    def test_whatever_a_file_is_called_is_text(self, tmp_path):
        entry = {"operation": HOSTILE, "version": HOSTILE, "parameters": {HOSTILE: [HOSTILE]}}
        poses = dataclasses.replace(WALK, source=HOSTILE.replace("/", "|"), log=(entry,))
        page = page_of(poses, tmp_path, command=HOSTILE, measures=["angles"])
        assert [tag for tag, a in page.elements if any(name.startswith("on") for name in a)] == []
        kinds = [a.get("type") for a in page.all("script")]
        assert kinds.count(None) == 2
        assert set(kinds) == {None, "application/json"}
        assert page.within("h1") == [HOSTILE.replace("/", "|")]
        assert HOSTILE in page.within("code")
        assert all(str(a["src"]).startswith("data:image/png;base64,") for a in page.all("img"))

    def test_an_address_keeps_its_password(self, tmp_path):
        source = "rtsp://anna:secret@example.org?token=secret"
        page = page_of(dataclasses.replace(WALK, source=source), tmp_path, measures=["gait"])
        assert page.within("h1") == ["example.org"]
        assert "secret" not in page.text

    def test_a_name_that_utf_8_has_no_code_for(self, tmp_path):
        page = page_of(
            dataclasses.replace(WALK, source="caf\udce9.mp4"), tmp_path, measures=["gait"]
        )
        assert page.within("h1")[0].startswith("caf")


class TestItIsToldWell:
    def test_everybody_can_read_it(self, walk_page):
        assert walk_page.all("html") == [{"lang": "en"}]
        assert len(walk_page.all("h1")) == 1
        assert all(a.get("alt") for a in walk_page.all("img"))
        assert all(a.get("aria-label") for a in walk_page.all("svg"))
        assert all(a.get("scope") in ("row", "col", "colgroup") for a in walk_page.all("th"))
        assert all(a["width"] and a["height"] for a in walk_page.all("img"))
        levels = [int(tag[1]) for tag, _ in walk_page.elements if re.fullmatch("h[1-6]", tag)]
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels))

    def test_what_is_measured_is_told(self, walk_page):
        found = re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td>', walk_page.source)
        cells = dict(reversed(found))  # the summary comes before the rows
        assert float(cells["Cadence (steps/min)"]) == pytest.approx(108, rel=0.005)
        assert float(cells["Speed (m/s)"]) == pytest.approx(TRUTH.speed_m_per_s, abs=0.02)

    def test_the_curve_of_a_chart_is_the_truth(self, walk_page):
        chart = walk_page.chart("Knee (\N{DEGREE SIGN})")
        assert {line["side"] for line in chart["lines"]} == {"left", "right"}
        for line in chart["lines"]:
            np.testing.assert_allclose(line["x"], WALK.frame_time_s, atol=1e-3)
            np.testing.assert_allclose(line["y"], TRUTH.knee_flexion_deg[line["side"]], atol=0.1)

    def test_heel_strikes_are_marked_in_the_charts_of_angles(self, walk_page):
        marks = walk_page.chart("Knee (\N{DEGREE SIGN})")["marks"]
        for side in ("left", "right"):
            times = [mark["start"] for mark in marks if mark["side"] == side]
            assert len(times) >= 4
            for time_s in times:
                assert np.abs(TRUTH.heel_strike_s[side] - time_s).min() < 0.02

    def test_how_it_was_made(self, tmp_path):
        keypoints = tmp_path / "clip.keypoints.csv"
        keypoints.write_bytes(b"abc")
        poses = WALK.logged("estimate", {"model": "a-model", "flip": True})
        page = page_of(
            poses,
            tmp_path,
            keypoints=keypoints,
            command="kinetrace report x.csv",
            measures=["gait"],
        )
        for text in ("a-model", "flip", "yes", "kinetrace report x.csv", np.__version__):
            assert text in page.text
        # FIPS 180-2's example.
        assert "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" in page.text

    def test_the_same_poses_make_the_same_file(self, tmp_path, walk_page):
        again = page_of(WALK, tmp_path, **HOW)
        assert again.source == walk_page.source


class TestWhoAndWhat:
    def people(self, count: int) -> Poses:
        """So many people, each seen for fewer frames than the one before."""
        poses = make_poses((count,) * 30)
        ids = np.tile(np.arange(count), 30)
        return dataclasses.replace(poses, track_id=ids).rows(ids < count - poses.frame // 4)

    def test_it_is_about_those_who_are_seen_longest(self, tmp_path):
        page = page_of(self.people(7), tmp_path, measures=["angles"])
        assert "Person 0, Person 1, Person 2, Person 3: 3 more people" in page.text
        assert "Person 4" not in "".join(page.within("h3"))

    def test_or_about_those_who_are_asked_for(self, tmp_path):
        page = page_of(self.people(7), tmp_path, people=[5], measures=["angles"])
        assert set(page.within("h3")) >= {"Person 5"}
        assert "Person 0" not in page.within("h3")

    def test_nobody_has_that_id(self, tmp_path):
        with pytest.raises(ValueError, match=r"no person 9; there are \[0\]"):
            page_of(WALK, tmp_path, people=[0, 9])

    def test_only_the_measures_that_are_asked_for(self, tmp_path):
        titles = page_of(WALK, tmp_path, measures=["gait"]).within("h2")
        assert "Gait" in titles
        assert "Angles" not in titles

    def test_a_measure_that_has_nothing_to_say_says_why(self, tmp_path):
        page = page_of(WALK.frames(0, 1), tmp_path, measures=["gait"])
        assert "Not measured" in page.within("h2")
        assert "steps cannot be timed" in page.text

    def test_there_is_no_such_measure(self, tmp_path):
        with pytest.raises(PluginError, match="there is no 'dance' in measures"):
            page_of(WALK, tmp_path, measures=["dance"])
        assert not list(tmp_path.iterdir())

    def test_an_option_that_no_measure_has(self, tmp_path):
        with pytest.raises(ValueError, match="has the option person_height_m"):
            page_of(WALK, tmp_path, measures=["angles"], options={"person_height_m": 1.7})

    def test_an_option_that_makes_no_sense(self, tmp_path):
        with pytest.raises(ValueError, match="person_height_m"):
            page_of(WALK, tmp_path, options={"person_height_m": -1.0})


class TestAnInstalledMeasure:
    """A measure that the report knows nothing of is shown by its columns."""

    name = "sway"

    @pytest.fixture
    def install(self, monkeypatch):
        def install(measure: object) -> None:
            module = type(sys)(self.name)
            module.__doc__ = "How much somebody sways."
            module.measure = measure  # type: ignore[attr-defined]
            load = plugins.load
            monkeypatch.setattr(plugins, "names", lambda _kind: [self.name])
            monkeypatch.setattr(
                plugins, "load", lambda kind, n: module if n == self.name else load(kind, n)
            )

        return install

    def test_its_values_over_time_are_charts(self, install, tmp_path):
        def measure(poses: Poses) -> pd.DataFrame:
            columns = {
                "track_id": poses.track_id,
                "frame": poses.frame,
                "time_s": poses.frame_time_s,
                "left_sway_px": np.arange(len(poses)),
                "note": "a < b",
            }
            return make_table(columns, ["<b>It is windy.</b>"])

        install(measure)
        page = page_of(WALK, tmp_path)
        assert page.chart("Sway (px)")["lines"][0]["y"] == list(range(len(WALK)))
        assert "<b>It is windy.</b>" in page.text

    def test_its_intervals_are_a_table(self, install, tmp_path):
        def measure(poses: Poses) -> pd.DataFrame:
            return make_table({"track_id": [0], "start_s": [1.0], "end_s": [2.5], "kind": ["a<b"]})

        install(measure)
        page = page_of(WALK, tmp_path)
        assert {"Start (s)", "End (s)", "Kind"} <= set(page.within("th"))
        assert {"2.50", "a<b"} <= set(page.within("td"))

    def test_what_is_nobodys_is_the_scenes(self, install, tmp_path):
        install(lambda poses: make_table({"track_id": [-1], "start_s": [1.0], "end_s": [2.0]}))
        assert "The scene" in page_of(WALK, tmp_path).within("h3")

    def test_one_that_cannot_be_used_says_why(self, install, tmp_path):
        def measure(poses: Poses) -> pd.DataFrame:
            raise MissingExtraError("scikit-sway", "sway")

        install(measure)
        assert "kinetrace[sway]" in page_of(WALK, tmp_path).text
        with pytest.raises(MissingExtraError):
            page_of(WALK, tmp_path, measures=[self.name])


class TestPictures:
    def film(self, folder: Path) -> tuple[Path, Poses]:
        """A film whose pictures hold their number, and somebody in frames 40 to 99."""
        path = folder / "clip.mp4"
        write_film(path, [40 * i for i in range(100)], size_wh=(384, 256))
        poses = dataclasses.replace(
            concat([make_poses((0,) * 40), make_poses((1,) * 60)]),
            frame_time_s=np.arange(100) * 0.04,
            frame_index=np.arange(100),
            xy=np.full((60, 17, 2), 5.0),
            bbox_xyxy=np.full((60, 4), np.nan),
            track_id=np.zeros(60, np.int64),
            size_wh=(384, 256),
        )
        return path, poses

    def frames_of(self, page: Page) -> list[np.ndarray]:
        sources = [str(a["src"]) for a in page.all("img") if "jpeg" in str(a["src"])]
        data = (base64.b64decode(source.split(",")[1]) for source in sources)
        return [np.asarray(Image.open(io.BytesIO(d))) for d in data]

    def test_frames_are_those_of_the_times_below_them(self, tmp_path):
        video, poses = self.film(tmp_path)
        page = page_of(poses, tmp_path, video=video, measures=["gait"])
        numbers = [number_of(image) for image in self.frames_of(page)]
        assert numbers == [45, 55, 65, 75, 85, 95]
        captions = page.within("figcaption")
        assert captions == [f"{0.04 * number:.2f} s" for number in numbers]

    def test_a_photo_is_shown(self, tmp_path):
        path = tmp_path / "photo.png"
        Image.fromarray(picture(5, (384, 256))).save(path)
        poses = dataclasses.replace(
            make_poses((1,), names=True),
            frame_index=[0],
            xy=np.full((1, 17, 2), 5.0),
            bbox_xyxy=np.full((1, 4), np.nan),
            size_wh=(384, 256),
        )
        page = page_of(poses, tmp_path, video=path, measures=["gait"])
        assert [number_of(image) for image in self.frames_of(page)] == [5]

    def test_another_film_is_refused_and_what_was_there_stays(self, tmp_path):
        video, poses = self.film(tmp_path)
        path = tmp_path / "clip.report.html"
        path.write_text("old")
        with pytest.raises(SourceError, match="come from another one"):
            page_of(dataclasses.replace(poses, size_wh=(640, 480)), tmp_path, video=video, **HOW)
        later = dataclasses.replace(
            poses, frame_time_s=poses.frame_time_s + 9, frame_index=poses.frame_index + 500
        )
        with pytest.raises(SourceError, match="none of the frames"):
            page_of(later, tmp_path, video=video, **HOW)
        assert path.read_text() == "old"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "clip.report.html"]

    def test_without_a_film_there_are_stick_figures(self, walk_page):
        assert any("stick figures" in str(a["alt"]) for a in walk_page.all("img"))


def test_without_matplotlib_there_are_charts_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = page_of(WALK, tmp_path, **HOW)
    assert not page.all("img")
    assert page.text.count("kinetrace[plot]") == 2
    assert len(page.all("svg")) > 6


def test_it_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match="make the folder first"):
        write_report(WALK, tmp_path / "nowhere" / "clip.html", measures=["gait"])


# Matplotlib's, of a figure whose keypoints are all in one place.
@pytest.mark.filterwarnings("ignore:constrained_layout not applied")
@given(poses=any_poses())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_there_is_a_report_of_whatever_there_can_be(poses, tmp_path):
    page = page_of(poses, tmp_path, measures=["angles", "gait", "events"])
    assert "How this was made" in page.within("h2")


@pytest.mark.parametrize("name", plugins.names("measures"))
@pytest.mark.parametrize("count", [1, 2, len(WALK)])
def test_every_measure_has_a_section_or_a_reason(name, count, tmp_path):
    page = page_of(WALK.frames(0, count), tmp_path, measures=[name])
    titles = (page.within("h2"), page.within("h3"))
    assert name.replace("_", " ").capitalize() in titles["Not measured" in titles[0]]


def test_without_a_choice_every_measure_is_in_it_that_need_not_be_asked_for(tmp_path):
    page = page_of(WALK.frames(0, 1), tmp_path)
    for name in plugins.names("measures"):
        title = name.replace("_", " ").capitalize()
        assert (title in page.within("h2") + page.within("h3")) == (name != "actions")


@pytest.mark.parametrize(
    ("poses", "text"),
    [
        (make_poses(()), "There is nobody in these frames."),
        (make_poses((0, 0)), "Nobody was found in 2 pictures"),
        (WALK.frames(0, 1), "This is a single picture"),
        (make_poses((1, 1), names=True), "How far to trust it"),
        (
            dataclasses.replace(make_poses((2,) * 9), track_id=np.full(18, -1)),
            "not told apart: nothing is drawn over time",
        ),
    ],
    ids=["no frame", "nobody", "one frame", "photos", "not told apart"],
)
def test_where_there_is_little_it_says_so(poses, text, tmp_path):
    assert text in page_of(poses, tmp_path, measures=["angles", "gait"]).text


def test_a_long_film_makes_no_huge_file(tmp_path):
    long, _ = walker(duration_s=333.4)
    page = page_of(long, tmp_path, measures=["angles"])
    assert len(long) > 10_000
    assert len(page.source) < 4_000_000
    assert "Lines of more than 2,000 points" in page.text


def test_importing_it_loads_neither_pandas_nor_matplotlib():
    code = (
        "import sys, kinetrace.report; "
        "print({'pandas', 'matplotlib', 'scipy', 'mediapipe'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_in_a_browser_charts_are_drawn_and_nothing_is_refused(tmp_path):
    path = tmp_path / "clip.report.html"
    write_report(dataclasses.replace(WALK, source=HOSTILE), path, measures=["angles"])
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,4000"]
    command += ["--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    # What is within the window is drawn at once; what is folded away is not.
    drawn = re.findall(r'<figure class="chart is-live"', done.stdout)
    assert len(drawn) == 6
    assert done.stdout.count('<svg class="main-svg"') >= len(drawn)
    assert "CONSOLE" not in done.stderr
