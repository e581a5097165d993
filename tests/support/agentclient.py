"""An agent's client: the SDK's own, and a person who answers it."""

from __future__ import annotations

import json
from typing import Any, Literal

from mcp.client import Client
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

CLIP = {"prompt": "A kite", "model": "wan2.2-t2v-plus", "size": "832*480"}
PRICE = {"max_cost": "0.70", "currency": "CNY"}
Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")


class Person:
    """Answers each question with `content`, or declines; remembers what was asked."""

    def __init__(self, action: str = "accept", content: dict[str, Any] | None = None) -> None:
        self.action = action
        self.content = {"answer": "buy"} if content is None and action == "accept" else content
        self.asked: list[str] = []
        self.forms: list[dict[str, Any]] = []

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        self.forms.append(params.requested_schema)  # pyright: ignore[reportAttributeAccessIssue]
        return ElicitResult(action=self.action, content=self.content)  # pyright: ignore[reportArgumentType]


def client_of(server: Any, era: Era = "auto", person: Person | None = None, **more: Any) -> Client:
    """A client with this person, or with one who cannot be asked."""
    return Client(server, mode=era, elicitation_callback=person, **more)


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answered as data; the text beside it says the same."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, words(answer)
    assert json.loads(words(answer)) == answer.structured_content
    assert len(words(answer)) <= 25_000
    return answer.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool said went wrong."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, words(answer)
    return words(answer)


def words(answer: CallToolResult) -> str:
    return str(answer.content[0].text)  # pyright: ignore[reportAttributeAccessIssue]
