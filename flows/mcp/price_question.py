"""A person's yes to a price: asked through the client, in both eras of the protocol, and good for one purchase.

The model's own yes never counts: the question goes to the client's person, who answers by a field without a default. An
answer is bound to what it was about; when the price or the clip is another one by then, the person is asked again.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import is_version_at_least

Verdict = Literal["approved", "declined", "unasked"]

# Questions are part of an answer from here on; before, the server asked in the middle of a call.
_ASKED_IN_ANSWERS = "2026-07-28"
# As long as the SDK believes the state of a question.
STATE_LIFE_S = 600.0
_NAME, _YES, _NO = "price", "buy", "do not buy"
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answer": {
            "type": "string",
            "title": "Buy at this price?",
            "description": "buy: spend this amount once. do not buy: nothing is spent.",
            "enum": [_YES, _NO],
        }
    },
    "required": ["answer"],
}


class InputNeeded(Exception):
    """The call has to be repeated with a person's answer; `result` says so to the client."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__()
        self.result = result


@dataclass
class PriceQuestions:
    """The questions of one server; each answer counts once."""

    _used: dict[str, float] = field(default_factory=dict[str, float])

    async def ask(
        self,
        context: ServerRequestContext[Any, Any],
        params: CallToolRequestParams,
        message: str,
        bound: str,
        *,
        patience_s: float,
    ) -> Verdict:
        """What the person says about this price; `bound` is what the answer is about and nothing else.

        Raises:
            InputNeeded: The person has to be asked first.
        """
        modern = is_version_at_least(context.protocol_version, _ASKED_IN_ANSWERS)
        if modern and (answer := self._answer(params, bound)) is not None:
            return answer
        if not can_ask(context):
            return "unasked"
        form = ElicitRequestFormParams(message=message, requested_schema=_FORM)
        if modern:
            state = json.dumps({"about": bound, "once": secrets.token_hex(16)})
            question = InputRequiredResult(
                input_requests={_NAME: ElicitRequest(params=form)}, request_state=state
            )
            raise InputNeeded(question)
        if not context.session.can_send_request:
            return "unasked"
        with anyio.move_on_after(patience_s):
            try:
                said = await context.session.elicit_form(
                    form.message, form.requested_schema, related_request_id=context.request_id
                )
            except MCPError:
                # Declared, and refused all the same.
                return "unasked"
            return _verdict(said)
        return "unasked"

    def _answer(self, params: CallToolRequestParams, bound: str) -> Verdict | None:
        """The answer that this call brings; None where it brings none that is about this and was not used."""
        said = (params.input_responses or {}).get(_NAME)
        if params.request_state is None or not isinstance(said, ElicitResult):
            return None
        # Sealed on its way out by the SDK, so it is ours.
        state = json.loads(params.request_state)
        now = time.monotonic()
        self._used = {once: at for once, at in self._used.items() if now - at < 2 * STATE_LIFE_S}
        if state["about"] != bound or state["once"] in self._used:
            return None
        self._used[state["once"]] = now
        return _verdict(said)


def can_ask(context: ServerRequestContext[Any, Any]) -> bool:
    """Whether the client can show a form to its person."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    # A bare {} is from before there were two modes, and means a form.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _verdict(said: ElicitResult) -> Verdict:
    """Only the word itself is a yes: an accepted form that is empty buys nothing."""
    return (
        "approved" if said.action == "accept" and (said.content or {}).get("answer") == _YES else "declined"
    )
