"""A text as pages of at most two lines that can be read: broken where the language breaks its lines.

Nothing is ever cut off or added. Characters that no line may begin or end with are those of the Japanese and
Chinese rules of line breaking (kinsoku; JIS X 4051, W3C clreq).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from footage.subtitles.language import Language

LINES = 2
_NOT_FIRST = frozenset("。，、！？；：）」』】》〉”’…—～·ーっゃゅょッャュョァィゥェォ々)]}.,!?;:%")
_NOT_LAST = frozenset("（「『【《〈“‘([{")
# A sentence with what closes it; a full stop ends one only before a space, since 3.5 and e.g. have some inside.
_SENTENCE = re.compile(r".+?(?:[。！？]+[”’」』）]*|[.!?…]+[\"'”’)\]]*(?=\s))\s*|.+", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What is shown at once, and its length in characters as they are counted for reading."""

    text: str
    chars: float


def pages(text: str, language: Language) -> tuple[Page, ...]:
    """Split a text into pages: whole sentences together while they fit, a longer one spread evenly."""
    found: list[str] = []
    for paragraph in text.splitlines():
        page = ""
        for sentence in _SENTENCE.findall(" ".join(paragraph.split())):
            if len(_wrapped(page + sentence, language, language.line_chars)) <= LINES:
                page += sentence
                continue
            found += _even_pages(page, language)
            page = sentence
        found += _even_pages(page, language)
    return tuple(Page(page, _width(page.replace("\n", " "), language)) for page in found)


def _even_pages(text: str, language: Language) -> list[str]:
    """The text in as few lines as it needs, all of about the same length, two on a page."""
    lines = _wrapped(text, language, language.line_chars)
    limit = _width(text, language) / max(1, len(lines))
    while len(even := _wrapped(text, language, limit)) > len(lines):
        limit += 1
    return ["\n".join(even[at : at + LINES]) for at in range(0, len(even), LINES)]


def _wrapped(text: str, language: Language, limit: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for token in _fitting_tokens(text, language):
        if line and _width((line + token).rstrip(), language) > limit:
            lines.append(line.rstrip())
            line = ""
        line += token if line else token.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _fitting_tokens(text: str, language: Language) -> Iterator[str]:
    """What stays on one line, with the spaces after it; a word longer than a line in parts."""
    for token in _tokens(text, language):
        part = ""
        for character in token:
            if (
                _width((part + character).rstrip(), language) > language.line_chars
                and not unicodedata.combining(character)
                and character not in _NOT_FIRST
            ):
                yield part
                part = ""
            part += character
        yield part


def _tokens(text: str, language: Language) -> Iterator[str]:
    token = ""
    for character in text:
        if token and _may_break(token[-1], character, language):
            yield token
            token = ""
        token += character
    if token:
        yield token


def _may_break(before: str, after: str, language: Language) -> bool:
    if after.isspace() or after in _NOT_FIRST or before in _NOT_LAST or unicodedata.combining(after):
        return False
    # Korean breaks at its spaces, whatever the width of its letters.
    return before.isspace() or (
        language.full_width and language.tag != "ko" and (_wide(before) or _wide(after))
    )


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _width(text: str, language: Language) -> float:
    if not language.full_width:
        return len(text)
    return sum(1.0 if _wide(character) else 0.5 for character in text)
