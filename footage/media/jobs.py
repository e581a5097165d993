"""The jobs of the child process, as functions of this one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from footage.child import Bounds, ChildError, call
from footage.child.fork_client import forks
from footage.errors import BadDelivery, StorageProblem
from footage.media.boxes import walk
from footage.media.facts import VideoFacts
from footage.media.music_facts import Bed
from footage.values.frame_rate import exact_rate
from footage.values.shape_fit import Fit

# Inspecting 5 s of 1080p takes well under a second; a file that needs minutes was made to.
_LOOK_TIMEOUT_S = 120.0
_LOAD_TIMEOUT_S = 30.0
# 5 s of 1080p take 2 to 3 s to conform on two cores; a loaded machine takes longer.
_ENCODE_TIMEOUT_S = 900.0
_LOADING = threading.Lock()
_LOOK_DATA_BYTES = 200 << 20
# Conforming 1080p takes 292 MB; the rest is what threads reserve and never use.
_ADDRESS_SPACE_BYTES = 6 << 30


def inspect(
    path: Path, *, poster: Path | None = None, contact_sheet: Path | None = None, label: str | None = None
) -> VideoFacts:
    """Measure a file by reading all of it; what is wrong with it is in `problems`, not an error.

    One decoding pass gives everything, so the poster and the contact sheet are made on the way when
    their file names are given (and the file is playable). They carry the video's AIGC label, or `label` where it
    has none.

    Raises:
        StorageProblem: The disk does not take the pictures.
    """
    size_bytes = path.stat().st_size
    broken = walk(path)
    if broken:
        return VideoFacts(size_bytes=size_bytes, problems=tuple(broken))
    arguments = {
        "path": _name(path),
        "poster": None if poster is None else _name(poster),
        "contact_sheet": None if contact_sheet is None else _name(contact_sheet),
        "label": label,
    }
    try:
        answer = _looked_at(size_bytes, arguments)
    except ChildError as error:
        if error.cause == "disk":
            # Of the pictures, not of the video: that one is only read.
            raise StorageProblem(f"Could not write the pictures of {path.name}: {error.reason}.") from error
        return VideoFacts(size_bytes=size_bytes, problems=(error.reason,))
    return VideoFacts.from_json(answer | {"size_bytes": size_bytes})


def _looked_at(size_bytes: int, arguments: dict[str, Any]) -> dict[str, Any]:
    job = "footage.media.decoding:inspect"
    # 15 s of 1080p take 2.5 s and 90 MB.
    bounds = Bounds(_LOOK_TIMEOUT_S, 5 + size_bytes // 500_000, data_bytes=_LOOK_DATA_BYTES)
    try:
        return call(job, bounds, **arguments)[0]
    except ChildError as error:
        if error.cause not in ("time", "memory"):
            raise
        # What costs too much here is not broken, and it was paid for.
        return call(job, bounds, **arguments, not_decoded=error.reason)[0]


def load_decoder() -> None:
    """Have the decoder loaded before the first file comes, once; where that fails, the first file tells."""
    # Elsewhere each child loads its own. Who finds it taken has nothing to do: it is never given back.
    if forks() and _LOADING.acquire(blocking=False):
        with contextlib.suppress(ChildError):
            call("footage.media.decoding:loaded", Bounds(_LOAD_TIMEOUT_S))


def last_frame(path: Path, out: Path) -> None:
    """Write the last frame as PNG in full size, for the clip that goes on from there. Raises BadDelivery."""
    _do("footage.media.decoding:last_frame", _LOOK_TIMEOUT_S, path, path=_name(path), out=_name(out))


def conform(
    path: Path,
    out: Path,
    *,
    fps: float | Fraction | None = None,
    size: tuple[int, int] | None = None,
    label: str | None = None,
    keep_label: bool = True,
    visible_label_s: float = 0.0,
    fit: Fit | None = None,
) -> None:
    """Write the clip at another frame rate and size (width, height), at the same speed, with its sound.

    Frames are dropped or repeated, never blended, so the duration stays within one frame. The picture meets the size
    by `fit`; without that it is stretched, and the caller asks only for nearly the same shape. Its AIGC label is kept
    byte for byte, or it gets `label` where it has none; a C2PA manifest ends here, because it is about the bytes. For
    its first `visible_label_s` seconds the visible label lies over the picture.

    Raises:
        BadDelivery: The clip cannot be read.
        StorageProblem: The disk does not take the result.
    """
    rate = None if fps is None else str(exact_rate(fps))
    _do(
        "footage.media.encoding:conform",
        _ENCODE_TIMEOUT_S,
        path,
        path=_name(path),
        out=_name(out),
        fps=rate,
        size=size,
        label=label,
        keep_label=keep_label,
        visible_label_s=visible_label_s,
        fit=fit,
    )


def relabel(path: Path, out: Path, label: str) -> None:
    """Write the clip with an AIGC label in the place of any that it has; pictures and sound stay the same bytes.

    Raises:
        BadDelivery: The clip cannot be read.
        StorageProblem: The disk does not take the result.
    """
    _do(
        "footage.media.encoding:relabel",
        _LOOK_TIMEOUT_S,
        path,
        path=_name(path),
        out=_name(out),
        label=label,
    )


@dataclass(frozen=True)
class FilmText:
    """Subtitles by language (ISO 639-2), and chapters: start and end in seconds, and the words."""

    tracks: Sequence[tuple[str, Sequence[tuple[float, float, str]]]] = ()
    chapters: Sequence[tuple[float, float, str]] = ()


@dataclass(frozen=True)
class Joined:
    """The places of the clips whose pictures were encoded, and how loud the clips were (None: not measured)."""

    encoded: tuple[int, ...]
    delivered_lufs: float | None


def join(
    clips: Sequence[Path],
    out: Path,
    *,
    fps: Fraction | None = None,
    size: tuple[int, int] | None = None,
    convert: Mapping[int, Fit | None] | None = None,
    label: str | None = None,
    visible_label_s: float = 0.0,
    text: FilmText | None = None,
    lufs: float | None = None,
    bed: Bed | None = None,
    copies: Collection[Path] = (),
) -> Joined:
    """Write the clips one after the other into one file.

    Clips at the places of `convert` have another rate or size than `fps` and `size` (width, height; not said: those of
    the first clip), and are brought to them, each by its fit. Clips of equal codec, size, rate and encoder settings
    are then copied, exact to the frame; otherwise all are encoded at that size and rate. Where the visible label lies
    over the first `visible_label_s` seconds, the clips of the opening are encoded again, and the others are copied if
    they are like those. Sound is encoded anew in one piece whenever a clip has some: it then has no gap or click at a
    cut, and silent clips stay silent; with `bed` there is music under it, and with `lufs` all of it is brought to that
    loudness. The file has one AIGC label: `label`, or the first one that a clip has; and the streams and chapters of
    `text`. Clips that are `copies` are deleted as they are read.

    Raises:
        BadDelivery: A clip cannot be read, or there is none.
        StorageProblem: The disk does not take the result.
    """
    if not clips:
        raise BadDelivery("There are no clips to join.")
    answer = _do(
        "footage.media.concat:join",
        _film_timeout_s(len(clips), size=size or (1920, 1080)),
        out,
        paths=[_name(clip) for clip in clips],
        out=_name(out),
        fps=None if fps is None else str(fps),
        size=size,
        convert=list((convert or {}).items()),
        label=label,
        visible_label_s=visible_label_s,
        lufs=lufs,
        bed=None if bed is None else bed.to_json(),
        copies=[_name(clip) for clip in copies],
        **asdict(text or FilmText()),
    )
    return Joined(tuple(answer["encoded"]), answer["delivered_lufs"])


@dataclass(frozen=True)
class ShownClip:
    """Frames `first` to `last` of a clip at the film's rate; the last `overlap` of them dissolve into the next clip."""

    path: Path
    first: int
    last: int
    overlap: int = 0
    fade_in: int = 0
    fade_out: int = 0
    fit: Fit | None = None


