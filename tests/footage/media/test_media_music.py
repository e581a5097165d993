"""Music under a film: which files are taken, and what is heard of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from itertools import pairwise
from math import sin, tau
from pathlib import Path
from typing import Any

import av
import pytest
from clips import make_clip
from PIL import Image
from soundfiles import RATE, amplitude_of, left_channel, make_music

from footage.media import MUSIC_SUFFIXES, Bed, MusicFacts, inspect_music, join

# -12 dB of 0.5.
QUIET = 0.5 * 10 ** (-12 / 20)
TONE_HZ, MUSIC_HZ = 1000, 450


def facts_of(path: Path, suffix: str | None = None) -> MusicFacts:
    return inspect_music(path, suffix or path.suffix, hashlib.sha256(path.read_bytes()).hexdigest())


def bed_of(path: Path, **said: Any) -> Bed:
    usual = {"gain_db": -12.0, "duck": True, "loop": True, "fade_in_s": 0.0, "fade_out_s": 1.0}
    return Bed(path, path.suffix, facts_of(path).samples, **usual | said)


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "tone": make_clip(folder / "tone.mp4", seconds=3, audio=True, tone=0.3),
        "silent": make_clip(folder / "silent.mp4", seconds=3),
    }


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 2.3 s, so that the wave of its end is another one than that of its start."""
    return make_music(tmp_path_factory.mktemp("music") / "bed.wav", seconds=2.301, hertz=MUSIC_HZ)


# ------------------------------------------------------------------------------------------- which files are taken


@pytest.mark.parametrize("suffix", MUSIC_SUFFIXES)
def test_every_format_that_is_named_is_read_to_its_end(tmp_path: Path, suffix: str):
    path = make_music(tmp_path / f"bed{suffix}", seconds=2.5)

    facts = facts_of(path)

    assert facts.problem is None
    # A stream of AAC does not say where its last frame was filled up.
    assert facts.samples == pytest.approx(2.5 * RATE, abs=2048 if suffix == ".aac" else 0)


def test_the_cover_of_an_album_makes_no_video_of_it(tmp_path: Path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "cover.png")
    with av.open(str(tmp_path / "bed.mp3"), "w") as target:
        sound: Any = target.add_stream("libmp3lame", rate=RATE)
        picture: Any = target.add_stream("png", rate=1)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "rgb24"
        picture.disposition = av.stream.Disposition.attached_pic  # type: ignore[attr-defined]
        frame = av.VideoFrame.from_image(Image.open(tmp_path / "cover.png"))
        for packet in (*picture.encode(frame), *picture.encode(None)):
            target.mux(packet)
        for start in range(0, 2 * RATE, 1152):
            silence: Any = av.AudioFrame("fltp", "stereo", 1152)
            silence.sample_rate, silence.pts = RATE, start
            target.mux(sound.encode(silence))
        target.mux(sound.encode(None))

    assert facts_of(tmp_path / "bed.mp3").problem is None


