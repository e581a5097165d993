"""The sound of a film with transitions, music or a wanted loudness, in the child process.

Mixed into one lossless file first, because loudness is a measure of the whole; then brought to its level while it is
encoded. Everything is 48 kHz stereo, and exact to the sample: a silent clip is silence of the clip's length.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import av.container
from av.filter import Graph

from footage.media.decoding import has_sound, open_video
from footage.media.filter_graph import pulled
from footage.media.music_bed import MusicBed, with_music

RATE = 48_000
_CHUNK = 1024
# EBU R 128 allows -1; the rest is for the encoder, whose waves differ a little.
_PEAK_DBTP = -1.5
# Below it there is nothing to level: ebur128 says -70 for silence, and gates at -70 itself.
_SILENT_LUFS = -69.0
# Loudness of less is not defined: EBU Tech 3341's short-term window.
_SHORTEST_S = 3
_CLOSE_LU = 0.1
_LIMITER_PASSES = 5
# The limiter lets single samples pass it.
_HEADROOM_DB = 0.3


class Part(NamedTuple):
    """The sound of one clip, from `skip_s` of it on; it is heard from `start_s` to `end_s` of the film."""

    path: str
    skip_s: Fraction
    start_s: Fraction
    end_s: Fraction
    # Under the next one, at the end.
    overlap_s: Fraction = Fraction(0)
    fade_in_s: Fraction = Fraction(0)
    fade_out_s: Fraction = Fraction(0)


class Level(NamedTuple):
    """Integrated loudness in LUFS and true peak in dBTP."""

    lufs: float
    peak_dbtp: float


class MixedSound:
    """The one sound track of a film, given to the muxer a piece at a time."""

    def __init__(
        self,
        target: av.container.OutputContainer,
        parts: list[Part],
        lufs: float | None,
        folder: str,
        bed: MusicBed | None = None,
    ) -> None:
        self._target = target
        self._stream = cast(Any, target.add_stream("aac", rate=RATE))
        self._stream.layout = "stereo"
        mixed = str(Path(folder) / "mix.flac")
        samples = _mix(parts, mixed)

        def clips() -> Iterator[av.AudioFrame]:
            return _read(mixed)

        def heard() -> Iterator[av.AudioFrame]:
            return clips() if bed is None else with_music(clips(), bed, samples)

        level = None if lufs is None or samples < _SHORTEST_S * RATE else _measure(heard, [])
        # What the clips were before, without music; None: not measured.
        self.delivered_lufs = level.lufs if level is not None else None
        if bed is not None and level is not None:
            sounding = any(has_sound(part.path) for part in parts)
            self.delivered_lufs = _measure(clips, []).lufs if sounding else None
        chain = _to_level(heard, level, lufs)
        if bed is not None and not chain and _measure(heard, []).peak_dbtp > _PEAK_DBTP:
            # Two sounds that were whole may be too much together.
            chain = _limited(0.0)
        self._frames = _exactly(_filtered(heard(), chain), samples)
        self._written = 0

    def write_until(self, until_s: Fraction) -> None:
        """Encode what is heard before that time."""
        while self._written < until_s * RATE and self._write_next():
            pass

    def finish(self) -> None:
        """Encode the rest."""
        while self._write_next():
            pass
        self._target.mux(self._stream.encode(None))

    def _write_next(self) -> bool:
        frame = next(self._frames, None)
        if frame is None:
            return False
        frame.pts, frame.time_base = self._written, Fraction(1, RATE)
        self._written += frame.samples
        self._target.mux(self._stream.encode(frame))
        return True


_Channels = list["array[float]"]
# Gives the sound again from its start.
_Sound = Callable[[], Iterator[av.AudioFrame]]
# Filters with their arguments.
_Chain = list[tuple[str, str]]


def _mix(parts: list[Part], out: str) -> int:
    """Write the parts into a FLAC file, each dissolve's overlap crossfaded; returns the number of samples."""
    written = 0
    with av.open(out, "w", format="flac") as target:
        stream = cast(Any, target.add_stream("flac", rate=RATE))
        stream.layout, stream.format = "stereo", "s32"
        resampler = av.AudioResampler("s32", "stereo", RATE)
        tail: _Channels = [array("f"), array("f")]
        for part in parts:
            sound = _part(part)
            _crossfade(tail, sound)
            kept = len(sound[0]) - (_at(part.end_s) - _at(part.end_s - part.overlap_s))
            for frame in _frames([channel[:kept] for channel in sound]):
                frame.pts, frame.time_base = written, Fraction(1, RATE)
                written += frame.samples
                for converted in resampler.resample(frame):
                    target.mux(stream.encode(converted))
            tail = [channel[kept:] for channel in sound]
        target.mux(stream.encode(None))
    return written


def _at(time_s: Fraction) -> int:
    return round(time_s * RATE)


def _part(part: Part) -> _Channels:
    """The samples of a part, faded and exactly as long as it is shown."""
    skip, length = _at(part.skip_s), _at(part.end_s) - _at(part.start_s)
    sound: _Channels = [array("f"), array("f")]
    for frame in decoded(part.path):
        for channel, plane in zip(sound, frame.planes, strict=True):
            channel.frombytes(bytes(plane)[: frame.samples * 4])
        if len(sound[0]) >= skip + length:
            break
    for channel in sound:
        del channel[:skip]
        del channel[length:]
        channel.extend([0.0] * (length - len(channel)))
        _ramp(channel, 0, _at(part.fade_in_s), lambda share: share)
        fade = _at(part.fade_out_s)
        _ramp(channel, length - fade, fade, lambda share: 1 - share)
    return sound


