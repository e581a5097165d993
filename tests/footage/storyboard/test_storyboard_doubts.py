"""What of a shot list is doubtful is asked about that very shot, and never bought unasked."""

from __future__ import annotations

import io

import openpyxl
import pytest

from footage.errors import InvalidRequest
from footage.storyboard import Board, read_board
from footage.storyboard.read import Settlement
from footage.storyboard.read.settlement import settle


def table(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def workbook(hidden: int, *lines: str) -> bytes:
    """A workbook of these lines, of which one is hidden, counted from 1."""
    book = openpyxl.Workbook()
    for line in lines:
        book.worksheets[0].append([int(cell) if cell.isdigit() else cell or None for cell in line.split(",")])
    book.worksheets[0].row_dimensions[hidden].hidden = True
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def doubts(data: bytes) -> dict[str, str | None]:
    """The fields that are asked about, with what is said of each."""
    with pytest.raises(InvalidRequest) as refused:
        read_board(data, name="list")
    return {problem.field: problem.allowed for problem in refused.value.problems}


def guessed(data: bytes) -> Board:
    return read_board(data, name="list", settled=Settlement(accept_guesses=True)).board


REMARK = "Everything from here is at night"
NO_SHOT_FOR_SURE = {
    "shots count from 1 in each scene": (
        table("Scene,Shot,Description,Duration", "1,1,A boat sails,5", "1,2,The boat turns,5", "2,1,A street,5",
              f",,{REMARK},", "2,2,The lamp goes out,5"),
        "2",
    ),
    "scenes of several shots, and no numbers": (
        table("Scene,Description,Duration", "1,A boat sails,5", "2,A street,5", f",{REMARK},", "2,A lamp goes out,5"),
        "2-2",
    ),
    "dashes stand for what is empty": (
        table("Shot,Framing,Description,Duration", "1,CU,A boat sails,5", "2,WS,A street,5", f"-,-,{REMARK},"),
        "row3",
    ),
    "a hidden line where shots count from 1": (
        workbook(5, "Scene,Shot,Description,Duration", "1,1,A boat sails,5", "1,2,The boat turns,5", "2,1,A street,5",
                 f"2,2,{REMARK},5"),
        "2-2",
    ),
    "a hidden line whose number is a dash": (
        workbook(3, "Shot,Description,Duration", "1,A boat sails,5", f"-,{REMARK},5"),
        "row2",
    ),
    "a hidden line of scenes alone": (
        workbook(4, "Scene,Description,Duration", "1,A boat sails,5", "2,A street,5", f"3,{REMARK},5"),
        "3",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "shot"), NO_SHOT_FOR_SURE.values(), ids=NO_SHOT_FOR_SURE)
def test_a_line_that_may_be_no_shot_is_asked_about_by_the_id_that_it_would_have(data: bytes, shot: str):
    asked = doubts(data)
    made = read_board(data, name="list", settled=settle(sets=[f"{shot}.skip=false"])).board

    assert list(asked) == [f"shots[{shot}].shots"]
    assert f"{shot}.skip=true" in str(asked)
    assert [one.id for one in made.shots if one.request["prompt"] == REMARK] == [shot]
    assert [one.id for one in guessed(data).shots] == [one.id for one in made.shots if one.id != shot]
