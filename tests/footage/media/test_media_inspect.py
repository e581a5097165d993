from __future__ import annotations

import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from clips import make_clip
from PIL import Image

from footage.errors import BadDelivery
from footage.media import VideoFacts, inspect, last_frame


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(
        tmp_path_factory.mktemp("clip") / "a.mp4", size=(640, 360), fps=30, seconds=2, audio=True, b_frames=2
    )


def test_a_clip_is_measured_not_believed(clip: Path) -> None:
    facts = inspect(clip)

    assert facts.playable
    assert facts.duration_s == pytest.approx(2.0)
    assert facts.fps == pytest.approx(30.0)
    assert (facts.width, facts.height, facts.codec, facts.frames) == (640, 360, "h264", 60)
    assert (facts.audio, facts.audio_codec) == (True, "aac")
    assert (facts.black_share, facts.frozen_share) == (0.0, 0.0)
    assert facts.size_bytes == clip.stat().st_size
    assert VideoFacts.from_json(facts.to_json()) == facts


def test_broadcast_rates_are_measured_exactly(tmp_path: Path) -> None:
    facts = inspect(make_clip(tmp_path / "a.mp4", fps=Fraction(30000, 1001), seconds=1))

    assert facts.fps == pytest.approx(30000 / 1001, abs=1e-6)


@pytest.mark.parametrize(("picture", "black", "frozen"), [("black", 1.0, 1.0), ("still", 0.0, 1.0)])
def test_black_and_frozen_pictures_are_noticed(
    picture: str, black: float, frozen: float, tmp_path: Path
) -> None:
    facts = inspect(make_clip(tmp_path / "a.mp4", picture=picture))

    assert (facts.black_share, facts.frozen_share) == (black, frozen)
    assert facts.playable


def test_a_damaged_clip_is_not_playable(clip: Path, tmp_path: Path) -> None:
    data = bytearray(clip.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 3
    data[middle : middle + 4096] = bytes(4096)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)

    facts = inspect(damaged)

    assert not facts.playable


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("a playlist", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n"),
        ("a session description", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
        ("a page", b"<html><body>Sorry</body></html>"),
        ("nothing", b""),
        ("an empty MP4", b"\x00\x00\x00\x08ftyp\x00\x00\x00\x08moov\x00\x00\x00\x08mdat"),
    ],
)
def test_what_is_no_video_is_said_to_be_none(kind: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)

    assert inspect(path).problems, kind


def test_mutated_files_neither_crash_nor_hang_us(clip: Path, tmp_path: Path) -> None:
    dice = random.Random(7)
    original = clip.read_bytes()
    for number in range(6):
        data = bytearray(original)
        # The index, where a wrong number leads a decoder astray.
        for _ in range(20):
            data[dice.randrange(40, 3000)] = dice.randrange(256)
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(data)

        assert isinstance(inspect(path), VideoFacts)


def test_poster_and_sheet_are_made_in_the_same_pass(clip: Path, tmp_path: Path) -> None:
    inspect(clip, poster=tmp_path / "poster.jpg", contact_sheet=tmp_path / "sheet.jpg")

    with Image.open(tmp_path / "poster.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (640, 360))
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (4 * 324 + 4, 3 * 204 + 4)
        # Twelve different frames: the bar has moved in each cell.
        bars = [
            [x for x in range(320) if sheet.convert("RGB").getpixel((4 + c * 324 + x, 90 + r * 204))[0] > 120]  # type: ignore[index]
            for r in range(3)
            for c in range(4)
        ]
    starts = [bar[0] for bar in bars]
    assert starts == sorted(starts)
    assert len(set(starts)) == 12


@pytest.mark.parametrize("black_at", ["the beginning", "the end"])
def test_the_poster_is_not_the_black_part(tmp_path: Path, black_at: str) -> None:
    from footage.media import join

    black = make_clip(tmp_path / "black.mp4", picture="black", seconds=0.5)
    bright = make_clip(tmp_path / "bright.mp4", seconds=1.5)
    join([black, bright] if black_at == "the beginning" else [bright, black], tmp_path / "fade.mp4")

    inspect(tmp_path / "fade.mp4", poster=tmp_path / "poster.jpg")

    with Image.open(tmp_path / "poster.jpg") as picture:
        assert max(picture.convert("L").tobytes()) > 60


@pytest.mark.parametrize("b_frames", [0, 3])
def test_the_last_frame_is_the_very_last(b_frames: int, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", seconds=2, b_frames=b_frames)

    last_frame(path, tmp_path / "last.png")

    with Image.open(tmp_path / "last.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (320, 180))
        row = picture.convert("RGB")
        bar = [x for x in range(320) if row.getpixel((x, 90))[0] > 120]  # type: ignore[index]
    # The bar goes from 0 to 256 over 48 frames; the last one shows it at 47/48 of the way.
    assert bar[0] == pytest.approx(256 * 47 / 48, abs=2)


def test_the_last_frame_of_a_broken_clip_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"<html>" * 10)

    with pytest.raises(BadDelivery, match=r"a\.mp4 could not be used"):
        last_frame(tmp_path / "a.mp4", tmp_path / "out")


def test_our_own_process_never_loads_the_decoder(clip: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from footage.media import inspect\n"
        f"facts = inspect(Path({str(clip)!r}))\n"
        "print(facts.frames, 'av' in sys.modules, 'PIL' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["60", "False", "False"]
