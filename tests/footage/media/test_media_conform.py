from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from clips import frame_times, make_clip, marker_position
from labels import WAN_LIKE, label_by_ffmpeg, labelled

from footage.errors import BadDelivery
from footage.media import conform, inspect, join

BROADCAST = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("native", "asked", "seconds"),
    [
        (30, 24, 2.0),  # the default rate of wan2.2 and 2.6 to film
        (16, 24, 2.0),  # up
        (16, 30, 2.0625),  # the odd length of 33 frames
        (BROADCAST, 24, 2.002),
        (24, 29.97, 2.0),
    ],
)
def test_a_conformed_clip_has_the_asked_rate_and_plays_at_the_same_speed(
    native: int | Fraction, asked: float, seconds: float, tmp_path: Path
) -> None:
    before = make_clip(tmp_path / "a.mp4", fps=native, seconds=seconds)

    conform(before, tmp_path / "b.mp4", fps=asked)

    facts = inspect(tmp_path / "b.mp4")
    assert facts.playable
    assert facts.fps == pytest.approx(asked, abs=0.001)
    assert facts.duration_s == pytest.approx(seconds, abs=1 / asked + 0.001)
    # At the same time the same picture, within one frame of the slower rate.
    frame_s = 1 / min(float(native), asked)
    for at_s in (0.3, 0.6, 0.9):
        assert marker_position(tmp_path / "b.mp4", at_s) == pytest.approx(
            at_s / seconds, abs=1.5 * frame_s / seconds
        )
    assert steps(tmp_path / "b.mp4") == {round(1 / facts.fps, 4)}


def test_a_rate_that_needs_no_change_is_left_to_the_size(tmp_path: Path) -> None:
    before = make_clip(tmp_path / "a.mp4", size=(320, 178), fps=30)

    conform(before, tmp_path / "b.mp4", size=(320, 180))

    facts = inspect(tmp_path / "b.mp4")
    assert (facts.width, facts.height, facts.fps, facts.frames) == (320, 180, 30.0, 30)


def test_the_sound_is_kept(tmp_path: Path) -> None:
    before = make_clip(tmp_path / "a.mp4", fps=30, seconds=2, audio=True)

    conform(before, tmp_path / "b.mp4", fps=24)

    facts = inspect(tmp_path / "b.mp4")
    assert facts.audio
    assert facts.duration_s == pytest.approx(2.0, abs=0.001)
    assert sound_s(tmp_path / "b.mp4") == pytest.approx(2.0, abs=0.05)


def test_what_is_no_video_cannot_be_conformed(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\x00\x00\x00\x08ftyp" + bytes(100))

    with pytest.raises(BadDelivery):
        conform(tmp_path / "a.mp4", tmp_path / "b.mp4", fps=24)


@pytest.mark.parametrize("native", [24, BROADCAST])
def test_equal_clips_are_joined_without_touching_their_pictures(
    native: int | Fraction, tmp_path: Path
) -> None:
    clips = [
        make_clip(tmp_path / f"{n}.mp4", fps=native, b_frames=2, colour=(200, 60, 10 * n)) for n in range(4)
    ]

    encoded = join(clips, tmp_path / "film.mp4").encoded

    facts = inspect(tmp_path / "film.mp4")
    frames = sum(inspect(clip).frames for clip in clips)
    assert encoded == ()
    assert facts.frames == frames
    assert facts.duration_s == pytest.approx(frames / float(native), abs=1e-6)
    # No gap and no overlap at any cut.
    assert len(steps(tmp_path / "film.mp4")) == 1
    assert not facts.audio


def test_clips_of_different_kinds_are_made_alike_first(tmp_path: Path) -> None:
    clips = [
        make_clip(tmp_path / "a.mp4", fps=24, seconds=1),
        make_clip(tmp_path / "b.mp4", fps=30, seconds=1, size=(640, 360)),
    ]

    encoded = join(clips, tmp_path / "film.mp4").encoded

    facts = inspect(tmp_path / "film.mp4")
    assert encoded == (0, 1)
    assert (facts.width, facts.height, facts.frames) == (320, 180, 48)
    assert facts.duration_s == pytest.approx(2.0, abs=0.001)
    assert steps(tmp_path / "film.mp4") == {round(1 / 24, 4)}


def test_silent_and_sounding_clips_keep_their_places_in_one_film(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mp4", seconds=1)
    sounding = make_clip(tmp_path / "sounding.mp4", seconds=1, audio=True)

    join([silent, sounding, silent], tmp_path / "film.mp4")

    assert inspect(tmp_path / "film.mp4").audio
    assert sound_s(tmp_path / "film.mp4") == pytest.approx(3.0, abs=0.05)
    assert loud_seconds(tmp_path / "film.mp4") == pytest.approx((1.0, 2.0), abs=0.06)


def test_sound_stays_with_the_picture_over_many_clips(tmp_path: Path) -> None:
    # 25 frames of 29.97 are no whole number of samples or of AAC frames.
    clip = make_clip(tmp_path / "a.mp4", fps=BROADCAST, seconds=25 / float(BROADCAST), audio=True)

    join([clip] * 20, tmp_path / "film.mp4")

    facts = inspect(tmp_path / "film.mp4")
    assert facts.frames == 500
    assert sound_s(tmp_path / "film.mp4") == pytest.approx(facts.duration_s, abs=0.05)


@pytest.mark.parametrize("other_fps", [24, 30])
def test_joined_clips_keep_the_first_label_that_one_of_them_has(other_fps: int, tmp_path: Path) -> None:
    bare = make_clip(tmp_path / "bare.mp4", fps=24, seconds=0.2)
    marked = labelled(make_clip(tmp_path / "a.mp4", fps=other_fps, seconds=0.2), tmp_path / "b.mp4", WAN_LIKE)

    encoded = join([bare, marked], tmp_path / "film.mp4").encoded

    assert encoded == (() if other_fps == 24 else (0, 1))
    assert label_by_ffmpeg(tmp_path / "film.mp4") == WAN_LIKE.encode()


def test_joining_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadDelivery, match="no clips"):
        join([], tmp_path / "film.mp4")


def steps(path: Path) -> set[float]:
    return {round(after - before, 4) for before, after in pairwise(frame_times(path))}


def sound_s(path: Path) -> float:
    import av

    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        return float((sound.duration or 0) * (sound.time_base or 0))


def loud_seconds(path: Path) -> tuple[float, float]:
    """From when to when there is sound."""
    import av

    with av.open(str(path)) as container:
        loud = [
            float(frame.time or 0)
            for frame in container.decode(audio=0)
            if max(abs(value) for value in memoryview(bytes(frame.planes[0])).cast("f")) > 0.02
        ]
    return loud[0], loud[-1]
