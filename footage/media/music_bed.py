"""Music under the sound of a film, in the child process: repeated, turned down under the clips, faded.

Both are read a piece at a time, so that neither the film's length nor the music's is in memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain as chained
from itertools import pairwise
from typing import Any, NamedTuple, cast

import av
from av.filter import Graph

from footage.media.filter_graph import pulled
from footage.media.music_decoding import decoded_music
from footage.media.music_facts import MUSIC_RATE

# Above -26 dBFS of the clips the music goes down, and comes back in less than half a second.
_DUCKING = "threshold=0.05:ratio=8:attack=20:release=400"
# For 5 ms a repetition comes out of the end of the last one: no click, and the beat stays.
_SEAM = 240
_CHUNK = 4096
_CLIPS, _MUSIC = 0, 1

_Channels = list["array[float]"]


class MusicBed(NamedTuple):
    """The fields of `footage.media.music_facts.Bed`, as the child gets them."""

    path: str
    suffix: str
    samples: int
    gain_db: float
    duck: bool
    loop: bool
    fade_in_s: float
    fade_out_s: float


def with_music(clips: Iterable[av.AudioFrame], bed: MusicBed, samples: int) -> Iterator[av.AudioFrame]:
    """The clips' sound, `samples` of 48 kHz stereo floats in all, with the music under it."""
    graph = _graph(bed, samples)
    music = _music(bed, samples)
    pushed = under = 0
    for frame in clips:
        _push(graph, frame, _CLIPS, pushed)
        pushed += frame.samples
        # In step, or the graph would keep what the other input is ahead.
        while under < pushed and (piece := next(music, None)) is not None:
            _push(graph, piece, _MUSIC, under)
            under += piece.samples
        yield from pulled(graph)
    for place in (_CLIPS, _MUSIC):
        graph.push(None, at=place)
    yield from pulled(graph)


def _push(graph: Graph, frame: av.AudioFrame, place: int, at: int) -> None:
    frame.pts, frame.time_base = at, Fraction(1, MUSIC_RATE)
    graph.push(frame, at=place)


def _graph(bed: MusicBed, samples: int) -> Graph:
    graph = Graph()
    clips, music = (
        graph.add_abuffer(
            sample_rate=MUSIC_RATE, format="fltp", layout="stereo", time_base=Fraction(1, MUSIC_RATE)
        )
        for _ in range(2)
    )
    # What is heard of music that is shorter and not repeated ends before the film.
    end = samples if bed.loop else min(samples, bed.samples)
    fade_in, fade_out = (min(round(each * MUSIC_RATE), end) for each in (bed.fade_in_s, bed.fade_out_s))
    nodes: list[Any] = [music, graph.add("volume", f"{bed.gain_db:.3f}dB:precision=float")]
    if fade_in:
        nodes.append(graph.add("afade", f"t=in:ss=0:ns={fade_in}"))
    if fade_out:
        nodes.append(graph.add("afade", f"t=out:ss={end - fade_out}:ns={fade_out}"))
    mix = graph.add("amix", "inputs=2:duration=first:normalize=0")
    if bed.duck:
        copies, ducked = graph.add("asplit", "2"), graph.add("sidechaincompress", _DUCKING)
        clips.link_to(copies)
        copies.link_to(mix, 0, 0)
        copies.link_to(ducked, 1, 1)
        nodes.append(ducked)
    else:
        clips.link_to(mix, 0, 0)
    for node, following in pairwise(nodes):
        node.link_to(following)
    nodes[-1].link_to(mix, 0, 1)
    # Filters choose among the formats that they have; the next one takes this one.
    floats = graph.add("aformat", f"sample_fmts=fltp:sample_rates={MUSIC_RATE}:channel_layouts=stereo")
    mix.link_to(floats)
    floats.link_to(graph.add("abuffersink"))
    graph.configure()
    return graph


def _music(bed: MusicBed, samples: int) -> Iterator[av.AudioFrame]:
    """Exactly so many samples: the music, repeated, and silence behind its end."""
    left = samples
    for frame in chained(_repeated(bed), _silence()):
        piece = _first(frame, left)
        yield piece
        left -= piece.samples
        if not left:
            return


def _repeated(bed: MusicBed) -> Iterator[av.AudioFrame]:
    ended: _Channels | None = None
    while True:
        last: list[_Channels] = []
        for frame in _once(bed):
            channels = _channels(frame)
            if not last and ended is not None:
                channels = [_led_over(end, start) for end, start in zip(ended, channels, strict=True)]
            yield _frame(channels)
            last = [*last[-1:], channels]
        if not last:
            raise ValueError("there is no sound in the music any more")
        if not bed.loop:
            return
        ended = [sum(parts, array("f"))[-_SEAM:] for parts in zip(*last, strict=True)]


def _once(bed: MusicBed) -> Iterator[av.AudioFrame]:
    """The music from its start to its end, in frames of one length but the last."""
    fifo, left = av.AudioFifo(), bed.samples
    for frame in decoded_music(bed.path, bed.suffix):
        frame.pts = None
        fifo.write(frame)
        while left > 0 and fifo.samples >= _CHUNK:
            piece = cast(av.AudioFrame, fifo.read(min(_CHUNK, left)))
            left -= piece.samples
            yield piece
    if left > 0 and fifo.samples:
        yield cast(av.AudioFrame, fifo.read(min(fifo.samples, left)))


def _led_over(end: array[float], start: array[float]) -> array[float]:
    """The start of a channel behind its end: what was last, backwards, goes over into it.

    Where the one goes on from the other anyway, as music does that was made to be repeated, nothing is changed.
    """
    around = [abs(after - before) for part in (end, start[:_SEAM]) for before, after in pairwise(part)]
    if abs(start[0] - end[-1]) <= max(around):
        return start
    for number, before in enumerate(reversed(end)):
        share = number / _SEAM
        start[number] = before * (1 - share) + start[number] * share
    return start


def _first(frame: av.AudioFrame, samples: int) -> av.AudioFrame:
    """The frame, or so many samples of it."""
    if frame.samples <= samples:
        return frame
    return _frame([channel[:samples] for channel in _channels(frame)])


def _channels(frame: av.AudioFrame) -> _Channels:
    return [array("f", bytes(plane)[: frame.samples * 4]) for plane in frame.planes]


def _frame(channels: _Channels) -> av.AudioFrame:
    frame = av.AudioFrame("fltp", "stereo", len(channels[0]))
    for plane, channel in zip(frame.planes, channels, strict=True):
        plane.update(channel.tobytes().ljust(plane.buffer_size, b"\0"))
    frame.sample_rate = MUSIC_RATE
    return frame


def _silence() -> Iterator[av.AudioFrame]:
    while True:
        yield _frame([array("f", bytes(4 * _CHUNK)) for _ in range(2)])
