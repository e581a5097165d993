"""A tool: its name, what it says of itself, what it takes and answers, and what it does."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp_types import CallToolRequestParams, ContentBlock
from pydantic import BaseModel

from flows.mcp.price_question import PriceQuestions, Verdict
from flows.mcp.server_context import ServerContext
from flows.mcp.tool_inputs import LONGEST_WAIT_S
from footage.errors import NotFinished

T = TypeVar("T")

TASKS = "io.modelcontextprotocol/tasks"
# A client gives up after a minute at the earliest, and the answer has to reach it.
LONGEST_CALL_S = float(LONGEST_WAIT_S)
# How long a cancel is asked again that the provider refuses for now; the wish is kept, and a run or harvest goes on.
CANCEL_PATIENCE_S = 10.0
# Left of it for telling how far something is.
_TELLING_S = 5.0


@dataclass(frozen=True)
class Answer:
    """What a tool answers, and what stands beside it: links, a picture."""

    output: BaseModel
    beside: Sequence[ContentBlock] = ()
    # The clip that goes on: a client that knows tasks gets one in place of the answer.
    task_key: str | None = None


@dataclass
class Call:
    """One call of a tool."""

    server_context: ServerContext
    questions: PriceQuestions
    context: ServerRequestContext[Any, Any]
    params: CallToolRequestParams
    until_s: float = field(default_factory=lambda: time.monotonic() + LONGEST_CALL_S)

    @property
    def left_s(self) -> float:
        """How long the call may still take, without the time for its answer."""
        return max(self.until_s - time.monotonic() - _TELLING_S, 0.0)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What `work` gives; it goes on where it takes longer than a call may.

        Raises:
            NotFinished: It does.
        """
        with anyio.move_on_after(max(self.until_s - time.monotonic(), 0.1)):
            return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        raise NotFinished(
            f"The tool has not ended within {LONGEST_CALL_S:g} s, and goes on by itself.",
            next_step="the same call again: the same request is the same clip",
        )

    async def ask(self, message: str, bound: str) -> Verdict:
        """What the person says about a price; see `PriceQuestions.ask`."""
        return await self.questions.ask(self.context, self.params, message, bound, patience_s=self.left_s)

    async def tell(self, progress: float, message: str) -> None:
        """How far it is, where the client wants to know."""
        await self.context.session.report_progress(progress, LONGEST_CALL_S, message)


Run = Callable[[Call, Any], Awaitable[Answer]]


@dataclass(frozen=True)
class Tool:
    """One tool; `kind` decides its four hints."""

    name: str
    title: str
    description: str
    takes: type[BaseModel]
    answers: type[BaseModel]
    run: Run
    # read: changes nothing. watch: the same, and waits for others. buy: may spend. finish: fetches what was bought.
    # stop: cannot be taken back.
    kind: Literal["read", "watch", "buy", "finish", "stop"]

    @property
    def hints(self) -> dict[str, bool]:
        """The four annotations, none left to its default."""
        return {
            "readOnlyHint": self.kind in ("read", "watch"),
            "destructiveHint": self.kind == "stop",
            "idempotentHint": True,
            "openWorldHint": self.kind != "read",
        }
