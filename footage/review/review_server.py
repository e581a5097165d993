"""Serves the review app until it is stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import uvicorn

from footage.network.listening_socket import listening_socket
from footage.review.access import Access, Addresses
from footage.review.cutter import Cutter
from footage.review.media_files import MediaFiles
from footage.review.purchases import Purchases
from footage.review.review_app import Parts, review_app

if TYPE_CHECKING:
    from footage.context import Context
    from footage.errors.actions import Action
    from footage.review.purchases import Start
    from footage.review.reviewed_boards import ReviewedBoards

logger = logging.getLogger(__name__)


async def serve_review(
    context: Context,
    boards: ReviewedBoards,
    start: Start,
    *,
    host: str,
    port: int,
    reviewer: str,
    write: Callable[[Action], str],
    on_ready: Callable[[str], None],
) -> None:
    """Serve until the process is told to end.

    Args:
        context: The store and the settings.
        boards: What is looked at.
        start: Starts the command that makes a retake.
        host: Address of this machine to listen on.
        port: Port; 0 takes a free one.
        reviewer: Who speaks, where the page does not say.
        write: How a command is written for a person.
        on_ready: Called with the one-time address of the first browser.

    Raises:
        InvalidRequest: The port cannot be used.
    """
    with listening_socket(host, port) as listening:
        access = Access(Addresses(listening.getsockname()[1], context.settings.review_url))
        cutter, media = Cutter(boards.cut), MediaFiles(context.store)
        purchases = Purchases(context, boards, start, write)
        app = review_app(Parts(context.store, boards, cutter, purchases, media, access, reviewer))
        if boards.own is not None and not boards.is_cut(boards.own):
            cutter.ask(boards.own)
        on_ready(access.invite("/" if boards.own is None else f"/boards/{quote(boards.own, safe='')}"))
        config = uvicorn.Config(
            app, log_level="warning", log_config=None, server_header=False, timeout_graceful_shutdown=2
        )
        try:
            await uvicorn.Server(config).serve([listening])
        finally:
            cutter.close()
            media.close()
