"""SHA-256 of what is about to be stored, or was."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(body: bytes | Path) -> str:
    """Return the SHA-256 of bytes or of a local file in hex, reading a file in pieces."""
    if isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    with body.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(body: bytes | Path) -> int:
    """Return the size in bytes of bytes or of a local file."""
    return len(body) if isinstance(body, bytes) else body.stat().st_size
