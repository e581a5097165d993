"""The response of a stored clip, from its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footage.request import Cost, VideoResponse

if TYPE_CHECKING:
    from footage.storage import Store


def response_of(store: Store, document: dict[str, Any], *, cached: bool) -> VideoResponse:
    """The response from a `result.json`, with links as the store makes them today: signed ones expire."""
    files = document["files"]
    # Fields that a later version added are kept in the evidence, and mean nothing here.
    fields = {name: value for name, value in document["clip"].items() if name in VideoResponse.model_fields}
    if cost := fields.get("cost"):
        fields["cost"] = {name: value for name, value in cost.items() if name in Cost.model_fields}

    def link(name: str) -> str | None:
        return store.url_of(files[name]) if files.get(name) else None

    return VideoResponse.model_validate(
        {
            **fields,
            "video_url": link("clip"),
            "original_url": link("original"),
            "thumbnail_url": link("poster"),
            "contact_sheet_url": link("sheet"),
            "evidence_url": store.url_of(f"evidence/{document['key']}"),
            "cached": cached,
        }
    )
