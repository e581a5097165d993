"""The account's own limits for a model, as the provider says them now: creates a second and running tasks.

They are asked for once per model, key and address in a process, are believed for some minutes, and a create waits for
them a moment and no longer. Where the provider does not say, or says nonsense, what it said before holds, else the
catalogue's figures.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from footage.catalogue import known_models
from footage.concurrency.executors import in_question_thread
from footage.concurrency.shared_answers import SharedAnswers
from footage.errors import FootageError

if TYPE_CHECKING:
    from footage.provider import Quota, WanClient

logger = logging.getLogger(__name__)

# For how long an answer is believed, or that there is none.
BELIEVED_S = 300.0
# A create waits no longer than this for an answer; it is used for the next one.
WAITED_FOR_S = 2.0
# Less or more than this is not what a service that sells video means.
_LEAST_PER_S, _MOST_PER_S = 1 / 60, 1000.0
_MOST_TASKS = 100_000


@dataclass(frozen=True)
class LiveQuota:
    """What one model allows now; None where it is not known."""

    creates_per_second: float | None = None
    running_tasks: int | None = None


_UNKNOWN = LiveQuota()
_Place = tuple[str, str, str | None, str]


class LiveQuotas:
    """What the models allow now, by address, key and workspace; for one event loop after the other."""

    def __init__(self, believed_s: float = BELIEVED_S) -> None:
        self._answers: SharedAnswers[LiveQuota] = SharedAnswers(believed_s)
        self._last: dict[_Place, LiveQuota] = {}

    async def of(self, client: WanClient, model: str) -> LiveQuota:
        """What the model allows now, where that is known within a moment; never raises for the provider's sake."""
        place = (*client.asks_as, client.workspace, model)
        told = await self._answers.ask(
            place, partial(self._ask, client, model, place), patience_s=WAITED_FOR_S
        )
        return self._last.get(place, _UNKNOWN) if told is None else told

    async def _ask(self, client: WanClient, model: str, place: _Place) -> LiveQuota:
        before = self._last.get(place, _UNKNOWN)
        try:
            now = _sensible(await in_question_thread(client.asks_as, client.quotas, model))
        except FootageError as error:
            logger.debug("The limits of %s are not known: %s", model, error.message)
            now = _UNKNOWN
        # Silence does not raise a limit that was told, be it an error, an empty answer or one without this limit.
        quota = LiveQuota(
            before.creates_per_second if now.creates_per_second is None else now.creates_per_second,
            before.running_tasks if now.running_tasks is None else now.running_tasks,
        )
        if quota != before:
            _tell(model, quota)
        self._last[place] = quota
        return quota


_of_this_process = LiveQuotas()


async def live_quota(client: WanClient, model: str) -> LiveQuota:
    """What the model allows now, as asked for once in this process; never raises for the provider's sake."""
    return await _of_this_process.of(client, model)


def _sensible(quota: Quota | None) -> LiveQuota:
    if quota is None:
        return _UNKNOWN
    per_s, tasks = quota.creates_per_second, quota.concurrent_tasks
    return LiveQuota(
        per_s if per_s is not None and _LEAST_PER_S <= per_s <= _MOST_PER_S else None,
        tasks if tasks is not None and 1 <= tasks <= _MOST_TASKS else None,
    )


def _tell(model: str, quota: LiveQuota) -> None:
    card = known_models().get(model)
    if card is None:
        return
    for what, now, documented in (
        ("creates a second", quota.creates_per_second, card.submit_per_second),
        ("running tasks", quota.running_tasks, card.concurrent_tasks),
    ):
        if now is not None and now < documented:
            logger.warning(
                "%s takes %g %s now instead of the documented %d; this run keeps to it.",
                *(model, now, what, documented),
            )
