"""Files that are no text: workbooks and timeline bundles are opened within bounds, others named as what they are."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from footage.errors import InvalidRequest, Problem
from footage.storyboard.read import sheet_xml
from footage.storyboard.read.plain_data import MAX_BYTES, MAX_NAMES, MAX_ROWS, MAX_VALUES, unreadable
from footage.storyboard.read.sheet_xml import Place

# Office formats are zips, and of text: 100 times smaller than what is in them is usual.
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 2000

# What begins like this, or is named like this, is no board; how the same can be saved as one.
_AS_LIST = "break it down into a shot list and save that as CSV"
_AS_TIMELINE = "export the timeline as .otio, or a shot list as CSV"
_AS_TABLE = "save the shot list in it as CSV (UTF-8) or .xlsx"
_EDL = re.compile(r"\A\s*TITLE:.*\n(?:.*\n){0,4}?\s*\d{3,6}\s+\S+\s+\S+\s+C\s", re.MULTILINE)
_PICTURE_OR_CLIP = re.compile(
    r"\A(?:\x89PNG|\xff\xd8\xff|GIF8[79]a|RIFF.{4}(?:WEBP|AVI |WAVE)|\0\0.{2}ftyp|\x1aE\xdf\xa3|ID3[\2-\4]"
    r"|OggS\0|BM.{4}\0\0)",
    re.DOTALL,
)
_SUBTITLES = re.compile(r"\A\ufeff?\s*(?:WEBVTT|\d+\s*\r?\n\d\d:\d\d:\d\d[,.]\d{3} -->)")
_KINDS: tuple[tuple[tuple[str, ...], re.Pattern[str] | None, str, str], ...] = (
    ((".edl",), _EDL, "an edit list (EDL): timecodes without descriptions", _AS_TIMELINE),
    (
        (".fcpxml", ".xmeml"),
        re.compile(r"<(?:!DOCTYPE )?(?:fcpxml|xmeml)\b"),
        "a Final Cut or Premiere project",
        _AS_TIMELINE,
    ),
    ((".aaf", ".prproj", ".drp", ".drt"), None, "the project of an editing program", _AS_TIMELINE),
    ((".fountain",), None, "a screenplay (Fountain): scenes without shots", _AS_LIST),
    ((".fdx",), re.compile(r"<FinalDraft\b"), "a Final Draft screenplay: scenes without shots", _AS_LIST),
    ((".pdf",), re.compile(r"\A%PDF-"), "a PDF", "export the shot list as CSV"),
    ((".numbers",), None, "a Numbers document", "export it as CSV"),
    ((".ods",), None, "an OpenDocument sheet", "save it as CSV (UTF-8) or .xlsx"),
    ((".doc", ".docx", ".odt", ".pages", ".rtf"), re.compile(r"\A\{\\rtf"), "a text document", _AS_TABLE),
    ((".ppt", ".pptx", ".odp", ".key"), None, "a presentation", _AS_TABLE),
    (
        (".xls",),
        re.compile(r"\AÐÏ\x11à"),
        "an old Excel workbook (.xls), or another old document of Office",
        "save it as CSV (UTF-8) or .xlsx",
    ),
    ((".srt", ".vtt"), _SUBTITLES, "a file of subtitles", "name it as `subtitles` of the film"),
    (
        (".html", ".htm"),
        re.compile(r"\A\s*<(?:!doctype html|html|table)\b", re.IGNORECASE),
        "a web page",
        _AS_TABLE,
    ),
    ((".xml",), re.compile(r"\A(?:ï»¿)?\s*<\?xml\b"), "XML of a kind that we do not read", _AS_TABLE),
    (
        (),
        _PICTURE_OR_CLIP,
        "a picture, a clip or a sound",
        "name the board: a shot list, or data that names such files",
    ),
)


def refuse_other_kinds(data: bytes, suffix: str, name: str) -> None:
    """Raises InvalidRequest for a file of a kind that is no board, with what it is and how to save it."""
    start = data[:4000].decode("latin-1")
    for endings, sign, kind, advice in _KINDS:
        if suffix in endings or (sign is not None and sign.search(start)):
            raise InvalidRequest(
                problems=(Problem("format", name, f"it is {kind}, not a board", None),), next_step=advice
            )


def is_zip(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def opened(data: bytes, *, name: str) -> zipfile.ZipFile:
    """A zip that can be read within bounds: what it says of its sizes is checked before, what it gives when read.

    Raises:
        InvalidRequest: It is damaged, or holds too much.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise unreadable(f"it begins like a zip and is none: {str(error)[:100]}", name=name) from error
    if len(archive.infolist()) > MAX_ENTRIES:
        raise unreadable(f"it holds more than {MAX_ENTRIES:,} files", name=name)
    return archive