def _ramp(channel: array[float], start: int, length: int, gain: Callable[[float], float]) -> None:
    for number in range(length):
        channel[start + number] *= gain(number / length)


def _crossfade(tail: _Channels, sound: _Channels) -> None:
    """Lead from what is left of the last part into this one, in place."""
    length = len(tail[0])
    for before, after in zip(tail, sound, strict=True):
        for number in range(length):
            share = number / length
            after[number] = before[number] * (1 - share) + after[number] * share


def decoded(path: str) -> Iterator[av.AudioFrame]:
    """Give the clip's sound as 48 kHz stereo, or nothing when it has none."""
    with open_video(path) as container:
        if not container.streams.audio:
            return
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        for frame in container.decode(container.streams.audio[0]):
            yield from resampler.resample(frame)
        yield from resampler.resample(None)


def _frames(sound: _Channels) -> Iterator[av.AudioFrame]:
    for start in range(0, len(sound[0]), _CHUNK):
        chunk = [channel[start : start + _CHUNK].tobytes() for channel in sound]
        frame = av.AudioFrame("fltp", "stereo", len(chunk[0]) // 4)
        for plane, data in zip(frame.planes, chunk, strict=True):
            plane.update(data.ljust(plane.buffer_size, b"\0"))
        frame.sample_rate = RATE
        yield frame


def _read(path: str) -> Iterator[av.AudioFrame]:
    """What `_mix` wrote, as 48 kHz stereo floats."""
    with av.open(path, format="flac") as container:
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        for frame in container.decode(container.streams.audio[0]):
            yield from resampler.resample(frame)


def _measure(sound: _Sound, chain: _Chain) -> Level:
    """The loudness of a sound behind the filters, as EBU R 128 measures it."""
    level = Level(-70.0, -70.0)
    for frame in _filtered(sound(), [*chain, ("ebur128", "metadata=1:peak=true:framelog=quiet")]):
        said = frame.metadata
        if "lavfi.r128.I" in said:
            peak = max(float(said[name]) for name in said if name.startswith("lavfi.r128.true_peaks_ch"))
            level = Level(float(said["lavfi.r128.I"]), 20 * math.log10(max(peak, 1e-6)))
    return level


def _to_level(sound: _Sound, level: Level | None, lufs: float | None) -> _Chain:
    """The filters that bring a sound to a loudness: a gain alone, or where peaks do not allow it with a limiter.

    Not loudnorm: where it has to follow the sound it missed the target by 7 LU on clips of a few seconds.
    """
    if lufs is None or level is None or level.lufs < _SILENT_LUFS:
        return []
    gain_db = lufs - level.lufs
    if level.peak_dbtp + gain_db <= _PEAK_DBTP:
        return [("volume", f"{gain_db:.3f}dB")]
    chain = _limited(gain_db)
    for _ in range(_LIMITER_PASSES):
        # What the limiter takes away has to be added before it.
        missing_db = lufs - _measure(sound, chain).lufs
        if abs(missing_db) < _CLOSE_LU:
            break
        gain_db += missing_db
        chain = _limited(gain_db)
    return chain


def _limited(gain_db: float) -> _Chain:
    # Peaks between the samples are peaks, too: the limiter works at four times the rate.
    limit = 10 ** ((_PEAK_DBTP - _HEADROOM_DB) / 20)
    return [
        ("volume", f"{gain_db:.3f}dB"),
        ("aresample", str(4 * RATE)),
        ("alimiter", f"limit={limit:.4f}:level=0:latency=1:attack=5:release=50"),
        ("aresample", str(RATE)),
    ]


def _filtered(frames: Iterable[av.AudioFrame], chain: _Chain) -> Iterator[av.AudioFrame]:
    graph = Graph()
    nodes = [
        graph.add_abuffer(sample_rate=RATE, format="fltp", layout="stereo", time_base=Fraction(1, RATE)),
        *(graph.add(name, arguments) for name, arguments in chain),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={RATE}:channel_layouts=stereo"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    pushed = 0
    for frame in frames:
        frame.pts, frame.time_base = pushed, Fraction(1, RATE)
        pushed += frame.samples
        graph.push(frame)
        yield from pulled(graph)
    graph.push(None)
    yield from pulled(graph)


def _exactly(frames: Iterator[av.AudioFrame], samples: int) -> Iterator[av.AudioFrame]:
    """Frames of one size that have so many samples together: what is more is cut, what is missing is silence."""
    fifo = av.AudioFifo()
    left = samples
    for frame in frames:
        frame.pts = None
        fifo.write(frame)
        while left > 0 and fifo.samples >= _CHUNK:
            chunk = cast(av.AudioFrame, fifo.read(min(_CHUNK, left)))
            left -= chunk.samples
            yield chunk
    if left > 0 and fifo.samples:
        rest = cast(av.AudioFrame, fifo.read(min(fifo.samples, left)))
        left -= rest.samples
        yield rest
    if left > 0:
        yield from _frames([array("f", [0.0] * left) for _ in range(2)])
