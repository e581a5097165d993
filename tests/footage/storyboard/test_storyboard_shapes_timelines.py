"""Films of sizes that a board asks for, as the timelines have them; and where an editor's machine has the media."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import opentimelineio as otio
import pytest
from boards import delivered, planned

from footage.storyboard.timeline import timeline_otio
from footage.storyboard.xmeml import xmeml


@pytest.mark.parametrize(("fit", "scale_of_b"), [("pad", 100 * 720 / 832), ("crop", 100 * 1280 / 480)])
def test_the_timelines_have_the_films_size_and_scale_clips_as_the_film_does(
    fit: str, scale_of_b: float, tmp_path: Path
):
    plan = planned(
        {"id": "a", "size": "832*480"},
        {"id": "b", "size": "480*832", "seed": 2},
        film={"size": ["1280*720", "720*1280"], "fit": fit},
    )
    outcomes = {shot.id: delivered(shot) for shot in plan.shots}
    media = {shot.id: f"../../videos/{shot.id}.mp4" for shot in plan.shots}

    sequence = fromstring(xmeml(plan, outcomes, media)).find("sequence")
    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")

    assert sequence is not None
    shape = "media/video/format/samplecharacteristics"
    assert (sequence.findtext(f"{shape}/width"), sequence.findtext(f"{shape}/height")) == ("1280", "720")
    scales = [
        float(item.findtext("filter/effect/parameter/value") or 0)
        for item in sequence.findall("media/video/track/clipitem")
    ]
    assert scales == [pytest.approx(100 * 1280 / 832, abs=0.01), pytest.approx(scale_of_b, abs=0.01)]
    assert sequence.find("media/audio") is None
    frame = timeline.metadata["wan_video"]["format"]
    assert (frame["width"], frame["height"], frame["fit"]) == (1280, 720, fit)


def test_clips_of_a_board_that_says_no_size_have_no_scale():
    plan = planned({"id": "a", "size": "832*480"}, {"id": "b", "size": "480*832", "seed": 2})

    text = xmeml(plan, {shot.id: delivered(shot) for shot in plan.shots}, {"a": "a.mp4", "b": "b.mp4"})

    assert b"<filter>" not in text


@pytest.mark.parametrize(
    ("root", "url", "path"),
    [
        ("D:\\My films", "file://localhost/D%3a/My%20films/videos/1.mp4", "D:/My films/videos/1.mp4"),
        ("d:", "file://localhost/d%3a/videos/1.mp4", "d:/videos/1.mp4"),
        ("/", "file://localhost/videos/1.mp4", "/videos/1.mp4"),
        (
            "/Volumes/灯塔/",
            "file://localhost/Volumes/%E7%81%AF%E5%A1%94/videos/1.mp4",
            "/Volumes/灯塔/videos/1.mp4",
        ),
        ("\\\\server\\share", "file://server/share/videos/1.mp4", "//server/share/videos/1.mp4"),
        ("//server/share", "file://server/share/videos/1.mp4", "//server/share/videos/1.mp4"),
        (
            "file:///D:/My%20films",
            "file://localhost/D%3a/My%20films/videos/1.mp4",
            "D:/My films/videos/1.mp4",
        ),
        ("file://localhost/C%3a/films", "file://localhost/C%3a/films/videos/1.mp4", "C:/films/videos/1.mp4"),
        (
            "file:///Volumes/%E7%81%AF",
            "file://localhost/Volumes/%E7%81%AF/videos/1.mp4",
            "/Volumes/灯/videos/1.mp4",
        ),
        ("file://D:/films", "file://localhost/D%3a/films/videos/1.mp4", "D:/films/videos/1.mp4"),
        ("file://server/share", "file://server/share/videos/1.mp4", "//server/share/videos/1.mp4"),
    ],
)
def test_timelines_find_the_media_below_a_folder_of_another_machine(root: str, url: str, path: str):
    plan = planned({"id": "a"}, film={"media_root": root})
    outcomes, media = {"a": delivered(plan.shot("a"))}, {"a": "../../videos/1.mp4"}

    text = xmeml(plan, outcomes, media).decode()
    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")

    assert f"<pathurl>{url}</pathurl>" in text
    (clip,) = timeline.find_clips()
    assert clip.media_reference.target_url == url
    assert otio.url_utils.filepath_from_url(url) == path
