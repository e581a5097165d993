"""Workbooks and bundles: read within bounds; other kinds of files named as what they are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from footage.errors import InvalidRequest
from footage.storyboard import read_board

HEAD = ["Shot", "Description", "Duration"]


def workbook(*sheets: Sequence[Sequence[object]], **parts: bytes) -> bytes:
    """A workbook of these sheets; `parts` replace files in it, named with `__` for `/`."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for lines in sheets:
        sheet = book.create_sheet()
        for line in lines:
            sheet.append(line)
    file = io.BytesIO()
    book.save(file)
    return _with(file.getvalue(), {name.replace("__", "/") + ".xml": data for name, data in parts.items()})


def _with(data: bytes, parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    assert set(parts) <= set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, parts.get(info.filename, old.read(info.filename)))
    return out.getvalue()


def refused(data: bytes, name: str = "list.xlsx") -> str:
    with pytest.raises(InvalidRequest) as caught:
        read_board(data, name=name)
    return str(caught.value)


def test_a_sheet_is_read_like_a_table_and_empty_sheets_do_not_count():
    data = workbook([["The Mill"], HEAD, [1, "A wheel turns", 5.0], [2, "Water falls", "4 s"]], [])

    board = read_board(data).board

    assert board.title == "The Mill"
    assert [(shot.id, shot.request["prompt"]) for shot in board.shots] == [
        ("1", "A wheel turns"), ("2", "Water falls"),
    ]  # fmt: skip


def test_which_of_several_sheets_is_meant_is_not_guessed():
    data = workbook([HEAD, [1, "A wheel turns", 5]], [HEAD, [1, "Water falls", 5]])

    assert "2 sheets with cells" in refused(data)


def test_a_workbook_that_unpacks_to_more_than_any_board_is_refused_before_it_is_read():
    data = workbook([HEAD], xl__styles=b" " * (65 * 1024 * 1024))

    assert len(data) < 200_000
    assert "unpacks to more than" in refused(data)


def test_entities_that_unfold_are_refused():
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{levels}]><styleSheet>&l8;</styleSheet>'

    assert "cannot be read" in refused(workbook([HEAD, [1, "x", 5]], xl__styles=bomb.encode()))


@pytest.mark.parametrize("cut", [10, 400, 2000])
def test_a_damaged_workbook_is_refused_in_words(cut: int):
    assert "list.xlsx" in refused(workbook([HEAD, [1, "A wheel turns", 5]])[:cut])


def test_a_zip_that_is_neither_is_named():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "x")

    assert "neither a workbook" in refused(file.getvalue())


@pytest.mark.parametrize(
    ("name", "text", "kind", "advice"),
    [
        (
            "cut.edl",
            "TITLE: X\n001  AX V C 00:00:00:00 00:00:05:00 01:00:00:00 01:00:05:00\n",
            "EDL",
            ".otio",
        ),
        ("cut.fcpxml", "<?xml version='1.0'?>\n<fcpxml version='1.10'/>", "Final Cut", ".otio"),
        ("mill.fountain", "INT. MILL - DAY\n\nA wheel turns.\n", "Fountain", "shot list"),
        ("mill.pdf", "%PDF-1.7\n", "PDF", "CSV"),
        ("mill.rtf", "{\\rtf1 A wheel turns}", "text document", "CSV"),
        ("mill.html", "<!DOCTYPE html><table><tr><td>Shot</td></tr></table>", "web page", "CSV"),
        ("mill.xml", "<?xml version='1.0'?><shots/>", "XML", "CSV"),
        ("mill.txt", "1\n00:00:01,000 --> 00:00:04,000\nHello\n", "subtitles", "film"),
        ("mill.png", "GIF89a", "picture", "shot list"),
        # These are zips.
        ("mill.ods", "PK\3\4", "OpenDocument", "CSV"),
        ("mill.numbers", "PK\3\4", "Numbers", "CSV"),
        ("mill.docx", "PK\3\4", "text document", "CSV"),
        ("mill.pptx", "PK\3\4", "presentation", "CSV"),
    ],
)
def test_other_kinds_of_files_are_named_with_how_to_save_them(
    name: str, text: str, kind: str, advice: str, tmp_path: Path
):
    (tmp_path / name).write_text(text)

    with pytest.raises(InvalidRequest, match=kind) as caught:
        read_board(tmp_path / name)

    assert advice in str(caught.value.next_step)


@pytest.mark.parametrize(
    "text",
    ["# Mill\n\n### Shot 1\n- **Action:** A wheel turns\n", "Your shots:\n\n1. A wheel turns\n2. It stops\n"],
)
def test_a_list_in_prose_is_refused_with_what_is_read_of_a_text(text: str, tmp_path: Path):
    (tmp_path / "mill.md").write_text(text)

    with pytest.raises(InvalidRequest, match="line") as caught:
        read_board(tmp_path / "mill.md")

    assert "put shots that are told in prose into a table" in str(caught.value.next_step)
