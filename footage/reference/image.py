"""A reference image on its way: as it was given, and as it is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from footage.errors import Problem


@dataclass(frozen=True)
class PreparedImage:
    """An image as it is sent, and what was changed on the way, in words."""

    data: bytes
    mime: str
    width: int
    height: int
    changes: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of what is sent."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class ReferenceImage:
    """The image of one request: where from, SHA-256 of the bytes as given; prepared, or with problems."""

    source: str
    source_sha256: str | None
    prepared: PreparedImage | None
    problems: tuple[Problem, ...]