def zeros(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(4096) + data[middle + 4096 :]


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("suffix", "damage", "says"),
    [
        (".mp3", zeros, r"is damaged \d\.\d s from its start"),
        (".m4a", zeros, "is damaged"),
        (".aac", zeros, r"is damaged \d\.\d s from its start"),
        # Its frames that are none any more are skipped without a word.
        (".flac", zeros, r"is damaged \d\.\d s from its start"),
        (".wav", half, r"is damaged: it ends 2\d{5} bytes before its sound does"),
        (".mp3", half, r"is damaged: it says that it lasts 2\.5 s, and 1\.\d s can be played"),
        (".m4a", half, "is damaged: the file ends"),
        (".flac", half, "is damaged"),
        (".mp3", lambda _: b"#EXTM3U\nhttp://127.0.0.1:9/a.mp3\n", "does not begin like an MP3 file"),
        (".wav", lambda _: b"ffconcat version 1.0\nfile /etc/passwd\n", "does not begin like a WAV file"),
        (".flac", lambda _: b";FFMETADATA1\ntitle=sk-canary\n", "does not begin like a FLAC file"),
        (".mp3", lambda _: b"ID3\4\0\0\0\0\0\0#EXTM3U\nhttp://127.0.0.1:9/a.mp3\n", "cannot be read"),
        (".m4a", lambda data: data[:4] + b"junk" + data[8:], "does not begin like an MP4 file"),
    ],
)  # fmt: skip
def test_what_is_damaged_or_something_else_is_refused(
    tmp_path: Path, suffix: str, damage: Callable[[bytes], bytes], says: str
):
    path = make_music(tmp_path / f"bed{suffix}", seconds=2.5, title="sk-canary")
    path.write_bytes(damage(path.read_bytes()))

    problem = facts_of(path).problem

    assert re.search(says, problem or "")
    assert "canary" not in (problem or "")


def test_a_file_is_what_its_ending_says(tmp_path: Path):
    problem = facts_of(make_music(tmp_path / "bed.wav", suffix=".m4a")).problem

    assert problem == "does not begin like a WAV file; it looks like an MP4 file"


def test_a_video_is_no_music(tmp_path: Path):
    assert facts_of(make_clip(tmp_path / "a.mp4", audio=True), ".m4a").problem == "is a video, not music"


def test_sound_that_no_open_decoder_reads_is_refused_by_its_coding(tmp_path: Path):
    with av.open(str(tmp_path / "bed.m4a"), "w", format="ipod") as target:
        sound: Any = target.add_stream("alac", rate=RATE)
        for start in range(0, 2 * RATE, 4096):
            silence: Any = av.AudioFrame("s16p", "stereo", 4096)
            silence.sample_rate, silence.pts = RATE, start
            target.mux(sound.encode(silence))
        target.mux(sound.encode(None))

    assert facts_of(tmp_path / "bed.m4a").problem == "has sound coded as alac, which is not read"


def test_music_that_is_too_short_is_refused(tmp_path: Path):
    problem = facts_of(make_music(tmp_path / "bed.wav", seconds=0.2)).problem

    assert problem == "lasts 0.20 s; that is too short"


def test_other_bytes_than_were_hashed_are_not_read(tmp_path: Path):
    path = make_music(tmp_path / "bed.wav")

    assert inspect_music(path, ".wav", "0" * 64).problem == "changed while it was read"


# --------------------------------------------------------------------------------------------------- what is heard


def test_music_lies_under_clips_at_its_gain_goes_down_under_their_sound_and_fades_out(
    clips: dict[str, Path], music: Path, tmp_path: Path
):
    out = tmp_path / "film.mp4"

    join([clips["tone"], clips["silent"], clips["silent"]], out, bed=bed_of(music))

    heard = left_channel(out)
    assert amplitude_of(heard, TONE_HZ, 1, 2.5) == pytest.approx(0.3, rel=0.02)
    assert amplitude_of(heard, MUSIC_HZ, 4, 4.5) == pytest.approx(QUIET, rel=0.02)
    assert amplitude_of(heard, MUSIC_HZ, 1, 2.5) < QUIET / 3
    assert amplitude_of(heard, MUSIC_HZ, 8.4, 8.6) == pytest.approx(QUIET / 2, rel=0.05)
    assert amplitude_of(heard, MUSIC_HZ, 8.9, 9) < QUIET / 10


def test_without_ducking_it_stays_as_it_is(clips: dict[str, Path], music: Path, tmp_path: Path):
    join([clips["tone"]], tmp_path / "film.mp4", bed=bed_of(music, duck=False, fade_in_s=1.0))

    heard = left_channel(tmp_path / "film.mp4")
    assert amplitude_of(heard, MUSIC_HZ, 1.2, 1.8) == pytest.approx(QUIET, rel=0.02)
    assert amplitude_of(heard, MUSIC_HZ, 0.4, 0.6) == pytest.approx(QUIET / 2, rel=0.05)


