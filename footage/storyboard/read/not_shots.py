"""Lines of a shot list that are no shots: sums, repeated heads, scene headings, remarks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from footage.storyboard.read import lengths, words

Kind = Literal["shot", "total", "head", "heading", "comment", "omitted shot", "unsure"]
_HEADING = re.compile(
    r"^\W*(?:(?:INT|EXT|I/E|INT\.?/EXT|EXT\.?/INT)[.\s/]|内景|外景|內景|(?:SCENE|SZENE|SC[ÈE]NE|ESCENA|S[ÉE]QUENCE|SEQUENCE|ACT|"
    r"シーン|씬|장면)\s*[#\d]|第\s*[\d一二三四五六七八九十百]+\s*[场場幕集]|S#\s*\d)",
    re.IGNORECASE,
)


class Line(NamedTuple):
    kind: Kind
    text: str = ""


def classify(cells: Mapping[str, str], roles: Mapping[str, str | None], usual: int) -> Line:
    """What a line of a list is.

    Args:
        cells: The cells that are not empty, by column.
        roles: What each column's name means; None for unknown ones.
        usual: How many cells most lines have.
    """
    texts = [str(cell).strip() for cell in cells.values() if not words.nothing(cell)]
    if not texts or texts[0].startswith(("# ", "//", "##", "/*", "%%")) or texts[0] == "#":
        return Line("comment")
    if len(cells) >= 2 and all(words.plain(str(cell)) == words.plain(name) for name, cell in cells.items()):
        return Line("head")
    rest = [text for text in texts if not words.is_total(text)]
    if len(rest) < len(texts) and all(lengths.parse(text) is not None or text.isdigit() for text in rest):
        return Line("total")
    if any(words.is_omitted(text) for text in texts):
        return Line("omitted shot")
    # A heading often has its number in the column of scenes.
    said = {str(cell).strip() for name, cell in cells.items() if roles.get(name) != "scene"} or set(texts)
    if len(said) == 1 and _HEADING.match(heading := said.pop()):
        return Line("heading", heading)
    if usual >= 3 and len(cells) == 1:
        role = roles.get(next(iter(cells)))
        if role in ("duration", "frames"):
            return Line("total")
        if role == "scene":
            return Line("heading", texts[0])
        return Line("unsure", texts[0])
    return Line("shot")


def usual_count(rows: Sequence[Mapping[str, str]]) -> int:
    """How many cells a line of a list usually has: the median."""
    counts = sorted(len(row) for row in rows)
    return counts[len(counts) // 2] if counts else 0
