"""Reading music in the child process: the only place where its decoders are open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
import av.container
import av.error
from av.stream import Disposition

from footage.media.boxes import walk
from footage.media.music_facts import MAX_S, MIN_S, MUSIC_RATE

_PCM = (
    "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le",
)  # fmt: skip
_MOST_CHANNELS = 8
_SAMPLE_RATES = range(8_000, 192_001)
_HEAD_BYTES = 16
# Encoders pad the ends, and lengths are told in their own frames.
_ROUNDED_S = 0.25
# The index of an MP3 stands in its first frame, behind 4 bytes of header and at most 32 of side information.
_INDEX_WITHIN = 200


class _Kind(NamedTuple):
    name: str
    demuxer: str
    decoders: tuple[str, ...]


# FFmpeg's names; no other demuxer and no other decoder reads a file of that ending.
_KINDS = {
    ".wav": _Kind("WAV", "wav", _PCM),
    ".mp3": _Kind("MP3", "mp3", ("mp3float", "mp3")),
    ".m4a": _Kind("MP4", "mp4", ("aac",)),
    ".aac": _Kind("AAC", "aac", ("aac",)),
    ".flac": _Kind("FLAC", "flac", ("flac",)),
}


def open_music(source: str | BinaryIO, suffix: str) -> av.container.InputContainer:
    """Open a local file as what its ending says and as nothing else; a playlist would open connections."""
    kind = _KINDS[suffix]
    return av.open(
        source,
        mode="r",
        format=kind.demuxer,
        options={
            "codec_whitelist": ",".join(kind.decoders),
            "protocol_whitelist": "file",
        },
        metadata_errors="replace",
    )


def decoded_music(path: str, suffix: str) -> Iterator[av.AudioFrame]:
    """The music once, as 48 kHz stereo of 32-bit floats."""
    with open_music(path, suffix) as container:
        resampler = av.AudioResampler("fltp", "stereo", MUSIC_RATE)
        for frame in container.decode(container.streams.audio[0]):
            yield from resampler.resample(frame)
        yield from resampler.resample(None)


def inspect(path: str, suffix: str, sha256: str) -> dict[str, Any]:
    """Decode everything of the bytes with that hash: how long it is, or what is wrong with it."""
    # One descriptor for hash and music: the file of that name may be another one a moment later.
    with Path(path).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return _wrong("changed while it was read")
        file.seek(0)
        head = file.read(_HEAD_BYTES)
        if not _begins_like(suffix, head):
            return _wrong(f"does not begin like {_named(suffix)}{_looks_like(head)}")
        if suffix == ".m4a" and (broken := walk(Path(path))):
            return _wrong(f"is damaged: {broken[0]}")
        if suffix == ".wav" and (missing := _missing_bytes(file)):
            return _wrong(f"is damaged: it ends {missing} bytes before its sound does")
        told_s = suffix != ".mp3" or _has_index(file)
        file.seek(0)
        try:
            container = open_music(file, suffix)
        except av.error.FFmpegError:
            return _wrong(f"cannot be read as {_named(suffix)}")
        with container:
            return _heard(container, suffix, told_s=told_s and suffix != ".aac")


def _wrong(problem: str) -> dict[str, Any]:
    return {"samples": 0, "problem": problem}


def _named(suffix: str) -> str:
    return f"{'an' if suffix in ('.mp3', '.m4a', '.aac') else 'a'} {_KINDS[suffix].name} file"


def _begins_like(suffix: str, head: bytes) -> bool:
    tagged = head[:3] == b"ID3"
    match suffix:
        case ".wav":
            return head[:4] == b"RIFF" and head[8:12] == b"WAVE"
        case ".flac":
            return head[:4] == b"fLaC" or tagged
        case ".m4a":
            return head[4:8] == b"ftyp"
        case _:
            # Eleven bits of sync and the layer: 3 in MP3, 0 in AAC (ISO/IEC 11172-3, 13818-7).
            layer = 1 if suffix == ".mp3" else 0
            synced = len(head) > 1 and head[0] == 0xFF and head[1] >> 5 == 7 and (head[1] >> 1) & 3 == layer
            return tagged or synced


def _looks_like(head: bytes) -> str:
    """What it seems to be instead, for the message."""
    for suffix in _KINDS:
        if head[:3] != b"ID3" and _begins_like(suffix, head):
            return f"; it looks like {_named(suffix)}"
    return ""


def _missing_bytes(file: BinaryIO) -> int:
    """How many bytes of its sound a WAV promises and has not (RIFF: four letters, 32-bit size, even places)."""
    end = file.seek(0, 2)
    at = 12
    while at + 8 <= end:
        file.seek(at)
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        if name == b"data":
            # Programs that write into a pipe do not know the size.
            return 0 if size in (0, 0xFFFFFFFF) else max(0, at + 8 + size - end)
        at += 8 + size + size % 2
    return 0


def _has_index(file: BinaryIO) -> bool:
    """Whether an MP3 says how many frames it has; without that FFmpeg's length is a guess."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        # Four bytes of seven bits each (ID3v2.4, section 3.1).
        start = 10 + sum(byte << (7 * place) for place, byte in enumerate(reversed(head[6:10])))
    file.seek(start)
    first = file.read(_INDEX_WITHIN)
    return b"Xing" in first or b"Info" in first


