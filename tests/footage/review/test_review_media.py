"""Files of a store elsewhere are fetched once, and a film that was cut anew is fetched anew."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from countedstore import CountedStore

from footage.errors import NotThere
from footage.review.media_files import MediaFiles
from footage.storage import open_store

CLIP, FILM = f"videos/{'a' * 64}.mp4", "storyboards/Film/film.mp4"


@pytest.fixture
def store() -> Any:
    return CountedStore(open_store(f"memory://{uuid.uuid4().hex}"))


@pytest.fixture
def media(store: Any) -> Iterator[MediaFiles]:
    media = MediaFiles(store)
    yield media
    media.close()


def test_a_clip_is_fetched_once_however_often_a_player_asks(store: Any, media: MediaFiles) -> None:
    store.create(CLIP, b"clip")

    files = {media.local(CLIP) for _ in range(3)}

    (file,) = files
    assert file.read_bytes() == b"clip"
    assert [name for name, _ in store.asked].count("get_file") == 1
    media.close()
    assert not file.exists()


def test_a_film_that_was_cut_anew_is_another_file(store: Any, media: MediaFiles) -> None:
    store.create(FILM, b"one cut")
    before = media.local(FILM, changes=True)

    store.replace(FILM, b"another cut")

    assert media.local(FILM, changes=True).read_bytes() == b"another cut"
    assert before.read_bytes() == b"one cut"


def test_what_is_not_there_is_said_and_leaves_nothing_behind(store: Any, media: MediaFiles) -> None:
    with pytest.raises(NotThere):
        media.local(CLIP)
    store.create(CLIP, b"clip")

    assert media.local(CLIP).read_bytes() == b"clip"
