"""Boards inside of written text, as people and language models hand them over: Markdown tables and fenced code."""

from __future__ import annotations

import re

from footage.storyboard.read import not_shots, words
from footage.storyboard.read.document import MAX_ROWS, unreadable

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*\r?\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_CELL_END = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"^\s*:?-+:?\s*$")
_MARKUP = re.compile(r"\*\*|__|`|<br\s*/?>", re.IGNORECASE)


def without_fence(text: str, *, name: str) -> str:
    """The code of the only fenced block of a text; the text itself where it has none.

    Raises:
        InvalidRequest: It has several, and which one is the board nobody says.
    """
    if "```" not in text and "~~~" not in text:
        return text
    blocks = [match[2] for match in _FENCE.finditer(text)]
    # Data that holds a fence inside one of its texts is data.
    if not blocks or text.lstrip()[:1] in ("{", "["):
        return text
    if len(blocks) > 1:
        raise unreadable(f"it has {len(blocks)} blocks of code; save the one that is the board", name=name)
    return blocks[0]


def markdown_lines(text: str) -> list[tuple[int, list[str]]] | None:
    """The lines of a text's Markdown tables, and the headings of scenes between them; None where it has no table."""
    lines = text.splitlines()
    if not any(_is_rule(line) for line in lines):
        return None
    found: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, start=1):
        heading = line.strip().lstrip("#*_ ").rstrip("*_ ")
        if line.strip().startswith("|") or (line.count("|") > 1 and not line.strip().startswith("#")):
            if not _is_rule(line):
                found.append((number, _cells(line)))
        elif heading and (found or line.lstrip().startswith("#")) and _is_heading(line, heading):
            found.append((number, [heading]))
        if len(found) > MAX_ROWS:
            break  # refused where rows are counted
    return found


def _is_heading(line: str, heading: str) -> bool:
    return line.lstrip().startswith("#") or not_shots.is_heading(heading)


def _is_rule(line: str) -> bool:
    cells = line.strip().strip("|").split("|")
    return "|" in line and all(map(_RULE.match, cells))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    cells = [cell.replace("\\|", "|") for cell in _CELL_END.split(inner)]
    return [words.one_line(_MARKUP.sub(" ", cell)) for cell in cells]
