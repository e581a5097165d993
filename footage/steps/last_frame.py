"""The last frame of a finished clip, from which the next shot of a chain starts."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from footage.errors import AlreadyThere, NotThere, StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.delivered_records import LastFrameRecord, StoredFile
from footage.scratch import scratch_folder
from footage.steps.delivered_bytes import clip_as_delivered, require_delivered_bytes
from footage.storage.sha256 import sha256_of

if TYPE_CHECKING:
    from footage.storage import Store


def last_frame_path(key: str) -> str:
    """Where the last frame of a clip is kept once a shot has started from it."""
    return f"videos/{key}.last.png"


def kept_last_frame(store: Store, key: str) -> bytes | None:
    """The frame that a shot has started from before; None: there is none, or not as it was kept.

    Raises:
        StorageProblem: The store cannot be read, or what it says of the frame does not fit.
    """
    record = ClipEvidence(store, key).last_frame()
    with contextlib.suppress(NotThere):
        frame = store.read(last_frame_path(key))
        return frame if record is None or _as_kept(frame, record) else None
    return None


def last_frame_of(store: Store, key: str) -> bytes:
    """The clip's last frame as PNG, kept in the store as `videos/<key>.last.png`.

    Kept, because its bytes are part of the next clip's key: another version of a decoder or of zlib must not
    make a chain that is paid for look like a new one.

    Raises:
        NotThere: There is no such clip, or it is not delivered.
        BadDelivery: The clip cannot be decoded.
        StorageProblem: The store cannot be read or written, or the clip or the frame in it is not the one that was
            kept.
    """
    path, evidence = last_frame_path(key), ClipEvidence(store, key)
    record = evidence.last_frame()
    try:
        kept = store.read(path)
    except NotThere:
        made_from, frame = _decoded(evidence)
        with contextlib.suppress(AlreadyThere):
            store.create(path, frame)
        # Whoever was first has decided the bytes.
        kept = store.read(path)
        if record is None or not _as_kept(kept, record):
            _write_down(evidence, made_from, kept)
        return kept
    if record is None:
        # Of an earlier release, or of a process that died here: the shots that started from it are paid for.
        delivered = clip_as_delivered(evidence)
        if delivered is not None:
            _write_down(evidence, delivered, kept)
        return kept
    if _as_kept(kept, record):
        return kept
    _, frame = _decoded(evidence)
    if not _as_kept(frame, record):
        raise StorageProblem(
            f"{store.url}/{path} has other bytes than shots have started from, and what is decoded here has, too.",
            next_step="restore it from a backup; or delete it, and shots that are not bought yet start from a new one",
            key=key,
        )
    store.replace(path, frame)
    return frame


def _as_kept(frame: bytes, record: LastFrameRecord) -> bool:
    return sha256_of(frame) == record.file.sha256


def _decoded(evidence: ClipEvidence) -> tuple[StoredFile, bytes]:
    from footage.media import last_frame

    delivered = clip_as_delivered(evidence)
    if delivered is None:
        raise NotThere(f"Clip {evidence.key[:12]} has no video yet.", key=evidence.key)
    with scratch_folder() as folder:
        clip, frame = folder / "clip.mp4", folder / "frame.png"
        evidence.store.get_file(delivered.path, clip)
        require_delivered_bytes(evidence, delivered, clip)
        last_frame(clip, frame)
        return delivered, frame.read_bytes()


def _write_down(evidence: ClipEvidence, made_from: StoredFile, frame: bytes) -> None:
    file = StoredFile(path=last_frame_path(evidence.key), sha256=sha256_of(frame), size_bytes=len(frame))
    evidence.write_last_frame(
        LastFrameRecord(key=evidence.key, made_at=datetime.now(UTC), made_from=made_from.sha256, file=file)
    )
