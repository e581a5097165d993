"""Lines of a shot list that are no shots: sums, repeated heads, scene headings, remarks."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from footage.storyboard.read import lengths, words

Kind = Literal["shot", "total", "head", "heading", "comment", "omitted shot", "unsure"]
_HEADING = re.compile(
    r"^\W*(?:(?:INT|EXT|I/E|INT\.?/EXT|EXT\.?/INT)[.\s/]|内景|外景|內景|(?:SCENE|SZENE|SC[ÈE]NE|ESCENA|S[ÉE]QUENCE|SEQUENCE|ACT|"
    r"シーン|씬|장면)\s*[#\d]|第\s*[\d一二三四五六七八九十百]+\s*[场場幕集]|S#\s*\d)",
    re.IGNORECASE,
)
# `Legend:`, `Notes:` begin a remark below the list.
_LABEL = re.compile(r"^[^\W\d][^:：]{0,40}[:：]$")
_LONGEST_SUM = 200
_SAYS = re.compile(r"[:：]\s*(?=\S)")
_WORDS = re.compile(r"[^\W\d_]")


class Line(NamedTuple):
    kind: Kind
    text: str = ""


def classify(cells: Mapping[str, str], roles: Mapping[str, str | None], usual: int) -> Line:
    """What a line of a list is.

    Args:
        cells: The cells of the line, by column.
        roles: What each column's name means; None for unknown ones.
        usual: How many cells most lines have.
    """
    cells = {name: cell for name, cell in cells.items() if not words.nothing(cell)}
    texts = [str(cell).strip() for cell in cells.values()]
    if not texts or texts[0].startswith(("# ", "//", "##", "/*", "%%")) or texts[0] == "#":
        return Line("comment")
    if len(cells) >= 2 and all(words.plain(str(cell)) == words.plain(name) for name, cell in cells.items()):
        return Line("head")
    if _is_sum(texts):
        return Line("total")
    if _LABEL.match(texts[0]) or (len(texts) == 1 and words.plain(texts[0]) in words.VALUES["end"]):
        return Line("comment")
    if any(words.is_omitted(text) for text in texts):
        return Line("omitted shot")
    # A heading often has its number in the column of scenes.
    said = {str(cell).strip() for name, cell in cells.items() if roles.get(name) != "scene"} or set(texts)
    if len(said) == 1 and is_heading(heading := said.pop()):
        return Line("heading", heading)
    if usual >= 3 and len(cells) == 1:
        role = roles.get(next(iter(cells)))
        if role in ("duration", "frames"):
            return Line("total")
        if role == "scene":
            return Line("heading", texts[0])
        return Line("unsure", texts[0])
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


def taken_out(row: Mapping[str, Any], marked: Collection[str] = ()) -> tuple[str, bool] | None:
    """The column by which this shot is not made, and whether it says just that; None where none does.

    Args:
        row: The shot.
        marked: Columns in which other shots have a yes, so that an empty cell can be a no.
    """
    for name in dict.fromkeys((*row, *marked)):
        answer, word = _answer(row.get(name)), words.plain(name)
        blank = answer == "nothing" and name in marked
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


def usual_count(rows: Sequence[Mapping[str, str]]) -> int:
    """How many cells a line of a list usually has: the median."""
    counts = sorted(len(row) for row in rows)
    return counts[len(counts) // 2] if counts else 0
