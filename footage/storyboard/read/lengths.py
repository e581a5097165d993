"""Lengths and times as people write them, in seconds.

What cannot be known is said, not assumed: frames without a rate, a bare number that is too large for seconds, and a
range that is no place in the film are doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from footage.storyboard.read import words

# A bare number above it is more often frames than seconds: no shot list has shots of more than a minute.
MAX_BARE_S = 60
# What a doubtful frame count is shown at.
USUAL_RATE = 24.0

# No length is written in more characters; patterns need not look at whole prompts.
_LONGEST_TEXT = 80

# Two frames. What is read as less was written in another unit, or with another mark for thousands.
SHORTEST_S = 0.08

_NUMBER = r"(\d{1,9}(?:[.,]\d{1,6})?)"
_SECONDS = (
    "", "s", "sec", "secs", "second", "seconds", "sek", "sekunden", "seg", "segundos", "secondes", "秒", "秒钟", "초",
    '"', "″", "”", "''",
)  # fmt: skip
_MILLISECONDS = ("ms", "msec", "millisecond", "milliseconds", "毫秒")
_MINUTES = ("m", "min", "mins", "minute", "minutes", "分", "分钟", "minuten", "minutos", "분")
_UNITS: dict[str, float] = {**dict.fromkeys(_SECONDS, 1.0), **dict.fromkeys(_MINUTES, 60.0)}
_FRAMES = ("f", "fr", "frame", "frames", "帧", "幀", "格", "コマ", "프레임", "images", "fotogramas")
_ABOUT = (
    r"(?:~|≈|±|ca\.?|circa|approx\.?|approximately|about|around|etwa|ungefähr|env\.?|environ|aprox\.?|unos|"
    "大约|大約|约|約|およそ|약)"
)
# What is counted in frames or milliseconds has no decimals: its mark is one of thousands.
_THOUSANDS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_LENGTH = re.compile(rf"^{_NUMBER}\s*([^\d\s.()（）]*)\.?$", re.IGNORECASE)
_ANY_MINUTES, _ANY_SECONDS = "|".join(_MINUTES), "|".join(filter(None, _SECONDS))
_MINUTES_AND_SECONDS = re.compile(
    rf"^(\d{{1,3}})\s*(?:'|′|’|{_ANY_MINUTES})\s*{_NUMBER}\s*(?:{_ANY_SECONDS})?\.?$", re.IGNORECASE
)
_ISO = re.compile(rf"^PT(?:(\d{{1,3}})M)?{_NUMBER}S$")
# `144f@24`, `144 frames (24 fps)`: the rate stands beside the count.
_AT_RATE = re.compile(
    r"^(.+?)\s*(?:@|[(（\[])\s*(\d{1,3}(?:\.\d{1,6})?)\s*(?:p|fps|帧/秒)?\s*[)）\]]?$", re.IGNORECASE
)
# Seconds and frames, as animators write them: `6+12`.
_SECONDS_AND_FRAMES = re.compile(r"^(\d{1,3})\s*\+\s*(\d{1,2})$")
_CLOCK = re.compile(r"^(?:(\d{1,2}):)?(\d{0,2}):(\d{1,2}(?:[.,]\d{1,6})?)$")
_TIMECODE = re.compile(r"^(\d{1,2}):(\d{2}):(\d{2})[:;](\d{2,3})$")
_RANGE = re.compile(r"^(.+?)\s*(?:-|–|—|~|〜|→|to|bis|à|至|到)\s*(.+)$", re.IGNORECASE)
_RATE = re.compile(r"^\s*(\d{1,3}(?:\.\d{1,6})?)\s*(?:p|fps|帧|/s)?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Length:
    """Seconds; doubtful for want of a unit or of a rate (None: they are certain); for a range, where it starts."""

    seconds: float
    doubt: Literal["unit", "rate"] | None = None
    start: float | None = None


def rate_of(value: object) -> float | None:
    """Frames per second of `24`, `23.976` or `25 fps`."""
    match = _RATE.match(str(value))
    rate = float(match[1]) if match else 0.0
    return rate if 1 <= rate <= 240 else None


def unit_of(head: str) -> str | None:
    """The unit that a column's name gives: `Duration (ms)`, `durationMs`, `length_frames`."""
    word = words.plain(head)
    for unit in ("frames", "ms", "min", "秒"):
        if word.endswith(unit):
            return unit
    if re.search(r"[(（\[]\s*f\s*[)）\]]|帧|幀", head, re.IGNORECASE):
        return "frames"
    return (
        "s" if re.search(r"[(（\[_ ](?:s|secs?|seconds|sek)[)）\]]?$|[a-z]S(?:ec|econds)?$", head) else None
    )


