"""Bytes of a board as text. A decode that merely succeeds is no proof: what the words say is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from itertools import zip_longest
from typing import NamedTuple

from footage.errors import InvalidRequest, Problem
from footage.privacy.display import shown
from footage.storyboard.read.mapping import Part, refusal

CANDIDATES = ("gb18030", "big5", "cp932", "cp949", "cp1252", "cp1250", "mac_roman")
# charset-normalizer looks at this much; its time grows with what it is given.
_SAMPLE_BYTES = 32 * 1024
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"),
         (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # fmt: skip


class Decoded(NamedTuple):
    """The text, and how its encoding is known (None: it says so, or is UTF-8)."""

    text: str
    part: Part | None


def decode(
    data: bytes,
    *,
    name: str,
    board: str,
    given: str | None = None,
    knows: Callable[[str], bool],
    accept: bool,
) -> Decoded:
    """Text of a board file.

    Args:
        data: The bytes.
        name: What messages call the board.
        board: What the command calls it.
        given: The encoding that a person named.
        knows: Whether the head of a decoded text is made of words that are known.
        accept: Take the likeliest encoding without a person's word.

    Raises:
        InvalidRequest: It is text in none of the encodings, not in the named one, or in more than one.
    """
    if given is not None:
        return Decoded(_named(data, given, name), Part("the bytes", "encoding", "known", f"named: {given}"))
    if (codec := _by_zeros(data)) is not None:
        why = "every second byte is zero: UTF-16 without the mark that says so"
        return Decoded(
            _named(data, codec, name), Part("the bytes", "encoding", "evident", why, becomes=codec)
        )
    for bom, codec in (*_BOMS, (b"", "utf-8")):
        if data.startswith(bom):
            try:
                return Decoded(data.decode(codec), None)
            except UnicodeDecodeError:
                if bom:
                    break
    texts = _texts(data)
    if not texts:
        problem = Problem(
            "encoding",
            name,
            "the file is neither UTF-8 nor text in another encoding that we know",
            ", ".join(CANDIDATES),
        )
        raise InvalidRequest(problems=(problem,), next_step="save it as UTF-8; nothing was bought")
    known = {codec: text for codec, text in texts.items() if knows(text)}
    if len(known) == 1:
        codec, text = next(iter(known.items()))
        why = "it is not UTF-8; only so are the words of its head known"
        return Decoded(text, Part("the bytes", "encoding", "evident", why, becomes=codec))
    part = _doubt(known or texts)
    if accept:
        return Decoded((known or texts)[part.becomes], part)
    raise refusal([part], board)


def _named(data: bytes, given: str, name: str) -> str:
    try:
        return data.decode(given)
    except (LookupError, UnicodeError) as error:
        why = "is no encoding" if isinstance(error, LookupError) else f"{name} is not text in it"
        raise InvalidRequest(
            problems=(Problem("encoding", shown(given), why, ", ".join(CANDIDATES)),)
        ) from None


def _by_zeros(data: bytes) -> str | None:
    """UTF-16 without a mark: no text has zero bytes, and those of its ASCII signs are all on one side."""
    start = data[:4000]
    first, second = start[::2].count(0), start[1::2].count(0)
    if (
        first + second < 3
        or (first and second)
        or len(data) % 2
        or start.startswith(tuple(bom for bom, _ in _BOMS))
    ):
        return None
    return "utf-16-be" if first else "utf-16-le"


def _texts(data: bytes) -> dict[str, str]:
    """What each candidate makes of the bytes, the likeliest first; one of those that make the same of them."""
    codecs = [*CANDIDATES, *_named_by_library(data)]
    if data[:200].count(0) > 20:
        codecs = ["utf-16-le", "utf-16-be"]
    texts: dict[str, str] = {}
    for codec in dict.fromkeys(codecs):
        try:
            text = data.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
        # A control character is in no board, so this is not its encoding.
        if text not in texts.values() and not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text):
            texts[codec] = text
    ranked = sorted(texts, key=lambda codec: (_implausible(texts[codec]), codecs.index(codec)))
    return {codec: texts[codec] for codec in ranked}


def _named_by_library(data: bytes) -> list[str]:
    from charset_normalizer import from_bytes

    return [match.encoding for match in list(from_bytes(data[:_SAMPLE_BYTES]))[:2]]


_MIXED = re.compile(
    r"[a-zA-Z][\u2e80-\uffef]|[\u2e80-\uffef][a-zA-Z]|[a-zA-Z][^\w\s\x00-\x7f–—’‘“”…«»]|[\uff61-\uff9f]|[\ue000-\uf8ff]"
)
_LETTERS = re.compile(r"[^\x00-\x7f]")
_UNUSUAL = re.compile(
    r"[^\x00-\x7fà-öø-ÿÀ-ÖØ-ßœŒšŠžŽąćęłńóśźżěščřžýáíéúůďťňőű\u2e80-\u9fff\uac00-\ud7af\uff00-\uff60–—’‘“”…«»¿¡]"
)


def _implausible(text: str) -> float:
    """How unlike writing a text is: scripts mixed inside words, and signs that no text is full of."""
    every = len(_LETTERS.findall(text)) or 1
    return (len(_MIXED.findall(text)) + len(_UNUSUAL.findall(text))) / every


def _doubt(texts: dict[str, str]) -> Part:
    codec, *others = texts
    place = _telling_line(texts.values())
    lines = {codec: shown(_line(text, place)) for codec, text in texts.items()}
    return Part(
        "the bytes", "encoding", "guessed", "it is not UTF-8, and its words do not tell which one it is",
        values=(lines[codec],), becomes=codec,
        others=tuple(f"--encoding {other}: {lines[other]}" for other in others),
        settle=("--encoding", codec),
    )  # fmt: skip


def _telling_line(texts: Collection[str]) -> int:
    """The first line that the encodings do not all read the same."""
    lines = zip_longest(*(text.splitlines() for text in texts))
    return next((place for place, read in enumerate(lines) if len(set(read)) > 1), 0)


def _line(text: str, place: int) -> str:
    lines = text.splitlines()
    return lines[place].strip() if place < len(lines) else ""
