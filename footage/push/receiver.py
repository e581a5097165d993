"""Takes completion events: verified, counted, and turned into wake-ups; what is not ours costs nothing.

    size ─► headers ─► time ─► token ─► body ─► certificate ─► signature ─► event ─► claim ─► open? ─► note ─► finisher

Who does not know the token is refused before anything is read or counted against a limit: a flood of strangers and
connections that send a byte a second take no place from an event.

Nothing is created from an id that this store does not know, nothing is believed of an event but that it came, and no
answer says why something was refused.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footage.concurrency.executors import in_thread
from footage.errors import NotThere, StorageProblem
from footage.evidence.claims import claim_path
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim
from footage.push.completion_event import CompletionEvent, read_event
from footage.push.connections import is_told
from footage.push.signature import Certificates, NotAuthentic, SignedHead, read_head, verify
from footage.push.wake_ups import wake

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

MOST_BYTES = 512 << 10
# An event has a kilobyte; who takes longer to send it is cut off.
READ_S = 5.0
# Read, or wait for their turn; and looked up in the store at once.
INSIDE, AT_ONCE = 256, 32
# A busy account ends some tens of tasks a minute.
A_MINUTE = 6_000
REMEMBERED_S = 600.0
MOST_REMEMBERED = 50_000
# What decides where a signed event is not meant.
_SETTINGS = {
    "other account": "WAN_VIDEO_PUSH_ACCOUNT",
    "other region": "the region of the key, or WAN_VIDEO_REGION",
}


@dataclass(frozen=True)
class Rule:
    """What the operator entered in the rule, and which events are meant."""

    url: str
    tokens: tuple[str, ...]
    # Where tasks are made; events of other regions are not ours.
    regions: frozenset[str]
    account: str | None = None


class Busy(Exception):
    """As many clips wait to be finished as may: the event has to be sent again."""


class Receiver:
    """One route for events, one for health.

    `on_ended` is called with the key of each clip of ours that ended, and raises Busy where it takes no more.
    """

    def __init__(
        self,
        rule: Rule,
        store: Store,
        certificates: Certificates,
        on_ended: Callable[[str], None],
        read_s: float = READ_S,
        a_minute: int = A_MINUTE,
    ) -> None:
        self._rule = rule
        self._store = store
        self._certificates = certificates
        self._on_ended = on_ended
        self._read_s = read_s
        self._a_minute = a_minute
        self._inside = 0
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._minute: deque[float] = deque()
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        # How many requests ended at which stage.
        self.counts: Counter[str] = Counter()

    def app(self) -> Starlette:
        """The ASGI application."""
        path = urlsplit(self._rule.url).path or "/"
        return Starlette(
            routes=[
                Route(path, self._take, methods=["POST"]),
                Route("/healthz", self._health, methods=["GET"]),
            ],
            middleware=[Middleware(_EndsOthers)],
        )

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"ok": True, "counts": dict(self.counts)})

    async def _take(self, request: Request) -> Response:
        try:
            _refuse_large(request)
            head = read_head(request.headers.items(), now_ms=time.time() * 1000, tokens=self._rule.tokens)
            if self._inside >= INSIDE or self._too_many():
                return self._answer("busy", 503)
            self._inside += 1
            try:
                body = await _body(request, self._read_s)
                async with self._turn:
                    stage = await in_thread(self._take_body, head, body)
            finally:
                self._inside -= 1
        except ClientDisconnect:
            return self._answer("disconnected", 400)
        except NotAuthentic as refused:
            return self._answer(refused.stage, refused.status)
        except StorageProblem as error:
            logger.warning("An event could not be looked up: %s", error.message)
            return self._answer("store", 503)
        except Busy:
            return self._answer("busy", 503)
        return self._answer(stage, 204)

    def _too_many(self) -> bool:
        """Whether as many came in the last minute as may; else this one is counted."""
        now_s = time.monotonic()
        while self._minute and now_s - self._minute[0] > 60:
            self._minute.popleft()
        if len(self._minute) >= self._a_minute:
            return True
        self._minute.append(now_s)
        return False

    def _answer(self, stage: str, status: int) -> Response:
        self.counts[stage] += 1
        times = self.counts[stage]
        if is_told(times):
            if status >= 400:
                logger.warning("An event was refused (%s, the %d. time).", stage, times)
            elif (setting := _SETTINGS.get(stage)) is not None:
                told = "A signed event was left (%s, the %d. time): if it is one of yours, compare %s."
                logger.warning(told, stage, times, setting)
        return Response(status_code=status)

    def _take_body(self, head: SignedHead, body: bytes) -> str:
        """The stage at which the event is done with."""
        form = verify(head, self._rule.url, body, self._certificates)
        self.counts[f"signed as {form}"] += 1
        event = read_event(body)
        if event is None:
            return "other event"
        if (stage := self._other_stage(event)) is not None:
            return stage
        if self._is_known(event.id):
            return "again"
        try:
            claim = RecordReader(self._store).record(
                claim_path(event.data.task_id), Claim, task_id=event.data.task_id
            )
        except NotThere:
            return "unknown task"
        if event.data.task_status in ("PENDING", "RUNNING"):
            return "not ended"
        if not ClipEvidence(self._store, claim.key).is_marked_open():
            return "not open"
        # Whoever waits for it is told in any case.
        wake(self._store, claim.key)
        self._on_ended(claim.key)
        self._remember(event.id)
        logger.info("Clip %s: the provider says that task %s has ended.", claim.key[:12], event.data.task_id)
        return "woken"

    def _other_stage(self, event: CompletionEvent) -> str | None:
        """At which stage an event ends that this rule does not mean."""
        if self._rule.account is not None and event.account != self._rule.account:
            return "other account"
        if event.region is not None and event.region not in self._rule.regions:
            return "other region"
        return None

    def _is_known(self, event_id: str) -> bool:
        now_s = time.monotonic()
        with self._lock:
            while self._seen and now_s - next(iter(self._seen.values())) > REMEMBERED_S:
                self._seen.popitem(last=False)
            return event_id in self._seen

    def _remember(self, event_id: str) -> None:
        with self._lock:
            self._seen[event_id] = time.monotonic()
            while len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)


class _EndsOthers:
    """Ends the connection with every answer but that to an event: a body may be on its way for as long as one wants."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] != 204:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_closing)


def _refuse_large(request: Request) -> None:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 12 or int(length) > MOST_BYTES:
        raise NotAuthentic("size", 413)


async def _body(request: Request, within_s: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise NotAuthentic("size", 413)
    except TimeoutError:
        raise NotAuthentic("slow", 408) from None
    return bytes(body)
