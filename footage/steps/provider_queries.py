"""Free questions that several steps ask the provider."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from footage.errors import Throttled, Unreachable
from footage.evidence.reader import RecordReader
from footage.evidence.records import Intent, Receipt
from footage.network.endpoints import NOT_KNOWN
from footage.privacy.display import shown

if TYPE_CHECKING:
    from footage.context import Context
    from footage.provider import TaskRow, WanClient

logger = logging.getLogger(__name__)

# Pages of 50: more tasks than an account makes in a day.
MOST_PAGES = 2_000


def client_of(context: Context, record: Intent | Receipt) -> WanClient:
    """The client of the endpoint that a record names, if the key may be sent there.

    Raises:
        BadRecord: The endpoint is neither the provider's nor the configured one.
        AccountProblem: There is no usable key.
    """
    if context.knows(record.endpoint, record.workspace) is None:
        name = "receipt" if isinstance(record, Receipt) else "intent"
        path = f"evidence/{record.key}/attempt-{record.attempt}/{name}.json"
        RecordReader(context.store).refuse(
            path, f"the key is not sent to its endpoint {shown(record.endpoint)}, because {NOT_KNOWN}"
        )
    return context.client(record.endpoint, record.workspace, context.key_for(record))


def learn_clock(context: Context, client: WanClient) -> None:
    """Learn the provider's time, once for each context; without an answer ours has to do."""
    if context.clock_offset_s is not None:
        return
    try:
        context.note_clock(client.probe().clock_offset_s)
    except (Unreachable, Throttled) as error:
        logger.warning("The provider's clock is not known: %s", error.message)


def list_all(context: Context, client: WanClient, model: str | None = None) -> list[TaskRow]:
    """Every task that the provider lists, of one model or of all: those of the last 24 h, as of now or later.

    One list answers for all clips of the run that ask at the same time: after a crash that may be hundreds.

    Raises:
        AccountProblem, Unreachable, Throttled: The list could not be read to its end.
    """
    account = client.base_url, client.api_key.fingerprint, client.workspace, model
    return context.account_lists.ask(account, lambda: _list_all(client, model))


def _list_all(client: WanClient, model: str | None) -> list[TaskRow]:
    rows: list[TaskRow] = []
    for page in range(1, MOST_PAGES + 1):
        answer = client.list_tasks(model=model, page=page, page_size=50)
        rows.extend(answer.rows)
        if page >= answer.total_pages or not answer.rows:
            return rows
    raise Unreachable(f"The task list does not end after {MOST_PAGES} pages.")
