"""Lines of a shot list that are no shots: sums, repeated heads, scene headings, remarks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from footage.storyboard.read import lengths, words
from footage.storyboard.read.plain_data import as_mapping

Kind = Literal["shot", "total", "head", "heading", "comment", "omitted shot", "unsure"]
_HEADING = re.compile(
    r"^\W*(?:(?:INT|EXT|I/E|INT\.?/EXT|EXT\.?/INT)[.\s/]|内景|外景|內景|(?:SCENE|SZENE|SC[ÈE]NE|ESCENA|S[ÉE]QUENCE|SEQUENCE|ACT|"
    r"シーン|씬|장면)\s*[#\d]|第\s*[\d一二三四五六七八九十百]+\s*[场場幕集]|S#\s*\d)",
    re.IGNORECASE,
)
# `Legend:`, `Notes:` begin a remark below the list.
_LABEL = re.compile(r"^[^\W\d][^:：]{0,40}[:：]$")
# `INT. KITCHEN - DAY. Anna pours coffee`: what follows a heading in its own cell is perhaps a shot.
_GOES_ON = re.compile(r"[^\W\d_]{2}[.!?]\s+\S|[。！？]\s*\S|[^\W_][,;，；]\s*[^\W\d_]+\s+\S|.{80}")
_REMARK = re.compile(r"#(?:#|\s)|#$|//|/\*|%%")
_NUMBER_OF_SHOT = re.compile(r"#\s+\w{0,3}\d+\w{0,2}$")
_VIDEO = re.compile(r"\.(?:mp4|mov|m4v|webm|mkv)(?:[?#].*)?$", re.IGNORECASE)
_LONGEST_SUM = 200
# A shot is described in more words than a sum.
_LONGEST_NAME_OF_SUM = 6
# Where these stand in a cell, nothing but its shot can be meant.
_OF_THE_SHOT = (
    "id",
    "notes",
    "duration",
    "framing",
    "prompt",
    "description",
    "perhaps_prompt",
    "still_prompt",
)
_SAYS = re.compile(r"[:：]\s*(?=\S)")
_WORDS = re.compile(r"[^\W\d_]")


class Line(NamedTuple):
    """What a line is, and its text; of a line that is not certain, why."""

    kind: Kind
    text: str = ""


class Usual(NamedTuple):
    """How many cells the lines of a list usually have, and whether most begin like a remark or a heading."""

    cells: int
    labels: bool = False
    remarks: bool = False
    headings: bool = False


_LONE = "one cell alone is a remark, or no finished shot"


def classify(cells: Mapping[str, str], roles: Mapping[str, str | None], usual: Usual) -> Line:
    """What a line of a list is.

    Args:
        cells: The cells of the line, by column.
        roles: What each column's name means; None for unknown ones.
        usual: How most lines are.
    """
    cells = {name: cell for name, cell in cells.items() if not words.nothing(cell)}
    texts = [str(cell).strip() for cell in cells.values()]
    if not texts or (_REMARK.match(texts[0]) and not (usual.remarks and _NUMBER_OF_SHOT.match(texts[0]))):
        return Line("comment")
    if len(cells) >= 2 and all(words.plain(str(cell)) == words.plain(name) for name, cell in cells.items()):
        return Line("head")
    if _is_sum(texts):
        return Line("total")
    if (_LABEL.match(texts[0]) and not usual.labels) or (
        len(texts) == 1 and words.plain(texts[0]) in words.VALUES["end"]
    ):
        whole = len(cells) >= max(2, usual.cells)
        return Line("unsure", "it begins like a remark below a list") if whole else Line("comment")
    return _taken_out(cells, roles) or _heading(cells, roles, usual) or _perhaps_a_shot(cells, roles, usual)


def _taken_out(cells: Mapping[str, str], roles: Mapping[str, str | None]) -> Line | None:
    saying = [name for name, cell in cells.items() if words.is_omitted(cell)]
    if not saying:
        return None
    sure = any(roles.get(name) in _OF_THE_SHOT or is_state(name) for name in saying)
    described = any(roles.get(name) in ("prompt", "description") for name in cells)
    if sure or not described:
        return Line("omitted shot")
    return Line("unsure", f"{cells[saying[0]]!r} can mean that this shot is not made")


def _heading(cells: Mapping[str, str], roles: Mapping[str, str | None], usual: Usual) -> Line | None:
    # A heading often has its number in the column of scenes.
    texts = {str(cell).strip() for name, cell in cells.items() if roles.get(name) != "scene"}
    said = texts or {str(cell).strip() for cell in cells.values()}
    if len(said) != 1 or not (begins := _HEADING.match(text := said.pop())) or usual.headings:
        return None
    if len(cells) >= max(2, usual.cells) or _GOES_ON.search(text[begins.end() :]):
        return Line("unsure", "it begins like the heading of a scene")
    return Line("heading", text)


def _perhaps_a_shot(cells: Mapping[str, str], roles: Mapping[str, str | None], usual: Usual) -> Line:
    if usual.cells >= 3 and len(cells) == 1:
        ((name, text),) = cells.items()
        role = roles.get(name)
        if role in ("duration", "frames"):
            return Line("total")
        return Line("heading", str(text).strip()) if role == "scene" else Line("unsure", _LONE)
    if len(cells) >= max(2, usual.cells - 1) and all(map(words.roles_of, cells.values())):
        return Line("unsure", "it reads like the head of another table")
    number = next((name for name, role in roles.items() if role == "id"), None)
    if number is not None and number not in cells and any(map(_names_a_sum, cells.values())):
        return Line("unsure", "it has no number, and reads like a sum")
    return Line("shot")


def is_heading(text: str) -> bool:
    """Whether a text is the heading of a scene, such as `INT. BAKERY - DAWN` or `Scene 3`."""
    return bool(_HEADING.match(text))


def _is_sum(texts: Sequence[str]) -> bool:
    """Whether a line is the word for a sum and amounts: `Total | 12 s | € 200`, `Running time: 11 sec`."""
    if any(len(text) > _LONGEST_SUM for text in texts):
        return False
    parts = [
        part for text in texts for part in ([text] if text.startswith("=") else _SAYS.split(text, maxsplit=1))
    ]
    rest = [part for part in parts if not words.is_total(part)]
    return any(map(words.is_total, parts)) and all(map(_is_amount, rest))


def _is_amount(text: str) -> bool:
    return lengths.parse(text) is not None or not _WORDS.search(text) or text.startswith("=")


def _names_a_sum(cell: object) -> bool:
    """Whether a short text has the word for a sum in it, such as `Total estimated runtime`."""
    said = str(cell).split()
    tried = (*said, *(" ".join(pair) for pair in pairwise(said)))
    return len(said) <= _LONGEST_NAME_OF_SUM and any(map(words.is_total, tried))


def is_state(name: str) -> bool:
    """Whether a column of this name says what becomes of a shot."""
    word = words.plain(name)
    return any(word in words.VALUES[kind] for kind in ("asks_state", "asks_whether_in", "asks_whether_out"))


def taken_out(row: Mapping[str, Any], marked: Collection[str] = ()) -> tuple[str, bool] | None:
    """The column by which this shot is not made, and whether it says just that; None where none does.

    Args:
        row: The shot.
        marked: Columns in which other shots have a yes, so that an empty cell can be a no, or another state.
    """
    for name in dict.fromkeys((*row, *marked)):
        answer, word = _answer(row.get(name)), words.plain(name)
        blank = answer == "nothing" and name in marked
        # Databases keep a deleted row, with the time.
        if word == "deletedat" and answer not in ("no", "nothing"):
            return name, True
        if word in words.VALUES["asks_whether_out"] and answer in ("yes", "unclear"):
            return name, answer == "yes"
        if word in words.VALUES["asks_whether_in"] and (answer in ("no", "unclear") or blank):
            return name, answer == "no"
        unclear = answer == "unclear" and name in marked
        if word in words.VALUES["perhaps_whether_in"] and (answer == "no" or blank or unclear):
            return name, False
        said = words.plain(str(row.get(name, "")))
        if word in words.VALUES["asks_state"] and (words.is_omitted(said) or said in words.VALUES["dropped"]):
            return name, words.is_omitted(said)
    for name, value in with_inner(row):
        if name in marked and _says_made(name, value):
            return name, False
    return None


def _answer(value: Any) -> Literal["yes", "no", "nothing", "unclear"]:
    """What a cell answers to a question of yes or no; `no, cut for time` is not clear."""
    said = words.plain(str(value))
    if said in words.VALUES["yes"]:
        return "yes"
    if said in words.VALUES["no"]:
        return "no"
    # Lists and objects of JSON are no answers.
    return "nothing" if words.nothing(value) or not isinstance(value, str | int | float) else "unclear"


def marked_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that ask whether a shot is made, and are answered with a yes for some."""
    asks = words.VALUES["asks_whether_in"] | words.VALUES["perhaps_whether_in"]
    names = dict.fromkeys(name for row in rows for name in row if words.plain(name) in asks)
    return [name for name in names if any(_answer(row.get(name)) == "yes" for row in rows)]


