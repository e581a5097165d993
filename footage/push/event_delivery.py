"""Whether the provider's events reach us, as the clips of this process tell: then polling may be a slow repair.

An event that came is believed to be followed by others, until one is missing or none came for long. The first end that
polling finds instead costs its clip a repair's pause; whoever pauses meanwhile asks within seconds.

An event came where it woke a clip. Of a few clips, which are asked for at the moment at which they usually end, polling
mostly finds the end first: then events change nothing, and nothing is made of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.provider import WanClient

# As long as one of ours came within this time, the next ones are expected to come, too.
BELIEVED_FOR_S = 900.0


class EventDelivery:
    """For each endpoint and key: another account may have no rule, and another region no events."""

    def __init__(self, believed_for_s: float = BELIEVED_FOR_S) -> None:
        self._believed_for_s = believed_for_s
        self._arrived_s: dict[tuple[str, str], float] = {}

    def works(self, client: WanClient) -> bool:
        """Whether the end of a task need not be asked for often."""
        return time.monotonic() - self._arrived_s.get(client.asks_as, float("-inf")) < self._believed_for_s

    def arrived(self, client: WanClient) -> None:
        """An event woke a clip."""
        self._arrived_s[client.asks_as] = time.monotonic()

    def missed(self, client: WanClient) -> None:
        """A clip ended, and no event told it."""
        self._arrived_s.pop(client.asks_as, None)
