"""An edit decision list in CMX 3600, which every editing program reads.

The format is a listing for tape machines: reels of eight characters, at most 999 events, timecode of whole
frames. So the frames of 23.976 are counted by 24 to the second and those of 29.97 by 30, none dropped, and what
does not fit stands in comments. A fade is a dissolve to black and one from it. Layout after the CMX 3600
description in Autodesk's EDL documentation, read 2026-11.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from footage.privacy.redact import redact
from footage.storyboard.cut import ShotOutcome, cut
from footage.storyboard.music import Music
from footage.storyboard.plan import BoardPlan
from footage.storyboard.sequence import Placed, sequence

MAX_EVENTS = 999
_REEL_CHARS = 8
_BLACK = "BL"
# Tapes start at hour one, so that there is room for a leader.
_RECORD_START_S = 3600


def edl(plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], media: Mapping[str, str]) -> tuple[str, ...]:
    """The cut as lists of at most 999 events each, one list for nearly every board.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id; a missing shot becomes black of its planned length.
        media: Where each delivered clip lies, by shot id; only the file's name is written, to relink by.
    """
    shots = sequence(plan, cut(plan, outcomes))
    edits = _Edits(plan, media, reels=_reels([shot.event.shot.id for shot in shots]))
    entries = [
        entry for last, shot in zip([None, *shots], shots, strict=False) for entry in edits.of(last, shot)
    ]
    lists: list[str] = []
    for first in range(0, len(entries), MAX_EVENTS):
        part = entries[first : first + MAX_EVENTS]
        title = _line(plan.board.title)[:60] + (f" {len(lists) + 1}" if len(entries) > MAX_EVENTS else "")
        lines = [f"TITLE: {title}", "FCM: NON-DROP FRAME", ""]
        for number, entry in enumerate(part, start=1):
            lines += [f"{number:03d}  {line}" for line in entry.lines]
            lines += entry.comments
        # At the end, where readers take it for one more comment of the last event.
        lines += _about(plan.music)
        lists.append("\n".join(lines) + "\n")
    return tuple(lists)


class _Entry(NamedTuple):
    """One event without its number: an edit, or for a dissolve what it comes from and what it goes to."""

    lines: list[str]
    comments: list[str]


class _Edits:
    def __init__(self, plan: BoardPlan, media: Mapping[str, str], reels: Mapping[str, str]) -> None:
        self._fps = plan.format.fps
        self._media = media
        self._reels = reels

    def of(self, last: Placed | None, shot: Placed) -> Iterator[_Entry]:
        """A shot up to where the next transition begins, and the fade to black that ends it, if one does."""
        before, after = shot.from_last, shot.into_next
        # A dissolve begins before the cut, in frames that both clips have.
        early = before.before if before is not None and before.kind == "dissolve" else 0
        ends = shot.source_out - (after.before if after is not None else 0)
        record = shot.record_in - early
        source = shot.source_in - early, ends
        if before is None or last is None or not before.after:
            lines = [self._line(shot, "C", source, record)]
        elif before.kind == "fade":
            lines = [
                self._line(None, "C", (0, 0), record),
                self._line(shot, f"D    {before.after:03d}", source, record),
            ]
        else:
            left = last.source_out - before.before
            lines = [
                self._line(last, "C", (left, left), record),
                self._line(shot, f"D    {before.frames:03d}", source, record),
            ]
        yield _Entry(lines, self._comments(shot, last if len(lines) > 1 else None))
        if after is not None and after.kind == "fade":
            record = shot.record_out - after.before
            black = self._line(None, f"D    {after.before:03d}", (0, after.before), record)
            yield _Entry([self._line(shot, "C", (ends, ends), record), black], ["* COMMENT: FADE TO BLACK"])

    def _there(self, shot: Placed) -> bool:
        return shot.event.clip is not None and shot.event.shot.id in self._media

    def _line(self, shot: Placed | None, kind: str, source: tuple[int, int], record: int) -> str:
        """One edit; None: black."""
        there = shot is not None and self._there(shot)
        reel = self._reels[shot.event.shot.id] if shot is not None and there else _BLACK
        track = "AA/V" if shot is not None and there and shot.event.audio else "V"
        base = timebase(self._fps)
        start = record + _RECORD_START_S * base
        times = (*source, start, start + source[1] - source[0])
        codes = " ".join(timecode(frames, base) for frames in times)
        return f"{reel:<8} {track:<5} {kind:<8} {codes}"

    def _comments(self, shot: Placed, last: Placed | None) -> list[str]:
        event = shot.event
        lines: list[str] = []
        if self._there(shot):
            if last is not None and self._there(last):
                lines.append(f"* FROM CLIP NAME: {self._file(last)}")
            lines.append(f"* {'FROM' if last is None else 'TO'} CLIP NAME: {self._file(shot)}")
            if event.outcome is not None and event.outcome.take is not None:
                lines.append(f"* TAKE: {event.outcome.take}{' (PICKED)' if event.outcome.picked else ''}")
            if event.fps != self._fps:
                lines.append(f"* CLIP RATE: {float(event.fps):.3f}")
        else:
            state = event.outcome.state if event.outcome is not None else "unfinished"
            lines.append(f"* MISSING: {_line(event.name)} ({state})")
        lines.append(f"* COMMENT: {_line(event.name)}")
        told = event.shot.shot
        if told.slug:
            lines.append(f"* SCENE: {_line(told.slug)}")
        if told.transition.kind != "cut" and shot.into_next is None:
            length_s = f" {told.transition.seconds:g} S" if told.transition.seconds else ""
            lines.append(f"* WANTED: {told.transition.kind.upper()}{length_s} INTO THE NEXT SHOT")
        return lines

    def _file(self, shot: Placed) -> str:
        return _line(self._media[shot.event.shot.id].rsplit("/", 1)[-1])


def _about(music: Music | None) -> list[str]:
    """The music, which has no event: a list has one sound, and that is the clips'."""
    return [] if music is None else [f"* MUSIC: {_line(redact(music.name))} AT {music.options.gain_db:g} DB"]


def timebase(fps: Fraction) -> int:
    """How many frames a second of timecode has: the rate itself, or the next whole one."""
    return math.ceil(fps)


def timecode(frames: int, base: int) -> str:
    """Hours, minutes, seconds and frames at a whole rate; hours wrap after 24, as on tape."""
    total, rest = divmod(frames, base)
    return f"{total // 3600 % 24:02d}:{total // 60 % 60:02d}:{total % 60:02d}:{rest:02d}"


def _reels(ids: Sequence[str]) -> dict[str, str]:
    """A reel of at most eight capital letters and digits per shot, none twice."""
    reels: dict[str, str] = {}
    taken = {_BLACK, "AX"}  # black and "no tape": reserved words of the format
    for number, shot_id in enumerate(ids, start=1):
        reel = re.sub(r"[^A-Z0-9_]", "", shot_id.upper())[:_REEL_CHARS]
        if not reel or reel in taken:
            reel = f"{reel[:4]}{number:04d}"
        reels[shot_id] = reel
        taken.add(reel)
    return reels


def _line(text: str) -> str:
    """Text on one line; a line break would start another event."""
    return " ".join(text.split())
