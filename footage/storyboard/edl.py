"""An edit decision list in CMX 3600, which every editing program reads.

The format is a listing for tape machines: reels of eight characters, at most 999 events, timecode of whole
frames. So the frames of 23.976 are counted by 24 to the second and those of 29.97 by 30, none dropped, and what
does not fit stands in comments. Layout after the CMX 3600 description in Autodesk's EDL documentation, read 2026-11.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from footage.storyboard.cut import Event, ShotOutcome, cut
from footage.storyboard.plan import BoardPlan

MAX_EVENTS = 999
_REEL_CHARS = 8
# Tapes start at hour one, so that there is room for a leader.
_RECORD_START_S = 3600


def edl(plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], media: Mapping[str, str]) -> tuple[str, ...]:
    """The cut as lists of at most 999 events each, one list for nearly every board.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id; a missing shot becomes black of its planned length.
        media: Where each delivered clip lies, by shot id; only the file's name is written, to relink by.
    """
    events = cut(plan, outcomes)
    fps = plan.format.fps
    reels = _reels([event.shot.id for event in events])
    lists: list[str] = []
    record = _RECORD_START_S * timebase(fps)
    for first in range(0, len(events), MAX_EVENTS):
        part = events[first : first + MAX_EVENTS]
        title = _line(plan.board.title)[:60] + (f" {len(lists) + 1}" if len(events) > MAX_EVENTS else "")
        lines = [f"TITLE: {title}", "FCM: NON-DROP FRAME", ""]
        for number, event in enumerate(part, start=1):
            length = max(1, round(Fraction(event.duration_s) * fps))
            lines += _event(
                number, event, reels[event.shot.id], record, length, fps, media.get(event.shot.id)
            )
            record += length
        lists.append("\n".join(lines) + "\n")
    return tuple(lists)


def _event(
    number: int, event: Event, reel: str, record: int, length: int, fps: Fraction, path: str | None
) -> list[str]:
    there = event.clip is not None and path is not None
    times = [0, length, record, record + length]
    codes = " ".join(timecode(frames, timebase(fps)) for frames in times)
    track = "AA/V" if there and event.audio else "V"
    lines = [f"{number:03d}  {reel if there else 'BL':<8} {track:<5} C        {codes}"]
    if there and path is not None:
        lines.append(f"* FROM CLIP NAME: {_line(path.rsplit('/', 1)[-1])}")
        if event.outcome is not None and event.outcome.take is not None:
            lines.append(f"* TAKE: {event.outcome.take}{' (PICKED)' if event.outcome.picked else ''}")
        if event.fps != fps:
            lines.append(f"* CLIP RATE: {float(event.fps):.3f}")
    else:
        state = event.outcome.state if event.outcome is not None else "unfinished"
        lines.append(f"* MISSING: {_line(event.name)} ({state})")
    lines.append(f"* COMMENT: {_line(event.name)}")
    shot = event.shot.shot
    if shot.slug:
        lines.append(f"* SCENE: {_line(shot.slug)}")
    if shot.transition.kind != "cut":
        length_s = f" {shot.transition.seconds:g} S" if shot.transition.seconds else ""
        lines.append(f"* WANTED: {shot.transition.kind.upper()}{length_s} INTO THE NEXT SHOT")
    return lines


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
    taken = {"BL", "AX"}  # black and "no tape": reserved words of the format
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
