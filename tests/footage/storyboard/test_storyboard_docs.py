"""The page about storyboards shows a board that is read without a guess, and every form that is read."""

from __future__ import annotations

import shutil
from pathlib import Path

from pages import ROOT, Page

from footage.storyboard.read import FORMATS, read_board

PAGE = Page.read("footage/storyboard/README.md")


def test_the_board_of_the_page_is_read_as_it_stands(tmp_path: Path) -> None:
    board = next(code for kind, code in PAGE.section("Make one").fences if kind == "yaml")
    shutil.copy(ROOT / "footage/storyboard/examples/keeper.jpg", tmp_path / "boat.jpg")

    read = read_board(board.encode(), base=tmp_path).board

    assert [shot.id for shot in read.shots] == ["s01", "s02", "s03"]
    assert read.budget.max_seconds == 15


def test_every_format_is_listed() -> None:
    listed = [name for row in PAGE.section("What is read").table("format") for name in row[0].code]

    assert set(FORMATS) <= set(listed)
