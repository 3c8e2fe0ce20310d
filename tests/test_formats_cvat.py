from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Poses, Skeleton

# As CVAT exports them: a film of which every second frame was looked at, and photos.
VIDEO = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><size>3</size><mode>interpolation</mode>
<start_frame>10</start_frame><stop_frame>14</stop_frame><frame_filter>step=2</frame_filter>
<labels>
<label><name>person</name><type>skeleton</type><attributes></attributes><svg>...</svg></label>
<label><name>b</name><type>points</type><attributes></attributes><parent>person</parent></label>
<label><name>a</name><type>points</type><attributes></attributes><parent>person</parent></label>
</labels><original_size><width>640</width><height>480</height></original_size></task></meta>
<track id="0" label="person" source="file">
<skeleton frame="10" keyframe="1" z_order="0">
<points label="a" keyframe="1" outside="0" occluded="1" points="10.50,20.50"></points>
<points label="b" keyframe="1" outside="1" occluded="0" points="1.00,2.00"></points>
<attribute name="note">x</attribute></skeleton>
<skeleton frame="12" keyframe="0" z_order="0">
<points label="a" keyframe="0" outside="0" occluded="0" points="11.50,21.50"></points></skeleton>
<skeleton frame="14" keyframe="1" outside="1" z_order="0">
<points label="a" keyframe="1" outside="1" occluded="0" points="11.50,21.50"></points></skeleton>
</track></annotations>
"""
IMAGES = """<annotations><version>1.1</version><meta/>
<image id="0" name="a.jpg" width="640" height="480">
<skeleton label="person" source="manual" z_order="0">
<points label="a" source="manual" outside="0" occluded="0" points="0.5,0.5"/></skeleton>
<box label="hat" source="manual" occluded="0" xtl="1" ytl="1" xbr="2" ybr="2" z_order="0"/>
</image><image id="1" name="b.jpg" width="320" height="480"></image></annotations>
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.cvat.xml"


