"""Values of a request as they may be shown: short, without image data, without what looks like a key."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlsplit

_SHOWN_CHARS = 60
# Alibaba's keys are "sk-" and 32 or more characters; 12 catches cut ones too and still lets "sk-" words pass.
_KEY_LIKE = re.compile(r"\b(?:sk-[\w-]{12,}|LTAI\w{12,}|Bearer\s+\S+)", re.IGNORECASE)
_SECRET_NAME = re.compile(r"key|token|secret|passw|authori[sz]ation|credential", re.IGNORECASE)
_DATA_URI = re.compile(r"\s*data:", re.IGNORECASE)


def shown(value: object, *, field: str = "") -> str:
    """A value as it may stand in a message: at most some 60 characters on one line.

    Data URIs and bytes become their length; what looks like a key, or stands in a field named like one,
    is not shown at all.
    """
    if _SECRET_NAME.search(field):
        return "(not shown)"
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        if _DATA_URI.match(value):
            return f"a data: URI of {len(value)} characters"
        if _KEY_LIKE.search(value):
            return "(not shown, looks like a key)"
        if re.match(r"https?://", value, re.IGNORECASE):
            value = without_query(value)
        return _shortened(repr(value))
    if isinstance(value, dict | list | tuple | set):
        # Their contents may be anything, at any depth.
        kind = "an object" if isinstance(value, dict) else "a list"
        return f"{kind} of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**_SHOWN_CHARS:
        # Python itself refuses to print very long numbers.
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return "(not shown, looks like a key)" if _KEY_LIKE.search(text) else _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def without_query(url: str) -> str:
    """The URL without user, password, query and fragment, which are where URLs keep their secrets."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an unreadable URL"
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


def shown_reference(reference: str | bytes) -> str:
    """Where a reference image came from: a path or URL, or length and SHA-256 of inline data."""
    if isinstance(reference, bytes) or _DATA_URI.match(reference):
        data = reference if isinstance(reference, bytes) else reference.encode("utf-8", "replace")
        kind = "bytes" if isinstance(reference, bytes) else "data: URI"
        return f"{kind}, length {len(data)}, SHA-256 {hashlib.sha256(data).hexdigest()}"
    if re.match(r"https?://", reference, re.IGNORECASE):
        return without_query(reference)
    return reference
