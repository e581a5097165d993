"""Whatever is delivered is measured, or called what is wrong with it; and joining it fails with one typed error."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from pathlib import Path

from clips import make_clip
from fuzzing import damaged, fuzz
from soundfiles import make_music

from footage.errors import FootageError
from footage.media import MUSIC_SUFFIXES, Bed, inspect, inspect_music, join, last_frame


def _seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        plain = make_clip(Path(folder) / "a.mp4", size=(64, 64), seconds=0.3, b_frames=2)
        sound = make_clip(Path(folder) / "b.mp4", size=(64, 64), seconds=0.3, audio=True)
        return [plain.read_bytes(), sound.read_bytes()]


@fuzz(examples=6, data=damaged(_seeds()))
def test_any_video(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        clip.write_bytes(data)
        facts = inspect(clip, poster=Path(folder) / "poster.jpg")

        assert facts.problems or (Path(folder) / "poster.jpg").exists()
        with contextlib.suppress(FootageError):
            last_frame(clip, Path(folder) / "last.png")
        with contextlib.suppress(FootageError):
            join([clip, clip], Path(folder) / "film.mp4")


def _music() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return {
            suffix: make_music(Path(folder) / f"a{suffix}", seconds=1.2).read_bytes()
            for suffix in MUSIC_SUFFIXES
        }


@fuzz(examples=6, data=damaged(list(_music().values())))
def test_any_music_that_is_taken_lies_under_a_film(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "a.mp4", size=(64, 64), seconds=0.3)
        for suffix in MUSIC_SUFFIXES:
            music = Path(folder) / f"bed{suffix}"
            music.write_bytes(data)
            facts = inspect_music(music, suffix, hashlib.sha256(data).hexdigest())
            if facts.problem is None:
                bed = Bed(music, suffix, facts.samples, -12, True, True, 0, 1)
                join([clip], Path(folder) / "film.mp4", bed=bed)
