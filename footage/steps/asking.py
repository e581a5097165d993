"""Free questions that several steps ask the provider."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from footage.errors import Throttled, Unreachable

if TYPE_CHECKING:
    from footage.provider import TaskRow, WanClient
    from footage.studio import Studio

logger = logging.getLogger(__name__)


def learn_clock(studio: Studio, client: WanClient) -> None:
    """Learn the provider's time, once for each studio; without an answer ours has to do."""
    if studio.clock_offset_s is not None:
        return
    try:
        studio.note_clock(client.probe().clock_offset_s)
    except (Unreachable, Throttled) as error:
        logger.warning("The provider's clock is not known: %s", error.message)


def list_all(client: WanClient, model: str | None = None) -> list[TaskRow]:
    """Every task that the provider lists, of one model or of all: those of the last 24 h.

    Raises:
        AccountProblem, Unreachable, Throttled: The list could not be read to its end.
    """
    rows: list[TaskRow] = []
    page = 1
    while True:
        answer = client.list_tasks(model=model, page=page, page_size=50)
        rows.extend(answer.rows)
        if page >= answer.total_pages or not answer.rows:
            return rows
        page += 1
