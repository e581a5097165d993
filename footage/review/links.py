"""Addresses of the review app's pages, for where people read of a clip or a board; those of an app that is not there
yet lead to it once it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from footage.settings import Settings


def clip_page_url(settings: Settings, key: str) -> str | None:
    """Where a clip is in the gallery; None where the settings do not say how people reach the app."""
    return None if settings.review_url is None else f"{settings.review_url.rstrip('/')}/clips#{key}"


def board_page_url(settings: Settings, folder: str) -> str | None:
    """Where the takes of the board in this folder are looked at; None as for a clip."""
    if settings.review_url is None:
        return None
    return f"{settings.review_url.rstrip('/')}/boards/{quote(folder.rpartition('/')[2], safe='')}"
