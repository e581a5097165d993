"""Workbooks and bundles: read within bounds; other kinds of files named as what they are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.drawing.image import Image as Drawing
from openpyxl.styles import Font
from PIL import Image

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


def edited(lines: Sequence[Sequence[object]], edit: Callable[[Any], object]) -> bytes:
    """A workbook of these lines, of which the sheet is then edited."""
    book = openpyxl.load_workbook(io.BytesIO(workbook(lines)))
    edit(book.worksheets[0])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


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


LINES: list[list[object]] = [
    ["Scene", "Shot", "Description", "Ratio", "Duration"], [1, 1, "A wheel turns", "9:16", 5],
    [None, 2, "Water falls", None, None], [2, 1, "A mill", "16:9", 5],
]  # fmt: skip


def test_a_cell_that_is_merged_downwards_holds_for_all_its_lines():
    lines = [[*line[:4], 5 if place else "Duration"] for place, line in enumerate(LINES)]

    board = read_board(
        edited(lines, lambda sheet: (sheet.merge_cells("A2:A3"), sheet.merge_cells("D2:D3")))
    ).board

    assert [(shot.id, shot.request["size"]) for shot in board.shots] == [
        ("1-1", "480*832"), ("1-2", "480*832"), ("2-1", "832*480"),
    ]  # fmt: skip


@pytest.mark.parametrize(("cells", "field"), [("E2:E3", "duration"), ("C2:C3", "shots")])
def test_a_length_or_a_text_of_several_lines_is_asked_about(cells: str, field: str):
    with pytest.raises(InvalidRequest, match="one merged cell with the line above") as caught:
        read_board(edited(LINES, lambda sheet: sheet.merge_cells(cells)))

    assert f"shots[1-2].{field}" in [problem.field for problem in caught.value.problems]


def test_more_merged_cells_than_a_board_has_are_refused():
    data = workbook([HEAD, [1, "A wheel turns", 5]])
    sheet = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    merged = b"".join(b'<mergeCell ref="A%d:ZZ1048576"/>' % line for line in range(1, 9))

    filled = _with(
        data, {"xl/worksheets/sheet1.xml": sheet.replace(b"</sheetData>", b"</sheetData>" + merged)}
    )

    assert "merged cells" in refused(filled)


@pytest.mark.parametrize(("cell", "column"), [("B2", "Storyboard"), ("E3", "'column 5")])
def test_pictures_that_lie_on_a_sheet_are_asked_about_like_those_that_cells_name(cell: str, column: str):
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8)).save(drawn, "PNG")
    lines = [["Shot", "Storyboard", "Description"], [1, None, "A wheel turns"], [2, None, "Water falls"]]

    with pytest.raises(InvalidRequest, match="drawings for people, or first frames") as caught:
        read_board(edited(lines, lambda sheet: sheet.add_image(Drawing(drawn), cell)))

    assert f"--map {column}=metadata" in str(caught.value.next_step)


def test_a_text_that_is_struck_through_is_asked_about_whatever_else_its_line_has():
    def strike(sheet: Any) -> None:
        sheet["C3"].font = Font(strike=True)

    with pytest.raises(InvalidRequest, match="struck through"):
        read_board(
            edited([[*line[:4], 5 if place else "Duration"] for place, line in enumerate(LINES)], strike)
        )


@pytest.mark.parametrize(
    ("shown", "asked"), [('0" frames"', True), ("0 \\f", True), ('0" s"', False), ("0.00", False)]
)
def test_the_unit_that_only_the_format_of_a_number_says_is_its_unit(shown: str, asked: bool):
    def give_format(sheet: Any) -> None:
        sheet["C2"].number_format = shown

    data = edited([HEAD, [1, "A wheel turns", 10]], give_format)

    if asked:
        assert "it counts frames" in refused(data)
    else:
        board = read_board(data, defaults={"model": "wan2.6-t2v-us"}).board
        assert board.shots[0].request["duration"] == 10