def _heard(container: av.container.InputContainer, suffix: str, *, told_s: bool) -> dict[str, Any]:
    # The cover of an album is a stream of one picture.
    pictures = Disposition.attached_pic
    if any(not stream.disposition & pictures for stream in container.streams.video):
        return _wrong("is a video, not music")
    if not container.streams.audio:
        return _wrong("has no sound in it")
    sound = container.streams.audio[0]
    context = sound.codec_context
    if context.name not in _KINDS[suffix].decoders:
        return _wrong(f"has sound coded as {context.codec.canonical_name}, which is not read")
    if context.sample_rate not in _SAMPLE_RATES or not 1 <= context.channels <= _MOST_CHANNELS:
        return _wrong(f"has {context.channels} channels at {context.sample_rate} Hz, which is not read")
    promised_s = float(sound.duration * sound.time_base) if sound.duration and sound.time_base else 0.0
    samples, damaged = _counted(container, gapless=suffix == ".flac")
    at_s = samples / MUSIC_RATE
    if damaged:
        return _wrong(f"is damaged {at_s:.1f} s from its start")
    if samples > MAX_S * MUSIC_RATE:
        return _wrong(f"is longer than {MAX_S // 3600} hours")
    if told_s and promised_s - at_s > _ROUNDED_S:
        return _wrong(f"is damaged: it says that it lasts {promised_s:.1f} s, and {at_s:.1f} s can be played")
    if samples < MIN_S * MUSIC_RATE:
        return _wrong(f"lasts {at_s:.2f} s; that is too short")
    if told_s and promised_s:
        # What an encoder adds to fill its last frame would be a gap where the music is repeated.
        samples = min(samples, round(promised_s * MUSIC_RATE))
    return {"samples": samples, "problem": None}


def _counted(container: av.container.InputContainer, *, gapless: bool) -> tuple[int, bool]:
    """The samples up to the end, the longest that is taken, or the first damage; and whether there was damage."""
    resampler = av.AudioResampler("fltp", "stereo", MUSIC_RATE)
    samples, behind = 0, None
    try:
        for packet in container.demux(container.streams.audio[0]):
            if gapless and packet.size and packet.pos is not None:
                # Frames that are no frames any more are skipped in silence.
                if behind not in (None, packet.pos):
                    return samples, True
                behind = packet.pos + packet.size
            for frame in packet.decode():
                samples += sum(one.samples for one in resampler.resample(frame))
            if samples > MAX_S * MUSIC_RATE:
                return samples, False
        samples += sum(one.samples for one in resampler.resample(None))
    except av.error.FFmpegError:
        return samples, True
    return samples, False
