"""The last frame of a finished clip, from which the next shot of a chain starts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from footage.errors import AlreadyThere, NotThere
from footage.evidence.clip_evidence import ClipEvidence
from footage.scratch import scratch_folder
from footage.steps.delivered_bytes import clip_as_delivered, require_delivered_bytes

if TYPE_CHECKING:
    from footage.storage import Store


def last_frame_path(key: str) -> str:
    """Where the last frame of a clip is kept once a shot has started from it."""
    return f"videos/{key}.last.png"


def last_frame_of(store: Store, key: str) -> bytes:
    """The clip's last frame as PNG, kept in the store as `videos/<key>.last.png`.

    Kept, because its bytes are part of the next clip's key: another version of a decoder or of zlib must not
    make a chain that is paid for look like a new one.

    Raises:
        NotThere: There is no such clip, or it is not delivered.
        BadDelivery: The clip cannot be decoded.
        StorageProblem: The store cannot be read or written, or the clip in it is not the one that was delivered.
    """
    from footage.media import last_frame

    path = last_frame_path(key)
    with contextlib.suppress(NotThere):
        return store.read(path)
    evidence = ClipEvidence(store, key)
    delivered = clip_as_delivered(evidence)
    if delivered is None:
        raise NotThere(f"Clip {key[:12]} has no video yet.", key=key)
    with scratch_folder() as folder:
        clip, frame = folder / "clip.mp4", folder / "frame.png"
        store.get_file(delivered.path, clip)
        require_delivered_bytes(evidence, delivered, clip)
        last_frame(clip, frame)
        with contextlib.suppress(AlreadyThere):
            store.create(path, frame.read_bytes())
    # Whoever was first has decided the bytes.
    return store.read(path)
