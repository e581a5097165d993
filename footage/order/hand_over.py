"""What a process prepared and found out before it started a run, for that run.

An orchestrator stores the parameters of every run, so they must be small. An image that was given inline, and a link
whose signature opens something, are replaced there by a placeholder; the run takes the request as it was prepared, and
checks that its parameters ask for the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Generator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from footage.errors import InvalidRequest, Problem
from footage.privacy.redact import redact
from footage.request import Reference, VideoRequest

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"kept-in-memory:[0-9a-f]{16}")
_handed_over: ContextVar[tuple[object, ...]] = ContextVar("handed_over", default=())


@contextlib.contextmanager
def hand_over(*things: object) -> Generator[None]:
    """Let the run that is started in this block, in this process, take what was prepared and found out."""
    token = _handed_over.set(things)
    try:
        yield
    finally:
        _handed_over.reset(token)


def handed_over(kind: type[T]) -> T | None:
    """What this process has of this kind for the run; None in a run that a worker started."""
    return next(iter(all_handed_over(kind)), None)


def all_handed_over(kind: type[T]) -> list[T]:
    """Everything of this kind that this process has for the run."""
    return [thing for thing in _handed_over.get() if isinstance(thing, kind)]


def without_secrets(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with a placeholder for each value that is secret or bulky."""
    return {name: value if redact(value) == value else _placeholder(value) for name, value in request.items()}


def with_secrets(request: Mapping[str, Any], asked: VideoRequest | None) -> dict[str, Any]:
    """The request with the values of `asked` where it has their placeholders; one without stays as it is.

    Raises:
        InvalidRequest: The value was given to another process, which may be gone.
    """
    found: dict[str, Any] = {}
    for name, value in request.items():
        if not _is_placeholder(value):
            found[name] = value
        elif (given := getattr(asked, name, None)) is not None and _placeholder(given) == value:
            found[name] = given
    if lost := request.keys() - found.keys():
        message = "stands for a value that was in the memory of another process."
        raise InvalidRequest(
            problems=tuple(Problem(name, request[name], message) for name in sorted(lost)),
            next_step="give the original request again",
        )
    return found


def _placeholder(value: Any) -> str:
    # "backslashreplace": JSON can hold half a character, and the rules say so better than an encoder.
    digest = hashlib.sha256(str(_as_asked(value)).encode(errors="backslashreplace")).hexdigest()
    return f"kept-in-memory:{digest[:16]}"


def _as_asked(value: Any) -> Any:
    """References in one form, however they were written; everything else as it is."""
    if not isinstance(value, list | tuple):
        return value
    try:
        return [Reference.model_validate(one).model_dump() for one in cast("list[Any]", value)]
    except ValidationError:
        return value


def _is_placeholder(value: object) -> bool:
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value) is not None
