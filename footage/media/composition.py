"""A film whose clips go into each other, in the child process: pictures encoded once, sound mixed and levelled.

Clips are read one after the other, two at once in a dissolve, so that memory does not grow with the film.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.video.frame
from av.filter import Graph
from av.video.format import VideoFormat

from footage.media.decoding import has_sound, open_video
from footage.media.encoding import FRAMES, add_x264, open_output, overlay_label, push_label
from footage.media.filter_graph import pulled
from footage.media.music_bed import MusicBed
from footage.media.resize import resize
from footage.media.sound_mix import MixedSound, Part
from footage.media.text_tracks import Text
from footage.values.shape_fit import Fit


class Shown(NamedTuple):
    """Frames `first` to `last` of a clip at the film's rate, and how they begin and end, in frames."""

    path: str
    first: int
    last: int
    # How many of the last ones are shown together with the first ones of the next clip.
    overlap: int = 0
    fade_in: int = 0
    fade_out: int = 0
    fit: Fit | None = None

    @property
    def frames(self) -> int:
        return self.last - self.first


def compose(
    clips: list[list[Any]],
    out: str,
    fps: str,
    size: list[int],
    label: str | None,
    visible_label_s: float,
    lufs: float | None,
    tracks: list[tuple[str, list[tuple[float, float, str]]]],
    chapters: list[tuple[float, float, str]],
    bed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the clips (fields of `Shown`) as one film, all converted to its rate and size."""
    shown = [Shown(*clip) for clip in clips]
    rate = Fraction(fps)
    with tempfile.TemporaryDirectory(dir=Path(out).parent) as folder, open_output(out, label) as target:
        with open_video(shown[0].path) as first:
            pictures = add_x264(target, rate, *size, like=first.streams.video[0])
        sound = None
        music = None if bed is None else MusicBed(**bed)
        if music is not None or any(has_sound(clip.path) for clip in shown):
            sound = MixedSound(target, _parts(shown, rate), lufs, folder, music)
        words = Text(tracks, chapters).streams(target)
        for number, frame in enumerate(_labelled(_film(shown, rate, size), rate, size, visible_label_s)):
            frame.pts, frame.time_base = number, 1 / rate
            # The encoder decides which frames are key frames, not the source.
            frame.pict_type = av.video.frame.PictureType.NONE
            target.mux(pictures.encode(frame))
            words.write_until(float((number + 1) / rate))
            if sound is not None:
                sound.write_until((number + 1) / rate)
        target.mux(pictures.encode(None))
        if sound is not None:
            sound.finish()
        return {"delivered_lufs": sound.delivered_lufs if sound is not None else None}


def _parts(clips: list[Shown], fps: Fraction) -> list[Part]:
    parts: list[Part] = []
    start = 0
    for clip in clips:
        end = start + clip.frames
        lengths = (clip.overlap, clip.fade_in, clip.fade_out)
        parts.append(Part(clip.path, clip.first / fps, start / fps, end / fps, *(n / fps for n in lengths)))
        start = end - clip.overlap
    return parts


def _film(clips: list[Shown], fps: Fraction, size: list[int]) -> Iterator[av.VideoFrame]:
    """Every frame of the film, in order."""
    current, used = _clip(clips[0], fps, size), 0
    for clip, after in zip(clips, [*clips[1:], None], strict=True):
        for _ in range(clip.frames - used - clip.overlap):
            yield next(current)
        if after is None:
            return
        following = _clip(after, fps, size)
        if clip.overlap:
            yield from _dissolve(current, following, clip.overlap, fps, size)
        current, used = following, clip.overlap


def _labelled(
    frames: Iterator[av.VideoFrame], fps: Fraction, size: list[int], visible_label_s: float
) -> Iterator[av.VideoFrame]:
    """The frames, with the visible label over those of the first seconds."""
    # The frame at that very second is the first one without it.
    marked = math.ceil(visible_label_s * fps)
    if marked:
        graph = Graph()
        source = graph.add_buffer(
            width=size[0], height=size[1], format=VideoFormat("yuv420p"), time_base=1 / fps
        )
        overlay = overlay_label(graph, fps, size[0], size[1], marked)
        graph.link_nodes(source, overlay, graph.add("format", "yuv420p"), graph.add("buffersink")).configure()
        push_label(graph, fps, size[0], size[1])
        for number, frame in enumerate(islice(frames, marked)):
            frame.pts, frame.time_base = number, 1 / fps
            graph.push(frame, at=FRAMES)
            yield from pulled(graph)
        graph.push(None, at=FRAMES)
        yield from pulled(graph)
    yield from frames


def _clip(clip: Shown, fps: Fraction, size: list[int]) -> Iterator[av.VideoFrame]:
    """The frames that are shown of a clip; the last one again where the file has fewer."""
    last: av.VideoFrame | None = None
    number = -1
    for number, frame in enumerate(_converted(clip, fps, size)):
        if number >= clip.last:
            return
        last = frame
        if number >= clip.first:
            yield frame
    if last is not None:
        for _ in range(max(clip.first, number + 1), clip.last):
            yield last


def _converted(clip: Shown, fps: Fraction, size: list[int]) -> Iterator[av.VideoFrame]:
    with open_video(clip.path) as source:
        video = source.streams.video[0]
        graph = Graph()
        nodes = [graph.add_buffer(template=video), *_uniform(graph, fps, size, clip.fit)]
        if clip.fade_in:
            nodes.append(graph.add("fade", f"t=in:start_frame={clip.first}:nb_frames={clip.fade_in}"))
        if clip.fade_out:
            start = clip.last - clip.fade_out
            nodes.append(graph.add("fade", f"t=out:start_frame={start}:nb_frames={clip.fade_out}"))
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        for frame in source.decode(video):
            graph.push(frame)
            yield from pulled(graph)
        graph.push(None)
        yield from pulled(graph)


def _uniform(graph: Graph, fps: Fraction, size: list[int], fit: Fit | None = None) -> list[Any]:
    """Rate, size, shape of the pixels, format and time base: what two pictures have to agree in."""
    return [
        graph.add("fps", f"fps={fps.numerator}/{fps.denominator}"),
        *resize(graph, size[0], size[1], fit),
        graph.add("setsar", "1"),
        graph.add("format", "yuv420p"),
        graph.add("settb", f"{fps.denominator}/{fps.numerator}"),
    ]


def _dissolve(
    before: Iterator[av.VideoFrame],
    after: Iterator[av.VideoFrame],
    frames: int,
    fps: Fraction,
    size: list[int],
) -> Iterator[av.VideoFrame]:
    """`frames` pictures that lead from the one clip into the other; both go on behind them."""
    graph = Graph()
    sources = [
        graph.add_buffer(width=size[0], height=size[1], format=VideoFormat("yuv420p"), time_base=1 / fps)
        for _ in range(2)
    ]
    mixer = graph.add("xfade", f"transition=fade:duration={float(frames / fps):.9f}:offset=0")
    for place, source in enumerate(sources):
        chain = [source, *_uniform(graph, fps, size)]
        for node, following in pairwise(chain):
            node.link_to(following)
        chain[-1].link_to(mixer, 0, place)
    mixer.link_to(graph.add("buffersink"))
    graph.configure()
    for number in range(frames):
        for source, clip in zip(sources, (before, after), strict=True):
            frame = next(clip)
            frame.pts, frame.time_base = number, 1 / fps
            source.push(frame)
        yield from pulled(graph)
    for source in sources:
        source.push(None)
    yield from pulled(graph)
