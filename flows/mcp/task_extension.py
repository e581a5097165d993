"""Tasks of the protocol (SEP-2663): a clip that goes on is a task whose id is the clip's key.

The evidence is the store of tasks: it is durable before the task is told, and every server of the same store knows the
same ones. Questions are settled before a task is made, so that none ever waits for input.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY, RequestParams
from mcp_types.version import is_version_at_least
from pydantic import Field

from flows.mcp.clip_report import clip_row
from flows.mcp.tool import TASKS
from footage.errors import InvalidRequest
from footage.evidence.clip_evidence import ClipEvidence, is_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.context import ServerRequestContext

    from flows.mcp.tool_outputs import ClipRow
    from footage.context import Context

_SINCE = "2026-07-28"
_POLL_MS = 5_000

TaskStatus = Literal["working", "completed", "cancelled"]


class TaskParams(RequestParams):
    """Which task is meant."""

    task_id: str = Field(alias="taskId", min_length=1, max_length=200)


class TaskUpdateParams(TaskParams):
    """Answers to questions of a task; ours ask none."""

    input_responses: dict[str, Any] = Field(default_factory=dict[str, Any], alias="inputResponses")


def declares_tasks(context: ServerRequestContext[Any, Any]) -> bool:
    """Whether this request's client takes a task in place of an answer."""
    if not is_version_at_least(context.protocol_version, _SINCE):
        return False
    capabilities = context.session.client_capabilities
    return capabilities is not None and TASKS in (capabilities.extensions or {})


def require_tasks(context: ServerRequestContext[Any, Any]) -> None:
    """Raises MCPError where the client did not say that it knows tasks."""
    if not declares_tasks(context):
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            f"This method needs the extension {TASKS} in the capabilities of the request.",
            {"requiredCapabilities": {"extensions": {TASKS: {}}}},
        )


def new_task(context: Context, key: str) -> dict[str, Any]:
    """The answer to a call that made a task."""
    row = clip_row(context, key)
    return {"resultType": "task", **_task(context, row, "working")}


def task_state(
    context: Context, key: str, result_of: Callable[[Context, str], dict[str, Any]]
) -> dict[str, Any]:
    """The answer to `tasks/get`; `result_of` gives the result of a call, an error of the clip included.

    Raises:
        MCPError: There is no such task.
    """
    row = task_row(context, key)
    if row.state in ("booked", "ordered", "unknown"):
        return _task(context, row, "working")
    if row.state in ("cancelled", "abandoned"):
        return _task(context, row, "cancelled")
    return {**_task(context, row, "completed"), "result": result_of(context, row.key)}


def task_row(context: Context, key: str) -> ClipRow:
    """Where the clip of a task stands.

    Raises:
        MCPError: There is no such task; a beginning of a key is none.
    """
    try:
        if is_key(key):
            return clip_row(context, key)
    except InvalidRequest:
        pass
    raise MCPError(INVALID_PARAMS, "There is no such task in this store.", {"taskId": key[:200]})


def _task(context: Context, row: ClipRow, status: TaskStatus) -> dict[str, Any]:
    last = ClipEvidence(context.store, row.key).state().last
    now = context.provider_now()
    since = last.intent.written_at if last is not None else now - timedelta(seconds=row.age_s or 0)
    changed = last.word.decided_at if last is not None and last.word is not None else since
    return {
        "taskId": row.key,
        "status": status,
        "statusMessage": f"{row.state}: {row.reason}",
        "createdAt": since.isoformat(timespec="seconds"),
        "lastUpdatedAt": changed.isoformat(timespec="seconds"),
        # Evidence is kept for ever.
        "ttlMs": None,
        "pollIntervalMs": _POLL_MS,
    }
