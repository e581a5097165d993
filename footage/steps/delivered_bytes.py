"""The stored clip that something is made from: the bytes that were delivered, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.errors import StorageProblem
from footage.errors.actions import NextStep, Rerun
from footage.storage.sha256 import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from footage.evidence.clip_evidence import ClipEvidence
    from footage.evidence.delivered_records import StoredFile


def clip_as_delivered(evidence: ClipEvidence) -> StoredFile | None:
    """The clip itself as it was delivered; None: it was not yet.

    Raises:
        BadRecord: Its records do not fit.
    """
    stored = evidence.delivered() or evidence.result()
    return stored.videos[0] if stored else None


def require_delivered_bytes(evidence: ClipEvidence, clip: StoredFile, copied: bytes | Path) -> None:
    """Refuse a copy of the stored clip that is not what was delivered, before anything is made or bought from it.

    Raises:
        StorageProblem: It has other bytes.
    """
    if sha256_of(copied) != clip.sha256:
        raise StorageProblem(
            f"{evidence.store.url}/{clip.path} has other bytes than were delivered.",
            next_step=NextStep.of(Rerun(evidence.key), " brings it back while the provider has it"),
            key=evidence.key,
        )
