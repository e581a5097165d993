"""Writing several videos as one, in the child process."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import av.container

from footage.marks.mp4 import label_in
from footage.media.decoding import has_sound, open_video
from footage.media.encoding import conform, open_output
from footage.media.music_bed import MusicBed
from footage.media.sound_mix import RATE, MixedSound, Part, decoded
from footage.media.text_tracks import Text
from footage.values.shape_fit import Fit

_SOUND_SAMPLES = 1024  # one AAC frame


def join(
    paths: list[str],
    out: str,
    label: str | None = None,
    visible_label_s: float = 0.0,
    tracks: list[tuple[str, list[tuple[float, float, str]]]] | None = None,
    chapters: list[tuple[float, float, str]] | None = None,
    lufs: float | None = None,
    bed: dict[str, Any] | None = None,
    copies: Collection[str] = (),
    fps: str | None = None,
    size: list[int] | None = None,
    convert: list[tuple[int, Fit | None]] | None = None,
) -> dict[str, Any]:
    """Copy the pictures when all clips are alike, else encode all of them alike first.

    The clips at the places of `convert` are brought to `fps` and `size` in any case; not said, those are of the first.
    A file has one label: `label`, or the first one that a clip has. The visible one lies over its first
    `visible_label_s` seconds. With `bed`, there is music under it; with `lufs`, its sound has that loudness. Those of
    the paths that are `copies` are deleted as they are read, so that clips and film together take little more disk
    than one of them.
    """
    music = None if bed is None else MusicBed(**bed)
    text = Text(tracks or [], chapters or [])
    if label is None:
        label = next((kept for kept in map(label_in, paths) if kept is not None), None)
    with tempfile.TemporaryDirectory(dir=Path(out).parent) as folder:
        film = _Conversion(Path(folder), *_format(paths[0], fps, size), dict(convert or []))
        encoded = _opening(paths, film, visible_label_s)
        converted = {place: film.of(place, paths[place]) for place in film.fits if place not in encoded}
        alike = [(encoded | converted).get(place, path) for place, path in enumerate(paths)]
        if len({_likeness(path) for path in alike}) > 1:
            for place, path in enumerate(paths):
                if place not in encoded:
                    encoded[place] = converted.get(place) or film.of(place, path)
            alike = [encoded[place] for place in range(len(paths))]
        temporary = {*copies, *encoded.values(), *converted.values()}
        delivered_lufs = _write(alike, out, label, text, lufs, music, folder, temporary)
    return {"encoded": sorted(encoded), "delivered_lufs": delivered_lufs}


class _Conversion(NamedTuple):
    """Into what clips are encoded, and how those fit that have another size, by place."""

    folder: Path
    fps: str
    size: list[int]
    fits: dict[int, Fit | None]

    def of(self, place: int, path: str, visible_label_s: float = 0.0) -> str:
        out = str(self.folder / f"{place}.mp4")
        conform(path, out, self.fps, self.size, visible_label_s=visible_label_s, fit=self.fits.get(place))
        return out


def _opening(paths: list[str], film: _Conversion, visible_label_s: float) -> dict[int, str]:
    """The clips of the first seconds with the visible label over them, in the film's format, by place."""
    encoded: dict[int, str] = {}
    for place, path in enumerate(paths):
        if visible_label_s <= 0:
            break
        encoded[place] = film.of(place, path, visible_label_s)
        visible_label_s -= _length_s(encoded[place])
    return encoded


def _format(path: str, fps: str | None, size: list[int] | None) -> tuple[str, list[int]]:
    """Frame rate and size, as `conform` takes them; those of the file where they are not said."""
    with open_video(path) as container:
        video = container.streams.video[0]
        own = [video.codec_context.width, video.codec_context.height]
        return fps or str(video.average_rate or 24), size or own


def _length_s(path: str) -> float:
    with open_video(path) as container:
        video = container.streams.video[0]
        return float((video.duration or 0) * (video.time_base or 0))


def _likeness(path: str) -> tuple[Any, ...]:
    """What has to be equal so that packets of one clip can follow those of another."""
    with open_video(path) as container:
        video = container.streams.video[0]
        context = video.codec_context
        return (
            context.name,
            context.width,
            context.height,
            context.pix_fmt,
            bytes(context.extradata or b""),
            video.time_base,
            video.average_rate,
        )


