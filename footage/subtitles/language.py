"""Which language a text is in, and how much of it can be read at once and in a second.

Figures: Netflix's timed text style guides for English (42 characters a line, 20 a second), Chinese (16 and 9),
Japanese (13 and 4) and Korean (16 and 12), as they were in 2026; others are read like English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """A language by its tag (BCP 47), and its bounds: characters a line, and a second."""

    tag: str
    line_chars: int = 42
    chars_per_second: float = 20.0
    # Written without spaces, in full-width characters of which a Latin letter is half a one.
    full_width: bool = False


_BOUNDS = {"zh": (16, 9.0), "yue": (16, 9.0), "ja": (13, 4.0), "ko": (16, 12.0)}
# In this order: a Japanese text has Han characters, too. Han by its blocks, extensions included.
_SCRIPTS = (
    ("ja", re.compile(r"[\u3041-\u30ff\u31f0-\u31ff]")),
    ("ko", re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# MP4 names languages by three letters (ISO 639-2/T).
_THREE_LETTERS = {
    "ar": "ara", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "fi": "fin",
    "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "ko": "kor",
    "ms": "msa", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sv": "swe",
    "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "zho",
}  # fmt: skip


def language_named(tag: str) -> Language:
    """The language of a tag such as `en`, `zh-Hant`. Raises ValueError for what is no tag."""
    if not _TAG.fullmatch(tag):
        raise ValueError("is no language tag")
    first, _, rest = tag.partition("-")
    primary = first.lower()
    chars, speed = _BOUNDS.get(primary, (42, 20.0))
    full_width = primary in _BOUNDS
    return Language(f"{primary}-{rest}" if rest else primary, chars, speed, full_width)


def language_of(text: str) -> Language:
    """The language that a text's script makes likely; what is in Latin letters counts as English."""
    return language_named(next((tag for tag, script in _SCRIPTS if script.search(text)), "en"))


def iso_639_2(tag: str) -> str:
    """Three letters for a tag; `und` where we know none."""
    primary = tag.partition("-")[0]
    return primary if len(primary) == 3 else _THREE_LETTERS.get(primary, "und")
