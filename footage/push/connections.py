"""What strangers may do to the port of a receiver: hold a connection for some seconds, and fill no log.

A proxy that buffers requests stands before it in use; this is for who comes past it, or has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Generator

from uvicorn.protocols.http.h11_impl import H11Protocol

# From the connection to the end of a request's head.
HEAD_S = 5.0
# Events come at a hundred a second, and their connections are kept for five seconds after the answer; 256 are inside.
# Some files of the usual 1,024 have to be left for the store and for what finishes clips.
MOST_CONNECTIONS = 800


class EventProtocol(H11Protocol):
    """Ends connections that bring no request, which uvicorn keeps for ever, and those that are too many.

    Its own `limit_concurrency` keeps these, too, and refuses the requests of others meanwhile.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.close()
        else:
            self.loop.call_later(HEAD_S, self._end_without_request)

    def _end_without_request(self) -> None:
        # Afterwards each answer but that to an event ends the connection.
        if self.cycle is None:  # pyright: ignore[reportUnnecessaryComparison] - it is, before the first request
            self.transport.close()


def is_told(times: int) -> bool:
    """Whether something that a stranger can cause as often as he likes is told this time."""
    return times in (1, 10, 100) or times % 1000 == 0


class _SeldomTold(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._times: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        self._times[str(record.msg)] += 1
        return is_told(self._times[str(record.msg)])


@contextlib.contextmanager
def seldom_told() -> Generator[None]:
    """Within this block uvicorn tells seldom what each malformed request would have it tell."""
    told, seldom = logging.getLogger("uvicorn.error"), _SeldomTold()
    told.addFilter(seldom)
    try:
        yield
    finally:
        told.removeFilter(seldom)
