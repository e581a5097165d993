"""Boards that were made to hurt: each is read or refused in bounded time and memory, with one typed error."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostileboards import BOARDS, made
from measured import Measured

from footage.errors import InvalidRequest
from footage.storyboard import plan_board, read_board

_SUFFIX = {b"{": ".json", b"[": ".json", b"s": ".yaml", b"a": ".yaml"}


@pytest.fixture(scope="module")
def process() -> Iterator[Measured]:
    with Measured("hostileboards") as process:
        yield process


@pytest.mark.parametrize("name", BOARDS)
def test_a_hostile_board_is_read_or_refused_within_5_s_and_200_mb(
    name: str, process: Measured, tmp_path: Path
) -> None:
    data = made(name)
    path = tmp_path / f"board{'.csv' if data.startswith(b'shot') else _SUFFIX[data[:1]]}"
    path.write_bytes(data)

    cost = process.call("read", str(path))

    wanted = BOARDS[name][1]
    assert (wanted in cost.said and cost.said.startswith("InvalidRequest")) if wanted else cost.said == ""
    assert cost.within_bounds(), cost


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    fifo, folder, place = tmp_path / "fifo", tmp_path / "folder", tmp_path / "socket"
    os.mkfifo(fifo)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        for path in (fifo, folder, place, Path("/dev/zero"), Path("/dev/tty")):
            with pytest.raises(InvalidRequest, match=r"it is a|No such device"):
                read_board(path)


def test_a_file_of_3_gb_costs_no_more_than_one_that_is_just_too_large(
    process: Measured, tmp_path: Path
) -> None:
    path = tmp_path / "board.yaml"
    with path.open("wb") as file:
        file.truncate(3 << 30)

    cost = process.call("read", str(path))

    assert "allowed are 12,582,912" in cost.said
    assert cost.within_bounds(), cost


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": {1, 2}}, "a set, which no board can hold"),
        ({"a": b"\xff"}, "a bytes, which no board can hold"),
        ({"a": float("nan")}, "no finite number"),
        ({(1, 2): 3}, "has to be text"),
        ({"a\udfff": 3}, "half of a character"),
        ({1: "x", "1": "y"}, "given twice"),
    ],
)
def test_data_that_no_document_holds_is_refused_by_name(value: Any, says: str) -> None:
    shots = [{"id": "a", "prompt": "x", "strange": value}]

    with pytest.raises(InvalidRequest, match=says):
        read_board({"schema": "wan-video/storyboard/1", "shots": shots})


def test_what_a_document_can_write_otherwise_is_written_so() -> None:
    text = b"shots:\n- {id: a, prompt: x, on: 2026-11-28, 5: five, true: yes}\ndefaults: {}\n"

    (shot,) = read_board(text).board.shots

    assert shot.metadata == {"on": "2026-11-28", "5": "five", "true": "yes"}


def test_merge_keys_of_yaml_still_merge_and_the_mapping_itself_wins() -> None:
    text = b"""
metadata:
  base: &base {model: wan2.2-t2v-plus, size: 832*480}
defaults: {<<: *base, size: 1280*720}
shots:
- &first {id: a, prompt: x}
- {<<: [*first, *base], id: b}
"""
    board = read_board(text).board

    assert board.defaults == {"model": "wan2.2-t2v-plus", "size": "1280*720"}
    assert board.shots[1].request == {"prompt": "x", "model": "wan2.2-t2v-plus", "size": "832*480"}


def test_more_shots_than_a_board_may_have_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(InvalidRequest, match=r"2,001 shots: Split the board"):
        read_board({"schema": "wan-video/storyboard/1", "shots": [{"id": f"s{n}"} for n in range(2001)]})


@pytest.mark.parametrize(
    "cell", ["[a" * 30_000, "a" + " " * 60_000 + "(", "5 " * 30_000, "<p " * 30_000, "a.abc (" * 9_000]
)
@pytest.mark.parametrize("column", ["Description", "Duration", "Picture"])
def test_a_cell_that_no_pattern_can_decide_early_costs_no_more_than_another(
    column: str, cell: str, tmp_path: Path
) -> None:
    board = tmp_path / "list.csv"
    cells = {"Description": "A bell rings", "Duration": "5"} | {column: cell}
    board.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n")
    begun = time.process_time()

    with contextlib.suppress(InvalidRequest):
        read_board(board)

    assert time.process_time() - begun < 3


def test_fences_that_never_end_cost_no_more_than_other_text(tmp_path: Path) -> None:
    board = tmp_path / "board.md"
    board.write_text("```a\n" * 100_000)
    begun = time.process_time()

    with pytest.raises(InvalidRequest):
        read_board(board)

    assert time.process_time() - begun < 3


@pytest.mark.parametrize("length", [10**15, 10**400, -(10**400)])
@pytest.mark.parametrize("column", ["duration", "frames", "start"])
def test_a_number_without_end_in_a_board_of_another_tool_is_no_crash(length: int, column: str) -> None:
    shot = {"description": "A dog", "shot size": "wide", column: length, "end": 5}

    # Refused, or left out as what no length is.
    with contextlib.suppress(InvalidRequest):
        plan_board(read_board([shot], None).board, lambda url: b"")
