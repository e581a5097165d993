"""The response of a stored clip, from its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.request import Cost, VideoResponse

if TYPE_CHECKING:
    from footage.evidence.delivered_records import LabelledRecord, ResultRecord
    from footage.storage import Store


def response_of(store: Store, result: ResultRecord, *, cached: bool) -> VideoResponse:
    """The response from a `result.json`, with links as the store makes them today: signed ones expire."""
    clip, files = result.clip, result.files

    def link(path: str | None) -> str | None:
        return store.url_of(path) if path else None

    return VideoResponse(
        video_url=store.url_of(files.clip),
        duration=clip.duration,
        fps=clip.fps,
        seed=clip.seed,
        key=clip.key,
        model=clip.model,
        region=clip.region,
        task_id=clip.task_id,
        size=clip.size,
        size_bytes=clip.size_bytes,
        sha256=clip.sha256,
        # Fields that a later version added are kept in the evidence, and mean nothing here.
        cost=None
        if clip.cost is None
        else Cost.model_validate(clip.cost.model_dump(include=set(Cost.model_fields))),
        cached=cached,
        warnings=clip.warnings,
        original_url=link(files.original),
        thumbnail_url=link(files.poster),
        contact_sheet_url=link(files.sheet),
        evidence_url=store.url_of(f"evidence/{result.key}"),
    )


def labelled_response(store: Store, response: VideoResponse, copy: LabelledRecord) -> VideoResponse:
    """The response of a clip for who wants the visible label: about its copy, and leading to a file without it."""
    return response.model_copy(
        update={
            "video_url": store.url_of(copy.file.path),
            "size_bytes": copy.file.size_bytes,
            "sha256": copy.file.sha256,
            "original_url": response.original_url or response.video_url,
            "warnings": [*response.warnings, *copy.warnings],
        }
    )
