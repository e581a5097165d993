"""Bring published videos back that were lost or damaged: with the bytes that they had, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from footage.errors import BadDelivery
from footage.evidence.delivered_records import StoredFile
from footage.media import conform as make_conform
from footage.media import inspect, relabel
from footage.scratch import scratch_folder
from footage.steps.delivery_verdict import judge
from footage.storage.sha256 import sha256_of
from footage.transfer import Limits, download

if TYPE_CHECKING:
    from footage.order import Expected
    from footage.storage import Store


def fetch_and_compare(
    expected: Expected,
    url_source: Callable[[], str],
    store: Store,
    videos: Sequence[StoredFile],
    *,
    conform: Literal["auto", "never"] = "auto",
    limits: Limits | None = None,
) -> None:
    """Bring published videos back to the bytes that they had; nothing is replaced by anything else.

    `videos` is the clip, and behind it the provider's own file where the clip was converted from that.

    Raises:
        BadDelivery: What came or was made here has other bytes than what was published.
        ClipLost, Unreachable, StorageProblem: As for a first delivery.
    """
    clip, source = videos[0], videos[-1]
    with scratch_folder() as folder:
        local, conformed = folder / "source.mp4", folder / "conformed.mp4"
        if not _fetch_whole(store, source, local):
            download(url_source, local, limits or Limits())
            _publish_again(store, source, local)
        if clip is source or _fetch_whole(store, clip, conformed):
            return
        verdict = judge(inspect(local), expected, conform=conform)
        label = _label_of_ours(clip, source)
        if verdict.conform:
            # An earlier release, which wrote nothing about marks, lost them.
            kept = clip.marks is not None
            make_conform(local, conformed, fps=verdict.fps, size=verdict.size, label=label, keep_label=kept)
        elif label is not None:
            relabel(local, conformed, label)
        else:
            raise BadDelivery(f"{clip.path} was made from {source.path} in a way that is not known")
        _publish_again(store, clip, conformed)


def _label_of_ours(clip: StoredFile, source: StoredFile) -> str | None:
    """The label that the clip got here, because its source had none."""
    if clip.marks is None or not clip.marks.aigc or source.marks is None or source.marks.aigc:
        return None
    return clip.marks.aigc[0].text


def _fetch_whole(store: Store, video: StoredFile, local: Path) -> bool:
    """Copy a published video here; whether it is there and whole."""
    facts = store.facts(video.path)
    if facts is None or facts.size_bytes != video.size_bytes:
        return False
    store.get_file(video.path, local)
    return sha256_of(local) == video.sha256


def _publish_again(store: Store, video: StoredFile, local: Path) -> None:
    if sha256_of(local) != video.sha256:
        raise BadDelivery(f"What there is for {video.path} now has other bytes than were published")
    store.replace_file(video.path, local)
