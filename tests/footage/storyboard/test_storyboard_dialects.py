"""Boards of other tools, told apart by their shape; the field names are those of the tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from boards import no_links
from PIL import Image

from footage.errors import InvalidRequest
from footage.storyboard import Reading, plan_board, read_board

BOARDS = Path(__file__).parents[2] / "boards"
VIMAX = [
    {
        "idx": 0, "is_last": False, "cam_idx": 0, "visual_desc": "A man at a door", "audio_desc": "Wind",
        "variation_type": "small", "ff_desc": "A closed door", "motion_desc": "He knocks",
    },
    {"idx": 1, "is_last": True, "cam_idx": 1, "visual_desc": "The door opens", "audio_desc": ""},
]  # fmt: skip
HUOBAO = {
    "code": 0,
    "data": {
        "drama": {"title": "Red Door", "aspect_ratio": "9:16"},
        "storyboards": [
            {
                "shot_number": 1, "title": "Knock", "shot_type": "CU", "video_prompt": "A hand knocks",
                "duration": 5, "bgm_prompt": "piano", "sound_effect": "knocking", "dialogue": "Hello?",
                "location": "Hall", "time": "night", "scene_id": 4, "character_ids": [1, 2],
                "first_frame_image": "https://example.com/1.png",
            },
            {"storyboardNumber": 2, "description": "The door opens", "angle": "low", "movement": "push in"},
        ],
    },
}  # fmt: skip
TOONFLOW_NEW = {
    "o_storyboard": [
        {
            "id": 9, "index": 1, "prompt": "a still", "videoDesc": "The boat turns", "shotType": "WS",
            "cameraMovement": "pan", "dialogue": "Ahoy", "soundEffect": "waves", "duration": "5", "track": "1",
            "trackId": 1, "shouldGenerateImage": 1, "state": "done",
        }
    ]
}  # fmt: skip
TOONFLOW_OLD = {
    "segments": [{"id": 3, "index": 1, "description": "d", "emotion": "calm", "action": "The boat turns"}],
    "shots": [
        {
            "id": 31, "segmentId": 3, "title": "Turn",
            "cells": [{"id": 1, "prompt": "bow", "src": "https://example.com/1.png"}, {"id": 2, "prompt": "stern"}],
            "videoConfig": {"duration": 5, "resolution": "1080P"},
        }
    ],
}  # fmt: skip
ARCREEL = {
    "title": "Episode 1",
    "content_mode": "narration",
    "segments": [
        {
            "segment_id": "E1S01", "duration_seconds": 4, "segment_break": False, "novel_text": "…",
            "characters_in_segment": ["Ann"],
            "image_prompt": {
                "scene": "A dim room",
                "composition": {"shot_type": "Close-up", "lighting": "candle", "ambiance": "calm"},
            },
            "video_prompt": {
                "action": "Ann nods", "camera_motion": "Push In", "ambiance_audio": "rain",
                "dialogue": [{"speaker": "Ann", "line": "Yes."}],
            },
            "transition_to_next": "dissolve", "note": "try twice",
        },
        {
            "segment_id": "E1S02", "duration_seconds": 4, "segment_break": True,
            "video_prompt": "Rain on glass", "transition_to_next": "cut",
        },
    ],
}  # fmt: skip
CREW_CSV = (
    "Red Door\n\nScene,Shot,Shot Size,Angle,Movement,Lens,Description,Dialogue,Duration,Crew\n"
    '1,1,WS,low,push in,35mm,"A house, at night",,3.5s,Bob\n'
    "1,2,CU,,,,A hand knocks,Hello?,5,\n"
    "2,1,MS,,,,A corridor,,TBD,\n"
)


def timeline() -> bytes:
    time = otio.opentime.RationalTime
    cut = otio.schema.Timeline("Rough cut")
    track = otio.schema.Track("V1", kind="Video")
    cut.tracks.append(track)

    def clip(name: str, frames: int, **metadata: Any) -> Any:
        item = otio.schema.Clip(name, source_range=otio.opentime.TimeRange(time(0, 24), time(frames, 24)))
        item.metadata.update(metadata)
        track.append(item)
        return item

    clip("opening", 120, prompt="A harbour", lens="35mm")
    track.append(
        otio.schema.Transition("x", "SMPTE_Dissolve", in_offset=time(12, 24), out_offset=time(12, 24))
    )
    clip("opening", 84, tool={"prompt": "A boat"})
    clip("done", 48).media_reference = otio.schema.ExternalReference("done.mp4")
    sound = otio.schema.Track("A1", kind="Audio")
    sound.append(otio.schema.Clip("music"))
    cut.tracks.append(sound)
    return otio.adapters.write_to_string(cut, "otio_json").encode()


def fields(reading: Reading) -> set[tuple[str | None, str]]:
    return {(guess.shot_id, guess.field) for guess in reading.guesses}


@pytest.mark.parametrize(
    ("format", "source"),
    [
        ("vimax", VIMAX),
        ("huobao-drama", HUOBAO),
        ("toonflow", TOONFLOW_NEW),
        ("toonflow", TOONFLOW_OLD),
        ("arcreel", ARCREEL),
        ("csv", CREW_CSV.encode()),
        ("otio", timeline()),
        ("json", {"scenes": [{"shotId": "k", "actionText": "A dog runs", "durationSeconds": 4}]}),
        ("json", [{"description": "A dog runs", "suggested_duration": 4}]),
    ],
)
def test_each_format_is_told_by_its_shape_and_has_nothing_wrong_with_its_form(format: str, source: Any):
    reading = read_board(source)

    assert reading.format == format
    assert all(shot.request["prompt"] for shot in reading.board.shots)


@pytest.mark.parametrize("source", [VIMAX, TOONFLOW_NEW, ARCREEL, CREW_CSV.encode(), timeline()])
def test_what_is_read_can_be_planned_as_it_is(source: Any):
    plan = plan_board(read_board(source).board, no_links)

    assert len(plan.shots) == len(plan.board.shots)


def test_vimax_prompts_are_put_together_its_way_and_missing_lengths_are_reported():
    reading = read_board(VIMAX)
    first, second = reading.board.shots

    assert first.request["prompt"] == "A closed door. He knocks. Wind."
    assert second.request["prompt"] == "The door opens."
    assert first.metadata["variation_type"] == "small"
    assert {("s0", "duration"), ("s1", "duration"), ("s0", "prompt")} <= fields(reading)


def test_vimax_first_frames_are_used_where_they_lie(tmp_path: Path):
    (tmp_path / "shots/0").mkdir(parents=True)
    Image.new("RGB", (1280, 720)).save(tmp_path / "shots/0/first_frame.png")

    first, second = read_board(VIMAX, base=tmp_path).board.shots

    assert first.request["reference_image"] == str(tmp_path / "shots/0/first_frame.png")
    assert first.request["model"] == "wan2.6-i2v-flash"
    assert first.request["prompt"] == "He knocks. Wind."
    assert "reference_image" not in second.request


def test_huobao_rows_keep_their_story_and_the_shape_of_the_drama():
    reading = read_board(HUOBAO)
    first, second = reading.board.shots

    assert reading.board.title == "Red Door"
    assert reading.board.defaults["size"] == "720*1280"
    assert (first.id, first.title, first.slug) == ("1", "Knock", "Hall - night")
    assert (first.request["prompt"], first.request["duration"]) == ("A hand knocks", 5)
    assert first.request["reference_image"] == "https://example.com/1.png"
    assert first.dialogue == "Hello?"
    assert first.metadata["character_ids"] == [1, 2]
    assert second.id == "2"
    assert second.request["prompt"] == "low. push in. The door opens."
    assert second.request["size"] == "480*832", "the text model makes no 720P; the shape stays"


def test_toonflow_takes_the_clips_description_and_not_the_stills():
    new = read_board(TOONFLOW_NEW).board.shots[0]
    old = read_board(TOONFLOW_OLD).board.shots[0]

    assert new.request["prompt"] == "WS. The boat turns. pan."
    assert (new.dialogue, new.sound, new.request["duration"]) == ("Ahoy", "waves", 5)
    assert old.request["prompt"] == "The boat turns. bow. stern."
    assert old.request["reference_image"] == "https://example.com/1.png"
    assert old.request["size"] == "1920*1080"
    assert old.metadata["cells"] == TOONFLOW_OLD["shots"][0]["cells"]


@pytest.mark.parametrize(("places", "ids"), [([3, 1, 2], ["1", "2", "3"]), ([1, 2, None], ["1", "2", "3"])])
def test_rows_of_toonflow_are_in_the_order_of_their_index_and_that_is_told(
    places: list[int | None], ids: list[str]
) -> None:
    rows = [{"id": 3, "index": n, "trackId": 1, "videoDesc": f"House {n}", "duration": 5} for n in places]

    read = read_board({"o_storyboard": rows})

    told = [guess.value for guess in read.guesses if guess.taken_from == "index"]
    assert [shot.id for shot in read.board.shots] == ids
    assert told == ([] if None in places else ["1, 2, 3"])


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ({"resolution": "1080p", "ratio": "adaptive"}, "1920*1080"),
        ({"resolution": "1080p", "aspectRatio": "9:16"}, "1080*1920"),
        ({"ratio": "9:16"}, "720*1280"),
        ({"resolution": "4K"}, None),
        ({"resolution": "1440p", "ratio": "16:9"}, None),
        ({"resolution": "2K"}, None),
    ],
)
def test_a_resolution_of_toonflow_is_what_the_model_makes_or_asked_about(
    config: dict[str, str], size: str | None
):
    shot = {**TOONFLOW_OLD["shots"][0], "videoConfig": {"duration": 5, **config}}
    source = {**TOONFLOW_OLD, "shots": [shot]}

    if size is None:
        with pytest.raises(InvalidRequest) as refused:
            read_board(source)
        assert [problem.field for problem in refused.value.problems] == ["shots[31].size"]
    else:
        assert read_board(source).board.shots[0].request["size"] == size


def test_arcreel_scenes_follow_its_breaks_and_its_prompt_parts_become_one():
    reading = read_board(ARCREEL)
    first, second = reading.board.shots

    assert first.request["prompt"] == "Close-up. A dim room. candle. calm. Ann nods. Camera: Push In. rain."
    assert (first.dialogue, first.notes, first.transition.kind) == ("Ann: Yes.", "try twice", "dissolve")
    assert (first.scene, second.scene) == ("1", "2")
    assert second.request["prompt"] == "Rain on glass"
    assert first.metadata["novel_text"] == "…"


def test_a_crew_shot_list_is_read_with_title_quotes_units_and_repeated_numbers():
    reading = read_board(CREW_CSV.encode())
    first, _, third = reading.board.shots

    assert reading.board.title == "Red Door"
    assert [shot.id for shot in reading.board.shots] == ["1-1", "1-2", "2-1"]
    assert first.request["prompt"] == "WS. low. A house, at night. push in. 35mm."
    assert first.metadata["Crew"] == "Bob"
    assert "duration" not in third.request
    lengths = [(g.shot_id, g.value) for g in reading.guesses if g.field == "duration"]
    assert lengths == [("1-1", 4), ("1-1", 5), ("2-1", 5)]


def test_a_chinese_shot_list_from_excel_is_read_in_its_own_encoding():
    text = "镜号;景别;运镜;画面;台词;时长\n1;全景;推;海边的灯塔;你好;5秒\n"

    reading = read_board(text.encode("gb18030"))
    shot = reading.board.shots[0]

    assert (shot.id, shot.dialogue, shot.request["duration"]) == ("1", "你好", 5)
    assert shot.request["prompt"] == "全景。海边的灯塔。推。"
    assert (None, "encoding") in fields(reading)


def test_a_csv_row_with_too_many_cells_is_named_by_its_line(tmp_path: Path):
    (tmp_path / "list.csv").write_text("shot,description\n1,a, b and c\n")

    with pytest.raises(InvalidRequest, match="line 2: 3 cells under a head of 2"):
        read_board(tmp_path / "list.csv")


def test_csv_columns_named_like_request_fields_are_taken_over_as_they_are():
    text = (
        "id,prompt,model,size,seed,watermark,visible label,start_from\n"
        "a,x,wan2.6-t2v-us,1280x720,7,true,own,\nb,y,,,,,,a\n"
    )

    first, second = read_board(text.encode()).board.shots

    assert first.request == {
        "prompt": "x", "model": "wan2.6-t2v-us", "size": "1280*720", "seed": 7, "watermark": True,
        "visible_label": "own",
    }  # fmt: skip
    assert second.start_from == "shot:a"


def test_timelines_give_a_shot_for_every_clip_without_media():
    reading = read_board(timeline())
    first, second = reading.board.shots

    assert (first.id, first.request["prompt"], first.request["duration"]) == ("opening", "A harbour", 5)
    assert first.transition.model_dump() == {"kind": "dissolve", "seconds": 1.0}
    assert first.metadata == {"lens": "35mm"}
    assert (second.id, second.request["prompt"]) == ("opening_", "A boat")
    assert any("has media already" in guess.why for guess in reading.guesses)


def test_a_timeline_without_tracks_is_a_board_without_shots():
    assert read_board(b'{"OTIO_SCHEMA": "Timeline.1", "tracks": null}').board.shots == ()


def test_a_length_that_the_chosen_model_does_not_make_becomes_the_next_longer_and_is_reported():
    reading = read_board([{"description": "A dog", "duration": 3}])

    assert reading.board.shots[0].request["duration"] == 5
    assert ("row1", "duration") in fields(reading)


@pytest.mark.parametrize(
    ("model", "asked", "made"),
    [("wan2.6-t2v-us", 6, 10), ("wan2.6-t2v-us", 5, 5), ("wan2.2-t2v-plus", 3, 5)],
)
def test_a_length_that_is_not_made_becomes_the_next_longer(model: str, asked: int, made: int):
    reading = read_board([{"description": "A dog", "duration": asked, "model": model}])

    assert reading.board.shots[0].request["duration"] == made


@pytest.mark.parametrize(("model", "asked"), [("wan2.6-t2v-us", 40), ("wan2.2-t2v-plus", 9)])
def test_a_shot_is_never_made_shorter_than_its_board_says_without_a_persons_word(model: str, asked: int):
    with pytest.raises(InvalidRequest, match="makes clips of") as caught:
        read_board([{"description": "A dog", "duration": asked, "model": model}])

    assert [problem.field for problem in caught.value.problems] == ["shots[row1].duration"]


def test_a_model_from_outside_wins_over_the_choice_made_here():
    reading = read_board(VIMAX, defaults={"model": "wan2.6-t2v-us"})

    assert all("model" not in shot.request for shot in reading.board.shots)
    assert reading.board.defaults["model"] == "wan2.6-t2v-us"


def test_pictures_that_are_not_there_refuse_all_their_shots_at_once_and_say_where_they_were_looked_for():
    rows = [{"description": "A dog", "first_frame_image": f"lost-{n}.png"} for n in range(2)]

    with pytest.raises(InvalidRequest, match="looked for in /nowhere") as caught:
        read_board(rows, base=Path("/nowhere"))

    assert [problem.field for problem in caught.value.problems] == [
        "shots[row1].reference_image", "shots[row2].reference_image",
    ]  # fmt: skip


def test_a_clip_without_a_range_of_its_own_is_as_long_as_its_media():
    board = read_board(BOARDS / "otio-available.otio").board

    assert [shot.request["duration"] for shot in board.shots] == [5, 5]


ROW = {"storyboard_number": 1, "video_prompt": "A door opens", "duration": 5}
TWO_ROWS = [ROW, {**ROW, "storyboard_number": 2, "video_prompt": "A cat runs"}]


def test_a_deleted_row_of_a_database_is_left_out():
    rows = [
        {**row, "deleted_at": at} for row, at in zip(TWO_ROWS, (None, "2026-01-01T00:00:00Z"), strict=True)
    ]

    assert [shot.id for shot in read_board({"storyboards": rows}).board.shots] == ["1"]


def test_a_row_that_is_done_where_others_are_not_is_asked_about():
    rows = [{**row, "status": said} for row, said in zip(TWO_ROWS, ("pending", "completed"), strict=True)]

    with pytest.raises(InvalidRequest) as refused:
        read_board({"storyboards": rows})

    assert [problem.field for problem in refused.value.problems] == ["shots[2].shots"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"video_url": None}, {"video_url": "https://films.example/2.mp4?Expires=1"}),
        ({"result": {"clip": ""}}, {"result": {"clip": "out/2.MOV"}}),
    ],
)
def test_a_row_that_has_its_video_where_others_have_none_is_asked_about(first: Any, second: Any):
    rows = [{**row, **more} for row, more in zip(TWO_ROWS, (first, second), strict=True)]

    with pytest.raises(InvalidRequest) as refused:
        read_board({"storyboards": rows})

    assert [problem.field for problem in refused.value.problems] == ["shots[2].shots"]


def test_an_arcreel_segment_that_has_its_clip_where_others_have_none_is_asked_about():
    first, second = ARCREEL["segments"]
    made = {**second, "generated_assets": {"video_clip": "videos/E1S02.mp4"}}

    with pytest.raises(InvalidRequest) as refused:
        read_board({**ARCREEL, "segments": [first, made]})

    assert [problem.field for problem in refused.value.problems] == ["shots[E1S02].shots"]


@pytest.mark.parametrize(
    ("said", "prompt"), [(["A door opens", "A cat runs"], "A door opens. A cat runs."), ({"a": 1}, None)]
)
def test_a_prompt_that_is_no_text_is_read_as_its_sentences_or_asked_about(said: object, prompt: str | None):
    boards = (
        {"storyboards": [{**ROW, "video_prompt": said}]},
        {"segments": [{"segment_id": "1", "duration_seconds": 5, "video_prompt": {"action": said}}]},
        [{"idx": 0, "visual_desc": said}],
    )
    for board in boards:
        if prompt is not None:
            assert prompt in str(read_board(board).board.shots[0].request["prompt"])
            continue
        with pytest.raises(InvalidRequest, match="fields that we do not know"):
            read_board(board)


@pytest.mark.parametrize("said", ["TODO", "[insert prompt]"])
def test_a_prompt_of_a_tool_that_only_stands_for_one_is_asked_about(said: str):
    with pytest.raises(InvalidRequest, match="only stands for a text"):
        read_board({"storyboards": [{**ROW, "video_prompt": said}]})


def test_the_shape_of_the_film_is_that_of_every_shot_of_any_tool():
    segment = {"segment_id": "1", "duration_seconds": 5, "video_prompt": {"action": "A man walks"}}

    for around in ({"aspect_ratio": "9:16"}, {"settings": {"aspectRatio": "9:16 (vertical)"}}):
        assert read_board({**around, "segments": [segment]}).board.shots[0].request["size"] == "480*832"
    with pytest.raises(InvalidRequest, match="no shape"):
        read_board({"aspect_ratio": "as the client says", "segments": [segment]})


def test_an_entry_that_is_no_shot_refuses_the_board_and_is_not_dropped():
    with pytest.raises(InvalidRequest, match="not recognized"):
        read_board({"storyboards": [ROW, "A cat runs"]})
