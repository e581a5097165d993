from __future__ import annotations

from pathlib import Path

import pytest
from clips import make_clip

from footage.media import walk


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4").read_bytes()


def problems(tmp_path: Path, data: bytes) -> list[str]:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    return walk(path)


def box(kind: bytes, body: bytes = b"") -> bytes:
    return (8 + len(body)).to_bytes(4) + kind + body


def long_box(kind: bytes, body: bytes = b"") -> bytes:
    return (1).to_bytes(4) + kind + (16 + len(body)).to_bytes(8) + body


def test_a_whole_file_has_no_problem(tmp_path: Path, clip: bytes) -> None:
    assert problems(tmp_path, clip) == []


def test_sizes_of_64_bits_and_to_the_end_of_the_file_are_understood(tmp_path: Path) -> None:
    start = box(b"ftyp", b"isom") + box(b"moov", b"x" * 20)

    assert problems(tmp_path, start + long_box(b"mdat", b"y" * 100)) == []
    assert problems(tmp_path, start + (0).to_bytes(4) + b"mdat" + b"y" * 100) == []


def test_every_truncation_is_seen(tmp_path: Path, clip: bytes) -> None:
    lengths = [*range(0, len(clip), len(clip) // 60), *range(len(clip) - 20, len(clip))]

    assert [length for length in lengths if not problems(tmp_path, clip[:length])] == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda clip: clip + b"junk", "no box"),
        (lambda clip: clip + b"<html>a page behind it</html>", "no box|ends"),
        (lambda clip: b"", "ftyp"),
        (lambda clip: b"<html>" * 10, "ends"),
        (lambda clip: box(b"ftyp") + box(b"mdat", b"x"), "moov"),
        (lambda clip: box(b"ftyp") + box(b"moov"), "mdat"),
        (lambda clip: box(b"moov") + box(b"mdat"), "ftyp"),
        (lambda clip: clip + (7).to_bytes(4) + b"free", "no box"),  # smaller than its own header
        (lambda clip: clip + bytes(16), "no box"),
        (lambda clip: clip + b"\x00\x00\x00\x01free" + (2**63).to_bytes(8), "ends"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, clip: bytes, damage: object, words: str) -> None:
    found = problems(tmp_path, damage(clip))  # type: ignore[operator]

    assert found
    assert any(word in found[0] for word in words.split("|"))
