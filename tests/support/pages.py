"""Our Markdown pages as tests read them: headings, anchors, links, code and tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its words, and those of them that are code."""

    text: str
    code: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One Markdown file, or a section of it."""

    tokens: list[Token]

    @classmethod
    def read(cls, path: str | Path) -> Page:
        return cls(_MARKDOWN.parse((ROOT / path).read_text("utf-8")))

    @cached_property
    def headings(self) -> list[tuple[str, str]]:
        """Level (`h1`, …) and words of each heading."""
        return [
            (token.tag, _words(self.tokens[number + 1]))
            for number, token in enumerate(self.tokens)
            if token.type == "heading_open"
        ]

    @cached_property
    def anchors(self) -> set[str]:
        """What GitHub calls the headings: small letters, no punctuation, hyphens for spaces, `-1` for the second."""
        seen: Counter[str] = Counter()
        anchors: set[str] = set()
        for _, words in self.headings:
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors

    @cached_property
    def links(self) -> list[str]:
        """Where each link and picture leads, as it is written."""
        found = [token.attrGet("href") or token.attrGet("src") for token in self._inline()]
        return [str(target) for target in found if target]

    @cached_property
    def fences(self) -> list[tuple[str, str]]:
        """Language and content of each block of code."""
        return [(token.info, token.content) for token in self.tokens if token.type == "fence"]

    @cached_property
    def code(self) -> list[str]:
        """Everything that is code within a line."""
        return [token.content for token in self._inline() if token.type == "code_inline"]

    @cached_property
    def tables(self) -> list[list[list[Cell]]]:
        """Each table by row and column; the first row is its head."""
        tables: list[list[list[Cell]]] = []
        for number, token in enumerate(self.tokens):
            if token.type == "table_open":
                tables.append([])
            elif token.type == "tr_open":
                tables[-1].append([])
            elif token.type in ("th_open", "td_open"):
                inline = self.tokens[number + 1]
                code = tuple(part.content for part in inline.children or () if part.type == "code_inline")
                tables[-1][-1].append(Cell(_words(inline), code))
        return tables

    def section(self, title: str) -> Page:
        """What stands below the heading `title`, up to the next one of its level or above."""
        heads = [n for n, token in enumerate(self.tokens) if token.type == "heading_open"]
        (first,) = (n for n in heads if _words(self.tokens[n + 1]) == title)
        later = (n for n in heads if n > first and self.tokens[n].tag <= self.tokens[first].tag)
        return Page(self.tokens[first : next(later, len(self.tokens))])

    def table(self, *head: str) -> list[list[Cell]]:
        """The rows of the one table whose first columns are called so."""
        (rows,) = (rows for rows in self.tables if tuple(cell.text for cell in rows[0][: len(head)]) == head)
        return rows[1:]

    def _inline(self) -> Iterator[Token]:
        for token in self.tokens:
            yield from token.children or ()


def _words(inline: Token) -> str:
    return "".join(
        part.content for part in inline.children or () if part.type in ("text", "code_inline")
    ).strip()


def commands(console: str) -> list[str]:
    """The commands of a `console` block: what is typed, each on one line, without what is printed."""
    joined = console.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
