"""What a create sends is what was ordered, to the letter."""

from __future__ import annotations

import json
from typing import Any, cast

from footage.errors import InvalidRequest, Problem

# What SDK 2.0.2 always adds to `input`. Neither is documented; the service takes both from every SDK user.
_SDK_ADDS = {"extend_prompt": True, "function": "video-synthesis"}


def check_order(body: dict[str, Any], wire_body: bytes) -> None:
    """Let nothing out but the order that was quoted, explained and written down.

    An SDK that renames, drops or adds a field would otherwise change what is bought without a trace.
    """
    sent = json.loads(wire_body)
    expected = {**body, "input": {**_SDK_ADDS, **body["input"]}}
    if sent != expected:
        changed = sorted(
            f"{part}.{name}" if isinstance(sent.get(part), dict) else part
            for part in {*sent, *expected}
            for name in _differences(sent.get(part), expected.get(part))
        )
        problem = Problem(
            "request", "(body)", f"the installed DashScope SDK would change {', '.join(changed)}."
        )
        raise InvalidRequest(problems=(problem,), next_step="install dashscope 2.0.2")


def _differences(sent: Any, expected: Any) -> list[str]:
    if not isinstance(sent, dict) or not isinstance(expected, dict):
        return [] if sent == expected else [""]
    both = cast("dict[str, Any]", sent), cast("dict[str, Any]", expected)
    return [name for name in {*both[0], *both[1]} if both[0].get(name, ...) != both[1].get(name, ...)]
