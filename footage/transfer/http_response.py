"""What an answer to "give me the bytes from here on" means. Decisions only: no clock, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# No file has more bytes; Python refuses to read numbers of thousands of digits.
_NUMBER = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(rf"bytes ({_NUMBER.pattern})-({_NUMBER.pattern})/({_NUMBER.pattern}|\*)")
# The same header twice with two values is one answer to us and another to whoever stands between.
_ONCE = {"content-length", "content-range", "content-encoding", "etag", "x-oss-hash-crc64ecma"}


@dataclass(frozen=True)
class Take:
    """Read the body; its first byte belongs at `offset`; `total_bytes` is None when nobody says."""

    offset: int
    total_bytes: int | None


@dataclass(frozen=True)
class Restart:
    """The object is not the one that was begun: forget what is there and ask for all of it."""

    reason: str


@dataclass(frozen=True)
class Refresh:
    """The link is used up: ask for a fresh one and go on where we are."""

    reason: str
    gone: bool


@dataclass(frozen=True)
class Later:
    """The server cannot just now."""

    reason: str
    retry_after_s: float | None


@dataclass(frozen=True)
class Stop:
    """Asking again would change nothing."""

    reason: str


Move = Take | Restart | Refresh | Later | Stop


@dataclass(frozen=True)
class Begun:
    """What is known of the object from earlier answers, and how much of it is on the disk."""

    size_bytes: int = 0
    total_bytes: int | None = None
    etag: str | None = None


def next_move(status: int, headers: Mapping[str, str], begun: Begun) -> Move:
    """Decide from status and headers (names in lower case) what to do with the answer.

    403 is what OSS says when a signed link has expired ("Request has expired."), 404 when the object is
    gone; 412 and 416 mean that the object changed under a Range request with If-Match (RFC 9110).
    """
    coding = headers.get("content-encoding", "identity").lower()
    if status in {200, 206} and coding not in {"", "identity"}:
        return Stop(f"the result came encoded as {coding} although it was asked for as it is")
    if status == 200:
        # Also the answer of servers that do not know Range: the body starts at the first byte.
        return Take(0, number(headers.get("content-length")))
    if status == 206:
        return _next_part(headers, begun)
    if status in {412, 416}:
        return Restart(f"the object changed while it was read (HTTP {status})")
    if status in {401, 403, 404, 410}:
        return Refresh(f"the link does not work (HTTP {status})", gone=status in {404, 410})
    if status in {408, 425, 429} or status >= 500:
        return Later(f"HTTP {status}", number(headers.get("retry-after")))
    return Stop(f"unexpected answer HTTP {status}")


def _next_part(headers: Mapping[str, str], begun: Begun) -> Move:
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None:
        return Restart("a partial answer did not say which part it is")
    total = None if match[3] == "*" else int(match[3])
    etag = headers.get("etag")
    if int(match[1]) != begun.size_bytes:
        return Restart("a partial answer was for another part")
    if begun.etag and etag and etag != begun.etag:
        return Restart("the object changed while it was read (ETag)")
    if begun.total_bytes is not None and total is not None and total != begun.total_bytes:
        return Restart("the object changed its size while it was read")
    return Take(begun.size_bytes, total if total is not None else begun.total_bytes)


def number(text: str | None) -> int | None:
    """A header's whole number of 0 or more; None for all else, such as signs, digits of other scripts, 5,000 digits."""
    found = _NUMBER.fullmatch(text.strip()) if text is not None else None
    return int(found[0]) if found else None


def crc64_of(text: str | None) -> int | None:
    """OSS's checksum, a number of 64 bits; None for all else."""
    text = (text or "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) and int(text) < 1 << 64 else None


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """Headers by their names in lower case; None if one that counts is there twice with two values."""
    names: dict[str, str] = {}
    for name, value in headers:
        before = names.setdefault(name.lower(), value)
        if before != value and name.lower() in _ONCE:
            return None
    return names


def what_is_it(first_bytes: bytes) -> str | None:
    """Name what begins with these (at least 12) bytes if it is not an MP4; None when it is one.

    An MP4 file starts with a box of type "ftyp" (ISO/IEC 14496-12); error pages and OSS's XML do not.
    """
    if first_bytes[4:8] == b"ftyp":
        return None
    text = first_bytes.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html")):
        return "an HTML page"
    if text.startswith(b"<"):
        return "an XML message"
    if text.startswith((b"{", b"[")):
        return "a JSON message"
    return "something else"
