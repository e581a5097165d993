"""The visible label over the opening of clips and films: there for its time, and nothing else is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from clips import make_clip
from labels import WAN_LIKE, label_by_ffmpeg, labelled, packets
from PIL import Image, ImageChops

from footage.marks.visible_label import draw_visible_label
from footage.media import conform, join


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.5 s at 10 fps with sound and a label."""
    folder = tmp_path_factory.mktemp("clip")
    plain = make_clip(folder / "plain.mp4", fps=10, seconds=1.5, picture="still", audio=True)
    return labelled(plain, folder / "a.mp4", WAN_LIKE)


@pytest.fixture(scope="module")
def converted(clip: Path) -> Path:
    """The same, encoded here."""
    out = clip.with_name("converted.mp4")
    conform(clip, out, fps=10)
    return out


def frames(video: Path) -> list[Image.Image]:
    with av.open(str(video)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def changed(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int] | None:
    """The box in which two pictures differ by more than two encodings do."""
    return ImageChops.difference(before, after).convert("L").point([0] * 25 + [255] * 231).getbbox()


def marked(video: Path, without: Path) -> list[bool]:
    """For each frame whether something lies over it that the other video has not."""
    pairs = zip(frames(without), frames(video), strict=True)
    return [changed(before, after) is not None for before, after in pairs]


def test_the_label_lies_over_the_first_seconds_and_nothing_else_is_changed(
    clip: Path, converted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "b.mp4"

    conform(clip, out, visible_label_s=1.0)

    assert marked(out, converted) == [True] * 10 + [False] * 5
    picture, left, top = draw_visible_label(320, 180)
    found = changed(frames(converted)[0], frames(out)[0])
    assert found == (left, top, left + picture.width, top + picture.height)
    assert packets(out)[1] == packets(clip)[1]
    assert label_by_ffmpeg(out) == WAN_LIKE.encode()


def test_it_is_as_large_as_the_size_that_the_clip_gets(clip: Path, tmp_path: Path) -> None:
    for name, shown_s in (("plain", 0.0), ("marked", 1.0)):
        conform(clip, tmp_path / f"{name}.mp4", fps=5, size=(640, 360), visible_label_s=shown_s)

    picture, left, top = draw_visible_label(640, 360)
    found = changed(frames(tmp_path / "plain.mp4")[0], frames(tmp_path / "marked.mp4")[0])
    assert found == (left, top, left + picture.width, top + picture.height)
    assert sum(marked(tmp_path / "marked.mp4", tmp_path / "plain.mp4")) == 5


@pytest.mark.parametrize(
    ("shown_s", "encoded"),
    [
        (1.0, (0,)),
        (2.0, (0, 1)),  # longer than the first clip
        (60.0, (0, 1, 2)),
    ],
)
def test_of_clips_that_were_encoded_here_only_those_of_the_opening_are_encoded_again(
    shown_s: float, encoded: tuple[int, ...], converted: Path, tmp_path: Path
) -> None:
    film, plain = tmp_path / "film.mp4", tmp_path / "plain.mp4"
    join([converted] * 3, plain)

    assert join([converted] * 3, film, visible_label_s=shown_s).encoded == encoded

    assert sum(marked(film, plain)) == min(shown_s * 10, 45)
    # Pictures of clips after the opening are the delivered ones to the byte.
    copied = packets_of_pictures(film)[15 * len(encoded) :]
    assert copied == packets_of_pictures(plain)[15 * len(encoded) :]
    assert label_by_ffmpeg(film) == WAN_LIKE.encode()


def packets_of_pictures(video: Path) -> list[bytes]:
    with av.open(str(video)) as container:
        found: Any = container.demux(container.streams.video[0])
        return [bytes(packet) for packet in found if packet.size]


def test_where_the_rest_is_coded_otherwise_the_whole_film_is_encoded_again(
    clip: Path, converted: Path, tmp_path: Path
) -> None:
    film, plain = tmp_path / "film.mp4", tmp_path / "plain.mp4"
    assert join([clip, clip], plain).encoded == ()

    assert join([clip, clip], film, visible_label_s=1.0).encoded == (0, 1)

    assert marked(film, plain) == [True] * 10 + [False] * 20