def partly_made(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns of a state, or of videos, by which some shots are made already, and others are not."""
    made: dict[str, list[bool]] = {}
    for place, row in enumerate(rows):
        for name, value in with_inner(row):
            if _says_made(name, value):
                made.setdefault(name, [False] * len(rows))[place] = True
    return [name for name, said in made.items() if not all(said)]


def with_inner(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a row, and those of the objects in it by `field.inner`, as tools keep what they made."""
    for name, value in row.items():
        yield name, value
        for inner, kept in (as_mapping(value) or {}).items():
            yield f"{name}.{inner}", kept


def _says_made(name: str, value: Any) -> bool:
    word = words.plain(name)
    if word in words.VALUES["asks_state"]:
        return words.plain(str(value)) in words.VALUES["made"]
    # What a clip goes by or goes on from is no result.
    own = not any(part in word for part in ("ref", "参考", "source", "extend"))
    return own and isinstance(value, str) and _VIDEO.search(value) is not None


def usual(rows: Sequence[Mapping[str, str]]) -> Usual:
    """How the lines of a list are: the median of their cells, and how most of them begin."""
    counts = sorted(len(row) for row in rows)
    if not counts:
        return Usual(0)
    first = [next(iter(row.values()), "").strip() for row in rows]

    def most(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
        return sum(bool(pattern.match(text)) for text in texts) * 2 > len(rows)

    longest = [max(row.values(), key=len, default="") for row in rows]
    return Usual(
        counts[len(counts) // 2], most(_LABEL, first), most(_NUMBER_OF_SHOT, first), most(_HEADING, longest)
    )
