"""An error as a program reads it: with `--json` it is on stdout, in the place of the result."""

from __future__ import annotations

from typing import Any, Literal

from flows.cli.console import command_here
from footage.errors import (
    BadDelivery,
    Canceled,
    FootageError,
    GenerationFailed,
    InvalidRequest,
    OverBudget,
    Refused,
    StillRunning,
    Unanswered,
    Unreachable,
)

Billed = Literal["no", "yes", "unknown"]

# Nothing was bought where these are raised, whatever happened before.
_NOT_BILLED = (InvalidRequest, OverBudget, Refused, GenerationFailed)


def error_document(error: FootageError) -> dict[str, Any]:
    """What went wrong, which fields, whether it was billed, and what to do next, each by itself."""
    problems = error.problems if isinstance(error, InvalidRequest) else ()
    step = error.next_step
    return _document(
        kind=type(error).__name__,
        exit_code=error.exit_code,
        message=error.message,
        code=error.code,
        key=error.key,
        fields=[
            {"field": one.field, "value": one.value, "message": one.message, "allowed": one.allowed}
            for one in problems
        ],
        retryable=error.retryable,
        billed=billed(error),
        next_step=step.written(command_here) if step else None,
        commands=[command_here(part) for part in step.parts if not isinstance(part, str)] if step else [],
    )


def other_document(kind: str, exit_code: int, message: str, *, billed: Billed) -> dict[str, Any]:
    """The same of what is none of our errors: a mistake on the command line, an interrupt, a mistake of ours."""
    return _document(kind=kind, exit_code=exit_code, message=message, billed=billed)


def billed(error: FootageError) -> Billed:
    """Whether something of what this error is about is billed; "unknown" is what only the evidence can tell."""
    if isinstance(error, Canceled):
        return "yes" if error.became == "abandoned" else "no"
    if isinstance(error, BadDelivery | StillRunning):
        return "yes"
    if isinstance(error, _NOT_BILLED):
        return "no"
    if isinstance(error, Unreachable) and not isinstance(error, Unanswered):
        return "no"
    return "unknown"


def _document(
    *,
    kind: str,
    exit_code: int,
    message: str,
    billed: Billed,
    code: str | None = None,
    key: str | None = None,
    fields: list[dict[str, Any]] | None = None,
    retryable: bool = False,
    next_step: str | None = None,
    commands: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "error": {
            "kind": kind,
            "exit_code": exit_code,
            "message": message,
            "code": code,
            "key": key,
            "fields": fields or [],
            "retryable": retryable,
            "billed": billed,
            "next": next_step,
            "commands": commands or [],
        }
    }