@pytest.mark.parametrize(
    ("periods", "phase"), [(250, 0), (250.5, -0.25)], ids=["made to be repeated", "cut anywhere"]
)
def test_a_repetition_goes_on_without_a_click(
    clips: dict[str, Path], tmp_path: Path, periods: float, phase: float
):
    # Goes on from its end; or begins at the lowest point of a wave and ends at the highest one.
    music = make_music(
        tmp_path / "bed.wav", seconds=1.25, wave=lambda n: 0.8 * sin(tau * (periods * n / 60_000 + phase))
    )

    out = tmp_path / "film.mp4"
    join([clips["silent"]], out, bed=bed_of(music, gain_db=0.0, fade_out_s=0.0))

    heard = left_channel(out)
    steps = [abs(after - before) for before, after in pairwise(heard[RATE : 5 * RATE // 2 + RATE // 4])]
    # Of the wave itself.
    assert max(steps) < 1.2 * 0.8 * tau * 200 / RATE
    if periods == 250:
        assert amplitude_of(heard, 200, 1.2, 1.3) == pytest.approx(0.8, rel=0.005)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".flac"])
def test_a_repetition_begins_where_the_music_ends_whatever_its_encoder_added(
    clips: dict[str, Path], tmp_path: Path, suffix: str
):
    music = make_music(tmp_path / f"bed{suffix}", seconds=1.25, hertz=200)

    join([clips["silent"]], tmp_path / "film.mp4", bed=bed_of(music, fade_out_s=0.0))

    heard = left_channel(tmp_path / "film.mp4")
    # The 9 ms that an encoder of AAC adds here would take as much again as it loses at the ends.
    assert amplitude_of(heard, 200, 1.2, 1.3) == pytest.approx(amplitude_of(heard, 200, 0.5, 0.6), rel=0.07)


@pytest.mark.parametrize("fade_out_s", [1.0, 0.0])
def test_music_that_is_not_repeated_ends_with_its_fade_at_its_own_end(
    clips: dict[str, Path], music: Path, tmp_path: Path, fade_out_s: float
):
    join([clips["silent"]] * 2, tmp_path / "film.mp4", bed=bed_of(music, loop=False, fade_out_s=fade_out_s))

    heard = left_channel(tmp_path / "film.mp4")
    assert amplitude_of(heard, MUSIC_HZ, 0.2, 1.2) == pytest.approx(QUIET, rel=0.02)
    last = amplitude_of(heard, MUSIC_HZ, 2.2, 2.3)
    assert last < QUIET / 4 if fade_out_s else last == pytest.approx(QUIET, rel=0.02)
    assert max(heard[round(2.4 * RATE) :]) < 1e-3


def test_the_pictures_are_copied_and_there_is_as_much_sound(
    clips: dict[str, Path], music: Path, tmp_path: Path
):
    wanted = [clips["tone"], clips["silent"]]
    join(wanted, tmp_path / "plain.mp4")

    done = join(wanted, tmp_path / "film.mp4", bed=bed_of(music))

    assert done.encoded == ()
    assert packets(tmp_path / "film.mp4") == packets(tmp_path / "plain.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert film.streams.audio[0].duration == 6 * RATE


def test_clips_and_music_that_are_too_much_together_are_held_below_the_highest_peak(tmp_path: Path):
    loud = make_clip(tmp_path / "a.mp4", seconds=2, audio=True, tone=0.8)
    music = make_music(tmp_path / "bed.wav", amplitude=0.8, hertz=MUSIC_HZ)

    join([loud], tmp_path / "film.mp4", bed=bed_of(music, gain_db=0.0, duck=False))

    assert max(left_channel(tmp_path / "film.mp4")) < 10 ** (-1.2 / 20)