def parse(value: object, unit: str | None = None, rate: float | None = None) -> Length | None:
    """A length or a time as it stands in a cell; None when it is neither.

    Args:
        value: The cell.
        unit: What a bare number counts: s, ms, min or frames; None: the cell has to say it.
        rate: Frames per second of the board, where it says them.
    """
    if isinstance(value, bool) or value is None:
        return None
    if len(str(value)) > _LONGEST_TEXT:
        return None
    text = re.sub(rf"^{_ABOUT}\s*(?=\d|:)", "", str(value).strip(), flags=re.IGNORECASE)
    if match := _LENGTH.match(text):
        return _with_unit(match[1], match[2].casefold(), unit, rate)
    return _of_several_numbers(text, rate) or _in_brackets(text, unit, rate) or _from_to(text, unit, rate)


def _float(number: str) -> float:
    return float(number.replace(",", "."))


def _count(number: str) -> float:
    """A number of frames or milliseconds."""
    return float(re.sub("[.,]", "", number)) if _THOUSANDS.fullmatch(number) else _float(number)


def _of_several_numbers(text: str, rate: float | None) -> Length | None:
    if match := _TIMECODE.match(text):
        whole = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
        return _frames(int(match[4]), rate, whole) if int(match[4]) else Length(float(whole))
    if match := _CLOCK.match(text):
        return Length(int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + _float(match[3]))
    if match := _MINUTES_AND_SECONDS.match(text) or _ISO.match(text):
        return Length(int(match[1] or 0) * 60 + _float(match[2]))
    if match := _SECONDS_AND_FRAMES.match(text):
        return _frames(int(match[2]), rate, int(match[1])) if int(match[2]) else Length(float(match[1]))
    return None


def _in_brackets(text: str, unit: str | None, rate: float | None) -> Length | None:
    """A count with its rate, or a length that brackets say again: `6s (144f)`; what disagrees is no length."""
    if (
        (match := _AT_RATE.match(text))
        and (count := _LENGTH.match(match[1]))
        and count[2].casefold() in _FRAMES
    ):
        return _frames(_count(count[1]), rate_of(match[2]))
    if (match := re.match(r"^([^()（）]+?)\s*[(（]([^()（）]*)[)）]$", text)) is None:
        return None
    length, again = parse(match[1], unit, rate), parse(match[2], None, rate)
    if length is None or again is None or again.doubt:
        return length
    return length if abs(length.seconds - again.seconds) < 0.05 else None


def _from_to(text: str, unit: str | None, rate: float | None) -> Length | None:
    if match := _RANGE.match(text):
        return _range(match[1], match[2], unit, rate)
    return None


def _with_unit(number: str, written: str, unit: str | None, rate: float | None) -> Length | None:
    named = written or unit
    if named is None:
        bare = _float(number)
        return Length(bare / USUAL_RATE, "unit") if bare > MAX_BARE_S else Length(bare)
    if named in _FRAMES:
        return _frames(_count(number), rate)
    if named in _MILLISECONDS:
        return Length(_count(number) / 1000)
    return Length(_float(number) * _UNITS[named]) if named in _UNITS else None


def _frames(count: float, rate: float | None, before: float = 0.0) -> Length:
    if rate is not None:
        return Length(before + count / rate)
    return Length(before + count / USUAL_RATE, "rate")


def _range(first: str, last: str, unit: str | None, rate: float | None) -> Length | None:
    end = parse(last, unit, rate)
    start = parse(first, unit or ("s" if not re.search(r"\D$", first) else None), rate)
    if start is None or end is None or end.seconds <= start.seconds:
        return None
    return Length(end.seconds - start.seconds, start.doubt or end.doubt, start.seconds)


def are_start_times(lengths: Sequence[Length | None]) -> bool:
    """Whether a column rises from 0: then it says when each shot starts, not how long it is."""
    return rise(lengths) and lengths[0] is not None and lengths[0].seconds == 0


def rise(lengths: Sequence[Length | None]) -> bool:
    """Whether a column of at least two times rises from line to line."""
    starts = [length.seconds for length in lengths if length is not None]
    whole = len(starts) == len(lengths) >= 2
    return whole and all(later > earlier for earlier, later in pairwise(starts))


def are_places(lengths: Sequence[Length | None]) -> bool:
    """Whether ranges follow each other from 0, so that each is from where to where in the film."""
    known = [length for length in lengths if length is not None and length.start is not None]
    if not known or known[0].start != 0:
        return False
    return all(
        abs((earlier.start or 0) + earlier.seconds - (later.start or 0)) < 1.01
        for earlier, later in pairwise(known)
    )


def highest(value: object, unit: str | None, rate: float | None) -> Length | None:
    """The upper end of a range such as `3-5 s`; any other length as it is."""
    text = str(value).strip()
    match = _RANGE.match(text) if len(text) <= _LONGEST_TEXT else None
    return parse(match[2], unit, rate) if match else parse(value, unit, rate)


def seconds(value: Any) -> float | None:
    """A length that is certain and above 0, in seconds; else None."""
    length = parse(value)
    return length.seconds if length is not None and length.doubt is None and length.seconds > 0 else None
