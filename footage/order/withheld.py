"""Parts of a request that must not be written down, kept in the memory of this process.

An orchestrator stores the parameters of every run. An image that was given inline, and a link whose signature
opens something, reach a run of the same process by a stand-in. The run reads and checks the request as it was
given, with its own key, region and store; nothing has to be written before it starts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from footage.errors import InvalidRequest, Problem
from footage.privacy.redact import redact

_STAND_IN = re.compile(r"kept-in-memory:[0-9a-f]{16}")
_kept: dict[str, Any] = {}


def withhold(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with a stand-in for each value that is secret or bulky."""
    return {name: value if redact(value) == value else _stand_in(value) for name, value in request.items()}


def restore_withheld(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it was given to `withhold`; one without stand-ins stays as it is.

    Raises:
        InvalidRequest: The value was put aside in another process, which may be gone.
    """
    lost = [name for name, value in request.items() if _is_stand_in(value) and value not in _kept]
    if lost:
        message = "stands for a value that was in the memory of another process."
        raise InvalidRequest(
            problems=tuple(Problem(name, request[name], message) for name in lost),
            next_step="give the original request again",
        )
    return {name: _kept[value] if _is_stand_in(value) else value for name, value in request.items()}


def _stand_in(value: Any) -> str:
    # "backslashreplace": JSON can hold half a character, and the rules say so better than an encoder.
    digest = hashlib.sha256(str(value).encode(errors="backslashreplace")).hexdigest()
    name = f"kept-in-memory:{digest[:16]}"
    _kept[name] = value
    return name


def _is_stand_in(value: object) -> bool:
    return isinstance(value, str) and _STAND_IN.fullmatch(value) is not None
