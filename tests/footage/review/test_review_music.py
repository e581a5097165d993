"""The review app sees when the music under a film is another file, though the board is the same."""

from __future__ import annotations

import json
from pathlib import Path

from filmboards import film
from soundfiles import make_music

from footage.context import Context
from footage.review.reviewed_boards import BoardFile, ReviewedBoards
from footage.storyboard.read.settlement import settle


def test_a_cut_after_the_music_changed_has_the_new_one(context: Context, tmp_path: Path) -> None:
    music = make_music(tmp_path / "bed.wav")
    path = tmp_path / "board.json"
    path.write_text(json.dumps(film({"id": "m1", "prompt": "A drum"}, film={"music": str(music)})))
    boards = ReviewedBoards(context, BoardFile(str(path), None, settle((), ()), {}), str)
    assert boards.own is not None
    first = boards.plan(boards.own).music

    make_music(music, hertz=300, seconds=3)

    second = boards.plan(boards.own).music
    assert first is not None
    assert second.sha256 != first.sha256
    assert boards.plan(boards.own).music is second
