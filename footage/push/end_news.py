"""What events tell about the end of one task, and how its questions follow from that."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from footage.errors import StorageProblem
from footage.push.wake_ups import News

if TYPE_CHECKING:
    from footage.provider import WanClient
    from footage.push.event_delivery import EventDelivery
    from footage.push.wake_ups import WakeUps

# A task that is told to have ended and does not say so yet is asked for again after these pauses.
PAUSES_AFTER_EVENT_S = (2.0, 5.0, 10.0)
# So soon a pause that relied on events ends after they turned out not to come.
DOUBTS_WITHIN_S = 2.0


class EndNews:
    """Of one task, for whoever waits for it."""

    def __init__(self, key: str, client: WanClient, wake_ups: WakeUps, delivery: EventDelivery) -> None:
        self._key = key
        self._client = client
        self._wake_ups = wake_ups
        self._delivery = delivery
        # Whether an event was expected in the last pause, and whether one ever came.
        self._expected = self._came = False
        self._pauses_s: list[float] = []
        # An event said that it ended: an older list says nothing more.
        self.told = False

    async def pause(self, seconds: float) -> News:
        """Sleep for so long, until news come, or until events are relied on no longer; what the news say."""
        self._expected = self._delivery.works(self._client)
        until_s = time.monotonic() + seconds
        while True:
            left_s = until_s - time.monotonic()
            last = not self._expected or left_s <= DOUBTS_WITHIN_S
            news = await self._wake_ups.pause(self._key, left_s if last else DOUBTS_WITHIN_S)
            if news or last or not self._delivery.works(self._client):
                self.note(news)
                return news

    def note(self, news: News) -> None:
        """Take up news that came at another time."""
        if News.ENDED in news:
            self._delivery.arrived(self._client)
            self._came = self.told = True
            self._pauses_s = list(PAUSES_AFTER_EVENT_S)

    def next_pause_s(self) -> float | None:
        """The next of the short pauses after an event; None where none came, or they are over."""
        if self._pauses_s:
            return self._pauses_s.pop(0)
        self.told = False
        return None

    async def confirm(self) -> None:
        """Rely on events no longer if polling found an end that should have been told."""
        if not self._expected or self._came:
            return
        told = False
        with contextlib.suppress(StorageProblem):
            told = await self._wake_ups.take(self._key)
        if not told:
            self._delivery.missed(self._client)
