"""A clip that was delivered: its files in the store, and what the evidence keeps of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from footage.evidence.delivered_records import DeliveredRecord, Facts, Files, MarksRecord, StoredFile
from footage.marks import Marks
from footage.media import VideoFacts
from footage.storage.sha256 import sha256_of


@dataclass(frozen=True)
class StoredVideo:
    """One published video: its path in the store, and what was measured and read in the published bytes."""

    path: str
    facts: VideoFacts
    marks: Marks
    sha256: str
    size_bytes: int

    def record(self) -> StoredFile:
        """As it stands in the evidence, with what was measured."""
        return StoredFile.model_validate(
            {
                "path": self.path,
                "sha256": self.sha256,
                "size_bytes": self.size_bytes,
                "facts": self.facts.to_json(),
                "marks": self.marks.to_json(),
            }
        )


@dataclass(frozen=True)
class Delivered:
    """A finished delivery; `original` is the provider's file where `clip` was made from it."""

    clip: StoredVideo
    original: StoredVideo | None
    poster_path: str
    contact_sheet_path: str
    warnings: tuple[str, ...]

    def record(self) -> DeliveredRecord:
        """The form kept in the evidence: the clip's own values on top, `files` relative to the store."""
        return DeliveredRecord(
            sha256=self.clip.sha256,
            size_bytes=self.clip.size_bytes,
            facts=Facts.model_validate(self.clip.facts.to_json()),
            original=None if self.original is None else self.original.record(),
            files=Files(
                clip=self.clip.path,
                original=None if self.original is None else self.original.path,
                poster=self.poster_path,
                sheet=self.contact_sheet_path,
            ),
            marks=MarksRecord.model_validate(self.clip.marks.to_json()),
            warnings=list(self.warnings),
        )


def stored_video(path: str, local: Path, facts: VideoFacts, marks: Marks) -> StoredVideo:
    """A video of the store whose bytes lie here, too."""
    return StoredVideo(path, facts, marks, sha256_of(local), facts.size_bytes)
