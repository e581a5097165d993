"""Timeline and edit list: what an editor opens has the real lengths."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from boards import all_delivered, chained, delivered, planned

from footage.errors import InvalidRequest
from footage.storyboard import ShotOutcome, read_board
from footage.storyboard.cut import cut
from footage.storyboard.edl import edl, timecode
from footage.storyboard.plan import BoardPlan
from footage.storyboard.timeline import timeline_otio, write_otioz


def three() -> tuple[BoardPlan, dict[str, ShotOutcome], dict[str, str]]:
    """a came a little longer than asked and with sound, b failed, c came exactly."""
    plan = planned(
        {
            "id": "a",
            "scene": 1,
            "slug": "EXT. SEA - DAY",
            "title": "Waves",
            "transition": {"kind": "dissolve", "seconds": 1},
        },
        chained("b", "shot:a", duration=3),
        {"id": "c", "seed": 3, "dialogue": "Ahoy", "metadata": {"lens": "35mm"}},
        title="Sea & sky",
    )
    outcomes = {
        "a": delivered(plan.shot("a"), duration=5.0333333, audio=True),
        "b": ShotOutcome("b", "failed", reason="content"),
        "c": delivered(plan.shot("c")),
    }
    return plan, outcomes, {"a": "clips/a 1.mp4", "c": "clips/c.mp4"}


@pytest.fixture
def read_back() -> Callable[[bytes], Any]:
    """OTIO's reader; a timeline that nobody holds is emptied while its tracks are still in use."""
    held: list[Any] = []

    def read(data: bytes) -> Any:
        held.append(otio.adapters.read_from_string(data.decode(), "otio_json"))
        return held[-1]

    return read


def test_otios_own_reader_opens_the_timeline_with_the_measured_lengths(read_back: Callable[[bytes], Any]):
    timeline = read_back(timeline_otio(*three()))
    video = timeline.video_tracks()[0]

    assert timeline.name == "Sea & sky"
    assert [type(item).__name__ for item in video] == ["Clip", "Gap", "Clip"]
    assert [(item.duration().value, item.duration().rate) for item in video] == [
        (151, 30),
        (90, 30),
        (150, 30),
    ]
    assert video[0].media_reference.available_range.duration.value == 151
    assert video.range_of_child_at_index(2).start_time.to_seconds() == pytest.approx(241 / 30)


def test_media_are_named_by_relative_links_and_say_which_file_is_meant(read_back: Callable[[bytes], Any]):
    plan, outcomes, media = three()

    clip = read_back(timeline_otio(plan, outcomes, media)).video_tracks()[0][0]

    assert clip.media_reference.target_url == "clips/a%201.mp4"
    assert clip.media_reference.metadata["wan_video"]["sha256"] == outcomes["a"].response.sha256  # type: ignore[union-attr]


def test_slugs_and_wanted_transitions_are_markers_and_the_rest_is_metadata(read_back: Callable[[bytes], Any]):
    first, gap, third = read_back(timeline_otio(*three())).video_tracks()[0]

    assert [marker.name for marker in first.markers] == ["EXT. SEA - DAY", "dissolve 1 s into the next shot"]
    assert first.markers[1].marked_range.start_time.value == 150
    assert gap.metadata["wan_video"]["state"] == "failed"
    assert gap.metadata["wan_video"]["starts_from"] == "a"
    assert third.metadata["wan_video"]["dialogue"] == "Ahoy"
    assert third.metadata["wan_video"]["metadata"]["lens"] == "35mm"


def test_sound_has_a_track_of_its_own_that_stays_in_step(read_back: Callable[[bytes], Any]):
    tracks = read_back(timeline_otio(*three())).tracks

    sound = tracks[1]
    assert sound.kind == "Audio"
    assert [type(item).__name__ for item in sound] == ["Clip", "Gap", "Gap"]
    assert sound.duration() == tracks[0].duration()


