"""What goes into a model beside the first frame: a last frame, references, a clip that is continued.

All of it is read before anything is sent, so that its hash is part of the clip's key, its length part of the price,
and what the service would only refuse seconds later is refused here. Frames are sent inline; everything else is
uploaded to the provider right before the create.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from footage.catalogue import CATALOGUE, ModelCard, offered_models, tier_of
from footage.child import Bounds, ChildError, call
from footage.errors import FootageError, InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.privacy.display import shown_reference
from footage.reference.preparation import Fit, prepare
from footage.reference.source import load
from footage.request import VideoRequest

Role = Literal["last_frame", "image", "video", "voice", "extend_from"]
# A clip of the store, by its key or the beginning of it; a file that is called so is written ./abcdef.
_CLIP_KEY = re.compile(r"[0-9a-f]{6,64}")
CLIP_ADDRESS = "clip:"
_BOUNDS = Bounds(wall_s=60, processor_s=10, data_bytes=500 << 20)
_MIMES = {"mp4": "video/mp4", "mov": "video/quicktime", "wav": "audio/wav", "mp3": "audio/mpeg"}


@dataclass(frozen=True)
class PreparedMedium:
    """A medium as it is sent; sides in pixels and length in seconds where it has them."""

    data: bytes
    mime: str
    width: int = 0
    height: int = 0
    duration_s: float = 0.0
    fps: float = 0.0
    changes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """SHA-256 of what is sent."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Medium:
    """One medium of a request: which field, where from, SHA-256 as given; prepared, or with problems."""

    role: Role
    field: str
    source: str
    source_sha256: str | None
    prepared: PreparedMedium | None
    problems: tuple[Problem, ...]


def media_asked(request: VideoRequest) -> Iterator[tuple[Role, str, str | bytes]]:
    """Role, field and source of each medium of a request, in the order in which it has them."""
    if request.last_frame is not None:
        yield "last_frame", "last_frame", request.last_frame
    for number, reference in enumerate(request.references, start=1):
        yield reference.kind, f"references[{number}]", reference.source
    if request.extend_from is not None:
        yield "extend_from", "extend_from", request.extend_from


def read_media(
    request: VideoRequest, fetch_url: Callable[..., bytes], roots: InputRoots | None = None
) -> tuple[Medium, ...]:
    """Read what a request gives beside its first frame; nothing of it for a model that takes none of it.

    Errors of `fetch_url` other than InvalidRequest pass through; their detail `field` says what they are about.

    `fetch_url(url, max_bytes)` gives what is behind a link, or, behind `clip:KEY`, a clip of the store.
    """
    card = offered_models().get(request.model)
    if card is None:
        return ()
    return tuple(
        _read(request, role, field, source, fetch_url, roots)
        for role, field, source in media_asked(request)
        if takes(card, role)
    )


def takes(card: ModelCard, role: Role) -> bool:
    """Whether a model takes a medium of this role at all."""
    limits = card.references
    match role:
        case "last_frame":
            return card.last_frame
        case "extend_from":
            return card.continues_as is not None
        case "image":
            return limits is not None and limits.images > 0
        case "video":
            return limits is not None and limits.videos > 0
        case "voice":
            return limits is not None and limits.voices > 0


def _read(
    request: VideoRequest,
    role: Role,
    field: str,
    source: str | bytes,
    fetch_url: Callable[..., bytes],
    roots: InputRoots | None,
) -> Medium:
    shown = shown_reference(source)
    sha256 = None
    try:
        data = _bytes_behind(role, source, fetch_url, roots)
        sha256 = hashlib.sha256(data).hexdigest()
        return Medium(role, field, shown, sha256, _prepared(request, role, data), ())
    except InvalidRequest as error:
        problems = tuple(Problem(field, shown, p.message, p.allowed) for p in error.problems)
        return Medium(role, field, shown, sha256, None, problems)
    except FootageError as error:
        error.details["field"] = field
        raise


def _bytes_behind(
    role: Role, source: str | bytes, fetch_url: Callable[..., bytes], roots: InputRoots | None
) -> bytes:
    limits = CATALOGUE.media
    most = {
        "video": limits.video_max_bytes,
        "extend_from": limits.video_max_bytes,
        "voice": limits.sound_max_bytes,
    }.get(role, CATALOGUE.image.max_bytes)
    if role == "extend_from" and isinstance(source, str) and _CLIP_KEY.fullmatch(source):
        return fetch_url(f"{CLIP_ADDRESS}{source}", most)
    return load(source, lambda url: fetch_url(url, most), roots, max_bytes=most)


def _prepared(request: VideoRequest, role: Role, data: bytes) -> PreparedMedium:
    if role in ("last_frame", "image"):
        # A reference keeps its shape; the last frame gets that of the clip, as the first does.
        fit: Fit = request.fit if role == "last_frame" else "keep"
        size = request.size if tier_of(request.size) else "1280*720"
        color = request.pad_color if re.fullmatch("#[0-9A-Fa-f]{6}", request.pad_color) else "#000000"
        image = prepare(data, size, fit, color)
        return PreparedMedium(image.data, image.mime, image.width, image.height, changes=image.changes)
    facts = _facts("sound" if role == "voice" else "video", data)
    if facts["format"] is None:
        wanted = "WAV or MP3" if role == "voice" else "MP4 or MOV"
        raise _invalid(f"is no {wanted} that can be read.", wanted)
    prepared = PreparedMedium(
        data,
        _MIMES[facts["format"]],
        facts.get("width", 0),
        facts.get("height", 0),
        facts["duration_s"],
        facts.get("fps", 0.0),
    )
    if role != "voice":
        _require_sides(prepared)
    return prepared


def _facts(kind: str, data: bytes) -> dict[str, Any]:
    try:
        return call(f"footage.media.input_facts:{kind}", _BOUNDS, data=data)[0]
    except ChildError as error:
        raise _invalid(f"cannot be read: {error.reason}.") from error


def _require_sides(video: PreparedMedium) -> None:
    limits = CATALOGUE.media
    low, high, most = limits.video_min_side_px, limits.video_max_side_px, limits.max_aspect
    sides = sorted((video.width, video.height))
    if not low <= sides[0] <= sides[1] <= high or sides[1] > most * sides[0]:
        allowed = f"{low} to {high} pixels a side, the longer at most {most} times the shorter"
        raise _invalid(f"has {video.width}*{video.height} pixels.", allowed)


def _invalid(message: str, allowed: str | None = None) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("media", "the medium", message, allowed),))
