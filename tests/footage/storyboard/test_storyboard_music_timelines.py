"""Music under the film of a board, as the timelines have it for an editor."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import opentimelineio as otio
import pytest
from boards import delivered
from musicboards import Made, made, two_shots
from soundfiles import RATE, make_music

from footage.storyboard import ShotOutcome, read_board
from footage.storyboard.edl import edl
from footage.storyboard.plan import BoardPlan
from footage.storyboard.timeline import timeline_otio
from footage.storyboard.xmeml import xmeml


@pytest.fixture
def board(tmp_path: Path, bed: Path) -> Made:
    return made(tmp_path, str(bed))


@pytest.fixture(params=["30", "24000/1001"])
def rate(request: pytest.FixtureRequest) -> Fraction:
    return Fraction(request.param)


def cut_of(music: Any, rate: Fraction) -> tuple[BoardPlan, dict[str, ShotOutcome], dict[str, str], int]:
    """Two shots of 75 frames each."""
    plan = two_shots(music)
    outcomes = {
        shot.id: delivered(shot, duration=float(75 / rate), fps=float(rate), size="832*480")
        for shot in plan.shots
    }
    return plan, outcomes, {shot.id: f"../../videos/{shot.id}.mp4" for shot in plan.shots}, 150


def test_otio_has_the_music_on_a_track_of_its_own_as_long_as_the_film(bed: Path):
    plan, outcomes, media, frames = cut_of(str(bed), Fraction(30))
    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")

    video, music = timeline.tracks
    assert (music.name, music.kind) == ("A2", "Audio")
    assert music.duration().rescaled_to(30).value == video.duration().rescaled_to(30).value == frames
    clips = list(music)
    assert [clip.source_range.duration.to_seconds() for clip in clips] == [2, 2, 1]
    assert {clip.media_reference.target_url for clip in clips} == {"music.wav"}
    for clip in clips:
        assert clip.available_range().duration >= clip.source_range.duration
        assert clip.metadata["wan_video"]["music"]["gain_db"] == -12
        assert clip.metadata["wan_video"]["music"]["duck"] is True


def test_music_that_is_longer_than_the_film_is_one_clip_of_the_films_frames(tmp_path: Path):
    long = make_music(tmp_path / "long.wav", seconds=7)
    plan, outcomes, media, frames = cut_of(str(long), Fraction(30))
    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")

    (clip,) = timeline.tracks[1]
    assert clip.source_range.duration == otio.opentime.RationalTime(frames, 30)


def test_a_timeline_with_music_gives_its_board_back(bed: Path):
    plan, outcomes, media, _ = cut_of({"file": str(bed), "gain_db": -6}, Fraction(30))

    assert read_board(timeline_otio(plan, outcomes, media)).board == plan.board


def test_the_xml_has_the_music_with_its_level_on_tracks_of_its_own(bed: Path, board: Made):
    media = {"a": "../../videos/a.mp4", "b": "../../videos/b.mp4"}
    text = xmeml(board.plan, board.outcomes, media, "storyboards/Film")
    sequence: Any = fromstring(text).find("sequence")

    tracks = sequence.findall("media/audio/track")
    assert len(tracks) == 4
    for number, track in enumerate(tracks[2:], start=1):
        items = track.findall("clipitem")
        assert [(i.findtext("start"), i.findtext("end")) for i in items] == [
            ("0", "60"), ("60", "120"), ("120", "150"),
        ]  # fmt: skip
        assert [(i.findtext("in"), i.findtext("out")) for i in items] == [
            ("0", "60"), ("0", "60"), ("0", "30"),
        ]  # fmt: skip
        assert {i.findtext("sourcetrack/trackindex") for i in items} == {str(number)}
        levels = [float(i.findtext("filter/effect/parameter/value")) for i in items]
        assert levels == [pytest.approx(10 ** (-12 / 20), abs=1e-5)] * 3
        assert track.findall(".//link") == []
    assert [url.text for url in sequence.iter("pathurl")] == [*media.values(), "music.wav"]
    ids = [item.get("id") for item in sequence.iter("clipitem")]
    assert len(ids) == len(set(ids))


def test_timelines_for_another_machine_find_the_music_in_the_boards_folder(bed: Path):
    plan = two_shots(str(bed), media_root="/Volumes/films")
    outcomes = {shot.id: delivered(shot) for shot in plan.shots}

    files = {"a": "../../videos/a.mp4"}
    url = "file://localhost/Volumes/films/storyboards/Film/music.wav"

    assert f"<pathurl>{url}</pathurl>" in xmeml(plan, outcomes, files, "storyboards/Film").decode()
    assert f'"{url}"' in timeline_otio(plan, outcomes, files, "storyboards/Film").decode()


def test_repetitions_of_music_end_with_the_film_at_every_rate(bed: Path, rate: Fraction):
    plan, outcomes, media, frames = cut_of(str(bed), rate)
    sequence: Any = fromstring(xmeml(plan, outcomes, media)).find("sequence")

    track = sequence.findall("media/audio/track")[0]
    items = track.findall("clipitem")
    edges = [(int(i.findtext("start")), int(i.findtext("end"))) for i in items]
    length = int(sequence.findtext("duration"))
    assert edges[0][0] == 0
    assert edges[-1][1] == length
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert all(start < end for start, end in edges)
    assert length == frames if rate == 30 else length > frames


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("short_by", [-3, 0, 3, 700, 900])
def test_music_about_as_long_as_the_film_is_as_long_as_it_on_its_track(bed: Path, loop: bool, short_by: int):
    plan, outcomes, media, frames = cut_of({"file": str(bed), "loop": loop}, Fraction(30))
    assert plan.music is not None
    plan = replace(plan, music=replace(plan.music, samples=frames * RATE // 30 - short_by))

    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")
    sequence: Any = fromstring(xmeml(plan, outcomes, media)).find("sequence")

    *_, music = timeline.audio_tracks()
    assert music.duration().to_seconds() == pytest.approx(frames / 30, abs=1e-9)
    items = sequence.findall("media/audio/track")[0].findall("clipitem")
    assert all(int(item.findtext("start")) < int(item.findtext("end")) for item in items)


def test_the_edit_list_names_the_music(bed: Path):
    plan, outcomes, media, _ = cut_of(str(bed), Fraction(30))

    (text,) = edl(plan, outcomes, media)

    assert text.splitlines()[-1] == "* MUSIC: 夜 曲.wav AT -12 DB"