def member(archive: zipfile.ZipFile, wanted: str, *, name: str, limit: int = MAX_BYTES) -> bytes:
    """One file of a zip, at most `limit` bytes.

    Raises:
        InvalidRequest: It is not there, damaged, or larger.
    """
    try:
        with archive.open(wanted) as file:
            data = file.read(limit + 1)
    except (
        KeyError,
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise unreadable(f"{wanted} in it cannot be read: {str(error)[:100]}", name=name) from error
    except Exception as error:  # zlib's and lzma's own errors share no base class
        raise unreadable(f"{wanted} in it is damaged", name=name) from error
    if len(data) > limit:
        raise unreadable(f"{wanted} in it is larger than {limit:,} bytes", name=name)
    return data


def timeline_of(archive: zipfile.ZipFile, *, name: str) -> str | None:
    """The text of the timeline in an .otioz bundle; None where the zip is none."""
    if "content.otio" not in archive.namelist():
        return None
    try:
        return member(archive, "content.otio", name=name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable("content.otio in it is not UTF-8", name=name) from error


class Sheet(NamedTuple):
    """Lines of cells by their number, the numbers of those that a person hid or filtered out, and merged cells.

    A cell that is one with the cell above it has its text; `shared` are those, by line, counted from 0, as are
    `hidden_columns`.
    """

    lines: list[tuple[int, list[str]]]
    hidden: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    shared: Mapping[int, Sequence[int]] = {}


def sheet_of(data: bytes, archive: zipfile.ZipFile, *, name: str) -> Sheet:
    """The lines of a workbook's only sheet with something in it, as text.

    Raises:
        InvalidRequest: It is no workbook, holds too much, has several sheets, or the extra `xlsx` is not installed.
    """
    if "[Content_Types].xml" not in archive.namelist() or not any(
        n.startswith("xl/") for n in archive.namelist()
    ):
        raise unreadable(
            "it is a zip, but neither a workbook (.xlsx) nor a timeline bundle (.otioz)", name=name
        )
    if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED_BYTES:
        raise unreadable(f"it unpacks to more than {MAX_UNPACKED_BYTES:,} bytes", name=name)
    for info in archive.infolist():
        # What an entry says of its size may be a lie; what it gives is not.
        member(archive, info.filename, name=name, limit=min(info.file_size, MAX_UNPACKED_BYTES))
    try:
        import defusedxml  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import openpyxl
    except ImportError as error:
        raise InvalidRequest(
            problems=(Problem("format", name, "it is an Excel workbook, which needs an extra"),),
            next_step="pip install 'wan-video[xlsx]', or save the sheet as CSV (UTF-8)",
        ) from error
    try:
        book: Any = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = [read for sheet in book.worksheets if (read := _sheet(sheet, archive, name)).lines]
    except InvalidRequest:
        raise
    except Exception as error:  # openpyxl raises what its parsers raise
        raise unreadable(f"the workbook cannot be read: {type(error).__name__}", name=name) from error
    if len(sheets) > 1:
        raise unreadable(
            f"the workbook has {len(sheets)} sheets with cells; save the one that is meant as CSV", name=name
        )
    return sheets[0] if sheets else Sheet([])


def _sheet(sheet: Any, archive: zipfile.ZipFile, name: str) -> Sheet:
    if getattr(sheet, "sheet_state", "visible") != "visible" or not hasattr(sheet, "iter_rows"):
        return Sheet([])
    # Row by row openpyxl does not tell what is hidden or which formula has no value; whole it fills the memory.
    xml = archive.read(sheet._worksheet_path)
    # Some programs write a wrong extent, outside of which openpyxl would not look.
    sheet.reset_dimensions()
    lines, struck = _lines(sheet, _formulas_without_value(xml), name)
    shared = _shared(lines, sheet_xml.merged_downwards(xml, name=name))
    _put_pictures(lines, sheet_xml.pictures_on(archive, sheet._worksheet_path))
    return Sheet(lines, sheet_xml.hidden_rows(xml) | struck, sheet_xml.hidden_columns(xml), shared)


def _shared(lines: list[tuple[int, list[str]]], merged: Mapping[Place, Place]) -> dict[int, list[int]]:
    """Give each merged cell of a line the text that it shows; which those are, by line."""
    texts = dict(lines)
    shared: dict[int, list[int]] = {}
    for place, above in merged.items():
        cells, shown = texts.get(place.line), texts.get(above.line, [])
        if cells is None or above.column > len(shown) or not (text := shown[above.column - 1]):
            continue
        cells += [""] * (place.column - len(cells))
        cells[place.column - 1] = text
        shared.setdefault(place.line, []).append(place.column - 1)
    return shared


def _put_pictures(lines: list[tuple[int, list[str]]], pictures: Mapping[Place, str]) -> None:
    """Name the picture that lies on an empty cell of a table, or beside it: it is what people see in that line."""
    of_table = {number: cells for number, cells in lines if sum(map(bool, cells)) > 1}
    drawn = {
        place: name
        for place, name in pictures.items()
        if place.line in of_table and place.column <= MAX_NAMES
    }
    if not drawn:
        return
    width = max(*map(len, of_table.values()), *(place.column for place in drawn))
    for cells in of_table.values():
        cells += [""] * (width - len(cells))
    for place, name in drawn.items():
        cells = of_table[place.line]
        cells[place.column - 1] = cells[place.column - 1] or name


_NO_VALUE = re.compile(
    rb'<(?:\w+:)?c\b[^<>]*?\br="([A-Z]{1,3}\d{1,7})"[^<>]*><(?:\w+:)?f\b[^<>]*>([^<>]*)</(?:\w+:)?f>(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</'
)


def _formulas_without_value(sheet_xml: bytes) -> dict[str, str]:
    """By cell; programs that write workbooks leave the values of formulas to the one that opens them."""
    return {
        found[1].decode(): "=" + found[2].decode("utf-8", "replace")
        for found in _NO_VALUE.finditer(sheet_xml)
    }


def _lines(
    sheet: Any, formulas: Mapping[str, str], name: str
) -> tuple[list[tuple[int, list[str]]], frozenset[int]]:
    """The lines of a sheet that are not empty, and the numbers of those that are struck through."""
    lines: list[tuple[int, list[str]]] = []
    struck: set[int] = set()
    values = 0
    for number, row in enumerate(sheet.iter_rows(max_col=MAX_NAMES), start=1):
        values += len(row)
        if values > MAX_VALUES or number > 10 * MAX_ROWS:
            raise unreadable(f"more than {MAX_VALUES:,} cells", name=name)
        cells = [
            _shown(cell) if cell.value is not None else formulas.get(getattr(cell, "coordinate", ""), "")
            for cell in row
        ]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        lines.append((number, cells))
        longest = max(
            (cell for cell in row if cell.value is not None),
            key=lambda cell: len(str(cell.value)),
            default=None,
        )
        if longest is not None and longest.font.strike:
            struck.add(number)
        if len(lines) > MAX_ROWS:
            raise unreadable(f"a sheet of more than {MAX_ROWS:,} lines", name=name)
    return lines, frozenset(struck)


# `0" frames"`, `0.0 "s"`: the unit that people see is only in the format.
_UNIT_OF_FORMAT = re.compile(r'[#0.,]+(?:"([^"]{1,12})"|(\s?)\\?([a-z]))(?:;.*)?', re.IGNORECASE)


def _shown(cell: Any) -> str:
    text = _text(cell.value)
    unit = _UNIT_OF_FORMAT.fullmatch(str(cell.number_format)) if isinstance(cell.value, int | float) else None
    return f"{text} {(unit[1] or unit[3]).strip()}" if unit else text


def _text(value: Any) -> str:
    """A cell as people see it: 5.0 is 5, a time of Excel is a clock time."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