def test_silent_shots_have_no_sound_track(read_back: Callable[[bytes], Any]):
    plan = planned({"id": "a"})

    assert len(read_back(timeline_otio(plan, all_delivered(plan), {"a": "a.mp4"})).tracks) == 1


def test_a_shot_nobody_knows_anything_of_is_a_gap(read_back: Callable[[bytes], Any]):
    plan = planned({"id": "a"})

    assert [type(item).__name__ for item in read_back(timeline_otio(plan, {}, {})).video_tracks()[0]] == [
        "Gap"
    ]


def test_the_bundle_opens_and_holds_the_clips_under_their_shots_names(tmp_path: Path):
    plan, outcomes, _ = three()
    for key in ("f00d", "beef"):
        (tmp_path / f"{key}.mp4").write_bytes(key.encode())
    out = tmp_path / "cut.otioz"

    write_otioz(plan, outcomes, {"a": tmp_path / "f00d.mp4", "c": tmp_path / "beef.mp4"}, out)

    timeline: Any = otio.adapters.read_from_file(str(out))
    assert [clip.media_reference.target_url for clip in timeline.find_clips()][:1] == ["media/a.mp4"]
    with zipfile.ZipFile(out) as bundle:
        assert bundle.read("media/a.mp4") == b"f00d"
        assert bundle.read("media/c.mp4") == b"beef"


def test_shots_whose_names_would_be_one_file_name_are_both_in_the_bundle(tmp_path: Path):
    ids = ("a b", "a-b", "A-B", "a-b-2", "a-b-3")
    plan = planned(*({"id": name, "seed": n} for n, name in enumerate(ids)))
    files = {shot.id: tmp_path / f"{shot.number}.mp4" for shot in plan.shots}
    for file in files.values():
        file.write_bytes(file.name.encode())

    write_otioz(plan, all_delivered(plan), files, tmp_path / "cut.otioz")

    with zipfile.ZipFile(tmp_path / "cut.otioz") as bundle:
        media = [name for name in bundle.namelist() if name.startswith("media/")]
        assert {bundle.read(name) for name in media} == {b"%d.mp4" % n for n in range(1, 6)}
    # Many file systems do not tell "A" from "a".
    assert len({name.casefold() for name in media}) == 5


def test_our_own_timeline_read_back_gives_the_board_that_made_it():
    plan, outcomes, media = three()

    reading = read_board(timeline_otio(plan, outcomes, media))

    assert reading.format == "wan-video"
    assert reading.board == plan.board


def test_our_own_timeline_with_its_clips_in_another_order_is_refused_since_its_board_says_otherwise():
    timeline = json.loads(timeline_otio(*three()))
    timeline["tracks"]["children"][0]["children"].reverse()

    with pytest.raises(InvalidRequest, match="edited since it was made"):
        read_board(json.dumps(timeline).encode())


def test_a_board_with_a_signed_link_is_not_kept_in_its_timeline():
    plan = planned({"id": "a", "metadata": {"preview": "https://example.com/a.png?Signature=abc123"}})

    text = timeline_otio(plan, {}, {}).decode()

    assert "abc123" not in text
    assert read_board(text.encode()).board.shots == ()


def test_the_edit_list_has_reels_whole_timecodes_and_black_for_what_is_missing():
    (text,) = edl(*three())

    lines = text.splitlines()
    assert lines[:2] == ["TITLE: Sea & sky", "FCM: NON-DROP FRAME"]
    assert lines[3] == "001  A        AA/V  C        00:00:00:00 00:00:05:01 01:00:00:00 01:00:05:01"
    assert "* FROM CLIP NAME: a 1.mp4" in lines
    assert "* WANTED: DISSOLVE 1 S INTO THE NEXT SHOT" in lines
    assert "002  BL       V     C        00:00:00:00 00:00:03:00 01:00:05:01 01:00:08:01" in lines
    assert "003  C        V     C        00:00:00:00 00:00:05:00 01:00:08:01 01:00:13:01" in lines


