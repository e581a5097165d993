"""Free questions that several steps ask the provider."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_question_thread
from footage.errors import BadRecord, FootageError
from footage.errors.actions import NextStep, Rerun
from footage.evidence.records import Intent, Receipt
from footage.network.endpoints import NOT_KNOWN, SET_ENDPOINT
from footage.privacy.display import shown
from footage.steps.task_life import forgotten_at

if TYPE_CHECKING:
    from footage.context import Context
    from footage.provider import WanClient

logger = logging.getLogger(__name__)

# So long after the question for the provider's time nobody waits for its answer any more who does not need it.
CLOCK_PATIENCE_S = 5.0


def client_of(context: Context, record: Intent | Receipt) -> WanClient:
    """The client of the endpoint that a record names, if the key may be sent there.

    Raises:
        BadRecord: The endpoint is neither the provider's nor the configured one.
        AccountProblem: There is no usable key.
    """
    if context.knows(record.endpoint, record.workspace) is None:
        name, lost = "intent", ""
        if isinstance(record, Receipt):
            name, lost = "receipt", f"; from {forgotten_at(record):%F %H:%M} UTC on it counts as lost"
        path = f"evidence/{record.key}/attempt-{record.attempt}/{name}.json"
        raise BadRecord(
            f"{context.store.url}/{path}: the key is not sent to its endpoint {shown(record.endpoint)}, because "
            f"{NOT_KNOWN}.",
            next_step=NextStep.of(
                f"{SET_ENDPOINT}{lost}; or ",
                Rerun(record.key, buy_again=True),
                " to pay for a new one",
            ),
            key=record.key,
            path=path,
        )
    return context.client(record.endpoint, record.workspace, context.key_for(record))


async def learn_clock(context: Context, client: WanClient, *, needed: bool = False) -> None:
    """Learn the provider's time, once for each context; without an answer within a moment ours has to do.

    `needed`: a verdict follows from it, so it is waited for, and asked for again where it was not told just now.
    """
    if context.clock_offset_s is None:
        ask = partial(_ask_for_time, context, client)
        patience_s = None if needed else CLOCK_PATIENCE_S
        await context.clock_question.ask(client.asks_as, ask, patience_s=patience_s, anew=needed)


async def _ask_for_time(context: Context, client: WanClient) -> None:
    try:
        probe = await in_question_thread(client.asks_as, client.probe)
    except FootageError as error:
        logger.warning("The provider's clock is not known: %s", error.message)
    else:
        context.note_clock(probe.clock_offset_s)
