"""Where a board's film and timeline are put."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from boards import planned

from footage.storage import open_store
from footage.storyboard import Budget, Ledger, ShotOutcome, read_board
from footage.storyboard.cut import file_name
from footage.storyboard.package import make_package


def folder(store_at: Path, title: str, *prompts: str) -> str:
    """Name of the folder that a board gets whose shots all failed."""
    plan = planned(*({"id": f"s{n}", "prompt": prompt} for n, prompt in enumerate(prompts)), title=title)
    outcomes = {shot.id: ShotOutcome(shot.id, "failed", reason="content") for shot in plan.shots}
    package = make_package(open_store(str(store_at)), plan, outcomes, Ledger(Budget()).statement())
    return package.folder_url.rsplit("/", 1)[-1]


def test_a_board_keeps_its_folder_and_another_of_the_same_title_gets_its_own(tmp_path: Path):
    assert folder(tmp_path, "Episode 1", "A boat", "A pier") == "Episode-1"
    assert folder(tmp_path, "Episode 1", "A horse", "A barn") == "Episode-1-2"

    assert folder(tmp_path, "Episode 1", "A boat at dawn", "A pier", "A gull") == "Episode-1"
    assert folder(tmp_path, "Episode 1", "A horse", "A barn") == "Episode-1-2"


def test_a_prompt_with_a_secret_and_a_folder_of_somebody_else_make_no_new_folders(tmp_path: Path):
    secret = "A sign says https://h/a?token=canary"
    assert [folder(tmp_path, "Sign", secret) for _ in range(2)] == ["Sign", "Sign"]

    for board in tmp_path.rglob("board.json"):
        assert "canary" not in board.read_text()
        board.write_text('{"shots": [{}]}')
    assert folder(tmp_path, "Sign", secret) == "Sign-2"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The Keeper", "The-Keeper"),
        ("守灯人", "storyboard-"),
        ("Café Noir", "Caf-Noir-"),
        ("x" * 300, "x" * 80 + "-"),
        ("...", "storyboard-"),
    ],
)
def test_a_title_with_letters_that_no_file_name_has_is_told_apart_by_a_hash(text: str, name: str):
    made = file_name(text, otherwise="storyboard")

    assert made.startswith(name)
    assert (made == name) == (text == "The Keeper")
    assert made != file_name(text + "人", otherwise="storyboard")
    assert len(made) < 100


def test_a_board_without_a_title_is_called_like_its_file(tmp_path: Path):
    board: dict[str, Any] = {"schema": "wan-video/storyboard/1", "shots": [{"id": "a", "prompt": "A boat"}]}
    (tmp_path / "harbour.json").write_text(json.dumps(board))

    assert read_board(tmp_path / "harbour.json").board.title == "harbour"