def imported(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return tracks and shapes by the rules of CVAT's importer: the same attributes are needed."""
    out: dict[str, list[dict[str, Any]]] = {"track": [], "image": []}
    for parent in ET.parse(path).getroot():
        if parent.tag not in out:
            continue
        shapes = []
        for shape in parent.findall("skeleton"):
            if parent.tag == "track":
                assert shape.attrib["keyframe"] == "1"
                frame = int(shape.attrib["frame"])
            else:
                assert shape.attrib["label"] == "person"
                frame = int(re.fullmatch(r"frame_(\d{6})", parent.attrib["name"])[1])
            points = {
                e.attrib["label"]: (
                    e.attrib["outside"] == "1",
                    e.attrib["occluded"] == "1",
                    [float(text) for text in e.attrib["points"].split(",")],
                )
                for e in shape.findall("points")
                if parent.tag == "image" or e.attrib["keyframe"] == "1"
            }
            shapes.append({"frame": frame, "points": points})
        label = parent.attrib["label"] if parent.tag == "track" else None
        out[parent.tag].append({"label": label, "shapes": shapes})
    return out


def test_what_cvat_imports(path: Path) -> None:
    poses = dataclasses.replace(
        make_poses((2, 1, 0, 2), skeleton=FACE), track_id=np.array([3, -1, 3, 3, 7])
    )
    write_quietly(poses, path)
    got = imported(path)
    assert [track["label"] for track in got["track"]] == ["person", "person"]
    three, seven = (track["shapes"] for track in got["track"])
    # In the third of the frames nobody is, and CVAT must be told so.
    assert [shape["frame"] for shape in three] == [3, 5, 7, 9]
    assert [shape["frame"] for shape in seven] == [9]
    assert all(outside for outside, _, _ in three[2]["points"].values())
    assert [len(image["shapes"]) for image in got["image"]] == [1, 0, 0, 0]
    for shape, row in zip([three[0], three[1], three[3]], [0, 2, 3], strict=True):
        for name, (outside, occluded, xy) in shape["points"].items():
            true = poses.keypoint(name)[row]
            assert outside == bool(np.isnan(true[0]))
            assert not occluded
            if not outside:
                np.testing.assert_allclose(xy, true + 0.5, rtol=1e-6)
    back = formats.read(path)
    np.testing.assert_array_equal(back.frame_index, [3, 5, 7, 9])
    np.testing.assert_array_equal(np.sort(back.track_id), [-1, 3, 3, 3, 7])
    assert back.size_wh == (1920, 1080)


def test_the_label_for_the_constructor_has_a_node_for_each_keypoint(path: Path) -> None:
    skeleton = Skeleton("odd", ("a--b", "<c>&\"'", "ü"), edges=(("a--b", "ü"),))
    write_quietly(sample("cvat", skeleton=skeleton), path)
    (text,) = re.findall(r"<!--.*?:\n(.*)\n-->", path.read_text())
    (label,) = json.loads(text)
    assert [each["name"] for each in label["sublabels"]] == list(skeleton.keypoints)
    svg = ET.fromstring(f"<svg>{label['svg']}</svg>")
    nodes = {e.attrib["data-label-name"]: e.attrib["data-node-id"] for e in svg.findall("circle")}
    assert list(nodes) == list(skeleton.keypoints)
    (line,) = svg.findall("line")
    assert (line.attrib["data-node-from"], line.attrib["data-node-to"]) == ("1", "3")
    places = np.array([[float(e.attrib[c]) for c in ("cx", "cy")] for e in svg.findall("circle")])
    assert np.all((places >= 0) & (places <= 100))
    assert formats.read(path).skeleton.keypoints == skeleton.keypoints


@pytest.mark.parametrize("packed", [False, True])
def test_a_film_that_cvat_exported(path: Path, packed: bool) -> None:
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("annotations.xml", VIDEO)
            archive.writestr("images/frame_000010.png", b"")
    else:
        path.write_text(VIDEO)
    poses = formats.read(path, fps=30)
    assert poses.skeleton.keypoints == ("b", "a")
    np.testing.assert_array_equal(poses.frame_index, [10, 12, 14])
    np.testing.assert_array_equal(poses.frame, [0, 1])
    np.testing.assert_array_equal(poses.xy, [[[np.nan] * 2, [10, 20]], [[np.nan] * 2, [11, 21]]])
    np.testing.assert_array_equal(poses.score, [[0, 1], [0, 1]])
    assert poses.size_wh == (640, 480)
    assert poses.frame_name is None


def test_photos_that_cvat_exported(path: Path) -> None:
    path.write_text(IMAGES)
    poses = formats.read(path)
    assert poses.frame_name == ("a.jpg", "b.jpg")
    assert poses.size_wh is None
    np.testing.assert_array_equal(poses.xy, [[[0, 0]]])
    np.testing.assert_array_equal(poses.track_id, [-1])


def test_photos_keep_their_names(path: Path) -> None:
    poses = make_poses((1, 0, 2), names=True)
    write_quietly(poses, path)
    assert formats.read(path).frame_name == poses.frame_name


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("10.50,20.50", "10.50", "frame 10: '10.50' is no position of 'a'"),
        ("10.50,20.50", "1_0,20", "frame 10: '1_0,20' is no position of 'a'"),
        ("10.50,20.50", "1e300,20", "too large"),
        ('frame="12"', 'frame="13"', "frame 13 is not among the task's frames"),
        ('frame="12"', 'frame="x"', "<skeleton> needs a whole number as its 'frame', got 'x'"),
        ("<width>640", "<width>6e2", "must be whole numbers, got '6e2' x '480'"),
        ("14</stop_frame>", "999999999999</stop_frame>", "it tells of 999999999990 frames"),
        ("<annotations>", "<!DOCTYPE annotations><annotations>", "document type"),
        ("<annotations>", '<annotations><track id="1" task_id="4"/>', "project with 2 tasks"),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, complaint: str) -> None:
    assert old in VIDEO
    path.write_text(VIDEO.replace(old, new, 1))
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_entities_are_refused_in_whatever_encoding(path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>'
    for encoding in ("utf-8", "utf-16", "cp037"):
        path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{bomb}'.encode(encoding))
        with pytest.raises(FormatError):
            formats.read(path)
    declared = b'<?xml version="1.0" encoding="cp037"?>' + bomb.encode("cp037")
    path.write_bytes(declared)
    with pytest.raises(FormatError, match="no XML"):
        formats.read(path)


def test_a_zip_of_something_else(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(FormatError, match="must hold one XML file below 1 GiB, has 0"):
        formats.read(path)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(FormatError, match="damaged ZIP"):
        formats.read(path)


def test_what_xml_has_no_place_for(path: Path) -> None:
    poses: Poses = make_poses(skeleton=Skeleton("odd", ("a\x01",)))
    with pytest.raises(OutputError, match="XML has no place for"):
        formats.write(poses, path)
    assert not path.exists()


def test_a_zip_that_is_damaged_anywhere(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", "<annotations>" + "abc def" * 500 + "</annotations>")
    whole = path.read_bytes()
    for place in range(44, len(whole) - 100, 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(FormatError):
            formats.read(path)
