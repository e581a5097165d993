"""Values and texts of others as they may be shown: without image data, secrets, and what acts on a terminal."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from footage.privacy.redact import redact

_SHOWN_CHARS = 60
_SECRET_NAME = re.compile(r"key|token|secret|passw|authori[sz]ation|credential", re.IGNORECASE)
_DATA_URI = re.compile(r"\s*data:", re.IGNORECASE)
# C0 and C1 controls (ESC and CSI among them), DEL, marks that turn the direction of writing or have no width, line
# separators, tags. Joiners belong to emoji and to Persian or Indian words; beside ASCII they only hide something.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def plain(text: str) -> str:
    """Text that only shows: what a terminal or a browser would act on is written out, such as `\\x1b`.

    Line breaks and tabs stay.
    """
    return _UNSEEN.sub(lambda found: _written_out(found[0]), text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Plain text on one line."""
    return " ".join(plain(text).split())


def plain_json(document: str) -> str:
    """A JSON document that only shows; it still means the same."""
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1].replace("\x7f", "\\u007f"), document)


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown(value: object, *, field: str = "") -> str:
    """A value as it may stand in a message.

    Data URIs and bytes become their length, URLs lose user and query, and what stands in a field named like a
    secret is not shown at all.
    """
    if _SECRET_NAME.search(field):
        return "(not shown)"
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return _shortened(value) if _DATA_URI.match(value) else _shortened(repr(shown_reference(value)))
    if isinstance(value, dict | list | tuple | set):
        # Their contents may be anything, at any depth.
        return f"{type(value).__name__} of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, int) and value.bit_length() > 200:
        # Python refuses to print very long numbers.
        return f"a number of {value.bit_length()} bits"
    return _shortened(repr(value))


def _shortened(text: str) -> str:
    if _DATA_URI.match(text):
        return f"a data: URI of {len(text)} characters"
    # Cut after the redaction: half a key would no longer look like one.
    text = redact(text[:10_000])
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def shown_reference(reference: str | bytes) -> str:
    """Where a file comes from: a path, a URL without user and query, or the length of inline data."""
    if isinstance(reference, bytes):
        return f"{len(reference)} bytes"
    if _DATA_URI.match(reference):
        return f"a data: URI of {len(reference)} characters"
    return shown_url(reference) if _URL.match(reference) else reference


def shown_url(url: str) -> str:
    """A URL as it may be shown: scheme, host, port and path.

    User, password, query and fragment are where URLs keep their secrets; what looks like one in the path goes, too.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an unreadable URL"
    host = parts.netloc.rpartition("@")[2]
    return redact(f"{parts.scheme}://{host}{parts.path}") + ("?…" if parts.query else "")
