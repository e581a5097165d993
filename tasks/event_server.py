"""A receiver of completion events, as a command or as a run: its rule from the settings, its port, what it finishes."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn

from footage.concurrency.executors import in_thread
from footage.errors import InvalidRequest, Problem
from footage.network.listening_socket import listening_socket
from footage.push.certificates import TrustedCertificates
from footage.push.completion_event import RULE_PATTERN, event_region
from footage.push.connections import EventProtocol, seldom_told
from footage.push.receiver import Receiver, Rule
from tasks.finisher import GRACE_S, Finisher

if TYPE_CHECKING:
    from footage.context import Context

logger = logging.getLogger("footage.push")


# As long as an event that was begun takes, with a certificate; a store that hangs keeps nobody from ending.
_LAST_ANSWERS_S = 10


@dataclass(frozen=True)
class Place:
    """Where a receiver listens: an address of this machine, and a port; 0 takes a free one."""

    host: str
    port: int


async def serve(context: Context, place: Place, flags: Sequence[str], grace_s: float = GRACE_S) -> None:
    """Take events until the process is told to end; `flags` are for commands that finish what nobody waits for.

    A clip that nobody takes up within `grace_s` seconds after its event is finished by such a command.

    Raises:
        InvalidRequest: The settings have no rule, or the port cannot be used.
    """
    rule = rule_of(context)
    with listening_socket(place.host, place.port) as listening:
        certificates = TrustedCertificates(rule.regions, _emulator_origin(context))
        finisher = Finisher(context.worker, flags, grace_s)
        receiver = Receiver(rule, context.store, certificates, finisher.add)
        _tell(rule)
        server = uvicorn.Server(
            uvicorn.Config(
                receiver.app(),
                log_level="warning",
                log_config=None,
                server_header=False,
                http=EventProtocol,
                ws="none",
                timeout_graceful_shutdown=_LAST_ANSWERS_S,
            )
        )
        with _told_to_end(server), seldom_told():
            try:
                await server.serve([listening])
            finally:
                await in_thread(finisher.stop)


@contextlib.contextmanager
def _told_to_end(server: uvicorn.Server) -> Generator[None]:
    """SIGTERM ends the server within this block and the process after it: uvicorn would end both at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        told.append(number)
        server.should_exit = True

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if told:
            signal.raise_signal(signal.SIGTERM)


def rule_of(context: Context) -> Rule:
    """The rule that the operator entered.

    Raises:
        InvalidRequest: Its address or its token is not set.
    """
    settings, tokens = context.settings, context.settings.push_tokens
    if settings.push_url is None or not tokens:
        missing = [
            Problem(name, "(not set)", "both are needed", allowed)
            for name, value, allowed in (
                ("WAN_VIDEO_PUSH_URL", settings.push_url, "the address in the rule, https://host/path"),
                ("WAN_VIDEO_PUSH_TOKEN", tokens, "the token of the rule's target"),
            )
            if not value
        ]
        raise InvalidRequest(problems=tuple(missing))
    regions = frozenset({event_region(context)})
    return Rule(settings.push_url, tokens, regions, settings.push_account)


def _emulator_origin(context: Context) -> str | None:
    if not context.emulated:
        return None
    parts = urlsplit(context.settings.http_base_url or "")
    return f"{parts.scheme}://{parts.netloc}"


def _tell(rule: Rule) -> None:
    # Without its path, which nobody should guess.
    parts = urlsplit(rule.url)
    address = f"{parts.scheme}://{parts.netloc}/…"
    logger.info("Listening for events of %s at %s.", ", ".join(sorted(rule.regions)), address)
    logger.info(
        "The rule of the bus default, source acs.dashscope: %s. Its target: HTTP, the complete event, that address "
        "and the token, EXPONENTIAL_DECAY_RETRY.",
        RULE_PATTERN,
    )
