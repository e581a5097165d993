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
    from footage.provider import WanClient

logger = logging.getLogger(__name__)


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