def _write(
    paths: list[str],
    out: str,
    label: str | None,
    text: Text,
    lufs: float | None,
    music: MusicBed | None,
    folder: str,
    copies: Collection[str],
) -> float | None:
    """Write the film; returns how loud the clips were, where that was asked."""
    still_read = Counter(paths)
    with open_video(paths[0]) as first:
        video = first.streams.video[0]
        time_base = cast(Fraction, video.time_base)
        # The muxer would choose a time scale of its own and round every timestamp to it.
        scale = {"video_track_timescale": str(time_base.denominator)} if time_base.numerator == 1 else {}
        with open_output(out, label, **scale) as target:
            new_video = cast(Any, target.add_stream_from_template(video))
            new_video.time_base = time_base
            sound: _Sound | MixedSound | None = None
            if music is not None or any(has_sound(path) for path in paths):
                whole = lufs is not None or music is not None
                sound = (
                    MixedSound(target, _parts(paths), lufs, folder, music) if whole else _Sound(target, paths)
                )
            words = text.streams(target)
            start = 0
            for path in paths:
                start += _copy_video(path, target, new_video, start)
                words.write_until(float(start * time_base))
                if sound is not None:
                    sound.write_until(start * time_base)
                still_read[path] -= 1
                if path in copies and not still_read[path]:
                    Path(path).unlink()
            if sound is not None:
                sound.finish()
        return sound.delivered_lufs if isinstance(sound, MixedSound) else None


def _parts(paths: list[str]) -> list[Part]:
    parts: list[Part] = []
    start_s = Fraction(0)
    for path in paths:
        with open_video(path) as container:
            video = container.streams.video[0]
            packets = [packet for packet in container.demux(video) if packet.size]
            end_s = start_s + _length(packets) * cast(Fraction, video.time_base)
        parts.append(Part(path, Fraction(0), start_s, end_s))
        start_s = end_s
    return parts


def _length(packets: list[Any]) -> int:
    first = min(packet.pts or 0 for packet in packets)
    return max((packet.pts or 0) + (packet.duration or 0) for packet in packets) - first


def _copy_video(path: str, target: av.container.OutputContainer, stream: Any, start: int) -> int:
    """Copy the packets so that the first frame is shown at `start`; returns the clip's length in ticks."""
    with open_video(path) as container:
        video = container.streams.video[0]
        packets = [packet for packet in container.demux(video) if packet.size]
        length = _length(packets)
        first = min(packet.pts or 0 for packet in packets)
        for packet in packets:
            packet.pts = (packet.pts or 0) - first + start
            packet.dts = (packet.dts or 0) - first + start
            packet.stream = stream
            target.mux(packet)
    return length


class _Sound:
    """One continuous AAC track; each clip's sound is cut or filled with silence to the clip's length."""

    def __init__(self, target: av.container.OutputContainer, paths: list[str]) -> None:
        self._target = target
        self._paths = iter(paths)
        self._stream = cast(Any, target.add_stream("aac", rate=RATE))
        self._stream.layout = "stereo"
        self._fifo = av.AudioFifo()
        self._queued = 0  # samples given to the track so far, encoded or waiting
        self._encoded = 0

    def write_until(self, until_s: Fraction) -> None:
        """Add the next clip's sound, which ends at that time of the film."""
        # From the exact time each time, so that rounding does not add up over the clips.
        missing = round(until_s * RATE) - self._queued
        for frame in decoded(next(self._paths)):
            if missing <= 0:
                break
            missing -= self._queue(frame, missing)
        while missing > 0:
            missing -= self._queue(_silence(min(missing, _SOUND_SAMPLES)), missing)
        self._encode(all_of_it=False)

    def finish(self) -> None:
        self._encode(all_of_it=True)
        self._target.mux(self._stream.encode(None))

    def _queue(self, frame: av.AudioFrame, at_most: int) -> int:
        if frame.samples > at_most:
            cutter = av.AudioFifo()
            frame.pts = None
            cutter.write(frame)
            frame = cast(av.AudioFrame, cutter.read(at_most))
        frame.pts = None
        self._fifo.write(frame)
        self._queued += frame.samples
        return frame.samples

    def _encode(self, *, all_of_it: bool) -> None:
        while self._fifo.samples >= _SOUND_SAMPLES or (all_of_it and self._fifo.samples):
            frame = cast(av.AudioFrame, self._fifo.read(min(_SOUND_SAMPLES, self._fifo.samples)))
            frame.pts, frame.time_base = self._encoded, Fraction(1, RATE)
            self._encoded += frame.samples
            self._target.mux(self._stream.encode(frame))


def _silence(samples: int) -> av.AudioFrame:
    frame = av.AudioFrame("fltp", "stereo", samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate = RATE
    return frame
