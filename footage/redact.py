"""Takes secrets and bulk out of what is kept or shown, and leaves everything else as it was.

Removed: the signing parts of signed URLs (Alibaba OSS V1 and V4, AWS S3 V2 and V4, CloudFront, Google, Azure,
Tencent, Volcengine), tokens in queries, passwords before a host, `Authorization` headers, `sk-…` keys, every key
that this process knows, and the bytes of `data:` URIs. A URL stays recognisable (host, path, expiry) but opens
nothing any more.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")

GONE = "[redacted]"

_SECRET_NAMES = frozenset(
    {"authorization", "proxy-authorization", "api_key", "api-key", "x-api-key", "dashscope_api_key"}
)

_SIGNING = (
    r"Signature|OSSAccessKeyId|AWSAccessKeyId|security-token|x-amz-[a-z-]+"
    r"|x-(?:oss|goog|tos|cos)-(?:signature|credential|security-token)|Policy|Key-Pair-Id|sig|q-signature"
    r"|(?:access_|auth_)?token|auth|(?:access_|api_?|auth_)?key|secret|password|passwd|pwd"
)
# A parameter may follow a plain "&", its forms in HTML and JSON, or be part of a URL inside a URL.
_PARAMETER = re.compile(
    rf"((?:[?&;]|\\u0026|%26|%3F)(?:{_SIGNING})(?:=|%3D))(?:(?!%26)[^&\s\"'<>\\])+", re.IGNORECASE
)
_HEADER = re.compile(
    r"(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic)\s+)?[^\s\"',]+", re.IGNORECASE
)
_BEARER = re.compile(r"(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
# Not inside a word ("risk-assessment"), and with a digit or a capital, so that ordinary text is left alone
# ("sk-storyboards"). A full stop belongs to a key ("sk-ws-H.…") unless it ends it.
_KEY = re.compile(
    r"(?<![A-Za-z0-9_-])sk-(?=[A-Za-z0-9_.-]*[A-Z0-9])(?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_-])){8,}"
)
_PASSWORD = re.compile(r"(://[^\s/?#@:\"'<>]*:)[^\s/?#@\"'<>]+@")
_DATA_URI = re.compile(
    r"(data:[\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*(?:;base64)?,)([^\s\"'<>)\\\[]+)", re.IGNORECASE
)

# Keys have several shapes, and somebody may answer with the one that was sent.
_known: set[str] = set()


def never_show(secret: str) -> None:
    """Take this text out of everything from now on, whatever it looks like."""
    # Keys have 35 characters and more; what a test calls its key may be an ordinary word.
    if len(secret) >= 16:
        _known.add(secret)


def redact(value: T) -> T:
    """The same shape without secrets; mappings, lists, tuples and strings are walked, the rest is kept."""
    return cast(T, _walk(value))


class Discreet(logging.Filter):
    """Takes images, keys, signatures and tracebacks out of a library's log, for those who switch it on."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


def _walk(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {
            name: GONE if str(name).lower() in _SECRET_NAMES and item else _walk(item)
            for name, item in entries.items()
        }
    if isinstance(value, list):
        return [_walk(item) for item in cast("list[Any]", value)]
    if isinstance(value, tuple):
        return tuple(_walk(item) for item in cast("tuple[Any, ...]", value))
    return value


def _text(text: str) -> str:
    for secret in tuple(_known):
        text = text.replace(secret, GONE)
    text = _DATA_URI.sub(lambda match: f"{match[1]}[{len(match[2])} characters]", text)
    text = _PARAMETER.sub(rf"\1{GONE}", text)
    text = _HEADER.sub(rf"\1{GONE}", text)
    text = _PASSWORD.sub(rf"\1{GONE}@", text)
    text = _BEARER.sub(rf"\1{GONE}", text)
    return _KEY.sub(GONE, text)
