"""Subtitles and chapters in an MP4, in the child process.

Players such as QuickTime and VLC show them; browsers do not, so the files beside the film stay the main thing.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple, cast

import av
import av.container

_TICKS = 1000
# The muxer takes its default style from a script of this kind and refuses a stream without one.
_STYLE = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, "
    b"MarginR, MarginV, Encoding\n"
    b"Style: Default,Arial,18,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n[Events]\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


class TextCue(NamedTuple):
    start_s: float
    end_s: float
    text: str


class TextTracks:
    """The subtitle streams of a film, one for each language; given to the muxer a piece at a time.

    `tracks`: language (ISO 639-2) and cues in the order of their times; cues that overlap are shortened, because a
    stream shows one at a time.
    """

    def __init__(self, target: av.container.OutputContainer, tracks: list[tuple[str, list[TextCue]]]) -> None:
        self._target = target
        self._tracks: list[tuple[Any, list[TextCue]]] = []
        for language, cues in tracks:
            stream = cast(Any, target.add_stream("mov_text"))
            stream.codec_context.subtitle_header = _STYLE
            stream.time_base = Fraction(1, _TICKS)
            stream.metadata["language"] = language
            self._tracks.append((stream, _one_at_a_time(cues)))

    def write_until(self, until_s: float) -> None:
        """Write the cues that begin before that time; the muxer wants all streams to go on together."""
        for stream, cues in self._tracks:
            while cues and cues[0].start_s < until_s:
                cue = cues.pop(0)
                start, end = round(cue.start_s * _TICKS), round(cue.end_s * _TICKS)
                self._mux(stream, start, max(1, end - start), cue.text)

    def _mux(self, stream: Any, pts: int, duration: int, text: str) -> None:
        words = text.encode()[:0xFFFF]
        packet = av.Packet(len(words).to_bytes(2, "big") + words)
        packet.stream, packet.time_base = stream, Fraction(1, _TICKS)
        packet.pts = packet.dts = pts
        packet.duration = duration
        self._target.mux(packet)


class Text(NamedTuple):
    """Subtitles by language (ISO 639-2) and chapters, as a job gets them: start and end in seconds, and words."""

    tracks: list[tuple[str, list[tuple[float, float, str]]]]
    chapters: list[tuple[float, float, str]]

    def streams(self, target: av.container.OutputContainer) -> TextTracks:
        """Add the streams and name the chapters; before the first packet is written."""
        if self.chapters:
            _set_chapters(target, self.chapters)
        return TextTracks(target, [(tag, [TextCue(*cue) for cue in cues]) for tag, cues in self.tracks])


def _one_at_a_time(cues: list[TextCue]) -> list[TextCue]:
    ends = [min(cue.end_s, after.start_s) for cue, after in pairwise(cues)]
    shown = [
        cue._replace(end_s=end) for cue, end in zip(cues, [*ends, *(c.end_s for c in cues[-1:])], strict=True)
    ]
    return [cue for cue in shown if cue.end_s > cue.start_s]


def _set_chapters(target: av.container.OutputContainer, chapters: list[tuple[float, float, str]]) -> None:
    base = Fraction(1, _TICKS)
    target.set_chapters(
        [
            {
                "id": number, "start": round(start_s * _TICKS), "end": round(end_s * _TICKS),
                "time_base": base, "metadata": {"title": title},
            }
            for number, (start_s, end_s, title) in enumerate(chapters, start=1)
        ]
    )  # fmt: skip