def compose(
    clips: Sequence[ShownClip],
    out: Path,
    *,
    fps: Fraction,
    size: tuple[int, int],
    label: str | None = None,
    visible_label_s: float = 0.0,
    text: FilmText | None = None,
    lufs: float | None = None,
    bed: Bed | None = None,
) -> Joined:
    """Write clips that go into each other into one file, all encoded at one rate and size (width, height).

    It has exactly the frames that the clips say, and as much sound; a clip that has fewer shows its last one longer.
    With `bed` there is music under it.

    Raises:
        BadDelivery: A clip cannot be read.
        StorageProblem: The disk does not take the result.
    """
    seconds = float(sum(clip.last - clip.first for clip in clips) / fps)
    answer = _do(
        "footage.media.composition:compose",
        # Encoding 1080p takes about half a second for each one of the film on two cores.
        _film_timeout_s(len(clips), seconds, size),
        out,
        clips=[[_name(clip.path), *astuple(clip)[1:]] for clip in clips],
        out=_name(out),
        fps=str(fps),
        size=size,
        label=label,
        visible_label_s=visible_label_s,
        lufs=lufs,
        bed=None if bed is None else bed.to_json(),
        **asdict(text or FilmText()),
    )
    return Joined(tuple(range(len(clips))), answer["delivered_lufs"])


def thumbnail(clips: Sequence[Path], out: Path, strip: Path, *, label: str | None) -> bool:
    """Write the sharpest of the clips' first, middle and last frames (JPEG, 1280x720, at most 2 MB) to `out`.

    `strip` gets all of them small, to choose from. Both carry the AIGC label. Returns whether there was a frame.

    Raises:
        BadDelivery: A clip cannot be read.
        StorageProblem: The disk does not take the pictures.
    """
    answer = _do(
        "footage.media.thumbnail:thumbnail",
        _film_timeout_s(len(clips)),
        out,
        paths=[_name(clip) for clip in clips],
        out=_name(out),
        strip=_name(strip),
        label=label,
    )
    return bool(answer["made"])


def _film_timeout_s(clips: int, seconds: float = 0.0, size: tuple[int, int] = (1920, 1080)) -> float:
    # Of 1080p; the largest film takes five times as long for each frame.
    larger = max(1.0, size[0] * size[1] / (1920 * 1080))
    return _ENCODE_TIMEOUT_S + (30.0 * clips + 10 * seconds) * larger


def _do(job: str, timeout_s: float, about: Path, **arguments: Any) -> dict[str, Any]:
    try:
        return _run(job, timeout_s, **arguments)
    except ChildError as error:
        if error.cause == "disk":
            raise StorageProblem(f"Could not write beside {about}: {error.reason}.") from error
        raise BadDelivery(f"{about.name} could not be used: {error.reason}.", reason=error.reason) from error


def _run(job: str, timeout_s: float, **arguments: Any) -> dict[str, Any]:
    bounds = Bounds(timeout_s, int(timeout_s * 4), address_space_bytes=_ADDRESS_SPACE_BYTES)
    return call(job, bounds, **arguments)[0]


def _name(path: Path) -> str:
    # Absolute: FFmpeg takes "x:y" at the start of a relative name for a protocol.
    return str(path.absolute())
