"""Writing a video in the child process: another frame rate and size, the same speed and sound, the same label."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, cast

import av
import av.container
import av.video.frame
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.format import VideoFormat

from footage.marks.label import NAME
from footage.marks.mp4 import label_in
from footage.marks.visible_label import draw_visible_label
from footage.media.decoding import open_video
from footage.media.filter_graph import pulled
from footage.media.resize import resize
from footage.values.shape_fit import Fit

# Visually lossless for material that was compressed once already; veryfast takes 2.3 s for 5 s of 1080p.
_X264 = {"crf": "17", "preset": "veryfast"}
# The places of a graph's inputs.
FRAMES, _VISIBLE_LABEL = 0, 1


def conform(
    path: str,
    out: str,
    fps: str | None,
    size: list[int] | None,
    label: str | None = None,
    keep_label: bool = True,
    visible_label_s: float = 0.0,
    fit: Fit | None = None,
) -> dict[str, Any]:
    """Encode the pictures again at `fps` ("24" or "24000/1001") and `size` (by `fit`), copy the sound.

    The file has the label of the source, and `label` where that has none. For its first `visible_label_s` seconds the
    visible one lies over the picture.
    """
    kept = label_in(path) if keep_label else None
    with open_video(path) as source, open_output(out, label if kept is None else kept) as target:
        video = source.streams.video[0]
        sound = source.streams.audio[0] if source.streams.audio else None
        rate = Fraction(fps) if fps is not None else video.average_rate or Fraction(24)
        width, height = size or (video.codec_context.width, video.codec_context.height)
        new_video = add_x264(target, rate, width, height, like=video)
        new_sound: Any = None if sound is None else target.add_stream_from_template(sound)
        graph = _graph(video, rate, width, height, fit, visible_label_s)
        for packet in source.demux(*([video] if sound is None else [video, sound])):
            if sound is not None and packet.stream_index == sound.index:
                if packet.dts is not None:
                    packet.stream = new_sound
                    target.mux(packet)
                continue
            for frame in cast(list[av.VideoFrame], packet.decode()):
                graph.push(frame, at=FRAMES)
                _drain(graph, new_video, target)
        graph.push(None, at=FRAMES)
        _drain(graph, new_video, target)
        target.mux(new_video.encode(None))
    return {}


def relabel(path: str, out: str, label: str) -> dict[str, Any]:
    """Copy all pictures and sound as they are into a file with the label."""
    with open_video(path) as source, open_output(out, label) as target:
        streams = [stream for stream in source.streams if stream.type in ("video", "audio")]
        copies = {stream.index: target.add_stream_from_template(cast(Any, stream)) for stream in streams}
        for packet in source.demux(*streams):
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                target.mux(packet)
    return {}


def open_output(path: str, label: str | None = None, **options: str) -> av.container.OutputContainer:
    """Open an MP4 for writing whose index comes first, so that browsers play it while it loads.

    The label is written byte for byte; what is no UTF-8 in it comes as surrogates.
    """
    flags = "+faststart"
    if label is not None:
        # Without it FFmpeg drops what it has no tag of its own for, and says nothing.
        flags += "+use_metadata_tags"
    target = av.open(
        path,
        "w",
        format="mp4",
        options={"movflags": flags, **options},
        metadata_encoding="utf-8",
        metadata_errors="surrogateescape",
    )
    if label is not None:
        # Before the first packet, because the header is out then.
        target.metadata[NAME] = label
    return target


def add_x264(
    target: av.container.OutputContainer, rate: Fraction, width: int, height: int, *, like: Any
) -> Any:
    """Add an H.264 stream with the colour description of the stream `like`."""
    stream = cast(Any, target.add_stream("libx264", rate=rate, options=_X264))
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = like.codec_context
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(stream.codec_context, name, getattr(context, name))
    stream.codec_context.time_base = 1 / rate
    return stream


def _graph(
    video: Any, rate: Fraction, width: int, height: int, fit: Fit | None, visible_label_s: float
) -> Graph:
    graph = Graph()
    # The frame at that very second is the first one without it.
    marked = math.ceil(visible_label_s * rate)
    chain = [
        graph.add_buffer(template=video),
        graph.add("fps", f"fps={rate.numerator}/{rate.denominator}"),
        *resize(graph, width, height, fit),
        graph.add("setsar", "1"),
        *([overlay_label(graph, rate, width, height, marked)] if marked else []),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    if marked:
        push_label(graph, rate, width, height)
    return graph


def overlay_label(graph: Graph, rate: Fraction, width: int, height: int, frames: int) -> FilterContext:
    """Lays the visible label, the graph's second input, over so many frames."""
    picture, left, top = draw_visible_label(width, height)
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=VideoFormat("rgba"), time_base=1 / rate
    )
    overlay = graph.add("overlay", f"x={left}:y={top}:eof_action=repeat:enable=lt(n\\,{frames})")
    source.link_to(overlay, 0, 1)
    return overlay


def push_label(graph: Graph, rate: Fraction, width: int, height: int) -> None:
    """Give the configured graph the one picture that its second input has."""
    picture, _, _ = draw_visible_label(width, height)
    frame = av.VideoFrame.from_bytes(picture.tobytes(), picture.width, picture.height, format="rgba")
    frame.pts, frame.time_base = 0, 1 / rate
    graph.push(frame, at=_VISIBLE_LABEL)
    graph.push(None, at=_VISIBLE_LABEL)


def _drain(graph: Graph, stream: Any, target: av.container.OutputContainer) -> None:
    for frame in pulled(graph):
        # The encoder decides which frames are key frames, not the source.
        frame.pict_type = av.video.frame.PictureType.NONE
        target.mux(stream.encode(frame))
