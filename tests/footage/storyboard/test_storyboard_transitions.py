"""Transitions that a board wants made: film, subtitles, timelines and edit list agree to the frame."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, fromstring

import av
import opentimelineio as otio
import pytest
from boards import board, chained, delivered, no_links, planned
from clips import make_clip
from loudness import loudness_lufs

from footage.errors import InvalidRequest
from footage.media import inspect
from footage.storyboard import ShotOutcome, read_board
from footage.storyboard.edl import edl
from footage.storyboard.film import Film, make_film
from footage.storyboard.plan import BoardPlan, plan_board
from footage.storyboard.timeline import timeline_otio
from footage.storyboard.xmeml import xmeml

DISSOLVE = {"kind": "dissolve", "seconds": 0.5}
FADE = {"kind": "fade", "seconds": 0.5}
# Frames of the film: a dissolves into b over 14 of them around 38, b fades into c around 76, d begins with the
# frame after the one that c ends with.
RECORD = [(0, 38), (38, 76), (76, 121), (121, 165)]


class Cut(NamedTuple):
    plan: BoardPlan
    outcomes: dict[str, ShotOutcome]
    files: dict[str, Path]

    @property
    def media(self) -> dict[str, str]:
        return {shot_id: f"../../videos/{file.name}" for shot_id, file in self.files.items()}


def four(folder: Path) -> Cut:
    """Black and silent into a blue one with a tone, through black into one of 23.976, and on from its last frame."""
    plan = planned(
        {"id": "a", "size": "832*480", "transition": DISSOLVE},
        {"id": "b", "size": "832*480", "seed": 2, "transition": FADE, "dialogue": "Who lit it?"},
        {"id": "c", "size": "832*480", "seed": 3, "dialogue": "灯塔为什么亮了？"},
        chained("d", "shot:c"),
        film={"transitions": True},
    )
    made: dict[str, dict[str, Any]] = {
        "a": {"picture": "black"},
        "b": {"picture": "still", "audio": True, "tone": 0.05},
        "c": {"picture": "still", "fps": "24000/1001"},
        "d": {"picture": "still", "audio": True, "tone": 0.2},
    }
    files: dict[str, Path] = {}
    outcomes: dict[str, ShotOutcome] = {}
    for name, how in made.items():
        fps = Fraction(how.pop("fps", 30))
        seconds = 1.5 if fps == 30 else float(36 / fps)
        files[name] = make_clip(folder / f"{name}.mp4", size=(832, 480), fps=fps, seconds=seconds, **how)
        outcomes[name] = delivered(
            plan.shot(name), duration=seconds, fps=float(fps), size="832*480", audio="audio" in how
        )
    return Cut(plan, outcomes, files)


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Cut:
    return four(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def film(shots: Cut, tmp_path_factory: pytest.TempPathFactory) -> tuple[Film, Path]:
    out = tmp_path_factory.mktemp("film") / "film.mp4"
    made = make_film(shots.plan, shots.outcomes, shots.files, out)
    assert made is not None
    return made, out


def brightness(file: Path) -> list[int]:
    """Of the corner of every frame."""
    with av.open(str(file)) as container:
        return [frame.to_image().convert("L").getpixel((2, 2)) for frame in container.decode(video=0)]  # type: ignore[misc]


@pytest.mark.slow
def test_the_film_has_the_frames_of_the_record_and_as_much_sound(film: tuple[Film, Path]):
    made, file = film

    facts = inspect(file)
    assert (facts.frames, facts.fps, facts.problems) == (165, 30, ())
    assert made.duration_s == 5.5
    assert not made.copied
    with av.open(str(file)) as container:
        assert container.streams.audio[0].duration == 264_000


def test_a_dissolve_leads_over_around_the_cut_and_a_fade_goes_through_black(film: tuple[Film, Path]):
    light = brightness(film[1])

    assert light[30] == 0
    assert light[38] == pytest.approx(light[60] / 2, abs=4)
    assert light[45] == pytest.approx(light[60], abs=2)
    assert light[30:45] == sorted(light[30:45])
    assert light[69] == pytest.approx(light[60], abs=2)
    assert light[76] == 0
    assert light[72] == pytest.approx(light[60] * 4 / 7, abs=8)
    assert light[83] == pytest.approx(light[60], abs=2)


def test_the_film_is_as_loud_as_the_web_wants_it(film: tuple[Film, Path]):
    assert loudness_lufs(film[1]) == pytest.approx(-16, abs=0.5)
    assert film[0].delivered_lufs == pytest.approx(-19, abs=3)


def test_subtitles_are_where_their_shots_are(film: tuple[Film, Path]):
    cues = {track.language: track.cues for track in film[0].words.tracks}

    shown = {
        language: [(round(cue.start_s * 30, 3), round(cue.end_s * 30, 3), cue.text) for cue in said]
        for language, said in cues.items()
    }
    assert shown == {"en": [(44, 69, "Who lit it?")], "zh": [(82, 109, "灯塔为什么亮了？")]}


def test_the_otio_timeline_has_transitions_whose_frames_exist(shots: Cut):
    timeline: Any = otio.adapters.read_from_string(
        timeline_otio(shots.plan, shots.outcomes, shots.media).decode(), "otio_json"
    )
    video, sound = timeline.tracks

    assert video.duration().to_frames() == 165
    assert sound.duration().to_frames() == 165
    clips = list(video.find_clips())
    starts = [clip.range_in_parent().start_time.to_frames() for clip in clips]
    assert starts == [start for start, _ in RECORD]
    assert [(c.source_range.start_time.to_frames(), c.duration().to_frames()) for c in clips] == [
        (0, 38), (7, 31), (0, 45), (1, 44),
    ]  # fmt: skip
    kinds = ["Clip", "Transition", "Clip", "Transition", "Gap", "Transition", "Clip", "Clip"]
    assert [type(item).__name__ for item in video] == kinds
    for place, item in enumerate(video):
        if isinstance(item, otio.schema.Transition) and isinstance(
            before := video[place - 1], otio.schema.Clip
        ):
            spare = before.available_range().end_time_exclusive() - before.source_range.end_time_exclusive()
            assert spare >= item.out_offset
    assert not any(marker.name.endswith("next shot") for clip in clips for marker in clip.markers)


def test_a_timeline_with_transitions_gives_its_board_back(shots: Cut):
    assert read_board(timeline_otio(shots.plan, shots.outcomes, shots.media)).board == shots.plan.board


def test_the_edit_list_dissolves_between_frames_that_exist(shots: Cut):
    (text,) = edl(shots.plan, shots.outcomes, shots.media)

    edits = [line for line in text.splitlines() if re.match(r"\d{3} ", line)]
    assert [" ".join(edit.split()) for edit in edits] == [
        "001 A V C 00:00:00:00 00:00:01:01 01:00:00:00 01:00:01:01",
        "002 A V C 00:00:01:01 00:00:01:01 01:00:01:01 01:00:01:01",
        "002 B AA/V D 014 00:00:00:00 00:00:01:08 01:00:01:01 01:00:02:09",
        "003 B AA/V C 00:00:01:08 00:00:01:08 01:00:02:09 01:00:02:09",
        "003 BL V D 007 00:00:00:00 00:00:00:07 01:00:02:09 01:00:02:16",
        "004 BL V C 00:00:00:00 00:00:00:00 01:00:02:16 01:00:02:16",
        "004 C V D 007 00:00:00:00 00:00:01:15 01:00:02:16 01:00:04:01",
        "005 D AA/V C 00:00:00:01 00:00:01:15 01:00:04:01 01:00:05:15",
    ]


class Item(NamedTuple):
    name: str
    start: int
    end: int
    source_in: int
    source_out: int


def items_of(track: Element) -> list[Item]:
    """The clips of an xmeml track with edges of -1 found in the transitions beside them."""
    elements = [element for element in track if element.tag in ("clipitem", "transitionitem")]

    def number(element: Element, name: str) -> int:
        return int(element.findtext(name) or "")

    def edge(place: int, own: int, alignments: dict[str, str]) -> int:
        if own != -1:
            return own
        beside = elements[place]
        assert beside.tag == "transitionitem"
        where = alignments[beside.findtext("alignment") or ""]
        start, end = number(beside, "start"), number(beside, "end")
        return {"start": start, "end": end, "middle": (start + end) // 2}[where]

    return [
        Item(
            element.findtext("name") or "",
            edge(place - 1, number(element, "start"), {"center": "middle", "start-black": "start"}),
            edge(place + 1, number(element, "end"), {"center": "middle", "end-black": "end"}),
            number(element, "in"),
            number(element, "out"),
        )
        for place, element in enumerate(elements)
        if element.tag == "clipitem"
    ]


def test_the_xml_has_the_same_record_and_the_frames_under_the_transitions(shots: Cut):
    sequence = fromstring(xmeml(shots.plan, shots.outcomes, shots.media)).find("sequence")

    assert sequence is not None
    assert sequence.findtext("duration") == "165"
    (video,) = sequence.findall("media/video/track")
    items = items_of(video)
    assert [(item.start, item.end) for item in items] == RECORD
    assert [(item.source_in, item.source_out) for item in items] == [(0, 45), (0, 45), (0, 36), (1, 45)]
    left, right = (items_of(track) for track in sequence.findall("media/audio/track"))
    # Nothing of a sounds under the dissolve: b begins with it.
    assert [(item.start, item.end) for item in left] == [(31, 76), (121, 165)]
    assert left == right


def test_the_xml_says_sizes_rates_links_and_where_the_media_are(shots: Cut):
    sequence: Any = fromstring(xmeml(shots.plan, shots.outcomes, shots.media)).find("sequence")

    shape = "media/video/format/samplecharacteristics"
    assert (sequence.findtext(f"{shape}/width"), sequence.findtext(f"{shape}/height")) == ("832", "480")
    rates = [
        (item.findtext("rate/timebase"), item.findtext("rate/ntsc"))
        for item in sequence.findall("media/video/track/clipitem")
    ]
    assert rates == [("30", "FALSE"), ("30", "FALSE"), ("24", "TRUE"), ("30", "FALSE")]
    ids = {item.get("id") for item in sequence.iter("clipitem")}
    links = [ref.text for ref in sequence.iter("linkclipref")]
    assert len(links) == 2 * 3 * 3
    assert set(links) <= ids
    assert [url.text for url in sequence.iter("pathurl")] == [f"../../videos/{n}.mp4" for n in "abcd"]
    assert [marker.findtext("in") for marker in sequence.findall("marker")] == ["0", "38", "76", "121"]


def test_texts_with_characters_that_xml_has_none_for_are_in_it_without_them():
    plan = planned({"id": "a", "title": "x\x00\x1b\ufffe</name>"}, title="\x07灯 & <b>")

    sequence = fromstring(xmeml(plan, {"a": delivered(plan.shot("a"))}, {"a": "a\x01.mp4"})).find("sequence")

    assert sequence is not None
    assert sequence.findtext("name") == "灯 & <b>"
    assert sequence.findtext("media/video/track/clipitem/name") == "a x</name>"


@pytest.mark.parametrize(
    ("root", "url"),
    [
        ("D:\\My films", "file://localhost/D%3a/My%20films/videos/1.mp4"),
        ("/Volumes/灯塔", "file://localhost/Volumes/%E7%81%AF%E5%A1%94/videos/1.mp4"),
        ("\\\\server\\share", "file://server/share/videos/1.mp4"),
    ],
)
def test_the_media_can_lie_below_a_folder_of_another_machine(root: str, url: str):
    plan = planned({"id": "a"}, film={"media_root": root})

    text = xmeml(plan, {"a": delivered(plan.shot("a"))}, {"a": "../../videos/1.mp4"}).decode()

    assert f"<pathurl>{url}</pathurl>" in text


@pytest.mark.parametrize(
    ("transitions", "shot", "says"),
    [
        ([{"kind": "dissolve", "seconds": 3}, "cut"], "a", "longer than half of shot a"),
        (["cut", "dissolve"], "b", "no next shot"),
        (["cut", {"kind": "fade", "seconds": 2.6}], "b", "longer than half"),
    ],
)
def test_a_transition_that_cannot_be_made_refuses_the_board(transitions: list[Any], shot: str, says: str):
    shots = [{"id": name, "seed": n, "transition": transitions[n]} for n, name in enumerate("ab")]

    with pytest.raises(InvalidRequest) as refused:
        plan_board(board(*shots, film={"transitions": True}), no_links)

    (problem,) = refused.value.problems
    assert problem.field == f"shots[{shot}].transition"
    assert says in problem.message


def test_a_transition_that_is_only_marked_and_too_long_is_a_warning():
    plan = planned({"id": "a", "transition": {"kind": "dissolve", "seconds": 3}}, {"id": "b", "seed": 2})

    assert any("shot a: its dissolve of 3 s" in warning for warning in plan.warnings)


def test_with_cuts_alone_the_pictures_are_copied_and_only_the_sound_is_levelled(tmp_path: Path):
    plan = planned(
        *({"id": name, "seed": n, "size": "832*480"} for n, name in enumerate("ab")),
        film={"transitions": True, "loudness": "ebu"},
    )
    files = {
        name: make_clip(
            tmp_path / f"{name}.mp4",
            size=(832, 480),
            fps=30,
            seconds=2,
            picture="still",
            audio=True,
            tone=loud,
        )
        for name, loud in (("a", 0.02), ("b", 0.3))
    }
    outcomes = {name: delivered(plan.shot(name), duration=2.0, audio=True) for name in "ab"}

    film = make_film(plan, outcomes, files, tmp_path / "film.mp4")

    assert film is not None
    assert film.copied
    assert loudness_lufs(tmp_path / "film.mp4") == pytest.approx(-23, abs=0.5)
    assert inspect(tmp_path / "film.mp4").frames == 120


def test_another_reader_of_the_xml_finds_the_same_cuts():
    pytest.importorskip("otio_fcp_adapter", reason="of the dev requirements")
    plan = planned({"id": "a"}, {"id": "b", "seed": 2}, {"id": "c", "seed": 3}, defaults={"fps": 23.976})
    outcomes = {
        name: delivered(plan.shot(name), fps=24000 / 1001, duration=seconds, audio=name == "b")
        for name, seconds in (("a", 5.005), ("c", 2.002), ("b", 4.004))
    }
    xml = xmeml(plan, outcomes, {name: f"../../videos/{name} 1.mp4" for name in outcomes}).decode()

    timeline: Any = otio.adapters.read_from_string(xml, "fcp_xml")

    video, *sound = timeline.tracks
    assert [type(item).__name__ for item in video] == ["Clip", "Clip", "Clip"]
    assert [round(item.duration().to_seconds() * 24000 / 1001) for item in video] == [120, 96, 48]
    assert [item.range_in_parent().start_time.to_frames() for item in video] == [0, 120, 216]
    assert video[0].media_reference.target_url == "../../videos/a%201.mp4"
    assert [[type(item).__name__ for item in track] for track in sound] == [["Gap", "Clip"]] * 2


@pytest.mark.slow
def test_the_visible_label_lies_over_the_opening_of_a_film_with_transitions(tmp_path: Path):
    def pictures(label: str) -> list[bytes]:
        shots = ({"id": name, "seed": n, "size": "832*480"} for n, name in enumerate("ab"))
        plan = planned(
            *(shot | ({"transition": FADE} if shot["id"] == "a" else {}) for shot in shots),
            film={"transitions": True, "visible_label": label},
        )
        file = make_clip(tmp_path / "clip.mp4", size=(832, 480), fps=30, seconds=2.5, picture="black")
        outcomes = {shot.id: delivered(shot, duration=2.5) for shot in plan.shots}
        assert make_film(plan, outcomes, {"a": file, "b": file}, tmp_path / "film.mp4") is not None
        with av.open(str(tmp_path / "film.mp4")) as container:
            return [bytes(frame.reformat(format="gray").planes[0]) for frame in container.decode(video=0)]

    bare, labelled = pictures("none"), pictures("own")

    assert len(bare) == len(labelled) == 150
    seen = [max(frame) - max(plain) > 100 for frame, plain in zip(labelled, bare, strict=True)]
    assert seen[0]
    assert seen == sorted(seen, reverse=True)
    assert not seen[-1]
