"""What a sheet's own XML says beside its cells: which are merged downwards or hidden, and which pictures lie on which.

Found by patterns that look at each byte once, because the files come from strangers.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import NamedTuple

from footage.storyboard.read.plain_data import MAX_NAMES, MAX_ROWS, unreadable

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^<>]*?\bref="([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})"')
_ROW = re.compile(rb"<(?:\w+:)?row\b([^<>]*)>")
_COLUMNS = re.compile(rb"<(?:\w+:)?col\b([^<>]*)>")
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_RELATION = re.compile(rb"<Relationship\b[^<>]{1,2000}>")
_TOKEN = re.compile(rb'<(?:\w+:)?(from)>|<(?:\w+:)?(col|row)>(\d{1,7})<|\br:embed="([\w.-]{1,80})"')


class Place(NamedTuple):
    """A cell, by its line and column, both counted from 1."""

    line: int
    column: int


def merged_downwards(sheet_xml: bytes, *, name: str) -> dict[Place, Place]:
    """The cells that are one with a cell above them, each with that one.

    Raises:
        InvalidRequest: There are more of them than a board has cells.
    """
    found: dict[Place, Place] = {}
    # Counted and not measured, because they may lie on each other.
    cells = 0
    for letters, first, last in _MERGED.findall(sheet_xml):
        column, start, end = _number(letters), int(first), min(int(last), 10 * MAX_ROWS)
        if column > MAX_NAMES:
            continue
        cells += max(0, end - start)
        if cells > 20 * MAX_ROWS:
            raise unreadable(f"more than {20 * MAX_ROWS:,} merged cells", name=name)
        found |= {Place(line, column): Place(start, column) for line in range(start + 1, end + 1)}
    return found


def hidden_rows(sheet_xml: bytes) -> frozenset[int]:
    """The numbers of the lines that a person hid or filtered out."""
    hidden: set[int] = set()
    number = 0
    for row in _ROW.finditer(sheet_xml):
        said = re.search(rb'\br="(\d{1,7})"', row[1])
        number = int(said[1]) if said else number + 1
        if _HIDDEN.search(row[1]):
            hidden.add(number)
    return frozenset(hidden)


def hidden_columns(sheet_xml: bytes) -> frozenset[int]:
    """The columns that a person hid, counted from 0."""
    hidden: set[int] = set()
    for column in _COLUMNS.finditer(sheet_xml):
        first, last = (re.search(rb'\b%s="(\d{1,7})"' % name, column[1]) for name in (b"min", b"max"))
        if first and last and _HIDDEN.search(column[1]):
            hidden.update(range(int(first[1]) - 1, min(int(last[1]), MAX_NAMES)))
    return frozenset(hidden)


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def pictures_on(archive: zipfile.ZipFile, sheet_path: str) -> dict[Place, str]:
    """The names of the pictures that lie on a sheet, by the cell in which each begins; several: the first."""
    found: dict[Place, str] = {}
    for drawing in _related(archive, sheet_path, b"drawing").values():
        if drawing not in archive.namelist():
            continue
        names = _related(archive, drawing, b"image")
        at: dict[bytes, int] = {}
        for begins, axis, number, picture in _TOKEN.findall(archive.read(drawing)):
            if begins:
                at = {}
            elif axis:
                at.setdefault(axis, int(number) + 1)
            elif (target := names.get(picture)) and len(at) == 2:
                found.setdefault(Place(at[b"row"], at[b"col"]), posixpath.basename(target))
    return found


def _related(archive: zipfile.ZipFile, path: str, kind: bytes) -> dict[bytes, str]:
    """The files of a kind to which a file of the workbook refers, by the id of the reference."""
    folder, base = posixpath.split(path)
    listed = f"{folder}/_rels/{base}.rels"
    if listed not in archive.namelist():
        return {}
    found: dict[bytes, str] = {}
    for relation in _RELATION.findall(archive.read(listed)):
        said = dict(re.findall(rb'\b(Id|Type|Target)="([^"<>]{1,500})"', relation))
        if said.get(b"Type", b"").endswith(b"/" + kind) and b"Id" in said and b"Target" in said:
            target = said[b"Target"].decode("utf-8", "replace")
            found[said[b"Id"]] = posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
    return found
