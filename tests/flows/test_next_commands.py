"""The commands that messages give to people."""

from __future__ import annotations

import shlex
from typing import get_args

import pytest

from flows.cli import app
from footage.errors.actions import (
    Action,
    AdoptTask,
    Approve,
    Harvest,
    Keep,
    Pick,
    ReadBoard,
    Reject,
    Rerun,
    ResumeBuying,
    Retake,
    Setup,
    Spending,
    Verify,
    Wait,
    command,
)

ACTIONS = (
    Rerun("a" * 64, retry_failed=True, buy_again=True),
    AdoptTask("a" * 64, "a-task"),
    Harvest(),
    Wait("a" * 64),
    Verify("a" * 64),
    ResumeBuying(),
    Spending(),
    Setup(credentials_block="team-a", storage_block="films"),
    Approve("a-run"),
    ReadBoard("a board.csv", ("--map", "Beat=description")),
    Pick("board.yaml", "s 1", "2"),
    Keep("board.yaml", "s 1", "2"),
    Reject("board.yaml", "s 1", "2"),
    Retake("board.yaml", "s 1", "2", note="-darker"),
)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_every_command_that_we_print_is_understood_with_the_flags_of_any_other(action: Action) -> None:
    flags = ["--emulator", "--credentials-block team", "--storage-block films"]

    words = shlex.split(command(action, flags))

    assert words[0] == "wan-video"
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    if bound.arguments.get("emulator"):
        assert bound.arguments["storage_block"] == "films"


def test_every_action_is_tried() -> None:
    assert {type(action) for action in ACTIONS} == {*get_args(Action)}
