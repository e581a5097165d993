"""Cues as SRT and as WebVTT, UTF-8."""

from __future__ import annotations

import re
from collections.abc import Iterable

from footage.subtitles.cue import Cue

TAGS = re.compile(r"</?[ibu]>")


def srt(cues: Iterable[Cue]) -> str:
    """SubRip: numbered cues, commas before the milliseconds."""
    return "\n".join(
        f"{number}\n{_time(cue.start_s, ',')} --> {_time(cue.end_s, ',')}\n{_lines(cue.text)}\n"
        for number, cue in enumerate(cues, start=1)
    )


def webvtt(cues: Iterable[Cue]) -> str:
    """WebVTT as browsers read it (W3C), its special characters escaped."""
    parts = ["WEBVTT\n"]
    parts += [
        f"{_time(cue.start_s, '.')} --> {_time(cue.end_s, '.')}\n{_escaped(cue.text)}\n" for cue in cues
    ]
    return "\n".join(parts)


def plain_text(cue: Cue) -> str:
    """The words alone, without tags."""
    return TAGS.sub("", cue.text)


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"


def _lines(text: str) -> str:
    # An empty line ends a cue in both formats.
    return "\n".join(line for line in text.splitlines() if line.strip())


def _escaped(text: str) -> str:
    """Ampersands and brackets as entities, which also keeps an arrow from being a time."""
    parts: list[str] = []
    end = 0
    for tag in TAGS.finditer(text):
        parts += [_entities(text[end : tag.start()]), tag[0]]
        end = tag.end()
    return _lines("".join([*parts, _entities(text[end:])]))


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
