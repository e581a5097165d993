"""SRT and WebVTT files of other people, read strictly: what is malformed is named by its line.

Players skip what they do not understand, and nobody notices a line that is never shown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from footage.subtitles.cue import Cue

MAX_BYTES = 4 * 1024 * 1024
# Hours are optional in WebVTT; SRT files of many tools have a point where a comma belongs.
_TIME = r"(?:(\d{1,3}):)?([0-5]\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s+.*)?")
_OTHER_TAGS = re.compile(r"</?+(?![ibu]>)[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^}]*\}")
_NO_CUES = ("NOTE", "STYLE", "REGION")


class NotSubtitlesError(ValueError):
    """The file is no SRT or WebVTT, or part of it is malformed; says where and why."""


def read_subtitles(data: bytes) -> tuple[Cue, ...]:
    """The cues of an SRT or WebVTT file in the order of their times; styles and positions are left out.

    Raises:
        NotSubtitlesError: The file is malformed, or has no cue.
    """
    if len(data) > MAX_BYTES:
        raise NotSubtitlesError(f"it has {len(data):,} bytes; allowed are {MAX_BYTES:,}")
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise NotSubtitlesError("it is not UTF-8 text; save it as UTF-8") from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    is_vtt = lines[0].split(" ")[0].split("\t")[0] == "WEBVTT"
    cues = [
        cue
        for first, block in _blocks(lines)
        if not (is_vtt and (first == 1 or block[0].split(" ")[0] in _NO_CUES))
        and (cue := _cue(first, block, html.unescape if is_vtt else str)) is not None
    ]
    if not cues:
        raise NotSubtitlesError(
            "it has no subtitle; an SRT or WebVTT file has lines such as 00:00:01,000 --> 00:00:02,500"
        )
    return tuple(sorted(cues, key=lambda cue: (cue.start_s, cue.end_s)))


def _blocks(lines: list[str]) -> list[tuple[int, list[str]]]:
    """Lines that stand together, with the number of the first one."""
    found: list[tuple[int, list[str]]] = []
    before_was_empty = True
    for number, line in enumerate(lines, start=1):
        if line.strip():
            if before_was_empty:
                found.append((number, []))
            found[-1][1].append(line)
        before_was_empty = not line.strip()
    return found


def _cue(first: int, block: list[str], unescaped: Callable[[str], str]) -> Cue | None:
    """The cue of a block; None for one that is shown never, because it has no words."""
    at = 0 if "-->" in block[0] else 1
    times = _TIMES.fullmatch(block[at]) if at < len(block) else None
    if times is None:
        shown = block[min(at, len(block) - 1)].strip()[:60]
        raise NotSubtitlesError(
            f"line {first + min(at, len(block) - 1)}: {shown!r} stands where the times of a subtitle belong, "
            "such as 00:00:01,000 --> 00:00:02,500"
        )
    if any("-->" in line for line in block[at + 1 :]):
        raise NotSubtitlesError(f"line {first}: an empty line is missing between two subtitles")
    start_s, end_s = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
    if end_s <= start_s:
        raise NotSubtitlesError(f"line {first + at}: the subtitle ends before it begins")
    text = unescaped("\n".join(_OTHER_TAGS.sub("", line).strip() for line in block[at + 1 :]))
    return Cue(start_s, end_s, text) if text.strip() else None


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
