"""A run of a board that is started again makes what it began with, whatever editors asked for meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pictures import BLUE, picture

from footage.catalogue import SWITCHES
from footage.context import Context, open_context
from footage.errors import InvalidRequest
from footage.settings import Settings
from footage.storyboard.folder import claim_folder
from footage.storyboard.plan import BoardPlan
from footage.storyboard.plan_of_run import paid_at_begin, require_same_board
from footage.storyboard.prepared_board import prepare_board
from footage.storyboard.review_records import RetakeRecord

BOARD: dict[str, Any] = {
    "schema": "wan-video/storyboard/1",
    "title": "Harbour",
    "defaults": {"model": "wan2.2-t2v-plus", "size": "832*480", "prompt": "A quiet harbour"},
    "shots": [{"id": "a", "seed": 1}, {"id": "b", "seed": 2}],
}


def start(context: Context, board: dict[str, Any] = BOARD) -> BoardPlan:
    """Start the one run, perhaps again."""
    plan = prepare_board(context, board).plan
    require_same_board(context.store, "run", plan, makes=True)
    return plan


@pytest.mark.parametrize(
    ("budget", "kept"),
    [({"max_seconds": 9}, {"a"}), ({"max_cost": 9}, {"a"}), ({"approve_above": 9}, {"a"}), ({}, set[str]())],
    ids=str,
)
def test_what_was_paid_when_a_run_began_stays_out_of_its_caps_however_often_it_is_started(
    tmp_path: Path, budget: dict[str, int], kept: set[str]
) -> None:
    with open_context(Settings(output_dir=str(tmp_path))) as context:
        plan = prepare_board(context, BOARD | {"budget": budget}).plan
        first = require_same_board(context.store, "run", plan, makes=True, paid={"a"})
        again = require_same_board(context.store, "run", plan, makes=True, paid={"b"})

        assert first == again == paid_at_begin(context.store, "run") == kept
        assert paid_at_begin(context.store, "another-run") == frozenset()


def test_the_other_pictures_of_a_shot_that_starts_from_another_are_part_of_what_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCHES, "+wan2.7-i2v")
    end = tmp_path / "end.png"
    end.write_bytes(picture(1280, 720))
    second = {
        "id": "b",
        "model": "wan2.7-i2v",
        "size": "1280*720",
        "start_from": "shot:a",
        "last_frame": str(end),
    }
    board = BOARD | {"shots": [{"id": "a"}, second]}
    with open_context(Settings(output_dir=str(tmp_path / "out"))) as context:
        start(context, board)
        start(context, board)

        end.write_bytes(picture(1280, 720, BLUE))

        with pytest.raises(InvalidRequest, match="nothing more was bought"):
            start(context, board)


def ask_for_a_retake(context: Context, plan: BoardPlan) -> None:
    folder, shot = claim_folder(context.store, plan.board), plan.takes[0]
    sha256 = shot.shot_sha256
    retake = RetakeRecord(shot="a", take=2, of=1, shot_sha256=sha256, note="softer", by="ana")
    context.store.create(f"{folder}/retakes/a/2.json", retake.to_bytes())


def test_a_retake_that_an_editor_asked_for_meanwhile_stops_no_run(tmp_path: Path) -> None:
    with open_context(Settings(output_dir=str(tmp_path))) as context:
        plan = start(context)
        ask_for_a_retake(context, plan)

        assert len(start(context).takes) == len(plan.takes) + 1


@pytest.mark.parametrize("bound", ["max_seconds", "max_cost", "approve_above"])
def test_it_is_not_bought_within_a_cap_or_by_a_yes_that_were_about_less(tmp_path: Path, bound: str) -> None:
    board = BOARD | {"budget": {bound: 100}}
    with open_context(Settings(output_dir=str(tmp_path))) as context:
        ask_for_a_retake(context, start(context, board))

        with pytest.raises(InvalidRequest, match="nothing more was bought"):
            start(context, board)


def test_a_further_take_that_the_board_asks_for_now_stops_it(tmp_path: Path) -> None:
    with open_context(Settings(output_dir=str(tmp_path))) as context:
        start(context)

        with pytest.raises(InvalidRequest, match="nothing more was bought"):
            start(context, BOARD | {"shots": [{"id": "a", "seed": 1, "takes": 2}, {"id": "b", "seed": 2}]})