def test_a_line_break_in_a_title_does_not_become_an_event():
    plan = planned({"id": "a", "title": "x\n002  EVIL V C 00"}, title="Two\nlines")

    (text,) = edl(plan, {}, {})

    assert sum(1 for line in text.splitlines() if line[:3].isdigit()) == 1
    assert text.startswith("TITLE: Two lines\n")


def test_long_and_twin_shot_names_get_reels_of_eight_characters_none_twice():
    plan = planned(
        *({"id": f"harbour-scene-{n}", "seed": n} for n in range(4)),
        {"id": "镜头", "seed": 9},
        {"id": "BL", "seed": 8},
    )
    outcomes = all_delivered(plan)

    (text,) = edl(plan, outcomes, {shot.id: f"{shot.number}.mp4" for shot in plan.shots})

    reels = [line[5:13].strip() for line in text.splitlines() if line[:3].isdigit()]
    assert len(set(reels)) == 6
    assert all(0 < len(reel) <= 8 and reel != "BL" for reel in reels)


def test_more_events_than_the_format_has_go_into_a_second_list_that_counts_on():
    plan = planned(*({"id": f"s{n}", "seed": n} for n in range(1001)))

    first, second = edl(plan, {}, {})

    assert "999  BL" in first
    start = timecode((3600 + 999 * 5) * 30, 30)
    assert f"001  BL       V     C        00:00:00:00 00:00:05:00 {start}" in second


def test_clips_of_another_rate_keep_their_own_frames(read_back: Callable[[bytes], Any]):
    plan = planned({"id": "a"}, {"id": "b", "seed": 2})
    outcomes = {"a": delivered(plan.shot("a")), "b": delivered(plan.shot("b"), fps=24.0, duration=5.0)}

    events = cut(plan, outcomes)
    clip = read_back(timeline_otio(plan, outcomes, {"a": "a.mp4", "b": "b.mp4"})).video_tracks()[0][1]

    assert (events[1].frames, events[1].starts_at_s) == (120, 5.0)
    assert (clip.duration().value, clip.duration().rate) == (120, 24)


def test_a_film_at_23_976_has_exact_rates_in_the_timeline_and_24_frames_a_second_of_timecode(
    read_back: Callable[[bytes], Any],
):
    plan = planned({"id": "a"}, {"id": "b", "seed": 2}, {"id": "c", "seed": 3}, defaults={"fps": 23.976})
    outcomes = {
        "a": delivered(plan.shot("a"), fps=23.976, duration=5.005),
        "b": delivered(plan.shot("b"), fps=30, duration=5.0),
    }
    media = {"a": "a.mp4", "b": "b.mp4"}

    timeline = read_back(timeline_otio(plan, outcomes, media))
    (text,) = edl(plan, outcomes, media)

    lengths = [(item.duration().value, item.duration().rate) for item in timeline.video_tracks()[0]]
    assert lengths == [(120, 24000 / 1001), (150, 30), (120, 24000 / 1001)]
    assert otio.opentime.RationalTime.is_valid_timecode_rate(lengths[0][1])
    assert timeline.metadata["wan_video"]["format"]["fps"] == 23.976
    assert "FCM: NON-DROP FRAME" in text
    assert "001  A        V     C        00:00:00:00 00:00:05:00 01:00:00:00 01:00:05:00" in text
    assert "002  B        V     C        00:00:00:00 00:00:05:00 01:00:05:00 01:00:10:00" in text
    assert text.count("* CLIP RATE: 30.000") == 1
    assert "CLIP RATE: 23" not in text


def test_nothing_in_the_timeline_points_outside_its_folder():
    plan, outcomes, media = three()

    text = json.dumps(json.loads(timeline_otio(plan, outcomes, media)))

    assert "file://" not in text
    assert str(Path.cwd()) not in text
