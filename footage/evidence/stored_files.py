"""Are the stored videos the ones that were delivered?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from footage.evidence.delivered_records import DeliveredRecord, ResultRecord, StoredFile

if TYPE_CHECKING:
    from footage.evidence.clip_evidence import ClipEvidence
    from footage.storage import Store


def videos_of(
    evidence: ClipEvidence, result: ResultRecord | None, delivered: DeliveredRecord | None
) -> tuple[StoredFile, ...]:
    """The videos of a delivered clip, on which both of its records agree.

    Raises:
        BadRecord: They contradict each other.
    """
    from_result = () if result is None else result.videos
    from_delivery = () if delivered is None else delivered.videos
    if from_result and from_delivery and _bytes_of(from_result) != _bytes_of(from_delivery):
        evidence.reader.refuse(f"{evidence.folder}/result.json", "its videos are not those of delivered.json")
    return from_delivery or from_result


def _bytes_of(videos: Iterable[StoredFile]) -> list[tuple[str, str, int]]:
    return [(video.path, video.sha256, video.size_bytes) for video in videos]


def damage(store: Store, videos: Iterable[StoredFile], *, hashed: bool = False) -> str | None:
    """What is wrong with the first stored video that is not as it was delivered; None: nothing.

    The SHA-256 is compared, too: as a remote store noted it, else of the bytes. Where a remote store noted none they
    are read only if they have to be `hashed`.
    """
    for video in videos:
        facts = store.facts(video.path)
        if facts is None:
            return f"{video.path} is no longer in {store.url}"
        if facts.size_bytes != video.size_bytes:
            return f"{video.path} has {facts.size_bytes:,} bytes, and {video.size_bytes:,} were delivered"
        sha256 = facts.sha256 or (store.sha256(video.path) if hashed or not store.remote else None)
        if sha256 is not None and sha256 != video.sha256:
            return f"{video.path} has other bytes than were delivered"
    return None
