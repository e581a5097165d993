"""Shot lists in which something is doubtful, and what is asked about them."""

from __future__ import annotations

import io

import openpyxl
import pytest

from footage.errors import InvalidRequest
from footage.storyboard import Board, read_board
from footage.storyboard.read import Settlement


def table(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def workbook(hidden: int | str, *lines: str) -> bytes:
    """A workbook of these lines, of which one is hidden, counted from 1, or a column, by its letter."""
    book = openpyxl.Workbook()
    for line in lines:
        book.worksheets[0].append([int(cell) if cell.isdigit() else cell or None for cell in line.split(",")])
    sheet = book.worksheets[0]
    if isinstance(hidden, str):
        sheet.column_dimensions[hidden].hidden = True
    else:
        sheet.row_dimensions[hidden].hidden = True
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def doubts(data: bytes) -> dict[str, str | None]:
    """The fields that are asked about, with what is said of each."""
    with pytest.raises(InvalidRequest) as refused:
        read_board(data, name="list", defaults=MODEL)
    return {problem.field: problem.allowed for problem in refused.value.problems}


def guessed(data: bytes) -> Board:
    return read_board(data, name="list", settled=Settlement(accept_guesses=True)).board


# Makes clips of 5 and of 10 s.
MODEL = {"model": "wan2.6-t2v-us"}
