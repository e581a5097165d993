"""What is said in a film: subtitle files, streams and chapters that agree with its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import pytest
from boards import delivered, planned
from clips import make_clip
from PIL import Image

from footage.errors import InvalidRequest
from footage.storage import open_store
from footage.storyboard import Budget, Ledger
from footage.storyboard.cut import cut
from footage.storyboard.film_words import Chapter, Words, chapter_list, words_of
from footage.storyboard.package import make_package
from footage.storyboard.sequence import sequence
from footage.subtitles import Cue, read_subtitles


def words(*shots: dict[str, Any], **fields: Any) -> Words:
    """Of a film whose shots, 5 s of 30 frames a second each, come as planned."""
    plan = planned(*({"id": f"s{n}", "seed": n} | shot for n, shot in enumerate(shots, start=1)), **fields)
    outcomes = {shot.id: delivered(shot) for shot in plan.shots}
    return words_of(plan, sequence(plan, cut(plan, outcomes)))


def in_frames(cues: Iterable[Cue]) -> list[tuple[float, float, str]]:
    """Cues with the frame of 30 a second that each begins and ends with."""
    return [(round(cue.start_s * 30, 3), round(cue.end_s * 30, 3), cue.text) for cue in cues]


def test_each_dialogue_is_a_cue_of_its_language_within_its_shot():
    said = words({"dialogue": "Who lit it?"}, {}, {"dialogue": "灯塔为什么亮了？"})

    assert [(track.language, in_frames(track.cues)) for track in said.tracks] == [
        ("en", [(6, 31, "Who lit it?")]),
        ("zh", [(306, 333, "灯塔为什么亮了？")]),
    ]
    assert said.warnings == ()


def test_the_boards_language_holds_for_all_dialogue():
    said = words({"dialogue": "Wer hat es angezündet?"}, {"dialogue": "灯"}, film={"language": "de"})

    assert [track.language for track in said.tracks] == ["de"]


def test_words_that_cannot_be_read_in_their_shot_are_shown_whole_and_told():
    text = "I have crossed seventeen seas, and I never saw a light like that. " * 5

    said = words({"dialogue": text}, {"dialogue": "No."})

    cues = said.tracks[0].cues
    mine = [cue for cue in cues if cue.start_s < 5]
    assert "".join("".join(cue.text for cue in mine).split()) == "".join(text.split())
    assert all(first.end_s <= after.start_s for first, after in pairwise(cues))
    assert mine[-1].end_s <= 5
    assert [warning.split(":")[0] for warning in said.warnings] == ["shot s1"]


def test_a_shots_own_file_stands_for_its_dialogue_at_the_shots_place(tmp_path: Path):
    (tmp_path / "own.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nMine\n\n2\n00:00:09,000 --> 00:00:10,000\nLate"
    )

    said = words({}, {"dialogue": "Not this", "subtitles": str(tmp_path / "own.srt")})

    assert [track.cues for track in said.tracks] == [(Cue(6.0, 7.0, "Mine"),)]
    assert "shot s2" in said.warnings[0]


def test_a_films_own_file_stands_for_all_dialogue_of_its_language(tmp_path: Path):
    (tmp_path / "own.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nMine")

    said = words(
        {"dialogue": "Not this"}, {"dialogue": "灯"}, film={"subtitles": {"en": str(tmp_path / "own.vtt")}}
    )

    assert [(track.language, track.cues[0].text) for track in said.tracks] == [("en", "Mine"), ("zh", "灯")]


@pytest.mark.parametrize(
    ("subtitles", "field", "says"),
    [
        ("broken.srt", "shots[s1].subtitles", "line 2"),
        ("missing.srt", "shots[s1].subtitles", "No such file"),
        (".", "shots[s1].subtitles", "is no file"),
        ({"en": "broken.srt"}, "shots[s1].subtitles.en", "line 2"),
        ({"english!": "fine.srt"}, "shots[s1].subtitles", "no language tag"),
    ],
)
def test_a_subtitle_file_that_cannot_be_taken_refuses_the_board(
    subtitles: Any, field: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("broken.srt").write_text("1\n00:00:01 -> 00:00:02\nHello")

    with pytest.raises(InvalidRequest) as refused:
        words({"subtitles": subtitles})

    (problem,) = refused.value.problems
    assert problem.field == field
    assert says in problem.message


def test_a_shots_own_file_of_one_language_leaves_dialogue_of_another(tmp_path: Path):
    (tmp_path / "own.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nMine")
    own = {"subtitles": {"en": str(tmp_path / "own.vtt")}}

    said = words({"dialogue": "Not this"} | own, {"dialogue": "灯"} | own)

    assert [[cue.text for cue in track.cues] for track in said.tracks] == [["Mine", "Mine"], ["灯"]]


def test_a_scene_is_a_chapter_and_without_scenes_a_shot_is():
    film: dict[str, Any] = {"film": {"chapters": True}}

    assert words({"scene": 1}, {"scene": 1}, {"slug": "INT. TOWER"}, **film).chapters == (
        Chapter(0.0, 10.0, "Scene 1"),
        Chapter(10.0, 15.0, "INT. TOWER"),
    )
    assert [chapter.title for chapter in words({"title": "Waves"}, {}, **film).chapters] == ["Waves", "s2"]


def test_chapters_for_an_upload_are_at_least_three_of_ten_seconds():
    lengths = [4, 7, 30, 12, 3]
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    chapters = [
        Chapter(start, start + length, f"c{start}") for start, length in zip(starts, lengths, strict=True)
    ]

    assert chapter_list(chapters) == "0:00 c0\n0:11 c11\n0:41 c41\n"
    assert chapter_list(chapters[:3]) is None


def test_film_and_folder_have_the_words_and_the_pictures_are_copied(tmp_path: Path):
    plan = planned(
        {"id": "a", "size": "832*480", "title": "One", "dialogue": "Who lit it?"},
        {"id": "b", "size": "832*480", "seed": 2, "dialogue": "灯塔亮了"},
        film={"thumbnail": True},
    )
    outcomes = {shot.id: delivered(shot, duration=1.5) for shot in plan.shots}
    (tmp_path / "videos").mkdir()
    for shot in plan.shots:
        key = outcomes[shot.id].response.key  # type: ignore[union-attr]
        make_clip(
            tmp_path / f"videos/{key}.mp4",
            size=(832, 480),
            fps=30,
            seconds=1.5,
            picture="black" if shot.id == "a" else "still",
        )

    package = make_package(open_store(str(tmp_path)), plan, outcomes, Ledger(Budget()).statement())

    folder = tmp_path / "storyboards/storyboard"
    assert package.film is not None
    assert package.film.report["copied"]
    assert set(package.links) >= {
        f"subtitles.{tag}.{kind}" for tag in ("en", "zh") for kind in ("srt", "vtt")
    }
    assert read_subtitles((folder / "subtitles.zh.srt").read_bytes()) == (Cue(1.7, 2.533, "灯塔亮了"),)
    with av.open(str(folder / "film.mp4")) as film:
        assert [stream.language for stream in film.streams.subtitles] == ["eng", "zho"]
        packets = [packet for packet in film.demux(film.streams.subtitles[1]) if packet.size > 2]
        assert [(packet.pts, packet.duration, bytes(packet)[2:].decode()) for packet in packets] == [
            (1700, 833, "灯塔亮了")
        ]
        titles = [cast("Any", chapter)["metadata"]["title"] for chapter in film.chapters()]
        assert titles == ["One", "b"]
    with Image.open(folder / "thumbnail.jpg") as sharpest, Image.open(folder / "thumbnails.jpg") as strip:
        assert sharpest.size == (1280, 720)
        assert max(sharpest.convert("RGB").tobytes()) > 150
        assert strip.size == (6 * 320, 180)
    assert (folder / "dailies.html").read_text().count('<track kind="subtitles"') == 2


def test_a_board_without_words_has_the_film_that_it_had():
    said = words({"title": "One"}, {"scene": 2})

    assert (said.tracks, said.chapters, said.warnings) == ((), (), ())
