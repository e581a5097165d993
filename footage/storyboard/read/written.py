"""Boards inside of written text, as people and language models hand them over: Markdown tables and fenced code."""

from __future__ import annotations

import re
from itertools import pairwise

from footage.storyboard.read import not_shots, words
from footage.storyboard.read.plain_data import MAX_ROWS, unreadable

# What is indented is part of a text that the data holds.
_FENCE = re.compile(r"^(`{3,}|~{3,})[ \t]*([\w+-]*)[ \t]*$")
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
    blocks = _blocks(text)
    if not blocks:
        return text
    if len(blocks) > 1:
        raise unreadable(f"it has {len(blocks)} blocks of code; save the one that is the board", name=name)
    return blocks[0]


def _blocks(text: str) -> list[str]:
    """The contents of the fenced blocks of a text; one that is not closed is none."""
    blocks: list[str] = []
    inside: list[str] = []
    mark = ""
    for line in text.splitlines(keepends=True):
        fence = _FENCE.match(line.rstrip("\r\n"))
        if not mark:
            mark, inside = (fence[1] if fence else ""), []
        elif fence and fence[1] == mark and not fence[2]:
            blocks.append("".join(inside))
            mark = ""
        else:
            inside.append(line)
    return blocks


def markdown_lines(text: str, *, name: str) -> list[tuple[int, list[str]]] | None:
    """The lines of a text's tables of shots, and the headings of scenes between them; None where it has no table.

    Raises:
        InvalidRequest: Several tables with different heads can be the board.
    """
    lines = text.splitlines()
    if sum("|" in line for line in lines) > MAX_ROWS:
        raise unreadable(f"tables of more than {MAX_ROWS:,} lines", name=name)
    heads = [_cells(before) for before, rule in pairwise(lines) if _is_rule(rule)]
    if not heads:
        return None
    known = [head for head in heads if sum(bool(words.roles_of(cell)) for cell in head) >= min(2, len(head))]
    if any(head != known[0] for head in known):
        raise unreadable(
            "it has several tables with different heads; save the one that is the board", name=name
        )
    wanted, inside = known[0] if known else heads[0], False
    found: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, start=1):
        heading = line.strip().strip("#*_ ")
        if "|" in line and not line.strip().startswith("#"):
            following = lines[number] if number < len(lines) else ""
            inside = _cells(line) == wanted if _is_rule(following) else inside
            if inside and not _is_rule(line):
                found.append((number, _cells(line)))
        elif heading and (line.lstrip().startswith("#") or not_shots.is_heading(heading)):
            found.append((number, [heading]))
    return found


def _is_rule(line: str) -> bool:
    cells = line.strip().strip("|").split("|")
    return "|" in line and all(map(_RULE.match, cells))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    cells = [cell.replace("\\|", "|") for cell in _CELL_END.split(inner)]
    return [words.one_line(_MARKUP.sub(" ", cell)) for cell in cells]
