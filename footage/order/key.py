"""The key of a clip: the same request is the same clip, on any machine, in any region, today and next year.

A change here makes clips that were bought before unfindable, so it must raise `VERSION` and be meant. What
does not change the clip is not part of the key: region, conform, strict, a visible label of our own (drawn on a copy).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from footage.request import VideoRequest
from footage.values.frame_rate import rate_in_key

VERSION = 1

# A signed link to the same file differs from hour to hour; a new signature must not buy a new clip. What
# x-oss-process asks for makes another file of it.
_SIGNING = re.compile(
    r"Signature|Expires|OSSAccessKeyId|AWSAccessKeyId|GoogleAccessId|security-token|Policy|Key-Pair-Id|auth_key"
    r"|x-(?:amz|goog|tos)-.*|x-cos-security-token|x-oss-(?!process$).*"
    r"|q-(?:sign-algorithm|ak|sign-time|key-time|header-list|url-param-list|signature)",
    re.IGNORECASE,
)
# Azure's parts are too short to mean anything without the signature that they belong to.
_SIGNED_BY_AZURE = re.compile(r"s(?:ig?|v|s|rt?|p|pr|e|t|ip|k[a-z]{1,3})")


def seed_and_key(
    request: VideoRequest, image_sha256: str | None, media: Sequence[tuple[str, str]] = ()
) -> tuple[int, str]:
    """The seed to send and the key, 64 hexadecimal digits, of a request with its defaults filled in.

    `media` is role and SHA-256 of what is given beside the first frame, in its order, which a prompt counts. A seed
    that is not given follows from the rest of the material.
    """
    pictured = image_sha256 is not None or bool(media)
    material: dict[str, Any] = {
        "version": VERSION,
        "model": request.model,
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "duration": request.duration,
        "fps": rate_in_key(request.fps),
        "size": request.size,
        "seed": request.seed,
        "reference_sha256": image_sha256,
        # Adding 0.0 turns -0.0 into 0.0.
        "motion_strength": None if request.motion_strength is None else request.motion_strength + 0.0,
        "prompt_extend": request.prompt_extend,
        "shot_type": request.shot_type,
        "audio": request.audio,
        "audio_url": None if request.audio_url is None else unsigned(request.audio_url),
        "watermark": request.asks_watermark,
        "fit": request.fit if pictured else None,
        "pad_color": request.pad_color if pictured else None,
        "take": request.take,
    }
    if media:
        # Not there without media, so that requests from before they could be given keep their keys.
        material["media"] = [list(one) for one in media]
    if request.seed is None:
        # 31 bits: the provider takes 0 to 2147483647.
        material["seed"] = int.from_bytes(_digest(material)[:4], "big") & 0x7FFF_FFFF
    return material["seed"], _digest(material).hex()


# Of a request that says nothing about it.
DEFAULT_RENDITION = ("none", "auto")


def rendition_of(request: VideoRequest) -> tuple[str, str]:
    """What of a request decides, beside the key, which file of the clip it gets, and the notes about it."""
    return "own" if request.visible_label == "own" else "none", request.conform


def _digest(material: dict[str, Any]) -> bytes:
    canonical = json.dumps(material, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).digest()


def unsigned(url: str) -> str:
    """A link as the key has it, without what signs it."""
    parts = urlsplit(url)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    azure = any(name == "sig" for name, _ in asked)
    kept = [
        (name, value)
        for name, value in asked
        if not (_SIGNING.fullmatch(name) or (azure and _SIGNED_BY_AZURE.fullmatch(name)))
    ]
    return urlunsplit(parts._replace(query=urlencode(kept)))
